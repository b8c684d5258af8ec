"""DPT hybrid and large (MiDaS 3.0): inverse depth up to scale and shift. Ranftl et al., arXiv 2103.13413."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import torch
from torch import nn

from cuts3d.arrays import ImageArray
from cuts3d.depth.network import NetworkEstimator, Shape
from cuts3d.depth.registry import DepthSpec, register_depth
from cuts3d.depth.transformers_hub import HubModel, load_network, photo_size, pixel_values, predicted_depth, resized

SIZE = (384, 384)


def hybrid() -> tuple[Any, Any]:
    """Class and published configuration of DPT hybrid, a ResNet-50 below a ViT-B: 122 M parameters."""
    from transformers import DPTConfig, DPTForDepthEstimation

    config = DPTConfig(is_hybrid=True, reassemble_factors=[1, 1, 1, 0.5], neck_hidden_sizes=[256, 512, 768, 768])
    return DPTForDepthEstimation, config


def large() -> tuple[Any, Any]:
    """Class and published configuration of DPT large, a ViT-L/16: 343 M parameters."""
    from transformers import DPTConfig, DPTForDepthEstimation

    config = DPTConfig(
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        backbone_out_indices=[5, 11, 17, 23],
        neck_hidden_sizes=[256, 512, 1024, 1024],
    )
    return DPTForDepthEstimation, config


@cache
def processor() -> Any:
    """The processor of both, which is the class's own: a square, the aspect ratio not kept, mean and deviation 0.5."""
    from transformers import DPTImageProcessor

    return DPTImageProcessor(size={"height": SIZE[0], "width": SIZE[1]})


def prepare(image: ImageArray) -> torch.Tensor:
    """A photo, uint8 [H, W, 3], squeezed into the network's square, float32 [3, 384, 384]."""
    return pixel_values(processor(), image, SIZE)


def finish(raw: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Give a raw map, float [h, w], the photo's aspect ratio again: float [h', w'] of `photo_size(shape)`."""
    return resized(raw, photo_size(shape))


def wrap(network: nn.Module, *, title: str) -> NetworkEstimator:
    """The estimator on a network."""
    return NetworkEstimator(
        network=network, prepare=prepare, forward=predicted_depth, finish=finish, kind="disparity", title=title
    )


def load(model: HubModel, title: str) -> NetworkEstimator:
    """An estimator.

    Raises:
        WeightsUnavailableError: Its weights cannot be had.
    """
    return wrap(load_network(model), title=title)


# Both commits are pinned by several unrelated public projects. That of the hybrid has no safetensors: its pickle is
# read with `weights_only`, which runs no code; the branch that offers safetensors could change any day.
HYBRID = HubModel(
    name="dpt_hybrid",
    repository="Intel/dpt-hybrid-midas",
    revision="11eaf7a1cf4bd70740697dbc216f98980c0aeb03",
    architecture=hybrid,
    file="pytorch_model.bin",
)
LARGE = HubModel(
    name="dpt_large",
    repository="Intel/dpt-large",
    revision="bc15f29aa3a80d532f2ed650b5e16ac48d8958f9",
    architecture=large,
)


def _declare(model: HubModel, title: str, *, download_mb: float) -> None:
    register_depth(
        DepthSpec(
            name=model.name,
            title=title,
            kind="disparity",
            source=model.source,
            trained_on="MIX 6, about 1.4 million images of ten data sets (MiDaS 3.0)",
            licence="Apache-2.0",
            load=partial(load, model, title),
            input_rule="Squeezed into 384×384; mean and deviation 0.5",
            download_mb=download_mb,
            revision=model.revision,
        )
    )


_declare(HYBRID, "DPT hybrid (MiDaS 3.0)", download_mb=490)
_declare(LARGE, "DPT large (MiDaS 3.0)", download_mb=1370)
