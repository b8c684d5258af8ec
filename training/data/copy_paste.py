"""Copy-paste of objects from one training photo into another, by confidence (method 1.8)."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from training.data.augment import LEAST_PIXELS, areas, bilinear, cells, nearest
from training.data.samples import Sample, boxes_of

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
        source: The photo that the objects are from; the best come first and lie below.
        generator: Draws scale and place; on the CPU.
        select_above: Paste only labels with this mean confidence or more (the dataset's median); None: all.
        blend: I = SC·I_source + (1−SC)·I_target inside what is pasted; else I = I_source.

    Returns:
        The target with its labels, without those of which only a speck is left, then the pasted ones.
    """
    if select_above is not None:
        source = source.keep(source.mean_confidence >= select_above)
    if not len(source.masks):
        return target
    group = _cropped(source)
    factor = _draw(generator, *SCALES) * _filling(source, target)
    h, w = (max(1, int(side * factor)) for side in group.image.shape[1:])
    top, left = (
        int(_draw(generator, 0, whole - part + 1)) for whole, part in zip(target.image.shape[1:], (h, w), strict=True)
    )
    return _paste(target, group, (slice(None), slice(top, top + h), slice(left, left + w)), blend=blend)


def _draw(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def _filling(source: Sample, target: Sample) -> float:
    """Factor at which the source just fits into the target."""
    sides = zip(target.image.shape[1:], source.image.shape[1:], strict=True)
    return min(there / here for there, here in sides)


def _cropped(source: Sample) -> Sample:
    """The part of a photo that its labels lie in, before it is resized: the rest is never seen."""
    inside = source.masks.view(torch.uint8).amax(dim=0).bool()
    ((x0, y0, x1, y1),) = boxes_of(inside[None]).long().tolist()
    parts = {name: getattr(source, name)[:, y0:y1, x0:x1] for name in ("image", "masks", "confidence")}
    return dataclasses.replace(source, **parts)


def _paste(target: Sample, group: Sample, room: tuple[slice, slice, slice], *, blend: bool) -> Sample:
    """Lay objects over a photo, one after the other.

    Args:
        target: The photo.
        group: The objects, in their own size.
        room: Where in the photo they come, and in which size: all channels, rows, columns.
        blend: By spatial confidence.
    """
    n, shape = len(target.masks), (room[1].stop - room[1].start, room[2].stop - room[2].start)
    objects = nearest(group.masks, shape)
    boxes = boxes_of(objects).long().tolist()
    layers, sizes, pasted = stack(target.masks[room], areas(target.masks), objects, boxes)
    if not pasted:
        return target
    image, colours = target.image.clone(), bilinear(group.image, shape)
    masks, confidence = (_extended(maps, len(layers)) for maps in (target.masks, target.confidence))
    masks[room] = layers
    confidence[:n][room].masked_fill_(layers[n:].view(torch.uint8).amax(dim=0).bool(), 1.0)
    rows, columns = (cells(old, new) for old, new in zip(group.image.shape[1:], shape, strict=True))
    for place, index in enumerate(pasted, start=n):
        x0, y0, x1, y1 = boxes[index]
        box = (slice(y0, y1), slice(x0, x1))
        sure = group.confidence[index].index_select(0, rows[y0:y1]).index_select(1, columns[x0:x1])
        cover = objects[index][box] * (sure if blend else 1.0)
        image[room][:, *box].lerp_(colours[:, *box], cover.expand(3, -1, -1))  # SC·I_source + (1−SC)·I_target
        confidence[room][place][box] = torch.where(layers[place][box], sure, 1.0)
    scores, mean = (
        torch.cat((getattr(target, name), getattr(group, name)[pasted])) for name in ("scores", "mean_confidence")
    )
    result = dataclasses.replace(
        target, image=image, masks=masks, confidence=confidence, scores=scores, mean_confidence=mean
    )
    large = sizes >= LEAST_PIXELS
    return result if large.all() else result.keep(large)


def stack(below: Tensor, sizes: Tensor, above: Tensor, boxes: list[list[int]]) -> tuple[Tensor, Tensor, list[int]]:
    """Put masks over masks, each where it leaves more than half of every one below; what is covered is cut.

    Args:
        below: bool [n, h, w], what of the lower masks lies in this part of their photo.
        sizes: Pixels of the lower masks in the whole photo, int32 [n].
        above: bool [m, h, w].
        boxes: Of `above`, whole numbers, xyxy.

    Returns:
        The masks, bool [n + k, h, w]: the lower ones, then the k that came over them; pixels that are left of each in
        the whole photo, int32 [n + k]; and which of `above` the k are.
    """
    own = areas(above)
    layers, count, pasted = torch.cat((below, above)), len(below), []  # the first `count` of them are taken
    whole = torch.cat((sizes, own))
    left = whole.clone()
    for index, (x0, y0, x1, y1) in enumerate(boxes):
        piece, under = above[index, y0:y1, x0:x1], layers[:count, y0:y1, x0:x1]
        after = left[:count] - areas(under & piece)
        if own[index] < LEAST_PIXELS or bool((after <= MOST_COVERED * whole[:count]).any()):
            continue
        under &= ~piece
        layers[count], left[:count] = above[index], after
        whole[count], left[count] = own[index], own[index]
        pasted.append(index)
        count += 1
    return layers[:count], left[:count], pasted


def _extended(maps: Tensor, count: int) -> Tensor:
    """A copy of [n, H, W] with further maps of ones (of no pixels, where they are masks), [count, H, W]."""
    longer = maps.new_full((count, *maps.shape[1:]), maps.dtype != torch.bool)
    longer[: len(maps)] = maps
    return longer
