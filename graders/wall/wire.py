"""What may cross the wall, the host's side: values to frames, and hostile bytes to values (docs/wire.md).

It decides what a byte sequence means; `graders.wall.replies` checks types against the assignment's interface. Nothing
here unpickles, imports or evaluates.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from assignments.data.columns import Column
from assignments.interface import AXES
from graders.failures import DataFailure, ProtocolViolation, ReplyTooLarge
from graders.wall.cases import JoinedCases, stand_in

WIRE = 2
PREFIX = struct.Struct("<II")
MIB = 1 << 20
HEAD_CAP = MIB
BODY_CAP = (1 << 30) - 2 * HEAD_CAP
"""The most bytes of a request's arrays: a keeper reads at most 1 GiB, and a worker's frame lies in it."""
NESTING = 64
ARRAYS = 10_000
EXTENT = 1 << 40
"""Product of an array's non-zero sizes: an empty array may not claim more than NumPy can describe."""
DTYPES = {"|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8"}
INT_LIMIT = 1 << 63

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class UnreadPart:
    """The bytes of one case that is read when they are sent, so that not all cases lie in memory together."""

    column: Column
    index: int

    @property
    def nbytes(self) -> int:
        """How many bytes they are."""
        return self.column[self.index : self.index + 1].nbytes

    def read(self) -> memoryview:
        """The bytes, little-endian in C order."""
        data = _little_bytes(np.asarray(self.column[self.index]))
        if data.nbytes != self.nbytes:
            raise DataFailure(f"a case has {data.nbytes} bytes where its column declares {self.nbytes}")
        return data


Part = memoryview | UnreadPart
"""A piece of a frame."""


@dataclass(frozen=True)
class HandleReference:
    """A handle as it stands on the wire: a number that is valid in one worker only."""

    number: int
    description: str = ""
    """The worker's own name for the object: evidence, never trusted."""


class Encoder:
    """The host's encoder, for the values of one request frame; `inside/values.py` has the worker's.

    Args:
        reference: turns a handle object into its HandleReference.
    """

    def __init__(self, reference: Callable[[object], HandleReference | None]) -> None:
        self._reference = reference
        self.arrays: list[tuple[str, list[int]]] = []
        self.parts: list[Part] = []

    def encode(self, value: object, depth: int = 0) -> Any:
        """The head's node for a value.

        Raises:
            TypeError: the value may not cross the wall; the test's author has to change it.
        """
        if depth > NESTING - 4:
            raise TypeError("arguments may be nested at most 60 deep")
        if value is None or type(value) in (bool, str):
            return value
        if type(value) is int:
            if not -INT_LIMIT <= value < INT_LIMIT:
                raise TypeError("integers that cross the wall have at most 64 bits")
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"f": repr(value)}
        if type(value) is list:
            return [self.encode(item, depth + 1) for item in value]
        if type(value) is tuple:
            return {"t": [self.encode(item, depth + 1) for item in value]}
        if type(value) is dict and all(type(key) is str for key in value):
            return {"d": {key: self.encode(item, depth + 1) for key, item in value.items()}}
        if type(value) is np.ndarray or isinstance(value, np.generic):
            return self._array(np.asarray(value))
        if type(value) is Column:
            return [self._unread(stand_in(case), value[i : i + 1]) for i, case in enumerate(value.cases)]
        if type(value) is JoinedCases:
            return self._unread(value.stand_in, value.cases)
        reference = self._reference(value)
        if reference is None:
            raise TypeError(f"a {type(value).__name__} cannot cross the wall; arrays, plain values and handles can")
        return {"h": reference.number}

    def _array(self, array: Array) -> dict[str, int]:
        node = self._declare(array.dtype, array.shape)
        self.parts.append(_little_bytes(array))
        return node

    def _unread(self, like: Array, column: Column) -> dict[str, int]:
        """One array of cases that are read when they are sent; `like` has its dtype and shape."""
        node = self._declare(like.dtype, like.shape)
        self.parts += [UnreadPart(column, i) for i in range(len(column))]
        return node

    def _declare(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> dict[str, int]:
        little = dtype.newbyteorder("<").str
        if little not in DTYPES:
            raise TypeError(f"arrays of dtype {dtype} cannot cross the wall")
        if len(shape) > AXES:
            raise TypeError(f"arrays that cross the wall have at most {AXES} axes, not {len(shape)}")
        self.arrays.append((little, list(shape)))
        return {"a": len(self.arrays) - 1}


def _little_bytes(array: Array) -> memoryview:
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data


def frame(head: dict[str, Any], parts: Sequence[Part]) -> list[Part]:
    """A frame as buffers to write one after the other; the arrays are not copied.

    Raises:
        TypeError: it is larger than a frame can be.
    """
    text = json.dumps(head, allow_nan=False, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    if len(text) > HEAD_CAP:
        raise TypeError(f"a request's head of {len(text)} bytes: pass long lists as arrays")
    size = sum(part.nbytes for part in parts)
    if size > BODY_CAP:
        raise TypeError(f"a request's arrays have {size} bytes together; at most {BODY_CAP} can cross the wall at once")
    return [memoryview(PREFIX.pack(len(text), size) + text), *parts]


def read_head(data: bytes | memoryview) -> dict[str, Any]:
    """The JSON object of a head.

    Raises:
        ProtocolViolation: it is not a JSON object, or holds something that docs/wire.md does not allow.
    """
    try:
        head = json.loads(
            bytes(data).decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ProtocolViolation(f"the head is not JSON: {type(error).__name__}") from None
    if type(head) is not dict:
        raise ProtocolViolation("the head is not a JSON object")
    return head


def split(body: memoryview) -> tuple[dict[str, Any], memoryview]:
    """Head and body of a worker's frame that fills `body` exactly.

    Raises:
        ProtocolViolation: the lengths do not add up, or the head cannot be read.
    """
    if body.nbytes < PREFIX.size:
        raise ProtocolViolation("a frame of less than its eight bytes of lengths")
    head_size, body_size = PREFIX.unpack(body[: PREFIX.size])
    if head_size > HEAD_CAP or PREFIX.size + head_size + body_size != body.nbytes:
        raise ProtocolViolation("the lengths of a frame do not add up")
    start = PREFIX.size + head_size
    return read_head(body[PREFIX.size : start]), body[start:]


def arrays_of(table: object, body: memoryview) -> list[Array]:
    """The arrays that a head declares, as read-only views of the body.

    Raises:
        ProtocolViolation: a dtype that may not cross, an invalid shape, or sizes that do not add up.
        ReplyTooLarge: more arrays than allowed.
    """
    if type(table) is not list:
        raise ProtocolViolation("the table of arrays is not a list")
    if len(table) > ARRAYS:
        raise ReplyTooLarge(f"{len(table)} arrays in one answer; {ARRAYS} are allowed")
    declared: list[tuple[np.dtype[Any], list[int], int]] = []
    for row in table:
        if type(row) is not list or len(row) != 2 or type(row[0]) is not str or row[0] not in DTYPES:
            raise ProtocolViolation("an array of a dtype that may not cross")
        dtype, shape = np.dtype(row[0]), row[1]
        if type(shape) is not list or len(shape) > AXES:
            raise ProtocolViolation(f"an array with no shape, or of more than {AXES} axes")
        if any(type(size) is not int or size < 0 for size in shape):
            raise ProtocolViolation("an array with a negative size")
        if math.prod(max(1, size) for size in shape) > EXTENT:
            raise ProtocolViolation("an array with an absurd shape")
        declared.append((dtype, shape, math.prod(shape) * dtype.itemsize))
    if sum(size for _, _, size in declared) != body.nbytes:
        raise ProtocolViolation("the arrays' sizes do not add up to the body")
    arrays, offset = [], 0
    for dtype, shape, size in declared:
        piece = np.frombuffer(body[offset : offset + size], np.uint8).copy() if size else np.empty(0, np.uint8)
        array = piece.view(dtype).reshape(shape)
        if dtype.kind == "b" and size and int(piece.max()) > 1:
            raise ProtocolViolation("a truth value that is neither 0 nor 1")
        array.flags.writeable = False
        arrays.append(array)
        offset += size
    return arrays


def decode(node: object, arrays: list[Array]) -> Any:
    """The value of a node: plain values, arrays, and `HandleReference` where a handle stands.

    Raises:
        ProtocolViolation: a node that docs/wire.md does not define.
        ReplyTooLarge: nested too deep.
    """
    return _decode(node, arrays, set(), 0)


def _decode(node: object, arrays: list[Array], seen: set[int], depth: int) -> Any:
    if depth > NESTING:
        raise ReplyTooLarge(f"nested more than {NESTING} deep")
    if type(node) is str:
        _text(node)
        return node
    if node is None or type(node) in (bool, int, float):
        return node
    if type(node) is list:
        return [_decode(item, arrays, seen, depth + 1) for item in node]
    if type(node) is not dict:
        raise ProtocolViolation("a value of an unknown kind")
    match node:
        case {"t": list(items), **rest} if not rest:
            return tuple(_decode(item, arrays, seen, depth + 1) for item in items)
        case {"d": dict(items), **rest} if not rest:
            _text(*items)
            return {key: _decode(item, arrays, seen, depth + 1) for key, item in items.items()}
        case {"f": ("nan" | "inf" | "-inf") as name, **rest} if not rest:
            return float(name)
        case {"a": int(index), **rest} if not rest and type(index) is int and 0 <= index < len(arrays):
            # Each occurrence would be checked again: a large array could keep the host busy for hours.
            if index in seen:
                raise ProtocolViolation("an array stands twice in one value")
            seen.add(index)
            return arrays[index]
        case {"h": int(number), "is": str(description), **rest} if not rest and type(number) is int and number > 0:
            _text(description)
            return HandleReference(number, description[:120])
    raise ProtocolViolation("a tagged value of an unknown kind")


def _text(*texts: str) -> None:
    try:
        for text in texts:
            text.encode("utf-8")
    except UnicodeEncodeError:
        raise ProtocolViolation("text that is not valid Unicode") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    by_key = dict(pairs)
    if len(by_key) != len(pairs):
        raise ProtocolViolation("a key stands twice in one object")
    return by_key


def _refuse_constant(name: str) -> NoReturn:
    raise ProtocolViolation(f"the wire carries no {name}")


def _integer(text: str) -> int:
    if len(text) > 20 or not -INT_LIMIT <= (value := int(text)) < INT_LIMIT:
        raise ProtocolViolation("an integer of more than 64 bits")
    return value


def _float(text: str) -> float:
    value = float(text) if len(text) < 400 else math.inf
    if not math.isfinite(value):
        raise ProtocolViolation("a number beyond the range of float")
    return value
