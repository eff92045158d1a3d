"""From a cohort's marks to what the leaderboard ranks: one score a group, and the values by subject behind it.

It reads the staff's details of findings, since intervals of ranks need every subject; what leaves this file is of whole
groups. The statistics are those of `graders.scoring.ranking`.
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
class Entry:
    """What one ranked group scored."""

    mark: Mark
    finding: Finding
    """Of the first accuracy criterion, as a student may read it."""
    score: float
    """The metric, or the utility of several."""
    interval: tuple[float, float] | None
    parts: tuple[tuple[str, float], ...]
    """What each metric contributes to a utility; empty where one metric ranks."""
    failed: int
    """Answers that failed, each at the worst value there is."""
    asked: int | None
    """Answers that were asked for; None where that was not recorded."""


@dataclass(frozen=True)
class Field:
    """The groups that can be ranked."""

    entries: tuple[Entry, ...]
    ranking: Ranking | None
    """None where groups were not scored on the same subjects, or what they scored there was not kept."""


def field_of(marks: Sequence[Mark], assignment: Assignment, criterion: Accuracy, places: int) -> Field:
    """Who has a score that may stand in the order, and the statistics of that order."""
    terms = assignment.leaderboard.utilities
    rows: list[tuple[Mark, Finding, list[Measured]]] = []
    for mark in marks:
        finding = _scored(mark, criterion)
        found = [_measured(mark, assignment, term.metric) for term in terms] or [_of(mark, criterion)]
        if finding is not None and all(one is not None and isfinite(one.score) for one in found):
            rows.append((mark, finding, [one for one in found if one is not None]))
    if not rows:
        return Field((), None)
    by_metric = [[found[i] for _, _, found in rows] for i in range(len(terms) or 1)]
    shares = [_shares(found, term) for found, term in zip(by_metric, terms, strict=True)] if terms else []
    if terms:
        scores = _weighted([s for _, s in shares], terms)
    else:
        scores = _scores(by_metric[0], rising=criterion.anchors.rising)
    entries = []
    for number, (mark, finding, _) in enumerate(rows):
        score, interval = finding.score or 0.0, finding.interval
        parts = tuple((t.metric, t.weight * float(s[number])) for t, (s, _) in zip(terms, shares, strict=True))
        if terms:
            score = sum(part for _, part in parts)
            interval = None if scores is None else percentile_interval(scores.drawn[:, number])
        entries.append(Entry(mark, finding, score, interval, parts, *_failures(_of(mark, criterion))))
    seed = int.from_bytes(hashlib.sha256(repr(sorted(_subjects(by_metric[0][0]))).encode()).digest()[:4], "big")
    return Field(tuple(entries), None if scores is None else ranking(scores, places, seed))


def clipped(score: float, term: Utility) -> float:
    """The utility of one score, before its weight."""
    return float(utility(np.array(score), term.floor, term.target))


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


def _of(mark: Mark, criterion: Accuracy) -> Measured | None:
    """A criterion's own metric."""
    return next((found.measured for found in mark.findings if found.criterion == criterion.id and found.measured), None)


def _measured(mark: Mark, assignment: Assignment, metric: str) -> Measured | None:
    """A metric of whichever criterion scored it."""
    metric_of = {criterion.id: criterion.metric for criterion in assignment.criteria if isinstance(criterion, Accuracy)}
    for finding in mark.findings:
        if finding.measured is not None:
            by_name = {**finding.also, metric_of[finding.criterion]: finding.measured}
            if metric in by_name:
                return by_name[metric]
    return None


def _shares(found: Sequence[Measured], term: Utility) -> tuple[Floats, TeamScores | None]:
    """The utility of every group before its weight: the mean over subjects, or that of a whole set's score."""
    scores = _scores(found, rising=True, term=term)
    return (scores.value, scores) if scores else (np.array([clipped(one.score, term) for one in found]), None)


def _weighted(parts: Sequence[TeamScores | None], terms: Sequence[Utility]) -> TeamScores | None:
    known = [part for part in parts if part is not None]
    # Scores of subjects and of whole sets are resampled apart, so their sum has no interval.
    if len(known) < len(parts) or len({(part.paired is None, part.subjects) for part in known}) > 1:
        return None
    return weighted(known, [term.weight for term in terms])


def _scores(found: Sequence[Measured], *, rising: bool, term: Utility | None = None) -> TeamScores | None:
    """One metric of all groups on the same hidden subjects; None where the details do not give that."""

    def scaled(values: Floats) -> Floats:
        return values if term is None else utility(values, term.floor, term.target)

    texts = [one.drawn for one in found if one.drawn]
    counts = [one.subjects for one in found if one.subjects is not None]
    if len(texts) == len(counts) == len(found):
        if len({(one.bootstrap_seed, len(text)) for one, text in zip(found, texts, strict=True)}) > 1:
            return None
        drawn = np.stack([unpacked(text) for text in texts], axis=1)
        value = np.array([one.score for one in found])
        subjects = min(counts)
        placements = _placements(found) if term is None else None
        return TeamScores(scaled(value), scaled(drawn), None, subjects, rising, placements)
    columns = _subjects(found[0])
    tables = [_by_subject(one) for one in found]
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
    return scores_of_subjects(values, found[0].combine, seed=seed, shared=shared, rising=rising)


def _placements(found: Sequence[Measured]) -> tuple[Floats, Floats] | None:
    """What the AUROC of every group is the mean of, by positive and by negative case; None unless all have it."""
    parts = [[unpacked(part) for part in one.placements or ()] for one in found]
    if len({tuple(map(len, part)) for part in parts}) > 1 or not parts[0]:
        return None
    above, below = (np.stack(part) for part in zip(*parts, strict=True))
    return above, below


def _by_subject(measured: Measured) -> dict[tuple[int, str], float]:
    """Mean value by repeat and subject, failures at their worst; empty where a value is missing."""
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
