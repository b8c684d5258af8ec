"""Detectors on disk: safetensors with the network's configuration in the metadata, or detectron2's format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from cuts3d.detector import detectron2
from cuts3d.detector.config import NetworkConfig
from cuts3d.detector.network import CascadeMaskRCNN, build
from cuts3d.detector.storage import SCALE, Storage, packed, unpacked
from cuts3d.errors import ConfigError, InputError, WeightsUnavailableError, shown
from cuts3d.weights.files import load_checkpoint, save_safetensors
from cuts3d.weights.locate import weights_path
from cuts3d.weights.package_data import data_file
from cuts3d.weights.source import WeightSource

KEY = "cuts3d_detector"  # of the configuration in the metadata
LIGHT = "light"
LIGHT_FILE = "detector_light.safetensors"


def _published(name: str, title: str, file: str) -> WeightSource:
    return WeightSource(
        name=name,
        title=title,
        put=f"{file} as '{name}.pth'",
        manual="its file is linked on its authors' page without a digest that could be verified",
    )


PUBLISHED = {
    source.name: source
    for source in (
        _published("cuts3d", "the detector of the CutS3D authors", "the checkpoint of the demo of CutS3D"),
        _published("cutler", "the detector of the CutLER authors", "a Cascade Mask R-CNN of CutLER's model zoo"),
        _published("cuvler", "the detector of the CuVLER authors", "a Cascade Mask R-CNN of CuVLER's authors"),
    )
}
"""Detectors that their authors published in detectron2's format, by name; read from `$CUTS3D_WEIGHTS`."""


def checkpoint_path(checkpoint: str | Path) -> Path:
    """The file of a checkpoint.

    Args:
        checkpoint: `light`, the detector that comes with the package; `cuts3d`, `cutler` or `cuvler`, a published one
            in `$CUTS3D_WEIGHTS`; or a path.

    Raises:
        InputError: There is no such file.
        WeightsUnavailableError: The package was installed without the light detector, or the published one is not in
            `$CUTS3D_WEIGHTS`.
    """
    if str(checkpoint) in PUBLISHED:
        return weights_path(PUBLISHED[str(checkpoint)])
    if checkpoint == LIGHT:
        path = data_file(LIGHT_FILE)
        if not path.is_file():
            raise WeightsUnavailableError(f"No detector is shipped here: the file '{path.name}' is missing; train one.")
        return path
    path = Path(checkpoint)
    if not path.is_file():
        raise InputError(f"There is no checkpoint '{path.name}'.")
    return path


def save_network(
    network: CascadeMaskRCNN, path: Path, info: dict[str, Any] | None = None, *, storage: Storage = "float32"
) -> None:
    """Write a network's weights and description, atomically.

    Args:
        network: The detector.
        path: A file name that ends in `.safetensors`.
        info: How it was trained, for readers; must be JSON.
        storage: `float16` halves the file and changes scores by about 1e-3; `int8` quarters it, see `storage.py`.

    Raises:
        InputError: The file cannot be written.
    """
    text = json.dumps({"network": network.config.to_dict(), "info": info or {}})
    if not save_safetensors(packed(network.state_dict(), storage), path, metadata={KEY: text}):
        raise InputError(f"'{path}' could not be written: the disk is full or the folder is read-only.")


def load_network(path: str | Path) -> tuple[CascadeMaskRCNN, dict[str, Any]]:
    """Read a detector without running any code in its file.

    Args:
        path: `light`, a name of `PUBLISHED`, a file that `save_network` wrote, or a detectron2 checkpoint of a Cascade
            Mask R-CNN with one class and ResNet-50-FPN (CutLER, CuVLER, CutS3D), as `.pth` or `.safetensors`.

    Returns:
        The network in evaluation mode, and the `info` that was saved with it (`{}` for detectron2's).

    Raises:
        InputError: It is none of them; the message says what was found.
        WeightsUnavailableError: The package was installed without the light detector, or a published one is missing.
    """
    path = checkpoint_path(path)
    description = _description(path)
    try:
        state = load_checkpoint(path)
    except WeightsUnavailableError as error:
        raise InputError(str(error)) from error
    if description is None:
        config, state = detectron2.convert(state, path.name)
        info: dict[str, Any] = {}
    else:
        config, info = description
    return _filled(config, state, path.name), info


def _description(path: Path) -> tuple[NetworkConfig, dict[str, Any]] | None:
    if path.suffix != ".safetensors":
        return None
    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(KEY)
        if text is None:
            return None
        values = json.loads(text)
        return NetworkConfig.from_dict(values["network"]), dict(values["info"])
    except (SafetensorError, OSError) as error:
        raise InputError(f"'{path.name}' is no readable safetensors file ({shown(str(error))}).") from error
    except (ValueError, TypeError, KeyError, RecursionError, ConfigError) as error:
        raise InputError(f"'{path.name}' does not describe a network that this version knows ({error}).") from error


def _filled(config: NetworkConfig, stored: dict[str, Tensor], name: str) -> CascadeMaskRCNN:
    """Build the network and load the tensors. The file is untrusted: shapes are compared before memory is allocated."""
    with torch.device("meta"):
        wanted = CascadeMaskRCNN(config).state_dict()
    given = {k: v for k, v in stored.items() if not k.endswith(SCALE)}
    missing = [k for k in wanted if k not in given and not k.endswith("num_batches_tracked")]
    odd = [k for k, v in given.items() if k not in wanted or v.shape != wanted[k].shape]
    state: dict[str, Tensor] = {}
    if not (missing or odd):
        try:
            state = unpacked(stored)
        except ValueError as error:
            raise InputError(f"'{name}' is not a checkpoint of this detector: {error}.") from error
        odd = [k for k, v in state.items() if wanted[k].is_floating_point() and not v.is_floating_point()]
    if missing or odd:
        raise InputError(
            f"'{name}' is not a checkpoint of this detector: {len(missing)} tensors are missing and {len(odd)} do not "
            f"fit (such as '{(missing + odd)[0]}')."
        )
    if not all(bool(v.isfinite().all()) for v in state.values() if v.is_floating_point()):
        raise InputError(f"'{name}' holds values that are not finite.")
    network = build(config, pretrained=False)
    network.load_state_dict(state, strict=False)
    return network.eval()
