"""Code that repeats what the page shows: a Python program and shell commands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cuts3d.scenes import SCENES
from cuts3d.types import DepthKind
from ui.session.examples import MOTORCYCLE, PHOTOS
from ui.session.permalink import changed_parameters

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Photo and depth of a snippet.

    Attributes:
        photo: Title of an example, or name of a file.
        depth_file: The visitor's depth map, or None.
        depth_kind: What the values of the visitor's depth map mean.
        own_depth: Whether the depth map that comes with an example is used.
    """

    photo: str
    depth_file: str | None = None
    depth_kind: DepthKind = "relative"
    own_depth: bool = True


def python_snippet(params: Params, opened: Opened) -> str:
    """A Python program that finds the same instances.

    Args:
        params: Parameters by name; those that have their default are left out.
        opened: Photo and depth.

    Returns:
        Source text.

    Raises:
        ConfigError: A parameter is unknown or out of its range.
    """
    imports, opening, photo, depth = _python_photo(opened.photo)
    if not opened.own_depth:
        depth = ""
    if opened.depth_file is not None:
        depth = f", depth={opened.depth_file!r}, depth_kind={opened.depth_kind!r}"
    changes = ", ".join(f"{name}={value!r}" for name, value in changed_parameters(params).items())
    lines = [
        *imports,
        "",
        *opening,
        f"config = CutS3DConfig().replace({changes})" if changes else "config = CutS3DConfig()",
        f"result = CutS3D(config).segment({photo}{depth})",
        "for instance in result.instances:",
        "    print(instance.bbox, instance.area, round(instance.score, 3))",
    ]
    return "\n".join(lines) + "\n"


def shell_snippet(params: Params, opened: Opened) -> str:
    """Shell commands that find the same instances and write them to `out/`; an example is saved to a file first.

    Args:
        params: Parameters by name; those that have their default are left out.
        opened: Photo and depth.

    Returns:
        One command per line.

    Raises:
        ConfigError: A parameter is unknown or out of its range.
    """
    saving, photo_file, known_depth = _saved_example(opened.photo)
    depth_file, depth_kind = opened.depth_file, opened.depth_kind
    if depth_file is None and known_depth and opened.own_depth:
        depth_file, depth_kind = known_depth, "disparity" if opened.photo == MOTORCYCLE else "metric"
    words = ["python", "-m", "cuts3d", "segment", _as_path(photo_file), "--out", "out/"]
    if depth_file is not None:
        words += ["--depth-map", _as_path(depth_file), "--depth-kind", depth_kind]
    words += [word for name, value in changed_parameters(params).items() for word in _option(name, value)]
    return "\n".join([*saving, shlex.join(words)]) + "\n"


def _python_photo(photo: str) -> tuple[list[str], list[str], str, str]:
    """Imports, lines that open the photo, its expression, and the depth argument."""
    ours = "from cuts3d import CutS3D, CutS3DConfig"
    if photo in SCENES:
        opening = [f"scene = make_scene({photo!r})"]
        return [ours, "from cuts3d.scenes import make_scene"], opening, "scene.image", ", depth=scene.depth_map"
    if photo == MOTORCYCLE:
        opening = ["left, _, disparity = skimage.data.stereo_motorcycle()"]
        return ["import skimage.data", "", ours], opening, "left", ', depth=disparity, depth_kind="disparity"'
    if photo in PHOTOS:
        return ["import skimage.data", "", ours], [], f"skimage.data.{PHOTOS[photo]}()", ""
    return [ours], [], repr(photo), ""


def _saved_example(photo: str) -> tuple[list[str], str, str]:
    """Commands that save an example, its file, and the file of its known depth; empty where none is known."""
    file, depth_file = f"{photo.replace(' ', '-')}.png", f"{photo.replace(' ', '-')}-depth.npy"
    if photo in SCENES:
        code = (
            "import numpy; from PIL import Image; from cuts3d.scenes import make_scene; "
            f"scene = make_scene({photo!r}); Image.fromarray(scene.image).save({file!r}); "
            f"numpy.save({depth_file!r}, scene.depth)"
        )
        return [shlex.join(["python", "-c", code])], file, depth_file
    if photo == MOTORCYCLE:
        code = (
            "import numpy, skimage.data; from PIL import Image; left, _, disparity = skimage.data.stereo_motorcycle(); "
            f"Image.fromarray(left).save({file!r}); numpy.save({depth_file!r}, disparity)"
        )
        return [shlex.join(["python", "-c", code])], file, depth_file
    if photo in PHOTOS:
        code = f"import skimage.data; from PIL import Image; Image.fromarray(skimage.data.{PHOTOS[photo]}())"
        return [shlex.join(["python", "-c", f"{code}.save({file!r})"])], file, ""
    return [], photo, ""


def _as_path(file: str) -> str:
    """A file name that the command line does not read as an option."""
    return f"./{file}" if file.startswith("-") else file


def _option(name: str, value: Any) -> list[str]:
    """The words that set one parameter; joined by '=' where the value could be read as an option."""
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    text = str(value)
    return [f"--{flag}={text}"] if text.startswith("-") else [f"--{flag}", text]
