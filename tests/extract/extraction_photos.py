"""Photos in folders and tar files, and an exception that interrupts a run."""

import io
import tarfile
from pathlib import Path

from helpers import squares_photo
from PIL import Image

from cuts3d.extract.sources import entries


class Killed(BaseException):
    """Interrupts a run."""


def save_photo(path: Path, size: tuple[int, int] = (48, 64)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(squares_photo(size).image).save(path)


NAMES = ["a.png", "b.png", "cats/1.png", "cats/2.png", "cats/deep/3.png"]


def names(source: Path) -> list[str]:
    return [entry.name for entry in entries(source)]


def tar_of(folder: Path, path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        for name in NAMES:
            archive.add(folder / name, name)
        archive.addfile(tarfile.TarInfo("a.cls"), io.BytesIO())
    return path
