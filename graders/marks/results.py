"""The results of an assignment: the groups' marks and each person's, as they follow from stages and events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from assignments.assignment import Assignment
from graders.course.course import Course
from graders.intake.submission import Submission
from graders.marks.mark import BY_DECISION, Finding, Mark, Status, Verdict, rounding_to
from graders.marks.part_marks import part_marks
from graders.marks.personal import PersonalMark, personal_mark, without_mark
from graders.marks.versions import returned_marks
from graders.record.decisions import Moderation
from graders.record.in_force import Decisions
from graders.record.ledger import Event


@dataclass(frozen=True)
class Results:
    """All marks of an assignment, as they follow from some events."""

    assignment: Assignment
    events: tuple[Event, ...]
    """Every event of the assignment, retracted ones and snapshots among them."""
    submissions: tuple[Submission, ...]
    marks: tuple[Mark, ...]
    """Of the groups, in the order of the submissions."""
    people: tuple[PersonalMark, ...]
    """One a member, in the order of the roster."""
    unmatched: tuple[str, ...] = ()
    """What the record holds about people and parts that are no longer there, each with the command to type."""

    @property
    def waiting(self) -> tuple[str, ...]:
        """Groups that have no mark until a person decides what counts."""
        return tuple(submission.group for submission in self.submissions if submission.waits)

    @property
    def withheld(self) -> tuple[str, ...]:
        """Groups whose mark a toolkit failure withholds: marking them again may give it."""
        held = (mark.group for mark in self.marks if mark.status is Status.WITHHELD)
        return tuple(group for group in held if group not in self.waiting)


def results_of(
    course: Course,
    assignment: Assignment,
    events: Sequence[Event],
    submissions: Sequence[Submission],
    marks: Sequence[Mark],
) -> Results:
    """The personal marks that go with the groups' marks."""
    decisions = Decisions.of(assignment.id, events)
    returned = returned_marks(events)
    marks = [rounding_to(mark, course.round) for mark in marks]
    people = [
        personal_mark(
            mark,
            assignment,
            course,
            course.group(mark.group),
            member,
            decisions,
            late_since=submission.late_since,
            seen_at=datetime.fromisoformat(submission.seen_at) if submission.seen_at else None,
            returned=returned.get(member.id),
        )
        for submission, mark in zip(submissions, marks, strict=True)
        for member in course.group(mark.group).members
    ]
    of_group = {mark.group: [person for person in people if person.group == mark.group] for mark in marks}
    shown = tuple(
        _with_notices(without_mark(_with_parts(mark, assignment, decisions, course), of_group[mark.group]), decisions)
        for mark in marks
    )
    return Results(assignment, tuple(events), tuple(submissions), shown, tuple(people))


def _with_parts(mark: Mark, assignment: Assignment, decisions: Decisions, course: Course) -> Mark:
    """The group's mark with the comments and lines of whoever gave points."""
    parts = part_marks(assignment, decisions, mark.group, course.second_marking.tolerance)
    findings = tuple(
        replace(finding, note=part.comment, rubric=part.lines, waits_for=part.waits_for)
        if finding.kind == "person" and (part := parts.get(finding.criterion)) is not None
        else finding
        for finding in mark.findings
    )
    return replace(mark, findings=findings)


def _with_notices(mark: Mark, decisions: Decisions) -> Mark:
    """The group's mark, with a notice if all marks were moderated."""
    moderated = decisions.about(Moderation)[-1:]
    if mark.status in (Status.NOT_SUBMITTED, *BY_DECISION) or not moderated:
        return mark
    notice = Finding(
        id="moderation",
        kind="notice",
        criterion="",
        verdict=Verdict.PASSED,
        points=None,
        out_of=Decimal(0),
        title="The marks of this assignment were moderated. The mark above is before it; your own page has the mark.",
        evidence=f"{moderated[0].summary} ({moderated[0].event.value})",
    )
    return replace(mark, findings=(*mark.findings, notice))
