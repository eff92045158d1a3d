"""The result of each group of the demonstration course, in a few lines a group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assignments.assignment import Assignment
from graders.demo import Demo
from graders.marks.diagnosis import known_mistakes
from graders.marks.mark import Mark, Status, Verdict
from reports.next_step import next_step


def group_outcomes(demo: Demo, assignment: Assignment, marks: Sequence[Mark]) -> Iterator[str]:
    """A few lines a group: its submission, its mark, and the next step that its page tells it."""
    mistakes = known_mistakes(assignment)
    by_group = {mark.group: mark for mark in marks}
    for group in demo.groups:
        mark = by_group[group.name]
        step = next_step(mark, assignment, mistakes)
        yield f"{group.name}: {group.what}"
        yield f"    {_outcome(mark)}"
        yield f"    Next step: {step.line}"
        yield from (f"      {todo.advice}" for todo in step.todo if todo.advice)


def _outcome(mark: Mark) -> str:
    tests = [finding for finding in mark.findings if finding.kind == "hidden_test"]
    passed = sum(finding.verdict is Verdict.PASSED for finding in tests)
    if mark.status is Status.WITHHELD:
        return "withheld: a toolkit failure"
    possible = sum(finding.out_of for finding in mark.findings if finding.points is not None)
    return f"{mark.points} of {possible} points so far; {passed} of {len(tests)} hidden tests passed"
