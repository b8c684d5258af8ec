"""Cached training views: random crops and flips of photos, their backbone tokens and the teacher's depth.

The backbone is frozen and costs ten times as much as the head, so every view passes through it only once. Views are
stored in memory-mapped arrays, one set per grid size; a killed run is resumed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cuts3d.backbones import ViTBackbone, extract_features, get_backbone
from cuts3d.backbones.embedded import NAME as BACKBONE
from cuts3d.depth.head import GUIDE_PER_PATCH, TOKEN_LAYERS, smooth_size
from cuts3d.errors import InputError
from cuts3d.grids import resize_image, resize_map
from cuts3d.io.files import write_text
from cuts3d.io.photo_names import is_photo_name
from cuts3d.io.photos import read_image
from training.depth_head.teachers import Teacher

HELD_OUT_PERCENT = 6


def is_held_out(path: Path) -> bool:
    """Whether a photo is held out of the training; it depends only on its name."""
    return int(hashlib.sha256(path.name.encode()).hexdigest(), 16) % 100 < HELD_OUT_PERCENT


def find_photos(folders: list[Path]) -> tuple[list[Path], list[Path]]:
    """Held-out photos, then photos for training, both in a random order that is always the same."""
    photos = sorted(p for folder in folders for p in folder.iterdir() if is_photo_name(p.name))
    held_out = [p for p in photos if is_held_out(p)]
    train = [p for p in photos if not is_held_out(p)]
    rng = np.random.default_rng(0)
    rng.shuffle(held_out)  # pyright: ignore[reportArgumentType]
    rng.shuffle(train)  # pyright: ignore[reportArgumentType]
    return held_out, train


@dataclass(frozen=True, slots=True)
class ViewStore:
    """Memory-mapped views of one grid size.

    Attributes:
        tokens: float16 [N, layers, g*g, C].
        guide: uint8 [N, 3, 7g, 7g], the view itself.
        target: float32 [N, o, o], the teacher's inverse depth.
        count: Number of views written so far.
    """

    tokens: np.ndarray
    guide: np.ndarray
    target: np.ndarray
    count: int

    def in_memory(self) -> ViewStore:
        """The written views, read into memory: random access to a mapped file costs more than the training step."""
        tokens, guide, target = (np.array(a[: self.count]) for a in (self.tokens, self.guide, self.target))
        return ViewStore(tokens, guide, target, self.count)


def open_store(folder: Path, grid: int, size: int | None = None, channels: int = 384) -> ViewStore:
    """Open the views of one grid size; make files for `size` views if there are none."""
    out = smooth_size(grid)
    shapes = {
        "tokens": ((len(TOKEN_LAYERS), grid * grid, channels), np.float16),
        "guide": ((3, GUIDE_PER_PATCH * grid, GUIDE_PER_PATCH * grid), np.uint8),
        "target": ((out, out), np.float32),
    }
    arrays = {}
    for name, (shape, dtype) in shapes.items():
        path = folder / f"{name}-{grid}.npy"
        if path.exists():
            arrays[name] = np.lib.format.open_memmap(path, mode="r" if size is None else "r+")
        else:
            arrays[name] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(size or 0, *shape))
    counter = folder / f"count-{grid}.json"
    count = json.loads(counter.read_text()) if counter.exists() else 0
    return ViewStore(arrays["tokens"], arrays["guide"], arrays["target"], count)


def random_view(photo: np.ndarray, rng: np.random.Generator, smallest: float) -> np.ndarray:
    """A random crop (each side `smallest` to 1 of the photo's) with a random flip; uint8 [h, w, 3]."""
    height, width = photo.shape[:2]
    scale = rng.uniform(smallest, 1.0)
    h, w = (max(32, round(side * scale * rng.uniform(0.85, 1.0))) for side in (height, width))
    h, w = min(h, height), min(w, width)
    top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    view = photo[top : top + h, left : left + w]
    return view[:, ::-1] if rng.random() < 0.5 else view


def write_view(
    store: ViewStore, index: int, view: np.ndarray, network: ViTBackbone, teacher: Teacher, grid: int
) -> None:
    """Compute one view's tokens, guide and target and write them at `index`."""
    spec = get_backbone(BACKBONE)
    features = extract_features(network, spec, view, image_size=grid * spec.patch_size, token_layers=TOKEN_LAYERS)
    store.tokens[index] = np.stack(features.tokens)
    side = GUIDE_PER_PATCH * grid
    store.guide[index] = resize_image(view, (side, side)).transpose(2, 0, 1)
    out = smooth_size(grid)
    store.target[index] = resize_map(teacher(view), (out, out))


def make_views(
    photos: list[Path], folder: Path, teacher: Teacher, *, grid: int, smallest: float, seed: int, teacher_name: str = ""
) -> ViewStore:
    """Write one random view of every photo; a second call resumes after the last complete one.

    A folder keeps the views of one set of photos and one teacher.

    Args:
        photos: Training photos.
        folder: Folder of the arrays.
        teacher: See `load_teacher`.
        grid: Patches along a side.
        smallest: Smallest crop, as a fraction of the photo's side; 1: whole photos, not flipped.
        seed: Every view depends only on this and its index.
        teacher_name: The name of the teacher, by which another one is noticed.

    Raises:
        InputError: The folder holds views of other photos or another teacher, or a photo cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_same(folder / f"views-{grid}.json", photos, teacher_name, f"{smallest} {seed}")
    store = open_store(folder, grid, len(photos))
    network = get_backbone(BACKBONE).load()
    for index in tqdm(range(store.count, len(photos)), initial=store.count, total=len(photos), desc=f"views {grid}"):
        photo = read_image(photos[index])
        view = photo if smallest >= 1 else random_view(photo, np.random.default_rng((seed, grid, index)), smallest)
        write_view(store, index, view, network, teacher, grid)
        (folder / f"count-{grid}.json").write_text(json.dumps(index + 1))
    return open_store(folder, grid)


def _check_same(file: Path, photos: list[Path], teacher: str, views: str) -> None:
    """Record what the views of a folder are made from; refuse to resume those of something else."""
    listed = "".join(f"{path.name} {path.stat().st_size}\n" for path in photos)
    digests = {
        name: hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
        for name, text in {"photos": listed, "teacher": teacher, "views": views}.items()
    }
    text = json.dumps({**digests, "network": BACKBONE}, indent=1)
    if not file.exists():
        write_text(file, text)
    elif file.read_text(encoding="utf-8") != text:
        raise InputError(
            f"'{file.parent}' holds views of other photos, of another teacher or with another seed: choose another "
            "folder (--cache), or delete it."
        )
