"""Whether cases that a course sets in place of an assignment's own fit its interface, before anything runs on them.

The interface, the hidden tests and the proof of an assignment were written for its own cases. Others take their place
where they have the same arrays; where the interface gives a size a name, any size fits.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import Any

from assignments.arrays_checks import agree
from assignments.assignment import Accuracy, Assignment
from assignments.data.source import RESERVED, Axes
from assignments.derived.interface import solution_interface
from assignments.errors import UserError
from assignments.interface import typed_dict_of
from assignments.interface_checks import bare, sizes
from assignments.task_forms import TASK_FORMS

_COLUMNS = {
    "image": "image",
    "label": "label",
    "fixed": "fixed",
    "moving": "moving",
    "landmarks": "landmarks",
    "y": "class (or target, of a number)",
    "target": "target_image",
    "mask": "target_mask: an image of 1 where an answer counts, and of 0 elsewhere",
    "labels": "label:fixed and label:moving",
    "features": "feature:NAME",
}
"""The column of a folder's table that gives an array."""


def refuse_misfits(assignment: Assignment, arrays: Mapping[str, Axes]) -> None:
    """Refuse cases with these arrays, if a course sets them and the assignment's interface does not take them.

    Raises:
        UserError: every array that differs, and the cure.
    """
    scored = any(isinstance(criterion, Accuracy) for criterion in assignment.criteria)
    if assignment.own_data is None or not scored:
        return
    if problems := list(_misfits(assignment, arrays)):
        where = assignment.data.path or f'source = "{assignment.data.source}"'
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise UserError(f"{where}: these cases do not fit {assignment.id}, whose interface stays as it is:\n{lines}")


def _misfits(assignment: Assignment, arrays: Mapping[str, Axes]) -> Iterator[str]:
    """A sentence for each array that a solution is declared to receive, and these cases do not have so."""
    form = TASK_FORMS[assignment.task]
    truths = {form.truth, *form.extra_truths}
    seen: set[str] = set()
    for name in ("fit", form.entry):
        function = solution_interface(assignment).functions.get(name)
        for parameter in list(function.signature.parameters.values())[:2] if function is not None else ():
            record: Any = typed_dict_of(parameter.annotation)
            hints = {} if record is None else typing.get_type_hints(record, include_extras=True)
            for key, hint in hints.items():
                if key in seen or key in RESERVED:
                    continue
                seen.add(key)
                axes = arrays.get(key)
                if axes is None:
                    if key in record.__required_keys__:
                        yield f"{key} is missing: {_cure_of_missing(assignment, key)}"
                elif (axes.role == "truth") != (key in truths):
                    yield f"{key} has the role {axes.role}, which it has not here: choose another source"
                elif not agree(bare(hint), axes):
                    needed = _declared(bare(hint))
                    yield f"{key} has the axes {_axes(axes)}, and {needed} is needed: {_cure(axes, needed)}"


def _cure_of_missing(assignment: Assignment, key: str) -> str:
    if assignment.data.source != "folder":
        return f"choose a source that has {key}"
    if key == "spacing":
        return "save the images in a format that holds their spacing, such as NIfTI"
    if key not in _COLUMNS:
        return f"no column of a folder gives it, so {assignment.id} keeps its own cases, or others of their kind"
    return f"add the column {_COLUMNS[key]} to {assignment.data.cases}"


def _axes(axes: Axes) -> str:
    return f"({', '.join(axes.sizes)}) {axes.dtype}" if axes.sizes else f"of one number, {axes.dtype}"


def _declared(hint: Any) -> str:
    """One case of an array, as an interface declares many."""
    each = typing.get_origin(hint) is list
    array = typing.get_args(hint)[0] if each else hint
    words = sizes(bare(array))[0 if each else 1 :]
    return f"({', '.join(words)}) {bare(array).__name__.partition('[')[0].lower()}"


def _cure(axes: Axes, needed: str) -> str:
    if axes.sizes[-3:] == ("d", "h", "w") and "d" not in needed.partition(")")[0]:
        return "add the column volume_slice, the number of the slice that each row takes from its volumes"
    if axes.sizes[:1] == ("3",):
        return "save the pictures as grey ones"
    return "convert the files"
