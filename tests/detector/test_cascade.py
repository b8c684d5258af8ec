"""The detector as a whole: odd photos, batches, and what detections promise."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_detector import TINY, made_network, made_photo
from torch import Tensor, nn
from torchvision.ops import box_iou

from cuts3d.detector.network import CascadeMaskRCNN, build
from cuts3d.detector.records import RawDetections

ODD = [(65, 97), (1, 40), (40, 1), (1, 1), (33, 32), (200, 3)]


@pytest.fixture(scope="module")
def detector() -> CascadeMaskRCNN:
    return made_network()


def photo(size: tuple[int, int]) -> Tensor:
    return torch.tensor(made_photo(size)).permute(2, 0, 1).float() / 255


def found_in(network: CascadeMaskRCNN, images: list[Tensor]) -> list[RawDetections]:
    with torch.inference_mode():
        return network(images)


def assert_close(first: RawDetections, second: RawDetections) -> None:
    for name in ("boxes", "scores", "masks"):
        torch.testing.assert_close(getattr(first, name), getattr(second, name), rtol=1e-4, atol=1e-3)


def assert_valid(found: RawDetections, size: tuple[int, int]) -> None:
    """What detections promise."""
    n, (h, w) = len(found.boxes), size
    assert found.boxes.shape == (n, 4)
    assert found.masks.shape == (n, 28, 28)
    assert found.scores.shape == (n,)
    assert {found.boxes.dtype, found.scores.dtype, found.masks.dtype} == {torch.float32}
    assert (found.boxes >= 0).all()
    assert (found.boxes <= torch.tensor([w, h, w, h])).all()
    assert (found.boxes[:, 2:] >= found.boxes[:, :2]).all()
    assert (found.scores[1:] <= found.scores[:-1]).all()
    for values in (found.scores, found.masks):
        assert ((values >= 0) & (values <= 1)).all()


def test_a_network_in_training_mode_refuses_to_detect() -> None:
    with pytest.raises(ValueError, match=r"call eval\(\)"):
        build(TINY, pretrained=False).train()([torch.zeros(3, 64, 64)])


@pytest.mark.parametrize("size", [(64, 96), *ODD])
def test_detections_keep_their_promises(detector: CascadeMaskRCNN, size: tuple[int, int]) -> None:
    assert_valid(found_in(detector, [photo(size)])[0], size)


@settings(max_examples=8)
@given(st.lists(st.tuples(st.integers(1, 100), st.integers(1, 100)), min_size=1, max_size=3))
def test_photos_of_any_sizes_make_a_batch(detector: CascadeMaskRCNN, sizes: list[tuple[int, int]]) -> None:
    found = found_in(detector, [photo(size) for size in sizes])
    assert len(found) == len(sizes)
    for one, size in zip(found, sizes, strict=True):
        assert_valid(one, size)


@pytest.mark.parametrize("sizes", [[(64, 96)] * 3, [(65, 97), (96, 128), (66, 100)], [(10, 5), (32, 32)]])
def test_a_photo_in_a_batch_gives_what_it_gives_alone(detector: CascadeMaskRCNN, sizes: list[tuple[int, int]]) -> None:
    """All photos of each batch are padded to the same size that they have alone."""
    images = [photo(size).roll(i, dims=2) for i, size in enumerate(sizes)]
    together = found_in(detector, images)
    assert len(together[0].boxes)
    for image, found in zip(images, together, strict=True):
        assert_close(found, found_in(detector, [image])[0])


def test_a_batch_is_padded_with_the_mean_colour_to_the_right_and_below(detector: CascadeMaskRCNN) -> None:
    small, large = torch.rand(3, 33, 20), torch.rand(3, 50, 97)
    batch = detector.batch([small, large])
    assert batch.tensors.shape == (2, 3, 64, 128)
    assert batch.image_sizes == [(33, 20), (50, 97)]
    shown = batch.tensors * detector.std + detector.mean
    torch.testing.assert_close(shown[0, :, :33, :20], small)
    torch.testing.assert_close(shown[1, :, :50, :97], large)
    assert (batch.tensors[0, :, 33:] == 0).all()
    assert (batch.tensors[0, :, :, 20:] == 0).all()


def test_a_coarser_padding_gives_few_shapes(detector: CascadeMaskRCNN, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "pad_to", 128)
    sizes = [(h, w) for h in (40, 90, 128) for w in (60, 129, 200, 256)]
    shapes = {tuple(detector.batch([torch.rand(3, *size)]).tensors.shape[2:]) for size in sizes}
    assert shapes == {(128, 128), (128, 256)}


def test_detections_are_the_same_each_time(detector: CascadeMaskRCNN) -> None:
    first, second = (found_in(detector, [photo((65, 97))])[0] for _ in range(2))
    assert all(torch.equal(getattr(first, k), getattr(second, k)) for k in ("boxes", "scores", "masks"))


def with_config(detector: CascadeMaskRCNN, **values: Any) -> CascadeMaskRCNN:
    """The same weights under other rules."""
    other = build(dataclasses.replace(TINY, **values), pretrained=False).eval()
    other.load_state_dict(detector.state_dict())
    return other


def test_a_score_threshold_leaves_out_what_is_below(detector: CascadeMaskRCNN) -> None:
    everything = found_in(detector, [photo((64, 96))])[0]
    threshold = float(everything.scores.median())
    found = found_in(with_config(detector, score_threshold=threshold), [photo((64, 96))])[0]
    kept = everything.scores > threshold
    assert 0 < kept.sum() < len(kept)
    torch.testing.assert_close(found.scores, everything.scores[kept])
    torch.testing.assert_close(found.boxes, everything.boxes[kept])
    nothing = found_in(with_config(detector, score_threshold=1.0), [photo((64, 96)), photo((20, 30))])
    assert [len(one.boxes) for one in nothing] == [0, 0]
    assert_valid(nothing[0], (64, 96))


@pytest.mark.parametrize("most", [1, 3])
def test_the_best_detections_are_kept(detector: CascadeMaskRCNN, most: int) -> None:
    everything = found_in(detector, [photo((64, 96))])[0]
    assert len(everything.scores) > most
    found = found_in(with_config(detector, max_detections=most), [photo((64, 96))])[0]
    torch.testing.assert_close(found.scores, everything.scores[:most])


def test_detections_do_not_lie_on_each_other(detector: CascadeMaskRCNN) -> None:
    found = found_in(with_config(detector, box_nms=0.3), [photo((64, 96))])[0]
    among = box_iou(found.boxes, found.boxes) - torch.eye(len(found.boxes))
    assert len(found.boxes) > 1
    assert among.max() <= 0.3 + 1e-6


def test_broken_weights_give_no_detections_rather_than_an_error(detector: CascadeMaskRCNN) -> None:
    broken = copy.deepcopy(detector)
    nn.init.constant_(broken.heads.stages[2].bbox_pred.bias, float("nan"))  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]
    assert len(found_in(broken, [photo((64, 96))])[0].boxes) == 0
