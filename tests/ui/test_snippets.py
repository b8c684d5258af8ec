"""Snippets do what they say: they are run or parsed, and end at the configuration that they were made from."""

from __future__ import annotations

import shlex
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cuts3d import CutS3D, CutS3DConfig
from cuts3d.cli.main import build_parser
from cuts3d.cli.options import read_config
from cuts3d.config import parameter_field, parameter_stages
from cuts3d.depth import read_depth
from cuts3d.types import DepthMap
from ui.session.examples import example_names, load_example
from ui.session.snippets import Opened, python_snippet, shell_snippet

OTHER = {  # a value that is not the default, for every kind of parameter
    "beta": 0.3,
    "epsilon": 1e-09,
    "layer": -2,
    "image_size": 224,
    "center": False,
    "crf": False,
    "feature": "query",
    "backbone": "dino_vits8",
    "max_ncut": 0.1 + 0.2,
}
NASTY = ["my photo.jpg", "it's $(rm -rf).png", '"double".png', "-dash.png", "new\nline.png", "späß.png"]


@pytest.fixture
def segmented(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What `CutS3D.segment` was called with."""
    calls: list[dict[str, Any]] = []

    def segment(self: CutS3D, photo: Any, **options: Any) -> Any:
        calls.append({"config": self.config, "photo": photo, **options})
        return SimpleNamespace(instances=())

    monkeypatch.setattr(CutS3D, "segment", segment)
    return calls


def run(code: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    exec(compile(code, "snippet", "exec"), {})
    (call,) = calls
    return call


def parsed(line: str) -> Any:
    python, dash_m, module, *words = shlex.split(line)
    assert (python, dash_m, module) == ("python", "-m", "cuts3d")
    return build_parser().parse_args(words)


def test_the_python_program_has_the_same_configuration(segmented) -> None:
    call = run(python_snippet({**OTHER, "sigma": 3.0}, Opened(photo="photo.jpg")), segmented)
    assert call == {"config": CutS3DConfig().replace(**OTHER), "photo": "photo.jpg"}


def test_the_shell_command_has_the_same_configuration() -> None:
    options = parsed(shell_snippet({**OTHER, "sigma": 3.0}, Opened(photo="photo.jpg")))
    assert read_config(options) == CutS3DConfig().replace(**OTHER)
    assert str(options.photo) == "photo.jpg"
    assert str(options.out) == "out"


def test_defaults_are_not_written() -> None:
    params = CutS3DConfig().to_dict()
    assert shell_snippet(params, Opened(photo="a.png")) == "python -m cuts3d segment a.png --out out/\n"
    assert "CutS3DConfig()\n" in python_snippet(params, Opened(photo="a.png"))


def test_none_is_always_the_default_so_the_shell_never_needs_it() -> None:
    fields = [parameter_field(name) for name in parameter_stages()]
    optional = [field for field in fields if "None" in str(field.type)]
    assert optional
    assert all(field.default is None for field in optional)


@pytest.mark.parametrize("name", NASTY)
def test_any_file_name_is_quoted(name, segmented) -> None:
    call = run(python_snippet({}, Opened(photo=name, depth_file=name, depth_kind="metric")), segmented)
    assert (call["photo"], call["depth"], call["depth_kind"]) == (name, name, "metric")
    options = parsed(shell_snippet({}, Opened(photo=name, depth_file=name, depth_kind="metric")))
    assert (str(options.photo), str(options.depth_map), options.depth_kind) == (name, name, "metric")


@pytest.mark.parametrize("name", example_names())
def test_an_example_is_opened_from_python(name, segmented) -> None:
    image, depth = load_example(name)
    call = run(python_snippet({}, Opened(photo=name)), segmented)
    np.testing.assert_array_equal(call["photo"], image)
    if depth is not None:
        given = read_depth(call["depth"], kind=call.get("depth_kind", "relative"))
        assert given.kind == depth.kind
        np.testing.assert_array_equal(given.values, depth.values)


@pytest.mark.parametrize("name", ["two boxes", "cat", "motorcycle"])
def test_an_example_is_saved_before_the_command_line_opens_it(name, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    save, segment = shell_snippet({"beta": 0.3}, Opened(photo=name)).splitlines()
    python, dash_c, code = shlex.split(save)
    assert (python, dash_c) == ("python", "-c")
    exec(compile(code, "snippet", "exec"), {})
    options = parsed(segment)
    image, depth = load_example(name)
    np.testing.assert_array_equal(np.asarray(Image.open(options.photo)), image)
    assert read_config(options) == CutS3DConfig().replace(beta=0.3)
    if isinstance(depth, DepthMap):
        given = read_depth(options.depth_map, kind=options.depth_kind)
        np.testing.assert_array_equal(given.values, depth.values)
        assert options.depth_kind == depth.kind
    else:
        assert options.depth_map is None


def test_the_python_program_runs_on_a_tiny_photo(photo, pixel_config, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photo.image).save("tiny.png")
    np.save("tiny.npy", photo.depth.values)
    code = python_snippet(pixel_config.to_dict(), Opened(photo="tiny.png", depth_file="tiny.npy"))
    exec(compile(code, "snippet", "exec"), {})
    expected = CutS3D(pixel_config).segment(photo.image, depth=photo.depth)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{i.bbox} {i.area} {round(i.score, 3)}" for i in expected.instances]
