"""The to-do list of staff: every reason once, with its groups and the command to type; and that the command exists."""

import shlex
from dataclasses import replace
from decimal import Decimal

import pytest
from typer.main import get_command

import cli
from graders.course.roster import Group
from graders.marks.differences import Differences, Move
from graders.marks.mark import NOT_GRADED, Status
from graders.record.ledger import Event
from graders.record.snapshots import RecordedMark
from reports.need import KINDS, Need
from reports.needs import joined, needs
from tests.reports.cohort_made import (
    DUE,
    ID,
    course_of,
    event,
    group_of,
    made,
    mark_of,
    nothing_of,
    scored,
    submission_of,
    term_of,
    twenty,
)
from tests.reports.hand_made import accuracy, assignment, check, not_submitted, person

A, B, C = (group_of(number) for number in (1, 2, 3))
SOUND = (1, 1, 1, 1, 1)
SURE = scored(0.85, half=0.001)
"""A score near no edge."""


def sound(group, **more):
    """A row of a group of whom nobody needs to do anything."""
    return group, submission_of(group, **more), mark_of(group, accuracy=SURE)


def needs_of(cohort, differences=None):
    return needs(cohort.results, cohort.course, cohort.record, cohort.ends, differences)


def single(*rows, events=(), **more):
    """The one need of a cohort."""
    (need,) = needs_of(made(rows, events, **more))
    return need


def test_where_all_is_well_nobody_needs_a_person():
    assert needs_of(made([sound(A), sound(B)])) == ()


def test_groups_with_one_reason_stand_together_and_the_most_urgent_kind_comes_first():
    found = joined([
        Need("silent", "since May", ("a",), ("x a",)), Need("withheld", "engine", ("b",), ("y",)),
        Need("silent", "since  May\u202e ", ("c",), ("x c",)), Need("silent", "since May", ("b", "a"), ("x a",)),
    ])  # fmt: skip
    assert [need.kind for need in found] == ["withheld", "silent", "silent"]
    assert found[1] == Need("silent", "since May", ("a", "b"), ("x a",))


def test_every_kind_has_a_heading_and_is_found_in_a_cohort_that_has_it():
    kinds = {need.kind for need in needs_of(twenty())}
    assert kinds == KINDS.keys() - {"unread", "ungraded", "moved", "markers"}  # which have tests of their own below
    assert all(need.title == KINDS[need.kind] for need in needs_of(twenty()))


def commands_of(cohort, differences=None):
    return [command for need in needs_of(cohort, differences) for command in need.commands]


def test_every_command_exists_with_its_arguments_and_options():
    commands = {**get_command(cli.app).commands}
    typed = commands_of(twenty())
    assert len(typed) > 10
    for text in typed:
        program, name, *words = shlex.split(text)
        assert program == "medmark"
        context = commands[name].make_context(name, words)  # raises where it does not fit
        assert context.params.get("assignment", ID) == ID


def test_a_commit_that_a_person_must_choose_is_in_the_command():
    tips = tuple(letter * 40 for letter in "abcd")
    need = single((A, nothing_of(A, state="waits for a person", reason="the host was down", later_tips=tips),
                   replace(not_submitted(A.name), status=Status.WITHHELD)))  # fmt: skip
    assert (need.kind, need.reason, need.groups) == ("waiting", "the host was down", (A.name,))
    assert need.commands == tuple(
        f'medmark decide {ID} late_commit {tip} --for {A.name} --reason "..."' for tip in tips[1:]
    )


@pytest.mark.parametrize("state", ["not settled", "not fetched"])
def test_what_the_next_collection_settles_needs_that_collection(state):
    row = (
        A,
        nothing_of(A, state=state, reason="not read since"),
        replace(not_submitted(A.name), status=Status.WITHHELD),
    )
    assert single(row) == Need("waiting", "not read since", (A.name,), (f"medmark collect {ID}",))


def test_a_failure_of_the_toolkit_says_which_and_that_grade_tries_again():
    failed = replace(accuracy(None, None, None, "engine"), evidence="Traceback\nthe daemon is away")
    need = single(
        (A, submission_of(A), mark_of(A, accuracy=failed)), (B, submission_of(B), mark_of(B, accuracy=failed))
    )
    assert need == Need("withheld", "engine: the daemon is away", (A.name, B.name), (f"medmark grade {ID}",))


def ungraded(group):
    nothing = [check("test_same", "A check.", None, 35, reason=NOT_GRADED)]
    return replace(mark_of(group), status=Status.WITHHELD, points=None,
                   findings=(*nothing, accuracy(None, None, None, reason=NOT_GRADED), person("20")))  # fmt: skip


def test_an_ungraded_group_needs_grade_once_it_is_settled_what_counts():
    need = single((A, submission_of(A), ungraded(A)))
    assert (need.kind, need.commands) == ("ungraded", (f"medmark grade {ID}",))
    early = {"state": "provisional", "reason": "the last commit seen so far"}
    assert needs_of(made([(A, submission_of(A, **early), ungraded(A))])) == ()


def test_nothing_handed_in_is_not_zero_and_a_later_commit_can_be_accepted():
    later = nothing_of(B, later_tips=("b" * 40,))
    first, second = needs_of(made([(A, nothing_of(A), not_submitted(A.name)), (B, later, not_submitted(B.name))]))
    assert first.commands == (f'medmark decide {ID} absent --for {A.name} --reason "..."',)
    assert second.reason == "there was no commit by the due time; a commit was seen later"
    assert second.commands == (
        f'medmark decide {ID} late_commit {"b" * 40} --for {B.name} --reason "..."',
        f'medmark decide {ID} absent --for {B.name} --reason "..."',
    )


def test_a_part_without_a_rubric_needs_points_from_a_file():
    need = single((A, submission_of(A), mark_of(A, report=None, accuracy=SURE)))
    assert need == Need("open", "report: not marked yet", (A.name,),
                        (f'medmark decide {ID} agreed_mark --from points.csv --reason "..."',))  # fmt: skip


RUBRIC = {"id": "report", "kind": "person", "points": 30, "line": [
    {"id": "method", "title": "Method", "points": 20}, {"id": "writing", "title": "Writing", "points": 10},
]}  # fmt: skip
MARKED_BY_RUBRIC = assignment(criterion=[*(c.model_dump(by_alias=True) for c in assignment().criteria[:2]), RUBRIC])


def line_mark(number, role, line, points, group=A.name):
    return Event("2026-11-24T10:00:00.000+00:00", "ann" if role == "first" else "ben", ID, "line_mark",
                 f"{role} report/{line}={points}", "", group, "", number)  # fmt: skip


def test_a_part_with_a_rubric_says_how_far_it_is_and_two_markers_who_disagree_need_an_agreed_mark():
    row = (A, submission_of(A), mark_of(A, report=None, accuracy=SURE))
    half = single(row, events=[line_mark(1, "first", "method", 15)], of=MARKED_BY_RUBRIC)
    assert (half.kind, half.commands) == ("open", (f"medmark marking {ID} report",))
    assert half.reason == "report: 1 of 2 lines are not marked yet: writing"
    given = (("first", "method", 15), ("first", "writing", 8), ("second", "method", 5), ("second", "writing", 8))
    both = [line_mark(number, *each) for number, each in enumerate(given, 1)]
    apart = single(row, events=both, of=MARKED_BY_RUBRIC)
    assert (apart.kind, apart.commands) == ("markers", (f"medmark marking {ID} report --out agree --agree",))
    assert "differ by more than 5 %" in apart.reason


def test_cases_of_the_course_without_anchors_say_how_to_measure_them():
    no_anchors = replace(SURE, verdict="unknown", points=None, waits_for="no anchors are set for these cases",
                         scored=replace(SURE.scored, share=None))  # fmt: skip
    mark = replace(mark_of(A, accuracy=SURE), status=Status.INCOMPLETE)
    mark = replace(mark, findings=tuple(no_anchors if f.kind == "accuracy" else f for f in mark.findings))
    need = single((A, submission_of(A), mark))
    assert f"set [assignments.{ID}.anchors.accuracy] in course.toml" in need.reason
    assert need.commands == (f"medmark rehearse {ID} -c . --calibrate",)


def test_equal_work_is_one_need_of_all_who_share_it():
    need = single(*(sound(g, tree="one", flags=("the whole folder equals that of others",)) for g in (A, B, C)))
    assert need.reason == f"the whole folder is the same: {A.name}, {B.name}, {C.name}"
    assert (need.kind, need.groups) == ("flagged", (A.name, B.name, C.name))
    assert need.commands == (f"medmark explain {ID} {A.members[0].id}",)


def test_flags_of_the_files_of_tests_and_of_answers_are_all_seen():
    cohort = made([(A, submission_of(A, flags=("imports ctypes",)),
                    mark_of(A, accuracy=SURE, flags=("left 2 processes behind", "void")))])  # fmt: skip
    spent = replace(cohort.record.spending.groups[A.name], flags=("wall_on_loaded_host",))
    spending = replace(cohort.record.spending, groups={A.name: spent})
    found = needs_of(replace(cohort, record=replace(cohort.record, spending=spending)))
    assert [need.reason for need in found] == [
        "imports ctypes",
        "in a hidden test: left 2 processes behind",
        "in its answers: wall_on_loaded_host",
    ]
    assert {need.kind for need in found} == {"flagged"}


def test_who_accepted_a_commit_is_no_flag():
    accepted = event("late_commit", "c" * 40, A.name, 1)
    assert needs_of(made([sound(A, flags=("late_commit by prof: ill",))], [accepted])) == ()


def test_a_mark_whose_interval_crosses_an_edge_is_named():
    """With 14 points for the report it lies between 68.4 and 70.9, with 18 between 72.4 and 74.9."""
    need = single((A, submission_of(A), mark_of(A, score=0.71, half=0.02, report="14")))
    assert (need.kind, need.groups) == ("edge", (A.name,))
    assert need.reason == "Upper second class or First class, by the hidden cases alone"
    assert need.commands == (f"medmark explain {ID} {A.members[0].id}",)
    assert needs_of(made([(A, submission_of(A), mark_of(A, score=0.71, half=0.02, report="18"))])) == ()


def test_repeats_disagree_where_their_points_lie_far_apart():
    # 0.66 alone earns 0.4 + 0.2 x 0.04 / 0.09 = 0.489 of the points, 0.75 alone 0.65: 0.161 apart.
    near = mark_of(A, score=0.85, half=0.001, repeats=(0.66, 0.85, 0.75))
    far = mark_of(B, score=0.85, half=0.001, repeats=(0.62, 0.85, 0.72))
    spread = [
        [need.groups for need in needs_of(made([(group, submission_of(group), mark)])) if need.kind == "repeats"]
        for group, mark in ((A, near), (B, far))
    ]
    assert spread == [[(A.name,)], [(B.name,)]]
    calm = mark_of(C, score=0.85, half=0.001, repeats=(0.80, 0.85, 0.83))
    assert needs_of(made([(C, submission_of(C), calm)])) == ()


def early(group, **more):
    return submission_of(group, state="provisional", reason="the last commit seen so far", **more)


def test_before_the_due_time_silence_is_no_commit_or_none_for_two_weeks():
    groups = [group_of(number) for number in range(1, 4)]
    later = {"due": DUE.replace(month=12)}
    rows = [(group, early(group, **later), mark_of(group, accuracy=SURE)) for group in groups]
    terms = {g.name: term for g, term in zip(groups, (term_of(groups[0]), term_of(groups[1], 30, 14),
                                                      term_of(groups[2], 30, 13)), strict=True)}  # fmt: skip
    found = needs_of(made(rows, terms=terms))
    assert [(need.reason, need.groups, need.notes) for need in found] == [
        ("no commit so far", (groups[0].name,), {}),
        ("no new commit for two weeks or more", (groups[1].name,), {groups[1].name: "since 6 Nov 2026"}),
    ]


def test_a_group_that_stopped_two_weeks_before_the_due_time_is_named_afterwards_too():
    need = single(sound(A), terms={A.name: term_of(A, 30, 15)})
    assert (need.kind, need.reason) == ("silent", "no new commit in the two weeks before the due time")
    assert need.notes == {A.name: "since 5 Nov 2026"}


def test_of_silent_groups_the_longest_silent_comes_first():
    rows = [sound(group) for group in (A, B, C)]
    terms = {A.name: term_of(A, 30, 15), B.name: term_of(B, 40, 30), C.name: term_of(C, 20)}
    need = single(*rows, terms=terms)
    assert need.named() == [
        f"{B.name} (since 21 Oct 2026)", f"{C.name} (since 31 Oct 2026)", f"{A.name} (since 5 Nov 2026)",
    ]  # fmt: skip


def test_a_repository_that_could_not_be_read_last_time_is_looked_at_again():
    term = term_of(A, 3, how="unreachable", detail="the host refused the token (git: 403)")
    need = single((A, early(A), mark_of(A, accuracy=SURE)), terms={A.name: term})
    assert need == Need("unread", "the host refused the token", (A.name,), (f"medmark collect {ID} --only {A.name}",))


def test_rows_of_the_roster_stand_with_the_groups_that_they_set_aside():
    aside = Group(**{**A.model_dump(), "aside": ("line 3 email: not an address",)})
    course = course_of([aside], roster_problems=("roster.csv:3 email: not an address; correct it",))
    row = (aside, nothing_of(aside, state="set aside"), replace(not_submitted(A.name), status=Status.WITHHELD))
    first, second = needs_of(made([row], course=course))
    assert (first.reason, first.groups) == ("roster.csv:3 email: not an address; correct it", ())
    assert (second.groups, second.commands) == ((A.name,), ("medmark doctor -c .",))


def test_a_decision_about_nobody_brings_its_own_command():
    problem = "decision 7 (cap 40) is about group x, which is not in the roster"
    line = f"{problem}. To retract it: medmark decide {ID} retract 7"
    need = single(sound(A), unmatched=(line,))
    assert (need.kind, need.groups, need.commands) == ("record", (), (f"medmark decide {ID} retract 7",))
    assert need.reason == f"{problem}. To retract it"
    plain = single(sound(A), unmatched=("the marks of May hold ada, not in the roster now: put the row back",))
    assert plain.commands == (f"medmark decide {ID}",)


def test_an_objection_and_a_held_mark_are_retracted_by_their_numbers():
    events = [event("dispute", "the third test", A.name, 4), event("held", "", B.name, 5, member=B.members[0].id),
              event("absent", "", C.name, 6)]  # fmt: skip
    first, second = needs_of(made([sound(A), sound(B), sound(C)], events))
    assert (first.kind, first.groups, first.commands) == (
        "disputed", (A.name,), (f'medmark decide {ID} retract 4 --reason "..."',))  # fmt: skip
    assert first.reason == "the third test; once it is answered, retract it"
    assert (second.kind, second.groups) == ("held", (B.name,))
    assert second.reason.startswith(f"{B.members[0].id}, since 2026-11-24")
    gone = event("dispute", "the third test", "a-group-that-left", 4)
    assert single(sound(A), events=[gone]).reason.startswith("a-group-that-left: the third test")


def test_marks_that_moved_are_applied_or_undone():
    mark = RecordedMark(A.name, "c" * 40, "marked", Decimal(60), 40, 6)
    moved = Differences((Move("zc001a", mark, replace(mark, percent=Decimal(61))),), (), "2026-11-24")
    (need,) = needs_of(made([sound(A)]), moved)
    assert (need.kind, need.groups, need.commands) == ("moved", (A.name,), (f"medmark grade {ID}",))
    assert needs_of(made([sound(A)]), Differences((), ("zc001a",), "")) == ()
