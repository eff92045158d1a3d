"""Runs one student's notebook: the student's cells behind the wall, and test cells on the host where their text allows.

nbgrader runs all cells in one kernel, in their order, and goes on after an exception. So does this: an exception ends a
cell, and what ends the worker ends the notebook.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from assignments.assignment import Limits
from assignments.notebook import cell_tree, plain_python
from graders.asking.journal import Journal, QuestionId
from graders.asking.lifted_cells import HostCells
from graders.asking.lifting import Lifting, Teaching, bound, is_of_the_host, lifting, read, repeated_statements, taught
from graders.asking.remote import Remote, number_of, remote
from graders.failures import SubmissionFailure, ToolkitFailure
from graders.record.notebook_course import HandedNotebook, NotebookResult, RunCell, TestCellResult
from graders.wall.notebook_values import CannotCross
from graders.wall.notebook_worker import NotebookWorker
from graders.wall.session import Session

CELL_CPU_S = 30.0
"""CPU seconds of a cell, as many as nbgrader allows by the clock."""
HOST_CPU_S = 30.0
"""CPU seconds that a test cell may cost the host."""
OPENING = 4
"""Times as much for what is read before a notebook runs."""
BESIDE = "run beside the student's code: "


@dataclass
class NotebookRules:
    """What holds for all notebooks of a course, and what earlier ones have shown."""

    limits: Limits
    cell_cpu_s: float = CELL_CPU_S
    host_cpu_s: float = HOST_CPU_S
    why_inside: dict[tuple[str, str], str] = field(default_factory=dict)
    """By notebook and grade id: test cells that gave a student's code something that cannot go inside."""


@dataclass(frozen=True)
class _Planned:
    """A cell, and how it runs."""

    cell: RunCell
    source: str
    """Without magics."""
    tree: ast.Module
    reads: frozenset[str]
    binds: frozenset[str]
    lifting: Lifting | None = None
    """Of a test cell."""
    why_inside: str = ""
    repeats: ast.Module | None = None
    """Of a locked cell: what runs on the host too."""


def run_notebook(
    session: Session,
    handed: HandedNotebook,
    rules: NotebookRules,
    journal: Journal,
    costly: Mapping[str, str],
) -> NotebookResult:
    """Run all cells of a notebook in a worker of its own.

    Args:
        costly: Why test cells are not judged again: by grade id, those that cost the host too much.
    """
    cpu_s = 0.0
    while True:
        run = _Run(session, handed, rules, journal, costly, _planned(handed, rules))
        try:
            run.all_cells()
        except _Again as again:
            rules.why_inside[handed.notebook, again.grade_id] = again.why
            continue
        finally:
            cpu_s += run.close()
        return NotebookResult(handed.student, handed.notebook, tuple(run.results), tuple(run.problems), cpu_s)


class _Again(Exception):
    """A test cell cannot run on the host after all: the notebook begins again, with that cell inside."""

    def __init__(self, grade_id: str, why: str) -> None:
        super().__init__(why)
        self.grade_id = grade_id
        self.why = why


def _planned(handed: HandedNotebook, rules: NotebookRules) -> list[_Planned]:
    """How each cell runs."""
    teaching = Teaching()
    for cell in handed.cells:
        if cell.locked and not cell.test:
            teaching = taught(teaching, cell.source)
    planned = [_plan(cell, handed.notebook, teaching, rules) for cell in handed.cells]
    return _with_what_inside_reads(planned)


def _plan(cell: RunCell, notebook: str, teaching: Teaching, rules: NotebookRules) -> _Planned:
    parsed = _parsed(cell.source)
    if cell.test:
        lifted = lifting(cell.source, teaching)
        why = lifted.why_inside or rules.why_inside.get((notebook, cell.test), "")
        return _Planned(cell, *parsed, lifted, why)
    return _Planned(cell, *parsed, repeats=repeated_statements(cell.source, teaching) if cell.locked else None)


@lru_cache(maxsize=256)
def _parsed(source: str) -> tuple[str, ast.Module, frozenset[str], frozenset[str]]:
    """A cell without magics, its tree, and the names of the notebook that it reads and binds.

    Most cells of a course are the instructor's, the same in every notebook.
    """
    plain = plain_python(source).text
    tree = cell_tree(source) or ast.Module([], [])  # a cell that is not Python fails where it runs
    return plain, tree, frozenset(read(tree)), frozenset(bound(tree))


def _with_what_inside_reads(planned: list[_Planned]) -> list[_Planned]:
    """A test cell runs inside too if one that does reads a variable or a function of it."""
    needed: dict[str, str] = {}
    after: list[_Planned] = []
    for each in reversed(planned):
        if each.lifting is not None and not each.why_inside:
            own = each.binds - set(_imported_names(each.tree))
            if reader := next((needed[name] for name in sorted(own) if name in needed), ""):
                each = replace(each, why_inside=f"{reader}, which runs there, reads it")
        if each.lifting is not None and each.why_inside:
            needed |= dict.fromkeys(each.reads - each.binds, each.cell.test)
        after.append(each)
    return after[::-1]


@dataclass
class _Run:
    """One run of a notebook."""

    session: Session
    handed: HandedNotebook
    rules: NotebookRules
    journal: Journal
    costly: Mapping[str, str]
    planned: list[_Planned]
    results: list[TestCellResult] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    remotes: dict[int, Remote] = field(default_factory=dict)

    def __post_init__(self) -> None:
        limits = self.rules.limits
        self.worker = NotebookWorker(self.session, limits.cpu_s, self.rules.cell_cpu_s, self._wrap, number_of)
        self.host = HostCells(self.worker)

    def _wrap(self, number: int, kind: str, is_callable: bool) -> Remote:
        """The stand-in of an object inside: always the same of the same object."""
        return self.remotes.setdefault(number, remote(self.worker, number, kind, is_callable))

    def close(self) -> float:
        """End the worker; the CPU seconds that it used."""
        try:
            return self.worker.close()
        except (SubmissionFailure, ToolkitFailure):
            return 0.0

    def all_cells(self) -> None:
        """Run every cell, and judge each test cell."""
        self.journal.begins(QuestionId("all"), OPENING * self.rules.host_cpu_s)
        try:
            self.worker.open(self.handed.files)
        except (SubmissionFailure, ToolkitFailure) as failure:
            self.worker.over = failure
        self._import_for_tests()
        for each in self.planned:
            if each.lifting is None:
                self._run_inside(each)
            else:
                self.results.append(self._judged(each, each.lifting))
        self.problems += _lost_names(self.planned)

    def _import_for_tests(self) -> None:
        """Modules that only the student's cells import, and test cells read."""
        tests = {name for each in self.planned if each.lifting is not None for name in each.reads}
        for each in self.planned:
            if each.lifting is None and not each.cell.locked:
                for node in each.tree.body:
                    for alias in node.names if isinstance(node, ast.Import) else ():
                        name = alias.asname or alias.name.split(".")[0]
                        if name in tests and is_of_the_host(alias.name):
                            self.host.import_as(alias.name if alias.asname else name, name)

    def _run_inside(self, each: _Planned) -> None:
        """Run a student's cell, or a locked one."""
        if self.worker.over is not None:
            return
        try:
            error = self.worker.run(each.cell.number, each.source).error
        except (SubmissionFailure, ToolkitFailure) as failure:
            self.problems.append(f"{_title(each.cell)} ended the notebook: {_cause(failure)}")
            return
        if error is not None:
            self.problems.append(f"{_title(each.cell)}: {error}")
        self.host.forget(each.binds)
        if each.repeats is not None:
            self.host.repeat(each.repeats)

    def _judged(self, each: _Planned, lifted: Lifting) -> TestCellResult:
        cell = each.cell
        result = TestCellResult(cell.test, cell.points, "inside" if each.why_inside else "host")
        if cell.test in self.costly:
            return _failed(result, self.costly[cell.test])
        if self.worker.over is None:
            self.journal.begins(QuestionId("test", cell.test), self.rules.host_cpu_s)
            result = self._beside(each, result) if each.why_inside else self._lifted(each, lifted, result)
        if isinstance(self.worker.over, ToolkitFailure):
            return TestCellResult(cell.test, cell.points, "none", withheld=True, message=str(self.worker.over))
        return result if self.worker.over is None else _failed(result, _cause(self.worker.over))

    def _lifted(self, each: _Planned, lifted: Lifting, result: TestCellResult) -> TestCellResult:
        before = self.worker.written
        try:
            run = self.host.run(lifted, each.source)
        except CannotCross as error:
            raise _Again(each.cell.test, str(error)) from None
        wrote = run.wrote or self.worker.written > before
        self._repeat_imports(each)
        return TestCellResult(
            result.grade_id, result.max_points, "host", not run.error, run.value, run.number, wrote, message=run.error
        )

    def _repeat_imports(self, each: _Planned) -> None:
        """A student's later cell may rest on the imports of a test cell, which say nothing of what it tests."""
        imports = [node for node in each.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        if imports and self.worker.over is None:
            try:
                self.worker.run(each.cell.number, ast.unparse(ast.Module(list(imports), [])))
            except (SubmissionFailure, ToolkitFailure) as failure:
                self.worker.over = failure

    def _beside(self, each: _Planned, result: TestCellResult) -> TestCellResult:
        try:
            run = self.worker.run(each.cell.number, each.source)
        except (SubmissionFailure, ToolkitFailure) as failure:
            return _failed(result, _cause(failure))
        self.host.forget(each.binds)
        message = f"{run.error}; " if run.error is not None else ""
        message += BESIDE + each.why_inside
        return TestCellResult(
            result.grade_id,
            result.max_points,
            "inside",
            run.error is None,
            run.value,
            run.number,
            run.on_stderr,
            message=message,
        )


def _failed(result: TestCellResult, why: str) -> TestCellResult:
    return TestCellResult(result.grade_id, result.max_points, result.where, message=why)


def _cause(failure: SubmissionFailure | ToolkitFailure) -> str:
    """Why a worker no longer answers, in words."""
    if isinstance(failure, ToolkitFailure):
        return str(failure)
    return f"the notebook was ended ({failure.reason}: {failure.cause_text[:300]})"


def _title(cell: RunCell) -> str:
    return f"cell {cell.number}" if cell.number else "a cell that was brought back"


def _imported_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        for alias in node.names if isinstance(node, ast.Import | ast.ImportFrom) else ():
            yield alias.asname or alias.name.split(".")[0]


def _lost_names(planned: list[_Planned]) -> Iterator[str]:
    """Names that a student's cell reads and that only a test cell on the host defines: there it is not inside."""
    others = {name for each in planned if each.lifting is None or each.why_inside for name in each.binds}
    hosts: dict[str, str] = {}
    for each in planned:
        if each.lifting is not None and not each.why_inside:
            hosts |= dict.fromkeys(each.binds - others - set(_imported_names(each.tree)), each.cell.test)
        elif each.lifting is None:
            for name in sorted(each.reads & set(hosts)):
                yield f"{_title(each.cell)} reads {name}, which only the test cell {hosts[name]} defines, on the host"
