"""Decides for each cell of the instructor's whether it runs on the host, by its text alone.

The instructor's text decides, and nothing that a student wrote: else a student could choose to be judged inside.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import symtable
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from assignments.notebook import cell_tree

MODULES = frozenset({
    "numpy", "scipy", "math", "cmath", "random", "statistics", "itertools", "functools", "operator", "collections",
    "string", "re", "copy", "json", "datetime", "fractions", "decimal", "numbers", "typing", "textwrap", "warnings",
    "time", "unittest", "nose", "pytest", "hashlib", "sys", "__future__", "enum", "dataclasses", "heapq", "bisect",
})  # fmt: skip
"""What a test cell may import on the host: they compute, and touch neither files nor other processes."""
ELSEWHERE = {
    "torch": "PyTorch", "nn": "PyTorch", "F": "PyTorch", "tf": "TensorFlow", "tensorflow": "TensorFlow",
    "keras": "Keras", "plt": "Matplotlib", "matplotlib": "Matplotlib", "pd": "pandas", "pandas": "pandas",
    "sns": "seaborn", "sklearn": "scikit-learn", "os": "the student's files", "Path": "the student's files",
}  # fmt: skip
"""Names that nearly every notebook has for packages which the host does not import."""
OF_THE_INTERPRETER = frozenset({
    "globals", "locals", "vars", "eval", "exec", "compile", "get_ipython", "__import__", "__builtins__", "input",
    "open", "dir", "setattr", "delattr", "redirect_stdout", "redirect_stderr", "inspect", "capsys", "breakpoint",
    "In", "Out", "super", "memoryview",
})  # fmt: skip
ATTRIBUTES = frozenset({
    "__class__", "__dict__", "__doc__", "__code__", "__globals__", "__closure__", "__module__", "__mro__", "__bases__",
    "stdout", "stdin", "modules", "settrace", "setprofile", "_getframe", "mock", "patch", "exit", "setrecursionlimit",
})  # fmt: skip
OF_ARRAYS = frozenset({
    "load", "loadtxt", "genfromtxt", "fromfile", "memmap", "save", "savez", "savetxt", "tofile", "open_memmap", "io",
    "ctypeslib", "ctypes", "f2py", "distutils", "show_config", "DataSource", "fromregex", "savez_compressed",
})  # fmt: skip
"""Attributes with which NumPy reads and writes files."""
SEEDS = frozenset({"numpy.random.seed", "np.random.seed", "random.seed"})


@dataclass(frozen=True)
class Lifting:
    """A cell of the instructor's, as it runs on the host; or why it does not."""

    tree: ast.Module | None
    why_inside: str = ""
    defines: frozenset[str] = frozenset()
    """Functions, classes and imports that it binds outside functions."""
    draws: bool = False
    """Whether it uses the global streams of random numbers."""


@dataclass(frozen=True)
class Teaching:
    """What the cells before a test cell, of the instructor's, say about names."""

    away: tuple[tuple[str, str], ...] = ()
    """Names that locked cells import from packages which the host does not import, and the package."""
    patched: frozenset[str] = frozenset()
    """Names that locked cells read: a test that binds one of them changes what they compute."""


@lru_cache(maxsize=1024)
def lifting(source: str, teaching: Teaching) -> Lifting:
    """How a test cell runs on the host."""
    tree = cell_tree(source)
    if tree is None:
        return Lifting(None, "it is not Python")
    why = next(_reasons(tree, teaching, set(bound(tree))), "")
    defines = frozenset(name for node in tree.body for name in _defined(node))
    draws = any(isinstance(node, ast.Attribute | ast.Name) and _word(node) == "random" for node in ast.walk(tree))
    return Lifting(None if why else tree, why, defines, draws)


@lru_cache(maxsize=1024)
def repeated_statements(source: str, teaching: Teaching) -> ast.Module:
    """Of a locked cell, what is repeated on the host: imports, definitions, constants and seeds that can run there.

    Test cells use them, and a student's cells may bind their names anew inside.
    """
    tree = cell_tree(source) or ast.Module([], [])
    body: list[ast.stmt] = []
    for node in tree.body:
        alone = ast.Module([node], [])
        if _may_be_repeated(node) and not any(True for _ in _reasons(alone, teaching, frozenset())):
            body.append(node)
    return ast.Module(body, [])


@lru_cache(maxsize=1024)
def taught(teaching: Teaching, source: str) -> Teaching:
    """The same after another locked cell."""
    tree = cell_tree(source) or ast.Module([], [])
    away = dict(teaching.away)
    for node in ast.walk(tree):
        for module, name in _imports(node):
            if not is_of_the_host(module):
                away[name] = module
            else:
                away.pop(name, None)
    return Teaching(tuple(away.items()), teaching.patched | (read(tree) - set(bound(tree))))


@cache
def is_of_the_host(module: str) -> bool:
    """Whether the host may import a module for a test, and has it."""
    if module.split(".")[0] not in MODULES:
        return False
    try:
        return importlib.util.find_spec(module.split(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def _may_be_repeated(node: ast.stmt) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.ClassDef():
            return True
        case ast.Assign(targets=[ast.Name()], value=value):
            return all(isinstance(each, _CONSTANT) for each in ast.walk(value))
        case ast.Expr(value=ast.Call(func=function, args=arguments)):
            return ast.unparse(function) in SEEDS and all(isinstance(each, ast.Constant) for each in arguments)
    return False


_CONSTANT = (
    ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop,
    ast.expr_context,
)  # fmt: skip


def _reasons(tree: ast.Module, teaching: Teaching, binds: Collection[str]) -> Iterator[str]:
    """Why a cell cannot run on the host."""
    free = read(tree) - set(bound(tree))
    away = dict(teaching.away)
    for name in sorted(free):
        if name in away:
            yield f"it uses {away[name].split('.')[0]}, which the host does not import"
        elif name in ELSEWHERE:
            yield f"it uses {ELSEWHERE[name]}, by the name {name}"
        elif name in OF_THE_INTERPRETER:
            yield f"it uses {name}"
    for name in sorted(binds):
        if name in teaching.patched:
            yield f"it binds {name}, which a cell of the assignment reads"
        elif hasattr(builtins, name):
            yield f"it binds {name}, a name of Python's own"
    own = frozenset(bound(tree)) | {name for node in ast.walk(tree) for name in _arguments(node)}
    for node in ast.walk(tree):
        yield from _reasons_of(node, own)


def _reasons_of(node: ast.AST, own: Collection[str]) -> Iterator[str]:
    for module, _ in _imports(node):
        if not is_of_the_host(module) or any(part in ATTRIBUTES | OF_ARRAYS for part in module.split(".")):
            yield f"it imports {module}, which the host does not"
    match node:
        case ast.Attribute(attr=name) if name in ATTRIBUTES or name in OF_ARRAYS:
            yield f"it uses .{name}"
        case ast.Attribute(value=value, ctx=ast.Store() | ast.Del()) if _root(value) not in own:
            yield f"it changes {ast.unparse(node)}"
        case ast.Delete():
            yield "it deletes a name"
        case ast.Await() | ast.AsyncFor() | ast.AsyncWith() | ast.AsyncFunctionDef():
            yield "it waits for something"
        case ast.ExceptHandler(type=ast.expr() as kinds) if not all(map(_is_own_exception, _each(kinds))):
            yield "it catches an exception of the student's"
        case ast.ClassDef(bases=bases) if any(not hasattr(builtins, _root(base)) for base in bases):
            yield "it inherits from a class of the student's"
        case ast.Call(func=function, args=[kind, *_]) if "raises" in ast.unparse(function).lower():
            if not _is_own_exception(kind):
                yield "it expects an exception of the student's"


def _is_own_exception(node: ast.expr) -> bool:
    """Whether it is an exception of Python's or NumPy's."""
    name = ast.unparse(node)
    return hasattr(builtins, name) or name.split(".")[0] in ("np", "numpy") or isinstance(node, ast.Tuple)


def _each(node: ast.expr) -> Sequence[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _root(node: ast.expr) -> str:
    """The name with which a chain of attributes, items and calls begins."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _word(node: ast.Attribute | ast.Name) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


def _imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """(module, name that it binds) of an import statement."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name, alias.asname or alias.name.split(".")[0]
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield f"{'.' * node.level}{node.module or ''}", alias.asname or alias.name


def _arguments(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.arg):
        yield node.arg


def _defined(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    yield from (name for _, name in _imports(node))


def read(tree: ast.Module) -> set[str]:
    """Names that a cell reads of the notebook: not those that are a function's own."""
    waiting = [symtable.symtable(ast.unparse(tree), "<cell>", "exec")]
    names = set()
    while waiting:
        table = waiting.pop()
        is_top = table.get_type() == "module"
        names |= {
            each.get_name() for each in table.get_symbols() if each.is_referenced() and (is_top or each.is_global())
        }
        waiting += table.get_children()
    return names


def bound(tree: ast.Module) -> Iterator[str]:
    """Names that a cell binds for later cells: outside functions and classes, or declared `global` in one."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield from _defined(node)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        if isinstance(node, ast.Global):
            yield from node.names
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from (name for each in ast.walk(node) if isinstance(each, ast.Global) for name in each.names)
            continue
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            continue
        waiting += ast.iter_child_nodes(node)
