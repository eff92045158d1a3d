"""Reads an assignment's tests from their source, without importing or running them, and checks the rules for them.

A test's id, points, docstring and source come from here, so that the denominator of a mark never depends on what pytest
happened to collect.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeGuard

from assignments.assignment import ContractTerms
from assignments.errors import Problem, nearest
from assignments.folders import contract_file

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

_REFUSED_MARKS = {
    "parametrize": "write one test for each fact, with its own docstring and points",
    "skip": "remove the test; a skipped test counts as not passed",
    "skipif": "make the test run on every machine; a skipped test counts as not passed",
    "xfail": "remove the test; an expected failure counts as not passed",
    "usefixtures": "name the fixture as an argument of the test",
}
_REFUSED_NAMES = {
    "pytest.approx": "use close(answer, expected, atol=...) of assignments.testing: it refuses empty arrays",
    "numpy.testing": "use close(answer, expected, atol=...) of assignments.testing: it refuses other shapes",
    "pytest.skip": "remove the test; a skipped test counts as not passed",
    "pytest.importorskip": "import only what medmark itself depends on",
    "pytest.xfail": "remove the test; an expected failure counts as not passed",
}
_FIXTURES = frozenset({"student", "shared_student", "rng", "trained", "small_cases"})
_DRAWING = frozenset({"trained", "small_cases"})
"""Fixtures that draw cases of the assignment's source."""
LONGEST = 200
"""Characters of what `needs` and `close` say to a student."""


@dataclass(frozen=True)
class DeclaredTest:
    """One test, read from its source."""

    id: str
    """`test_losses.py::test_dice_of_a_mask_with_itself`"""
    criterion: str
    """Id of the criterion that its points belong to; empty for a public test."""
    points: int
    """0 for a public test."""
    docstring: str
    """The sentence that the student reads, on one line."""
    source: str
    """Its own source, decorators included."""
    line: int
    """The line of its `def`."""
    surroundings: str
    """The source of its module without any test: helpers, fixtures, imports, constants."""
    doubles: bool
    """Whether it, or a helper or fixture that it names, passes a double to the student's code."""
    mistaken: tuple[str, ...] = ()
    """Ids of the misconceptions that it, or a helper or fixture that it names, can name."""
    fixtures: frozenset[str] = frozenset()
    """Those of medmark's fixtures that it, or a helper or fixture that it names, takes as arguments."""
    contract: bool = False
    """Whether it is a contract of `assignments.contracts`: its id is the contract's name."""

    @property
    def trains(self) -> bool:
        """Whether it uses the model that the tests share."""
        return "trained" in self.fixtures

    @property
    def draws(self) -> bool:
        """Whether it uses cases of the assignment's source."""
        return self.contract or not self.fixtures.isdisjoint(_DRAWING)


def declared_tests(
    folder: Path, *, hidden: bool, criteria: tuple[str, ...] = (), contracts: Iterable[str] = ()
) -> tuple[tuple[DeclaredTest, ...], tuple[Problem, ...]]:
    """The tests of `folder/test_*.py` in the order of file names and lines, and the problems in them.

    `criteria` are the ids of the assignment's criteria of kind `hidden_tests`. With one, every hidden test
    belongs to it; with several, each test names its own: `@pytest.mark.points(5, criterion="losses")`. `contracts` are
    the names of the assignment's contracts, which `mend=` may name too.
    """
    tests: list[DeclaredTest] = []
    problems: list[Problem] = []
    mends: list[tuple[Problem, str]] = []
    for path in sorted(folder.glob("**/*.py")):
        if path.parent != folder or not path.name.startswith("test_"):
            if hidden:
                problems.append(_stray_file(folder, path))
            continue
        own, its_problems, its_mends = _read_file(path, _text_of(path), hidden, criteria)
        tests.extend(own)
        problems.extend(its_problems)
        mends.extend(its_mends)
    ids = [*contracts, *(test.id for test in tests)]
    for problem, id in mends:
        if id not in ids:
            problems.append(replace(problem, cure=nearest(id, ids)))
    return tuple(tests), tuple(problems)


def contract_tests(
    terms: Mapping[str, ContractTerms], criteria: tuple[str, ...]
) -> tuple[tuple[DeclaredTest, ...], tuple[Problem, ...]]:
    """The tests of some contracts, each with the points of its terms, and the problems in their files.

    `criteria` are as for `declared_tests`. Each name must be that of a contract.
    """
    tests: list[DeclaredTest] = []
    problems: list[Problem] = []
    for name, each in terms.items():
        path = contract_file(name)
        test, its_problems = _read_contract(path, _text_of(path), name, criteria)
        criterion = each.criterion or (criteria[0] if len(criteria) == 1 else "")
        docstring = each.says or test.docstring
        tests.append(replace(test, id=name, criterion=criterion, points=each.points, docstring=docstring))
        problems += its_problems
    return tuple(tests), tuple(problems)


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


@lru_cache(maxsize=512)
def _read_file(
    path: Path, text: str, hidden: bool, criteria: tuple[str, ...]
) -> tuple[tuple[DeclaredTest, ...], tuple[Problem, ...], tuple[tuple[Problem, str], ...]]:
    """The tests of a file of this text, its problems, and what `mend=` names in it: a command asks several times."""
    reader = _Module(path, text, hidden=hidden, criteria=criteria)
    return tuple(reader.tests()), tuple(reader.problems), tuple(reader.mends)


@lru_cache(maxsize=512)
def _read_contract(
    path: Path, text: str, name: str, criteria: tuple[str, ...]
) -> tuple[DeclaredTest, tuple[Problem, ...]]:
    reader = _Module(path, text, hidden=True, criteria=criteria)
    return reader.contract(f"test_{name}"), tuple(reader.problems)


def _stray_file(folder: Path, path: Path) -> Problem:
    name = path.relative_to(folder).as_posix()
    return Problem(
        file=str(path),
        key="",
        line=None,
        what=f"{folder.name}/{name} is not a test module",
        cure="name it test_*.py, or move its helpers into the test module that uses them",
    )


class _Module:
    """Reads one test file."""

    def __init__(self, path: Path, text: str, *, hidden: bool, criteria: tuple[str, ...]) -> None:
        self.path = path
        self.hidden = hidden
        self.criteria = criteria
        self.problems: list[Problem] = []
        self.mends: list[tuple[Problem, str]] = []
        """Ids that `mend=` names, each with the problem that it is if there is no such test."""
        self.text = text
        try:
            self.tree = ast.parse(self.text)
        except SyntaxError as error:
            self.tree = ast.Module(body=[], type_ignores=[])
            self._problem(error.lineno or 1, "", f"is not valid Python: {error.msg}", "correct the syntax")
        self.imported = _imported_names(self.tree)
        self.functions = {node.name: node for node in self.tree.body if isinstance(node, FunctionNode)}

    def tests(self) -> Iterator[DeclaredTest]:
        if self.hidden:
            self._refuse_names()
        self._refuse_module_marks()
        self._check_words()
        functions = [node for node in self.tree.body if _is_test(node)]
        surroundings = self._without(functions)
        first_lines: dict[str, int] = {}
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef):
                self._refuse_class(node)
        for function in functions:
            if function.name in first_lines:
                self._problem(
                    function.lineno,
                    function.name,
                    f"is defined twice, first in line {first_lines[function.name]}: only the last one would run",
                    "give one of them another name",
                )
                continue
            first_lines[function.name] = function.lineno
            yield self._declared(function, surroundings)

    def contract(self, name: str) -> DeclaredTest:
        """The test of a contract's file. What the loader reads of the file besides is not a part of it."""
        self._refuse_names()
        self._check_words()
        node = self.functions[name]
        loader = [each for each in self.tree.body if _is_for_the_loader(each)]
        surroundings = self._without([node, *loader])
        return replace(self._read(node, surroundings), contract=True)

    def _declared(self, node: FunctionNode, surroundings: str) -> DeclaredTest:
        test = self._read(node, surroundings)
        self._refuse_marks(node)
        self._check_fixtures(node, test)
        points, criterion = self._points(node)
        return replace(test, points=points, criterion=criterion)

    def _read(self, node: FunctionNode, surroundings: str) -> DeclaredTest:
        """A test without its points."""
        docstring = " ".join((ast.get_docstring(node) or "").split())
        if not docstring:
            self._problem(
                node.lineno,
                node.name,
                "has no docstring, the sentence that the student reads",
                'say in one line what holds, such as """`dice_loss` is 0 when prediction and truth agree."""',
            )
        if isinstance(node, ast.AsyncFunctionDef):
            self._problem(node.lineno, node.name, "is async, which pytest skips", "use a plain def")
        reached = self._reached(node)
        arguments = {each.arg for function in reached for each in function.args.args}
        return DeclaredTest(
            id=f"{self.path.name}::{node.name}",
            criterion="",
            points=0,
            docstring=docstring,
            source=self._source(node),
            line=node.lineno,
            surroundings=surroundings,
            doubles=any(map(self._calls_double, reached)),
            mistaken=tuple(id for function in reached for id in _mistaken(function)),
            fixtures=frozenset(arguments & _FIXTURES),
        )

    def _check_fixtures(self, node: FunctionNode, test: DeclaredTest) -> None:
        """The shared model has a worker of its own, and students have no source to draw from."""
        others = sorted(test.fixtures & {"student", "shared_student"})
        if not self.hidden and not test.fixtures.isdisjoint(_DRAWING):
            names = " and ".join(sorted(test.fixtures & _DRAWING))
            self._problem(node.lineno, node.name, f"uses {names}, which only hidden tests can", "draw arrays from rng")
        elif test.trains and others:
            what = f"uses trained and {others[0]}, which are two workers"
            self._problem(node.lineno, node.name, what, "ask trained.student, which has the model")

    def _points(self, node: FunctionNode) -> tuple[int, str]:
        """Points and criterion of a test; whatever is unclear is a problem and counts 0 points."""
        marks = [mark for mark in _marks(node) if mark[0] == "points"]
        if not self.hidden:
            if marks:
                self._problem(
                    node.lineno,
                    node.name,
                    "has points, but public tests earn none",
                    "remove the mark, or move the test to hidden_tests/",
                )
            return 0, ""
        example = "@pytest.mark.points(5)"
        if len(marks) != 1:
            what = "has no points" if not marks else "has its points twice"
            self._problem(node.lineno, node.name, what, f"write {example} once above it")
            return 0, self.criteria[0] if self.criteria else ""
        call = marks[0][1]
        value = _literal(call.args[0]) if call is not None and len(call.args) == 1 else None
        named = {key.arg: _literal(key.value) for key in call.keywords} if call is not None else {}
        criterion = named.pop("criterion", None)
        if type(value) is not int or value <= 0 or named:
            self._problem(
                node.lineno,
                node.name,
                "has points that are not written as one whole number above 0",
                f"write {example}",
            )
            value = 0
        return value, self._criterion(node, criterion)

    def _criterion(self, node: FunctionNode, named: object) -> str:
        if named is None and len(self.criteria) == 1:
            return self.criteria[0]
        if isinstance(named, str) and named in self.criteria:
            return named
        if self.criteria:  # without one, the folder itself is the problem, and the loader reports it once
            ids = ", ".join(self.criteria)
            what = f"belongs to no criterion of kind hidden_tests; the assignment has {ids}"
            cure = f'write @pytest.mark.points(5, criterion="{self.criteria[0]}")'
            self._problem(node.lineno, node.name, what, cure)
        return ""

    def _refuse_marks(self, node: FunctionNode) -> None:
        for name, _ in _marks(node):
            if name in _REFUSED_MARKS and self.hidden:
                self._problem(
                    node.lineno, node.name, f"uses pytest.mark.{name}, which is refused", _REFUSED_MARKS[name]
                )

    def _refuse_module_marks(self) -> None:
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
            ):
                cure = "put the mark above each test that it is for"
                self._problem(node.lineno, "pytestmark", "marks the whole module", cure)

    def _refuse_class(self, node: ast.ClassDef) -> None:
        holds_tests = any(_is_test(item) for item in node.body)
        if node.name.startswith("Test") or holds_tests:
            self._problem(
                node.lineno,
                node.name,
                "is a class, and tests must be plain functions",
                "move its tests to the top level of the module",
            )

    def _check_words(self) -> None:
        """What `needs` and `close` say to students is written out: other text could hold hidden values."""
        for call in (node for node in ast.walk(self.tree) if isinstance(node, ast.Call)):
            name = _called(call)
            named = {key.arg: key.value for key in call.keywords}
            if name == "needs":
                text = named.get("text", call.args[1] if len(call.args) > 1 else None)
                mend = named.get("mend", call.args[2] if len(call.args) > 2 else None)
                self._check_text(call, "needs", text)
                id = None if mend is None else _literal(mend)
                if isinstance(id, str):
                    what = f'there is no test "{id}" to mend'
                    self.mends.append((Problem(str(self.path), "needs", call.lineno, what, ""), id))
                elif mend is not None:
                    self._problem(call.lineno, "needs", "names no test to mend", 'write mend="test_file.py::test_name"')
            elif name == "close":
                if "hint" in named:
                    self._check_text(call, "close", named["hint"])
                keys = getattr(named.get("mistaken"), "keys", [None] if "mistaken" in named else [])
                if not all(isinstance(key, ast.Constant) and isinstance(key.value, str) for key in keys):
                    cure = 'write mistaken={"id_of_a_misconception": value, ...}'
                    self._problem(call.lineno, "close", "names no misconceptions with `mistaken`", cure)
            elif name == "points_to" and not (call.args and isinstance(_literal(call.args[0]), str)):
                cure = 'write points_to("id_of_a_misconception", condition)'
                self._problem(call.lineno, "points_to", "names no misconception", cure)

    def _check_text(self, call: ast.Call, name: str, text: ast.expr | None) -> None:
        value = None if text is None else _literal(text)
        if not isinstance(value, str) or not value.strip() or len(value) > LONGEST or "\n" in value:
            what = "says nothing to the student that stands in the file as one text"
            cure = f"write it out, on one line of at most {LONGEST} characters, without values"
            self._problem(call.lineno, name, what, cure)

    def _refuse_names(self) -> None:
        for node in ast.walk(self.tree):
            for name in self._full_names(node):
                for refused, cure in _REFUSED_NAMES.items():
                    if name == refused or name.startswith(refused + "."):
                        self._problem(getattr(node, "lineno", 1), "", f"uses {refused}, which is refused", cure)
                        break

    def _full_names(self, node: ast.AST) -> list[str]:
        """Full names that a node imports or uses: `np.testing` is numpy.testing."""
        if isinstance(node, ast.Import):
            return [alias.name for alias in node.names if "." in alias.name]
        if isinstance(node, ast.ImportFrom):
            return [f"{node.module}.{alias.name}" for alias in node.names]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return [f"{self.imported.get(node.value.id, node.value.id)}.{node.attr}"]
        return []

    def _reached(self, node: FunctionNode) -> list[FunctionNode]:
        """The test, and the functions of the module that it leads to: helpers and fixtures."""
        reached = {node.name: node}
        waiting = [node]
        while waiting:
            for inner in ast.walk(waiting.pop()):
                name = getattr(inner, "id", None) or getattr(inner, "arg", None)
                if name in self.functions and name not in reached:
                    reached[name] = self.functions[name]
                    waiting.append(self.functions[name])
        return [*reached.values()]

    def _calls_double(self, function: FunctionNode) -> bool:
        """Whether a function itself creates a double, which takes the name of a class.

        A call without a name is another method, such as a tensor's double(); np.double is a type.
        """
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
        methods = {id(call.func) for call in calls if not _may_take_a_name(call)}
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and node.attr == "double" and id(node) not in methods:
                owner = node.value.id if isinstance(node.value, ast.Name) else ""
                if owner not in self.imported:
                    return True
        return False

    def _source(self, node: FunctionNode) -> str:
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        return "\n".join(self.text.splitlines()[first - 1 : node.end_lineno]) + "\n"

    def _without(self, nodes: Sequence[ast.stmt]) -> str:
        dropped: set[int] = set()
        for node in nodes:
            first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
            dropped.update(range(first, (node.end_lineno or node.lineno) + 1))
        lines = [line for number, line in enumerate(self.text.splitlines(), 1) if number not in dropped]
        # Blank lines go too: moving or removing another test must not change the surroundings of this one.
        return "\n".join(line for line in lines if line.strip()) + "\n"

    def _problem(self, line: int, key: str, what: str, cure: str) -> None:
        self.problems.append(Problem(file=str(self.path), key=key, line=line, what=what, cure=cure))


def _imported_names(tree: ast.Module) -> Mapping[str, str]:
    """Local name -> module, for plain imports: `import numpy as np` gives np -> numpy."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    names[alias.asname] = alias.name
    return names


def _called(call: ast.Call) -> str:
    """The name of what is called, without its module."""
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _mistaken(node: FunctionNode) -> Iterator[str]:
    """Ids of misconceptions that a function names with `close(..., mistaken={...})` or `points_to(...)`."""
    for call in (each for each in ast.walk(node) if isinstance(each, ast.Call)):
        if _called(call) == "points_to" and call.args and isinstance(id := _literal(call.args[0]), str):
            yield id
        for keyword in call.keywords:
            if keyword.arg == "mistaken" and isinstance(keyword.value, ast.Dict):
                values = (_literal(key) for key in keyword.value.keys if key is not None)
                yield from (value for value in values if isinstance(value, str))


def _marks(node: FunctionNode) -> Iterator[tuple[str, ast.Call | None]]:
    """Name and call of each `@pytest.mark.name` or `@pytest.mark.name(...)` above a function."""
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        target = call.func if call is not None else decorator
        around = target.value if isinstance(target, ast.Attribute) else None
        if isinstance(target, ast.Attribute) and isinstance(around, ast.Attribute) and around.attr == "mark":
            yield target.attr, call


def _may_take_a_name(call: ast.Call) -> bool:
    """Whether the first argument of a call may be a name."""
    first = call.args[0] if call.args else None
    return first is not None and not (isinstance(first, ast.Constant) and not isinstance(first.value, str))


def _is_for_the_loader(node: ast.stmt) -> bool:
    """Whether a statement of a contract's file declares its mistakes, or imports what these need."""
    if isinstance(node, ast.ImportFrom):
        return node.module in ("assignments.contracts.contract", "assignments.contracts.edits")
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "CONTRACT" for target in node.targets
    )


def _is_test(node: ast.stmt) -> TypeGuard[FunctionNode]:
    return isinstance(node, FunctionNode) and node.name.startswith("test")


def _literal(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None
