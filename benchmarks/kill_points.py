"""SIGKILL before each operation on a file: the resumed run must end with the same bytes and leave no other file.

python -m benchmarks.kill_points

A process forks once for every operation (open, rename, remove, mkdir, rmdir, chmod) that a run makes in its folder,
and the fork kills itself there; a second fork resumes the run. The shards of the extraction are prepared, because the
test is about writing. The training is a real one of the light network on a few small photos.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import cuts3d.extract.run
from cuts3d.config import CutS3DConfig
from cuts3d.errors import InputError
from cuts3d.extract import Job, extract
from cuts3d.extract.manifest import Shard
from cuts3d.io.coco import encode_rle
from training.data.dataset import PseudoLabels
from training.loop.train import train
from training.recipes import get_recipe

OPERATIONS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"}
PHOTOS, SIZE = 5, (64, 96)
Run = Callable[[Path], Any]  # writes into the given folder


def kill_points(run: Run, folder: Path, *, every: int = 1) -> Iterator[str]:
    """Kill a run before each operation, or before every n-th, and resume it.

    Args:
        run: The run; no part of it has run in this process before.
        folder: Folder for its output.
        every: Only every n-th operation.

    Yields:
        For each operation an empty text if the result is correct, else what is wrong.
    """
    whole = folder / "whole"
    _forked(run, whole, 0)
    expected = _content(whole)
    point = 1
    while True:
        out = folder / "killed"
        shutil.rmtree(out, ignore_errors=True)
        if not _forked(run, out, point):
            return
        _forked(run, out, 0)
        found = _content(out)
        yield "" if found == expected else f"operation {point}: {_difference(expected, found)}"
        point += every


def _forked(run: Run, out: Path, point: int) -> bool:
    """Run in a fork; whether it was killed at the point (0: not at all)."""
    sys.stdout.flush()
    child = os.fork()
    if not child:
        if point:
            sys.addaudithook(_killing(out, point))
        try:
            run(out)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a run failed; see above")
    return os.WIFSIGNALED(status)


def _killing(out: Path, point: int) -> Callable[[str, tuple[Any, ...]], None]:
    left = point

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in OPERATIONS and str(arguments[0]).startswith(str(out)):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def _content(out: Path) -> dict[str, str]:
    """Digests of the files in a folder; empty for files that contain times or the path. Locks are left out."""
    files = [p for p in out.rglob("*") if p.is_file() and not p.name.startswith("events.out.tfevents")]
    varying = {"checkpoint.pt", "metrics.jsonl"}
    return {
        str(p.relative_to(out)): "" if p.name in varying else hashlib.sha256(p.read_bytes()).hexdigest()
        for p in files
        if p.suffix != ".lock"
    }


def _difference(expected: dict[str, str], found: dict[str, str]) -> str:
    return ", ".join(name for name in sorted(expected | found) if expected.get(name) != found.get(name))


# ---- the runs


def extraction(photos: Path) -> Run:
    """An extraction of a folder, with two photos per shard."""
    job = Job(method="cuts3d", config=CutS3DConfig(), images_per_shard=2)

    def ready(_: Job, shards: Iterator[Shard], *, workers: int) -> Iterator[tuple[Shard, bytes]]:
        for shard in shards:
            images = [{"image": {"id": shard.first + n}} for n, _ in enumerate(shard.entries, start=1)]
            yield shard, gzip.compress(json.dumps({"count": len(images), "images": images}).encode(), mtime=0)

    def run(out: Path) -> None:
        cuts3d.extract.run.run_local = ready  # it runs in a fork, so other runs are not affected
        cuts3d.extract.run._load_networks = lambda _: None
        try:
            extract(photos, out / "labels.json", job)
        except InputError as error:
            if "exists already" not in str(error):  # killed after its last step
                raise

    return run


def training(photos: Path, labels: Path) -> Run:
    """A training of two steps, each with a checkpoint."""
    recipe = get_recipe("light_cpu_smoke").replace(iterations=2, checkpoint_every=1, short_sides=(64,), max_side=96)

    def run(out: Path) -> None:
        torch.set_num_threads(1)
        train(recipe, PseudoLabels(photos, labels), out)

    return run


def make_labels(folder: Path) -> Path:
    """Photos of noise with one label each."""
    folder.mkdir()
    document: dict[str, Any] = {"images": [], "annotations": []}
    mask = np.zeros(SIZE, dtype=bool)
    mask[16:48, 20:70] = True
    for number in range(PHOTOS):
        noise = np.random.default_rng(number).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
        image = {"id": number, "file_name": f"{number}.png", "height": SIZE[0], "width": SIZE[1]}
        document["images"].append(image)
        document["annotations"].append({"id": number, "image_id": number, "segmentation": encode_rle(mask)})
    path = folder / "labels.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def main() -> int:
    """Kill at every point, and print the number of points and the faults."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill_points")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th operation")
    parser.add_argument("--only", choices=("extraction", "training"), help="one of the two")
    options = parser.parse_args()
    wrong = 0
    print("| what | figure |\n|:--|--:|")
    with tempfile.TemporaryDirectory(prefix="cuts3d-kill-points-") as temporary:
        labels = make_labels(Path(temporary) / "photos")
        runs = {"extraction": extraction(labels.parent), "training": training(labels.parent, labels)}
        for name, run in runs.items():
            if options.only in (None, name):
                results = list(kill_points(run, Path(temporary) / name, every=options.every))
                faults = [text for text in results if text]
                wrong += len(faults)
                print(
                    f"| {name}: killed at {len(results)} operations, faults | {'; '.join(faults) or 'none'} |",
                    flush=True,
                )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
