"""A frozen timm ViT that returns the tokens of chosen blocks and the vectors of one attention block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from cuts3d.backbones.pixels import resized_tensor, standardise
from cuts3d.errors import ConfigError
from cuts3d.types import PatchFeatures

if TYPE_CHECKING:
    from cuts3d.backbones.registry import BackboneSpec, FeatureKind


class ViTBackbone(nn.Module):
    """Wraps `timm.models.vision_transformer.VisionTransformer` for any input size that is a multiple of the patch size.

    Position embeddings are resampled to the grid by bicubic interpolation. timm's own resampling is antialiased, which
    would change the features.
    """

    def __init__(self, vit: Any) -> None:
        super().__init__()
        self.vit: Any = vit.eval().requires_grad_(False)

    @property
    def num_layers(self) -> int:
        """Number of transformer blocks."""
        return len(self.vit.blocks)

    @property
    def num_prefix_tokens(self) -> int:
        """Number of tokens before those of the patches: the class token, and register tokens if there are any."""
        return int(self.vit.num_prefix_tokens)

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels, as given by the weights."""
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

    def _block(self, block: Any, x: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
        """Output of one transformer block, [B, prefix + h*w, C], for the tokens of a grid (h, w)."""
        del grid  # only for position embeddings inside the blocks
        return block(x)

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
            The vectors without class and register tokens, float32 [B, h*w, C]; the tokens of `token_layers`, each
            [B, h*w, C]; and the grid (h, w).

        Raises:
            ConfigError: The network has no such layer.
        """
        x, grid = self._embed(pixels)
        if not -self.num_layers <= layer < self.num_layers:
            raise ConfigError(f"layer must lie between {-self.num_layers} and {self.num_layers - 1}; it is {layer}.")
        wanted = layer % self.num_layers
        token_layers = tuple(i % self.num_layers for i in token_layers)
        last, prefix = max((wanted, *token_layers)), self.num_prefix_tokens
        vectors = torch.empty(0)
        tokens: dict[int, torch.Tensor] = {}
        for index, block in enumerate(self.vit.blocks):
            if index == wanted and feature != "token":
                qkv = block.attn.qkv(block.norm1(x))
                vectors = qkv.chunk(3, dim=-1)[("query", "key", "value").index(feature)][:, prefix:]
            if index == last and index == wanted and feature != "token" and index not in token_layers:
                break  # the rest of the block is not needed
            x = self._block(block, x, grid)
            if index == wanted and feature == "token":
                vectors = self.vit.norm(x)[:, prefix:]
            if index in token_layers:
                tokens[index] = x[:, prefix:]
            if index == last:
                break
        return vectors, [tokens[i] for i in token_layers], grid


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
    """Patch features of several photos from one pass of the backbone, in half precision on a GPU.

    A photo is resized to a square of `image_size` whatever its aspect ratio, as in MaskCut and TokenCut.

    Args:
        network: The loaded backbone.
        spec: Its declaration, with the values of all options that are `None`.
        images: Each uint8 [H, W, 3], of any size.
        image_size: Input side in pixels, a multiple of the patch size.
        feature: Kind of the vectors.
        layer: Block index, negative from the end.
        center: Whether the affinity subtracts the mean vector.
        token_layers: Blocks whose tokens are returned for a depth head.

    Returns:
        The features of each photo on the patch grid, with the tokens of `token_layers`.

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
    inputs = [standardise(resized_tensor(image, (side, side)), spec.mean, spec.std) for image in images]
    pixels = torch.stack(inputs).to(device)  # [B, 3, side, side]
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
