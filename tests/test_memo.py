"""The memo: the key of a result follows from the arguments of its function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from cuts3d.memo import Memo, forgetful


def add(a: int, b: int, *, c: int = 0) -> int:
    return a + b + c


def total(mask: np.ndarray, memo: Memo | None = None) -> int:
    return int(mask.sum())


@dataclass(frozen=True, eq=False)
class Record:
    value: int


@pytest.mark.parametrize(("args", "kwargs"), [((1, 3), {}), ((2, 2), {}), ((1, 2), {"c": 1}), ((1, "2"), {})], ids=str)
def test_every_argument_is_part_of_the_key(args: tuple[Any, ...], kwargs: dict[str, Any]):
    memo = Memo()
    assert memo.key("sum", add, *args, **kwargs) != memo.key("sum", add, 1, 2)
    assert memo.key("sum", add, 1, 2) == memo.key("sum", add, 1, 2)


def test_equal_arguments_are_computed_once_and_others_anew():
    memo = Memo()
    assert [memo("sum", add, 1, 2).value, memo("sum", add, 1, 2).value, memo("sum", add, 1, 3).value] == [3, 3, 4]
    assert memo.calls == {"sum": 2}


def test_a_result_is_known_by_its_origin_not_by_its_value():
    memo = Memo()
    three, also_three = memo("sum", add, 1, 2), memo("sum", add, 2, 1)
    assert three.value == also_three.value
    assert memo("sum", add, three, 1).value == memo("sum", add, also_three, 1).value == 4
    assert memo.calls["sum"] == 4


def test_a_lazy_result_is_computed_when_it_is_read_and_never_if_its_consumer_is_remembered():
    memo = Memo({"inner": 0})
    for _ in range(3):
        inner = memo.lazy("inner", add, 1, 2)
        assert memo("outer", add, inner, 1).value == 4
    assert memo.calls == {"inner": 1, "outer": 1}


def test_the_least_recently_used_result_is_dropped_first():
    memo = Memo({"sum": 2})
    for a in (1, 2, 1, 3, 1, 2):
        memo("sum", add, a, 0)
    assert memo.calls["sum"] == 4  # 1, 2, 3, and 2 again


def test_a_forgetful_memo_computes_always():
    memo = forgetful()
    assert [memo("sum", add, 1, 2).value for _ in range(3)] == [3] * 3
    assert memo.calls["sum"] == 3


def test_masks_are_known_by_their_content_and_shape():
    memo = Memo()
    for mask in (np.ones((2, 3), bool), np.ones((2, 3), bool), np.ones((3, 2), bool), np.zeros((2, 3), bool)):
        memo("total", total, mask)
    assert memo.calls["total"] == 3


def test_a_memo_among_the_arguments_is_no_part_of_the_key():
    memo = Memo()
    assert memo.key("total", total, np.ones(2, bool), memo) == memo.key("total", total, np.ones(2, bool), forgetful())


@pytest.mark.parametrize("argument", [np.ones(3), Record(1), [1], {}], ids=lambda a: type(a).__name__)
def test_what_has_no_key_is_refused(argument: Any):
    with pytest.raises(TypeError):
        Memo()("total", total, argument)


def test_a_closure_is_refused_since_it_could_hide_an_argument():
    hidden = 3
    with pytest.raises(TypeError, match="closure"):
        Memo()("sum", lambda a: a + hidden, 1)


def test_a_given_object_is_known_by_identity_and_its_identity_is_never_reused():
    memo, keys = Memo(), set()
    for _ in range(50):
        keys.add(memo.given(np.ones(3)).key)
    assert len(keys) == 50


def test_a_provided_result_is_taken_as_computed():
    memo = Memo()
    memo.provide(100, "sum", add, 1, 2)
    assert memo("sum", add, 1, 2).value == 100
    assert not memo.calls
