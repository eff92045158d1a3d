"""Scores one repeat under one metric: which predictions count, and the value of each case.

Every hidden case is in the denominator. A case whose prediction failed takes the metric's declared worst value
(`per_case`) or the task's worst prediction (`per_set`); it is never dropped, and a value that is not finite never
scores. `graders.scoring.score` combines the repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from assignments.data.cases import Case
from assignments.data.columns import Cases, case_shapes, field_names, stacked
from assignments.data.hidden import HiddenSet
from graders.failures import DataFailure, WrongType
from graders.metrics import Array, Floats, Metric
from graders.metrics.metric import Absent
from graders.record.answers import Answers
from graders.scoring.computed import checked, computed, not_beyond, worst_value
from graders.scoring.each_case import case_values, read_singly
from graders.scoring.forms import MAY_BE_EMPTY, not_empty, read_as, truths_as
from graders.scoring.intervals import subject_means
from graders.tasks import Task

WHOLE, CASES = "whole", "cases"
"""Parts of the computation of a score: the work that belongs to no case, such as resamples; and all cases together."""


def case_part(repeat: int, case: str) -> str:
    """The part of the computation of a score that belongs to one case."""
    return f"{repeat} {case}"


@dataclass(frozen=True)
class RepeatScore:
    """The score of one repeat under one metric, and what it is made of."""

    score: float
    cases: tuple[Case, ...]
    failed: Mapping[int, str]
    """The reason of each failed case, by its index."""
    counted: tuple[int, ...]
    """Indices of the cases that count: all, or those whose truth is not empty."""
    raw: Mapping[int, float]
    """The value of each counted case with a usable prediction, by index; empty for a `per_set` metric."""
    values: Mapping[int, float]
    """The value of each counted case, by index: the worst value where the case failed."""
    strata: Array | None
    """For a metric of a whole set of classes, the stratum of each counted case: every resample needs cases of each."""
    resampled: Callable[[Floats], Floats]
    """The score in each of B resamples: counts (B, N) of the counted cases to B values."""
    placements: tuple[Floats, Floats] | None
    """Of an AUROC where each counted case is a subject: the contributions of the positive and of the negative cases."""
    false_positives: int
    """Cases that do not count because their truth is empty, whose prediction is not empty or failed."""

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
    """Scores the predictions of one repeat.

    Args:
        task: The assignment's.
        metric: One that can read the task's predictions.
        answers: What was stored of the repeat.
        hidden: The hidden set of the repeat.
        separate: Leave cases with an empty truth out of the score, and count those whose prediction is not empty or
            failed.
        absent: How a class counts in a case without it, where a metric of masks reads maps of labels.
        on_case: Called with each case before its value is computed, then with None before the remaining work. Without
            it a metric computes all cases together.

    Raises:
        DataFailure: the truths do not fit the task or the cases, or no case counts.
        MetricFailure: the metric raised, or its result is outside its declared range.
        MemoryError: the metric needed more memory than there is.
    """
    cases = hidden.cases
    if len(hidden.truth) != len(cases) or not cases or any(not 0 <= i < len(cases) for i in answers.failed):
        raise DataFailure(f"{len(cases)} cases, {len(hidden.truth)} truths, failed cases {sorted(answers.failed)}")
    if read_singly(hidden, answers.arrays.get(task.prediction)) and _has_images(hidden.truth):
        return _singly(task, metric, answers, hidden, separate=separate, absent=absent, on_case=on_case)
    truths = stacked(hidden.truth)
    task.check_truths(truths)
    predictions, failed = _completed(task, answers, truths)
    metric, form = read_as(task, metric, truths, absent)
    predictions, truths = task.forms[form](predictions), truths_as(task, form, truths)
    may_be_empty = form in MAY_BE_EMPTY
    counted, false_positives = _counted(metric, predictions, truths, failed, separate and may_be_empty)
    if metric.failure is not None and failed:
        predictions = predictions.copy()
        predictions[list(failed)] = metric.failure(truths[list(failed)])
    if metric.level == "per_set":
        score, raw, values = _per_set(metric, predictions, truths, cases, counted)
    else:
        score, raw, values = _per_case(metric, predictions, truths, cases, counted, failed, on_case)
    predictions, truths, counted_cases = predictions[counted], truths[counted], [cases[i] for i in counted]
    if metric.level == "per_case":
        resampled = partial(_means, np.array(list(values.values())), [case.subject for case in counted_cases])
    else:
        resampled = partial(_resampled, metric, predictions, truths, counted_cases)
    return RepeatScore(
        score,
        cases,
        failed,
        tuple(counted.tolist()),
        raw,
        values,
        task.strata(truths) if metric.level == "per_set" and task.strata is not None else None,
        resampled,
        _placements(metric, predictions, truths, counted_cases),
        false_positives,
    )


def _has_images(truths: Cases) -> bool:
    """Whether the truths are images or records; rows, (N,) and (N, K), are stacked wherever they come from."""
    return bool(field_names(truths)) or max(map(len, case_shapes(truths)), default=0) > 1


def _singly(
    task: Task,
    metric: Metric,
    answers: Answers,
    hidden: HiddenSet,
    *,
    separate: bool,
    absent: Absent,
    on_case: Callable[[Case | None], None] | None,
) -> RepeatScore:
    """The score of cases that are read one at a time."""
    if metric.level == "per_set":
        raise DataFailure(f"{metric.name} needs all images together, but they are read one at a time")
    singly = case_values(task, metric, answers, hidden, separate=separate, absent=absent, on_case=on_case)
    subjects = [hidden.cases[i].subject for i in singly.values]
    values = list(singly.values.values())
    return RepeatScore(
        float(subject_means(values, subjects).mean()),
        hidden.cases,
        singly.failed,
        tuple(singly.values),
        singly.raw,
        singly.values,
        strata=None,
        resampled=partial(_means, np.array(values), subjects),
        placements=None,
        false_positives=singly.false_positives,
    )


def _counted(
    metric: Metric, predictions: Array, truths: Array, failed: Mapping[int, str], separate: bool
) -> tuple[NDArray[np.intp], int]:
    """The indices of the cases that count, and how many of the others are false positives."""
    if not separate:
        return np.arange(len(truths)), 0
    empty = ~not_empty(metric, truths)
    if empty.all():
        raise DataFailure('every truth is empty, and empty_reference = "separate" leaves no case to score')
    positive = not_empty(metric, predictions)
    positive[list(failed)] = True
    return np.flatnonzero(~empty), int((empty & positive).sum())


def _completed(task: Task, answers: Answers, truths: Array) -> tuple[Array, dict[int, str]]:
    """The predictions as stored, the task's worst prediction for each failed case, and the reasons by index."""
    n = len(truths)
    predictions = answers.arrays.get(task.prediction)
    if predictions is None:
        return task.worst_predictions(truths, None), dict.fromkeys(range(n), WrongType.reason) | dict(answers.failed)
    predictions = stacked(predictions)
    if task.probabilities:
        predictions = task.stored(predictions)  # so that scoring a stored prediction gives the same number
    failed = task.invalid(predictions, truths) | dict(answers.failed)
    if not failed:
        return predictions, failed
    good = [i for i in range(n) if i not in failed]
    if not good:
        return task.worst_predictions(truths, None), failed
    valid = predictions
    if predictions.dtype.kind == "f":  # the toolkit filled the array with zeros where a call failed
        valid = predictions.copy()
        valid[list(failed)] = np.nan
    completed = task.worst_predictions(truths, valid)
    completed[good] = predictions[good]
    return completed, failed


Valued = tuple[float, dict[int, float], dict[int, float]]
"""The score; the values of the cases with a usable prediction; the values of all counted cases."""


def _per_case(
    metric: Metric,
    predictions: Array,
    truths: Array,
    cases: tuple[Case, ...],
    counted: Array,
    failed: Mapping[int, str],
    on_case: Callable[[Case | None], None] | None,
) -> Valued:
    worst = {i: worst_value(metric, truths[i], cases[i]) for i in counted.tolist()}
    usable = [i for i in counted.tolist() if i not in failed]
    if on_case is None:
        of_usable = [cases[i] for i in usable]
        results = computed(metric, predictions[usable], truths[usable], of_usable).tolist() if usable else []
    else:
        results = []
        for i in usable:
            on_case(cases[i])
            results.append(float(computed(metric, predictions[[i]], truths[[i]], [cases[i]])[0]))
        on_case(None)
    raw = dict(zip(usable, results, strict=True))
    for i, value in raw.items():
        not_beyond(metric, cases[i], value, worst[i])
    values = worst | raw
    means = subject_means(list(values.values()), [cases[i].subject for i in values])
    return float(means.mean()), raw, values


def _per_set(metric: Metric, predictions: Array, truths: Array, cases: tuple[Case, ...], counted: Array) -> Valued:
    return float(computed(metric, predictions[counted], truths[counted], [cases[i] for i in counted])), {}, {}


def _means(values: Floats, subjects: list[str], counts: Floats) -> Floats:
    """The mean of the subjects' means in each resample; counts are equal within a subject."""
    _, of_case, sizes = np.unique(np.asarray(subjects), return_inverse=True, return_counts=True)
    weights = 1 / sizes[of_case]
    return np.asarray(counts @ (values * weights) / (counts @ weights))


def _resampled(metric: Metric, predictions: Array, truths: Array, cases: list[Case], counts: Floats) -> Floats:
    if metric.resampled is not None:
        return checked(metric, metric.resampled(predictions, truths, counts), (len(counts),))
    draws = [np.repeat(np.arange(len(cases)), row.astype(int)) for row in counts]
    return np.array([float(computed(metric, predictions[i], truths[i], [cases[j] for j in i])) for i in draws])


def _placements(metric: Metric, predictions: Array, truths: Array, cases: list[Case]) -> tuple[Floats, Floats] | None:
    """An AUROC's contributions by case; None where cases share a subject, or where a class has one case only."""
    if metric.placements is None or len({case.subject for case in cases}) < len(cases):
        return None
    placements = metric.placements(predictions, truths)
    return placements if placements is not None and min(map(len, placements)) > 1 else None
