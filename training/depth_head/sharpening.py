"""Measures the sharpening of the head on collages whose depth is known at every pixel.

`python -m training.depth_head.sharpening --photos FOLDER... --teacher onnx:FILE` prints the border F-score of the
head's smooth and of its sharpened depth on 24 collages of held-out photos. The constants in `cuts3d.depth.head` were
chosen on such collages.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from cuts3d.arrays import FloatArray, ImageArray
from cuts3d.backbones import extract_features, get_backbone
from cuts3d.backbones.embedded import NAME as BACKBONE
from cuts3d.backbones.loaded import loaded_backbone
from cuts3d.cli.output import command
from cuts3d.depth.edges import edge_f_score
from cuts3d.depth.embedded import load_head
from cuts3d.depth.head import GUIDE_PER_PATCH, TOKEN_LAYERS, DepthHead, sharpen
from cuts3d.grids import resize_image, resize_map
from cuts3d.io.photos import read_image
from training.depth_head.collage import collage
from training.depth_head.teachers import Teacher, load_teacher
from training.depth_head.views import find_photos

COUNT = 24
SIDE = 476


def make_collages(
    photos: Sequence[Path], teacher: Teacher, count: int = COUNT
) -> Iterator[tuple[ImageArray, FloatArray]]:
    """Collages of held-out photos with their inverse depth; they are the same every time.

    Args:
        photos: Held-out photos.
        teacher: Estimates the depth behind the objects.
        count: Number of collages.

    Yields:
        uint8 [476, 476, 3] and float32 [476, 476].
    """
    for index in range(count):
        rng = np.random.default_rng((7, index))
        photo = read_image(photos[index % len(photos)], max_side=1024)
        yield collage(photo, teacher(photo), SIDE, lambda r: read_image(photos[int(r.integers(len(photos)))]), rng)


@torch.inference_mode()
def border_scores(head: DepthHead, image: ImageArray, truth: FloatArray) -> tuple[float, float]:
    """Border F-score of the smooth and of the sharpened depth of one collage."""
    features = extract_features(loaded_backbone(BACKBONE), get_backbone(BACKBONE), image, token_layers=TOKEN_LAYERS)
    h, w = features.grid_shape
    guide = np.array(resize_image(image, (GUIDE_PER_PATCH * h, GUIDE_PER_PATCH * w)))
    pixels = torch.from_numpy(guide).permute(2, 0, 1)[None].float() / 255
    smooth = head.smooth([torch.from_numpy(t)[None] for t in features.tokens], pixels, (h, w))
    sharp = sharpen(smooth, pixels)
    known = _unit(resize_map(truth, guide.shape[:2]))
    first, second = (edge_f_score(_unit(resize_map(d[0].numpy(), guide.shape[:2])), known) for d in (smooth, sharp))
    return first, second


def _unit(depth: FloatArray) -> FloatArray:
    low, high = np.percentile(depth, (1, 99))
    return np.clip((depth - low) / max(high - low, 1e-9), 0, 1)


@command
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m training.depth_head.sharpening")
    parser.add_argument("--photos", type=Path, nargs="+", required=True, help="the folders of the training")
    parser.add_argument("--teacher", required=True, help="onnx:FILE, or an estimator's name")
    options = parser.parse_args()
    held_out, _ = find_photos(options.photos)
    head = load_head()
    scores = [border_scores(head, *made) for made in make_collages(held_out, load_teacher(options.teacher))]
    smooth, sharp = np.mean(scores, axis=0)
    print(f"border F-score on {len(scores)} collages: smooth {smooth:.3f}, sharpened {sharp:.3f}")


if __name__ == "__main__":
    raise SystemExit(main())
