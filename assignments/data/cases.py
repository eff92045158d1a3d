"""The hidden cases' names and what metrics read of them. Names reveal neither class nor position nor patient."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assignments.data.columns import Cases
from assignments.data.streams import SecretOrKeys, key, stream

_SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou")


@dataclass(frozen=True)
class Case:
    """What a metric reads of a hidden case besides its truth."""

    id: str
    """A random word, unrelated to the position."""
    subject: str
    """A random word; cases of one subject share it. A case without a subject is a subject of its own."""
    spacing_mm: tuple[float, ...] | None
    """Voxel size in mm in the order (D, H, W), if the case is an image."""
    group: str | None
    """A stratum for reports, such as the scanner."""


def drawn_names(secret: SecretOrKeys, assignment_id: str, purpose: str, n: int) -> tuple[str, ...]:
    """`n` different words such as `bodu-kire`, which only the secret can reproduce."""
    rng = stream(secret, assignment_id, "names", purpose)
    names: dict[str, None] = {}
    while len(names) < n:
        a, b, c, d = rng.choice(_SYLLABLES, 4)
        names[f"{a}{b}-{c}{d}"] = None
    return tuple(names)


def keyed_names(secret: SecretOrKeys, assignment_id: str, purpose: str, labels: Sequence[str]) -> dict[str, str]:
    """A different word for each label. A label keeps its word when others join or leave."""
    names: dict[str, str] = {}
    words = {""}
    for label in sorted(labels):
        turn, word = 0, ""
        while word in words:
            drawn = _drawn(secret, assignment_id, purpose, label if not turn else f"{label}#{turn}")
            a, b, c, d = (_SYLLABLES[number % len(_SYLLABLES)] for number in drawn[:4])
            word, turn = f"{a}{b}-{c}{d}", turn + 1
        names[label] = word
        words.add(word)
    return names


def keyed_order(secret: SecretOrKeys, assignment_id: str, purpose: str, labels: Sequence[str]) -> list[int]:
    """The indices of the labels in a random order, in which no label moves past another when others join or leave."""
    return sorted(range(len(labels)), key=lambda i: _drawn(secret, assignment_id, purpose, labels[i]))


def described(
    ids: Sequence[str], subjects: Sequence[str], spacing: Cases | None, groups: Sequence[str | None]
) -> tuple[Case, ...]:
    """The cases of these names, subjects, voxel sizes (N, 3) in mm and strata."""
    spacings = [None] * len(ids) if spacing is None else [_decimals(row) for row in spacing]
    return tuple(map(Case, ids, subjects, spacings, groups))


def _drawn(secret: SecretOrKeys, assignment_id: str, purpose: str, label: str) -> bytes:
    return hmac.digest(key(secret, assignment_id, "names", purpose), label.encode(), "sha256")


def _decimals(row: np.ndarray) -> tuple[float, ...]:
    """A spacing as its source wrote it: 0.6 in float32 is 0.6, not 0.6000000238418579.

    It is compared with tolerances that are written in decimals, so a narrow float counts as the shortest decimal that
    rounds to it. float64 and integers stay as they are.
    """
    narrow = row.dtype.kind == "f" and row.dtype.itemsize < 8
    return tuple(float(str(number)) if narrow else float(number) for number in row)
