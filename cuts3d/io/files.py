"""Files that are whole or not there, and JSON."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cuts3d.errors import InputError


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Write through a temporary file beside the target, so that a full disk or a kill leaves no half file.

    Raises:
        InputError: The file cannot be written.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"'{path}' could not be written: {error.strerror or error}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)  # gone already where all went well


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON document for people and programs, in UTF-8.

    Raises:
        InputError: The file cannot be written.
    """
    text = json.dumps(document, indent=1, ensure_ascii=False)
    # a file name that is no UTF-8 holds surrogates, which are written as JSON escapes them
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8", errors="backslashreplace"))


def remove_unfinished(path: Path) -> None:
    """Remove what a kill has left of `write_atomically` or `save_safetensors`, where nobody else writes that file."""
    name = re.compile(rf"\.{re.escape(path.stem)}-[a-z0-9_]{{8}}{re.escape(path.suffix)}")  # as mkstemp makes them
    for found in path.parent.iterdir() if path.parent.is_dir() else ():
        if not name.fullmatch(found.name):
            continue
        if found.is_dir():
            shutil.rmtree(found, ignore_errors=True)
        else:
            found.unlink(missing_ok=True)
