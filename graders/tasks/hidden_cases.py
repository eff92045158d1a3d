"""Draws an assignment's hidden cases as its task needs them. Its callers check `interface.py`."""

from __future__ import annotations

from assignments.assignment import Assignment
from assignments.data.hidden import HiddenSet, hidden_set
from assignments.data.parts import Prepared
from assignments.data.streams import SecretOrKeys
from assignments.errors import UserError
from assignments.interface import Interface
from graders.tasks import task_named


def drawn_set(
    assignment: Assignment,
    interface: Interface,
    secret: SecretOrKeys,
    repeat: int,
    prepared: Prepared | None = None,
) -> HiddenSet:
    """The hidden set of one repeat: the inputs of the entry point, the truth, and the task's extra truths.

    `prepared` are the cases of a finite source; without them they are prepared now.

    Raises:
        UserError: the data are missing, their source raised, or `interface.py` declares no entry point for the task.
    """
    task = task_named(assignment.task)
    try:
        inputs = interface.fields(task.entry, "inputs")
    except KeyError as error:
        raise UserError(
            f"{assignment.folder / 'interface.py'}: declares no {task.entry}(model, inputs), which an accuracy "
            f"criterion of the task {assignment.task} needs (missing: {error})."
        ) from None
    try:
        return hidden_set(assignment, secret, repeat, inputs, task.truth, task.extra_truths, prepared)
    except (Exception, SystemExit) as error:  # a source of an author's own may raise anything
        plain = isinstance(error, UserError | OSError)
        reason = str(error) if plain else f"{assignment.data.source} raised {type(error).__name__}: {error}"
        raise UserError(f"{assignment.folder}: the hidden cases could not be drawn. {reason}") from error
