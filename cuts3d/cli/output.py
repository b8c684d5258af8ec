"""Standard output and errors that never end a run: any encoding, a closed pipe, a closed stream, a full disk."""

from __future__ import annotations

import functools
import io
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast

FAILED, WRONG_USE = 1, 2
CLOSED_PIPE = 128 + 13  # what a shell reports of a program that SIGPIPE ended


class SafeStream:
    """A text stream whose first failure is kept, and which then writes to nowhere. The rest is the stream's own.

    Args:
        stream: The stream.

    Attributes:
        error: The failure; None so far.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self.error = stream, cast(OSError | None, None)

    def write(self, text: str) -> int:
        """Write; see `TextIO.write`."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        """Flush; see `TextIO.flush`."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _give_up(self, error: OSError) -> None:
        self.error = self.error or error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, self._stream.fileno())  # what is still in the buffer goes there too
        except (OSError, io.UnsupportedOperation):  # a stream without a file
            pass
        finally:
            os.close(nowhere)


def command(main: Callable[..., int | None]) -> Callable[..., int]:
    """Make the main function of a program return an exit code whatever happens, with one line for each error.

    The codes: what the function returns; 1 an error, or results that could not be printed; 2 wrong use; 141 a closed
    pipe. Its other exits, such as that of `--help`, stay exits.
    """

    @functools.wraps(main)
    def run(*arguments: Any, **named: Any) -> int:
        before = sys.stdout, sys.stderr
        _open_closed_streams()
        out, err = (SafeStream(_any_encoding(stream)) for stream in (sys.stdout, sys.stderr))
        sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
        try:
            code = _code(main, arguments, named)
            out.flush()
            return _after(out, code)
        except SystemExit as stop:
            out.flush()
            if out.error is not None and not stop.code:
                return _after(out, 0)
            raise
        finally:
            err.flush()
            sys.stdout, sys.stderr = before

    return run


def _code(main: Callable[..., int | None], arguments: tuple[Any, ...], named: dict[str, Any]) -> int:
    from cuts3d.errors import ConfigError, CutS3DError

    try:
        return main(*arguments, **named) or 0
    except ConfigError as error:
        return fail(str(error), WRONG_USE)
    except CutS3DError as error:
        return fail(str(error))
    except (OSError, MemoryError) as error:
        return fail(" ".join(f"{type(error).__name__}: {error}".split()))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return FAILED


def fail(message: str, code: int = FAILED) -> int:
    """Print an error, and return the exit code."""
    print(f"error: {message}", file=sys.stderr)
    return code


def note(sentence: str) -> None:
    """Print what people should know on stderr, above a progress bar."""
    from tqdm import tqdm

    tqdm.write(f"note: {sentence}", file=sys.stderr)


def _after(out: SafeStream, code: int) -> int:
    """The exit code when the output could not be printed."""
    if out.error is None or code:
        return code
    if isinstance(out.error, BrokenPipeError):
        return CLOSED_PIPE
    return fail(f"The summary could not be printed: {out.error.strerror or out.error}. Result files are complete.")


def _any_encoding(stream: TextIO) -> TextIO:
    """The stream; what its encoding lacks is written as an escape."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    return stream


def _open_closed_streams() -> None:
    """Give a stream that was closed by the caller (`>&-`) to nowhere, so that no other file gets its number."""
    if sys.stdout is not None and sys.stderr is not None and sys.stdin is not None:
        return
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name, place in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, open(place, "w", encoding="utf-8", closefd=False))  # noqa: SIM115 - it stays open
