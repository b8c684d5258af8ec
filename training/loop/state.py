"""A training's state on disk: all that is needed to go on as if nothing had happened."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
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
FREE = ("workers", "checkpoint_every")  # no weight depends on them


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What changes while a network is trained."""

    network: CascadeMaskRCNN
    optimizer: torch.optim.Optimizer
    ema: Ema | None

    @property
    def trainable(self) -> list[nn.Parameter]:
        """The weights that are trained."""
        return [p for p in self.network.parameters() if p.requires_grad]

    def result(self) -> CascadeMaskRCNN:
        """The network to keep: with the mean weights, where there are any."""
        return self.network if self.ema is None else cast(CascadeMaskRCNN, self.ema.applied(self.network))


@contextmanager
def alone(out: Path, lock: str, *files: str) -> Iterator[None]:
    """Hold a folder against a second training, and remove what a kill has left of its files.

    Raises:
        InputError: Another training works in the folder, or it cannot be written.
    """
    with exclusive_lock(
        out / lock, refused=f"Another training works in '{out}'; wait for it, or choose another folder."
    ):
        for name in files:
            remove_unfinished(out / name)
        yield


def save_run(run: Run, recipe: Recipe, step: int, path: Path) -> None:
    """Write a checkpoint, atomically: a full disk or a kill leaves the one before.

    Raises:
        InputError: It cannot be written.
    """
    content = {
        "recipe": _comparable(recipe),
        "step": step,
        "network": run.network.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "ema": None if run.ema is None else run.ema.state(),
    }

    def write(temporary: Path) -> None:
        try:
            torch.save(content, temporary)
        except RuntimeError as error:  # torch's own writer hides the cause
            raise OSError(f"is the disk full? ({error})") from error

    write_atomically(path, write)


def load_run(run: Run, recipe: Recipe, path: Path) -> int:
    """Read a checkpoint, if there is one, without running any code in it.

    Returns:
        Steps done; 0 where there is none.

    Raises:
        InputError: It is damaged.
        ConfigError: It is that of another recipe.
    """
    if not path.exists():
        return 0
    try:
        content: dict[str, Any] = _unharmed(path)
        step = int(content["step"])
        same = content["recipe"] == _comparable(recipe)
        if same:
            run.network.load_state_dict(content["network"])
            run.optimizer.load_state_dict(content["optimizer"])
            if run.ema is not None:
                run.ema.load(content["ema"])
    except Exception as error:  # the unpickler raises many kinds
        raise InputError(
            f"The checkpoint '{path}' is damaged ({type(error).__name__}); delete it to begin again."
        ) from error
    if not same:
        raise ConfigError(f"The checkpoint '{path}' is that of another recipe; choose another folder, or delete it.")
    return step


def _unharmed(path: Path) -> Any:
    """What a file holds; its checksums are compared, which Torch does not do."""
    with zipfile.ZipFile(path) as archive:
        if harmed := archive.testzip():
            raise ValueError(f"the checksum of '{harmed}' is another")
    return torch.load(path, map_location="cpu", weights_only=True)


def _comparable(recipe: Recipe) -> str:
    return json.dumps({k: v for k, v in recipe.to_dict().items() if k not in FREE}, sort_keys=True)
