"""A rubric is checked when its assignment is loaded: every problem with file, key, line and cure."""

from __future__ import annotations

from decimal import Decimal

import pytest

from assignments.load import AssignmentError, load
from assignments.rubric_files import RUBRICS, rubrics

HEAD = """\
id = "essay"
title = "Reading a paper"
task = "classification"
data = { source = "breast_cancer", train = 1, test = 1 }
run = { mode = "retrain" }
[[criterion]]
id = "essay"
kind = "person"
"""
LINES = """\
[[line]]
id = "method"
title = "Method"
points = 8
levels = [
  { title = "Good", points = [5, 8], descriptor = "It can be repeated." },
  { title = "Weak", points = [0, 4.5], descriptor = "It cannot." },
]
[[line]]
id = "writing"
title = "Writing"
points = 2
"""


@pytest.fixture
def loaded(tmp_path):
    """The criterion of an assignment with this ending of assignment.toml and this paper.toml."""

    def of(end, rubric=None):
        (tmp_path / "assignment.toml").write_text(HEAD + end)
        (tmp_path / "brief.md").write_text("# Reading\n")
        if rubric is not None:
            (tmp_path / "paper.toml").write_text(rubric)
        return load(tmp_path).criterion("essay")

    return of


@pytest.fixture
def problems(loaded, tmp_path):
    def of(end, rubric=None):
        with pytest.raises(AssignmentError) as error:
            loaded(end, rubric)
        return [str(problem).replace(f"{tmp_path}/", "") for problem in error.value.problems]

    return of


OWN = 'points = 10\nrubric = "paper.toml"\n'


def test_one_line_names_a_rubric_that_ships(loaded):
    criterion = loaded('points = 40\nrubric = "scientific_paper"\n')
    assert [(line.id, line.points) for line in criterion.lines] == [
        ("introduction", 6), ("methods", 8), ("design", 12), ("results", 6), ("discussion", 5), ("writing", 3),
    ]  # fmt: skip
    assert all(line.question and len(line.levels) == 4 for line in criterion.lines)
    assert rubrics() == ("scientific_paper",)


def test_a_rubric_is_a_file_of_the_folder_or_stands_in_assignment_toml(loaded):
    of_file = loaded(OWN, LINES)
    inline = loaded("points = 10\n" + LINES.replace("[[line]]", "[[criterion.line]]"))
    assert of_file.lines == inline.lines
    assert [line.title for line in of_file.lines] == ["Method", "Writing"]


def test_points_name_their_level(loaded):
    method, writing = loaded(OWN, LINES).lines
    assert method.level_of(Decimal("5")).title == "Good"
    assert method.level_of(Decimal("4.5")).title == "Weak"
    assert method.level_of(Decimal("4.7")) is None
    assert [level.range_text for level in method.levels] == ["5 to 8", "0 to 4.5"]
    assert method.points_problem(Decimal("4.7")) == "4.7 points belong to no level: Weak is 0 to 4.5, Good is 5 to 8"
    assert method.points_problem(Decimal("9")) == "9 is not a number from 0 to 8"
    assert writing.points_problem(Decimal("1.255")) == "1.255 has more than two decimals"
    assert writing.points_problem(Decimal("1.25")) == ""


def test_lines_add_up_to_the_points_of_their_criterion(problems):
    (problem,) = problems('points = 12\nrubric = "paper.toml"\n', LINES)
    assert problem == (
        "assignment.toml:10 criterion.0.rubric: the lines add up to 10 points, and essay has 12; write points = 10, or "
        "change the lines"
    )


def test_other_points_than_those_of_a_rubric_that_ships_name_the_command_that_copies_it(tmp_path, loaded):
    with pytest.raises(AssignmentError) as error:
        loaded('points = 30\nrubric = "scientific_paper"\n')
    copies = f"cp {RUBRICS / 'scientific_paper.toml'} {tmp_path / 'scientific_paper.toml'}"
    assert f"write points = 40; or change the points in a copy ({copies})" in str(error.value)


@pytest.mark.parametrize(
    ("end", "rubric", "words"),
    [
        ('points = 10\nrubric = "scientific_papr"\n', None,
         'assignment.toml:10 criterion.0.rubric: medmark ships no rubric "scientific_papr"; did you mean '
         '"scientific_paper"? Or name a file of this folder: rubric = "scientific_papr.toml"'),
        (OWN, None, "assignment.toml:10 criterion.0.rubric: there is no paper.toml in the assignment's folder; add"),
        (OWN + LINES.replace("[[line]]", "[[criterion.line]]"), LINES,
         "assignment.toml:10 criterion.0.rubric: there are lines below too; keep the rubric or the lines"),
        (OWN, LINES.replace('"writing"', '"method"'), 'paper.toml:10 line.1.id: a second line is called "method"'),
        (OWN, LINES.replace('"Writing"', '"method"'), 'paper.toml:11 line.1.title: a second line has the title'),
        (OWN, LINES.replace("[0, 4.5]", "[0, 5]"),
         "paper.toml:5 line.0.levels: method: Weak (0 to 5) does not lie below Good (5 to 8); write the best level"),
        (OWN, LINES.replace("[5, 8]", "[5, 7]"), "paper.toml:5 line.0.levels: method: its best level ends at 7, and"),
        (OWN, LINES.replace("[0, 4.5]", "[1, 4.5]"), "paper.toml:5 line.0.levels: method: its lowest level begins"),
        (OWN, LINES.replace("points = 2", 'points = "2"'), "paper.toml:12 line.1.points: should be a whole number"),
        (OWN, LINES.replace("descriptor", "text", 1), "paper.toml:6 line.0.levels.0.text: unknown key"),
        (OWN, "line = 1\n[[", "paper.toml: is not TOML"),
        (OWN, "line = []\n", "paper.toml:1 line: holds no line; add a table [[line]]"),
        ('points = 10\nrubric = "../paper.toml"\n', LINES, "assignment.toml:6 criterion.0: rubric = "),
    ],
)  # fmt: skip
def test_a_wrong_rubric_is_named_with_file_line_and_cure(problems, end, rubric, words):
    listed = problems(end, rubric)
    assert any(words in problem for problem in listed), listed


def test_all_problems_of_a_rubric_are_named_at_once(problems):
    wrong = LINES.replace("[5, 8]", "[5, 7]").replace('"writing"', '"method"')
    assert len(problems(OWN, wrong)) == 2
