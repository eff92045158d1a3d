"""The mistakes that an assignment's hidden tests must catch: small edits of its reference.

They stand in `misconceptions.toml`. `graders.authoring.misconceptions` checks and applies the edits, and
`graders.marks.diagnosis` looks for the mistakes in a group's failed tests.
"""

from __future__ import annotations

import ast

from pydantic import Field

from assignments.assignment import Framework
from assignments.frozen import Frozen

MISCONCEPTIONS_FILE = "misconceptions.toml"


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
    """Ids of the hidden tests that fail for it, in every framework it has edits for."""
    may_fail: tuple[str, ...] = ()
    """Ids of hidden tests that may pass or fail; every other test passes."""

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


class MisconceptionsFile(Frozen):
    """The whole file."""

    misconception: tuple[Misconception, ...] = ()
