"""Collages with sharp depth, and what the sharpening does to borders."""

from __future__ import annotations

import numpy as np

from cuts3d.depth.embedded import load_head
from cuts3d.scenes import make_scene
from training.depth_head.collage import collage, silhouette
from training.depth_head.sharpening import border_scores, make_collages


def small_collage(seed: int) -> tuple[np.ndarray, np.ndarray]:
    scene = make_scene("two boxes", size=(96, 96), oversample=1)
    return collage(scene.image, 1 / scene.depth, 96, lambda _: scene.image, np.random.default_rng(seed))


def test_a_collage_is_a_picture_with_its_depth_and_the_same_every_time() -> None:
    pictures = [small_collage(seed) for seed in range(8)]
    for image, depth in pictures:
        assert (image.shape, image.dtype, depth.shape) == ((96, 96, 3), np.uint8, (96, 96))
        assert np.isfinite(depth).all()
    again = small_collage(3)
    np.testing.assert_array_equal(again[0], pictures[3][0])
    np.testing.assert_array_equal(again[1], pictures[3][1])


def test_depth_jumps_at_the_things_of_a_collage() -> None:
    jumps = [np.abs(np.diff(depth, axis=1)).max() / np.ptp(depth) for _, depth in map(small_collage, range(8))]
    assert np.median(jumps) > 0.1


def test_a_silhouette_is_where_its_radius_is_below_one() -> None:
    inside, radius = silhouette(96, np.random.default_rng(0))
    np.testing.assert_array_equal(inside, radius < 1)
    assert 0 < np.count_nonzero(inside) < 0.5 * inside.size


def test_sharpened_borders_lie_nearer_to_the_true_ones(tmp_path) -> None:
    from PIL import Image

    names = ("two boxes", "four cans", "box before ball")
    for name in names:
        Image.fromarray(make_scene(name, size=(240, 320), oversample=1).image).save(tmp_path / f"{name}.png")
    photos = sorted(tmp_path.glob("*.png"))

    def teacher(photo: np.ndarray) -> np.ndarray:
        return np.linspace(0, 1, photo.shape[0], dtype=np.float32)[:, None].repeat(8, axis=1)

    scores = [border_scores(load_head(), *made) for made in make_collages(photos, teacher, count=3)]
    smooth, sharp = np.mean(scores, axis=0)
    assert sharp > smooth
