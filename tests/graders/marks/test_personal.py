"""One person's mark, step by step: each step one line of the trace, rounded once, and nobody else's business."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.course.course import load_course
from graders.marks.mark import Status, rounded_percent
from graders.marks.personal import ReturnedMark, personal_mark
from graders.record.decisions import Override
from graders.record.in_force import Decisions, in_force
from reports.as_json import person_as_json
from reports.bands import band_of
from tests.graders.events import event as an_event
from tests.graders.marks.hand_made import score_result
from tests.graders.marks.test_mark import assignment, mark

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
    return an_event(f"prostate_unet/{about}", kind, value, number=number)


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
    assert trace(of(course, own, late_since=four_days)) == [("extension", 70, 70)]
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
    failing = mark(persons={"report": Decimal(0)}, scores={"accuracy": score_result(0.52)})  # 35 points
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


def told(percent, before_penalties="as told"):
    """What a person was told; in old ledgers without what it was before penalties."""
    exact = percent if before_penalties == "as told" else before_penalties
    return ReturnedMark(Decimal(percent), "g1", mark().commit, None if exact is None else Fraction(exact))


@pytest.fixture(scope="module")
def never_lower(tmp_path_factory):
    return course_with(tmp_path_factory.mktemp("never_lower"), 'on_correction = "never_lower"')


def test_a_correction_lowers_a_returned_mark_only_where_the_course_says_both_ways(course, never_lower):
    assert of(course, returned=told("72.3")).percent == Decimal("70.0")
    for known in (told("72.3"), told("72.3", None)):
        assert trace(of(never_lower, returned=known)) == [("never_lower", 70, Fraction("72.3"))]
    assert of(never_lower, returned=told("69.9")).percent == Decimal("70.0")
    # Moderation, peers and markers are corrections of ours.
    for lower in (event("moderation", "add -5", ""), event("agreed_mark", "50"), event("peer_factor", "0.5", "g1/s1")):
        assert of(never_lower, lower, returned=told("70.0")).percent == Decimal("70.0")


def test_a_penalty_found_after_the_return_is_not_a_correction_that_never_lowers(never_lower):
    day_late = seen("2027-01-18T12:00")
    # Returned as 72, and only then a late commit is recorded that earns 70: 72 - 10.
    person = of(never_lower, returned=told("72.0"), late_since=day_late)
    assert trace(person) == [("never_lower", 70, 72), ("late", 72, 62)]
    # Returned as 62 after lateness; marked again it would be 70 - 10.
    assert of(never_lower, returned=told("62.0", "72"), late_since=day_late).percent == Decimal("62.0")
    # What a person decides to lower is lowered: a cap, an override.
    assert of(never_lower, event("cap", "pass_mark"), returned=told("72.0")).percent == Decimal("40.0")
    assert of(never_lower, event("override", "30"), returned=told("72.0")).percent == Decimal("30.0")


def test_another_commit_of_the_group_is_another_work_and_a_move_to_another_group_is_not(never_lower):
    was = told("72.0")
    assert of(never_lower, of_group=replace(mark(), commit="beef"), returned=was).percent == Decimal("70.0")
    moved = replace(was, group="g7", commit="beef")
    assert of(never_lower, returned=moved).percent == Decimal("72.0")


def test_what_was_returned_is_kept_exact_so_that_a_penalty_of_a_share_takes_nothing_more(tmp_path):
    whole = course_with(tmp_path, 'on_correction = "never_lower"\nround = "1"', 'late_policy = "sheffield"\n')
    # 72.4 is told as 72; a day late it is 68.78, so 69, and 72 would be 68.4.
    before = of(whole, event("agreed_mark", "72.4"), late_since=seen("2027-01-18T12:00"))
    assert (before.percent, before.before_penalties) == (69, Fraction("72.4"))
    again = of(whole, late_since=seen("2027-01-18T12:00"), returned=told(before.percent, "72.4"))
    assert again.percent == 69


@pytest.mark.parametrize(
    ("caps", "member", "left"),
    [
        ([("40", "g1/s1")], "s1", "40.0"),
        ([("40", "g1/s1")], "s2", "70.0"),
        ([("pass_mark", "g1")], "s1", "40.0"),
        ([("pass_mark", "g1")], "s2", "50.0"),  # her own pass mark
        ([("65", "")], "s1", "65.0"),
        ([("65", ""), ("40", "g1/s1"), ("60", "g1")], "s1", "40.0"),  # the lowest of those about different people
        ([("40", "g1/s1"), ("60", "g1/s1")], "s1", "60.0"),  # of those about the same, the last
        ([("90", "")], "s1", "70.0"),
    ],
)
def test_a_cap_is_for_a_person_a_group_or_all(course, caps, member, left):
    person = of(course, *(event("cap", value, about, n) for n, (value, about) in enumerate(caps, 1)), member=member)
    assert str(person.percent) == left


def test_a_cap_comes_after_lateness_as_at_sheffield(course):
    # 72 a day late is 62 and capped at 40; capped first, it would be 40 - 10, held at the pass mark by UCL's rule.
    events = [event("agreed_mark", "72"), event("cap", "40", "g1/s1", 2)]
    assert trace(of(course, *events, late_since=seen("2027-01-18T12:00")))[1:] == [("late", 72, 62), ("cap", 62, 40)]
    # A cap raises nothing, and an override stands above it.
    assert of(course, event("agreed_mark", "35"), event("cap", "40", "g1/s1", 2)).percent == Decimal("35.0")
    assert of(course, *events, event("override", "55", number=3)).percent == Decimal("55.0")


@pytest.mark.parametrize("code", ["deferred", "absent", "excused", "held"])
def test_a_code_stands_in_the_place_of_the_mark_and_leaves_no_number(course, code):
    events = [event("agreed_mark", "66.6"), event("override", "51", number=2), event(code, "", "g1/s1", 3)]
    person = of(course, *events)
    assert (person.status, person.percent, person.points, person.passed) == (code, None, None, None)
    assert trace(person) == [(code, None, None)]
    assert person.before_penalties is None
    assert not re.search(r"66|51|70", json.dumps(person_as_json(person) | {"out_of": 0}))
    # The others keep theirs, and a retraction brings the mark back.
    assert of(course, *events, member="s2").percent == Decimal("51.0")
    assert of(course, *events, event("retract", "3", "g1/s1", 4)).percent == Decimal("51.0")
    # Of several, the last; also for somebody who handed in nothing.
    assert of(course, event("absent", "", "g1"), event(code, "", "g1/s1", 2)).status == code
    assert of(course, event(code, ""), of_group=mark(commit=None)).status == code


def test_an_extension_that_saved_points_says_so(course):
    four_days = seen("2027-01-21T12:00")  # due on Friday at noon, seen on Thursday
    own = event("extension", "5wd", "g1/s1")
    (line,) = of(course, own, late_since=four_days).trace
    assert line.what == (
        "First seen 21 Jan 2027, 12:00:00 GMT, within your extension to 22 Jan 2027, 12:00 GMT; "
        "without it this would be 30 points less."  # 70 would be capped at the pass mark of 40
    )
    assert (line.why, line.event) == ("event 1, extension by prof on 2027-01-20: because", 1)
    in_grace = of(course, own, late_since=seen("2027-01-22T12:09")).trace[0].what
    assert "12:09:00 GMT, within the grace of your extension to 22 Jan 2027, 12:00 GMT; without" in in_grace
    # An extension that was not long enough: two days late in place of four.
    short = of(course, event("extension", "2wd", "g1/s1"), late_since=four_days)
    assert trace(short) == [("extension", 70, 70), ("late", 70, 60)]
    assert "after your extension to 19 Jan 2027, 12:00 GMT; without" in short.trace[0].what
    assert "this would be 20 points less" in short.trace[0].what
    # The group's extension is why the commit counts; without an extension there is no line.
    whole = of(course, event("extension", "5wd"), seen_at=four_days)
    assert trace(whole) == [("extension", 70, 70)]
    assert whole.trace[0].what.endswith("GMT, within your group's extension to 22 Jan 2027, 12:00 GMT.")
    assert of(course, seen_at=seen("2027-01-15T12:05")).trace == ()
    assert of(course, event("extension", "5wd", ""), seen_at=four_days).trace == ()  # the deadline of all is later
    assert of(course, own, seen_at=seen("2027-01-15T11:00")).trace == ()  # not needed


def test_an_extension_of_another_member_does_not_show_its_reason(tmp_path):
    shared = course_with(tmp_path, of_assignment='group_extension = "max"\n')
    secret = replace(event("extension", "5wd", "g1/s2"), reason="canary")
    (line,) = of(shared, secret, seen_at=seen("2027-01-21T12:00")).trace
    assert "within your group's extension" in line.what
    assert "canary" not in line.why
    assert line.event is None


@pytest.mark.parametrize(
    ("exact", "tenths", "whole"),
    [
        ("39.5", ("39.5", False), ("40", True)),
        ("39.49", ("39.5", False), ("39", False)),  # not first to 39.5 and then to 40
        ("39.95", ("40.0", True), ("40", True)),
        ("69.5", ("69.5", True), ("70", True)),
        ("0.5", ("0.5", False), ("1", False)),
    ],
)
def test_a_course_may_round_to_whole_marks_half_up_and_once(course, tmp_path, exact, tenths, whole):
    to_whole = course_with(tmp_path, 'round = "1"')
    for rounds, (mark_, passed) in ((course, tenths), (to_whole, whole)):
        person = of(rounds, event("agreed_mark", exact))
        assert (str(person.percent), str(person.points), person.passed) == (mark_, mark_, passed)
    assert band_of(of(to_whole, event("agreed_mark", "69.5")).percent, 6).short == "First"


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
    scores = {"accuracy": score_result(0.52)}
    group = mark(persons={"report": Decimal(report)}, scores=scores)  # 35 of the tests, and report
    assert both(course, of_group=group) == [(percent, at_40, at_40 != "Fail"), (percent, at_50, at_50 != "Fail")]


def test_a_mark_at_the_boundary_is_rounded_once_from_what_is_exact(course):
    # 35.955 of 90 points are 39.95 % in decimals, and so 40.0 %.
    small = assignment(person=20)
    group = mark(persons={"report": Decimal("0.955")}, scores={"accuracy": score_result(0.52)}, of=small)
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
    exact = low.trace[-1].after if low.trace else Fraction(rounded_percent(whole))
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


def test_a_members_id_may_hold_a_slash_and_is_distinguished_from_a_group():
    one = event("override", "55", "g1/2019/1234")
    assert (one.assignment, one.group, one.member) == ("prostate_unet", "g1", "2019/1234")
    decisions = Decisions.of("prostate_unet", [one])
    assert decisions.last(Override, "g2", "2019/1234").event == one
    assert decisions.last(Override, "g1", "1234") is None
    assert decisions.last(Override, "2019", "1234") is None


def test_a_decision_that_cannot_be_read_withholds_the_marks_that_it_is_about(course):
    for about, withheld in (("g1/s1", True), ("g1", True), ("", True), ("g1/s2", False), ("g2", False)):
        person = of(course, event("cap", "half", about))
        assert (person.status is Status.WITHHELD) == withheld
        assert (person.percent is None) == withheld
        if withheld:
            (line,) = person.trace
            assert "cannot be read: the course's staff put it right" in line.what
    assert of(course, event("cap", "half"), event("retract", "1", number=2)).percent == Decimal("70.0")
