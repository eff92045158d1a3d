"""Lists the imports of a solution that cannot work in the sandbox, with cures. It reads sources as text."""

from __future__ import annotations

import ast
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias, cast

from assignments.assignment import Assignment, Framework
from assignments.handout_note import RuntimeFacts, read_note
from graders.intake.listing import first_of
from graders.wall.sandboxes.runtime_records import facts_of

RuntimeLookup: TypeAlias = Callable[[Framework], RuntimeFacts | None]
"""What a framework's runtime offers a solution; None if that is unknown."""


@dataclass(frozen=True)
class SourceImport:
    """One import of a source."""

    file: str
    line: int
    module: str
    """As written, with its dots; empty in `from . import x`."""
    level: int
    """Leading dots."""
    names: tuple[str, ...] = ()
    """What `from` takes of it."""
    optional: bool = False
    """Inside a `try` whose `except` may catch it, or a block for type checkers."""

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def imports_of(file: str, tree: ast.Module) -> Iterator[SourceImport]:
    """Every import of a source, those inside functions included."""
    optional = {
        id(inner)
        for block in ast.walk(tree)
        if (isinstance(block, ast.Try) and block.handlers) or _for_types(block)
        for statement in cast(ast.Try, block).body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield SourceImport(file, node.lineno, alias.name, 0, (), id(node) in optional)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield SourceImport(file, node.lineno, node.module or "", node.level, names, id(node) in optional)


def _for_types(node: ast.AST) -> bool:
    test = node.test if isinstance(node, ast.If) else None
    return "TYPE_CHECKING" in (getattr(test, "id", ""), getattr(test, "attr", ""))


def import_problems(
    trees: Mapping[str, ast.Module], paths: Collection[str], modules: Collection[str] | None, own: Collection[str]
) -> tuple[str, ...]:
    """The imports that would fail: a sentence for each cause, with the cure.

    Args:
        trees: the solution's sources by path, `solution.py` among them.
        paths: all files beside solution.py and below, with / between folders.
        modules: what the runtime has beside Python's own modules; None if that is unknown.
        own: names of the folder around solution.py, which is not a package in the sandbox.
    """
    offered = {name.casefold() for name in modules or ()}
    modules_at = {path.removesuffix("/__init__.py").removesuffix(".py") for path in paths if path.endswith(".py")}
    tops = {path.split("/", 1)[0] for path in modules_at}
    if any(_moves_the_search(tree) for tree in trees.values()):
        tops |= {path.rpartition("/")[2] for path in modules_at}
    problems: list[str] = []
    missing: dict[str, str] = {}
    for path, tree in trees.items():
        for imported in imports_of(path, tree):
            if imported.optional:
                continue
            if imported.level:
                problems += _relative(imported)
            elif not _is_available(imported.top, tops, offered):
                problem = _own_module(imported, paths, tops, own)
                if problem:
                    problems.append(problem)
                elif modules is not None:
                    missing.setdefault(imported.top, f"{imported.file}:{imported.line}")
    if missing:
        named = first_of([f"{name} ({where})" for name, where in missing.items()], 8)
        problems.append(
            f"neither a file of yours nor in the marker's runtime: {named}; if it is your module, commit it beside "
            "solution.py; if it is a package, do without it, or ask the course's staff to add it (handout.json lists "
            "the packages)"
        )
    return tuple(dict.fromkeys(problems))


def _is_available(top: str, tops: Collection[str], offered: Collection[str]) -> bool:
    return top in tops or top in sys.stdlib_module_names or top.casefold() in offered


def _moves_the_search(tree: ast.Module) -> bool:
    """Whether a source uses sys.path: Python may then find modules in any folder."""
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "path")
    return any(isinstance(node.value, ast.Name) and node.value.id == "sys" for node in attributes)


def _relative(imported: SourceImport) -> Iterator[str]:
    """Relative imports that leave the folder: solution.py and the files beside it are not in a package."""
    depth = len(PurePosixPath(imported.file).parents) - 1
    if imported.level > depth:
        name = imported.names[0]
        plainly = f"from {imported.module} import {name}" if imported.module else f"import {name}"
        as_written = f"from {'.' * imported.level}{imported.module} import {name}"
        where = f"{imported.file}:{imported.line}"
        yield f"{where}: {as_written} cannot work, since solution.py is not in a package: write {plainly}"


def _own_module(
    imported: SourceImport, paths: Collection[str], tops: Collection[str], own: Collection[str]
) -> str | None:
    """The problem and cure of a module of the solution with another name or in another folder."""
    where = f"{imported.file}:{imported.line}: import of {imported.module}"
    if imported.top in own:
        rest = imported.module.partition(".")[2]
        plainly = f"import {rest or ''.join(imported.names[:1])}"
        if rest and imported.names:
            plainly = f"from {rest} import {imported.names[0]}"
        return f"{where}: the folder around solution.py is not a package for the marker; write {plainly}"
    same_form = [name for name in tops if unicodedata.normalize("NFKC", name) == imported.top]
    if same_form:
        return (
            f"{where}: the name of its file has decomposed letters, and Python looks for composed ones: use ASCII "
            "letters for the file and the import"
        )
    same_letters = [name for name in tops if name.casefold() == imported.top.casefold()]
    if same_letters:
        return f"{where}: there is {same_letters[0]}, and capital letters count: spell both the same"
    deeper = sorted(path for path in paths if path.endswith((f"/{imported.top}.py", f"/{imported.top}/__init__.py")))
    if deeper:
        package = deeper[0].removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return f"{where}: its file is {deeper[0]}; write from {package.rpartition('.')[0]} import {imported.top}"
    return None


def runtime_in_handout(assignment: Assignment) -> RuntimeLookup:
    """What the marker's runtimes offer, as the handout says; without one, those of this machine."""
    note = read_note(assignment.folder)
    runtimes = {} if note is None else note.runtimes
    return lambda framework: runtimes[framework] if framework in runtimes else facts_of(framework)
