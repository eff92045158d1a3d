"""What a group reads on its page, and what it never reads."""

import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from graders.intake.submission import Submission
from graders.marks.mark import Finding, HeldCap, Verdict
from graders.record.documents import Cause, FailedCases
from reports.feedback import MemberLine, feedback_page, hand_in_of
from tests.reports.hand_made import CHECKS, accuracy, assignment, check, hand_in, mark, not_submitted, person
from tests.reports.pages import Page


def text_of(*args, **more):
    return Page(feedback_page(*args, **more)).text


def read(given=None, **more):
    return text_of(given or mark(), assignment(), hand_in(**more))


def test_the_mark_stands_with_its_class_and_its_parts():
    text = read()
    assert "68.4 of 100" in text  # 5 + 10 + 10 + 22.4 + 21
    assert "Upper second class" in text
    assert "Tests 25 / 35" in text
    assert "Accuracy 22.4 / 35" in text
    assert "Report 21 / 30" in text


def test_at_level_seven_the_classes_are_those_of_a_master():
    text = text_of(mark(), assignment(level=7), hand_in())
    assert "Merit" in text
    assert "Upper second class" not in text


def test_a_page_is_provisional_until_ratified():
    assert "Provisional, subject to the board of examiners" in read()
    assert "rovisional" not in read(ratified=True)


def test_how_many_hidden_checks_failed_and_hold_is_shown_with_their_points():
    text = read(mark(checks=(*CHECKS, check("test_x", "A line.", 0, 4, reason="wrong_shape"))))
    assert "Also to mend 2 of 6 hidden checks 0 / 9" in text  # the third is the next step
    assert "What holds 3 of 6 hidden checks 25 / 25" in text


def test_a_hidden_test_tells_docstring_points_and_reason():
    text = read()
    assert "dice_loss is 0 when prediction and truth agree. 5 / 5" in text.replace("  ", " ")
    assert "The answer holds NaN or infinity." in text
    assert "The CPU time limit was reached." in text


def test_the_reason_stands_below_the_docstring():
    first = check("test_b", "Another line.", 0, 20, reason="wrong_answer")
    text = read(mark(checks=(first, check("test_a", "A line.", 0, 15, reason="wrong_shape", line="solution.py:12"))))
    assert "A line. 0 / 15 The answer has the wrong shape, at solution.py:12." in text


def test_students_read_no_evidence_no_detail_and_no_flag():
    text = read(flags=("FLAG",))
    for secret in ("Traceback", "most recent call", "cpu_s", "imports ctypes", "FLAG", "nan at"):
        assert secret not in text


def test_staff_read_evidence_detail_and_flags():
    text = text_of(mark(), assignment(), hand_in(flags=("FLAG",)), audience="staff")
    for evidence in ("Traceback <most recent call last>", "cpu_s", "imports ctypes", "FLAG", "not for students"):
        assert evidence in text


def test_the_score_stands_with_its_interval_and_its_anchors():
    text = read()
    assert "dice 0.742 (95 % interval 0.711 to 0.773) on 15 hidden cases." in text
    assert "The score lies between merit (0.71: 21 points) and distinction (0.79: 24.5 points)." in text


@pytest.mark.parametrize(
    ("score", "sentence"),
    [
        (0.40, "The score does not reach trivial (0.52: 0 points)."),
        (0.52, "The score lies between trivial (0.52: 0 points) and pass (0.62: 14 points)."),
        (0.95, "The score reaches ceiling (0.9: 35 points)."),
    ],
)
def test_a_score_outside_the_anchors_is_said_to_be(score, sentence):
    assert sentence in read(mark(accuracy=accuracy(score, None, "0" if score < 0.6 else "35")))


def test_the_values_of_near_anchors_stand_within_the_figure():
    anchors = {"trivial": 2.0, "pass": 1.1, "merit": 0.97, "distinction": 0.9, "reference": 0.82, "ceiling": 0.75}
    criterion = {"id": "accuracy", "kind": "accuracy", "points": 100, "metric": "rmse", "anchors": anchors}
    html = feedback_page(mark(accuracy=accuracy(0.85, None, "65")), assignment(criterion=[criterion]), hand_in())
    (height,) = re.findall(r'<svg height="(\d+)" role="img" aria-label="How the score', html)
    lines = [int(y) for y in re.findall(r'y="(\d+)" text-anchor="middle"', html)][-len(anchors) :]
    assert len(set(lines)) == 3
    assert max(lines) + 4 < int(height)  # what hangs below a line of 11 px


def test_for_a_distance_lower_is_better():
    anchors = {"trivial": 20, "pass": 12, "merit": 8, "distinction": 6, "reference": 5, "ceiling": 2}
    criterion = {"id": "accuracy", "kind": "accuracy", "points": 100, "metric": "hd95", "anchors": anchors}
    text = text_of(mark(accuracy=accuracy(7.0, (6.0, 8.0), "65")), assignment(criterion=[criterion]), hand_in())
    assert "Lower is better." in text
    assert "The score lies between merit (8: 60 points) and distinction (6: 70 points)." in text


def test_a_cap_is_shown():
    sentence = "Because the dice is below 0.5, at most 70 % of the points are given."
    capped = accuracy(0.86, (0.84, 0.88), "24.5", caps=(HeldCap("the dice is below 0.5", Fraction(7, 10)),))
    text = read(mark(accuracy=capped))
    assert sentence in text
    assert "A cap applies : the hollow dot shows the points without it." in text


def test_an_unfinished_mark_shows_what_is_open_and_no_class():
    text = read(mark(person=person()))
    assert "47.4 of the 70 marked so far" in text
    assert "30 of 100 points are still to be marked by a person" in text
    assert "class" not in text
    assert "To be marked by a person" in text


def test_a_withheld_mark_is_our_fault_and_no_number():
    text = read(mark(checks=(*CHECKS[:2], check("test_z", "A line.", None, 25))))
    assert "Withheld" in text
    assert "Not marked yet: the marking system failed, not your work. You lose nothing by it." in text
    assert "of 100 " not in text


def test_withheld_accuracy_says_so():
    assert "the marking system failed" in read(mark(accuracy=accuracy(None, None, None)))


def test_nothing_handed_in_is_no_zero_and_shows_the_cure():
    text = read(not_submitted(), problems=("No commits. Push: `git push origin main`.",))
    assert "Not submitted" in text
    assert "not a mark of zero" in text
    assert "git push origin main" in text
    assert "0 of 100" not in text
    assert "Hidden checks worth 35 marks" in text
    assert "points are open" not in text


def test_notices_stand_with_their_cure():
    zero = Decimal(0)
    notice = Finding("notice/lfs", "notice", "", Verdict.FAILED, zero, zero, "A pointer.", hint="Add the file.")
    assert "A pointer. Add the file." in read(mark(notices=(notice,)))


def test_public_tests_tell_everything():
    public = Finding("public/x", "public_test", "", Verdict.FAILED, Decimal(0), Decimal(0), "A public line.",
                     evidence="assert 1 == 2", hint="Look at axis 0.")  # fmt: skip
    text = read(mark(notices=(public,)))
    assert "A public line." in text
    assert "assert 1 == 2" in text
    assert "Look at axis 0." in text


def test_the_page_ends_with_where_the_numbers_come_from():
    text = read()
    for origin in ("sha256:8a52c0e4d1b77f2f0e6b", "sha256:51f00de2f5c2a9e7", "medmark-pytorch@sha256", "torch 2.13.0"):
        assert origin in text


def test_a_group_under_a_pseudonym_is_not_named():
    assert "group-07" not in read(replace(mark(), group="group-07"), name="Amber Heron", repository="")


def test_no_criterion_is_lost_when_it_has_no_findings():
    text = read(replace(mark(), findings=()))
    assert "Hidden checks worth 35 marks" in text
    assert "— / 35" in text


def test_a_page_says_when_no_wall_stood_around_the_code():
    trusted = replace(mark(), provenance={"sandbox": "local", "isolated": False})
    assert "Run without a wall." in read(trusted)
    assert "Run without a wall." not in read()


def test_the_intakes_problems_are_shown_and_its_flags_are_not():
    submission = Submission(
        group="group-07",
        members=(),
        repository="https://example.org/x.git",
        commit="4f0c",
        folder=None,
        framework=None,
        tree=None,
        problems=("No solution.py.",),
        flags=("FLAG",),
        reason="The last tip by the deadline.",
        seen_at="2026-07-03T15:58:30.125+00:00",
    )
    due = datetime.fromisoformat("2026-07-03T16:00+00:00")
    given = hand_in_of(submission, timezone="Europe/London", due=due)
    text = text_of(mark(), assignment(), given)
    assert "Due 3 July 2026, 17:00 BST" in text
    assert "Seen 3 July 2026, 16:58 BST" in text
    assert "The last tip by the deadline." in text
    assert "No solution.py." in text
    assert "FLAG" not in text
    assert given.flags == ("FLAG",)
    assert "example.org" not in text_of(mark(), assignment(), hand_in_of(submission, name="Amber Heron"))


def test_the_page_is_made_of_the_mark_alone():
    """Rendering twice gives the same bytes: no clock and no chance is in it."""
    assert feedback_page(mark(), assignment(), hand_in()) == feedback_page(mark(), assignment(), hand_in())


def alike(name, points=0, reason="missing_function"):
    return check(name, f"{name} holds.", points, 5, reason=None if points else reason)


def test_one_cause_is_the_next_step_and_what_fell_with_it_is_one_folded_line():
    checks = (alike("a", 5), alike("b"), alike("c", reason="wrong_shape"), alike("d"))
    html = feedback_page(mark(checks=checks), assignment(), hand_in())
    text = Page(html).text
    assert text.count("The required function or class is not in the solution.") == 1
    assert "Define it at the top level of the solution" in text
    assert "2 checks failed by it: 10 points b holds. 0 / 5 d holds. 0 / 5" in text
    assert '<details class="fold"><summary>2 checks failed by it' in html
    assert text.count("b holds.") == text.count("d holds.") == 1
    assert text.index("Next step") < text.index("Also to mend") < text.index("c holds.") < text.index("What holds")


def test_another_cause_is_one_line_too_below_the_next_step():
    checks = (alike("a"), alike("b"), alike("e"), alike("c", reason="raised"), alike("d", reason="raised"))
    text = read(mark(checks=checks))
    assert "Also to mend 2 of 5 hidden checks 0 / 10 Failed: The call raised an exception. 0 / 10" in text
    assert "2 checks fail by this: 10 points c holds. 0 / 5 d holds. 0 / 5" in text


def test_checks_that_wait_for_another_are_folded_under_it():
    waits = Cause("not_asked", text="`fit` learns", mend="test_losses.py::b")
    first = replace(alike("b"), cause=Cause("not_asked", text="all cases get the same probability"))
    others = tuple(replace(alike(name), cause=waits, mend="b holds.") for name in "cd")
    text = read(mark(checks=(alike("a", 5), *others, first)))
    assert "Mend this check first: b holds. Could not be asked: all cases get the same probability." in text
    assert "3 checks hang on it: 15 points b holds. 0 / 5 c holds. 0 / 5 d holds. 0 / 5" in text
    assert "o mend" not in text.replace("Nothing is to mend", "")


def test_the_costliest_cause_stands_before_others():
    checks = (alike("a", 5), alike("e"), alike("f"), alike("b", reason="raised"))
    checks += (replace(alike("c", reason="wrong_shape"), out_of=Decimal(6)),)
    text = read(mark(checks=checks))
    assert text.index("c holds.") < text.index("b holds.") < text.index("a holds.")


def test_many_checks_that_hold_are_folded_while_there_is_something_to_mend():
    hold = tuple(alike(name, 5) for name in "abcdefg")
    folded = '<details class="fold"><summary>Each of them'
    assert folded in feedback_page(mark(checks=(*hold, alike("h"))), assignment(), hand_in())
    assert '<details class="fold" open><summary>Each of them' in feedback_page(
        mark(checks=hold), assignment(), hand_in()
    )
    assert "Each of them" not in feedback_page(mark(checks=hold[:6]), assignment(), hand_in())


def test_a_problem_that_is_the_next_step_is_not_said_again():
    missing = "neither a file of yours nor in the marker's runtime: yaml (solution.py:2)"
    checks = tuple(alike(name, reason="import_failed") for name in "ab")
    checks = tuple(replace(each, cause=replace(each.cause, line="solution.py:2")) for each in checks)
    text = read(mark(checks=checks), problems=(missing, "report.pdf is not in the commit"))
    assert text.count("runtime: yaml (solution.py:2)") == 1
    assert "About the submission report.pdf is not in the commit" in text


def test_staff_read_the_evidence_of_each_check_that_fell_with_others():
    checks = tuple(replace(alike(name), evidence=f"evidence of {name}") for name in "ab")
    text = text_of(mark(checks=checks), assignment(), hand_in(), audience="staff")
    assert "evidence of a" in text
    assert "evidence of b" in text
    assert "evidence" not in read(mark(checks=checks))


def test_staff_read_who_is_in_the_group_and_students_do_not():
    members = [MemberLine("s1", "Ada Canary", "53.9 of 100", True, "../personal/s1.html"),
               MemberLine("s2", "Alan Robin", "68.4 of 100", False, "../personal/s2.html")]  # fmt: skip
    html = feedback_page(mark(), assignment(), hand_in(), audience="staff", members=members)
    text = Page(html).text
    assert "Ada Canary s1 53.9 of 100 Another mark than the group's" in text
    assert text.count("Another mark than") == 1
    assert 'href="../personal/s2.html"' in html
    for_students = feedback_page(mark(), assignment(), hand_in(), members=members)
    assert not re.search("Canary|Robin|s1|53.9|personal/", for_students)


def test_the_courses_title_stands_on_the_page():
    assert "Deep learning 2027 · Feedback" in read(course="Deep learning 2027")


def test_an_accuracy_that_fell_by_the_next_step_does_not_say_the_cause_again():
    cause = Cause("raised", "IndexError", "solution.py:28", "fit")
    lost = accuracy(0.0, None, "0", failed=(FailedCases(cause, 15),))
    text = read(mark(checks=(alike("a", 5),), accuracy=lost))
    assert text.count("solution.py:28") == 1
    assert "dice 0.000 on the hidden cases: no answer came, for the reason that is the next step." in text


def test_why_no_commit_counts_is_the_next_step_of_who_handed_nothing_in():
    text = read(not_submitted(), why="No commit so far: the repository is empty: commit your work and push it")
    assert "Next step There is no work to mark. No commit so far: the repository is empty" in text
