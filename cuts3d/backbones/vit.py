"""A frozen timm ViT that hands out tokens of chosen layers and the vectors of one attention block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from cuts3d.errors import ConfigError
from cuts3d.grids import resize_image
from cuts3d.types import PatchFeatures

if TYPE_CHECKING:
    from cuts3d.backbones.registry import BackboneSpec, FeatureKind


class ViTBackbone(nn.Module):
    """Wraps `timm.models.vision_transformer.VisionTransformer` for any input that is a multiple of the patch.

    Position embeddings are resampled by plain bicubic interpolation to the grid, without the antialiasing of timm's
    own resampling, which would move the features.
    """

    def __init__(self, vit: Any) -> None:
        super().__init__()
        self.vit: Any = vit.eval().requires_grad_(False)

    @property
    def num_layers(self) -> int:
        """Number of transformer blocks."""
        return len(self.vit.blocks)

    @property
    def patch_size(self) -> int:
        """Pixels a patch side, as the weights have it."""
        return int(self.vit.patch_embed.patch_size[0])

    def _embed(self, pixels: torch.Tensor) -> tuple[torch.Tensor, tuple[int, int]]:
        vit = self.vit
        patches = vit.patch_embed.proj(pixels)  # [B, C, h, w]
        grid = (patches.shape[-2], patches.shape[-1])
        tokens = patches.flatten(2).transpose(1, 2)  # [B, h*w, C]
        prefix, pos = vit.pos_embed[:, :1], vit.pos_embed[:, 1:]
        side = round(pos.shape[1] ** 0.5)
        if grid != (side, side):
            pos = pos.transpose(1, 2).reshape(1, -1, side, side)
            pos = F.interpolate(pos, size=grid, mode="bicubic", align_corners=False)
            pos = pos.flatten(2).transpose(1, 2)
        cls = (vit.cls_token + prefix).expand(tokens.shape[0], -1, -1)
        return torch.cat([cls, tokens + pos], dim=1), grid

    @torch.inference_mode()
    def forward(
        self, pixels: torch.Tensor, *, feature: FeatureKind, layer: int, token_layers: tuple[int, ...] = ()
    ) -> tuple[torch.Tensor, list[torch.Tensor], tuple[int, int]]:
        """Run the network once.

        Args:
            pixels: Normalised images, float32 [B, 3, H, W], H and W multiples of the patch size.
            feature: `key`, `query` or `value` of block `layer`, or `token`: its normalised output.
            layer: Block whose vectors are returned; negative counts from the end.
            token_layers: Blocks whose raw outputs are returned as well.

        Returns:
            Vectors float32 [B, h*w, C], class token dropped; the tokens of `token_layers`, each
            [B, h*w, C]; and the grid (h, w).

        Raises:
            ConfigError: The network has no such layer.
        """
        x, grid = self._embed(pixels)
        if not -self.num_layers <= layer < self.num_layers:
            raise ConfigError(f"layer must lie between {-self.num_layers} and {self.num_layers - 1}; it is {layer}.")
        wanted = layer % self.num_layers
        token_layers = tuple(i % self.num_layers for i in token_layers)
        last = max((wanted, *token_layers))
        vectors = torch.empty(0)
        tokens: dict[int, torch.Tensor] = {}
        for index, block in enumerate(self.vit.blocks):
            if index == wanted and feature != "token":
                qkv = block.attn.qkv(block.norm1(x))
                vectors = qkv.chunk(3, dim=-1)[("query", "key", "value").index(feature)][:, 1:]
            if index == last and index == wanted and feature != "token" and index not in token_layers:
                break  # the rest of the block is not needed
            x = block(x)
            if index == wanted and feature == "token":
                vectors = self.vit.norm(x)[:, 1:]
            if index in token_layers:
                tokens[index] = x[:, 1:]
            if index == last:
                break
        return vectors, [tokens[i] for i in token_layers], grid


def normalise_pixels(image: np.ndarray, spec: BackboneSpec, size: tuple[int, int]) -> torch.Tensor:
    """Resize and normalise a photo for a backbone.

    Args:
        image: uint8 [H, W, 3].
        spec: Declares means and deviations.
        size: Height and width of the network's input in pixels.

    Returns:
        float32 [1, 3, height, width].
    """
    resized = np.array(resize_image(image, size))  # resized as uint8: a 24-megapixel float copy would cost 288 MB
    pixels = torch.from_numpy(resized).permute(2, 0, 1)[None].float() / 255
    mean = torch.tensor(spec.mean).view(1, 3, 1, 1)
    std = torch.tensor(spec.std).view(1, 3, 1, 1)
    return (pixels - mean) / std


def extract_features(network: ViTBackbone, spec: BackboneSpec, image: np.ndarray, **options: Any) -> PatchFeatures:
    """Features of one photo, uint8 [H, W, 3]; see `extract_batch`."""
    return extract_batch(network, spec, [image], **options)[0]


def extract_batch(
    network: ViTBackbone,
    spec: BackboneSpec,
    images: Sequence[np.ndarray],
    *,
    image_size: int | None = None,
    feature: FeatureKind | None = None,
    layer: int | None = None,
    center: bool | None = None,
    token_layers: tuple[int, ...] = (),
) -> list[PatchFeatures]:
    """Turn photos into patch features with one pass of the backbone, on a GPU in half precision.

    A photo is stretched to a square of `image_size`, as MaskCut and TokenCut do.

    Args:
        network: The loaded backbone.
        spec: Its declaration; `None` options fall back to it.
        images: Each uint8 [H, W, 3], of any size.
        image_size: Input side in pixels, a multiple of the patch size.
        feature: Kind of vector.
        layer: Block index.
        center: Whether the affinity subtracts the mean vector.
        token_layers: Blocks whose tokens are kept for a depth head.

    Returns:
        For each photo its features on the patch grid, and the tokens asked for.

    Raises:
        ConfigError: The size or the layer does not fit the network.
    """
    side = image_size or spec.image_size
    patch = network.patch_size
    if side % patch:
        raise ConfigError(
            f"image_size must be a multiple of the backbone's patch {patch}: {side} is not, {side // patch * patch} is."
        )
    device = next(network.parameters()).device
    pixels = torch.cat([normalise_pixels(image, spec, (side, side)) for image in images]).to(device)
    with torch.autocast(device.type, dtype=torch.float16, enabled=device.type == "cuda"):
        vectors, tokens, grid = network(
            pixels,
            feature=feature or spec.feature,
            layer=spec.layer if layer is None else layer,
            token_layers=token_layers,
        )
    return [
        PatchFeatures(
            vectors=vectors[index].float().cpu().numpy(),
            grid_shape=grid,
            backbone=spec.name,
            center=spec.center if center is None else center,
            tokens=tuple(t[index].float().cpu().numpy() for t in tokens),
        )
        for index in range(len(images))
    ]
