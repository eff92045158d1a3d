"""Which imports of a solution cannot work inside, and the cure of each. Sources are read as text, never imported."""

from __future__ import annotations

import ast
import sys
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import cast

from assignments.assignment import Framework
from graders.failures import ImageFailure

MODULE_OF = {
    "tensorflow-cpu": "tensorflow", "scikit-learn": "sklearn", "scikit-image": "skimage", "pillow": "PIL",
    "opencv-python-headless": "cv2", "opencv-python": "cv2", "pyyaml": "yaml", "protobuf": "google",
    "simpleitk": "SimpleITK", "absl-py": "absl",
}  # fmt: skip
"""Distributions whose module has another name."""
SHOWN = 8


@dataclass(frozen=True)
class SourceImport:
    """One import that a source asks for."""

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
    """What an import would end in, a sentence for each cause, with the cure.

    Args:
        trees: the solution's sources by path, `solution.py` among them.
        paths: all files beside solution.py and below, with / between folders.
        modules: what the runtime holds beside Python's own; None where that is not known.
        own: names of the folder around solution.py, which is not a package inside.
    """
    offered = {MODULE_OF.get(name, name).replace("-", "_").casefold() for name in modules or ()}
    modules_at = {path.removesuffix("/__init__.py").removesuffix(".py") for path in paths if path.endswith(".py")}
    tops = {path.split("/", 1)[0] for path in modules_at}
    if any(_moves_the_search(tree) for tree in trees.values()):
        tops |= {path.rpartition("/")[2] for path in modules_at}
    said: dict[str, None] = {}
    lacking: dict[str, str] = {}
    for path, tree in trees.items():
        for one in imports_of(path, tree):
            if one.optional:
                continue
            if one.level:
                said.update(dict.fromkeys(_relative(one)))
            elif not _found(one.top, tops, offered):
                sentence = _own_module(one, paths, tops, own)
                if sentence:
                    said[sentence] = None
                elif modules is not None:
                    lacking.setdefault(one.top, f"{one.file}:{one.line}")
    if lacking:
        named = ", ".join(f"{name} ({where})" for name, where in list(lacking.items())[:SHOWN])
        more = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
        said[
            f"neither a file of yours nor in the marker's runtime: {named}{more}; commit a module of your own beside "
            "solution.py; do without a package, or ask the course's staff to add it (handout.json lists what is there)"
        ] = None
    return tuple(said)


def _found(top: str, tops: Collection[str], offered: Collection[str]) -> bool:
    return top in tops or top in sys.stdlib_module_names or top.casefold() in offered


def _moves_the_search(tree: ast.Module) -> bool:
    """Whether a source speaks of sys.path: modules may then be found in any folder."""
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "path")
    return any(isinstance(node.value, ast.Name) and node.value.id == "sys" for node in attributes)


def _relative(one: SourceImport) -> Iterator[str]:
    """A relative import leads out of the folder: solution.py and what lies beside it are in no package."""
    depth = len(PurePosixPath(one.file).parents) - 1
    if one.level > depth:
        dots = "." * one.level
        plainly = f"from {one.module} import {one.names[0]}" if one.module else f"import {one.names[0]}"
        asked = f"from {dots}{one.module} import {one.names[0]}"
        yield f"{one.file}:{one.line}: {asked} cannot work, since solution.py is in no package: write {plainly}"


def _own_module(one: SourceImport, paths: Collection[str], tops: Collection[str], own: Collection[str]) -> str | None:
    """The cure where the module is there under another name or in another place."""
    where = f"{one.file}:{one.line}: import of {one.module}"
    if one.top in own:
        rest = one.module.partition(".")[2]
        plainly = f"import {rest or ''.join(one.names[:1])}"
        if rest and one.names:
            plainly = f"from {rest} import {one.names[0]}"
        return f"{where}: the folder around solution.py is not a package inside; write {plainly}"
    same_form = [name for name in tops if unicodedata.normalize("NFKC", name) == one.top]
    if same_form:
        return (
            f"{where}: its file is named in decomposed letters, and Python looks for composed ones: rename it to "
            "ASCII letters, and the import with it"
        )
    same_letters = [name for name in tops if name.casefold() == one.top.casefold()]
    if same_letters:
        return f"{where}: there is {same_letters[0]}, and capital letters count: write both alike"
    deeper = sorted(path for path in paths if path.endswith((f"/{one.top}.py", f"/{one.top}/__init__.py")))
    if deeper:
        package = deeper[0].removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return f"{where}: it lies at {deeper[0]}; write from {package.rpartition('.')[0]} import {one.top}"
    return None


def modules_of(framework: str | None) -> Collection[str]:
    """What the runtime image holds if it was built here, else what its lock promises."""
    # Docker's SDK comes with it; only this function needs it.
    from graders.wall.sandboxes import images

    name = cast(Framework, framework)
    try:
        return images.runtime(name).modules
    except ImageFailure:
        return images.locked(name)
