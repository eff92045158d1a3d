"""The leaderboard page of one assignment: groups in the order of their score. Ranks do not enter marks.

Groups without a score (withheld, failed, nothing handed in) are listed below with the reason and have no rank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Final, TypeVar

from assignments.assignment import Accuracy, Anchors, Assignment
from assignments.metric_words import metric_words
from graders.marks.mark import BY_DECISION, Mark, Status, Verdict, rounded
from graders.marks.words import REASON_WORDS
from graders.scoring.ranking import Ranking, TeamRank
from reports.figures import Axis, Whisker, axis_of, decimals_of, whisker, within_sight
from reports.page import policy, render, sort_script
from reports.sentences import FRAMEWORK_TITLES
from reports.standings import RankedGroup, clipped, ranked_groups


@dataclass(frozen=True)
class Baseline:
    """A row that is not a group: the score of the trivial answer or of the course's own solution."""

    name: str
    score: float
    interval: tuple[float, float] | None = None
    source: str = "not a group"
    """The origin of the score, in a few words."""


@dataclass(frozen=True)
class BoardRow:
    """One line of the board."""

    rank: int | None
    """Competition rank, 1 1 3; None for baselines and for groups that are not ranked."""
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
    answer_count: int | None = None


@dataclass(frozen=True)
class Board:
    """Everything that the page shows."""

    rows: tuple[BoardRow, ...]
    """Ranked groups, with the baselines among them."""
    apart: tuple[BoardRow, ...]
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
    """The page as HTML. `names` has the name of each group on it: pseudonyms, unless the groups chose otherwise."""
    criterion = next((c for c in assignment.criteria if isinstance(c, Accuracy)), None)
    if criterion is None:
        raise ValueError(f"{assignment.id} has no accuracy criterion: there is nothing to rank by")
    if baselines is None:
        baselines = anchor_rows(assignment)
    page_board = board(marks, assignment, criterion, names, baselines)
    script = sort_script()
    utilities = assignment.leaderboard.utilities
    return render(
        "leaderboard.html",
        csp=policy(script),
        script=script,
        assignment=assignment,
        course=course,
        criterion=criterion,
        metric="utility" if utilities else metric_words(criterion.metric, criterion, assignment.data.classes),
        words=partial(metric_words, criterion=criterion, classes=assignment.data.classes),
        unit="" if utilities else _unit(marks, criterion),
        utilities=utilities,
        rising=bool(utilities) or criterion.anchors.rising,
        decimals=board_decimals(assignment, criterion),
        board=page_board,
        failures=any(row.failed for row in page_board.rows),
        tests=any(row.tests for row in (*page_board.rows, *page_board.apart)),
        groups=len(marks),
        ratified=ratified,
    )


def _unit(marks: Sequence[Mark], criterion: Accuracy) -> str:
    """The unit that was recorded with the scores; empty where they have none."""
    units = (f.scored.unit for mark in marks for f in mark.findings if f.criterion == criterion.id and f.scored)
    return next((unit for unit in units if unit), "")


def board_decimals(assignment: Assignment, criterion: Accuracy) -> int:
    """Decimals at which the board compares and shows scores."""
    declared = assignment.leaderboard.decimals
    if declared is not None:
        return declared
    return 3 if assignment.leaderboard.utilities else decimals_of(criterion)


def anchor_rows(assignment: Assignment) -> tuple[Baseline, ...]:
    """The two baselines of every board, from the assignment's anchors."""
    accuracies = [c for c in assignment.criteria if isinstance(c, Accuracy)]
    anchors = {c.id: c.anchors for c in accuracies if isinstance(c.anchors, Anchors)}
    best = {id: values.reference for id, values in anchors.items()}
    trivial = {id: values.trivial for id, values in anchors.items()}
    return (
        *_baseline(assignment, "Course reference", best, "anchor"),
        *_baseline(assignment, "Trivial baseline", trivial, "anchor"),
    )


def calibrated_rows(
    assignment: Assignment,
    references: Mapping[str, Mapping[str, Sequence[float]]],
    baselines: Mapping[str, Mapping[str, Sequence[float]]],
    own: Sequence[tuple[str, Mapping[str, Sequence[float]]]] = (),
) -> tuple[Baseline, ...]:
    """The baselines from a calibration: median scores of references, of the best trivial answer, and of own baselines.

    `own` are the titles and scores of the assignment's own baselines.

    They were scored on the calibration's cases and not on the course's hidden cases, so they have no rank, no interval,
    and no part in any test.
    """
    rows: list[Baseline] = []
    for framework, scores in references.items():
        rows += _median_row(assignment, f"Course reference, {FRAMEWORK_TITLES.get(framework, framework)}", scores)
    for title, scores in own:
        rows += _median_row(assignment, f"Baseline: {title}", scores)
    blind = [
        row
        for name, scores in baselines.items()
        for row in _median_row(assignment, f"Trivial: {name}", scores, "draws")
    ]
    sign = _sign(assignment)
    return (*rows, *sorted(blind, key=lambda row: -sign * row.score)[:1])


def _median_row(
    assignment: Assignment, name: str, scores: Mapping[str, Sequence[float]], counted: str = "runs"
) -> tuple[Baseline, ...]:
    runs = max(map(len, scores.values()), default=0)
    typical = {id: median(values) for id, values in scores.items() if values}
    return _baseline(assignment, name, typical, f"median of {runs} {counted}, other cases")


AnyRow = TypeVar("AnyRow", RankedGroup, Baseline)


def _sign(assignment: Assignment) -> int:
    first = next(c for c in assignment.criteria if isinstance(c, Accuracy))
    return 1 if assignment.leaderboard.utilities else first.anchors.sign


def _baseline(assignment: Assignment, name: str, scores: Mapping[str, float], source: str) -> tuple[Baseline, ...]:
    """One row on the board's own scale; none where a utility needs a metric that only groups were scored by."""
    accuracies = [c for c in assignment.criteria if isinstance(c, Accuracy)]
    utilities = assignment.leaderboard.utilities
    if not utilities:
        first = accuracies[0].id
        return (Baseline(name, scores[first], source=source),) if first in scores else ()
    by_metric = {c.metric: scores[c.id] for c in accuracies if c.id in scores}
    if any(term.metric not in by_metric for term in utilities):
        return ()
    whole = sum(term.weight * clipped(by_metric[term.metric], term) for term in utilities)
    return (Baseline(name, whole, source=source),)


def board(
    marks: Sequence[Mark],
    assignment: Assignment,
    criterion: Accuracy,
    names: Mapping[str, str],
    baselines: Sequence[Baseline],
) -> Board:
    """Ranked rows with the baselines among them, the rows without a rank, and the axis that they share."""
    decimals, sign = board_decimals(assignment, criterion), _sign(assignment)
    ranked = ranked_groups(marks, assignment, criterion, decimals)
    standings = ranked.ranking.teams if ranked.ranking else [None] * len(ranked.groups)

    # A row uses no more digits than it shows: a position on the axis would give the others away.
    groups = [_as_shown(group, decimals) for group in ranked.groups]
    baselines = [_as_shown(baseline, decimals) for baseline in baselines]
    axis = _axis(groups, baselines, None if assignment.leaderboard.utilities else criterion, sign)

    shown = [sign * group.score for group in groups]
    rows = [
        _row(group.mark, names, axis, criterion, group, shown.count(own) > 1, 1 + sum(s > own for s in shown), standing)
        for group, own, standing in zip(groups, shown, standings, strict=True)
    ]
    for baseline in baselines:
        line = whisker(axis, baseline.score, baseline.interval)
        own = (baseline.score, baseline.interval, line)
        rows.append(BoardRow(None, False, baseline.name, *own, "", None, 0, baseline.source, False))
    rows.sort(key=lambda row: (-sign * (row.score or 0.0), not row.team, row.name.casefold()))
    with_rank = {group.mark.group for group in ranked.groups}
    apart = [_row(mark, names, axis, criterion) for mark in marks if mark.group not in with_rank]
    apart.sort(key=lambda row: (row.status, row.name.casefold()))
    guides = tuple(dict.fromkeys(axis.at(baseline.score) for baseline in baselines if not axis.beyond(baseline.score)))
    return Board(tuple(rows), tuple(apart), axis, guides, ranked.ranking)


def _axis(groups: Sequence[RankedGroup], baselines: Sequence[Baseline], criterion: Accuracy | None, sign: int) -> Axis:
    """An axis that begins at the worst score of a group, so that the groups have its room, and ends at the best score.

    A worse baseline lies outside. `criterion` is None where a utility ranks.
    """
    values = [value for group in groups for value in (group.score, *(group.interval or ()))]
    if criterion is not None:
        values = within_sight(criterion, values)
    worst = min((sign * value for value in values), default=None)
    above = [row.score for row in baselines if worst is None or sign * row.score > worst]
    return axis_of([*values, *above] or [0.0, 1.0], rising=sign > 0)


def _as_shown(row: AnyRow, decimals: int) -> AnyRow:
    interval = row.interval and (round(row.interval[0], decimals), round(row.interval[1], decimals))
    return replace(row, score=round(row.score, decimals), interval=interval)


def _row(
    mark: Mark,
    names: Mapping[str, str],
    axis: Axis,
    criterion: Accuracy,
    group: RankedGroup | None = None,
    tied: bool = False,
    rank: int | None = None,
    standing: TeamRank | None = None,
) -> BoardRow:
    tests = [f for f in mark.findings if f.kind == "hidden_test"]
    unknown = any(f.verdict is Verdict.UNKNOWN for f in tests)
    points = group.finding.points if group else None
    return BoardRow(
        rank=rank,
        tied=tied,
        name=names[mark.group],
        score=group.score if group else None,
        interval=group.interval if group else None,
        whisker=whisker(axis, group.score, group.interval) if group else None,
        points="" if points is None else str(rounded(points)),
        passed=None if unknown or not tests else sum(f.verdict is Verdict.PASSED for f in tests),
        tests=len(tests),
        status=_status(mark, group, criterion),
        team=True,
        standing=standing,
        parts=group.parts if group else (),
        failed=group.failed if group else 0,
        answer_count=group.answer_count if group else None,
    )


def _status(mark: Mark, group: RankedGroup | None, criterion: Accuracy) -> str:
    if group is not None or mark.status not in (Status.MARKED, Status.INCOMPLETE):
        return _BOARD_STATUS[mark.status]
    reason = next((f.reason for f in mark.findings if f.criterion == criterion.id and f.kind == "accuracy"), None)
    # Of the cause only the reason: kind, line and text concern the group alone.
    why = REASON_WORDS.get(reason or "", "")
    return f"no usable answer: {why}" if why else "no usable answer"


_BOARD_STATUS: Final[Mapping[Status, str]] = {
    Status.MARKED: "marked",
    Status.INCOMPLETE: "marked in part",
    Status.WITHHELD: "withheld",
    Status.NOT_SUBMITTED: "not submitted",
    # The kind of decision is private.
    **dict.fromkeys(BY_DECISION, "no mark"),
}
