"""`python -m training.predict`."""

import sys

from cuts3d.detector.predict import main

if __name__ == "__main__":
    sys.exit(main())
