"""Peer factors: one factor a person, from the ratings that members of a group gave each other.

A factor of 1 is an even share. `graders.marks.personal` applies factors to marks.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

Ratings = Mapping[str, Mapping[str, Decimal]]
"""The rating by each rater of each member, the rater included where ratings of oneself count."""


def webpa(members: tuple[str, ...], ratings: Ratings, *, with_self: bool = True) -> dict[str, Fraction]:
    """WebPA's factors: each rater's points are shares of the points which that rater gave; a member's shares add up.

    With N members of whom K rated, PA_j = N / K * sum over i of s_ij / (sum over j of s_ij): the factors of a group
    add up to N even if someone did not rate. Without self-assessment a rater's shares are of the others' points, and a
    member's factor is N - 1 times the mean share from the others who rated: equal ratings stay factors of 1 when
    someone did not rate. These factors are scaled to add up to N too.

        Loughborough University: WebPA, an online peer assessment tool (scoring algorithm and worked example).

    Returns:
        Factor by member, exact; 1 for all where nobody rated.

    Raises:
        ValueError: a rater has no rating for some members, not even 0.
    """
    complete = _complete(members, ratings, with_self)
    if not complete:
        return {member: Fraction(1) for member in members}
    shares = {rater: {m: value / sum(to.values()) for m, value in to.items()} for rater, to in complete.items()}
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
        ValueError: a rater has no rating for some members, not even 0.
    """
    complete = _complete(members, ratings, with_self)
    received: dict[str, Fraction] = {}
    for member in members:
        scores = [to[member] for to in complete.values() if member in to]
        if scores:
            received[member] = sum(scores, Fraction(0)) / len(scores)
    total = sum(received.values(), Fraction(0))
    if not total:
        return {member: Fraction(1) for member in members}
    mean = total / len(received)
    return {member: received[member] / mean if member in received else Fraction(1) for member in members}


def raters(members: tuple[str, ...], ratings: Ratings) -> tuple[str, ...]:
    """The members who rated: giving points only to oneself is not rating."""
    return tuple(
        rater for rater in members if any(value > 0 for to, value in ratings.get(rater, {}).items() if to != rater)
    )


def without_rating(members: tuple[str, ...], ratings: Ratings, rater: str, with_self: bool) -> tuple[str, ...]:
    """The members to whom a rater gave no rating. A missing rating is not a 0."""
    return tuple(m for m in members if m not in ratings[rater] and (with_self or m != rater))


def _complete(members: tuple[str, ...], ratings: Ratings, with_self: bool) -> dict[str, dict[str, Fraction]]:
    """The rating by each member who rated of each member; of themselves only `with_self`."""
    complete = {}
    for rater in raters(members, ratings):
        if missing := without_rating(members, ratings, rater, with_self):
            raise ValueError(f"{rater} has no rating for {', '.join(missing)}")
        complete[rater] = {m: Fraction(ratings[rater][m]) for m in members if with_self or m != rater}
    return complete


def moderated(mark: Fraction, factor: Fraction, weight: Fraction) -> Fraction:
    """A group's mark in per cent under a factor; the peers decide the part `weight` of it. Never above 100.

    WebPA: (1 - w) G + w G PA. With a weight of 1 it is Buddycheck's G AF.
    """
    return min(Fraction(100), (1 - weight) * mark + weight * mark * factor)
