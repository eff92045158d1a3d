"""Values of a notebook cross the wall in both directions as they are; what no honest worker sends is refused."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, defaultdict, deque

import numpy as np
import pytest

from graders.failures import ProtocolViolation, ReplyTooLarge
from graders.wall.inside.notebook_driver import NotebookDriver, _Writer
from graders.wall.notebook_values import CannotCross, node_of, value_of

VALUES = [
    None, True, 3, -(1 << 63), 1 << 200, 0.5, float("inf"), 1 + 2j, "text", "long" * 1000, b"bytes", [1, [2, "x"]],
    list(range(5000)), [0.5] * 5000, (1, (2,)), {1, 2}, frozenset({"a"}), {"a": 1, 2: (3,), None: []}, range(2, 9, 3),
    np.arange(6.0).reshape(2, 3), np.zeros((0, 2)), np.float32(0.5), np.int8(3), np.array([1 + 2j]), np.bool_(True),
    np.array(["a", "bc"]), int, np.float64, np.dtype("int16"),
]  # fmt: skip


def equal(left, right):
    if isinstance(left, np.ndarray | np.generic):
        return type(left) is type(right) and left.dtype == right.dtype and np.array_equal(left, right)
    return type(left) is type(right) and left == right


def refuses(*_):
    raise AssertionError("a handle")


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30])
def test_a_value_arrives_as_it_was(value):
    assert equal(value_of(_Writer(refuses).node(value, 0), refuses), value)
    driver = NotebookDriver.__new__(NotebookDriver)
    driver.objects = {}
    assert equal(driver._value(node_of(value, lambda _: None)), value)


@pytest.mark.parametrize("value", [Counter("abba"), OrderedDict(a=1), defaultdict(int, a=2), deque([1, 2])])
def test_a_container_of_the_standard_library_arrives_as_it_was(value):
    assert equal(value_of(_Writer(refuses).node(value, 0), refuses), value)


def test_an_answer_that_is_not_a_number_arrives():
    assert math.isnan(value_of(_Writer(refuses).node(float("nan"), 0), refuses))


def test_a_function_of_numpys_goes_inside_by_its_name():
    driver = NotebookDriver.__new__(NotebookDriver)
    for function in (np.sin, np.mean, math.sqrt, abs, len):
        assert driver._value(node_of(function, lambda _: None)) is function


@pytest.mark.parametrize(
    "value",
    [lambda x: x, object(), iter([]), (i for i in [])],
    ids=["a function", "an object", "an iterator", "a generator"],
)
def test_what_is_the_tests_own_cannot_go_inside(value):
    with pytest.raises(CannotCross):
        node_of(value, lambda _: None)


@pytest.mark.parametrize(
    "node",
    [
        ("eval", "1"), ("function", "os", "system"), ("type", "builtins", "eval"), ("type", "os", "system"),
        ("handle", -1, "x", True), ("handle", 1), ("tuple",), ("tuple", 3), ("dict", [[1]]), ("dict", [[[], 1]]),
        ("set", [[]]), ("array", [1]), ("scalar", np.zeros(2)), ("integer", "0x" + "f" * 10000), ("integer", "zz"),
        ("range", 0, 1 << 62, 1), ("complexes", np.zeros((2, 2)), [7], True), ("texts", [1], [1]), {"a": 1},
        ("dtype", "O"), ("text", np.array([255], np.uint8)), ("default", [], "exec", 3), (), ("argument", 3),
        ("texts", ["a"], [1 << 40]),
    ],
    ids=str,
)  # fmt: skip
def test_a_node_of_no_known_kind_is_a_violation(node):
    with pytest.raises(ProtocolViolation):
        value_of(node, lambda *_: object())


def test_a_node_that_is_nested_too_deep_is_refused():
    node = 1
    for _ in range(100):
        node = [node]
    with pytest.raises(ReplyTooLarge):
        value_of(node, refuses)
