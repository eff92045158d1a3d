"""All that is wrong with a folder of subjects as the lines of one list, each with file and case, alike ones briefly.

A folder that was exported wrongly has one problem three hundred times. Its first lines say what and how to cure it; the
others are named, so that each file can be found.
"""

from __future__ import annotations

import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from assignments.errors import Problem, UserError

WHOLE = 3
"""Problems of a kind that are written out."""
NAMED = 100
"""Problems of a kind that are named beside them."""
_WIDTH = 100
_OWN_WORD = re.compile(r"\S*\d\S*")
"""A word with a digit, such as a file's name or a spacing: problems that differ only in such words are alike."""


class SubjectProblems(UserError):
    """All that is wrong with the files of one subject."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


def within(folder: Path, problem: Problem) -> Problem:
    """The problem with its file as a path within the folder, for a list that names the folder once."""
    path = Path(problem.file)
    if path == folder:
        return replace(problem, file=folder.name)
    return replace(problem, file=str(path.relative_to(folder))) if path.is_relative_to(folder) else problem


def problem_lines(problems: Sequence[Problem]) -> Iterator[str]:
    """A line for each problem; of many that are alike, three lines and the files of the others."""
    alike: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for problem in problems:
        alike[_kind(problem.what), _kind(problem.cure)].append(problem)
    for kind in alike.values():
        shown = kind if len(kind) <= WHOLE + 2 else kind[:WHOLE]
        yield from map(str, shown)
        if others := kind[len(shown) :]:
            where = [str(replace(problem, what="", cure="")).removesuffix(": ") for problem in others[:NAMED]]
            more = f", and {len(others) - NAMED} more" if len(others) > NAMED else ""
            text = f"and {len(others)} more like these: {', '.join(where)}{more}"
            yield from textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _kind(text: str) -> str:
    return _OWN_WORD.sub("", text)
