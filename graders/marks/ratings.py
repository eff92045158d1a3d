"""Ratings of members by members as a file holds them, one row a pair: checked, and made into factors by a method.

A rater gives each member of the group a rating, 0 among them; someone who rated nobody has no row at all. What a
factor is stands in `graders.marks.peer_factors`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from assignments.errors import UserError, nearest
from graders.course.cells import composed
from graders.course.roster import Group
from graders.marks.peer_factors import buddycheck, raters, webpa, without_rating
from graders.record.scales import decimal_of

Row = tuple[int, Mapping[str, str]]
"""A line's number and its cells by column."""


@dataclass(frozen=True)
class Method:
    """One way to make factors of ratings."""

    factors: Callable[..., Mapping[str, Fraction]]
    with_self: bool
    """Whether it counts what members gave themselves, unless the course decides otherwise."""


METHODS: Final[Mapping[str, Method]] = {
    "webpa": Method(webpa, with_self=True),
    "buddycheck": Method(buddycheck, with_self=False),
}


@dataclass(frozen=True)
class Factors:
    """The factors of one group."""

    group: str
    of: Mapping[str, Fraction]
    """By member, exact."""
    method: str
    """The method in words, with how many rated where somebody did not: a person reads it."""
    silent: tuple[str, ...]
    """Members who rated nobody."""


def factors_of(
    file: str, rows: Sequence[Row], groups: Sequence[Group], method: str, with_self: bool | None = None
) -> list[Factors]:
    """The factors of every group that the rows of a file rate.

    Args:
        with_self: Whether what members gave themselves counts; None for what is usual with the method.

    Raises:
        UserError: all that is wrong with the rows, with lines.
    """
    by = METHODS[method]
    with_self = by.with_self if with_self is None else with_self
    words = method if with_self is by.with_self else f"{method} {'with' if with_self else 'without'} self"
    given, lines, problems = _read(file, rows, groups)
    made = []
    for group in groups:
        ratings = given.get(group.name)
        if ratings is None:
            continue
        members = tuple(member.id for member in group.members)
        for rater in ratings:
            if missing := without_rating(members, ratings, rater, with_self):
                cure = f"{rater} gives each a rating, 0 where it is one, or did not rate and has no row"
                if missing == (rater,):
                    cure += "; --without-self leaves out what members gave themselves"
                problems.append(f"{lines[rater]}: {rater} has no rating for {', '.join(missing)}: {cure}")
        if problems:
            continue
        rated = raters(members, ratings)
        told = words if len(rated) == len(members) else f"{words}, {len(rated)} of {len(members)} rated"
        silent = tuple(member for member in members if member not in rated)
        made.append(Factors(group.name, by.factors(members, ratings, with_self=with_self), told, silent))
    if problems:
        raise UserError("\n".join(problems))
    return made


def _read(
    file: str, rows: Sequence[Row], groups: Sequence[Group]
) -> tuple[dict[str, dict[str, dict[str, Decimal]]], dict[str, str], list[str]]:
    """Ratings by group, rater and member; where each rater's rows stand; and what is wrong with single rows."""
    given: dict[str, dict[str, dict[str, Decimal]]] = {}
    lines: dict[str, str] = {}
    problems = []
    homes = {member.id: group for group in groups for member in group.members}
    ids = {composed(id): id for id in homes}
    for line, row in rows:
        giver, taker = (ids.get(composed(row.get(name, "")), row.get(name, "")) for name in ("from", "to"))
        value = row.get("rating", "")
        number = decimal_of(value)
        unknown = [who for who in (giver, taker) if who not in homes]
        if unknown:
            problems.append(f'{file}:{line}: "{unknown[0]}" is in no group; {nearest(unknown[0], homes)}')
        elif homes[giver] != homes[taker]:
            problems.append(f"{file}:{line}: {giver} and {taker} are not in one group")
        elif number is None or number < 0:
            problems.append(f'{file}:{line}: the rating "{value}" is not a number of 0 or more')
        elif taker in given.setdefault(homes[giver].name, {}).setdefault(giver, {}):
            problems.append(f"{file}:{line}: {giver} rates {taker} twice")
        else:
            given[homes[giver].name][giver][taker] = number
            lines[giver] = f"{lines.get(giver, file)}{',' if giver in lines else ':'}{line}"
    return given, lines, problems
