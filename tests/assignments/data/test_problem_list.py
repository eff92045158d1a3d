"""The list of what is wrong with a folder: short where many files are wrong alike, and every file is named."""

from pathlib import Path

from assignments.data.problem_list import problem_lines, within
from assignments.errors import Problem


def label_problem(number, what="holds 0, 3; the classes are 0 to 1"):
    return Problem(f"seg{number}.nii.gz", f"P{number}", None, what, "correct the label")


def test_a_few_problems_are_written_out():
    problems = [label_problem(number) for number in range(5)]
    assert list(problem_lines(problems)) == [
        f"seg{number}.nii.gz P{number}: holds 0, 3; the classes are 0 to 1; correct the label" for number in range(5)
    ]


def test_of_300_alike_three_are_written_out_and_the_next_hundred_named():
    lines = list(problem_lines([label_problem(number) for number in range(300)]))
    assert len(lines) < 30
    assert lines[2] == "seg2.nii.gz P2: holds 0, 3; the classes are 0 to 1; correct the label"
    text = " ".join(" ".join(lines[3:]).split())
    assert text.startswith("and 297 more like these: seg3.nii.gz P3, seg4.nii.gz P4, ")
    assert text.endswith(", seg102.nii.gz P102, and 197 more")


def test_problems_that_differ_in_names_and_numbers_only_are_alike():
    missing = [
        Problem("cases.csv", "image", line, f"im{line}.nii.gz is missing", "copy it there, or delete the row")
        for line in range(2, 52)
    ]
    lines = list(problem_lines(missing))
    assert lines[0] == "cases.csv:2 image: im2.nii.gz is missing; copy it there, or delete the row"
    assert lines[3].startswith("and 47 more like these: cases.csv:5 image, cases.csv:6 image")


def test_another_problem_among_many_alike_is_never_lost():
    problems = [label_problem(number) for number in range(40)]
    problems.insert(20, label_problem(99, "is in colours"))
    assert "seg99.nii.gz P99: is in colours; correct the label" in problem_lines(problems)


def test_a_file_in_the_folder_is_named_from_there():
    problem = Problem("/data/liver/ct/P1.nii.gz", "P1", None, "is empty", "")
    assert within(Path("/data/liver"), problem).file == "ct/P1.nii.gz"
    assert within(Path("/data/skin"), problem) == problem
    assert within(Path("/data/liver"), Problem("/data/liver", "P1", None, "has no label", "")).file == "liver"
