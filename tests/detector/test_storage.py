"""Weights in fewer bytes: how far they move, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from made_detector import TINY
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from cuts3d.detector.checkpoint import KEY, load_network, save_network
from cuts3d.detector.network import build
from cuts3d.detector.storage import SCALE, packed, unpacked
from cuts3d.errors import InputError


def test_eight_bits_move_a_weight_by_half_a_step_of_its_row_at_most() -> None:
    sizes = torch.logspace(-4, 2, 5).view(-1, 1, 1, 1)
    kernel = torch.randn(5, 3, 3, 3, generator=torch.Generator().manual_seed(0)) * sizes
    stored = packed({"kernel": kernel}, "int8")
    assert stored["kernel"].dtype == torch.int8
    step = kernel.flatten(1).abs().amax(dim=1).view(-1, 1, 1, 1) / 127
    assert ((unpacked(stored)["kernel"] - kernel).abs() <= step * 0.501).all()


def test_rows_of_zeros_stay_zeros() -> None:
    assert not unpacked(packed({"w": torch.zeros(2, 4)}, "int8"))["w"].any()


def test_vectors_are_halved_and_whole_numbers_kept() -> None:
    stored = packed({"bias": torch.ones(3), "count": torch.tensor(7)}, "int8")
    assert stored["bias"].dtype == torch.float16
    assert stored["count"] == 7
    assert set(stored) == {"bias", "count"}


@pytest.mark.parametrize(("storage", "share"), [("float16", 0.55), ("int8", 0.35)])
def test_a_stored_network_is_smaller_and_is_read_as_the_same(tmp_path: Path, storage: str, share: float) -> None:
    network = build(TINY, pretrained=False).eval()
    whole, small = tmp_path / "whole.safetensors", tmp_path / "small.safetensors"
    save_network(network, whole)
    save_network(network, small, storage=storage)  # pyright: ignore[reportArgumentType]
    assert small.stat().st_size < share * whole.stat().st_size
    read = load_network(small)[0].state_dict()
    for name, value in network.state_dict().items():
        assert read[name].dtype == value.dtype
        assert torch.allclose(read[name], value, atol=float(value.abs().max()) / 127)


def test_a_scale_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "odd.safetensors"
    save_network(build(TINY, pretrained=False), file, storage="int8")
    stored = load_file(file)
    name = next(name for name in stored if name.endswith(SCALE))
    stored[name] = stored[name][:-1]
    with safe_open(file, "pt") as opened:
        text = opened.metadata()[KEY]
    save_file(stored, file, metadata={KEY: text})
    with pytest.raises(InputError, match="does not fit"):
        load_network(file)
