"""`python -m cuts3d`."""

import sys

from cuts3d.cli import main

sys.exit(main())
