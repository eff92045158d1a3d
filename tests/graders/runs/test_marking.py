"""The use cases as a program calls them, on a course that is collected and never run: what they refuse, and why."""

from __future__ import annotations

import pytest

from assignments.errors import UserError
from graders.course.course import load_course
from graders.marks.differences import NotApplied
from graders.record.ledger import Event, Ledger
from graders.runs.marking import (
    applied,
    collected,
    events_of,
    marked,
    proposed,
    recorded,
    returnable,
    returned,
    settled,
)
from reports.console import not_applied
from tests.small_course import SOUND, write_course


@pytest.fixture
def course(tmp_path):
    folder = write_course(tmp_path / "course", {"sound": SOUND})
    with (folder / "course.toml").open("a") as file:
        file.write('[staff]\nada = "Ada Lovelace"\n')
    course = load_course(folder)
    collected(course, "halves")
    return course


@pytest.fixture
def stands(course):
    """Its marks, which stand: nothing was graded yet."""
    applied(recorded(course, "halves"), by="ada")
    return recorded(course, "halves")


def excused(change, **more):
    return proposed(change, "excused", who="m0", reason="ill", by="ada", **more)


def moved_since(course, stands):
    """A mark of 60 that stands, and a decision that came into the record without the mark that follows from it."""
    applied(proposed(stands, "override", "60", who="m0", reason="a viva", by="ada"), by="ada")
    with Ledger.open(course.ledger) as ledger:
        ledger.add_events([Event("2027-01-01T12:00", "ada", "halves", "override", "70", "a viva", "sound", "m0")])
    return recorded(course, "halves")


def kinds(course):
    return [event.kind for event in events_of(course, "halves")]


def test_a_change_is_on_record_once_it_is_applied_and_not_before(course, stands):
    change = excused(stands)
    assert [(move.before.status, move.after.status) for move in change.differences.moves] == [("withheld", "excused")]
    assert (change.must_apply_first, kinds(course)) == (True, ["marks"])
    assert applied(change, by="ada")
    assert kinds(course) == ["marks", "excused", "marks"]
    after = recorded(course, "halves")
    assert (after.must_apply_first, [str(person.status) for person in after.results.people]) == (False, ["excused"])


def test_there_is_nothing_to_apply_where_all_of_it_stands(course, stands):
    assert not applied(stands, by="ada")
    assert kinds(course) == ["marks"]


@pytest.mark.parametrize("by", ["mallory", None])
def test_whoever_is_not_among_the_staff_decides_applies_and_returns_nothing(course, stands, by):
    change = excused(stands)
    for act in (
        lambda: proposed(stands, "excused", who="m0", reason="ill", by=by),
        lambda: applied(change, by=by),
        lambda: returned(stands, by=by),
    ):
        with pytest.raises(UserError, match="is not among the staff"):
            act()
    assert kinds(course) == ["marks"]


def test_a_full_name_of_the_staff_is_recorded_as_the_login(course):
    applied(recorded(course, "halves"), by="ada lovelace")
    assert [event.who for event in events_of(course, "halves")] == ["ada"]


def test_other_peoples_code_is_not_run_without_a_wall_unless_it_is_trusted(course):
    with pytest.raises(UserError, match=r"the local sandbox does not hold .* runs submissions as you"):
        marked(course, "halves")
    with pytest.raises(UserError, match='"dokcer": did you mean "docker"'):
        marked(course, "halves", sandbox="dokcer")


def test_nothing_is_made_on_top_of_marks_that_moved_and_were_not_applied(course, stands):
    moved = moved_since(course, stands)
    assert moved.must_apply_first
    for act in (
        lambda: proposed(moved, "extension", "2d", who="sound", reason="ill", by="ada"),
        lambda: returnable(moved),
        lambda: returned(moved, by="ada"),
        lambda: settled(moved),
    ):
        with pytest.raises(NotApplied, match="medmark grade halves") as refused:
            act()
        assert [move.member for move in refused.value.differences.moves] == ["m0"]
    # A dispute moves no mark, and must be on record whatever else is under way.
    assert [event.kind for event in proposed(moved, "dispute", "why?", who="m0", reason="mail", by="ada").decided]


def test_a_proposal_cannot_be_returned_or_reported_before_it_is_applied(stands):
    with pytest.raises(NotApplied, match=r"rest on decisions that are only proposed \(1\)"):
        settled(excused(stands))
    extension = proposed(stands, "extension", "2d", who="sound", reason="ill", by="ada")
    assert extension.differences.moves == ()
    with pytest.raises(NotApplied, match="rest on decisions") as refused:
        returnable(extension)
    assert not_applied(refused.value) == str(refused.value)  # nothing moved: there is no number of marks to tell


def test_a_change_undoes_nothing_that_was_recorded_after_it_was_made(course, stands):
    late = proposed(stands, "extension", "2d", who="sound", reason="ill", by="ada")
    applied(excused(stands), by="ada")
    with pytest.raises(UserError, match="the record has changed since"):
        applied(late, by="ada")
    assert kinds(course) == ["marks", "excused", "marks"]


def test_a_proposal_on_marks_that_are_not_on_record_any_more_is_refused(course, stands):
    """Its differences would be another person's, and those of neither decision would be seen by who makes it."""
    applied(proposed(stands, "override", "60", who="m0", reason="a viva", by="ada"), by="ada")
    with pytest.raises(UserError, match="the record has changed since"):
        proposed(stands, "dispute", "why?", who="m0", reason="mail", by="ada")
    with pytest.raises(UserError, match="the record has changed since"):
        excused(stands)
    assert kinds(course) == ["marks", "override", "marks"]


def test_a_change_that_is_applied_twice_is_recorded_once(course, stands):
    change = excused(stands)
    applied(change, by="ada")
    with pytest.raises(UserError, match="the record has changed since"):
        applied(change, by="ada")
    assert kinds(course) == ["marks", "excused", "marks"]


def test_a_mark_is_withheld_for_want_of_marking_and_waits_for_no_person(stands):
    assert (stands.results.withheld, stands.results.waiting) == (("sound",), ())


def test_nobody_is_returned_a_mark_that_is_not_whole(course, stands):
    offer = returnable(stands)
    assert (offer.now, offer.left_out) == ((), {"withheld": ("m0",)})
    with pytest.raises(UserError, match="Nobody has a whole mark"):
        returned(stands, by="ada")
    assert kinds(course) == ["marks"]
