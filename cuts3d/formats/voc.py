"""Pascal VOC: boxes as XML, masks as pictures of objects and classes, as the devkit has them.

The files are our own: supervision writes polygons, which the devkit does not know, no pictures of masks, and each part
of a mask as an object of its own.
"""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree as ET

import numpy as np
from PIL import Image

from cuts3d.arrays import ImageArray
from cuts3d.formats.labels import LabelledObject, LabelledPhoto, Labels
from cuts3d.formats.names import flat, own_targets
from cuts3d.formats.photos import PhotoFolder
from cuts3d.io.coco import Size, decode_rle, rle_area
from cuts3d.io.files import write_atomically, write_text

MOST = 254  # objects of a picture of masks: 0 is the background, 255 is "no matter"
USUAL_SUFFIX = ".jpg"


def write_voc(labels: Labels, photos: PhotoFolder, folder: Path) -> int:
    """Write the folders of the devkit; `JPEGImages` only where there is a folder of photos.

    A photo in a folder gets a name with `__` for `/`, because VOC knows no folders. Returns the number of objects.

    Raises:
        InputError: Two photos would share a file, or a file cannot be written.
    """
    targets = own_targets(labels.names(), lambda name: PurePosixPath(flat(name).stem))
    count, listed, masked = 0, [], []
    (folder / "Annotations").mkdir(parents=True, exist_ok=True)
    for photo in labels:
        own = targets[photo.name].name
        has_masks = any(one.mask is not None for one in photo.objects)
        _write_xml(folder / "Annotations" / f"{own}.xml", photo, labels, has_masks)
        if has_masks:
            _write_masks(folder, own, photo, labels)
            masked.append(own)
        photos.copy(photo.name, folder / "JPEGImages" / flat(photo.name))
        labels.losses.add("suffixes", int(photo.name.suffix != USUAL_SUFFIX))
        listed.append(own)
        count += len(photo.objects)
    for task, names in (("Main", listed), ("Segmentation", masked)):
        write_text(folder / "ImageSets" / task / "trainval.txt", "".join(f"{name}\n" for name in names))
    return count


def _write_xml(path: Path, photo: LabelledPhoto, labels: Labels, has_masks: bool) -> None:
    h, w = photo.size
    root = ET.Element("annotation")
    _put(root, folder=str(photo.name.parent), filename=flat(photo.name).name, path=str(photo.name))
    _put(ET.SubElement(root, "source"), database="cuts3d")
    _put(ET.SubElement(root, "size"), width=w, height=h, depth=3)
    _put(root, segmented=int(has_masks))
    for one in photo.objects:
        entry = ET.SubElement(root, "object")
        name = labels.classes[one.category]
        _put(entry, name=name, pose="Unspecified", truncated=0, difficult=int(one.crowd))
        xmin, ymin, xmax, ymax = _devkit_box(one, photo.size)
        labels.losses.add("rounded", int(any(value != int(value) for value in one.box)))
        _put(ET.SubElement(entry, "bndbox"), xmin=xmin, ymin=ymin, xmax=xmax, ymax=ymax)
        if one.score is not None:
            _put(entry, score=one.score)
    ET.indent(root)
    write_text(path, ET.tostring(root, encoding="unicode") + "\n")


def _put(parent: ET.Element, **values: object) -> None:
    for name, value in values.items():
        ET.SubElement(parent, name).text = str(value)


def _devkit_box(one: LabelledObject, size: Size) -> tuple[int, int, int, int]:
    """First and last pixel, counted from 1, of a box (x, y, width, height); inside the photo."""
    (x, y, w, h), (rows, columns) = one.box, size
    left, top = (min(max(math.floor(value), 0), most - 1) for value, most in ((x, columns), (y, rows)))
    right, bottom = min(math.ceil(x + w), columns), min(math.ceil(y + h), rows)
    return left + 1, top + 1, max(right, left + 1), max(bottom, top + 1)


def _write_masks(folder: Path, own: str, photo: LabelledPhoto, labels: Labels) -> None:
    """Two pictures; large masks are drawn first, so that those inside them are seen. Crowds are "no matter"."""
    objects, classes = (np.zeros(photo.size, dtype=np.uint8) for _ in range(2))
    numbered = [(n, one) for n, one in enumerate(photo.objects, 1) if one.mask is not None]
    labels.losses.add("beyond", sum(n > MOST for n, _ in numbered))
    drawn = [(n, one, decode_rle(one.mask)) for n, one in numbered if n <= MOST and one.mask is not None]
    for number, one, mask in sorted(drawn, key=lambda entry: (not entry[1].crowd, -rle_area(entry[1].mask or {}))):
        objects[mask] = 255 if one.crowd else number
        classes[mask] = 255 if one.crowd else one.category + 1
    covered = sum(bool((objects[mask] != number).any()) for number, one, mask in drawn if not one.crowd)
    labels.losses.add("covered", covered)
    for kind, values in (("SegmentationObject", objects), ("SegmentationClass", classes)):
        picture = Image.fromarray(values)
        picture.putpalette(palette().tobytes())
        write_atomically(folder / kind / f"{own}.png", picture.save)


def palette() -> ImageArray:
    """The colours of VOC's pictures, uint8 [256, 3]: the bits of a number, spread over red, green and blue."""
    numbers = np.arange(256)
    colours = np.zeros((256, 3), dtype=np.int64)
    for step in range(8):
        for channel in range(3):
            colours[:, channel] |= (numbers >> (3 * step + channel) & 1) << (7 - step)
    return colours.clip(0, 255).astype(np.uint8)
