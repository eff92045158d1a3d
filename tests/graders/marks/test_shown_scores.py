"""What everyone reads beside a score: bins but no single case, and no interval that says nothing."""

from dataclasses import replace

import pytest

from assignments.assignment import Unanchored
from graders.marks.findings import HandedIn, MarkDecisions, mark_of
from graders.marks.mark import Status
from graders.marks.shown_scores import (
    Distribution,
    cohort_shares,
    distribution_of,
    shown_also,
    shown_interval,
    too_few_repeats,
)
from graders.record.documents import JobResult
from tests.graders.marks import hand_made
from tests.reports.hand_made import assignment

CRITERION = assignment().criterion("accuracy")  # anchors from 0.52 to 0.90: two thirds of their span are 0.2533
FALLING = CRITERION.model_copy(
    update={"anchors": CRITERION.anchors.model_validate(
        {"trivial": 20.0, "pass": 12.0, "merit": 9.0, "distinction": 7.0, "reference": 6.0, "ceiling": 2.0})}
)  # fmt: skip


def scored(values, range=(0.0, 1.0), **more):
    return replace(hand_made.score_result(0.7, values, **more), range=range)


@pytest.mark.parametrize(
    ("repeats", "interval", "few"),
    [
        ((0.6, 0.8), (0.441, 1.0), 2),
        ((0.6, 0.7, 0.8), (0.441, 1.0), 3),
        ((0.6, 0.8), (0.70, 0.95), 0),  # 0.25: below two thirds
        ((0.6, 0.8), (0.70, 0.96), 2),
        ((0.7,), (0.441, 1.0), 0),  # of many subjects and one repeat: wide, but it says how little they tell
        ((0.6, 0.7, 0.7, 0.8), (0.441, 1.0), 0),
        ((0.6, 0.8), None, 0),
    ],
)
def test_an_interval_of_few_repeats_that_spans_most_of_the_anchors_is_left_out(repeats, interval, few):
    measured = hand_made.measured(0.7, repeats=repeats, interval=interval)
    assert too_few_repeats(measured, CRITERION) == few
    assert shown_interval(measured, CRITERION) == (None if few else interval)


def test_a_mark_shows_no_such_interval_and_says_so():
    wide = hand_made.score_result(0.7, repeats=(0.6, 0.8), interval=(0.441, 1.0))
    also = {"iou": hand_made.measured(0.5, metric="iou", interval=(0.4, 0.6))}
    of = assignment(criterion=[{**CRITERION.model_dump(by_alias=True), "points": 35, "also": ["iou"], "caps": []}])
    mark = mark_of(
        of, (), HandedIn("g", "c"), JobResult(scores={"accuracy": replace(wide, also=also)}), MarkDecisions(), {}
    )
    (finding,) = mark.findings
    assert (finding.interval, finding.scored.too_few_repeats) == (None, 2)
    assert [(each.metric, each.interval) for each in finding.scored.also] == [("iou", None)]
    assert finding.measured.interval == (0.441, 1.0)  # staff read it


def test_other_metrics_stand_in_the_order_of_the_criterion_without_their_cases():
    criterion = CRITERION.model_copy(update={"also": ("hd95", "iou")})
    better = {"iou": "higher", "hd95": "lower"}
    also = {name: hand_made.measured(0.5, metric=name, better=way) for name, way in better.items()}
    shown = shown_also(scored([0.7] * 12, also=also), criterion)
    assert [(each.metric, each.better) for each in shown] == [("hd95", "lower"), ("iou", "higher")]
    assert "cases" not in repr(shown)


def test_scores_are_counted_in_ten_equal_parts_of_the_metrics_range():
    values = [0.0, 0.05, 0.1, 0.7, 0.3, 0.65, 0.9, 0.999, 1.0, 1.0]
    distribution = distribution_of(scored(values), CRITERION)
    assert distribution == Distribution(0.0, 1.0, (2, 1, 0, 1, 0, 0, 1, 1, 0, 4), False, False)


def test_a_failed_answer_counts_where_its_value_is():
    result = scored([0.8] * 11 + [0.0])
    cases = hand_made.cases_of([0.8] * 11 + [0.0], failed=[11])
    result = replace(result, measured=replace(result.measured, cases=cases))
    assert distribution_of(result, CRITERION).counts == (1, 0, 0, 0, 0, 0, 0, 0, 11, 0)


def test_of_an_infinite_range_the_parts_lie_between_the_best_end_and_as_far_beyond_the_trivial_anchor():
    """Anchors from 20 mm to 2 mm: parts of 3.8 mm from 0 to 38, and what is farther is in the last."""
    distribution = distribution_of(scored([1.0] * 6 + [3.8] * 3 + [500.0], range=(0.0, None)), FALLING)
    assert distribution == Distribution(0.0, 38.0, (6, 3, 0, 0, 0, 0, 0, 0, 0, 1), False, True)


def test_the_parts_never_depend_on_the_answers():
    ends = {
        (each.low, each.high)
        for values in ([1.0] * 12, [900.0] * 12)
        if (each := distribution_of(scored(values, range=(0.0, None)), FALLING))
    }
    assert len(ends) == 1


def test_fewer_than_ten_subjects_have_no_parts():
    assert distribution_of(scored([0.5] * 9), CRITERION).counts == ()
    assert sum(distribution_of(scored([0.5] * 10), CRITERION).counts) == 10


def test_many_cases_of_few_subjects_have_no_parts_either():
    result = scored([0.5] * 30)
    cases = tuple(replace(case, subject=f"s{number % 9}") for number, case in enumerate(result.measured.cases))
    assert distribution_of(replace(result, measured=replace(result.measured, cases=cases)), CRITERION).counts == ()


def test_a_metric_of_the_whole_set_and_a_score_without_an_answer_have_no_distribution():
    assert distribution_of(scored([]), CRITERION) is None
    nothing = scored([0.0] * 12)
    cases = hand_made.cases_of([0.0] * 12, failed=range(12))
    assert distribution_of(replace(nothing, measured=replace(nothing.measured, cases=cases)), CRITERION) is None


def of_counts(*counts):
    return Distribution(0.0, 1.0, (*counts, *[0] * (10 - len(counts))), False, False)


def test_the_cohort_is_the_mean_share_of_at_least_so_many_groups():
    groups = [of_counts(1, 3), of_counts(4), of_counts(0, 2), of_counts(1, 1), of_counts(3, 1)]
    assert cohort_shares(groups, 5)[:3] == pytest.approx(((0.25 + 1 + 0 + 0.5 + 0.75) / 5, 0.5, 0.0))
    assert cohort_shares(groups[:4], 5) == ()
    assert cohort_shares([*groups[:4], replace(of_counts(1), counts=())], 5) == ()  # one without parts


def test_groups_that_were_scored_on_other_ends_are_not_put_together():
    other = replace(of_counts(5), high=2.0)
    assert cohort_shares([of_counts(1), of_counts(2), of_counts(3), of_counts(4), other], 5) == ()


OPEN = CRITERION.model_copy(update={"anchors": Unanchored(better="higher")})


def test_without_anchors_no_end_of_the_figure_is_an_answer():
    assert distribution_of(scored([0.7] * 12), OPEN) == Distribution(
        0.0, 1.0, (0, 0, 0, 0, 0, 0, 0, 12, 0, 0), False, False
    )
    assert distribution_of(scored([1.0] * 11 + [900.0], range=(0.0, None)), OPEN) is None


def test_without_anchors_a_score_has_its_interval_and_no_points_and_the_mark_is_incomplete():
    values = CRITERION.model_dump(by_alias=True) | {"points": 35, "caps": [], "anchors": {"better": "higher"}}
    result = JobResult(scores={"accuracy": hand_made.score_result(0.7, [0.7] * 12, interval=(0.6, 0.8))})
    mark = mark_of(assignment(criterion=[values]), (), HandedIn("g", "c"), result, MarkDecisions(), {})
    (finding,) = mark.findings
    assert (mark.status, mark.points) == (Status.INCOMPLETE, 0)
    assert (finding.score, finding.interval, finding.points) == (0.7, (0.6, 0.8), None)
    assert finding.is_open
    assert finding.waits_for == "no anchors are set for these cases"


def test_without_anchors_a_score_that_the_toolkit_owes_is_withheld_all_the_same():
    values = CRITERION.model_dump(by_alias=True) | {"points": 35, "caps": [], "anchors": {"better": "higher"}}
    mark = mark_of(assignment(criterion=[values]), (), HandedIn("g", "c"), JobResult(), MarkDecisions(), {})
    assert mark.status is Status.WITHHELD
    assert not mark.findings[0].is_open
