"""Checks the arrays of a source against `interface.py`: what `fit` and the entry point declare, and the truth."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assignments.data.source import RESERVED, Axes
from assignments.errors import Problem, nearest
from assignments.interface import Function, Interface, is_array, typed_dict_of
from assignments.interface_checks import TaskNames, bare, sizes


def arrays_problems(path: Path, interface: Interface, task: TaskNames, arrays: Mapping[str, Axes]) -> list[Problem]:
    """Where the declarations of the `interface.py` at `path` and the arrays of the source differ."""
    problems = [Problem(str(path), "", None, *what) for what in _truth_problems(task, arrays)]
    for name, positions in (("fit", slice(0, 2)), (task.entry, slice(1, 2))):
        function = interface.functions.get(name)
        if function is not None:
            for what, cure in _function_problems(function, positions, arrays, may_see_truth=name == "fit"):
                problems.append(Problem(str(path), name, function.line, what, cure))
    return problems


def _truth_problems(task: TaskNames, arrays: Mapping[str, Axes]) -> Iterator[tuple[str, str]]:
    """The source must have the truth of the task, and say that it is truth."""
    if task.truth not in arrays:
        has = ", ".join(arrays)
        yield (
            f'the source has no "{task.truth}", the truth of this task; it has {has}',
            f"declare {task.truth} in ARRAYS",
        )
    for name in (task.truth, *task.extra_truths):
        if name in arrays and arrays[name].role != "truth":
            yield (
                f'the source declares "{name}" as an input, but it is the truth',
                f'write role="truth" for {name} in ARRAYS',
            )


def _function_problems(
    function: Function, positions: slice, arrays: Mapping[str, Axes], *, may_see_truth: bool
) -> Iterator[tuple[str, str]]:
    """What a function's records of arrays declare, and the source does not have."""
    for array in declared_arrays(function, positions):
        key, axes = array.key, arrays.get(array.key)
        if axes is None:
            if array.is_required:
                yield f'declares "{key}", which the source does not have', nearest(key, arrays)
        elif axes.role == "truth" and not may_see_truth:
            yield f'its inputs include "{key}", which the source declares as truth', f"remove {key} from its inputs"
        elif not agree(array.hint, axes):
            written = getattr(array.hint, "__name__", str(array.hint))
            yield f'declares "{key}" as {written}, but a case of the source is {axes}', "make both agree"


@dataclass(frozen=True)
class DeclaredArray:
    """An array that a function is declared to receive in a record."""

    key: str
    hint: Any
    """With a leading N, or a list of cases."""
    is_required: bool


def declared_arrays(function: Function, positions: slice) -> Iterator[DeclaredArray]:
    """The arrays in the records of some of a function's parameters, each once; those that need no declaration not."""
    seen: set[str] = set()
    for parameter in list(function.signature.parameters.values())[positions]:
        record: Any = typed_dict_of(parameter.annotation)
        for key, hint in typing.get_type_hints(record, include_extras=True).items() if record is not None else ():
            if key not in seen and key not in RESERVED:
                seen.add(key)
                yield DeclaredArray(key, bare(hint), key in record.__required_keys__)


def agree(hint: Any, axes: Axes) -> bool:
    """Whether an array of the source can be as declared: with a leading N, or a list of cases."""
    each = typing.get_origin(hint) is list
    array = bare(typing.get_args(hint)[0]) if each else hint
    if not is_array(array):
        return True  # only arrays are checked here
    words = sizes(array)[0 if each else 1 :]
    shape = [
        int(size) if size.isdecimal() else int(words[i]) if i < len(words) and words[i].isdecimal() else 2 + i
        for i, size in enumerate(axes.sizes)
    ]
    return isinstance(np.empty(shape if each else (2, *shape), axes.dtype), array)
