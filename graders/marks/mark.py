"""Findings and marks: the types, and all arithmetic from a score to points. Reads nothing, runs nothing.

Arithmetic is exact: anchors, scores and caps count as the decimals they are written as, shares are fractions, and a
mark is rounded once, at the end, half up. What concerns one person is in `graders.marks.personal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final

from assignments.assignment import Accuracy, Anchors, Assignment, HiddenTests, Person, pass_percent
from assignments.errors import UserError
from graders.course.course import Rounding
from graders.failures import InternalFailure, NotAccepted
from graders.marks.visibility import Audience, visible, visible_provenance
from graders.record.decisions import CODES
from graders.scoring.caps import holds


class Verdict(StrEnum):
    """What is known of one finding. `unknown` is ours to cure: no points are given and none are lost."""

    PASSED = "passed"
    PARTIAL = "partial"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Status(StrEnum):
    """What a mark is."""

    MARKED = "marked"
    INCOMPLETE = "incomplete"
    """A person's part is missing; never exported as zero."""
    WITHHELD = "withheld"
    """A toolkit failure stands in the way."""
    NOT_SUBMITTED = "not_submitted"
    """Nothing was handed in; not the same as 0."""
    DEFERRED = "deferred"
    ABSENT = "absent"
    EXCUSED = "excused"
    HELD = "held"


BY_DECISION: Final = tuple(map(Status, CODES))
"""A person decided that there is no mark. Not a number is left of it, and it is not 0."""


@dataclass(frozen=True)
class Finding:
    """One judged answer."""

    id: str
    """`<criterion>/<name>`, for a test `<criterion>/<module>::<test>`."""
    kind: str
    """`hidden_test`, `public_test`, `accuracy`, `person` or `notice`."""
    criterion: str
    verdict: Verdict
    points: Decimal | None
    """None while unknown. A share that is no decimal is cut at twelve places here; `exact` has all of it."""
    out_of: Decimal
    told: str
    """What the student may read."""
    reason: str | None = None
    """A word of the closed list in `graders.failures`, or None."""
    evidence: str = ""
    """For staff: may hold what student code printed or raised."""
    interval: tuple[float, float] | None = None
    """95 % interval of the score behind an accuracy finding, in the metric's unit."""
    score: float | None = None
    """The combined score of an accuracy finding, in the metric's unit."""
    hint: str = ""
    """For a public test: how to go on."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Plain numbers for the staff's page: per case scores and states, repeats, CPU seconds."""
    exact: Fraction | None = None
    """The points that count where `points` had to be cut: thirds of three criteria add up to a whole."""


@dataclass(frozen=True)
class Mark:
    """What one submission earned, and all that is needed to trace it."""

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


COMPARED = ("asked", "subjects", "unit", "drawn", "placements", "also", "explained")
"""What a leaderboard needs of a ScoreDoc beside its cases."""
SCORE_PLACES = 3
"""Decimal places of a score on a student's page and in a student's JSON."""
NOT_RUN = "the check did not run"
NOT_GRADED = "not graded yet"
"""Reason of what was never run, which is nobody's fault."""
NOT_SCORED = "the score has not been computed"
VOID = "This check was ours to get right and is void: its points are given to everyone."


def anchor_shares(level: int) -> tuple[Fraction, ...]:
    """Shares of a criterion's points at its anchors, trivial to ceiling; the pass anchor is worth more at level 7."""
    hundredths = (0, pass_percent(level), 60, 70, 85, 100)
    return tuple(Fraction(h, 100) for h in hundredths)


def share(anchors: Anchors, level: int, score: float) -> Fraction:
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


def caps_that_hold(criterion: Accuracy, document: Mapping[str, Any]) -> tuple[tuple[str, Fraction], ...]:
    """Condition and ceiling of each cap that is true of a ScoreDoc. A metric it does not hold is ours to cure."""
    measured = {criterion.metric: document, **document["also"]}
    held = []
    for cap in criterion.caps:
        condition = cap.condition
        if condition.metric not in measured:
            raise InternalFailure(f"cap {cap.when!r}: {condition.metric} is not among {', '.join(measured)}")
        if holds(condition, measured[condition.metric]):
            held.append((cap.when, _exact(cap.at)))
    return tuple(held)


def mark_of(
    assignment: Assignment,
    group: str,
    commit: str | None,
    tests: Mapping[str, Mapping[str, Any]],
    points: Mapping[str, tuple[str, int]],
    docstrings: Mapping[str, str],
    scores: Mapping[str, Mapping[str, Any]],
    persons: Mapping[str, Decimal],
    provenance: Mapping[str, Any],
    *,
    not_accepted: str | None = None,
    toolkit_failure: Mapping[str, Any] | None = None,
    void_tests: Mapping[str, str] | None = None,
) -> Mark:
    """The mark of one submission, of all that is expected and never only of what came back.

    Args:
        tests: TestDoc by test id. A declared test without one was not run: failed, or unknown after a toolkit failure.
        points: Criterion and points of every declared hidden test, by id.
        docstrings: The line that the student reads, by test id.
        scores: ScoreDoc by accuracy criterion.
        persons: Points that a person has given, by criterion; a missing one leaves the mark incomplete.
        not_accepted: Why nothing of this commit could be run, in our words: whatever is missing has then failed.
        toolkit_failure: The marker process's failure, if it had one: `reason` and `evidence`.
        void_tests: Who declared a test void and why, by its id: its points are given to everyone with a commit, so
            that nobody loses by a fault of ours.
    """
    out_of = Decimal(assignment.points)
    nothing = Mark(assignment.id, group, commit, Status.NOT_SUBMITTED, None, out_of, (), provenance)
    if commit is None:
        return nothing
    findings: list[Finding] = []
    for criterion in assignment.criteria:
        if isinstance(criterion, HiddenTests):
            declared = [(id, worth) for id, (of, worth) in points.items() if of == criterion.id]
            if sum(worth for _, worth in declared) != criterion.points:
                raise InternalFailure(f"the tests of {criterion.id!r} do not add up to {criterion.points} points")
            for id, worth in declared:
                document = tests.get(id) or _missing(NOT_RUN, not_accepted, toolkit_failure)
                if void_tests and id in void_tests:
                    document = _void(document, void_tests[id])
                findings.append(_test_finding(criterion, id, worth, docstrings.get(id, id), document))
        elif isinstance(criterion, Accuracy):
            document = scores.get(criterion.id) or _missing(
                NOT_SCORED, not_accepted, toolkit_failure or {"reason": "internal", "evidence": NOT_SCORED}
            )
            findings.append(_accuracy_finding(criterion, assignment.level, document))
        else:
            findings.append(_person_finding(criterion, persons.get(criterion.id)))
    return _added_up(replace(nothing, findings=tuple(findings)))


def is_ungraded(mark: Mark) -> bool:
    """Whether all that a withheld mark lacks was never run: nothing is wrong, `grade` has yet to be called."""
    unknown = [f for f in mark.findings if f.verdict is Verdict.UNKNOWN and f.kind != "person"]
    return mark.status is Status.WITHHELD and bool(unknown) and all(f.reason == NOT_GRADED for f in unknown)


def with_points(mark: Mark, assignment: Assignment, given: Mapping[str, Decimal]) -> Mark:
    """The mark with other points for criteria that a person marks: what one member got for a contribution."""
    findings = []
    for finding in mark.findings:
        criterion = assignment.criterion(finding.criterion) if finding.kind == "person" else None
        known = isinstance(criterion, Person) and finding.criterion in given
        findings.append(_person_finding(criterion, given[finding.criterion]) if known else finding)  # type: ignore[arg-type]
    if mark.status not in (Status.MARKED, Status.INCOMPLETE):
        return replace(mark, findings=tuple(findings))
    return _added_up(replace(mark, findings=tuple(findings)))


def rounding_to(mark: Mark, to: Rounding) -> Mark:
    """The mark, rounded as a course rounds; from what is exact, so that nothing is rounded twice."""
    points = None if mark.points is None else rounded(earned(mark.findings), to)
    return mark if to == mark.round_to else replace(mark, points=points, round_to=to)


def _added_up(mark: Mark) -> Mark:
    status = _status(mark.findings)
    points = None if status is Status.WITHHELD else rounded(earned(mark.findings), mark.round_to)
    return replace(mark, status=status, points=points)


def rounded(points: Decimal | Fraction, to: Rounding = "0.1") -> Decimal:
    """The one rounding of a mark: to one decimal place or to a whole, half up (a half goes away from zero)."""
    step = Decimal(to)
    steps = (abs(Fraction(points)) / Fraction(step) + Fraction(1, 2)).__floor__()
    return step * (-steps if points < 0 else steps)


def exact_percent(mark: Mark) -> Fraction | None:
    """The mark in per cent with nothing rounded; None unless marked."""
    return earned(mark.findings) * 100 / Fraction(mark.out_of) if mark.status is Status.MARKED else None


def percent(mark: Mark) -> Decimal | None:
    """The mark in per cent, rounded as the course rounds, from its findings, so that nothing is rounded twice.

    None unless marked.
    """
    exact = exact_percent(mark)
    return None if exact is None else rounded(exact, mark.round_to)


def earned(findings: Iterable[Finding]) -> Fraction:
    """What findings earned together, as far as it is known; nothing is rounded."""
    known = (Fraction(f.points) if f.exact is None else f.exact for f in findings if f.points is not None)
    return sum(known, Fraction(0))


def mark_as_json(mark: Mark, audience: Audience) -> dict[str, Any]:
    """A mark as plain data for `--json`; what `audience` may read is decided in `graders.marks.visibility`."""
    return {
        "group": mark.group,
        "commit": mark.commit,
        "status": str(mark.status),
        "points": _number(mark.points),
        "out_of": _number(mark.out_of),
        "findings": [_finding_as_json(visible(finding, audience), audience) for finding in mark.findings],
        "provenance": visible_provenance(mark.provenance, audience),
    }


def _missing(
    what: str, not_accepted: str | None, toolkit_failure: Mapping[str, Any] | None
) -> dict[str, Any]:
    """A document for what did not come back: ours after a toolkit failure, else the submission's."""
    if not_accepted is not None:
        return {"verdict": "failed", "reason": NotAccepted.reason, "told": not_accepted, "evidence": ""}
    if toolkit_failure is not None:
        return {"verdict": "unknown", "told": what, **toolkit_failure}
    return {"verdict": "failed", "reason": what, "told": what, "evidence": ""}


def _void(document: Mapping[str, Any], why: str) -> dict[str, Any]:
    """The document of a void test: passed, with what it had said as evidence."""
    before = f"{document['verdict']}: {document.get('told', '')}\n{document['evidence']}".strip()
    return {
        **document,
        "verdict": "passed",
        "reason": None,
        "told": VOID,
        "evidence": f"{why}\n{before}",
        "flags": [*document.get("flags", ()), "void"],
    }


def _test_finding(
    criterion: HiddenTests, id: str, worth: int, docstring: str, document: Mapping[str, Any]
) -> Finding:
    verdict = Verdict(document["verdict"])
    explanation = document["told"] if verdict is not Verdict.PASSED or document["told"] == VOID else ""
    return Finding(
        id=f"{criterion.id}/{id}",
        kind="hidden_test",
        criterion=criterion.id,
        verdict=verdict,
        points={Verdict.PASSED: Decimal(worth), Verdict.FAILED: Decimal(0)}.get(verdict),
        out_of=Decimal(worth),
        told=f"{docstring}\n{explanation}".strip(),
        reason=document["reason"],
        evidence=document["evidence"],
        detail={
            "docstring": docstring,
            **{key: document[key] for key in ("cpu_s", "wall_s", "flags") if key in document},
        },
    )


def _accuracy_finding(criterion: Accuracy, level: int, document: Mapping[str, Any]) -> Finding:
    known: dict[str, Any] = {
        "id": f"{criterion.id}/{criterion.metric}",
        "kind": "accuracy",
        "criterion": criterion.id,
        "out_of": Decimal(criterion.points),
        "reason": document["reason"],
        "evidence": document["evidence"],
    }
    if document["verdict"] == "unknown":
        return Finding(**known, verdict=Verdict.UNKNOWN, points=None, told=document["told"])
    if document["verdict"] == "failed":  # nothing was accepted, so nothing was scored
        return Finding(**known, verdict=Verdict.FAILED, points=Decimal(0), told=document["told"])
    held = caps_that_hold(criterion, document)
    part = min([share(criterion.anchors, level, document["score"]), *(at for _, at in held)])
    told = [document["told"]]
    told += [explained["told"]] if (explained := document.get("explained")) and explained["told"] else []
    told += [f"Because {when}, at most {float(100 * at):g} % of the points are given." for when, at in held]
    interval = document["interval"]
    return Finding(
        **known,
        verdict=Verdict.FAILED if part == 0 else Verdict.PASSED if part == 1 else Verdict.PARTIAL,
        points=_decimal(part * criterion.points),
        exact=part * criterion.points,
        told=" ".join(told),
        interval=None if interval is None else (interval[0], interval[1]),
        score=document["score"],
        detail={
            "share": float(part),
            "caps": [when for when, _ in held],
            **{key: document[key] for key in ("repeats", "combine", "cases", "false_positives", "bootstrap_seed")},
            # Documents written before these were kept lack them.
            **{key: document[key] for key in COMPARED if document.get(key)},
        },
    )


def _person_finding(criterion: Person, given: Decimal | None) -> Finding:
    id, out_of = f"{criterion.id}/{criterion.id}", Decimal(criterion.points)
    if given is None:
        told = "A person marks this; it is not marked yet."
        return Finding(id, "person", criterion.id, Verdict.UNKNOWN, None, out_of, told)
    if not given.is_finite() or not 0 <= given <= out_of:
        raise UserError(f"{criterion.id}: {given} points are not between 0 and {out_of}; correct them and grade again.")
    verdict = Verdict.FAILED if given == 0 else Verdict.PASSED if given == out_of else Verdict.PARTIAL
    return Finding(id, "person", criterion.id, verdict, given, out_of, "Marked by a person.")


def _status(findings: Iterable[Finding]) -> Status:
    unknown = {finding.kind == "person" for finding in findings if finding.verdict is Verdict.UNKNOWN}
    if False in unknown:
        return Status.WITHHELD
    return Status.INCOMPLETE if unknown else Status.MARKED


def _exact(number: float) -> Fraction:
    """The decimal that a float is written as: 0.62 is 62/100, so a score at an anchor earns that anchor's share."""
    return Fraction(repr(float(number)))


def _decimal(points: Fraction) -> Decimal:
    """A fraction to twelve places: far beyond the one that counts, and thirds still add up to a whole."""
    exact = Decimal(points.numerator) / Decimal(points.denominator)
    return exact.quantize(Decimal("1e-12"), ROUND_HALF_EVEN)


def _number(points: Decimal | None) -> float | None:
    return None if points is None else float(points)


def told_score(score: float) -> float:
    """A score as students read it, and all that is made of it for them: more digits would name single answers."""
    return round(score, SCORE_PLACES)


def _finding_as_json(finding: Finding, audience: Audience) -> dict[str, Any]:
    if audience == "student":
        finding = replace(
            finding,
            points=None if finding.points is None else rounded(finding.points),
            score=None if finding.score is None else told_score(finding.score),
            interval=finding.interval and (told_score(finding.interval[0]), told_score(finding.interval[1])),
        )
    told = {
        "id": finding.id,
        "kind": finding.kind,
        "criterion": finding.criterion,
        "verdict": str(finding.verdict),
        "points": _number(finding.points),
        "out_of": _number(finding.out_of),
        "score": finding.score,
        "interval": None if finding.interval is None else list(finding.interval),
        "reason": finding.reason,
        "told": finding.told,
    }
    return {**told, "evidence": finding.evidence} if audience == "staff" else told
