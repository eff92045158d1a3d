"""The feedback page of one group, and its variant for staff: a pure function of a Mark.

Lateness, extensions and peer factors concern one person: they are on the personal page (`reports.personal`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from assignments.assignment import Accuracy, Assignment, HiddenTests, Person
from graders.marks.diagnosis import KnownMistake, diagnoses
from graders.marks.findings import anchor_shares
from graders.marks.mark import BY_DECISION, Finding, Mark, Status, is_ungraded, rounded, rounded_percent
from graders.marks.visibility import Audience, visible, visible_provenance
from graders.marks.words import reason_words
from graders.record.documents import Measured
from reports.bands import Band, band_of, bands
from reports.figures import ANCHOR_NAMES, Curve, curve
from reports.numbers import fixed, number
from reports.page import policy, render
from reports.sentences import SCORE_DECIMALS, TOOLKIT_FAILED, after_score, shown_score, title, why

if TYPE_CHECKING:  # the intake opens Git, which a page does not need
    from graders.intake.submission import Submission


@dataclass(frozen=True)
class HandIn:
    """What a page says about a submission beside its mark."""

    name: str
    """The group's name on the page: its own or a pseudonym."""
    repository: str = ""
    branch: str = ""
    seen_at: str = ""
    """When the marker first saw the commit."""
    due: str = ""
    """When the work was due, without the extension of a single member, which is private."""
    provisional: bool = False
    """Whether a later commit would count instead."""
    why: str = ""
    """Why this commit counts, or why none does."""
    problems: tuple[str, ...] = ()
    """Problems of the submission and how to cure them; students read these."""
    flags: tuple[str, ...] = ()
    """Points for staff to check; students never read these."""
    board_name: str = ""
    """The group's pseudonym on the leaderboard."""
    ratified: bool = False
    """Whether the board of examiners has confirmed the marks."""
    version: int = 1
    """The page's version: one more with every correction after marks were returned."""
    correction: str = ""
    """When and why it was last corrected; students read it."""


def hand_in_of(
    submission: Submission,
    name: str = "",
    board_name: str = "",
    timezone: str = "UTC",
    due: datetime | None = None,
) -> HandIn:
    """The intake's result for the page, in the course's own time; `name` defaults to the group's own."""

    def local(time: datetime | None) -> str:
        here = time.astimezone(ZoneInfo(timezone)) if time else None
        return f"{here.day} {here:%B %Y, %H:%M %Z}" if here else ""

    return HandIn(
        name=name or submission.group,
        repository="" if name else submission.repository,
        seen_at=local(datetime.fromisoformat(submission.seen_at) if submission.seen_at else None),
        due=local(due),
        provisional=submission.state == "provisional",
        why=submission.reason[:1].upper() + submission.reason[1:],
        problems=submission.problems,
        flags=submission.flags,
        board_name=board_name,
    )


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
    """Checks that were not passed for one cause, which is said once; or a single check."""

    lines: tuple[FindingLine, ...]

    @property
    def state(self) -> str:
        """Of each of them."""
        return self.lines[0].state

    @property
    def explanation(self) -> str:
        """Of all of them."""
        return self.lines[0].explanation

    @property
    def points(self) -> Decimal | None:
        """Of all of them together; None while they are unknown."""
        return points_of([line.finding for line in self.lines])

    @property
    def out_of(self) -> Decimal:
        """What they are worth together."""
        return sum((line.out_of for line in self.lines), Decimal(0))


@dataclass(frozen=True)
class Section:
    """One criterion."""

    id: str
    kind: str
    title: str
    summary: str
    points: Decimal | None
    out_of: Decimal
    left: float
    """Where its piece of the bar begins, in per cent of the width."""
    width: float
    lines: tuple[FindingLine, ...]
    accuracy: AccuracyView | None = None

    @property
    def groups(self) -> list[LineGroup]:
        """The lines by what there is to do: those not passed first, the costliest cause before the others."""
        by_cause: dict[tuple[object, ...], list[FindingLine]] = {}
        for line in self.lines:
            alone = line.state == "passed" or not line.explanation
            cause = (line.finding.id,) if alone else (line.state, line.explanation, line.finding.hint)
            by_cause.setdefault(cause, []).append(line)
        groups = [LineGroup(tuple(lines)) for lines in by_cause.values()]
        return sorted(groups, key=lambda group: (group.state == "passed", -group.out_of if group.explanation else 0))


@dataclass(frozen=True)
class AccuracyView:
    """The figure and the numbers of an accuracy criterion."""

    metric: str
    score: str
    """The number, set large; empty without a score."""
    after_score: str
    """The text after the number, as one sentence with it."""
    rising: bool
    curve: Curve
    capped: bool
    between: str
    """Between which anchors the score lies, and the points of those anchors."""


@dataclass(frozen=True)
class NextStep:
    """What the failed checks come from, by the pattern of a known mistake: never a certainty."""

    titles: tuple[str, ...]
    """Of one mistake, or of two together."""
    advice: tuple[str, ...]
    also: tuple[str, ...]
    """Titles of other mistakes with such a pattern."""
    checks: str
    """How many checks failed by it, and what they are worth."""


def feedback_page(
    mark: Mark,
    assignment: Assignment,
    hand_in: HandIn,
    *,
    audience: Audience = "student",
    mistakes: Sequence[KnownMistake] = (),
) -> str:
    """The whole page as HTML: it loads nothing, runs nothing, and prints on A4.

    Args:
        mistakes: Those that the failed checks may come from, of `graders.marks.diagnosis.known_mistakes`.
    """
    findings = [visible(finding, audience) for finding in mark.findings]
    sections = _sections(assignment, findings, audience)
    criteria = {section.id for section in sections}
    whole = rounded_percent(mark)
    open_points = sum((s.out_of for s in sections if s.points is None), Decimal(0))
    return render(
        "feedback.html",
        csp=policy(),
        mark=mark,
        assignment=assignment,
        hand_in=hand_in,
        toolkit_failed=TOOLKIT_FAILED,
        staff=audience == "staff",
        headline=_headline(mark),
        ungraded=is_ungraded(mark),
        no_mark=mark.status in BY_DECISION,
        sections=sections,
        public=[_line(f, audience) for f in findings if f.kind == "public_test"],
        next_step=_next_step(mark, mistakes),
        notices=[_line(f, audience) for f in findings if f.kind == "notice" or _has_no_section(f, criteria)],
        percent=whole,
        band=None if whole is None else band_of(whole, assignment.level),
        bands=_ticks(bands(assignment.level)),
        open_points=open_points,
        open_width=_width(open_points, mark.out_of) if mark.out_of else 0.0,
        earned_width=round(sum(section.width for section in sections), 2),
        flags=_flags(mark, hand_in) if audience == "staff" else [],
        unwalled=mark.provenance.get("isolated") is False,
        provenance=_facts(visible_provenance(mark.provenance, audience)),
    )


def _next_step(mark: Mark, mistakes: Sequence[KnownMistake]) -> NextStep | None:
    likely = diagnoses(mark.findings, mistakes)
    if not likely:
        return None
    likeliest, *others = likely
    worth = sum(f.out_of for f in mark.findings if f.id.partition("/")[2] in likeliest.tests)
    count = len(likeliest.tests)
    return NextStep(
        titles=tuple(mistake.title for mistake in likeliest.mistakes),
        advice=tuple(mistake.advice for mistake in likeliest.mistakes),
        also=tuple(mistake.title for other in others for mistake in other.mistakes),
        checks=f"{count} failed {'check' if count == 1 else 'checks'}, worth {number(worth)} points",
    )


def _headline(mark: Mark) -> str:
    if mark.status in BY_DECISION:
        return "No mark"
    return "Not graded yet" if is_ungraded(mark) else HEADLINES[mark.status]


HEADLINES: Final[Mapping[Status, str]] = {
    Status.MARKED: "Marked",
    Status.INCOMPLETE: "Marked in part",
    Status.WITHHELD: "Withheld",
    Status.NOT_SUBMITTED: "Not submitted",
    Status.DEFERRED: "Deferred",
    Status.ABSENT: "Absent",
    Status.EXCUSED: "Excused",
    Status.HELD: "Held",
}


def points_of(findings: list[Finding]) -> Decimal | None:
    """The points of one criterion's findings together; None if there are none or one of them is unknown."""
    points = [finding.points for finding in findings]
    if not points or any(p is None for p in points):
        return None
    return sum((p for p in points if p is not None), Decimal(0))


def _width(points: Decimal, out_of: Decimal | int) -> float:
    """Points as a width in a figure, in per cent."""
    return round(float(100 * points / out_of), 2)


def _has_no_section(finding: Finding, criteria: set[str]) -> bool:
    return finding.criterion not in criteria and finding.kind != "public_test"


def _ticks(of: tuple[Band, ...]) -> list[dict[str, Any]]:
    """Where each band begins on the bar, and its middle, where its name stands."""
    ends = [*[band.from_percent for band in of[1:]], Decimal(100)]
    return [
        {
            "name": band.name,
            "short": band.short,
            "at": float(band.from_percent),
            "middle": float((band.from_percent + end) / 2),
        }
        for band, end in zip(of, ends, strict=True)
    ]


def _sections(assignment: Assignment, findings: list[Finding], audience: Audience) -> list[Section]:
    """One section a criterion, in the assignment's order; a criterion without findings has one too."""
    sections: list[Section] = []
    left = 0.0
    for criterion in assignment.criteria:
        own = [f for f in findings if f.criterion == criterion.id and f.kind not in ("notice", "public_test")]
        points = points_of(own)
        earned = rounded(sum((f.points for f in own if f.points is not None), Decimal(0)))
        width = _width(earned, assignment.points)
        scored = next((f for f in own if f.kind == "accuracy"), None)
        sections.append(
            Section(
                id=criterion.id,
                kind=criterion.kind,
                title=criterion.id.replace("_", " ").capitalize(),
                summary=_summary(criterion, own, points),
                points=points,
                out_of=Decimal(criterion.points),
                left=round(left, 2),
                width=width,
                lines=tuple(_line(f, audience) for f in own),
                accuracy=_accuracy(assignment, criterion, scored) if isinstance(criterion, Accuracy) else None,
            )
        )
        left += width
    return sections


def _summary(criterion: HiddenTests | Accuracy | Person, own: list[Finding], points: Decimal | None) -> str:
    if isinstance(criterion, HiddenTests):
        many = f"{len(own)} hidden" if own else "Hidden"
        checks = "check" if len(own) == 1 else "checks"
        marks = "mark" if criterion.points == 1 else "marks"
        return f"{many} {checks} worth {criterion.points} {marks}"
    if isinstance(criterion, Accuracy):
        return "on hidden cases"
    return "marked by a person" if points is not None else "to be marked by a person"


def _line(finding: Finding, audience: Audience) -> FindingLine:
    """A test's docstring is the title; below it stands why the test failed."""
    detail = _numbers_behind(finding)
    return FindingLine(
        state="open" if finding.kind == "person" and finding.points is None else str(finding.verdict),
        title=title(finding) or finding.id,
        explanation=_sentence(why(finding) or (reason_words(finding.reason) if finding.reason else "")),
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
        numbers["share"] = float(finding.scored.share)
        numbers["caps"] = [cap.when for cap in finding.scored.caps]
        numbers["measured"] = _numbers(finding.measured)
        if finding.also:
            numbers["also"] = {name: _numbers(also) for name, also in finding.also.items()}
        if finding.scored.explained:
            numbers["explained"] = asdict(finding.scored.explained)
    return numbers


def _numbers(measured: Measured) -> dict[str, object]:
    return {name: value for name, value in asdict(measured).items() if name not in ("drawn", "placements")}


def _sentence(text: str) -> str:
    return text and text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _accuracy(assignment: Assignment, criterion: Accuracy, finding: Finding | None) -> AccuracyView:
    # The figure uses no more digits than the page shows: the dot's position would give the others away.
    points = float(rounded(finding.points)) if finding and finding.points is not None else None
    score = None if finding is None or finding.score is None else shown_score(finding.score)
    ends = finding.interval if finding else None
    interval = None if ends is None else (shown_score(ends[0]), shown_score(ends[1]))
    return AccuracyView(
        metric=criterion.metric,
        score="" if score is None else fixed(score, SCORE_DECIMALS),
        after_score=after_score(finding.scored).strip() if finding and finding.scored else "",
        rising=criterion.anchors.rising,
        curve=curve(criterion, assignment.level, score, interval, points),
        capped=bool(finding and finding.scored and finding.scored.caps),
        between="" if score is None else _between(criterion, assignment.level, score),
    )


def _between(criterion: Accuracy, level: int, score: float) -> str:
    """The sentence that says how a score becomes points."""
    values = criterion.anchors.values()
    sign = criterion.anchors.sign
    anchors = [
        f"{name} ({number(value, 4)}: {number(float(share * criterion.points))} points)"
        for name, value, share in zip(ANCHOR_NAMES, values, anchor_shares(level), strict=True)
    ]
    above = [i for i, value in enumerate(values) if sign * score >= sign * value]
    if not above:
        return f"The score does not reach {anchors[0]}."
    if above[-1] == len(values) - 1:
        return f"The score reaches {anchors[-1]}."
    return f"The score lies between {anchors[above[-1]]} and {anchors[above[-1] + 1]}."


def _flags(mark: Mark, hand_in: HandIn) -> list[str]:
    """The flags of intake and marking, each once, without those that the group reads as problems."""
    flags = dict.fromkeys([*hand_in.flags, *(str(flag) for flag in mark.provenance.get("flags", ()))])
    return [flag for flag in flags if flag not in hand_in.problems]


def _facts(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The provenance as lines of text; nested values are written out."""
    facts = [(key.replace("_", " "), _fact(value)) for key, value in provenance.items() if key != "flags"]
    return [(key, text) for key, text in facts if text]


def _fact(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_fact(item) for item in value)
    return number(value, 3) if isinstance(value, float) else str(value)
