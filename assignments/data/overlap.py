"""Which cases a repeat sends with labels and which without: decides whether two repeats may share a container.

Two cases are the same if their source gives them one `subject`, or if one of their arrays is identical to the bit.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from assignments.data.columns import Cases, case_shapes, stacked
from assignments.data.hidden import HiddenSet, InputSet


@dataclass(frozen=True)
class CaseDigests:
    """The cases of one repeat, as digests of their subjects and of their arrays."""

    labelled: frozenset[bytes]
    """Of the cases that `fit` receives with their labels."""
    hidden: frozenset[bytes]
    """Of the hidden cases."""

    def reveals(self, other: CaseDigests) -> bool:
        """Whether it labels a hidden case of `other` whose label `other` does not receive itself."""
        return bool((self.labelled & other.hidden) - other.labelled)


def case_digests(hidden: HiddenSet | InputSet) -> CaseDigests:
    """The digests of one repeat's labelled cases, and of its hidden ones."""
    inputs = {name: array for name, array in hidden.inputs.items() if name != "spacing"}  # a scanner's, not a case's
    single = [name for name, cases in inputs.items() if math.prod(case_shapes(cases)[0]) == 1]
    labelled: set[bytes] = set()
    for side in (hidden.train, hidden.val or {}):
        arrays = [array for name, array in side.items() if name not in ("subject", "spacing")]
        labelled |= {*_arrays(arrays), *_numbers([side[name] for name in single if name in side])}
        labelled |= set(_subjects(map(str, side.get("subject", ()))))
    hidden_cases = {*_arrays(inputs.values()), *_numbers([inputs[name] for name in single])}
    return CaseDigests(frozenset(labelled), frozenset(hidden_cases | set(_subjects(hidden.subjects))))


def _arrays(arrays: Iterable[Cases]) -> Iterator[bytes]:
    """A digest for each array of each case, except constant ones: an empty mask does not identify a case."""
    for array in arrays:
        for row in array:
            if row.size > 1 and (row != row.flat[0]).any():
                yield _digest(f"{row.dtype.str}{row.shape}", np.ascontiguousarray(row).tobytes())


def _numbers(columns: list[Cases]) -> Iterator[bytes]:
    """One digest for all single numbers of a case together: two patients may have the same age."""
    if columns:
        table = np.stack([stacked(column).reshape(len(column)).astype(np.float64) for column in columns], axis=1)
        yield from (_digest("numbers", row.tobytes()) for row in table)


def _subjects(names: Iterable[str]) -> Iterator[bytes]:
    return (_digest("subject", name.encode()) for name in names)


def _digest(kind: str, data: bytes) -> bytes:
    return hashlib.blake2b(kind.encode() + b"\0" + data, digest_size=16).digest()
