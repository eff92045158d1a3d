"""What stands beside a score on the page: a table, a figure with words, and no interval that says nothing."""

import re

from graders.marks.shown_scores import Distribution, ShownMetric
from reports.as_json import mark_as_json
from reports.beside_score import Cohort
from reports.feedback import feedback_page
from reports.leaderboard import leaderboard_page
from reports.sentences import feedback
from tests.reports.hand_made import accuracy, assignment, hand_in, mark, replace
from tests.reports.hostile import HOSTILE
from tests.reports.pages import Page

SPREAD = Distribution(0.0, 1.0, (0, 0, 0, 0, 0, 2, 4, 8, 2, 0), False, False)
ALSO = (
    ShownMetric("dice@class2", 0.41234, (0.3, 0.5), "", "higher"),
    ShownMetric("my_metrics.py:lesion_recall", 0.6, None, "", "higher"),
    ShownMetric("hd95", 7.8, (5.25, 10.5), "mm", "lower"),
)
NAMED = assignment(data={"source": "prostate_mr", "train": 4, "test": 16, "classes": ["background", "gland", "lesion"]})


def scored(**parts):
    finding = accuracy()
    return replace(finding, scored=replace(finding.scored, **parts))


def page_of(finding, of=NAMED, **more):
    return feedback_page(mark(accuracy=finding), of, hand_in(), **more)


def test_other_metrics_are_a_table_with_names_and_intervals():
    rows = re.findall(
        r'<tr><th scope="row">(.*?)</th><td class="num">(.*?)</td><td class="num">(.*?)</td>',
        page_of(scored(also=ALSO)),
    )
    assert rows == [
        ("Dice, class 2 (lesion)", "0.412", "0.300 to 0.500"),
        ("Lesion recall", "0.600", "—"),
        (
            'Hausdorff distance, 95th percentile, mm <span class="soft">lower is better</span>',
            "7.800",
            "5.250 to 10.500",
        ),
    ]


def test_the_figure_has_its_words_and_a_table():
    text = page_of(scored(distribution=SPREAD))
    words = "Of 16 answers 13 % from 0.5 to 0.6, 25 % from 0.6 to 0.7, 50 % from 0.7 to 0.8, 13 % from 0.8 to 0.9"
    assert f'aria-label="{words}."' in text
    assert '<tr><th scope="row">0.7 to 0.8</th><td class="num">50 %</td></tr>' in text
    assert "All groups" not in text


def test_the_cohort_is_on_the_page_from_five_groups_on_and_names_none():
    marks = [mark(f"team-{number}", accuracy=scored(distribution=SPREAD)) for number in range(5)]
    with_line = feedback_page(marks[0], NAMED, hand_in(), cohort=Cohort.of(marks, NAMED, None))
    assert '<td class="num">50 %</td><td class="num">50 %</td>' in with_line
    assert not any(each.group in with_line for each in marks)
    four = feedback_page(marks[0], NAMED, hand_in(), cohort=Cohort.of(marks[:4], NAMED, None))
    assert "All groups" not in four


def test_of_few_subjects_the_page_says_why_there_is_no_figure():
    text = Page(page_of(scored(distribution=replace(SPREAD, counts=())))).text
    assert "with fewer than 10 hidden subjects it would show single cases" in text


def test_without_any_of_it_the_section_is_as_it_was():
    text = page_of(accuracy())
    assert "How the hidden answers scored" not in text
    assert "Public cases" not in text
    assert "<table" not in text


def test_two_repeats_are_too_few_wherever_the_interval_would_stand():
    finding = scored(interval=None, too_few_repeats=2, repeats=2, answers=10)
    said = "dice 0.742 on 5 hidden cases, median of 2 repeats. Two repeats are too few for an interval."
    assert feedback(finding) == said
    assert "Two repeats are too few for an interval." in Page(page_of(finding)).text
    plain = next(
        each for each in mark_as_json(mark(accuracy=finding), "student")["findings"] if each["kind"] == "accuracy"
    )
    assert (plain["feedback"], plain["interval"]) == (said, None)
    board = leaderboard_page([mark(accuracy=finding)], NAMED, names={"group-07": "Wren"})
    assert "0.74" in board
    assert "0.71 to 0.77" not in board


def test_an_authors_words_are_text():
    """A label and the name of a class come from a file; they are escaped like all else."""
    label = next(text for text in HOSTILE if "<script" in text)
    accuracy_ = {**NAMED.criterion("accuracy").model_dump(by_alias=True), "also": ["hd95"], "labels": {"hd95": label}}
    text = page_of(
        scored(also=ALSO[2:]), NAMED.model_copy(update={"criteria": assignment(criterion=[accuracy_]).criteria})
    )
    assert "&lt;script" in text
    page = Page(text)
    assert page.acting() == []
    assert "script" not in page.tags
