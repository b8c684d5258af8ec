"""Training of a detector on pseudo-labels, on one device or by several processes; the same call resumes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cuts3d.detector.checkpoint import load_network, save_network
from cuts3d.detector.network import CascadeMaskRCNN, build
from cuts3d.errors import ConfigError, CutS3DError, InputError, out_of_memory
from cuts3d.weights.files import sha256_of
from training.data.dataset import PseudoLabels
from training.data.loader import batches
from training.data.samples import Sample
from training.loop.ema import Ema
from training.loop.losses import LossOptions
from training.loop.metrics import FILE, MetricsLog
from training.loop.objective import Losses, Objective
from training.loop.processes import DistributedContext
from training.loop.schedule import learning_rate, optimizer_for
from training.loop.state import CHECKPOINT, TrainingState, load_state, locked_folder, save_state
from training.recipes.recipe import Recipe

Metrics = dict[str, float]
OnStep = Callable[[Metrics, CascadeMaskRCNN], None]
FINAL, LOCK = "final.safetensors", "train.lock"


class Stopped(CutS3DError):
    """A training was stopped from outside; the same call resumes it."""


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
    """Train a detector; resume from `out/checkpoint.pt` if it exists.

    On a CPU an interrupted and resumed run ends with exactly the weights of an uninterrupted one.

    Args:
        recipe: The network and all parameters of the training.
        dataset: Photos with pseudo-labels.
        out: Folder for `checkpoint.pt`, `metrics.jsonl` (one line per step), TensorBoard's events if it is installed,
            and the result.
        init: A detector to start from; None: the backbone's pretrained weights.
        on_step: Called after each step with its losses, learning rate and seconds, and the network in training mode.
        stop: Stops the training after the current step, with a checkpoint. Among several processes one is enough.
        device: Torch device.
        info: Written into the checkpoint, for readers.

    Returns:
        The trained detector, `out/final.safetensors`.

    Raises:
        Stopped: `stop` was set.
        InputError: A photo, checkpoint or folder cannot be used, another training uses the folder, the losses are not
            finite, or memory runs out.
        ConfigError: The checkpoint in `out` was made with another recipe, from other labels or photos, or from another
            `init`.
        WeightsUnavailableError: The backbone's weights cannot be found.
    """
    context = DistributedContext.current(device)
    with locked_folder(out, LOCK, CHECKPOINT, FILE, FINAL) if context.is_first else nullcontext():
        state = _initial_state(recipe, init, context)
        made_from = {"set of labels or photos": dataset.digest, "initial detector": sha256_of(init) if init else ""}
        start = load_state(state, recipe, out / CHECKPOINT, made_from=made_from)
        step = start
        with closing(MetricsLog(out, start, writes=context.is_first)) as log:
            for step, metrics in _steps(state, recipe, dataset, context, start):
                log.write(metrics)
                if on_step is not None:
                    on_step(metrics, state.network)
                stopped = context.any(stop is not None and stop.is_set())
                if context.is_first and (stopped or step % recipe.checkpoint_every == 0):
                    save_state(state, recipe, step, out / CHECKPOINT, made_from=made_from)
                if stopped and step < recipe.iterations:
                    raise Stopped(
                        f"The training was stopped after {step} of {recipe.iterations} steps; run it again to resume."
                    )
        if context.is_first and (step > start or not (out / FINAL).exists()):
            save_state(state, recipe, step, out / CHECKPOINT, made_from=made_from)
            described = {"steps": step, "photos": len(dataset), "recipe": recipe.to_dict(), **(info or {})}
            save_network(state.result(), out / FINAL, described)
        return out / FINAL


def _initial_state(recipe: Recipe, init: Path | None, context: DistributedContext) -> TrainingState:
    torch.manual_seed(recipe.seed)
    network = _network(recipe, init).to(context.device).train()
    network.pad_to = recipe.pad_to
    return TrainingState(network, optimizer_for(network, recipe), Ema(network, recipe.ema) if recipe.ema else None)


def _network(recipe: Recipe, init: Path | None) -> CascadeMaskRCNN:
    if init is None:
        return build(recipe.network, pretrained=True)
    network, _ = load_network(init)
    if network.config != recipe.network:
        raise ConfigError(
            f"'{init.name}' is not the network of the recipe; choose the recipe that it was trained with."
        )
    return network


def _steps(
    state: TrainingState, recipe: Recipe, dataset: PseudoLabels, context: DistributedContext, start: int
) -> Iterator[tuple[int, Metrics]]:
    """The number of each step, from 1, and its metrics."""
    options = LossOptions(mask_loss=recipe.mask_loss, drop_loss=recipe.drop_loss, score_loss=recipe.score_loss)
    objective = context.wrap(Objective(state.network, options), sync_norms=not recipe.network.freeze_norm)
    data = batches(dataset, recipe, start=start, rank=context.rank, world_size=context.world_size)
    begin = time.perf_counter()
    with closing(data):  # pyright: ignore[reportArgumentType]
        for step in range(start, recipe.iterations):
            samples = next(data)
            torch.manual_seed(_seed(recipe.seed, step, context.rank))  # the global generator samples proposals
            try:
                losses = _step(objective, state, recipe, [sample.to(context.device) for sample in samples], step)
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                raise InputError(
                    f"Memory ran out in step {step + 1} at the photos {_names(samples)}; "
                    "use a smaller batch, or smaller photos (short_sides, max_side)."
                ) from error
            now = time.perf_counter()
            seconds, begin = now - begin, now
            speed = {"seconds": seconds, "photos_per_second": recipe.batch / seconds}
            yield step + 1, {"step": step + 1, **losses, "lr": learning_rate(recipe, step), **speed}


def _step(objective: nn.Module, state: TrainingState, recipe: Recipe, samples: list[Sample], step: int) -> Metrics:
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(recipe, step)
    state.optimizer.zero_grad(set_to_none=True)
    with torch.autocast(samples[0].image.device.type, torch.bfloat16, enabled=recipe.bf16):
        losses: Losses = objective([sample.image for sample in samples], samples)
    total = torch.stack([loss.float() for loss in losses.values()]).sum()
    if not total.isfinite():
        raise InputError(
            f"The loss of step {step + 1} is not finite at the photos {_names(samples)}; "
            "lower the learning rate (lr), or the largest norm of the gradient (clip_norm)."
        )
    total.backward()
    nn.utils.clip_grad_norm_(state.trainable, recipe.clip_norm)
    state.optimizer.step()
    if state.ema is not None:
        state.ema.update(state.network)
    return {"total": total.item(), **{name: loss.item() for name, loss in losses.items()}}


def _names(samples: list[Sample]) -> str:
    return ", ".join(sample.name for sample in samples)


def _seed(seed: int, step: int, rank: int) -> int:
    return (seed * 1_000_003 + step) * 1_009 + rank
