"""The texts of a table of cases: classes, numbers, parts of a published split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from assignments.data.source import Part
from assignments.errors import listed, nearest

PARTS: Final[Mapping[str, Part]] = {
    **dict.fromkeys(("train", "training", "tr"), "train"),
    **dict.fromkeys(("val", "validation", "valid", "vl"), "val"),
    **dict.fromkeys(("test", "testing", "te", "ts"), "test"),
}
"""How published splits call their parts, without regard to case."""
_MISSING: Final = ("nan", "n/a", "#n/a", "<na>", "nat", "null", "#value!", "#ref!")
"""What programs write where they have no value. "None" is a class too."""
A_SUBJECT = "a subject is a patient, who must not be in two parts: with one image a patient, write the file's name"


def empty_problem(heading: str) -> tuple[str, str]:
    """What is wrong with an empty cell of a reserved column, and the cure."""
    if heading == "subject":
        return "is empty", A_SUBJECT
    if heading.startswith("feature:"):
        return "is empty", "write a number, or delete the row: a missing value is never filled in"
    return "is empty", "fill it in, or delete the row"


def value_problem(column: str, text: str, classes: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with the text of a reserved column, and the cure."""
    if column == "subject":
        return (f'is "{text}", which stands for a missing value', A_SUBJECT) if is_missing(text) else None
    if column == "part":
        parts = "write train, val or test, or leave it empty for medmark to decide"
        return None if text.casefold() in PARTS else (f'"{text}" is not a part', parts)
    if column == "class":
        if is_missing(text) and text not in classes:
            return f'is "{text}", which stands for a missing value', "write the class, or delete the row"
        number = text.isdecimal() and int(text) < len(classes)
        return None if text in classes or number else (f'there is no class "{text}"', nearest(text, classes))
    if column.startswith("class:"):
        return None if text in ("0", "1") else (f'"{text}" is neither 0 nor 1', "write 1 where the case has the class")
    if column == "target" or column.startswith("feature:"):
        return _number_problem(text)
    return None


def is_missing(text: str) -> bool:
    """Whether a text is what pandas, R or Excel write for a missing value."""
    return text.casefold() in _MISSING


def _number_problem(text: str) -> tuple[str, str] | None:
    try:
        finite = math.isfinite(float(text))
    except ValueError:
        comma = text.replace(",", ".", 1)
        point = f"write {comma}" if comma != text and _number_problem(comma) is None else "write a number, such as 1.5"
        return f'"{text}" is not a number', point
    return None if finite else (f'"{text}" is not a finite number', "write a number, or delete the row")


def inferred_classes(names: set[str]) -> tuple[tuple[str, ...], list[str]]:
    """Classes in the order of their numbers, from the names that cases have, and what was assumed."""
    if names and all(name.isdecimal() for name in names):
        highest = max(map(int, names))
        if highest < 1000:
            numbers = tuple(map(str, range(highest + 1)))
            absent = [number for number in numbers if number not in {str(int(name)) for name in names}]
            doubt = f"class {listed(absent)} has no case: if the classes count from 1, name them in classes = [...]"
            return numbers, [doubt] if absent else []
    ordered = tuple(sorted(names, key=lambda name: (name.casefold(), name)))
    numbers_of = ", ".join(f"{name} = {number}" for number, name in enumerate(ordered[:6]))
    return ordered, [f"classes in the order of the alphabet: {numbers_of}; write classes = [...] to fix their numbers"]
