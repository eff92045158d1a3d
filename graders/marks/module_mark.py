"""One person's mark for a module: the weighted mean of the marks of its assignments, exact, and rounded once.

Only whole marks enter. Where a part has none, for whatever reason, there is no module mark: no part counts as 0, and no
weight moves to other parts. A board decides on that, not medmark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from graders.course.course import Course, Rounding
from graders.marks.mark import rounded
from graders.marks.personal import PersonalMark


@dataclass(frozen=True)
class Part:
    """One assignment in a person's module mark."""

    mark: PersonalMark
    share: Fraction
    """Its weight as a part of all weights."""


@dataclass(frozen=True)
class ModuleMark:
    """What one person gets for a module."""

    member: str
    parts: tuple[Part, ...]
    """In the order of course.toml."""
    exact: Fraction | None
    """Per cent before the rounding; None unless every part has a mark."""
    percent: Decimal | None
    """Rounded once."""
    pass_mark: int | None
    """None where the parts have different ones."""

    @property
    def level(self) -> int:
        """The highest level of study of its parts."""
        return max(part.mark.level for part in self.parts)

    @property
    def missing(self) -> tuple[PersonalMark, ...]:
        """The parts without a mark."""
        return tuple(part.mark for part in self.parts if part.mark.exact is None)


def shares_of(course: Course) -> dict[str, Fraction]:
    """By assignment: its weight as a part of all weights, exactly as the decimals of course.toml say it."""
    weights = {id: Fraction(repr(settings.weight)) for id, settings in course.assignments.items()}
    return {id: weight / sum(weights.values()) for id, weight in weights.items()}


def module_mark(marks: Sequence[PersonalMark], shares: Mapping[str, Fraction], round_to: Rounding) -> ModuleMark:
    """The module mark of one person.

    Args:
        marks: The person's marks, one for each assignment of the module.
        shares: By assignment, as `shares_of` returns them.
        round_to: What the course rounds marks to.
    """
    parts = tuple(Part(mark, shares[mark.assignment]) for mark in marks)
    terms = [part.share * part.mark.exact for part in parts if part.mark.exact is not None]
    exact = sum(terms, Fraction(0)) if len(terms) == len(parts) else None
    pass_marks = {mark.pass_mark for mark in marks}
    return ModuleMark(
        member=marks[0].member,
        parts=parts,
        exact=exact,
        percent=None if exact is None else rounded(exact, round_to),
        pass_mark=pass_marks.pop() if len(pass_marks) == 1 else None,
    )
