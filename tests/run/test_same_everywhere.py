"""The same photo gives the same masks, bit for bit, in any process, with one or two threads and any hash seed."""

import json
import os
import subprocess
import sys

import pytest
from helpers import REPO

SCRIPT = """
import hashlib, json, torch
from cuts3d import ADAPTIVE, CutS3D, CutS3DConfig
from cuts3d.scenes import make_scene

found = {"threads": torch.get_num_threads(), "hash": hash("a word"), "masks": []}
for config, name in ((CutS3DConfig(), "box before ball"), (ADAPTIVE, "two boxes")):
    result = CutS3D(config.replace(image_size=224)).segment(make_scene(name, size=(240, 320)).image)
    found["masks"] += [hashlib.sha256(instance.mask.tobytes()).hexdigest() for instance in result.instances]
print(json.dumps(found))
"""


def masks_of(threads: int, seed: int) -> dict:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(REPO)}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.usefixtures("embedded_network")
def test_masks_do_not_depend_on_the_process_its_threads_or_its_hashes():
    one, two = masks_of(1, 1), masks_of(2, 2)
    assert (one["threads"], two["threads"]) == (1, 2)
    assert one["hash"] != two["hash"]
    assert len(one["masks"]) >= 4
    assert one["masks"] == two["masks"]
