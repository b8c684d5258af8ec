"""Results as `supervision.Detections`, and `supervision.Detections` as predictions of an evaluation.

Boxes are edges of pixels, as in COCO: a mask of the pixels 2 to 4 has x from 2 to 5. Masks are
`supervision.CompactMask`: run lengths of the crop around each mask, which every annotator of supervision reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cuts3d.arrays import BoolArray
from cuts3d.errors import InputError, shown
from cuts3d.formats.packages import needed
from cuts3d.grids import bounding_box
from cuts3d.io.coco.rle import encode_rle
from cuts3d.io.coco.write import CATEGORY, annotation

if TYPE_CHECKING:
    from supervision import Detections  # pyright: ignore[reportMissingImports]

Boxes = Sequence[Sequence[float]]
Record = dict[str, Any]


def to_detections(
    masks: Sequence[BoolArray],
    scores: Sequence[float],
    size: tuple[int, int],
    *,
    boxes: Boxes | None = None,
    data: Mapping[str, Sequence[Any]] | None = None,
    compact: bool = True,
) -> Detections:
    """Masks of one photo as `supervision.Detections`.

    Args:
        masks: bool [H, W] each.
        scores: Of each mask, in [0, 1]; they become `confidence`, float64 [n].
        size: (H, W) of the photo in pixels.
        boxes: (x0, y0, x1, y1) of each mask, edges in pixels; None: the boxes of the masks.
        data: Further values of each mask, by name; `class_name` is added: "object", of the class id 0.
        compact: Whether masks are `supervision.CompactMask`; False: bool [n, H, W].

    Raises:
        ConfigError: supervision is not installed.
    """
    sv = needed("supervision", "Detections of supervision")
    frames = np.array([bounding_box(mask) for mask in masks], dtype=np.float64).reshape(-1, 4)
    frames[:, 2:] += frames[:, :2]  # x, y, width, height to edges
    names = np.array([CATEGORY["name"]] * len(masks), dtype=object)
    dense = np.array(masks, dtype=np.bool_).reshape(len(masks), *size)
    return sv.Detections(
        xyxy=frames if boxes is None else np.array(boxes, dtype=np.float64).reshape(-1, 4),
        mask=_compact(sv, masks, frames, size) if compact else dense,
        confidence=np.array(scores, dtype=np.float64),
        class_id=np.zeros(len(masks), dtype=np.int64),
        data={"class_name": names, **{name: np.array(list(values)) for name, values in (data or {}).items()}},
    )


def _compact(sv: Any, masks: Sequence[BoolArray], frames: np.ndarray, size: tuple[int, int]) -> Any:
    """Compact masks, one at a time: all of a large photo together may not fit into memory as pixels."""
    last = frames - (0, 0, 1, 1)  # supervision crops from the first to the last pixel
    rles = [encode_rle(mask) for mask in masks]
    return sv.CompactMask.from_coco_rle(rles, last, size)


def predictions_from_supervision(detections: Mapping[str, Detections]) -> Record:
    """Detections of photos as predictions for `cuts3d.evaluate.evaluate`.

    Classes are not used: the evaluation is class-agnostic.

    Args:
        detections: `supervision.Detections` by the file name of their photo, with `confidence`, with or without masks.
            A photo without any detection belongs into it, too.

    Returns:
        A COCO document. Its images have sizes where their detections have masks.

    Raises:
        InputError: Detections have no confidence, or one that is not finite, or a file name is no text.
    """
    images: list[Record] = []
    annotations: list[Record] = []
    for number, (name, found) in enumerate(detections.items(), start=1):
        if not isinstance(name, str):
            raise InputError(f"Detections must be given by the file names of their photos; {shown(name)} is no text.")
        records, size = _records(found, name)
        images.append({"id": number, "file_name": name, **size})
        annotations += [{"id": len(annotations) + n, "image_id": number, **one} for n, one in enumerate(records, 1)]
    return {"images": images, "categories": [dict(CATEGORY)], "annotations": annotations}


def _records(found: Detections, name: str) -> tuple[list[Record], Record]:
    if not len(found):
        return [], {}
    if found.confidence is None:
        raise InputError(f"The detections of '{name}' have no 'confidence', so they cannot be ranked.")
    scores, corners = (np.asarray(part, dtype=np.float64) for part in (found.confidence, found.xyxy))
    if not np.isfinite(scores).all():
        raise InputError(f"The detections of '{name}' have a 'confidence' that is not finite.")
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).tolist()
    if found.mask is None:
        plain = zip(scores.tolist(), boxes, strict=True)
        return [{"category_id": CATEGORY["id"], "score": score, "bbox": box} for score, box in plain], {}
    h, w = found.mask.shape[1:]
    records = []
    for index, (score, box) in enumerate(zip(scores.tolist(), boxes, strict=True)):
        one = annotation(np.asarray(found.mask[index], dtype=np.bool_), score=score, box=box)
        records.append({**one, "score": score})  # not rounded: rounding could change the order
    return records, {"height": int(h), "width": int(w)}
