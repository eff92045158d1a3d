"""Adds imports to the text of a Python file, sorted as Ruff sorts them; those that it has stay as they are."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

LINE = 120
"""The longest line, in characters."""


@dataclass(frozen=True)
class SplitText:
    """A file in two parts."""

    header: str
    """Docstring and imports."""
    rest: str


@dataclass(frozen=True)
class _Import:
    module: str
    names: tuple[str, ...]
    """`from module import names`, each as written ("x as y"); empty for `import module`."""
    text: str

    @property
    def order(self) -> tuple[int, bool, str]:
        """Where it stands: its group, `import x` before `from x import`, then by name."""
        top = self.module.partition(".")[0]
        group = 0 if top == "__future__" else 1 if top in sys.stdlib_module_names else 3 if top == "assignments" else 2
        return group, bool(self.names), self.module


def with_imports(text: str, needed: Mapping[str, str]) -> SplitText:
    """The text with imports of the names in `needed`, each with its module; "np" is all of NumPy."""
    docstring, own, rest = _parts(text)
    bound = {name.rpartition(" as ")[2] for each in own for name in each.names or (each.module,)}
    lacking: dict[str, set[str]] = {}
    for name, module in needed.items():
        if name == "np":
            if "np" not in bound and "numpy as np" not in bound:
                own.append(_Import("numpy", (), "import numpy as np"))
        elif name not in bound:
            lacking.setdefault(module, set()).add(name)
    for module, names in lacking.items():
        same = next((each for each in own if each.module == module and each.names), None)
        if same is not None:
            own.remove(same)
        own.append(_from(module, {*names, *(same.names if same is not None else ())}))
    blocks: dict[int, list[str]] = {}
    for each in sorted(own, key=lambda each: each.order):
        blocks.setdefault(each.order[0], []).append(each.text)
    imports = "\n\n".join("\n".join(block) for block in blocks.values())
    return SplitText("\n\n".join(part for part in (docstring, imports) if part), rest)


def _parts(text: str) -> tuple[str, list[_Import], str]:
    """Docstring with what stands before the imports, the imports at the top, and the rest of a file."""
    lines, body = text.replace("\r\n", "\n").split("\n"), ast.parse(text).body
    at = 0
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        at = body[0].end_lineno or 0
        body = body[1:]
    docstring, imports = "\n".join(lines[:at]).strip("\n"), []
    for node in body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            break
        end = node.end_lineno or node.lineno
        written = "\n".join(line for line in lines[at:end] if line.strip())
        at = end
        if isinstance(node, ast.ImportFrom):
            imports.append(_Import("." * node.level + (node.module or ""), tuple(map(_written, node.names)), written))
        else:
            imports.append(_Import(_written(node.names[0]), (), written))
    return docstring, imports, "\n".join(lines[at:]).strip("\n")


def _written(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _from(module: str, names: Iterable[str]) -> _Import:
    return _Import(module, tuple(names), from_import(module, names))


def from_import(module: str, names: Iterable[str]) -> str:
    """The import of some names from a module, each as written ("x as y")."""
    in_order = sorted(names, key=lambda name: (_kind(name), name))
    line = f"from {module} import {', '.join(in_order)}"
    if len(line) > LINE:
        line = f"from {module} import (\n" + "".join(f"    {name},\n" for name in in_order) + ")"
    return line


def _kind(name: str) -> int:
    """Constants, then classes, then functions: the order in which Ruff sorts names."""
    return 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2


def imported_names(tree: ast.Module) -> Iterator[str]:
    """The names that the imports at the top level of a file bind."""
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
