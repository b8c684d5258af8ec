"""Checkpoints of CutLER, CuVLER and CutS3D: detectron2's tensor names of a Cascade Mask R-CNN, mapped to ours."""

from __future__ import annotations

import re

from torch import Tensor

from cuts3d.detector.backbones import NORMALISATION
from cuts3d.detector.config import NetworkConfig
from cuts3d.errors import InputError

NORM = r"(weight|bias|running_mean|running_var|num_batches_tracked)"
RULES: tuple[tuple[str, str], ...] = (
    (r"backbone\.bottom_up\.stem\.conv1\.weight", "backbone.body.conv1.weight"),
    (rf"backbone\.bottom_up\.stem\.conv1\.norm\.{NORM}", r"backbone.body.bn1.\1"),
    (r"backbone\.bottom_up\.res(\d)\.(\d+)\.conv(\d)\.weight", r"backbone.body.layer{level}.\2.conv\3.weight"),
    (rf"backbone\.bottom_up\.res(\d)\.(\d+)\.conv(\d)\.norm\.{NORM}", r"backbone.body.layer{level}.\2.bn\3.\4"),
    (r"backbone\.bottom_up\.res(\d)\.(\d+)\.shortcut\.weight", r"backbone.body.layer{level}.\2.downsample.0.weight"),
    (
        rf"backbone\.bottom_up\.res(\d)\.(\d+)\.shortcut\.norm\.{NORM}",
        r"backbone.body.layer{level}.\2.downsample.1.\3",
    ),
    (r"backbone\.fpn_lateral(\d)\.(weight|bias)", r"backbone.fpn.inner_blocks.{map}.0.\2"),
    (rf"backbone\.fpn_lateral(\d)\.norm\.{NORM}", r"backbone.fpn.inner_blocks.{map}.1.\2"),
    (r"backbone\.fpn_output(\d)\.(weight|bias)", r"backbone.fpn.layer_blocks.{map}.0.\2"),
    (rf"backbone\.fpn_output(\d)\.norm\.{NORM}", r"backbone.fpn.layer_blocks.{map}.1.\2"),
    (r"proposal_generator\.rpn_head\.conv\.(weight|bias)", r"rpn.head.conv.0.0.\1"),
    (r"proposal_generator\.rpn_head\.objectness_logits\.(weight|bias)", r"rpn.head.cls_logits.\1"),
    (r"proposal_generator\.rpn_head\.anchor_deltas\.(weight|bias)", r"rpn.head.bbox_pred.\1"),
    (r"roi_heads\.box_head\.(\d)\.(fc\d)\.(weight|bias)", r"heads.stages.\1.\2.\3"),
    (r"roi_heads\.box_predictor\.(\d)\.(cls_score|bbox_pred)\.(weight|bias)", r"heads.stages.\1.\2.\3"),
    (r"roi_heads\.mask_head\.mask_fcn(\d)\.(weight|bias)", r"heads.mask_head.{conv}.\2"),
    (r"roi_heads\.mask_head\.deconv\.(weight|bias)", r"heads.mask_head.8.\1"),
    (r"roi_heads\.mask_head\.predictor\.(weight|bias)", r"heads.mask_head.10.\1"),
)
"""Detectron2's name as a pattern, and ours; `{level}`, `{map}` and `{conv}` are computed from the first digit."""

CONSTANTS = re.compile(r"(pixel_mean|pixel_std|.*anchor_generator\..*)")
PIXEL_TOLERANCE = 0.1  # on the scale 0 to 255; half precision rounds by less
MARK = "backbone.bottom_up.stem.conv1.weight"  # is in every ResNet-FPN checkpoint of detectron2


def our_name(theirs: str) -> str | None:
    """Our name of a tensor, or None if our network has no such tensor."""
    for pattern, ours in RULES:
        found = re.fullmatch(pattern, theirs)
        if found:
            digit = int(found[1]) if found.lastindex and found[1].isdigit() else 0
            return found.expand(ours).format(level=digit - 1, map=digit - 2, conv=2 * (digit - 1))
    return None


def convert(state: dict[str, Tensor], name: str) -> tuple[NetworkConfig, dict[str, Tensor]]:
    """Convert a detectron2 checkpoint to ours.

    Args:
        state: Tensors by detectron2's names.
        name: Name of the file, for errors.

    Returns:
        The network's configuration and its tensors.

    Raises:
        InputError: It is another network, or its input is not RGB normalised with the same mean and deviation.
    """
    if MARK not in state:
        raise InputError(
            f"'{name}' is neither a detector of this project nor a detectron2 checkpoint of a Cascade Mask R-CNN with "
            "ResNet-50-FPN (CutLER, CuVLER, CutS3D)."
        )
    _check_pixels(state, name)
    learned = {k: v for k, v in state.items() if not CONSTANTS.fullmatch(k)}
    named = {k: our_name(k) for k in learned}
    unknown = [k for k, ours in named.items() if ours is None]
    if unknown:
        raise InputError(
            f"'{name}' is a detectron2 checkpoint of another network: it has the unknown tensor '{unknown[0]}'"
            f"{f' and {len(unknown) - 1} more' if len(unknown) > 1 else ''}."
        )
    config = NetworkConfig(pyramid_norm="backbone.fpn_lateral2.norm.weight" in state)
    return config, {ours: learned[k] for k, ours in named.items() if ours is not None}


def _check_pixels(state: dict[str, Tensor], name: str) -> None:
    """Refuse a checkpoint for BGR input or for another scale: its detections would be silently worse."""
    for key, wanted in zip(("pixel_mean", "pixel_std"), NORMALISATION["resnet50"], strict=True):
        if key not in state:
            continue
        found = state[key].flatten().tolist() if state[key].numel() == len(wanted) else []
        if not found or not all(abs(a - b) < PIXEL_TOLERANCE for a, b in zip(found, wanted, strict=True)):
            shown = ", ".join(f"{v:g}" for v in found) or "something else"
            raise InputError(
                f"'{name}' is a detectron2 checkpoint for another input: its '{key}' must be "
                f"{', '.join(map(str, wanted))} (of RGB); it is {shown}."
            )
