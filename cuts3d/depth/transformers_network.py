"""What the depth networks of transformers share: how they are built, how they read a photo, what they return.

The architecture is written in code, so that a single file of weights is enough.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cuts3d.arrays import ImageArray
from cuts3d.depth._pixels import Shape, check_side
from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights.checkpoints import State, refuse_mismatches
from cuts3d.weights.files import load_checkpoint
from cuts3d.weights.locate import weights_path
from cuts3d.weights.source import WeightSource

# The first fusion layer has nothing to fuse. Its first residual unit exists but never runs, and some files lack it.
_NEVER_RUN = ("neck.fusion_stage.layers.0.residual_layer1.", "fusion_stage.intermediate.0.residual_layer1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformersModel:
    """A depth network of transformers.

    Attributes:
        source: Where its weights are kept. Only tensors are read, whatever the format of the file.
        architecture: Returns the network's class and its published configuration. It is called when the network is
            loaded, because transformers takes seconds to import.
    """

    source: WeightSource
    architecture: Callable[[], tuple[Any, Any]]


def load_network(model: TransformersModel) -> nn.Module:
    """Build a network and load its weights, float32, in evaluation mode.

    A local folder may contain a `config.json`, which then replaces the published configuration.

    Raises:
        WeightsUnavailableError: The weights are missing or do not fit.
    """
    network_class, config = model.architecture()
    path = weights_path(model.source)
    own_config = path.with_name("config.json")
    if path.parent.name == model.source.name and own_config.is_file():
        config = _local_config(type(config), path.parent)
    return fill_network(network_class, config, load_checkpoint(path), label=model.source.label(path))


def fill_network(network_class: Any, config: Any, state: State, *, label: str) -> nn.Module:
    """Build a network and load all of its tensors; transformers renames those of its older versions.

    Args:
        network_class: A model class of transformers.
        config: Its configuration.
        state: Tensors by name, of any floating-point type.
        label: Name of the checkpoint, for the error.

    Raises:
        WeightsUnavailableError: A tensor is missing or of another shape.
    """
    network, found = _from_state(network_class, config, state)
    missing = [k for k in sorted(found["missing_keys"]) if not k.startswith(_NEVER_RUN)]
    reshaped = sorted(item if isinstance(item, str) else item[0] for item in found["mismatched_keys"])
    phrases = [f"'{k}' is missing" for k in missing] + [f"'{k}' has another shape" for k in reshaped]
    refuse_mismatches(phrases, label=label, title=f"transformers' {network_class.__name__}")
    return network.eval().requires_grad_(False)


def _from_state(network_class: Any, config: Any, state: State) -> tuple[nn.Module, dict[str, Any]]:
    """The network and what transformers reports about its tensors, without log lines and progress bars."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        return network_class.from_pretrained(
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


def _local_config(config_class: Any, folder: Path) -> Any:
    try:
        return config_class.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise WeightsUnavailableError(
            f"'{folder.name}/config.json' cannot be read ({type(error).__name__}). Take this file from the repository "
            "of the checkpoint, or remove it: the published configuration is built in."
        ) from error


def pixel_values(processor: Any, image: ImageArray, size: Shape) -> torch.Tensor:
    """A photo through an image processor of transformers, at a given size.

    Args:
        processor: The processor, with its mean, standard deviation, resampling and padding.
        image: uint8 [H, W, 3].
        size: (h, w) of the result.

    Returns:
        float32 [3, h, w].

    Raises:
        InputError: The photo is too small.
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


def predicted_depth(network: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """Raw maps, float [B, h', w'], of a network of transformers for pixels, float32 [B, 3, h, w]."""
    return network(pixel_values=pixels).predicted_depth
