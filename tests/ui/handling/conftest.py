"""Photos to upload, a store of open photos for each test, and one photo that is open."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import Photo
from made_handling import (
    Files,
    open_squares,
)
from PIL import Image

from ui.controls import values_from
from ui.events import opening, visitors
from ui.session.sessions import Session, Sessions


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, photo: Photo) -> Files:
    folder = tmp_path_factory.mktemp("uploads")
    Image.fromarray(photo.image).save(folder / "squares.png")
    Image.fromarray(photo.image[:, ::-1].copy()).save(folder / "turned.png")
    np.save(folder / "depth.npy", photo.depth.values)
    return Files(*(str(folder / name) for name in ("squares.png", "turned.png", "depth.npy")), folder=folder)


@pytest.fixture(autouse=True)
def sessions(monkeypatch: pytest.MonkeyPatch) -> Sessions:
    """A store of this test's own, and no pause before the CRF."""
    store = Sessions()
    monkeypatch.setattr(visitors, "SESSIONS", store)
    monkeypatch.setattr(opening, "STILL", 0.0)
    return store


@pytest.fixture
def values(pixel_config) -> list[Any]:
    """The sidebar set for the drawn photo, its depth map in use, no CRF."""
    return values_from(pixel_config.to_dict(), own_depth=True)


@pytest.fixture
def opened(files, values, sessions) -> Session:
    """Ann's photo, open and segmented."""
    updates = list(open_squares("ann", files, values))
    assert "instance" in updates[-1]["status"], updates[-1]["status"]
    session = sessions.get("ann")
    assert session is not None
    return session
