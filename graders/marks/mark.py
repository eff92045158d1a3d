"""What a mark is: findings with their points, the sum of these, and the one rounding at the end, half up.

`graders.marks.findings` makes findings from results. One person's mark is computed in `graders.marks.personal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final

from assignments.rubric import Level, RubricLine
from graders.course.course import Rounding
from graders.marks.shown_scores import Distribution, ShownMetric
from graders.record.decisions import CODES
from graders.record.documents import Cause, Explained, FailedCases, FalsePositives, Measured, PublicScores


class Verdict(StrEnum):
    """The result of one finding. `unknown` is open, or a toolkit failure: no points are given and none are lost."""

    PASSED = "passed"
    PARTIAL = "partial"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Status(StrEnum):
    """The state of a mark."""

    MARKED = "marked"
    INCOMPLETE = "incomplete"
    """A part that a person marks, or an anchor that a person sets, is missing; never exported as zero."""
    WITHHELD = "withheld"
    """A toolkit failure prevents the mark."""
    NOT_SUBMITTED = "not_submitted"
    """Nothing was handed in; not the same as 0."""
    DEFERRED = "deferred"
    ABSENT = "absent"
    EXCUSED = "excused"
    HELD = "held"


BY_DECISION: Final = tuple(map(Status, CODES))
"""A person decided that there is no mark. It has no number, and it is not 0."""


@dataclass(frozen=True)
class HeldCap:
    """A cap whose condition is true."""

    when: str
    """The condition, in words."""
    at: Fraction
    """The largest share of the points that is given."""


@dataclass(frozen=True)
class Scored:
    """A score as everyone may read it: without values of single cases."""

    metric: str
    unit: str
    score: float
    interval: tuple[float, float] | None
    combine: str
    """How the repeats were combined."""
    repeats: int
    answers: int | None
    """How many answers were expected, over all repeats; None where it was not recorded."""
    failed: tuple[FailedCases, ...]
    false_positives: FalsePositives
    explained: Explained | None
    """A likely cause of a poor score."""
    share: Fraction | None
    """Of the criterion's points, after caps; None where the course has set no anchors for its cases yet."""
    caps: tuple[HeldCap, ...]
    """Those whose condition is true."""
    name: str = ""
    """The metric's name in words, where it differs."""
    too_few_repeats: int = 0
    """How many repeats there are, where they are too few for an interval."""
    also: tuple[ShownMetric, ...] = ()
    """Other metrics of the same answers."""
    distribution: Distribution | None = None
    """How the scores of all hidden answers are spread; None for a metric of the whole set."""
    public: PublicScores | None = None
    """The public cases whose pictures are shown; None where none were predicted."""


@dataclass(frozen=True)
class Cost:
    """The time that a hidden test took, and flags for staff."""

    cpu_s: float
    wall_s: float
    flags: tuple[str, ...]


@dataclass(frozen=True)
class MarkedLine:
    """One line of a rubric, as far as a person has marked it."""

    line: RubricLine
    points: Decimal | None = None
    """None while it is open."""
    comment: str = ""
    """The marker's, in Markdown."""
    answer: str = ""
    """What the group wrote, where it is a cell of a notebook: plain text."""

    @property
    def level(self) -> Level | None:
        """The level reached; None while it is open, and where the line has no levels."""
        return None if self.points is None else self.line.level_of(self.points)


@dataclass(frozen=True)
class Finding:
    """The result of one criterion or test."""

    id: str
    """`<criterion>/<name>`, for a test `<criterion>/<module>::<test>`."""
    kind: str
    """`hidden_test`, `public_test`, `accuracy`, `person` or `notice`."""
    criterion: str
    verdict: Verdict
    points: Decimal | None
    """None while unknown. A share that is not a decimal is cut at twelve places here; `exact` is the whole number."""
    out_of: Decimal
    title: str = ""
    """What was checked, for a test its docstring; or the text of a notice."""
    cause: Cause | None = None
    """Why it was not passed: the reason, and the line in the group's own code."""
    note: str = ""
    """Text for this finding alone: why nothing could be run, or the comment of the person who gave points."""
    void: bool = False
    """Whether staff declared the test void, so that its points are given to everyone."""
    scored: Scored | None = None
    """The score behind an accuracy finding; None where nothing was scored."""
    hint: str = ""
    """For a public test: what to do next."""
    mend: str = ""
    """Title of the test to mend first, where this one could not be asked and that one failed too."""
    rubric: tuple[MarkedLine, ...] = ()
    """The lines by which a person marks it; empty without a rubric."""
    waits_for: str = ""
    """For staff: why a part that people mark has no points yet."""
    line: int | None = None
    """For staff: at which of its lines a test ended."""
    cause_detail: str = ""
    """For staff: the cause in detail, such as an exception's type and message."""
    evidence: str = ""
    """For staff: may hold text that student code printed or raised."""
    measured: Measured | None = None
    """For staff: the criterion's own metric, case by case."""
    also: Mapping[str, Measured] = field(default_factory=dict)
    """For staff: the other metrics, by name."""
    cost: Cost | None = None
    """For staff: the time that a test took, and its flags."""
    exact: Fraction | None = None
    """The exact points where `points` had to be cut, so that three thirds add up to a whole."""

    @property
    def waits_for_anchors(self) -> bool:
        """Whether it has a score, and earns nothing before somebody sets the anchors."""
        return self.kind == "accuracy" and self.scored is not None and self.scored.share is None

    @property
    def is_open(self) -> bool:
        """Whether a person has still to decide its points: nothing failed."""
        return (self.kind == "person" and self.points is None) or self.waits_for_anchors

    @property
    def reason(self) -> str | None:
        """A word of the closed list in `graders.failures`, or None."""
        return self.cause.reason if self.cause else None

    @property
    def score(self) -> float | None:
        """The combined score of an accuracy finding, in the metric's unit."""
        return self.scored.score if self.scored else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the score behind an accuracy finding, in the metric's unit."""
        return self.scored.interval if self.scored else None


@dataclass(frozen=True)
class Mark:
    """The mark of one submission, and everything needed to trace it."""

    assignment: str
    group: str
    commit: str | None
    status: Status
    points: Decimal | None
    """Sum of the findings' points, rounded once; None unless marked, or incomplete (then the part marked so far)."""
    out_of: Decimal
    findings: tuple[Finding, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Assignment and data digests, image, sandbox, framework, versions, times, flags."""
    round_to: Rounding = "0.1"
    """What the course rounds marks to."""


NOT_GRADED = "not_graded"
"""Reason of a finding that `grade` has not computed yet: no failure."""


def is_ungraded(mark: Mark) -> bool:
    """Whether a withheld mark lacks only what was never run: nothing failed, `grade` has yet to be called."""
    unknown = [f for f in mark.findings if f.verdict is Verdict.UNKNOWN and not f.is_open]
    return mark.status is Status.WITHHELD and bool(unknown) and all(f.reason == NOT_GRADED for f in unknown)


def rounding_to(mark: Mark, to: Rounding) -> Mark:
    """The mark, rounded as a course rounds: from the exact points, so that nothing is rounded twice."""
    points = None if mark.points is None else rounded(earned(mark.findings), to)
    return mark if to == mark.round_to else replace(mark, points=points, round_to=to)


def added_up(mark: Mark) -> Mark:
    """The mark with the status and the points that follow from its findings."""
    status = _status(mark.findings)
    points = None if status is Status.WITHHELD else rounded(earned(mark.findings), mark.round_to)
    return replace(mark, status=status, points=points)


def rounded(points: Decimal | Fraction, to: Rounding = "0.1") -> Decimal:
    """The one rounding of a mark: to one decimal or to a whole, half up (a half goes away from zero)."""
    step = Decimal(to)
    steps = (abs(Fraction(points)) / Fraction(step) + Fraction(1, 2)).__floor__()
    return step * (-steps if points < 0 else steps)


def exact_percent(mark: Mark) -> Fraction | None:
    """The mark in per cent with nothing rounded; None unless marked."""
    return earned(mark.findings) * 100 / Fraction(mark.out_of) if mark.status is Status.MARKED else None


def rounded_percent(mark: Mark) -> Decimal | None:
    """The mark in per cent, rounded as the course rounds, from its findings, so that nothing is rounded twice.

    None unless marked.
    """
    exact = exact_percent(mark)
    return None if exact is None else rounded(exact, mark.round_to)


def earned(findings: Iterable[Finding]) -> Fraction:
    """The points that findings earned together, unknown findings left out; nothing is rounded."""
    points = (Fraction(f.points) if f.exact is None else f.exact for f in findings if f.points is not None)
    return sum(points, Fraction(0))


def points_lost(findings: Iterable[Finding]) -> Decimal:
    """What findings did not earn together, in the points that people read; an unknown finding earned nothing yet."""
    return sum((finding.out_of - (finding.points or 0) for finding in findings), Decimal(0))


def _status(findings: Iterable[Finding]) -> Status:
    unknown = {finding.is_open for finding in findings if finding.verdict is Verdict.UNKNOWN}
    if False in unknown:
        return Status.WITHHELD
    return Status.INCOMPLETE if unknown else Status.MARKED
