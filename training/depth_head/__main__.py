"""Train the embedded depth head with one command.

    python -m training.depth_head --photos FOLDER... --teacher onnx:FILE --out cuts3d/data/depth_head.safetensors

Steps: views of the photos through the frozen backbone and the teacher (about 35 minutes for 2,100 views
on two cores, 8 GB of disk), training (about 30 minutes), figures into a file beside the weights. A
killed run keeps its views.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from cuts3d.backbones import extract_features
from cuts3d.backbones.embedded import NAME as BACKBONE
from cuts3d.backbones.loaded import loaded_backbone
from cuts3d.backbones.registry import get_backbone
from cuts3d.depth.embedded import load_head, predict
from cuts3d.depth.head import TOKEN_LAYERS
from training.depth_head.evaluate import Predict, rgbd_figures, teacher_agreement
from training.depth_head.teachers import load_teacher
from training.depth_head.train import TrainConfig, train_head
from training.depth_head.views import is_held_out, make_views

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def find_photos(folders: list[Path]) -> tuple[list[Path], list[Path]]:
    """Photos for training and photos kept out of it, each shuffled once."""
    photos = sorted(p for folder in folders for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    held_out = [p for p in photos if is_held_out(p)]
    train = [p for p in photos if not is_held_out(p)]
    rng = np.random.default_rng(0)
    rng.shuffle(held_out)  # pyright: ignore[reportArgumentType]
    rng.shuffle(train)  # pyright: ignore[reportArgumentType]
    return held_out, train


def student(weights: Path) -> Predict:
    """The trained head as a function from a photo to inverse depth."""
    head, network, spec = load_head(weights), loaded_backbone(BACKBONE), get_backbone(BACKBONE)
    return lambda photo: predict(head, photo, extract_features(network, spec, photo, token_layers=TOKEN_LAYERS))


def main() -> None:
    """Make views, train, measure."""
    parser = argparse.ArgumentParser(prog="python -m training.depth_head", description="Train the embedded depth head.")
    parser.add_argument("--photos", type=Path, nargs="+", required=True, help="folders of unlabelled photos")
    parser.add_argument("--teacher", required=True, help="onnx:FILE, or an estimator of cuts3d.depth")
    parser.add_argument("--out", type=Path, required=True, help="weights to write (.safetensors)")
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "cuts3d-views", help="for the views"
    )
    parser.add_argument("--rgbd", type=Path, help="folder of colour and measured depth, for the figures")
    parser.add_argument("--large-views", type=int, default=1400, help="views at 34×34 patches")
    parser.add_argument("--small-views", type=int, default=696, help="views at 24×24 patches, cropped tighter")
    parser.add_argument("--steps", type=int, default=TrainConfig().steps)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    teacher = load_teacher(options.teacher)
    held_out, photos = find_photos(options.photos)
    order = [
        *photos[options.large_views :],
        *photos,
    ]  # the small views see the photos that the large ones did not first
    val = make_views(held_out, options.cache / "val", teacher, grid=34, smallest=1, seed=0)
    train = options.cache / "train"
    stores = [
        make_views(photos[: options.large_views], train, teacher, grid=34, smallest=0.6, seed=options.seed),
        make_views(order[: options.small_views], train, teacher, grid=24, smallest=0.35, seed=options.seed),
    ]
    config = TrainConfig(steps=options.steps, seed=options.seed)
    train_head(stores, config, options.out, device=options.device)

    agreement = teacher_agreement(load_head(options.out), val)
    figures: dict[str, object] = {
        "held_out_photos": len(agreement),
        "spearman_median": float(np.median(agreement)),
        "spearman_p10": float(np.percentile(agreement, 10)),
    }
    if options.rgbd:
        figures["rgbd"] = {
            "student": rgbd_figures(student(options.out), options.rgbd),
            "teacher": rgbd_figures(teacher, options.rgbd),
        }
    options.out.with_suffix(".figures.json").write_text(json.dumps(figures, indent=1))
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
