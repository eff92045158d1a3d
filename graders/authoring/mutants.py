"""Makes the automatic mutants: a reference with one function spoiled in one of five ways.

A hidden test that a mutant passes is too weak. `graders.authoring.rehearse` decides which tests run on which mutant;
`graders.authoring.spoil` spoils the function.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from assignments.assignment import Framework
from assignments.derived.interface import is_declared
from graders.authoring.spoil import SPOIL_KINDS
from graders.record.rehearsal import Mutant

__all__ = [
    "SPOIL_KINDS",
    "DeclaredName",
    "Mutant",
    "copy_reference",
    "declared_names",
    "let_remember",
    "mutants_of",
    "write_copy",
    "write_mutant",
]

_REFERENCE = "medmark_reference"
_SPOIL = "medmark_spoil"
_FITS = "medmark_remembered_fits"


@dataclass(frozen=True)
class DeclaredName:
    """A function or class that the interface declares, as far as spoiling it depends on it."""

    name: str
    answers_none: bool
    """Whether it answers None: its effect is what counts."""
    quiet: tuple[str, ...] = ()
    """Methods of a class that answer None."""
    answers_model: bool = False


def declared_names(interface: str) -> dict[str, DeclaredName]:
    """The functions and classes that the source of an interface declares."""
    tree = ast.parse(interface)
    names: dict[str, DeclaredName] = {}
    for node in filter(is_declared, tree.body):
        if isinstance(node, ast.FunctionDef):
            names[node.name] = DeclaredName(node.name, _answers_none(node), answers_model=_answers_model(node))
        else:
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
            quiet = tuple(item.name for item in methods if _answers_none(item) and item.name != "__init__")
            names[node.name] = DeclaredName(node.name, answers_none=False, quiet=quiet)
    return names


def mutants_of(
    names_used: Mapping[str, Collection[str]], declared: Mapping[str, DeclaredName]
) -> dict[Mutant, tuple[str, ...]]:
    """Each mutant with the ids of the tests that must fail for it: those that use its function.

    `names_used` has, for each test, the names that it used while the reference ran. A model that echoes its input
    breaks no contract where logits have the input's shape, as in segmentation: an assignment's own tests must see it.
    """
    mutants: dict[Mutant, tuple[str, ...]] = {}
    for name, facts in declared.items():
        using = tuple(test for test, names in names_used.items() if name in names)
        own = tuple(test for test in using if "::" in test)
        for kind in SPOIL_KINDS:
            tests = own if kind == "echo" and facts.answers_model else using
            if tests:
                mutants[Mutant(name, kind)] = tests
    return mutants


def copy_reference(folder: Path, reference: Path, name: str = "solution.py") -> Path:
    """A solution folder with the reference in it, and the files beside it that are not other references."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in reference.parent.iterdir():
        if path.name.startswith(("solution_", ".", "__pycache__")):
            continue
        if path.is_dir():
            shutil.copytree(path, folder / path.name, dirs_exist_ok=True)
        else:
            shutil.copy2(path, folder / path.name)
    shutil.copyfile(reference, folder / name)
    return folder


def write_copy(folder: Path, framework: Framework, reference: Path, *, remembers: bool) -> Path:
    """A solution folder whose solution.py has all that the reference has.

    Args:
        remembers: Whether copies that lie side by side train once.
    """
    copy_reference(folder, reference, f"{_REFERENCE}.py")
    text = (
        f'"""A copy of the reference, {folder.name}. Written by medmark rehearse."""\n\n'
        f"import {_REFERENCE}\n\n"
        f'FRAMEWORK = "{framework}"\n\n'
        f'globals().update({{k: v for k, v in vars({_REFERENCE}).items() if not k.startswith("__")}})\n'
    )
    (folder / "solution.py").write_text(text, encoding="utf-8")
    return let_remember(folder) if remembers else folder


def let_remember(folder: Path) -> Path:
    """Let a solution save what `fit` has learnt, and read again what one beside it saved."""
    shutil.copyfile(Path(__file__).with_name("remembered_fits.py"), folder / f"{_FITS}.py")
    with (folder / "solution.py").open("a", encoding="utf-8") as file:
        file.write(
            f"\n\nfrom pathlib import Path\n\nfrom {_FITS} import remembered\n\n"
            f'fit = remembered(fit, save, load, Path(__file__).parents[1] / "fits")\n'
        )
    return folder


def write_mutant(
    folder: Path, mutant: Mutant, name: DeclaredName, framework: Framework, reference: Path, *, remembers: bool = False
) -> Path:
    """The same with one name spoiled."""
    write_copy(folder, framework, reference, remembers=remembers)
    shutil.copyfile(Path(__file__).with_name("spoil.py"), folder / f"{_SPOIL}.py")
    with (folder / "solution.py").open("a", encoding="utf-8") as file:
        file.write(
            f"\nfrom {_SPOIL} import spoiled\n\n# {mutant.function} is spoiled: {mutant.kind}\n"
            f"{mutant.function} = spoiled(\n"
            f"    {mutant.function}, {mutant.kind!r}, answers_none={name.answers_none}, quiet={name.quiet!r}\n"
            f")\n"
        )
    return folder


def _answers_model(node: ast.FunctionDef) -> bool:
    return node.returns is not None and "Model" in ast.unparse(node.returns)


def _answers_none(node: ast.FunctionDef) -> bool:
    return isinstance(node.returns, ast.Constant) and node.returns.value is None
