"""What the cases of an assignment are like: counts by part, shapes, values, spacing, classes, and what is unusual.

Pure facts for the author's eyes; `reports.data_table` and `reports.data_page` write them down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assignments.data.image_axes import image_view
from assignments.data.near import Near, near_drawn, near_pairs
from assignments.data.prepared import Progress
from assignments.data.source import PARTS, Axes, Part
from graders.authoring.shown_data import ShownCase, ShownData

Array = np.ndarray[Any, Any]

COUNTED = 256
"""Different values up to which integers of a ground truth are classes; more are numbers of objects."""


@dataclass(frozen=True)
class ArrayFacts:
    """One array of one case."""

    shape: tuple[int, ...]
    low: float
    high: float
    """Smallest and largest of the finite values; NaN if there is none."""
    classes: Mapping[int, int] = field(default_factory=dict)
    """Of a ground truth of integers: how often it has each value."""
    is_image: bool = False
    is_finite: bool = True
    """Whether no value is NaN or infinite."""

    @property
    def is_constant(self) -> bool:
        """Whether an image has one value only."""
        return self.is_image and self.low == self.high


@dataclass(frozen=True)
class CaseFacts:
    """One case."""

    case: ShownCase
    arrays: Mapping[str, ArrayFacts]


@dataclass(frozen=True)
class PartCount:
    """What a part has."""

    part: Part | None
    """None: in no part, or before a split."""
    subjects: int
    cases: int | None
    """None: subjects in no part are not read."""
    withdrawn: int = 0
    handed_out: int = 0
    shown: int = 0


@dataclass(frozen=True)
class KeySummary:
    """One array of all cases."""

    key: str
    axes: Axes
    shapes: tuple[tuple[int, ...], ...]
    """Each that occurs, the smallest first."""
    low: float
    high: float


@dataclass(frozen=True)
class ClassCount:
    """One class of a ground truth."""

    number: int
    name: str
    """As the folder or `[data] classes` names it; empty without a name."""
    cases: Mapping[Part | None, int]
    """By part: how many cases are of it, or have a voxel of it."""
    share: float
    """Of all voxels; of all cases, where a case is of a class."""


@dataclass(frozen=True)
class DataSummary:
    """What the cases of an assignment are like."""

    data: ShownData
    facts: tuple[CaseFacts, ...]
    parts: tuple[PartCount, ...]
    keys: tuple[KeySummary, ...]
    spacing: Mapping[str, tuple[float, float]]
    """In mm by axis, "d", "h" and "w": smallest and largest; empty where cases have none."""
    classes: Mapping[str, tuple[ClassCount, ...]]
    """By the key of a ground truth."""
    strata: Mapping[str, Mapping[Part | None, int]]
    """By stratum: subjects in each part."""
    near: Near

    @property
    def present(self) -> tuple[Part | None, ...]:
        """The parts that have cases."""
        return tuple(count.part for count in self.parts if count.cases)


def data_summary(data: ShownData, on_progress: Progress = lambda *_: None) -> DataSummary:
    """Look at every case once.

    Args:
        on_progress: Called for each subject of a folder.
    """
    facts = []
    for number, case in enumerate(data.cases):
        if case.number == 0 and not data.is_drawn:
            on_progress(number, len(data.cases), case.subject)
        facts.append(case_facts(case, data.arrays))
    return DataSummary(
        data=data,
        facts=tuple(facts),
        parts=tuple(_parts(data)),
        keys=tuple(_key_summary(key, axes, facts) for key, axes in data.arrays.items()),
        spacing=_spacing(data.cases),
        classes={key: _class_counts(key, data, facts) for key in _class_keys(data, facts)},
        strata=_strata(data.cases),
        near=_near(data, on_progress),
    )


def case_facts(case: ShownCase, arrays: Mapping[str, Axes]) -> CaseFacts:
    """Read one case."""
    return CaseFacts(
        case, {key: _array_facts(np.asarray(lazy.read()), arrays[key]) for key, lazy in case.arrays.items()}
    )


def _array_facts(array: Array, axes: Axes) -> ArrayFacts:
    low, high = _range(array)
    classes: dict[int, int] = {}
    if axes.role == "truth" and array.dtype.kind in "biu":
        classes = dict(_values(array))
    is_image = image_view(array, axes) is not None
    return ArrayFacts(array.shape, low, high, classes, is_image, array.size == 0 or bool(np.isfinite(array).all()))


def _range(array: Array) -> tuple[float, float]:
    """The smallest and the largest finite value."""
    if array.size:
        low, high = float(array.min()), float(array.max())
        if np.isfinite(low) and np.isfinite(high):
            return low, high
        array = array[np.isfinite(array)]
    return (float(array.min()), float(array.max())) if array.size else (np.nan, np.nan)


def _values(array: Array) -> Counter[int]:
    """How often an array has each value; slice by slice, since counting all at once needs eight times its memory."""
    counts: Counter[int] = Counter()
    for piece in array if array.ndim > 2 else [array]:
        if array.dtype == np.uint8:
            numbers = np.bincount(piece.ravel(), minlength=256)
            counts.update({int(value): int(numbers[value]) for value in np.flatnonzero(numbers)})
            continue
        values, numbers = np.unique(piece, return_counts=True)
        counts.update(dict(zip(values.astype(int).tolist(), numbers.tolist(), strict=True)))
    return counts


def _parts(data: ShownData) -> Iterator[PartCount]:
    """The parts that have a subject, and then who is in none."""
    subjects = {part: {case.subject for case in data.cases if case.part == part} for part in (*PARTS, None)}
    cases = Counter(case.part for case in data.cases)
    split = data.split
    if split is None:
        yield from (PartCount(part, len(subjects[part]), cases[part]) for part in (*PARTS, None) if cases[part])
        return
    for part in (*PARTS, None):
        rows = [row for row in split.rows if row.part == part]
        present = [row for row in rows if not row.withdrawn]
        if rows:
            yield PartCount(
                part,
                len(present),
                cases[part] if part else None,
                len(rows) - len(present),
                sum(bool(row.handed_out) for row in present),
                sum(bool(row.shown) for row in present),
            )


def without_part(data: ShownData) -> tuple[str, ...]:
    """Subjects that the source has and a split that is made does not know."""
    if data.split is None:
        return ()
    listed = {row.subject for row in data.split.present}
    return tuple(subject.id for subject in data.subjects if subject.id not in listed)


def _key_summary(key: str, axes: Axes, facts: Sequence[CaseFacts]) -> KeySummary:
    arrays = [each.arrays[key] for each in facts if key in each.arrays]
    shapes = sorted({array.shape for array in arrays}, key=lambda shape: (np.prod(shape), shape))
    lows, highs = [array.low for array in arrays], [array.high for array in arrays]
    low, high = (np.nanmin(lows), np.nanmax(highs)) if np.isfinite(lows).any() else (np.nan, np.nan)
    return KeySummary(key, axes, tuple(shapes), float(low), float(high))


def _spacing(cases: Sequence[ShownCase]) -> dict[str, tuple[float, float]]:
    rows = [np.asarray(case.arrays["spacing"].read()) for case in cases if "spacing" in case.arrays]
    # As a file wrote it: 0.6 in float32 is 0.6, not 0.6000000238418579.
    ranges = [(float(str(min(axis))), float(str(max(axis)))) for axis in zip(*rows, strict=True)]
    return {"dhw"[i - len(ranges)]: pair for i, pair in enumerate(ranges)} if len(ranges) <= 3 else {}


def _class_keys(data: ShownData, facts: Sequence[CaseFacts]) -> Iterator[str]:
    """The ground truths whose integers are classes."""
    for key, axes in data.arrays.items():
        if axes.role != "truth" or np.dtype(axes.dtype).kind not in "biu" or key == "instances":
            continue
        if len(set().union(*(each.arrays[key].classes for each in facts if key in each.arrays))) <= COUNTED:
            yield key


def _class_counts(key: str, data: ShownData, facts: Sequence[CaseFacts]) -> tuple[ClassCount, ...]:
    # Of a folder with a class for each case, the classes of its masks are others.
    of_case = data.assignment.data.source == "folder" and "y" in data.arrays
    names = data.classes if key == "y" or not of_case else ()
    held = [(each.case.part, _classes(key, each, data)) for each in facts if key in each.arrays]
    several = _may_be_several(key, data)
    declared = max([len(names), *(array.shape[0] for each in facts if several and (array := each.arrays.get(key)))])
    numbers = sorted(set(range(declared)).union(*(classes for _, classes in held)))
    total = (len(held) if several else sum(sum(classes.values()) for _, classes in held)) or 1
    return tuple(
        ClassCount(
            number,
            names[number] if 0 <= number < len(names) else "",
            Counter(part for part, classes in held if classes.get(number)),
            sum(classes.get(number, 0) for _, classes in held) / total,
        )
        for number in numbers
    )


def _classes(key: str, each: CaseFacts, data: ShownData) -> Mapping[int, int]:
    """The classes of one case. Of several that may hold at once, the array says for each whether it does."""
    if _may_be_several(key, data):
        row = np.asarray(each.case.arrays[key].read())
        return {number: 1 for number, holds in enumerate(row.tolist()) if holds}
    return each.arrays[key].classes


def _may_be_several(key: str, data: ShownData) -> bool:
    return data.assignment.task == "multilabel" and len(data.arrays[key].sizes) == 1


def _strata(cases: Sequence[ShownCase]) -> dict[str, dict[Part | None, int]]:
    subjects = {(case.stratum, case.part, case.subject) for case in cases if case.stratum is not None}
    counts = Counter((stratum, part) for stratum, part, _ in subjects)
    return {
        stratum: {part: counts[stratum, part] for part in (*PARTS, None)}
        for stratum in sorted({stratum for stratum, _ in counts if stratum is not None})
    }


def _near(data: ShownData, on_progress: Progress) -> Near:
    if data.prepared is not None:
        return near_pairs(data.prepared, on_progress)
    if not data.is_drawn:
        return Near(0, 0, (), 0)
    drawn: dict[Part, dict[str, Array]] = {}
    for part in PARTS:
        cases = [case for case in data.cases if case.part == part]
        if cases:
            drawn[part] = {key: np.stack([case.arrays[key].read() for case in cases]) for key in data.arrays}
    return near_drawn(data.arrays, drawn)
