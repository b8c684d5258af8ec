"""Untrusted sources of photos: lists as people and systems write them, folders with links, tar files."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.strange.case import Case, Rng, chance, one_of
from benchmarks.strange.damage import damaged
from cuts3d.errors import InputError
from cuts3d.extract.omitted import Omitted, no_photo, sentences
from cuts3d.extract.sources import entries, read_entry
from cuts3d.io.photo_names import is_photo_name

NAMES = ("a.png", "b b.png", "d/c.png", "d/\u00e9.PNG", "d/e/f.jfif", "g.png,1", "#h.png")
LINES = ("{}", "{} 0", "{}\t1", "{},cat", '"{}"', "'{}';2", "./{}", "  {}", "{}  ", "file://{}", "~/{}", "d/../{}")
OTHERS = (
    "",
    "# a note",
    "gone.png",
    "path,label",
    "d",
    "/",
    "..",
    "http://x/a.png",
    "\0",
    "\U0001f600.png",
    "x" * 9000,
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1252", "utf-16-le")
ENDS = ("\n", "\r\n", "\r")


def source(rng: Rng, folder: Path) -> Case:
    """A list, a folder or a tar file of up to seven small photos."""
    root = folder / "source"
    photos = _photos(rng, root)
    kind = one_of(rng, ("list", "list", "folder", "tar"))
    if kind == "list":
        path, description = _list(rng, root)
    elif kind == "tar":
        path, description = _tar(rng, root)
    else:
        path, description = root, _links(rng, root)
    return Case(f"{kind} of {photos}: {description}", lambda: _checked(root, path))


def _photos(rng: Rng, root: Path) -> list[str]:
    root.mkdir()
    names = [name for name in NAMES if chance(rng, 0.8)]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (9, 9, 3), dtype=np.uint8)).save(content, "PNG")
        (root / name).write_bytes(damaged(rng, content.getvalue()) if chance(rng, 0.2) else content.getvalue())
    return names


def _list(rng: Rng, root: Path) -> tuple[Path, str]:
    chosen = [
        one_of(rng, LINES).format(one_of(rng, NAMES)) if chance(rng, 0.8) else one_of(rng, OTHERS)
        for _ in range(int(rng.integers(0, 9)))
    ]
    text = one_of(rng, ENDS).join(chosen)
    content = (text.replace("/", "\\") if chance(rng, 0.3) else text).encode(one_of(rng, ENCODINGS), errors="replace")
    path = root / one_of(rng, ("list.txt", "list", "list.csv"))
    path.write_bytes(damaged(rng, content) if content and chance(rng, 0.2) else content)
    return path, repr(content[:1000])


def _links(rng: Rng, root: Path) -> str:
    made = []
    for number in range(int(rng.integers(0, 5))):
        target = one_of(rng, (*NAMES, "d", "d/e", ".", "/nowhere", f"l{number}", "notes.txt"))
        path = root / one_of(rng, (f"l{number}", f"l{number}.png", f"d/l{number}.tar"))
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(root / target)
        made.append(f"{path.name} -> {target}")
    for name in ("notes.txt", "x.tar", ".y.tar", "._z.png", "w"):
        if chance(rng, 0.3):
            (root / name).write_bytes(rng.bytes(int(rng.integers(0, 2000))))
            made.append(name)
    return ", ".join(made)


def _tar(rng: Rng, root: Path) -> tuple[Path, str]:
    content, names = io.BytesIO(), (*NAMES, "./a.png", "/a.png", "n/" * 90 + "o.png", "p.cls")
    form = one_of(rng, (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))
    with tarfile.open(fileobj=content, mode="w", format=form) as archive:
        for _ in range(int(rng.integers(0, 7))):
            member = tarfile.TarInfo(one_of(rng, names))
            if chance(rng, 0.3):
                member.type, member.linkname = one_of(rng, (tarfile.LNKTYPE, tarfile.SYMTYPE)), one_of(rng, NAMES)
                archive.addfile(member)
            else:
                data = rng.bytes(int(rng.integers(0, 700)))
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    made = damaged(rng, content.getvalue()) if chance(rng, 0.4) else content.getvalue()
    path = root / one_of(rng, ("x.tar", "x.wds"))
    path.write_bytes(made)
    return path, f"{len(made)} bytes"


def _checked(root: Path, source: Path) -> None:
    """List and read the source: names are unique, no file is taken twice, and no photo of a folder is lost."""
    try:
        omitted = Omitted()
        found = list(entries(source, omitted))
        assert "\n" not in " ".join(sentences(omitted.to_dict()))
        names = [entry.name for entry in found]
        assert len(set(names)) == len(names), names
        files = [entry.path for entry in found if entry.offset is None and not entry.fault and _is_there(entry.path)]
        places = [Path(path).resolve() for path in files]
        assert len(set(places)) == len(places), places
        if source == root:
            own = {path for path in root.rglob("*") if path.is_file() and not path.is_symlink()}
            lost = {path for path in own if is_photo_name(path.name) and not path.name.startswith(".")} - set(places)
            assert not lost, lost
        for entry in found:
            try:
                assert read_entry(entry).shape[2] == 3
            except InputError as error:
                assert str(error)
        if not found:
            raise InputError(no_photo(source, omitted.to_dict()))
    finally:
        shutil.rmtree(root)


def _is_there(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False
