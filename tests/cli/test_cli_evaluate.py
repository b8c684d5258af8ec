"""`evaluate` on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import REPO

from cuts3d.cli.evaluate import run_evaluate
from cuts3d.cli.main import build_parser, main
from cuts3d.evaluate import evaluate
from cuts3d.evaluate.report import markdown, to_json
from cuts3d.io.coco import encode_rle


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with `gt.json`, `pred.json`, `pairs.json` and `ids.txt`: two images, two touching squares in each."""
    left, right = np.zeros((40, 60), dtype=bool), np.zeros((40, 60), dtype=bool)
    left[5:25, 5:25] = right[5:25, 25:45] = True
    images = [{"id": i, "file_name": f"{i}.jpg", "height": 40, "width": 60} for i in (1, 2)]
    truth = [
        {"id": 2 * i + n, "image_id": i, "segmentation": encode_rle(mask), "area": 400, "iscrowd": 0}
        for i in (1, 2)
        for n, mask in enumerate((left, right))
    ]
    found = [
        {"id": n, "image_id": image, "segmentation": encode_rle(mask), "score": 0.9}
        for n, (image, mask) in enumerate([(1, left), (1, right), (2, left | right), (3, left)])
    ]
    pairs = [{"image_id": i, "ann_ids": [2 * i, 2 * i + 1]} for i in (1, 2)]
    third = {"id": 3, "file_name": "other.jpg", "height": 40, "width": 60}
    contents = {
        "gt.json": {"images": images, "annotations": truth},
        "pred.json": {"images": [*images, third], "annotations": found},
        "pairs.json": {"pairs": pairs},
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "ids.txt").write_text("2.jpg\n")
    return tmp_path


def run(files: Path, *more: str) -> int:
    return main(["evaluate", "--gt", str(files / "gt.json"), "--pred", str(files / "pred.json"), *more])


def test_the_table_is_printed_and_the_json_written(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = files / "figures" / "found.json"
    assert run(files, "--pairs", str(files / "pairs.json"), "--json", str(out)) == 0
    found = evaluate(files / "gt.json", files / "pred.json", pairs=files / "pairs.json")
    captured = capsys.readouterr()
    assert captured.out == markdown(found) + "\n"
    assert captured.err == ""
    assert json.loads(out.read_text()) == to_json(found)
    assert found.pairs_separated == 0.5
    assert found.counts.unmatched_images == 1
    assert [path.name for path in out.parent.iterdir()] == ["found.json"]


def test_a_list_of_images_narrows_it(files: Path) -> None:
    out = files / "found.json"
    chosen = ["--image-ids", str(files / "ids.txt"), "--pairs", str(files / "pairs.json")]
    assert run(files, *chosen, "--json", str(out), "--quiet") == 0
    document = json.loads(out.read_text())
    assert document["counts"]["images"] == document["counts"]["pairs"] == 1
    assert document["pairs_separated"] == 0
    assert document["mean_best_iou"] == 0.5


def test_without_json_nothing_is_written_and_quiet_says_only_what_was_left_out(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(files.iterdir())
    assert run(files, "--quiet") == 0
    assert sorted(files.iterdir()) == before
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "note: Left out: 1 prediction on 1 image that the ground truth does not have: 'other.jpg'.\n"
    document = json.loads((files / "pred.json").read_text())
    document["images"].pop()
    document["annotations"].pop()
    (files / "pred.json").write_text(json.dumps(document))
    assert run(files, "--quiet") == 0
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_the_json_is_written_before_anything_is_printed(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object, **__: object) -> None:
        raise BrokenPipeError("the reader has gone")

    monkeypatch.setattr("cuts3d.cli.evaluate.print", closed, raising=False)
    command = ["evaluate", "--gt", str(files / "gt.json"), "--pred", str(files / "pred.json")]
    options = build_parser().parse_args([*command, "--json", str(files / "f.json")])
    with pytest.raises(BrokenPipeError):
        run_evaluate(options)
    assert json.loads((files / "f.json").read_text())["counts"]["images"] == 2


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--gt", "There is no file"),
        ("--pred", "There is no file"),
        ("--pairs", "There is no file"),
        ("--image-ids", "There is no file"),
    ],
)
def test_a_missing_file_ends_with_1_and_one_line(
    files: Path, option: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(files, option, str(files / "gone")) == 1
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [f"error: {said} '{files / 'gone'}'."]
    assert captured.out == ""


def test_a_target_that_cannot_be_written_ends_with_1(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, "--quiet", "--json", str(files / "gt.json" / "found.json")) == 1
    assert "could not be written" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--gt", "a.json"], ["--pred", "a.json"]])
def test_truth_and_predictions_are_needed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", *arguments])
    assert stop.value.code == 2
    assert "required" in capsys.readouterr().err


def test_help_comes_without_the_heavy_imports() -> None:
    code = (
        "import sys\n"
        "from cuts3d.cli.main import main\n"
        "try:\n"
        "    main(['evaluate', '--help'])\n"
        "except SystemExit:\n"
        "    heavy = {'torch', 'numpy', 'pycocotools'} & {m.split('.')[0] for m in sys.modules}\n"
        "    assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--image-ids" in done.stdout
