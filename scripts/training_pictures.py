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
from cuts3d.arrays import FloatArray, ImageArray
from training.data.augment import flip, resize
from training.data.copy_paste import copy_paste
from training.data.samples import Sample
from training.loop.losses import crop, drop_weights

OUT = Path(__file__).resolve().parents[1] / "assets" / "training"
SIDE = 240  # of a panel, in pixels
CAPTION = 22
SEED = 17  # of scale and position; here the pasted object is easy to see
GREEN, ORANGE = (0, 158, 115), (213, 94, 0)
PROPOSALS = 60  # side of those that the picture of DropLoss shows, in pixels


def main() -> None:
    """Two pictures of the augmentation of photos, one of the losses."""
    source, target = (
        resize(labelled(photo), SIDE, 2 * SIDE) for photo in (skimage.data.chelsea(), skimage.data.rocket())
    )
    OUT.mkdir(parents=True, exist_ok=True)
    sheet(pasting(source, target)).save(OUT / "copy_paste.jpg", quality=88, optimize=True)
    sheet(sizes(source)).save(OUT / "sizes.jpg", quality=88, optimize=True)
    sheet(losses(source, target)).save(OUT / "losses.jpg", quality=88, optimize=True)


def pasting(source: Sample, target: Sample) -> dict[str, ImageArray]:
    """The source with its spatial confidence, the target, and the results."""
    surest = float(source.mean_confidence.max())
    hard, soft = (
        copy_paste(target, source, torch.Generator().manual_seed(SEED), select_above=surest, blend=blend)
        for blend in (False, True)
    )
    return {
        "source: confidence, red 0.5 to green 1": with_confidence(source.keep(source.mean_confidence >= surest)),
        "target": pixels(target),
        "pasted": pixels(hard),
        "pasted, blended by confidence": pixels(soft),
    }


def sizes(sample: Sample) -> dict[str, ImageArray]:
    """A photo with its labels at several sizes."""
    return {
        f"short side {short}{', mirrored' if mirrored else ''}": with_confidence(
            resize(flip(sample) if mirrored else sample, short, 2 * SIDE)
        )
        for short, mirrored in ((SIDE, False), (3 * SIDE // 4, True), (SIDE // 2, False))
    }


def losses(large: Sample, small: Sample) -> dict[str, ImageArray]:
    """The weights of each loss option: pixels of a large label, proposals, and labels."""
    confidence, mask = (
        crop(maps[:1], large.boxes[:1], torch.zeros(1, dtype=torch.int64), 28)[0].numpy()
        for maps in (large.confidence, large.masks)
    )
    return {
        "soft target loss: weight SC per pixel": enlarged(weighed(confidence, mask)),
        "DropLoss: orange is ignored": with_proposals(small),
        "CuVLER's loss: weight per label": with_scores(small),
    }


def weighed(confidence: FloatArray, mask: FloatArray) -> ImageArray:
    """The 28×28 pixels of a mask's target: black outside, red (0.5) to green (1) inside; uint8 [28, 28, 3]."""
    return np.where(mask[..., None] >= 0.5, ramp(confidence), 40).round().astype(np.uint8)


def ramp(confidence: FloatArray) -> FloatArray:
    """Colours from ORANGE (0.5) to GREEN (1): [...] to [..., 3], 0 to 255."""
    fraction = (2 * confidence - 1).clip(0, 1)[..., None]
    return fraction * np.array(GREEN) + (1 - fraction) * np.array(ORANGE)


def enlarged(small: ImageArray) -> ImageArray:
    """Each pixel as a square, SIDE pixels high."""
    return np.asarray(Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.NEAREST))


def with_proposals(sample: Sample) -> ImageArray:
    """Labels in white; proposals on a grid: green if they count, orange if DropLoss ignores them."""
    h, w = sample.image.shape[1:]
    tops, lefts = (range(4, side - PROPOSALS, PROPOSALS + 6) for side in (h, w))
    boxes = torch.tensor([(x, y, x + PROPOSALS, y + PROPOSALS) for y in tops for x in lefts], dtype=torch.float32)
    picture = Image.fromarray(pixels(sample))
    draw = ImageDraw.Draw(picture)
    for box, kept in zip(boxes.tolist(), drop_weights(boxes, sample.boxes).tolist(), strict=True):
        draw.rectangle(box, outline=GREEN if kept else ORANGE, width=2)
    for box in sample.boxes.tolist():
        draw.rectangle(box, outline="white", width=3)
    return np.asarray(picture)


def with_scores(sample: Sample) -> ImageArray:
    """Labels with their scores."""
    picture = Image.fromarray(with_confidence(sample))
    draw = ImageDraw.Draw(picture)
    for box, score in zip(sample.boxes.tolist(), sample.scores.tolist(), strict=True):
        draw.rectangle(box, outline="white", width=2)
        draw.text((box[0] + 6, box[1] + 4), f"{score:.2f}", fill="white", font=ImageFont.load_default(18))
    return np.asarray(picture)


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
        out[mask] = 0.45 * out[mask] + 0.55 * ramp(confidence[mask]) / 255
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
