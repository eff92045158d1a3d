"""What students get of an assignment's cases: drawn ones, those of a split's training part, or what stands in for them.

Hidden cases are never among them. Where the cases are of patients whom nobody may have, `small_cases` of the source or
phantoms take their place, so that interface and public tests run on something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from assignments.assignment import Assignment
from assignments.data.columns import Cases
from assignments.data.parts import checked_cases, crossing, numbered_cases, training_cases
from assignments.data.prepared import Prepared, Progress
from assignments.data.sharing import sharing_of
from assignments.data.source import Axes, Draw, Endless
from assignments.data.sources import source_of
from assignments.data.stand_ins import stand_ins
from assignments.data.streams import PUBLISHED

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
        return replace(_stood_in(assignment, source.small_cases, arrays), prepared=prepared)
    if isinstance(source, Endless):
        return PublishedCases("drawn", crossing(training_cases(source, assignment, PUBLISHED)))
    assert prepared is not None
    train, val = numbered_cases(prepared, assignment)
    return PublishedCases("shared", train, val, prepared)


def _stood_in(assignment: Assignment, small_cases: Draw | None, arrays: Mapping[str, Axes]) -> PublishedCases:
    """Small cases or phantoms: with validation cases if `fit` receives some."""
    n = SMALL_TRAIN + (SMALL_VAL if assignment.data.val else 0)
    cases = stand_ins(assignment, small_cases, arrays, n)
    kind: Kind = "phantoms" if small_cases is None else "small cases"
    if n == SMALL_TRAIN:
        return PublishedCases(kind, cases)
    return PublishedCases(
        kind,
        {key: column[:SMALL_TRAIN] for key, column in cases.items()},
        {key: column[SMALL_TRAIN:] for key, column in cases.items()},
    )
