"""Order, ranks, ties, baselines, and who stands apart."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from graders.record.documents import Cause
from reports.leaderboard import Baseline, anchor_rows, board, calibrated_rows, leaderboard_page
from tests.reports.every_page import crowded_board
from tests.reports.hand_made import CHECKS, accuracy, assignment, check, mark, not_submitted, person
from tests.reports.pages import Page
from tests.reports.test_standings import ranked_board

CRITERION = assignment().criterion("accuracy")


def scored(group, score, **more):
    return mark(group, accuracy=accuracy(score, None if score is None else (score - 0.02, score + 0.02)), **more)


def rows_of(*marks, baselines=()):
    made = board(marks, assignment(), CRITERION, {m.group: m.group for m in marks}, baselines)
    return [(row.rank, row.name) for row in made.rows], [(row.name, row.status) for row in made.apart]


def test_equal_scores_share_a_rank_and_the_next_one_is_skipped():
    rows, _ = rows_of(scored("c", 0.7), scored("a", 0.8), scored("b", 0.8), scored("d", 0.6))
    assert rows == [(1, "a"), (1, "b"), (3, "c"), (4, "d")]


def test_scores_are_compared_at_the_precision_that_is_shown():
    rows, _ = rows_of(scored("a", 0.80012), scored("b", 0.80031), scored("c", 0.8009))
    assert rows == [(1, "c"), (2, "a"), (2, "b")]


def test_baselines_stand_at_their_score_without_a_rank():
    rows, _ = rows_of(scored("a", 0.8), scored("b", 0.6), baselines=(Baseline("reference", 0.7),))
    assert rows == [(1, "a"), (None, "reference"), (2, "b")]


def test_a_group_level_with_a_baseline_stands_above_it():
    rows, _ = rows_of(scored("z", 0.7), baselines=(Baseline("reference", 0.7),))
    assert rows == [(1, "z"), (None, "reference")]


def test_without_a_calibration_the_baselines_come_from_the_anchors():
    assert [(row.name, row.score, row.source) for row in anchor_rows(assignment())] == [
        ("Course reference", 0.81, "anchor"),
        ("Trivial baseline", 0.52, "anchor"),
    ]


def test_a_calibration_gives_the_medians_of_references_and_own_baselines_and_the_best_trivial_answer():
    rows = calibrated_rows(
        assignment(),
        {"pytorch": {"accuracy": [0.7, 0.9, 0.8]}, "tensorflow": {"accuracy": [0.6, 0.7, 0.75]}},
        {"everything": {"accuracy": [0.1, 0.1]}, "the mean case": {"accuracy": [0.5, 0.6]}},
        [("Logistic regression", {"accuracy": [0.65, 0.75, 0.6]})],
    )
    assert [(row.name, row.score, row.source) for row in rows] == [
        ("Course reference, PyTorch", 0.8, "median of 3 runs, other cases"),
        ("Course reference, TensorFlow", 0.7, "median of 3 runs, other cases"),
        ("Baseline: Logistic regression", 0.65, "median of 3 runs, other cases"),
        ("Trivial: the mean case", 0.55, "median of 2 draws, other cases"),
    ]


@pytest.mark.parametrize(
    ("other", "status"),
    [
        (not_submitted("x"), "not submitted"),
        (mark("x", accuracy=accuracy(None, None, None)), "withheld"),
        (mark("x", accuracy=accuracy(0.95), checks=(*CHECKS, check("t", "a", None, 1))), "withheld"),
        (
            mark("x", accuracy=accuracy(0.95, None, "0", reason="cpu_limit")),
            "no usable answer: the CPU time limit was reached",
        ),
        (mark("x", accuracy=accuracy(None, None, "0")), "no usable answer"),
        (mark("x", accuracy=accuracy(float("nan"), None, "30")), "no usable answer"),
    ],
)
def test_who_has_no_score_stands_below_and_never_first(other, status):
    rows, apart = rows_of(other, scored("a", 0.55))
    assert rows == [(1, "a")]
    assert apart == [("x", status)]


def test_of_the_cause_only_its_closed_word_stands_on_the_board():
    cause = Cause("raised", "MyOwnError", "solution.py:12", "predict", "in my own words")
    failed = mark("a", accuracy=replace(accuracy(None, None, "0"), cause=cause))
    page = leaderboard_page([failed], assignment(), names={"a": "Amber Heron"})
    assert "Amber Heron no usable answer: the call raised an exception 3 of 5" in Page(page).text
    assert not re.search("MyOwnError|solution|my own words|predict", page)
    unlisted = mark("a", accuracy=replace(accuracy(None, None, "0"), cause=Cause("my own words")))
    assert "my own words" not in leaderboard_page([unlisted], assignment(), names={"a": "Amber Heron"})


def test_the_axis_begins_where_the_groups_scores_do_and_a_worse_baseline_is_an_arrow():
    rows = (Baseline("reference", 0.95), Baseline("trivial", 0.1))
    shown = board([scored("a", 0.8), scored("b", 0.9)], assignment(), CRITERION, {"a": "a", "b": "b"}, rows)
    by_name = {row.name: row.whisker for row in shown.rows}
    # 0.78, the lower end of the first interval, to 0.95: with 6 % of that on either side.
    assert (shown.axis.worse, shown.axis.better) == pytest.approx((0.78 - 0.06 * 0.17, 0.95 + 0.06 * 0.17))
    assert [name for name, whisker in by_name.items() if whisker.beyond] == ["trivial"]
    assert by_name["a"].right - by_name["a"].left > 15  # per cent of the width, for an interval of 0.04
    assert len(shown.guides) == 1


def test_without_a_group_the_axis_holds_the_baselines():
    shown = board([], assignment(), CRITERION, {}, (Baseline("reference", 0.9), Baseline("trivial", 0.1)))
    assert [row.whisker.beyond for row in shown.rows] == [False, False]


def test_a_real_score_that_earned_nothing_stands_in_the_order():
    rows, apart = rows_of(scored("a", 0.3), baselines=(Baseline("trivial", 0.52),))
    assert (rows, apart) == ([(None, "trivial"), (1, "a")], [])


def test_of_a_distance_the_lowest_is_first():
    anchors = {"trivial": 20, "pass": 12, "merit": 8, "distinction": 6, "reference": 5, "ceiling": 2}
    distance = {"id": "accuracy", "kind": "accuracy", "points": 35, "metric": "hd95", "anchors": anchors}
    of = assignment(criterion=[distance])
    marks = [mark(name, accuracy=accuracy(score, None)) for name, score in (("far", 9.0), ("near", 4.0))]
    made = board(marks, of, of.criterion("accuracy"), {"far": "far", "near": "near"}, ())
    assert [row.name for row in made.rows] == ["near", "far"]
    assert made.axis.at(4.0) > made.axis.at(9.0)


def test_one_far_score_is_an_arrow_and_does_not_press_the_others_together():
    anchors = {"trivial": 20, "pass": 12, "merit": 8, "distinction": 6, "reference": 5, "ceiling": 2}
    distance = {"id": "accuracy", "kind": "accuracy", "points": 35, "metric": "hd95", "anchors": anchors}
    of = assignment(criterion=[distance])
    scores = {name: accuracy(score, None, unit="mm") for name, score in
             (("near", 4.0), ("far", 9.0), ("lost", 200.0))}  # fmt: skip
    marks = [mark(name, accuracy=finding) for name, finding in scores.items()]
    near, far, lost = board(marks, of, of.criterion("accuracy"), {n: n for n in scores}, ()).rows
    assert (near.whisker.beyond, far.whisker.beyond, lost.whisker.beyond) == (False, False, True)
    assert near.whisker.dot - far.whisker.dot > 10
    page = leaderboard_page(marks, of, names={n: n for n in scores})
    assert page.count('<path class="dot"') == 1
    assert "An arrow: the score is worse than the figure shows." in page
    assert ">Hausdorff distance, 95th percentile, mm</th>" in page


def test_a_name_that_is_not_given_is_an_error_and_never_the_real_one():
    with pytest.raises(KeyError):
        leaderboard_page([scored("real-name", 0.7)], assignment(), names={})


def test_the_page_tells_score_interval_points_tests_and_status():
    page = leaderboard_page([scored("a", 0.7)], assignment(), names={"a": "Amber Heron"})
    text = Page(page).text
    assert "Amber Heron 0.700" in text
    assert "95 % interval 0.680 to 0.720" in text
    assert "22.4 3 of 5" in text
    assert "Course reference 0.810 anchor" in text


def test_a_row_that_is_not_simply_marked_says_so():
    page = leaderboard_page([scored("a", 0.7, person=person())], assignment(), names={"a": "Amber Heron"})
    assert "Amber Heron marked in part 0.700" in Page(page).text


def test_an_assignment_without_accuracy_has_no_board():
    only = assignment(criterion=[{"id": "report", "kind": "person", "points": 10}])
    with pytest.raises(ValueError, match="prostate_unet has no accuracy criterion: there is nothing to rank by"):
        leaderboard_page([], only, names={})


def test_the_points_of_other_criteria_are_not_on_the_board():
    """The board tells accuracy and tests; a person's marks and the total belong to the group."""
    given = mark("a", person=None, accuracy=accuracy(0.7))
    assert given.points == Decimal("68.4")
    text = Page(leaderboard_page([given], assignment(), names={"a": "b"})).text
    assert "68.4" not in text
    assert "21" not in text


def test_a_board_without_groups_still_opens():
    assert "0 groups" in Page(leaderboard_page([], assignment(), names={})).text


def test_every_row_of_the_board_has_its_cells_below_the_same_headings():
    for html in (ranked_board(), crowded_board()):
        rows = re.findall(r"<tr.*?</tr>", html, re.DOTALL)
        cells = [re.findall(r"<t[hd]([^>]*)>", row) for row in rows]
        widths = [sum(int((re.findall(r'colspan="(\d+)"', cell) or [1])[0]) for cell in row) for row in cells]
        assert len(set(widths)) == 1, widths
        names = {next(i for i, c in enumerate(row) if "name" in c) for row in cells if any("name" in c for c in row)}
        assert len(names) == 1, "a name stands below another heading"
