"""`python -m scripts.licences [REQUIREMENTS ...]`: every package that the product needs, with version and licence.

Follows the requirements to the last package, as they are installed here. Fails where one is under the GPL alone, where
nothing says its licence, or where it is not installed.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cuts3d.cli.output import command

ROOT = Path(__file__).resolve().parents[1]
STRONG = re.compile(r"(?<![A-Za-z])A?GPL|(?<!Lesser )General Public License|Affero", re.IGNORECASE)
EXCEPTION = re.compile(r"\bWITH\b|exception", re.IGNORECASE)  # such as the runtime libraries of GCC
KNOWN_TEXTS = {  # how a licence's text begins -> what it is
    "MIT": re.compile(r"MIT License|Permission is hereby granted, free of charge", re.IGNORECASE),
    "Apache-2.0": re.compile(r"Apache License\s+Version 2\.0", re.IGNORECASE),
    "BSD": re.compile(r"Redistribution and use in source and binary forms", re.IGNORECASE),
}


def required(files: Iterable[Path]) -> dict[str, Distribution | None]:
    """Every package that requirement files lead to, by name; None where it is not installed."""
    found: dict[str, Distribution | None] = {}
    seen: set[tuple[str, str]] = set()
    todo = [(one, "") for file in files for one, _ in _lines(file)]
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if name not in found:
            try:
                found[name] = distribution(name)
            except PackageNotFoundError:
                found[name] = None
        package = found[name]
        for wanted in {"", *requirement.extras}:
            if package is not None and (name, wanted) not in seen:
                seen.add((name, wanted))
                todo += [(Requirement(line), wanted) for line in package.requires or ()]
    return dict(sorted(found.items()))


def licence(package: Distribution) -> str | None:
    """What a package says its licence is: its expression, its classifiers, its field, or how its text begins."""
    about = package.metadata
    for expression in about.get_all("License-Expression") or ():
        return expression
    classifiers = [c.split(" :: ")[-1] for c in about.get_all("Classifier") or () if c.startswith("License :: ")]
    if classifiers := [c for c in classifiers if c != "OSI Approved"]:
        return ", ".join(classifiers)
    stated = "\n".join(about.get_all("License") or ()).strip()
    if stated and "\n" not in stated and stated.upper() != "UNKNOWN":
        return stated
    texts = [stated, *_texts(package)]
    if found := [name for name, text in KNOWN_TEXTS.items() if any(text.search(t[:2000]) for t in texts)]:
        return found[0]
    own = [file for file in package.files or () if not file.parts[0].endswith(".dist-info")]
    return None if own else "nothing of its own, only requirements"


def is_strong(words: str) -> bool:
    """Whether a licence binds what is built on it: GPL or AGPL, without an exception and without another choice."""
    parts = re.split(r"\s+AND\s+|\s*;\s*", words)
    return any(
        all(STRONG.search(choice) and not EXCEPTION.search(choice) for choice in re.split(r"\s+OR\s+|\s*,\s*", part))
        for part in parts
    )


def noted(files: Iterable[Path]) -> dict[str, str]:
    """What the requirement files note behind a package: its licence, where the package itself is silent."""
    return {canonicalize_name(r.name): note.split(";")[0].strip() for f in files for r, note in _lines(f) if note}


def _lines(file: Path) -> Iterator[tuple[Requirement, str]]:
    """Requirements of a file, each with the note behind it."""
    for line in file.read_text(encoding="utf-8").splitlines():
        text, _, note = line.partition("#")
        if text.startswith("-r "):
            yield from _lines(file.parent / text.removeprefix("-r ").strip())
        elif text.strip():
            yield Requirement(text.strip()), note


def _texts(package: Distribution) -> Iterator[str]:
    for file in package.files or ():
        if re.match(r"(licen[cs]e|copying)", file.name, re.IGNORECASE) and file.suffix != ".py":
            try:
                yield file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue


@command
def main() -> None:
    """Print the table; the exit code says whether all may be built on."""
    parser = argparse.ArgumentParser(prog="python -m scripts.licences", description=__doc__)
    parser.add_argument("requirements", nargs="*", type=Path, default=[ROOT / "requirements.txt"])
    files = parser.parse_args().requirements
    packages, notes, problems = required(files), noted(files), []
    print("| package | version | licence |\n|:--|:--|:--|")
    for name, package in packages.items():
        words = None if package is None else licence(package) or notes.get(name)
        print(f"| {name} | {'–' if package is None else package.version} | {words or 'unknown'} |")
        if package is None:
            problems.append(f"{name} is not installed")
        elif words is None:
            problems.append(f"{name} does not say its licence")
        elif is_strong(words):
            problems.append(f"{name} is under {words}")
    print(f"\n{len(packages)} packages; " + ("; ".join(problems) + "." if problems else "none of them under the GPL."))
    raise SystemExit(bool(problems))


if __name__ == "__main__":
    raise SystemExit(main())
