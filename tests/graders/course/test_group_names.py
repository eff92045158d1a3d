"""What the roster calls a group that another system shows under another name."""

from __future__ import annotations

import pytest

from graders.course.cells import group_problem
from graders.course.group_names import group_names, own_group_name


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("Group 7", "group-07"),
        ("group-07", "group-07"),
        ("Team3", "Team3"),
        ("Lab A / Team 3", "lab-a-team-03"),
        ("Grün 4", "grun-04"),
        ("第7组", "group-07"),
        ("12 ", "group-12"),
        ("Group 7; DROP TABLE", "group-7-drop-table"),
        ("=HYPERLINK(1)", "hyperlink-01"),
        ("../../etc", "etc"),
    ],
)
def test_a_shown_name_becomes_one_that_folders_can_have(shown, name):
    assert group_names([shown], {}).names == {shown: name}


@pytest.mark.parametrize("shown", ["קבוצה א", "团队", "CON", "!!!", "x" * 300, "Ω 3", "\u202eabc"])
def test_a_name_that_folders_cannot_have_gets_a_digest_that_stays_the_same(shown):
    (name,) = group_names([shown], {}).names.values()
    assert group_problem(name) is None
    assert group_names(["another", shown], {}).names[shown] == name


def test_two_names_in_other_letters_stay_two():
    names = group_names(["קבוצה א", "קבוצה ב"], {})
    assert len(set(names.names.values())) == 2
    assert names.clashes == ()


def test_numbers_have_as_many_digits_as_the_largest_needs():
    assert group_names(["Group 7", "Group 114", "Lab 2"], {}).names == {
        "Group 7": "group-007",
        "Group 114": "group-114",
        "Lab 2": "lab-02",
    }


def test_a_group_of_the_roster_keeps_its_name_when_the_hundredth_comes():
    names = group_names(["Group 7", "Group 8", "Group 100"], {"group-07": ()}).names
    assert names == {"Group 7": "group-07", "Group 8": "group-08", "Group 100": "group-100"}


def test_a_name_that_was_shown_for_a_group_finds_it_again():
    assert group_names(["Herons"], {"birds-1": ("herons",)}).names == {"Herons": "birds-1"}


def test_two_shown_names_of_which_one_name_would_be_made_are_listed():
    assert group_names(["Group 7", "Group 07", "Group 8"], {}).clashes == (("Group 7", "Group 07"),)


def test_who_works_alone_has_a_group_of_their_own_id():
    assert own_group_name("25001234") == "25001234"
    assert own_group_name("2019/1234") == "2019-1234"
    assert group_problem(own_group_name("ada@example.org")) is None
