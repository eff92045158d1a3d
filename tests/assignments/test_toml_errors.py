"""Every problem of a TOML file is reported at once, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import NaiveDatetime

from assignments.assignment import Assignment
from assignments.frozen import Frozen
from assignments.toml_errors import TomlErrors, check_toml, read_toml
from assignments.toml_lines import lines_of


class Room(Frozen):
    seats: int
    opens: NaiveDatetime | None = None


class House(Frozen):
    name: str
    rooms: dict[str, Room]
    path: Path | None = None


ASSIGNMENT = """\
id = "prostate_unet"
title = "Prostate"
task = "segmentation"
[data]
source = "prostate_mr"
train = "forty"
test = 15
[run]
mode = "weigths"
[[criterion]]
id = "tests"
kind = "hidden_tests"
points = 35
[[criterion]]
id = "accuracy"
kind = "accuracy"
pionts = 35
metric = "dice"
anchors = { trivial = 0.5, pass = 0.6, merit = 0.7,
            distinction = 0.65, reference = 0.8, ceiling = 0.9 }
[[criterion]]
id = "report"
kind = "persn"
points = 30
"""


def validate_toml(path, model, added=None):
    instance, problems = check_toml(read_toml(path), model, added)
    if instance is None:
        raise TomlErrors(problems)
    return instance


def write(folder: Path, text: str, name: str = "house.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_every_key_of_a_text_has_its_line() -> None:
    text = 'a = 1\n\n[b."c d"]  # [not.a.table]\ne = """\nx = 1\n"""\nf = [1,\n  {g = 2}]\n[[h]]\n[[h]]\ni.j = 3\n'
    lines = lines_of(text)
    assert lines[("a",)] == 1
    assert lines[("b", "c d")] == 3
    assert lines[("b", "c d", "e")] == 4
    assert lines[("b", "c d", "f")] == 7
    assert lines[("b", "c d", "f", 1, "g")] == 8
    assert (lines[("h", 0)], lines[("h", 1)]) == (9, 10)
    assert lines[("h", 1, "i", "j")] == 11
    assert ("x",) not in lines


def test_a_misspelt_key_a_wrong_type_and_a_wrong_word_are_reported_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, ASSIGNMENT.replace("0.7,\n", "0.7,"), "assignment.toml")
    with pytest.raises(TomlErrors) as caught:
        validate_toml(path, Assignment, {"folder": str(tmp_path)})
    problems = caught.value.problems
    texts = {(problem.line, problem.key): f"{problem.what}; {problem.cure}" for problem in problems}
    assert texts[(6, "data.train")] == 'should be a whole number without quotes, not "forty"; '
    assert texts[(9, "run.mode")] == '"weigths" is not one of its values; did you mean "weights"?'
    assert texts[(14, "criterion.1.points")] == "is missing; add points = ..."
    assert texts[(17, "criterion.1.pionts")] == 'unknown key; did you mean "points"?'
    assert (19, "criterion.1.anchors") in texts
    assert texts[(22, "criterion.2.kind")] == '"persn" is not one of its values; did you mean "person"?'


def test_a_key_below_a_table_of_free_names_is_compared_with_the_right_model(tmp_path: Path) -> None:
    path = write(tmp_path, 'name = "x"\n[rooms.name]\nseat = 3\n')
    with pytest.raises(TomlErrors, match=r'house.toml:3 rooms.name.seat: unknown key; did you mean "seats"'):
        validate_toml(path, House)


def test_values_of_toml_types_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, '\ufeffname = "x"\r\n[rooms.a]\r\nseats = 3\r\nopens = 2027-01-15T12:00:00\r\n')
    house = validate_toml(path, House, {"path": str(tmp_path)})
    assert house.rooms["a"].seats == 3
    assert str(house.rooms["a"].opens) == "2027-01-15 12:00:00"
    assert tmp_path == house.path


def test_a_number_in_quotes_and_a_time_with_an_offset_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, 'name = "x"\n[rooms.a]\nseats = "3"\nopens = 2027-01-15T12:00:00Z\n')
    with pytest.raises(TomlErrors) as caught:
        validate_toml(path, House)
    assert [problem.line for problem in caught.value.problems] == [3, 4]
    assert "local time without offset" in caught.value.problems[1].what


def test_the_file_may_not_set_a_value_that_the_program_sets(tmp_path: Path) -> None:
    path = write(tmp_path, 'name = "x"\npath = "/etc"\n')
    with pytest.raises(TomlErrors, match=r"house.toml:2 path: may not be set here"):
        validate_toml(path, House, {"path": str(tmp_path)})


@pytest.mark.parametrize(
    ("text", "line"), [("a = \n", 1), ("a = 1\nb = 'x\n", 2), ("a = 1\na = 2\n", 2), ("x = [1,\n", 2)]
)
def test_a_file_that_is_not_toml_names_the_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(TomlErrors, match="is not TOML") as caught:
        validate_toml(write(tmp_path, text), House)
    assert caught.value.problems[0].line in (line, None)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(TomlErrors, match="cannot be read: No such file"):
        validate_toml(tmp_path / "none.toml", House)
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"\n')
    with pytest.raises(TomlErrors, match="is not UTF-8"):
        validate_toml(tmp_path / "latin.toml", House)
