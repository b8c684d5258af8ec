"""The folder of the photos: their sizes, and copies for formats that want photos beside their labels."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from cuts3d.errors import InputError
from cuts3d.formats.losses import Losses
from cuts3d.io.coco import Size, frame_difference


@dataclass(slots=True)
class PhotoFolder:
    """Where the photos of a document are.

    Attributes:
        path: The folder to which the file names are relative; None where none is given.
        losses: Gets photos that are missing or turned.
    """

    path: Path | None = None
    losses: Losses = field(default_factory=Losses)

    def find(self, name: PurePosixPath) -> Path | None:
        """The file of a photo; None where it is missing."""
        path = None if self.path is None else self.path / name
        return path if path is not None and path.is_file() else None

    def checked_size(self, name: PurePosixPath, stated: Size | None) -> Size | None:
        """The size (h, w) of a photo as it is seen: the stated one, or that of its file; None if neither is known.

        Raises:
            InputError: The file cannot be read, or its size is not the stated one.
        """
        path = self.find(name)
        if path is None:
            return stated
        own, turned = _seen_size(path)
        self.losses.add("turned", int(turned))
        if stated is not None and own != stated:
            (h, w), (other_h, other_w) = own, stated
            reason = frame_difference(stated, own) or "give the photos that were labelled"
            raise InputError(f"'{path}' has {w}×{h} pixels, its labels are for {other_w}×{other_h}: {reason}.")
        return own

    def copy(self, name: PurePosixPath, target: Path) -> None:
        """Copy a photo; one that is missing is counted, where there is a folder.

        Raises:
            InputError: It cannot be copied.
        """
        path = self.find(name)
        if path is None:
            self.losses.add("missing", int(self.path is not None))
            return
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        except OSError as error:
            raise InputError(f"'{path}' could not be copied: {error.strerror or error}.") from error


def _seen_size(path: Path) -> tuple[Size, bool]:
    """The size (h, w) of a photo as it is seen, and whether its EXIF orientation turns or mirrors it."""
    from cuts3d.io.orientation import SIDEWAYS, orientation_of
    from cuts3d.io.photo_files import open_picture
    from cuts3d.io.signatures import head_of

    with open_picture(path, head_of(path)) as image:
        orientation, (w, h) = orientation_of(image), image.size
    return ((w, h) if orientation in SIDEWAYS else (h, w)), orientation != 1
