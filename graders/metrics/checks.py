"""Checks of a metric's arguments: finite numbers, tolerances, thresholds.

The marker refuses a prediction that is not finite before it calls a metric. A metric that is called directly must
refuse it too: a comparison with NaN is false, so NaN could even score as perfect.
"""

from __future__ import annotations

import numpy as np

from graders.metrics.metric import LARGEST, Array, Floats

TOLERANCE_SLACK = 1e-6
"""By what share a distance may exceed a tolerance and still be within it: three steps of 1.1 mm are
3.3000000000000003 mm. No image is measured so finely, and a spacing stored as float32 is off by a tenth of it."""


def finite(values: Array, what: str) -> Floats:
    """`values` in float64; `ValueError` names `what` where a number is not finite, or larger than float32 can hold."""
    check_finite(values, what)
    return np.asarray(values, dtype=np.float64)


def check_finite(values: Array, what: str) -> None:
    """`ValueError` names `what` where a number is not finite, or larger than float32 can hold."""
    values = np.asarray(values)
    # The minimum and the maximum of an array with NaN are NaN, and they need no new array.
    if values.size and not -LARGEST <= float(values.min()) <= float(values.max()) <= LARGEST:
        raise ValueError(f"{what}: every number must be finite and at most {LARGEST:.2g} in size")


def positive(number: float, what: str) -> float:
    """The number, if it is above 0; else `ValueError` names `what`."""
    if not 0 < number <= LARGEST:
        raise ValueError(f"{what} must be a positive number, got {number}")
    return float(number)


def not_negative(number: float, what: str) -> float:
    """The number, if it is 0 or more; else `ValueError` names `what`."""
    if not 0 <= number <= LARGEST:
        raise ValueError(f"{what} must be a number of 0 or more, got {number}")
    return float(number)


def whole(number: float, what: str) -> int:
    """The number, if it is whole and at least 1; else `ValueError` names `what`."""
    if not 1 <= number <= LARGEST or number != int(number):
        raise ValueError(f"{what} must be a whole number, from 1, got {number}")
    return int(number)


def reach_of(tolerance: float) -> float:
    """The largest distance that is within a tolerance: the tolerance and its share `TOLERANCE_SLACK`.

    Raises:
        ValueError: the tolerance is not a number, negative or infinite.
    """
    return not_negative(tolerance, "a tolerance") * (1 + TOLERANCE_SLACK)
