"""Everything that the page shows, as files to download."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from cuts3d.arrays import ImageArray
from cuts3d.config import CutS3DConfig
from cuts3d.io.files import write_atomically
from cuts3d.io.results import save_all
from cuts3d.types import Segmentation


def write_downloads(
    folder: Path,
    result: Segmentation,
    config: CutS3DConfig,
    *,
    file_name: str,
    pictures: Mapping[str, ImageArray],
    view_html: str,
) -> list[Path]:
    """Write all downloads of one result; every file is complete or missing.

    Args:
        folder: Created where it is missing.
        result: The segmentation.
        config: The configuration that gave it.
        file_name: Name of the photo in the COCO document.
        pictures: The page's pictures by name, uint8 [H, W, 3] each.
        view_html: The 3D view as an HTML page.

    Returns:
        Paths of `overlay.png`, `instances.json`, `cloud.ply`, `stages.npz`, `pictures.zip`, `view.html`, `config.json`.

    Raises:
        InputError: A file cannot be written.
    """
    paths = save_all(result, folder, file_name=file_name)
    zipped = zip_pictures(pictures)
    parameters = json.dumps(config.to_dict(), indent=1, ensure_ascii=False)
    contents = {"pictures.zip": zipped, "view.html": view_html.encode(), "config.json": parameters.encode()}
    return paths + [_write(folder / name, content) for name, content in contents.items()]


def zip_pictures(pictures: Mapping[str, ImageArray]) -> bytes:
    """One PNG per picture, uint8 [H, W, 3] each, in a ZIP archive; equal pictures give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # PNG is compressed already
        for name, picture in pictures.items():
            png = io.BytesIO()
            Image.fromarray(np.asarray(picture)).save(png, "PNG")
            archive.writestr(zipfile.ZipInfo(f"{_file_stem(name)}.png"), png.getvalue())
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> Path:
    write_atomically(path, lambda temporary: temporary.write_bytes(content))
    return path


def _file_stem(name: str) -> str:
    """A name that is a valid file name on every system and contains no folder."""
    return re.sub(r"[^\w-]+", "-", name).strip("-") or "picture"
