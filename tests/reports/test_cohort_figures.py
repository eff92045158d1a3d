"""Positions in the figures of a cohort, worked by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from graders.intake.term import GroupTerm
from reports.bands import bands
from reports.cohort_figures import LABEL_GAP, ROWS, WEEKS, Value, apart, dot_plot, mark_bars, week_bars
from reports.figures import Axis

UP, DOWN = Axis(0.0, 1.0), Axis(10.0, 0.0)
DUE = datetime(2026, 11, 20, 17, tzinfo=UTC)


def values(**scores):
    return [Value(group, score, (score - 0.1, score + 0.1), str(score)) for group, score in scores.items()]


def test_the_best_comes_first_and_equal_ones_by_name():
    plot = dot_plot(values(b=0.5, a=0.5, c=0.9), UP, [])
    assert [dot.value.group for dot in plot.dots] == ["c", "a", "b"]
    assert [dot.across for dot in plot.dots] == [16.67, 50.0, 83.33]
    assert (plot.dots[0].whisker.dot, plot.dots[0].whisker.left, plot.dots[0].whisker.right) == (90.0, 80.0, 100.0)


def test_where_lower_is_better_the_lowest_comes_first_and_lies_at_the_better_end():
    plot = dot_plot(values(a=2.0, b=8.0), DOWN, [("pass", "5", 5.0)])
    assert [(dot.value.group, dot.whisker.dot) for dot in plot.dots] == [("a", 80.0), ("b", 20.0)]
    assert [(guide.name, guide.at) for guide in plot.guides] == [("pass", 50.0)]


def test_a_guide_outside_the_figure_is_left_out():
    assert dot_plot(values(a=0.5), UP, [("trivial", "-1", -1.0)]).guides == ()


@pytest.mark.parametrize(("count", "as_rows"), [(1, True), (ROWS, True), (ROWS + 1, False)])
def test_few_groups_have_rows_with_names_and_many_stand_side_by_side(count, as_rows):
    assert dot_plot(values(**{f"g{i}": i / 100 for i in range(count)}), UP, []).as_rows == as_rows


def test_nobody_is_an_empty_figure():
    assert dot_plot([], UP, [("pass", "0.5", 0.5)]).dots == ()


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([], []),
        ([10, 50], [10, 50]),
        ([50, 10], [50, 10]),
        ([50, 51, 52], [50, 60, 70]),
        ([52, 50, 51], [70, 50, 60]),
        ([97, 99], [90, 100]),
        ([100], [100]),
    ],
)
def test_labels_keep_their_distance_and_their_order(positions, expected):
    assert apart(positions, 10) == expected


def test_labels_of_close_guides_do_not_touch():
    guides = [(name, "", at) for name, at in (("merit", 0.71), ("distinction", 0.79), ("reference", 0.80))]
    labels = [guide.label for guide in dot_plot(values(a=0.5), UP, guides).guides]
    assert all(second - first >= LABEL_GAP - 1e-9 for first, second in pairwise(labels))
    assert labels[0] == 71


def test_a_mark_on_an_edge_is_in_the_bar_that_begins_there_and_the_last_bar_holds_100():
    marks = [Decimal(text) for text in ("0", "39.9", "40", "44.9", "69.9", "70", "99", "100")]
    figure = mark_bars(marks, bands(6))
    counts = {bar.left: bar.count for bar in figure.bars if bar.count}
    assert counts == {0.0: 1, 35.0: 1, 40.0: 2, 65.0: 1, 70.0: 1, 95.0: 2}
    assert sum(bar.count for bar in figure.bars) == len(marks)
    assert (figure.most, figure.bars[8].height, figure.bars[0].height) == (2, 100.0, 50.0)
    assert figure.bars[8].words == "2 people from 40 to 45 %"
    assert figure.bars[0].words == "1 person from 0 to 5 %"


@pytest.mark.parametrize(("level", "edges"), [(6, [0, 40, 50, 60, 70]), (7, [0, 50, 60, 70])])
def test_the_classes_of_a_level_fill_the_scale(level, edges):
    ranges = mark_bars([], bands(level)).bands
    assert [each.left for each in ranges] == edges
    assert sum(each.width for each in ranges) == 100


def test_without_marks_no_bar_has_a_height():
    figure = mark_bars([], bands(6))
    assert (figure.most, {bar.height for bar in figure.bars}) == (0, {0.0})


def term(group, *days):
    return GroupTerm(group, tuple(sorted(DUE - timedelta(days=day) for day in days)))


def test_a_group_counts_once_in_each_week_with_a_new_commit():
    terms = {"a": term("a", 0.5, 1, 8), "b": term("b", 1, 20), "c": term("c")}
    bars = week_bars(terms, DUE)
    assert [bar.count for bar in bars] == [1, 1, 2]  # three weeks, the last one last
    assert [bar.height for bar in bars] == [33.33, 33.33, 66.67]
    assert bars[2].words == "2 groups in the last week"
    assert bars[1].words == "1 group in the week that ended 1 week before the due time"
    assert (bars[0].left, round(bars[2].left + bars[2].width)) == (0.0, 100)


def test_a_commit_after_the_due_time_is_in_no_week_and_a_very_old_one_draws_no_more_than_a_term():
    assert week_bars({"a": term("a", -1)}, DUE) == ()
    assert len(week_bars({"a": term("a", 1, 400)}, DUE)) == WEEKS
