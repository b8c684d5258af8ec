"""One segmentation of the drawn photo, for all figures."""

from __future__ import annotations

import pytest

from cuts3d import Explorer


@pytest.fixture
def explorer(photo, pixel_config) -> Explorer:
    """The drawn photo, segmented: three instances."""
    opened = Explorer(photo.image, pixel_config, depth=photo.depth)
    opened.update()
    return opened


@pytest.fixture
def result(explorer):
    return explorer.results["segmentation", 0]
