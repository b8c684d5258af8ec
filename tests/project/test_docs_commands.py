"""What the documents tell people to run: commands are understood, options exist, Python runs, the site builds."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from cuts3d.cli.main import build_parser

ROOT = Path(__file__).parents[2]
PROSE = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [*PROSE, ROOT / "cuts3d" / "data" / "README.md", *sorted((ROOT / "benchmarks").glob("*.md"))]
SHELL = re.compile(r"```\n(.*?)```", re.DOTALL)
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"(?:\.venv/bin/)?(?:(cuts3d) |python -m ([\w.]+)(?: |$))")
OPTION = re.compile(r"`(--[a-z][\w-]*)")
COMMANDS = ("extract", "segment", "evaluate", "detect", "convert", "compare-depth")
PARSERS = ("training.train", "training.self_train", "training.rank", "training.merge_labels")  # have a `parser`


def ids(path: Path) -> str:
    """A page's name in the output of pytest."""
    return path.relative_to(ROOT).as_posix()


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line of the pages, in a block or in the text, as a module and its words."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [line for block in SHELL.findall(text) for line in block.replace("\\\n", " ").splitlines()]
        lines += re.findall(r"`((?:cuts3d|python -m training\.\w+) [a-z-][^`]* [^`]*)`", SHELL.sub("", text))
        for line in lines:
            match = COMMAND.match(line.strip())
            if match is not None:
                words = shlex.split(line.strip()[match.end() :], comments=True)
                if "…" not in words:
                    yield match[1] or match[2], [re.sub(r"^\$\w+", "1", word) for word in words]


def test_commands_of_the_pages_are_understood(capsys):
    checked = 0
    for module, words in commands():
        parser = parser_of(module)
        if parser is None:
            assert importlib.util.find_spec(module), module
            continue
        try:
            parser.parse_args(words)
        except SystemExit as stop:
            assert stop.code == 0, (module, words, capsys.readouterr().err)  # --help
        checked += 1
    assert checked > 20


def test_targets_of_make_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PROSE:
        for target in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert target in targets, (page, target)


@pytest.mark.parametrize("page", PROSE, ids=ids)
def test_options_in_the_text_exist(page):
    known = {option for parser in all_parsers() for option in parser._option_string_actions}
    known |= {"--host", "--port", "--write"}
    for option in OPTION.findall(page.read_text(encoding="utf-8")):
        assert option in known, option


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PROSE if PYTHON.search(p.read_text("utf-8"))], ids=ids)
def test_python_in_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(skimage.data.coffee()).save("photo.jpg")
    names: dict[str, Any] = {}
    for code in PYTHON.findall(page.read_text(encoding="utf-8")):
        compiled = compile(code, ids(page), "exec")
        if "gradio_client" in code:
            continue  # needs a running page: tests/browser has one
        exec(compiled, names)
    if "result" in names:
        assert names["result"].instances
        assert all(instance.mask.dtype == np.bool_ for instance in names["result"].instances)


def test_make_builds_the_site_strictly():
    (line,) = (line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "mkdocs build" in line)
    assert "--strict" in line
    assert "--quiet" not in line  # it hides warnings before they are counted, so that nothing is strict any more


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path.relative_to(tmp_path / "site").as_posix(): path for path in (tmp_path / "site").rglob("*.html")}
    assert {"index.html", "method.html", "benchmarks/ablation.html", "reference/cuts3d.method.html"} <= set(pages)
    for name, path in pages.items():
        text = path.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=[\"']?(https?:[^\"' >]+)", text)
        assert not loaded, (name, loaded)
    link = 'href="reference/cuts3d.method.html#cuts3d.method.ncut"'
    assert link in pages["method.html"].read_text(encoding="utf-8")
    assert shutil.which("mkdocs", path=str(Path(sys.executable).parent))


def parser_of(module: str) -> argparse.ArgumentParser | None:
    """The parser of a command, where it can be had without running it."""
    if module == "cuts3d":
        return build_parser()
    if module not in PARSERS:
        return None
    return importlib.import_module(module).parser()


def all_parsers() -> Iterator[argparse.ArgumentParser]:
    """All parsers, the commands of `cuts3d` one by one."""
    for action in build_parser()._actions:
        if isinstance(action.choices, dict):
            assert set(COMMANDS) <= set(action.choices)
            yield from action.choices.values()
    for module in PARSERS:
        parser = parser_of(module)
        assert parser is not None
        yield parser
