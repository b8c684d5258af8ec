"""The status line: progress, result, or what to do."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from cuts3d.backbones.own import used_backbone
from cuts3d.depth import get_depth
from cuts3d.errors import CutS3DError
from cuts3d.run.explorer import Explorer

STAGES = {  # finished stage -> (next stage, completed fraction of the run)
    "features": ("estimating depth", 0.45),
    "depth": ("spatial importance", 0.55),
    "importance": ("affinity", 0.6),
    "affinity": ("sharpening the affinity", 0.65),
    "sharpened": ("normalised cut", 0.72),
    "ncut": ("cutting in 3D", 0.8),
    "local_cut": ("spatial confidence", 0.86),
    "confidence": ("masks", 0.9),
}
NAMES = {
    "crf": "CRF",
    "features": "features",
    "depth": "depth",
    "importance": "importance",
    "affinity": "affinity",
    "sharpened": "sharpening",
    "ncut": "NCut",
    "graph": "k-NN graph",
    "local_cut": "min-cut",
    "confidence": "confidence",
}


def stage(name: str) -> str:
    """Progress after a stage: the name of the next."""
    return running(*STAGES[name])


def running(what: str, fraction: float) -> str:
    """Progress: what is being done, and the completed fraction."""
    percent = round(100 * fraction)
    return (
        f'<div class="status running" role="status"><span>{escape(what[:1].upper() + what[1:])} …</span>'
        f'<progress max="100" value="{percent}" aria-label="{escape(what)}"></progress></div>'
    )


def words(text: str) -> str:
    """A plain sentence."""
    return f'<div class="status" role="status"><span>{escape(text)}</span></div>'


def gone() -> str:
    """The server has deleted the visitor's file; the page sends it again where the browser still has it."""
    text = "The server has deleted your photo or depth map; upload it again. Your settings are kept."
    return f'<div class="status" role="status" data-send-again=""><span>{escape(text)}</span></div>'


def forgotten() -> str:
    """The server does not know the page, because it was restarted or the connection broke; the page loads again."""
    text = "The server was restarted, or the connection broke. The page loads again, with your settings."
    return f'<div class="status" role="status" data-load-again=""><span>{escape(text)}</span></div>'


def error(problem: Exception) -> str:
    """What went wrong, and what to do."""
    if isinstance(problem, CutS3DError):
        text = str(problem)
    elif isinstance(problem, MemoryError):
        text = "The server's memory is full. Try a smaller input side, or try again in a minute."
    else:
        kind = type(problem).__name__
        text = f"Something went wrong on the server ({kind}). Reset the parameters, or open another photo."
    return f'<div class="status error" role="alert"><span>{escape(text)}</span></div>'


def cost(seconds: float, computed: Sequence[str]) -> str:
    """How long a run took on the server, and which stages it computed."""
    names = [NAMES[stage] for stage in computed if stage in NAMES]
    if "features" in computed:
        names = ["all stages"]
    time = f"{1000 * seconds:.0f} ms" if seconds < 2 else f"{seconds:.1f} s"
    return f"{time}: {', '.join(names) if names else 'all from memory'}"


def summary(explorer: Explorer, title: str, *, costs: Sequence[str], done: bool, notes: Sequence[str] = ()) -> str:
    """What was found, with which networks, and how long it took.

    Args:
        explorer: The open photo, segmented at least up to the masks before the CRF.
        title: Name of the photo.
        costs: What the parts of the run cost.
        done: Whether no part of the run is to come.
        notes: What the reader of the photo or of the depth map has to say, one sentence each.
    """
    result = explorer.results.get(("segmentation", 0)) or explorer.results["coarse", 0]
    count = len(result.instances)
    spec = used_backbone(result.features.backbone)
    trained = get_depth(result.depth.source).trained_on if result.depth.source else "given, not estimated"
    parts = [
        f"<b>{count} instance{'s' if count != 1 else ''}</b> in {escape(title)}",
        f'<span title="{escape(spec.trained_on, quote=True)}">backbone: {escape(spec.title)}</span>',
        f'<span title="{escape(trained, quote=True)}">depth: {escape(result.depth.estimator)}</span>',
    ]
    if result.num_fallbacks:
        parts.append(f'<span class="warn">{result.num_fallbacks} without a cut in 3D</span>')
    state = "" if done else '<span class="pending">fitting to the photo\'s edges …</span>'
    spent = f'<span class="cost">{escape(" · ".join(costs))}</span>'
    said = "".join(f'<span class="warn note">{escape(note)}</span>' for note in notes)
    return f'<div class="status" role="status"><span>{" · ".join(parts)}</span>{spent}{state}{said}</div>'
