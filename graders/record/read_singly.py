"""What cannot be done with cases that are read one at a time: found when they are drawn, before a group is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from assignments.assignment import Accuracy, Assignment
from assignments.data.columns import Cases, Column, case_shapes, largest_bytes
from assignments.data.hidden import HiddenSet
from assignments.errors import UserError
from graders.tasks.task import Task
from graders.wall.wire import BODY_CAP, MIB

IMAGES = ("mask", "labels", "instances", "image", "field")
"""Forms of predictions that are as large as images."""
CURE = "set `size` or `resample_mm` in [data]"


def check_read_singly(assignment: Assignment, task: Task, hidden: HiddenSet) -> None:
    """Refuse what a hidden set's sizes forbid.

    Raises:
        UserError: a metric needs all images together, or a call more than can cross the wall at once.
    """
    problems = [*_of_calls(assignment, hidden), *_of_metrics(assignment, task, hidden)]
    if problems:
        raise UserError(f"{assignment.folder / 'assignment.toml'}: {' '.join(problems)}")


def _of_calls(assignment: Assignment, hidden: HiddenSet) -> Iterator[str]:
    per_call = assignment.data.per_call
    ragged = sorted(name for name, cases in hidden.inputs.items() if len(set(case_shapes(cases))) > 1)
    if ragged and per_call > 1:
        yield f"per_call = {per_call}, but cases differ in the size of {', '.join(ragged)}: write 1, or {CURE}."
    shown = per_call * sum(map(largest_bytes, hidden.inputs.values()))
    if shown > BODY_CAP:
        yield f"a call of predict needs {_mib(shown)} of inputs, {_limit()}: {CURE}, or lower per_call."
    training = sum(cases.nbytes for side in (hidden.train, hidden.val or {}) for cases in side.values())
    if assignment.run.mode == "retrain" and training > BODY_CAP:
        yield f"fit needs {_mib(training)} of training cases, {_limit()}: {CURE}, or lower train."


def _of_metrics(assignment: Assignment, task: Task, hidden: HiddenSet) -> Iterator[str]:
    if not _any_column({**hidden.inputs, "": hidden.truth}):
        return
    from graders.metrics import metric_named  # with SciPy, for which commands that only show marks would wait

    for criterion in (each for each in assignment.criteria if isinstance(each, Accuracy)):
        for name in criterion.metrics:
            metric = metric_named(name, assignment.folder, criterion.costs)
            forms = {metric.reads, metric.also_reads} & task.forms.keys()
            if metric.level == "per_set" and forms & set(IMAGES):
                yield (
                    f"criterion {criterion.id!r}: {name} needs the images of all cases together, but they differ in "
                    f"size or are too large together: {CURE}, or write a metric of single cases (per_case)."
                )


def _any_column(arrays: Mapping[str, Cases]) -> bool:
    return any(isinstance(cases, Column) for cases in arrays.values())


def _limit() -> str:
    return f"and at most {_mib(BODY_CAP)} can cross the wall at once"


def _mib(size: int) -> str:
    return f"{size / MIB:.0f} MiB"
