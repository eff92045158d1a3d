"""How long one submission may hold a slot without computing. `session.py` measures the waiting.

CPU seconds are limited for each worker, and wall time at a multiple of them. With these limits alone, a submission that
sleeps in every call could hold a machine for hours. So over all its containers together it may reach the wall limit
once and stand idle for `IDLE_S`; after that every further question ends as if it had reached the wall limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graders.failures import WallLimit

WALL_FACTOR = 4.0
"""A worker's wall limit, in its CPU limits."""
IDLE_S = 120.0
"""Seconds in all in which a submission may owe answers and neither compute nor wait for a core."""
IDLE_CALL_S = 30
"""A worker that owes a reply and uses less than a twentieth of a core for so many seconds reached its wall limit."""
WALL_LIMITS = 2
"""After so many wall limits no more questions are asked."""


@dataclass
class Patience:
    """The wall limits and idle seconds of one submission so far."""

    wall_limits: int = 0
    idle_s: float = 0.0
    starved: bool = False
    """Whether a busy machine may have caused one of the wall limits: then the questions it ended are asked again."""
    on_change: Callable[[int, float], None] = lambda wall_limits, idle_s: None

    def check(self) -> None:
        """Raise if no more questions may be asked.

        Raises:
            WallLimit: the submission has used up its patience.
        """
        if self.wall_limits >= WALL_LIMITS:
            raise self._over(f"no more questions after {self.wall_limits} time limits")
        if self.idle_s > IDLE_S:
            raise self._over(f"{self.idle_s:.0f} s of waiting in all; no more questions after {IDLE_S:.0f}")

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
