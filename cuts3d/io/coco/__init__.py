"""COCO documents: images, run-length masks and annotations, checked as they are read and built in one place."""

from cuts3d.io.coco.images import ImageId, ImageRecord, Size
from cuts3d.io.coco.read import CocoDocument, DocumentInput, describe_annotation, read_document
from cuts3d.io.coco.rle import (
    RLE,
    box_iou,
    decode_rle,
    encode_rle,
    rle_area,
    rle_box,
    rle_iou,
    run_lengths,
    to_rle,
)
from cuts3d.io.coco.write import annotation, coco_document, document_header, one_photo_document, write_document

__all__ = [
    "RLE",
    "CocoDocument",
    "DocumentInput",
    "ImageId",
    "ImageRecord",
    "Size",
    "annotation",
    "box_iou",
    "coco_document",
    "decode_rle",
    "describe_annotation",
    "document_header",
    "encode_rle",
    "one_photo_document",
    "read_document",
    "rle_area",
    "rle_box",
    "rle_iou",
    "run_lengths",
    "to_rle",
    "write_document",
]
