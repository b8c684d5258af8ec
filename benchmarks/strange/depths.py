"""Depth maps of every type, with holes, of the wrong size, damaged, or not depth maps at all."""

from __future__ import annotations

import io
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from benchmarks.strange.case import Case, Rng, chance, one_of
from benchmarks.strange.damage import Harmful, damaged, imposter
from cuts3d.arrays import FloatArray
from cuts3d.depth import read_depth
from cuts3d.method.depth_range import depth_range

KINDS = ("metric", "relative", "disparity")
SUFFIXES = ("png", "tiff", "tif", "npy", "npy", "npz", "pfm", "exr")
TYPES = ("u1", "u2", "i4", "i8", "f2", "f4", "f8", ">f4", "f16", "?", "c8", "U3", "M8[s]")


def depth_values(rng: Rng, shape: tuple[int, ...]) -> FloatArray:
    """float64 of a shape: a ramp, noise, flat, negative, huge or tiny values, in half of the cases with holes."""
    ramp = np.linspace(0.1, 10, int(np.prod(shape))).reshape(shape)
    chosen = one_of(
        rng,
        (
            lambda: ramp,
            lambda: rng.gamma(2, 2, shape),
            lambda: np.full(shape, float(one_of(rng, (0, 1, -1, 1e-40, 1e30)))),
            lambda: -ramp,
            lambda: ramp * one_of(rng, (1e300, 1e-300, 1e37, 1e-44)),
            lambda: rng.normal(0, 1, shape),
        ),
    )()
    values = np.array(chosen)
    if chance(rng, 0.5):
        holes = rng.random(shape) < one_of(rng, (0.01, 0.5, 0.995, 1))
        values[holes] = one_of(rng, (np.nan, np.inf, -np.inf, 0, -5, -1, 255, 65535, 1e10, 65504))
    return values


def encoded(rng: Rng, suffix: str, values: FloatArray) -> bytes:
    """A depth file."""
    content = io.BytesIO()
    with np.errstate(all="ignore"):
        if suffix == "npy":
            np.save(content, values.astype(one_of(rng, TYPES)))
        elif suffix == "npz":
            names = one_of(rng, (("depth",), ("depth", "k"), ("a", "b"), ("arr_0", "words")))
            arrays: dict[str, Any] = {name: values.astype(one_of(rng, TYPES)) for name in names}
            one_of(rng, (np.savez, np.savez_compressed))(content, **arrays)
        elif suffix == "pfm":
            height, width = values.shape[:2]
            content.write(
                b"Pf\n%d %d\n-1.0\n" % (width, height) + values.reshape(-1)[: width * height].astype("<f4").tobytes()
            )
        elif suffix == "exr":
            content.write(_exr(rng, values))
        elif suffix == "tif":
            order, compression = one_of(rng, "<>"), one_of(rng, (None, "zlib"))
            layout: dict[str, Any] = {"photometric": "minisblack", "byteorder": order, "compression": compression}
            tifffile.imwrite(content, values.astype(one_of(rng, ("u1", "u2", "u4", "i2", "f2", "f4", "f8"))), **layout)
        elif suffix == "tiff":
            Image.fromarray(values.astype(one_of(rng, ("f4", "u2", "u1", "i4")))).save(content, "TIFF")
        else:
            Image.fromarray(values.astype(one_of(rng, ("u1", "u2")))).save(content, "PNG")
    return content.getvalue()


def _exr(rng: Rng, values: FloatArray) -> bytes:
    """An EXR file, if its package is installed."""
    try:
        import OpenEXR  # pyright: ignore[reportMissingImports]
    except ImportError:
        return b"v/1\x01"
    names = one_of(rng, (("Z",), ("R", "G", "B"), ("depth.Z", "R"), ("U", "W")))
    channel = np.ascontiguousarray(values, dtype=one_of(rng, ("f2", "f4")))
    channels = dict.fromkeys(names, channel)
    with tempfile.NamedTemporaryFile(suffix=".exr") as file:
        OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, channels).write(file.name)
        return Path(file.name).read_bytes()


def lying_npy(rng: Rng) -> bytes:
    """An `.npy` file whose header is wrong: a shape that does not fit the bytes, objects, records, or an archive."""
    shape = one_of(rng, ("(10**9, 10**9)", "(-1, 5)", "(0, 0)", "(100000, 100000)", "(4,)", "()", "('a',)", "(2.5, 2)"))
    descr = one_of(
        rng, ("'<f4'", "'<f8'", "'|O'", "'|V8'", "[('a', '<f4')]", "'|S1000000'", "3", "'nonsense'", "'<m8'")
    )
    text = f"{{'descr': {descr}, 'fortran_order': {one_of(rng, ('True', 'False', '7'))}, 'shape': {shape}}}"
    header = (text + " " * (63 - (len(text) + 10) % 64) + "\n").encode()
    version = one_of(rng, (b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"))
    length = len(header).to_bytes(2 if version == b"\x01\x00" else 4, "little")
    archive = io.BytesIO()
    np.savez(archive, depth=np.ones((4, 4)))
    return one_of(rng, (b"\x93NUMPY" + version + length + header + bytes(64), archive.getvalue()))


def whole_depth(rng: Rng, folder: Path) -> Case:
    """A valid depth file; its values may still be unusable."""
    suffix = one_of(rng, SUFFIXES)
    shape = tuple(int(v) for v in rng.integers(1, 80, size=2))
    shape = one_of(rng, (shape, shape, shape, (*shape, 3), (*shape, 1))) if suffix in ("npy", "npz") else shape
    values = depth_values(rng, shape)
    if len(shape) == 3:
        values[:] = values[..., :1]
    return _read(rng, folder / f"depth.{suffix}", encoded(rng, suffix, values), shape[:2])


def damaged_depth(rng: Rng, folder: Path) -> Case:
    """A damaged depth file, or one whose content does not fit its suffix."""
    suffix = one_of(rng, SUFFIXES)
    shape = (int(rng.integers(2, 60)), int(rng.integers(2, 60)))
    content = one_of(
        rng,
        (
            lambda: damaged(rng, encoded(rng, suffix, depth_values(rng, shape))),
            lambda: damaged(rng, encoded(rng, suffix, depth_values(rng, shape))),
            lambda: lying_npy(rng),
            lambda: imposter(rng, folder / "victim"),
            lambda: _pickled(folder / "victim"),
        ),
    )()
    return _read(rng, folder / f"depth.{one_of(rng, (suffix, suffix, 'npy', 'exr', 'PNG', 'jpg'))}", content, shape)


def array_depth(rng: Rng, folder: Path) -> Case:
    """An array of any type and shape, or something that is no array; its kind may be wrong, too."""
    del folder
    odd = tuple(int(v) for v in rng.integers(0, 50, size=int(rng.integers(0, 5))))
    with np.errstate(all="ignore"):
        array: Any = depth_values(rng, odd if chance(rng, 0.2) else (30, 40)).astype(one_of(rng, (*TYPES, "O")))
    source: Any = one_of(rng, (array,) * 9 + (7, b"depth.png", [[1.0]], "", "\0", "x" * 5000))
    kind = one_of(rng, (*KINDS, *KINDS, "metres", None, 3, [], np.nan))
    description = f"array {array.dtype} {array.shape}" if source is array else f"a {type(source).__name__}"
    photo = one_of(rng, (None, None, (30, 40), (60, 80), (40, 30)))
    return Case(f"{description}, {kind!r}, for {photo}", lambda: _checked(source, kind, photo))


def _pickled(victim: Path) -> bytes:
    content = io.BytesIO()
    np.save(content, np.array([Harmful(victim)], dtype=object), allow_pickle=True)
    return content.getvalue() + pickle.dumps(Harmful(victim))


def _read(rng: Rng, path: Path, content: bytes, shape: tuple[int, ...]) -> Case:
    path.write_bytes(content)
    kind = one_of(rng, KINDS)
    photo = one_of(rng, (None, shape, shape[::-1], tuple(2 * side for side in shape), (97, 41)))
    turn = one_of(rng, (1, 1, 3, 6, 8))
    description = f"{path.name} {content[:80]!r}, {kind}, for {photo} turned by {turn}"
    return Case(description, lambda: _checked(path, kind, photo, turn))


def _checked(source: Any, kind: Any, photo: Any, orientation: int = 1) -> FloatArray:
    depth = read_depth(source, kind=kind, photo_shape=photo, orientation=orientation)
    assert all(note.strip() and "\n" not in note for note in depth.notes)
    assert depth.values.ndim == 2
    assert depth.values.dtype == np.float32
    z = depth_range(depth, clip_percent=1.0).z
    assert z.shape == depth.values.shape
    assert np.isfinite(z).all()
    assert 0 <= z.min() <= z.max() <= 1
    return z
