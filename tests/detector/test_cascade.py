"""The detector as a whole: what it learns and leaves alone, odd photos, and what detections promise."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_detector import TINY, made_network, made_photo
from made_samples import empty_sample, made_sample
from torch import Tensor, nn
from torchvision.ops import box_iou

from cuts3d.detector.losses import LossOptions
from cuts3d.detector.network import CascadeMaskRCNN, build
from cuts3d.detector.records import Detections
from cuts3d.detector.roi_heads import match
from training.data.samples import Sample

LOSSES = {"rpn_class", "rpn_box", "class_0", "box_0", "class_1", "box_1", "class_2", "box_2", "mask"}
ALL = LossOptions(mask_loss="confidence", drop_loss=True, score_loss=True)
ODD = [(65, 97), (1, 40), (40, 1), (1, 1), (33, 32), (200, 3)]


@pytest.fixture
def network() -> CascadeMaskRCNN:
    torch.manual_seed(0)
    return build(TINY, pretrained=False).train()


@pytest.fixture(scope="module")
def detector() -> CascadeMaskRCNN:
    return made_network()


def photo(size: tuple[int, int]) -> Tensor:
    return torch.tensor(made_photo(size)).permute(2, 0, 1).float() / 255


def losses_of(network: CascadeMaskRCNN, samples: list[Sample], options: LossOptions | None = None) -> dict[str, Tensor]:
    torch.manual_seed(1)  # proposals are sampled by the global generator
    losses = network([s.image for s in samples], samples, options)
    assert isinstance(losses, dict)
    return losses


def found_in(network: CascadeMaskRCNN, images: list[Tensor]) -> list[Detections]:
    with torch.inference_mode():
        found = network(images)
    assert isinstance(found, list)
    return found


def assert_close(first: Detections, second: Detections) -> None:
    for name in ("boxes", "scores", "masks"):
        torch.testing.assert_close(getattr(first, name), getattr(second, name), rtol=1e-4, atol=1e-3)


def assert_valid(found: Detections, size: tuple[int, int]) -> None:
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


# training


@pytest.mark.parametrize("options", [None, LossOptions(), ALL])
def test_training_gives_finite_losses_by_name(network: CascadeMaskRCNN, options: LossOptions | None) -> None:
    losses = losses_of(network, [made_sample(0), made_sample(1, (80, 64))], options)
    assert set(losses) == LOSSES
    assert all(loss.shape == () and loss.isfinite() and loss >= 0 for loss in losses.values())


def test_gradients_reach_all_that_is_trained_and_nothing_that_is_frozen(network: CascadeMaskRCNN) -> None:
    frozen = [p for p in network.parameters() if not p.requires_grad]
    assert frozen
    torch.stack(list(losses_of(network, [made_sample(i, (128, 160)) for i in range(3)]).values())).sum().backward()
    untouched = [k for k, p in network.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert not untouched
    assert all(p.grad is None for p in frozen)


@pytest.mark.parametrize("samples", [[empty_sample()], [made_sample(0, (1, 40), 1)]])
def test_every_trained_weight_takes_part_in_every_step(network: CascadeMaskRCNN, samples: list[Sample]) -> None:
    """Processes that train together wait for the gradients of all weights."""
    torch.stack(list(losses_of(network, samples).values())).sum().backward()
    assert not [k for k, p in network.named_parameters() if p.requires_grad and p.grad is None]


def norms(network: CascadeMaskRCNN) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in network.backbone.state_dict().items() if "running" in k}


@pytest.mark.parametrize("freeze", [True, False])
def test_frozen_norms_keep_their_statistics(freeze: bool) -> None:
    """Those of frozen blocks too; others, as of the pyramid, do not."""
    network = build(dataclasses.replace(TINY, freeze_norm=freeze, pyramid_norm=True), pretrained=False).train()
    before = norms(network)
    losses_of(network, [made_sample(0), made_sample(1)])
    moved = {k for k, v in norms(network).items() if not torch.equal(v, before[k])}
    still = ("body.",) if freeze else ("body.bn1.", "body.blocks.0.", "body.blocks.1.")
    assert moved == {k for k in before if not k.startswith(still)}
    assert any(k.startswith("fpn.") for k in moved)


def test_training_without_targets_is_refused(network: CascadeMaskRCNN) -> None:
    with pytest.raises(ValueError, match=r"call eval\(\)"):
        network([torch.zeros(3, 64, 64)])


@pytest.mark.parametrize("size", ODD)
def test_odd_photos_train(network: CascadeMaskRCNN, size: tuple[int, int]) -> None:
    sample = made_sample(0, size, 1)
    mask = torch.zeros(1, *size, dtype=torch.bool)
    mask[0, : max(size[0] // 2, 1), : max(size[1] // 2, 1)] = True
    samples = [dataclasses.replace(sample, masks=mask), empty_sample((64, 64))]
    losses = losses_of(network, samples, ALL)
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    assert total.isfinite()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


def test_a_step_lowers_the_losses(network: CascadeMaskRCNN) -> None:
    samples = [made_sample(0), made_sample(1)]
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.01)
    totals = []
    for _ in range(5):
        total = torch.stack(list(losses_of(network, samples).values())).sum()
        optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        totals.append(float(total.detach()))
    assert totals[-1] < totals[0]


def test_the_same_seed_gives_the_same_losses_and_gradients(network: CascadeMaskRCNN) -> None:
    samples = [made_sample(0), made_sample(1)]
    runs: list[list[Tensor]] = []
    for _ in range(2):
        network.zero_grad()
        losses = losses_of(network, samples)
        torch.stack(list(losses.values())).sum().backward()
        runs.append([*losses.values(), *(p.grad.clone() for p in network.parameters() if p.grad is not None)])
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


# detections


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


# labels of boxes


def test_a_box_belongs_to_the_label_it_meets_best_if_it_meets_it_well() -> None:
    truth = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 20]])
    boxes = torch.tensor([[0.0, 0, 10, 11], [0, 0, 10, 18], [0, 0, 10, 40], [30, 30, 40, 40], [0, 0, 10, 5]])
    assert match(boxes, truth, 0.5).tolist() == [0, 1, 1, -1, 0]
    assert match(boxes, truth, 0.6).tolist() == [0, 1, -1, -1, -1]
    assert match(boxes, truth[:0], 0.5).tolist() == [-1] * 5
    assert match(boxes[:0], truth, 0.5).tolist() == match(boxes[:0], truth[:0], 0.5).tolist() == []
