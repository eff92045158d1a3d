"""Prepares a cohort's marks for the leaderboard: one score a group, and its values by subject for the statistics.

Intervals of ranks need every subject, so this file reads the staff's details of findings. It returns values of whole
groups only. `graders.scoring.ranking` computes the statistics.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from assignments.assignment import Accuracy, Assignment, Utility
from graders.marks.mark import Finding, Mark, Status, Verdict
from graders.marks.visibility import visible
from graders.metrics import Floats
from graders.record.documents import Measured
from graders.scoring.intervals import percentile_interval, unpacked
from graders.scoring.ranking import Ranking, TeamScores, ranking, scores_of_subjects, utility, weighted


@dataclass(frozen=True)
class RankedGroup:
    """The score of one ranked group."""

    mark: Mark
    finding: Finding
    """Of the first accuracy criterion, as a student may read it."""
    score: float
    """The metric, or the utility of several."""
    interval: tuple[float, float] | None
    parts: tuple[tuple[str, float], ...]
    """What each metric contributes to a utility; empty where one metric ranks."""
    failed: int
    """Answers that failed, each at the worst value."""
    answer_count: int | None
    """Answers that were expected; None where this was not recorded."""


@dataclass(frozen=True)
class RankedGroups:
    """The groups that can be ranked."""

    groups: tuple[RankedGroup, ...]
    ranking: Ranking | None
    """None where the groups were not scored on the same subjects, or the record lacks the scores by subject."""


@dataclass(frozen=True)
class _Candidate:
    """A group with a score for every metric that ranks."""

    mark: Mark
    finding: Finding
    metrics: tuple[Measured, ...]


def ranked_groups(marks: Sequence[Mark], assignment: Assignment, criterion: Accuracy, decimals: int) -> RankedGroups:
    """The groups with a score that can be ranked, and the statistics of their order."""
    candidates = [each for mark in marks if (each := _candidate(mark, assignment, criterion)) is not None]
    if not candidates:
        return RankedGroups((), None)
    if assignment.leaderboard.utilities:
        groups, scores = _by_utility(candidates, criterion, assignment.leaderboard.utilities)
    else:
        groups, scores = _by_metric(candidates, criterion)
    subjects = sorted(_subjects(candidates[0].metrics[0]))
    seed = int.from_bytes(hashlib.sha256(repr(subjects).encode()).digest()[:4], "big")
    return RankedGroups(tuple(groups), None if scores is None else ranking(scores, decimals, seed))


def _candidate(mark: Mark, assignment: Assignment, criterion: Accuracy) -> _Candidate | None:
    """A group's finding and metrics; None if it cannot be ranked."""
    finding = _scored(mark, criterion)
    terms = assignment.leaderboard.utilities
    metrics = [_measured(mark, assignment, term.metric) for term in terms] or [_own_metric(mark, criterion)]
    finite = [metric for metric in metrics if metric is not None and isfinite(metric.score)]
    if finding is None or len(finite) < len(metrics):
        return None
    return _Candidate(mark, finding, tuple(finite))


def _by_metric(candidates: Sequence[_Candidate], criterion: Accuracy) -> tuple[list[RankedGroup], TeamScores | None]:
    """Groups by the criterion's own metric, and their scores by subject."""
    scores = _scores([candidate.metrics[0] for candidate in candidates], rising=criterion.anchors.rising)
    groups = [
        _ranked(candidate, criterion, candidate.finding.score or 0.0, candidate.finding.interval)
        for candidate in candidates
    ]
    return groups, scores


def _by_utility(
    candidates: Sequence[_Candidate], criterion: Accuracy, terms: Sequence[Utility]
) -> tuple[list[RankedGroup], TeamScores | None]:
    """Groups by a weighted sum of utilities, and their scores by subject where the sum has an interval."""
    by_term = [
        _unweighted([candidate.metrics[number] for candidate in candidates], term) for number, term in enumerate(terms)
    ]
    scores = _weighted([scores for _, scores in by_term], terms)
    groups = []
    for number, candidate in enumerate(candidates):
        parts = tuple(
            (term.metric, term.weight * float(values[number])) for term, (values, _) in zip(terms, by_term, strict=True)
        )
        interval = None if scores is None else percentile_interval(scores.drawn[:, number])
        groups.append(_ranked(candidate, criterion, sum(part for _, part in parts), interval, parts))
    return groups, scores


def _ranked(
    candidate: _Candidate,
    criterion: Accuracy,
    score: float,
    interval: tuple[float, float] | None,
    parts: tuple[tuple[str, float], ...] = (),
) -> RankedGroup:
    failed, answer_count = _failures(_own_metric(candidate.mark, criterion))
    return RankedGroup(candidate.mark, candidate.finding, score, interval, parts, failed, answer_count)


def clipped(score: float, term: Utility) -> float:
    """The utility of one score, before its weight."""
    return float(utility(np.array(score), term.floor, term.target))


def _scored(mark: Mark, criterion: Accuracy) -> Finding | None:
    """The accuracy finding of a mark, if the group can be ranked."""
    if mark.status not in (Status.MARKED, Status.INCOMPLETE):
        return None
    for finding in (visible(f, "student") for f in mark.findings):
        if finding.criterion == criterion.id and finding.kind == "accuracy":
            is_known = finding.verdict is not Verdict.UNKNOWN or finding.waits_for_anchors
            # A reason beside a score says that no answer was usable.
            if is_known and finding.reason is None and finding.score is not None and isfinite(finding.score):
                return finding
    return None


def _own_metric(mark: Mark, criterion: Accuracy) -> Measured | None:
    """A criterion's own metric."""
    return next((f.measured for f in mark.findings if f.criterion == criterion.id and f.measured), None)


def _measured(mark: Mark, assignment: Assignment, metric: str) -> Measured | None:
    """A metric, from whichever criterion scored it."""
    metric_of = {criterion.id: criterion.metric for criterion in assignment.criteria if isinstance(criterion, Accuracy)}
    for finding in mark.findings:
        if finding.measured is not None:
            by_name = {**finding.also, metric_of[finding.criterion]: finding.measured}
            if metric in by_name:
                return by_name[metric]
    return None


def _unweighted(teams: Sequence[Measured], term: Utility) -> tuple[Floats, TeamScores | None]:
    """The utility of every group before its weight: the mean over subjects, or the utility of a whole set's score."""
    scores = _scores(teams, rising=True, term=term)
    return (scores.value, scores) if scores else (np.array([clipped(team.score, term) for team in teams]), None)


def _weighted(parts: Sequence[TeamScores | None], terms: Sequence[Utility]) -> TeamScores | None:
    present = [part for part in parts if part is not None]
    # Scores of subjects and of whole sets are resampled separately, so their sum has no interval.
    if len(present) < len(parts) or len({(part.paired is None, part.subjects) for part in present}) > 1:
        return None
    return weighted(present, [term.weight for term in terms])


def _scores(teams: Sequence[Measured], *, rising: bool, term: Utility | None = None) -> TeamScores | None:
    """One metric of all groups on the same hidden subjects; None where the details do not suffice."""

    def scaled(values: Floats) -> Floats:
        return values if term is None else utility(values, term.floor, term.target)

    texts = [team.drawn for team in teams if team.drawn]
    counts = [team.subjects for team in teams if team.subjects is not None]
    if len(texts) == len(counts) == len(teams):
        if len({(team.bootstrap_seed, len(text)) for team, text in zip(teams, texts, strict=True)}) > 1:
            return None
        drawn = np.stack([unpacked(text) for text in texts], axis=1)
        value = np.array([team.score for team in teams])
        subjects = min(counts)
        placements = _placements(teams) if term is None else None
        return TeamScores(scaled(value), scaled(drawn), None, subjects, rising, placements)
    columns = _subjects(teams[0])
    tables = [_by_subject(team) for team in teams]
    if not columns or any(table.keys() != columns for table in tables):
        return None
    repeats = sorted({repeat for repeat, _ in columns})
    of_repeat = [sorted(subject for number, subject in columns if number == repeat) for repeat in repeats]
    values = [
        scaled(np.array([[table[repeat, subject] for subject in subjects] for table in tables]))
        for repeat, subjects in zip(repeats, of_repeat, strict=True)
    ]
    seed = int.from_bytes(hashlib.sha256(repr(of_repeat).encode()).digest()[:4], "big")
    shared = all(subjects == of_repeat[0] for subjects in of_repeat)
    return scores_of_subjects(values, teams[0].combine, seed=seed, shared=shared, rising=rising)


def _placements(teams: Sequence[Measured]) -> tuple[Floats, Floats] | None:
    """The placements whose mean is each group's AUROC, by positive and negative case; None unless all have them."""
    parts = [[unpacked(part) for part in team.placements or ()] for team in teams]
    if len({tuple(map(len, part)) for part in parts}) > 1 or not parts[0]:
        return None
    above, below = (np.stack(part) for part in zip(*parts, strict=True))
    return above, below


def _by_subject(measured: Measured) -> dict[tuple[int, str], float]:
    """Mean value by repeat and subject, failures at the worst value; empty where a value is missing."""
    grouped: dict[tuple[int, str], list[float]] = {}
    for case in measured.cases:
        if case.state != "set_apart":
            if case.value is None or not isfinite(case.value):
                return {}
            grouped.setdefault((case.repeat, case.subject), []).append(case.value)
    return {key: sum(values) / len(values) for key, values in grouped.items()}


def _subjects(measured: Measured) -> set[tuple[int, str]]:
    return set(_by_subject(measured))


def _failures(measured: Measured | None) -> tuple[int, int | None]:
    return (0, None) if measured is None else (len(measured.failed), measured.case_count)
