"""The checks of a feedback page as its lines: one for each finding, those that failed by one cause together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from graders.marks.causes import common_causes
from graders.marks.cures import cure_of_cause
from graders.marks.mark import Finding, Verdict
from graders.marks.visibility import Audience
from graders.marks.words import reason_words
from graders.record.documents import Measured
from reports.next_step import NextStep
from reports.sentences import cause_sentence, sentence, title, why


@dataclass(frozen=True)
class FindingLine:
    """One check, or one part that a person marks, as the page lists it."""

    state: str
    title: str
    explanation: str
    points: Decimal | None
    out_of: Decimal
    finding: Finding
    """As far as the audience may read it."""
    detail: str
    """For staff: the numbers behind the finding."""


@dataclass(frozen=True)
class LineGroup:
    """Checks that failed for one cause, which is said once; or a single check."""

    lines: tuple[FindingLine, ...]
    waiting: tuple[FindingLine, ...] = ()
    """Those that could not be asked until one of `lines` passes."""
    why: str = ""
    """The cause of several checks, as a sentence."""
    cure: str = ""

    @property
    def all(self) -> tuple[FindingLine, ...]:
        """Every check that hangs on the cause."""
        return (*self.lines, *self.waiting)


@dataclass(frozen=True)
class Checks:
    """The hidden tests of all criteria, by what there is to do."""

    to_mend: tuple[LineGroup, ...]
    """Without those of the next step; the costliest cause first."""
    open: tuple[FindingLine, ...]
    """Not marked yet."""
    hold: tuple[FindingLine, ...]
    lost: tuple[FindingLine, ...]
    """What failed by the cause that is the next step; the accuracy may be among it."""
    count: int

    @property
    def failed(self) -> tuple[FindingLine, ...]:
        """Those of `to_mend`."""
        return tuple(line for group in self.to_mend for line in group.all)


def checks_of(findings: Sequence[Finding], step: NextStep, audience: Audience) -> Checks:
    """The hidden tests among findings that the audience may read, with what the next step took out of them."""
    tests = [finding for finding in findings if finding.kind == "hidden_test"]
    lines = {finding.id: line_of(finding, audience) for finding in findings}
    here = {finding.id for finding in step.lost}
    groups = [
        LineGroup(
            lines=tuple(lines[finding.id] for finding in cause.failed if finding.kind != "accuracy"),
            waiting=tuple(lines[finding.id] for finding in cause.waiting),
            why=cause_sentence(cause.cause, cause.kinds),
            cure=sentence(cure_of_cause(cause.cause)),
        )
        for cause in common_causes(findings)
        if not here & {finding.id for finding in cause.findings}
    ]
    grouped = here | {line.finding.id for group in groups for line in group.all}
    failed = [test.id for test in tests if test.verdict in (Verdict.FAILED, Verdict.PARTIAL)]
    groups += [LineGroup((lines[id],)) for id in failed if id not in grouped]
    return Checks(
        to_mend=tuple(group for group in groups if group.lines),
        open=tuple(lines[test.id] for test in tests if test.verdict is Verdict.UNKNOWN),
        hold=tuple(lines[test.id] for test in tests if test.verdict is Verdict.PASSED),
        lost=tuple(lines[finding.id] for finding in step.lost),
        count=len(tests),
    )


def line_of(finding: Finding, audience: Audience) -> FindingLine:
    """A test's docstring is the title; below it stands why the test failed."""
    detail = _numbers_behind(finding)
    return FindingLine(
        state="open" if finding.is_open else str(finding.verdict),
        title=title(finding) or finding.id,
        explanation=sentence(why(finding) or (reason_words(finding.reason) if finding.reason else "")),
        points=finding.points,
        out_of=finding.out_of,
        finding=finding,
        detail=json.dumps(detail, indent=1, default=str) if detail and audience == "staff" else "",
    )


def _numbers_behind(finding: Finding) -> dict[str, object]:
    """The numbers behind a finding, without the resampled scores and the placements, which are for the leaderboard."""
    numbers: dict[str, object] = {}
    if finding.cost:
        numbers["cost"] = asdict(finding.cost)
    if finding.scored and finding.measured:
        numbers["share"] = None if finding.scored.share is None else float(finding.scored.share)
        numbers["caps"] = [cap.when for cap in finding.scored.caps]
        numbers["measured"] = _numbers(finding.measured)
        if finding.also:
            numbers["also"] = {name: _numbers(also) for name, also in finding.also.items()}
        if finding.scored.explained:
            numbers["explained"] = asdict(finding.scored.explained)
    return numbers


def _numbers(measured: Measured) -> dict[str, object]:
    return {name: value for name, value in asdict(measured).items() if name not in ("drawn", "placements")}
