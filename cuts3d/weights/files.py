"""Reading and writing files of weights. Only tensors are read: safetensors, or pickles with `weights_only`."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from cuts3d.errors import WeightsUnavailableError


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_safetensors(path: Path) -> dict[str, torch.Tensor] | None:
    """Tensors of a safetensors file, or None if the file is missing or damaged."""
    try:
        return load_file(path)
    except (OSError, SafetensorError):
        return None


def save_safetensors(state: dict[str, torch.Tensor], path: Path, metadata: dict[str, str] | None = None) -> bool:
    """Write a safetensors file atomically. A full disk or a read-only folder is reported, not raised.

    Returns:
        Whether the file was written.
    """
    tensors = {k: v.contiguous() for k, v in state.items()}
    folder = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # in a temporary folder, because `save_file` creates a temporary file of its own next to its target
        folder = tempfile.mkdtemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        temporary = Path(folder) / path.name
        save_file(tensors, temporary, metadata=metadata)
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except (OSError, SafetensorError):
        return False
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    return True


def load_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """State dict of a local checkpoint. Code in a pickle is never run.

    The state dict may be wrapped in a dictionary, under `state_dict`, `model`, `teacher` or `student`.

    Raises:
        WeightsUnavailableError: The file is not a checkpoint of plain tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        _check_archive(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsUnavailableError(
            f"'{path.name}' is not a checkpoint of plain tensors ({type(error).__name__}); "
            "save it with torch.save(model.state_dict(), ...) or as safetensors."
        ) from error
    for wrapper in ("state_dict", "model", "teacher", "student"):
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict):
        raise WeightsUnavailableError(f"'{path.name}' holds a {type(state).__name__}, not a state dict of tensors.")
    tensors = {k: v for k, v in state.items() if isinstance(v, torch.Tensor)}
    odd = [k for k, v in tensors.items() if not (isinstance(k, str) and _is_plain(v))]
    if odd:
        raise WeightsUnavailableError(
            f"'{path.name}' is not a checkpoint of plain tensors: '{odd[0]}' is sparse, nested, quantised or without "
            "values, or its name is not a text."
        )
    return tensors


def _check_archive(path: Path) -> None:
    """Refuse a compressed archive, which could grow a thousandfold in memory. Torch itself writes uncompressed ones.

    Raises:
        ValueError: The contents are larger than the archive.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if sum(one.file_size for one in archive.infolist()) > path.stat().st_size:
            raise ValueError("its archive is compressed")


def _is_plain(tensor: torch.Tensor) -> bool:
    dense = tensor.layout == torch.strided and not (tensor.is_nested or tensor.is_quantized)
    return dense and tensor.device.type == "cpu"  # a tensor on `meta` has a shape but no values
