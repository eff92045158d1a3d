"""The feedback page of one group, and its variant for staff: a pure function of a Mark.

Lateness, extensions and peer factors concern one person: they are on the personal page (`reports.personal`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from assignments.assignment import Accuracy, Assignment, HiddenTests, Person, Unanchored, anchor_shares
from assignments.metric_words import metric_words
from graders.marks.mark import BY_DECISION, Finding, Mark, Status, is_ungraded, rounded, rounded_percent
from graders.marks.visibility import Audience, visible, visible_provenance
from reports.bands import Band, band_of, bands
from reports.beside_score import BesideScore, Cohort, beside_score
from reports.checks import FindingLine, checks_of, line_of
from reports.figures import ANCHOR_NAMES, Curve, curve
from reports.next_step import NextStep, next_step
from reports.numbers import fixed, local_time, number
from reports.page import policy, render
from reports.sentences import (
    NO_ANCHORS,
    SCORE_DECIMALS,
    TOOLKIT_FAILED,
    after_score,
    sentence,
    shown_score,
)

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
    notes: tuple[str, ...] = ()
    """What of a notebook was left out as a matter of course; students read these."""
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
    course: str = ""
    """The course's title."""

    @property
    def to_cure(self) -> tuple[str, ...]:
        """The problems, and why no commit counts where none does."""
        return (*self.problems, *filter(None, [self.why]))


def hand_in_of(
    submission: Submission,
    name: str = "",
    board_name: str = "",
    timezone: str = "UTC",
    due: datetime | None = None,
) -> HandIn:
    """The intake's result for the page, in the course's own time; `name` defaults to the group's own."""

    return HandIn(
        name=name or submission.group,
        repository="" if name else submission.repository,
        seen_at=local_time(datetime.fromisoformat(submission.seen_at) if submission.seen_at else None, timezone),
        due=local_time(due, timezone),
        provisional=submission.state == "provisional",
        why=submission.reason[:1].upper() + submission.reason[1:],
        problems=submission.problems,
        notes=submission.notes,
        flags=submission.flags,
        board_name=board_name,
    )


@dataclass(frozen=True)
class MemberLine:
    """One member of the group, as the page for staff lists them."""

    member: str
    name: str
    mark: str
    differs: bool
    """Whether it is another mark than the group's."""
    page: str
    """The address of their own page, from the folder of this one."""


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


@dataclass(frozen=True)
class AccuracyView:
    """The figure and the numbers of an accuracy criterion."""

    metric: str
    score: str
    """The number, set large; empty without a score."""
    after_score: str
    """The text after the number, as one sentence with it."""
    rising: bool
    curve: Curve | None
    """None where the course has set no anchors yet."""
    capped: bool
    beside: BesideScore | None
    """None without a score."""
    between: str
    """Between which anchors the score lies, and the points of those anchors."""


def feedback_page(
    mark: Mark,
    assignment: Assignment,
    hand_in: HandIn,
    *,
    audience: Audience = "student",
    step: NextStep | None = None,
    members: Sequence[MemberLine] = (),
    cohort: Cohort | None = None,
) -> str:
    """The whole page as HTML: it loads nothing, runs nothing, and prints on A4.

    Args:
        step: What to do first; None to find it without the assignment's known mistakes.
        members: For staff; a student's page names nobody.
        cohort: What the pages of all groups share; without it there are no pictures.
    """
    findings = [visible(finding, audience) for finding in mark.findings]
    step = step or next_step(mark, assignment, problems=hand_in.to_cure)
    sections = [_said_above(section, step) for section in _sections(assignment, findings, audience, cohort)]
    criteria = {section.id for section in sections}
    shown = " ".join(todo.advice for todo in step.todo)
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
        headline="No mark" if mark.status in BY_DECISION else headline_of(mark.status, ungraded=is_ungraded(mark)),
        ungraded=is_ungraded(mark),
        no_mark=mark.status in BY_DECISION,
        sections=sections,
        checks=checks_of(findings, step, audience),
        members=members if audience == "staff" else (),
        problems=[problem for problem in hand_in.problems if sentence(problem) not in shown],
        notes=hand_in.notes,
        public=[line_of(f, audience) for f in findings if f.kind == "public_test"],
        next_step=step,
        notices=[line_of(f, audience) for f in findings if f.kind == "notice" or _has_no_section(f, criteria)],
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


def headline_of(status: Status, *, ungraded: bool = False) -> str:
    """The state of a mark, set large where there is no number."""
    return "Not graded yet" if ungraded and status is Status.WITHHELD else HEADLINES[status]


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


def criterion_title(id: str) -> str:
    """What pages call a criterion."""
    return id.replace("_", " ").capitalize()


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


def _sections(
    assignment: Assignment, findings: list[Finding], audience: Audience, cohort: Cohort | None
) -> list[Section]:
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
                title=criterion_title(criterion.id),
                summary=_summary(criterion, own, points),
                points=points,
                out_of=Decimal(criterion.points),
                left=round(left, 2),
                width=width,
                lines=tuple(line_of(f, audience) for f in own),
                accuracy=_accuracy(assignment, criterion, scored, cohort) if isinstance(criterion, Accuracy) else None,
            )
        )
        left += width
    return sections


def _said_above(section: Section, step: NextStep) -> Section:
    """The section of an accuracy without the cause that is the next step already."""
    if section.accuracy is None or not {line.finding.id for line in section.lines} & {f.id for f in step.lost}:
        return section
    brief = "on the hidden cases: no answer came, for the reason that is the next step."
    return replace(section, accuracy=replace(section.accuracy, after_score=brief))


def _summary(criterion: HiddenTests | Accuracy | Person, own: list[Finding], points: Decimal | None) -> str:
    if isinstance(criterion, HiddenTests):
        many = f"{len(own)} hidden" if own else "Hidden"
        checks = "check" if len(own) == 1 else "checks"
        marks = "mark" if criterion.points == 1 else "marks"
        return f"{many} {checks} worth {criterion.points} {marks}"
    if isinstance(criterion, Accuracy):
        return "on hidden cases"
    return "marked by a person" if points is not None else "to be marked by a person"


def _accuracy(
    assignment: Assignment, criterion: Accuracy, finding: Finding | None, cohort: Cohort | None
) -> AccuracyView:
    # The figure uses no more digits than the page shows: the dot's position would give the others away.
    points = float(rounded(finding.points)) if finding and finding.points is not None else None
    score = None if finding is None or finding.score is None else shown_score(finding.score)
    ends = finding.interval if finding else None
    interval = None if ends is None else (shown_score(ends[0]), shown_score(ends[1]))
    return AccuracyView(
        metric=metric_words(criterion.metric, criterion, assignment.data.classes),
        score="" if score is None else fixed(score, SCORE_DECIMALS),
        after_score=after_score(finding.scored).strip() if finding and finding.scored else "",
        rising=criterion.anchors.rising,
        curve=curve(criterion, assignment.level, score, interval, points),
        capped=bool(finding and finding.scored and finding.scored.caps),
        beside=beside_score(finding.scored, criterion, assignment, cohort) if finding and finding.scored else None,
        between=_between(criterion, assignment.level, score),
    )


def _between(criterion: Accuracy, level: int, score: float | None) -> str:
    """The sentence that says how a score becomes points; empty without a score."""
    if isinstance(criterion.anchors, Unanchored):
        return NO_ANCHORS
    if score is None:
        return ""
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
