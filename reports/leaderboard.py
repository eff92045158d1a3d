"""The leaderboard page of one assignment: groups in the order of their score. Marks are not made of ranks.

Who has no score of their own (withheld, failed, nothing handed in) stands below with the reason, never in the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final, TypeVar

from markupsafe import Markup

from assignments.assignment import Accuracy, Assignment
from graders.marks.mark import BY_DECISION, Mark, Status, Verdict, rounded
from graders.scoring.ranking import Ranking, TeamRank
from reports.figures import Axis, Whisker, axis_of, places_of, whisker, within_sight
from reports.page import TEMPLATES, policy, render
from reports.standings import Entry, clipped, field_of


@dataclass(frozen=True)
class Baseline:
    """A row that is no group: what the trivial answer, or the course's own solution, scores."""

    name: str
    score: float
    interval: tuple[float, float] | None = None
    source: str = "not a group"
    """Where the score comes from, in a few words."""


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
    standing: TeamRank | None = None
    """Tier, interval of the rank and distance from the leader; None where there are no statistics."""
    parts: tuple[tuple[str, float], ...] = ()
    failed: int = 0
    asked: int | None = None


@dataclass(frozen=True)
class Board:
    """All that the page shows."""

    rows: tuple[Row, ...]
    """Ranked groups, with the baselines among them."""
    apart: tuple[Row, ...]
    axis: Axis
    guides: tuple[float, ...]
    """Where the baselines stand on the axis."""
    ranking: Ranking | None


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
    made = board(marks, assignment, criterion, names, anchor_rows(assignment) if baselines is None else baselines)
    script = (TEMPLATES / "sort.js").read_text(encoding="utf-8")
    utilities = assignment.leaderboard.utilities
    return render(
        "leaderboard.html",
        csp=policy(script),
        script=Markup(script),  # ours: the only script that the policy's hash lets run
        assignment=assignment,
        course=course,
        criterion=criterion,
        metric="utility" if utilities else criterion.metric,
        unit="" if utilities else _unit(marks, criterion),
        utilities=utilities,
        rising=bool(utilities) or criterion.anchors.rising,
        places=places_on(assignment, criterion),
        board=made,
        failures=any(row.asked for row in made.rows),
        tests=any(row.tests for row in (*made.rows, *made.apart)),
        groups=len(marks),
        ratified=ratified,
    )


def _unit(marks: Sequence[Mark], criterion: Accuracy) -> str:
    """Of the scores, as they were recorded with them; empty where they have none."""
    found = (f.scored.unit for mark in marks for f in mark.findings if f.criterion == criterion.id and f.scored)
    return next((unit for unit in found if unit), "")


def places_on(assignment: Assignment, criterion: Accuracy) -> int:
    """Decimal places at which the board compares and shows scores."""
    declared = assignment.leaderboard.decimals
    if declared is not None:
        return declared
    return 3 if assignment.leaderboard.utilities else places_of(criterion)


def anchor_rows(assignment: Assignment) -> tuple[Baseline, ...]:
    """The two rows that every board has, from the assignment's anchors."""
    accuracies = [c for c in assignment.criteria if isinstance(c, Accuracy)]
    best = {c.id: c.anchors.reference for c in accuracies}
    trivial = {c.id: c.anchors.trivial for c in accuracies}
    return (
        *_baseline(assignment, "Course reference", best, "anchor"),
        *_baseline(assignment, "Trivial baseline", trivial, "anchor"),
    )


def calibrated_rows(
    assignment: Assignment,
    references: Mapping[str, Mapping[str, Sequence[float]]],
    baselines: Mapping[str, Mapping[str, Sequence[float]]],
) -> tuple[Baseline, ...]:
    """The same from a calibration: median scores of trained references, and of the best trivial answer.

    They were scored on the calibration's draws and not on the course's hidden cases, so they have no rank, no
    interval, and no part in any test.
    """
    rows: list[Baseline] = []
    for framework, scores in references.items():
        typical = {id: median(runs) for id, runs in scores.items()}
        runs = len(next(iter(scores.values())))
        title = f"Course reference, {_TITLES.get(framework, framework)}"
        rows += _baseline(assignment, title, typical, f"median of {runs} runs, other cases")
    blind = [
        row
        for name, scores in baselines.items()
        for row in _baseline(
            assignment, f"Baseline: {name}", {id: median(runs) for id, runs in scores.items()}, "other cases"
        )
    ]
    sign = _sign(assignment)
    return (*rows, *sorted(blind, key=lambda row: -sign * row.score)[:1])


Scored = TypeVar("Scored", Entry, Baseline)

_TITLES: Final = {"pytorch": "PyTorch", "tensorflow": "TensorFlow", "numpy": "NumPy"}


def _sign(assignment: Assignment) -> int:
    first = next(c for c in assignment.criteria if isinstance(c, Accuracy))
    return 1 if assignment.leaderboard.utilities else first.anchors.sign


def _baseline(
    assignment: Assignment, name: str, scores: Mapping[str, float], source: str
) -> tuple[Baseline, ...]:
    """One row on the board's own scale; none where a utility has a metric that only groups were scored by."""
    accuracies = [c for c in assignment.criteria if isinstance(c, Accuracy)]
    utilities = assignment.leaderboard.utilities
    if not utilities:
        first = accuracies[0].id
        return (Baseline(name, scores[first], source=source),) if first in scores else ()
    known = {c.metric: scores[c.id] for c in accuracies if c.id in scores}
    if any(term.metric not in known for term in utilities):
        return ()
    whole = sum(term.weight * clipped(known[term.metric], term) for term in utilities)
    return (Baseline(name, whole, source=source),)


def board(
    marks: Sequence[Mark],
    assignment: Assignment,
    criterion: Accuracy,
    names: Mapping[str, str],
    baselines: Sequence[Baseline],
) -> Board:
    """Ranked rows with the baselines among them, the rows apart, and the axis that they share."""
    places, sign = places_on(assignment, criterion), _sign(assignment)
    field = field_of(marks, assignment, criterion, places)
    ranked = {entry.mark.group for entry in field.entries}
    standings = field.ranking.teams if field.ranking else [None] * len(field.entries)

    anchors = criterion.anchors
    seen = [] if assignment.leaderboard.utilities else [anchors.trivial, anchors.reference]
    # Nothing of a row is made of more digits than it shows: a place on the axis would name them.
    entries = [_as_shown(entry, places) for entry in field.entries]
    baselines = [_as_shown(baseline, places) for baseline in baselines]
    told = [(e.score, e.interval) for e in entries] + [(b.score, b.interval) for b in baselines]
    seen += [value for score, interval in told for value in (score, *(interval or ()))]
    if not assignment.leaderboard.utilities:
        seen = within_sight(criterion, seen)
    axis = axis_of(seen or [0.0, 1.0], rising=sign > 0)

    shown = [sign * entry.score for entry in entries]
    rows = [
        _row(entry.mark, names, axis, entry, 1 + sum(other > own for other in shown), shown.count(own) > 1, standing)
        for entry, own, standing in zip(entries, shown, standings, strict=True)
    ]
    for baseline in baselines:
        line = whisker(axis, baseline.score, baseline.interval)
        own = (baseline.score, baseline.interval, line)
        rows.append(Row(None, False, baseline.name, *own, "", None, 0, baseline.source, False))
    rows.sort(key=lambda row: (-sign * (row.score or 0.0), not row.team, row.name.casefold()))
    apart = [_row(mark, names, axis, None, None, False, None) for mark in marks if mark.group not in ranked]
    apart.sort(key=lambda row: (row.status, row.name.casefold()))
    guides = tuple(dict.fromkeys(axis.at(baseline.score) for baseline in baselines))
    return Board(tuple(rows), tuple(apart), axis, guides, field.ranking)


def _as_shown(one: Scored, places: int) -> Scored:
    interval = one.interval and (round(one.interval[0], places), round(one.interval[1], places))
    return replace(one, score=round(one.score, places), interval=interval)


def _row(
    mark: Mark,
    names: Mapping[str, str],
    axis: Axis,
    entry: Entry | None,
    rank: int | None,
    tied: bool,
    standing: TeamRank | None,
) -> Row:
    tests = [f for f in mark.findings if f.kind == "hidden_test"]
    unknown = any(f.verdict is Verdict.UNKNOWN for f in tests)
    points = entry.finding.points if entry else None
    return Row(
        rank=rank,
        tied=tied,
        name=names[mark.group],
        score=entry.score if entry else None,
        interval=entry.interval if entry else None,
        whisker=whisker(axis, entry.score, entry.interval) if entry else None,
        points="" if points is None else str(rounded(points)),
        passed=None if unknown or not tests else sum(f.verdict is Verdict.PASSED for f in tests),
        tests=len(tests),
        status=_status(mark, entry),
        team=True,
        standing=standing,
        parts=entry.parts if entry else (),
        failed=entry.failed if entry else 0,
        asked=entry.asked if entry else None,
    )


def _status(mark: Mark, entry: Entry | None) -> str:
    if entry is None and mark.status in (Status.MARKED, Status.INCOMPLETE):
        return "no usable answer"
    return _STATUS[mark.status]


_STATUS: Final[Mapping[Status, str]] = {
    Status.MARKED: "marked",
    Status.INCOMPLETE: "marked in part",
    Status.WITHHELD: "withheld",
    Status.NOT_SUBMITTED: "not submitted",
    # Which decision it was is nobody else's.
    **dict.fromkeys(BY_DECISION, "no mark"),
}
