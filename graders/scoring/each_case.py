"""The values of cases that are read one at a time: they differ in size, or are too large to lie in memory together.

Truth and prediction of one case are read, checked, converted and compared, each with a leading N of 1, before the next
case is read. The values are those of the same cases stacked. What must be known of all truths together, such as the
highest label, is found first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from assignments.data.cases import Case
from assignments.data.columns import Cases, Column, alone
from assignments.data.hidden import HiddenSet
from graders.failures import DataFailure, WrongShape, WrongType
from graders.metrics import Array, Metric
from graders.metrics.metric import Absent
from graders.record.answers import Answers
from graders.scoring.computed import computed, not_beyond, worst_value
from graders.scoring.forms import MAY_BE_EMPTY, not_empty, read_as, truths_as
from graders.tasks import Task


@dataclass
class CaseValues:
    """The cases under one metric; fields as in `graders.scoring.repeat.RepeatScore`."""

    failed: dict[int, str] = field(default_factory=dict)
    raw: dict[int, float] = field(default_factory=dict)
    values: dict[int, float] = field(default_factory=dict)
    false_positives: int = 0


def read_singly(hidden: HiddenSet, predictions: Cases | None) -> bool:
    """Whether truths or predictions are read one at a time."""
    return isinstance(hidden.truth, Column) or isinstance(predictions, Column)


def case_values(
    task: Task,
    metric: Metric,
    answers: Answers,
    hidden: HiddenSet,
    *,
    separate: bool,
    absent: Absent,
    on_case: Callable[[Case | None], None] | None,
) -> CaseValues:
    """Every case's value under a metric of cases. Arguments as in `graders.scoring.repeat.score_repeat`.

    Raises:
        DataFailure: a truth does not fit the task, or no case counts.
        MetricFailure: the metric raised, or a value is outside its declared range.
        MemoryError: a case needed more memory than there is.
    """
    values = CaseValues()
    task = task.knowing(hidden.truth)
    metric, form = read_as(task, metric, hidden.truth, absent)
    for i, case in enumerate(hidden.cases):
        if on_case is not None and i not in answers.failed:
            on_case(case)
        truth = _truth(task, hidden, i)
        true = truths_as(task, form, truth)
        prediction, reason = usable(task, answers, truth, i)
        if reason is not None:
            values.failed[i] = reason
        converted = None if prediction is None else task.forms[form](prediction)
        if separate and form in MAY_BE_EMPTY and not not_empty(metric, true)[0]:
            values.false_positives += converted is None or bool(not_empty(metric, converted)[0])
            continue
        values.values[i] = worst_value(metric, true[0], case)
        if converted is not None:
            value = float(computed(metric, converted, true, [case])[0])
            not_beyond(metric, case, value, values.values[i])
            values.raw[i] = values.values[i] = value
    if on_case is not None:
        on_case(None)
    if not values.values:
        raise DataFailure('every truth is empty, and empty_reference = "separate" leaves no case to score')
    return values


def usable(task: Task, answers: Answers, truth: Array, index: int) -> tuple[Array | None, str | None]:
    """One case's prediction with a leading N of 1, as it is scored; or None, and why it cannot be."""
    if index in answers.failed:
        return None, answers.failed[index]
    predictions = answers.arrays.get(task.prediction)
    if predictions is None:
        return None, WrongType.reason
    if index >= len(predictions):
        return None, WrongShape.reason
    prediction = alone(predictions, index)
    if task.probabilities:
        prediction = task.stored(prediction)
    reason = task.invalid(prediction, truth).get(0)
    return (prediction, None) if reason is None else (None, reason)


def _truth(task: Task, hidden: HiddenSet, index: int) -> Array:
    """One case's truth with a leading N of 1."""
    truth = alone(hidden.truth, index)
    try:
        task.check_truths(truth)
    except DataFailure as failure:
        raise DataFailure(f"case {hidden.cases[index].id}: {failure}") from None
    return truth
