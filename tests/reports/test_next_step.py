"""The next step of a group: what costs most is named first, as one cause with its cure, and never as a certainty."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from graders.marks.diagnosis import KnownMistake
from graders.marks.mark import HeldCap, Status
from graders.record.documents import Cause, Explained, FailedCases, Phrase
from reports.feedback import feedback_page
from reports.next_step import next_step
from tests.reports.hand_made import CHECKS, accuracy, assignment, check, hand_in, mark, not_submitted, person
from tests.reports.pages import Page

NAN = KnownMistake(
    "divided_by_nothing",
    "The sum of two empty masks divides",
    "Add 1 to `a` and to `b`.",
    frozenset({"test_losses.py::test_empty"}),
    frozenset({"test_losses.py::test_eval"}),
    ({"test_losses.py::test_empty": ("not_finite",), "test_losses.py::test_eval": ("cpu_limit",)},),
)
"""It explains both failed checks of `CHECKS`."""
PASSED = tuple(each for each in CHECKS if each.points)
MISSING = "neither a file of yours nor in the marker's runtime: yaml (solution.py:2), lungs (solution.py:21); commit it"
FULL = accuracy(0.95, None, "35")


def failed(name, points=5, reason="raised", *, kind=None, line=None, **parts):
    cause = Cause(reason, kind, line, **parts)
    return replace(check(name, f"{name} holds.", 0, points), cause=cause)


def unanswered(cause):
    """An accuracy of which no answer came, for one cause."""
    return accuracy(0.0, None, "0", cause.reason, failed=(FailedCases(cause, 15),))


def step(*checks, accuracy=FULL, mistakes=(), problems=(), **more):
    return next_step(mark(checks=checks, accuracy=accuracy, **more), assignment(), mistakes, problems)


def test_an_import_error_is_one_headline_with_its_module_line_and_cure():
    cause = {"reason": "import_failed", "kind": "ModuleNotFoundError: yaml", "line": "solution.py:2"}
    checks = [failed(name, **cause) for name in "abc"]
    first = step(*checks, accuracy=unanswered(Cause(**cause)), problems=("report.pdf is missing", MISSING))
    assert [todo.title for todo in first.todo] == [
        "The solution could not be imported (ModuleNotFoundError: yaml), at solution.py:2."
    ]
    assert first.todo[0].advice.startswith("Neither a file of yours nor in the marker's runtime: yaml (solution.py:2)")
    assert (len(first.lost), first.worth) == (4, "3 checks and the accuracy, 50 points")
    in_fit = unanswered(Cause(**cause, function="fit"))
    assert step(*checks, accuracy=in_fit).todo[0].title == first.todo[0].title  # no function came to be called
    without = step(*checks, accuracy=unanswered(Cause(**cause)))
    assert without.todo[0].advice.startswith("If the module is yours, commit it beside solution.py.")
    another = step(failed("a", **cause | {"line": "solution.py:1"}), problems=(MISSING,))
    assert "runtime: yaml" not in another.todo[0].advice  # line 1 is not line 2 or 21


def test_missing_functions_are_one_headline_with_their_names():
    checks = [failed(name, reason="missing_function", kind=name) for name in ("fit", "dice_loss")]
    first = step(*checks, *PASSED)
    assert first.todo[0].title == "The solution lacks `fit`, `dice_loss`."
    assert first.todo[0].advice == "Define it at the top level of the solution, with the starter's name and arguments."
    assert first.worth == "2 checks, 10 points"


@pytest.mark.parametrize(
    ("function", "advice"),
    [("fit", "trains briefly as the marker does"), ("load", "receives the folder of the weights")],
)
def test_a_broken_fit_or_load_is_one_headline_with_all_that_fell_by_it(function, advice):
    cause = Cause("raised", "IndexError", "solution.py:28", function)
    checks = [failed(name, kind="IndexError", line="solution.py:28") for name in "ab"]
    first = step(*checks, failed("c", 9, reason="wrong_shape"), accuracy=unanswered(cause))
    assert first.line == (
        f"In {function}: the call raised an exception (IndexError), at solution.py:28 "
        "(2 checks and the accuracy, 45 points)."
    )
    assert advice in first.todo[0].advice


def test_the_costliest_of_two_broken_causes_comes_first():
    missing = [failed(name, 6, reason="missing_function", kind=name) for name in "ab"]
    first = step(*missing, failed("c", kind="IndexError"), accuracy=unanswered(Cause("raised", "IndexError")))
    assert "IndexError" in first.line


def test_a_submission_that_cannot_be_run_says_why():
    checks = [
        replace(failed(name, reason="not_accepted"), note="there is no solution.py: put it there") for name in "ab"
    ]
    first = step(*checks, accuracy=accuracy(None, None, "0", "not_accepted", note="there is no solution.py"))
    assert first.todo[0].title == "The submission cannot be run."
    assert first.todo[0].advice == "There is no solution.py: put it there."
    assert first.worth == "2 checks and the accuracy, 45 points"


def test_a_known_mistake_is_the_next_step_with_what_it_would_explain_and_its_doubt():
    first = step(*CHECKS, mistakes=[NAN])
    assert first.lead == "The failed checks have the pattern of a known mistake:"
    assert first.todo[0].title == "The sum of two empty masks divides."
    assert first.note == (
        "It would explain 2 failed checks, worth 10 points. Other code can fail in the same way, so look for yourself."
    )
    assert first.lost == ()  # its checks stand with their reasons below
    lost = step(*CHECKS, mistakes=[NAN], accuracy=accuracy(0.4, None, "0"))
    assert "The accuracy (35 points) may hang on it too." in lost.note


def test_a_known_mistake_says_how_to_test_it_oneself():
    first = step(*CHECKS, mistakes=[replace(NAN, try_it="Run `medmark check`.")])
    html = feedback_page(mark(), assignment(), hand_in(), step=first)
    assert "Try it: Run medmark check" in Page(html).text
    assert html.index("Next step") < html.index("Try it") < html.index("To mend")


def test_two_mistakes_together_and_others_that_are_possible_are_named():
    reasons = dict(zip("abcd", ["raised"] * 2 + ["wrong_shape"] * 2, strict=True))
    checks = [failed(name, reason=reason) for name, reason in reasons.items()]
    ids = [f"test_losses.py::{name}" for name in "abcd"]
    one, two = (
        replace(NAN, title=title, fails=frozenset(of), may_fail=frozenset(), patterns=(dict.fromkeys(of, (why,)),))
        for title, of, why in (("A", ids[:2], "raised"), ("B", ids[2:], "wrong_shape"))
    )
    together = step(*checks, mistakes=[one, two])
    assert together.lead == "The failed checks have the pattern of known mistakes together:"
    assert [todo.title for todo in together.todo] == ["A.", "B."]
    twice = step(*CHECKS, mistakes=[NAN, replace(NAN, title="Another <b>one</b>")])
    assert twice.note.endswith("Also possible: Another <b>one</b>.")


def test_a_known_mistake_that_explains_a_failure_says_more_than_the_failure():
    cause = Cause("raised", "IndexError")
    checks = [failed(name, kind="IndexError") for name in ("test_empty", "test_eval")]
    pattern = dict.fromkeys(("test_losses.py::test_empty", "test_losses.py::test_eval"), ("raised", "IndexError"))
    known = replace(NAN, patterns=(pattern,))
    assert step(*checks, *PASSED, accuracy=unanswered(cause), mistakes=[known]).todo[0].title == f"{NAN.title}."
    more = [*checks, failed("another", kind="IndexError"), *PASSED]
    assert "IndexError" in step(*more, accuracy=unanswered(cause), mistakes=[known]).line


def test_the_check_that_others_wait_for_is_the_one_to_mend_first():
    waits = {"reason": "not_asked", "text": "`fit` learns"}
    chain = [
        failed("a", **waits, mend="test_losses.py::b"),
        failed("b", **waits, mend="test_losses.py::c"),
        failed("c", **waits),
        failed("d", 11, reason="wrong_answer"),
    ]
    first = step(*chain)
    assert (first.lead, first.line) == (
        "Mend this check first:",
        "Mend this check first: c holds (3 checks, 15 points).",
    )
    assert [finding.title for finding in first.lost] == ["c holds.", "a holds.", "b holds."]


def test_two_checks_that_wait_for_each_other_end():
    waits = {"reason": "not_asked", "text": "`fit` learns"}
    checks = failed("a", **waits, mend="test_losses.py::b"), failed("b", **waits, mend="test_losses.py::a")
    assert step(*checks).worth == "2 checks, 10 points"


def test_wrong_answers_that_say_no_more_are_not_one_cause():
    checks = [failed(name, points, reason="wrong_answer") for name, points in (("a", 4), ("b", 5), ("c", 4))]
    assert step(*checks).line == "Mend this check first: b holds (1 check, 5 points)."
    alike = [failed(name, 4, reason="wrong_answer", kind="factor") for name in "ac"]
    assert step(*alike, checks[1]).worth == "2 checks, 8 points"


def test_a_likely_mistake_in_the_answers_comes_before_a_single_check():
    explained = Explained("flip", None, Phrase("axes_flipped", (0,)), 0.03, 0.81, 6)
    scored = accuracy(0.03, None, "0")
    scored = replace(scored, scored=replace(scored.scored, explained=explained))
    first = step(failed("a", reason="wrong_answer"), accuracy=scored)
    assert first.line == "Dice 0.03, but 0.81 if the first axis is flipped (the accuracy, 35 points)."


@pytest.mark.parametrize(
    ("score", "interval", "points", "advice"),
    [
        (0.742, (0.72, 0.76), "22.4", "The next anchor is distinction at 0.79 (24.5 points): 0.048 away."),
        (
            0.78, (0.76, 0.80), "24.1",
            "The next anchor is distinction at 0.79 (24.5 points): 0.010 away. That is within the interval of your "
            "score: other cases alone could move it as far.",
        ),
        (
            0.82, (0.80, 0.84), "30.3",
            "The next anchor is ceiling at 0.9 (35 points): 0.080 away. Your score is beyond the course's own solution "
            "already.",
        ),
        (0.3, None, "0", "The next anchor is trivial at 0.52 (0 points): 0.220 away."),
    ],
)  # fmt: skip
def test_where_every_check_holds_the_distance_to_the_next_anchor_is_said(score, interval, points, advice):
    first = step(*PASSED, accuracy=accuracy(score, interval, points))
    assert first.line == f"No check is to mend. Dice {score:.3f} earns {points} of 35 points."
    assert first.todo[0].advice == advice
    assert not first.to_mend


def test_of_a_distance_the_anchor_below_is_next():
    anchors = {"trivial": 20, "pass": 12, "merit": 8, "distinction": 6, "reference": 5, "ceiling": 2}
    criterion = {"id": "accuracy", "kind": "accuracy", "points": 35, "metric": "hd95", "anchors": anchors}
    given = mark(checks=PASSED, accuracy=accuracy(7.0, (6.5, 8.0), "22.8"))
    first = next_step(given, assignment(criterion=[criterion]))
    assert first.todo[0].advice == "The next anchor is distinction at 6 (24.5 points): 1.00 away."


def test_a_cap_and_failed_answers_come_before_the_next_anchor():
    capped = accuracy(0.86, None, "24.5", caps=(HeldCap("the dice is below 0.5", Fraction(7, 10)),))
    assert step(*PASSED, accuracy=capped).todo[0].advice == (
        "Because the dice is below 0.5, at most 70 % of the points are given. Mend the cases behind it first."
    )
    three = accuracy(0.6, None, "11", failed=(FailedCases(Cause("cpu_limit"), 3),))
    assert "3 of 15 answers failed" in step(*PASSED, accuracy=three).todo[0].advice


def test_where_nothing_is_left_that_is_said():
    first = step(*PASSED, person=replace(person("21"), points=Decimal(30)))
    assert (first.line, first.to_mend) == ("Nothing is to mend: what the marker tries has all its points.", False)
    assert step(*PASSED).todo[0].advice == "People mark the rest: report."


def test_without_work_the_way_to_hand_it_in_is_the_next_step():
    first = next_step(not_submitted(), assignment(), problems=("no commits: `git push origin main`",))
    assert first.todo[0].title == "There is no work to mark."
    assert first.todo[0].advice.startswith("No commits: `git push origin main`. `medmark check --handin` shows")


def test_while_the_marking_is_repeated_there_is_nothing_to_do():
    assert step(*PASSED, accuracy=accuracy(None, None, None)).line == "Nothing for now: the marking is repeated."
    ungraded = mark(checks=(check("a", "A line.", None, 35, reason="not_graded"),), accuracy=FULL)
    assert next_step(ungraded, assignment()).line == "Nothing for now: this is not graded yet."
    waiting = replace(not_submitted(), status=Status.WITHHELD)
    assert next_step(waiting, assignment()).line == "Nothing for now: it is open which commit counts."
    held = replace(mark(), status=Status.HELD, points=None, findings=())
    assert next_step(held, assignment()).line == "Nothing: a decision leaves no mark here."


def test_nothing_that_only_staff_may_read_is_in_it():
    secret = [replace(failed(name), evidence="CANARY", cause_detail="CANARY", hint="CANARY") for name in "ab"]
    assert "CANARY" not in repr(step(*secret, accuracy=accuracy(evidence="CANARY", cause_detail="CANARY")))
