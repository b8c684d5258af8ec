"""Command line: `python -m cuts3d segment photo.jpg --out out/`. Heavy imports wait until they are needed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from cuts3d import __version__
from cuts3d.cli.compare_depth import run_compare
from cuts3d.cli.detect import add_detect
from cuts3d.cli.evaluate import add_evaluate
from cuts3d.cli.extract import add_extract, run_extract
from cuts3d.config import PRESETS, CutS3DConfig, parameter_field, parameter_stages, parameter_type
from cuts3d.errors import ConfigError, CutS3DError

DONE, FAILED, WRONG_USE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 done, 1 a clear error on one line, 2 wrong use.
    """
    parser = build_parser()
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_USE
    except CutS3DError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except (OSError, MemoryError) as error:
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return FAILED


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(prog="cuts3d", description="Unsupervised instance masks, cut in 3D.")
    parser.add_argument("--version", action="version", version=f"cuts3d {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    segment = commands.add_parser("segment", help="masks of one photo", description="Find the instances of one photo.")
    segment.add_argument("--depth-map", type=Path, metavar="FILE", help="your own depth map: PNG, TIFF, NPY or EXR")
    _add_shared(segment)
    segment.set_defaults(run=_segment)
    compare = commands.add_parser(
        "compare-depth", help="one photo with several depth estimators", description="Compare depth estimators."
    )
    compare.add_argument(
        "--estimators", default="embedded,none", metavar="A,B,…", help="names; file:PATH is a depth map of your own"
    )
    _add_shared(compare)
    compare.set_defaults(run=lambda options: run_compare(options, read_config(options)))
    extract = add_extract(commands)
    _add_config(extract)
    extract.set_defaults(run=lambda options: run_extract(options, read_config(options)))
    add_detect(commands)
    add_evaluate(commands)
    return parser


def _add_shared(parser: argparse.ArgumentParser) -> None:
    """Photo, folder, and one option per parameter."""
    parser.add_argument("photo", type=Path, help="JPEG, PNG, WebP, TIFF or whatever else Pillow reads")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the results (default: out)")
    parser.add_argument(
        "--depth-kind",
        choices=("metric", "relative", "disparity"),
        default="relative",
        help="what the values of your own depth map mean",
    )
    _add_config(parser)


def _add_config(parser: argparse.ArgumentParser) -> None:
    """Where the configuration comes from: a preset, a file, one option per parameter."""
    parser.add_argument("--quiet", action="store_true", help="no progress, no summary")
    parser.add_argument("--preset", choices=tuple(PRESETS), default="ours", help="parameters to begin with")
    parser.add_argument("--config", type=Path, metavar="JSON", help="parameters from a file; options go before it")
    _add_parameters(parser)


def _add_parameters(parser: argparse.ArgumentParser) -> None:
    """One option per parameter of the method, grouped by stage, made from the configuration itself."""
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
    """The preset, then the file of `--config`, then the options.

    Raises:
        ConfigError: The file is no JSON object of known parameters, or a value is out of range.
    """
    params: dict[str, Any] = {}
    if options.config is not None:
        try:
            params = json.loads(options.config.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"'{options.config}' is not a readable JSON file ({error}).") from error
        if not isinstance(params, dict):
            raise ConfigError(f"'{options.config}' must hold one JSON object of parameters.")
    given = {name: value for name, value in vars(options).items() if name in parameter_stages()}
    return PRESETS[options.preset].replace(**{**params, **given})


def _segment(options: argparse.Namespace) -> int:
    config = read_config(options)
    _check_photo(options.photo)
    from tqdm import tqdm

    from cuts3d.io.results import save_all
    from cuts3d.run.explorer import Explorer

    explorer = Explorer(options.photo, config, depth=options.depth_map, depth_kind=options.depth_kind)
    result = None
    with tqdm(total=7, disable=options.quiet, unit="stage", leave=False, bar_format="{desc:24} {bar} {elapsed}") as bar:
        bar.set_description("loading networks")
        for step in explorer.stages():
            bar.set_description(step.stage.replace("_", " "))
            bar.update(bar.n < bar.total)
            result = step.value
        bar.set_description("writing")
        paths = save_all(result, options.out, file_name=options.photo.name, config=explorer.config)  # pyright: ignore
    if not options.quiet:
        _summary(result, paths)
    return DONE


def _check_photo(photo: Path) -> None:
    """Say what is wrong with the path at once, before the heavy imports."""
    from cuts3d.errors import InputError

    if not photo.exists():
        raise InputError(f"There is no file '{photo}'.")


def _summary(result: Any, paths: list[Path]) -> None:
    print(f"{len(result.instances)} instances (backbone {result.features.backbone}, depth: {result.depth.estimator})")
    for index, instance in enumerate(result.instances, start=1):
        share = 100 * instance.area / instance.mask.size
        note = f"  fallback: {instance.cut.fallback}" if instance.cut.fallback else ""
        print(f"  {index}: {share:5.1f} % of the photo, confidence {instance.mean_confidence:.2f}{note}")
    for dropped in result.dropped:
        print(f"  stopped or dropped at NCut {dropped.ncut + 1}: {dropped.reason}")
    print("wrote " + ", ".join(str(p) for p in paths))
