"""What the tests of an assignment import of medmark: the authors' door, beside `assignments.interface`."""

from __future__ import annotations

from typing import Any

import numpy as np


def close(answer: Any, expected: Any, *, atol: float = 0.0, rtol: float = 1e-6) -> bool:
    """Whether an answer has the expected shape and every number of it is within tolerance.

    `|answer - expected| <= atol + rtol * |expected|`, in float64. An empty array is close to nothing, and a NaN to no
    number: unlike `pytest.approx` and `numpy.testing`, which an answer of another shape can satisfy.
    """
    got, want = np.asarray(answer), np.asarray(expected)
    if got.dtype.kind not in "biuf" or want.dtype.kind not in "biuf":
        raise TypeError(f"close() compares numbers, not {got.dtype} with {want.dtype}")
    if got.shape != want.shape or got.size == 0:
        return False
    a, b = got.astype(np.float64), want.astype(np.float64)
    finite = np.isfinite(b)  # beside an infinite one, everything would be within a relative tolerance
    if not np.array_equal(a[~finite], b[~finite]):
        return False
    a, b = a[finite], b[finite]
    return bool((np.abs(a - b) <= atol + rtol * np.abs(b)).all())
