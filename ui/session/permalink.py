"""Shared links: an example and its parameters as a query string, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from cuts3d.backbones import get_backbone
from cuts3d.config import CutS3DConfig, parameter_stages, parameter_type
from cuts3d.depth import get_depth
from cuts3d.errors import ConfigError, shown
from ui.session.examples import example_names

EXAMPLE = "example"
LONGEST = 80  # characters of a value; a longer one is refused
Params = dict[str, Any]


def to_query(example: str | None, params: Mapping[str, Any], *, name_depth: bool = False) -> str:
    """Write a link's query string, without the question mark.

    Args:
        example: Title of the open example; None for an uploaded photo, which a link cannot contain.
        params: Parameters by name; those that have their default are left out.
        name_depth: Write the depth estimator even where it is the default; it means that the depth map which comes
            with an example is not used.

    Returns:
        The example first, then the parameters sorted by name; empty where nothing differs from the defaults.

    Raises:
        ConfigError: A parameter is unknown or out of its range.
    """
    changed = changed_parameters(params)
    if name_depth:
        changed["depth"] = params["depth"]
    pairs = [] if example is None else [(EXAMPLE, _slug(example))]
    return urlencode(pairs + [(name, _text(changed[name])) for name in sorted(changed)])


def from_query(query: Mapping[str, str]) -> tuple[str | None, Params, list[str]]:
    """Read a link's query.

    Args:
        query: Names and values, decoded.

    Returns:
        The title of the example or None, the parameters that differ from the defaults, and one sentence for everything
        that was ignored. The sentences quote the link: show them as text, not as HTML.
    """
    example: str | None = None
    params: Params = {}
    warnings: list[str] = []
    for name, value in query.items():
        try:
            if name == EXAMPLE:
                example = _example(value)
            elif not name.startswith("__"):  # names of Gradio and of the Space, such as __theme and __sign
                params[name] = _checked(name, value)
        except ConfigError as error:
            warnings.append(f"The link's {shown(name)} was ignored: {error}")
    return example, changed_parameters(params), warnings


def changed_parameters(params: Mapping[str, Any]) -> Params:
    """The parameters that differ from their defaults, as values of the configuration.

    Raises:
        ConfigError: A parameter is unknown or out of its range.
    """
    defaults, values = CutS3DConfig().to_dict(), CutS3DConfig.from_dict(dict(params)).to_dict()
    return {name: values[name] for name in params if values[name] != defaults[name]}


def check_parameter(name: str, value: Any) -> None:
    """Check a parameter's value by the configuration and the registries.

    Raises:
        ConfigError: It is unknown or cannot have that value.
    """
    CutS3DConfig().replace(**{name: value})
    if name in ("backbone", "depth"):
        (get_backbone if name == "backbone" else get_depth)(value)


def _checked(name: str, text: str) -> Any:
    """A parameter's value from its text, checked by the configuration and the registries.

    Raises:
        ConfigError: It is unknown or cannot have that value.
    """
    if name not in parameter_stages():
        raise ConfigError("there is no such parameter.")
    if len(text) > LONGEST:
        raise ConfigError(f"its value has {len(text)} characters; at most {LONGEST} are allowed.")
    value = _value(name, text)
    check_parameter(name, value)
    return value


def _value(name: str, text: str) -> Any:
    """Text as the parameter's type; text that cannot be converted is returned, and the configuration refuses it."""
    kind, optional = parameter_type(name)
    if optional and text == _text(None):
        return None
    if kind is bool:
        return {_text(True): True, _text(False): False}.get(text, text)
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            return text
    return text


def _text(value: Any) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _example(slug: str) -> str:
    found = next((title for title in example_names() if _slug(title) == _slug(slug)), None)
    if found is None:
        raise ConfigError(f"there is no example {shown(slug)}.")
    return found


def _slug(title: str) -> str:
    return "-".join(title.lower().split())
