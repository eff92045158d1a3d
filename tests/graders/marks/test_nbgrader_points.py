"""Points of a test cell: what nbgrader would say equals what its own functions say; medmark counts numbers alone."""

from __future__ import annotations

import math

import pytest

from graders.marks.nbgrader_points import medmark_points, nbgrader_points, points_of
from graders.record.notebook_course import (
    HandedNotebook,
    NotebookResult,
    RunCell,
    TeacherCell,
    TeacherNotebook,
)
from graders.record.notebook_course import (
    TestCellResult as CellResult,
)
from tests.nbgrader_oracle import with_nbgrader

TEXTS = (
    "0", "1", "1.5", "2", "2.0", "2.5", "-1", "-0.0", "1e-3", "1_0", " 1 ", "inf", "-inf", "nan", "True", "False",
    "None", "'1'", "[1]", "1j", "np.float64(0.5)", "array(1.)", "tensor(1.)", "<object object at 0x1>", "1\n2",
)  # fmt: skip


def judged(value: str | None, number: float | None = None, **more: bool) -> CellResult:
    return CellResult("whole", 2.0, "host", **{"passed": True, **more}, value=value, number=number)


@with_nbgrader
@pytest.mark.parametrize("text", TEXTS)
def test_a_value_is_what_nbgrader_makes_of_it(text):
    from nbformat.v4 import new_output
    from nbgrader.utils import get_partial_grade

    try:
        theirs = get_partial_grade(new_output("execute_result", {"text/plain": text}), 2.0)
    except ValueError:
        theirs = None
    assert nbgrader_points(judged(text)) == theirs


@with_nbgrader
@pytest.mark.parametrize(
    ("outputs", "result"),
    [
        ([], judged(None)),
        ([("stream", {"name": "stdout", "text": "1"})], judged(None)),
        ([("stream", {"name": "stderr", "text": "hm"})], judged(None, on_stderr=True)),
        ([("stream", {"name": "stderr", "text": "hm"}), ("execute_result", {"data": {"text/plain": "1"}})],
         judged("1", 1.0, on_stderr=True)),
        ([("error", {"ename": "E", "evalue": "", "traceback": []})], judged(None, passed=False)),
    ],
)  # fmt: skip
def test_outputs_are_what_nbgrader_makes_of_them(outputs, result):
    from nbformat.v4 import new_code_cell, new_output
    from nbgrader.utils import determine_grade

    own = {"grade": True, "solution": False, "locked": True, "points": 2, "grade_id": "whole"}
    made = [new_output(kind, **fields) for kind, fields in outputs]
    cell = new_code_cell("f()", metadata={"nbgrader": own}, outputs=made)
    assert nbgrader_points(result) == determine_grade(cell)[0]


@pytest.mark.parametrize(
    ("result", "points"),
    [
        (judged(None), 2.0),
        (judged(None, on_stderr=True), 2.0),
        (judged(None, passed=False), 0.0),
        (judged("1.5", 1.5), 1.5),
        (judged("0", 0.0), 0.0),
        (judged("np.float64(0.5)", 0.5), 0.5),
        (judged("-1", -1.0), None),
        (judged("2.5", 2.5), None),
        (judged("nan", math.nan), None),
        (judged("inf", math.inf), None),
        (judged("'1'"), None),
        (judged("True", 1.0), None),
        (judged("", None), None),
        (judged(None, withheld=True), None),
        (judged(None, withheld=True, passed=False), None),
    ],
)  # fmt: skip
def test_medmark_counts_a_finite_number_up_to_the_maximum_and_leaves_the_rest_to_a_person(result, points):
    assert medmark_points(result)[0] == points


@pytest.mark.parametrize("text", [text for text in TEXTS if text not in ("0", "1", "1.5", "2", "2.0", "1e-3", "-0.0")])
def test_where_the_two_differ_there_is_a_reason(text):
    points, reason = medmark_points(judged(text))
    assert points is None
    assert "person" in reason or "error" in reason


TEST = TeacherCell("whole", "code", "assert f()", 2.0, grade=True, locked=True)
ESSAY = TeacherCell("essay", "markdown", "Why?", 3.0, grade=True, solution=True)
TASK = TeacherCell("task", "markdown", "Draw.", 4.0, task=True)
WORK = TeacherNotebook("work", (TEST, TeacherCell("f", "code", "f = 1", solution=True), ESSAY, TASK))


def of(handed: HandedNotebook, *results: CellResult) -> dict[str, tuple[float | None, float | None, str]]:
    result = NotebookResult("ada", "work", results) if results else None
    return {each.grade_id: (each.nbgrader, each.medmark, each.where) for each in points_of(handed, WORK, result)}


def test_a_cell_for_a_person_has_no_points_until_a_person_gives_them_unless_it_is_as_it_was_handed_out():
    answered = HandedNotebook("ada", "work", manual=(TeacherCell("essay", "markdown", "So."), TASK))
    blank = HandedNotebook("ada", "work", manual=(ESSAY, TASK))
    assert of(answered, judged(None))["essay"] == (None, None, "person")
    assert of(blank, judged(None))["essay"] == (0.0, 0.0, "person")
    assert of(blank, judged(None))["task"] == (None, None, "person")


def test_what_did_not_run_is_withheld_and_never_0():
    assert of(HandedNotebook("ada", "work"))["whole"] == (None, None, "none")


def test_what_the_student_caused_is_0_in_every_cell():
    broken = of(HandedNotebook("ada", "work", problem="work.ipynb is not JSON"))
    assert {points for _, points, _ in broken.values()} == {0.0}
    assert {points for points, _, _ in broken.values()} == {None}
    absent = of(HandedNotebook("ada", "work", problem="it was not handed in", absent=True))
    assert {pair[:2] for pair in absent.values()} == {(0.0, 0.0)}


def test_a_test_that_was_brought_back_earns_nothing_with_nbgrader():
    handed = HandedNotebook("ada", "work", (RunCell(0, "assert f()", "whole", 2.0, locked=True),))
    assert of(handed, judged(None))["whole"] == (None, 2.0, "host")
