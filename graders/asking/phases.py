"""Times the phases of a job by the wall clock: each second belongs to exactly one phase. It moves no mark.

draw      draw or read the cases
open      open containers, until the framework is there
tests     run the hidden tests
fit       start workers for the model, and have it train or load
predict   ask for answers and store them
score     score the answers and explain the scores
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from graders.record.documents import Phases
from graders.wall.session import Session, Worker
from graders.wall.wire import Array, Part

Phase = Literal["draw", "open", "tests", "fit", "predict", "score"]
MODEL_MAKERS = ("fit", "load")


class PhaseClock:
    """A stopwatch that runs for one phase at a time."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since = now()
        self._spent: dict[str, float] = {}
        self.current: Phase | None = None

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[None]:
        """The time inside belongs to this phase, and not to the phase around it."""
        before = self._turn_to(phase)
        try:
            yield
        finally:
            self._turn_to(before)

    @property
    def phases(self) -> Phases:
        """The seconds so far."""
        self._turn_to(self.current)
        return Phases(**{f"{phase}_s": round(spent, 3) for phase, spent in self._spent.items()})

    def _turn_to(self, phase: Phase | None) -> Phase | None:
        now, before = self._now(), self.current
        if before is not None:
            self._spent[before] = self._spent.get(before, 0.0) + now - self._since
        self._since, self.current = now, phase
        return before


class TimedSession(Session):
    """A session that tells, while answers are asked for, the making of a model from the answering."""

    clock: PhaseClock | None = None

    def worker(self, cpu_s: float, doubles: str = "", solution: str | None = None, *, seed: int = 0) -> Worker:
        """As of any session."""
        with self._making_a_model():
            return super().worker(cpu_s, doubles, solution, seed=seed)

    def call(self, worker: Worker, request: dict[str, Any], parts: Sequence[Part]) -> tuple[Any, list[Array]]:
        """As of any session."""
        if request.get("do") == "call" and request.get("name") in MODEL_MAKERS:
            with self._making_a_model():
                return super().call(worker, request, parts)
        return super().call(worker, request, parts)

    @contextmanager
    def _making_a_model(self) -> Iterator[None]:
        if self.clock is None or self.clock.current != "predict":  # a hidden test may train too
            yield
            return
        with self.clock.phase("fit"):
            yield
