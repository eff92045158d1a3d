"""Reads the rubrics that `person` criteria name: one that medmark ships, or a TOML file of the assignment's folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from assignments.assignment import Assignment, Person
from assignments.errors import Problem, nearest, shell_word
from assignments.rubric import RubricFile, RubricLine, rubric_problems
from assignments.toml_errors import Document, TomlErrors, check_toml, read_toml

RUBRICS: Final = Path(__file__).parent / "rubrics"


def rubrics() -> tuple[str, ...]:
    """Names of the rubrics that medmark ships."""
    return tuple(sorted(path.stem for path in RUBRICS.glob("*.toml")))


def rubric_path(name: str, folder: Path) -> Path:
    """The file of a rubric: a name ending in .toml is in the assignment's folder."""
    return folder / name if name.endswith(".toml") else RUBRICS / f"{name}.toml"


def own_rubrics(assignment: Assignment) -> tuple[Path, ...]:
    """The files of the assignment's folder that hold its rubrics."""
    names = [item.rubric for item in assignment.criteria if isinstance(item, Person) and item.rubric]
    return tuple(dict.fromkeys(assignment.folder / name for name in names if name.endswith(".toml")))


def with_rubrics(assignment: Assignment, document: Document) -> tuple[Assignment, list[Problem]]:
    """The assignment with the lines of every rubric that it names, and all problems of the rubrics.

    Args:
        document: assignment.toml, for the lines of its problems.
    """
    problems: list[Problem] = []
    criteria = []
    for index, criterion in enumerate(assignment.criteria):
        if isinstance(criterion, Person):
            lines, wrong = _lines(criterion, ("criterion", index), document, assignment.folder)
            problems += wrong
            criterion = criterion.model_copy(update={"lines": lines})
        criteria.append(criterion)
    return assignment.model_copy(update={"criteria": tuple(criteria)}), problems


def _lines(
    criterion: Person, table: tuple[str, int], document: Document, folder: Path
) -> tuple[tuple[RubricLine, ...], list[Problem]]:
    lines, source = criterion.lines, document
    at: tuple[str | int, ...] = (*table, "line")
    where = at
    if criterion.rubric is not None:
        at = (*table, "rubric")
        if lines:
            return (), [document.problem(at, "there are lines below too", "keep the rubric or the lines")]
        path = rubric_path(criterion.rubric, folder)
        if not path.is_file():
            return (), [document.problem(at, *_missing(criterion.rubric, path))]
        try:
            source = read_toml(path)
        except TomlErrors as error:
            return (), list(error.problems)
        rubric, problems = check_toml(source, RubricFile)
        if rubric is None:
            return (), problems
        lines, where = rubric.lines, ("line",)
        if not lines:
            return (), [source.problem(where, "holds no line", "add a table [[line]] for each thing that is judged")]
    problems = [source.problem((*where, number, key), what, cure) for number, key, what, cure in rubric_problems(lines)]
    total = sum(line.points for line in lines)
    if lines and not problems and total != criterion.points:
        what = f"the lines add up to {total} points, and {criterion.id} has {criterion.points}"
        problems.append(document.problem(at, what, _other_points(criterion, total, folder)))
    return lines, problems


def _missing(name: str, path: Path) -> tuple[str, str]:
    if name.endswith(".toml"):
        return f"there is no {name} in the assignment's folder", f"add {path}"
    hint = nearest(name, rubrics())
    return f'medmark ships no rubric "{name}"', f'{hint} Or name a file of this folder: rubric = "{name}.toml"'


def _other_points(criterion: Person, total: int, folder: Path) -> str:
    cure = f"write points = {total}"
    if criterion.rubric is None or criterion.rubric.endswith(".toml"):
        return f"{cure}, or change the lines"
    own = f"{criterion.rubric}.toml"
    copied = f"cp {shell_word(RUBRICS / own)} {shell_word(folder / own)}"
    return f'{cure}; or change the points in a copy ({copied}) and write rubric = "{own}"'


def rubric_text(lines: tuple[RubricLine, ...]) -> Iterator[str]:
    """A rubric in Markdown, for students: each line with its question and its levels."""
    for line in lines:
        yield f"  - {line.title}, {line.points} marks" + (f": {line.question}" if line.question else "")
        for level in line.levels:
            yield f"    - {level.title} ({level.range_text}): {level.descriptor}"
