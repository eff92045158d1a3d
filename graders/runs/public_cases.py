"""The cases that a student has, as marking has hidden ones: to train on, to predict for, and to score.

`medmark check` and a handout's `train.py` use them, so both tell the same score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from assignments.assignment import Accuracy, Assignment
from assignments.data.case_files import read_cases
from assignments.data.columns import Array, Cases, Column, MadeCase, case_shapes, stacked
from assignments.data.hidden import HiddenSet
from assignments.data.published import held_out, published_cases
from assignments.derived.interface import solution_interface
from assignments.errors import UserError
from assignments.handout_note import read_note
from assignments.interface import Interface
from assignments.load import load
from graders.record.answers import Answers
from graders.record.documents import Measured, ScoreResult
from graders.scoring.score import score
from graders.tasks import task_named
from graders.tasks.public_set import as_hidden_set
from graders.wall.cases import JoinedCases, training_arguments

SHOWN = ("drawn", "shared")
"""Kinds of published cases that are like the hidden ones."""


@dataclass(frozen=True)
class PublicCases:
    """What a handout holds, read once."""

    assignment: Assignment
    interface: Interface
    train: Mapping[str, Cases]
    val: Mapping[str, Cases] | None
    kind: str
    """`drawn` or `shared`: cases like the hidden ones; `phantoms` or `small cases`: what stands in for patients."""

    @property
    def forecasts(self) -> bool:
        """Whether a score on the validation cases says something about the hidden ones."""
        return self.val is not None and self.kind in SHOWN

    def arguments(self) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """`train` and `val` as `fit` receives them: arrays with a leading N, or lists of arrays."""
        train, val = training_arguments(self.interface.functions["fit"], self.train, self.val)
        return _in_memory(train), None if val is None else _in_memory(val)

    def calls(self, cases: Mapping[str, Cases]) -> Iterator[dict[str, Array]]:
        """The inputs of each call of `predict`, so many cases a call as the marker sends."""
        count = len(next(iter(cases.values())))
        size = self.assignment.data.per_call
        for start in range(0, count, size):
            yield {name: stacked(cases[name][start : start + size]) for name in self.inputs()}

    def as_hidden(self, cases: Mapping[str, Cases]) -> HiddenSet:
        """Cases as one repeat of marking has its hidden ones; nothing is given to train on."""
        return as_hidden_set(self.assignment, self.inputs(), cases)

    def scores(self, cases: Mapping[str, Cases], predictions: Sequence[Mapping[str, Array]]) -> list[Score]:
        """The accuracy criteria's scores of predictions, each with a leading axis over the cases of one call.

        Raises:
            UserError: a prediction is not as the interface declares.
        """
        task = task_named(self.assignment.task)
        rows = [
            {key: np.asarray(value)[i] for key, value in call.items()}
            for call in predictions
            for i in range(_size(call))
        ]
        arrays: dict[str, Cases] = {}
        for key in rows[0]:
            each = [task.stored(np.asarray(row[key])[None])[0] for row in rows]
            column = Column([MadeCase(_itself(array), array.dtype, array.shape) for array in each])
            arrays[key] = stacked(column) if len(set(column.shapes)) == 1 else column
        hidden = self.as_hidden(cases)
        return scores_of(self.assignment, hidden, Answers(arrays))

    def inputs(self) -> tuple[str, ...]:
        """Names of the arrays that a model receives to predict."""
        return self.interface.fields(task_named(self.assignment.task).entry, "inputs")


@dataclass(frozen=True)
class Score:
    """One accuracy criterion on public cases."""

    criterion: Accuracy
    result: ScoreResult

    @property
    def measured(self) -> Measured | None:
        """None where the metric has no value on these cases."""
        return self.result.measured


def scores_of(assignment: Assignment, hidden: HiddenSet, answers: Answers) -> list[Score]:
    """The scores of all accuracy criteria."""
    criteria = [criterion for criterion in assignment.criteria if isinstance(criterion, Accuracy)]
    return [Score(criterion, score(assignment, criterion, [hidden], [answers])) for criterion in criteria]


def public_cases(folder_or_assignment: Path | Assignment) -> PublicCases:
    """The public cases of a handout's folder, or of an assignment: those that a handout would have.

    Raises:
        UserError: they are not there, or cannot be read.
    """
    if isinstance(folder_or_assignment, Assignment):
        assignment = folder_or_assignment
    else:
        assignment = load(folder_or_assignment, public=True)
    interface = solution_interface(assignment)
    data = assignment.folder / "data"
    train = read_cases(data, "train")
    if train is not None:
        note = read_note(assignment.folder)
        kind = note.cases if note is not None and note.cases else "shared"
        return PublicCases(assignment, interface, train, read_cases(data, "val"), kind)
    if note := read_note(assignment.folder):
        raise UserError(f"{data}: there are no cases. Get them: medmark check {note.assignment} --data FILE_OR_ADDRESS")
    published = published_cases(assignment)
    return PublicCases(assignment, interface, published.train, published.val, published.kind)


def with_validation(public: PublicCases) -> PublicCases:
    """The same with a fifth of the training subjects set aside, where there is no validation part."""
    if public.val is not None:
        return public
    train, val = held_out(public.train, public.assignment.id)
    return replace(public, train=train, val=val)


def first_cases(cases: Mapping[str, Cases], count: int) -> dict[str, Cases]:
    """The first cases; arrays where they have one shape."""
    few = {name: column[:count] for name, column in cases.items()}
    return {
        name: each if len(set(case_shapes(each))) > 1 else np.ascontiguousarray(stacked(each))
        for name, each in few.items()
    }


def _in_memory(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as a function of the same process receives them."""
    return {name: _argument(value) for name, value in arguments.items()}


def _argument(value: Any) -> Any:
    if isinstance(value, JoinedCases):
        return stacked(value.cases)
    return list(value) if isinstance(value, Column) else value


def _itself(array: Array) -> Callable[[], Array]:
    return lambda: array


def _size(call: Mapping[str, Array]) -> int:
    return len(next(iter(call.values())))
