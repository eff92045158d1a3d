"""The leaderboard page of one assignment: groups in the order of their score. Marks are not made of ranks.

Who has no score of their own (withheld, failed, nothing handed in) stands below with the reason, never in the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

from markupsafe import Markup

from assignments.assignment import Accuracy, Assignment
from graders.mark import Finding, Mark, Status, Verdict, rounded
from graders.visibility import visible
from reports.figures import Axis, Whisker, axis_of, places_of, whisker
from reports.page import TEMPLATES, policy, render


@dataclass(frozen=True)
class Baseline:
    """A row that is no group: what the trivial answer, or the course's own solution, scores."""

    name: str
    score: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Row:
    """One line of the board."""

    rank: int | None
    """Competition rank, 1 1 3; None for baselines and for what is not ranked."""
    tied: bool
    name: str
    score: float | None
    interval: tuple[float, float] | None
    whisker: Whisker | None
    points: str
    passed: int | None
    tests: int
    status: str
    team: bool


def leaderboard_page(
    marks: Sequence[Mark],
    assignment: Assignment,
    *,
    names: Mapping[str, str],
    baselines: Sequence[Baseline] | None = None,
    course: str = "",
    ratified: bool = False,
) -> str:
    """The page as HTML. `names` says what each group is called: pseudonyms, unless the groups chose otherwise."""
    criterion = next((c for c in assignment.criteria if isinstance(c, Accuracy)), None)
    if criterion is None:
        raise ValueError(f"{assignment.id} has no accuracy criterion: there is nothing to rank by")
    given = tuple(baselines) if baselines is not None else baselines_of(criterion)
    rows, apart, axis = board(marks, criterion, names, given)
    script = (TEMPLATES / "sort.js").read_text(encoding="utf-8")
    return render(
        "leaderboard.html",
        csp=policy(script),
        script=Markup(script),  # ours: the only script that the policy's hash lets run
        assignment=assignment,
        course=course,
        criterion=criterion,
        rising=criterion.anchors.ceiling > criterion.anchors.trivial,
        places=places_of(criterion),
        rows=rows,
        apart=apart,
        groups=len(marks),
        guides=[axis.at(criterion.anchors.trivial), axis.at(criterion.anchors.reference)],
        ratified=ratified,
    )


def baselines_of(criterion: Accuracy) -> tuple[Baseline, ...]:
    """The two rows that every board has, from the assignment's anchors."""
    return (
        Baseline("Course reference", criterion.anchors.reference),
        Baseline("Trivial baseline", criterion.anchors.trivial),
    )


def board(
    marks: Sequence[Mark], criterion: Accuracy, names: Mapping[str, str], baselines: Sequence[Baseline]
) -> tuple[list[Row], list[Row], Axis]:
    """Ranked rows with the baselines among them, the rows apart, and the axis that they share."""
    places = places_of(criterion)
    sign = 1 if criterion.anchors.ceiling > criterion.anchors.trivial else -1
    scored = [(mark, found) for mark in marks if (found := _scored(mark, criterion)) is not None]
    ranked = {mark.group for mark, _ in scored}

    seen = [criterion.anchors.trivial, criterion.anchors.reference]
    for score, interval in [*((f.score, f.interval) for _, f in scored), *((b.score, b.interval) for b in baselines)]:
        seen += [*([score] if score is not None else []), *(interval or ())]
    axis = axis_of(seen, rising=sign > 0)

    shown = [sign * round(f.score, places) for _, f in scored if f.score is not None]
    rows = []
    for mark, finding in scored:
        assert finding.score is not None  # what `_scored` returns has a score
        own = sign * round(finding.score, places)
        rank = 1 + sum(other > own for other in shown)
        rows.append(_row(mark, criterion, names, axis, finding, rank, shown.count(own) > 1))
    for baseline in baselines:
        line = whisker(axis, baseline.score, baseline.interval)
        rows.append(
            Row(None, False, baseline.name, baseline.score, baseline.interval, line, "", None, 0, "not a group", False)
        )
    rows.sort(key=lambda row: (-sign * round(row.score or 0.0, places), not row.team, row.name.casefold()))
    apart = [_row(mark, criterion, names, axis, None, None, False) for mark in marks if mark.group not in ranked]
    apart.sort(key=lambda row: (row.status, row.name.casefold()))
    return rows, apart, axis


def _scored(mark: Mark, criterion: Accuracy) -> Finding | None:
    """The accuracy finding of a mark that may stand in the order."""
    if mark.status not in (Status.MARKED, Status.INCOMPLETE):
        return None
    for finding in (visible(f, "student") for f in mark.findings):
        if finding.criterion == criterion.id and finding.kind == "accuracy":
            known = finding.verdict is not Verdict.UNKNOWN
            # A reason beside a score says that no single answer was usable.
            if known and finding.reason is None and finding.score is not None and isfinite(finding.score):
                return finding
    return None


def _row(
    mark: Mark,
    criterion: Accuracy,
    names: Mapping[str, str],
    axis: Axis,
    finding: Finding | None,
    rank: int | None,
    tied: bool,
) -> Row:
    tests = [f for f in mark.findings if f.kind == "hidden_test"]
    score = finding.score if finding else None
    unknown = any(f.verdict is Verdict.UNKNOWN for f in tests)
    return Row(
        rank=rank,
        tied=tied,
        name=names[mark.group],
        score=score,
        interval=finding.interval if finding else None,
        whisker=whisker(axis, score, finding.interval) if finding and score is not None else None,
        points="" if finding is None or finding.points is None else str(rounded(finding.points)),
        passed=None if unknown or not tests else sum(f.verdict is Verdict.PASSED for f in tests),
        tests=len(tests),
        status=_status(mark, finding),
        team=True,
    )


def _status(mark: Mark, finding: Finding | None) -> str:
    if finding is None and mark.status in (Status.MARKED, Status.INCOMPLETE):
        return "no usable answer"
    return _STATUS[mark.status]


_STATUS: Final[Mapping[Status, str]] = {
    Status.MARKED: "marked",
    Status.INCOMPLETE: "marked in part",
    Status.WITHHELD: "withheld",
    Status.NOT_SUBMITTED: "not submitted",
}
