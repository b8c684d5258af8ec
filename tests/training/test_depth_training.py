"""The depth head's training end to end, on made photos and a made teacher."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from cuts3d.depth.embedded import load_head
from cuts3d.depth.head import TOKEN_LAYERS, DepthHead, output_size, smooth_size
from cuts3d.errors import InputError, WeightsUnavailableError
from cuts3d.scenes import make_scene
from training.depth_head.train import TrainConfig, load_batch, train_head
from training.depth_head.views import ViewStore, is_held_out, make_views, open_store, random_view


def brightness(photo: np.ndarray) -> np.ndarray:
    """A teacher whose answer is known."""
    return photo.astype(np.float32).mean(axis=2)


@pytest.fixture
def photos(tmp_path):
    paths = []
    for index, name in enumerate(("two boxes", "three balls")):
        path = tmp_path / f"{index}.png"
        Image.fromarray(make_scene(name, size=(96, 128), oversample=1).image).save(path)
        paths.append(path)
    return paths


def made_store(count: int = 4, grid: int = 6) -> ViewStore:
    """Views whose target can be read off their first token layer."""
    rng = np.random.default_rng(0)
    out = smooth_size(grid)
    coarse = rng.normal(size=(count, grid, grid)).astype(np.float32)
    tokens = np.repeat(coarse.reshape(count, 1, grid * grid, 1), len(TOKEN_LAYERS), axis=1)
    tokens = tokens * rng.normal(size=(1, 1, 1, 384)) + 0.1 * rng.normal(
        size=(count, len(TOKEN_LAYERS), grid * grid, 384)
    )
    target = np.kron(coarse, np.ones((1, 4, 4), np.float32))[:, :out, :out]
    guide = rng.integers(0, 255, (count, 3, 7 * grid, 7 * grid), dtype=np.uint8)
    return ViewStore(tokens.astype(np.float16), guide, np.ascontiguousarray(target), count)


def test_views_are_resumed_and_come_out_the_same(photos, tmp_path) -> None:
    whole = make_views(photos, tmp_path / "whole", brightness, grid=8, smallest=0.5, seed=3)
    make_views(photos, tmp_path / "parts", brightness, grid=8, smallest=0.5, seed=3)
    (tmp_path / "parts" / "count-8.json").write_text("1")  # as if killed after the first
    open_store(tmp_path / "parts", 8, 2).tokens[1] = 0
    parts = make_views(photos, tmp_path / "parts", brightness, grid=8, smallest=0.5, seed=3)
    assert whole.count == parts.count == 2
    for name in ("tokens", "guide", "target"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
    assert whole.tokens.shape == (2, len(TOKEN_LAYERS), 64, 384)
    assert np.abs(whole.tokens[0].astype(np.float32)).max() > 0


def test_a_random_view_is_a_crop_of_the_photo() -> None:
    photo = make_scene("two boxes", size=(96, 128), oversample=1).image
    rng = np.random.default_rng(0)
    for _ in range(20):
        view = random_view(photo, rng, 0.4)
        assert 32 <= view.shape[0] <= 96
        assert 32 <= view.shape[1] <= 128


def test_photos_are_held_out_by_name_alone(tmp_path) -> None:
    names = [tmp_path / f"{i}.jpg" for i in range(2000)]
    share = np.mean([is_held_out(p) for p in names])
    assert 0.03 < share < 0.09
    assert is_held_out(names[0]) == is_held_out(tmp_path / "elsewhere" / "0.jpg")


def test_a_flipped_batch_flips_tokens_guide_and_target_together() -> None:
    store = made_store()
    index = np.array([0, 2])
    tokens, guide, target = load_batch(store, index, flip=False)
    flipped = load_batch(store, index, flip=True)
    torch.testing.assert_close(flipped[0][1].unflatten(1, (6, 6)), tokens[1].unflatten(1, (6, 6)).flip(2))
    torch.testing.assert_close(flipped[1], guide.flip(3))
    torch.testing.assert_close(flipped[2], target.flip(2))


@pytest.mark.slow
def test_training_learns_and_its_weights_load_again(tmp_path) -> None:
    store = made_store()
    out = tmp_path / "head.safetensors"
    head = train_head([store], TrainConfig(steps=150, batch=4, lr=3e-3), out)
    tokens, guide, target = load_batch(store, np.arange(4), flip=False)
    with torch.inference_mode():
        prediction = head.smooth(tokens, guide, (6, 6))
        again = load_head(out).smooth(tokens, guide, (6, 6))
    for p, t in zip(prediction, target, strict=True):
        assert np.corrcoef(p.numpy().ravel(), t.numpy().ravel())[0, 1] > 0.8
    torch.testing.assert_close(prediction, again, atol=0.05, rtol=0.05)


def test_missing_weights_say_what_to_do(tmp_path) -> None:
    with pytest.raises(WeightsUnavailableError, match=r"python -m training\.depth_head"):
        load_head(tmp_path / "none.safetensors")


@pytest.mark.parametrize("grid", [6, 7, 11])
def test_the_head_predicts_at_half_of_the_input_for_any_grid(grid: int) -> None:
    tokens = [torch.randn(2, grid * grid, 384) for _ in TOKEN_LAYERS]
    head, guide = DepthHead(), torch.rand(2, 3, 7 * grid, 7 * grid)
    assert head.smooth(tokens, guide, (grid, grid)).shape == (2, smooth_size(grid), smooth_size(grid))
    assert head(tokens, guide, (grid, grid)).shape == (2, output_size(grid), output_size(grid))
    assert smooth_size(grid) >= 14 * grid / 4
    assert output_size(grid) == 14 * grid / 2


def test_the_head_stays_under_three_million_parameters() -> None:
    assert sum(p.numel() for p in DepthHead().parameters()) < 3_000_000


@pytest.mark.parametrize("change", ["photos", "teacher", "seed"])
def test_views_of_something_else_are_not_resumed(photos, tmp_path, change) -> None:
    given = {"photos": photos, "teacher_name": "a", "seed": 0}
    changed = {"photos": photos[::-1], "teacher_name": "b", "seed": 1}
    name = "teacher_name" if change == "teacher" else change

    def made(values: dict) -> None:
        rest = {key: value for key, value in values.items() if key != "photos"}
        make_views(values["photos"], tmp_path / "views", brightness, grid=8, smallest=0.5, **rest)

    made(given)
    made(given)
    with pytest.raises(InputError, match="views of other photos"):
        made({**given, name: changed[name]})
