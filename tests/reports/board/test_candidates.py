"""Who has a row in a board's pack: their own number or none, and nobody under another person's."""

import pytest

from graders.course.roster import Group, Member
from reports.board.candidates import NOBODY, candidates_of
from reports.natural_order import natural


def member(id, candidate, name="Ada Lovelace", **more):
    return Member(id=id, name=name, email=f"{id}@ucl.ac.uk", candidate=candidate, **more)


def group(name, *members):
    return Group(name=name, members=members, repository="")


def of(*members, names=False):
    return candidates_of([group("team", *members)], names=names)


def test_a_person_stands_under_their_number_and_rows_follow_the_numbers_not_the_roster():
    people = of(member("zcabc01", "1010"), member("zcabc02", "999"), member("zcabc03", "A7"))
    assert [(row.key, row.member.id) for row in people.rows] == [
        ("999", "zcabc02"), ("1010", "zcabc01"), ("A7", "zcabc03"),
    ]  # fmt: skip
    assert (people.problems, people.left_out) == ((), 0)


@pytest.mark.parametrize("candidate", [None, "", "  ", "\u200b"])
def test_who_has_no_number_has_no_row_and_is_a_problem_that_says_what_to_do(candidate):
    people = of(member("zcabc01", candidate), member("zcabc02", "999"))
    assert [row.key for row in people.rows] == ["999"]
    assert people.left_out == 1
    assert people.problems == (
        "zcabc01 of group team has no row: no candidate number; write it in the column candidate of the roster, or add "
        "--names",
    )


@pytest.mark.parametrize(
    ("number", "other"), [("1010", "1010"), ("a7", "A7"), ("\u00e9", "e\u0301"), ("10", "1\u200b0")]
)
def test_two_people_with_one_number_have_no_row_either_of_them(number, other):
    people = of(member("zcabc01", number), member("zcabc02", other), member("zcabc03", "999"))
    assert [row.key for row in people.rows] == ["999"]
    assert all("is another person's too" in problem for problem in people.problems)
    assert len(people.problems) == 2


@pytest.mark.parametrize(
    "candidate", ["zcabc01", "ZCABC01", "zcabc01-27", "zcabc02", "zcabc02@ucl.ac.uk", "Grace Hopper"]
)
def test_a_number_that_tells_who_somebody_is_gives_no_row(candidate):
    people = of(member("zcabc01", candidate), member("zcabc02", "999", name="Grace Hopper"))
    assert [row.key for row in people.rows] == ["999"]
    assert "tells who it is" in people.problems[0]


def test_a_short_id_within_a_number_is_an_accident():
    assert [row.key for row in of(member("01", "1010")).rows] == ["1010"]


def test_with_names_everyone_has_a_row_under_their_id_in_the_order_of_the_roster():
    people = of(member("zcabc02", None), member("zcabc01", "1010"), names=True)
    assert [row.key for row in people.rows] == ["zcabc02", "zcabc01"]
    assert people.problems == ()
    assert people.about("team", "zcabc01") == "team/zcabc01"
    assert people.hidden("Ada Lovelace") == "Ada Lovelace"


def test_groups_and_people_are_called_by_numbers_alone():
    people = candidates_of(
        [
            group("team-lovelace", member("zcabc01", "1010"), member("zcabc02", "999"), member("zcabc03", None)),
            group("zcabc04", member("zcabc04", "1003")),
            group("zcabc05", member("zcabc05", None)),
        ],
        names=False,
    )
    assert [people.about(*whom) for whom in (
        ("", ""), ("team-lovelace", ""), ("team-lovelace", "zcabc01"), ("zcabc04", ""), ("zcabc05", ""),
        ("team-lovelace", "zcabc03"), ("", "who-left"), ("group-that-left", ""),
    )] == [
        "all", "group of 999, 1010 and 1 person without a row", "1010", "group of 1003",
        "group of 1 person without a row", NOBODY, NOBODY, "a group that left the roster",
    ]  # fmt: skip


def test_numbers_stand_in_the_order_of_counting():
    assert sorted(["1010", "999", "A10", "A9", "10a", ""], key=natural) == ["", "10a", "999", "1010", "A9", "A10"]
