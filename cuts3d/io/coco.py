"""COCO documents: run lengths and annotations."""

from __future__ import annotations

from typing import Any

import numpy as np

from cuts3d import __version__
from cuts3d.arrays import BoolArray
from cuts3d.config import CutS3DConfig
from cuts3d.types import Segmentation


def encode_rle(mask: BoolArray) -> dict[str, Any]:
    """COCO run-length encoding of a mask, compressed, with `counts` as text."""
    from pycocotools import mask as coco

    rle: Any = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(s) for s in rle["size"]], "counts": rle["counts"].decode("ascii")}


def coco_document(result: Segmentation, *, file_name: str, config: CutS3DConfig) -> dict[str, Any]:
    """A COCO document of one photo.

    Beside COCO's own fields an annotation has `score`, `mean_confidence`, `cut_value`, `ncut` and `fallback`; `info`
    holds version, depth source and the whole configuration.
    """
    h, w = result.image.shape[:2]
    annotations = [
        {
            "id": index,
            "image_id": 1,
            "category_id": 1,
            "segmentation": encode_rle(instance.mask),
            "bbox": list(instance.bbox),
            "area": instance.area,
            "iscrowd": 0,
            "score": round(instance.score, 6),
            "mean_confidence": round(instance.mean_confidence, 6),
            "cut_value": instance.cut.flow,
            "ncut": instance.ncut,
            "fallback": instance.cut.fallback or None,
        }
        for index, instance in enumerate(result.instances, start=1)
    ]
    return {
        "info": {
            "description": "CutS3D pseudo-masks",
            "version": __version__,
            "backbone": result.features.backbone,
            "depth": result.depth.estimator,
            "config": config.to_dict(),
            "dropped": [{"ncut": d.ncut, "reason": d.reason} for d in result.dropped],
        },
        "images": [{"id": 1, "file_name": file_name, "width": w, "height": h}],
        "categories": [{"id": 1, "name": "object"}],
        "annotations": annotations,
    }
