"""Checks the value that a person wrote for a decision and puts it into its recorded form; one function a kind.

Each raises ValueError with the reason if the value cannot be recorded.
"""

from __future__ import annotations

from collections.abc import Sequence

from assignments.assignment import Assignment, Person
from assignments.errors import closest, nearest
from assignments.load import hidden_tests
from graders.course.course import Course
from graders.intake.counting import extension_problem
from graders.record.decisions import PASS_MARK, agreed_value, line_of, line_value
from graders.record.in_force import parts_of
from graders.record.scales import decimal_of, scale_of


def extension(text: str, course: Course, assignment_id: str) -> str:
    """A later due time."""
    if problem := extension_problem(text, course, assignment_id):
        raise ValueError(problem)
    return text


def agreed_mark(text: str, assignment: Assignment) -> str:
    """Points of a criterion that a person marks, or the whole mark."""
    id, is_one, points = text.partition("=")
    if not is_one:
        return percent(text)
    parts = parts_of(assignment)
    if id.strip() not in parts:
        raise ValueError(f'no criterion that a person marks is called "{id.strip()}"; {nearest(id, parts)}')
    number = decimal_of(points)
    if number is None or not 0 <= number <= parts[id.strip()]:
        raise ValueError(f'{id.strip()}: "{points}" is not a number from 0 to {parts[id.strip()]}')
    return agreed_value(id.strip(), number)


def line_mark(text: str, assignment: Assignment) -> str:
    """A marker's points for a line of a rubric, or a comment on the whole part, which has no points."""
    role, id, line_id, points = line_of(text)
    rubrics = {item.id: item for item in assignment.criteria if isinstance(item, Person) and item.lines}
    if id not in rubrics:
        raise ValueError(f'no criterion with a rubric is called "{id}"; {nearest(id, rubrics)}'.rstrip("; "))
    if not line_id:
        return line_value(role, id)
    line = rubrics[id].line(line_id)
    if line is None:
        raise ValueError(f'{id} has no line "{line_id}"; {nearest(line_id, [each.id for each in rubrics[id].lines])}')
    number = decimal_of(points)
    problem = f'"{points}" is not a number' if number is None else line.points_problem(number)
    if number is None or problem:
        raise ValueError(f"{id}/{line_id}: {problem}")
    return line_value(role, id, line_id, number)


def percent(text: str) -> str:
    """A mark in per cent."""
    number = decimal_of(text.removesuffix("%"))
    if number is None or not 0 <= number <= 100:
        raise ValueError(f'"{text}" is not a mark in per cent from 0 to 100')
    return str(number)


def factor(text: str) -> str:
    """A share of a group's mark."""
    number = decimal_of(text)
    if number is None or number < 0:
        raise ValueError(f'"{text}" is not a factor of 0 or more, as 1.13')
    return str(number)


def cap(text: str) -> str:
    """The largest mark allowed."""
    try:
        return text if text == PASS_MARK else percent(text)
    except ValueError as error:
        raise ValueError(f"{error}, nor {PASS_MARK}") from None


def code(text: str) -> str:
    """Nothing: the kind says everything."""
    if text:
        raise ValueError(f'this kind takes no VALUE, but got "{text}": say whom it is about with --for')
    return text


def void_test(text: str, assignment: Assignment) -> str:
    """The id of the one hidden test that is meant."""
    ids = [test.id for test in hidden_tests(assignment)]
    fits = [id for id in ids if id in (text, text.partition("/")[2]) or id.endswith(f"::{text}")]
    if len(fits) != 1:
        raise ValueError(f'no hidden test is called "{text}"; {_nearest_test(text, ids)}')
    return fits[0]


def void_case(text: str, cases: Sequence[str]) -> str:
    """The id of a hidden case."""
    if text not in cases:
        raise ValueError(f'no hidden case is called "{text}"; {nearest(text, cases)}')
    return text


def moderation(text: str) -> str:
    """A map of all marks."""
    scale_of(text)
    return " ".join(text.split())


def dispute(text: str) -> str:
    """The objection to a mark."""
    if not text:
        raise ValueError("say what is disputed, as VALUE")
    return " ".join(text.split())


def _nearest_test(value: str, ids: Sequence[str]) -> str:
    """A hint at the nearest test by its own name, without its file's."""
    ends = {id.rpartition("::")[2]: id for id in ids}
    close = closest(value.rpartition("::")[2], ends)
    return f'did you mean "{ends[close]}"?' if close else nearest(value, ids)
