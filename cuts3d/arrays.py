"""Short names of the array types in all signatures. Arrays are NumPy arrays, rows first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]


FloatArray = NDArray[np.floating]


IntArray = NDArray[np.integer]


ImageArray = NDArray[np.uint8]
