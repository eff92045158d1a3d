"""Secrets for sources that draw from a pool: repeats may share its cases, and the parts of one repeat may not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assignments.assignment import Assignment
from assignments.data.hidden import HiddenSet, hidden_set
from assignments.errors import UserError


def first_secret(
    assignment: Assignment, repeats: Sequence[int], holds: Callable[[list[HiddenSet]], bool], inputs=("x",)
) -> tuple[bytes, list[HiddenSet]]:
    """The first secret by which each repeat is accepted and something holds of their hidden sets; and these sets."""
    for number in range(10_000):
        secret = number.to_bytes(32, "big")
        try:
            sets = [hidden_set(assignment, secret, repeat, inputs, "y") for repeat in repeats]
        except UserError:
            continue  # a case would be in two parts of one repeat
        if holds(sets):
            return secret, sets
    raise AssertionError("no secret draws such repeats")
