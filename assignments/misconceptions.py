"""The mistakes that an assignment's hidden tests must catch: small edits of its reference.

They stand in `misconceptions.toml`. `graders.authoring.misconceptions` checks and applies the edits, and
`graders.marks.diagnosis` looks for the mistakes in a group's failed tests.
"""

from __future__ import annotations

import ast
from typing import Any, get_args

from pydantic import Field

from assignments.assignment import Framework
from assignments.errors import nearest
from assignments.frozen import Frozen

MISCONCEPTIONS_FILE = "misconceptions.toml"
OF_ALL = "all"
"""In the short form of edits: those of every reference."""


class Edit(Frozen):
    """One replacement in a reference's text."""

    framework: Framework | None = None
    """The reference to edit; without one, every reference."""
    find: str = Field(min_length=1)
    """Text that occurs exactly once in the reference."""
    replace: str


class Misconception(Frozen):
    """One mistake that students make, and what it should cost them."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    """The mistake in a few words."""
    feedback: str = Field("", alias="told")
    """What a tutor says to a student who made it."""
    try_it: str = ""
    """How students can see for themselves whether they made it: a command, or a line or two of code."""
    edits: tuple[Edit, ...] = Field(min_length=1)
    fails: tuple[str, ...] = Field(min_length=1)
    """Ids of the hidden tests that fail for it, in every framework it has edits for. What else fails is recorded."""

    def edits_for(self, framework: Framework) -> tuple[Edit, ...]:
        """Its edits of one framework's reference; empty if the mistake is impossible there."""
        return tuple(edit for edit in self.edits if edit.framework in (None, framework))

    def applied(self, framework: Framework, text: str) -> str:
        """The reference's text with the mistake in it.

        Raises:
            ValueError: an edit's text does not occur exactly once, or the result is not valid Python.
        """
        for edit in self.edits_for(framework):
            count = text.count(edit.find)
            if count != 1:
                first = edit.find.strip().splitlines()[0] if edit.find.strip() else edit.find
                raise ValueError(f"{first!r} occurs {count} times in the {framework} reference, not once")
            text = text.replace(edit.find, edit.replace)
        try:
            ast.parse(text)
        except SyntaxError as error:
            raise ValueError(f"the edited {framework} reference is not valid Python: {error.msg}") from None
        return text


def with_long_edits(values: dict[str, Any]) -> dict[str, Any]:
    """The file's values, with each `edits = { pytorch = [["find", "replace"]], all = [...] }` as a list of tables.

    Short edits in which `short_edits_problem` sees a mistake stay as they are.
    """
    items = values.get("misconception")
    if not isinstance(items, list):
        return values
    return {**values, "misconception": [_with_long_edits(item) for item in items]}


def _with_long_edits(item: Any) -> Any:
    edits = item.get("edits") if isinstance(item, dict) else None
    if not isinstance(edits, dict) or short_edits_problem(edits):
        return item
    tables = [
        {**({} if name == OF_ALL else {"framework": name}), "find": find, "replace": replacement}
        for name, pairs in edits.items()
        for find, replacement in pairs
    ]
    return {**item, "edits": tables}


def short_edits_problem(edits: dict[str, Any]) -> tuple[str, str] | None:
    """What is wrong with edits in their short form, and its cure; None if nothing is."""
    names = (*get_args(Framework), OF_ALL)
    for name, pairs in edits.items():
        if name not in names:
            return f'there are no references in "{name}"', nearest(name, names)
        if not isinstance(pairs, list) or not pairs or not all(map(_is_pair, pairs)):
            return f"{name} is not a list of pairs of texts", f'{name} = [["find this", "replace it by this"]]'
    return None


def _is_pair(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair) and pair[0] != ""


class MisconceptionsFile(Frozen):
    """The whole file."""

    misconception: tuple[Misconception, ...] = ()
