"""How far the assignments of a course are: what `status` tells. Everything follows from the record; nothing runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from assignments.errors import UserError
from graders.course.course import Course, assignment_of
from graders.intake.feedback_due import FeedbackDue, feedback_due
from graders.marks.score_ends import ScoreEnds, score_ends
from graders.record.in_force import Decisions
from graders.record.ledger import Ledger
from graders.runs.cohort_record import CohortRecord, cohort_record
from graders.runs.marking import Change, recorded
from graders.runs.on_record import PROGRAM


@dataclass(frozen=True)
class Overview:
    """One assignment of a course."""

    course: Course
    id: str
    title: str
    due: FeedbackDue | None
    """None where the assignment cannot be read."""
    change: Change | None = None
    """Its marks, and what moved since they were applied; None before the first collection."""
    record: CohortRecord = field(default_factory=CohortRecord)
    ends: ScoreEnds = field(default_factory=ScoreEnds)
    problem: str = ""
    """Why the assignment cannot be read."""


def overview(course: Course, id: str, *, sandbox: str | None = None, command: str = PROGRAM) -> Overview:
    """How far an assignment is.

    Raises:
        UserError: an unknown assignment or sandbox, an assignment that cannot be read, a course without its secret.
    """
    course.assignment(id)
    with Ledger.open_to_read(course.ledger) as ledger:
        collected, events = bool(ledger.last_looks(id)), ledger.events(id)
    if not collected:
        title = assignment_of(course, id, names=False).title
        return Overview(course, id, title, feedback_due(course, Decisions.of(id, events)))
    change = recorded(course, id, sandbox=sandbox, command=command)
    results = change.results
    due = feedback_due(course, Decisions.of(id, results.events))
    return Overview(
        course, id, results.assignment.title, due, change, cohort_record(course, results), score_ends(course, results)
    )


def overviews(course: Course, *, sandbox: str | None = None, command: str = PROGRAM) -> Iterator[Overview]:
    """Every assignment of a course, in the order of course.toml. One that cannot be read stops no other."""
    for id in course.assignments:
        try:
            yield overview(course, id, sandbox=sandbox, command=command)
        except UserError as error:
            yield Overview(course, id, id, None, problem=str(error))
