"""Findings that failed for one cause stand together, with those that hang on them; the costliest cause is first."""

from dataclasses import replace

from graders.marks.causes import common_causes
from graders.marks.cures import cure_of_cause
from graders.marks.mark import Verdict
from graders.record.documents import Cause, FailedCases
from tests.reports.hand_made import CHECKS, accuracy, check, person


def failed(name, points, reason, **parts):
    return replace(check(name, f"{name} holds.", 0, points), cause=Cause(reason, **parts))


def titles(causes):
    return [("".join(f.id[-1] for f in cause.failed), "".join(f.id[-1] for f in cause.waiting)) for cause in causes]


def test_one_reason_kind_line_and_text_is_one_cause():
    findings = [
        failed("a", 1, "raised", kind="IndexError", line="solution.py:2"),
        failed("b", 2, "raised", kind="IndexError", line="solution.py:3"),
        failed("c", 3, "raised", kind="KeyError", line="solution.py:2"),
        failed("d", 1, "raised", kind="IndexError", line="solution.py:2"),
    ]
    causes = common_causes(findings)
    assert titles(causes) == [("c", ""), ("ad", ""), ("b", "")]
    assert [cause.lost for cause in causes] == [3, 2, 2]


def test_missing_functions_are_one_cause_and_wrong_answers_that_say_no_more_are_several():
    findings = [failed(name, 1, "missing_function", kind=name) for name in "ab"]
    findings += [failed(name, 1, "wrong_answer") for name in "cd"]
    causes = common_causes(findings)
    assert titles(causes) == [("ab", ""), ("c", ""), ("d", "")]
    assert causes[0].kinds == ("a", "b")
    assert [cause.breaks for cause in causes] == [True, False, False]


def test_an_accuracy_belongs_to_a_cause_only_if_no_answer_came_for_that_one():
    cause = Cause("raised", "IndexError", "solution.py:2", "fit")
    all_of_them = accuracy(0.0, None, "0", failed=(FailedCases(cause, 15),))
    (one,) = common_causes([failed("a", 5, "raised", kind="IndexError", line="solution.py:2"), all_of_them])
    assert (one.cause.function, one.lost, one.breaks) == ("fit", 40, True)
    for others in ((FailedCases(cause, 14),), (FailedCases(cause, 14), FailedCases(Cause("cpu_limit"), 1))):
        assert common_causes([accuracy(0.0, None, "0", failed=others)]) == ()


def test_tests_that_could_not_be_asked_wait_at_the_end_of_their_chain():
    chain = [
        failed("a", 1, "not_asked", mend="test_losses.py::b"),
        failed("b", 1, "not_asked", mend="test_losses.py::c"),
    ]
    broken = failed("c", 1, "raised")
    assert titles(common_causes([*chain, broken])) == [("c", "ab")]
    passed = replace(broken, verdict=Verdict.PASSED, cause=None)
    assert titles(common_causes([*chain, passed])) == [("b", "a")]


def test_what_passed_or_is_not_known_has_no_cause():
    unknown = check("z", "It is 0.", None, 5, reason="engine")
    assert common_causes([each for each in CHECKS if each.points] + [unknown, person(), accuracy()]) == ()


def test_a_cure_goes_by_what_a_student_reads_of_the_cause_the_most_special_first():
    assert "commit it beside solution.py" in cure_of_cause(Cause("import_failed", "ModuleNotFoundError"))
    assert "imports a fresh clone" in cure_of_cause(Cause("import_failed", "NameError", "solution.py:3"))
    assert "folder of the weights" in cure_of_cause(Cause("raised", "KeyError", function="load"))
    assert "Call the function yourself" in cure_of_cause(Cause("raised", "KeyError"))
    assert cure_of_cause(Cause("a word of tomorrow")) == ""
