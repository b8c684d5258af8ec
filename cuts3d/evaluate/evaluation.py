"""Class-agnostic evaluation of masks and boxes: `evaluate("instances_val2017.json", "labels.json")`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cuts3d.evaluate.figures import Figures, Kind, by_image, coco_figures, corloc, mean_best_iou, pairs_separated
from cuts3d.evaluate.items import Item
from cuts3d.evaluate.match import Matched, read
from cuts3d.evaluate.notices import Notice
from cuts3d.io.coco import DocumentInput, ImageId


@dataclass(frozen=True, slots=True)
class Counts:
    """What the figures were measured on.

    Attributes:
        images: Evaluated images.
        instances: Objects of the ground truth on them, without crowds.
        crowds: Regions of the ground truth with `iscrowd`; predictions on them count neither as right nor as wrong.
        predictions: On the evaluated images.
        predictions_per_image: Their mean number.
        unmatched_images: Predicted images that the ground truth does not have; they are ignored.
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
        mask: Of masks; None where the ground truth or the predictions have boxes only.
        box: Of boxes.
        corloc: Fraction of the images with an object on which the box with the best score has IoU ≥ 0.5 with the box of
            some object.
        mean_best_iou: Mean over the objects of the best IoU that any prediction has with it, in [0, 1].
        overlap: Whether that IoU is of masks or of boxes.
        pairs_separated: Fraction of the touching pairs whose members are found (mask IoU ≥ 0.5) by two different masks.
        counts: What all this was measured on.
        notices: What was left out, and what looks like a mistake of a file; read them before the figures.
    """

    mask: Figures | None
    box: Figures
    corloc: float | None
    mean_best_iou: float | None
    overlap: Kind
    pairs_separated: float | None
    counts: Counts
    notices: tuple[Notice, ...] = ()


def evaluate(
    ground_truth: DocumentInput,
    predictions: DocumentInput,
    *,
    pairs: DocumentInput | None = None,
    image_ids: Iterable[ImageId] | None = None,
) -> Evaluation:
    """Compare predictions with a ground truth, all categories as one.

    The area of a prediction is that of its mask for the figures of masks and that of its box for those of boxes, as in
    Detectron2. Where only some objects have masks, the figures of masks use only those. The inputs are not changed.

    Ids are compared as what they name: 1, 1.0 and "1" are one id. An annotation whose mask or box cannot be used is
    left out. `Evaluation.notices` says what was left out, and what looks like a mistake.

    Args:
        ground_truth: COCO document, or its path.
        predictions: COCO document whose annotations have a `score`, or COCO's list of results, or a path of either.
            If it has `images`, they are matched by file name: the same name, else the longest end that only one image
            of the ground truth has, with its case and suffix, then without them. Otherwise they are matched by
            `image_id`, which may also be a file name. A missing box is computed from the mask.
        pairs: `{"pairs": [{"ann_ids": [a, b]}, …]}`, annotations of the ground truth that touch, or its path.
        image_ids: Images to evaluate, by id or file name; None: all of the ground truth.

    Raises:
        InputError: A file or document cannot be used; the sentence says which and where. Also if no predicted image is
            in the ground truth, if an annotation of the ground truth is on an image that it does not list, if there is
            no object to find, or if both sides have other sizes of an image (EXIF orientation, resizing).
    """
    data = read(ground_truth, predictions, pairs=pairs, image_ids=image_ids)
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
        counts=_counts(data, len(instances)),
        notices=tuple(data.notices),
    )


def _counts(data: Matched, instances: int) -> Counts:
    return Counts(
        images=len(data.images),
        instances=instances,
        crowds=len(data.truth) - instances,
        predictions=len(data.predictions),
        predictions_per_image=len(data.predictions) / len(data.images),
        unmatched_images=data.unmatched_images,
        unmatched_predictions=data.unmatched_predictions,
        pairs=len(data.pairs),
    )


def _have_masks(items: Sequence[Item]) -> bool:
    """Whether figures of masks can be measured; also for no item at all, so that empty predictions get 0, not None."""
    return not items or any(item.mask is not None for item in items)
