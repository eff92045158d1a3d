"""Which questions meet in one container, and the container opened. Nothing is asked here.

Answers never meet labels: a container that was given a case's label answers no repeat that asks for that case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from assignments.assignment import Limits
from assignments.data.hidden import InputSet
from assignments.data.overlap import CaseDigests, case_digests
from graders.asking.job import Job
from graders.asking.journal import Journal
from graders.failures import InternalFailure, SubmissionFailure
from graders.wall.patience import Patience
from graders.wall.sandboxes.sandbox import Channel, Sandbox, SandboxSpec
from graders.wall.session import Session


@dataclass(frozen=True)
class Container:
    """What one container is asked."""

    tests: bool
    """Whether the hidden tests are."""
    repeats: tuple[int, ...]
    forgets: bool
    """Whether files are read anew in it, since another container of this submission may have been given labels."""

    def spec(self, job: Job, solution: Path, limits: Limits) -> SandboxSpec:
        """What a sandbox is opened for."""
        return SandboxSpec(solution, job.framework, limits, job.course, job.run, self.forgets)


@dataclass
class ContainerUsage:
    """What the containers of one submission came to so far."""

    forks: bool | None = None
    """Whether workers are forked; None before the first one is open."""
    cpu_s: float | None = None
    """CPU seconds of all of them; None where unknown."""


def containers_for(job: Job, shown: Mapping[int, InputSet], *, redraw: bool) -> list[Container]:
    """One container for all questions of a job where they may share; else one for the tests and one for each repeat.

    `shown` are all repeats that the job is about, those that were answered before too: a case that one of them labels
    must not be asked for beside it in any run.
    """
    if not job.tests and not job.repeats:
        return []  # a score asks nobody
    # Without redraw all repeats have the same training cases and the same hidden ones.
    if not redraw or len(shown) < 2 or may_share([case_digests(one) for one in shown.values()]):
        return [Container(bool(job.tests), job.repeats, forgets=False)]
    alone = [Container(False, (repeat,), forgets=True) for repeat in job.repeats]
    return [*([Container(True, (), forgets=True)] if job.tests else []), *alone]


def may_share(carriers: Collection[CaseDigests]) -> bool:
    """Whether one container may serve all these repeats: none is given the label of a case that another only asks for.

    It follows from what was drawn, subjects and arrays, and not from what an assignment says of its data. Workers are
    kept apart inside a container too; but it has counters that all of them read, which end with it. What the machine
    holds of files outlives it, so such containers read them anew.
    """
    pairs = [(one, other) for one in carriers for other in carriers if one is not other]
    return not any(one.reveals(other) for one, other in pairs)


@contextmanager
def opened(
    spec: SandboxSpec, sandbox: Sandbox, patience: Patience, journal: Journal, spent: ContainerUsage
) -> Iterator[Session]:
    """A container of its own, and the session with its keeper; what it took is added to `spent`.

    One that the kernel ends for memory is opened again for the questions that are left, a few times.

    Raises:
        ToolkitFailure: it does not open; nothing of the group's has run.
    """
    with ExitStack() as stack:

        def channel() -> Channel:
            stack.close()
            with journal.lifted():
                return stack.enter_context(sandbox.open(spec))

        session = Session(channel(), spec.limits, spec.solution, patience, reopen=channel)
        try:
            info = session.begin()
        except SubmissionFailure as failure:  # nothing of the group's has run yet
            raise InternalFailure(f"before the solution was touched: {failure}") from failure
        spent.forks = info["forks"]
        yield session
        used = session.cpu_s()
        spent.cpu_s = used if spent.cpu_s is None or used is None else spent.cpu_s + used
