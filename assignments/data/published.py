"""What students get of an assignment's cases: drawn ones, those of a split's training part, or what stands in for them.

Hidden cases are never among them. Where the cases are of patients whom nobody may have, `small_cases` of the source or
phantoms take their place, so that interface and public tests run on something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from assignments.assignment import Assignment
from assignments.data.cases import keyed_order
from assignments.data.checked import checked_cases
from assignments.data.columns import Cases
from assignments.data.parts import crossing, numbered_cases, part_size, set_aside, training_cases
from assignments.data.prepared import Prepared, Progress, prepare
from assignments.data.sharing import sharing_of
from assignments.data.source import Axes, Draw, Endless, Finite, Source
from assignments.data.sources import source_of
from assignments.data.stand_ins import stand_ins
from assignments.data.streams import PUBLISHED, stream

SMALL = 20
"""How many cases stand in for those that nobody may have."""
HELD_OUT = 5
"""One subject in so many is set aside, where a split has no validation part: students need cases to try a model on."""

Kind = Literal["drawn", "shared", "small cases", "phantoms", "none"]


@dataclass(frozen=True)
class PublishedCases:
    """The cases of a handout."""

    kind: Kind
    train: Mapping[str, Cases]
    val: Mapping[str, Cases] | None = None
    """Validation cases, of subjects that `train` does not have; None where there are too few subjects."""
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
        if self.kind in ("drawn", "none"):
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
    if not assignment.has_cases:
        return PublishedCases("none", {})
    prepared = checked_cases(assignment, on_progress)
    source = source_of(assignment)
    if sharing_of(assignment) == "none":
        arrays = source.declared or (prepared.arrays if prepared is not None else {})
        return replace(_stood_in(assignment, source.small_cases, arrays), prepared=prepared)
    return _of_source(assignment, source, prepared)


def shared_cases(
    assignment: Assignment, prepared: Prepared | None = None, drawn: Mapping[str, Cases] | None = None
) -> Mapping[str, Cases] | None:
    """Cases with their truth that every group has: the validation part of a handout, else its training part.

    They are those of `published_cases`, which checks the source; here nothing is checked. None: nobody may have the
    cases, so others stand in for them.

    Args:
        prepared: The cases of a finite source; without them they are prepared now.
        drawn: The training cases of an endless source, if they were drawn already.
    """
    if sharing_of(assignment) == "none":
        return None
    source = source_of(assignment)
    if prepared is None and isinstance(source, Finite):
        prepared = prepare(assignment, source)
    published = _of_source(assignment, source, prepared, drawn)
    return published.train if published.val is None else published.val


def _of_source(
    assignment: Assignment, source: Source, prepared: Prepared | None, drawn: Mapping[str, Cases] | None = None
) -> PublishedCases:
    """The cases themselves, where students may have them."""
    if isinstance(source, Endless):
        if drawn is None:
            drawn = crossing(training_cases(source, assignment, PUBLISHED))
        if assignment.data.val:
            rng = stream(PUBLISHED, assignment.id, "val", "0")
            arrays = {key: np.asarray(each) for key, each in drawn.items()}
            return PublishedCases("drawn", *set_aside(arrays, part_size(assignment, "val"), rng))
        return PublishedCases("drawn", *held_out(drawn, assignment.id))
    assert prepared is not None
    train, val = numbered_cases(prepared, assignment)
    if val is None:
        train, val = held_out(train, assignment.id)
    return PublishedCases("shared", train, val, prepared)


def held_out(cases: Mapping[str, Cases], assignment_id: str) -> tuple[dict[str, Cases], dict[str, Cases] | None]:
    """The cases without those of a fifth of the subjects, and these: the same every time; None if these are too few."""
    count = len(next(iter(cases.values())))
    subjects = np.array([int(number) for number in cases["subject"]]) if "subject" in cases else np.arange(count)
    different = np.unique(subjects)
    order = different[keyed_order(PUBLISHED, assignment_id, "held out", [str(subject) for subject in different])]
    number = len(different) // HELD_OUT
    if not number:
        return dict(cases), None
    aside = np.isin(subjects, order[:number])
    first, second = np.flatnonzero(~aside), np.flatnonzero(aside)
    return {key: each[first] for key, each in cases.items()}, {key: each[second] for key, each in cases.items()}


def _stood_in(assignment: Assignment, small_cases: Draw | None, arrays: Mapping[str, Axes]) -> PublishedCases:
    """What stands in for cases that nobody may have: phantoms, or small cases that the source draws.

    Where a course sets the cases, the assignment's own, if it draws them, are the phantoms that resemble them most.
    """
    own = source_of(assignment.as_written)
    if assignment.own_data is not None and isinstance(own, Endless):
        drawn = crossing(training_cases(own, assignment.as_written, PUBLISHED))
        return PublishedCases("phantoms", *held_out(drawn, assignment.id))
    cases = stand_ins(assignment, small_cases, arrays, SMALL)
    kind: Kind = "phantoms" if small_cases is None else "small cases"
    return PublishedCases(kind, *held_out(cases, assignment.id))
