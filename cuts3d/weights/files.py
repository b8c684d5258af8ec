"""Where weights come from: a local folder, an installed package, a hub. Safetensors or `weights_only` only."""

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
    """Tensors of a safetensors file; None where it is missing or damaged (it will be made again)."""
    try:
        return load_file(path)
    except (OSError, SafetensorError):
        return None


def save_safetensors(state: dict[str, torch.Tensor], path: Path, metadata: dict[str, str] | None = None) -> bool:
    """Write atomically; a full disk or read-only folder costs the cache, not the run.

    Returns:
        Whether the file was written.
    """
    tensors = {k: v.contiguous() for k, v in state.items()}
    folder = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # a folder, since `save_file` itself writes through a file of a name of its own beside the one it is given
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
    """State dict of a local checkpoint, without running any code in it.

    Common wrappers (`state_dict`, `model`, `teacher`, `student`) are opened.

    Raises:
        WeightsUnavailableError: The file is no checkpoint of plain tensors.
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
            f"'{path.name}' is not a checkpoint of plain tensors: '{odd[0]}' is sparse, nested, quantised or empty of "
            "values, or not a name."
        )
    return tensors


def _check_archive(path: Path) -> None:
    """Refuse an archive that would become a thousand times larger than its file: Torch packs none, but unpacks any.

    Raises:
        ValueError: Its files are larger than itself.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if sum(one.file_size for one in archive.infolist()) > path.stat().st_size:
            raise ValueError("its archive is packed")


def _is_plain(tensor: torch.Tensor) -> bool:
    dense = tensor.layout == torch.strided and not (tensor.is_nested or tensor.is_quantized)
    return dense and tensor.device.type == "cpu"  # else `meta`: a shape without values
