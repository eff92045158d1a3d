"""Cuts a reference down to what students start from, by the line numbers of its syntax tree. Nothing is imported."""

from __future__ import annotations

import ast
import builtins
import copy
import io
import re
import symtable
import tokenize
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from assignments.derived.imports import from_import
from assignments.derived.interface import Declared

RULE = re.compile(r"#\s*[-=─]{3,}")
"""A line that begins a section: `# ------ data`."""
PLAIN = frozenset({"staticmethod", "classmethod", "property"})
"""Decorators that belong to a signature; the others are part of the answer."""
FRAMEWORK = "FRAMEWORK"
MODULE_NAMES = frozenset({"__name__", "__file__", "__doc__"})

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Piece:
    """What stands between two blank lines of the result."""

    text: str
    kind: str
    """"rule", "definition" or "statement"."""
    line: int
    end: int
    name: str = ""


@dataclass(frozen=True)
class CutReference:
    """What is left of a reference."""

    imports: tuple[str, ...]
    """Lines of imports that are still used."""
    framework: str
    """The line `FRAMEWORK = "..."`, with its comment."""
    pieces: tuple[Piece, ...]
    undefined: Mapping[str, tuple[str, ...]]
    """By the name of a piece: names that it reads and nothing defines any more."""

    def text(self, docstring: str) -> str:
        """The file, with this docstring."""
        head = [docstring, "\n".join(self.imports), self.framework]
        return "\n\n".join(part for part in head if part) + _joined(self.pieces) + "\n"


def cut(source: str, exercises: Mapping[str, Declared], ready: Collection[str]) -> CutReference:
    """What students get of the source of a reference.

    Args:
        exercises: What the interface declares, by name.
        ready: Names that stay as they are.

    Raises:
        SyntaxError: the source is not Python.
    """
    tree, lines = ast.parse(source), source.split("\n")  # as Python counts them, unlike splitlines
    pieces, framework, present = [], "", set()
    for node in tree.body:
        names = defined_names(node)
        present |= names
        if FRAMEWORK in names:
            framework = _written(node, lines, tree.body)
        elif names & set(ready):
            pieces.append(_as_it_is(node, lines, tree.body))
        elif isinstance(node, Declared | ast.AsyncFunctionDef) and node.name in exercises:
            pieces.append(_stub(node, exercises[node.name], lines))
    # What the reference imports or makes otherwise has no lines to cut: the interface has its signature.
    end = len(lines) + 1
    missing = [node for name, node in exercises.items() if name not in present and name not in ready]
    pieces += [Piece(_without_hints(node), "definition", end, end, node.name) for node in missing]
    rules = [Piece(line, "rule", number, number) for number, line in enumerate(lines, 1) if RULE.match(line)]
    left = tuple(_with_rules(pieces, rules))
    read = set().union(*(_global_reads(piece.text) for piece in left)) if left else set()
    imports = tuple(_imports(tree, lines, read))
    bound = {FRAMEWORK, *MODULE_NAMES, *dir(builtins), *ready, *exercises}
    bound |= {name for line in imports for node in ast.parse(line).body for name in _bound(node)}
    bound |= {name for piece in left for node in ast.parse(piece.text).body for name in defined_names(node)}
    undefined = {piece.name: tuple(sorted(_global_reads(piece.text) - bound)) for piece in left if piece.name}
    return CutReference(imports, framework, left, {name: names for name, names in undefined.items() if names})


def defined_names(node: ast.stmt) -> set[str]:
    """The names that a statement at the top level of a file defines; imports are not among them."""
    if isinstance(node, Declared | ast.AsyncFunctionDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def _as_it_is(node: ast.stmt, lines: Sequence[str], body: Sequence[ast.stmt]) -> Piece:
    """A given definition or value, with its decorators and the comment directly above it."""
    first = _first_line(node)
    above = first
    while above > 1 and lines[above - 2].startswith("#") and not RULE.match(lines[above - 2]):
        above -= 1
    comment = "".join(f"{line}\n" for line in lines[above - 1 : first - 1])
    is_definition = isinstance(node, Declared | ast.AsyncFunctionDef)
    name = min(defined_names(node))
    return Piece(
        comment + _written(node, lines, body), "definition" if is_definition else "statement", above, _end(node), name
    )


def _written(node: ast.stmt, lines: Sequence[str], body: Sequence[ast.stmt]) -> str:
    """The lines of a statement, comments beside it too; the statement alone where it shares a line with another."""
    first, last = _first_line(node), _end(node)
    shared = any(other is not node and _first_line(other) <= last and _end(other) >= first for other in body)
    if shared:
        return ast.get_source_segment("\n".join(lines), node) or ""
    return "\n".join(lines[first - 1 : last])


def _stub(node: Declared | ast.AsyncFunctionDef, declared: Declared, lines: Sequence[str]) -> Piece:
    """The signature of something that students write, with the docstring of the interface."""
    if isinstance(node, ast.ClassDef):
        text = _class_stub(node, declared, lines)
    else:
        text = _function_stub(node, declared, lines, "")
    return Piece(text, "definition", _first_line(node), _end(node), node.name)


def _function_stub(node: AnyFunction, declared: Declared | None, lines: Sequence[str], indent: str) -> str:
    decorators = [
        f"{indent}@{item.id}" for item in node.decorator_list if isinstance(item, ast.Name) and item.id in PLAIN
    ]
    body = _docstring(declared, f"{indent}    ")
    return "\n".join([*decorators, _header(node, lines), *body, f"{indent}    raise NotImplementedError"])


def _class_stub(node: ast.ClassDef, declared: Declared, lines: Sequence[str]) -> str:
    """The header of a class, and the stubs of `__init__` and of the methods that the interface declares."""
    of_interface = {item.name: item for item in declared.body if isinstance(item, ast.FunctionDef)}
    methods = [
        _function_stub(item, of_interface.get(item.name), lines, "    ")
        for item in node.body
        if isinstance(item, AnyFunction) and (item.name in of_interface or item.name == "__init__")
    ]
    present = {item.name for item in node.body if isinstance(item, AnyFunction)}
    methods += [_indented(_without_hints(item)) for name, item in of_interface.items() if name not in present]
    docstring = "\n".join(_docstring(declared, "    "))
    body = "\n\n".join([part for part in (docstring, *methods) if part]) or "    pass"
    return f"{_header(node, lines)}\n{body}"


def _header(node: Declared | ast.AsyncFunctionDef, lines: Sequence[str]) -> str:
    """The lines of a definition up to the colon that ends its signature."""
    text = "\n".join(lines[node.lineno - 1 : _end(node)])
    depth = 0
    for token in tokenize.generate_tokens(io.StringIO(text + "\n").readline):
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
            if token.string == ":" and depth == 0:
                row, column = token.end
                head = text.split("\n")[:row]
                return "\n".join([*head[:-1], head[-1][:column]])
    raise SyntaxError(f"the definition of {node.name} has no end")


def _docstring(declared: Declared | None, indent: str) -> list[str]:
    """The docstring of the interface, as lines; none where it says nothing."""
    doc = ast.get_docstring(declared) if declared is not None else None
    return quoted(doc, indent).split("\n") if doc else []


def quoted(doc: str, indent: str = "") -> str:
    """A text as a docstring."""
    safe = doc.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    first, *others = safe.split("\n")
    end = f"\n{indent}" if others else " " if first.endswith('"') else ""
    return "\n".join([f'{indent}"""{first}', *(f"{indent}{line}" if line else "" for line in others)]) + f'{end}"""'


def _without_hints(node: Declared) -> str:
    """The stub of a function or class of which only the interface has a signature."""
    if isinstance(node, ast.ClassDef):
        methods = [_indented(_without_hints(item)) for item in node.body if isinstance(item, ast.FunctionDef)]
        parts = ["\n".join(_docstring(node, "    ")), *methods]
        return f"class {node.name}:\n" + ("\n\n".join(part for part in parts if part) or "    pass")
    arguments = copy.deepcopy(node.args)
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    body = [*_docstring(node, "    "), "    raise NotImplementedError"]
    return "\n".join([f"def {node.name}({ast.unparse(arguments)}):", *body])


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.split("\n"))


def _with_rules(pieces: Sequence[Piece], rules: Sequence[Piece]) -> Iterator[Piece]:
    """The pieces in the order of their lines, and the rule of each section in which one is left."""
    pending = None
    for piece in sorted([*pieces, *rules], key=lambda piece: piece.line):
        if piece.kind == "rule":
            pending = piece
        else:
            if pending is not None:
                yield pending
            pending = None
            yield piece


def _joined(pieces: Sequence[Piece]) -> str:
    """The pieces, with as many empty lines between them as Ruff leaves."""
    text, before = "", None
    for piece in pieces:
        plain = before is not None and {before.kind, piece.kind} == {"statement"}
        if before is None or not plain:
            of_rule = before is not None and before.kind == "rule" and piece.kind == "statement"
            text += "\n" * (2 if of_rule else 3)
        else:
            text += "\n" if piece.line == before.end + 1 else "\n\n"
        text += piece.text
        before = piece
    return text


def _imports(tree: ast.Module, lines: Sequence[str], read: Collection[str]) -> Iterator[str]:
    """The imports at the top level of which something is read, without names that nothing reads."""
    groups: list[int] = []
    for node in tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        used = [alias for alias in node.names if _name_of(alias) in read]
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not used and not future:
            continue
        groups.append(node.lineno)
        new_group = len(groups) > 1 and any(not line.strip() for line in lines[groups[-2] - 1 : node.lineno - 1])
        prefix = "\n" if new_group else ""
        if future or len(used) == len(node.names):
            yield prefix + "\n".join(lines[node.lineno - 1 : _end(node)])
        else:
            names = [ast.unparse(alias) for alias in used]
            if isinstance(node, ast.ImportFrom):
                yield prefix + from_import("." * node.level + (node.module or ""), names)
            else:
                yield f"{prefix}import {', '.join(names)}"


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from map(_name_of, node.names)


def _name_of(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _global_reads(text: str) -> set[str]:
    """The names that a piece of source reads and takes from its module."""
    names: set[str] = set()
    waiting = [symtable.symtable(text, "starter", "exec")]
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        is_module = table.get_type() == "module"
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (symbol.is_global() or is_module) and not (is_module and symbol.is_local()):
                names.add(symbol.get_name())
    return names


def _first_line(node: ast.stmt) -> int:
    """The line of a statement, or of its first decorator."""
    decorators = node.decorator_list if isinstance(node, ast.ClassDef | AnyFunction) else []
    return min([node.lineno, *(item.lineno for item in decorators)])


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno
