"""Weights: folders, safe reading and writing, and the error for weights that are missing."""

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights import files as weights
from cuts3d.weights.files import load_checkpoint, load_safetensors, save_safetensors, sha256_of
from cuts3d.weights.folders import CACHE_VARIABLE, WEIGHTS_VARIABLE, cache_dir, find_local
from cuts3d.weights.locate import local_weights, weights_path
from cuts3d.weights.source import WeightSource, missing_weights

STATE = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2)}


def equal(first: dict[str, torch.Tensor] | None, second: dict[str, torch.Tensor]) -> bool:
    return first is not None and first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in second)


def files_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_cache_follows_its_variable_then_xdg_then_home(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "mine"))
    assert cache_dir() == tmp_path / "mine"
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "cuts3d"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "cuts3d"


def test_what_is_saved_is_read_again_and_leaves_no_temporary_file(tmp_path):
    path = tmp_path / "new" / "folder" / "w.safetensors"
    assert save_safetensors(STATE, path)
    assert equal(load_safetensors(path), STATE)
    assert files_in(path.parent) == ["w.safetensors"]


def test_tensors_that_are_not_contiguous_can_be_saved(tmp_path):
    assert save_safetensors({"t": STATE["a"].T}, tmp_path / "w.safetensors")
    assert equal(load_safetensors(tmp_path / "w.safetensors"), {"t": STATE["a"].T})


def test_a_disk_that_fills_up_leaves_the_old_file_whole_and_no_rubbish(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    save_safetensors(STATE, path)

    def full(tensors, name, metadata=None):
        Path(name).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights, "save_file", full)
    assert not save_safetensors({"c": torch.zeros(9)}, path)
    assert equal(load_safetensors(path), STATE)
    assert files_in(tmp_path) == ["w.safetensors"]


def test_the_file_appears_only_when_it_is_whole(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    seen = []

    def watched(tensors, name, metadata=None):
        seen.append(path.exists())
        save_file(tensors, name, metadata=metadata)

    monkeypatch.setattr(weights, "save_file", watched)
    assert save_safetensors(STATE, path)
    assert seen == [False]
    assert path.exists()


def test_a_folder_that_cannot_be_written_costs_the_cache_and_not_the_run(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    assert not save_safetensors(STATE, tmp_path / "file" / "w.safetensors")

    def read_only(**options):
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(weights.tempfile, "mkdtemp", read_only)
    assert not save_safetensors(STATE, tmp_path / "w.safetensors")
    assert files_in(tmp_path) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into read-only folders")
def test_a_read_only_folder_costs_the_cache_and_not_the_run(tmp_path):
    tmp_path.chmod(0o500)
    assert not save_safetensors(STATE, tmp_path / "w.safetensors")


@pytest.mark.parametrize("damage", [b"", b"rubbish", None], ids=["empty", "rubbish", "cut short"])
def test_a_damaged_or_missing_file_reads_as_none(tmp_path, damage):
    path = tmp_path / "w.safetensors"
    assert load_safetensors(path) is None
    save_safetensors(STATE, path)
    path.write_bytes(path.read_bytes()[:-7] if damage is None else damage)
    assert load_safetensors(path) is None


def test_a_local_checkpoint_is_found_by_name_with_safetensors_first(tmp_path, monkeypatch):
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    assert find_local("net") is None
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    assert find_local("net") is None
    for suffix in (".pt", ".pth", ".safetensors"):
        (tmp_path / f"net{suffix}").write_bytes(b"")
        assert find_local("net") == tmp_path / f"net{suffix}"
    (tmp_path / "folder.pth").mkdir()
    assert find_local("folder") is None
    assert find_local("other") is None


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "teacher", "student"])
@pytest.mark.parametrize("suffix", ["pth", "pt"])
def test_plain_checkpoints_are_read_with_or_without_a_wrapper(tmp_path, wrapper, suffix):
    content = {wrapper: STATE, "epoch": 3} if wrapper else STATE
    torch.save(content, tmp_path / f"net.{suffix}")
    assert equal(load_checkpoint(tmp_path / f"net.{suffix}"), STATE)


def test_safetensors_checkpoints_are_read(tmp_path):
    save_file(STATE, tmp_path / "net.safetensors")
    assert equal(load_checkpoint(tmp_path / "net.safetensors"), STATE)


class Harmful:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self):
        return (open, (str(self.victim), "w"))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path):
    victim = tmp_path / "victim"
    torch.save({"model": Harmful(victim)}, tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(pickle.dumps(Harmful(victim)))
    for name in ("a.pth", "b.pth"):
        with pytest.raises(WeightsUnavailableError, match=f"'{name}' is not a checkpoint of plain tensors"):
            load_checkpoint(tmp_path / name)
    assert not victim.exists()


@pytest.mark.parametrize("name", ["empty.pth", "text.pth", "text.safetensors", "gone.pth"])
def test_what_is_no_checkpoint_is_refused_by_name(tmp_path, name):
    if "gone" not in name:
        (tmp_path / name).write_bytes(b"" if "empty" in name else b"hello")
    with pytest.raises(WeightsUnavailableError, match=name):
        load_checkpoint(tmp_path / name)


@pytest.mark.parametrize("content", [torch.zeros(3), [torch.zeros(3)], 5], ids=["tensor", "list", "number"])
def test_a_file_of_something_that_is_no_state_dict_is_refused_by_name(tmp_path, content):
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(WeightsUnavailableError, match=r"net\.pth"):
        load_checkpoint(tmp_path / "net.pth")


def test_the_error_names_the_weights_the_cause_and_three_solutions():
    source = WeightSource(name="dino_vits8", title="DINO ViT-S/8", repository="timm/dino", revision="main")
    message = str(missing_weights(source, ConnectionError("the cable is cut.\nsecond line")))
    assert message == (
        "The weights of DINO ViT-S/8 ('dino_vits8') are missing: the folder $CUTS3D_WEIGHTS does not contain "
        "'dino_vits8.safetensors', 'dino_vits8.pth' or a folder 'dino_vits8', and the download from timm/dino on the "
        "Hugging Face hub failed (ConnectionError: the cable is cut). Go online once, or put "
        "'dino_vits8.safetensors', 'dino_vits8.pth' or a copy of the repository as 'dino_vits8' into a folder and name "
        "that folder in the environment variable CUTS3D_WEIGHTS, or use the embedded models, which need no download."
    )


def test_the_error_says_why_nothing_is_downloaded(monkeypatch):
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    source = WeightSource(name="net", title="Net", put="its authors' file as 'net.pth'", manual="it has no licence")
    with pytest.raises(WeightsUnavailableError) as caught:
        weights_path(source)
    message = str(caught.value)
    assert "and nothing is downloaded, because it has no licence. Put its authors' file as 'net.pth'" in message
    assert WEIGHTS_VARIABLE == "CUTS3D_WEIGHTS" and WEIGHTS_VARIABLE in message and "\n" not in message


def test_a_folder_comes_before_a_file_and_needs_a_known_file(monkeypatch, tmp_path):
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    source = WeightSource(name="net", title="Net", repository="a/net", revision="main", file="net.bin")
    (tmp_path / "net").mkdir()
    assert local_weights(source) is None
    (tmp_path / "net.pth").touch()
    assert local_weights(source) == tmp_path / "net.pth" and source.label(tmp_path / "net.pth") == "'net.pth'"
    for name in ("net.bin", "model.safetensors"):
        (tmp_path / "net" / name).touch()
        assert local_weights(source) == tmp_path / "net" / name == weights_path(source)
        assert source.label(tmp_path / "net" / name) == f"'net/{name}'"
    assert source.label(tmp_path / "cache" / "net.bin.part") == "a/net on the Hugging Face hub"


def test_a_single_file_is_not_enough_for_a_source_of_several_files(monkeypatch, tmp_path):
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    source = WeightSource(name="net", title="Net", folder_only=True)
    (tmp_path / "net.safetensors").touch()
    assert local_weights(source) is None and "safetensors" not in source.local_names


def test_sha256_is_the_known_one(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert sha256_of(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_an_archive_that_would_grow_when_it_is_unpacked_is_refused(tmp_path, monkeypatch):
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "plain.pth")
    assert load_checkpoint(tmp_path / "plain.pth").keys() == {"a"}
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "packed.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    assert (tmp_path / "packed.pth").stat().st_size < 20_000
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was unpacked"))
    with pytest.raises(WeightsUnavailableError, match=r"'packed\.pth' is not a checkpoint of plain tensors"):
        load_checkpoint(tmp_path / "packed.pth")
