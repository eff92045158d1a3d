"""What direct callers may give a metric: finite numbers, tolerances, thresholds. No metric is computed here.

The marker refuses an answer that is not finite before a metric sees it. A metric that is called directly must refuse
too: a comparison with NaN is false, so garbage would pass for a number, and a perfect one at worst.
"""

from __future__ import annotations

import numpy as np

from graders.metrics.metric import Array, Floats

SLACK = 1e-6
"""By what share a distance may exceed a tolerance and still be within it: three steps of 1.1 mm are
3.3000000000000003 mm. No image is measured so finely, and a spacing that was once float32 is off by a tenth of it."""
LARGEST = float(np.finfo(np.float32).max)
"""The largest number that crosses the wall. Squares and products of three stay finite in float64."""


def finite(values: Array, what: str) -> Floats:
    """`values` in float64; `ValueError` names `what` where one is not finite, or larger than float32 can hold."""
    check_finite(values, what)
    return np.asarray(values, dtype=np.float64)


def check_finite(values: Array, what: str) -> None:
    """`ValueError` names `what` where a number is not finite, or larger than float32 can hold."""
    values = np.asarray(values)
    # Minimum and maximum hand on NaN, and no array is made for them.
    if values.size and not -LARGEST <= float(values.min()) <= float(values.max()) <= LARGEST:
        raise ValueError(f"{what}: every number must be finite and at most {LARGEST:.2g} in size")


def positive(number: float, what: str) -> float:
    """A number above 0; `ValueError` names `what` where it is not one."""
    if not 0 < number <= LARGEST:
        raise ValueError(f"{what} is a positive number, got {number}")
    return float(number)


def not_negative(number: float, what: str) -> float:
    """A number of 0 or more; `ValueError` names `what` where it is not one."""
    if not 0 <= number <= LARGEST:
        raise ValueError(f"{what} is a number of 0 or more, got {number}")
    return float(number)


def whole(number: float, what: str) -> int:
    """A whole number from 1; `ValueError` names `what` where it is not one."""
    if not 1 <= number <= LARGEST or number != int(number):
        raise ValueError(f"{what} is a whole number, from 1, got {number}")
    return int(number)


def reach_of(tolerance: float) -> float:
    """The largest distance that is within a tolerance: the tolerance and `SLACK`.

    Raises:
        ValueError: the tolerance is not a number, negative or infinite.
    """
    return not_negative(tolerance, "a tolerance") * (1 + SLACK)
