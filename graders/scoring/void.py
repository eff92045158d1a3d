"""Leaves out hidden cases that a person declared void, as if they had never been drawn."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from assignments.data.hidden import HiddenSet
from graders.failures import DataFailure
from graders.record.answers import Answers


def without(void: Collection[str], hidden: HiddenSet, answers: Answers) -> tuple[HiddenSet, Answers]:
    """A hidden set and its answers without the cases declared void.

    Raises:
        DataFailure: no case is left.
    """
    left = [index for index, case in enumerate(hidden.cases) if case.id not in void]
    if len(left) == len(hidden.cases):
        return hidden, answers
    if not left:
        raise DataFailure("every hidden case was declared void: no case is left to score")
    inputs = {name: array[left] for name, array in hidden.inputs.items()}
    cases = tuple(hidden.cases[index] for index in left)
    failed = {new: answers.failed[old] for new, old in enumerate(left) if old in answers.failed}
    causes = {new: answers.causes[old] for new, old in enumerate(left) if old in answers.causes}
    arrays = {name: array[left] for name, array in answers.arrays.items()}
    return (
        replace(hidden, inputs=inputs, truth=hidden.truth[left], cases=cases),
        replace(answers, arrays=arrays, failed=failed, causes=causes),
    )
