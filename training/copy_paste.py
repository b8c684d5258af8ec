"""Copy-paste of objects from one training photo into another, by confidence (method 1.8)."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from training.augment import areas, resize_to, without_specks
from training.records import Sample, boxes_of

SCALES = (0.3, 1.0)  # of the source, where 1 fills the target
MOST_COVERED = 0.5  # of any label below


def copy_paste(
    target: Sample, source: Sample, generator: torch.Generator, *, select_above: float | None, blend: bool
) -> Sample:
    """Paste a photo's objects into another photo, as a group: one random scale, one random place.

    An object is pasted where every label that it covers, pasted ones too, keeps more than half of the pixels it came
    with; what is covered is cut from the labels below.

    Args:
        target: The photo that is pasted into; it is not changed.
        source: The photo that the objects are from, best first.
        generator: Draws scale and place; on the CPU.
        select_above: Paste only labels with this mean confidence or more (the dataset's median); None: all.
        blend: I = SC·I_source + (1−SC)·I_target inside what is pasted; else I = I_source.

    Returns:
        The target with its labels, without those of which only a speck is left, then the pasted ones.
    """
    if select_above is not None:
        source = source.keep(source.mean_confidence >= select_above)
    scale = _draw(generator, *SCALES)
    objects = _scaled(source, scale * _filling(source, target)) if len(source.masks) else source
    if not len(objects.masks):
        return target
    h, w = objects.image.shape[1:]
    top, left = (
        int(_draw(generator, 0, whole - part + 1)) for whole, part in zip(target.image.shape[1:], (h, w), strict=True)
    )
    return _paste(target, objects, top, left, blend=blend)


def _draw(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def _filling(source: Sample, target: Sample) -> float:
    """Factor at which the source just fits into the target."""
    sides = zip(target.image.shape[1:], source.image.shape[1:], strict=True)
    return min(there / here for there, here in sides)


def _scaled(source: Sample, factor: float) -> Sample:
    """The part of a photo that its labels lie in, resized; cropped first, as the rest is never seen."""
    boxes = boxes_of(source.masks).long()
    (x0, y0), (x1, y1) = boxes[:, :2].amin(dim=0).tolist(), boxes[:, 2:].amax(dim=0).tolist()
    cropped = {name: getattr(source, name)[:, y0:y1, x0:x1] for name in ("image", "masks", "confidence")}
    shape = (max(1, int((y1 - y0) * factor)), max(1, int((x1 - x0) * factor)))
    return without_specks(resize_to(dataclasses.replace(source, **cropped), shape))


def _paste(target: Sample, objects: Sample, top: int, left: int, *, blend: bool) -> Sample:
    """Lay objects over a photo, one after the other.

    Args:
        target: The photo.
        objects: What is pasted, as large as it will be.
        top: Row of the target where the objects' first row comes.
        left: Its column.
        blend: By spatial confidence.
    """
    count, sizes, pasted = len(target.masks), areas(objects.masks), []
    image, room = target.image.clone(), target.masks.new_zeros((len(sizes), *target.masks.shape[1:]))
    masks = torch.cat((target.masks, room))
    confidence = torch.cat((target.confidence, torch.ones_like(room, dtype=torch.float32)))
    original = torch.cat((areas(target.masks), sizes))  # of the first `count`
    remaining = original.clone()
    for index, (x0, y0, x1, y1) in enumerate(boxes_of(objects.masks).long().tolist()):
        piece, sure = objects.masks[index, y0:y1, x0:x1], objects.confidence[index, y0:y1, x0:x1]
        place = (slice(None), slice(top + y0, top + y1), slice(left + x0, left + x1))
        below = masks[:count][place]
        after = remaining[:count] - areas(below & piece)
        if bool((after <= MOST_COVERED * original[:count]).any()):
            continue
        below &= ~piece
        confidence[:count][place].masked_fill_(piece, 1.0)
        _lay(image[place], objects.image[:, y0:y1, x0:x1], piece * sure if blend else piece.float())
        masks[count][place[1:]], confidence[count][place[1:]] = piece, sure
        remaining[:count], remaining[count], original[count] = after, sizes[index], sizes[index]
        pasted.append(index)
        count += 1
    if not pasted:
        return target
    scores, mean = (
        torch.cat((getattr(target, name), getattr(objects, name)[pasted])) for name in ("scores", "mean_confidence")
    )
    changed = {"masks": masks[:count], "confidence": confidence[:count], "scores": scores, "mean_confidence": mean}
    return without_specks(dataclasses.replace(target, image=image, **changed))


def _lay(below: Tensor, above: Tensor, cover: Tensor) -> None:
    """I = SC·I_source + (1−SC)·I_target, in place; all float32, [3, h, w] twice and [h, w]."""
    below.lerp_(above, cover.expand_as(below))
