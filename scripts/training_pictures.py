"""Pictures of the training for the documentation: `python -m scripts.training_pictures` writes `assets/training/`.

The photos come with scikit-image (Chelsea, CC0 by Stefan van der Walt; a rocket, put into the public domain by SpaceX);
the labels are `cuts3d`'s own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import skimage
import torch
from PIL import Image, ImageDraw, ImageFont

from cuts3d import CutS3D
from cuts3d.types import ImageArray
from training.augment import resize
from training.copy_paste import copy_paste
from training.records import Sample

OUT = Path(__file__).resolve().parents[1] / "assets" / "training"
SIDE = 240  # of a panel, in pixels
CAPTION = 22
SEED = 17  # of scale and place: one at which the object stands clear


def main() -> None:
    """Source with its spatial confidence, target, and what becomes of them."""
    photos = (skimage.data.chelsea(), skimage.data.rocket())
    source, target = (resize(labelled(photo), SIDE, 2 * SIDE) for photo in photos)
    surest = float(source.mean_confidence.max())
    hard, soft = (
        copy_paste(target, source, torch.Generator().manual_seed(SEED), select_above=surest, blend=blend)
        for blend in (False, True)
    )
    panels = {
        "source: confidence, red 0.5 to green 1": with_confidence(source.keep(source.mean_confidence >= surest)),
        "target": pixels(target),
        "pasted": pixels(hard),
        "pasted, blended by confidence": pixels(soft),
    }
    OUT.mkdir(parents=True, exist_ok=True)
    sheet(panels).save(OUT / "copy_paste.jpg", quality=88, optimize=True)


def labelled(photo: ImageArray) -> Sample:
    """A photo with the masks that `cuts3d` finds in it."""
    found = CutS3D().segment(photo).instances
    return Sample(
        image=torch.tensor(photo).permute(2, 0, 1) / 255,
        masks=torch.tensor(np.array([one.mask for one in found])),
        confidence=torch.tensor(np.array([one.confidence for one in found])),
        scores=torch.tensor([one.score for one in found]),
        mean_confidence=torch.tensor([one.mean_confidence for one in found]),
    )


def pixels(sample: Sample) -> ImageArray:
    """The photo, uint8 [H, W, 3]."""
    return (sample.image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)


def with_confidence(sample: Sample) -> ImageArray:
    """The photo in grey, its labels from red (half) to green (full confidence); uint8 [H, W, 3]."""
    grey = sample.image.mean(dim=0).numpy()
    out = np.repeat(grey[..., None], 3, axis=2)
    for mask, confidence in zip(sample.masks.numpy(), sample.confidence.numpy(), strict=True):
        share = (2 * confidence[mask] - 1).clip(0, 1)[:, None]
        colour = share * np.array([0.0, 0.62, 0.45]) + (1 - share) * np.array([0.84, 0.37, 0.0])
        out[mask] = 0.45 * out[mask] + 0.55 * colour
    return (out * 255).round().astype(np.uint8)


def sheet(panels: dict[str, ImageArray]) -> Image.Image:
    """Panels side by side, their names above."""
    width = sum(panel.shape[1] for panel in panels.values())
    out = Image.new("RGB", (width, CAPTION + max(panel.shape[0] for panel in panels.values())), "white")
    draw, left = ImageDraw.Draw(out), 0
    for name, panel in panels.items():
        draw.text((left + 4, 4), name, fill="black", font=ImageFont.load_default(13))
        out.paste(Image.fromarray(panel), (left, CAPTION))
        left += panel.shape[1]
    return out


if __name__ == "__main__":
    main()
