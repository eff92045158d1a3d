"""The pages read what `graders.marks.mark` writes: one mark made from documents, not by hand."""

from decimal import Decimal

from graders.marks.mark import mark_of
from reports.feedback import feedback_page
from reports.leaderboard import leaderboard_page
from tests.reports.hand_made import assignment, hand_in
from tests.reports.pages import Page

TESTS = {
    "test_a.py::test_x": {"verdict": "passed", "reason": None, "told": "", "evidence": "printed", "cpu_s": 0.1},
    "test_a.py::test_y": {
        "verdict": "failed",
        "reason": "the answer has the wrong shape",
        "told": "the answer has the wrong shape, at solution.py:12",
        "evidence": "SECRET (3, 4)",
        "cpu_s": 0.1,
    },
}
SCORE = {
    "verdict": "passed",
    "metric": "dice",
    "score": 0.75,
    "interval": [0.71, 0.79],
    "told": "dice 0.750 (95 % interval 0.710 to 0.790) on 15 hidden cases.",
    "reason": None,
    "evidence": "SECRET case",
    "also": {},
    "repeats": [0.75],
    "combine": "median",
    "cases": [
        {"id": "SECRET-heron", "subject": "SECRET-1", "repeat": 0, "score": 0.6, "value": 0.6, "state": "scored"}
    ],
    "false_positives": {"found": 0, "of": 0},
    "bootstrap_seed": None,
}


def made():
    points = {"test_a.py::test_x": ("tests", 20), "test_a.py::test_y": ("tests", 15)}
    lines = {"test_a.py::test_x": "`a` is 0.", "test_a.py::test_y": "`b` keeps its shape."}
    persons = {"report": Decimal(21)}
    return mark_of(assignment(), "g", "4f0c2b7d9e", TESTS, points, lines, {"accuracy": SCORE}, persons, {})


def test_the_page_tells_lines_reasons_and_the_score_once():
    text = Page(feedback_page(made(), assignment(), hand_in())).text
    assert "b keeps its shape. 0 / 15 The answer has the wrong shape, at solution.py:12." in text.replace("  ", " ")
    assert text.count("keeps its shape") == 1
    assert "dice 0.750 (95 % interval 0.710 to 0.790) on 15 hidden cases." in text
    assert text.count("0.750") == 1
    assert "63.8 of 100" in text  # 20 + 35 * (0.6 + 0.1 * 0.04 / 0.08) + 21 = 63.75


def test_students_read_no_evidence_and_no_case():
    assert "SECRET" not in feedback_page(made(), assignment(), hand_in())
    assert "SECRET" not in leaderboard_page([made()], assignment(), names={"g": "Jade Owl"})


def test_staff_read_both():
    html = feedback_page(made(), assignment(), hand_in(), audience="staff")
    assert "SECRET (3, 4)" in html
    assert "SECRET-heron" in html
