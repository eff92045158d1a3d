"""What an assignment's tests import from medmark: `close`, `needs` and `points_to`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Comparison:
    """One comparison that did not hold, from which `graders.asking.relations` says how the two are related."""

    answer: np.ndarray[Any, Any]
    expected: np.ndarray[Any, Any]
    atol: float
    rtol: float
    hint: str
    mistaken: Mapping[str, np.ndarray[Any, Any]]
    """By misconception: what the answer would be with it."""
    line: int
    """Of the call in the test file."""


latest: ContextVar[Comparison | None] = ContextVar("latest", default=None)
"""The comparison of this test that failed last. Whoever runs a test sets it to None before."""

suspected: ContextVar[tuple[str, ...]] = ContextVar("suspected", default=())
"""The misconceptions that this test has pointed to so far. Whoever runs a test empties it before."""


class Unmet(AssertionError):
    """A test could not ask its question: `needs` says what it lacked."""

    def __init__(self, text: str, mend: str | None) -> None:
        super().__init__(text)
        self.text = text
        self.mend = mend or ""


def needs(condition: bool, text: str, mend: str | None = None) -> None:
    """End a test whose own question would say something untrue of this solution.

    A model that learnt nothing gives equal answers alone and in a batch: "failed" would be as untrue as "passed". The
    test then earns no points, and the student reads that it could not be asked, and why.

    Args:
        condition: What has to hold before the question makes sense.
        text: Completes "could not be asked: ..."; written out, without values.
        mend: Id of the test to mend first, `test_file.py::test_name`.
    """
    if not condition:
        raise Unmet(text, mend)


def points_to(mistake: str, condition: bool) -> None:
    """Name the misconception behind it, if this test fails from here on.

    `close(..., mistaken=...)` compares with the whole answer of a misconception. Where that cannot be computed, a sign
    can tell it from others: probabilities that are lower for every malignant case were trained on exchanged classes.

    Args:
        mistake: Its id.
        condition: Whether the sign is there. It has to be rare in sound solutions and with other mistakes.
    """
    if condition:
        suspected.set((*suspected.get(), mistake))


def close(
    answer: Any,
    expected: Any,
    *,
    atol: float = 0.0,
    rtol: float = 1e-6,
    hint: str = "",
    mistaken: Mapping[str, Any] | None = None,
) -> bool:
    """Whether an answer has the expected shape, and every number in it is within tolerance.

    `|answer - expected| <= atol + rtol * |expected|`, in float64. An empty array and a NaN are never close. An answer
    of another shape can satisfy `pytest.approx` and `numpy.testing`, but not this.

    Args:
        hint: What the student reads where an assertion fails by this comparison; written out, without values.
        mistaken: By the id of a misconception: what the answer would be with it. Whoever gives that answer reads of it.
    """
    got, want = np.asarray(answer), np.asarray(expected)
    values = {id: np.asarray(value) for id, value in (mistaken or {}).items()}
    # `mistaken` is checked when the answer is right too: its author learns of it at the reference, not a group.
    if any(array.dtype.kind not in "biuf" for array in (got, want, *values.values())):
        kinds = " with ".join(str(array.dtype) for array in (got, want, *values.values()))
        raise TypeError(f"close() compares numbers, not {kinds}")
    if agree(got, want, atol, rtol):
        return True
    latest.set(Comparison(got, want, atol, rtol, hint, values, sys._getframe(1).f_lineno))
    return False


def agree(got: np.ndarray[Any, Any], want: np.ndarray[Any, Any], atol: float, rtol: float) -> bool:
    """What `close` says of two arrays of numbers."""
    if got.shape != want.shape or got.size == 0:
        return False
    a, b = got.astype(np.float64), want.astype(np.float64)
    finite = np.isfinite(b)  # everything is within a relative tolerance of an infinite number
    if not np.array_equal(a[~finite], b[~finite]):
        return False
    a, b = a[finite], b[finite]
    return bool((np.abs(a - b) <= atol + rtol * np.abs(b)).all())
