"""What students get of an assignment's cases: drawn ones, those of a split's training part, or what stands in for them.

Hidden cases are never among them. Where the cases are of patients whom nobody may have, `small_cases` of the source or
phantoms take their place, so that interface and public tests run on something.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Literal

from assignments.assignment import Assignment
from assignments.data.columns import Cases
from assignments.data.parts import (
    checked_cases,
    crossing,
    drawn_cases,
    numbered_cases,
    training_cases,
)
from assignments.data.phantoms import phantoms, with_sizes
from assignments.data.prepared import Prepared, Progress
from assignments.data.sharing import sharing_of
from assignments.data.source import Axes, Endless
from assignments.data.sources import source_of
from assignments.data.streams import PUBLISHED, stream
from assignments.interface import Interface, is_array, read_interface, typed_dict_of
from assignments.interface_checks import bare, sizes

SMALL_TRAIN, SMALL_VAL = 16, 4
"""How many cases stand in for those that nobody may have."""

Kind = Literal["drawn", "shared", "small cases", "phantoms"]


@dataclass(frozen=True)
class PublishedCases:
    """The cases of a handout."""

    kind: Kind
    train: Mapping[str, Cases]
    val: Mapping[str, Cases] | None = None
    """Of a finite source with a validation part; an endless source has its validation cases in `train`."""
    prepared: Prepared | None = None
    """All cases of a finite source, hidden ones too: they stay here, and may be compared with those that leave."""

    @property
    def counts(self) -> tuple[int, int]:
        """Cases, and subjects."""
        parts = [part for part in (self.train, self.val) if part]
        subjects = {int(number) for part in parts for number in part.get("subject", ())}
        return sum(len(next(iter(part.values()))) for part in parts), len(subjects)

    @property
    def readme(self) -> str:
        """What the files are, for students; empty where the brief says it."""
        reading = "Each file is read with `numpy.load`."
        if self.kind == "drawn":
            return ""
        if self.kind == "shared":
            cases, subjects = self.counts
            return f"{cases} cases of {subjects} subjects, who have numbers in place of names. {reading}\n"
        source = "drawn by a program" if self.kind == "phantoms" else "made small for trying out"
        return (
            f"These are {self.kind}, {source}: they show no patient. The true cases may not leave the place where they "
            "were taken; marking trains your `fit` on them. Keys, dtypes and axes are the true ones, sizes need not "
            f"be. {reading}\n"
        )


def published_cases(assignment: Assignment, on_progress: Progress = lambda *_: None) -> PublishedCases:
    """The cases that students may have.

    Raises:
        UserError: the source cannot give them, or the cases may not be used (`checked_cases`).
    """
    prepared = checked_cases(assignment, on_progress)
    source = source_of(assignment)
    if sharing_of(assignment) == "none":
        arrays = source.declared or (prepared.arrays if prepared is not None else {})
        return replace(_stand_ins(assignment, source.small_cases, arrays), prepared=prepared)
    if isinstance(source, Endless):
        return PublishedCases("drawn", crossing(training_cases(source, assignment, PUBLISHED)))
    assert prepared is not None
    train, val = numbered_cases(prepared, assignment)
    return PublishedCases("shared", train, val, prepared)


def _stand_ins(assignment: Assignment, small_cases: Any, arrays: Mapping[str, Axes]) -> PublishedCases:
    """Small cases or phantoms: with validation cases if `fit` receives some."""
    n = SMALL_TRAIN + (SMALL_VAL if assignment.data.val else 0)
    rng = stream(PUBLISHED, assignment.id, "small", "0")
    path = assignment.folder / "interface.py"
    interface = read_interface(path) if path.is_file() else Interface()
    declared = _declared_sizes(interface)
    if small_cases is not None:
        loose = {key: _loose(axes, declared.get(key, ())) for key, axes in arrays.items()}
        cases = crossing(drawn_cases(f"{assignment.data.source}, small_cases", small_cases, loose, n, rng))
    else:
        classes = len(assignment.data.classes) or _classes(interface) or (3 if assignment.task == "label_maps" else 2)
        sized = with_sizes(arrays, declared)
        cases = dict(phantoms(sized, n, rng, task=assignment.task, classes=classes))
    kind: Kind = "phantoms" if small_cases is None else "small cases"
    if n == SMALL_TRAIN:
        return PublishedCases(kind, cases)
    return PublishedCases(
        kind,
        {key: column[:SMALL_TRAIN] for key, column in cases.items()},
        {key: column[SMALL_TRAIN:] for key, column in cases.items()},
    )


def _loose(axes: Axes, declared: tuple[str, ...]) -> Axes:
    """The array with free sizes, except those that the interface fixes: small cases may be smaller than true ones."""
    names = [
        declared[i] if i < len(declared) and declared[i].isdecimal() else f"size{i}" for i in range(len(axes.sizes))
    ]
    return Axes(axes.dtype, " ".join(names), axes.role)


def _declared_sizes(interface: Interface) -> dict[str, tuple[str, ...]]:
    """By key: the sizes of one case, as a function's records of arrays declare them."""
    declared: dict[str, tuple[str, ...]] = {}
    for function in interface.functions.values():
        for parameter in function.signature.parameters.values():
            for key, hint in _fields(parameter.annotation).items():
                each = typing.get_origin(hint) is list
                array = bare(typing.get_args(hint)[0]) if each else hint
                words = sizes(array)[0 if each else 1 :] if is_array(array) else ()
                fixed = zip_longest(words, declared.get(key, ()), fillvalue="")
                declared[key] = tuple(word if word.isdecimal() else other or word for word, other in fixed)
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
