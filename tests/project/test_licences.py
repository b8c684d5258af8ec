"""What the product is built on, and under which licences."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

import pytest

from scripts import licences
from scripts.licences import ROOT, is_strong, licence, noted, required


@pytest.fixture
def one_requirement(tmp_path: Path) -> Path:
    (tmp_path / "more.txt").write_text("timm==1.0.31  # Apache-2.0\n")
    file = tmp_path / "requirements.txt"
    file.write_text("# a comment\ngradio[mcp]==6.31.0  # Apache-2.0; the page\n-r more.txt\n")
    return file


def test_requirements_are_followed_to_the_last_package(one_requirement) -> None:
    found = required([one_requirement])
    assert {"gradio", "mcp", "starlette", "h11", "timm", "torch"} <= set(found)
    assert all(package is not None for package in found.values())
    assert "pytest" not in found


def test_an_extra_that_nobody_asked_for_is_left_out(tmp_path) -> None:
    (tmp_path / "plain.txt").write_text("gradio==6.31.0")
    (tmp_path / "extra.txt").write_text("gradio[mcp]==6.31.0")
    plain, extra = (set(required([tmp_path / name])) for name in ("plain.txt", "extra.txt"))
    assert "mcp" in extra - plain


def test_notes_behind_requirements_are_read(one_requirement) -> None:
    assert noted([one_requirement]) == {"gradio": "Apache-2.0", "timm": "Apache-2.0"}


@pytest.mark.parametrize(
    ("words", "strong"),
    [
        ("MIT", False),
        ("GPL-3.0-or-later", True),
        ("AGPL-3.0-only", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("GNU Affero General Public License v3", True),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("LGPL-2.1-or-later", False),
        ("GPL-2.0-only OR MIT", False),
        ("MIT AND GPL-2.0-only", True),
        ("BSD-3-Clause AND GPL-3.0-or-later WITH GCC-exception-3.1", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", False),
    ],
)
def test_a_licence_that_binds_is_known(words, strong) -> None:
    assert is_strong(words) is strong


@pytest.mark.parametrize(("name", "words"), [("gradio", "Apache"), ("numpy", "BSD-3-Clause"), ("mcp", "MIT")])
def test_a_package_says_its_licence(name, words) -> None:
    assert words in (licence(distribution(name)) or "")


def test_the_product_s_packages_are_listed_and_none_binds(monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["licences"])
    with pytest.raises(SystemExit) as ended:
        licences.main()
    shown = capsys.readouterr().out
    assert ended.value.code == 0, shown[-500:]
    for name in noted([ROOT / "requirements.txt"]):
        assert f"\n| {name} | " in shown


def test_what_is_missing_or_silent_fails(monkeypatch, capsys, tmp_path) -> None:
    (tmp_path / "requirements.txt").write_text("no-such-package-anywhere==1.0\n")
    monkeypatch.setattr("sys.argv", ["licences", str(tmp_path / "requirements.txt")])
    with pytest.raises(SystemExit) as ended:
        licences.main()
    assert ended.value.code == 1
    assert "no-such-package-anywhere is not installed" in capsys.readouterr().out
