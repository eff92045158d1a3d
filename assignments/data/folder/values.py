"""The texts of a table of cases: classes, numbers, parts of a published split."""

from __future__ import annotations

import math
import re
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
_LARGEST: Final = 3.4028234e38
"""Of float32."""
_WITH_UNIT: Final = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*(?:%|[A-Za-zµ°][^\d]*)")
"""`40 y`, `10%`, `3.5 mm`."""
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
    if column == "volume_slice":
        cure = "write the number of a slice, counted from 0"
        return None if text.isdecimal() else (f'"{text}" is not a whole number', cure)
    if column == "target" or column.startswith("feature:"):
        return number_problem(text)
    return None


def is_missing(text: str) -> bool:
    """Whether a text is what pandas, R or Excel write for a missing value."""
    return text.casefold() in _MISSING


def number_problem(text: str) -> tuple[str, str] | None:
    """What is wrong with a number that becomes a float32, and the cure."""
    try:
        number = float("" if "_" in text else text)  # Python takes 4_1 for 41
    except ValueError:
        if is_missing(text) or text.casefold() == "na":
            return f'is "{text}", which stands for a missing value', "write a number, or delete the row"
        return f'"{text}" is not a number', _number_cure(text)
    if not math.isfinite(number):
        return f'"{text}" is not a finite number', "write a number, or delete the row"
    if abs(number) > _LARGEST:
        return f'"{text}" is too large for float32', "correct it, or write it in a larger unit"
    return None


def _number_cure(text: str) -> str:
    comma = text.replace(",", ".", 1)
    if comma != text and number_problem(comma) is None:
        thousands = re.fullmatch(r"[-+]?\d{1,3},\d{3}", text)
        return f"write {comma}" + (f", or {text.replace(',', '')} if the comma parts thousands" if thousands else "")
    if united := _WITH_UNIT.fullmatch(text):
        return f"write {united[1]}; the unit may stand in the heading of a feature, and in the brief"
    return "write a number, such as 1.5; for categories a column of 0 and 1 each, for a date the days since another"


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
