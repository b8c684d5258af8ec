"""Links: what they carry comes back, and what is wrong in them is left out with a sentence."""

from __future__ import annotations

from typing import Any, get_args, get_origin
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuts3d.backbones import list_backbones
from cuts3d.config import CutS3DConfig, parameter_field, parameter_stages, parameter_type
from cuts3d.depth import list_depths
from cuts3d.errors import ConfigError
from ui.session.examples import example_names
from ui.session.permalink import from_query, to_query


def values(name: str) -> st.SearchStrategy[Any]:
    """Every value that a parameter may have."""
    (kind, optional), limits = parameter_type(name), parameter_field(name).metadata
    if name in ("backbone", "depth"):
        specs = list_backbones() if name == "backbone" else list_depths()
        some: st.SearchStrategy[Any] = st.sampled_from([spec.name for spec in specs])
    elif get_origin(kind) is not None:
        some = st.sampled_from(get_args(kind))
    elif kind is bool:
        some = st.booleans()
    elif kind is int:
        some = st.integers(limits["low"], limits["high"])
    else:
        some = st.floats(limits["low"], limits["high"])
    return st.none() | some if optional else some


PARAMS = st.fixed_dictionaries({}, optional={name: values(name) for name in parameter_stages()})


def read(query: str) -> tuple[str | None, dict[str, Any], list[str]]:
    return from_query(dict(parse_qsl(query, keep_blank_values=True)))


@given(st.none() | st.sampled_from(example_names()), PARAMS)
def test_a_link_is_read_back_unchanged(example, params) -> None:
    found, read_params, warnings = read(to_query(example, params))
    assert warnings == []
    assert found == example
    assert CutS3DConfig.from_dict(read_params) == CutS3DConfig.from_dict(params)
    assert all(value != parameter_field(name).default for name, value in read_params.items())


@given(st.dictionaries(st.text(), st.text()) | st.dictionaries(st.sampled_from(list(parameter_stages())), st.text()))
def test_every_link_gives_valid_parameters(query) -> None:
    _, params, warnings = from_query(query)
    CutS3DConfig.from_dict(params)
    assert all(len(warning) < 1200 for warning in warnings)


def test_only_what_differs_is_written_sorted() -> None:
    params = {"tau_knn": 0.2, "beta": 0.45, "crf": False, "tau_ncut": None, "camera": "perspective"}
    assert to_query("two boxes", params) == "example=two-boxes&camera=perspective&crf=false&tau_knn=0.2"
    assert to_query(None, CutS3DConfig().to_dict()) == ""


def test_a_link_with_an_unknown_parameter_is_not_written() -> None:
    with pytest.raises(ConfigError, match="Unknown parameter"):
        to_query(None, {"bogus": 1})


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("beta", "7", "beta must lie between 0 and 1"),
        ("beta", "nan", "beta must be a finite number"),
        ("beta", "1e999", "beta must be a finite number"),
        ("beta", "", "beta must be a finite number"),
        ("num_cuts", "2.5", "num_cuts must be a whole number"),
        ("num_cuts", "9" * 5000, "5000 characters"),
        ("crf", "yes", "crf must be true or false"),
        ("camera", "none", "camera must be one of"),
        ("depth", "../../etc/passwd", "Unknown depth estimator"),
        ("backbone", "x", "Unknown backbone"),
        ("bogus", "1", "no such parameter"),
        ("example", "bogus", "no example 'bogus'"),
    ],
)
def test_a_bad_value_is_ignored_with_a_sentence_and_the_rest_is_kept(name, value, sentence) -> None:
    example, params, (warning,) = from_query({"tau_knn": "0.2", name: value})
    assert sentence in warning
    assert params == {"tau_knn": 0.2}
    assert example is None


def test_a_parameter_name_of_a_link_is_quoted_on_one_line() -> None:
    _, _, (warning,) = from_query({"two\nlines" * 100: "1"})
    assert warning.startswith("The link's 'two\\nlines")
    assert "\n" not in warning
    assert len(warning) < 200


def test_names_of_gradio_and_of_the_space_are_ignored() -> None:
    assert from_query({"__theme": "dark", "__sign": "x"}) == (None, {}, [])


def test_an_examples_title_is_read_in_any_spelling() -> None:
    assert from_query({"example": "Cup of Coffee"})[0] == "cup of coffee"
    assert from_query({"example": "cup-of-coffee"})[0] == "cup of coffee"
