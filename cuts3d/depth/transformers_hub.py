"""What the depth networks of transformers share: their weights, their input size, and the way back to the photo.

The tensors come from the folder `$CUTS3D_WEIGHTS/<name>` or the file `<name>.safetensors` in `$CUTS3D_WEIGHTS`, else
from the Hugging Face hub. The architecture is written in code, so that a single file is enough. As in
`cuts3d.backbones.hub`, one request without retries asks whether the hub answers before anything is downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import interpolate

from cuts3d.arrays import ImageArray
from cuts3d.backbones.hub import HUB_FILE, HUB_TIMEOUT
from cuts3d.depth.network import Shape
from cuts3d.errors import InputError, WeightsUnavailableError
from cuts3d.io.depth_maps import WORKING_SIDE
from cuts3d.io.photos import MIN_SIDE
from cuts3d.weights.files import load_checkpoint
from cuts3d.weights.folders import WEIGHTS_VARIABLE, find_local
from cuts3d.weights.missing import unavailable

LONGEST_INPUT = 2048  # pixels; panoramas beyond it are squeezed, since attention grows with the square of the area
# The first fusion layer has nothing to fuse: its first residual unit exists, is never run, and is not in every file.
_NEVER_RUN = ("neck.fusion_stage.layers.0.residual_layer1.", "fusion_stage.intermediate.0.residual_layer1.")

Architecture = Callable[[], tuple[Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModel:
    """Where a network of transformers is kept.

    Attributes:
        name: Registry name, which is the local folder's or file's name as well.
        repository: On the Hugging Face hub.
        revision: Commit of the repository; empty where none could be verified, and a person must fetch it.
        architecture: Gives the network's class and its published configuration. Called late: transformers takes
            seconds to import.
        file: Weights in the repository. Only tensors are read, whatever the format.
    """

    name: str
    repository: str
    revision: str
    architecture: Architecture
    file: str = HUB_FILE

    @property
    def source(self) -> str:
        """Where the weights come from, for people."""
        return f"Hugging Face hub, {self.repository}"


def load_network(model: HubModel) -> nn.Module:
    """Build a network and load its weights, float32, in evaluation mode.

    Raises:
        WeightsUnavailableError: The local weights do not fit, or there are none and the hub does not give them.
    """
    network_class, config = model.architecture()
    folder = local_folder(model.name)
    path = folder / HUB_FILE if folder else find_local(model.name)
    if path is None:
        path, source = fetch_file(model), f"{model.repository} on the Hugging Face hub"
    else:
        source = f"'{model.name}/{HUB_FILE}'" if folder else f"'{path.name}'"
    if folder and (folder / "config.json").is_file():
        config = _local_config(type(config), folder)
    return fill_network(network_class, config, load_checkpoint(path), source=source)


def local_folder(name: str) -> Path | None:
    """Folder `name` with `model.safetensors`, and mostly `config.json`, in `$CUTS3D_WEIGHTS`, if any."""
    weights = os.environ.get(WEIGHTS_VARIABLE)
    folder = Path(weights).expanduser() / name if weights else None
    return folder if folder and (folder / HUB_FILE).is_file() else None


def fetch_file(model: HubModel) -> Path:
    """The weights' file, out of the hub's cache where it was fetched before.

    Honours `HF_HUB_OFFLINE`, `HF_HOME` and `HF_ENDPOINT`.

    Raises:
        WeightsUnavailableError: The hub does not give it.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

    repository, revision, file = model.repository, model.revision, model.file
    if not revision:
        hub = f"{repository} on the Hugging Face hub"
        command = f"hf download {repository} --local-dir ${WEIGHTS_VARIABLE}/{model.name}"
        reason = f"no commit of it could be verified, so it is not fetched by itself: run '{command}'"
        raise unavailable(model.name, hub=hub, reason=reason)
    try:
        cached = try_to_load_from_cache(repository, file, revision=revision)
        if isinstance(cached, str):
            return Path(cached)
        get_hf_file_metadata(hf_hub_url(repository, file, revision=revision), timeout=HUB_TIMEOUT)
        return Path(hf_hub_download(repository, file, revision=revision, etag_timeout=HUB_TIMEOUT))
    except Exception as error:  # the hub's client raises its own kinds, which change with its versions
        first_line = (str(error).splitlines() or [""])[0].rstrip(". ")
        reason = f"{type(error).__name__}: {first_line}"
        raise unavailable(model.name, hub=f"{repository} on the Hugging Face hub", reason=reason) from error


def fill_network(network_class: Any, config: Any, state: dict[str, torch.Tensor], *, source: str) -> nn.Module:
    """Build a network and give it all of its tensors; transformers renames those of its older versions.

    Args:
        network_class: A model class of transformers.
        config: Its configuration.
        state: Tensors by name, any float kind.
        source: Where they come from, for the error.

    Raises:
        WeightsUnavailableError: A tensor is missing or of another shape.
    """
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # what does not fit is said below, in one sentence
    logging.disable_progress_bar()
    try:
        network, found = network_class.from_pretrained(
            None,
            config=config,
            state_dict=state,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
    wrong = [f"'{k}' is missing" for k in sorted(found["missing_keys"]) if not k.startswith(_NEVER_RUN)]
    wrong += [f"'{k}' has another shape" for k in sorted(_names(found["mismatched_keys"]))]
    if wrong:
        more = f" and {len(wrong) - 6} more" if len(wrong) > 6 else ""
        raise WeightsUnavailableError(
            f"{source} is not a checkpoint of transformers' {network_class.__name__}: {'; '.join(wrong[:6])}{more}. "
            f"Put the right checkpoint into the folder ${WEIGHTS_VARIABLE}, or use the embedded models."
        )
    return network.eval().requires_grad_(False)


def _names(mismatched: Iterable[Any]) -> list[str]:
    return [item if isinstance(item, str) else item[0] for item in mismatched]


def _local_config(config_class: Any, folder: Path) -> Any:
    try:
        return config_class.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise WeightsUnavailableError(
            f"'{folder.name}/config.json' cannot be read ({type(error).__name__}); take the file of the checkpoint's "
            "own repository, or remove it: the published configuration is built in."
        ) from error


def check_side(image: ImageArray) -> None:
    """Refuse photos that no estimator can see anything in.

    Raises:
        InputError: A side has fewer than `MIN_SIDE` pixels.
    """
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise InputError(f"The photo is {width}×{height} pixels; at least {MIN_SIDE}×{MIN_SIDE} are needed.")


def input_size(shape: Shape, target: Shape, multiple: int) -> Shape:
    """Size of a network's input: near `target`, with the photo's aspect ratio, in whole patches.

    The rule of MiDaS that the processors of ZoeDepth and Depth Anything follow: the side whose scale is nearer 1
    decides. They fail on long thin photos; here a side has at least one patch and at most `LONGEST_INPUT` pixels.

    Args:
        shape: (H, W) of the photo, padding included.
        target: (H, W) aimed at.
        multiple: Pixels that both sides are whole multiples of.

    Returns:
        (h, w).
    """
    tall, wide = target[0] / shape[0], target[1] / shape[1]
    scale = wide if abs(1 - wide) < abs(1 - tall) else tall
    most = LONGEST_INPUT // multiple
    patches = [min(max(round(scale * side / multiple), 1), most) for side in shape]
    return patches[0] * multiple, patches[1] * multiple


def pixel_values(processor: Any, image: ImageArray, size: Shape) -> torch.Tensor:
    """A photo through an image processor of transformers, at a given size.

    Args:
        processor: The processor, with its mean, standard deviation, resampling and padding.
        image: uint8 [H, W, 3].
        size: (h, w) of the result.

    Returns:
        float32 [3, h, w].
    """
    check_side(image)
    more = {"keep_aspect_ratio": False, "ensure_multiple_of": 1} if hasattr(processor, "ensure_multiple_of") else {}
    pixels = processor(
        torch.from_numpy(np.array(image)).permute(2, 0, 1),
        size={"height": size[0], "width": size[1]},
        input_data_format="channels_first",
        return_tensors="pt",
        **more,
    )["pixel_values"]
    return pixels[0]


def photo_size(shape: Shape) -> Shape:
    """The photo's own size, or with a longer side of `WORKING_SIDE` where it is larger: depth is used on coarse grids.

    Args:
        shape: (H, W) of the photo.

    Returns:
        (h, w), at least 1 each.
    """
    scale = min(1.0, WORKING_SIDE / max(shape))
    return max(1, round(scale * shape[0])), max(1, round(scale * shape[1]))


def resized(values: torch.Tensor, size: Shape, *, mode: str = "bicubic") -> torch.Tensor:
    """Resize a map [h, w] to `size`, as the post-processors of transformers do: without antialiasing."""
    return interpolate(values[None, None], size=size, mode=mode, align_corners=False)[0, 0]


def predicted_depth(network: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """Raw maps of a network of transformers.

    Args:
        network: The network.
        pixels: float32 [B, 3, h, w].

    Returns:
        float [B, h', w'].
    """
    return network(pixel_values=pixels).predicted_depth
