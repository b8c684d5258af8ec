"""DPT hybrid and large (MiDaS 3.0): inverse depth up to scale and shift. Ranftl et al., arXiv 2103.13413."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import torch
from torch import nn

from cuts3d.arrays import ImageArray
from cuts3d.depth._pixels import Shape, photo_size, resized
from cuts3d.depth.network import NetworkEstimator
from cuts3d.depth.registry import DepthSpec, register_depth
from cuts3d.depth.transformers_network import TransformersModel, load_network, pixel_values, predicted_depth
from cuts3d.weights.source import WeightSource

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
    """The published processor of both, the default of its class: a square input, mean and standard deviation 0.5."""
    from transformers import DPTImageProcessor

    return DPTImageProcessor(size={"height": SIZE[0], "width": SIZE[1]})


def prepare(image: ImageArray) -> torch.Tensor:
    """A photo, uint8 [H, W, 3], resized to the network's square whatever its aspect ratio, float32 [3, 384, 384]."""
    return pixel_values(processor(), image, SIZE)


def finish(raw: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Resize a raw map, float [h, w], to the photo's aspect ratio: float [h', w'] of `photo_size(shape)`."""
    return resized(raw, photo_size(shape))


def wrap(network: nn.Module, *, title: str) -> NetworkEstimator:
    """An estimator that runs a network."""
    return NetworkEstimator(
        network=network, prepare=prepare, forward=predicted_depth, finish=finish, kind="disparity", title=title
    )


def load(model: TransformersModel) -> NetworkEstimator:
    """An estimator.

    Raises:
        WeightsUnavailableError: Its weights are missing.
    """
    return wrap(load_network(model), title=model.source.title)


# Both commits are pinned by several unrelated public projects. The hybrid's commit has no safetensors. Its pickle is
# read with `weights_only`, which runs no code. The branch that has safetensors could change at any time.
HYBRID = TransformersModel(
    source=WeightSource(
        name="dpt_hybrid",
        title="DPT hybrid (MiDaS 3.0)",
        repository="Intel/dpt-hybrid-midas",
        revision="11eaf7a1cf4bd70740697dbc216f98980c0aeb03",
        file="pytorch_model.bin",
    ),
    architecture=hybrid,
)
LARGE = TransformersModel(
    source=WeightSource(
        name="dpt_large",
        title="DPT large (MiDaS 3.0)",
        repository="Intel/dpt-large",
        revision="bc15f29aa3a80d532f2ed650b5e16ac48d8958f9",
    ),
    architecture=large,
)


def _declare(model: TransformersModel, *, download_mb: float) -> None:
    register_depth(
        DepthSpec(
            name=model.source.name,
            title=model.source.title,
            kind="disparity",
            source=model.source.origin,
            trained_on="MIX 6, about 1.4 million images of ten data sets (MiDaS 3.0)",
            licence="Apache-2.0",
            load=partial(load, model),
            weights=model.source,
            input_rule="resized to 384×384 whatever the aspect ratio; mean and standard deviation 0.5",
            download_mb=download_mb,
        )
    )


_declare(HYBRID, download_mb=490)
_declare(LARGE, download_mb=1370)
