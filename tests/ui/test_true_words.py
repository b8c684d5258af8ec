"""What the page says in several places is the same everywhere: numbers of instances, rules, names, networks."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from cuts3d.baselines import BASELINES
from cuts3d.config import SCORE_RULES, MaskConfig, parameter_field, parameter_type
from cuts3d.depth import list_depths
from cuts3d.io.coco import coco_document
from cuts3d.io.overlays import draw_overlay, instance_colour
from cuts3d.run.explorer import Explorer
from cuts3d.types import DepthMap, Dropped
from ui.draw import status
from ui.events import runs
from ui.session.drawing import Drawing
from ui.session.sessions import Session, Source, View
from ui.tabs import BY_ID, cloud, confidence


@pytest.fixture
def explorer(photo, pixel_config) -> Explorer:
    explorer = Explorer(photo.image, pixel_config, depth=photo.depth)
    explorer.update()
    return explorer


@pytest.fixture
def session(explorer) -> Session:
    """A photo of whose cuts the refinement dropped the first: what is left is cut 2, 3, …"""
    whole = explorer.results["segmentation", 0]
    assert [instance.number for instance in whole.instances][:2] == [1, 2]
    dropped = (*whole.dropped, Dropped(ncut=whole.instances[0].ncut, reason="the CRF changed it too much"))
    explorer.results["segmentation", 0] = replace(
        whole, instances=whole.instances[1:], confidences=whole.confidences[1:], dropped=dropped
    )
    return Session(explorer, Source(title="squares"), explorer.depth, View(patch=(0, 0)))


def drawn(session: Session, tab: str, **view: Any) -> dict[str, Any]:
    session.look(tab=tab, **view)
    session.drawn.keys.clear()
    return runs.redraw(session)


def count_of(session: Session) -> int:
    return len(session.explorer.results["segmentation", 0].instances)


# ---- numbers of instances


def test_instances_have_the_same_numbers_everywhere(session):
    count = count_of(session)
    numbers = [str(n) for n in range(1, count + 1)]
    panel = drawn(session, "instances")["instances"]
    assert re.findall(r'aria-label="Choose instance (\d+)"', panel) == numbers
    assert sorted(re.findall(r'aria-label="Instance (\d+),', panel)) == numbers
    masks = re.findall(r'<b class="number"[^>]*>(\d+)<', drawn(session, "pipeline")["masks"])
    assert sorted(masks) == numbers
    before = re.findall(r'<b class="number"[^>]*>(\d+)<', drawn(session, "instances")["coarse"])
    assert sorted(before) == numbers
    drawing = Drawing(session)
    assert runs.selector(drawing)["choices"] == numbers
    assert [name.split()[-1] for name in instance_names(drawing)] == numbers
    chart = confidence.chart(drawing.cuts, 0, 0.15)
    assert all(re.search(rf">{number}<", chart) for number in numbers)
    assert not re.search(rf">{count + 1}</text>", chart)
    line = status.summary(session.explorer, "squares", costs=[], done=True)
    assert f"<b>{count} instance" in line
    result = session.explorer.results["segmentation", 0]
    document = coco_document(result, file_name="x.png")
    assert [str(one["id"]) for one in document["annotations"]] == numbers


def instance_names(drawing: Drawing) -> list[str]:
    (layer,) = [layer for layer in cloud.layers_of(drawing) if layer.name == "instances"]
    return [name for name, _ in layer.legend]


def test_the_chosen_number_shows_that_instance_s_own_cut_everywhere(session):
    result = session.explorer.results["segmentation", 0]
    for index, instance in enumerate(result.instances):
        session.look(instance=index)
        drawing = Drawing(session)
        cut, found = drawing.cuts[drawing.chosen]
        assert cut is instance.cut
        assert found is result.confidences[index]
        assert drawing.ncut == instance.ncut
        assert drawing.results["local_cut", drawing.cut_index] is cut
        assert drawing.result("graph", drawing.cut_index) is not None


def test_colours_follow_the_numbers_on_the_page_and_in_the_files(session):
    result = session.explorer.results["segmentation", 0]
    overlay = draw_overlay(result, opacity=1.0)
    rendered = drawn(session, "instances")["instances"]
    for index, instance in enumerate(result.instances):
        others = [other.mask for other in result.instances if other is not instance]
        alone = instance.mask & ~np.logical_or.reduce([np.zeros_like(instance.mask), *others])
        np.testing.assert_array_equal(np.unique(overlay[alone], axis=0), [instance_colour(index)])
        red, green, blue = instance_colour(index)
        assert f"--tint: rgb({red} {green} {blue})" in rendered


def test_what_was_dropped_is_listed_apart_with_its_reason(session):
    panel = drawn(session, "instances")["instances"]
    table, _, dropped = panel.partition('<ul class="mask-dropped">')
    assert "the CRF changed it too much" in dropped
    assert "the CRF changed it too much" not in table


def test_during_a_run_the_cuts_that_are_done_are_numbered_in_the_order_of_cutting(explorer):
    for step in explorer.stages(beta=0.2):
        if step.stage == "confidence" and step.index == 1:
            drawing = Drawing(Session(explorer, Source(title="squares"), explorer.depth, View(instance=1)))
            assert drawing.shown is None
            assert len(drawing.cuts) == 2
            assert drawing.cuts[drawing.chosen][0] is explorer.results["local_cut", 1]
            return
    raise AssertionError("the photo has two instances")


# ---- rules and names


def test_every_rule_of_the_score_is_described_where_it_is_chosen():
    kind, _ = parameter_type("score")
    assert set(SCORE_RULES) == set(get_args(kind))
    assert MaskConfig().score in SCORE_RULES
    text = parameter_field("score").metadata["text"]
    assert all(words in text for words in SCORE_RULES.values())


@pytest.mark.parametrize("rule", SCORE_RULES)
def test_the_table_explains_the_score_in_use(explorer, rule):
    explorer.update(score=rule)
    session = Session(explorer, Source(title="squares"), explorer.depth, View(patch=(0, 0)))
    (words,) = re.findall(r'title="([^"]*)">Score<', drawn(session, "instances")["instances"])
    assert SCORE_RULES[rule] in words
    assert not any(
        other in words for name, other in SCORE_RULES.items() if other not in SCORE_RULES[rule] and name != rule
    )


@pytest.mark.parametrize("name", BASELINES)
def test_the_pictures_of_a_baseline_have_its_name(explorer, name):
    session = Session(explorer, Source(title="squares"), explorer.depth, View(patch=(0, 0), baseline=name))
    update = drawn(session, "methods")
    shown = " ".join(str(update[output]) for output in BY_ID["methods"].outputs)
    assert f"only {BASELINES[name].name} in blue" in shown
    others = {baseline.name for baseline in BASELINES.values()} - {BASELINES[name].name}
    said = re.findall(r'aria-label="([^"]*)"', shown)
    assert len(said) == 3
    assert not any(re.search(rf"\b{re.escape(other)}\b", words) for words in said for other in others)


# ---- networks


@pytest.mark.parametrize("spec", list_depths(), ids=lambda spec: spec.name)
def test_the_status_line_says_what_every_depth_estimator_was_trained_on(explorer, spec):
    shape = explorer.image.shape[:2]
    depth = DepthMap(values=np.ones(shape, np.float32), kind=spec.kind, estimator="any words", source=spec.name)
    explorer.results["segmentation", 0] = replace(explorer.results["segmentation", 0], depth=depth)
    line = status.summary(explorer, "squares", costs=[], done=True)
    assert spec.trained_on
    assert f'title="{status.escape(spec.trained_on, quote=True)}">depth: any words' in line


def test_a_depth_map_that_was_given_is_not_said_to_be_trained(explorer):
    line = status.summary(explorer, "squares", costs=[], done=True)
    assert 'title="given, not estimated">depth: ' in line
