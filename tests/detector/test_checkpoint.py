"""Detectors on disk: what is written is read; no file runs code, takes all memory, or fails without a word."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from made_detector import TINY, made_network
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from cuts3d.detector import checkpoint as module
from cuts3d.detector.checkpoint import KEY, load_network, save_network
from cuts3d.detector.config import NETWORK_RANGES
from cuts3d.detector.detectron2 import MARK
from cuts3d.detector.network import CascadeMaskRCNN
from cuts3d.detector.storage import SCALE
from cuts3d.errors import InputError

INFO = {"labels": "made", "photos": 3, "note": "Größe ½ \N{SNOWMAN}"}
KERNEL = "heads.mask_head.0.weight"


@pytest.fixture(scope="module")
def network() -> CascadeMaskRCNN:
    return made_network()


@pytest.fixture(scope="module")
def state(network: CascadeMaskRCNN) -> dict[str, Tensor]:
    return {k: v.contiguous() for k, v in network.state_dict().items()}


@pytest.fixture
def not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made of a refused file, so that it costs no memory."""

    def build(*_: object, **__: object) -> None:
        pytest.fail("a network was built of a file that is to be refused")

    monkeypatch.setattr(module, "build", build)


def described(folder: Path, state: dict[str, Tensor], **network: Any) -> Path:
    """A file of these tensors that describes the tiny network, but for some fields."""
    return written(folder, state, json.dumps({"network": TINY.to_dict() | network, "info": {}}))


def written(folder: Path, state: dict[str, Tensor], text: str) -> Path:
    path = folder / "net.safetensors"
    save_file(state, path, metadata={KEY: text})
    return path


def pickled(folder: Path, content: object) -> Path:
    path = folder / "net.pth"
    torch.save(content, path)
    return path


# there and back


def test_what_is_written_is_read(network, tmp_path) -> None:
    path = tmp_path / "new" / "net.safetensors"
    save_network(network, path, INFO)
    read, info = load_network(path)
    assert info == INFO
    assert read.config == TINY
    assert not read.training
    found, wanted = read.state_dict(), network.state_dict()
    assert list(found) == list(wanted)
    assert all(torch.equal(found[k], wanted[k]) for k in wanted)
    assert [p.name for p in path.parent.iterdir()] == ["net.safetensors"]


def test_half_precision_rounds_and_comes_back_whole(network, tmp_path) -> None:
    path = tmp_path / "net.safetensors"
    save_network(network, path, INFO, storage="float16")
    read, info = load_network(path)
    assert info == INFO
    for name, value in network.state_dict().items():
        assert torch.equal(read.state_dict()[name], value.half().float() if value.is_floating_point() else value)


def test_a_file_says_what_it_is_to_whoever_opens_it(network, tmp_path) -> None:
    save_network(network, tmp_path / "net.safetensors")
    with safe_open(tmp_path / "net.safetensors", "pt") as file:
        description = json.loads(file.metadata()[KEY])
    assert description == {"network": json.loads(json.dumps(TINY.to_dict())), "info": {}}


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(network, tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"net\.safetensors' could not be written"):
        save_network(network, tmp_path / "file" / "net.safetensors")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_counters_of_norms_may_be_missing_or_halved(state, tmp_path) -> None:
    counters = [k for k in state if k.endswith("num_batches_tracked")]
    assert counters
    load_network(described(tmp_path, {k: v for k, v in state.items() if k not in counters}))
    load_network(described(tmp_path, {k: v.half() for k, v in state.items()}))


# damaged files


def test_an_absent_file_and_a_folder_are_named(tmp_path) -> None:
    for path in (tmp_path / "gone.safetensors", tmp_path):
        with pytest.raises(InputError, match=f"no checkpoint '{path.name}'"):
            load_network(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("damage", ["empty", "text", "half", "no end"])
def test_damaged_files_are_named(state, tmp_path, not_built, suffix, damage) -> None:
    path = described(tmp_path, state) if suffix == ".safetensors" else pickled(tmp_path, state)
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"weights", "half": whole[: len(whole) // 2], "no end": whole[:-1]}[damage])
    with pytest.raises(InputError, match=rf"'net\{suffix}' is (no readable safetensors file|not a checkpoint)"):
        load_network(path)


def test_a_header_longer_than_its_file_is_refused(tmp_path, not_built) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes((2**63 - 1).to_bytes(8, "little") + b"{}")
    with pytest.raises(InputError, match="no readable safetensors file"):
        load_network(path)


def test_a_damaged_header_is_not_repeated_in_full(tmp_path, not_built) -> None:
    header = json.dumps({"a": {"dtype": "x" * 10**5, "shape": [], "data_offsets": [0, 0]}}).encode()
    path = tmp_path / "net.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(InputError, match="no readable safetensors file") as raised:
        load_network(path)
    assert len(str(raised.value)) < 250


def test_a_file_without_a_description_is_no_detector(state, tmp_path, not_built) -> None:
    for metadata in (None, {"other": "text"}):
        save_file(state, tmp_path / "net.safetensors", metadata=metadata)
        with pytest.raises(InputError, match=r"neither a detector of this project nor a detectron2 checkpoint"):
            load_network(tmp_path / "net.safetensors")


def test_our_own_weights_as_a_pickle_lack_their_description(state, tmp_path, not_built) -> None:
    with pytest.raises(InputError, match="neither a detector of this project"):
        load_network(pickled(tmp_path, state))


# files that mean harm


class Harmful:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self):
        return (Path.touch, (self.victim,))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("name", ["net.pth", "net.pt", "net.pkl", "net.safetensors"])
@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_a_pickle_runs_no_code_whatever_its_name(tmp_path, not_built, name, write) -> None:
    victim, path = tmp_path / "executed", tmp_path / name
    write({"model": {MARK: Harmful(victim)}}, path)
    with pytest.raises(InputError, match=name):
        load_network(path)
    assert not victim.exists()


STRANGE: dict[str, Callable[[], Tensor]] = {
    "sparse": lambda: torch.zeros(64, 3, 7, 7).to_sparse(),
    "nested": lambda: torch.nested.nested_tensor([torch.zeros(3), torch.zeros(2)]),
    "of no values": lambda: torch.zeros(64, 3, 7, 7, device="meta"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", STRANGE)
def test_tensors_that_are_not_plain_are_refused(tmp_path, not_built, kind) -> None:
    with pytest.raises(InputError, match=rf"not a checkpoint of plain tensors: '{MARK}'"):
        load_network(pickled(tmp_path, {MARK: STRANGE[kind]()}))


def test_names_are_texts(tmp_path, not_built) -> None:
    with pytest.raises(InputError, match="not a checkpoint of plain tensors: '3'"):
        load_network(pickled(tmp_path, {MARK: torch.zeros(1), 3: torch.zeros(1)}))


def test_a_small_file_cannot_ask_for_terabytes_by_a_shape(tmp_path, not_built) -> None:
    path = pickled(tmp_path, {MARK: torch.zeros(1, dtype=torch.half).expand(10**6, 10**7)})
    assert path.stat().st_size < 10_000
    with pytest.raises(InputError, match="do not fit"):
        load_network(path)


def test_a_description_cannot_ask_for_more_than_its_file_holds(state, tmp_path, not_built) -> None:
    largest = {k: NETWORK_RANGES[k][1] for k in ("channels", "box_width", "mask_width", "mask_convs")}
    with pytest.raises(InputError, match=r"\d+ tensors are missing and \d+ do not fit"):
        load_network(described(tmp_path, state, **largest))


@pytest.mark.parametrize(
    "values",
    [
        {"channels": 10**12},
        {"mask_convs": 10**9},
        {"anchor_sizes": [16] * 10**5},
        {"channels": -1},
        {"channels": "16"},
        {"box_nms": float("nan")},
        {"backbone": "__import__('os')"},
        {"levels": None},
        {"code": "print()"},
    ],
)
def test_a_description_of_no_network_is_refused_in_a_sentence(state, tmp_path, not_built, values) -> None:
    with pytest.raises(
        InputError, match=r"'net\.safetensors' does not describe a network that this version knows"
    ) as refusal:
        load_network(described(tmp_path, state, **values))
    assert len(str(refusal.value)) < 600


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "3",
        "[]",
        "{}",
        '{"network": {}}',
        '{"network": null, "info": {}}',
        '{"network": {}, "info": "text"}',
        '{"network": {}, "info": 3}',
        pytest.param('{"network": {"channels": ' + "9" * 5000 + "}}", id="a long number"),
        pytest.param("[" * 100_000, id="deep"),
    ],
)
def test_a_description_that_is_not_one_is_refused_in_a_sentence(tmp_path, not_built, text) -> None:
    with pytest.raises(InputError, match="does not describe a network that this version knows") as refusal:
        load_network(written(tmp_path, {"a": torch.zeros(1)}, text))
    assert len(str(refusal.value)) < 600


# tensors of another network


Change = Callable[[dict[str, Tensor]], object]
CHANGES: dict[str, tuple[Change, str]] = {
    "missing": (lambda s: s.pop(KERNEL), rf"1 tensors are missing and 0 do not fit \(such as '{KERNEL}'\)"),
    "one more": (lambda s: s.update(more=torch.zeros(1)), r"0 tensors are missing and 1 do not fit \(such as 'more'\)"),
    "turned": (lambda s: s.update({KERNEL: s[KERNEL][:, :5].clone()}), rf"0 .* 1 do not fit \(such as '{KERNEL}'\)"),
    "flat": (lambda s: s.update({KERNEL: s[KERNEL].flatten()}), rf"1 do not fit \(such as '{KERNEL}'\)"),
    "whole numbers": (lambda s: s.update({KERNEL: s[KERNEL].char()}), rf"1 do not fit \(such as '{KERNEL}'\)"),
    "complex": (lambda s: s.update({KERNEL: s[KERNEL] * 1j}), rf"1 do not fit \(such as '{KERNEL}'\)"),
    "renamed": (lambda s: s.update(other=s.pop(KERNEL)), r"1 tensors are missing and 1 do not fit"),
    "nan": (lambda s: s.update({KERNEL: s[KERNEL] * torch.nan}), "not finite"),
    "too large": (lambda s: s.update({KERNEL: s[KERNEL].double() + 1e300}), "not finite"),
    "scale of nan": (
        lambda s: s.update({KERNEL: s[KERNEL].char(), KERNEL + SCALE: torch.full((16,), torch.nan)}),
        "not finite",
    ),
    "scale of another": (
        lambda s: s.update({KERNEL: s[KERNEL].char(), KERNEL + SCALE: torch.ones(15)}),
        f"the scale of '{KERNEL}' does not fit it",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_tensors_that_do_not_fit_are_named(state, tmp_path, not_built, change) -> None:
    changed, (alter, sentence) = dict(state), CHANGES[change]
    alter(changed)
    with pytest.raises(InputError, match=sentence):
        load_network(described(tmp_path, changed))
