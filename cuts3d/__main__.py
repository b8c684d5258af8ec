"""`python -m cuts3d`."""

import sys

from cuts3d.cli.main import main

sys.exit(main())
