"""Which cases one repeat gives with their labels, and which it asks for: what tells whether two repeats may meet.

Two cases are the same where their source gives them one `subject`, or where they have an array in common to the bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from assignments.data.hidden import HiddenSet, Shown


@dataclass(frozen=True)
class Carried:
    """The cases of one repeat, as digests of their subjects and of their arrays."""

    labelled: frozenset[bytes]
    """Of the cases that `fit` receives, labels and all."""
    hidden: frozenset[bytes]
    """Of the cases that are asked for."""

    def labels(self, other: Carried) -> bool:
        """Whether it has the label of a case that the other asks for and is not given itself."""
        return bool((self.labelled & other.hidden) - other.labelled)


def carried(hidden: HiddenSet | Shown) -> Carried:
    """What one repeat carries into a sandbox with labels, and what without."""
    inputs = {name: array for name, array in hidden.inputs.items() if name != "spacing"}  # a scanner's, not a case's
    single = [name for name, array in inputs.items() if array[0].size == 1]
    labelled: set[bytes] = set()
    for side in (hidden.train, hidden.val or {}):
        arrays = [array for name, array in side.items() if name not in ("subject", "spacing")]
        labelled |= {*_arrays(arrays), *_numbers([side[name] for name in single if name in side])}
        labelled |= set(_subjects(map(str, side.get("subject", ()))))
    asked = {*_arrays(inputs.values()), *_numbers([inputs[name] for name in single])}
    return Carried(frozenset(labelled), frozenset(asked | set(_subjects(hidden.subjects))))


def _arrays(arrays: Iterable[np.ndarray]) -> Iterator[bytes]:
    """A digest for each array of each case; a constant one, such as an empty mask, tells no case from another."""
    for array in arrays:
        for row in array:
            if row.size > 1 and (row != row.flat[0]).any():
                yield _digest(f"{row.dtype.str}{row.shape}", np.ascontiguousarray(row).tobytes())


def _numbers(columns: list[np.ndarray]) -> Iterator[bytes]:
    """One digest for all single numbers of a case together: two patients may well be of one age."""
    if columns:
        table = np.stack([column.reshape(len(column)).astype(np.float64) for column in columns], axis=1)
        yield from (_digest("numbers", row.tobytes()) for row in table)


def _subjects(names: Iterable[str]) -> Iterator[bytes]:
    return (_digest("subject", name.encode()) for name in names)


def _digest(kind: str, data: bytes) -> bytes:
    return hashlib.blake2b(kind.encode() + b"\0" + data, digest_size=16).digest()
