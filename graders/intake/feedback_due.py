"""When feedback is due: so many working days after the work was, and later for whoever has an extension."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from graders.course.course import Course
from graders.intake.counting import due_for_all, due_of_person
from graders.record.in_force import Decisions


@dataclass(frozen=True)
class LaterFeedback:
    """One person with an extension."""

    member: str
    due: datetime
    """In UTC."""


@dataclass(frozen=True)
class FeedbackDue:
    """When feedback on one assignment is due."""

    work: datetime
    """When the work is due, in UTC, without extensions of groups and persons."""
    feedback: datetime
    """In UTC."""
    later: tuple[LaterFeedback, ...]
    """Those of whom it is due later, in the order of the roster."""
    holidays_known: bool
    """Whether the calendar covers the year, so that bank holidays are counted."""


def feedback_due(course: Course, decisions: Decisions) -> FeedbackDue:
    """When feedback is due: at the time of day of the due time, on the last of the course's `feedback_days`."""
    id = decisions.assignment
    calendar, work = course.calendar(id), due_for_all(course, decisions)
    feedback = calendar.after(work, course.feedback_days)
    later = []
    for group in course.groups:
        for member in group.members:
            due = due_of_person(course, decisions, group, member.id)
            if due > work:
                later.append(LaterFeedback(member.id, calendar.after(due, course.feedback_days)))
    last = max([feedback, *(person.due for person in later)])
    return FeedbackDue(work, feedback, tuple(later), last.year in course.bank_holiday_years(id))
