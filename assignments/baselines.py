"""An assignment's own baselines: classic methods that deep learning has to beat, such as a logistic regression.

Each is a file `baseline_<name>.py` of the folder: a solution in miniature, of which `FRAMEWORK`, `fit` and the task's
entry point suffice. The first line of its docstring is its title. It is for staff alone: it is calibrated as a
reference is, and neither handed out nor marked. The files are read as text; nothing is imported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from assignments.assignment import Assignment, Framework
from assignments.errors import Problem, nearest, shell_word

_NAME = re.compile(r"baseline_[a-z0-9_]+")


@dataclass(frozen=True)
class OwnBaseline:
    """One of an assignment's own baselines."""

    name: str
    """Such as `baseline_logistic`: the name of its file without the ending."""
    title: str
    framework: Framework
    path: Path


def is_baseline(file: str) -> bool:
    """Whether a file of an assignment's folder is one of its baselines, by its name."""
    return file.startswith("baseline_") and file.endswith(".py")


def baseline_files(folder: Path) -> list[Path]:
    """The files of the baselines, in the order of their names."""
    return sorted(path for path in folder.glob("baseline_*.py") if path.is_file())


def own_baselines(assignment: Assignment) -> tuple[OwnBaseline, ...]:
    """The baselines of an assignment that was loaded; one that cannot be read any more is left out."""
    read = ((path, _read(path)) for path in baseline_files(assignment.folder))
    return tuple(
        OwnBaseline(path.stem, title, framework, path)
        for path, (tree, title, word) in read
        if tree is not None and title
        for framework in get_args(Framework)
        if framework == word
    )


def baseline_problems(folder: Path, offered: Collection[str], entry: str) -> Iterator[Problem]:
    """What is wrong with the baselines of a folder.

    Args:
        offered: The assignment's frameworks; a baseline may use NumPy too.
        entry: The function that answers for hidden cases.
    """
    frameworks = [name for name in get_args(Framework) if name in offered or name == "numpy"]
    for path in baseline_files(folder):

        def problem(what: str, cure: str, key: str = "", line: int | None = None, path: Path = path) -> Problem:
            return Problem(str(path), key, line, what, cure)

        if not _NAME.fullmatch(path.stem):
            yield problem("its name is not baseline_ with small letters, digits and _", "rename it: baseline_atlas.py")
        tree, title, framework = _read(path)
        if tree is None:
            yield problem("is not valid Python", f"python -m py_compile {shell_word(path)} shows why")
            continue
        if not title:
            yield problem("has no docstring", "begin it with one: its first line is the title on the leaderboard")
        if framework is None:
            yield problem("does not say its framework", 'write FRAMEWORK = "numpy"', "FRAMEWORK")
        elif framework not in frameworks:
            what = f'"{framework}" is not a framework that it may use'
            yield problem(what, nearest(framework, frameworks), "FRAMEWORK")
        defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        for name in ("fit", entry):
            if name not in defined:
                yield problem("is not defined", f"write def {name}(...) as a solution has it", name)


def _read(path: Path) -> tuple[ast.Module | None, str, str | None]:
    """The tree of a file, its title, and what `FRAMEWORK = "..."` says; no tree where it does not parse."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return None, "", None
    title = (ast.get_docstring(tree) or "").partition("\n")[0].strip().removesuffix(".")
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
            and any(isinstance(target, ast.Name) and target.id == "FRAMEWORK" for target in node.targets)
        ):
            return tree, title, node.value.value
    return tree, title, None
