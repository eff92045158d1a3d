"""The type of a task: which arrays a solution gets and predicts, and how metrics read its predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assignments.data.columns import Cases, Column, one_by_one
from assignments.interface import Range
from assignments.task_forms import TaskForm

Array: TypeAlias = NDArray[Any]

THRESHOLD = 0.5
"""A probability of at least this is class 1, or foreground. It is fixed: to tune it on hidden cases would be a leak."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A kind of prediction for hidden cases. Predictions and truths have a leading N."""

    name: str
    form: TaskForm
    """Its function, its arrays and its prediction, by name. If it has `extra_truths`, its truths are records (N,) with
    a field for each array."""
    check_truths: Callable[[Array], None]
    """Raises `DataFailure` where the truths do not fit the task."""
    invalid: Callable[[Array, Array], dict[int, str]]
    """(predictions, truths) -> reason by case index, for predictions that cannot be scored; the others are valid."""
    worst_predictions: Callable[[Array, Array | None], Array]
    """(truths, valid predictions or None) -> the worst prediction for each case, in the form of the predictions."""
    probabilities: bool = True
    """Whether predictions are probabilities, which `stored` rounds in such a way that no decision changes."""
    forms: Mapping[str, Callable[[Array], Array]]
    """Converts valid predictions to each form that a metric can read, by `Metric.reads`: `mask`, `class`, ... The
    conversion applies thresholds."""
    truth_forms: Mapping[str, Callable[[Array], Array]] = field(default_factory=dict)
    """Converts truths to the same form, where a metric does not read them as they are."""
    strata: Callable[[Array], Array] | None = None
    """(truths) -> the stratum of each case (N,). For a metric of the whole set, subjects are drawn within strata, so
    that every resample has cases of each."""
    baselines: Callable[[Mapping[str, Cases], Cases], dict[str, Cases]]
    """(training arrays, truths) -> predictions that look at no input, by name: the trivial baselines. They use only the
    number and the shape of the truths."""
    over: Callable[[Column], Task] | None = None
    """(truths that are read one at a time) -> the task for one of these cases, with what it must know of all of them.
    None: a case is judged alone."""

    @property
    def entry(self) -> str:
        """The function that predicts for hidden cases."""
        return self.form.entry

    @property
    def truth(self) -> str:
        """Name of the array that `entry` must not see."""
        return self.form.truth

    @property
    def extra_truths(self) -> tuple[str, ...]:
        """Names of further arrays that `entry` must not see, where the data have them."""
        return self.form.extra_truths

    @property
    def prediction(self) -> str:
        """Name of the array in the answer of `entry` that is scored."""
        return self.form.prediction

    def knowing(self, truths: Cases) -> Task:
        """The task for one case at a time of these truths: its functions take arrays with a leading N of 1."""
        if self.over is None:
            return self
        return self.over(one_by_one(truths))

    def stored(self, predictions: Array) -> Array:
        """Predictions with a leading N, in the dtype in which they are stored and scored.

        For rows, (N,) and (N, K), floats become float32: rows are few, and probabilities close to 0 or 1 must still
        have an order. Probabilities of voxels become float16, because they are read as masks. A number too large
        for the dtype becomes infinite, which is refused later. A probability beyond 0 or 1 by rounding alone becomes 0
        or 1. Stored predictions do not change when they are stored again.
        """
        if predictions.dtype.kind != "f":
            return predictions
        if self.probabilities:
            narrow = np.dtype(np.float32 if predictions.ndim <= 2 else np.float16)
            return _narrowed(Range(0, 1).clip_rounding(predictions), narrow)
        with np.errstate(over="ignore"):
            return predictions.astype(np.float32) if predictions.dtype.itemsize > 4 else predictions


def _narrowed(probabilities: Array, dtype: np.dtype[Any]) -> Array:
    """Probabilities rounded to `dtype`, and one step further where rounding would change a decision.

    A probability below the threshold stays below it, and the largest of a row (N, K) stays the only largest.
    """
    if probabilities.dtype == dtype:
        return probabilities
    with np.errstate(over="ignore"):
        narrow = probabilities.astype(dtype)
    raised = (narrow >= THRESHOLD) & (probabilities < THRESHOLD)
    narrow[raised] = np.nextafter(narrow[raised], dtype.type(0))
    if probabilities.ndim == 2:
        largest, narrowed = (rows.max(axis=1, keepdims=True, initial=-np.inf) for rows in (probabilities, narrow))
        tied = (narrow == narrowed) & (probabilities < largest)
        at_threshold = narrowed == THRESHOLD  # the others in such a row cannot be lowered
        alone = (probabilities == largest) & at_threshold & tied.any(axis=1, keepdims=True)
        narrow[alone] = np.nextafter(narrow[alone], dtype.type(1))
        tied &= ~at_threshold
        narrow[tied] = np.nextafter(narrow[tied], dtype.type(0))
    return narrow
