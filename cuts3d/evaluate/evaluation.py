"""Class-agnostic evaluation of masks and boxes against a COCO truth: `evaluate("truth.json", "found.json")`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cuts3d.evaluate.figures import Figures, Kind, by_image, coco_figures, corloc, mean_best_iou, pairs_separated
from cuts3d.evaluate.input import Document, ImageId
from cuts3d.evaluate.items import Item
from cuts3d.evaluate.match import read


@dataclass(frozen=True, slots=True)
class Counts:
    """What the figures were measured on.

    Attributes:
        images: Evaluated images.
        instances: Objects of the truth on them, without crowds.
        crowds: Regions of the truth with `iscrowd`, on which predictions count neither way.
        predictions: On the evaluated images.
        predictions_per_image: Their mean number.
        unmatched_images: Predicted images that the truth does not have; they are ignored.
        unmatched_predictions: Predictions on those.
        pairs: Touching pairs on the evaluated images.
    """

    images: int
    instances: int
    crowds: int
    predictions: int
    predictions_per_image: float
    unmatched_images: int
    unmatched_predictions: int
    pairs: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures of one set of predictions.

    Attributes:
        mask: Of masks; None where truth or predictions have boxes only.
        box: Of boxes.
        corloc: Share of the images with an object on which the best scored box has IoU ≥ 0.5 with some object's box.
        mean_best_iou: Mean over the objects of the best IoU that any prediction has with it, in [0, 1].
        overlap: What that IoU is of.
        pairs_separated: Share of the touching pairs whose members are found (mask IoU ≥ 0.5) by two different masks.
        counts: What all this was measured on.
    """

    mask: Figures | None
    box: Figures
    corloc: float | None
    mean_best_iou: float | None
    overlap: Kind
    pairs_separated: float | None
    counts: Counts


def evaluate(
    truth: Document,
    predictions: Document,
    *,
    pairs: Document | None = None,
    image_ids: Iterable[ImageId] | None = None,
) -> Evaluation:
    """Hold predictions against a truth, all categories as one.

    Areas of predictions are those of what is compared, masks or boxes, as Detectron2 has it. In a mixed document the
    figures of masks see only what has a mask. Nothing that comes in is changed.

    Args:
        truth: COCO document, or its path.
        predictions: COCO document whose annotations have a `score`, or COCO's list of results, or a path of either.
            With `images` of its own these are matched by file name (the same one, else a last part that is unique);
            else by `image_id`. A box that is missing is that of the mask.
        pairs: `{"pairs": [{"ann_ids": [a, b]}, …]}`, annotations of the truth that touch, or its path.
        image_ids: Images to evaluate, by id or file name; None: all of the truth.

    Raises:
        InputError: A file or document cannot be used; the sentence says which and where.
    """
    data = read(truth, predictions, pairs=pairs, image_ids=image_ids)
    masks = _have_masks(data.truth) and _have_masks(data.predictions)
    overlap: Kind = "mask" if masks else "box"
    instances = [item for item in data.truth if not item.crowd]
    objects, found = by_image(instances), by_image(data.predictions)
    return Evaluation(
        mask=coco_figures(data.images, data.truth, data.predictions, "mask") if masks else None,
        box=coco_figures(data.images, data.truth, data.predictions, "box"),
        corloc=corloc(objects, found),
        mean_best_iou=mean_best_iou(objects, found, overlap),
        overlap=overlap,
        pairs_separated=pairs_separated(data.pairs, found) if masks else None,
        counts=Counts(
            images=len(data.images),
            instances=len(instances),
            crowds=len(data.truth) - len(instances),
            predictions=len(data.predictions),
            predictions_per_image=len(data.predictions) / len(data.images),
            unmatched_images=data.unmatched_images,
            unmatched_predictions=data.unmatched_predictions,
            pairs=len(data.pairs),
        ),
    )


def _have_masks(items: Sequence[Item]) -> bool:
    """No item at all counts as masks too, so that empty predictions are measured and not left out."""
    return not items or any(item.mask is not None for item in items)
