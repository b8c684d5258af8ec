"""Draws `assets/stages.jpg`, the README's picture: `python -m scripts.readme_picture`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from cuts3d.explorer import Explorer
from cuts3d.types import Bipartition, LocalCut
from ui import pictures
from ui.examples import load_example

OUT = Path(__file__).resolve().parents[1] / "assets" / "stages.jpg"
EXAMPLES = ("box before ball", "astronaut")
TITLES = ("photo", "depth", "eigenvector", "bipartition", "spatial confidence", "masks")
GAP, CAPTION = 10, 34


def panels(name: str) -> list[np.ndarray]:
    """The six pictures of one example."""
    image, depth = load_example(name)
    explorer = Explorer(image, depth=depth)
    last = {(s.stage, s.index): s.value for s in explorer.stages()}
    result, shape = last["segmentation", 0], image.shape[:2]
    partition: Bipartition = last["ncut", 0]
    cut: LocalCut = last["local_cut", 0]
    grid = cut.mask.shape
    sources, sinks = ([(int(i) // grid[1], int(i) % grid[1]) for i in ends] for ends in (cut.sources, cut.sinks))
    values, covered = pictures.merged_confidence(result.instances)
    return [
        pictures.fit(image, shape, smooth=True),
        pictures.depth_picture(result.depth, shape),
        pictures.fit(pictures.colour_map(partition.eigenvector), shape),
        pictures.bipartition_picture(image, partition, sources, sinks, grid),
        pictures.confidence_picture(values, covered, shape),
        pictures.masks_picture(result),
    ]


def main() -> None:
    """Compose and write."""
    height = 240
    rows = [
        [Image.fromarray(p).resize((round(height * p.shape[1] / p.shape[0]), height)) for p in panels(name)]
        for name in EXAMPLES
    ]
    width = max(sum(p.width for p in row) + GAP * (len(row) - 1) for row in rows)
    sheet = Image.new("RGB", (width, CAPTION + len(rows) * (height + GAP) - GAP), "white")
    draw = ImageDraw.Draw(sheet)
    column = width / len(TITLES)
    for index, title in enumerate(TITLES):
        draw.text((column * (index + 0.5), CAPTION / 2), title, fill=(60, 64, 72), anchor="mm", font_size=18)
    for number, row in enumerate(rows):
        slot = width / len(row)
        for index, panel in enumerate(row):
            x = round(slot * index + (slot - panel.width) / 2)
            sheet.paste(panel, (x, CAPTION + number * (height + GAP)))
    sheet.save(OUT, quality=88, optimize=True)


if __name__ == "__main__":
    main()
