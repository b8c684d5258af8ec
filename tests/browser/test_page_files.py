"""What the page gives away: files, link and snippets; each is opened."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from visitor import Visitor, assert_clean

from cuts3d.config import CutS3DConfig

pytestmark = pytest.mark.browser
BETA = 0.2
FILES = {"overlay.png", "instances.json", "cloud.ply", "stages.npz", "pictures.zip", "view.html", "config.json"}


@pytest.fixture(scope="module")
def opened(browser, page_url) -> Iterator[Visitor]:
    """A visitor who has opened the third example and changed β."""
    visitor = Visitor(browser, page_url + "?example=four-cans")
    visitor.set("beta", BETA)
    visitor.open_tab("Export")
    yield visitor
    visitor.close()


@pytest.fixture
def visitor(opened: Visitor) -> Iterator[Visitor]:
    yield opened
    assert_clean(opened)


@pytest.fixture(scope="module")
def folder(opened: Visitor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files, prepared and downloaded as the links say."""
    target = tmp_path_factory.mktemp("downloads")
    opened.page.locator("#prepare").click()
    opened.page.locator("#files a[download]").first.wait_for()
    for link in opened.page.locator("#files a[download]").all():
        with opened.page.expect_download() as download:
            link.click()
        download.value.save_as(target / download.value.suggested_filename)
    opened.settled()
    return target


def test_every_file_is_there(visitor, folder) -> None:
    assert {file.name for file in folder.iterdir()} == FILES
    assert "four cans" in visitor.status()


def test_the_overlay_is_a_picture_of_the_photo(folder) -> None:
    assert Image.open(folder / "overlay.png").size == (480, 360)


def test_the_coco_document_holds_the_masks(folder) -> None:
    from pycocotools import mask as coco

    document = json.loads((folder / "instances.json").read_text(encoding="utf-8"))
    assert [(i["width"], i["height"]) for i in document["images"]] == [(480, 360)]
    assert len(document["annotations"]) >= 2
    for annotation in document["annotations"]:
        mask = coco.decode(annotation["segmentation"])
        assert mask.shape == (360, 480)
        assert mask.sum() == annotation["area"]
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        x, y, width, height = annotation["bbox"]
        assert (x, y, x + width, y + height) == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    assert document["info"]["config"]["beta"] == BETA


def test_the_stages_are_arrays(folder) -> None:
    with np.load(folder / "stages.npz", allow_pickle=False) as stages:
        arrays = {name: stages[name] for name in stages.files}
    assert len(arrays) >= 6
    assert any(array.ndim >= 2 and np.issubdtype(array.dtype, np.floating) for array in arrays.values())


def test_the_cloud_is_a_ply(folder) -> None:
    head, _, body = (folder / "cloud.ply").read_bytes().partition(b"end_header\n")
    lines = head.decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    count = int(next(line for line in lines if line.startswith("element vertex")).split()[-1])
    widths = {"float": 4, "uchar": 1, "int": 4, "ushort": 2, "uint": 4}
    size = sum(widths[line.split()[1]] for line in lines if line.startswith("property"))
    assert count >= 180 * 240 and len(body) == count * size


def test_every_picture_is_a_png(folder) -> None:
    with zipfile.ZipFile(folder / "pictures.zip") as archive:
        assert archive.testzip() is None
        pictures = {name: Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist()}
    assert {f"{name}.png" for name in ("photo", "depth", "after", "eigenvector", "masks", "baseline")} <= set(pictures)
    assert {(p.format, p.size) for p in pictures.values()} == {("PNG", (720, 540))}


def test_the_config_is_what_the_controls_say(folder) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config == json.loads(json.dumps(CutS3DConfig().replace(beta=BETA).to_dict()))


def test_the_3d_view_opens_offline(browser, folder) -> None:
    context = browser.new_context(offline=True)
    page = context.new_page()
    errors, requests = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("request", lambda r: requests.append(r.url) if r.url.startswith("http") else None)
    page.goto((folder / "view.html").as_uri())
    page.wait_for_function("() => document.querySelector('.c3v').viewer.state().frames > 0")
    page.wait_for_timeout(300)
    shown = np.asarray(Image.open(io.BytesIO(page.locator(".c3v canvas").screenshot())).convert("RGB"))
    assert shown.std() > 20
    assert page.locator("[data-c=layer] option").count() == 7
    assert "four cans" in page.title()
    assert (errors, requests) == ([], [])
    context.close()


def test_the_link_opens_the_same(browser, visitor) -> None:
    masks, eigenvector = visitor.source("masks"), visitor.pixels_of("eigenvector")
    link = visitor.page.locator("#link input").input_value()
    assert link.startswith("http://127.0.0.1") and "four-cans" in link and "beta=0.2" in link
    friend = Visitor(browser, link)
    assert "four cans" in friend.status()
    assert friend.number("beta") == BETA
    assert (friend.source("masks"), friend.pixels_of("eigenvector")) == (masks, eigenvector)
    assert_clean(friend)
    friend.close()


def test_the_snippets_name_what_was_changed(visitor) -> None:
    visitor.open_tab("Export")
    assert "beta=0.2" in visitor.page.locator("#python .cm-content").inner_text()
    shell = visitor.page.locator("#shell .cm-content").inner_text()
    assert "--beta 0.2" in shell and "four-cans.png" in shell


def test_files_of_an_older_result_go(visitor, folder) -> None:
    visitor.set("beta", 0.3)
    visitor.page.wait_for_function("() => !document.querySelector('#files a[download]')")
    assert "beta=0.3" in visitor.page.locator("#link input").input_value()
    assert "beta=0.3" in visitor.page.locator("#python .cm-content").inner_text()
