"""The table of a brief that says what the arrays of a case are."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping

from assignments.assignment import Assignment
from assignments.data.source import Axes
from assignments.data.sources import source_of
from assignments.derived.interface import solution_interface
from assignments.interface import is_array, typed_dict_of
from assignments.interface_checks import bare, sizes
from assignments.task_forms import TASK_FORMS

NO_DATA = "This assignment comes without data."


def data_table(assignment: Assignment) -> str:
    """A row for each array of a case: its name, shape, dtype, role, and what its source says of it.

    Raises:
        UserError: the source, or `interface.py`, cannot be read.
    """
    if not assignment.has_cases:
        return NO_DATA
    arrays = source_of(assignment).declared or _of_a_folder(assignment)
    rows = ["| array | shape | dtype | role | what it is |", "|---|---|---|---|---|"]
    for key, axes in arrays.items():
        shape = ", ".join(["N", *axes.sizes]) if axes.sizes else "N,"
        role = "input" if axes.role == "input" else "truth, hidden when your model predicts"
        doc = axes.doc.replace("|", "\\|")
        rows.append(f"| `{key}` | ({shape}) | {axes.dtype} | {role} | {doc} |")
    return "\n".join(rows)


def _of_a_folder(assignment: Assignment) -> Mapping[str, Axes]:
    """The arrays of a source that declares none before it is opened: they are those of the interface."""
    arrays = dict(_declared(assignment))
    own = source_of(assignment.as_written).declared or arrays
    return {
        key: Axes(axes.dtype, axes.axes, axes.role, _doc(assignment, key)) for key, axes in own.items() if key in arrays
    }


def _doc(assignment: Assignment, key: str) -> str:
    """What can be said of an array of a folder, whatever its files hold."""
    data = assignment.data
    if key == "y" and data.classes:
        return "the class: " + ", ".join(f"{number} {name}" for number, name in enumerate(data.classes))
    if key in ("label", "labels") and data.classes:
        return "of each voxel: " + ", ".join(f"{number} {name}" for number, name in enumerate(data.classes))
    if key in ("image", "fixed", "moving", "target") and data.window is not None:
        return "0 to 1, through a window of intensities"
    return _DOCS.get(key, "")


_DOCS = {
    "image": "in the unit of its file",
    "fixed": "in the unit of its file",
    "moving": "in the unit of its file",
    "target": "in the unit of its file",
    "spacing": "voxel size in mm",
    "mask": "1 where an answer counts",
    "labels": "of fixed and moving",
    "landmarks": "points in fixed and in moving, in voxels",
}


def _declared(assignment: Assignment) -> Iterator[tuple[str, Axes]]:
    """The arrays that `fit` is declared to receive, where nothing else says what a case has."""
    functions, form = solution_interface(assignment).functions, TASK_FORMS[assignment.task]
    shown = _fields(functions.get(form.entry), 1)
    for key, hint in _fields(functions.get("fit"), 0).items():
        each = typing.get_origin(hint) is list
        array = bare(typing.get_args(hint)[0]) if each else hint
        if is_array(array):
            dtype, words = array.__name__.partition("[")[0].lower(), sizes(array)[0 if each else 1 :]
            yield key, Axes(dtype, " ".join(words), "input" if key in shown else "truth")


def _fields(function: typing.Any, position: int) -> Mapping[str, typing.Any]:
    if function is None:
        return {}
    parameters = list(function.signature.parameters.values())
    record = typed_dict_of(parameters[position].annotation) if len(parameters) > position else None
    hints = {} if record is None else typing.get_type_hints(record, include_extras=True)
    return {key: bare(hint) for key, hint in hints.items()}
