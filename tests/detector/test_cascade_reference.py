"""The port against a run of the original: detectron2's Cascade Mask R-CNN on weights made by formula."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.ops import box_iou

from cuts3d.detector.checkpoint import load_network
from cuts3d.detector.network import CascadeMaskRCNN
from cuts3d.detector.records import RawDetections
from cuts3d.detector.roi_heads import Stage, clipped

FOLDER = Path(__file__).parents[3] / "shared" / "reference" / "cascade_rcnn"
RELATIVE = 1e-3
pytestmark = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the reference run of the original is not here"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> CascadeMaskRCNN:
    """Weights by formula under detectron2's names, through a .pth file, as a user's checkpoint would come."""
    spec = importlib.util.spec_from_file_location("reference_fill", FOLDER / "fill.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    keys = json.loads((FOLDER / "keys.json").read_text())
    state = {
        name: torch.from_numpy(module.fill(name, tuple(shape)))
        for name, shape in keys
        if not name.endswith(("num_batches_tracked", "pixel_mean", "pixel_std")) and "anchor_generator" not in name
    }
    path = tmp_path_factory.mktemp("reference") / "model_final.pth"
    torch.save({"model": state, "iteration": 1}, path)
    return load_network(path)[0]


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "expected.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def run(network: CascadeMaskRCNN, expected: dict[str, np.ndarray]) -> dict[str, Any]:
    image = torch.from_numpy(np.array(Image.open(FOLDER / "input.png").convert("RGB"))).permute(2, 0, 1) / 255
    with torch.inference_mode():
        batch = network.batch([image])
        features = network.backbone(batch.tensors)
        logits, deltas = network.rpn.head(features)
        proposals, probabilities = network.rpn.select(network.rpn.predict(batch, features), batch.image_sizes)
        fixed = [torch.from_numpy(expected["fixed_boxes"]).float()]
        stages = network.heads.run_stages(features, fixed, batch.image_sizes)
        detections = network([image])
        masks = network.heads.mask_probabilities(features, fixed)
    return {
        "features": features,
        "logits": logits,
        "deltas": deltas,
        "proposals": proposals[0],
        "probabilities": probabilities[0],
        "stages": stages,
        "sizes": batch.image_sizes,
        "masks": masks,
        "detections": detections[0],
    }


def close(ours: torch.Tensor, theirs: np.ndarray) -> None:
    """Equal to within a thousandth of the reference's largest value."""
    assert ours.shape == theirs.shape
    assert np.abs(ours.numpy() - theirs).max() <= RELATIVE * np.abs(theirs).max()


def test_every_learned_tensor_of_the_original_has_a_place(network: CascadeMaskRCNN) -> None:
    keys = dict(json.loads((FOLDER / "keys.json").read_text()))
    learned = [k for k in keys if not k.startswith("pixel_") and "anchor_generator" not in k]
    assert len(learned) == len(network.state_dict())


@pytest.mark.parametrize("level", range(5))
def test_pyramid(run: dict[str, Any], expected: dict[str, np.ndarray], level: int) -> None:
    ours, name = run["features"][level][0], f"feat_p{level + 2}"
    assert list(ours.shape) == list(expected[f"{name}_shape"])[-3:]
    close(ours[::32, ::4, ::4], expected[name].reshape(ours[::32, ::4, ::4].shape))


@pytest.mark.parametrize("level", range(5))
@pytest.mark.parametrize("kind", ["logits", "deltas"])
def test_proposal_network(run: dict[str, Any], expected: dict[str, np.ndarray], kind: str, level: int) -> None:
    ours, theirs = run[kind][level][0], expected[f"rpn_{kind}_{level}"]
    close(ours if ours.shape == theirs.shape else ours[:, ::4, ::4], theirs)


def test_proposals(run: dict[str, Any], expected: dict[str, np.ndarray]) -> None:
    theirs = torch.from_numpy(expected["proposals_top50"])
    best, place = box_iou(theirs, run["proposals"]).max(dim=1)
    assert best.min() > 0.99
    logits = torch.from_numpy(expected["proposal_logits_top50"])
    assert torch.allclose(run["probabilities"][place], logits.sigmoid(), atol=1e-3)


@pytest.mark.parametrize("k", range(3))
def test_stage_of_the_cascade(run: dict[str, Any], expected: dict[str, np.ndarray], k: int) -> None:
    stage: Stage = run["stages"][k]
    close(stage.boxes[0], expected[f"stage{k}_boxes_in"])
    close(stage.logits, expected[f"stage{k}_logits"])
    close(stage.deltas, expected[f"stage{k}_deltas"])
    close(stage.refined, expected[f"stage{k}_boxes_out"])
    if k < 2:
        close(clipped(stage, run["sizes"])[0], expected[f"stage{k + 1}_boxes_in"])


def test_scores_are_the_stages_mean(run: dict[str, Any], expected: dict[str, np.ndarray]) -> None:
    close(torch.stack([s.logits.softmax(1) for s in run["stages"]]).mean(0), expected["mean_scores"])


def test_masks(run: dict[str, Any], expected: dict[str, np.ndarray]) -> None:
    close(run["masks"], expected["mask_probs_fixed"])


def test_detections(run: dict[str, Any], expected: dict[str, np.ndarray]) -> None:
    found: RawDetections = run["detections"]
    theirs, scores = torch.from_numpy(expected["final_boxes"]), torch.from_numpy(expected["final_scores"])
    assert len(found.boxes) == len(theirs)
    best, place = box_iou(theirs, found.boxes).max(dim=1)
    assert best.min() > 0.99
    assert torch.allclose(found.scores[place], scores, atol=1e-3)
