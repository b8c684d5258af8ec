"""What a network and a recipe may be: kinds, ranges, and values that must go together."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from made_detector import TINY

from cuts3d.detector.config import LIGHT, NETWORK_RANGES, NetworkConfig
from cuts3d.detector.network import CascadeMaskRCNN
from cuts3d.errors import ConfigError
from training.recipes import NAMES, get_recipe
from training.recipes.recipe import RECIPE_RANGES, Recipe
from training.recipes.settings import with_settings

RECIPE = Recipe(network=TINY, iterations=6, batch=2)


def network(**values: Any) -> NetworkConfig:
    return NetworkConfig.from_dict({**TINY.to_dict(), **values})


def numbers(config: object) -> set[str]:
    """Fields that hold numbers, or a number and None."""
    names = set()
    for field in dataclasses.fields(config):  # pyright: ignore[reportArgumentType]
        if any(word in str(field.type) for word in ("int", "float")):
            names.add(field.name)
    return names


@pytest.mark.parametrize("config", [NetworkConfig(), LIGHT, TINY, *(get_recipe(name).network for name in NAMES)])
def test_descriptions_survive_json(config: NetworkConfig) -> None:
    assert NetworkConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_every_number_has_a_range() -> None:
    assert numbers(TINY) == set(NETWORK_RANGES)
    assert numbers(RECIPE) == set(RECIPE_RANGES)


def several(config: Any, name: str, number: float) -> Any:
    """A field's value with one number in it changed."""
    value = getattr(config, name)
    return (number, *value[1:]) if isinstance(value, tuple) else number


@pytest.mark.parametrize("name", sorted(NETWORK_RANGES))
def test_a_network_out_of_range_is_refused(name: str) -> None:
    low, high = NETWORK_RANGES[name]
    step = 1 if isinstance(several(TINY, name, low), tuple) or type(getattr(TINY, name)) is int else 0.1
    for value in (low - step, high + step, 10**9):
        with pytest.raises(ConfigError, match=rf"The network's '{name}' must lie between .*; it is "):
            network(**{name: several(TINY, name, value)})


@pytest.mark.parametrize("name", sorted(RECIPE_RANGES))
def test_a_recipe_out_of_range_is_refused(name: str) -> None:
    low, high = RECIPE_RANGES[name]
    whole = isinstance(low, int) and "int" in next(str(f.type) for f in dataclasses.fields(Recipe) if f.name == name)
    step = 1 if whole else 1e-3
    for value in (low - step, high + step):
        with pytest.raises(ConfigError, match=rf"The recipe's '{name}' must lie between .*; it is "):
            RECIPE.replace(**{name: several(RECIPE, name, value)})


@pytest.mark.parametrize("name", ["score_threshold", "box_nms", "rpn_nms"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_are_finite(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        network(**{name: value})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"channels": 16.0}, "'channels' must be a whole number; it is 16.0"),
        ({"channels": True}, "'channels' must be a whole number; it is True"),
        ({"channels": None}, "'channels' must be a whole number; it is None"),
        ({"freeze_norm": 1}, "'freeze_norm' must be true or false; it is 1"),
        ({"box_nms": "half"}, "'box_nms' must be a number; it is 'half'"),
        ({"backbone": "vgg"}, "'backbone' must be one of resnet50, efficientnet_lite0; it is 'vgg'"),
        ({"backbone": ["resnet50"]}, "'backbone' must be one of"),
        ({"levels": 3}, "'levels' must be a list of whole numbers; it is 3"),
        ({"levels": [3, 4.0, 5]}, "'levels' must be a list of whole numbers"),
        ({"rpn_test": [1, 2, 3]}, "'rpn_test' must be a list of two whole numbers"),
        ({"rpn_test": [5]}, "'rpn_test' must be a list of two whole numbers"),
        ({"levels": []}, "levels must follow each other"),
        ({"levels": [3, 5, 4]}, "levels must follow each other"),
        ({"levels": [3, 3, 4]}, "levels must follow each other"),
        ({"levels": [3, 5]}, "levels must follow each other"),
        ({"levels": [4, 5]}, "anchor size for each of the 3 levels .* it has 4"),
        ({"anchor_sizes": []}, "anchor size for each of the 4 levels .* it has 0"),
        ({"anchor_sizes": [16] * 10**6}, "anchor size for each of the 4 levels .* it has 1000000"),
        ({"speed": 9}, "its fields are: backbone, channels"),
    ],
)
def test_what_is_no_network_is_refused_in_a_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as refusal:
        network(**values)
    assert len(str(refusal.value)) < 500


@pytest.mark.parametrize("values", [None, [], "resnet50", 3])
def test_only_a_table_describes_a_network(values: Any) -> None:
    with pytest.raises(ConfigError, match="not the configuration of a network"):
        NetworkConfig.from_dict(values)


def test_a_long_value_is_not_repeated_in_full() -> None:
    with pytest.raises(ConfigError) as refusal:
        network(anchor_sizes=[0] * 10**6)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("iterations=many", "'iterations' must be a whole number; it is 'many'"),
        ("iterations=1.5", "'iterations' must be a whole number"),
        ("iterations=0", "'iterations' must lie between 1 and 1e\\+09; it is 0"),
        ("lr=0", "'lr' must lie between"),
        ("lr=NaN", "'lr' must lie between"),
        ("flip=1.2", "'flip' must lie between 0 and 1; it is 1.2"),
        ("ema=high", "'ema' must be a number or null; it is 'high'"),
        ("optimizer=adam", "'optimizer' must be one of sgd, adamw; it is 'adam'"),
        ("mask_loss=3", "'mask_loss' must be one of confidence, plain"),
        ("bf16=yes", "'bf16' must be true or false; it is 'yes'"),
        ("short_sides=480", "'short_sides' must be a list of whole numbers; it is 480"),
        ("short_sides=[]", "'short_sides' needs at least one size"),
        ("score_range=[0.5, 0.5]", "'score_range' must rise, such as \\(0.3, 0.55\\); it is \\(0.5, 0.5\\)"),
        ("detection_score_range=[1.0, 0.5]", "'detection_score_range' must rise"),
        ("score_range=[0.3]", "'score_range' must be a list of two numbers"),
        ("pad_to=144", "'pad_to' must be a multiple of 32; it is 144"),
        ("lr_steps=[0.5, 2]", "'lr_steps' must lie between 0 and 1"),
        ("network=light", "'network' must be a NetworkConfig; it is 'light'"),
    ],
)
def test_settings_of_the_command_line_are_checked(setting: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        with_settings(RECIPE, [setting])


def test_what_is_allowed_at_the_ends_is_allowed() -> None:
    recipe = with_settings(
        RECIPE, ["ema=null", "lr=1", "lr_steps=[]", "flip=0", "copy_paste=1", "warmup=0", "workers=0"]
    )
    assert (recipe.ema, recipe.lr, recipe.lr_steps, recipe.flip) == (None, 1, (), 0)


@pytest.mark.parametrize("backbone", ["resnet50", "efficientnet_lite0"])
@pytest.mark.parametrize("levels", [(2, 3, 4, 5), (3, 4), (5,)])
def test_any_levels_in_a_row_make_a_network(backbone: str, levels: tuple[int, ...]) -> None:
    config = network(backbone=backbone, levels=levels, anchor_sizes=(16,) * (len(levels) + 1), frozen_blocks=7)
    made = CascadeMaskRCNN(config)
    assert made.backbone.strides == tuple(2**level for level in (*levels, levels[-1] + 1))
