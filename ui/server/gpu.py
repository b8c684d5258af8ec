"""Hugging Face ZeroGPU: the backbone runs where a GPU is lent for the call; elsewhere nothing changes."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any


def spaces_package() -> ModuleType | None:
    """The package `spaces` on a ZeroGPU Space, which wants it imported before Torch; None elsewhere."""
    if os.environ.get("SPACES_ZERO_GPU", "").lower() not in ("1", "t", "true"):
        return None
    try:
        return importlib.import_module("spaces")
    except ImportError:
        return None


def lend_gpu() -> None:
    """Let the backbone run under `spaces.GPU` where there is such a thing."""
    spaces = spaces_package()
    if spaces is not None:
        from cuts3d.backbones.features import use_runner

        use_runner(spaces.GPU(run))


def run(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function; the only one that asks for the GPU."""
    return function(*arguments)
