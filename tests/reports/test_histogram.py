"""The figure of the distribution: positions worked by hand, and words for who does not see it."""

import pytest

from graders.marks.shown_scores import Distribution
from reports.histogram import FEWEST_GROUPS, TOO_FEW, cohort_of, histogram
from tests.reports.hand_made import accuracy, assignment, mark, replace

CRITERION = assignment().criterion("accuracy")
RISING = Distribution(0.0, 1.0, (0, 0, 0, 0, 1, 0, 2, 4, 1, 0), False, False)
FALLING = CRITERION.model_copy(
    update={"anchors": CRITERION.anchors.model_validate(
        {"trivial": 20.0, "pass": 12.0, "merit": 9.0, "distinction": 7.0, "reference": 6.0, "ceiling": 2.0})}
)  # fmt: skip


def test_a_bar_is_as_high_as_its_share_of_the_highest():
    figure = histogram(RISING, CRITERION)
    assert [bar.height for bar in figure.bars] == [0, 0, 0, 0, 25, 0, 50, 100, 25, 0]
    assert [bar.left for bar in figure.bars] == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert [(bar.ends, bar.share) for bar in figure.bars[6:8]] == [("0.6 to 0.7", "25 %"), ("0.7 to 0.8", "50 %")]
    assert figure.ends == ("0", "0.5", "1")
    assert figure.cohort == ""


def test_its_words_hold_what_is_drawn():
    assert histogram(RISING, CRITERION).words == (
        "Of 8 answers 13 % from 0.4 to 0.5, 25 % from 0.6 to 0.7, 50 % from 0.7 to 0.8, 13 % from 0.8 to 0.9"
    )


def test_anchors_stand_at_their_values():
    assert [(line.name, line.x) for line in histogram(RISING, CRITERION).anchors] == [
        ("trivial", 52), ("pass", 62), ("merit", 71), ("distinction", 79), ("reference", 81), ("ceiling", 90),
    ]  # fmt: skip


def test_of_a_distance_the_better_scores_are_on_the_right_and_the_last_part_is_open():
    figure = histogram(Distribution(0.0, 40.0, (3, 0, 0, 0, 0, 0, 0, 0, 0, 1), False, True), FALLING)
    assert [bar.height for bar in figure.bars] == pytest.approx([33.33, *[0] * 8, 100])
    assert (figure.bars[0].ends, figure.bars[9].ends) == ("36 or more", "0 to 4")
    assert figure.ends == ("40", "20", "0")
    assert [line.x for line in figure.anchors] == [50, 70, 77.5, 82.5, 85, 95]


def test_the_cohort_is_a_stepped_line_on_the_same_scale():
    figure = histogram(RISING, CRITERION, [0, 0, 0, 0, 0, 0, 0, 0.25, 0.75, 0])
    assert [bar.height for bar in figure.bars][7] == pytest.approx(66.67)  # a half, of three quarters
    assert "70.00,66.67 80.00,66.67 80.00,0.00 90.00,0.00" in figure.cohort
    assert figure.bars[8].cohort == "75 %"


def test_too_few_subjects_are_said_and_nothing_is_drawn():
    figure = histogram(replace(RISING, counts=()), CRITERION)
    assert (figure.note, figure.bars, figure.words) == (TOO_FEW, (), "")


def test_the_cohort_is_of_five_groups_at_least():
    finding = accuracy()
    finding = replace(finding, scored=replace(finding.scored, distribution=RISING))
    marks = [mark(f"g{number}", accuracy=finding) for number in range(FEWEST_GROUPS)]
    assert cohort_of(marks, CRITERION)[7] == 0.5
    assert cohort_of(marks[1:], CRITERION) == ()
    assert cohort_of([*marks[1:], mark("none")], CRITERION) == ()
