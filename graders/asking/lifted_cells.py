"""Runs test cells on the host: the instructor's text here, the student's objects behind the wall.

A cell is a module whose names persist over the cells of a notebook. A name that neither the instructor's cells nor
Python define is the student's: it is looked up inside, each time it is read.
"""

from __future__ import annotations

import ast
import contextlib
import io
import random
import sys
import types
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np

from graders.asking.lifting import Lifting, is_of_the_host
from graders.asking.remote import named
from graders.wall.notebook_worker import NotebookWorker, hides_its_value

VALUE = "_value_of_the_last_expression"
FILE = "<test cell>"
TEXT = 2000
"""Characters of a value's text."""


@dataclass(frozen=True)
class CellOnHost:
    """What became of a cell on the host."""

    error: str
    """Empty if it ran to its end."""
    value: str | None
    number: float | None
    wrote: bool
    """Whether the cell itself wrote to stderr."""


class _Names(dict[str, Any]):
    """Python's own names, and behind them the student's."""

    def __init__(self, look: Callable[[str], Any]) -> None:
        super().__init__(vars(sys.modules["builtins"]))
        self._look = look

    def __missing__(self, name: str) -> Any:
        return self._look(name)


class _CellLoader(InspectLoader):
    """Runs the tree of one cell in a module, as importlib runs an author's file."""

    def __init__(self, tree: ast.Module, source: str) -> None:
        self._tree = tree
        self._source = source

    def get_source(self, fullname: str) -> str:
        return self._source

    def get_code(self, fullname: str) -> types.CodeType:
        return self.source_to_code(self._tree, FILE)


@dataclass
class HostCells:
    """The instructor's names on the host, for one student's notebook."""

    worker: NotebookWorker
    module: types.ModuleType = field(default_factory=lambda: types.ModuleType("__main__"))
    lasting: set[str] = field(default_factory=set)
    """Functions, classes and imports of the instructor's: no cell of a student's binds them anew."""
    _streams: _Streams = field(default_factory=lambda: _Streams())

    def __post_init__(self) -> None:
        self.module.__dict__["__builtins__"] = _Names(self._look)

    def _look(self, name: str) -> Any:
        return named(self.worker.ask("look", name), name)

    def repeat(self, statements: ast.Module) -> None:
        """Run imports, definitions, constants and seeds of a locked cell here too."""
        for node in statements.body:
            alone = ast.Module([node], [])
            with contextlib.suppress(Exception), _quiet():
                self._execute(alone, "")
                self.lasting |= {name for name in _bound_by(node) if name in self.module.__dict__}

    def import_as(self, module: str, name: str) -> None:
        """Bind a module's name that only a student's cell imports, and a test cell reads."""
        if name not in self.module.__dict__ and is_of_the_host(module):
            statement = ast.Import([ast.alias(module, None if name == module.split(".")[0] else name)])
            self.repeat(ast.fix_missing_locations(ast.Module([statement], [])))

    def forget(self, names: Collection[str]) -> None:
        """A cell that ran inside has bound these variables: from now on they are looked up there."""
        for name in set(names) - self.lasting - {"__builtins__"}:
            self.module.__dict__.pop(name, None)

    def run(self, cell: Lifting, source: str) -> CellOnHost:
        """Run a test cell.

        Raises:
            CannotCross: it hands something to the student's code that cannot go inside.
        """
        assert cell.tree is not None
        tree = _with_value(cell.tree)
        self.module.__dict__.pop(VALUE, None)
        error = ""
        self.worker.has_answered = False
        self.worker.streams = self._streams.moved if cell.draws else None
        with _quiet() as stderr:
            try:
                self._execute(tree, source)
            except (Exception, SystemExit, KeyboardInterrupt) as raised:  # noqa: BLE001 - of any kind: the cell failed
                error = _described(raised)
            value = None if error else self.module.__dict__.pop(VALUE, None)
            text, number = (None, None) if value is None or hides_its_value(source) else (_text(value), _number(value))
        self.lasting |= cell.defines & set(self.module.__dict__)
        return CellOnHost(error, text, number, bool(stderr.getvalue()))

    def _execute(self, tree: ast.Module, source: str) -> None:
        loader = _CellLoader(tree, source)
        self.module.__spec__ = ModuleSpec("__main__", loader)
        loader.exec_module(self.module)


def _bound_by(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)


def _with_value(tree: ast.Module) -> ast.Module:
    """The same cell, which keeps the value of its last expression."""
    if not tree.body or not isinstance(tree.body[-1], ast.Expr):
        return tree
    last = tree.body[-1]
    keeps = ast.Assign([ast.Name(VALUE, ast.Store())], last.value)
    return ast.fix_missing_locations(ast.Module([*tree.body[:-1], ast.copy_location(keeps, last)], []))


@contextlib.contextmanager
def _quiet() -> Iterator[io.StringIO]:
    """Take what the cell prints: its stdout is dropped, and its stderr is looked at."""
    stderr = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(stderr):
        yield stderr


def _described(raised: BaseException) -> str:
    line, trace = 0, raised.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    try:
        message = str(raised)
    except Exception:  # noqa: BLE001 - the message may ask an object that is gone
        message = ""
    at = f" (line {line} of the test)" if line else ""
    return f"{type(raised).__name__}: {message[:600]}".removesuffix(": ") + at


def _text(value: object) -> str:
    try:
        return repr(value)[:TEXT]
    except Exception as error:  # noqa: BLE001 - a class of the test's own may have a faulty __repr__
        return f"<no text: {type(error).__name__}>"


def _number(value: object) -> float | None:
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):
            return float(value)
    return None


class _Streams:
    """The host's global streams of random numbers, which a student's function continues where a test has seeded them.

    They go inside, and never back: a student who chose them would choose what a test draws.
    """

    def __init__(self) -> None:
        self._before = _states()

    def moved(self) -> tuple[Any, ...] | None:
        """The states of NumPy's and Python's, as nodes, if they have changed since the last time."""
        now = _states()
        if now == self._before:
            return None
        self._before = now
        kind, keys, *rest = np.random.get_state(legacy=True)
        version, state, gauss = random.getstate()
        numpys = [kind, ("array", np.array(keys)), *(int(part) for part in rest[:-1]), float(rest[-1])]
        return numpys, [version, ("integers", np.array(state, np.int64)), gauss]


def _states() -> tuple[Any, ...]:
    kind, keys, *rest = np.random.get_state(legacy=True)
    return kind, np.asarray(keys).tobytes(), *rest, random.getstate()
