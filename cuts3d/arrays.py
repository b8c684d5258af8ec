"""Names of the arrays that everybody passes on. Arrays are NumPy, row first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]


FloatArray = NDArray[np.floating]


IntArray = NDArray[np.integer]


ImageArray = NDArray[np.uint8]
