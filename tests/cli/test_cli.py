"""The command line."""

import json
import subprocess
import sys

import networkx as nx
import numpy as np
import pytest
from helpers import REPO
from PIL import Image

from cuts3d.cli.main import build_parser, main
from cuts3d.cli.options import read_config
from cuts3d.config import CutS3DConfig, parameter_stages

OUTPUTS = ["cloud.ply", "instances.json", "overlay.png", "stages.npz"]
QUICK = ["--backbone", "pixels", "--depth", "none", "--no-crf"]


@pytest.fixture
def photo_file(photo, tmp_path, pixel_backbone):
    Image.fromarray(photo.image).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def errors_of(capsys) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.strip()]


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=REPO, capture_output=True, text=True, check=False)


def test_help_comes_without_the_heavy_imports():
    code = (
        "import sys\n"
        "from cuts3d.cli.main import main\n"
        "try:\n"
        "    main(['segment', '--help'])\n"
        "except SystemExit as stop:\n"
        "    assert stop.code == 0\n"
        "names = {'torch', 'numpy', 'scipy', 'networkx', 'PIL', 'timm', 'onnx'}\n"
        "heavy = names & {m.split('.')[0] for m in sys.modules}\n"
        "assert not heavy, heavy\n"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
    assert "--tau-knn" in done.stdout


def test_the_module_runs_and_says_its_version():
    done = run_python("-m", "cuts3d", "--version")
    assert done.returncode == 0
    assert done.stdout.startswith("cuts3d ")


def test_a_missing_photo_ends_the_process_with_1_and_one_line(tmp_path):
    done = run_python("-m", "cuts3d", "segment", str(tmp_path / "gone.jpg"))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"error: There is no file '{tmp_path / 'gone.jpg'}'."]
    assert done.stdout == ""


def test_help_names_every_parameter(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["segment", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for name in parameter_stages():
        assert f"--{name.replace('_', '-')}" in text


def test_points_and_surface_are_written_when_asked_for(photo_file, tmp_path, capsys):
    import open3d

    out = tmp_path / "out"
    assert main(["segment", str(photo_file), "--out", str(out), "--pcd", "--mesh", *QUICK]) == 0
    assert sorted(p.name for p in out.iterdir()) == sorted([*OUTPUTS, "cloud.pcd", "surface.glb"])
    assert "surface.glb" in capsys.readouterr().out
    cloud = open3d.t.io.read_point_cloud(out / "cloud.pcd")
    assert set(cloud.point) == {"positions", "colors", "normals", "label", "confidence"}
    assert len(open3d.io.read_triangle_mesh(out / "surface.glb").triangles) == 2 * 179 * 239  # of flat depth


def test_without_open3d_a_surface_is_refused_and_the_rest_has_a_note(photo_file, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "open3d", None)
    command = ["segment", str(photo_file), "--out", str(tmp_path / "out"), *QUICK]
    assert main([*command, "--mesh"]) == 1
    assert errors_of(capsys)[-1].startswith("error: --mesh needs Open3D: run 'pip install")
    assert not (tmp_path / "out").exists()
    assert main([*command, "--quiet"]) == 0
    assert errors_of(capsys)[-1].startswith("note: cloud.ply was not written. A point cloud needs Open3D: run 'pip")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == OUTPUTS[1:]


def test_a_photo_is_segmented_and_everything_written(photo_file, tmp_path, capsys):
    assert main(["segment", str(photo_file), "--out", str(tmp_path / "out"), *QUICK]) == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == OUTPUTS
    text = capsys.readouterr().out
    assert "instances" in text
    assert "overlay.png" in text
    document = json.loads((tmp_path / "out" / "instances.json").read_text(encoding="utf-8"))
    assert document["images"][0]["file_name"] == "photo.png"
    assert document["info"]["config"]["crf"] is False


def test_graphs_are_written_on_demand(photo_file, tmp_path, capsys):
    assert main(["segment", str(photo_file), "--out", str(tmp_path / "out"), "--graphml", *QUICK]) == 0
    document = json.loads((tmp_path / "out" / "instances.json").read_text(encoding="utf-8"))
    names = [f"graph_{n}.graphml" for n in range(1, len(document["annotations"]) + 1)]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted([*OUTPUTS, *names])
    said = capsys.readouterr().out
    for name in names:
        graph = nx.read_graphml(tmp_path / "out" / name, node_type=str)
        assert {"source", "sink"} <= set(graph)
        assert name in said


def test_an_instance_without_a_cut_in_3d_has_no_graph_and_it_is_said(photo, photo_file, tmp_path, capsys):
    np.save(tmp_path / "d.npy", photo.depth.values)
    whole = ["--region", "recursive", "--max-instances", "8", "--quiet", "--graphml"]
    whole += ["--depth-map", str(tmp_path / "d.npy"), "--depth-scale", "3", "--tau-knn", "0.15", "--k-neighbors", "12"]
    assert main(["segment", str(photo_file), "--out", str(tmp_path / "out"), *whole, *QUICK]) == 0
    document = json.loads((tmp_path / "out" / "instances.json").read_text(encoding="utf-8"))
    missing = [line for line in errors_of(capsys) if "has no graph" in line]
    written = list((tmp_path / "out").glob("graph_*.graphml"))
    assert len(missing) > 0
    assert len(missing) + len(written) == len(document["annotations"])


def test_quiet_says_nothing(photo_file, tmp_path, capsys):
    assert main(["segment", str(photo_file), "--out", str(tmp_path / "out"), "--quiet", *QUICK]) == 0
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_depth_map_of_one_s_own_is_used(photo, photo_file, tmp_path):
    np.save(tmp_path / "d.npy", photo.depth.values)
    own = ["--depth-map", str(tmp_path / "d.npy"), "--depth-kind", "relative", "--quiet"]
    cut = ["--depth-scale", "3", "--tau-knn", "0.15", "--k-neighbors", "12"]
    assert main(["segment", str(photo_file), "--out", str(tmp_path / "out"), *own, *cut, *QUICK]) == 0
    document = json.loads((tmp_path / "out" / "instances.json").read_text(encoding="utf-8"))
    assert "d.npy" in document["info"]["depth"]
    assert len(document["annotations"]) == 3


def parsed(*arguments: str) -> CutS3DConfig:
    return read_config(build_parser().parse_args(["segment", "p.jpg", *arguments]))


def test_without_options_the_configuration_is_the_default():
    assert parsed() == CutS3DConfig()


def test_options_of_every_kind_reach_the_configuration():
    config = parsed(
        "--beta", "0.3", "--num-cuts", "4", "--no-sharpen", "--pair-rule", "max", "--backbone", "dino_vits8"
    )  # fmt: skip
    expected = {"beta": 0.3, "num_cuts": 4, "sharpen": False, "pair_rule": "max", "backbone": "dino_vits8"}
    assert config == CutS3DConfig().replace(**expected)


def test_options_override_the_file_and_the_file_overrides_the_defaults(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps({"beta": 0.1, "num_cuts": 3}))
    config = parsed("--config", str(tmp_path / "c.json"), "--beta", "0.2")
    assert config == CutS3DConfig().replace(beta=0.2, num_cuts=3)


def test_a_configuration_that_was_exported_can_be_given_again(tmp_path):
    config = CutS3DConfig().replace(cut_size=80, max_ncut=0.4, region="once")
    (tmp_path / "c.json").write_text(json.dumps(config.to_dict()))
    assert parsed("--config", str(tmp_path / "c.json")) == config


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--beta", "7"], "beta must lie between 0 and 1"),
        (["--beta", "nan"], "beta must be a finite number"),
        (["--backbone", "nobody"], "Unknown backbone 'nobody'"),
        (["--depth", "nothing"], "Unknown depth estimator 'nothing'"),
    ],
)
def test_a_wrong_value_ends_with_2_and_one_line(photo_file, tmp_path, capsys, options, said):
    assert main(["segment", str(photo_file), "--out", str(tmp_path / "out"), "--quiet", *QUICK, *options]) == 2
    (line,) = errors_of(capsys)
    assert line.startswith("error: ")
    assert said in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [[], ["segment"], ["dance"], ["segment", "p.jpg", "--beta", "much"]])
def test_wrong_use_ends_with_2_and_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{broken", "not a readable JSON file"),
        ('{"beta":' * 10**5, "not a readable JSON file"),
        ("[1, 2]", "must hold one JSON object"),
        ('{"betta": 1}', "Unknown parameter 'betta'"),
        ('{"beta": "x"}', "beta must be a finite number"),
        ('{"beta": NaN}', "beta must be a finite number"),
        ("\udcff", "not a readable JSON file"),
        (None, "There is no file"),
    ],
)
def test_a_bad_configuration_file_ends_with_2_and_one_line(photo_file, tmp_path, capsys, content, said):
    path = tmp_path / "c.json"
    if content is not None:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert main(["segment", str(photo_file), "--config", str(path), *QUICK]) == 2
    (line,) = errors_of(capsys)
    assert said in line


@pytest.mark.parametrize("kind", ["missing", "text", "folder", "tiny"])
def test_a_photo_that_cannot_be_used_ends_with_1_and_one_line(tmp_path, capsys, kind, pixel_backbone):
    path = tmp_path / "p.jpg"
    if kind == "text":
        path.write_text("I am no photo")
    elif kind == "folder":
        path.mkdir()
    elif kind == "tiny":
        Image.new("RGB", (3, 3)).save(path)
    assert main(["segment", str(path), "--out", str(tmp_path / "out"), "--quiet", *QUICK]) == 1
    (line,) = errors_of(capsys)
    assert line.startswith("error: ")
    assert "p.jpg" in line or kind == "tiny"
    assert not (tmp_path / "out").exists()


def test_a_depth_map_that_does_not_fit_ends_with_1_and_one_line(photo_file, tmp_path, capsys):
    np.save(tmp_path / "d.npy", np.ones((50, 50)))
    assert main(["segment", str(photo_file), "--depth-map", str(tmp_path / "d.npy"), "--quiet", *QUICK]) == 1
    (line,) = errors_of(capsys)
    assert "aspect" in line


def test_an_output_folder_that_is_a_file_ends_with_1_and_one_line(photo_file, tmp_path, capsys):
    (tmp_path / "out").write_text("in the way")
    assert main(["segment", str(photo_file), "--out", str(tmp_path / "out"), "--quiet", *QUICK]) == 1
    (line,) = errors_of(capsys)
    assert "could not be written" in line


def test_the_same_command_writes_the_same_masks(photo_file, tmp_path):
    for name in ("a", "b"):
        assert main(["segment", str(photo_file), "--out", str(tmp_path / name), "--quiet", *QUICK]) == 0
    a, b = ((tmp_path / name / "instances.json").read_text(encoding="utf-8") for name in ("a", "b"))
    assert a == b
