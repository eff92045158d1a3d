"""Errors that medmark raises on purpose, and the text for a problem in a file or a name.

MedmarkError
├── UserError            the user can correct it; printed without a traceback, exit code 2
│   └── TomlErrors       everything that is wrong with one file (`assignments.toml_errors`)
└── SubmissionFailure, ToolkitFailure, Stopped      what happens while marking (`graders.failures`)
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


class MedmarkError(Exception):
    """Anything that medmark raises on purpose."""


class UserError(MedmarkError):
    """Says what happened, where, and the next command to type; exit code 2."""


@dataclass(frozen=True)
class Problem:
    """One problem in a file that a person wrote."""

    file: str
    key: str
    """Dotted, as a person would look for it: `criterion.1.points`; empty for the file as a whole."""
    line: int | None
    what: str
    cure: str

    def __str__(self) -> str:
        file = self.file if self.line is None else f"{self.file}:{self.line}"
        key = f" {self.key}" if self.key else ""
        return f"{file}{key}: {self.what}" + (f"; {self.cure}" if self.cure else "")


def shell_word(word: Path | str) -> str:
    """A path, or another word, as a shell takes it in a command that a message names: in quotes where it needs them."""
    return shlex.quote(str(word))


def nearest(word: str, names: Iterable[str]) -> str:
    """The cure for an unknown name: the most similar of the names that exist, or all of them."""
    choices = sorted(names)
    close = closest(word, choices) or next((name for name in choices if len(word) > 2 and name.startswith(word)), None)
    if close:
        return f'did you mean "{close}"?'
    return f"use one of: {', '.join(choices)}" if choices else ""


def closest(word: str, names: Iterable[str], likeness: float = 0.6) -> str | None:
    """The name that is most similar to this word; None if no name is similar."""
    return next(iter(difflib.get_close_matches(word, sorted(names), n=1, cutoff=likeness)), None)


def listed(names: Sequence[str], most: int = 4, between: str = ", ") -> str:
    """Names for a sentence: the first few, and how many more there are."""
    more = len(names) - most
    return between.join(names[:most]) + (f" and {more} more" if more > 0 else "")
