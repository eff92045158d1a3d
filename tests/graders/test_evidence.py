"""Texts of evidence are short and cheap, whatever an answer is like."""

import time

import numpy as np
import pytest

from graders.evidence import short_arrays, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.arange(12.0).reshape(3, 4), "array of shape (3, 4) and dtype float64: [0, 1, 2, 3, 4, 5, ...]"),
        (np.array([1 / 3], np.float32), "array of shape (1,) and dtype float32: [0.333333]"),
        (np.zeros((0, 3), np.int64), "array of shape (0, 3) and dtype int64: []"),
        (np.array(True), "array of shape () and dtype bool: [True]"),
        (np.float32(0.5), "0.5"),
        (0.25, "0.25"),
        ({"prob": np.array([2])}, "{'prob': array of shape (1,) and dtype int64: [2]}"),
        ([1, 2, 3], "[1, 2, 3]"),
    ],
)
def test_a_value_is_shown_in_a_line(value, text):
    assert shown(value) == text


@pytest.mark.parametrize(
    "value",
    [
        np.zeros((2,) * 22, np.uint8),  # no axis is long enough for NumPy to leave any of it out
        np.zeros((6,) * 8, np.uint8),
        "long" * 100_000,
        ["long" * 1000] * 10_000,
        {str(i): np.zeros((2,) * 20, np.uint8) for i in range(100)},
        [[[[[[[["deep"] * 100] * 100] * 100]]]]],
    ],
    ids=["many axes", "eight axes of six", "a long text", "a long list", "a large dict", "a deep list"],
)
def test_a_large_value_is_shown_shortly_and_at_once(value):
    began = time.process_time()
    assert len(shown(value)) < 2500
    assert time.process_time() - began < 0.2


def test_an_object_without_a_text_is_shown_too():
    class Silent:
        def __repr__(self):
            raise RuntimeError

    assert shown(Silent()) == "<Silent without a text: RuntimeError>"


def test_numpy_shortens_what_messages_of_others_hold():
    with short_arrays():
        assert len(repr(np.zeros((2,) * 8))) < 5000
        assert len(str(np.zeros((6,) * 8))) < 5000
