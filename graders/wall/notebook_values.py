"""Values of a notebook as they cross the wall: Python's own types and arrays, with handles for all else.

A hidden test of medmark's own compares answers that `interface.py` declares. A test cell compares whatever a student's
function returns, so more types cross here: integers of any size, sets, dicts with any keys, `nan`. They lie in the
values of docs/wire.md as tuples that begin with a tag. `inside/notebook_driver.py` is the other end.
"""

from __future__ import annotations

import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import numpy as np

from graders.failures import ProtocolViolation, ReplyTooLarge

DEPTH = 44
DIGITS = 1 << 13
"""Characters of an integer's digits, base 16."""
FUNCTIONS = ("numpy", "math", "builtins", "operator", "scipy")
"""Packages whose functions a test may hand to a student's code: they cross by their names."""
TYPES = {kind.__name__: kind for kind in (
    bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, range, object, type, slice,
)}  # fmt: skip
LONG = 1000
RANGE = 1 << 20
"""Numbers of the largest range: a test may sum them up."""

Wrap = Callable[[int, str, bool], object]
"""Makes the host's stand-in of an object that stayed inside: its number, its type's name, whether it can be called."""


class CannotCross(BaseException):
    """A value of the test's own that cannot go inside, such as a lambda: the cell has to run there as a whole.

    A test cell that expects an exception shall not catch it: so it is none of `Exception`.
    """


class TooLargeToCross(CannotCross):
    """A value that is too large or nested too deep to go inside: it may be an answer that the student chose."""


def node_of(value: Any, number_of: Callable[[object], int | None], depth: int = 0) -> Any:
    """The node of a test's value.

    Args:
        value: An argument of a call.
        number_of: The number of an object that stayed inside; None for any other object.

    Raises:
        CannotCross: the value is of another type, or nested too deep.
    """
    kind = type(value)
    if depth > DEPTH:
        raise TooLargeToCross("a value that is nested too deep")
    if value is None or kind in (bool, float):
        return value
    if kind is int:
        return value if -(1 << 63) <= value < 1 << 63 else ("integer", hex(value))
    if kind is str:
        return ("text", np.frombuffer(value.encode(), np.uint8)) if len(value) > LONG else value
    if kind is list and len(value) > LONG and set(map(type, value)) == {float}:
        return "floats", np.array(value)
    if kind is list and len(value) > LONG and set(map(type, value)) == {int} and max(map(abs, value)) < 1 << 62:
        return "integers", np.array(value, np.int64)
    if kind is list:
        return [node_of(item, number_of, depth + 1) for item in value]
    if kind in (tuple, set, frozenset):
        return kind.__name__, [node_of(item, number_of, depth + 1) for item in value]
    if kind is dict:
        pairs = value.items()
        return "dict", [[node_of(k, number_of, depth + 1), node_of(v, number_of, depth + 1)] for k, v in pairs]
    if (number := number_of(value)) is not None:
        return "handle", number
    return _plain_node(value, kind, number_of, depth)


def _plain_node(value: Any, kind: type, number_of: Callable[[object], int | None], depth: int) -> Any:
    if (kind is np.ndarray or isinstance(value, np.generic)) and value.dtype.kind in "biuf" and value.itemsize <= 8:
        return ("array" if kind is np.ndarray else "scalar"), np.asarray(value)
    if (kind is np.ndarray or isinstance(value, np.generic)) and value.dtype.kind == "c" and value.itemsize <= 16:
        array = np.ascontiguousarray(value).reshape(np.shape(value))
        return "complexes", array.view(f"f{array.itemsize // 2}").reshape(-1, 2), list(array.shape), kind is np.ndarray
    if kind is np.ndarray and value.dtype.kind == "U":
        return "texts", [str(item) for item in value.ravel()], list(value.shape)
    if kind is complex:
        return "complex", value.real, value.imag
    if kind is bytes:
        return "bytes", np.frombuffer(value, np.uint8)
    if kind is range:
        return "range", value.start, value.stop, value.step
    if kind is slice:
        return "slice", *(node_of(part, number_of, depth + 1) for part in (value.start, value.stop, value.step))
    if isinstance(value, np.dtype):
        return "dtype", value.name
    if kind is type and (value.__module__ == "builtins" or issubclass(value, np.generic)):
        return "type", value.__module__, value.__name__
    if isinstance(value, np.ufunc):
        return "function", "numpy", value.__name__
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType) or hasattr(value, "__wrapped__"):
        module, name = getattr(value, "__module__", None), getattr(value, "__name__", "")
        if isinstance(module, str) and module.split(".")[0] in FUNCTIONS and "<" not in name:
            return "function", module, name
    raise CannotCross(f"a {kind.__name__} of the test's own")


def value_of(node: Any, wrap: Wrap) -> Any:
    """The host's value of a node that a worker sent, whose form docs/wire.md has checked already.

    Raises:
        ProtocolViolation: no honest worker sends such a node.
        ReplyTooLarge: it is nested too deep.
    """
    try:
        return _value_of(node, wrap, 0)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ProtocolViolation(f"a value of no known kind: {error}") from None


def _value_of(node: Any, wrap: Wrap, depth: int) -> Any:
    if depth > DEPTH:
        raise ReplyTooLarge(f"nested more than {DEPTH} deep")
    if node is None or type(node) in (bool, int, float, str):
        return node
    if type(node) is list:
        return [_value_of(item, wrap, depth + 1) for item in node]
    match node:
        case ("handle", int(number), str(name), bool(is_callable)) if number > 0:
            return wrap(number, name, is_callable)
        case (("tuple" | "set" | "frozenset" | "deque") as tag, list(items)):
            values = [_value_of(item, wrap, depth + 1) for item in items]
            return {"tuple": tuple, "set": set, "frozenset": frozenset, "deque": deque}[tag](values)
        case (("dict" | "counter" | "ordered" | "default") as tag, list(pairs), *rest):
            mapping = {_value_of(key, wrap, depth + 1): _value_of(item, wrap, depth + 1) for key, item in pairs}
            return _DICTS[tag](mapping, *rest)
    return _leaf(node)


def _leaf(node: Any) -> Any:
    match node:
        case ("array", np.ndarray() as array):
            return array.copy()
        case ("scalar", np.ndarray() as array) if array.shape == ():
            return array[()]
        case ("floats" | "integers", np.ndarray() as array) if array.ndim == 1:
            return array.tolist()
        case ("scalars", np.ndarray() as array) if array.ndim == 1:
            return list(array)
        case ("complexes", np.ndarray() as pairs, list(shape), bool(whole)) if pairs.dtype in ("f4", "f8"):
            array = np.ascontiguousarray(pairs).view(f"c{pairs.itemsize * 2}").reshape(shape)
            return array.copy() if whole else array[()]
        case ("texts", list(items), list(shape)) if all(type(item) is str for item in items):
            return np.array(items, dtype=str).reshape(shape)
        case ("text", np.ndarray() as data) if data.dtype == np.uint8:
            return data.tobytes().decode()
        case ("bytes", np.ndarray() as data) if data.dtype == np.uint8:
            return data.tobytes()
        case ("complex", float(real), float(imaginary)):
            return complex(real, imaginary)
        case ("integer", str(digits)) if len(digits) <= DIGITS:
            return int(digits, 16)
        case ("range", int(start), int(stop), int(step)) if len(numbers := range(start, stop, step)) < RANGE:
            return numbers
        case ("dtype", str(name)) if name in _SCALARS:
            return np.dtype(name)
        case ("type", "builtins", str(name)) if name in TYPES:
            return TYPES[name]
        case ("type", "numpy", str(name)) if name in _SCALARS:
            return np.dtype(name).type
    raise ProtocolViolation("a value of no known kind")


_FACTORIES: dict[str, Callable[[], Any]] = {
    kind.__name__: kind for kind in (bool, int, float, complex, str, list, tuple, dict, set)
}


def _with_default(values: dict[Any, Any], factory: Any) -> defaultdict[Any, Any]:
    return defaultdict(_FACTORIES[factory] if type(factory) is str and factory in _FACTORIES else None, values)


_DICTS: dict[str, Callable[..., Any]] = {
    "dict": lambda values: values, "counter": Counter, "ordered": OrderedDict, "default": _with_default,
}  # fmt: skip
_SCALARS = frozenset({
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "complex64", "complex128",
})  # fmt: skip
