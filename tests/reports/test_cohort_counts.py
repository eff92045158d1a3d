"""How far a cohort is, counted by hand."""

from dataclasses import asdict, replace

from graders.marks.mark import NOT_GRADED, Status
from graders.record.ledger import Event
from graders.record.snapshots import RETURNED, RecordedMark, value_of
from reports.cohort_counts import counts_of
from tests.reports.cohort_made import ID, event, group_of, made, many, mark_of, nothing_of, submission_of, twenty
from tests.reports.hand_made import check, not_submitted


def test_every_group_of_twenty_is_counted_where_it_stands():
    counts = counts_of(twenty().results)
    # One waits, one handed nothing in, one is withheld, one is marked in part; the rest are marked.
    assert asdict(counts) == {
        "groups": 20, "collected": 19, "graded": 18, "marked": 16, "incomplete": 1, "withheld": 1, "ungraded": 0,
        "waiting": 1, "nothing": 1, "decided": 0, "people": 41, "with_mark": 33, "returned": 0,
    }  # fmt: skip
    assert counts.marked + counts.incomplete + counts.withheld + counts.waiting + counts.nothing == counts.groups


def test_a_group_that_was_never_graded_is_not_withheld_by_a_failure():
    group = group_of(1)
    nothing = replace(mark_of(group), status=Status.WITHHELD, points=None,
                      findings=(check("test_same", "x", None, 5, reason=NOT_GRADED),))  # fmt: skip
    counts = counts_of(made([(group, submission_of(group), nothing)]).results)
    assert (counts.graded, counts.withheld, counts.ungraded) == (0, 0, 1)


def test_a_commit_that_was_seen_too_late_was_collected_and_a_decision_leaves_no_mark():
    a, b = group_of(1), group_of(2)
    rows = [(a, nothing_of(a, later_tips=("b" * 40,)), not_submitted(a.name)), (b, submission_of(b), mark_of(b))]
    absent = made(rows, [event("absent", "", b.name, 1)])
    counts = counts_of(absent.results)
    assert (counts.collected, counts.nothing, counts.decided, counts.with_mark) == (2, 1, 1, 0)


def test_people_whose_mark_was_returned_are_those_of_the_roster_today():
    group = group_of(1, 2)
    then = {
        member: RecordedMark(group.name, "c" * 40, "marked", None, 40, 6) for member in (group.members[0].id, "gone")
    }
    given = Event("2026-12-01T10:00:00.000+00:00", "prof", ID, RETURNED, value_of(then), "", "", "", 9)
    counts = counts_of(made([(group, submission_of(group), mark_of(group))], [given]).results)
    assert (counts.people, counts.returned) == (2, 1)


def test_a_large_cohort_adds_up():
    counts = counts_of(many(100).results)
    assert counts.marked + counts.nothing == counts.groups == 100
