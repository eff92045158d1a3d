"""Working days in London: weekends, bank holidays, closures, changes of the clock, and the second that is too late."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.easter import easter
from hypothesis import given
from hypothesis import strategies as st

from graders.course.late_policy import HOLIDAYS, bank_holidays
from graders.course.working_days import Calendar, clock_problem, in_utc
from tests.graders.course import write_bank_holidays

YEARS, DAYS = bank_holidays()
LONDON = Calendar.of("Europe/London", DAYS)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def late(due, seen, grace_minutes=0, unit="working_day", calendar=LONDON):
    return calendar.late(utc(due), utc(seen), unit, timedelta(minutes=grace_minutes))


def test_exactly_at_the_deadline_is_in_time_and_a_second_later_is_not():
    assert late("2027-01-15T12:00", "2027-01-15T12:00") == 0
    assert late("2027-01-15T12:00", "2027-01-15T12:00:01") == 1


def test_within_the_grace_is_in_time_and_a_second_after_it_is_late_from_the_deadline_on():
    assert late("2027-01-14T12:00", "2027-01-14T12:10", 10) == 0
    assert late("2027-01-14T12:00", "2027-01-14T12:10:01", 10) == 1
    # The grace is not an extension: the first working day ends at noon, not ten minutes later.
    assert late("2027-01-14T12:00", "2027-01-15T12:00:01", 10) == 2


def test_a_weekend_does_not_count():
    friday = "2027-01-15T17:00"
    assert late(friday, "2027-01-17T23:00") == 1  # Sunday
    assert late(friday, "2027-01-18T17:00") == 1  # Monday, the same time
    assert late(friday, "2027-01-18T17:00:01") == 2
    assert late(friday, "2027-01-22T17:00") == 5
    assert late(friday, "2027-01-22T17:00:01") == 6


def test_a_deadline_on_a_weekend_ends_its_first_working_day_on_monday():
    assert late("2027-01-16T12:00", "2027-01-18T12:00") == 1
    assert late("2027-01-16T12:00", "2027-01-18T12:00:01") == 2


def test_easter_in_between_does_not_count_though_the_clocks_change_on_its_sunday():
    # Due on Maundy Thursday 2027, 23:59 GMT; Good Friday, the change to summer time and Easter Monday lie between.
    due = utc("2027-03-25T23:59")
    assert LONDON.after(due, 1) == utc("2027-03-30T22:59")  # Tuesday, 23:59 BST
    assert LONDON.late(due, utc("2027-03-30T22:59")) == 1
    assert LONDON.late(due, utc("2027-03-30T22:59:01")) == 2


def test_the_end_of_summer_time_leaves_the_time_of_the_clock():
    friday = utc("2026-10-23T22:59")  # 23:59 BST
    assert LONDON.after(friday, 1) == utc("2026-10-26T23:59")  # Monday, 23:59 GMT


def test_calendar_days_count_weekends_and_holidays():
    maundy_thursday = "2026-04-02T12:00"
    assert late(maundy_thursday, "2026-04-03T12:00", unit="calendar_day") == 1
    assert late(maundy_thursday, "2026-04-03T12:00:01", unit="calendar_day") == 2
    assert late(maundy_thursday, "2026-04-07T12:00", unit="calendar_day") == 5  # Tuesday after Easter
    assert late(maundy_thursday, "2026-04-07T12:00") == 1


def test_hours_are_real_hours_and_days_go_by_the_clock_when_it_changes():
    # Due on Saturday 30 October 2027 at noon, BST; a day later the clock shows noon after 25 hours.
    saturday = "2027-10-30T11:00"
    assert late(saturday, "2027-10-31T12:00", unit="calendar_day") == 1
    assert late(saturday, "2027-10-31T12:00:01", unit="calendar_day") == 2
    assert late(saturday, "2027-10-31T12:00", unit="hour") == 25
    assert late(saturday, "2027-10-31T12:00:01", unit="hour") == 26
    assert late(saturday, "2027-10-30T11:00:01", unit="hour") == 1
    # In March the day has 23 hours.
    assert late("2027-03-27T12:00", "2027-03-28T11:00", unit="calendar_day") == 1
    assert late("2027-03-27T12:00", "2027-03-28T11:00", unit="hour") == 23


@pytest.mark.parametrize("unit", ["hour", "calendar_day", "working_day"])
def test_the_grace_holds_in_every_unit(unit):
    assert late("2027-01-14T12:00", "2027-01-14T12:10", 10, unit) == 0
    assert late("2027-01-14T12:00", "2027-01-14T12:10:01", 10, unit) == 1


@pytest.mark.parametrize(
    ("time", "timezone", "text"),
    [
        ("2027-10-31T01:30", "Europe/London", "01:30:00 twice: choose another time, such as 2027-10-31 03"),
        ("2027-03-28T01:30", "Europe/London", "01:30:00 never: choose another time, such as 2027-03-28 03"),
        ("2027-10-31T00:59:59", "Europe/London", ""),
        ("2027-10-31T02:00", "Europe/London", ""),
        ("2027-10-31T01:30+01:00", "Europe/London", ""),  # an offset says which of the two
        ("2027-10-31T02:30", "Europe/Berlin", "twice"),
        ("2027-04-04T01:45", "Australia/Lord_Howe", "twice"),  # changes by half an hour
    ],
)
def test_a_time_that_the_clocks_show_twice_or_never_is_a_problem(time, timezone, text):
    assert text in clock_problem(datetime.fromisoformat(time), timezone)
    assert bool(clock_problem(datetime.fromisoformat(time), timezone)) == bool(text)


def test_a_day_that_ends_in_such_an_hour_ends_at_the_later_of_its_two_moments():
    # 01:30 a day after Saturday 01:30: shown twice on 31 October (00:30 and 01:30 UTC), never on 28 March.
    assert LONDON.after(utc("2027-10-30T00:30"), 1, "calendar_day") == utc("2027-10-31T01:30")
    assert LONDON.after(utc("2027-03-27T01:30"), 1, "calendar_day") == utc("2027-03-28T01:30")
    assert in_utc(datetime(2027, 3, 28, 1, 30), "Europe/London") == utc("2027-03-28T01:30")  # 02:30 BST


def test_christmas_with_closure_days():
    due = utc("2026-12-23T12:00")
    closed = Calendar.of("Europe/London", DAYS, [date(2026, 12, day) for day in (24, 29, 30, 31)])
    assert LONDON.after(due, 2) == utc("2026-12-29T12:00")  # 24; 25 and the substitute day 28 are holidays
    assert closed.after(due, 2) == utc("2027-01-05T12:00")  # 4 and 5 January


PROCLAIMED = {
    date(2020, 5, 8): date(2020, 5, 4),  # 75 years after the end of the war: the early May holiday was moved
    date(2022, 6, 2): date(2022, 5, 30),  # the spring holiday was moved to the Platinum Jubilee
    date(2022, 6, 3): None,  # the Jubilee's own day
    date(2022, 9, 19): None,  # the funeral of Elizabeth II
    date(2023, 5, 8): None,  # the coronation of Charles III
}
"""Days that no rule gives (https://www.gov.uk/bank-holidays), with the day in whose place each came."""


def test_the_table_is_what_the_package_of_holidays_says_and_no_penalty_uses_that_package():
    assert HOLIDAYS.read_text(encoding="utf-8") == write_bank_holidays.table()


@pytest.mark.parametrize("year", YEARS)
def test_the_table_is_what_the_rule_of_bank_holidays_gives(year):
    def monday(month, last):
        days = [date(year, month, day) for day in range(1, 32) if (month, day) != (6, 31)]
        mondays = [day for day in days if day.weekday() == 0]
        return mondays[-1] if last else mondays[0]

    fixed = []
    for day in (date(year, 1, 1), date(year, 12, 25), date(year, 12, 26)):
        while day.weekday() > 4 or day in fixed:
            day += timedelta(days=1)
        fixed.append(day)
    sunday = easter(year)
    expected = {*fixed, sunday - timedelta(days=2), sunday + timedelta(days=1),
              monday(5, False), monday(5, True), monday(8, True)}  # fmt: skip
    proclaimed = {day: instead for day, instead in PROCLAIMED.items() if day.year == year}
    expected = expected - set(proclaimed.values()) | set(proclaimed)
    assert [day for day in DAYS if day.year == year] == sorted(expected)


def test_nothing_lies_before_the_moment_itself():
    due = utc("2027-01-16T12:00")
    for unit in ("hour", "calendar_day", "working_day"):
        assert LONDON.after(due, 0, unit) == due
        with pytest.raises(ValueError, match="before it"):
            LONDON.after(due, -1, unit)


@pytest.mark.parametrize(
    ("zone", "due", "count", "end"),
    [
        ("Pacific/Apia", "2011-12-29T22:00", 1, "2011-12-30T22:00"),  # no 30 December there: 12:00 is that of the 31st
        ("America/Sao_Paulo", "2018-11-02T03:30", 1, "2018-11-05T02:30"),  # Friday to Monday, clocks changed on Sunday
        ("America/Santiago", "2022-09-09T04:30", 1, "2022-09-12T03:30"),  # the hour from midnight on is skipped
    ],
)
def test_a_working_day_ends_by_the_clock_of_the_place_however_that_changes(zone, due, count, end):
    calendar = Calendar(zone)
    assert calendar.after(utc(due), count) == utc(end)
    assert calendar.late(utc(due), utc(end)) == count
    assert calendar.late(utc(due), utc(end) + timedelta(seconds=1)) == count + 1


def day_by_day(calendar, due, seen):
    """The rule as it is written, one day after another: slow, and with nothing of NumPy's."""
    local = due.astimezone(ZoneInfo(calendar.timezone))
    day, count, end = local.date(), 0, due
    while end < seen:
        day += timedelta(days=1)
        if day.weekday() < 5 and day not in calendar.off:
            count, end = count + 1, in_utc(datetime.combine(day, local.time()), calendar.timezone)
    return count


zones = st.sampled_from(["Europe/London", "Australia/Lord_Howe", "Pacific/Apia", "America/Santiago", "Asia/Kathmandu"])
lengths = st.timedeltas(timedelta(0), timedelta(days=40))


@given(st.datetimes(datetime(2011, 12, 1), datetime(2031, 1, 1), timezones=st.just(UTC)), lengths, zones)
def test_numpy_counts_the_working_days_that_the_rule_counts_one_by_one(due, length, zone):
    calendar = Calendar.of(zone, DAYS)
    assert calendar.late(due, due + length) == day_by_day(calendar, due, due + length)


def test_a_course_is_read_without_numpy_which_only_a_count_of_days_needs():
    code = "import sys, graders.course.course; print(*({'numpy', 'pandas', 'git', 'holidays'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


moments = st.datetimes(datetime(2025, 1, 2), datetime(2028, 11, 30), timezones=st.just(UTC))


units = st.sampled_from(["hour", "calendar_day", "working_day"])


@given(moments, st.integers(1, 12), units)
def test_the_end_of_a_unit_is_so_many_units_late_and_a_second_more_is_one_more(due, count, unit):
    end = LONDON.after(due, count, unit)
    assert LONDON.late(due, end, unit) == count
    assert LONDON.late(due, end + timedelta(seconds=1), unit) == count + 1


@given(moments, st.timedeltas(timedelta(0), timedelta(days=30)), st.timedeltas(timedelta(0), timedelta(days=5)), units)
def test_later_is_never_less_late(due, first, more, unit):
    assert LONDON.late(due, due + first, unit) <= LONDON.late(due, due + first + more, unit)
