"""`python -m training.rank`."""

import sys

from training.self_training.rank import main

if __name__ == "__main__":
    sys.exit(main())
