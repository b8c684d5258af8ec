"""TIFF files that Pillow misreads without a word (planar, multi-band, inverted, wide types); tifffile reads them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cuts3d.errors import InputError
from cuts3d.io.orientation import known_orientation
from cuts3d.io.signatures import RAW, ImageFile

MIN_IS_WHITE, MIN_IS_BLACK, RGB, SEPARATED = 0, 1, 2, 5  # values of PhotometricInterpretation
SENSOR = (32803, 34892)  # photometric interpretations of raw photos: colour filter array, linear raw
PLANAR = 2
logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what it finds in damaged files is raised here instead
UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # values of SampleFormat
SUB_IFDS, DNG_VERSION, MAKE, ORIENTATION, IMAGE_DEPTH = 330, 50706, 271, 274, 32997


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the first picture of a TIFF file is stored.

    Attributes:
        bits: Bits of a sample; 0 where samples differ, and in volumes.
        format: 1 unsigned, 2 signed, 3 float.
        samples: Samples per pixel.
        planar: Whether each channel is stored on its own.
        photometric: What the samples mean.
        extra: What the samples after the colours mean: 0 unspecified, 1 premultiplied alpha, 2 alpha.
        compressed: Whether the samples are compressed.
        swapped: Whether the bytes are big-endian.
        raw: Whether it is, or previews, the raw data of a camera.
        orientation: EXIF orientation, 1 to 8.
    """

    bits: int
    format: int
    samples: int
    planar: bool
    photometric: int
    extra: tuple[int, ...]
    compressed: bool
    swapped: bool
    raw: bool
    orientation: int = 1

    @classmethod
    def of(cls, tag: Callable[[int], Any], *, swapped: bool) -> Layout:
        """From a function that gives the value of a tag, or None where the file has none."""
        bits, formats = ({*_numbers(tag(code), default)} for code, default in ((258, 1), (339, UNSIGNED)))
        samples, photometric = int(tag(277) or 1), int(tag(262) if tag(262) is not None else MIN_IS_BLACK)
        preview = int(tag(254) or 0) & 1 == 1 and (tag(SUB_IFDS) is not None or tag(MAKE) is not None)
        return cls(
            bits=bits.pop() if len(bits) == 1 and tag(IMAGE_DEPTH) in (None, 1) else 0,
            format=formats.pop() if len(formats) == 1 else 0,
            samples=samples,
            planar=samples > 1 and tag(284) == PLANAR,
            photometric=photometric,
            extra=_numbers(tag(338), None),
            compressed=(tag(259) or 1) != 1,
            swapped=swapped,
            raw=photometric in SENSOR or tag(DNG_VERSION) is not None or preview,
            orientation=known_orientation(tag(ORIENTATION)),
        )

    @property
    def misread(self) -> bool:
        """Whether Pillow refuses such a file, or reads it wrongly without a word (found by trying all of them)."""
        if self.planar:  # it decodes compressed planes rightly
            return not (self.compressed and self.samples in (3, 4) and (self.bits, self.format) == (8, UNSIGNED))
        if self.samples == 1 and self.format in (SIGNED, FLOAT):
            known = (self.bits, self.format) in ((16, SIGNED), (32, SIGNED), (32, FLOAT))
            return not known or (self.swapped and self.compressed) or self.photometric == MIN_IS_WHITE
        if self.format != UNSIGNED or self.bits not in (1, 2, 4, 8, 12, 16):
            return True
        if self.samples == 1:
            return self.bits > 8 and self.photometric == MIN_IS_WHITE
        if self.bits != 8 and (self.samples == 2 or self.photometric == SEPARATED):
            return True
        grey = self.photometric in (MIN_IS_WHITE, MIN_IS_BLACK)
        return self.samples > 4 or (
            grey and (self.samples > 2 or self.extra[:1] not in ((1,), (2,))) and self.samples > 1
        )


def layout_of(source: ImageFile) -> Layout | None:
    """How the first picture of a TIFF file is stored; None if that cannot be told."""
    import tifffile

    try:
        with tifffile.TiffFile(_file(source)) as file:
            tags, order = file.pages.first.tags, file.byteorder
            return Layout.of(lambda code: tags[code].value if code in tags else None, swapped=order == ">")
    except Exception:  # damaged files raise various errors; Pillow may still read them
        return None


def layout_of_image(image: Any) -> Layout | None:
    """How the first picture of a TIFF file is stored that Pillow has opened; None if that cannot be told."""
    try:
        tags = image.tag_v2
        return Layout.of(tags.get, swapped=tags.prefix == b"MM")
    except Exception:
        return None


def read_samples(source: ImageFile, name: str, most_pixels: int) -> np.ndarray:
    """The samples of the first picture of a TIFF file, [H, W] or [H, W, C], in the file's type and native byte order.

    Args:
        source: The file.
        name: Its name, for messages.
        most_pixels: Larger pictures are refused before they are decoded.

    Raises:
        InputError: It is damaged, too large, of another shape, or its compression is not known here.
    """
    import tifffile

    try:
        with tifffile.TiffFile(_file(source)) as file:
            page = file.pages.first
            axes, shape = page.axes, page.shape
            if page.imagewidth * page.imagelength > most_pixels:
                raise InputError(f"{name} is too large; the limit is {most_pixels // 10**6} megapixels.")
            if axes not in ("YX", "YXS", "SYX") or int(np.prod(shape)) > 16 * most_pixels:
                raise InputError(f"{name} is a TIFF of {'×'.join(map(str, shape))} values, which is no single picture.")
            _check_segments(page)
            values = page.asarray()
            if values.shape != shape or 0 in shape:
                raise ValueError("its size does not fit its samples")
    except InputError:
        raise
    except Exception as error:  # damaged files raise various errors
        if "imagecodecs" in str(error):
            raise InputError(
                f"The compression of {name} cannot be read here; save it as TIFF without compression or as PNG, or run "
                "'pip install imagecodecs'."
            ) from error
        raise InputError(f"{name} is a TIFF that could not be decoded ({type(error).__name__}).") from error
    values = np.moveaxis(values, 0, 2) if axes == "SYX" else values
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _check_segments(page: Any) -> None:
    """Refuse missing strips and tiles, which tifffile would fill with zeros."""
    offsets, counts = page.dataoffsets, page.databytecounts
    wanted = 1 if page.is_contiguous else int(np.prod(page.chunked))
    if len(offsets) < wanted or len(counts) < wanted or 0 in offsets or 0 in counts:
        raise ValueError("strips or tiles are missing")


def refuse_raw(layout: Layout | None, name: str) -> None:
    """Refuse a raw photo: what Pillow would read is its small preview.

    Raises:
        InputError: It is one.
    """
    if layout is not None and layout.raw:
        raise InputError(f"{name} {RAW}.")


def _file(source: ImageFile) -> Any:
    if not hasattr(source, "seek"):
        return source
    source.seek(0)  # pyright: ignore[reportAttributeAccessIssue]
    return source


def _numbers(value: Any, default: int | None) -> tuple[int, ...]:
    if value is None:
        return () if default is None else (default,)
    return tuple(int(v) for v in value) if isinstance(value, tuple | list | np.ndarray) else (int(value),)
