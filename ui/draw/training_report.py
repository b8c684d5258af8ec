"""How the shipped detector was trained, and the paper's figures next to ours. Ours are read from a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ui.draw.line_charts import loss_chart

Json = Mapping[str, Any]
COLUMNS = (("ap", "AP"), ("ap50", "AP50"), ("ar10", "AR10"), ("ar100", "AR100"))
ABLATION_COLUMNS = (("ap", "AP"), ("ap50", "AP50"), ("ar100", "AR100"))
ZERO_SHOT = (  # mask AP, AP50 on COCO val2017, then on COCO20K
    ("FreeSOLO", 4.3, 9.4, 4.3, 9.7),
    ("CutLER", 9.7, 18.9, 10.0, 19.6),
    ("CuVLER", 9.8, 19.3, 10.0, 20.0),
    ("ProMerge+", 8.9, None, 9.0, None),
    ("CutS3D", 10.7, 20.8, 10.9, 21.3),
)
CONFIDENCE_PARTS = (
    ("no use of confidence", 8.5),
    ("+ selection of what is pasted", 8.8),
    ("+ alpha blend", 9.0),
    ("+ soft target loss", 9.1),
)


def report(path: Path) -> str:
    """Curves and tables as HTML; a sentence replaces the measured ones where the file is missing or damaged.

    Args:
        path: JSON file that the training of the shipped detector wrote.
    """
    paper = f'<div class="report-tables">{_zero_shot()}{_confidence_parts()}</div>'
    try:
        measured = json.loads(path.read_text(encoding="utf-8"))
        ours = _measured(measured)
    except FileNotFoundError:
        ours = _sentence(path, "is missing, so the curves and figures of the shipped detector cannot be shown")
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        ours = _sentence(path, "cannot be read, so the curves of the shipped detector are not shown")
    words = (
        "The paper's detector has a ResNet-50 backbone, starts from DINO weights and is trained on 1.3 million "
        "ImageNet photos. Ours is small, starts from supervised ImageNet weights and is trained on some thousand "
        "photos. COCO dev (315 images) is not COCO val2017: do not compare the two tables figure by figure."
    )
    return f'{ours}<h3>The paper\'s figures</h3><p class="report-words">{words}</p>{paper}'


def _measured(values: Json) -> str:
    rounds = list(values["rounds"])
    lines = {str(r["name"]): (_numbers(r["steps"]), _numbers(r["loss"])) for r in rounds if r.get("steps")}
    chart = loss_chart(lines) if lines else ""
    facts = f"{int(values['photos']):,} photos. {values['recipe']}"
    rows = [("pseudo-labels", values["pseudo_labels"]), *((str(r["name"]), r) for r in rounds)]
    tables = [_table("Measured on COCO dev, 315 images: mask AP and recall, %", "", COLUMNS, rows)]
    if values.get("ablation"):
        rows = [(str(a["name"]), a) for a in values["ablation"]]
        tables.append(_table("Gain from each use of confidence, measured on COCO dev, %", "", ABLATION_COLUMNS, rows))
    return (
        f'<h3>How it was trained</h3><p class="report-words">{escape(facts)}</p>'
        f'<div class="report-tables">{chart}{"".join(tables)}</div>'
    )


def _numbers(values: Sequence[Any]) -> list[float]:
    return [float(v) for v in values]


def _sentence(path: Path, problem: str) -> str:
    return (
        f'<h3>How it was trained</h3><p class="report-words">The file cuts3d/data/{path.name} {problem}. A training '
        "writes its losses to metrics.jsonl; <code>python -m cuts3d evaluate</code> measures its detections.</p>"
    )


def _zero_shot() -> str:
    columns = (("ap", "AP"), ("ap50", "AP50"), ("ap20k", "20K AP"), ("ap5020k", "AP50"))
    keys = [key for key, _ in columns]
    rows = [(name, dict(zip(keys, values, strict=True))) for name, *values in ZERO_SHOT]
    return _table("Zero-shot on COCO val2017 and COCO20K, mask, % (as published)", "best", columns, rows)


def _confidence_parts() -> str:
    rows = [(name, {"ap": ap}) for name, ap in CONFIDENCE_PARTS]
    return _table("Uses of spatial confidence, mask AP on COCO val2017, % (as published)", "", (("ap", "AP"),), rows)


def _table(title: str, last: str, columns: Sequence[tuple[str, str]], rows: Sequence[tuple[str, Json]]) -> str:
    """A table; `last` is the class of its last row."""
    head = "".join(f'<th scope="col">{name}</th>' for _, name in columns)
    body = []
    for row, (name, values) in enumerate(rows, start=1):
        cells = "".join(f"<td>{_figure(values.get(key))}</td>" for key, _ in columns)
        state = f' class="{last}"' if last and row == len(rows) else ""
        body.append(f'<tr{state}><th scope="row">{escape(name)}</th>{cells}</tr>')
    caption = f"<caption>{escape(title)}</caption>"
    return (
        f'<table class="facts">{caption}<thead><tr><td></td>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'
    )


def _figure(value: Any) -> str:
    return "–" if value is None else f"{float(value):.1f}"
