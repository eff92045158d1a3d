"""Whether cases fit the assignment that is marked on them, before anything runs on them.

A metric in mm needs their spacing. Much more can be wrong with cases that a course sets in place of an assignment's
own: the interface, the hidden tests and the proof were written for its own. Others take their place where they have
the same arrays; where the interface gives a size a name, any size fits.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from assignments.arrays_checks import agree, declared_arrays
from assignments.assignment import Accuracy, Assignment
from assignments.data.prepared import Prepared
from assignments.data.prepared_store import gathered
from assignments.data.source import Axes
from assignments.derived.interface import solution_interface
from assignments.errors import UserError
from assignments.interface_checks import bare, sizes
from assignments.metric_names import BY_SPACING, metric_form, metric_name
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


_RANGED = ("mae@#", "psnr@#", "ssim@#", "ms_ssim@#", "absolute_error@#")
"""Metrics whose number is the range of the truth."""


def refuse_misfits(assignment: Assignment, arrays: Mapping[str, Axes], prepared: Prepared | None = None) -> None:
    """Refuse cases with these arrays, if the assignment cannot be marked on them.

    Args:
        prepared: The cases, where they have been read: then sizes and values are looked at too.

    Raises:
        UserError: everything that does not fit, each with its cure.
    """
    if not scored_metrics(assignment):
        return
    problems = [f"{what}: {cure}" for what, cure in spacing_misfits(assignment, arrays)]
    if assignment.own_data is not None:
        problems += [*_class_misfits(assignment), *_misfits(assignment, arrays)]
        if prepared is not None and not problems:
            problems = [*_size_misfits(assignment, prepared), *_range_misfits(assignment, prepared)]
    if problems:
        where = assignment.data.path or f'source = "{assignment.data.source}"'
        lines = "\n".join(f"  {problem}" for problem in problems)
        stays = "" if assignment.own_data is None else ", whose interface stays as it is"
        raise UserError(f"{where}: these cases do not fit {assignment.id}{stays}:\n{lines}")


def scored_metrics(assignment: Assignment) -> tuple[str, ...]:
    """The names of all metrics that score an assignment's cases."""
    criteria = (criterion for criterion in assignment.criteria if isinstance(criterion, Accuracy))
    return tuple(dict.fromkeys(name for criterion in criteria for name in criterion.metrics))


def spacing_misfits(assignment: Assignment, arrays: Mapping[str, Axes]) -> Iterator[tuple[str, str]]:
    """Metrics in mm or ml, where the cases have no spacing, or one of too few axes: what is wrong, and the cure."""
    names = [name for name in scored_metrics(assignment) if metric_form(name) in BY_SPACING]
    volumes = [name for name in names if metric_form(name) == "volume_difference@ml"]
    if names and "spacing" not in arrays:
        yield f"spacing is missing, and {', '.join(names)} measures by it", _cure_of_missing(assignment, "spacing")
    elif volumes and arrays["spacing"].sizes != ("3",):
        yield f"spacing is not of three axes, and {volumes[0]} is of volumes", "choose another metric"


def _class_misfits(assignment: Assignment) -> Iterator[str]:
    """Another number of classes than the interface has probabilities for."""
    needed, has = len(assignment.as_written.data.classes), len(assignment.data.classes)
    if needed and has != needed:
        yield f"classes names {has} classes, and {assignment.id} has {needed}: name these, in order of their numbers"


def _size_misfits(assignment: Assignment, prepared: Prepared) -> Iterator[str]:
    """Arrays of a size that `fit` does not receive, or of several where it does not receive lists."""
    for array in declared_arrays(solution_interface(assignment).functions["fit"], slice(0, 1)):
        key = array.key
        shapes = sorted({case[key].shape for subject in prepared.subjects for case in subject.cases if key in case})
        words, each = _case_sizes(array.hint), typing.get_origin(array.hint) is list
        cure = "write size = [...] (and resample_mm) below [assignments.ID.data], which brings all images to one size"
        if key == "landmarks":
            cure = "write as many rows for each pair; cells of a point that is not seen stay empty"
        if wrong := next((shape for shape in shapes if not _has_sizes(shape, words)), None):
            yield f"{key} is {_of(wrong)}, and ({', '.join(words)}) is needed: {cure}"
        elif len(shapes) > 1 and not each:
            yield f"{key} has several sizes, {_of(shapes[0])} to {_of(shapes[-1])}: {cure}"


def _has_sizes(shape: tuple[int, ...], words: tuple[str, ...]) -> bool:
    """Whether a case's array has the sizes that are declared as numbers."""
    return all(not word.isdecimal() or int(word) == size for word, size in zip(words, shape, strict=False))


def _of(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _range_misfits(assignment: Assignment, prepared: Prepared) -> Iterator[str]:
    """Truths beyond the range that a metric declares: every error would count as the largest."""
    truth = TASK_FORMS[assignment.task].truth
    for name in scored_metrics(assignment):
        span = metric_name(name).number
        if metric_form(name) not in _RANGED or span is None:
            continue
        arrays = [case[truth] for subject in prepared.subjects for case in subject.cases if truth in case]
        ends = [(float(np.min(case)), float(np.max(case))) for case in gathered(arrays)]
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        if high - low > span * (1 + 1e-6):
            cure = "write window = [centre, width], which brings images to 0 to 1, or scale the files"
            yield f"{truth} ranges from {low:.6g} to {high:.6g}, and {name} is for a range of {span:g}: {cure}"
            return


def _misfits(assignment: Assignment, arrays: Mapping[str, Axes]) -> Iterator[str]:
    """A sentence for each array that a solution is declared to receive, and these cases do not have so."""
    form = TASK_FORMS[assignment.task]
    truths = {form.truth, *form.extra_truths}
    functions = solution_interface(assignment).functions
    named = [functions[name] for name in ("fit", form.entry) if name in functions]
    declared = (array for function in named for array in declared_arrays(function, slice(0, 2)))
    for key, array in {array.key: array for array in declared}.items():
        axes = arrays.get(key)
        if axes is None:
            if array.is_required:
                yield f"{key} is missing: {_cure_of_missing(assignment, key)}"
        elif (axes.role == "truth") != (key in truths):
            yield f"{key} has the role {axes.role}, which it has not here: choose another source"
        elif not agree(array.hint, axes):
            needed = _declared(array.hint)
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
    array = bare(typing.get_args(hint)[0]) if typing.get_origin(hint) is list else hint
    return f"({', '.join(_case_sizes(hint))}) {array.__name__.partition('[')[0].lower()}"


def _case_sizes(hint: Any) -> tuple[str, ...]:
    """The sizes of one case, as an interface declares them."""
    each = typing.get_origin(hint) is list
    return sizes(bare(typing.get_args(hint)[0]) if each else hint)[0 if each else 1 :]


def _cure(axes: Axes, needed: str) -> str:
    if axes.sizes[-3:] == ("d", "h", "w") and "d" not in needed.partition(")")[0]:
        return "add the column volume_slice, the number of the slice that each row takes from its volumes"
    if axes.sizes[:1] == ("3",):
        return "save the pictures as grey ones"
    return "convert the files"
