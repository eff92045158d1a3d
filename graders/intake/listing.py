"""Prints names that a group chose in a sentence: paths, authors, messages, and long lists of them."""

from __future__ import annotations

import re
from collections.abc import Sequence


def printable(path: str) -> str:
    """A path as a person may see it, at most 120 characters of it."""
    shown = escaped(path)
    return shown if len(shown) <= 120 else shown[:117] + "..."


def escaped(text: str) -> str:
    """A text in which each letter can be seen: control characters, those that turn a text round, and bytes that are
    not text are escaped.
    """
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def without_controls(text: str) -> str:
    """A text whose control characters are spaces, so that it stays on its line and moves no cursor."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)


def first_of(names: Sequence[str], count: int) -> str:
    """The first names of a list, and how many it leaves out: a, b and 3 more."""
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more
