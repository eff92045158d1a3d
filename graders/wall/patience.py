"""How long one submission may keep a slot waiting without computing. Nothing is measured here.

CPU seconds are limited for each worker, and the wall clock at a multiple of them. That alone would let a submission
that sleeps in every call hold a machine for hours, so over all its containers together it may reach the wall limit once
and stand idle for `IDLE_S`; after that everything still to be asked ends as if it had reached the wall limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graders.failures import WallLimit

WALL_FACTOR = 4.0
"""A worker's wall limit, in its CPU limits."""
IDLE_S = 120.0
"""Seconds in which a submission owes answers and neither computes nor waits for a core, all together."""
IDLE_CALL_S = 30
"""A worker that owes a reply and in so many seconds uses less than a twentieth of a core has reached its wall limit."""
WALL_LIMITS = 2
"""After so many of them nothing more is asked."""


@dataclass
class Patience:
    """What is left of it, for one submission."""

    wall_limits: int = 0
    idle_s: float = 0.0
    starved: bool = False
    """Whether one of the wall limits may have been a busy machine's doing: then all that it cut off is asked again."""
    on_change: Callable[[int, float], None] = lambda wall_limits, idle_s: None

    def check(self) -> None:
        """Whether anything more may be asked.

        Raises:
            WallLimit: no.
        """
        if self.wall_limits >= WALL_LIMITS:
            raise self._over(f"nothing more is asked after {self.wall_limits} time limits")
        if self.idle_s > IDLE_S:
            raise self._over(f"{self.idle_s:.0f} s of waiting in all; nothing more is asked after {IDLE_S:.0f}")

    def waited(self, idle_s: float) -> None:
        """Count seconds in which a worker owed a reply, less those that it computed or waited for a core."""
        before, self.idle_s = self.idle_s, max(0.0, self.idle_s + idle_s)
        if int(before) != int(self.idle_s):
            self.on_change(self.wall_limits, self.idle_s)

    def reached(self, limit: WallLimit) -> None:
        """Count a wall limit."""
        self.wall_limits += 1
        self.starved |= limit.starved
        self.on_change(self.wall_limits, self.idle_s)

    def _over(self, evidence: str) -> WallLimit:
        failure = WallLimit(evidence)
        failure.starved = self.starved
        return failure
