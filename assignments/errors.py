"""Errors that medmark raises on purpose, and the words for what is wrong with a file or a name.

    MedmarkError
    ├── UserError            the person at the keyboard can cure it; printed without a traceback, exit code 2
    │   └── TomlErrors       everything that is wrong with one file (`assignments.toml_errors`)
    └── SubmissionFailure, ToolkitFailure, Stopped      what happens while marking (`graders.failures`)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class MedmarkError(Exception):
    """Anything that medmark raises on purpose."""


class UserError(MedmarkError):
    """What, where, and the next command to type; exit code 2."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file a person wrote."""

    file: str
    key: str
    """Dotted, as a person would look for it: `criterion.1.points`; empty for the file as a whole."""
    line: int | None
    what: str
    cure: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        key = f" {self.key}" if self.key else ""
        return f"{place}{key}: {self.what}" + (f"; {self.cure}" if self.cure else "")


def nearest(word: str, known: Iterable[str]) -> str:
    """The cure for an unknown name: the nearest known one, or all of them."""
    names = sorted(known)
    close = closest(word, names) or next((name for name in names if len(word) > 2 and name.startswith(word)), None)
    if close:
        return f'did you mean "{close}"?'
    return f"known: {', '.join(names)}" if names else ""


def closest(word: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The known word that is most like this one, if one is like it at all."""
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=likeness)), None)
