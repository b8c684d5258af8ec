"""Train the embedded depth head with one command.

    python -m training.depth_head --photos FOLDER... --teacher onnx:FILE --out cuts3d/data/depth_head.safetensors

It passes views of the photos through the frozen backbone and the teacher (about 35 minutes for 2,100 views on two
cores, 8 GB of disk), trains (about 30 minutes), and writes figures next to the weights. A killed run keeps its views.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from cuts3d.backbones import extract_features
from cuts3d.backbones.embedded import NAME as BACKBONE
from cuts3d.backbones.loaded import loaded_backbone
from cuts3d.backbones.registry import get_backbone
from cuts3d.cli.output import command
from cuts3d.depth.embedded import load_head, predict
from cuts3d.depth.head import TOKEN_LAYERS
from training.depth_head.evaluate import Predict, rgbd_figures, teacher_agreement
from training.depth_head.teachers import Teacher, load_teacher
from training.depth_head.train import TrainConfig, train_head
from training.depth_head.views import ViewStore, find_photos, make_views


def student(weights: Path) -> Predict:
    """The trained head as a function from a photo to inverse depth."""
    head, network, spec = load_head(weights), loaded_backbone(BACKBONE), get_backbone(BACKBONE)
    return lambda photo: predict(head, photo, extract_features(network, spec, photo, token_layers=TOKEN_LAYERS))


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    found = argparse.ArgumentParser(prog="python -m training.depth_head", description="Train the embedded depth head.")
    found.add_argument("--photos", type=Path, nargs="+", required=True, help="folders of unlabelled photos")
    found.add_argument("--teacher", required=True, help="onnx:FILE, or an estimator of cuts3d.depth")
    found.add_argument("--out", type=Path, required=True, help="weights to write (.safetensors)")
    found.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "cuts3d-views",
        help="folder of the views (default: in the temporary folder)",
    )
    found.add_argument("--rgbd", type=Path, help="folder of colour and measured depth, for the figures")
    found.add_argument("--large-views", type=int, default=1400, help="views at 34×34 patches")
    found.add_argument("--small-views", type=int, default=696, help="views at 24×24 patches, of smaller crops")
    found.add_argument("--steps", type=int, default=TrainConfig().steps, help="optimiser steps")
    found.add_argument("--seed", type=int, default=0, help="seed of everything random")
    found.add_argument("--device", default="cpu", help="Torch device")
    return found


@command
def main() -> None:
    """Make views, train, measure."""
    options = parser().parse_args()
    teacher = load_teacher(options.teacher)
    held_out, photos = find_photos(options.photos)
    validation = make_views(
        held_out, options.cache / "val", teacher, grid=34, smallest=1, seed=0, teacher_name=options.teacher
    )
    stores = _training_views(photos, teacher, options)
    train_head(stores, TrainConfig(steps=options.steps, seed=options.seed), options.out, device=options.device)
    text = json.dumps(_figures(options, teacher, validation), indent=1)
    options.out.with_suffix(".figures.json").write_text(text)
    print(text)


def _training_views(photos: list[Path], teacher: Teacher, options: argparse.Namespace) -> list[ViewStore]:
    """The large views, and the small ones, which begin with the photos that the large ones left out."""
    folder, seed = options.cache / "train", options.seed
    large = photos[: options.large_views]
    small = [*photos[options.large_views :], *photos][: options.small_views]
    return [
        make_views(large, folder, teacher, grid=34, smallest=0.6, seed=seed, teacher_name=options.teacher),
        make_views(small, folder, teacher, grid=24, smallest=0.35, seed=seed, teacher_name=options.teacher),
    ]


def _figures(options: argparse.Namespace, teacher: Teacher, validation: ViewStore) -> dict[str, object]:
    agreement = teacher_agreement(load_head(options.out), validation)
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
    return figures


if __name__ == "__main__":
    sys.exit(main())
