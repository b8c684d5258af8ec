"""`python -m training.train`."""

import sys

from training.loop.train import main

if __name__ == "__main__":
    sys.exit(main())
