"""Which commit counts, look by look. Due at 12:00 with ten minutes of grace unless a test says otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graders.course.course import load_course
from graders.intake.counting import counting, due_of_page, due_of_person, until_of
from graders.record.decisions import delay_of
from graders.record.in_force import Decisions
from graders.record.ledger import Observation
from tests.graders.events import event as an_event
from tests.graders.intake.repositories import at
from tests.graders.small_roster import COURSE, write_course

A, B, C = "a" * 40, "b" * 40, "c" * 40
ROSTER = """\
group,member,name,email,repository
g,s1,Ada,ada@ucl.ac.uk,https://a.org/b/c
g,s2,Alan,alan@ucl.ac.uk,
solo,s3,Grace,grace@ucl.ac.uk,https://a.org/b/d
"""


@pytest.fixture
def course(tmp_path):
    return course_with(tmp_path)


def course_with(folder, extra=""):
    return load_course(write_course(folder, f"{COURSE}grace_minutes = 10\n{extra}", ROSTER))


def looks(*seen, group="g"):
    """Looks at these times: `("11:55", A)`; "down", "empty" and "no_branch" are looks without a commit."""
    return [
        Observation(
            group=group, assignment="mlp", repository="r", branch="main",
            commit=what if len(what) == 40 else None,
            seen_at=at(time).isoformat(),
            how={"down": "unreachable"}.get(what, what) if len(what) != 40 else "tip",
            detail="the host did not answer" if what == "down" else "",
        )
        for time, what in seen
    ]  # fmt: skip


def event(kind, value, about="mlp/g", number=0):
    return an_event(about, kind, value, at="2027-01-14T09:00:00.000+00:00", who="tutor", reason="", number=number)


def decided(course, seen, events=(), now="18:00", group="g"):
    return counting(course, seen, Decisions.of("mlp", events), course.group(group), at(now))


def test_before_the_close_the_last_tip_seen_is_provisional(course):
    counts = decided(course, looks(("11:50", A), ("11:55", B)), now="11:58")
    assert (counts.state, counts.commit) == ("provisional", B)
    assert decided(course, [], now="11:58").reason == "no commit so far: no collection has looked yet"


def test_a_look_after_now_is_not_known_yet(course):
    assert decided(course, looks(("11:50", A), ("11:55", B)), now="11:52").commit == A


def test_the_last_tip_seen_by_due_time_and_grace_counts(course):
    counts = decided(course, looks(("11:55", A), ("12:00", A), ("12:05", B), ("12:10", B), ("12:15", C)))
    assert (counts.state, counts.commit) == ("counts", B)
    assert counts.seen_at == at("12:05").isoformat()
    assert [tip.commit for tip in counts.later_tips] == [C]


def test_a_force_push_after_the_close_changes_nothing(course):
    seen = looks(("11:55", A), ("12:05", A), ("12:30", B), ("12:35", A), ("12:40", C))
    counts = decided(course, seen)
    assert (counts.state, counts.commit) == ("counts", A)
    assert [tip.commit for tip in counts.later_tips] == [B, C]


def test_a_force_push_in_time_counts_as_it_stands(course):
    assert decided(course, looks(("11:50", A), ("11:55", B), ("12:05", A))).commit == A


def test_a_branch_deleted_in_time_leaves_the_last_tip_seen(course):
    counts = decided(course, looks(("11:50", A), ("11:58", "no_branch"), ("12:05", "no_branch")))
    assert (counts.state, counts.commit) == ("counts", A)


def test_an_empty_repository_at_the_close_is_nothing_handed_in(course):
    counts = decided(course, looks(("11:50", "empty"), ("12:05", "empty"), ("12:20", B)))
    assert (counts.state, counts.commit) == ("nothing handed in", None)
    assert [tip.commit for tip in counts.later_tips] == [B]


def test_the_same_tip_before_and_after_settles_a_time_without_looks(course):
    counts = decided(course, looks(("09:00", A), ("17:00", A)))
    assert (counts.state, counts.commit) == ("counts", A)


def test_another_tip_after_a_time_without_looks_waits_for_a_person(course):
    counts = decided(course, looks(("11:57", A), ("12:12", B)))
    assert (counts.state, counts.commit) == ("waits for a person", None)
    assert [tip.commit for tip in counts.later_tips] == [A, B]


def test_a_first_tip_seen_after_the_close_waits_for_a_person(course):
    assert decided(course, looks(("12:30", A))).state == "waits for a person"
    assert decided(course, looks(("11:30", "empty"), ("12:30", A))).state == "waits for a person"


def test_nothing_is_settled_until_the_host_was_seen_again(course):
    for seen in ([("11:50", A)], [("11:50", A), ("12:05", "down"), ("12:50", "down")], [("12:05", "down")], []):
        counts = decided(course, looks(*seen))
        assert (counts.state, counts.commit) == ("not settled", None)


def test_what_is_not_settled_says_what_the_host_said(course):
    assert "the host did not answer" in decided(course, looks(("11:50", A), ("12:05", "down"))).reason


def test_a_host_down_at_the_due_time_leaves_the_first_tip_afterwards_to_a_person(course):
    down = [("11:30", A), ("11:40", "down"), ("12:05", "down"), ("12:20", "down")]
    assert decided(course, looks(*down, ("12:30", B))).state == "waits for a person"
    # They may have been unable to push, so the same tip does not settle it either.
    assert decided(course, looks(*down, ("12:30", A))).state == "waits for a person"


def test_a_host_back_within_the_grace_was_still_down_at_the_due_time(course):
    counts = decided(course, looks(("11:25", A), ("11:30", "down"), ("12:05", "down"), ("12:08", A)))
    assert counts.state == "waits for a person"


def test_a_hiccup_of_the_host_is_no_outage(course):
    hiccup = [("11:55", A), ("12:00", "down"), ("12:05", "down")]
    assert decided(course, looks(*hiccup, ("12:09", B))).commit == B
    assert decided(course, looks(*hiccup, ("12:14", A))).commit == A
    assert decided(course, looks(*hiccup, ("12:14", B))).state == "waits for a person"


def test_an_outage_that_ended_before_the_due_time_or_began_after_the_close_matters_not(course):
    assert decided(course, looks(("10:00", "down"), ("11:50", A), ("12:05", A))).commit == A
    counts = decided(course, looks(("11:50", A), ("12:15", "down"), ("13:15", A)))
    assert (counts.state, counts.commit) == ("counts", A)


def test_without_grace_a_look_at_the_due_time_itself_is_enough(tmp_path):
    course = course_with(tmp_path, "").model_copy()
    strict = course.assignments["mlp"].model_copy(update={"grace_minutes": 0})
    course = course.model_copy(update={"assignments": {"mlp": strict}})
    assert decided(course, looks(("11:50", A), ("12:00", B), ("12:05", C))).commit == B
    assert decided(course, looks(("11:50", A), ("12:05", A))).commit == A
    assert decided(course, looks(("11:58", A), ("12:03", B))).state == "waits for a person"


def test_the_length_of_an_outage_is_the_courses_to_set(tmp_path):
    course = course_with(tmp_path).model_copy(update={"observation_gap_minutes": 5})
    seen = looks(("11:55", A), ("12:00", "down"), ("12:09", A))
    assert decided(course, seen).state == "waits for a person"


def test_looks_for_other_assignments_do_not_count(course):
    other = [replace(look, assignment="unet") for look in looks(("12:06", B))]
    assert decided(course, [*looks(("12:05", A)), *other]).commit == A


# Extensions


def test_an_extension_of_the_group_in_minutes_or_as_a_time_moves_its_due_time(course):
    seen = looks(("11:55", A), ("12:05", A), ("13:05", B), ("14:05", C))
    for value in ("60", "+60", "2027-01-15T13:00", "2027-01-15 13:00:00", "2027-01-15T13:00:00Z"):
        counts = decided(course, seen, [event("extension", value)])
        assert (counts.due, counts.commit) == (at("13:00"), B)


def test_the_last_extension_holds_and_none_shortens(course):
    seen = looks(("12:05", A))
    both = [event("extension", "600"), event("extension", "60")]
    assert decided(course, seen, both).due == at("13:00")
    assert decided(course, seen, [event("extension", "2027-01-14T12:00")]).due == at("12:00")


def test_an_extension_for_everyone_or_another_group(course):
    seen = looks(("12:05", A))
    assert decided(course, seen, [event("extension", "60", "mlp")]).due == at("13:00")
    assert decided(course, seen, [event("extension", "60", "mlp/solo")]).due == at("12:00")
    assert decided(course, seen, [event("extension", "60", "other/g")]).due == at("12:00")


@pytest.mark.parametrize(
    ("rule", "first", "both"), [("max", "14:00", "14:00"), ("min", "12:00", "13:00"), ("manual", "12:00", "12:00")]
)
def test_extensions_of_members_move_their_group_as_the_course_says(tmp_path, rule, first, both):
    course = course_with(tmp_path, f'group_extension = "{rule}"\n')
    ada, alan = event("extension", "120", "mlp/g/s1"), event("extension", "60", "mlp/g/s2")
    assert decided(course, [], [ada]).due == at(first)
    assert decided(course, [], [ada, alan]).due == at(both)
    assert decided(course, [], [ada, event("extension", "30")]).due == at("12:30")


@pytest.mark.parametrize("rule", ["max", "min", "manual"])
def test_the_due_time_of_a_page_is_that_of_all_or_of_the_whole_group_and_never_a_members(tmp_path, rule):
    course = course_with(tmp_path, f'group_extension = "{rule}"\n')
    members = [event("extension", "120", f"mlp/g/{member.id}") for member in course.group("g").members]

    def due(*events, group="g"):
        return due_of_page(course, Decisions.of("mlp", events), course.group(group))

    assert due(*members) == at("12:00")
    assert due(*members, event("extension", "60", "mlp/g")) == at("13:00")
    assert due(*members, event("extension", "30", "mlp")) == at("12:30")
    assert due(event("extension", "60", "mlp/solo/s3"), group="solo") == at("13:00")


def test_a_member_who_works_alone_is_a_group(course):
    assert decided(course, [], [event("extension", "60", "mlp/solo/s3")], group="solo").due == at("13:00")


@pytest.mark.parametrize(("value", "about"), [("soon", "mlp/g"), ("2027-01-16", "mlp/g")])
def test_an_extension_that_cannot_be_read_waits_for_a_person(course, value, about):
    counts = decided(course, looks(("12:05", A)), [event("extension", value, about)])
    assert counts.state == "waits for a person"
    assert value in counts.evidence
    assert "the course's staff must correct it" in counts.reason


def test_an_extension_of_somebody_who_left_moves_no_due_time_and_waits_where_it_may_have(tmp_path):
    gone = [event("extension", "60", "mlp/g/s9")]
    assert decided(course_with(tmp_path), looks(("12:05", A)), gone).commit == A
    counts = decided(course_with(tmp_path, 'group_extension = "max"\n'), looks(("12:05", A)), gone)
    assert counts.state == "waits for a person"
    assert '"s9", who is not in group g' in counts.evidence


@pytest.mark.parametrize(
    ("about", "moved"),
    [
        ("mlp/g/s3", True),  # decided while s3 was in g
        ("mlp/gone/s3", True),
        ("mlp/g", False),
        ("mlp/gone", False),
    ],
)
def test_an_extension_follows_its_person_into_another_group(course, about, moved):
    extensions = [event("extension", "60", about)]
    decisions = Decisions.of("mlp", extensions)
    due = at("13:00") if moved else at("12:00")
    assert due_of_person(course, decisions, course.group("solo"), "s3") == due
    assert decided(course, [], extensions, group="solo").due == due
    stayed = at("13:00") if about == "mlp/g" else at("12:00")
    assert due_of_person(course, decisions, course.group("g"), "s1") == stayed


def test_an_extension_in_working_days_passes_over_the_weekend(course):
    for value in ("5wd", "+5 wd"):
        due = decided(course, looks(("12:05", A)), [event("extension", value)]).due
        assert due.isoformat() == "2027-01-22T12:00:00+00:00"  # from Friday to Friday


def test_an_extension_in_days_ends_at_the_same_time_of_the_clock_and_one_in_minutes_does_not(tmp_path):
    folder = course_with(tmp_path).folder
    text = (folder / "course.toml").read_text().replace("2027-01-15T12:00", "2027-03-25T12:00")
    (folder / "course.toml").write_text(text)
    course = load_course(folder)
    dues = [until_of(delay_of(value), course, "mlp").isoformat()[:16] for value in ("7d", "+7 d", "5wd", "10080")]
    # British Summer Time begins on 28 March; Good Friday and Easter Monday lie between.
    assert dues == ["2027-04-01T11:00", "2027-04-01T11:00", "2027-04-05T11:00", "2027-04-01T12:00"]


def test_an_hour_that_the_clocks_show_twice_is_read_in_favour_of_the_person_where_it_is_on_record(course):
    assert until_of(delay_of("2027-10-31T01:30"), course, "mlp").isoformat() == "2027-10-31T01:30:00+00:00"


def test_a_retracted_extension_moves_nothing(course):
    extended = event("extension", "60", number=1)
    assert decided(course, [], [extended, event("retract", "1", number=2)]).due == at("12:00")


def test_a_persons_work_is_due_with_the_groups_or_later_by_an_extension_of_their_own(tmp_path):
    manual = course_with(tmp_path)
    own = [event("extension", "120", "mlp/g/s1")]
    assert due_of_person(manual, Decisions.of("mlp", own), manual.group("g"), "s1") == at("14:00")
    assert due_of_person(manual, Decisions.of("mlp", own), manual.group("g"), "s2") == at("12:00")
    both = [*own, event("extension", "180")]
    assert due_of_person(manual, Decisions.of("mlp", both), manual.group("g"), "s1") == at("15:00")
    longest = course_with(tmp_path, 'group_extension = "max"\n')
    assert due_of_person(longest, Decisions.of("mlp", own), longest.group("g"), "s2") == at("14:00")


# Decisions


def test_a_late_commit_that_a_person_accepts_counts(course):
    seen = looks(("11:57", A), ("12:30", B), ("12:40", C))
    counts = decided(course, seen, [event("late_commit", B)])
    assert (counts.state, counts.commit, counts.seen_at) == ("counts", B, at("12:30").isoformat())
    assert counts.reason == "accepted by the course's staff on 2027-01-14"
    assert [tip.commit for tip in counts.later_tips] == [C]
    assert counts.late_since == at("12:30")
    assert decided(course, seen, [event("late_commit", "bbbb")]).state == "waits for a person"


def test_a_commit_accepted_as_on_time_and_one_that_counts_by_itself_are_not_late(course):
    seen = looks(("11:57", A), ("12:30", B))
    assert decided(course, seen, [event("late_commit", f"{B} on time")]).commit == B
    assert decided(course, seen, [event("late_commit", f"{B} on time")]).late_since is None
    assert decided(course, looks(("12:05", A))).late_since is None
