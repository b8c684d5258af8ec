"""Text and JSON files: read with clear errors, written completely or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cuts3d.errors import InputError


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Write through a temporary file next to the target, so that a full disk or a kill leaves no incomplete file.

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
            temporary.unlink(missing_ok=True)  # already renamed where everything went well


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, atomically.

    Raises:
        InputError: The file cannot be written.
    """
    # a file name that is not UTF-8 holds surrogates; they are written as JSON escapes them
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8", errors="backslashreplace"))


def write_json(path: Path, document: Mapping[str, Any], *, compact: bool = False) -> None:
    """Write a JSON document, atomically: indented UTF-8 for people, or compact ASCII on one line for programs.

    Raises:
        InputError: The file cannot be written.
    """
    text = json.dumps(document) if compact else json.dumps(document, indent=1, ensure_ascii=False)
    write_text(path, text)


def read_text(path: Path) -> str:
    """Read a text file in UTF-8, with or without a byte-order mark.

    Raises:
        InputError: The file is missing, cannot be read, or is not text.
    """
    content = _read(path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"'{path}' is not a readable text file ({error}).") from error


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: The file is missing, cannot be read, or is not JSON.
    """
    content = _read(path)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{path}' is not a readable JSON file ({error}).") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"There is no file '{path}'.") from None
    except (OSError, ValueError) as error:  # a ValueError where the path holds a null character
        raise InputError(f"'{path}' could not be read: {getattr(error, 'strerror', None) or error}.") from error


def remove_unfinished(path: Path) -> None:
    """Remove what a killed `write_atomically` or `save_safetensors` left; no other process may be writing `path`."""
    name = re.compile(rf"\.{re.escape(path.stem)}-[a-z0-9_]{{8}}{re.escape(path.suffix)}")  # as mkstemp makes them
    for found in path.parent.iterdir() if path.parent.is_dir() else ():
        if not name.fullmatch(found.name):
            continue
        if found.is_dir():
            shutil.rmtree(found, ignore_errors=True)
        else:
            found.unlink(missing_ok=True)
