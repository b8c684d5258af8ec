"""What a file is by its first bytes, whatever its suffix; kinds that are no photo are refused by name."""

from __future__ import annotations

import io
import re
from pathlib import Path

from cuts3d.errors import InputError

ImageFile = Path | io.BytesIO
HEAD = 1024  # bytes
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2")
AVIF_BRANDS = (b"avif", b"avis")
RAW_SUFFIXES = frozenset(
    (
        ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos",
        ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
    )
)  # fmt: skip
RAW = "is a raw photo of a camera, which is not developed here; export it as JPEG, PNG or TIFF"
OTHER_KINDS = (  # what the first bytes match -> what the file is, and what to do
    (rb"II\*\0....CR|II(RO|RS|U\0)|MMOR|FUJIFILMCCD-RAW|FOVb|\0MRM|II\x1a\0\0\0HEAPCCDR|....ftypcrx ", RAW),
    (rb"%PDF", "is a PDF document; export the picture in it as PNG or JPEG"),
    (rb"v/1\x01", "is an OpenEXR picture; save it as PNG, or as a float TIFF"),
    (rb"#\?(RADIANCE|RGBE)", "is a Radiance HDR picture; save it as PNG, or as a float TIFF"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "is a JPEG XL picture, which is not read here; save it as PNG or JPEG"),
    (rb"SIMPLE  =", "is a FITS file, whose scale is not read here; save it as PNG or TIFF"),
    (rb"\x93NUMPY|PK\x03\x04", "is an archive or an array, not a photo; in Python, give the array itself"),
    (rb".{128}DICM", "is a DICOM file; save its picture as PNG or TIFF"),
    (rb"....ftyp(mp4|isom|iso2|M4V|qt  |avc1|3gp)|\x1aE\xdf\xa3", "is a video; save one frame as PNG or JPEG"),
    (rb"(\xef\xbb\xbf)?\s*(<\?xml.*)?(<!--.*-->\s*)?(<!DOCTYPE svg.*)?<svg", "is an SVG drawing; save it as PNG"),
)


def head_of(source: ImageFile) -> bytes:
    """The first bytes of a file; a stream stays where it is."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return file.read(HEAD)
    return source.getbuffer()[:HEAD].tobytes()


def refuse_other_kinds(head: bytes, name: str, suffix: str) -> None:
    """Refuse files that are known not to be photos.

    Args:
        head: Its first bytes.
        name: Its name, for the message.
        suffix: Its suffix in lower case, such as `.dng`; raw photos are TIFF files by their bytes.

    Raises:
        InputError: It is one of them.
    """
    if is_tiff(head) and suffix in RAW_SUFFIXES:
        raise InputError(f"{name} {RAW}.")
    for pattern, words in OTHER_KINDS:
        if re.match(pattern, head, re.DOTALL):
            raise InputError(f"{name} {words}.")


def is_tiff(head: bytes) -> bool:
    """Whether a file is a TIFF, or a BigTIFF."""
    return head.startswith(TIFF)


def is_heif(head: bytes) -> bool:
    """Whether a file is a HEIC photo: its brands say HEVC, and not AV1."""
    if head[4:8] != b"ftyp":
        return False
    brands = [head[start : start + 4] for start in (8, *range(16, min(int.from_bytes(head[:4], "big"), HEAD), 4))]
    return any(b in HEIF_BRANDS for b in brands) and not any(b in AVIF_BRANDS for b in brands)


def is_deep_colour_png(head: bytes) -> bool:
    """Whether a PNG has 16 bits per channel and more than one channel, of which Pillow reads only 8 bits."""
    return head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) > 25 and head[24] == 16 and head[25] in (2, 4, 6)
