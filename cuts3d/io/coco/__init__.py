"""COCO documents: images, run-length masks and annotations, checked as they are read and built in one place."""

from cuts3d.io.coco.faults import EmptyMaskError, FrameError, GeometryError, Size, frame_difference
from cuts3d.io.coco.ids import ImageId, as_id
from cuts3d.io.coco.images import ImageRecord
from cuts3d.io.coco.read import CocoDocument, DocumentInput, describe_annotation, image_id, read_document
from cuts3d.io.coco.rle import (
    RLE,
    box_iou,
    decode_rle,
    encode_rle,
    rle_area,
    rle_box,
    rle_boxes,
    rle_iou,
    run_lengths,
    to_rle,
)
from cuts3d.io.coco.write import annotation, coco_document, document_header, one_photo_document, write_document

__all__ = [
    "RLE",
    "CocoDocument",
    "DocumentInput",
    "EmptyMaskError",
    "FrameError",
    "GeometryError",
    "ImageId",
    "ImageRecord",
    "Size",
    "annotation",
    "as_id",
    "box_iou",
    "coco_document",
    "decode_rle",
    "describe_annotation",
    "document_header",
    "encode_rle",
    "frame_difference",
    "image_id",
    "one_photo_document",
    "read_document",
    "rle_area",
    "rle_box",
    "rle_boxes",
    "rle_iou",
    "run_lengths",
    "to_rle",
    "write_document",
]
