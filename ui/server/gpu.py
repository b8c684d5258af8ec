"""Hugging Face ZeroGPU: the backbone runs on a GPU that is assigned for one call. Elsewhere nothing changes."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any


def spaces_package() -> ModuleType | None:
    """The package `spaces` on a ZeroGPU Space, where it must be imported before Torch; None elsewhere."""
    if os.environ.get("SPACES_ZERO_GPU", "").lower() not in ("1", "t", "true"):
        return None
    try:
        return importlib.import_module("spaces")
    except ImportError:
        return None


def use_zero_gpu() -> None:
    """Run the backbone under `spaces.GPU` on a ZeroGPU Space."""
    spaces = spaces_package()
    if spaces is not None:
        from cuts3d.backbones.features import use_runner

        use_runner(spaces.GPU(run))


def run(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function; only this call requests the GPU."""
    return function(*arguments)
