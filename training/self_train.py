"""Train a detector on its own detections, round after round. The same command resumes it.

python -m training.self_train --recipe light_cpu --photos photos/ --labels labels.json \
    --checkpoint runs/light_cpu/final.safetensors --rounds 2 --out runs/self_trained

On several GPUs run the steps of a round one by one, with the round's folder as output: `cuts3d detect`, training.rank
(if the recipe says so), training.merge_labels, training.train. This command then finds their files and interpolates the
weights.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from tqdm import tqdm

from cuts3d.cli.output import command
from cuts3d.errors import ConfigError
from training.loop.processes import stopping
from training.recipes import NAMES, get_recipe
from training.recipes.settings import with_settings
from training.self_training.rounds import RoundInputs
from training.self_training.self_train import SCORES, self_train


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    found = argparse.ArgumentParser(
        prog="python -m training.self_train", description="Train a detector on its own detections, round after round."
    )
    found.add_argument("--recipe", required=True, metavar="NAME", help=f"of the detector; one of: {', '.join(NAMES)}")
    found.add_argument("--photos", type=Path, required=True, help="the folder that 'cuts3d extract' read")
    found.add_argument("--labels", type=Path, required=True, help="the COCO file that it wrote")
    found.add_argument("--checkpoint", type=Path, required=True, help="the detector that was trained on the labels")
    found.add_argument("--out", type=Path, required=True, help="folder of the rounds")
    found.add_argument("--rounds", type=int, default=2, metavar="N", help="number of rounds (2)")
    found.add_argument(
        "--score",
        default=",".join(map(str, SCORES)),
        metavar="S,S,…",
        help="least score of a detection that becomes a label, by round (%(default)s)",
    )
    found.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="Torch device")
    found.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="change one field of the recipe"
    )
    return found


def parsed_scores(text: str) -> tuple[float, ...]:
    """Scores from the command line.

    Raises:
        ConfigError: They are not numbers.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"--score takes numbers with commas between, such as 0.7,0.65; it is '{text}'.") from None


@command
def main() -> int:
    """Self-train, with a progress bar for each step of each round."""
    options = parser().parse_args()
    with stopping() as stop, tqdm(file=sys.stderr) as bar:

        def show(what: str, done: int, total: int) -> None:
            if bar.desc != f"{what}: ":
                bar.reset(total)
                bar.set_description(what)
            bar.update(done - bar.n)

        inputs = RoundInputs(
            recipe=with_settings(get_recipe(options.recipe), options.set),
            photos=options.photos,
            labels=options.labels,
            checkpoint=options.checkpoint,
        )
        final = self_train(
            inputs,
            options.out,
            rounds=options.rounds,
            scores=parsed_scores(options.score),
            device=options.device,
            progress=show,
            stop=stop,
        )
    print(f"The detector is in {final}; use it: cuts3d detect FOLDER --checkpoint {final} --out found.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
