"""Values as text for people, in at most so many letters and so much work, whatever an answer is like.

A repr that formats every number of an array would let an answer choose what its own evidence costs the host.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

LETTERS = 240
NUMBERS = 6
"""Of an array, so many from its beginning."""


def shown(value: Any) -> str:
    """A value in one line: of an array its shape, its dtype and its first numbers."""
    return _SHORT.repr(value)


class _Short(reprlib.Repr):
    def repr1(self, x: Any, level: int) -> str:
        if isinstance(x, np.ndarray):
            return _array(x)
        if isinstance(x, np.generic):
            return str(x)
        return super().repr1(x, level)

    def repr_instance(self, x: Any, level: int) -> str:
        try:
            return _cut(repr(x))
        except Exception as error:  # noqa: BLE001 - an object of an author's test may have no text
            return f"<{type(x).__name__} without a text: {type(error).__name__}>"


_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxother = LETTERS


@contextmanager
def short_arrays() -> Iterator[None]:
    """What NumPy itself writes of arrays, in messages of authors' own, stays short too: two items an axis at most."""
    with np.printoptions(threshold=50, edgeitems=1):
        yield


def _array(array: np.ndarray[Any, Any]) -> str:
    first = ", ".join(f"{number:.6g}" if array.dtype.kind == "f" else str(number) for number in _first(array))
    more = ", ..." if array.size > NUMBERS else ""
    return f"array of shape {array.shape} and dtype {array.dtype}: [{first}{more}]"


def _first(array: np.ndarray[Any, Any]) -> list[Any]:
    # `flat` walks the array as it lies: nothing is copied.
    return [array.flat[i] for i in range(min(NUMBERS, array.size))]


def _cut(text: str) -> str:
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 3]}..."
