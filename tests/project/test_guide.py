"""Every row of the guide's table from a symptom to a parameter is run, and its numbers hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cuts3d import CutS3DConfig, Explorer, Segmentation
from cuts3d.arrays import ImageArray, IntArray
from cuts3d.config import PRESETS, parameter_stages, parameter_type
from cuts3d.grids import iou
from cuts3d.scenes import SCENES, make_scene
from cuts3d.types import DepthMap
from ui.session.examples import example_names, load_example

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"
HEADER = "| what you see | what to change | photo | before | after |"
EXTRA = ("rocket", "grass", "coins")  # photos of scikit-image that are no examples of the page
CHANGE = re.compile(r"`?(\w+)`?: (\S+) → (\S+)")
POINTS = 0.25  # percentage points that an area may differ by: another processor rounds differently
TOLERANCE = 0.015  # of IoU and confidence


@dataclass(frozen=True)
class Row:
    """One row of the table, as text."""

    symptom: str
    change: str
    photo: str
    before: str
    after: str

    def settings(self, side: int) -> tuple[CutS3DConfig, bool]:
        """Configuration before (0) or after (1), and whether the known depth is used."""
        preset, params, known = "ours", {}, self.photo.endswith("known depth")
        for name, *values in CHANGE.findall(self.change):
            value = values[side].rstrip(",")
            if name == "preset":
                preset = value
            elif name == "depth":
                known = value == "known"
            else:
                params[name] = _parsed(name, value)
        return PRESETS[preset].replace(**params), known

    @property
    def name(self) -> str:
        """Of the photo."""
        return self.photo.split(",")[0]


def rows() -> Iterator[Row]:
    """The rows of the table."""
    table = GUIDE.read_text(encoding="utf-8").partition(HEADER)[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        yield Row(*(cell.strip() for cell in line.strip("|").split("|")))


ROWS = list(rows())


@cache
def photo(name: str) -> tuple[ImageArray, DepthMap | None, IntArray | None]:
    """The photo, its known depth and its true instances, where there are any."""
    if name in EXTRA:
        import skimage.data

        values = np.asarray(getattr(skimage.data, name)())
        return (np.stack([values] * 3, axis=-1) if values.ndim == 2 else values), None, None
    truth = make_scene(name).labels if name in SCENES else None
    return *load_example(name), truth


@cache
def explorer(name: str, known: bool) -> Explorer:
    """The photo, kept open: most rows need no network again."""
    image, depth, _ = photo(name)
    assert depth is not None or not known
    return Explorer(image, depth=depth if known else None)


def result(name: str, config: CutS3DConfig, known: bool) -> Segmentation:
    """The photo, segmented."""
    return explorer(name, known).update(**config.to_dict())


def check(cell: str, found: Segmentation, truth: IntArray | None) -> None:
    """Compare what a cell says with a segmentation; every part of it must be understood."""
    parts = [part.strip() for part in cell.split(";")]
    assert parts
    for part in parts:
        pattern, test = next((p, t) for p, t in CHECKS.items() if re.fullmatch(p, part))
        match = re.fullmatch(pattern, part)
        assert match is not None
        test(match, found, truth)


def _masks(match: re.Match[str], found: Segmentation, _: Any) -> None:
    expected = [float(value) for value in match["areas"].split(",") if value.strip() != "…"]
    areas = [100 * i.area / i.mask.size for i in found.instances]
    assert len(areas) == int(match["count"])
    assert ("…" in match["areas"]) == (len(areas) > len(expected))
    assert areas[: len(expected)] == pytest.approx(expected, abs=POINTS)


def _no_mask(_: Any, found: Segmentation, __: Any) -> None:
    assert not found.instances


def _fallbacks(match: re.Match[str], found: Segmentation, _: Any) -> None:
    assert (len(found.instances), found.num_fallbacks) == (int(match["count"]), int(match["fallbacks"]))


def _iou(match: re.Match[str], found: Segmentation, truth: IntArray | None) -> None:
    assert truth is not None
    numbers = range(1, int(truth.max()) + 1)
    best = [max((iou(i.mask, truth == number) for i in found.instances), default=0.0) for number in numbers]
    assert np.mean(best) == pytest.approx(float(match["iou"]), abs=TOLERANCE)


def _best(match: re.Match[str], found: Segmentation, _: Any) -> None:
    best = max(found.instances, key=lambda instance: instance.score)
    assert 100 * best.area / best.mask.size == pytest.approx(float(match["area"]), abs=POINTS)


def _confidence(match: re.Match[str], found: Segmentation, _: Any) -> None:
    assert found.instances[0].mean_confidence == pytest.approx(float(match["confidence"]), abs=TOLERANCE)


def _patches(match: re.Match[str], found: Segmentation, _: Any) -> None:
    assert found.features.grid_shape[0] * found.features.grid_shape[1] == int(match["patches"])


CHECKS = {
    r"(?P<count>\d+) masks?: (?P<areas>[\d.,… ]+) %": _masks,
    r"no mask": _no_mask,
    r"(?P<count>\d+) masks, (?P<fallbacks>\d+) fallbacks": _fallbacks,
    r"IoU (?P<iou>[\d.]+)": _iou,
    r"best score on (?P<area>[\d.]+) %": _best,
    r"confidence of the first mask (?P<confidence>[\d.]+)": _confidence,
    r"(?P<patches>\d+) patches": _patches,
}


def test_the_table_has_rows_on_photos_that_ship():
    assert len(ROWS) >= 15
    assert {row.name for row in ROWS} <= {*example_names(), *EXTRA}
    assert all(CHANGE.search(row.change) for row in ROWS)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.symptom[:40]}-{row.name}")
def test_a_row_of_the_guide_shows_what_it_says(row):
    truth = photo(row.name)[2]
    for side, cell in enumerate((row.before, row.after)):
        config, known = row.settings(side)
        check(cell, result(row.name, config, known), truth)


def test_a_wrong_number_in_the_table_is_found():
    row = next(row for row in ROWS if row.name == "cat")
    config, known = row.settings(0)
    found = result(row.name, config, known)
    check(row.before, found, None)
    for wrong in ("3 masks: 54.3, 17.2 %", "2 masks: 54.3, 19.2 %", "1157 patches", "no mask"):
        with pytest.raises(AssertionError):
            check(wrong, found, None)


def _parsed(name: str, text: str) -> Any:
    assert name in parameter_stages(), name
    if text == "none":
        return None
    kind, _ = parameter_type(name)
    return {"true": True, "false": False}[text] if kind is bool else kind(text) if kind in (int, float) else text
