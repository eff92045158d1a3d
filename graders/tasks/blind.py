"""Predictions that look at no input, for cases of one size or of many: the trivial baselines are made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from assignments.data.columns import Cases, Column, case_shapes, filled
from graders.tasks.task import Array


def constant(truths: Cases, value: float, dtype: Any, field: str | None = None) -> Cases:
    """One value everywhere, in the shapes of the truths, or of one of their fields."""
    if isinstance(truths, Column):
        return filled(case_shapes(truths, field), value, dtype)
    return np.full(truths.shape if field is None else truths[field].shape, value, dtype)


def mean(cases: Cases) -> float:
    """The mean of all numbers of all cases."""
    if isinstance(cases, Column):
        return math.fsum(float(case.sum(dtype=np.float64)) for case in cases) / cases.size
    return float(cases.mean())


def same_shapes(train: Cases, truths: Cases) -> tuple[Array, tuple[int, ...]] | None:
    """Training arrays, and the shape of the truths, where all cases of both have one size; else None."""
    if isinstance(train, Column) or isinstance(truths, Column) or train.shape[1:] != truths.shape[1:]:
        return None
    return train, truths.shape
