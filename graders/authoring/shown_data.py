"""The cases of an assignment as its author may look at them: those of the split, all before a split, or a small draw.

No hidden case of a course is drawn: an endless source is shown by a few cases of the secret that everybody knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from assignments.assignment import Assignment
from assignments.data.columns import Cases, Column, LazyCase, MadeCase, StoredCase
from assignments.data.parts import drawn_parts
from assignments.data.prepared import Prepared, Progress, listed, opened_source, prepare
from assignments.data.prepared_store import PreparedArray, prepared_folder
from assignments.data.source import Axes, Endless, Finite, Part, Subject
from assignments.data.sources import source_of
from assignments.data.split import Split, SplitRow, read_split
from assignments.data.streams import PUBLISHED
from assignments.errors import UserError

DRAWN = 20
"""Cases of an endless source that are shown of each part."""
REMARKS = 8
"""Remarks of the reader that are shown, the commonest first."""


@dataclass(frozen=True)
class ShownCase:
    """One case; its arrays are read when they are looked at."""

    subject: str
    part: Part | None
    """None: there is no split yet."""
    number: int
    """Which of the subject's cases."""
    stratum: str | None
    """By which the split is balanced."""
    arrays: Mapping[str, LazyCase]

    @property
    def name(self) -> str:
        """For a line of text: the subject, and which of its cases."""
        return f"{self.subject}, case {self.number}"


@dataclass(frozen=True)
class ShownData:
    """What an assignment's source has."""

    assignment: Assignment
    arrays: Mapping[str, Axes]
    cases: tuple[ShownCase, ...]
    split: Split | None = None
    """Of a finite source, if it is made."""
    subjects: tuple[Subject, ...] = ()
    """All subjects of a finite source, those in no part among them."""
    prepared: Prepared | None = None
    """The cases of a finite source, if their split is made."""
    classes: tuple[str, ...] = ()
    """Names by number, of the folder or of `[data] classes`; empty where neither has them."""
    doubts: tuple[str, ...] = ()
    """What the source assumed, for the author to check."""
    remarks: tuple[str, ...] = ()
    """How files were read, such as how volumes were turned, and of how many subjects."""

    @property
    def is_drawn(self) -> bool:
        """Whether the source draws cases, so that these are a few of any number."""
        return not self.subjects


def shown_data(assignment: Assignment, on_progress: Progress = lambda *_: None) -> ShownData:
    """What the source of an assignment has, read once and kept (`assignments.data.prepared`).

    Raises:
        UserError: a subject cannot be read, or the source cannot be opened or does not draw what it declares.
    """
    source = source_of(assignment)
    if isinstance(source, Endless):
        return _draw(assignment, source)
    return _read(assignment, source, on_progress)


def _read(assignment: Assignment, source: Finite, on_progress: Progress) -> ShownData:
    split = read_split(assignment.split_file)
    opened = opened_source(assignment, source)
    subjects = listed(assignment, source, opened)
    everybody = Split(tuple(SplitRow(subject.id, "train") for subject in subjects))
    prepared = prepare(assignment, source, split=split or everybody, on_progress=on_progress)
    cases = [
        ShownCase(
            subject=subject.id,
            part=None if split is None else subject.part,
            number=number,
            stratum=subject.group,
            arrays=_stored(case, prepared.arrays),
        )
        for subject in prepared.subjects
        for number, case in enumerate(subject.cases)
    ]
    return ShownData(
        assignment,
        prepared.arrays,
        tuple(cases),
        split,
        tuple(subjects),
        None if split is None else prepared,
        tuple(source.classes(opened) if source.classes else assignment.data.classes),
        () if source.doubts is None else tuple(source.doubts(opened)),
        tuple(_counted(prepared)),
    )


def _counted(prepared: Prepared) -> Iterator[str]:
    """Each remark of the reader, and for how many subjects it holds."""
    remarks = Counter(remark for subject in prepared.subjects for remark in dict.fromkeys(subject.remarks))
    for remark, count in remarks.most_common(REMARKS):
        yield f"{remark} ({count} of {len(prepared.subjects)} subjects)"
    if len(remarks) > REMARKS:
        yield f"and {len(remarks) - REMARKS} other remarks of the reader"


def _stored(case: Mapping[str, PreparedArray], arrays: Mapping[str, Axes]) -> dict[str, LazyCase]:
    folder = prepared_folder()
    return {
        key: StoredCase(folder / array.file, array.dtype, array.shape, array.row, array.digest)
        for key in arrays
        if (array := case.get(key)) is not None
    }


def _draw(assignment: Assignment, source: Endless) -> ShownData:
    """A few cases of the published secret."""
    data = assignment.data
    counts = {name: _few(getattr(data, name), name, assignment) for name in ("train", "test")}
    few = assignment.model_copy(update={"data": data.model_copy(update={**counts, "val": 0})})
    drawn = drawn_parts(source, few, PUBLISHED, "0")
    cases = (*_drawn_cases("train", drawn.train, source.arrays), *_drawn_cases("test", drawn.test, source.arrays))
    return ShownData(assignment, source.arrays, cases, classes=assignment.data.classes)


def _few(count: Any, name: str, assignment: Assignment) -> int:
    if not isinstance(count, int) or count < 1:
        where = assignment.folder / "assignment.toml"
        raise UserError(f"{where} [data]: {name} is {count}; write how many cases to draw.")
    return min(count, DRAWN)


def _drawn_cases(part: Part, drawn: Mapping[str, Cases], arrays: Mapping[str, Axes]) -> Iterator[ShownCase]:
    count = len(next(iter(drawn.values())))
    subjects = drawn.get("subject", np.arange(count))
    seen: Counter[str] = Counter()
    for i in range(count):
        subject = str(subjects[i])
        yield ShownCase(subject, part, seen[subject], None, {key: _drawn_case(drawn[key], i) for key in arrays})
        seen[subject] += 1


def _drawn_case(cases: Cases, index: int) -> LazyCase:
    if isinstance(cases, Column):
        return cases.cases[index]
    return MadeCase(partial(cases.__getitem__, index), cases.dtype, cases.shape[1:])
