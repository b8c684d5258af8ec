"""The state of a training on disk: everything that an exact resume needs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from cuts3d.detector.network import CascadeMaskRCNN
from cuts3d.errors import ConfigError, InputError
from cuts3d.io.files import remove_unfinished, write_atomically
from cuts3d.io.locks import exclusive_lock
from training.loop.ema import Ema
from training.recipes.recipe import Recipe

CHECKPOINT = "checkpoint.pt"
EXECUTION_FIELDS = ("workers", "checkpoint_every")  # of a recipe; no weight depends on them


@dataclass(frozen=True, slots=True, eq=False)
class TrainingState:
    """What changes while a network is trained."""

    network: CascadeMaskRCNN
    optimizer: torch.optim.Optimizer
    ema: Ema | None

    @property
    def trainable(self) -> list[nn.Parameter]:
        """The parameters that are trained."""
        return [p for p in self.network.parameters() if p.requires_grad]

    def result(self) -> CascadeMaskRCNN:
        """The network to save: with the averaged weights if there are any."""
        return self.network if self.ema is None else cast(CascadeMaskRCNN, self.ema.applied(self.network))


@contextmanager
def locked_folder(out: Path, lock: str, *files: str) -> Iterator[None]:
    """Lock the folder of a run exclusively, and remove temporary files that a killed run left.

    Args:
        out: The folder.
        lock: Name of the lock's file.
        files: Names of the files that the run writes.

    Raises:
        InputError: Another training uses the folder, or it cannot be written.
    """
    refused = f"Another training is running in '{out}'; wait for it, or choose another folder."
    with exclusive_lock(out / lock, refused=refused):
        for name in files:
            remove_unfinished(out / name)
        yield


def save_state(state: TrainingState, recipe: Recipe, step: int, path: Path, *, made_from: Mapping[str, str]) -> None:
    """Write a checkpoint atomically: after a full disk or a kill the previous one is still there.

    Args:
        state: What is written.
        recipe: The recipe.
        step: Number of finished steps.
        path: The file.
        made_from: Digests of what the training starts from, by name.

    Raises:
        InputError: It cannot be written.
    """
    content = {
        "recipe": _comparable(recipe),
        "made_from": dict(made_from),
        "step": step,
        "network": state.network.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "ema": None if state.ema is None else state.ema.state(),
    }

    def write(temporary: Path) -> None:
        try:
            torch.save(content, temporary)
        except RuntimeError as error:  # torch's own writer hides the cause
            raise OSError(f"is the disk full? ({error})") from error

    write_atomically(path, write)


def load_state(state: TrainingState, recipe: Recipe, path: Path, *, made_from: Mapping[str, str]) -> int:
    """Read a checkpoint, if there is one, without running any code in it.

    Returns:
        Number of finished steps; 0 without a checkpoint.

    Raises:
        InputError: It is damaged.
        ConfigError: It was made with another recipe, or from something else.
    """
    if not path.exists():
        return 0
    try:
        content: dict[str, Any] = _verified(path)
        step = int(content["step"])
        before = content.get("made_from", made_from)  # older checkpoints do not say it
        differs = [name for name, digest in made_from.items() if before[name] != digest]
        if content["recipe"] != _comparable(recipe):
            differs = ["recipe"]
        if not differs:
            state.network.load_state_dict(content["network"])
            state.optimizer.load_state_dict(content["optimizer"])
            if state.ema is not None:
                state.ema.load(content["ema"])
    except Exception as error:  # the unpickler raises many kinds
        raise InputError(
            f"The checkpoint '{path}' is damaged ({type(error).__name__}); delete it to start again."
        ) from error
    if differs:
        raise ConfigError(
            f"The checkpoint '{path}' was made with another {' and '.join(differs)}; choose another folder, "
            "or delete it."
        )
    return step


def _verified(path: Path) -> Any:
    """The content of a file after a check of its checksums, which Torch does not do."""
    with zipfile.ZipFile(path) as archive:
        if damaged := archive.testzip():
            raise ValueError(f"the checksum of '{damaged}' is wrong")
    return torch.load(path, map_location="cpu", weights_only=True)


def _comparable(recipe: Recipe) -> str:
    return json.dumps({k: v for k, v in recipe.to_dict().items() if k not in EXECUTION_FIELDS}, sort_keys=True)
