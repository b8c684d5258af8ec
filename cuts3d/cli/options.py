"""Options that several commands share, and one option per parameter, made from the configuration itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args, get_origin

from cuts3d.config import PRESETS, CutS3DConfig, parameter_field, parameter_stages, parameter_type
from cuts3d.errors import ConfigError, InputError


def add_photo(parser: argparse.ArgumentParser) -> None:
    """One photo, the folder of the results, the kind of the user's depth map, and the configuration."""
    parser.add_argument(
        "photo", type=Path, help="an image file: JPEG, PNG, WebP, TIFF, HEIC or any other that Pillow reads"
    )
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder of the results (default: out)")
    parser.add_argument(
        "--depth-kind",
        choices=("metric", "relative", "disparity"),
        default="relative",
        help="what the values of your own depth map mean (default: relative)",
    )
    add_config(parser)


def check_photo(photo: Path) -> None:
    """Refuse a missing photo before the heavy imports.

    Raises:
        InputError: There is no such file.
    """
    if not photo.exists():
        raise InputError(f"There is no file '{photo}'.")


def add_config(parser: argparse.ArgumentParser) -> None:
    """The configuration: a preset, a file, one option per parameter; `read_config` reads them."""
    parser.add_argument("--quiet", action="store_true", help="print no progress and no summary")
    parser.add_argument("--preset", choices=tuple(PRESETS), default="ours", help="initial parameters (default: ours)")
    parser.add_argument(
        "--config", type=Path, metavar="JSON", help="file with parameters; it overrides the preset, options override it"
    )
    _add_parameters(parser)


def _add_parameters(parser: argparse.ArgumentParser) -> None:
    """One option per parameter of the method, grouped by stage."""
    groups: dict[str, Any] = {}
    for name, stage in parameter_stages().items():
        group = groups.setdefault(stage, parser.add_argument_group(f"{stage.replace('_', ' ')} parameters"))
        kind, optional = parameter_type(name)
        field = parameter_field(name)
        default = "the backbone's own" if optional and stage in ("features", "affinity") else str(field.default).lower()
        shared: dict[str, Any] = {
            "dest": name,
            "default": argparse.SUPPRESS,
            "help": f"{field.metadata['text']} (default: {default})".replace("%", "%%"),
        }
        flag = "--" + name.replace("_", "-")
        if kind is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, **shared)
        elif get_origin(kind) is not None:
            group.add_argument(flag, choices=get_args(kind), **shared)
        else:
            group.add_argument(flag, type=kind, metavar="NAME" if kind is str else "X", **shared)


def read_config(options: argparse.Namespace) -> CutS3DConfig:
    """The configuration: the preset, overridden by the file of `--config`, overridden by the options.

    Raises:
        ConfigError: The file is no JSON object of known parameters, or a value is out of range.
    """
    params = {} if options.config is None else _read_parameters(options.config)
    given = {name: value for name, value in vars(options).items() if name in parameter_stages()}
    return PRESETS[options.preset].replace(**{**params, **given})


def _read_parameters(path: Path) -> dict[str, Any]:
    from cuts3d.io.files import read_json

    try:
        params = read_json(path)
    except InputError as error:
        raise ConfigError(str(error)) from error
    if not isinstance(params, dict):
        raise ConfigError(f"'{path}' must hold one JSON object of parameters.")
    return params
