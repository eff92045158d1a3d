"""The student's check of weights: are they there, do they load, does `predict` answer?

Two published training cases go through the marker's own `measure`. The check reads nothing hidden and scores nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from assignments.assignment import Assignment
from assignments.data.case_files import read_cases
from assignments.data.columns import Cases, case_shapes, largest, stacked
from assignments.data.hidden import InputSet
from assignments.data.published import published_cases
from assignments.data.source_names import is_own
from assignments.data.streams import PUBLISHED
from assignments.interface import read_interface
from graders.asking.measure import measure
from graders.marks.words import cause_words
from graders.runs.public_check import solution_checks
from graders.tasks import task_named
from graders.wall.sandboxes import SANDBOXES
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session

CASES = 2


def weights_problem(assignment: Assignment, folder: Path, sandbox: str = "local") -> str | None:
    """Why `load` or `predict` gives no valid answer, in the marker's words and the solution's; None if both do.

    Raises:
        UserError: there is no solution in the folder, or below it.
        ToolkitFailure: the sandbox cannot be opened, or the training cases cannot be read.
    """
    limits = assignment.limits
    solution, checks = solution_checks(assignment, folder)
    assert checks.framework is not None
    with (
        tempfile.TemporaryDirectory(prefix="medmark-weights-") as store,
        SANDBOXES[sandbox]().open(SandboxSpec(solution, checks.framework, limits)) as channel,
    ):
        session = Session(channel, limits, solution)
        session.begin()
        interface = read_interface(assignment.folder / "interface.py")
        inputs = _two_cases(assignment, interface.fields(task_named(assignment.task).entry, "inputs"))
        answers = measure(session, assignment, interface, inputs, secret=PUBLISHED, commit="", store=Path(store))
    cause = answers.cause or next((state for state in answers.states if state is not None), None)
    return None if cause is None else f"{cause_words(cause)}\n{answers.cause_detail}".strip()


def _two_cases(assignment: Assignment, inputs: tuple[str, ...]) -> InputSet:
    """The first published training cases, in place of hidden ones."""
    train: Mapping[str, Cases] | None = read_cases(assignment.folder / "data", "train")
    if train is None:
        few = {} if is_own(assignment.data.source) else {"train": CASES}  # an author's own draw may count
        data = assignment.data.model_copy(update=few)
        train = published_cases(assignment.model_copy(update={"data": data})).train
    cases = {name: _first(train[name]) for name in inputs}
    numbers = max(largest(column) for column in cases.values())
    return InputSet(train={}, val=None, inputs=cases, fit_seed=0, count=CASES, truth_bytes=0, case_numbers=numbers)


def _first(cases: Cases) -> Cases:
    """The first cases; an array where they have one shape."""
    few = cases[:CASES]
    return few if len(set(case_shapes(few))) > 1 else np.ascontiguousarray(stacked(few))
