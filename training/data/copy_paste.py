"""Copy-paste of objects from one training photo into another, weighted by confidence (method 1.8)."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from training.data.augment import LEAST_PIXELS, areas, bilinear, cells, nearest
from training.data.samples import Sample, boxes_of

SCALES = (0.3, 1.0)  # of the source; 1 is the largest scale that fits into the target
LEAST_VISIBLE = 0.5  # a pasted object must leave more than this fraction of every label visible


def copy_paste(
    target: Sample, source: Sample, generator: torch.Generator, *, select_above: float | None, blend: bool
) -> Sample:
    """Paste the objects of a photo into another photo, as a group with one random scale and one random position.

    An object is pasted if every label below it, pasted ones included, keeps more than half of its original pixels.
    Covered pixels are removed from the labels below.

    Args:
        target: The photo that is pasted into; it is not changed.
        source: The photo of the objects, best first; better ones lie below.
        generator: Draws scale and position; on the CPU.
        select_above: Paste only labels with this mean confidence or more (the dataset's median); None: all.
        blend: I = SC·I_source + (1−SC)·I_target inside the pasted objects; else I = I_source.

    Returns:
        The target with its labels, then the pasted ones, without labels of fewer than LEAST_PIXELS visible pixels.
    """
    if select_above is not None:
        source = source.keep(source.mean_confidence >= select_above)
    if not len(source.masks):
        return target
    group = _cropped(source)
    factor = _draw(generator, *SCALES) * _fitting_factor(source, target)
    h, w = (max(1, int(side * factor)) for side in group.image.shape[1:])
    top, left = (
        int(_draw(generator, 0, whole - part + 1)) for whole, part in zip(target.image.shape[1:], (h, w), strict=True)
    )
    return _paste(target, group, (slice(None), slice(top, top + h), slice(left, left + w)), blend=blend)


def _draw(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def _fitting_factor(source: Sample, target: Sample) -> float:
    """The largest factor at which the source fits into the target."""
    sides = zip(target.image.shape[1:], source.image.shape[1:], strict=True)
    return min(there / here for there, here in sides)


def _cropped(source: Sample) -> Sample:
    """The part of a photo that contains its labels; the rest is not pasted."""
    inside = source.masks.view(torch.uint8).amax(dim=0).bool()
    ((x0, y0, x1, y1),) = boxes_of(inside[None]).long().tolist()
    parts = {name: getattr(source, name)[:, y0:y1, x0:x1] for name in ("image", "masks", "confidence")}
    return dataclasses.replace(source, **parts)


def _paste(target: Sample, group: Sample, window: tuple[slice, slice, slice], *, blend: bool) -> Sample:
    """Paste objects into a photo, one after the other.

    Args:
        target: The photo.
        group: The objects, at their original size.
        window: Where in the photo they go, and at which size: all channels, rows, columns.
        blend: Blend by spatial confidence.
    """
    n, shape = len(target.masks), (window[1].stop - window[1].start, window[2].stop - window[2].start)
    objects = nearest(group.masks, shape)
    boxes = boxes_of(objects).long().tolist()
    layers, sizes, pasted = stack(target.masks[window], areas(target.masks), objects, boxes)
    if not pasted:
        return target
    image, colours = target.image.clone(), bilinear(group.image, shape)
    masks, confidence = (_extended(maps, len(layers)) for maps in (target.masks, target.confidence))
    masks[window] = layers
    confidence[:n][window].masked_fill_(layers[n:].view(torch.uint8).amax(dim=0).bool(), 1.0)
    rows, columns = (cells(old, new) for old, new in zip(group.image.shape[1:], shape, strict=True))
    for layer, index in enumerate(pasted, start=n):
        x0, y0, x1, y1 = boxes[index]
        box = (slice(y0, y1), slice(x0, x1))
        sure = group.confidence[index].index_select(0, rows[y0:y1]).index_select(1, columns[x0:x1])
        cover = objects[index][box] * (sure if blend else 1.0)
        image[window][:, *box].lerp_(colours[:, *box], cover.expand(3, -1, -1))  # SC·I_source + (1−SC)·I_target
        confidence[window][layer][box] = torch.where(layers[layer][box], sure, 1.0)
    scores, mean = (
        torch.cat((getattr(target, name), getattr(group, name)[pasted])) for name in ("scores", "mean_confidence")
    )
    result = dataclasses.replace(
        target, image=image, masks=masks, confidence=confidence, scores=scores, mean_confidence=mean
    )
    large = sizes >= LEAST_PIXELS
    return result if large.all() else result.keep(large)


def stack(below: Tensor, sizes: Tensor, above: Tensor, boxes: list[list[int]]) -> tuple[Tensor, Tensor, list[int]]:
    """Put masks over masks if each leaves more than half of every lower mask visible; covered pixels are removed.

    Args:
        below: The lower masks inside the window, bool [n, h, w].
        sizes: Pixels of the lower masks in the whole photo, int32 [n].
        above: The upper masks, bool [m, h, w].
        boxes: Boxes of `above`, whole numbers, xyxy.

    Returns:
        The masks, bool [n + k, h, w]: the lower ones, then the k that were put over them; the visible pixels of each in
        the whole photo, int32 [n + k]; and the indices of the k in `above`.
    """
    own = areas(above)
    layers, count, pasted = torch.cat((below, above)), len(below), []  # only the first `count` are in use
    whole = torch.cat((sizes, own))
    left = whole.clone()
    for index, (x0, y0, x1, y1) in enumerate(boxes):
        piece, under = above[index, y0:y1, x0:x1], layers[:count, y0:y1, x0:x1]
        after = left[:count] - areas(under & piece)
        if own[index] < LEAST_PIXELS or bool((after <= LEAST_VISIBLE * whole[:count]).any()):
            continue
        under &= ~piece
        layers[count], left[:count] = above[index], after
        whole[count], left[count] = own[index], own[index]
        pasted.append(index)
        count += 1
    return layers[:count], left[:count], pasted


def _extended(maps: Tensor, count: int) -> Tensor:
    """A copy of [n, H, W] maps, extended to [count, H, W] with ones, or with empty masks if they are bool."""
    longer = maps.new_full((count, *maps.shape[1:]), maps.dtype != torch.bool)
    longer[: len(maps)] = maps
    return longer
