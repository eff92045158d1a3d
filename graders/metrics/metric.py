"""The type of a metric: a pure function with its level, direction, range and worst value.

`compute(predictions, truths, cases)` takes two arrays with a leading N, and the N cases. A `per_case` metric returns N
values, a `per_set` metric returns one number. `reads` names the form of the predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Floats: TypeAlias = NDArray[np.float64]


class CaseInfo(Protocol):
    """What a metric can read of a hidden case beside its truth."""

    @property
    def id(self) -> str: ...

    @property
    def subject(self) -> str: ...

    @property
    def spacing_mm(self) -> tuple[float, ...] | None: ...

    @property
    def group(self) -> str | None: ...


Compute: TypeAlias = Callable[..., Floats | float]
"""(predictions, truths, cases), and `at` where a number is part of the metric's name."""
Resampled: TypeAlias = Callable[..., Floats]
"""(predictions, truths, counts), and `at`."""
Worst: TypeAlias = Callable[[Array, CaseInfo], float]
Absent: TypeAlias = Literal["one", "leave_out"]
"""How a class counts in a case where neither the truth nor the prediction contains it."""
Average: TypeAlias = Literal["macro", "weighted", "micro"]
"""How a metric is averaged over classes, or over labels that do not exclude each other."""
Form: TypeAlias = Literal[
    "mask", "labels", "instances", "class", "probability", "image", "field", "number",
    "multilabel", "multilabel_probability",
]  # fmt: skip
Number: TypeAlias = Literal["any", "positive", "share", "below_one", "count", "percent"]
_NUMBERS: dict[Number, tuple[Callable[[float], bool], str]] = {
    "any": (lambda number: True, "0 or more"),
    "positive": (lambda number: number > 0, "above 0"),
    "share": (lambda number: number <= 1, "a share, from 0 to 1"),
    "below_one": (lambda number: number < 1, "a share, from 0 to below 1"),
    "count": (lambda number: number >= 1 and number == int(number), "a whole number, from 1"),
    "percent": (lambda number: 0 < number <= 100, "a percentage, above 0 to 100"),
}
"""Which numbers each kind allows, of those from 0 to `LARGEST`, and how a message describes them."""
LARGEST = float(np.finfo(np.float32).max)
"""The largest number that crosses the wall. Squares, and products of three, stay finite in float64."""


@dataclass(frozen=True)
class Metric:
    """A metric with its level, its direction, its range and the value of a case without a usable prediction."""

    name: str
    compute: Compute
    level: Literal["per_case", "per_set"]
    """`per_case`: the mean over subjects of the means over their cases. `per_set`: one number of all cases."""
    better: Literal["higher", "lower"]
    range: tuple[float, float]
    """Both ends included. A result outside it is a defect of the metric and never becomes a score."""
    worst: float | Worst | Literal["at"]
    """The value of a case whose prediction failed or is missing: a number, a function of the case's truth and the case,
    or the number in the metric's name. No prediction can have a worse value. A `per_set` metric is computed with the
    task's worst predictions instead."""
    reads: Form
    """The form of the predictions: masks (N, ...) of 0 and 1, maps of labels or of numbered instances (N, ...), classes
    (N,), probabilities, images (N, ...) of floats, displacement fields (N, d, ...), numbers (N,), or, for K labels that
    do not exclude each other, 0 and 1 or probabilities, (N, K)."""
    unit: str = ""
    resampled: Resampled | None = None
    """For `per_set`, the same metric for B resamples at once: `(predictions, truths, counts)` to B values, where counts
    (B, N) say how often each case was drawn. Without it the bootstrap calls `compute` B times."""
    also_reads: Form | None = None
    """A second form of predictions for which it is defined."""
    number: Number = "any"
    """Which numbers its name can contain."""
    costs: bool = False
    """Whether its functions take an assignment's matrix of costs, as `costs`."""
    failure: Callable[..., Array] | None = None
    """Of a `per_set` metric for which other predictions are worse than the task's worst ones: (truths) -> these."""
    placements: Callable[[Array, Array], tuple[Floats, Floats] | None] | None = None
    """Of an AUROC: (predictions, truths) -> for each positive case the share of negatives that score below it, and for
    each negative case the share of positives that score above it; None where it is not the area under one curve."""
    classes: tuple[int, ...] | None = None
    """Of a metric of masks, for maps of labels: the classes that it averages; None: all that the truths contain."""

    @property
    def rising(self) -> bool:
        """Whether a higher value is the better one."""
        return self.better == "higher"

    def worst_of(self, truth: Array, case: CaseInfo) -> float:
        """The declared worst value of one case."""
        return float(self.worst(truth, case) if callable(self.worst) else self.worst)

    def over_classes(self, classes: Sequence[int], absent: Absent = "leave_out") -> Metric:
        """This metric of masks for maps of labels: its mean over `classes`, each against all the rest.

        A class that neither the truth nor the prediction of a case contains is left out of that case's mean, or counts
        as two empty masks where `absent` is "one". A case with none of the classes counts as two empty masks.
        """
        if self.reads != "mask" or self.level != "per_case":
            raise ValueError(f"{self.name} has no value by class: it is {self.level} and reads {self.reads}")

        def compute(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
            total, count = np.zeros(len(cases)), np.zeros(len(cases))

            def add(predicted: Array, true: Array, counted: Array) -> None:
                if counted.any():
                    of_counted = [case for case, counts in zip(cases, counted, strict=True) if counts]
                    total[counted] += self.compute(predicted[counted], true[counted], of_counted)
                    count[counted] += 1

            for c in classes:
                predicted, true = predictions == c, truths == c
                everywhere = np.ones(len(cases), dtype=bool)
                add(predicted, true, anything(predicted | true) if absent == "leave_out" else everywhere)
            nothing = np.zeros(truths.shape, dtype=bool)
            add(nothing, nothing, count == 0)
            return total / count

        def worst(truth: Array, case: CaseInfo) -> float:
            certain: list[float] = []
            possible: list[float] = []
            for c in classes:
                mask = truth == c
                counts = absent == "one" or mask.any()
                (certain if counts else possible).append(self.worst_of(mask, case))
            # A prediction chooses which absent classes count: take those that make the mean worse.
            possible.sort(reverse=not self.rising)
            means = [np.mean(certain + possible[:k]) for k in range(len(possible) + 1) if certain or k]
            return float(min(means) if self.rising else max(means))

        return replace(self, compute=compute, worst=worst, reads="labels", classes=tuple(classes))

    def at(self, name: str, number: float) -> Metric:
        """This metric under `name`, such as `nsd@2mm`, whose number its functions take as `at`."""
        allowed, what = _NUMBERS[self.number]
        if not 0 <= number <= LARGEST or not allowed(number):
            raise ValueError(f"metric {name}: its number must be {what}.")
        return replace(
            self,
            name=name,
            compute=partial(self.compute, at=number),
            resampled=self.resampled and partial(self.resampled, at=number),
            worst=number if self.worst == "at" else self.worst,
        )

    def priced(self, costs: Sequence[Sequence[float]]) -> Metric:
        """This metric with an assignment's matrix of costs, (K, K)."""
        bound = {"costs": np.array(costs, dtype=np.float64)}
        return replace(
            self,
            compute=partial(self.compute, **bound),
            resampled=self.resampled and partial(self.resampled, **bound),
            failure=self.failure and partial(self.failure, **bound),
        )


def averaged(name: str, compute: Compute, resampled: Resampled, reads: Literal["class", "probability"]) -> Metric:
    """A metric averaged over classes or labels as its name says, such as `f1@micro`."""
    average = {"average": name.partition("@")[2]}
    return Metric(
        name,
        partial(compute, **average),
        level="per_set",
        better="higher",
        range=(0, 1),
        worst=0,
        reads=reads,
        also_reads="multilabel" if reads == "class" else "multilabel_probability",
        resampled=partial(resampled, **average),
    )


def anything(masks: Array) -> NDArray[np.bool_]:
    """Whether each of N masks (N, ...) has a voxel that is not 0, (N,)."""
    return np.asarray(masks.reshape(len(masks), -1).any(axis=1), dtype=np.bool_)
