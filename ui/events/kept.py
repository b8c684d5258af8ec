"""What a browser tab keeps of a visit, and what of it still holds when the page is opened again.

The text comes from the browser, so it may be of an older version of the page, or forged: every part is checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from cuts3d.errors import ConfigError, shown
from cuts3d.types import DepthKind
from ui import controls
from ui.controls import Control, from_component
from ui.session.examples import example_names
from ui.session.permalink import Params, check_parameter

LONGEST = 20_000  # characters of the text; the page writes about 1,500
MOST_NAMED = 6  # settings that a sentence names
HERE, GONE = "here", "gone"  # of a file: the browser still has it, or has lost it


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The part of a visit that still holds.

    Attributes:
        params: Parameters by name, as values of the configuration.
        own_depth: Whether the photo's own depth map is used.
        preset: Name of the chosen preset, or None.
        tab: Id of the active tab, or "" where none is known.
        depth_kind: What the values of an own depth map mean, or "".
        example: Title of the open example, or None.
        photo: Of a photo of the visitor's own: `HERE` or `GONE`; "" where an example was open.
        depth: The same of an own depth map.
        warnings: One sentence for everything that no longer holds. They quote the text: show them as text.
    """

    params: Params = field(default_factory=dict)
    own_depth: bool = True
    preset: str | None = None
    tab: str = ""
    depth_kind: str = ""
    example: str | None = None
    photo: str = ""
    depth: str = ""
    warnings: tuple[str, ...] = ()


def read_kept(text: Any) -> Kept | None:
    """Read what the browser kept.

    Args:
        text: The browser's text; empty on a first visit, and where a link was opened.

    Returns:
        What holds, or None where nothing was kept.
    """
    if not isinstance(text, str) or not text or len(text) > LONGEST:
        return None
    try:
        kept = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(kept, dict):
        return None
    params, lost = _params(kept.get("values"))
    example, warnings = _text(kept, "example"), []
    if lost:
        warnings.append(f"The page has changed; these settings have their defaults now: {', '.join(lost)}.")
    if example and example not in example_names():
        warnings.append(f"There is no example {shown(example)} any more.")
        example = ""
    values = kept.get("values")
    return Kept(
        params=params,
        own_depth=not isinstance(values, dict) or values.get("depth", controls.OWN_DEPTH) == controls.OWN_DEPTH,
        preset=preset if (preset := _text(kept, "preset")) in controls.PRESETS else None,
        tab=_text(kept, "tab"),
        depth_kind=kind if (kind := _text(kept, "depth_kind")) in get_args(DepthKind) else "",
        example=example or None,
        photo=_file(kept, "photo"),
        depth=_file(kept, "depth"),
        warnings=tuple(warnings),
    )


def _params(values: Any) -> tuple[Params, list[str]]:
    """Parameters from the kept values of the controls, and names of those that cannot be used."""
    if not isinstance(values, dict):
        return {}, []
    known = {control.name: control for control in controls.ALL}
    params, lost = {}, []
    for name, value in values.items():
        try:
            params[name] = _checked(known[name], value)
        except (KeyError, ConfigError):
            lost.append(shown(name))
    more = len(lost) - MOST_NAMED
    return params, [*lost[:MOST_NAMED], *([f"{more} more"] if more > 0 else [])]


def _checked(control: Control, value: Any) -> Any:
    """The parameter of a control's kept value.

    Raises:
        ConfigError: The control cannot have that value.
    """
    if control.low is not None and not _inside(control, value):
        raise ConfigError(f"{control.label}: out of its range.")
    if isinstance(value, dict | list):
        raise ConfigError(f"{control.label}: no such value.")
    param = from_component(control, value)
    check_parameter(control.name, param)
    return param


def _inside(control: Control, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and control.low is not None and control.low <= value <= (control.high or value)


def _text(kept: Mapping[str, Any], name: str) -> str:
    value = kept.get(name)
    return value if isinstance(value, str) else ""


def _file(kept: Mapping[str, Any], name: str) -> str:
    value = _text(kept, name)
    return value if value in (HERE, GONE) else ""
