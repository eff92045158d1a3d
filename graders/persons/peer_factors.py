"""Peer factors: from what members of a group gave each other to one factor a person. No mark is made here.

A factor of 1 is an even share. What a factor does to a mark is in `graders.persons.personal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

Ratings = Mapping[str, Mapping[str, Decimal]]
"""What each rater gave to each member, the rater included where self-assessment is asked for."""


def webpa(members: tuple[str, ...], ratings: Ratings) -> dict[str, Fraction]:
    """WebPA's factors: each rater's points are shares of what that rater gave, and are summed for each member.

    With N members of whom K rated, PA_j = N / K * sum over i of s_ij / (sum over j of s_ij): the factors of a group
    add up to N whoever did not rate. Someone who gave nothing to anybody has not rated.

        Loughborough University: WebPA, an online peer assessment tool (scoring algorithm and worked example).

    Returns:
        Factor by member, exact; 1 for all where nobody rated.
    """
    given = {rater: {m: Fraction(to.get(m, 0)) for m in members} for rater, to in ratings.items()}
    rated = {rater: to for rater, to in given.items() if sum(to.values())}
    if not rated:
        return {member: Fraction(1) for member in members}
    scale = Fraction(len(members), len(rated))
    return {m: scale * sum((to[m] / sum(to.values()) for to in rated.values()), Fraction(0)) for m in members}


def buddycheck(members: tuple[str, ...], ratings: Ratings, *, with_self: bool = False) -> dict[str, Fraction]:
    """Buddycheck's adjustment factors: the mean rating that a member received over the mean of the team's means.

        Vrije Universiteit Amsterdam: Buddycheck, guide for teachers (adjustment factor, with or without self).

    Returns:
        Factor by member, exact; 1 for whom nobody rated.
    """
    received: dict[str, Fraction] = {}
    for member in members:
        scores = [
            Fraction(to[member])
            for rater, to in ratings.items()
            if member in to and (with_self or rater != member)
        ]
        if scores:
            received[member] = sum(scores, Fraction(0)) / len(scores)
    total = sum(received.values(), Fraction(0))
    if not total:
        return {member: Fraction(1) for member in members}
    mean = total / len(received)
    return {member: received[member] / mean if member in received else Fraction(1) for member in members}


def moderated(mark: Fraction, factor: Fraction, weight: Fraction) -> Fraction:
    """A group's mark in per cent under a factor, of which `weight` is shared out by the peers: never above 100.

    WebPA: (1 - w) G + w G PA. With a weight of 1 it is Buddycheck's G AF.
    """
    return min(Fraction(100), (1 - weight) * mark + weight * mark * factor)
