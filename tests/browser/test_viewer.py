"""The 3D viewer as one offline file: seen, turned, switched and clicked in headless Chromium."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from at_defaults import back_project, k_nearest_graph, normalise_depth, send_to_background
from PIL import Image

from cuts3d.config import CutS3DConfig
from cuts3d.grids import sample_map
from cuts3d.scenes import make_scene
from cuts3d.types import LocalCut, SpatialConfidence
from ui.viewer import ColourScale, ShownCut, base_payload, layers_payload, scalar_layer, standalone_html

pytestmark = pytest.mark.browser
GRID = (24, 24)
CUT_RED, LONG_VIOLET = (230, 41, 51), (153, 61, 235)
RED, SQUARE = (255, 0, 0), (300, 110)  # middle of the red square, row and column of 480


def cloud_page(title: str = "Two boxes") -> str:
    scene = make_scene("two boxes", size=(480, 480), oversample=1)
    z = normalise_depth(scene.depth_map)
    config = CutS3DConfig()
    depth, labels = sample_map(z, GRID), sample_map(scene.labels.astype(np.float32), GRID)
    region, front = labels > 0, labels == 1
    points = back_project(depth, (480, 480), depth_scale=config.cloud.depth_scale)
    core = front & (np.indices(GRID)[0] < 12)  # a cut that leaves short links across its border
    cut = LocalCut(
        mask=front,
        region=region,
        sources=np.flatnonzero(front)[:1],
        sinks=np.array([0]),
        flow=1.0,
        connected=True,
        num_edges=1,
    )
    sweep = SpatialConfidence(
        values=np.ones(GRID, np.float32),
        cuts=np.stack([core, core, front]),
        taus=np.array([0.05, 0.08, 0.115]),
        mean=1.0,
    )
    graph = k_nearest_graph(send_to_background(points, region, depth_scale=config.cloud.depth_scale))
    value = layers_payload(
        [scalar_layer("depth", "Depth", z, ColourScale(colours=heat(), ends=("near", "far")))],
        grid=GRID,
        config=config,
        patch=(12, 9),
        shown=ShownCut(index=0, cut=cut, confidence=sweep, graph=graph),
    )
    return standalone_html(base_payload(scene.image, z, photo_id="boxes"), value, title=title)


def plane_page() -> str:
    photo = np.full((480, 480, 3), (30, 60, 160), np.uint8)
    row, column = SQUARE
    photo[row - 12 : row + 12, column - 12 : column + 12] = RED
    value = layers_payload([], grid=GRID, config=CutS3DConfig())
    return standalone_html(base_payload(photo, np.full((480, 480), 0.5), photo_id="plane"), value, title="A plane")


def heat() -> np.ndarray:
    ramp = np.linspace(0, 255, 256)
    return np.stack([ramp, 0.3 * ramp, 255 - ramp], axis=1).astype(np.uint8)


class Viewer:
    """A page with the viewer, and the questions that the tests ask it."""

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        settings: dict[str, Any] = {"viewport": {"width": 1200, "height": 900}, "color_scheme": "light"}
        self.context = browser.new_context(**(settings | options))
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("request", lambda r: self.requests.append(r.url) if r.url.startswith("http") else None)
        self.page.goto(file.as_uri())
        self.page.wait_for_function("() => document.querySelector('.c3v').viewer.state().frames > 0")
        self.canvas = self.page.locator(".c3v canvas")

    def call(self, code: str) -> Any:
        return self.page.evaluate(f"() => document.querySelector('.c3v').viewer.{code}")

    def state(self) -> dict[str, Any]:
        return self.call("state()")

    def camera(self) -> list[Any]:
        state = self.state()
        return [state[name] for name in ("yaw", "pitch", "zoom", "target", "perspective")]

    def pixels(self) -> np.ndarray:
        self.page.wait_for_timeout(250)  # the next frame has been drawn and put on the screen
        return np.asarray(Image.open(io.BytesIO(self.canvas.screenshot())).convert("RGB")).astype(int)

    def middle(self) -> tuple[float, float]:
        box = self.canvas.bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag(self, dx: float, dy: float, *, button: str = "left") -> None:
        x, y = self.middle()
        self.page.mouse.move(x, y)
        self.page.mouse.down(button=button)
        self.page.mouse.move(x + dx, y + dy, steps=4)
        self.page.mouse.up(button=button)

    def toggle(self, name: str) -> None:
        self.page.locator(f"[data-c={name}]").click()


def changed(before: np.ndarray, after: np.ndarray) -> float:
    """Share of the pixels that differ visibly."""
    return float((np.abs(before - after).max(axis=-1) > 12).mean())


def near(pixels: np.ndarray, colour: tuple[int, int, int], slack: int = 40) -> np.ndarray:
    return np.abs(pixels - np.array(colour)).max(axis=-1) < slack


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("viewer")
    pages = {"cloud": cloud_page("Two boxes </script><script>throw 1</script>"), "plane": plane_page()}
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in pages}


@pytest.fixture(scope="module")
def opened(browser, files) -> Iterator[Viewer]:
    viewer = Viewer(browser, files["cloud"])
    yield viewer
    viewer.context.close()


@pytest.fixture
def cloud(opened: Viewer) -> Viewer:
    """The one open page, as a visitor meets it: switches and camera put back."""
    for name, wanted in (("marks", True), ("links", False), ("away", False)):
        if opened.state()[name] != wanted:
            opened.toggle(name)
    opened.call("setLayer('photo')")
    opened.page.locator("[data-c=reset]").click()
    return opened


def test_the_whole_cloud_is_drawn_without_an_error_or_a_request(cloud) -> None:
    pixels = cloud.pixels()
    assert cloud.state()["points"] == 230_400
    assert pixels.std() > 20
    ground = pixels[3, 3]
    assert 0.2 < (np.abs(pixels - ground).max(axis=-1) > 12).mean() < 0.9
    for edge in (pixels[2], pixels[-3], pixels[:, 2], pixels[:, -3]):  # the cloud fits, away from the round corners
        assert changed(edge[12:-12], ground) == 0
    assert cloud.errors == []
    assert cloud.requests == []


def test_nothing_is_drawn_while_nothing_changes(cloud) -> None:
    cloud.pixels()
    before = cloud.state()["frames"]
    cloud.page.wait_for_timeout(500)
    assert cloud.state()["frames"] == before


def test_mouse_turns_moves_and_zooms(cloud) -> None:
    home = cloud.camera()
    cloud.drag(90, 30)
    yaw, pitch, zoom, target, _ = cloud.camera()
    assert yaw != home[0] and pitch > home[1] and (zoom, target) == (1, [0, 0, 0])
    cloud.drag(60, 0, button="right")
    assert cloud.camera()[:3] == [yaw, pitch, zoom] and cloud.camera()[3] != target
    cloud.page.mouse.wheel(0, -300)
    cloud.page.wait_for_function("() => document.querySelector('.c3v').viewer.state().zoom < 1")
    assert cloud.page.evaluate("scrollY") == 0
    cloud.page.locator("[data-c=reset]").click()
    assert cloud.camera() == home


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("ArrowLeft", "yaw"), ("ArrowDown", "pitch"), ("Shift+ArrowUp", "target"), ("+", "zoom"), ("-", "zoom"),
        ("p", "perspective"),
    ],
)  # fmt: skip
def test_keys_do_what_the_help_says(cloud, key: str, what: str) -> None:
    before = cloud.state()
    cloud.canvas.focus()
    cloud.page.keyboard.press(key)
    after = cloud.state()
    assert {k for k in before if k != "frames" and before[k] != after[k]} == {what}
    cloud.page.keyboard.press("0")
    assert cloud.camera()[:4] == [before[k] for k in ("yaw", "pitch", "zoom", "target")]


def test_layers_switch_at_once_and_the_camera_stays(cloud) -> None:
    camera, photo = cloud.camera(), cloud.pixels()
    cloud.page.locator("[data-c=layer]").select_option("depth")
    assert changed(photo, cloud.pixels()) > 0.15
    assert cloud.camera() == camera
    assert cloud.page.locator(".c3v-legend").inner_text().startswith("near")


def test_tau_slider_shows_another_partition_and_the_camera_stays(cloud) -> None:
    cloud.page.locator("[data-c=tau]").focus()
    cloud.page.keyboard.press("End")
    assert cloud.state()["layer"] == "partition" or cloud.state()["tau"] == 0.115
    cloud.call("setLayer('partition')")
    camera, last = cloud.camera(), cloud.pixels()
    cloud.page.keyboard.press("Home")
    assert cloud.state()["tau"] == 0.05
    assert changed(last, cloud.pixels()) > 0.01
    assert cloud.camera() == camera
    cloud.page.keyboard.press("End")


def test_links_show_what_the_cut_did(cloud) -> None:
    cloud.page.locator("[data-c=tau]").focus()
    cloud.page.keyboard.press("Home")
    before = cloud.pixels()
    cloud.toggle("links")
    after = cloud.pixels()
    for colour in (CUT_RED, LONG_VIOLET):
        assert near(after, colour).sum() > near(before, colour).sum() + 20
    cloud.page.keyboard.press("End")


def test_background_goes_away_and_comes_back(cloud) -> None:
    before, camera = cloud.pixels(), cloud.camera()
    cloud.toggle("away")
    assert changed(before, cloud.pixels()) > 0.2
    assert cloud.page.locator("[data-c=stretch]").is_disabled()
    cloud.toggle("away")
    assert changed(before, cloud.pixels()) == 0
    assert cloud.camera() == camera


def test_marks_can_be_hidden(cloud) -> None:
    yellow = (240, 228, 66)
    assert near(cloud.pixels(), yellow).sum() > 30
    cloud.toggle("marks")
    assert near(cloud.pixels(), yellow).sum() == 0


@pytest.mark.parametrize("camera", ["{yaw: 0, pitch: 0, perspective: false}", "{yaw: 0.5, pitch: 0.4}"])
def test_a_click_finds_the_place_in_the_photo(browser, files, camera: str) -> None:
    viewer = Viewer(browser, files["plane"])
    viewer.call(f"setCamera({camera})")
    viewer.page.evaluate("() => addEventListener('viewer-pick', (event) => { globalThis.picked = event.detail; })")
    rows, columns = np.nonzero(near(viewer.pixels(), RED))
    viewer.canvas.click(position={"x": float(columns.mean()), "y": float(rows.mean())})
    place = viewer.page.evaluate("picked")
    assert place["row"] == pytest.approx(SQUARE[0] / 480, abs=0.01)
    assert place["column"] == pytest.approx(SQUARE[1] / 480, abs=0.01)
    assert viewer.state()["marks"] == [[place["row"], place["column"], 2]]
    viewer.page.evaluate("() => { globalThis.picked = null; }")
    viewer.canvas.click(position={"x": 4, "y": 4})  # beside the cloud
    assert viewer.page.evaluate("picked") is None
    assert viewer.errors == []
    viewer.context.close()


def test_phone_has_no_sideways_scrolling_and_two_fingers_zoom(browser, files) -> None:
    options = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    viewer = Viewer(browser, files["cloud"], device_scale_factor=2, color_scheme="dark", **options)
    assert viewer.page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = [c.bounding_box() for c in viewer.page.locator("[data-c]:visible").all()]
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            apart = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
            assert apart or a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"]
    x, y = viewer.middle()
    touch = viewer.context.new_cdp_session(viewer.page)
    for kind, reach in (("touchStart", 20), ("touchMove", 40), ("touchMove", 60), ("touchEnd", 0)):
        fingers = [{"x": x - reach, "y": y, "id": 0}, {"x": x + reach, "y": y, "id": 1}] if reach else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    assert viewer.state()["zoom"] == pytest.approx(1 / 3, rel=0.1)
    assert viewer.errors == []
    viewer.context.close()


def test_a_lost_graphics_context_is_told_and_comes_back(browser, files) -> None:
    viewer = Viewer(browser, files["plane"])
    viewer.call("setCamera({yaw: 0.3})")
    before = viewer.pixels()
    viewer.page.evaluate(
        "() => { globalThis.loss = document.querySelector('.c3v').viewer.gl().getExtension('WEBGL_lose_context'); "
        "loss.loseContext(); }"
    )
    viewer.page.wait_for_selector(".c3v[data-state=lost] .c3v-message:visible")
    viewer.page.wait_for_timeout(100)
    viewer.page.evaluate("() => loss.restoreContext()")
    viewer.page.wait_for_selector(".c3v[data-state=ready]")
    assert changed(before, viewer.pixels()) == 0
    viewer.context.close()


def test_without_webgl_a_sentence_says_so(browser, files) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null;")
    page.goto(files["plane"].as_uri())
    page.wait_for_selector(".c3v[data-state=none]")
    assert "WebGL 2" in page.locator(".c3v-message").inner_text()
    context.close()
