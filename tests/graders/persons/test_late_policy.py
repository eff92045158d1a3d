"""Late policies as data: UCL's bands by hand, and files of an instructor's own with all their mistakes at once."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignments.toml_errors import TomlErrors
from graders.persons.late_policy import policy_names, read_policy


@pytest.fixture
def ucl(tmp_path):
    return read_policy("ucl-2024", tmp_path)


@pytest.mark.parametrize(
    ("days", "mark", "pass_mark", "after"),
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
    ],
)
def test_ucls_bands(ucl, days, mark, pass_mark, after):
    assert ucl.band(days).of(Fraction(mark), pass_mark) == after


def test_ucls_policy_says_to_check_it_and_where_it_comes_from(ucl):
    assert ucl.note.startswith("Check with your assessment manager")
    assert "3.11" in ucl.source


@given(st.integers(1, 30), st.fractions(0, 100), st.sampled_from([40, 50]))
def test_a_band_never_raises_a_mark(days, mark, pass_mark):
    after = read_policy("ucl-2024", Path()).band(days).of(mark, pass_mark)
    assert 0 <= after <= mark


def test_there_are_two_names_and_none_is_no_policy(tmp_path):
    assert policy_names() == ("none", "ucl-2024")
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
    assert policy.band(1).of(Fraction(60), 40) == Fraction("57.5")
    assert policy.band(1).of(Fraction(1), 40) == 0  # never below 0
    assert policy.band(2).of(Fraction(60), 40) == 1
    assert [day.isoformat() for day in policy.bank_holidays] == ["2027-05-17"]


def test_all_that_is_wrong_is_told_at_once_with_its_line(tmp_path):
    (tmp_path / "late.toml").write_text(
        OWN.replace("subtract = 2.5", "subtrat = 2.5").replace("set = 1", "set = 101").replace("2027-05-17", '"May"')
    )
    with pytest.raises(TomlErrors) as caught:
        read_policy("late.toml", tmp_path)
    told = str(caught.value).replace(f"{tmp_path}/", "")
    assert 'late.toml:2 bank_holidays.0: should be a date, as 2026-12-24, not "May"' in told
    assert 'late.toml:5 band.0.subtrat: unknown key; did you mean "subtract"?' in told
    assert "late.toml:8 band.1.set: " in told


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("set = 1", "up_to_working_days = 3\nset = 1", "the last band has no up_to_working_days"),
        ("up_to_working_days = 1\n", "", "only the last band may lack up_to_working_days"),
        ("subtract = 2.5", "subtract = 2.5\ncap = 40", "exactly one of subtract, cap and set"),
        ("set = 1", 'set = 1\nnot_below = "pass_mark"', "not_below goes with subtract"),
    ],
)
def test_bands_that_leave_a_question_open_are_refused(tmp_path, before, after, what):
    (tmp_path / "late.toml").write_text(OWN.replace(before, after))
    with pytest.raises(TomlErrors, match=what):
        read_policy("late.toml", tmp_path)


def test_a_name_that_is_not_known_gets_the_nearest(tmp_path):
    with pytest.raises(TomlErrors, match='no policy "ucl-2042"; did you mean "ucl-2024"'):
        read_policy("ucl-2042", tmp_path)
