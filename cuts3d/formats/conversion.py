"""Labels of a COCO document in the format of another tool: `convert("labels.json", "yolo", "out")`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cuts3d.errors import ConfigError, InputError
from cuts3d.formats.fiftyone import write_fiftyone
from cuts3d.formats.label_studio import write_label_studio
from cuts3d.formats.labelme import write_labelme
from cuts3d.formats.labels import Labels, open_labels
from cuts3d.formats.losses import Losses
from cuts3d.formats.parquet import write_parquet
from cuts3d.formats.photos import PhotoFolder
from cuts3d.formats.voc import write_voc
from cuts3d.formats.yolo import write_yolo
from cuts3d.io.coco import DocumentInput, read_document

Writer = Callable[[Labels, PhotoFolder, Path], int]
WRITERS: dict[str, Writer] = {
    "yolo": write_yolo,
    "voc": write_voc,
    "labelme": write_labelme,
    "label-studio": write_label_studio,
    "fiftyone": write_fiftyone,
    "parquet": write_parquet,
}


@dataclass(frozen=True, slots=True)
class Converted:
    """What was written.

    Attributes:
        images: Number of photos.
        objects: Number of objects.
        losses: What was left out or changed, by the kinds of `cuts3d.formats.losses.TEXTS`.
        notes: The same, one sentence each.
    """

    images: int
    objects: int
    losses: dict[str, int]
    notes: tuple[str, ...]


def convert(
    labels: DocumentInput,
    to: str,
    out: str | Path,
    *,
    photos: str | Path | None = None,
    least_score: float | None = None,
) -> Converted:
    """Write the labels of a COCO document in another format into a folder, completely or not at all.

    The document is in memory as a whole, masks as run lengths; pixels are made for one photo at a time.

    Args:
        labels: A COCO document with `images`, or its path.
        to: `yolo`, `voc`, `labelme`, `label-studio`, `fiftyone` or `parquet`; see `docs/formats.md`.
        out: The folder to write, which must be empty or not there.
        photos: The folder to which the file names of the document are relative. Where it is given, sizes are checked,
            and photos are copied for formats that want them beside the labels.
        least_score: Leave out objects with a lower score or without one; None: take all.

    Raises:
        InputError: The document cannot be used, a size is not known, or a file cannot be written.
        ConfigError: The format is unknown, the folder `out` is not empty, `photos` is no folder, or a package of the
            extra `formats` is missing.
    """
    out, place = Path(out), None if photos is None else Path(photos)
    check_target(to, out)
    if place is not None and not place.is_dir():
        raise ConfigError(f"There is no folder of photos '{place}'.")
    losses = Losses()
    folder = PhotoFolder(place, losses)
    opened = open_labels(read_document(labels, "Labels"), folder, losses, least_score=least_score)
    temporary = _temporary(out)
    try:
        objects = WRITERS[to](opened, folder, temporary)
        temporary.chmod(0o755)
        if out.is_dir():
            out.rmdir()
        temporary.rename(out)
    except OSError as error:
        raise InputError(f"'{out}' could not be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # already renamed where everything went well
    return Converted(len(opened), objects, dict(losses.counts), tuple(losses.sentences()))


def check_target(to: str, out: Path) -> None:
    """Refuse a format that is unknown, and a folder that is not empty.

    Raises:
        ConfigError: It is.
    """
    if to not in WRITERS:
        raise ConfigError(f"The format must be one of {', '.join(WRITERS)}; it is '{to}'.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"'{out}' exists and is not an empty folder; name another.")


def _temporary(out: Path) -> Path:
    """A folder beside the target, so that the target appears completely or not at all."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise InputError(f"'{out}' could not be written: {error.strerror or error}.") from error
