"""`python -m cuts3d detect PHOTO_OR_FOLDER --out OUT`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cuts3d.detector.config import DEFAULT_SCORE
from cuts3d.errors import ConfigError, InputError

if TYPE_CHECKING:
    from cuts3d.detector.records import Detection


def add_detect(commands: Any) -> None:
    """Add the command to the subparsers of `build_parser`."""
    parser = commands.add_parser(
        "detect",
        help="objects of a photo or of a folder, by a trained detector",
        description="Find objects with a trained class-agnostic detector. For one photo it writes detections.json "
        "(COCO) and detections.png (the photo with its masks) into a folder. For a folder of photos it writes one "
        "COCO file.",
    )
    parser.add_argument(
        "source", type=Path, help="a photo; or a folder, a text file of paths, or a WebDataset tar file"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="PATH",
        help="for one photo the folder of the results, else the COCO file to write",
    )
    parser.add_argument(
        "--checkpoint",
        default="light",
        metavar="NAME_OR_FILE",
        help="'light', the detector that comes with this package (default); 'cuts3d', 'cutler' or 'cuvler', the "
        "published one of that name in the folder $CUTS3D_WEIGHTS; a file that training.train wrote; or a detectron2 "
        "checkpoint of CutLER, CuVLER or CutS3D",
    )
    parser.add_argument(
        "--score",
        type=float,
        metavar="S",
        help=f"least score of a detection, from 0 to 1 (default: {DEFAULT_SCORE} for one photo; 0 for a folder, "
        "because an evaluation needs all detections)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N photos of a folder")
    parser.add_argument("--device", metavar="DEVICE", help="Torch device (default: cuda if there is one, else cpu)")
    parser.add_argument("--quiet", action="store_true", help="no progress, no summary")
    parser.set_defaults(run=run_detect)


def run_detect(options: argparse.Namespace) -> int:
    """Detect, write, print; see `cuts3d.detector`. Returns the exit code."""
    if not options.source.exists():
        raise InputError(f"There is no file or folder '{options.source}'.")
    if _is_photo(options.source):
        return _detect_photo(options)
    return _detect_folder(options)


def _is_photo(path: Path) -> bool:
    """Whether a path is one photo, whatever its suffix."""
    from cuts3d.io.photo_files import is_picture
    from cuts3d.io.photo_names import is_photo_name

    if not path.is_file() or path.suffix.lower() == ".txt":
        return False
    return is_photo_name(path.name) or is_picture(path)


def _device(options: argparse.Namespace) -> str:
    import torch

    return options.device or ("cuda" if torch.cuda.is_available() else "cpu")


def _detect_photo(options: argparse.Namespace) -> int:
    if options.out.is_file() or options.out.suffix.lower() == ".json":
        raise ConfigError(f"For one photo --out is the folder of the results; it is '{options.out}'.")
    if options.limit is not None:
        raise ConfigError("--limit is for a folder of photos; this is one photo.")
    from cuts3d.cli.notes import print_notes, without_notes
    from cuts3d.detector.api import Detector
    from cuts3d.detector.results import checkpoint_info, photo_document, save_photo
    from cuts3d.io.photos import read_photo

    score = DEFAULT_SCORE if options.score is None else options.score
    photo = read_photo(options.source, max_side=None)
    print_notes(photo.notes)
    image, detector = photo.pixels, Detector(options.checkpoint, device=_device(options))
    with without_notes():  # they were printed
        found = detector.detect(image, score_threshold=score)
    info = checkpoint_info(detector.path, score)
    document = photo_document(found, image, file_name=options.source.name, info=info)
    paths = save_photo(found, image, options.out, document)
    if not options.quiet:
        _print_photo(found, paths)
    return 0


def _print_photo(found: list[Detection], paths: list[Path]) -> None:
    print(f"{len(found)} object{'' if len(found) == 1 else 's'}")
    for number, one in enumerate(found, start=1):
        print(f"  {number}: score {one.score:.2f}, {100 * one.area / one.mask.size:5.1f} % of the photo")
    print("wrote " + ", ".join(str(path) for path in paths))


def _detect_folder(options: argparse.Namespace) -> int:
    if options.out.is_dir():
        raise ConfigError(f"For a folder of photos --out is the COCO file to write; '{options.out}' is a folder.")
    from cuts3d.cli.progress import photo_bar
    from cuts3d.cli.summary import Notes, exit_code
    from cuts3d.detector.predict import predict

    notes = Notes()
    with photo_bar(quiet=options.quiet) as show:
        counts = predict(
            options.source,
            options.checkpoint,
            options.out,
            score_threshold=0.0 if options.score is None else options.score,
            limit=options.limit,
            device=_device(options),
            progress=show,
            note=notes,
        )
    if not options.quiet:
        failed = f"; {counts['failures']} could not be read, see 'failures' in it" if counts["failures"] else ""
        print(f"{counts['annotations']} objects in {counts['images']} photos, written to {options.out}{failed}")
        print(*notes.sentences, sep="\n", end="\n" if notes.sentences else "")
    return exit_code(counts, options.out, "Mend or remove them, and run it again.")
