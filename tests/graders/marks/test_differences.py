"""What moves between two looks at the marks, and the snapshots that say what was applied, returned and corrected."""

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from graders.intake.submission import Submission
from graders.marks.applying import snapshot_event, snapshot_of
from graders.marks.differences import Differences, Move, compare, differences_of
from graders.marks.mark import Status
from graders.marks.personal import ReturnedMark
from graders.marks.results import results_of
from graders.marks.versions import Versions, returned_marks
from graders.record.snapshots import APPLIED, CORRECTION, RETURNED, RecordedMark, snapshots
from reports.as_json import differences_as_json
from tests.graders.marks.hand_made import score_result
from tests.graders.marks.test_mark import assignment, mark
from tests.graders.marks.test_personal import course_with, event

AT = "2027-01-21T09:00:00.000+00:00"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return course_with(tmp_path_factory.mktemp("course"))


def results(course, *events, g1=None, solo=None, late_since=None):
    """Marks of g1 (s1, and s2 who passes at 50) and of solo (s3): 70 % each unless given."""
    marks = [g1 or mark(), replace(solo or mark(), group="solo")]
    late = datetime.fromisoformat(late_since) if late_since else None
    handed_in = [
        Submission(m.group, course.group(m.group).members, "", m.commit, None, None, None, late_since=late)
        for m in marks
    ]
    return results_of(course, assignment(), events, handed_in, marks)


def applied(of, kind=APPLIED, *, number=0, members=None, reason="because"):
    """The event that makes these marks the ones that stand."""
    members = [person.member for person in of.people] if kind == RETURNED and members is None else members
    event = snapshot_event(of, at=AT, who="prof", reason=reason, members=members)
    return replace(event, kind=kind or event.kind, number=number)


def told(percent="70.0", status="marked", commit="c0ffee", group="g1", **more):
    values = {"pass_mark": 40, "level": 6} | more
    return RecordedMark(group, commit, status, None if percent is None else Decimal(percent), **values)


def moved(before, now, **how):
    found = compare({"s1": before}, {"s1": now}, **how)
    return [move.member for move in found.moves], list(found.new)


INCOMPLETE = mark(persons={})  # 35 of tests and 14 of accuracy so far
WITHHELD = mark(scores={})


def test_a_snapshot_holds_everyones_mark(course):
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
    old = applied(results(course, g1=mark(scores={"accuracy": score_result(0.52)})))
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


def read(event):
    """The marks of one snapshot."""
    return snapshots([event])[0].marks


def test_snapshots_are_distinguished_from_decisions_by_their_kind():
    events = [event(kind, "{}", about="") for kind in (APPLIED, RETURNED, "extension", CORRECTION)]
    assert [snapshot.event for snapshot in snapshots(events)] == [events[0], events[1], events[3]]


LATER = {"s1": "55", "s2": "56", "s3": "57"}
"""Overrides, by which a test moves one person's mark."""


def moving(course, member, group="g1", value=None):
    return event("override", value or LATER[member], f"{group}/{member}")


def versions(*events):
    return {member: page.version for member, page in Versions.of(events).people.items()}


def test_a_page_gets_a_version_with_every_correction_of_its_own_and_with_nothing_else(course):
    returned = applied(results(course), RETURNED, number=1)
    one = applied(results(course, returned, moving(course, "s1")), None, number=2)
    two = applied(results(course, returned, one, moving(course, "s1"), moving(course, "s3", "solo")), None, number=3)
    assert [event.kind for event in (one, two)] == [CORRECTION, CORRECTION]
    assert versions(applied(results(course))) == {}
    assert versions(returned) == {"s1": 1, "s2": 1, "s3": 1}
    assert versions(returned, one) == {"s1": 2, "s2": 1, "s3": 1}
    assert versions(returned, one, two) == {"s1": 2, "s2": 1, "s3": 2}
    assert [Versions.of(events).version for events in ([], [returned], [returned, one], [returned, one, two])] == [
        1, 1, 2, 3
    ]  # fmt: skip


def test_a_correction_of_one_member_is_no_version_of_the_page_that_the_group_reads(course):
    returned = applied(results(course), RETURNED, number=1)
    own = applied(results(course, returned, moving(course, "s1")), None, number=2)
    of_all = applied(results(course, returned, own, moving(course, "s1"), g1=INCOMPLETE), None, number=3)
    groups = [{group: page.version for group, page in Versions.of(events).groups.items()}
              for events in ([returned], [returned, own], [returned, own, of_all])]  # fmt: skip
    assert groups == [{"g1": 1, "solo": 1}, {"g1": 1, "solo": 1}, {"g1": 2, "solo": 1}]


def test_a_correction_says_its_reason_on_the_pages_that_it_moved_alone(course):
    returned = applied(results(course), RETURNED)
    one = applied(results(course, returned, moving(course, "s1")), None, reason="added up wrongly")
    pages = Versions.of([returned, one]).people
    assert (pages["s1"].correction, pages["s2"].correction) == ("Corrected on 2027-01-21: added up wrongly", "")


def test_a_return_reaches_only_its_people_and_a_first_mark_of_the_others_is_not_a_correction(course):
    of_g1 = applied(results(course, solo=INCOMPLETE), RETURNED, members=["s1", "s2"])
    assert set(read(of_g1)) == {"s1", "s2"}
    assert set(Versions.of([of_g1]).people) == {"s1", "s2"}
    first = applied(results(course, of_g1), None)  # s3 has a whole mark now
    assert (first.kind, read(first)["s3"].percent) == (APPLIED, Decimal("70.0"))
    assert versions(of_g1, first) == {"s1": 1, "s2": 1}
    rest = applied(results(course, of_g1, first), RETURNED, members=["s3"])
    assert versions(of_g1, first, rest) == {"s1": 1, "s2": 1, "s3": 1}
    assert differences_of(results(course, of_g1, solo=mark(commit="beef"))).new == ("s3",)
    again = differences_of(results(course, of_g1, g1=mark(commit="beef")))
    assert [move.member for move in again.moves] == ["s1", "s2"]


def test_a_retracted_return_was_never_and_the_next_one_keeps_its_pages_apart(course):
    returned = applied(results(course), RETURNED, number=5)
    gone = event("retract", "5", "", number=6)
    assert versions(returned, gone) == returned_marks([returned, gone]) == {}
    assert applied(results(course, returned, gone, moving(course, "s1")), None).kind == APPLIED
    assert versions(returned, gone, event("retract", "6", "", number=7)) == {"s1": 1, "s2": 1, "s3": 1}
    again = applied(results(course, returned, gone), RETURNED, number=8, members=["s1"])
    page = Versions.of([returned, gone, again]).people["s1"]
    assert (page.version, page.name) == (1, "v1-return-8")
    assert Versions.of([returned]).people["s1"].name == "v1"


def test_an_old_return_was_to_everyone_and_an_old_correction_is_of_those_whose_mark_it_moved(course):
    def as_before(event):
        """Snapshots had no mark of the group."""
        people = {member: {k: v for k, v in told.items() if k != "of_group"}
                  for member, told in json.loads(event.value).items()}  # fmt: skip
        return replace(event, value=json.dumps(people))

    returned = as_before(applied(results(course, solo=INCOMPLETE), RETURNED, number=1))
    corrected = as_before(applied(results(course, returned, moving(course, "s1")), CORRECTION, number=2))
    assert versions(returned, corrected) == {"s1": 2, "s2": 1, "s3": 2}
    # What moved s1 alone is no version of the page that s2 reads too, and its reason is not on it.
    assert {g: page.version for g, page in Versions.of([returned, corrected]).groups.items()} == {"g1": 1, "solo": 2}
    both = moving(course, "s1"), replace(moving(course, "s2"), number=9)
    of_all = as_before(applied(results(course, returned, *both), CORRECTION, number=2))
    assert Versions.of([returned, of_all]).groups["g1"].version == 2


def test_what_was_decided_about_one_member_gives_no_reason_on_the_page_of_all(course):
    returned = applied(results(course), RETURNED, number=1)
    first = event("held", "", "g1/s1", 2)
    one = applied(results(course, returned, first), CORRECTION, number=3, reason="a case about s1")
    second = event("held", "", "g1/s2", 4)  # now nobody of g1 has a mark, so its page has none either
    two = applied(results(course, returned, first, one, second), CORRECTION, number=5, reason="a case about s2")
    pages = Versions.of([returned, one, two])
    assert (pages.groups["g1"].version, pages.groups["g1"].correction) == (2, "Corrected on 2027-01-21")
    assert pages.people["s2"].correction == "Corrected on 2027-01-21: a case about s2"
    both = event("held", "", "g1", 2)
    of_all = applied(results(course, returned, both), CORRECTION, number=3, reason="a case about g1")
    assert Versions.of([returned, of_all]).groups["g1"].correction == "Corrected on 2027-01-21: a case about g1"


def test_a_group_with_another_name_keeps_the_versions_of_its_page(course):
    returned = applied(results(course), RETURNED, number=1)
    worse = applied(results(course, returned, g1=mark(persons={"report": Decimal(10)})), CORRECTION, number=2)
    renamed = replace(worse, value=worse.value.replace('"group": "g1"', '"group": "h1"'))
    pages = Versions.of([returned, renamed]).groups
    assert {group: page.version for group, page in pages.items()} == {"h1": 2, "solo": 1}
    assert pages["h1"].correction == "Corrected on 2027-01-21: because"
    # Whoever goes to a new group alone leaves the page where it was read.
    alone = replace(worse, value=worse.value.replace('"group": "g1"', '"group": "h1"', 1))
    assert {group: page.version for group, page in Versions.of([returned, alone]).groups.items()} == {
        "g1": 2, "h1": 1, "solo": 1
    }  # fmt: skip


def test_returned_marks_are_each_students_last_whole_mark(course):
    seventy = results(course, solo=INCOMPLETE)
    lower = results(course, event("override", "55", "g1/s2"))
    assert returned_marks([applied(seventy)]) == {}
    returned = [applied(seventy), applied(seventy, RETURNED)]
    whole = ReturnedMark(Decimal("70.0"), "g1", "c0ffee", Fraction(70))
    assert returned_marks(returned) == {"s1": whole, "s2": whole}  # s3 had no whole mark
    assert returned_marks([*returned, applied(lower)]) == returned_marks(returned)
    corrected = returned_marks([*returned, applied(lower, CORRECTION)])
    lowered = ReturnedMark(Decimal("55.0"), "g1", "c0ffee", Fraction(55))
    assert corrected == {"s1": whole, "s2": lowered, "s3": replace(whole, group="solo")}


def test_lateness_that_is_found_after_the_return_lowers_a_mark_where_corrections_never_do(tmp_path):
    never_lower = course_with(tmp_path, 'on_correction = "never_lower"')
    returned = applied(results(never_lower), RETURNED)
    a_day = "2027-01-18T12:00:00+00:00"
    worse = mark(persons={"report": Decimal(10)})  # 59 in place of 70
    percents = {
        "marked again, lower": results(never_lower, returned, g1=worse),
        "late by a day": results(never_lower, returned, late_since=a_day),
        "both": results(never_lower, returned, g1=worse, late_since=a_day),
        "another commit, late": results(never_lower, returned, g1=replace(worse, commit="beef"), late_since=a_day),
    }
    assert {what: str(of.people[0].percent) for what, of in percents.items()} == {
        "marked again, lower": "70.0", "late by a day": "60.0", "both": "60.0", "another commit, late": "49.0",
    }  # fmt: skip


def test_a_mark_that_was_held_after_the_return_comes_back_no_lower(tmp_path):
    never_lower = course_with(tmp_path, 'on_correction = "never_lower"')
    returned = applied(results(never_lower), RETURNED)
    held = event("held", "", "g1/s1", 2)
    taken = applied(results(never_lower, returned, held), CORRECTION)
    back = event("retract", "2", "g1/s1", 4)
    worse = mark(persons={"report": Decimal(10)})
    assert results(never_lower, returned, held, taken, back, g1=worse).people[0].percent == Decimal("70.0")


def test_a_return_of_an_older_version_shields_as_it_did_then(tmp_path):
    never_lower = course_with(tmp_path, 'on_correction = "never_lower"')
    late = {"late_since": "2027-01-18T12:00:00+00:00"}
    new = applied(results(never_lower, **late), RETURNED)  # 60 after lateness
    old = {who: {k: v for k, v in of.items() if k != "before_penalties"} for who, of in json.loads(new.value).items()}
    worse = mark(persons={"report": Decimal(10)})
    for returned in (new, replace(new, value=json.dumps(old))):
        assert results(never_lower, returned, g1=worse, **late).people[0].percent == Decimal("60.0")


def test_a_snapshot_that_is_written_and_read_is_the_same(course):
    of = results(course, g1=WITHHELD, solo=INCOMPLETE)
    written = applied(of)
    assert read(written) == snapshot_of(of)
    assert (written.at, written.who, written.assignment, written.kind) == (AT, "prof", "prostate_unet", "marks")
    assert json.loads(written.value)["s1"]["percent"] is None
    assert json.loads(written.value)["s3"]["percent"] == "49.0"  # a string: no float stands between


def test_a_snapshot_that_tells_anyone_another_mark_is_a_correction(course):
    returned = applied(results(course), RETURNED)
    assert applied(results(course), None).kind == APPLIED
    assert applied(results(course, returned), None).kind == APPLIED
    assert applied(results(course, returned, moving(course, "s2")), None).kind == CORRECTION


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
    assert differences_as_json(found) == {
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
    assert json.loads(json.dumps(differences_as_json(found))) == differences_as_json(found)
    assert differences_as_json(Differences((), (), "")) == {"since": None, "moves": [], "new": []}


def test_a_status_that_was_read_equals_the_one_that_is_made(course):
    assert read(applied(results(course)))["s1"].status == Status.MARKED


def test_a_pass_mark_alone_moves_a_mark_and_a_move_to_another_group_does_not():
    (move,) = compare({"s1": told("45.0")}, {"s1": told("45.0", pass_mark=50)}).moves
    assert (move.change, move.after.pass_mark) == (0, 50)
    assert compare({"s1": told("45.0")}, {"s1": told("45.0", group="other")}).moves == ()
