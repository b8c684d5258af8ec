"""Label Studio: one task a photo, masks as the run lengths of its brush, which keep every pixel.

The run lengths are our own twenty lines: the converter of label-studio-sdk comes with twenty-seven packages, a second
OpenCV among them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from cuts3d import __version__
from cuts3d.arrays import BoolArray
from cuts3d.formats.labels import LabelledObject, LabelledPhoto, Labels
from cuts3d.formats.names import own_targets
from cuts3d.formats.photos import PhotoFolder
from cuts3d.io.coco import decode_rle
from cuts3d.io.files import write_atomically, write_text

TASKS, CONFIG = "tasks.json", "label_config.xml"
URL = "/data/local-files/?d="  # of Label Studio's storage of local files
SIZES = (2, 4, 8, 16)  # bits of the length of a run
CHANNELS = 4  # a pixel of the brush is red, green, blue and opacity


def write_label_studio(labels: Labels, photos: PhotoFolder, folder: Path) -> int:
    """Write `tasks.json` and `label_config.xml`; returns the number of objects.

    Objects with a score become predictions, which a person accepts or changes; those without become annotations.

    Raises:
        InputError: Two images have one name, or a file cannot be written.
    """
    own_targets(labels.names(), lambda name: name)
    count = 0

    def write(temporary: Path) -> None:
        nonlocal count
        with temporary.open("w", encoding="utf-8") as file:
            count = _write_tasks(file, labels)

    write_atomically(folder / TASKS, write)
    values = "".join(f"    <Label value={quoteattr(name)}/>\n" for name in labels.classes)
    tags = "".join(
        f'  <{tag} name="{name}" toName="image">\n{values}  </{tag}>\n'
        for tag, name in (("BrushLabels", "masks"), ("RectangleLabels", "boxes"))
    )
    write_text(folder / CONFIG, f'<View>\n  <Image name="image" value="$image"/>\n{tags}</View>\n')
    return count


def _write_tasks(file: TextIO, labels: Labels) -> int:
    count = 0
    file.write("[")
    for number, photo in enumerate(labels):
        file.write(("," if number else "") + "\n" + json.dumps(_task(photo, labels)))
        count += len(photo.objects)
    file.write("\n]\n")
    return count


def _task(photo: LabelledPhoto, labels: Labels) -> dict[str, Any]:
    scored = [one for one in photo.objects if one.score is not None]
    plain = [one for one in photo.objects if one.score is None]
    task: dict[str, Any] = {"data": {"image": URL + quote(str(photo.name)), "file_name": str(photo.name)}}
    if scored:
        results = [_result(one, f"p{n}", photo, labels) for n, one in enumerate(scored, 1)]
        mean = float(np.mean([one.score or 0.0 for one in scored]))
        task["predictions"] = [{"model_version": f"cuts3d {__version__}", "score": mean, "result": results}]
    if plain:
        task["annotations"] = [{"result": [_result(one, f"a{n}", photo, labels) for n, one in enumerate(plain, 1)]}]
    return task


def _result(one: LabelledObject, own_id: str, photo: LabelledPhoto, labels: Labels) -> dict[str, Any]:
    (h, w), name = photo.size, labels.classes[one.category]
    if one.mask is None:
        x, y, width, height = one.box
        percent = {"x": 100 * x / w, "y": 100 * y / h, "width": 100 * width / w, "height": 100 * height / h}
        kind, source, value = "rectanglelabels", "boxes", {**percent, "rotation": 0, "rectanglelabels": [name]}
    else:
        rle = brush_rle(decode_rle(one.mask))
        kind, source, value = "brushlabels", "masks", {"format": "rle", "rle": rle, "brushlabels": [name]}
    return {
        "id": own_id,
        "type": kind,
        "from_name": source,
        "to_name": "image",
        "original_width": w,
        "original_height": h,
        "image_rotation": 0,
        "value": value,
        **({} if one.score is None else {"score": one.score}),
        **({"meta": {"iscrowd": True}} if one.crowd else {}),
    }


def brush_rle(mask: BoolArray) -> list[int]:
    """A mask in the run lengths of Label Studio's brush: a stream of bits, the first of a byte is its highest.

    The stream says the number of values (32 bits), the bits of a value less one (5), four sizes less one (4 bits each),
    and then for each run: 1, which size its length has (2 bits), its length less one, its value (8 bits). A pixel is
    four equal values.

    Args:
        mask: bool [H, W].

    Returns:
        Bytes, from 0 to 255.
    """
    bits = [f"{CHANNELS * mask.size:032b}", f"{7:05b}", *(f"{size - 1:04b}" for size in SIZES)]
    bits += [_run(length, value) for length, value in _runs(mask)]
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def _runs(mask: BoolArray) -> Iterator[tuple[int, bool]]:
    """Lengths and values of the runs, row by row, in values; none longer than the largest size can say."""
    flat = np.ascontiguousarray(mask).reshape(-1)
    edges = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1, [flat.size]])
    for begin, length in zip(edges[:-1].tolist(), (np.diff(edges) * CHANNELS).tolist(), strict=True):
        left = length
        while left:
            part = min(left, 1 << SIZES[-1])
            yield part, bool(flat[begin])
            left -= part


def _run(length: int, value: bool) -> str:
    kind = next(n for n, size in enumerate(SIZES) if length <= 1 << size)
    return f"1{kind:02b}{length - 1:0{SIZES[kind]}b}{'1' * 8 if value else '0' * 8}"
