"""Pseudo-labels of folders, lists and tar files: resumable, on one machine or many."""

from cuts3d.extract.job import Job
from cuts3d.extract.records import decode_confidence, encode_confidence
from cuts3d.extract.run import ExecutionOptions, extract, merge_parts

__all__ = ["ExecutionOptions", "Job", "decode_confidence", "encode_confidence", "extract", "merge_parts"]
