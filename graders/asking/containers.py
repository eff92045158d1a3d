"""Divides a job's questions among containers, and opens the containers.

Answers never meet labels: a container that received a case's label answers no repeat that asks for that case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from assignments.assignment import Limits
from assignments.data.hidden import InputSet
from assignments.data.overlap import CaseDigests, case_digests
from graders.asking.job import Job
from graders.asking.journal import Journal
from graders.asking.phases import PhaseClock, TimedSession
from graders.wall.patience import Patience
from graders.wall.sandboxes.gpu_use import GpuMeter
from graders.wall.sandboxes.sandbox import Channel, Sandbox, SandboxSpec


@dataclass(frozen=True)
class Container:
    """The questions of one container."""

    tests: bool
    """Whether the hidden tests run in it."""
    repeats: tuple[int, ...]
    forgets: bool
    """Whether cached files are dropped first, since another container of this submission may have received labels."""

    def spec(self, job: Job, solution: Path, limits: Limits) -> SandboxSpec:
        """The spec that its sandbox is opened with."""
        return SandboxSpec(solution, job.framework, limits, job.course, job.run, self.forgets)


def containers_for(job: Job, shown: Mapping[int, InputSet], *, redraw: bool) -> list[Container]:
    """One container for all questions of a job where they may share; else one for the tests and one for each repeat.

    `shown` holds all repeats of the job, answered ones too: a case that one repeat labels must not be asked for in the
    same container by another.
    """
    if not job.tests and not job.repeats:
        return []  # a score asks no question
    # Without redraw all repeats have the same training cases and the same hidden ones.
    if not redraw or len(shown) < 2 or may_share([case_digests(inputs) for inputs in shown.values()]):
        return [Container(bool(job.tests), job.repeats, forgets=False)]
    alone = [Container(False, (repeat,), forgets=True) for repeat in job.repeats]
    return [*([Container(True, (), forgets=True)] if job.tests else []), *alone]


def may_share(carriers: Collection[CaseDigests]) -> bool:
    """Whether one container may serve all these repeats: none receives the label of a case that another only asks for.

    The drawn subjects and arrays decide, and not what an assignment says of its data. Workers are separated inside a
    container too, but all of them read counters that end only with the container. The machine's cached files outlive
    it, so they are dropped before such containers start.
    """
    pairs = [(carrier, other) for carrier in carriers for other in carriers if carrier is not other]
    return not any(carrier.reveals(other) for carrier, other in pairs)


@contextmanager
def opened(
    spec: SandboxSpec, sandbox: Sandbox, patience: Patience, journal: Journal, clock: PhaseClock | None = None
) -> Iterator[TimedSession]:
    """Open a container of its own and a session with its keeper.

    A container that the kernel ends for memory is opened again for the remaining questions, a few times. The `clock`
    times all of it. Where the limits allow GPUs, the session's meter measures them.

    Raises:
        ToolkitFailure: the container does not open; no code of the group has run.
    """
    clock = clock or PhaseClock()
    if spec.limits.gpus:
        spec = replace(spec, gpu_meter=GpuMeter())
    with ExitStack() as stack:

        def channel() -> Channel:
            with clock.phase("open"):
                stack.close()
                with journal.lifted():
                    return stack.enter_context(sandbox.open(spec))

        with clock.phase("open"):
            session = TimedSession(channel(), spec.limits, spec.solution, patience, reopen=channel)
            session.clock = clock
            session.gpu_meter = spec.gpu_meter
            session.begin()
        yield session
