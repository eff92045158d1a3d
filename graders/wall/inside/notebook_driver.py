"""Runs a student's notebook cell by cell in a worker, and answers the host about the objects in it.

A worker receives this file as the source of its doubles. It imports nothing of the folder, so that it can stand alone.
The student's code may patch or replace everything here, and the host trusts nothing of the answers but their form.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import linecache
import operator
import os
import random
import signal
import sys
import types
import warnings
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import numpy as np

FOLDER = "notebook"
"""Holds the files that were handed in with the notebook; the host puts them there first."""
STDERR = "stderr"
DEPTH, NODES = 40, 100_000
"""How deep and how large a value is sent; what is beyond stays inside."""
LONG = 1000
"""From so many items of one kind on, a list is sent as an array, and from so many characters a text as bytes."""
DIGITS = 1 << 14
"""Bits of the largest integer that is sent."""
TEXT = 2000


class NotebookDriver:
    """One notebook: its names, the cells that ran, and the objects that the host has handles of."""

    def __init__(self, cell_cpu_s: float, cell_wall_s: float) -> None:
        """An empty notebook, whose cells may each take so many seconds, and so may each question about an object."""
        self.limits = (cell_cpu_s, cell_wall_s)
        self.objects: dict[int, Any] = {}
        self.numbers: dict[int, int] = {}
        os.dup2(os.open(STDERR, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
        os.makedirs(FOLDER, exist_ok=True)
        os.chdir(FOLDER)
        sys.path.insert(0, "")
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        self.names = module.__dict__
        self.names.update(get_ipython=lambda: _Shell(), display=lambda *_, **__: None)
        warnings.filterwarnings("ignore", message=".*is non-interactive")  # a notebook draws where a cell ends
        signal.signal(signal.SIGPROF, _interrupt)
        signal.signal(signal.SIGALRM, _interrupt)

    def run(self, number: int, source: np.ndarray[Any, Any], is_quiet: bool) -> dict[str, Any]:
        """Run a cell, its source in UTF-8, to its end or to its first exception, as a notebook does.

        Args:
            is_quiet: whether it hides the value of its last expression.
        """
        value, error = None, None
        self._arm(*self.limits)
        try:
            value = self._executed(number, source.tobytes().decode())
        except BaseException as raised:  # noqa: BLE001 - a cell may raise anything, and the next one runs all the same
            error = _described(raised, f"<cell {number}>")
        finally:
            self._arm(0, 0)
        text, is_number = None, None
        if error is None and value is not None and not is_quiet:
            text, is_number = _text(repr, value), _number(value)
        return {"error": error, "value": text, "number": is_number, "stderr": self._stderr()}

    def _executed(self, number: int, source: str) -> object:
        """The value of the cell's last expression."""
        name = f"<cell {number}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        tree = ast.parse(source, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        self._execute(tree, name, "exec")
        if last is None:
            return None
        return self._execute(ast.Expression(last.value), name, "eval")  # type: ignore[attr-defined]

    def _execute(self, tree: ast.AST, name: str, mode: str) -> object:
        code = compile(tree, name, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)  # type: ignore[call-overload]
        value = eval(code, self.names)
        if not code.co_flags & inspect.CO_COROUTINE:
            return value
        import asyncio  # NumPy's zygote has not imported it, and few cells wait

        return asyncio.run(value)

    def ask(self, what: str, arguments: list[Any], named: dict[str, Any]) -> dict[str, Any]:
        """One operation on objects of the notebook: a node of its value, or the exception that it raised."""
        reply: dict[str, Any] = {}
        self._arm(*self.limits)
        try:
            values = [self._value(node) for node in arguments]
            by_name = {name: self._value(node) for name, node in named.items()}
            changeable = {at: item for at, item in enumerate(values) if type(item) in CHANGEABLE}
            before = {at: _copied(self._node(item)) for at, item in changeable.items()}
            result = self._operation(what)(*values, **by_name)
            same = next((at for at, item in changeable.items() if item is result), None)
            reply["value"] = self._node(result) if same is None else ("argument", same)
            after = {at: self._node(item) for at, item in changeable.items()}
            reply["changed"] = [[at, after[at]] for at in after if not _same(before[at], after[at])]
        except BaseException as raised:  # noqa: BLE001 - whatever the student's code raises is an answer
            reply["error"] = _described(raised, "<cell ")
        finally:
            self._arm(0, 0)
        return {**reply, "stderr": self._stderr()}

    def _operation(self, what: str) -> Callable[..., Any]:
        own: dict[str, Callable[..., Any]] = {"look": self._look, "seed": self._seed}
        return own.get(what) or OPERATIONS[what]

    def _look(self, name: str) -> object:
        if name not in self.names:
            raise NameError(f"name {name!r} is not defined")
        return self.names[name]

    def _seed(self, numpys: Any, pythons: Any) -> None:
        """Continue the host's streams of random numbers."""
        np.random.set_state(tuple(numpys))
        random.setstate((pythons[0], tuple(pythons[1]), pythons[2]))

    def _stderr(self) -> int:
        """How many bytes have been written to stderr."""
        with contextlib.suppress(BaseException):  # a notebook may have replaced it by anything
            sys.stderr.flush()
        return os.fstat(2).st_size

    def _arm(self, cpu_s: float, wall_s: float) -> None:
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        signal.setitimer(signal.ITIMER_REAL, wall_s)

    # Values out and in; `notebook_values.py` on the host is the other end

    def _node(self, value: Any) -> Any:
        try:
            return _Writer(self._handle).node(value, 0)
        except _TooLarge:
            return self._handle(value)

    def _handle(self, value: object) -> tuple[Any, ...]:
        """A handle of an object: of the same object always the same number."""
        number = self.numbers.setdefault(id(value), len(self.numbers) + 1)
        self.objects[number] = value
        kind = type(value)
        return "handle", number, f"{kind.__module__}.{kind.__qualname__}"[:100], callable(value)

    def _value(self, node: Any) -> Any:
        if type(node) is list:
            return [self._value(item) for item in node]
        if type(node) is not tuple:
            return node
        tag, *parts = node
        if tag == "handle":
            return self.objects[parts[0]]
        if tag in FROM_ITEMS:
            return FROM_ITEMS[tag](self._value(item) for item in parts[0])
        if tag == "dict":
            return {self._value(key): self._value(item) for key, item in parts[0]}
        if tag == "slice":
            return slice(*(self._value(part) for part in parts))
        return FROM_PARTS[tag](*parts)


class _TooLarge(Exception):
    pass


class _Writer:
    """Writes the node of one value."""

    def __init__(self, handle: Callable[[object], tuple[Any, ...]]) -> None:
        self.handle = handle
        self.left = NODES

    def node(self, value: Any, depth: int) -> Any:
        self.left -= 1
        if depth > DEPTH or self.left < 0:
            raise _TooLarge
        kind = type(value)
        if value is None or kind in (bool, float):
            return value
        if kind is int:
            return value if -(1 << 63) <= value < 1 << 63 else self._long_int(value)
        if kind is str:
            return self._str(value)
        if kind is list and len(value) > LONG and (packed := _packed(value)) is not None:
            return packed
        if kind is list:
            return [self.node(item, depth + 1) for item in value]
        if kind.__name__ in FROM_ITEMS and (kind in ITEMS or kind.__module__ == "torch"):
            return ITEMS.get(kind, "tuple"), [self.node(item, depth + 1) for item in value]
        if kind in DICTS:
            pairs = [[self.node(k, depth + 1), self.node(v, depth + 1)] for k, v in value.items()]
            factory = getattr(value, "default_factory", None)
            if kind is dict or factory is None or factory.__module__ == "builtins":
                return DICTS[kind], pairs, *([factory and factory.__name__] if kind is defaultdict else [])
            return self.handle(value)
        if kind is np.ndarray or isinstance(value, np.generic):
            return self._array(value)
        if kind is complex:
            return "complex", value.real, value.imag
        if kind is bytes:
            return "bytes", np.frombuffer(value, np.uint8)
        if kind is range and max(map(abs, (value.start, value.stop, value.step))) < 1 << 62 and len(value) < NODES:
            return "range", value.start, value.stop, value.step
        if isinstance(value, np.dtype) and value.kind in "biufc":
            return "dtype", value.name
        if kind is type and (value.__module__ == "builtins" or issubclass(value, np.generic)):
            return "type", value.__module__, value.__name__
        return self.handle(value)

    def _long_int(self, value: int) -> Any:
        return ("integer", hex(value)) if value.bit_length() <= DIGITS else self.handle(value)

    def _str(self, value: str) -> Any:
        try:
            data = value.encode()
        except UnicodeEncodeError:
            return self.handle(value)
        return ("text", np.frombuffer(data, np.uint8)) if len(data) > LONG else value

    def _array(self, value: Any) -> Any:
        array = np.asarray(value)
        if array.dtype.kind in "biuf" and array.dtype.itemsize <= 8:
            return ("array" if type(value) is np.ndarray else "scalar"), array
        if array.dtype.kind == "c" and array.dtype.itemsize <= 16:
            pairs = np.ascontiguousarray(array).reshape(array.shape).view(f"f{array.dtype.itemsize // 2}")
            return "complexes", pairs.reshape(-1, 2), list(array.shape), type(value) is np.ndarray
        if array.dtype.kind == "U" and array.size < NODES // 10:
            return "texts", [str(item) for item in array.ravel()], list(array.shape)
        return self.handle(value)


def _packed(items: list[Any]) -> Any:
    """A long list of numbers of one kind as an array."""
    kinds = set(map(type, items))
    if kinds == {float}:
        return "floats", np.array(items, np.float64)
    if kinds == {int} and all(-(1 << 63) <= item < 1 << 63 for item in items):
        return "integers", np.array(items, np.int64)
    if len(kinds) == 1 and issubclass(kinds.copy().pop(), np.generic):
        array = np.array(items)
        return ("scalars", array) if array.dtype.kind in "biuf" else None
    return None


ITEMS: dict[type, str] = {tuple: "tuple", set: "set", frozenset: "frozenset", deque: "deque"}
FROM_ITEMS: dict[str, Callable[..., Any]] = {
    "tuple": tuple, "set": set, "frozenset": frozenset, "Size": tuple, "deque": deque,
}  # fmt: skip
DICTS: dict[type, str] = {dict: "dict", Counter: "counter", OrderedDict: "ordered", defaultdict: "default"}
FROM_PARTS: dict[str, Callable[..., Any]] = {
    "array": lambda array: array,
    "scalar": lambda array: array[()],
    "floats": lambda array: array.tolist(),
    "integers": lambda array: array.tolist(),
    "scalars": list,
    "complexes": lambda pairs, shape, whole: pairs.view(f"c{pairs.dtype.itemsize * 2}").reshape(shape)[
        ... if whole else ()
    ],
    "texts": lambda items, shape: np.array(items).reshape(shape),
    "text": lambda data: data.tobytes().decode(),
    "bytes": lambda data: data.tobytes(),
    "complex": complex,
    "integer": lambda digits: int(digits, 16),
    "range": range,
    "dtype": np.dtype,
    "type": lambda module, name: getattr(importlib.import_module(module), name),
    "function": lambda module, name: getattr(importlib.import_module(module), name),
}
EXTENDED: tuple[type[Any], ...] = (bool, int, float, complex, str, bytes, tuple, list, dict, set, frozenset)
CHANGEABLE = {list, dict, set, np.ndarray}
"""Arguments that a function may change in place."""


def _plain(value: Any) -> Any:
    """The numbers of a tensor, a series or the like; the value of an object whose class extends one of Python's own.

    Raises:
        TypeError: it is neither.
    """
    for kind in EXTENDED:
        if isinstance(value, kind):
            return kind(value)
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    if not hasattr(value, "numpy") and not hasattr(value, "__array__"):
        raise TypeError(f"a {type(value).__name__} is not numbers")
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"a {type(value).__name__} is not numbers")
    return array


OPERATIONS: dict[str, Callable[..., Any]] = {
    "call": lambda function, *args, **kwargs: function(*args, **kwargs),
    "method": lambda owner, name, *args, **kwargs: getattr(owner, name)(*args, **kwargs),
    "get": getattr,
    "set": setattr,
    "item": operator.getitem,
    "set_item": operator.setitem,
    "contains": operator.contains,
    "length": len,
    "iterate": iter,
    "next": lambda iterator, end: next(iterator, end),
    "plain": _plain,
    "isinstance": isinstance,
    "issubclass": issubclass,
    "truth": bool,
    "float": float,
    "int": int,
    "complex": complex,
    "text": str,
    "repr": repr,
    "format": format,
    "round": round,
    "enter": lambda manager: manager.__enter__(),
    "leave": lambda manager: manager.__exit__(None, None, None),
    **{name: getattr(operator, name) for name in (
        "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor", "lshift", "rshift",
        "neg", "pos", "invert", "abs", "eq", "ne", "lt", "le", "gt", "ge",
    )},
}  # fmt: skip


def _copied(node: Any) -> Any:
    """The same node, which does not change with the array that it was written from."""
    if type(node) in (list, tuple):
        return type(node)(map(_copied, node))
    return node.copy() if type(node) is np.ndarray else node


def _same(left: Any, right: Any) -> bool:
    """Whether two nodes describe equal values of equal types."""
    if type(left) is not type(right):
        return False
    if type(left) in (list, tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    if type(left) is np.ndarray:
        return bool(left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes())
    return bool(left == right or (left != left and right != right))


class _Shell:
    """What `get_ipython()` returns: it takes every magic and runs no shell."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt("the cell took too long and was interrupted")


def _number(value: object) -> float | None:
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return None
    return None


def _text(make: Callable[[Any], str], value: object) -> str:
    try:
        return str(make(value))[:TEXT].encode("utf-8", "replace").decode()
    except BaseException as error:  # noqa: BLE001 - a student's __repr__ may raise anything
        return f"<no text: {type(error).__name__}>"


def _described(error: BaseException, cell: str) -> dict[str, Any]:
    """An exception as values: its classes' names, its message, and the last line of a cell that it passed."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(cell):
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and not line:
        line = error.lineno or 0
    classes = [[each.__module__, each.__qualname__] for each in type(error).__mro__ if each is not object]
    return {"classes": classes[:20], "message": _text(str, error), "line": line}
