"""What a command that reads many photos says of those that it left out or could not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cuts3d.cli.output import fail, note


@dataclass(slots=True)
class Notes:
    """Sentences about a source: each goes to stderr at once, and all are kept for the summary."""

    sentences: list[str] = field(default_factory=list)

    def __call__(self, sentence: str) -> None:
        """Print and keep one."""
        note(sentence)
        self.sentences.append(sentence)


def exit_code(counts: Mapping[str, int], out: Path, advice: str) -> int:
    """Say on stderr how many photos failed. Returns 1 if all did, else 0.

    Args:
        counts: The numbers of `images` and `failures`; empty if there is no result yet.
        out: The result, which lists the failures.
        advice: What to do about them.
    """
    failures = counts.get("failures", 0)
    if not failures:
        return 0
    if not counts["images"]:
        return fail(f"None of {failures:,} photos could be read; the reasons are in 'failures' of '{out}'. {advice}")
    total = failures + counts["images"]
    note(f"{failures:,} of {total:,} photos could not be read; the reasons are in 'failures' of '{out}'. {advice}")
    return 0
