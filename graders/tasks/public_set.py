"""The public cases that a solution predicts before the hidden ones, so that its group can look at its predictions.

They are cases that every group has, with their truth. No score of them enters a mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from assignments.assignment import Accuracy, Assignment
from assignments.data.cases import described
from assignments.data.columns import Cases, Column
from assignments.data.hidden import HiddenSet, arrays_digest, records
from assignments.data.image_axes import image_view
from assignments.data.parts import Prepared
from assignments.data.prepared import prepare
from assignments.data.published import shared_cases
from assignments.data.sharing import sharing_of
from assignments.data.source import Axes, Endless, Finite
from assignments.data.sources import source_of
from assignments.errors import UserError
from assignments.interface import Interface
from graders.tasks import task_named

MOST = 12
"""How many cases are predicted."""


@dataclass(frozen=True)
class PublicSet:
    """A few public cases, and what their arrays are."""

    set: HiddenSet
    """In the form in which marking has the hidden cases of one repeat."""
    arrays: Mapping[str, Axes]

    @cached_property
    def inputs_digest(self) -> str:
        """Digest of what is predicted from."""
        return arrays_digest(self.set.inputs)


def may_have_public_set(assignment: Assignment) -> bool:
    """Whether a solution may be asked for public cases, as far as the assignment's files say; no case is read."""
    if not _is_scored(assignment) or sharing_of(assignment) == "none":
        return False
    declared = source_of(assignment).declared
    return declared is None or any(axes.role == "input" and len(axes.sizes) > 1 for axes in declared.values())


def public_set(
    assignment: Assignment, interface: Interface, prepared: Prepared | None = None, hidden: HiddenSet | None = None
) -> PublicSet | None:
    """At most `MOST` public cases, evenly spread over all; None where there is nothing to look at.

    That is so where nothing is scored, where no input is an image, and where the cases may not leave this machine.

    Args:
        prepared: The cases of a finite source; without them they are prepared now.
        hidden: A repeat's hidden set: its training cases need not be drawn again where they are the published ones.

    Raises:
        UserError: the source cannot give the cases.
    """
    if not may_have_public_set(assignment):
        return None
    source = source_of(assignment)
    if prepared is None and isinstance(source, Finite):
        prepared = prepare(assignment, source)  # only then it is known what arrays a folder has
    published = hidden is not None and hidden.val is None and not assignment.data.redraw and isinstance(source, Endless)
    cases = shared_cases(assignment, prepared, hidden.train if hidden is not None and published else None)
    assert cases is not None  # they may leave this machine
    arrays = source.declared or (prepared.arrays if prepared is not None else {})
    inputs = interface.fields(task_named(assignment.task).entry, "inputs")
    if not any(_is_image(cases[name], arrays[name]) for name in inputs if name in arrays and name in cases):
        return None
    count = len(next(iter(cases.values())))
    chosen = np.unique(np.linspace(0, count - 1, min(MOST, count)).round().astype(int))
    few = {name: _contiguous(column[chosen]) for name, column in cases.items()}
    return PublicSet(as_hidden_set(assignment, inputs, few), arrays)


def as_hidden_set(assignment: Assignment, inputs: Sequence[str], cases: Mapping[str, Cases]) -> HiddenSet:
    """Public cases as one repeat of marking has its hidden ones; nothing is given to train on.

    Raises:
        UserError: they lack their truth.
    """
    task = task_named(assignment.task)
    truths = {name: cases[name] for name in (task.truth, *task.extra_truths) if name in cases}
    if task.truth not in truths:
        raise UserError(f"{assignment.folder / 'data'}: the cases have no {task.truth}. Fetch the handout again.")
    ids = [str(number) for number in range(len(cases[task.truth]))]
    subjects = [f"subject {int(number)}" for number in cases["subject"]] if "subject" in cases else ids
    return HiddenSet(
        train={},
        val=None,
        inputs={name: cases[name] for name in inputs},
        truth=records(truths) if task.extra_truths else truths[task.truth],
        cases=described(ids, subjects, cases.get("spacing"), [None] * len(ids)),
        fit_seed=0,
        inputs_digest="",
        train_digest="",
        truth_digest="",
    )


def _is_scored(assignment: Assignment) -> bool:
    return any(isinstance(criterion, Accuracy) for criterion in assignment.criteria)


def _is_image(cases: Cases, axes: Axes) -> bool:
    return image_view(np.asarray(cases[0]), axes) is not None


def _contiguous(cases: Cases) -> Cases:
    return cases if isinstance(cases, Column) else np.ascontiguousarray(cases)
