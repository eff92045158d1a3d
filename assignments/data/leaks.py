"""Refuses a case in two parts: a subject, or an equal array, that is both in the training cases and in the hidden ones.

`overlap.py` asks the same of two repeats of one submission.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from assignments.data.columns import identifies
from assignments.data.prepared import Prepared
from assignments.data.source import PARTS, Arrays, Axes, Part
from assignments.errors import UserError

CHANCE = 0.1
"""The share of hidden rows that training rows may equal by chance, where a row has only a few numbers."""
SHOWN = 5


def refuse_leaks(source: str, arrays: Mapping[str, Axes], parts: Mapping[Part, Arrays]) -> None:
    """Refuse cases that a generator drew for two parts.

    An array of an input identifies its case if it has many numbers. A row of a few numbers may be equal by chance, as
    age and sex are; rows that are rarely equal within a part, and often in two, are the same cases.

    Raises:
        UserError: a subject or an array is in two parts; the error names the pairs.
    """
    inputs = [key for key, axes in arrays.items() if axes.role == "input" and key != "spacing"]
    for first, second in combinations([part for part in PARTS if part in parts], 2):
        a, b = parts[first], parts[second]
        same = [*_same_subjects(a, b), *(pair for key in inputs for pair in _same_arrays(key, a[key], b[key]))]
        if same := same or list(_same_rows(inputs, a, b)):
            more = f" and {len(same) - SHOWN} more" if len(same) > SHOWN else ""
            raise UserError(
                f"{source} draws the same cases for {first} and {second}: {'; '.join(same[:SHOWN])}{more}. "
                "draw(n, rng) must make new subjects each time. From a folder of subjects, write open, subjects and "
                "load instead, so that medmark splits them (docs/data.md)."
            )


def is_numbering(cases: Arrays) -> bool:
    """Whether the subjects of a draw are numbered from 0 or 1: each draw begins anew, and they are other subjects."""
    names = np.unique(cases.get("subject", ()))
    return names.dtype.kind in "iu" and names[0] in (0, 1) and bool((np.diff(names) == 1).all())


def refuse_shared(prepared: Prepared, what: str, command: str) -> None:
    """Refuse a split of which two parts hold an equal array.

    Args:
        what: The folder, for the error.
        command: The command that makes the split anew.

    Raises:
        UserError: naming both subjects, their parts and the array.
    """
    seen: dict[str, tuple[str, Part, int]] = {}
    pairs: list[str] = []
    inputs = [key for key, axes in prepared.arrays.items() if axes.role == "input" and key != "spacing"]
    for subject in prepared.subjects:
        for number, case in enumerate(subject.cases):
            for key in inputs:
                array = case.get(key)
                if array is None or not array.identifies or subject.part is None:
                    continue
                other, part, at = seen.setdefault(array.digest, (subject.id, subject.part, number))
                if part != subject.part:
                    pairs.append(f"{other} ({part}, case {at}) and {subject.id} ({subject.part}, case {number}): {key}")
    if pairs:
        more = f"\n  and {len(pairs) - 20} more" if len(pairs) > 20 else ""
        lines = "\n  ".join(pairs[:20])
        raise UserError(
            f"{what}: equal arrays in two parts\n  {lines}{more}\nGive both cases to one subject, or remove one file; "
            "a source of your own may name both patients in members. Then make the split anew: " + command
        )


def _same_subjects(a: Arrays, b: Arrays) -> list[str]:
    """Subjects of both parts."""
    first, second = (set(map(str, part.get("subject", ()))) for part in (a, b))
    return [f"subject {name}" for name in sorted(first & second)]


def _same_arrays(key: str, a: np.ndarray, b: np.ndarray) -> Iterator[str]:
    """Cases of both parts with the same array of many numbers."""
    first = {_digest(row): i for i, row in enumerate(a) if identifies(row)}
    for i, row in enumerate(b):
        if identifies(row) and (j := first.get(_digest(row))) is not None:
            yield f"{key} of cases {j} and {i}"


def _same_rows(keys: Sequence[str], a: Arrays, b: Arrays) -> Iterator[str]:
    """Cases of both parts that agree in all inputs, unless so many agree by chance."""
    firsts, others = ([_digest(*row) for row in zip(*(part[key] for key in keys), strict=True)] for part in (a, b))
    by_digest = defaultdict(list)
    for i, digest in enumerate(firsts):
        by_digest[digest].append(i)
    same = [(by_digest[digest][0], i) for i, digest in enumerate(others) if digest in by_digest]
    repeated = (len(firsts) - len(set(firsts)) + len(others) - len(set(others))) / (len(firsts) + len(others))
    if len(same) > max(2, CHANCE * len(others)) and repeated < CHANCE / 2:
        yield from (f"all inputs of cases {i} and {j}" for i, j in same)


def _digest(*arrays: np.ndarray) -> bytes:
    state = hashlib.blake2b(digest_size=16)
    for array in arrays:
        state.update(f"{array.dtype.str}{array.shape}".encode())
        state.update(np.ascontiguousarray(array).tobytes())
    return state.digest()
