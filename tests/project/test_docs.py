"""The documentation: citations lead somewhere, what it names exists, snippets run, and the site builds."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import extract as extract_benchmark
from cuts3d import __version__
from cuts3d.backbones import list_backbones
from cuts3d.config import parameter_field, parameter_stages
from cuts3d.depth import list_depths
from cuts3d.io import limits
from ui.server import guard, leftovers, uploads
from ui.session import sessions

ROOT = Path(__file__).parents[2]
METHOD = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
PROSE = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [*PROSE, ROOT / "cuts3d" / "data" / "README.md", *sorted((ROOT / "benchmarks").glob("*.md"))]
PACKAGES = ("cuts3d", "ui", "training", "benchmarks", "scripts", "tests")
CITATION = re.compile(r"\bmethod (\d+(?:\.\d+)?)\b")
HEADING = re.compile(r"^#+ (\d+(?:\.\d+)?)\.? (.*)$", re.MULTILINE)
PATH = re.compile(rf"`((?:{'|'.join(PACKAGES)}|docs|assets)/[\w./*-]*|\w+\.py)`")
DOTTED = re.compile(r"`((?:cuts3d|training|benchmarks)(?:\.\w+)+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def ids(path: Path) -> str:
    """A page's name in the output of pytest."""
    return path.relative_to(ROOT).as_posix()


def sources() -> Iterator[Path]:
    """Code and prose that may cite a section."""
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")
    yield from PAGES


@cache
def headings() -> dict[str, str]:
    """Sections of method.md by number: title and text."""
    parts = HEADING.split(METHOD)
    return {number: title + text for number, title, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)}


def test_every_citation_of_the_method_leads_to_a_section():
    cited = {
        (number, path.relative_to(ROOT).as_posix())
        for path in sources()
        for number in CITATION.findall(path.read_text(encoding="utf-8"))
        if path != Path(__file__)
    }
    assert len(cited) > 30
    assert not {(number, path) for number, path in cited if number not in headings()}


def test_sections_are_numbered_without_gaps():
    numbers = [tuple(map(int, number.split("."))) for number in headings()]
    assert numbers == sorted(set(numbers))
    for number in numbers:
        if number[-1] > 1:
            assert (*number[:-1], number[-1] - 1) in numbers


@pytest.mark.parametrize("number", [n for n in headings() if n.startswith(("1.", "3."))])
def test_every_section_about_a_stage_or_a_baseline_names_its_code(number):
    assert re.findall(r"`((?:cuts3d|training)/\w+/\w+\.py)`", headings()[number]), number


def test_defaults_in_the_method_are_those_of_the_configuration():
    rows = re.findall(r"^\| \S.* \| `(\w+)` \| ([\d.e-]+)", METHOD, re.MULTILINE)
    found = {name: float(value) for name, value in rows}
    del found["image_size"]  # the backbone's
    assert set(found) == {"max_instances", "epsilon", "beta", "sigma", "k_neighbors", "tau_knn", "sigma_c", "num_cuts"}
    assert found == {name: parameter_field(name).default for name in found}


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_relative_links_lead_to_files_and_headings(page):
    for link in LINK.findall(without_code(page)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PROSE, ids=ids)
def test_paths_in_code_exist(page):
    if page.name == "CHANGELOG.md":
        return  # it names what was removed
    for path in PATH.findall(page.read_text(encoding="utf-8")):
        assert any(ROOT.glob(path.rstrip("/"))), path


@pytest.mark.parametrize("page", PROSE, ids=ids)
def test_dotted_names_can_be_imported(page):
    if page.name == "CHANGELOG.md":
        return
    for name in DOTTED.findall(page.read_text(encoding="utf-8")):
        assert resolved(name), name


def test_parameters_in_the_guide_exist():
    names = set(re.findall(r"`(\w+)`: \S+ →", (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")))
    assert names - {"preset"} <= set(parameter_stages())


def test_the_estimators_of_depth_are_all_listed():
    text = (ROOT / "docs" / "depth.md").read_text(encoding="utf-8")
    listed = {
        name
        for row in re.findall(r"^\| (`.*?) \|", text.partition("## Estimators")[2], re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert listed == {spec.name for spec in list_depths()}


def test_the_backbones_are_all_listed():
    text = (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")
    listed = {
        name
        for row in re.findall(r"^\| (`.*?) \|", text.partition("## Backbones")[2], re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert listed == {spec.name for spec in list_backbones()}


def test_limits_are_those_of_the_code():
    rows = dict(re.findall(r"^\| ([\w ]+) \| (.*?) \|", (ROOT / "docs" / "deploy.md").read_text("utf-8"), re.MULTILINE))
    assert rows["photo or depth map"] == f"{uploads.LARGEST_PHOTO} MB"
    most = f"{uploads.MOST_MEGAPIXELS} megapixels; the command line takes {limits.MAX_PIXELS // 10**6}"
    assert rows["photo"] == most
    assert rows["checkpoint of a detector"] == f"{uploads.LARGEST_CHECKPOINT} MB"
    assert rows["one upload"] == f"{uploads.LARGEST_UPLOAD} MB"
    together = f"{sessions.MAX_OPEN}, or {sessions.MAX_PIXELS // 10**6} megapixels together"
    assert rows["open photos"].startswith(f"{together}, and each for an hour")
    assert sessions.MAX_IDLE == 3600
    assert f"{guard.RESERVE // uploads.MEGABYTE} MB free" in rows["disk"]
    assert "two hours" in rows["disk"]
    assert leftovers.AGE == 7200


def test_limits_of_what_a_browser_keeps_are_those_of_the_code():
    script = (ROOT / "ui" / "server" / "keep.js").read_text("utf-8")
    (most,), (oldest,) = re.findall(r"MOST_BYTES = (\d+)e6;", script), re.findall(r"OLDEST = (\d+) \* 3600e3;", script)
    text = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    assert f"at most {most} MB; what is older than {oldest} hours" in text


def test_the_price_is_that_of_the_benchmark():
    assert f"{extract_benchmark.DOLLARS} dollars per core" in (ROOT / "docs" / "labels.md").read_text("utf-8")


def test_the_readme_is_short_and_the_space_can_read_it():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    head = yaml.safe_load(text.split("---\n")[1])
    assert head["sdk"] == "gradio"
    assert (ROOT / head["app_file"]).is_file()
    pinned = re.search(r"^gradio(?:\[\w+\])?==(\S+)", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    assert pinned is not None
    assert head["sdk_version"] == pinned[1]


def test_the_citation_names_the_paper():
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    paper = found["preferred-citation"]
    names = [author["family-names"] for author in paper["authors"]]
    assert names == ["Sick", "Engel", "Hartwig", "Hermosilla", "Ropinski"]
    assert paper["year"] == 2025
    assert "2411.16319" in paper["url"]


def test_the_changelog_has_a_section_for_the_version():
    titles = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert __version__ in titles


def without_code(page: Path) -> str:
    """A page's text without its code."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What the headings of a page can be linked by."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def resolved(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False
