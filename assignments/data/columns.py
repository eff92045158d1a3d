"""One array of many cases, each read when it is asked for: cases may differ in shape and never all lie in memory.

A column stands where a NumPy array with a leading N stands for cases that are small and of one shape. Both have `len`,
`column[i]` for one case and `column[indices]` for several; the functions here serve both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np

from assignments.errors import UserError

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class StoredCase:
    """One case's array in a file of its own, or a row of a file that has a leading N."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    row: int | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of the case's array."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def read(self) -> Array:
        """The array, mapped from its file: pages are read when they are used.

        Raises:
            UserError: the file is gone or cut off.
        """
        try:
            array: Array = np.load(self.path, mmap_mode="r", allow_pickle=False)
            case = array if self.row is None else array[self.row]
            if case.shape != self.shape or case.dtype != np.dtype(self.dtype):
                raise ValueError(f"it holds {case.dtype} {case.shape}, not {self.dtype} {self.shape}")
        except (OSError, ValueError, IndexError) as error:
            cure = "Remove this folder and run the command again: it reads the cases anew."
            raise UserError(f"{self.path}: a prepared case cannot be read ({error}). {cure}") from error
        return case


class Column(Sequence[Array]):
    """Cases of one array, read one at a time; `changed` is applied to each case when it is read."""

    def __init__(self, cases: Sequence[StoredCase], changed: Callable[[Array], Array] | None = None) -> None:
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
        return Column([self.cases[i] for i in index], self._changed)

    def __iter__(self) -> Iterator[Array]:
        return (self[i] for i in range(len(self)))

    @property
    def nbytes(self) -> int:
        """Bytes of all cases together."""
        return sum(case.nbytes for case in self.cases)

    @property
    def size(self) -> int:
        """Numbers of all cases together."""
        return sum(math.prod(case.shape) for case in self.cases)


Cases = np.ndarray[Any, Any] | Column
"""One array of many cases: with a leading N, or read one at a time."""


def largest(cases: Cases) -> int:
    """Numbers in the largest case."""
    if isinstance(cases, Column):
        return max((math.prod(case.shape) for case in cases.cases), default=0)
    return math.prod(cases.shape[1:])


def stacked(cases: Cases) -> Array:
    """The cases as one array with a leading N.

    Raises:
        ValueError: they differ in shape.
    """
    return np.stack(list(cases)) if isinstance(cases, Column) else cases
