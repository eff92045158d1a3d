"""What `check` says: the next step first, one cause once, the same words as on the page."""

from graders.marks.public_results import PublicTestResult
from graders.record.documents import Cause, TestResult
from graders.runs.model_check import ModelCheck, SolutionTry
from reports.check_lines import FIRST, check_lines
from tests.graders.marks.hand_made import declared

DEFINE = "     To do: Define it at the top level of the solution, with the starter's name and arguments"


def public(name, reason=None, kind=None, detail="", printed=""):
    test = declared(f"test_a.py::{name}", 0, f"{name} holds.")
    cause = reason and Cause(reason, kind)
    return PublicTestResult(test, TestResult("failed" if reason else "passed", cause, detail, printed=printed))


def lines(*tests, **more):
    return list(check_lines(SolutionTry(tests=tests, **more)))


def model(problem="", cure=""):
    return ModelCheck(trained=False, cases=8, subjects=4, seen=True, problem=problem, cure=cure)


def test_what_passed_is_one_line_each_and_there_is_no_next_step():
    assert lines(public("a"), public("b"), model=model()) == [
        ":) a holds.",
        ":) b holds.",
        ":) `load` reads the weights without a GPU, and `predict` answers for 8 training cases.",
    ]


def test_missing_functions_are_one_cause_that_comes_first():
    tests = (public("a"), public("b", "raised", "KeyError", "KeyError: 1"), public("c", "missing_function", "fit"))
    assert lines(*tests, public("d", "missing_function", "dice")) == [
        FIRST,
        ":( 2 public tests for one reason:",
        "     - c holds.",
        "     - d holds.",
        "     The solution lacks `fit`, `dice`.",
        DEFINE,
        ":( b holds.",
        "     the call raised an exception (KeyError)",
        "     KeyError: 1",
        ":) a holds.",
    ]


def test_a_model_that_does_not_load_comes_before_single_tests():
    shown = lines(public("a", "wrong_answer"), model=model("in load: the call raised\nKeyError: 1", "git add weights/"))
    assert shown[:5] == [
        FIRST,
        ":( `load` reads the weights without a GPU, and `predict` answers for 8 training cases.",
        "     in load: the call raised",
        "     KeyError: 1",
        "     To do: git add weights/",
    ]
    assert shown[5] == ":( a holds."


def test_an_import_error_is_all_there_is_to_say():
    tried = SolutionTry("the solution could not be imported\nModuleNotFoundError: No module named 'x'", "commit it")
    assert list(check_lines(tried)) == [
        FIRST,
        ":( The solution can be imported.",
        "     the solution could not be imported",
        "     ModuleNotFoundError: No module named 'x'",
        "     To do: commit it",
    ]


def test_without_public_cases_the_model_is_not_tried():
    assert lines(public("a"), untried="data/ holds nothing")[-2:] == [
        ":( the model was not tried, since there are no public cases here. Put the handout's data/ here.",
        "     data/ holds nothing",
    ]


def test_equal_failures_are_said_once():
    same = [public(name, "raised", "KeyError", "KeyError: 1") for name in "ab"]
    shown = lines(*same, public("c", "wrong_answer"))
    assert shown[1:4] == [":( 2 public tests for one reason:", "     - a holds.", "     - b holds."]
    assert sum("KeyError: 1" in line for line in shown) == 1


def test_what_fails_by_the_model_is_said_with_the_model():
    why = "the call raised an exception (KeyError)\nKeyError: 1"
    raised = public("a", "raised", "KeyError", "KeyError: 1")
    shown = lines(raised, public("b", "raised", "KeyError", "KeyError: 2"), model=model(f"in fit: {why}"))
    assert shown[2:6] == [
        "     in fit: the call raised an exception (KeyError)",
        "     KeyError: 1",
        "     A public test fails by it too:",
        "     - a holds.",
    ]
    assert sum("KeyError: 1" in line for line in shown) == 1
    assert ":( b holds." in shown
