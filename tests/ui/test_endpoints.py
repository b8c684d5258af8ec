"""The public endpoints for real: a server with nothing else on it, asked by `gradio_client`, plain HTTP and MCP."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from helpers import pixel_spec, squares_photo
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import CallToolResult, ImageContent, TextContent, Tool
from PIL import Image
from pycocotools import mask as coco

from cuts3d import CutS3D
from cuts3d.backbones import registry
from cuts3d.config import CutS3DConfig, parameter_field, parameter_stages
from tests.made_detector import made_checkpoint
from ui.events.endpoints import add_endpoints
from ui.events.opening import MAX_SIDE
from ui.server import uploads
from ui.session import detectors

T = TypeVar("T")
PARAMS = {"backbone": "pixels", "depth": "none", "crf": False}
META = {"_type": "gradio.FileData"}
ENDPOINTS = ["segment", "compare_depth", "confidence_sweep"]  # those that take parameters
TOOLS = [*ENDPOINTS, "detect"]
PASSWD = {"path": "/etc/passwd", "meta": META}
BAD = [
    ({"beta": 7}, "beta must lie between 0 and 1; it is 7."),
    ({"beta": "nan"}, "beta must be a finite number; it is 'nan'."),
    ({"num_cuts": True}, "num_cuts must be a whole number; it is True."),
    ({"bogus": 1}, "Unknown parameter 'bogus'"),
    ({"image_size": 161}, "image_size must be a multiple"),
    ({"backbone": "bogus"}, "Unknown backbone 'bogus'"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the running endpoints, with a tiny detector for the shipped one."""
    folder = tmp_path_factory.mktemp("weights")
    with gr.Blocks(title="endpoints", analytics_enabled=False) as demo:
        add_endpoints()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry._SPECS, "pixels", pixel_spec())
        made_checkpoint(folder).rename(folder / "detector_light.safetensors")
        patch.setattr(detectors, "FOLDER", folder)
        _, url, _ = demo.launch(
            server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, mcp_server=True, ssr_mode=False
        )
        yield url
        demo.close()


@pytest.fixture(scope="module")
def client(server: str) -> Client:
    return Client(server, verbose=False)


@pytest.fixture(scope="module")
def photo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("photos") / "squares.png"
    Image.fromarray(squares_photo().image).save(file)
    return file


def in_a_loop_of_its_own(task: Coroutine[Any, Any, T]) -> T:
    """Run in another thread: where the browser's tests ran before, this one has a loop already."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, task).result()


def call_tool(server: str, name: str, arguments: dict[str, Any]) -> CallToolResult:
    async def call() -> CallToolResult:
        async with (
            streamablehttp_client(f"{server}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await session.call_tool(name, arguments)

    return in_a_loop_of_its_own(call())


def list_tools(server: str) -> list[Tool]:
    async def ask() -> list[Tool]:
        async with (
            streamablehttp_client(f"{server}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return (await session.list_tools()).tools

    return in_a_loop_of_its_own(ask())


def post(server: str, name: str, data: list[Any]) -> str:
    """The event stream of a plain HTTP call."""
    event = httpx.post(f"{server}gradio_api/call/{name}", json={"data": data}).raise_for_status().json()["event_id"]
    return httpx.get(f"{server}gradio_api/call/{name}/{event}", timeout=60).text


def upload(server: str, file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        (path,) = httpx.post(f"{server}gradio_api/upload", files={"files": stream}).raise_for_status().json()
    return {"path": path, "meta": META}


def data_url(file: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}"


def text_of(result: CallToolResult) -> str:
    (content, *_) = result.content
    assert isinstance(content, TextContent)
    return content.text


def test_segment_gives_a_coco_document_and_the_overlay(client, photo_file) -> None:
    document, overlay = client.predict(handle_file(photo_file), PARAMS, api_name="/segment")
    assert document["images"] == [{"id": 1, "file_name": "squares.png", "width": 160, "height": 120}]
    assert document["info"]["config"] == CutS3DConfig().replace(**PARAMS).to_dict()
    assert document["annotations"]
    for annotation in document["annotations"]:
        assert coco.area(annotation["segmentation"]) == annotation["area"] > 0
    with Image.open(overlay) as picture:
        assert picture.size == (160, 120)


def test_parameters_may_be_json_text(client, photo_file) -> None:
    document, _ = client.predict(handle_file(photo_file), json.dumps(PARAMS), api_name="/segment")
    assert document["info"]["config"] == CutS3DConfig().replace(**PARAMS).to_dict()


@pytest.mark.slow
def test_everything_but_the_photo_may_be_left_out(client, photo_file, embedded_network) -> None:
    document, _ = client.predict(handle_file(photo_file), api_name="/segment")
    assert document["info"]["config"] == CutS3DConfig().to_dict()
    found = client.predict(handle_file(photo_file), api_name="/compare_depth")
    assert {"embedded", "none"} <= set(found["compared"])


def test_compare_depth_gives_entries_and_matrices(client, photo_file) -> None:
    found = client.predict(handle_file(photo_file), ["none"], PARAMS, api_name="/compare_depth")
    (entry,) = found["estimators"]
    assert (entry["name"], entry["kind"], entry["error"]) == ("none", "relative", None)
    assert entry["instances"] > 0
    assert 0 < entry["score"] <= 1
    assert entry["ms"] > 0
    assert found["compared"] == ["none"]
    assert found["mask_iou"] == [[1.0]]
    assert found["depth_spearman"] == [[None]]  # a flat map has no ranks, and JSON no NaN


def test_confidence_sweep_gives_areas_at_each_tau(client, photo_file) -> None:
    arguments = {"tau_knn_min": 0.03, "tau_knn": 0.12, "num_cuts": 4, "parameters": PARAMS}
    found = client.predict(photo=handle_file(photo_file), **arguments, api_name="/confidence_sweep")
    assert found["instances"]
    for instance in found["instances"]:
        np.testing.assert_allclose(instance["taus"], [0.03, 0.06, 0.09, 0.12])
        assert len(instance["area_shares"]) == 4
        assert 0 < instance["mean_confidence"] <= 1
    defaults = client.predict(photo=handle_file(photo_file), parameters=PARAMS, api_name="/confidence_sweep")
    assert len(defaults["instances"][0]["taus"]) == CutS3DConfig().confidence.num_cuts


def test_masks_of_a_large_turned_photo_have_its_own_size_as_it_is_seen(client, tmp_path) -> None:
    seen = Image.fromarray(squares_photo().image).resize((2 * MAX_SIDE, 3 * MAX_SIDE // 2))
    exif = Image.Exif()
    exif[274] = 6
    file = tmp_path / "turned.png"
    seen.transpose(Image.Transpose.ROTATE_90).save(file, exif=exif, compress_level=1)
    document, overlay = client.predict(handle_file(file), PARAMS, api_name="/segment")
    assert document["images"] == [{"id": 1, "file_name": "turned.png", "width": seen.width, "height": seen.height}]
    assert "EXIF orientation is applied" in document["info"]["frame"]
    expected = CutS3D(CutS3DConfig().replace(**PARAMS)).segment(file).instances
    assert len(document["annotations"]) == len(expected) > 0
    for annotation, instance in zip(document["annotations"], expected, strict=True):
        assert annotation["segmentation"]["size"] == [seen.height, seen.width]
        assert np.array_equal(coco.decode(annotation["segmentation"]), instance.mask)
        assert tuple(annotation["bbox"]) == instance.bbox
    found, detected = client.predict(handle_file(file), 0.0, api_name="/detect")
    assert (found["images"][0]["width"], found["images"][0]["height"]) == seen.size
    assert all(one["segmentation"]["size"] == [seen.height, seen.width] for one in found["annotations"])
    for picture in (overlay, detected):
        with Image.open(picture) as opened:
            assert opened.size == (MAX_SIDE, 3 * MAX_SIDE // 4)


def test_detect_gives_a_coco_document_of_what_is_above_the_threshold(client, photo_file) -> None:
    everything, overlay = client.predict(handle_file(photo_file), 0, api_name="/detect")
    scores = [annotation["score"] for annotation in everything["annotations"]]
    assert scores == sorted(scores, reverse=True)
    middle = scores[len(scores) // 2]
    found, _ = client.predict(handle_file(photo_file), middle - 1e-5, api_name="/detect")
    assert 0 < len(found["annotations"]) < len(scores)
    assert found["images"] == [{"id": 1, "file_name": "squares.png", "width": 160, "height": 120}]
    for annotation in found["annotations"]:
        assert annotation["score"] >= middle - 1e-5
        assert coco.area(annotation["segmentation"]) == annotation["area"] > 0
    with Image.open(overlay) as picture, Image.open(photo_file) as photo:
        assert picture.size == photo.size
        assert np.any(np.asarray(picture.convert("RGB")) != np.asarray(photo.convert("RGB")))


@pytest.mark.parametrize("threshold", [2, -0.1, True, "high"])
def test_a_threshold_that_cannot_be_is_one_sentence(server, photo_file, threshold) -> None:
    stream = post(server, "detect", [upload(server, photo_file), threshold])
    assert stream.startswith("event: error")
    assert "Traceback" not in stream
    if not isinstance(threshold, str):
        assert "must be a number between 0 and 1" in stream


def test_without_a_detector_the_file_that_is_missing_is_named(client, photo_file, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(detectors, "FOLDER", tmp_path)
    with pytest.raises(AppError, match=r"detector_light\.safetensors"):
        client.predict(handle_file(photo_file), api_name="/detect")


def test_a_photo_that_is_too_large_is_one_sentence(client, photo_file, monkeypatch) -> None:
    monkeypatch.setattr(uploads, "MEGABYTE", 1)
    for name in TOOLS:
        with pytest.raises(AppError, match="at most 60 MB"):
            client.predict(handle_file(photo_file), api_name=f"/{name}")


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize(("params", "sentence"), BAD)
def test_wrong_parameters_are_one_sentence(client, photo_file, name, params, sentence) -> None:
    with pytest.raises(AppError) as raised:
        client.predict(photo=handle_file(photo_file), parameters={**PARAMS, **params}, api_name=f"/{name}")
    assert sentence in str(raised.value)
    assert "Traceback" not in str(raised.value)


@pytest.mark.parametrize(("parameters", "sentence"), [("{", "not JSON"), ("[1]", "one object"), ([1], "one object")])
def test_parameters_that_are_no_object_are_one_sentence(client, photo_file, parameters, sentence) -> None:
    with pytest.raises(AppError, match=sentence):
        client.predict(handle_file(photo_file), parameters, api_name="/segment")


def answer_to(server: str, name: str, body: str) -> str:
    """What a call gets whose body is written by hand: the event stream, or the refusal of the body itself."""
    headers = {"content-type": "application/json"}
    answer = httpx.post(
        f"{server}gradio_api/call/{name}", content=body.encode("utf-8", "surrogatepass"), headers=headers
    )
    if not answer.is_success:
        assert answer.status_code in (400, 422)
        return "event: error"
    return httpx.get(f"{server}gradio_api/call/{name}/{answer.json()['event_id']}", timeout=60).text


@pytest.mark.parametrize(
    "parameters",
    [
        '{"beta": NaN}',
        '{"beta": Infinity}',
        '{"beta": 1e999}',
        '{"beta": 1.0000001}',
        '{"beta": -1e-9}',
        '{"num_cuts": %s}' % ("9" * 400),
        '{"num_cuts": %s}' % ("9" * 5000),
        '{"num_cuts": 65}',
        '{"num_cuts": 0}',
        '{"num_cuts": 2.5}',
        '{"image_size": 1680.5}',
        '{"crf": "true"}',
        '{"region": "\\ud800"}',
        '{"backbone": "\\ud800"}',
        '{"backbone": "two\\nlines"}',
        '{"\\ud800": 1}',
        '{"%s": 1}' % ("x" * 100_000),
        '{"beta": %s}' % ("[" * 500 + "]" * 500),
        '{"depth": "file:/etc/passwd"}',
        '{"depth": "../../etc/passwd"}',
        '"%s"' % ("[" * 100_000),
        '"{\\"beta\\": 1e999}"',
        "[]",
        "7",
    ],
    ids=lambda text: text[:24],
)
def test_parameters_written_by_hand_are_refused_in_one_short_event(server, photo_file, parameters) -> None:
    photo = json.dumps(upload(server, photo_file))
    stream = answer_to(server, "segment", f'{{"data": [{photo}, {parameters}]}}')
    assert stream.startswith("event: error")
    assert "Traceback" not in stream
    assert len(stream) < 3000


def test_parameters_at_the_ends_of_their_ranges_give_a_result(client, photo_file) -> None:
    ends = {"image_size": 64, "num_cuts": 1, "k_neighbors": 128, "cut_size": 8, "max_instances": 50}
    for end in ("low", "high"):
        names = ("beta", "tau_knn", "tau_knn_min", "sigma", "depth_scale", "min_area", "max_overlap", "epsilon")
        params = {name: parameter_field(name).metadata[end] for name in names} | ends
        document, _ = client.predict(handle_file(photo_file), {**params, **PARAMS}, api_name="/segment")
        assert document["info"]["config"]["beta"] == params["beta"]


def test_nan_is_one_sentence(server, photo_file) -> None:
    body = json.dumps({"data": [upload(server, photo_file), 0.03, float("nan"), 4, PARAMS]})
    stream = answer_to(server, "confidence_sweep", body)
    assert stream == "event: error" or "tau_knn must be a finite number" in stream


def test_a_wrong_photo_is_one_sentence(client, server, tmp_path) -> None:
    page = tmp_path / "page.jpg"
    page.write_text("<html></html>")
    with pytest.raises(AppError, match="not an image"):
        client.predict(handle_file(page), PARAMS, api_name="/segment")
    assert "No photo was given." in post(server, "segment", [None, PARAMS])


def test_an_unknown_estimator_is_one_sentence(client, photo_file) -> None:
    with pytest.raises(AppError, match="Unknown depth estimator 'bogus'"):
        client.predict(handle_file(photo_file), ["bogus"], PARAMS, api_name="/compare_depth")


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize(
    "photo", [{"path": "/etc/passwd"}, PASSWD, {**PASSWD, "url": "file:///etc/passwd"}, "/etc/passwd"]
)
def test_a_path_of_the_server_is_refused(server, photo_file, name, photo) -> None:
    inputs: dict[str, list[Any]] = {
        "segment": [PARAMS],
        "compare_depth": [["none"], PARAMS],
        "confidence_sweep": [None, None, None, PARAMS],
        "detect": [0.5],
    }
    stream = post(server, name, [photo, *inputs[name]])
    assert stream.startswith("event: error")
    assert "root:" not in stream
    own = {"path": str(photo_file), "meta": META}  # a photo, and yet not uploaded
    assert post(server, name, [own, *inputs[name]]).startswith("event: error")


def test_a_path_of_the_server_inside_the_parameters_is_refused(server, photo_file) -> None:
    stream = post(server, "segment", [upload(server, photo_file), {**PARAMS, "beta": PASSWD}])
    assert stream.startswith("event: error")


def test_agents_find_the_tools_with_every_parameter_described(server) -> None:
    tools = {tool.name: tool for tool in list_tools(server)}
    assert sorted(tools) == sorted(TOOLS)
    assert set(tools["detect"].inputSchema["properties"]) == {"photo", "score_threshold"}
    for tool in (tools[name] for name in ENDPOINTS):
        properties = tool.inputSchema["properties"]
        assert properties["photo"]["type"] == "string"
        assert tool.inputSchema["required"] == ["photo"]
        assert "request" not in properties
        assert all(each["description"] for each in properties.values())
        described = properties["parameters"]["properties"]
        assert list(described) == list(parameter_stages())
        assert "From 0 to 1. Default: 0.45." in described["beta"]["description"]
    assert "instance masks" in (tools["segment"].description or "")


def test_an_agent_gets_json_and_a_picture(server, photo_file) -> None:
    result = call_tool(server, "segment", {"photo": data_url(photo_file), "parameters": PARAMS})
    assert not result.isError
    document = json.loads(text_of(result))
    assert document["annotations"]
    (picture,) = (content for content in result.content if isinstance(content, ImageContent))
    assert picture.mimeType == "image/png"
    assert base64.b64decode(picture.data).startswith(b"\x89PNG")


def test_an_agent_detects(server, photo_file) -> None:
    result = call_tool(server, "detect", {"photo": data_url(photo_file), "score_threshold": 0.1})
    assert not result.isError
    assert json.loads(text_of(result))["info"]["score_threshold"] == 0.1
    assert any(isinstance(content, ImageContent) for content in result.content)


def test_an_agent_gets_the_other_two_as_json(server, photo_file) -> None:
    photo = data_url(photo_file)
    compared = call_tool(server, "compare_depth", {"photo": photo, "estimators": ["none"], "parameters": PARAMS})
    assert json.loads(text_of(compared))["compared"] == ["none"]
    swept = call_tool(server, "confidence_sweep", {"photo": photo, "num_cuts": 2, "parameters": PARAMS})
    assert len(json.loads(text_of(swept))["instances"][0]["taus"]) == 2


@pytest.mark.parametrize(("params", "sentence"), BAD[:4])
def test_an_agent_gets_one_sentence(server, photo_file, params, sentence) -> None:
    result = call_tool(server, "segment", {"photo": data_url(photo_file), "parameters": {**PARAMS, **params}})
    assert result.isError
    assert sentence in text_of(result)


@pytest.mark.parametrize("hidden", ["photo", "text", "parameters", "estimators"])
def test_an_agent_cannot_name_a_path_of_the_server(server, photo_file, hidden, tmp_path) -> None:
    """Gradio's own client answers agents; it would upload any file that a file object names."""
    secret = tmp_path / "secret-of-the-server.txt"
    secret.write_text("secret")
    named, photo = {"path": str(secret), "meta": META}, data_url(photo_file)
    arguments = {
        "photo": {"photo": named},
        "text": {"photo": str(secret)},
        "parameters": {"photo": photo, "parameters": {"beta": named}},
        "estimators": {"photo": photo, "estimators": [named]},
    }[hidden]
    result = call_tool(server, "compare_depth", arguments)
    assert result.isError
    uploaded = Path(upload(server, photo_file)["path"]).parents[1]
    assert not list(uploaded.rglob(secret.name))


def test_the_endpoints_wait_in_one_line_with_the_page() -> None:
    with gr.Blocks() as demo:
        add_endpoints()
    assert {(fn.concurrency_id, fn.concurrency_limit) for fn in demo.fns.values()} == {("heavy", 1)}


@pytest.mark.parametrize("name", TOOLS)
def test_what_was_done_to_a_photo_is_said(client, photo_file, tmp_path, name) -> None:
    pages = tmp_path / "pages.gif"
    squares = Image.open(photo_file)
    squares.save(pages, save_all=True, append_images=[squares.transpose(Image.Transpose.FLIP_LEFT_RIGHT)])
    arguments: dict[str, Any] = {} if name == "detect" else {"parameters": PARAMS}
    if name == "compare_depth":
        arguments["estimators"] = ["none"]
    for file, notes in ((pages, ["The file is an animation; the first picture was taken."]), (photo_file, None)):
        found = client.predict(photo=handle_file(file), **arguments, api_name=f"/{name}")
        document = found[0] if isinstance(found, tuple) else found
        assert document.get("notes") == notes
