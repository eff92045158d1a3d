"""Makes the findings of a submission from its results, and its mark from them: every step from a score to points.

Anchors, scores and caps count as the decimals they are written as, and shares are fractions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from assignments.assignment import Accuracy, Anchors, Assignment, HiddenTests, Person, anchor_shares
from assignments.declared_tests import DeclaredTest
from assignments.errors import UserError
from assignments.metric_words import condition_words, metric_words
from graders.failures import InternalFailure, NotAccepted
from graders.marks.mark import Cost, Finding, HeldCap, Mark, Scored, Status, Verdict, added_up
from graders.marks.shown_scores import distribution_of, shown_also, shown_interval, too_few_repeats
from graders.marks.spending import most_of, sum_of
from graders.marks.words import cause_words
from graders.record.documents import AnswersResult, Cause, JobResult, ScoreResult, Trouble
from graders.scoring.caps import holds

TEST_NOT_RUN = "not_run"
NOT_SCORED = "not_scored"


@dataclass(frozen=True)
class HandedIn:
    """The commit of a group that counts."""

    group: str
    commit: str | None
    """None where nothing was handed in."""
    refused: str = ""
    """Why nothing of this commit could be run, as the intake says it: every missing result has then failed."""


@dataclass(frozen=True)
class MarkDecisions:
    """The decisions that enter a group's mark."""

    points: Mapping[str, Decimal] = field(default_factory=dict)
    """Points that a person gave, by criterion; a missing criterion leaves the mark incomplete."""
    void_tests: Mapping[str, str] = field(default_factory=dict)
    """By a void test's id: who declared it void and why. Its points are given to everyone with a commit, so that nobody
    loses points by a faulty test."""


NO_ANCHORS = "no anchors are set for these cases"
"""Why a score has no points yet, where a course sets other cases than the assignment's own."""


def share_of_points(anchors: Anchors, level: int, score: float) -> Fraction:
    """Share of the points that a score earns: piecewise linear through the anchors, which may rise or fall."""
    values, shares = [_exact(value) for value in anchors.values()], anchor_shares(level)
    sign = anchors.sign
    at = _exact(score)
    if sign * at <= sign * values[0]:
        return shares[0]
    for left, right, low, high in zip(values, values[1:], shares, shares[1:], strict=False):
        if sign * at <= sign * right:
            return low + (high - low) * (at - left) / (right - left)
    return shares[-1]


def caps_that_hold(criterion: Accuracy, classes: Sequence[str], result: ScoreResult) -> tuple[HeldCap, ...]:
    """The caps whose condition is true of a score. A metric that the score lacks is a toolkit failure.

    Args:
        classes: Names of the classes by number, as the pages say them.
    """
    measured = {criterion.metric: result.measurement, **result.also}
    held = []
    for cap in criterion.caps:
        condition = cap.condition
        if condition.metric not in measured:
            raise InternalFailure(f"cap {cap.when!r}: {condition.metric} is not among {', '.join(measured)}")
        if holds(condition, measured[condition.metric]):
            held.append(HeldCap(condition_words(condition, criterion, classes), _exact(cap.at)))
    return tuple(held)


def mark_of(
    assignment: Assignment,
    tests: Sequence[DeclaredTest],
    handed_in: HandedIn,
    result: JobResult,
    decided: MarkDecisions,
    provenance: Mapping[str, Any],
) -> Mark:
    """The mark of one submission: every expected result enters it, not only those that exist.

    Args:
        tests: Every declared hidden test. One without a result was not run: failed, or unknown after a toolkit failure.
        result: The results of the submission's stages; `trouble` says why some are missing, if the toolkit failed.
    """
    out_of = Decimal(assignment.points)
    if assignment.limits.gpus and result.answers:
        provenance = {**provenance, "gpu": _gpu_use(result.answers.values())}
    nothing = Mark(assignment.id, handed_in.group, handed_in.commit, Status.NOT_SUBMITTED, None, out_of, (), provenance)
    if handed_in.commit is None:
        return nothing
    findings: list[Finding] = []
    for criterion in assignment.criteria:
        if isinstance(criterion, HiddenTests):
            declared = [test for test in tests if test.criterion == criterion.id]
            if sum(test.points for test in declared) != criterion.points:
                raise InternalFailure(f"the tests of {criterion.id!r} do not add up to {criterion.points} points")
            for test in declared:
                finding = _test_finding(test, result, handed_in.refused)
                finding = replace(finding, mend=_to_mend(finding, result, tests))
                void = decided.void_tests.get(test.id)
                findings.append(finding if void is None else _voided(finding, void))
        elif isinstance(criterion, Accuracy):
            findings.append(_accuracy_finding(criterion, assignment, result, handed_in.refused))
        else:
            findings.append(_person_finding(criterion, decided.points.get(criterion.id)))
    return added_up(replace(nothing, findings=tuple(findings)))


def _gpu_use(answers: Iterable[AnswersResult]) -> dict[str, float | None]:
    """What the answers of all repeats took of GPUs; None where no repeat was measured."""
    repeats = list(answers)
    return {
        "peak_mb": most_of(each.gpu_peak_mb for each in repeats),
        "busy_s": sum_of(each.gpu_busy_s for each in repeats),
    }


def with_points(mark: Mark, assignment: Assignment, points: Mapping[str, Decimal]) -> Mark:
    """The mark with other points for criteria that a person marks: one member's points for their contribution."""
    findings = []
    for finding in mark.findings:
        criterion = assignment.criterion(finding.criterion) if finding.kind == "person" else None
        if isinstance(criterion, Person) and finding.criterion in points:
            finding = _person_finding(criterion, points[finding.criterion])
        findings.append(finding)
    if mark.status not in (Status.MARKED, Status.INCOMPLETE):
        return replace(mark, findings=tuple(findings))
    return added_up(replace(mark, findings=tuple(findings)))


def _missing(refused: str, trouble: Trouble | None, reason: str) -> tuple[Verdict, Cause, str]:
    """Verdict, cause and evidence of a missing result: unknown after a toolkit failure, else failed."""
    if refused:
        return Verdict.FAILED, Cause(NotAccepted.reason), ""
    if trouble is not None:
        return Verdict.UNKNOWN, Cause(trouble.reason), trouble.evidence
    return Verdict.FAILED, Cause(reason), ""


def _test_finding(test: DeclaredTest, result: JobResult, refused: str) -> Finding:
    def finding(verdict: Verdict, cause: Cause | None, evidence: str) -> Finding:
        return Finding(
            id=f"{test.criterion}/{test.id}",
            kind="hidden_test",
            criterion=test.criterion,
            verdict=verdict,
            points={Verdict.PASSED: Decimal(test.points), Verdict.FAILED: Decimal(0)}.get(verdict),
            out_of=Decimal(test.points),
            title=test.docstring,
            cause=cause,
            evidence=evidence,
        )

    outcome = result.tests.get(test.id)
    if outcome is None:
        return replace(finding(*_missing(refused, result.trouble, TEST_NOT_RUN)), note=refused)
    printed = f"printed:\n{outcome.printed}" if outcome.printed else ""
    evidence = "\n".join(filter(None, [outcome.evidence, printed]))
    cost = Cost(outcome.cpu_s, outcome.wall_s, outcome.flags)
    judged = finding(Verdict(outcome.verdict), outcome.cause, evidence)
    return replace(judged, cause_detail=outcome.cause_detail, line=outcome.line, cost=cost)


def _to_mend(finding: Finding, result: JobResult, tests: Sequence[DeclaredTest]) -> str:
    """The title of the test that a finding's cause says to mend first; empty if that one passed."""
    id = finding.cause.mend if finding.cause else ""
    outcome = result.tests.get(id)
    if outcome is None or outcome.verdict != "failed":
        return ""
    return next((test.docstring for test in tests if test.id == id), "")


def _voided(finding: Finding, why: str) -> Finding:
    """A void test's finding: passed, with its earlier result as evidence."""
    before = f"{finding.verdict}: {cause_words(finding.cause) if finding.cause else ''}\n{finding.evidence}".strip()
    cost = finding.cost or Cost(0.0, 0.0, ())
    return replace(
        finding,
        verdict=Verdict.PASSED,
        points=finding.out_of,
        cause=None,
        note="",
        mend="",
        void=True,
        evidence=f"{why}\n{before}",
        cost=replace(cost, flags=(*cost.flags, "void")),
    )


def _accuracy_finding(criterion: Accuracy, assignment: Assignment, result: JobResult, refused: str) -> Finding:
    def finding(verdict: Verdict, points: Decimal | None, cause: Cause | None, evidence: str) -> Finding:
        return Finding(
            id=f"{criterion.id}/{criterion.metric}",
            kind="accuracy",
            criterion=criterion.id,
            verdict=verdict,
            points=points,
            out_of=Decimal(criterion.points),
            cause=cause,
            evidence=evidence,
        )

    outcome = result.scores.get(criterion.id)
    if outcome is None:
        trouble = result.trouble or Trouble(InternalFailure.reason, NOT_SCORED)
        verdict, cause, evidence = _missing(refused, trouble, NOT_SCORED)
        points = Decimal(0) if verdict is Verdict.FAILED else None
        return replace(finding(verdict, points, cause, evidence), note=refused)
    if outcome.measured is None:
        return finding(Verdict.UNKNOWN, None, outcome.cause, outcome.evidence)
    name = metric_words(criterion.metric, criterion, assignment.data.classes)
    scored = replace(_scored(criterion, assignment, outcome), name=name)
    verdict, exact = Verdict.UNKNOWN, None
    if scored.share is not None:
        verdict = Verdict.FAILED if scored.share == 0 else Verdict.PASSED if scored.share == 1 else Verdict.PARTIAL
        exact = scored.share * criterion.points
    explained = outcome.explained.evidence if outcome.explained else ""
    evidence = "\n".join(filter(None, [outcome.evidence, explained]))
    return replace(
        finding(verdict, None if exact is None else _decimal(exact), outcome.cause, evidence),
        exact=exact,
        waits_for=NO_ANCHORS if exact is None else "",
        cause_detail=outcome.cause_detail,
        scored=scored,
        measured=outcome.measured,
        also=outcome.also,
    )


def _scored(criterion: Accuracy, assignment: Assignment, outcome: ScoreResult) -> Scored:
    """The public parts of a score, each named here: a field that a result gains later stays private."""
    measured = outcome.measurement
    held = caps_that_hold(criterion, assignment.data.classes, outcome)
    share = None
    if isinstance(criterion.anchors, Anchors):
        whole = share_of_points(criterion.anchors, assignment.level, measured.score)
        share = min([whole, *(cap.at for cap in held)])
    return Scored(
        metric=measured.metric,
        unit=measured.unit,
        score=measured.score,
        interval=shown_interval(measured, criterion),
        combine=measured.combine,
        repeats=len(measured.repeats),
        answers=measured.case_count,
        failed=outcome.failed,
        false_positives=measured.false_positives,
        explained=outcome.explained and replace(outcome.explained, evidence=""),
        share=share,
        caps=held,
        too_few_repeats=too_few_repeats(measured, criterion),
        also=shown_also(outcome, criterion),
        distribution=distribution_of(outcome, criterion),
        public=outcome.public,
    )


def _person_finding(criterion: Person, points: Decimal | None) -> Finding:
    id, out_of = f"{criterion.id}/{criterion.id}", Decimal(criterion.points)
    if points is None:
        return Finding(id, "person", criterion.id, Verdict.UNKNOWN, None, out_of)
    if not points.is_finite() or not 0 <= points <= out_of:
        raise UserError(f"{criterion.id}: {points} points are not from 0 to {out_of}: correct them and grade again")
    verdict = Verdict.FAILED if points == 0 else Verdict.PASSED if points == out_of else Verdict.PARTIAL
    return Finding(id, "person", criterion.id, verdict, points, out_of)


@lru_cache(maxsize=4096)
def _exact(number: float) -> Fraction:
    """The decimal that a float is written as: 0.62 is 62/100, so a score at an anchor earns that anchor's share."""
    return Fraction(repr(float(number)))


def _decimal(points: Fraction) -> Decimal:
    """A fraction to twelve decimals: far beyond the one that counts, and thirds still add up to a whole."""
    exact = Decimal(points.numerator) / Decimal(points.denominator)
    return exact.quantize(Decimal("1e-12"), ROUND_HALF_EVEN)
