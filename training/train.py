"""Train a detector on pseudo-labels, on one device or with `torchrun` on several. The same command resumes it.

python -m training.train --recipe light_cpu --photos photos/ --labels labels.json --out runs/light
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from tqdm import tqdm

from cuts3d.cli.output import command
from cuts3d.detector.network import CascadeMaskRCNN
from training.data.dataset import PseudoLabels
from training.loop.processes import processes, stopping
from training.loop.train import Metrics, train
from training.recipes import NAMES, get_recipe
from training.recipes.settings import with_settings


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    found = argparse.ArgumentParser(prog="python -m training.train", description="Train a detector on pseudo-labels.")
    found.add_argument("--recipe", required=True, metavar="NAME", help=f"one of: {', '.join(NAMES)}")
    found.add_argument("--photos", type=Path, required=True, help="the folder that 'cuts3d extract' read")
    found.add_argument("--labels", type=Path, required=True, help="the COCO file that it wrote")
    found.add_argument("--out", type=Path, required=True, help="folder for checkpoints, metrics and the result")
    found.add_argument("--init", type=Path, help="a detector to start from")
    found.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="Torch device")
    found.add_argument("--limit", type=int, metavar="N", help="only the first N photos")
    found.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="change one field of the recipe"
    )
    return found


@command
def main() -> int:
    """Train, with a progress bar."""
    options = parser().parse_args()
    with stopping() as stop, processes(options.device) as context:
        recipe = with_settings(get_recipe(options.recipe), options.set)
        dataset = PseudoLabels.of_recipe(options.photos, options.labels, recipe, limit=options.limit)
        with tqdm(total=recipe.iterations, unit=" steps", disable=not context.is_first, file=sys.stderr) as bar:

            def show(metrics: Metrics, _: CascadeMaskRCNN) -> None:
                bar.update(int(metrics["step"]) - bar.n)
                bar.set_postfix(loss=f"{metrics['total']:.3f}", refresh=False)

            final = train(
                recipe,
                dataset,
                options.out,
                init=options.init,
                on_step=show,
                stop=stop,
                device=str(context.device),
                info={"name": options.recipe, "labels": options.labels.name},
            )
        if context.is_first:
            print(f"The detector is in {final}; use it: cuts3d detect FOLDER --checkpoint {final} --out found.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
