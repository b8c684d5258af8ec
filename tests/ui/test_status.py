"""The status line: well-formed, in order, honest, and never markup of a visitor's."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuts3d.errors import InputError
from cuts3d.run.explorer import Explorer
from ui.draw import status

WORDS = st.text(st.characters(exclude_categories=["C"]), max_size=40)


def parsed(line: str) -> ET.Element:
    element = ET.fromstring(line)
    assert element.tag == "div"
    assert "status" in element.attrib["class"].split()
    return element


def text(line: str) -> str:
    return "".join(parsed(line).itertext())


@pytest.fixture
def segmented(photo, pixel_config) -> Explorer:
    explorer = Explorer(photo.image, pixel_config, depth=photo.depth)
    explorer.update()
    return explorer


def test_stages_are_those_of_the_pipeline_in_its_order(photo, pixel_config):
    explorer = Explorer(photo.image, pixel_config.replace(crf=True, depth="none"))
    seen = [step.stage for step in explorer.stages()]
    assert list(status.STAGES) == sorted(status.STAGES, key=seen.index)
    assert set(status.NAMES) - {"sharpened"} <= set(explorer.calls)  # flat depth sharpens nothing


def test_progress_only_grows():
    shares = [share for _, share in status.STAGES.values()]
    assert shares == sorted(set(shares))
    assert shares[0] > 0
    assert shares[-1] < 1


@pytest.mark.parametrize("name", status.STAGES)
def test_progress_shows_the_next_stage_and_the_completed_fraction(name):
    what, share = status.STAGES[name]
    line = parsed(status.stage(name))
    progress = line.find("progress")
    assert progress is not None
    assert progress.attrib == {"max": "100", "value": str(round(100 * share)), "aria-label": what}
    shown = text(status.stage(name))
    assert shown == what[0].upper() + what[1:] + " …"  # 3D stays 3D
    assert line.attrib["role"] == "status"


@given(WORDS)
def test_a_sentence_is_shown_unchanged(words):
    assert text(status.words(words)) == words
    assert text(status.error(InputError(words))) == words


@given(WORDS)
def test_a_file_name_is_escaped(segmented_line, words):
    assert words in text(segmented_line(words))


@pytest.fixture(scope="module")
def segmented_line(photo):
    from helpers import pixel_spec

    from cuts3d.backbones import registry
    from cuts3d.config import CutS3DConfig

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry._SPECS, "pixels", pixel_spec())
        explorer = Explorer(photo.image, CutS3DConfig().replace(backbone="pixels", crf=False), depth=photo.depth)
        explorer.update()
        yield lambda title: status.summary(explorer, title, costs=[], done=True)


def test_an_error_is_an_alert_and_a_sentence_is_not():
    assert parsed(status.error(InputError("no"))).attrib["role"] == "alert"
    assert parsed(status.words("yes")).attrib["role"] == "status"


@pytest.mark.parametrize("fault", [KeyError("features"), RuntimeError("/secret/place"), MemoryError(), ValueError("x")])
def test_an_internal_error_says_what_to_do_and_shows_no_details(fault):
    shown = text(status.error(fault))
    assert "secret" not in shown
    assert "('features'" not in shown
    assert re.search(r"Try|Reset|open", shown)


@pytest.mark.parametrize("done", [True, False])
def test_the_summary_counts_the_instances_and_names_the_networks(segmented, done):
    line = status.summary(segmented, "squares", costs=["12 ms: NCut", "3 ms: CRF"], done=done)
    shown = text(line)
    count = len(segmented.results["segmentation", 0].instances)
    assert count >= 2
    assert shown.startswith(f"{count} instances in squares")
    assert "mean colours" in shown
    assert "depth: drawn" in shown
    assert "12 ms: NCut · 3 ms: CRF" in shown
    assert ("pending" in line) is not done


def test_one_instance_is_singular(segmented):
    segmented.update(max_instances=1)
    assert text(status.summary(segmented, "x", costs=[], done=True)).startswith("1 instance in x")


def test_the_summary_shows_the_final_masks_or_those_before_the_crf(segmented):
    results = segmented.results
    before = text(status.summary(segmented, "x", costs=[], done=True))
    results.pop(("segmentation", 0))
    assert text(status.summary(segmented, "x", costs=[], done=True)) == before


def test_fallbacks_are_counted(segmented):
    segmented.update(tau_knn=0.01, max_instances=1)
    count = segmented.results["segmentation", 0].num_fallbacks
    shown = text(status.summary(segmented, "x", costs=[], done=True))
    assert count == 1, "so short links part everything"
    assert "1 without a cut in 3D" in shown


def test_the_cost_of_a_run():
    assert status.cost(0.0124, ["ncut", "graph", "spectrum"]) == "12 ms: NCut, k-NN graph"
    assert status.cost(1.5, []) == "1500 ms: all from memory"
