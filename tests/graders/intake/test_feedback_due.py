"""When feedback is due, by a calendar on the wall."""

from datetime import UTC, date, datetime

import pytest

from graders.intake.feedback_due import LaterFeedback, feedback_due
from graders.record.in_force import Decisions
from tests.reports.cohort_made import DUE, ID, course_of, event, group_of

A, B = group_of(1, 2), group_of(2, 1)


def due_of(*events, **settings):
    return feedback_due(course_of([A, B], **settings), Decisions.of(ID, events))


def test_twenty_working_days_skip_weekends_and_bank_holidays():
    """From Friday 20 November 2026: to Friday 18 December, when neither is a holiday."""
    due = due_of()
    assert (due.work, due.later, due.holidays_known) == (DUE, (), True)
    assert due.feedback == datetime(2026, 12, 18, 17, tzinfo=UTC)


def test_closures_of_the_university_and_christmas_make_it_later():
    """Four closure days from Monday 14 on: 21 to 24 December in their place."""
    closed = tuple(date(2026, 12, day) for day in (14, 15, 16, 17))
    assert due_of(closures=closed).feedback == datetime(2026, 12, 24, 17, tzinfo=UTC)
    # The next working day after the 24th is Tuesday 29: Friday is Christmas, Monday its substitute for Boxing Day.
    closed = (*closed, date(2026, 12, 18))
    assert due_of(closures=closed).feedback == datetime(2026, 12, 29, 17, tzinfo=UTC)


@pytest.mark.parametrize(("days", "expected"), [(0, (2026, 11, 20)), (1, (2026, 11, 23)), (15, (2026, 12, 11))])
def test_a_course_may_promise_another_number_of_days(days, expected):
    assert due_of(feedback_days=days).feedback == datetime(*expected, 17, tzinfo=UTC)


def test_whoever_has_an_extension_has_feedback_later_and_an_extension_of_all_moves_all():
    own = event("extension", "7d", A.name, 1, member=A.members[1].id)
    due = due_of(own)
    # Due Friday 27 November, so 25 December would be the twentieth working day but for Christmas.
    assert due.later == (LaterFeedback(A.members[1].id, datetime(2026, 12, 29, 17, tzinfo=UTC)),)
    assert due.feedback == datetime(2026, 12, 18, 17, tzinfo=UTC)
    for_all = due_of(event("extension", "3d", "", 1))
    assert (for_all.work, for_all.later) == (datetime(2026, 11, 23, 17, tzinfo=UTC), ())
    assert for_all.feedback == datetime(2026, 12, 21, 17, tzinfo=UTC)


def test_a_year_beyond_the_calendar_is_said():
    assert not due_of(event("extension", "2031-01-10T12:00", "", 1)).holidays_known
