"""Hooks of `mkdocs.yml`: what the site has besides the files of `docs/`, and where their links lead.

The site is laid out like the repository with `docs/` at its root, so that a link such as `../benchmarks/depth.md` needs
only to lose its first step. The API reference has one page a package, made from the docstrings.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
COPIED = ("CHANGELOG.md", "cuts3d/data/README.md", "benchmarks/*.md", "assets/**/*.jpg")
MODULE = re.compile(r"`((?:cuts3d|training)/(?:\w+/)*[a-z]\w*)\.py`")


def packages() -> list[str]:
    """Dotted names of the packages of the library and of the training."""
    found = (path.parent for root in ("cuts3d", "training") for path in (ROOT / root).rglob("__init__.py"))
    return sorted(".".join(path.relative_to(ROOT).parts) for path in found)


def modules(package: str) -> list[str]:
    """Dotted names of a package's public modules, itself first."""
    files = sorted((ROOT / package.replace(".", "/")).glob("[!_]*.py"))
    return [package, *(f"{package}.{file.stem}" for file in files)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the records, pictures and model cards of the repository, and the pages of the reference."""
    for pattern in COPIED:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    for package in packages():
        text = "\n".join([f"# {package}\n", *(f"::: {name}\n" for name in modules(package))])
        files.append(File.generated(config, f"reference/{package}.md", content=text))
    return files


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the reference in the navigation."""
    assert config.nav is not None
    config.nav = [*config.nav, {"Reference": [f"reference/{package}.md" for package in packages()]}]
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point links out of `docs/` to the same files in the site, and names of modules to the reference."""
    if "/" in page.file.src_uri:
        return markdown
    return MODULE.sub(_reference, markdown.replace("](../", "]("))


def _reference(found: re.Match[str]) -> str:
    return f"[{found[0]}][{found[1].replace('/', '.')}]"
