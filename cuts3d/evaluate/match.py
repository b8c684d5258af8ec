"""The ground truth and the predictions on the images that count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cuts3d.errors import InputError
from cuts3d.evaluate.items import Item, items, read_pairs
from cuts3d.evaluate.names import choose_images, match_names
from cuts3d.io.coco import CocoDocument, DocumentInput, ImageId, ImageRecord, read_document


@dataclass(frozen=True, slots=True)
class Matched:
    """Ground truth and predictions on the images that count, and how much was left out.

    Attributes:
        images: Ids in the ground truth, sorted as pycocotools sorts them.
        truth: Objects of the ground truth, by category, else in their order.
        predictions: In their order.
        pairs: Touching objects of the ground truth.
        unmatched_images: Predicted images that the ground truth does not have.
        unmatched_predictions: Predictions on those.
    """

    images: list[ImageId]
    truth: list[Item]
    predictions: list[Item]
    pairs: list[tuple[Item, Item]]
    unmatched_images: int
    unmatched_predictions: int


def read(
    ground_truth: DocumentInput,
    predictions: DocumentInput,
    *,
    pairs: DocumentInput | None,
    image_ids: Iterable[ImageId] | None,
) -> Matched:
    """Both documents, read, checked and matched; see `cuts3d.evaluate.evaluate`.

    Raises:
        InputError: A document cannot be used.
    """
    truth, guess = read_document(ground_truth, "Ground truth"), read_document(predictions, "Predictions")
    images, true_annotations, guessed_annotations = truth.images(), truth.annotations(), guess.annotations()
    chosen = choose_images(images, image_ids)
    true_ids, seen = _true_ids(truth, images, guess)
    sizes = {image.id: image.size for image in images.values() if image.size is not None}
    objects = items(truth, true_annotations, {i: i for i in chosen}, sizes, scored=False)
    kept = sorted(objects, key=lambda item: item.category)
    counted = {own: true for own, true in true_ids.items() if true in chosen}
    by_key = {item.key: item for item in kept}
    touching = [] if pairs is None else read_pairs(pairs, true_annotations)
    return Matched(
        images=sorted(chosen, key=lambda i: (isinstance(i, str), i)),
        truth=kept,
        predictions=list(items(guess, guessed_annotations, counted, sizes, scored=True)),
        pairs=[(by_key[a], by_key[b]) for a, b in touching if a in by_key],
        unmatched_images=len((seen | {entry["image_id"] for entry in guessed_annotations}) - set(true_ids)),
        unmatched_predictions=sum(entry["image_id"] not in true_ids for entry in guessed_annotations),
    )


def _true_ids(
    truth: CocoDocument, images: Mapping[ImageId, ImageRecord], guess: CocoDocument
) -> tuple[dict[ImageId, ImageId], set[ImageId]]:
    """Predicted image ids to true ones, and all ids among the `images` of the predictions."""
    if not isinstance(guess.content, Mapping) or "images" not in guess.content:
        return {i: i for i in images}, set()
    own = guess.images()
    true_ids = match_names(truth.label, images, guess.label, own)
    for here, there in true_ids.items():
        _check_size(guess.label, own[here], images[there])
    return true_ids, set(own)


def _check_size(label: str, own: ImageRecord, true: ImageRecord) -> None:
    if own.size and true.size and own.size != true.size:
        (h, w), (true_h, true_w) = own.size, true.size
        raise InputError(f"{label}: the image '{own.name}' has {w}×{h} pixels, in the ground truth {true_w}×{true_h}.")
