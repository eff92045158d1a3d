"""One array of many cases, each read when it is asked for: cases may differ in shape and never all lie in memory.

A column stands where a NumPy array with a leading N stands for cases that are small and of one shape. Both have `len`,
`column[i]` for one case and `column[indices]` for several; the functions here serve both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol, overload

import numpy as np

from assignments.errors import UserError

Array = np.ndarray[Any, Any]
COUNTED = 1 << 22
"""Numbers that are counted at once."""

TELLING_SIZE, TELLING_VALUES = 64, 8
"""An array identifies its case if it is not constant and has so many numbers, or so many different ones."""


class LazyCase(Protocol):
    """One case's array: its dtype and shape are known before it is read."""

    @property
    def dtype(self) -> str | np.dtype[Any]:
        """Its dtype, or NumPy's name of it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Without a leading N."""

    def read(self) -> Array:
        """The array."""


@dataclass(frozen=True)
class StoredCase:
    """One case's array in a file of its own, or a row of a file that has a leading N."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    row: int | None = None
    digest: str = ""
    """Of the array's dtype, shape and bytes."""

    def read(self, files: dict[Path, Array] | None = None) -> Array:
        """The array, mapped from its file: pages are read when they are used.

        Args:
            files: those that are mapped already, where many rows of one file are read.

        Raises:
            UserError: the file is gone or cut off.
        """
        files = {} if files is None else files
        try:
            if self.path not in files:
                files[self.path] = np.asarray(np.load(self.path, mmap_mode="r", allow_pickle=False))
            array = files[self.path]
            case = array if self.row is None else array[self.row]
            if case.shape != self.shape or case.dtype != np.dtype(self.dtype):
                raise ValueError(f"it holds {case.dtype} {case.shape}, not {self.dtype} {self.shape}")
        except (OSError, EOFError, ValueError, IndexError) as error:
            cure = "Remove this folder and run the command again: it reads the cases anew."
            raise UserError(f"{self.path}: a prepared case cannot be read ({error}). {cure}") from error
        return case


@dataclass(frozen=True)
class MadeCase:
    """A case that a function makes each time it is read: from other cases, or from nothing but its shape."""

    make: Callable[[], Array]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def read(self) -> Array:
        """The array that the function makes."""
        return self.make()


class Column(Sequence[Array]):
    """Cases of one array, read one at a time.

    `changed` is applied to each case when it is read. It keeps dtype and shape, which are known without reading.
    """

    def __init__(self, cases: Sequence[LazyCase], changed: Callable[[Array], Array] | None = None) -> None:
        self.cases = tuple(cases)
        self._changed = changed

    def __len__(self) -> int:
        return len(self.cases)

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice | Sequence[int] | Array) -> Column: ...
    def __getitem__(self, index: Any) -> Array | Column:
        if isinstance(index, slice):
            return Column(self.cases[index], self._changed)
        if isinstance(index, int | np.integer):
            case = self.cases[index].read()
            return case if self._changed is None else self._changed(case)
        indices = np.asarray(index)
        if indices.dtype == bool:
            indices = np.flatnonzero(indices)
        return Column([self.cases[int(i)] for i in indices], self._changed)

    def __iter__(self) -> Iterator[Array]:
        return (self[i] for i in range(len(self)))

    @property
    def is_plain(self) -> bool:
        """Whether each case is as it is stored."""
        return self._changed is None

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each case."""
        return tuple(case.shape for case in self.cases)

    @cached_property
    def whole_numbers(self) -> frozenset[int]:
        """All different numbers in cases of whole numbers. All cases are read once, one at a time."""
        return frozenset().union(*(_whole_numbers(case) for case in self))

    @property
    def nbytes(self) -> int:
        """Bytes of all cases together."""
        return sum(_nbytes(case) for case in self.cases)

    @property
    def size(self) -> int:
        """Numbers of all cases together."""
        return sum(math.prod(case.shape) for case in self.cases)


Cases = np.ndarray[Any, Any] | Column
"""One array of many cases: with a leading N, or read one at a time."""


def filled(shapes: Sequence[tuple[int, ...]], value: float, dtype: Any) -> Column:
    """Cases of these shapes, each with one value everywhere, which take no memory before they are read."""
    kind = np.dtype(dtype)
    return Column([MadeCase(partial(np.full, shape, value, kind), kind, shape) for shape in shapes])


def record_column(columns: Mapping[str, Cases]) -> Column:
    """Several arrays of the same cases as one column: each case is a 0-d record with a field for each array."""
    fields = {name: _lazy(cases) for name, cases in columns.items()}
    count = len(next(iter(fields.values())))
    return Column([_record(columns, {name: of[i] for name, of in fields.items()}, i) for i in range(count)])


def field_names(cases: Cases) -> tuple[str, ...]:
    """The fields of cases that are records; none if they are arrays of numbers."""
    if isinstance(cases, Column):
        return next((np.dtype(case.dtype).names or () for case in cases.cases), ())
    return cases.dtype.names or ()


def case_shapes(cases: Cases, field: str | None = None) -> tuple[tuple[int, ...], ...]:
    """The shape of each case, or of one field of each record."""
    if field is not None:
        return tuple(np.dtype(case.dtype)[field].shape for case in _lazy(cases))
    return cases.shapes if isinstance(cases, Column) else (cases.shape[1:],) * len(cases)


def largest(cases: Cases) -> int:
    """Numbers in the largest case; bytes, if the cases are records."""
    if isinstance(cases, Column):
        return max((_numbers(np.dtype(case.dtype), case.shape) for case in cases.cases), default=0)
    return _numbers(cases.dtype, cases.shape[1:])


def largest_bytes(cases: Cases) -> int:
    """Bytes of the largest case."""
    return max((_nbytes(case) for case in _lazy(cases)), default=0)


def held_bytes(cases: Cases) -> int:
    """Bytes that lie in memory at once: all of an array, and the largest case of a column."""
    return largest_bytes(cases) if isinstance(cases, Column) else cases.nbytes


def stacked(cases: Cases) -> Array:
    """The cases as one array with a leading N.

    Raises:
        ValueError: they differ in shape.
    """
    return np.stack(list(cases)) if isinstance(cases, Column) else cases


def one_by_one(cases: Cases) -> Column:
    """The cases as a column, whether or not they are an array."""
    return cases if isinstance(cases, Column) else Column(_lazy(cases))


def in_memory(cases: Cases) -> Cases:
    """The same cases, all of them read now."""
    if not isinstance(cases, Column):
        return cases
    arrays = [np.asarray(case) for case in cases]
    return Column([MadeCase(partial(_itself, array), array.dtype, array.shape) for array in arrays])


def _itself(array: Array) -> Array:
    return array


def alone(cases: Cases, index: int) -> Array:
    """One case with a leading N of 1."""
    return np.asarray(cases[index])[None]


def whole_numbers(cases: Cases) -> frozenset[int]:
    """All different numbers in cases of whole numbers."""
    return cases.whole_numbers if isinstance(cases, Column) else _whole_numbers(cases)


def _whole_numbers(array: Array) -> frozenset[int]:
    if array.dtype != np.uint8:
        return frozenset(map(int, np.unique(array)))
    # Sorting a volume of labels takes seconds; counting a part of it at a time takes little time and memory.
    flat = array.reshape(-1)
    counts = sum(
        (np.bincount(flat[start : start + COUNTED], minlength=256) for start in range(0, flat.size, COUNTED)),
        np.zeros(256, np.intp),
    )
    return frozenset(map(int, np.flatnonzero(counts)))


def _lazy(cases: Cases) -> Sequence[LazyCase]:
    """Each case, which is not read."""
    if isinstance(cases, Column):
        return cases.cases
    return [MadeCase(lambda i=i: cases[i], cases.dtype, cases.shape[1:]) for i in range(len(cases))]  # type: ignore[misc]


def _record(columns: Mapping[str, Cases], fields: Mapping[str, LazyCase], index: int) -> MadeCase:
    dtype = np.dtype([(name, np.dtype(case.dtype), case.shape) for name, case in fields.items()])

    def make() -> Array:
        record = np.empty((), dtype)
        for name in fields:
            record[name] = columns[name][index]
        return record

    return MadeCase(make, dtype, ())


def _numbers(dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    return int(dtype.itemsize) if dtype.names else math.prod(shape)


def _nbytes(case: LazyCase) -> int:
    return math.prod(case.shape) * np.dtype(case.dtype).itemsize


def identifies(array: Array) -> bool:
    """Whether an array tells cases apart: it is not constant, and has many numbers or many different ones."""
    if array.size < 2 or not (array != array.flat[0]).any():
        return False
    return array.size >= TELLING_SIZE or len(np.unique(array)) >= TELLING_VALUES
