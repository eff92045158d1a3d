"""Cases that stand in for those that nobody may have: small ones that a source draws, or else phantoms.

They are such as the source declares and `interface.py` takes: sizes that it fixes are kept, and where `fit` receives
lists, cases differ in size.
"""

from __future__ import annotations

import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.random import Generator

from assignments.assignment import Assignment
from assignments.data.columns import Cases, Column, MadeCase, one_by_one
from assignments.data.parts import crossing, drawn_cases
from assignments.data.phantoms import phantoms, with_sizes
from assignments.data.source import RESERVED, Arrays, Axes, Draw, Endless, Finite
from assignments.data.sources import source_of
from assignments.data.streams import PUBLISHED, stream
from assignments.derived.interface import solution_interface
from assignments.interface import Interface, is_array, typed_dict_of
from assignments.interface_checks import bare, sizes

LARGER = 8
"""By how much rows, columns and slices of every second phantom are larger where cases differ in size."""


@dataclass(frozen=True)
class _Declared:
    """What an interface declares of one array."""

    sizes: tuple[str, ...]
    """Of one case."""
    in_lists: bool
    """Whether a function receives a list of cases, so that these may differ in size."""


def stand_ins(assignment: Assignment, small_cases: Draw | None, arrays: Mapping[str, Axes], n: int) -> dict[str, Cases]:
    """`n` cases in place of true ones, always the same.

    Args:
        small_cases: The source's own, if it draws some.
        arrays: What each case has.

    Raises:
        UserError: the source's small cases are not as it declares.
    """
    rng = stream(PUBLISHED, assignment.id, "small", "0")
    interface = solution_interface(assignment)
    declared = _declarations(interface)
    in_lists = any(each.in_lists for each in declared.values())
    if small_cases is not None:
        loose = {key: _loose(axes, declared[key].sizes if key in declared else ()) for key, axes in arrays.items()}
        drawn = crossing(drawn_cases(f"{assignment.data.source}, small_cases", small_cases, loose, n, rng))
        return {key: one_by_one(cases) for key, cases in drawn.items()} if in_lists else drawn
    classes = len(assignment.data.classes) or _classes(interface) or (3 if assignment.task == "label_maps" else 2)
    fixed = {key: each.sizes for key, each in declared.items()}
    counts = {0: n - n // 2, LARGER: n // 2} if in_lists else {0: n}
    batches = [
        phantoms(with_sizes(arrays, fixed, more), count, rng, task=assignment.task, classes=classes)
        for more, count in counts.items()
    ]
    return _joined(batches) if in_lists else dict(batches[0])


def small_cases(
    assignment: Assignment, interface: Interface, truths: Collection[str], n: int, rng: Generator
) -> Arrays:
    """`n` small cases of one size for tests: those that the source draws, or else phantoms; never a true patient.

    They are of the assignment's own source, for which its tests were written, whatever cases a course sets.

    Args:
        interface: Says what `fit` receives, where the source does not declare its arrays.
        truths: The keys that the entry point must not see.

    Raises:
        UserError: the source cannot draw them, or they are not as it declares.
    """
    assignment = assignment.as_written
    source, name = source_of(assignment), assignment.data.source
    declared = _declarations(interface)
    arrays = source.declared if isinstance(source, Finite) else source.arrays
    if not arrays:
        arrays = _of_interface(interface, truths)
    draw = source.small_cases
    if draw is None and isinstance(source, Endless):
        return _numbers(drawn_cases(name, source.draw, arrays, n, rng))
    if draw is not None:
        loose = {key: _loose(axes, declared[key].sizes if key in declared else ()) for key, axes in arrays.items()}
        return _numbers(drawn_cases(f"{name}, small_cases", draw, loose, n, rng))
    classes = len(assignment.data.classes) or _classes(interface) or (3 if assignment.task == "label_maps" else 2)
    sized = with_sizes(arrays, {key: each.sizes for key, each in declared.items()})
    return phantoms(sized, n, rng, task=assignment.task, classes=classes)


def _numbers(cases: Arrays) -> Arrays:
    """The arrays that may cross the wall."""
    return {key: np.asarray(array) for key, array in crossing(cases).items()}


def _of_interface(interface: Interface, truths: Collection[str]) -> dict[str, Axes]:
    """The arrays that `fit` receives of each case, as far as they are declared by name and dtype."""
    train = next(iter(interface.functions["fit"].signature.parameters.values()))
    arrays = {}
    for key, hint in _fields(train.annotation).items():
        each = typing.get_origin(hint) is list
        array = bare(typing.get_args(hint)[0]) if each else hint
        if is_array(array) and key not in RESERVED:
            dtypes = [str(dtype) for dtype in array.dtypes] if isinstance(array.dtypes, list | tuple) else []
            dtype = next((dtype for dtype in ("float32", "uint8", *dtypes) if dtype in dtypes), "float32")
            axes = " ".join(sizes(array)[0 if each else 1 :])
            arrays[key] = Axes(dtype, axes, "truth" if key in truths else "input")
    return arrays


def _joined(batches: list[Arrays]) -> dict[str, Cases]:
    """The cases of batches of different sizes in turn, with subjects of their own."""
    count = sum(len(batch["subject"]) for batch in batches)
    order = [(i % len(batches), i // len(batches)) for i in range(count)]
    cases: dict[str, Cases] = {
        key: Column([_held(batches[batch][key][i]) for batch, i in order]) for key in batches[0] if key != "subject"
    }
    return {**cases, "subject": np.arange(count)}


def _held(array: np.ndarray) -> MadeCase:
    return MadeCase(lambda: array, array.dtype, array.shape)


def _loose(axes: Axes, declared: tuple[str, ...]) -> Axes:
    """The array with free sizes, except those that the interface fixes: small cases may be smaller than true ones."""
    names = [
        declared[i] if i < len(declared) and declared[i].isdecimal() else f"size{i}" for i in range(len(axes.sizes))
    ]
    return Axes(axes.dtype, " ".join(names), axes.role)


def _declarations(interface: Interface) -> dict[str, _Declared]:
    """By key: how the functions' records of arrays declare one case."""
    declared: dict[str, _Declared] = {}
    for function in interface.functions.values():
        for parameter in function.signature.parameters.values():
            for key, hint in _fields(parameter.annotation).items():
                each = typing.get_origin(hint) is list
                array = bare(typing.get_args(hint)[0]) if each else hint
                words = sizes(array)[0 if each else 1 :] if is_array(array) else ()
                before = declared.get(key, _Declared((), in_lists=False))
                pairs = zip_longest(words, before.sizes, fillvalue="")
                merged = tuple(word if word.isdecimal() else other or word for word, other in pairs)
                declared[key] = _Declared(merged, each or before.in_lists)
    return declared


def _classes(interface: Interface) -> int:
    """How many classes an answer `prob` (n, K) has; 0 if the interface does not say."""
    for function in interface.functions.values():
        hint = _fields(function.signature.return_annotation).get("prob")
        words = sizes(hint) if is_array(hint) else ()
        if len(words) == 2 and words[1].isdecimal():
            return int(words[1])
    return 0


def _fields(annotation: Any) -> dict[str, Any]:
    """The fields of a TypedDict without their notes; none if it is something else."""
    record = typed_dict_of(annotation)
    hints = {} if record is None else typing.get_type_hints(record, include_extras=True)
    return {key: bare(hint) for key, hint in hints.items()}
