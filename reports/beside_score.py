"""What the accuracy section shows beside the score: other metrics, how the answers' scores are spread, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assignments.assignment import Accuracy, Assignment
from assignments.metric_words import metric_words
from graders.marks.mark import Mark, Scored
from reports.histogram import ScoreHistogram, cohort_of, histogram
from reports.numbers import fixed
from reports.public_pictures import PublicAlbum, PublicViews
from reports.sentences import SCORE_DECIMALS


@dataclass(frozen=True)
class AlsoRow:
    """Another metric, as one line of a table."""

    name: str
    score: str
    interval: str
    """Empty where there is none."""
    better: str
    """`higher` or `lower`; empty where it was not recorded."""


@dataclass(frozen=True)
class BesideScore:
    """All that stands beside one criterion's score."""

    also: tuple[AlsoRow, ...]
    histogram: ScoreHistogram | None
    public: PublicViews | None


@dataclass(frozen=True)
class Cohort:
    """What the pages of all groups of an assignment share."""

    shares: Mapping[str, tuple[float, ...]]
    """By criterion: the mean distribution over the groups; empty of few groups."""
    album: PublicAlbum

    @staticmethod
    def of(marks: Sequence[Mark], assignment: Assignment, answers: Path | None) -> Cohort:
        """The cohort of these marks; `answers` is the folder of stored answers, without which nothing is drawn."""
        criteria = [criterion for criterion in assignment.criteria if isinstance(criterion, Accuracy)]
        shares = {criterion.id: cohort_of(marks, criterion) for criterion in criteria}
        return Cohort(shares, PublicAlbum(assignment, answers))


def beside_score(scored: Scored, criterion: Accuracy, assignment: Assignment, cohort: Cohort | None) -> BesideScore:
    """What stands beside a score; without a `cohort` neither its line nor pictures are drawn."""
    shares = cohort.shares.get(criterion.id, ()) if cohort else ()
    rows = (
        AlsoRow(
            name=", ".join(filter(None, [_name(each.metric, criterion, assignment), each.unit])),
            score=fixed(each.score, SCORE_DECIMALS),
            interval=" to ".join(fixed(end, SCORE_DECIMALS) for end in each.interval or ()),
            better=each.better or "",
        )
        for each in scored.also
    )
    return BesideScore(
        tuple(rows),
        histogram(scored.distribution, criterion, shares) if scored.distribution else None,
        cohort.album.views(criterion, scored.public) if cohort else None,
    )


def _name(metric: str, criterion: Accuracy, assignment: Assignment) -> str:
    words = metric_words(metric, criterion, assignment.data.classes)
    return words[:1].upper() + words[1:]
