"""Results made by hand, as a marker would give them: for tests of marks, pages and the ledger."""

from assignments.assignment import Assignment
from assignments.declared_tests import DeclaredTest
from graders.record.documents import CaseScore, Cause, Measured, ScoreResult, TestResult
from tests.graders.small_roster import write_course


def declared(id, points, docstring="It is right.", criterion="tests"):
    """A hidden test as its author declared it."""
    return DeclaredTest(id, criterion, points, docstring, source="", line=1, surroundings="", doubles=False)


def check_result(verdict="passed", reason=None, **more):
    """What a hidden test came to; `reason` and the parts of a `Cause` say why it did not pass."""
    parts = {name: more.pop(name) for name in ("kind", "line", "text", "mend") if name in more}
    cause = None if verdict == "passed" else Cause(reason or "wrong_answer", **parts)
    return TestResult(verdict, cause, cpu_s=0.1, wall_s=0.1, **more)


def cases_of(*repeats, failed=()):
    """Cases by repeat, of a subject each: `cases_of([0.9, 0.8], [0.7, 0.8])`; those numbered in `failed` failed."""
    return tuple(
        CaseScore(str(i), f"s{i}", repeat, None, value, "failed", "cpu_limit")
        if i in failed
        else CaseScore(str(i), f"s{i}", repeat, value, value, "scored")
        for repeat, values in enumerate(repeats)
        for i, value in enumerate(values)
    )


def measured(score=0.742, values=(0.9, 0.8), metric="dice", **more):
    """A metric of one repeat."""
    given = {"repeats": (score,), "combine": "median", "interval": (0.711, 0.773), "cases": cases_of(values)}
    given |= {"case_count": len(values), "subjects": len(values)} | more
    return Measured(metric, score, **given)


def score_result(score=0.742, values=(0.9, 0.8), also=None, **more):
    """What an accuracy criterion came to, in one repeat."""
    own = ("cause", "failed", "cause_detail", "explained", "evidence")
    parts = {name: more.pop(name) for name in own if name in more}
    return ScoreResult("passed", measured=measured(score, values, **more), also=also or {}, **parts)


TEST = '''import pytest


@pytest.mark.points(5)
def test_loss(student):
    """It falls."""
'''


def write_course_of_mlp(folder, roster, **persons):
    """A course of one assignment, `mlp`: 5 points for a hidden test, and points that persons give; the assignment."""
    write_course(folder, roster=roster)
    (folder / "mlp/hidden_tests").mkdir(parents=True)
    (folder / "mlp/hidden_tests/test_x.py").write_text(TEST)
    return Assignment.model_validate(
        {
            "id": "mlp", "title": "MLP", "task": "classification", "folder": folder / "mlp",
            "data": {"source": "breast_cancer", "train": 4, "test": 2}, "run": {"mode": "weights"},
            "criterion": [
                {"id": "tests", "kind": "hidden_tests", "points": 5},
                *({"id": id, "kind": "person", "points": points} for id, points in persons.items()),
            ],
        }
    )  # fmt: skip
