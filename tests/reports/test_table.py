"""Below the table staff read what each group should mend first: in the words of its page, and what was raised."""

from dataclasses import replace

from graders.failures import ImportFailed, NotAccepted
from graders.record.documents import Cause, FailedCases
from reports.feedback import feedback_page
from reports.table import CAUSE, next_step_lines
from tests.graders.marks.hand_made import cases_of, measured
from tests.reports.hand_made import accuracy, assignment, check, hand_in, mark, not_submitted
from tests.reports.pages import Page
from tests.reports.test_next_step import NAN, PASSED

NO_MODULE = "ModuleNotFoundError: No module named 'matplotlib'"


def failed(name, reason=ImportFailed.reason, line="solution.py:2", cause_detail=NO_MODULE):
    return check(name, "It is 0.", 0, 5, reason=reason, line=line, cause_detail=cause_detail)


def unanswered(reason=ImportFailed.reason, line="solution.py:2", cause_detail=NO_MODULE):
    cause = Cause(reason, line=line, function="fit")
    of_none = measured(0.0, (0.0, 0.0), cases=cases_of([0.0, 0.0], failed=(0, 1)))
    failed = (FailedCases(cause, 15),)
    return accuracy(0.0, None, "0", reason, failed=failed, cause_detail=cause_detail, measured=of_none)


def lines(*marks, mistakes=()):
    return list(next_step_lines(marks, assignment(), mistakes))


def test_one_cause_is_one_line_with_all_groups_that_share_it_and_its_message():
    groups = ("g3", "g4")
    marks = [mark(group, checks=(failed("a"), failed("b")), accuracy=unanswered()) for group in groups]
    (line,) = lines(*marks)
    assert line.startswith(
        "g3, g4: The solution could not be imported, at solution.py:2 (2 checks and the accuracy, 45 points). "
        "ModuleNotFoundError: No module named 'matplotlib'. "
    )


def test_the_words_are_those_of_the_page():
    given = mark("g1", checks=(failed("a", "wrong_shape", None, ""), *PASSED))
    (line,) = lines(given)
    assert line == (
        "g1: Mend this check first: It is 0 (1 check, 5 points). The answer has the wrong shape. "
        "interface.py says the shape of each answer, axis by axis."
    )
    text = Page(feedback_page(given, assignment(), hand_in())).text
    for sentence in ("Mend this check first: It is 0.", "The answer has the wrong shape. interface.py says the shape"):
        assert sentence in text


def test_a_known_mistake_is_named_with_its_advice():
    (line,) = lines(mark("g1"), mistakes=[NAN])
    assert line == (
        "g1: The failed checks have the pattern of a known mistake: The sum of two empty masks divides "
        "(2 checks, 10 points). Add 1 to `a` and to `b`."
    )


def test_what_costs_most_comes_first_and_whoever_has_nothing_to_mend_is_no_line():
    sound = mark("sound", checks=PASSED)
    one = mark("one", checks=(*PASSED, failed("a", "wrong_answer", None, "")))
    all_of_it = mark("all", checks=(failed("a"), failed("b")), accuracy=unanswered())
    assert [line.partition(":")[0] for line in lines(sound, one, all_of_it, not_submitted("none"))] == ["all", "one"]


def test_of_a_wrong_answer_no_number_stands_in_the_terminal():
    wrong = failed("a", "wrong_answer", None, "0.25 is not 0.75")
    assert "0.25" not in lines(mark("g1", checks=(*PASSED, wrong)))[0]


def test_a_submission_that_could_not_be_run_says_why():
    refused = [replace(failed(name, NotAccepted.reason), note="there is no solution.py: put it there") for name in "ab"]
    given = mark("g", checks=tuple(refused), accuracy=accuracy(None, None, "0", NotAccepted.reason))
    assert lines(given) == [
        "g: The submission cannot be run (2 checks and the accuracy, 45 points). There is no solution.py: put it there."
    ]


def test_of_many_groups_the_first_are_named():
    marks = [mark(f"g{i}", checks=(failed("a"), failed("b")), accuracy=unanswered()) for i in range(40)]
    (line,) = lines(*marks)
    assert line.startswith("g0, g1, g2, g3, g4, g5, g6, g7 and 32 more: ")


def test_what_a_student_wrote_is_one_plain_line_of_bounded_length():
    cause_detail = "ValueError: \x1b[2J" + "W" * 5000
    (line,) = lines(mark("g1", checks=(failed("a", "raised", cause_detail=cause_detail),)))
    assert line.isprintable()
    assert len(line) < CAUSE + 300
