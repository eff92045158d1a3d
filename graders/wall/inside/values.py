"""Values to heads and arrays and back, inside the sandbox (docs/wire.md, "Values"). `wire.py` is the host's end.

The host wrote the values that arrive. It checks the values that leave again: this end only has to be exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

NESTING = 60
AXES = 8
INT_LIMIT = 1 << 63


class Unsendable(Exception):
    """A value that cannot cross: an integer too large, text that is not Unicode, nesting without end."""

    large = False


class Oversized(Unsendable):
    """A value of a kind that crosses, but too large."""

    large = True


class Encoder:
    """The worker's encoder, for the values of one frame; `wire.py` has the host's.

    Args:
        keep: stores an object that stays inside, and returns its handle's number.
        plain: turns a framework's tensor into the array that crosses in its place.
    """

    def __init__(self, keep: Callable[[object], int], plain: Callable[[object], object] = lambda value: value) -> None:
        self._keep = keep
        self._plain = plain
        self.arrays: list[tuple[str, list[int]]] = []
        self.parts: list[memoryview] = []
        self.models: list[object] = []
        """Objects that became handles because the request's `keep` says so."""

    def encode(self, value: object, due: Any = None, depth: int = 0) -> Any:
        """The head's node for a value; `due` is the request's `keep` for this part of the answer."""
        if depth > NESTING:
            raise Unsendable(f"nested more than {NESTING} deep")
        if due is True and value is not None:
            self.models.append(value)
            return self._handle(value)
        value = self._plain(value)
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            if not -INT_LIMIT <= value < INT_LIMIT:  # type: ignore[operator]
                raise Unsendable("an integer of more than 64 bits")
            return value
        if kind is float:
            return value if math.isfinite(value) else {"f": repr(value)}  # type: ignore[arg-type]
        if kind is str:
            try:
                value.encode("utf-8")  # type: ignore[attr-defined]
            except UnicodeEncodeError:
                raise Unsendable("text that is not valid Unicode") from None
            return value
        if kind is list:
            return self._items(value, due, depth)  # type: ignore[arg-type]
        if kind is tuple:
            return {"t": self._items(value, due, depth)}  # type: ignore[arg-type]
        if kind is dict and all(type(key) is str for key in value):  # type: ignore[attr-defined]
            pairs = value.items()  # type: ignore[attr-defined]
            return {"d": {self.encode(k): self.encode(v, _of(due, k), depth + 1) for k, v in pairs}}
        if (kind is np.ndarray or isinstance(value, np.generic)) and _crosses(np.asarray(value).dtype):
            return self._array(np.asarray(value))
        return self._handle(value)

    def _items(self, value: list[object] | tuple[object, ...], due: Any, depth: int) -> list[Any]:
        return [self.encode(item, _of(due, index), depth + 1) for index, item in enumerate(value)]

    def _handle(self, value: object) -> dict[str, Any]:
        kind = type(value)
        return {"h": self._keep(value), "is": f"{kind.__module__}.{kind.__qualname__}"[:120]}

    def _array(self, array: np.ndarray[Any, Any]) -> dict[str, int]:
        if array.ndim > AXES:
            raise Oversized(f"an array of {array.ndim} axes; {AXES} can cross")
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        self.arrays.append((little.dtype.str, list(array.shape)))
        self.parts.append(little.reshape(-1).view(np.uint8).data)
        return {"a": len(self.arrays) - 1}


def _of(due: Any, key: int | str) -> Any:
    """The request's `keep` for one item of a list, tuple or dict."""
    match due:
        case {"each": part}:
            return part
        case {"items": list(parts)}:
            return parts[key] if type(key) is int and key < len(parts) else None
        case {"keys": dict(parts)}:
            return parts.get(key)
    return None


def _crosses(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "biuf" and dtype.itemsize <= 8


def decode(node: Any, arrays: list[np.ndarray[Any, Any]], handle: Callable[[int], object]) -> Any:
    """The value of a head's node; `handle` looks up the object of a number."""
    if type(node) is list:
        return [decode(item, arrays, handle) for item in node]
    if type(node) is not dict:
        return node
    if "t" in node:
        return tuple(decode(item, arrays, handle) for item in node["t"])
    if "d" in node:
        return {key: decode(item, arrays, handle) for key, item in node["d"].items()}
    if "f" in node:
        return float(node["f"])
    if "a" in node:
        return arrays[node["a"]]
    return handle(node["h"])


def arrays_of(table: list[tuple[str, list[int]]], body: bytearray) -> list[np.ndarray[Any, Any]]:
    """The arrays of a body; writable, sharing its memory."""
    arrays, offset = [], 0
    for text, shape in table:
        dtype = np.dtype(text)
        size = math.prod(shape) * dtype.itemsize
        piece = np.frombuffer(memoryview(body)[offset : offset + size], np.uint8)
        # A copy where the frame leaves an item across a word: frameworks refuse unaligned memory.
        piece = piece.copy() if offset % dtype.itemsize else piece
        arrays.append(piece.view(dtype).reshape(shape) if size else np.empty(shape, dtype))
        offset += size
    return arrays
