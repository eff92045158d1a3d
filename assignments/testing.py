"""What an assignment's tests import from medmark: `close`. (`interface.py` imports from `assignments.interface`.)"""

from __future__ import annotations

from typing import Any

import numpy as np


def close(answer: Any, expected: Any, *, atol: float = 0.0, rtol: float = 1e-6) -> bool:
    """Whether an answer has the expected shape, and every number in it is within tolerance.

    `|answer - expected| <= atol + rtol * |expected|`, in float64. An empty array and a NaN are never close. An answer
    of another shape can satisfy `pytest.approx` and `numpy.testing`, but not this.
    """
    got, want = np.asarray(answer), np.asarray(expected)
    if got.dtype.kind not in "biuf" or want.dtype.kind not in "biuf":
        raise TypeError(f"close() compares numbers, not {got.dtype} with {want.dtype}")
    if got.shape != want.shape or got.size == 0:
        return False
    a, b = got.astype(np.float64), want.astype(np.float64)
    finite = np.isfinite(b)  # everything is within a relative tolerance of an infinite number
    if not np.array_equal(a[~finite], b[~finite]):
        return False
    a, b = a[finite], b[finite]
    return bool((np.abs(a - b) <= atol + rtol * np.abs(b)).all())
