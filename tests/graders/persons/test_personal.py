"""One person's mark, step by step: each step one line of the trace, rounded once, and nobody else's business."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.course import load_course
from graders.ledger import Event
from graders.mark import Status, percent
from graders.persons.decisions import Decisions, in_force
from graders.persons.personal import personal_mark
from reports.bands import band_of
from tests.graders.test_mark import assignment, mark, scored

COURSE = """\
title = "Deep learning"
year = "2026-27"
late_policy = "ucl-2024"
{extra}
[assignments.prostate_unet]
source = "prostate_unet"
deadline = 2027-01-15T12:00:00
grace_minutes = 10
"""
ROSTER = """\
group,member,name,email,repository,pass_mark
g1,s1,Ada,ada@ucl.ac.uk,https://a.org/b/c,
g1,s2,Alan,alan@ucl.ac.uk,,50
solo,s3,Grace,grace@ucl.ac.uk,https://a.org/b/d,
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return course_with(tmp_path_factory.mktemp("course"))


def course_with(folder, extra="", of_assignment=""):
    (folder / "course.toml").write_text(COURSE.format(extra=extra) + of_assignment)
    (folder / "roster.csv").write_text(ROSTER)
    return load_course(folder)


def event(kind, value, about="g1", number=1):
    about = f"prostate_unet/{about}" if about else "prostate_unet"
    return Event("2027-01-20T09:00:00.000+00:00", "prof", about, kind, value, "because", number)


def seen(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def of(course, *events, of_group=None, member="s1", group="g1", **more):
    decisions = Decisions.of("prostate_unet", events)
    people = {m.id: m for m in course.group(group).members}
    return personal_mark(
        of_group or mark(), assignment(), course, course.group(group), people[member], decisions, **more
    )


def trace(person):
    return [(line.kind, line.before, line.after) for line in person.trace]


def test_without_a_decision_it_is_the_groups_mark_and_there_is_nothing_personal(course):
    person = of(course)  # 35 + 14 + 21
    assert (person.percent, person.points, person.trace) == (Decimal("70.0"), Decimal("70.0"), ())
    assert (person.status, person.pass_mark, person.passed) == (Status.MARKED, 40, True)


def test_lateness_costs_each_person_by_their_own_pass_mark_and_extension(course):
    four_days = seen("2027-01-21T12:00")  # due on Friday, seen on Thursday at the same time
    person, other = (of(course, member=m, late_since=four_days) for m in ("s1", "s2"))
    assert trace(person) == [("late", 70, 40)]
    assert trace(other) == [("late", 70, 50)]
    assert "4 working days late" in person.trace[0].what
    assert person.trace[0].why == "ucl-2024: more than 2 and up to 5 working days late: at most the pass mark"
    own = event("extension", "5wd", "g1/s1")
    assert trace(of(course, own, late_since=four_days)) == []
    assert trace(of(course, own, member="s2", late_since=four_days)) == [("late", 70, 50)]


@pytest.mark.parametrize(
    ("at", "after"),
    [
        ("2027-01-15T12:00:00", 70), ("2027-01-15T12:10:00", 70), ("2027-01-15T12:10:01", 60),
        ("2027-01-19T12:00:00", 60), ("2027-01-19T12:00:01", 40), ("2027-01-22T12:00:00", 40),
        ("2027-01-22T12:00:01", 0),
    ],
)  # fmt: skip
def test_ucls_bands_second_by_second(course, at, after):
    assert of(course, late_since=seen(at)).percent == after


def test_an_assignment_may_have_a_late_policy_of_its_own(tmp_path):
    for named, left, told in (
        ("york", "50.0", "york: up to 5 days late"),  # two days of 24 hours begun: 70 - 20
        ("sheffield", "66.5", "sheffield: up to 5 working days late"),  # 70 * 0.95
        ("southampton", "63.0", "southampton: up to 5 working days late"),  # 70 * 0.9
    ):
        own = course_with(tmp_path, of_assignment=f'late_policy = "{named}"\n')
        person = of(own, late_since=seen("2027-01-17T11:00"))  # due on Friday at noon, seen on Sunday
        assert str(person.percent) == left
        assert person.trace[0].why.startswith(told)
        assert ("2 calendar days late" if named == "york" else "1 working day late") in person.trace[0].what
    none = of(course_with(tmp_path, of_assignment='late_policy = "none"\n'), late_since=seen("2027-01-17T11:00"))
    assert none.percent == 70
    assert none.trace[0].why == "the assignment has no late policy"


def test_a_mark_that_failed_before_it_was_late_is_not_raised(course):
    failing = mark(persons={"report": Decimal(0)}, scores={"accuracy": scored(0.52)})  # 35 points
    assert of(course, of_group=failing, late_since=seen("2027-01-18T12:00")).percent == Decimal("35.0")
    assert of(course, of_group=failing, late_since=seen("2027-01-21T12:00")).percent == Decimal("35.0")


def test_points_of_ones_own_for_a_persons_criterion(course):
    person = of(course, event("agreed_mark", "report=12.5", "g1/s1"), of_group=mark(persons={}))
    assert (person.status, person.percent) == (Status.MARKED, Decimal("61.5"))
    assert trace(person) == [("agreed_mark", None, Fraction("61.5"))]
    assert of(course, of_group=mark(persons={}), member="s2").status is Status.INCOMPLETE


def test_every_step_in_its_order_and_one_rounding(course, tmp_path):
    events = [
        event("agreed_mark", "66.6"),
        event("moderation", "multiply 1.05", "", 2),
        event("peer_factor", "0.9", "g1/s1", 3),
        event("override", "51", "g1/s1", 4),
    ]
    person = of(course, *events[:3], late_since=seen("2027-01-18T12:00"))
    assert trace(person) == [
        ("agreed_mark", 70, Fraction("66.6")),
        ("moderation", Fraction("66.6"), Fraction("69.93")),
        ("peer_factor", Fraction("69.93"), Fraction("62.937")),
        ("late", Fraction("62.937"), Fraction("52.937")),
    ]
    assert person.percent == Decimal("52.9")
    assert [line.event for line in person.trace] == [1, 2, 3, None]
    assert of(course, *events).percent == Decimal("51.0")


def test_a_peer_factor_is_held_within_the_courses_bounds_and_weight(tmp_path):
    course = course_with(tmp_path, "peer = { weight = 0.5, at_least = 0.5, at_most = 1.2 }")
    for factor, counts in (("1.479", "1.2"), ("0.1", "0.5"), ("0.9", "0.9")):
        person = of(course, event("peer_factor", factor, "g1/s1"))
        assert person.percent == 35 + 35 * Decimal(counts)
        assert f"factor is {float(factor):.3f}" in person.trace[0].what
        assert ("counts as" in person.trace[0].what) == (factor != counts)
    assert of(course, event("peer_factor", "0.1", "g1/s1"), member="s2").trace == ()


def test_a_correction_lowers_a_returned_mark_only_where_the_course_says_both_ways(course, tmp_path):
    assert of(course, returned=Decimal("72.3")).percent == Decimal("70.0")
    kept = course_with(tmp_path, 'on_correction = "never_lower"')
    assert trace(of(kept, returned=Decimal("72.3"))) == [("never_lower", 70, Fraction("72.3"))]
    assert of(kept, returned=Decimal("69.9")).percent == Decimal("70.0")
    # What a person sets stands, below what was returned too.
    assert of(kept, event("override", "30"), returned=Decimal("72.3")).percent == Decimal("30.0")


def test_nothing_handed_in_and_withheld_stay_no_mark_unless_it_is_set(course):
    for of_group, status in ((mark(commit=None), Status.NOT_SUBMITTED), (mark(scores={}), Status.WITHHELD)):
        person = of(course, event("moderation", "add 5", ""), event("peer_factor", "1.2", "g1/s1"), of_group=of_group,
                    late_since=seen("2027-01-21T12:00"))  # fmt: skip
        assert (person.status, person.percent, person.points, person.trace) == (status, None, None, ())
        assert of(course, event("override", "0"), of_group=of_group).percent == 0


def test_a_dispute_is_shown_and_moves_nothing(course):
    person = of(course, event("dispute", "the third test is wrong"))
    assert (person.percent, person.trace) == (Decimal("70.0"), ())
    assert person.disputes == ("event 1, dispute by prof on 2027-01-20: because (the third test is wrong)",)


def test_a_retracted_event_is_as_if_it_had_never_been_and_may_come_back(course):
    override = event("override", "10")
    gone = event("retract", "1", number=2)
    back = event("retract", "2", number=3)
    assert of(course, override).percent == 10
    assert of(course, override, gone).percent == 70
    assert of(course, override, gone, back).percent == 10
    assert in_force([override, gone]) == []


def both(course, *events, **more):
    """Per cent, band and whether it is a pass: of s1, who passes at 40, and of s2, who passes at 50."""
    people = [of(course, *events, member=member, **more) for member in ("s1", "s2")]
    return [(str(p.percent), band_of(p.percent, p.level, p.pass_mark).short, p.passed) for p in people]


@pytest.mark.parametrize(
    ("report", "percent", "at_40", "at_50"),
    [
        ("4.5", "39.5", "Fail", "Fail"),  # a half is no pass: one decimal counts
        ("4.949", "39.9", "Fail", "Fail"),
        ("4.95", "40.0", "Third", "Fail"),
        ("10", "45.0", "Third", "Fail"),
        ("14.5", "49.5", "Third", "Fail"),
        ("14.949", "49.9", "Third", "Fail"),
        ("14.95", "50.0", "2:2", "Pass"),
        ("25", "60.0", "2:1", "Merit"),
    ],
)
def test_one_mark_of_a_group_is_classed_by_each_members_own_pass_mark(course, report, percent, at_40, at_50):
    group = mark(persons={"report": Decimal(report)}, scores={"accuracy": scored(0.52)})  # 35 of the tests, and report
    assert both(course, of_group=group) == [(percent, at_40, at_40 != "Fail"), (percent, at_50, at_50 != "Fail")]


def test_a_mark_at_the_boundary_is_rounded_once_from_what_is_exact(course):
    # 35.955 of 90 points are 39.95 % in decimals, and so 40.0 %.
    small = assignment(person=20)
    group = mark(persons={"report": Decimal("0.955")}, scores={"accuracy": scored(0.52)}, of=small)
    assert [row[:2] for row in both(course, of_group=group)] == [("40.0", "Third"), ("40.0", "Fail")]
    # Half of 79.86 is 39.93; of the rounded 79.9 it would be 39.95, a pass.
    halved = [event("agreed_mark", "79.86"), event("peer_factor", "0.5", "g1/s1", 2)]
    assert both(course, *halved) == [("39.9", "Fail", False), ("79.9", "Dist.", True)]
    halved[0] = event("agreed_mark", "79.9")
    assert both(course, *halved)[0] == ("40.0", "Third", True)


@pytest.mark.parametrize(
    ("late", "before", "after"),
    [
        # Up to two days: ten points less, but not below the own pass mark.
        ("2027-01-18T12:00", "70", [("60.0", "2:1", True), ("60.0", "Merit", True)]),
        ("2027-01-18T12:00", "55", [("45.0", "Third", True), ("50.0", "Pass", True)]),
        ("2027-01-18T12:00", "45", [("40.0", "Third", True), ("45.0", "Fail", False)]),
        ("2027-01-18T12:00", "39.96", [("40.0", "Third", True), ("40.0", "Fail", False)]),
        # Up to five: at most the own pass mark.
        ("2027-01-21T12:00", "70", [("40.0", "Third", True), ("50.0", "Pass", True)]),
        ("2027-01-21T12:00", "49.95", [("40.0", "Third", True), ("50.0", "Pass", True)]),
        ("2027-01-21T12:00", "45", [("40.0", "Third", True), ("45.0", "Fail", False)]),
        ("2027-01-21T12:00", "39.5", [("39.5", "Fail", False), ("39.5", "Fail", False)]),
        # Later: nothing, whoever it is.
        ("2027-02-21T12:00", "70", [("0.0", "Fail", False), ("0.0", "Fail", False)]),
    ],
)
def test_late_work_falls_to_each_members_own_pass_mark(course, late, before, after):
    assert both(course, event("agreed_mark", before), late_since=seen(late)) == after


@given(
    st.integers(0, 3000), st.integers(0, 200), st.sampled_from([None, "0.5", "1", "1.5"]),
    st.sampled_from([None, "add 3", "multiply 0.97", "map 0:0 40:45 100:100"]),
    st.sampled_from([None, "2027-01-18T12:00", "2027-01-21T12:00", "2027-02-21T12:00"]),
)  # fmt: skip
def test_a_better_work_never_gets_less_and_the_last_line_is_the_mark(course, points, more, factor, moderation, late):
    events = [event("peer_factor", factor, "g1/s1")] if factor else []
    events += [event("moderation", moderation, "")] if moderation else []
    low, high = (
        of(
            course,
            *events,
            of_group=mark(persons={"report": Decimal(min(3000, given)) / 100}),
            late_since=late and seen(late),
        )
        for given in (points, points + more)
    )
    assert 0 <= low.percent <= high.percent <= 100
    whole = mark(persons={"report": Decimal(points) / 100})
    exact = low.trace[-1].after if low.trace else Fraction(percent(whole))
    assert abs(Fraction(low.percent) - exact) <= Fraction(1, 20)
    for earlier, later in zip(low.trace, low.trace[1:], strict=False):
        assert earlier.after == later.before


# Groups change, persons do not


@pytest.mark.parametrize(
    ("kind", "value", "percent"),
    [
        ("override", "55", "55"),
        ("agreed_mark", "61", "61"),
        ("agreed_mark", "report=1", "50"),
        ("peer_factor", "0.5", "35"),
    ],
)
def test_what_was_decided_about_a_person_holds_in_whatever_group_they_are_now(course, kind, value, percent):
    """Group g1 has 70: 35 + 14, and 21 for the report."""
    given = event(kind, value, "another/s1")
    assert of(course, given).percent == Decimal(percent)
    assert of(course, given, member="s2").percent == 70
    dispute = event("dispute", "the third test", "another/s1")
    assert len(of(course, dispute).disputes) == 1


def test_of_decisions_in_two_groups_about_one_person_the_last_holds(course):
    first, then = event("override", "40", "g1/s1", 1), event("override", "60", "another/s1", 2)
    assert of(course, first, then).percent == 60


def test_who_worked_alone_under_their_own_id_takes_what_was_decided_along(course):
    assert of(course, event("override", "55", "s1")).percent == 55
    assert of(course, event("override", "55", "another")).percent == 70


def test_a_members_id_may_hold_a_slash_and_is_told_apart_from_a_group():
    one = event("override", "55", "g1/2019/1234")
    assert (one.assignment, one.group, one.member) == ("prostate_unet", "g1", "2019/1234")
    decisions = Decisions.of("prostate_unet", [one])
    assert decisions.last("override", "g2", "2019/1234") == one
    assert decisions.last("override", "g1", "1234") is None
    assert decisions.last("override", "2019", "1234") is None
