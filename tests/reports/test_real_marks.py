"""The pages read what `graders.marks.findings` makes: one mark made from documents, not by hand."""

from decimal import Decimal

from graders.marks.findings import HandedIn, MarkDecisions, mark_of
from graders.record.documents import CaseScore, JobResult
from reports.feedback import feedback_page
from reports.leaderboard import leaderboard_page
from tests.graders.marks.hand_made import check_result, declared, score_result
from tests.reports.hand_made import assignment, hand_in
from tests.reports.pages import Page

X, Y = "test_a.py::test_x", "test_a.py::test_y"
TESTS = {
    X: check_result(evidence="printed"),
    Y: check_result("failed", "wrong_shape", line="solution.py:12", evidence="SECRET (3, 4)"),
}
SCORE = score_result(
    0.75, interval=(0.71, 0.79), case_count=15, cases=(CaseScore("SECRET-heron", "SECRET-1", 0, 0.6, 0.6, "scored"),),
    evidence="SECRET case",
)  # fmt: skip


def made():
    tests = (declared(X, 20, "`a` is 0."), declared(Y, 15, "`b` keeps its shape."))
    result = JobResult(TESTS, scores={"accuracy": SCORE})
    return mark_of(assignment(), tests, HandedIn("g", "4f0c2b7d9e"), result, MarkDecisions({"report": Decimal(21)}), {})


def test_the_page_tells_lines_reasons_and_the_score_once():
    text = Page(feedback_page(made(), assignment(), hand_in())).text
    assert "Mend this check first: b keeps its shape. The answer has the wrong shape, at solution.py:12." in text
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
