"""The contract of every engine: it does a job somewhere and returns the outcome.

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
from graders.wall.sandboxes.sandbox import Sandbox

STOPPED = "stopped"
"""The trouble of a job that was ended, or never started, because the engine was stopped."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one job: a document, or why there is none."""

    document: JobResult | None
    trouble: str
    wall_s: float
    stages_done: JobResult = field(default_factory=JobResult)
    """The stages that were done before the end, as a document has them."""
    question: QuestionId | None = None
    """The question at which it ended without a document."""
    limit: bool = False
    """Whether it ended because that question reached a limit of the host."""
    crashed: bool = False
    """Whether a library's fault ended it, which an answer may have caused."""
    waited: tuple[int, float] = (0, 0.0)
    """Wall limits and idle seconds that its workers had used."""
    machine: str = ""
    """The machine or slot that did it; empty if none began."""
    lost: bool = False
    """Whether its machine, or the way there, was lost: nothing is certain of the job but that it has no document."""


class Engine(Protocol):
    """Does jobs. Many threads call it at once, each for one job."""

    def slots(self, limits: Limits, jobs: int | None, isolates: bool) -> int:
        """How many jobs of these limits it does at once; at most `jobs`, if that is not None.

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
        there what that machine's store lacks. When it returns, the answers that the outcome names are in `store`.

        It never raises for what the job does: a job that dies, exceeds its deadline or returns anything but a document
        is an `Outcome` with its trouble in words.
        """

    def sweep(self, sandbox: Sandbox, course: str) -> None:
        """Before the first job: remove a course's sandboxes whose markers have died, wherever this engine runs them.

        Raises:
            EngineFailure: the sandbox's engine does not answer.
        """

    def exclude(self, machine: str) -> int:
        """Give a machine of an outcome no job any more; how many slots are left."""

    def stop(self) -> None:
        """End all jobs now, with their sandboxes: calls of `run` that wait return, and later ones start nothing."""
