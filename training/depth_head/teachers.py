"""Teachers: functions that turn a photo into relative inverse depth, larger = nearer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from cuts3d.arrays import FloatArray

Teacher = Callable[[np.ndarray], FloatArray]


def load_teacher(name: str) -> Teacher:
    """Build a teacher.

    Args:
        name: `onnx:FILE` for a network whose input is RGB in 0…255, [1, 3, H, W] of a fixed size, and whose output is
            inverse depth; or the registry name of a depth estimator.

    Returns:
        A function that turns a photo, uint8 [H, W, 3], into inverse depth, float32, at the teacher's own resolution.
    """
    if name.startswith("onnx:"):
        return _onnx_teacher(Path(name.removeprefix("onnx:")))
    return _registry_teacher(name)


def _onnx_teacher(path: Path) -> Teacher:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options)
    entry = session.get_inputs()[0]
    size = (int(entry.shape[2]), int(entry.shape[3]))

    def predict(photo: np.ndarray) -> FloatArray:
        pixels = torch.from_numpy(np.ascontiguousarray(photo)).permute(2, 0, 1)[None].float()
        pixels = F.interpolate(pixels, size=size, mode="bilinear", align_corners=False, antialias=True)
        return np.asarray(session.run(None, {entry.name: pixels.numpy()})[0]).squeeze().astype(np.float32)

    return predict


def _registry_teacher(name: str) -> Teacher:
    from cuts3d.depth import estimate_depth

    def predict(photo: np.ndarray) -> FloatArray:
        return estimate_depth(photo, name).inverse().astype(np.float32)

    return predict
