"""What a task is: which arrays are asked for, what may be read from the answers. No task is defined here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assignments.interface import Range

Array: TypeAlias = NDArray[Any]

THRESHOLD = 0.5
"""A probability of at least this is class 1, or foreground. It is fixed: one tuned on hidden cases is a leak."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A kind of accuracy question. Answers and truths have a leading N."""

    name: str
    entry: str
    """The function that answers for the hidden cases."""
    truth: str
    """Name of the array that `entry` must not see."""
    extra_truths: tuple[str, ...] = ()
    """Names of more arrays that it must not see, where the data have them. A task that names some has its truths as
    records (N,), a field for each array."""
    prediction: str
    """Key of the reply that is scored."""
    check_truths: Callable[[Array], None]
    """Raises `DataFailure` where the truth is not what the task needs."""
    invalid: Callable[[Array, Array], dict[int, str]]
    """(answers, truths) -> reason by position, for answers that cannot be scored; the others are valid."""
    worst_predictions: Callable[[Array, Array | None], Array]
    """(truths, valid answers or None) -> for each case the worst answer there is, in the answers' form."""
    probabilities: bool = True
    """Whether answers are probabilities, which `stored` narrows so that no decision changes."""
    forms: Mapping[str, Callable[[Array], Array]]
    """What metrics may read of valid answers, by `Metric.reads`: `mask`, `class`, ...; decisions are made here."""
    truth_forms: Mapping[str, Callable[[Array], Array]] = field(default_factory=dict)
    """What they read of the truths in the same words, where that is not the truths as they are."""
    strata: Callable[[Array], Array] | None = None
    """(truths) -> (N,) of what every resample needs some: subjects are drawn within strata of it, for a metric of the
    whole set."""
    baselines: Callable[[Mapping[str, Array], Array], dict[str, Array]]
    """(training arrays, truths) -> by name, what one can answer without looking at an input: the trivial baselines.
    Of the truths only number and shape are used."""

    def stored(self, predictions: Array) -> Array:
        """Answers with a leading N in the dtype that they are kept and scored in.

        Of rows, (N,) and (N, K), floats are float32: they are few, and what saturates near 0 or 1 must still be ranked.
        Probabilities of voxels are float16, since a mask is made of them. What float32 or float16 cannot hold becomes
        infinite, which is refused later. A probability beyond 0 or 1 by rounding alone is 0 or 1. To store what was
        stored changes nothing.
        """
        if predictions.dtype.kind != "f":
            return predictions
        if self.probabilities:
            narrow = np.dtype(np.float32 if predictions.ndim <= 2 else np.float16)
            return _narrowed(Range(0, 1).clip_rounding(predictions), narrow)
        with np.errstate(over="ignore"):
            return predictions.astype(np.float32) if predictions.dtype.itemsize > 4 else predictions


def _narrowed(probabilities: Array, dtype: np.dtype[Any]) -> Array:
    """Rounded to `dtype`, and one step further where rounding alone would decide: what is below the threshold stays
    below it, and the largest of a row (N, K) stays the only largest."""
    if probabilities.dtype == dtype:
        return probabilities
    with np.errstate(over="ignore"):
        narrow = probabilities.astype(dtype)
    raised = (narrow >= THRESHOLD) & (probabilities < THRESHOLD)
    narrow[raised] = np.nextafter(narrow[raised], dtype.type(0))
    if probabilities.ndim == 2:
        largest, narrowed = (rows.max(axis=1, keepdims=True, initial=-np.inf) for rows in (probabilities, narrow))
        tied = (narrow == narrowed) & (probabilities < largest)
        at_threshold = narrowed == THRESHOLD  # from where no other may be lowered
        alone = (probabilities == largest) & at_threshold & tied.any(axis=1, keepdims=True)
        narrow[alone] = np.nextafter(narrow[alone], dtype.type(1))
        tied &= ~at_threshold
        narrow[tied] = np.nextafter(narrow[tied], dtype.type(0))
    return narrow
