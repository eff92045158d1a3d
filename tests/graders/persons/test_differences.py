"""What moves between two looks at the marks, and the snapshots that say what was applied, returned and corrected."""

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from graders.course import load_course
from graders.intake.submission import Submission
from graders.ledger import Event
from graders.mark import Status
from graders.persons.differences import (
    APPLIED,
    CORRECTION,
    RETURNED,
    SNAPSHOTS,
    Differences,
    Move,
    Told,
    as_json,
    compare,
    differences_of,
    last_of,
    read,
    returned_marks,
    snapshot_event,
    snapshot_of,
    version,
)
from graders.persons.personal import Returned
from graders.persons.results import results_of
from tests.graders.persons.test_personal import COURSE, ROSTER, event
from tests.graders.test_mark import assignment, mark, scored

AT = "2027-01-21T09:00:00.000+00:00"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    (folder / "course.toml").write_text(COURSE.format(extra=""))
    (folder / "roster.csv").write_text(ROSTER)
    return load_course(folder)


def results(course, *events, g1=None, solo=None, late_since=None):
    """Marks of g1 (s1, and s2 who passes at 50) and of solo (s3): 70 % each unless given."""
    marks = [g1 or mark(), replace(solo or mark(), group="solo")]
    late = datetime.fromisoformat(late_since) if late_since else None
    handed_in = [
        Submission(m.group, course.group(m.group).members, "", m.commit, None, None, None, late_since=late)
        for m in marks
    ]
    return results_of(course, assignment(), events, handed_in, marks)


def applied(of, kind=APPLIED):
    """The event that makes these marks the ones that stand."""
    return snapshot_event(of, at=AT, who="prof", reason="because", kind=kind)


def told(percent="70.0", status="marked", commit="c0ffee", group="g1", **more):
    values = {"pass_mark": 40, "level": 6} | more
    return Told(group, commit, status, None if percent is None else Decimal(percent), **values)


def moved(before, now, **how):
    found = compare({"s1": before}, {"s1": now}, **how)
    return [move.member for move in found.moves], list(found.new)


INCOMPLETE = mark(persons={})  # 35 of tests and 14 of accuracy so far
WITHHELD = mark(scores={})


def test_a_snapshot_holds_what_everyone_was_told(course):
    assert snapshot_of(results(course)) == {
        "s1": told(), "s2": told(pass_mark=50), "s3": told(group="solo")
    }  # fmt: skip
    found = snapshot_of(results(course, g1=INCOMPLETE, solo=mark(commit=None)))
    assert found["s1"] == told("49.0", "incomplete")
    assert found["s3"] == told(None, "not_submitted", None, "solo")
    assert snapshot_of(results(course, g1=WITHHELD))["s2"] == told(None, "withheld", pass_mark=50)


def test_a_persons_own_mark_is_in_the_snapshot_and_not_their_groups(course):
    found = snapshot_of(results(course, event("peer_factor", "0.9", "g1/s2")))
    assert (found["s1"].percent, found["s2"].percent) == (Decimal("70.0"), Decimal("63.0"))


def test_equal_marks_are_no_difference_however_strictly(course):
    now = snapshot_of(results(course))
    assert compare(now, now, strict=True) == compare(now, now) == Differences((), (), "")


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (told("70.0"), told("70.1")),
        (told("49.0", "incomplete"), told("70.0")),
        (told("70.0"), told("49.0", "incomplete")),
        (told("70.0"), told(None, "withheld")),
        (told("49.0", "incomplete"), told("49.0")),
    ],
)
def test_another_mark_of_the_same_commit_moves(before, now):
    assert moved(before, now) == moved(before, now, strict=True) == (["s1"], [])


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (told(), told("71.0", commit="beef")),
        (told(), told(commit="beef")),
        (told(None, "not_submitted", None), told()),
        (told(None, "withheld"), told()),
    ],
)
def test_another_commit_and_a_first_mark_are_new_and_move_only_where_everything_counts(before, now):
    assert moved(before, now) == ([], ["s1"])
    assert moved(before, now, strict=True) == (["s1"], [])


def test_someone_who_was_not_there_is_new_and_someone_who_is_gone_is_left_out():
    found = compare({"gone": told()}, {"s1": told()}, strict=True, since=AT)
    assert found == Differences((), ("s1",), AT)


def test_moves_stand_in_the_order_of_the_people():
    before = {member: told() for member in "abcd"}
    now = {"d": told("10.0"), "a": told(), "c": told("90.0"), "b": told("71.0")}
    assert [move.member for move in compare(before, now).moves] == ["d", "c", "b"]


@pytest.mark.parametrize(
    ("before", "now", "change"),
    [
        (told("59.6"), told("62.7"), "3.1"),
        (told("62.7"), told("59.6"), "-3.1"),
        (told("49.0", "incomplete"), told("70.0"), "21.0"),
        (told(None, "withheld"), told(), None),
        (told(), told(None, "withheld"), None),
    ],
)
def test_a_change_is_in_exact_percentage_points_and_none_where_a_mark_is_missing(before, now, change):
    assert Move("s1", before, now).change == (None if change is None else Decimal(change))


def test_without_a_snapshot_everyone_is_new(course):
    assert differences_of(results(course)) == Differences((), ("s1", "s2", "s3"), "")


def test_marks_are_compared_with_those_last_applied(course):
    old = applied(results(course, g1=mark(scores={"accuracy": scored(0.52)})))
    stands = applied(results(course))
    assert differences_of(results(course, old, stands)) == Differences((), (), AT)
    found = differences_of(results(course, stands, old))  # 56 + 14 where 56 stood
    assert [(m.member, m.before.percent, m.change) for m in found.moves] == [
        ("s1", Decimal("56.0"), Decimal("14.0")), ("s2", Decimal("56.0"), Decimal("14.0"))
    ]  # fmt: skip
    assert (found.new, found.since) == ((), AT)


def test_once_marks_were_returned_a_new_commit_moves_too(course):
    again = mark(commit="beef")
    first = applied(results(course))
    assert differences_of(results(course, first, g1=again)).new == ("s1", "s2")
    returned = applied(results(course), RETURNED)
    assert [m.member for m in differences_of(results(course, first, returned, g1=again)).moves] == ["s1", "s2"]


def test_a_retraction_says_both_marks(course):
    override = event("override", "39", "g1/s1")
    found = differences_of(results(course, override, applied(results(course, override)), event("retract", "1")))
    assert [(m.member, m.before.percent, m.after.percent) for m in found.moves] == [
        ("s1", Decimal("39.0"), Decimal("70.0"))
    ]


def test_the_last_event_of_some_kinds():
    events = [Event(AT, "prof", "prostate_unet", kind, kind, "") for kind in (APPLIED, RETURNED, "extension")]
    assert last_of(events, SNAPSHOTS) is events[1]
    assert last_of(events, (APPLIED,)) is events[0]
    assert last_of(events, (CORRECTION,)) is None


def test_pages_get_a_version_with_every_correction_and_with_nothing_else(course):
    kinds = [APPLIED, RETURNED, "override", CORRECTION, CORRECTION]
    events = [Event(AT, "prof", "prostate_unet", kind, "{}", "") for kind in kinds]
    assert [version(events[:n]) for n in range(6)] == [1, 1, 1, 1, 2, 3]


def test_what_was_returned_is_each_whole_mark_students_were_last_told(course):
    seventy = results(course, solo=INCOMPLETE)
    lower = results(course, event("override", "55", "g1/s2"))
    assert returned_marks([applied(seventy)]) == {}
    returned = [applied(seventy), applied(seventy, RETURNED)]
    whole = Returned(Decimal("70.0"), Fraction(70))
    assert returned_marks(returned) == {"s1": whole, "s2": whole}  # s3 had no whole mark
    assert returned_marks([*returned, applied(lower)]) == returned_marks(returned)
    corrected = returned_marks([*returned, applied(lower, CORRECTION)])
    assert corrected == {"s1": whole, "s2": Returned(Decimal("55.0"), Fraction(55)), "s3": whole}


def test_a_snapshot_that_is_written_and_read_is_the_same(course):
    of = results(course, g1=WITHHELD, solo=INCOMPLETE)
    written = applied(of)
    assert read(written) == snapshot_of(of)
    assert (written.at, written.who, written.about, written.kind) == (AT, "prof", "prostate_unet", "marks")
    assert json.loads(written.value)["s1"]["percent"] is None
    assert json.loads(written.value)["s3"]["percent"] == "49.0"  # a string: no float stands between


def test_a_snapshot_is_a_correction_once_marks_were_returned(course):
    assert applied(results(course), None).kind == APPLIED
    assert applied(results(course, applied(results(course), RETURNED)), None).kind == CORRECTION


def test_members_who_are_not_in_the_results_keep_the_mark_that_stood(course):
    whole = applied(results(course))
    alone = replace(results(course, whole), people=results(course, event("override", "12", "g1/s1")).people[:1])
    kept = read(applied(alone))
    assert {member: one.percent for member, one in kept.items()} == {
        "s1": Decimal("12.0"), "s2": Decimal("70.0"), "s3": Decimal("70.0")
    }  # fmt: skip


def test_differences_as_plain_data_say_from_and_to():
    found = compare(
        {"s1": told("49.0", "incomplete"), "s2": told(None, "withheld")},
        {"s1": told("70.5"), "s2": told("62.0"), "s3": told()},
        since=AT,
        strict=True,
    )
    assert as_json(found) == {
        "since": AT,
        "moves": [
            {
                "member": "s1", "group": "g1", "change": 21.5,
                "from": {"status": "incomplete", "percent": 49.0, "pass_mark": 40},
                "to": {"status": "marked", "percent": 70.5, "pass_mark": 40},
            },
            {
                "member": "s2", "group": "g1", "change": None,
                "from": {"status": "withheld", "percent": None, "pass_mark": 40},
                "to": {"status": "marked", "percent": 62.0, "pass_mark": 40},
            },
        ],
        "new": ["s3"],
    }  # fmt: skip
    assert json.loads(json.dumps(as_json(found))) == as_json(found)
    assert as_json(Differences((), (), "")) == {"since": None, "moves": [], "new": []}


def test_a_status_that_was_read_equals_the_one_that_is_made(course):
    assert read(applied(results(course)))["s1"].status == Status.MARKED


def test_a_pass_mark_alone_moves_a_mark_and_a_move_to_another_group_does_not():
    (move,) = compare({"s1": told("45.0")}, {"s1": told("45.0", pass_mark=50)}).moves
    assert (move.change, move.after.pass_mark) == (0, 50)
    assert compare({"s1": told("45.0")}, {"s1": told("45.0", group="other")}).moves == ()
