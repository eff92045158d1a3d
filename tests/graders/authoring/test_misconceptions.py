"""Misconceptions: small edits of a reference, checked against it before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from assignments.assignment import Assignment
from assignments.load import AssignmentError, load
from graders.authoring.misconceptions import misconceptions, write_solution

REFERENCE = """\
FRAMEWORK = "pytorch"

def double(x):
    return 2 * x

def halve(x):
    return x / 2
"""

SOUND = '''\
[[misconception]]
id = "squares"
title = "Squares instead of doubling"
edits = [{ framework = "pytorch", find = "return 2 * x", replace = "return x ** 2" }]
fails = ["test_double.py::test_double"]

[[misconception]]
id = "floors"
title = "Halves whole numbers only"
told = "Use true division."
fails = ["test_double.py::test_halve"]
[[misconception.edits]]
find = """
def halve(x):
    return x / 2
"""
replace = """
def halve(x):
    return x // 2
"""
'''


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    (tmp_path / "hidden_tests").mkdir()
    (tmp_path / "reference").mkdir()
    (tmp_path / "brief.md").write_text("Double.\n")
    (tmp_path / "interface.py").write_text("def double(x): ...\ndef halve(x): ...\n")
    (tmp_path / "reference" / "solution_pytorch.py").write_text(REFERENCE)
    (tmp_path / "hidden_tests" / "test_double.py").write_text(
        "import pytest\n"
        '@pytest.mark.points(1)\ndef test_double(student):\n    """Doubles."""\n'
        '@pytest.mark.points(1)\ndef test_halve(student):\n    """Halves."""\n'
    )
    (tmp_path / "assignment.toml").write_text(
        'id = "twice"\ntitle = "Twice"\ntask = "classification"\nframeworks = ["pytorch"]\n'
        '[data]\nsource = "breast_cancer"\ntrain = 1\ntest = 1\n[run]\nmode = "weights"\n'
        '[[criterion]]\nid = "tests"\nkind = "hidden_tests"\npoints = 2\n'
    )
    (tmp_path / "misconceptions.toml").write_text(SOUND)
    return load(tmp_path)


def edit(assignment: Assignment, find: str, replace: str) -> None:
    path = assignment.folder / "misconceptions.toml"
    text = path.read_text()
    assert text.count(find) == 1
    path.write_text(text.replace(find, replace))


def problems_of(assignment: Assignment) -> list[tuple[str, int | None, str]]:
    with pytest.raises(AssignmentError) as caught:
        misconceptions(assignment)
    return [(item.key, item.line, f"{item.what}; {item.cure}") for item in caught.value.problems]


def test_an_assignment_without_the_file_has_none(assignment: Assignment) -> None:
    (assignment.folder / "misconceptions.toml").unlink()
    assert misconceptions(assignment) == ()


def test_a_misconception_becomes_a_solution_folder(assignment: Assignment, tmp_path: Path) -> None:
    squares, floors = misconceptions(assignment)
    reference = assignment.folder / "reference" / "solution_pytorch.py"
    folder = write_solution(tmp_path / "solutions" / "squares", squares, "pytorch", reference)
    assert (folder / "solution.py").read_text() == REFERENCE.replace("2 * x", "x ** 2")
    write_solution(folder, floors, "pytorch", reference)
    assert (folder / "solution.py").read_text() == REFERENCE.replace("x / 2", "x // 2")


def test_an_edit_without_framework_is_for_every_reference_that_proves(assignment: Assignment) -> None:
    squares, floors = misconceptions(assignment)
    assert len(floors.edits_for("pytorch")) == 1
    assert floors.edits_for("tensorflow") == ()  # it has no reference there
    assert squares.edits_for("tensorflow") == ()
    assert squares.applied("tensorflow", "x = 1\n") == "x = 1\n"


def test_text_that_is_not_there_once_is_refused(assignment: Assignment) -> None:
    edit(assignment, 'find = "return 2 * x"', 'find = "return"')
    ((key, line, what),) = problems_of(assignment)
    assert (key, line) == ("misconception.0.edits", 4)
    assert "'return' occurs 2 times in the pytorch reference, not once" in what


def test_an_edit_that_breaks_the_syntax_is_refused(assignment: Assignment) -> None:
    edit(assignment, 'replace = "return x ** 2"', 'replace = "return x **"')
    assert "not valid Python" in problems_of(assignment)[0][2]


def test_an_edit_that_changes_nothing_is_refused(assignment: Assignment) -> None:
    edit(assignment, 'replace = "return x ** 2"', 'replace = "return 2 * x"')
    assert "changes nothing" in problems_of(assignment)[0][2]


def test_unknown_tests_frameworks_and_second_ids_come_at_once(assignment: Assignment) -> None:
    edit(assignment, 'fails = ["test_double.py::test_double"]\n\n', 'fails = ["test_double.py::test_dobule"]\n\n')
    edit(assignment, 'framework = "pytorch"', 'framework = "tensorflow"')
    edit(assignment, 'id = "floors"', 'id = "squares"')
    problems = problems_of(assignment)
    assert [(key, line) for key, line, _ in problems] == [
        ("misconception.0.edits.0.framework", 4),
        ("misconception.0.fails.0", 5),
        ("misconception.1.id", 8),
    ]
    assert 'did you mean "test_double.py::test_double"?' in problems[1][2]


def test_what_may_fail_is_no_longer_written(assignment: Assignment) -> None:
    edit(assignment, 'title = "Halves', 'may_fail = ["test_double.py::test_double"]\ntitle = "Halves')
    ((key, line, what),) = problems_of(assignment)
    assert (key, line) == ("misconception.1.may_fail", 9)
    assert what.startswith("is recorded, and no longer written")
    assert "--record" in what


SHORT = """edits = { pytorch = [["return 2 * x", "return x ** 2"]], all = [["return x / 2", "return x // 2"]] }"""
LONG = 'edits = [{ framework = "pytorch", find = "return 2 * x", replace = "return x ** 2" }]'


def test_edits_may_be_written_short(assignment: Assignment) -> None:
    edit(assignment, LONG, SHORT)
    squares, _ = misconceptions(load(assignment.folder))
    assert [(each.framework, each.find, each.replace) for each in squares.edits] == [
        ("pytorch", "return 2 * x", "return x ** 2"),
        ("pytorch", "return x / 2", "return x // 2"),
    ]
    changed = REFERENCE.replace("2 * x", "x ** 2").replace("x / 2", "x // 2")
    assert squares.applied("pytorch", REFERENCE) == changed


@pytest.mark.parametrize(
    ("short", "what"),
    [
        ('edits = { pytroch = [["a", "b"]] }', 'did you mean "pytorch"?'),
        ('edits = { pytorch = [["return 2 * x"]] }', "pytorch is not a list of pairs of texts"),
        ('edits = { pytorch = ["return 2 * x", "b"] }', "pytorch is not a list of pairs of texts"),
        ('edits = { all = [["", "b"]] }', "all is not a list of pairs of texts"),
        ('edits = { all = [["return", "b"]] }', "occurs 2 times in the pytorch reference"),
        ('edits = { tensorflow = [["a", "b"]] }', "there is no reference in tensorflow"),
    ],
)
def test_a_short_edit_that_cannot_be_made_is_refused_where_it_stands(
    assignment: Assignment, short: str, what: str
) -> None:
    edit(assignment, LONG, short)
    ((key, line, said),) = problems_of(assignment)
    assert key.startswith("misconception.0.edits")
    assert line == 4
    assert what in said


def test_a_misspelt_key_is_reported_with_its_line(assignment: Assignment) -> None:
    edit(assignment, "told =", "tolt =")
    assert problems_of(assignment) == [("misconception.1.tolt", 10, 'unknown key; did you mean "told"?')]


def test_a_file_that_is_not_toml_is_reported(assignment: Assignment) -> None:
    (assignment.folder / "misconceptions.toml").write_text("[[misconception]\n")
    assert [item[:2] for item in problems_of(assignment)] == [("", 1)]


@pytest.mark.parametrize(
    "compares",
    [
        'assert close(student.double(3.0), 6.0, mistaken={"squares": 9.0, "flors": 1.0})',
        'points_to("squares", True); points_to("flors", student.double(2.5) == 4.0)',
        "sign(student)",
    ],
)
def test_a_misconception_that_a_test_names_must_be_listed(assignment: Assignment, compares: str) -> None:
    path = assignment.folder / "hidden_tests" / "test_double.py"
    text = path.read_text()
    named = text.replace('"""Doubles."""\n', f'"""Doubles."""\n    {compares}\n')
    helper = '\n\ndef sign(student):\n    points_to("flors", student.double(2.5) == 4.0)\n'
    path.write_text("from assignments.testing import close, points_to\n" + named + (helper if "sign" in named else ""))
    with pytest.raises(AssignmentError) as caught:
        misconceptions(load(assignment.folder))
    (problem,) = caught.value.problems
    assert problem.line == 4
    assert problem.what == 'test_double names the misconception "flors", which is not listed'
    assert "floors" in problem.cure
