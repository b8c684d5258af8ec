"""Damaged files, and files whose content does not fit their name."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from benchmarks.strange.case import Rng, one_of

HEADER = 300  # bytes at the start, where a changed byte has the most effect


class Harmful:
    """Its pickle creates a file when it is loaded, which must never happen."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return (Path.touch, (self.victim,))


def cut_off(rng: Rng, content: bytes) -> bytes:
    """The content, cut off somewhere."""
    return content[: int(rng.integers(len(content) + 1))]


def flipped(rng: Rng, content: bytes) -> bytes:
    """The content with a few bytes changed, near the start or anywhere."""
    changed = bytearray(content)
    reach = one_of(rng, (HEADER, len(changed)))
    for place in rng.integers(min(reach, len(changed)), size=int(rng.integers(1, 9))):
        changed[place] = one_of(rng, (0, 1, 127, 128, 255, int(rng.integers(256))))
    return bytes(changed)


def spliced(rng: Rng, content: bytes) -> bytes:
    """The content with a piece removed, doubled, or replaced by noise."""
    start, end = sorted(rng.integers(len(content) + 1, size=2).tolist())
    piece = one_of(rng, (b"", content[start:end] * 2, rng.bytes(end - start)))
    return content[:start] + piece + content[end:]


def lying(rng: Rng, content: bytes) -> bytes:
    """The content with a wrong number in its header, such as a size, a count or an offset of two or four bytes."""
    width = one_of(rng, (2, 4))
    place = int(rng.integers(max(1, min(HEADER, len(content)) - width)))
    number = one_of(rng, (0, 1, 2**15, 2 ** (8 * width) - 1, 2 ** (8 * width - 1), int(rng.integers(2**16))))
    return content[:place] + number.to_bytes(width, one_of(rng, ("little", "big"))) + content[place + width :]


def with_a_tail(rng: Rng, content: bytes) -> bytes:
    """The content with other bytes appended."""
    return content + one_of(rng, (b"\0" * 1000, b"<script>alert(1)</script>", rng.bytes(500), content))


DAMAGES = (cut_off, flipped, flipped, spliced, lying, lying, with_a_tail)


def damaged(rng: Rng, content: bytes) -> bytes:
    """The content, damaged once or twice."""
    for _ in range(int(rng.integers(1, 3))):
        if content:
            content = one_of(rng, DAMAGES)(rng, content)
    return content


def claimed_png(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims a size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")


def claimed_bmp(width: int, height: int) -> bytes:
    """A BMP of 54 bytes whose header claims a size."""
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def claimed_gif(width: int, height: int) -> bytes:
    """A GIF whose only frame claims a size."""
    size = struct.pack("<HH", width % 65536, height % 65536)
    return b"GIF89a" + size + b"\x80\0\0" + bytes(6) + b"," + bytes(4) + size + b"\0\x02\x02\x4c\x01\0;"


def _zipped(names: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in names.items():
            file.writestr(name, content)
    return archive.getvalue()


def imposter(rng: Rng, victim: Path) -> bytes:
    """A file of another kind than its name will say.

    Args:
        rng: Chooses the kind.
        victim: A file that must never be created; code in the imposter would create it.
    """
    width, height = rng.integers(1, 2 ** int(rng.integers(4, 31)), size=2).tolist()
    return one_of(
        rng,
        (
            lambda: b"",
            lambda: b"\0" * int(rng.integers(1, 5000)),
            lambda: rng.bytes(int(rng.integers(1, 5000))),
            lambda: b"<!DOCTYPE html><html><script>alert(1)</script></html>",
            lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
            lambda: b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><s>&x;</s>',
            lambda: b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF",
            lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 90 90\n%%EndComments\n(x) (w) file showpage\n%%EOF",
            lambda: b"\xd7\xcd\xc6\x9a" + rng.bytes(60),
            lambda: b"#!/bin/sh\ntouch " + str(victim).encode(),
            lambda: gzip.compress(bytes(10**6)),
            lambda: _zipped({"photo.png": claimed_png(10, 10), "../../escape": b"x"}),
            lambda: json.dumps({"beta": [1] * 50}).encode(),
            lambda: pickle.dumps(Harmful(victim)),
            lambda: claimed_png(width, height),
            lambda: claimed_bmp(width, height),
            lambda: claimed_gif(width, height),
            lambda: b"P6 %d %d 255\n" % (width, height) + bytes(30),
            lambda: b"\xff\xd8\xff\xe0" + rng.bytes(200),
            lambda: b"RIFF\xff\xff\xff\xffWEBPVP8L" + rng.bytes(60),
        ),
    )()
