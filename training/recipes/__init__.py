"""Recipes, one file each; its docstring states the command, the hardware, the time and the expected figures."""

from __future__ import annotations

import importlib

from cuts3d.errors import ConfigError
from training.recipes.recipe import Recipe

NAMES = ("paper_r50", "light_gpu", "light_cpu", "light_cpu_smoke")


def get_recipe(name: str) -> Recipe:
    """A recipe by its name.

    Raises:
        ConfigError: There is no such recipe.
    """
    if name not in NAMES:
        raise ConfigError(f"Unknown recipe '{name}'; choose one of: {', '.join(NAMES)}.")
    return importlib.import_module(f"training.recipes.{name}").RECIPE
