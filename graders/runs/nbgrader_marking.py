"""Marks an assignment of a course of nbgrader's behind the wall, and says where its points and nbgrader's differ.

Nothing in the course's folder is changed: `graders.runs.nbgrader_writing` writes points, if a person says so.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assignments.assignment import Framework, Limits
from assignments.errors import UserError
from assignments.notebook import OWN_IMPORTS
from graders.intake.listing import first_of
from graders.intake.nbgrader_course import NbgraderCourse, read_course
from graders.intake.notebook_imports import NotebookImports, notebook_imports
from graders.marks.nbgrader_points import points_of
from graders.record.notebook_course import CellPoints
from graders.runs.doctor import docker_trouble
from graders.runs.nbgrader_running import OnNotebook, run_notebooks
from graders.runs.slots import slots_for, this_machine
from graders.runs.trust import sandbox_named
from graders.wall.sandboxes.runtime_records import distribution_of, facts_of, form_for, how_to_build, listed
from graders.wall.sandboxes.sandbox import Sandbox

RISK: Final = (
    "nbgrader's own autograde runs students' code as you, in one process with the hidden tests and beside the "
    "gradebook: 12 of 14 attacks of medmark's suite succeed there"
)


@dataclass(frozen=True)
class PlannedNotebooks:
    """What will run, and where."""

    course: NbgraderCourse
    sandbox: Sandbox
    framework: Framework
    lacking: NotebookImports
    """Modules that the runtime does not have."""

    def lacking_lines(self) -> tuple[str, ...]:
        """Which modules are missing, in whose cells, and the line that adds all of them; empty if none is."""
        modules = [*self.lacking.instructor, *(name for name, _ in self.lacking.students)]
        if not modules:
            return ()
        own = [f"{name} (the instructor's cells)" for name in self.lacking.instructor]
        others = [f"{name} ({count} of the students' notebooks)" for name, count in self.lacking.students]
        cure = " ".join(["pip install", *map(distribution_of, modules)])
        if self.sandbox.isolates:
            form = form_for(self.sandbox.name)
            built = next((each for each in listed() if (each.framework, each.form) == (self.framework, form)), None)
            build = how_to_build(self.framework, built, form)
            cure = " ".join([build, *(f"--add {distribution_of(module)}" for module in modules)])
        return (f"the runtime lacks {first_of([*own, *others], 20)}. To add them: {cure}",)


@dataclass(frozen=True)
class MarkedNotebooks:
    """The points of every cell of an assignment, as nbgrader would give them and as medmark does."""

    course: NbgraderCourse
    points: tuple[CellPoints, ...]
    problems: tuple[tuple[str, str, str], ...] = ()
    """(student, notebook, sentence): of notebooks as a whole, those that cannot be read among them."""
    cpu_s: float = 0.0

    @property
    def withheld(self) -> tuple[CellPoints, ...]:
        """The cells that were judged nowhere, through no fault of the student."""
        return tuple(each for each in self.points if each.medmark is None and each.where == "none")


def planned_notebooks(
    folder: Path,
    assignment: str | None = None,
    *,
    sandbox: str | None = None,
    trust_submissions: bool = False,
    only: Sequence[str] = (),
) -> PlannedNotebooks:
    """Read a course of nbgrader's, and choose where its notebooks run.

    Raises:
        UserError: the folder is not such a course, no sandbox can be had, or the instructor's own cells import what the
            runtime lacks, so that every mark would be wrong.
    """
    course = read_course(folder, assignment, only)
    chosen = _sandbox(sandbox, trust_submissions)
    imports = notebook_imports(course.notebooks, course.handed)
    framework = imports.framework
    modules = {name.casefold() for name in facts_of(framework).modules}
    offered = (lambda name: name.casefold() in modules) if chosen.isolates else _is_installed
    planned = PlannedNotebooks(course, chosen, framework, imports.without(offered))
    if set(imports.instructor) & set(OWN_IMPORTS):
        raise UserError(
            f"the tests of {course.assignment} call medmark's own `check`, which is for students and is in no sandbox. "
            f"Mark these hand-ins by the hidden tests: name each STUDENT/solution.ipynb, then medmark collect "
            f"{course.assignment} --folder FOLDER -c COURSE"
        )
    if planned.lacking.instructor:
        raise UserError("\n".join(planned.lacking_lines()))
    return planned


def _sandbox(named: str | None, trust_submissions: bool) -> Sandbox:
    name = named or "docker"
    trouble = docker_trouble() if name == "docker" else None
    if trouble:
        raise UserError(
            f"{trouble}. Without Docker there is no wall but that of --sandbox bubblewrap or podman "
            f"(docs/sandboxes.md). {RISK}. If all this code is yours, or you take that risk: "
            "add --sandbox local --trust-submissions"
        )
    return sandbox_named(name, trust_submissions, f"{RISK}. ")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def marked_notebooks(
    planned: PlannedNotebooks,
    jobs: int | None = None,
    on_progress: OnNotebook = lambda done, of, text: None,
) -> MarkedNotebooks:
    """Run every notebook that can be read, and give each cell its points.

    Raises:
        ToolkitFailure: the sandbox cannot be opened.
    """
    course = planned.course
    readable = [each for each in course.handed if not each.problem]
    slots = slots_for(Limits(), this_machine(), jobs, planned.sandbox.isolates)
    ran = run_notebooks(readable, planned.sandbox, planned.framework, slots, on_progress)
    results = {(result.student, result.notebook): result for result in ran}
    teachers = {teacher.name: teacher for teacher in course.notebooks}
    points: list[CellPoints] = []
    problems: list[tuple[str, str, str]] = []
    for handed in course.handed:
        result_of = results.get((handed.student, handed.notebook))
        points += points_of(handed, teachers[handed.notebook], result_of)
        sentences = [handed.problem] if handed.problem else [*handed.notes, *(result_of.problems if result_of else ())]
        problems += [(handed.student, handed.notebook, sentence) for sentence in sentences]
    cpu_s = sum(result.cpu_s for result in results.values())
    return MarkedNotebooks(course, tuple(points), tuple(problems), cpu_s)
