"""Two processes share a batch: gradients are averaged, so their weights stay equal, and only one writes; kills."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from made_samples import write_labels
from safetensors.torch import load_file

from training.loop.metrics import read_metrics

REPO = Path(__file__).resolve().parents[2]
WORKER = """
import sys, threading
from pathlib import Path
import torch
sys.path[:0] = [sys.argv[1], str(Path(sys.argv[1]).parent)]
from test_train import RECIPE
from training.data.dataset import PseudoLabels
from training.loop.processes import processes
from training.loop.train import Stopped, train

folder = Path(sys.argv[2])
torch.set_num_threads(1)
recipe, kept, stop = RECIPE.replace(iterations=3), {}, threading.Event()
with processes("cpu") as context:
    assert context.world_size == 2
    dataset = PseudoLabels(folder, folder / "labels.json")
    train(recipe, dataset, folder / "run", on_step=lambda m, n: kept.update(n.state_dict()))
    try:  # the second process alone is asked to stop, after the first step
        train(recipe, dataset, folder / "parts", stop=stop, on_step=lambda m, n: context.rank == 1 and stop.set())
        raise AssertionError("it was not stopped")
    except Stopped:
        torch.distributed.barrier()
    train(recipe, dataset, folder / "parts")
torch.save({k: v.clone() for k, v in kept.items()}, folder / f"rank{context.rank}.pt")
"""


@pytest.mark.slow
def test_two_processes_end_with_the_same_weights_stopped_together_or_not_and_one_writes(tmp_path: Path) -> None:
    write_labels(tmp_path)
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(Path(__file__).parent), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert [m["step"] for m in read_metrics(tmp_path / "run")] == [1, 2, 3]
    whole, parts = (load_file(tmp_path / name / "final.safetensors") for name in ("run", "parts"))
    assert all(torch.equal(whole[k], parts[k]) for k in whole)


@pytest.mark.slow
def test_a_killed_command_goes_on_and_ends_with_the_same_weights(tmp_path: Path) -> None:
    """SIGKILL of the real command after its first checkpoint, against an undisturbed run."""
    write_labels(tmp_path, size=(64, 96))
    settings = ["iterations=4", "checkpoint_every=1", "short_sides=[64]", "max_side=96", "batch=2"]
    command = [sys.executable, "-m", "training.train", "--recipe", "light_cpu_smoke", "--device", "cpu"]
    command += ["--photos", str(tmp_path), "--labels", str(tmp_path / "labels.json")]
    command += [part for setting in settings for part in ("--set", setting)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def run(out: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*command, "--out", str(out)], cwd=REPO, env=environment, stderr=subprocess.DEVNULL)

    killed = run(tmp_path / "killed")
    while not (tmp_path / "killed" / "checkpoint.pt").exists():
        time.sleep(0.02)
        assert killed.poll() is None, "it ended before its first checkpoint"
    killed.kill()
    killed.wait()
    assert not (tmp_path / "killed" / "final.safetensors").exists()
    for name in ("killed", "whole"):
        assert run(tmp_path / name).wait() == 0
    first, second = (load_file(tmp_path / name / "final.safetensors") for name in ("killed", "whole"))
    assert all(torch.equal(first[k], second[k]) for k in first)
