"""The student's check: which assignment and solution are meant, and the public tests, run as hidden ones are.

It reads nothing hidden: inputs come from the published secret. It needs no course.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assignments.assignment import Assignment, Framework
from assignments.data.streams import PUBLISHED
from assignments.errors import UserError, shell_word
from assignments.folders import CATALOGUE, catalogue, find
from assignments.interface import Interface
from assignments.load import load, public_tests
from assignments.this_user import expand_home
from graders.asking.check import CodeTests, run_tests
from graders.asking.journal import QuestionId, Silent
from graders.intake.imports import runtime_in_handout
from graders.intake.likeness import left_for_a_notebook
from graders.intake.source import SOLUTION, solution_file
from graders.intake.static_checks import files_below, missing_solution, static_checks
from graders.intake.submission import STARTER_BESIDE_NOTEBOOK, find_solution
from graders.marks.public_results import PublicTestResult
from graders.wall.session import Session


@dataclass(frozen=True)
class FoundAssignment:
    """The assignment that a person means, and the folder in which its solution is looked for."""

    assignment: Assignment
    folder: Path


def assignment_here(folder: Path, named: str | None, *, trusted: bool) -> FoundAssignment:
    """The assignment that a person means: by id or folder, else the one whose folder or handout lies here.

    "Here" is the folder or one around it, up to the root of its repository. The assignment's code (interface, public
    tests, doubles, metrics) runs on this machine. If the folder under check is not `trusted`, code is never taken from
    there just because it lies there: only from the catalogue, or from a folder that was named by its path.

    Raises:
        UserError: it is not clear which assignment is meant; the text says what to type.
    """
    around = _within_repository(folder)
    if named is not None:
        at = (base for base in around if (base / named / "assignment.toml").is_file())
        base = next(at, folder) if trusted else folder
        home = find(named, base) if trusted else _named_by_the_person(named, folder)
        return FoundAssignment(load(home, public=True), base)
    for base in around:
        if trusted and (base / "assignment.toml").is_file():
            return FoundAssignment(load(base, public=True), base)
        if here := _ids_in(base, trusted=trusted):
            if len(here) > 1:
                raise _unclear(base, f"several lie here: {', '.join(here)}")
            return FoundAssignment(load(find(here[0], base) if trusted else CATALOGUE / here[0], public=True), base)
    raise _unclear(folder, "none of their folders lies here")


def _within_repository(folder: Path) -> tuple[Path, ...]:
    """The folder, and those around it up to the root of its repository; outside a repository the folder alone."""
    for number, base in enumerate((folder, *folder.parents)):
        if (base / ".git").exists():
            return (folder, *folder.parents)[: number + 1]
    return (folder,)


def _ids_in(folder: Path, *, trusted: bool) -> list[str]:
    """Ids of the assignments whose folders lie in a folder, or whose folder it is."""
    here = [id for id in catalogue() if solution_file(folder / id).is_file() or folder.name == id]
    below = [path for path in sorted(folder.glob("*")) if path.is_dir()]
    if trusted:
        here += [path.name for path in below if (path / "assignment.toml").is_file() and path.name not in here]
    # Else a folder whose name differs in case only: the next check says what is wrong with it.
    return here or [id for id in catalogue() if any(path.name.casefold() == id for path in below)]


def _unclear(folder: Path, situation: str) -> UserError:
    ids = ", ".join(catalogue())
    return UserError(f"{folder}: which assignment? {situation}. Name it: medmark check ID, with an ID of {ids}")


def _named_by_the_person(named: str, folder: Path) -> Path:
    """The folder of the catalogue's id, or of a path as it was typed: one with a separator in it."""
    named = named.rstrip(os.sep) or named  # a shell appends it to the name of a folder that lies here
    if os.sep in named or named in (os.curdir, os.pardir, "~"):
        return expand_home(named).resolve()
    if named in catalogue():
        return CATALOGUE / named
    own = next((here for here in (folder / named, Path(named)) if (here / "assignment.toml").is_file()), None)
    if own is None:
        return find(named, CATALOGUE)  # says which id is near
    typed = os.path.join(own if own.is_absolute() else Path(os.curdir) / own, "")
    raise UserError(
        f'"{named}" is not in the catalogue, and medmark does not run code just because it lies in a folder. '
        f"If you trust the files in {own}, name its path: medmark check {shell_word(typed)} "
        f"--folder {shell_word(folder)} --sandbox docker"
    )


@dataclass(frozen=True)
class CheckedSolution:
    """A solution that names its framework, as its files were read before anything of it ran."""

    folder: Path
    """Holds solution.py."""
    framework: Framework
    problems: tuple[str, ...] = ()
    """Each with its cure."""
    notes: tuple[str, ...] = ()
    """What need not be cured, such as magics of a notebook that are left out."""


def checked_solution(assignment: Assignment, folder: Path) -> CheckedSolution:
    """The solution in a folder, or below it.

    Raises:
        UserError: there is no solution, or it names no framework that the assignment takes.
    """
    solution = find_solution(folder, assignment.id)
    if solution is None:
        problem = missing_solution(files_below(folder), assignment.id, "this folder")
        raise UserError(f"{folder}: {problem}. Begin with the handout's starter.")
    if left_for_a_notebook(solution, assignment):
        raise UserError(f"{solution / SOLUTION}: {STARTER_BESIDE_NOTEBOOK}")
    checks = static_checks(solution, assignment, runtime_in_handout(assignment))
    if checks.framework is None:
        raise UserError("\n".join(f"{solution_file(solution)}: {problem}" for problem in checks.problems))
    return CheckedSolution(solution, checks.framework, checks.problems, checks.notes)


def run_public_tests(
    session: Session, assignment: Assignment, interface: Interface, on_progress: Callable[[str], None] = lambda _: None
) -> tuple[PublicTestResult, ...]:
    """Run the public tests of an assignment on the solution behind a session.

    Raises:
        ToolkitFailure: a test could not be run.
    """

    class Progress(Silent):
        def begins(self, question: QuestionId, cpu_s: float) -> None:
            on_progress(question.name)

    tests = public_tests(assignment)
    code_tests = CodeTests.of(assignment, interface, PUBLISHED, "public_tests")
    results = run_tests(session, code_tests, [test.id for test in tests], Progress())
    return tuple(PublicTestResult(test, results[test.id]) for test in tests)
