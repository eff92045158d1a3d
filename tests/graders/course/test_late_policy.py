"""Late policies as data: the published rules of four universities by hand, and an instructor's own files."""

from datetime import datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignments.toml_errors import TomlErrors
from graders.course.late_policy import POLICIES, policy_names, read_policy
from graders.course.working_days import Calendar, in_utc
from graders.marks.mark import rounded

NAMED = ("sheffield", "southampton", "ucl-2024", "york")
EASTER = Calendar.of("Europe/London", [datetime(2026, 4, 3).date(), datetime(2026, 4, 6).date()])
"""Good Friday and Easter Monday of 2026."""


def after(policy, mark, pass_mark=40, **begun):
    """The mark after so many units have begun, as `working_day=3`."""
    policy = read_policy(policy, POLICIES) if isinstance(policy, str) else policy
    return policy.after(Fraction(mark), pass_mark, begun.__getitem__)[0]


def on(policy, mark, due, seen, pass_mark=40):
    """The mark of work that was due and seen at two times of London's clock, around Easter 2026."""
    due, seen = (in_utc(datetime.fromisoformat(time), EASTER.timezone) for time in (due, seen))
    policy = read_policy(policy, POLICIES) if isinstance(policy, str) else policy
    return policy.after(Fraction(mark), pass_mark, lambda unit: EASTER.late(due, seen, unit))[0]


@pytest.mark.parametrize(
    ("days", "mark", "pass_mark", "left"),
    [
        (1, 72, 40, 62),
        (2, 72, 40, 62),
        (2, 47, 40, 40),  # not below the pass mark
        (2, 55, 50, 50),
        (1, 38, 40, 38),  # failed before the penalty: neither lowered nor raised
        (1, 40, 40, 40),
        (3, 72, 40, 40),
        (5, 72, 50, 50),
        (5, 38, 40, 38),
        (6, 72, 40, 0),
        (200, 72, 40, 0),
        (1, 68, 40, 58),  # the example of UCL Arts and Sciences
    ],
)
def test_ucls_bands(days, mark, pass_mark, left):
    assert after("ucl-2024", mark, pass_mark, working_day=days) == left


@pytest.mark.parametrize(
    ("seen", "left"),
    [
        # Due on Maundy Thursday at noon: Good Friday, the weekend and Easter Monday all count at York.
        ("2026-04-02T13:00:00", 60),  # an hour: 65 - 5
        ("2026-04-02T13:00:01", 55),  # the example of the handbook: 65, up to one day late, is 55
        ("2026-04-03T12:00:00", 55),
        ("2026-04-03T12:00:01", 45),
        ("2026-04-04T12:00:01", 35),
        ("2026-04-05T12:00:01", 25),
        ("2026-04-07T12:00:00", 15),  # five days
        ("2026-04-07T12:00:01", 0),
    ],
)
def test_yorks_ten_points_for_each_calendar_day_or_part_of_one(seen, left):
    assert on("york", 65, "2026-04-02T12:00", seen) == left


def test_yorks_penalty_never_goes_below_nothing():
    assert after("york", 35, hour=90, calendar_day=4) == 0


@pytest.mark.parametrize(
    ("days", "of_60", "of_50"),
    [(1, "57", "47.5"), (2, "54", "45"), (3, "51", "42.5"), (4, "48", "40"), (5, "45", "37.5"), (6, "0", "0")],
)
def test_sheffields_table_of_five_per_cent_of_the_mark_a_working_day(days, of_60, of_50):
    assert after("sheffield", 60, working_day=days) == Fraction(of_60)
    assert after("sheffield", 50, working_day=days) == Fraction(of_50)


def test_sheffields_table_is_rounded_to_whole_marks_half_up():
    left = [after("sheffield", 50, working_day=days) for days in (1, 3, 5)]
    assert [str(rounded(mark, to="1")) for mark in left] == ["48", "43", "38"]
    # History's example: 70, due on a Wednesday at two, is 67, 63, 60, 56, 53 and then 0.
    days = [after("sheffield", 70, working_day=days) for days in range(1, 7)]
    assert [int(rounded(mark, to="1")) for mark in days] == [67, 63, 60, 56, 53, 0]


def test_sheffield_and_southampton_leave_easter_out_of_the_count():
    # Maundy Thursday to Wednesday after Easter: Tuesday and Wednesday are the first two working days.
    assert on("sheffield", 60, "2026-04-02T12:00", "2026-04-08T12:00") == 54
    assert on("southampton", 60, "2026-04-02T12:00", "2026-04-08T12:00") == 48


@pytest.mark.parametrize(("days", "left"), [(1, 54), (2, 48), (3, 42), (4, 36), (5, 30), (6, 0)])
def test_southamptons_factors_of_the_final_agreed_mark(days, left):
    assert after("southampton", 60, working_day=days) == left


@pytest.mark.parametrize("name", NAMED)
def test_a_named_policy_says_to_check_it_and_where_it_comes_from(name):
    policy = read_policy(name, POLICIES)
    assert policy.note.startswith("Check with your assessment manager")
    assert policy.source
    assert all(band.clause for band in policy.bands)


@given(st.sampled_from(NAMED), st.integers(1, 30), st.fractions(0, 100), st.sampled_from([40, 50]))
def test_a_band_never_raises_a_mark(name, days, mark, pass_mark):
    left = after(name, mark, pass_mark, working_day=days, calendar_day=days, hour=24 * days)
    assert 0 <= left <= mark


def test_the_named_policies_and_none_which_is_not_a_policy(tmp_path):
    assert policy_names() == ("none", *NAMED)
    assert read_policy("none", tmp_path) is None


OWN = """\
title = "Ours"
bank_holidays = [2027-05-17]
[[band]]
up_to_working_days = 1
subtract = 2.5
clause = "a day: 2.5 points"
[[band]]
set = 1
clause = "later: 1"
"""


def test_an_instructors_own_policy_is_a_file_beside_the_course(tmp_path):
    (tmp_path / "late.toml").write_text(OWN)
    policy = read_policy("late.toml", tmp_path)
    assert after(policy, 60, working_day=1) == Fraction("57.5")
    assert after(policy, 1, working_day=1) == 0  # never below 0
    assert after(policy, 60, working_day=2) == 1
    assert [day.isoformat() for day in policy.bank_holidays] == ["2027-05-17"]


def test_a_policy_in_calendar_days_as_ucl_laws_writes_it(tmp_path):
    (tmp_path / "laws.toml").write_text(
        'title = "Laws"\n[[band]]\nup_to_calendar_days = 1\nsubtract = 5\nclause = "1"\n'
        '[[band]]\nup_to_calendar_days = 7\nsubtract = 15\nclause = "7"\n[[band]]\nset = 0\nclause = "later"\n'
    )
    policy = read_policy("laws.toml", tmp_path)
    assert [after(policy, 65, calendar_day=days) for days in (1, 2, 7, 8)] == [60, 50, 50, 0]


def test_points_for_each_hour_begun_stop_at_a_floor(tmp_path):
    (tmp_path / "hours.toml").write_text(
        'title = "Hours"\n[[band]]\nup_to_hours = 24\nsubtract = 2\nfor_each = "hour"\nnot_below = "pass_mark"\n'
        'clause = "2 an hour"\n[[band]]\nreduce = 100\nclause = "nothing"\n'
    )
    policy = read_policy("hours.toml", tmp_path)
    assert [after(policy, 60, hour=hours) for hours in (1, 9, 11, 24, 25)] == [58, 42, 40, 40, 0]
    assert after(policy, 39, hour=3) == 39  # failed before it was late
    assert on(policy, 60, "2026-04-02T12:00", "2026-04-02T13:00:01") == 56
    assert on(policy, 60, "2026-04-02T12:00", "2026-04-03T12:00:01") == 0


def test_every_mistake_is_reported_at_once_with_its_line(tmp_path):
    (tmp_path / "late.toml").write_text(
        OWN.replace("subtract = 2.5", "subtrat = 2.5").replace("set = 1", "set = 101").replace("2027-05-17", '"May"')
    )
    with pytest.raises(TomlErrors) as caught:
        read_policy("late.toml", tmp_path)
    problems = str(caught.value).replace(f"{tmp_path}/", "")
    assert 'late.toml:2 bank_holidays.0: should be a date, such as 2026-12-24, not "May"' in problems
    assert 'late.toml:5 band.0.subtrat: unknown key; did you mean "subtract"?' in problems
    assert "late.toml:8 band.1.set: " in problems


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("set = 1", "up_to_working_days = 3\nset = 1", "the last band must have no limit"),
        ("up_to_working_days = 1\n", "", "every band but the last needs a limit"),
        ("subtract = 2.5", "subtract = 2.5\ncap = 40", "exactly one of subtract, reduce, cap and set"),
        ("set = 1", 'set = 1\nnot_below = "pass_mark"', "not_below goes with subtract or reduce"),
        ("set = 1", 'set = 1\nfor_each = "hour"', "for_each goes with subtract or reduce"),
        ("subtract = 2.5", "subtract = 2.5\nup_to_hours = 3", "a band has one limit"),
        ("[[band]]\nset", "[[band]]\nup_to_hours = 24\nsubtract = 5\nclause = ''\n[[band]]\nset", "limits must rise"),
    ],
)
def test_bands_that_leave_a_question_open_are_refused(tmp_path, before, after, what):
    (tmp_path / "late.toml").write_text(OWN.replace(before, after))
    with pytest.raises(TomlErrors, match=what):
        read_policy("late.toml", tmp_path)


def test_an_unknown_name_gets_the_nearest(tmp_path):
    with pytest.raises(TomlErrors, match='there is no late policy "ucl-2042"; did you mean "ucl-2024"'):
        read_policy("ucl-2042", tmp_path)
