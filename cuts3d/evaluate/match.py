"""The ground truth and the predictions on the images that count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cuts3d.errors import InputError, shown
from cuts3d.evaluate.agreement import check_agreement
from cuts3d.evaluate.chosen import Images, choose_images
from cuts3d.evaluate.images import Annotations, Links, link_images
from cuts3d.evaluate.items import Item, items
from cuts3d.evaluate.notices import Notice, counted, examples, unusable
from cuts3d.evaluate.pairs import Pair, read_pairs
from cuts3d.io.coco import CocoDocument, DocumentInput, ImageId, describe_annotation, image_id, read_document
from cuts3d.io.coco.read import is_list


@dataclass(frozen=True, slots=True)
class Matched:
    """Ground truth and predictions on the images that count, and what was left out.

    Attributes:
        images: Ids in the ground truth, sorted as pycocotools sorts them.
        truth: Objects of the ground truth, by category, else in their order.
        predictions: In their order.
        pairs: Touching objects of the ground truth.
        unmatched_images: Predicted images that the ground truth does not have.
        unmatched_predictions: Predictions on those.
        notices: What was left out, and what looks like a mistake.
    """

    images: list[ImageId]
    truth: list[Item]
    predictions: list[Item]
    pairs: list[Pair]
    unmatched_images: int
    unmatched_predictions: int
    notices: list[Notice]


def read(
    ground_truth: DocumentInput,
    predictions: DocumentInput,
    *,
    pairs: DocumentInput | None,
    image_ids: Iterable[ImageId] | None,
) -> Matched:
    """Both documents, read, checked and matched; see `cuts3d.evaluate.evaluate`.

    Raises:
        InputError: A document cannot be used, or nothing is left to compare.
    """
    truth, guess = read_document(ground_truth, "Ground truth"), read_document(predictions, "Predictions")
    images, true_annotations, guessed_annotations = truth.images(), truth.annotations(), guess.annotations()
    chosen, not_found = choose_images(images, image_ids)
    _check_listed(truth, images, true_annotations)
    links = link_images(truth, images, guess, guessed_annotations)
    _check_matched(guess, images, chosen, links)
    sizes = links.sizes | {image.id: image.size for image in images.values() if image.size is not None}
    objects, bad_objects = items(truth, true_annotations, {i: i for i in chosen}, sizes, scored=False)
    if all(item.crowd for item in objects):
        raise InputError(f"{truth.label}: there is no object on the evaluated images, so there is nothing to find.")
    counted_ids = {own: true for own, true in links.true_ids.items() if true in chosen}
    found, bad_predictions = items(guess, guessed_annotations, counted_ids, sizes, scored=True)
    touching, lost_pairs = ([], []) if pairs is None else read_pairs(pairs, true_annotations, objects, chosen)
    left = sum(image_id(entry) in links.unmatched for entry in guessed_annotations)
    return Matched(
        images=sorted(chosen, key=lambda i: (isinstance(i, str), i)),
        truth=sorted(objects, key=lambda item: item.category),
        predictions=found,
        pairs=touching,
        unmatched_images=len(links.unmatched),
        unmatched_predictions=left,
        notices=[
            *_empty(len(found) + len(bad_predictions), len(guessed_annotations)),
            *_unmatched(links, left),
            *_missing(guess, chosen, links),
            *not_found,
            *unusable("object", "of the ground truth", bad_objects),
            *unusable("prediction", "", bad_predictions),
            *lost_pairs,
            *links.notices,
            *_without_masks(objects, found),
            *check_agreement("object", truth.label, objects, sizes),
            *check_agreement("prediction", guess.label, found, sizes),
        ],
    )


def _check_listed(truth: CocoDocument, images: Images, annotations: Annotations) -> None:
    lost = [
        f"{describe_annotation(entry, position)} on the image {shown(entry['image_id'])}"
        for position, entry in enumerate(annotations, start=1)
        if image_id(entry) not in images
    ]
    if lost:
        raise InputError(
            f"{truth.label}: {len(lost)} of {counted(len(annotations), 'annotation')} are on images that 'images' does "
            f"not list, such as {lost[0]}; correct their 'image_id', or remove them."
        )


def _check_matched(guess: CocoDocument, images: Images, chosen: set[ImageId], links: Links) -> None:
    if links.unmatched and not links.true_ids:
        truth = next(iter(images.values()))
        raise InputError(
            f"{guess.label}: none of {counted(len(links.unmatched), 'image')} is in the ground truth: "
            f"{examples(links.unmatched.values())}; the ground truth has {shown(truth.name)} with the id "
            f"{shown(truth.id)}."
        )
    if links.listed and not chosen & set(links.true_ids.values()):
        raise InputError(f"{guess.label}: none of the evaluated images is among the predicted ones.")


def _empty(here: int, everywhere: int) -> list[Notice]:
    if here:
        return []
    text = "There is no prediction on the evaluated images" if everywhere else "The predictions are empty"
    return [Notice("no_predictions", 0, f"{text}: every object counts as missed.")]


def _unmatched(links: Links, predictions: int) -> list[Notice]:
    if not links.unmatched:
        return []
    what = f"{counted(predictions, 'prediction')} on {counted(len(links.unmatched), 'image')}"
    text = f"Left out: {what} that the ground truth does not have: {examples(links.unmatched.values())}."
    return [Notice("unmatched_images", len(links.unmatched), text)]


def _missing(guess: CocoDocument, chosen: set[ImageId], links: Links) -> list[Notice]:
    missing = len(chosen - set(links.true_ids.values())) if links.listed else 0
    if not missing:
        return []
    text = f"{missing} of {counted(len(chosen), 'evaluated image')} are not in the predictions: their objects count as "
    failures = guess.content.get("failures")
    failed = f" The predictions list {counted(len(failures), 'image')} that failed." if _is_filled(failures) else ""
    return [Notice("missing_images", missing, f"{text}missed.{failed}")]


def _is_filled(value: Any) -> bool:
    return is_list(value) and bool(value)


def _without_masks(objects: Sequence[Item], predictions: Sequence[Item]) -> list[Notice]:
    """Figures of masks silently use only a part where some annotations have a box only."""
    notices = []
    for noun, found in (("object", objects), ("prediction", predictions)):
        boxes = sum(item.mask is None for item in found)
        if 0 < boxes < len(found):
            text = f"{boxes} of {counted(len(found), noun)} have a box only: the figures of masks leave them out."
            notices.append(Notice(f"{noun}s_without_mask", boxes, text))
    return notices
