"""One repeat under one metric: which answers count, what a failed one takes, the value of each case.

The denominator is the manifest. An answer that failed takes the metric's declared worst value (`per_case`) or the
task's failure answer (`per_set`); it is never dropped, and what is not finite never scores. Repeats are combined in
`graders.scoring.score`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assignments.data.hidden import Case, HiddenSet
from graders.failures import DataFailure, MetricFailure, WrongType
from graders.metrics import Array, Floats, Metric
from graders.metrics.metric import Absent, Form, anything
from graders.record.answers import Answers
from graders.scoring.intervals import subject_means
from graders.tasks import Task

TOLERANCE = 1e-9
"""By how much rounding may carry a value beyond its range."""
MAY_BE_EMPTY = ("mask", "labels", "instances")
"""Forms of a truth that may hold nothing."""
WHOLE, CASES = "whole", "cases"
"""The parts of a score: what is of no case, such as a metric of the set and the resamples, and all cases together."""


def case_part(repeat: int, case: str) -> str:
    """The part of a score that is of one case."""
    return f"{repeat} {case}"


@dataclass(frozen=True)
class RepeatScore:
    """What one set of answers is worth under one metric."""

    score: float
    cases: tuple[Case, ...]
    failed: Mapping[int, str]
    """Reason by position."""
    counted: tuple[int, ...]
    """Positions behind the score: all, or those with something in the truth."""
    raw: Mapping[int, float]
    """Value by position of the answered cases; empty for a `per_set` metric."""
    values: Mapping[int, float]
    """The same for all counted cases, the worst value where none was answered."""
    strata: Array | None
    """Of the counted cases, where the metric is of a whole set of classes: what every resample needs some of."""
    resampled: Callable[[Floats], Floats]
    """The score in each of B resamples: counts (B, N) of the counted cases to B values."""
    placements: tuple[Floats, Floats] | None
    """Of an AUROC where each counted case is a subject: what each positive case, and each negative one, adds to it."""
    false_positives: int
    """Cases that do not count, since their truth is empty, where something was found or the answer failed."""

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subject of each counted case."""
        return tuple(self.cases[i].subject for i in self.counted)

    def by_subject(self) -> Floats:
        """Mean value of each subject, in the order of first appearance."""
        return subject_means([self.values[i] for i in self.counted], self.subjects)


def score_repeat(
    task: Task,
    metric: Metric,
    answers: Answers,
    hidden: HiddenSet,
    *,
    separate: bool,
    absent: Absent = "leave_out",
    on_case: Callable[[Case | None], None] | None = None,
) -> RepeatScore:
    """Values one set of answers.

    `separate` leaves cases with an empty truth out and counts those where something is found, or whose answer failed.
    `absent` is what a class counts as in a case that lacks it, where a metric of masks reads maps of labels.
    `on_case` hears of every case before its value is computed, one by one, and of None before anything else; without it
    a metric computes all cases together.
    """
    truths, cases = hidden.truth, hidden.cases
    if len(truths) != len(cases) or not cases or any(not 0 <= i < len(cases) for i in answers.failed):
        raise DataFailure(f"{len(cases)} cases, {len(truths)} truths, failed answers {sorted(answers.failed)}")
    task.check_truths(truths)
    given, failed = _accepted(task, answers, truths)
    form = form_of(task, metric)
    if form is None:
        metric = _by_class(metric, truths, absent)
        form = metric.reads
    read = task.forms[form](given)
    truths = truths_as(task, form, truths)
    empty = np.zeros(len(cases), dtype=bool)
    false_positives = 0
    if separate and form in MAY_BE_EMPTY:
        empty = ~_found(metric, truths)
        wrong = _found(metric, read)
        wrong[list(failed)] = True
        false_positives = int((empty & wrong).sum())
    counted = np.flatnonzero(~empty)
    if not counted.size:
        raise DataFailure('every truth is empty, and empty_reference = "separate" leaves no case to score')
    if metric.failure is not None and failed:
        read = read.copy()
        read[list(failed)] = metric.failure(truths[list(failed)])
    if metric.level == "per_set":
        score, raw, values = _per_set(metric, read, truths, cases, counted)
    else:
        score, raw, values = _per_case(metric, read, truths, cases, counted, failed, on_case)
    kept = [cases[i] for i in counted]

    def resampled(counts: Floats) -> Floats:
        if metric.level == "per_case":
            return _means(np.array(list(values.values())), [case.subject for case in kept], counts)
        return _resampled(metric, read[counted], truths[counted], kept, counts)

    strata = task.strata(truths[counted]) if metric.level == "per_set" and task.strata is not None else None
    return RepeatScore(
        score,
        cases,
        failed,
        tuple(counted.tolist()),
        raw,
        values,
        strata,
        resampled,
        _placements(metric, read[counted], truths[counted], kept),
        false_positives,
    )


def truths_as(task: Task, reading: str, truths: Array) -> Array:
    """The truths in the words of a reading."""
    return task.truth_forms[reading](truths) if reading in task.truth_forms else truths


def form_of(task: Task, metric: Metric) -> Form | None:
    """The form of the task's answers that the metric is computed of."""
    return next((form for form in (metric.reads, metric.also_reads) if form in task.forms), None)


def readable(task: Task, metric: Metric) -> bool:
    """Whether the task's answers are what the metric reads, or maps of labels for a metric of masks."""
    by_class = metric.reads == "mask" and "labels" in task.forms and metric.level == "per_case"
    return by_class or (form_of(task, metric) is not None and metric.classes is None)


def each_class(task: Task, metric: Metric, sets: Sequence[HiddenSet]) -> list[Metric]:
    """A metric that is a mean over the classes of maps of labels, as `dice@class2` of each that all sets hold."""
    if metric.reads != "mask" or "labels" not in task.forms or metric.classes:
        return []
    held = set.intersection(*({int(label) for label in np.unique(each.truth) if label} for each in sets))
    return [replace(metric, name=f"{metric.name}@class{c}", classes=(c,)) for c in sorted(held)]


def _by_class(metric: Metric, truths: Array, absent: Absent) -> Metric:
    """A metric of masks for maps of labels: over the classes in its name, else over all that there are."""
    held = {int(label) for label in np.unique(truths) if label}
    if missing := set(metric.classes or ()) - held:
        raise DataFailure(f"{metric.name}: the truths hold the classes {sorted(held)}, not {sorted(missing)}")
    return metric.over_classes(metric.classes or sorted(held), absent)


def _accepted(task: Task, answers: Answers, truths: Array) -> tuple[Array, dict[int, str]]:
    """The answers as stored, with the task's failure answer where one failed, and the reasons by position."""
    n = len(truths)
    given = answers.arrays.get(task.prediction)
    failed = dict(answers.failed)
    if given is None:
        failed = dict.fromkeys(range(n), WrongType.reason) | failed
        return task.worst_predictions(truths, None), failed
    if task.probabilities:
        given = task.stored(given)  # so that scoring a stored answer gives the same number
    failed = task.invalid(given, truths) | failed
    good = [i for i in range(n) if i not in failed]
    if not failed:
        return given, failed
    if not good:
        return task.worst_predictions(truths, None), failed
    valid = given
    if given.dtype.kind == "f":  # what stands where a call failed is a zero of ours, and no answer
        valid = given.copy()
        valid[list(failed)] = np.nan
    full = task.worst_predictions(truths, valid)
    full[good] = given[good]
    return full, failed


Valued = tuple[float, dict[int, float], dict[int, float]]


def _per_case(
    metric: Metric,
    read: Array,
    truths: Array,
    cases: tuple[Case, ...],
    counted: Array,
    failed: Mapping[int, str],
    on_case: Callable[[Case | None], None] | None,
) -> Valued:
    asked = [i for i in counted.tolist() if i not in failed]
    worst = {i: metric.worst_of(truths[i], cases[i]) for i in counted.tolist()}
    if on_case is None:
        found = _computed(metric, read[asked], truths[asked], [cases[i] for i in asked]) if asked else np.zeros(0)
    else:
        found = np.zeros(len(asked))
        for place, i in enumerate(asked):
            on_case(cases[i])
            found[place] = _computed(metric, read[[i]], truths[[i]], [cases[i]])[0]
        on_case(None)
    raw = dict(zip(asked, found.tolist(), strict=True))
    for i, value in raw.items():
        beyond = worst[i] - value if metric.rising else value - worst[i]
        if beyond > TOLERANCE:
            raise MetricFailure(f"{metric.name} of case {cases[i].id} is {value}, worse than the worst, {worst[i]}")
    values = worst | raw
    means = subject_means(list(values.values()), [cases[i].subject for i in values])
    return float(means.mean()), raw, values


def _per_set(metric: Metric, read: Array, truths: Array, cases: tuple[Case, ...], counted: Array) -> Valued:
    return float(_computed(metric, read[counted], truths[counted], [cases[i] for i in counted])), {}, {}


def _computed(metric: Metric, read: Array, truths: Array, cases: list[Case]) -> Floats:
    """The metric's result, asserted: its shape, finite, inside its range. Whatever it raises is ours."""
    try:
        result = np.asarray(metric.compute(read, truths, cases), dtype=np.float64)
    except MemoryError:  # the marker's limit, which an answer has reached: no fault of the metric
        raise
    except Exception as error:
        raise MetricFailure(f"{metric.name} raised {type(error).__name__}: {error}") from error
    return _asserted(metric, result, () if metric.level == "per_set" else (len(cases),))


def _means(values: Floats, subjects: list[str], counts: Floats) -> Floats:
    """The mean of subject means in each resample, whose counts are equal within a subject."""
    _, of_case, sizes = np.unique(np.asarray(subjects), return_inverse=True, return_counts=True)
    weights = 1 / sizes[of_case]
    return np.asarray(counts @ (values * weights) / (counts @ weights))


def _resampled(metric: Metric, read: Array, truths: Array, cases: list[Case], counts: Floats) -> Floats:
    if metric.resampled is not None:
        return _asserted(metric, metric.resampled(read, truths, counts), (len(counts),))
    drawn = [np.repeat(np.arange(len(cases)), row.astype(int)) for row in counts]
    return np.array([float(_computed(metric, read[i], truths[i], [cases[j] for j in i])) for i in drawn])


def _placements(metric: Metric, read: Array, truths: Array, cases: list[Case]) -> tuple[Floats, Floats] | None:
    """What an AUROC is the mean of; None where cases share a subject, or where a class has one case only."""
    if metric.placements is None or len({case.subject for case in cases}) < len(cases):
        return None
    found = metric.placements(read, truths)
    return found if found is not None and min(map(len, found)) > 1 else None


def _asserted(metric: Metric, result: Floats, shape: tuple[int, ...]) -> Floats:
    low, high = metric.range
    if result.shape != shape or not np.isfinite(result).all():
        raise MetricFailure(f"{metric.name} gave {result.shape} values, not {shape} finite ones")
    if result.size and (result.min() < low - TOLERANCE or result.max() > high + TOLERANCE):
        raise MetricFailure(f"{metric.name} gave {result.min()} to {result.max()}, outside {low} to {high}")
    return np.clip(result, low, high)


def _found(metric: Metric, labels: Array) -> NDArray[np.bool_]:
    """Whether each mask or map holds anything that the metric is of."""
    return anything(labels if metric.classes is None else np.isin(labels, metric.classes))
