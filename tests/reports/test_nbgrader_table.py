"""The table of an assignment of nbgrader's: sums, what differs, what waits for a person, and lists that end early."""

from __future__ import annotations

from pathlib import Path

from graders.intake.nbgrader_course import NbgraderCourse
from graders.intake.nbgrader_settings import NbgraderSettings
from graders.record.notebook_course import CellPoints
from graders.runs.nbgrader_marking import MarkedNotebooks
from graders.runs.nbgrader_writing import WrittenPoints
from reports.nbgrader_table import LISTED, notebooks_as_json, student_points, table_lines, written_lines

COURSE = NbgraderCourse(Path("course"), "ps1", NbgraderSettings(), None, (), {})


def points(student: str, nbgrader: float | None, medmark: float | None, where: str = "host", **more: str) -> CellPoints:
    return CellPoints(student, "work", "whole", 2.0, nbgrader, medmark, where, **more)


def table(*cells: CellPoints, whole: bool = False) -> list[str]:
    return list(table_lines(MarkedNotebooks(COURSE, cells), whole=whole))


def test_a_sum_counts_what_is_there_and_says_how_much_is_open():
    (ada,) = student_points([points("ada", 2.0, 1.5), points("ada", None, None, "person"), points("ada", 2.0, None)])
    assert (ada.nbgrader, ada.medmark, ada.of, ada.open_cells) == (4.0, 1.5, 6.0, 2)


def test_a_row_fits_80_columns_whatever_a_student_is_called():
    rows = table(points("x" * 200, 2.0, 2.0), points("双" * 100, 2.0, None), points("a\x1b[31m\u202eb", 2.0, 2.0))
    assert max(map(len, rows[1:5])) <= 80
    assert "\x1b" not in rows[4]
    assert "\u202e" not in rows[4]


def test_equal_points_are_said_to_be_equal():
    assert "nbgrader would give the same points in every cell." in table(points("ada", 2.0, 2.0))


def test_a_cell_that_differs_is_listed_with_both_points_and_the_reason():
    lines = table(points("ada", None, 0.0, reason="nbgrader stops here", message="not JSON"), points("bob", 1.0, 1.0))
    assert "1 cell of 2 would have other points with nbgrader:" in lines
    assert "  ada, work, whole: nbgrader —, medmark 0 of 2: nbgrader stops here (not JSON)" in lines


def test_a_long_list_ends_early_and_names_the_option():
    cells = [points(f"s{number}", 2.0, 0.0, reason="why") for number in range(LISTED + 3)]
    assert "  and 3 more: --all lists them" in table(*cells)
    whole = table(*cells, whole=True)
    assert not any("--all" in line for line in whole)
    assert sum("why" in line for line in whole) == LISTED + 3


def test_tests_are_counted_by_where_they_were_judged():
    both = table(points("a", 2.0, 2.0), points("b", 2.0, 2.0, "inside"), points("c", None, None, "person"))
    assert "1 of 2 tests were judged outside the sandbox, 1 beside the student's code." in both
    assert "  work, whole: 1" in both
    assert not any("judged" in line for line in table(points("c", None, None, "person")))


def test_what_is_withheld_is_counted_apart_and_waits_for_nobody():
    lines = table(points("a", None, None, "none", reason="Docker ended"), points("b", 2.0, 2.0))
    assert "1 cell of 1 notebook withheld, the student is not to blame:" in lines
    assert "  a, work: Docker ended" in lines
    assert "nbgrader would give the same points in every cell." in lines
    assert not any("for a person:" in line for line in lines)


def test_what_is_an_error_in_nbgrader_and_for_a_person_here_is_listed_with_its_reason():
    assert "  a, work, whole: nbgrader —, medmark — of 2: too many points" in table(
        points("a", None, None, reason="too many points")
    )


def test_the_json_has_no_value_that_json_lacks():
    document = notebooks_as_json(MarkedNotebooks(COURSE, (points("ada", None, 1.0),), (("ada", "work", "note"),), 1.5))
    assert document["cells"][0]["nbgrader"] is None
    assert document["problems"] == [{"student": "ada", "notebook": "work", "text": "note"}]
    assert document["cpu_s"] == 1.5


def test_what_was_written_names_the_copy_and_the_next_command():
    lines = list(written_lines(WrittenPoints(Path("g.db"), Path("g.before.db"), 3, 1, ("ada: look",))))
    assert lines == [
        "3 cells written to g.db; as it was before: g.before.db",
        "  ada: look",
        "1 notebook written for formgrader. Next: nbgrader generate_feedback",
    ]
