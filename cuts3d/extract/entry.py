"""One image of a source: where it is stored, and its content."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuts3d.arrays import ImageArray
from cuts3d.errors import InputError
from cuts3d.io.photos import read_image

BLOCK = 512  # bytes of a header in a tar file


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one image is stored.

    Attributes:
        name: Its name in the result: its path inside the source, with `/`.
        path: Its file, or the tar file that contains it; absolute.
        offset: First byte of the image in the tar file; None if `path` is the image itself.
        size: Number of bytes in the tar file.
        header: CRC-32 of the 512 bytes before the image in the tar file, by which another tar file is noticed.
        fault: Why there is no image, if that is known already.
    """

    name: str
    path: str
    offset: int | None = None
    size: int = 0
    header: int = 0
    fault: str = ""

    def open(self) -> Path | io.BytesIO:
        """The path of the image, or its bytes.

        Raises:
            InputError: There is no image, or the tar file has changed since it was listed.
        """
        if self.fault:
            raise InputError(self.fault)
        return Path(self.path) if self.offset is None else io.BytesIO(self._member(self.offset))

    def _member(self, offset: int) -> bytes:
        try:
            with open(self.path, "rb") as file:
                file.seek(offset - BLOCK)
                header, content = file.read(BLOCK), file.read(self.size)
        except OSError as error:
            raise InputError(f"'{self.name}' could not be read from its tar file ({error.strerror}).") from error
        if len(content) != self.size:
            raise InputError(f"'{self.name}' is cut off: its tar file ends too early.")
        if zlib.crc32(header) != self.header:
            raise InputError(
                f"'{self.name}' is no longer where it was in its tar file; give --overwrite to start again."
            )
        return content

    def to_dict(self) -> dict[str, Any]:
        """The entry for JSON, without empty fields."""
        inside = {} if self.offset is None else {"offset": self.offset, "size": self.size, "header": self.header}
        return {"name": self.name, "path": self.path, **inside, **({"fault": self.fault} if self.fault else {})}


def read_entry(entry: Entry) -> ImageArray:
    """Read an image of a source at its full size, uint8 [H, W, 3].

    Raises:
        InputError: It cannot be read.
    """
    try:
        return read_image(entry.open(), max_side=None)
    except InputError as error:
        if entry.offset is None or entry.name in str(error):
            raise
        raise InputError(f"'{entry.name}' in its tar file: {error}") from error
