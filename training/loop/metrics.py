"""Metrics of each training step: a line of JSON, and TensorBoard's events if it is installed."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from cuts3d.errors import InputError
from cuts3d.io.files import write_atomically

FILE = "metrics.jsonl"


class MetricsLog:
    """Appends to `metrics.jsonl`. After a resume, lines of later steps are removed first, so that no step occurs twice.

    Args:
        out: Folder of the run.
        start: Number of finished steps.
        writes: False on all processes except the first.

    Raises:
        InputError: The folder cannot be written.
    """

    def __init__(self, out: Path, start: int, *, writes: bool = True) -> None:
        self._file, self._board = None, None
        if not writes:
            return
        try:
            kept = "".join(json.dumps(line) + "\n" for line in read_metrics(out) if line["step"] <= start)
            write_atomically(out / FILE, lambda temporary: temporary.write_text(kept, encoding="utf-8"))
            self._file = (out / FILE).open("a", encoding="utf-8")
        except OSError as error:
            raise InputError(f"'{out}' cannot be written: {error.strerror or error}.") from error
        self._board = _tensorboard(out, start)

    def write(self, metrics: dict[str, float]) -> None:
        """Record one step."""
        if self._file is None:
            return
        try:
            self._file.write(json.dumps({k: round(v, 6) for k, v in metrics.items()}) + "\n")
            self._file.flush()
            if self._board is not None:
                for name, value in metrics.items():
                    self._board.add_scalar(name, value, int(metrics["step"]))
        except OSError as error:
            raise InputError(f"The metrics cannot be written: {error.strerror or error}.") from error

    def close(self) -> None:
        """Close the files."""
        for open_file in (self._file, self._board):
            if open_file is not None:
                with suppress(OSError):  # on a full disk it repeats the write that failed
                    open_file.close()


def read_metrics(out: Path) -> list[dict[str, Any]]:
    """The metrics of the steps so far; a line that was cut off by a kill is left out."""
    lines = []
    if (out / FILE).exists():
        for line in (out / FILE).read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                break
    return lines


def _tensorboard(out: Path, start: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(out), purge_step=start + 1)
