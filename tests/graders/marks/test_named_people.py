"""Whom a text means: by the name as a person sees it, however its letters are composed."""

import unicodedata

import pytest

from graders.course.roster import Group, Member
from graders.marks.named_people import group_and_member
from graders.marks.ratings import factors_of

COMPOSED, APART = (unicodedata.normalize(form, "zoë") for form in ("NFC", "NFD"))


class Course:
    def __init__(self, *groups):
        self.groups = groups


def group(name, *members):
    people = tuple(Member.model_construct(id=member, name=member, email=f"{member}@b.c") for member in members)
    return Group.model_construct(name=name, members=people, repository="https://a.b/c")


@pytest.mark.parametrize(("written", "typed"), [(COMPOSED, APART), (APART, COMPOSED)])
def test_a_member_is_found_however_the_letters_are_composed_and_keeps_the_rosters_id(written, typed):
    course = Course(group("g1", "ada", written), group("g2", "bo"))
    assert group_and_member(course, typed) == (course.groups[0], written)
    assert group_and_member(course, f"g1/{typed}") == (course.groups[0], written)


def test_ratings_find_their_people_in_the_same_way():
    rows = [(2, {"from": APART, "to": "ada", "rating": "4"}), (3, {"from": "ada", "to": APART, "rating": "4"})]
    (made,) = factors_of("r.csv", rows, [group("g1", "ada", COMPOSED)], "buddycheck")
    assert dict(made.of) == {"ada": 1, COMPOSED: 1}
    assert made.silent == ()
