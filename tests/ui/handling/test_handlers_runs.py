"""What a run sends: the first one, and one after a moved control."""

from __future__ import annotations

import re

import pytest
from made_handling import (
    EARLY,
    TAB_OUTPUTS,
    WITH_STAGE,
    Updates,
    computed,
    moved,
    news,
    sent,
    text,
)

from ui.controls import values_from
from ui.events import looking, opening, visitors
from ui.session.sessions import Sessions
from ui.tabs import TABS
from ui.tabs.pipeline import CARDS
from ui.tabs.tab import PICTURE


@pytest.fixture(scope="module")
def example() -> tuple[Updates, Updates]:
    """An example with the default networks: its run, and the CRF after it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visitors, "SESSIONS", Sessions())
        patch.setattr(opening, "STILL", 0.0)
        walk = list(opening.open_example("ann", "two boxes", values_from({})))
        return walk, list(opening.refine("ann"))


def test_an_example_names_every_stage_in_order(example):
    walk, _ = example
    running = [text(u).rstrip(" …") for u in walk if "<progress" in u["status"]]
    assert running == ["Loading the networks", *WITH_STAGE]
    shares = [int(m[1]) for u in walk if (m := re.search(r'value="(\d+)"', u["status"]))]
    assert shares == sorted(set(shares))
    assert shares[0] > 0
    assert shares[-1] < 100


def test_pictures_of_an_example_come_with_their_stage(example):
    walk, _ = example
    for update in walk[1:-1]:
        assert set(news(update)) - {"status"} == WITH_STAGE[text(update).rstrip(" …")]
    assert {"confidence", "masks", "chosen"} <= set(walk[-1])


def test_the_new_photo_comes_first_and_clears_what_was_there(example):
    first = example[0][0]
    assert "data:image/webp;base64," in first["photo_source"]
    pictures = {name for tab in TABS for name, value in tab.outputs.items() if value is PICTURE}
    assert pictures >= set(CARDS)
    assert all("waiting" in first[name] for name in pictures)
    texts = {name for tab in TABS for name, value in tab.outputs.items() if value == ""}
    assert {"histogram", "cuts", "instances", "detections", "depth_table"} <= texts
    assert all(first[name] == "" for name in texts)


def test_every_picture_of_the_overview_comes(example):
    walk, _ = example
    for name in CARDS:
        pictures = [u[name] for u in walk[1:] if name in u]
        assert pictures, name
        assert 'role="img"' in pictures[-1]


def test_masks_before_the_crf_come_first_and_say_that_they_are_not_final(example):
    walk, crf = example
    assert re.match(r"\d+ instances? in two boxes", text(walk[-1]))
    assert "pending" in walk[-1]["status"]
    assert len(crf) == 1
    assert "pending" not in crf[0]["status"]
    assert re.match(r"\d+ instances? in two boxes", text(crf[0]))
    assert "CRF" in text(crf[0])
    assert crf[0]["masks"] != walk[-1]["masks"]
    assert not set(crf[0]) & {"photo", "depth", "before", "after", "eigenvector", "partition"}
    counts = [len(update["chosen"]["choices"]) for update in (walk[-1], crf[0])]
    assert ("confidence" in crf[0]) == (counts[1] < counts[0]), "it changes where the CRF drops an instance, only there"


def test_tau_knn_redraws_the_cut_and_runs_nothing_before_it(opened, values):
    calls, updates = computed(opened, lambda: list(opening.change("ann", moved(values, tau_knn=0.3))))
    assert not any(calls[stage] for stage in (*EARLY, "ncut", "graph"))
    assert calls["local_cut"] >= 1
    assert {"partition", "confidence", "masks", "bipartition"} <= sent(updates)
    assert not sent(updates) & {"photo", "depth", "importance", "before", "after", "eigenvector", "photo_source"}


def test_beta_redraws_from_the_importance_on(opened, values):
    calls, updates = computed(opened, lambda: list(opening.change("ann", moved(values, beta=0.1))))
    assert not any(calls[stage] for stage in ("features", "depth", "affinity"))
    assert calls["importance"] == calls["sharpened"] == 1
    assert {"importance", "after"} <= sent(updates)
    assert not sent(updates) & {"photo", "depth", "before", "photo_source"}


def test_no_move_computes_nothing_and_says_so(opened, values):
    calls, updates = computed(opened, lambda: list(opening.change("ann", values)))
    assert not calls
    assert "all from memory" in text(updates[-1])
    assert not sent(updates) & (set(CARDS) - {"masks"})


def test_the_status_says_what_was_computed(opened, values):
    (update,) = opening.change("ann", moved(values, num_cuts=3))
    assert re.search(r"\d ms: confidence$", text(update))


def test_a_quick_change_sends_one_update_and_a_thorough_one_every_stage(opened, values):
    assert len(list(opening.change("ann", moved(values, beta=0.1)))) == 1
    thorough = list(opening.run("ann", moved(values, beta=0.2)))
    assert [text(u).rstrip(" …") for u in thorough[:-1]] == list(WITH_STAGE)


def test_only_the_active_tab_is_drawn_on_a_change(opened, values):
    for tab in TAB_OUTPUTS:
        looking.show_tab("ann", tab)
    looking.show_tab("ann", "confidence")
    updates = list(opening.change("ann", moved(values, tau_knn=0.3)))
    others = set().union(*TAB_OUTPUTS.values()) - TAB_OUTPUTS["confidence"]
    assert sent(updates) >= TAB_OUTPUTS["confidence"]
    assert not sent(updates) & others
