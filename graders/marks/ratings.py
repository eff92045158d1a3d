"""Reads a file of ratings of members by members, one row a pair, checks it, and computes factors by a method.

A rater gives each member of the group a rating, which may be 0; someone who rated nobody has no row.
`graders.marks.peer_factors` says what a factor is.
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

RatingRow = tuple[int, Mapping[str, str]]
"""A line's number and its cells by column."""


@dataclass(frozen=True)
class Method:
    """A method that makes factors from ratings."""

    factors: Callable[..., Mapping[str, Fraction]]
    with_self: bool
    """Whether it counts ratings of oneself, unless the course decides otherwise."""


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
    """The method, and how many rated if not everyone did; the person reads it."""
    silent: tuple[str, ...]
    """Members who rated nobody."""


def factors_of(
    file: str, rows: Sequence[RatingRow], groups: Sequence[Group], method: str, with_self: bool | None = None
) -> list[Factors]:
    """The factors of every group that the rows of a file rate.

    Args:
        with_self: Whether ratings of oneself count; None for the method's default.

    Raises:
        UserError: every problem of the rows, with its line.
    """
    by = METHODS[method]
    with_self = by.with_self if with_self is None else with_self
    words = method if with_self is by.with_self else f"{method} {'with' if with_self else 'without'} self"
    by_group, lines, problems = _read(file, rows, groups)
    factors = []
    for group in groups:
        ratings = by_group.get(group.name)
        if ratings is None:
            continue
        members = tuple(member.id for member in group.members)
        for rater in ratings:
            if missing := without_rating(members, ratings, rater, with_self):
                cure = f"{rater} must rate everyone, with 0 where it is 0, or have no row"
                if missing == (rater,):
                    cure += "; --without-self leaves out ratings of oneself"
                problems.append(f"{lines[rater]}: {rater} has no rating for {', '.join(missing)}: {cure}")
        if problems:
            continue
        rated = raters(members, ratings)
        method_words = words if len(rated) == len(members) else f"{words}, {len(rated)} of {len(members)} rated"
        silent = tuple(member for member in members if member not in rated)
        of_members = by.factors(members, ratings, with_self=with_self)
        factors.append(Factors(group.name, of_members, method_words, silent))
    if problems:
        raise UserError("\n".join(problems))
    return factors


def _read(
    file: str, rows: Sequence[RatingRow], groups: Sequence[Group]
) -> tuple[dict[str, dict[str, dict[str, Decimal]]], dict[str, str], list[str]]:
    """Ratings by group, rater and member; the lines of each rater; and the problems of single rows."""
    ratings: dict[str, dict[str, dict[str, Decimal]]] = {}
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
            problems.append(f'{file}:{line}: "{unknown[0]}" is not in a group; {nearest(unknown[0], homes)}')
        elif homes[giver] != homes[taker]:
            problems.append(f"{file}:{line}: {giver} and {taker} are not in the same group")
        elif number is None or number < 0:
            problems.append(f'{file}:{line}: the rating "{value}" is not a number of 0 or more')
        elif taker in ratings.setdefault(homes[giver].name, {}).setdefault(giver, {}):
            problems.append(f"{file}:{line}: {giver} rates {taker} twice")
        else:
            ratings[homes[giver].name][giver][taker] = number
            lines[giver] = f"{lines.get(giver, file)}{',' if giver in lines else ':'}{line}"
    return ratings, lines, problems
