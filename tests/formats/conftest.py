"""A document and its photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from label_samples import NAMES, SIZE, Sample, annotation, disc, shapes
from PIL import Image


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    masks = {NAMES[0]: shapes(), NAMES[1]: [disc(40, 50, 20)], NAMES[2]: []}
    images, annotations = [], []
    for number, (name, own) in enumerate(masks.items(), start=1):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*SIZE, 3), 60 * number, dtype=np.uint8)).save(path)
        images.append({"id": 10 * number, "file_name": name, "width": SIZE[1], "height": SIZE[0]})
        for mask in own:
            annotations.append(annotation(len(annotations) + 1, 10 * number, mask))
    document = {"images": images, "categories": [{"id": 1, "name": "object"}], "annotations": annotations}
    return Sample(document, tmp_path / "photos", masks)
