"""Train a detector on pseudo-labels, on one device or with `torchrun` on several; run it again and it goes on.

python -m training.train --recipe light_cpu --photos photos/ --labels labels.json --out runs/light
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from cuts3d.detector.checkpoint import load_network, save_network
from cuts3d.detector.losses import LossOptions
from cuts3d.detector.network import CascadeMaskRCNN, build
from cuts3d.errors import ConfigError, CutS3DError, InputError, out_of_memory
from training.data.dataset import PseudoLabels
from training.data.loader import batches
from training.data.samples import Sample
from training.loop.ema import Ema
from training.loop.metrics import FILE, MetricsLog
from training.loop.processes import Place, processes, stopping
from training.loop.schedule import learning_rate, optimizer_for
from training.loop.state import CHECKPOINT, Run, alone, load_run, save_run
from training.recipes import NAMES, get_recipe
from training.recipes.recipe import Recipe

Metrics = dict[str, float]
OnStep = Callable[[Metrics, CascadeMaskRCNN], None]
FINAL, LOCK = "final.safetensors", "train.lock"


class Stopped(CutS3DError):
    """A training was stopped from outside; the same call goes on where it was."""


def train(
    recipe: Recipe,
    dataset: PseudoLabels,
    out: Path,
    *,
    init: Path | None = None,
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
    device: str = "cpu",
    info: dict[str, Any] | None = None,
) -> Path:
    """Train a detector; go on from `out/checkpoint.pt` where there is one.

    On a CPU a run that was interrupted ends with the weights of one that was not.

    Args:
        recipe: What is trained, and how.
        dataset: Photos with pseudo-labels.
        out: Folder for `checkpoint.pt`, `metrics.jsonl` (a line a step), TensorBoard's events where it is installed,
            and the result.
        init: A detector to start from; None: the backbone's own weights.
        on_step: Told the losses, learning rate and seconds of each step, with the network in training mode.
        stop: Ends the training after the step at hand, with a checkpoint; of several processes one is enough.
        device: Torch device.
        info: What is written beside the weights, for people.

    Returns:
        The trained detector, `out/final.safetensors`.

    Raises:
        Stopped: `stop` was set.
        InputError: A photo, checkpoint or folder cannot be used, another training works in it, the losses are not
            finite, or memory runs out.
        ConfigError: The checkpoint in `out` is that of another recipe.
        WeightsUnavailableError: The backbone's weights cannot be had.
    """
    place = Place.here(device)
    with alone(out, LOCK, CHECKPOINT, FILE, FINAL) if place.rank == 0 else nullcontext():
        torch.manual_seed(recipe.seed)
        network = _network(recipe, init).to(place.device).train()
        network.pad_to = recipe.pad_to
        run = Run(network, optimizer_for(network, recipe), Ema(network, recipe.ema) if recipe.ema else None)
        start = load_run(run, recipe, out / CHECKPOINT)
        step = start
        with closing(MetricsLog(out, start, writes=place.rank == 0)) as log:
            for step, metrics in _steps(run, recipe, dataset, place, start):
                log.write(metrics)
                if on_step is not None:
                    on_step(metrics, network)
                stopped = place.any(stop is not None and stop.is_set())
                if place.rank == 0 and (stopped or step % recipe.checkpoint_every == 0):
                    save_run(run, recipe, step, out / CHECKPOINT)
                if stopped and step < recipe.iterations:
                    raise Stopped(
                        f"The training was stopped after {step} of {recipe.iterations} steps; call it again to go on."
                    )
        if place.rank == 0 and (step > start or not (out / FINAL).exists()):
            save_run(run, recipe, step, out / CHECKPOINT)
            described = {"steps": step, "photos": len(dataset), "recipe": recipe.to_dict(), **(info or {})}
            save_network(run.result(), out / FINAL, described)
        return out / FINAL


def _network(recipe: Recipe, init: Path | None) -> CascadeMaskRCNN:
    if init is None:
        return build(recipe.network, pretrained=True)
    network, _ = load_network(init)
    if network.config != recipe.network:
        raise ConfigError(f"'{init.name}' is another network than the recipe's; choose the recipe it was trained by.")
    return network


def _steps(run: Run, recipe: Recipe, dataset: PseudoLabels, place: Place, start: int) -> Iterator[tuple[int, Metrics]]:
    """Each step's number, from 1, and its figures."""
    model = place.wrap(run.network, sync_norms=not recipe.network.freeze_norm)
    options = LossOptions(mask_loss=recipe.mask_loss, drop_loss=recipe.drop_loss, score_loss=recipe.score_loss)
    data = batches(dataset, recipe, start=start, rank=place.rank, world=place.world)
    begin = time.perf_counter()
    with closing(data):  # pyright: ignore[reportArgumentType]
        for step in range(start, recipe.iterations):
            samples = next(data)
            torch.manual_seed(_seed(recipe.seed, step, place.rank))  # proposals are sampled by the global generator
            try:
                losses = _step(model, run, recipe, [sample.to(place.device) for sample in samples], options, step)
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                raise InputError(
                    f"Memory ran out in step {step + 1} at the photos {', '.join(s.name for s in samples)}; "
                    "use a smaller batch, or smaller photos (short_sides, max_side)."
                ) from error
            now = time.perf_counter()
            seconds, begin = now - begin, now
            yield (
                step + 1,
                {
                    "step": step + 1,
                    **losses,
                    "lr": learning_rate(recipe, step),
                    "seconds": seconds,
                    "photos_per_second": recipe.batch / seconds,
                },
            )


def _step(
    model: CascadeMaskRCNN | DistributedDataParallel,
    run: Run,
    recipe: Recipe,
    samples: list[Sample],
    options: LossOptions,
    step: int,
) -> Metrics:
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(recipe, step)
    run.optimizer.zero_grad(set_to_none=True)
    with torch.autocast(samples[0].image.device.type, torch.bfloat16, enabled=recipe.bf16):
        losses: dict[str, Tensor] = model([sample.image for sample in samples], samples, options)
    total = torch.stack([loss.float() for loss in losses.values()]).sum()
    if not total.isfinite():
        raise InputError(
            f"The loss of step {step + 1} is not finite at the photos {', '.join(s.name for s in samples)}; "
            "lower the learning rate, or clip the gradient at a smaller norm."
        )
    total.backward()
    nn.utils.clip_grad_norm_(run.trainable, recipe.clip_norm)
    run.optimizer.step()
    if run.ema is not None:
        run.ema.update(run.network)
    return {"total": total.item(), **{name: loss.item() for name, loss in losses.items()}}


def _seed(seed: int, step: int, rank: int) -> int:
    return (seed * 1_000_003 + step) * 1_009 + rank


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    found = argparse.ArgumentParser(prog="python -m training.train", description="Train a detector on pseudo-labels.")
    found.add_argument("--recipe", required=True, metavar="NAME", help=f"one of: {', '.join(NAMES)}")
    found.add_argument("--photos", type=Path, required=True, help="the folder that 'cuts3d extract' was given")
    found.add_argument("--labels", type=Path, required=True, help="what it wrote")
    found.add_argument("--out", type=Path, required=True, help="folder for checkpoints, metrics and the result")
    found.add_argument("--init", type=Path, help="a detector to start from")
    found.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    found.add_argument("--limit", type=int, metavar="N", help="only the first N photos")
    found.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="another value than the recipe's"
    )
    return found


def changed(recipe: Recipe, settings: list[str]) -> Recipe:
    """A recipe with `FIELD=VALUE` settings; values are JSON, or text.

    Raises:
        ConfigError: A setting has no `=`, or no such field.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        name, found, text = setting.partition("=")
        if not found:
            raise ConfigError(f"--set takes FIELD=VALUE, such as iterations=500; it is '{setting}'.")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        values[name] = tuple(value) if isinstance(value, list) else value
    return recipe.replace(**values)


def main() -> int:
    """Train, with a bar of progress."""
    options = parser().parse_args()
    try:
        with stopping() as stop, processes(options.device) as place:
            recipe = changed(get_recipe(options.recipe), options.set)
            dataset = PseudoLabels(
                options.photos,
                options.labels,
                min_score=recipe.min_score,
                top_labels=recipe.top_labels,
                score_range=recipe.score_range,
                max_side=recipe.max_side,
                limit=options.limit,
            )
            with tqdm(total=recipe.iterations, unit=" steps", disable=place.rank != 0, file=sys.stderr) as bar:

                def show(metrics: Metrics, _: CascadeMaskRCNN) -> None:
                    bar.update(int(metrics["step"]) - bar.n)
                    bar.set_postfix(loss=f"{metrics['total']:.3f}", refresh=False)

                about = {"name": options.recipe, "labels": options.labels.name}
                final = train(
                    recipe,
                    dataset,
                    options.out,
                    init=options.init,
                    on_step=show,
                    stop=stop,
                    device=str(place.device),
                    info=about,
                )
            if place.rank == 0:
                print(f"The detector is in {final}; use it: python -m training.predict FOLDER --checkpoint {final}")
    except CutS3DError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
