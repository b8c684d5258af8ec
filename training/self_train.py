"""`python -m training.self_train`."""

import sys

from training.self_training.self_train import main

if __name__ == "__main__":
    sys.exit(main())
