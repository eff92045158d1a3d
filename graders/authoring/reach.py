"""Which functions of a solution a test can reach, by the names in the solution's text. Nothing is run or imported here.

A rehearsal meets forty mistakes with thirty tests each, and tests that train take seconds. Where no change lies within
a test's reach, its result on the reference is its result on the mistake; where none lies within that of `fit`, the
reference has trained for the mistake too.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Definitions:
    """The functions and classes at the top level of a solution, their other names, and all else that stands there."""

    code: dict[str, str]
    """By name: its definitions, without comments and positions. One of several may live on under another name."""
    names: dict[str, frozenset[str]]
    """By name: what it takes from outside, by a name of no inner variable or by a word, as `getattr` does."""
    around: str
    """The statements between the definitions, in order."""
    names_around: frozenset[str]
    """What these use when the solution is imported."""


def definitions(text: str) -> Definitions:
    """The definitions of a solution's text.

    Raises:
        SyntaxError: it is not Python.
    """
    code: dict[str, str] = {}
    names: dict[str, frozenset[str]] = {}
    around: list[ast.stmt] = []
    scopes = {
        (scope.get_name(), scope.get_lineno()): scope for scope in symtable.symtable(text, "", "exec").get_children()
    }
    for node in ast.parse(text).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                at = node.decorator_list[0].lineno if node.decorator_list else node.lineno
                inside = scopes.get((node.name, node.lineno)) or scopes[(node.name, at)]
                name, uses = node.name, {*_outer_names(inside), *_words_in(node), *_names_in(_made_with(node))}
                written = ast.dump(node)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=other)):
                uses, written = {other}, ast.dump(node) + code.get(other, "")  # the definition that it names so far
            case _:
                around.append(node)
                continue
        code[name] = code.get(name, "") + written
        names[name] = names.get(name, frozenset()) | uses
    return Definitions(code, names, "\n".join(map(ast.dump, around)), frozenset(_names_in(around)))


def reached(of: Definitions, names: Collection[str]) -> frozenset[str]:
    """All definitions that can run when those with these names are used, or when the solution is imported."""
    seen: set[str] = set()
    ahead = {*names, *of.names_around} & of.code.keys()
    while ahead:
        seen |= ahead
        ahead = {name for each in ahead for name in of.names[each]} & of.code.keys() - seen
    return frozenset(seen)


def changed(before: Definitions, after: Definitions) -> frozenset[str] | None:
    """The definitions that differ or are new; None where anything else does, which may change every definition."""
    new = after.code.keys() - before.code.keys()
    # A new definition may stand before an import, or a function of Python, that the solution uses by this name.
    shadowed = new & before.names_around.union(*before.names.values())
    if before.around != after.around or before.code.keys() - after.code.keys() or shadowed:
        return None
    return frozenset(name for name, code in after.code.items() if before.code.get(name) != code)


def out_of_reach(before: str, after: str, names_used: Mapping[str, Collection[str]]) -> frozenset[str]:
    """The tests for which the second text does the same as the first.

    Args:
        names_used: By test: the functions that it uses; of a test without any nothing is known.
    """
    try:
        first, second = definitions(before), definitions(after)
    except SyntaxError:
        return frozenset()
    different = changed(first, second)
    if different is None:
        return frozenset()
    return frozenset(test for test, names in names_used.items() if names and not different & reached(first, names))


def trains_the_same(before: str, after: str) -> bool:
    """Whether the second text's `fit` learns from training cases alone what the first's does, and can store it so."""
    try:
        first, second, without_val = definitions(before), definitions(after), definitions(_without_val(before))
    except SyntaxError:
        return False
    different = changed(first, second)
    needs = {"fit", "save", "load"}
    return different is not None and needs <= first.code.keys() and not different & reached(without_val, needs)


def _without_val(text: str) -> str:
    """The text whose `fit` has for each `a if val is None else b` only the a: validation may ask anything."""
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "fit" and "val" not in _assigned_in(node):
            _NoneForVal().visit(node)
    return ast.unparse(tree)


class _NoneForVal(ast.NodeTransformer):
    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        return self.generic_visit(node.body if ast.unparse(node.test) == "val is None" else node)


def _outer_names(scope: symtable.SymbolTable) -> Iterator[str]:
    """The names that a function or class, and what is in it, take from the module."""
    yield from (symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global())
    for inner in scope.get_children():
        yield from _outer_names(inner)


def _made_with(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> list[ast.AST]:
    """What the module evaluates where it defines a function or class: decorators, defaults, bases."""
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *node.keywords]
    return [*node.decorator_list, node.args]


def _names_in(nodes: Collection[ast.AST]) -> set[str]:
    return {each.id for node in nodes for each in ast.walk(node) if isinstance(each, ast.Name)}


def _words_in(node: ast.AST) -> set[str]:
    constants = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def _assigned_in(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
