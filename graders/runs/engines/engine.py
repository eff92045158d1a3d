"""The contract every engine keeps: it does a job, somewhere, and says what came of it. Nothing here starts anything.

`tests/graders/runs/engines/test_every_engine.py` runs one list of behaviours against every engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from assignments.assignment import Limits
from graders.asking.job import Job
from graders.asking.journal import QuestionId
from graders.record.documents import JobResult
from graders.record.store import Store

STOPPED = "stopped"
"""The trouble of a job that was ended, or never started, because the engine was told to stop."""


@dataclass(frozen=True)
class Outcome:
    """What became of one job: a document, or why there is none."""

    document: JobResult | None
    trouble: str
    wall_s: float
    came: JobResult = field(default_factory=JobResult)
    """The stages that were done before the end, as the document has them."""
    question: QuestionId | None = None
    """Which one it was at when it ended without a document."""
    limit: bool = False
    """Whether it ended since that question cost more than a question may."""
    crashed: bool = False
    """Whether it ended by a fault of a library's, which an answer may have caused."""
    waited: tuple[int, float] = (0, 0.0)
    """How patient it had been."""


class Engine(Protocol):
    """Does jobs. Many threads call it at once, each for one job."""

    def slots(self, limits: Limits, jobs: int | None, isolates: bool) -> int:
        """How many jobs of these limits it does at once; at most `jobs`, where that is given.

        Args:
            limits: What one submission may use.
            jobs: The most that the caller wants; None for as many as there is room for.
            isolates: Whether the sandbox holds a submission to its limits.

        Raises:
            UserError: there is no room for one; the text says what to change.
        """

    def run(self, job: Job, store: Store, deadline_s: float) -> Outcome:
        """Do a job and wait for its document, at most `deadline_s`.

        `store` is the caller's and holds all that the job names. An engine that does the job on another machine carries
        there what that machine's store lacks; and when it returns, the answers that the outcome names are in `store`.

        It never raises for what the job does: a job that dies, outstays its deadline or gives something that is not a
        document is an `Outcome` whose trouble is in words.
        """

    def stop(self) -> None:
        """End all jobs now, with their sandboxes: calls of `run` that wait return, and later ones start nothing."""
