"""Hidden cases that a person declared void: they are left out as if they had never been drawn."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from assignments.data.hidden import HiddenSet
from graders.failures import DataFailure
from graders.record.answers import Answers


def without(void: Collection[str], hidden: HiddenSet, answers: Answers) -> tuple[HiddenSet, Answers]:
    """A hidden set and its answers without the cases declared void.

    Raises:
        DataFailure: none is left.
    """
    kept = [place for place, case in enumerate(hidden.cases) if case.id not in void]
    if len(kept) == len(hidden.cases):
        return hidden, answers
    if not kept:
        raise DataFailure("every hidden case was declared void: nothing is left to score")
    inputs = {name: array[kept] for name, array in hidden.inputs.items()}
    cases = tuple(hidden.cases[place] for place in kept)
    failed = {new: answers.failed[old] for new, old in enumerate(kept) if old in answers.failed}
    causes = {new: answers.causes[old] for new, old in enumerate(kept) if old in answers.causes}
    arrays = {name: array[kept] for name, array in answers.arrays.items()}
    return (
        replace(hidden, inputs=inputs, truth=hidden.truth[kept], cases=cases),
        replace(answers, arrays=arrays, failed=failed, causes=causes),
    )
