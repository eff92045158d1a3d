"""What a metric is: a pure function and what must be known to use it. No metric is defined here.

`compute(answers, truths, cases)` takes arrays with a leading N and the N cases. A `per_case` metric returns
N values, a `per_set` metric one number. Which form the answers have is the metric's `reads`.
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


class Case(Protocol):
    """What a metric may know of a hidden case beside its truth."""

    @property
    def id(self) -> str: ...

    @property
    def subject(self) -> str: ...

    @property
    def spacing_mm(self) -> tuple[float, ...] | None: ...

    @property
    def group(self) -> str | None: ...


Compute: TypeAlias = Callable[..., Floats | float]
"""(answers, truths, cases), and `at` where a number is part of the metric's name."""
Resampled: TypeAlias = Callable[..., Floats]
"""(answers, truths, counts), and `at`."""
Worst: TypeAlias = Callable[[Array, Case], float]
Absent: TypeAlias = Literal["one", "leave_out"]
"""What a class counts as in a case of which neither truth nor answer holds it."""
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
    "count": (lambda number: number >= 1 and number == int(number), "a whole one, from 1"),
    "percent": (lambda number: 0 < number <= 100, "a percentage, above 0 to 100"),
}
"""Which numbers each kind allows, of those from 0 to `_LARGEST`, and how it is called."""
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Metric:
    """A metric with its level, its direction, its range and the value of a case that was not answered."""

    name: str
    compute: Compute
    level: Literal["per_case", "per_set"]
    """`per_case`: subject means, then their mean. `per_set`: one number of all cases."""
    better: Literal["higher", "lower"]
    range: tuple[float, float]
    """Closed; a result outside it is a defect of the metric, never a score."""
    worst: float | Worst | Literal["at"]
    """What a failed or missing case takes: a number, a function of the case's truth and the case, or the number in
    the metric's name. No answer may do worse. A `per_set` metric is computed with the task's failure answer instead."""
    reads: Form
    """The form of the answers: masks (N, ...) of 0 and 1, maps of labels or of numbered instances (N, ...), classes
    (N,), probabilities, images (N, ...) of floats, displacement fields (N, d, ...), numbers (N,), or of K labels that
    do not exclude each other 0 and 1, or probabilities, (N, K)."""
    unit: str = ""
    resampled: Resampled | None = None
    """For `per_set`, the same metric for B resamples at once: `(answers, truths, counts)` to B values, where
    counts (B, N) say how often each case was drawn. Without it the bootstrap calls `compute` B times."""
    also_reads: Form | None = None
    """A second form of answers that it is defined for."""
    number: Number = "any"
    """What the number in its name may be."""
    costs: bool = False
    """Whether its functions take an assignment's matrix of costs, as `costs`."""
    failure: Callable[..., Array] | None = None
    """Of a `per_set` metric whose worst answer is not the task's failure answer: (truths) -> the worst answers."""
    placements: Callable[[Array, Array], tuple[Floats, Floats] | None] | None = None
    """Of an AUROC: (answers, truths) -> for each positive case the share of negatives that it beats, and for each
    negative the share of positives that beat it; None where it is not the area of one curve."""
    classes: tuple[int, ...] | None = None
    """Of a metric of masks, for maps of labels: the classes it is the mean of; None: all that the truths hold."""

    @property
    def rising(self) -> bool:
        """Whether a higher value is the better one."""
        return self.better == "higher"

    def worst_of(self, truth: Array, case: Case) -> float:
        """The declared worst value of one case."""
        return float(self.worst(truth, case) if callable(self.worst) else self.worst)

    def over_classes(self, classes: Sequence[int], absent: Absent = "leave_out") -> Metric:
        """This metric of masks for maps of labels: its mean over `classes`, each against all the rest.

        A class that neither truth nor answer of a case holds is left out of that case's mean, or counts as two empty
        masks where `absent` is "one". A case that holds none of the classes counts as two empty masks.
        """
        if self.reads != "mask" or self.level != "per_case":
            raise ValueError(f"{self.name} has no value by class: it is {self.level} and reads {self.reads}")

        def compute(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
            total, count = np.zeros(len(cases)), np.zeros(len(cases))

            def add(one: Array, other: Array, here: Array) -> None:
                if here.any():
                    some = [case for case, counts in zip(cases, here, strict=True) if counts]
                    total[here] += self.compute(one[here], other[here], some)
                    count[here] += 1

            for c in classes:
                one, other = answers == c, truths == c
                add(one, other, anything(one | other) if absent == "leave_out" else np.ones(len(cases), dtype=bool))
            nothing = np.zeros(truths.shape, dtype=bool)
            add(nothing, nothing, count == 0)
            return total / count

        def worst(truth: Array, case: Case) -> float:
            held: list[float] = []
            further: list[float] = []
            for c in classes:
                mask = truth == c
                counts = absent == "one" or mask.any()
                (held if counts else further).append(self.worst_of(mask, case))
            # An answer chooses which further classes count: those are taken that make the mean worse.
            further.sort(reverse=not self.rising)
            means = [np.mean(held + further[:k]) for k in range(len(further) + 1) if held or k]
            return float(min(means) if self.rising else max(means))

        return replace(self, compute=compute, worst=worst, reads="labels", classes=tuple(classes))

    def at(self, name: str, number: float) -> Metric:
        """This metric under `name`, such as `nsd@2mm`, whose number its functions take as `at`."""
        possible, what = _NUMBERS[self.number]
        if not 0 <= number <= _LARGEST or not possible(number):
            raise ValueError(f"metric {name}: its number is {what}.")
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
    """A metric that is averaged over classes or labels in the way that stands in its name, such as `f1@micro`."""
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
    """Whether each of N masks (N, ...) holds anything, (N,)."""
    return np.asarray(masks.reshape(len(masks), -1).any(axis=1), dtype=np.bool_)
