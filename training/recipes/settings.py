"""Changes to a recipe from the command line."""

from __future__ import annotations

import json
from typing import Any

from cuts3d.errors import ConfigError
from training.recipes.recipe import Recipe


def with_settings(recipe: Recipe, settings: list[str]) -> Recipe:
    """A recipe with changed fields.

    Args:
        recipe: The recipe.
        settings: `FIELD=VALUE` each; values are JSON, or text.

    Raises:
        ConfigError: A setting has no `=`, the field does not exist, or the value is out of its range.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator:
            raise ConfigError(f"--set takes FIELD=VALUE, such as iterations=500; it is '{setting}'.")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        values[name] = tuple(value) if isinstance(value, list) else value
    return recipe.replace(**values)
