"""How sure marks are: what they would be if every score lay at the worse or the better end of its interval.

The marks are made again from the scores at these ends by every step of a mark, so that lateness, caps and rounding are
in them. It moves no mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from assignments.assignment import Accuracy, Anchors, Assignment
from graders.course.course import Course
from graders.marks.findings import share_of_points
from graders.marks.mark import Finding, Mark, Status, added_up, rounded_percent
from graders.marks.results import Results, results_of


@dataclass(frozen=True)
class PercentRange:
    """The marks in per cent at both ends; equal where no score of the mark has an interval."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True)
class ScoreEnds:
    """The ranges of whole marks."""

    groups: Mapping[str, PercentRange] = field(default_factory=dict)
    people: Mapping[str, PercentRange] = field(default_factory=dict)
    """By member: of each person's own mark."""


def score_ends(course: Course, results: Results) -> ScoreEnds:
    """The ranges of all groups and people with a whole mark."""
    ends = [
        results_of(
            course,
            results.assignment,
            results.events,
            results.submissions,
            [_at_end(mark, results.assignment, better=better) for mark in results.marks],
        )
        for better in (False, True)
    ]
    low, high = ends
    groups = {
        mark.group: PercentRange(worse, best)
        for mark, at_low, at_high in zip(results.marks, low.marks, high.marks, strict=True)
        if rounded_percent(mark) is not None
        and (worse := rounded_percent(at_low)) is not None
        and (best := rounded_percent(at_high)) is not None
    }
    people = {
        person.member: PercentRange(at_low.percent, at_high.percent)
        for person, at_low, at_high in zip(results.people, low.people, high.people, strict=True)
        if person.percent is not None and at_low.percent is not None and at_high.percent is not None
    }
    return ScoreEnds(groups, people)


def share_at(criterion: Accuracy, level: int, finding: Finding, score: float) -> Fraction | None:
    """The share of its points that an accuracy would earn by another score; its caps stay. None without anchors."""
    if finding.scored is None or not isinstance(criterion.anchors, Anchors):
        return None
    return min([share_of_points(criterion.anchors, level, score), *(cap.at for cap in finding.scored.caps)])


def _at_end(mark: Mark, assignment: Assignment, *, better: bool) -> Mark:
    """The mark with every score at this end of its interval; the same unless it is a whole mark."""
    if mark.status is not Status.MARKED:
        return mark
    return added_up(replace(mark, findings=tuple(_moved(f, assignment, better=better) for f in mark.findings)))


def _moved(finding: Finding, assignment: Assignment, *, better: bool) -> Finding:
    if finding.kind != "accuracy" or finding.interval is None:
        return finding
    criterion = assignment.criterion(finding.criterion)
    assert isinstance(criterion, Accuracy)
    low, high = finding.interval
    share = share_at(criterion, assignment.level, finding, high if better is criterion.anchors.rising else low)
    return finding if share is None else replace(finding, exact=share * criterion.points)
