"""Peer factors: from what members of a group gave each other to one factor a person. No mark is made here.

A factor of 1 is an even share. What a factor does to a mark is in `graders.marks.personal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

Ratings = Mapping[str, Mapping[str, Decimal]]
"""What each rater gave to each member, the rater included where self-assessment is asked for."""


def webpa(members: tuple[str, ...], ratings: Ratings, *, with_self: bool = True) -> dict[str, Fraction]:
    """WebPA's factors: each rater's points are shares of what that rater gave, and a member's shares are added up.

    With N members of whom K rated, PA_j = N / K * sum over i of s_ij / (sum over j of s_ij): the factors of a group
    add up to N whoever did not rate. Without self-assessment a rater's shares are of what the others got, and a
    member's factor is N - 1 times the mean share that the others who rated gave: equal ratings stay factors of 1 when
    somebody did not rate. These factors are scaled to add up to N too.

        Loughborough University: WebPA, an online peer assessment tool (scoring algorithm and worked example).

    Returns:
        Factor by member, exact; 1 for all where nobody rated.

    Raises:
        ValueError: a rater gave nothing to some members, not even 0.
    """
    given = _complete(members, ratings, with_self)
    if not given:
        return {member: Fraction(1) for member in members}
    shares = {rater: {m: value / sum(to.values()) for m, value in to.items()} for rater, to in given.items()}
    if with_self:
        scale = Fraction(len(members), len(shares))
        return {m: scale * sum((to[m] for to in shares.values()), Fraction(0)) for m in members}
    factors = {}
    for member in members:
        got = [to[member] for rater, to in shares.items() if rater != member]
        factors[member] = (len(members) - 1) * sum(got, Fraction(0)) / len(got) if got else Fraction(1)
    scale = len(members) / sum(factors.values(), Fraction(0))
    return {member: scale * factor for member, factor in factors.items()}


def buddycheck(members: tuple[str, ...], ratings: Ratings, *, with_self: bool = False) -> dict[str, Fraction]:
    """Buddycheck's adjustment factors: the mean rating that a member received over the mean of the team's means.

        Vrije Universiteit Amsterdam: Buddycheck, guide for teachers (adjustment factor, with or without self).

    Returns:
        Factor by member, exact; 1 for whom nobody rated.

    Raises:
        ValueError: a rater gave nothing to some members, not even 0.
    """
    given = _complete(members, ratings, with_self)
    received: dict[str, Fraction] = {}
    for member in members:
        scores = [to[member] for to in given.values() if member in to]
        if scores:
            received[member] = sum(scores, Fraction(0)) / len(scores)
    total = sum(received.values(), Fraction(0))
    if not total:
        return {member: Fraction(1) for member in members}
    mean = total / len(received)
    return {member: received[member] / mean if member in received else Fraction(1) for member in members}


def raters(members: tuple[str, ...], ratings: Ratings) -> tuple[str, ...]:
    """Who of the members rated: someone who gave nothing to anybody else did not, whatever they gave themselves."""
    return tuple(
        rater for rater in members if any(value > 0 for to, value in ratings.get(rater, {}).items() if to != rater)
    )


def without_rating(members: tuple[str, ...], ratings: Ratings, rater: str, with_self: bool) -> tuple[str, ...]:
    """The members to whom a rater gave no rating. What is missing is not a 0."""
    return tuple(m for m in members if m not in ratings[rater] and (with_self or m != rater))


def _complete(members: tuple[str, ...], ratings: Ratings, with_self: bool) -> dict[str, dict[str, Fraction]]:
    """What each member who rated gave to each member, to the rater only `with_self`."""
    given = {}
    for rater in raters(members, ratings):
        if missing := without_rating(members, ratings, rater, with_self):
            raise ValueError(f"{rater} has no rating for {', '.join(missing)}")
        given[rater] = {m: Fraction(ratings[rater][m]) for m in members if with_self or m != rater}
    return given


def moderated(mark: Fraction, factor: Fraction, weight: Fraction) -> Fraction:
    """A group's mark in per cent under a factor, of which `weight` is shared out by the peers: never above 100.

    WebPA: (1 - w) G + w G PA. With a weight of 1 it is Buddycheck's G AF.
    """
    return min(Fraction(100), (1 - weight) * mark + weight * mark * factor)
