"""A package that waits for its reply, and when to give it up."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

from assignments.assignment import Limits
from graders.runs.engines import slurm_words
from graders.runs.engines.package import Package
from graders.runs.engines.shared_folder import SharedFolder
from graders.runs.engines.slurm_queue import QueuedTask, standing

RESTARTS = 4
"""How often Slurm may start a task again. One that ends its node each time would go round the cluster for ever."""


@dataclass(frozen=True)
class Pace:
    """How often the carrier looks, and how long it waits before it says that something is wrong. All in seconds."""

    look: float = 1.0
    """Between two looks for replies."""
    ask: float = 5.0
    """Between two calls of squeue."""
    gather: float = 0.5
    """For packages that come together."""
    late: float = 40.0
    """For a reply to be seen here after its task has ended, and for Slurm to think better of the end: a network disk
    shows a new file late, and a task that was preempted or whose node failed may be queued again."""
    nodes_away: float = 600.0
    """For nodes that are down to come back."""
    slurm_away: float = 1800.0
    """For a controller that does not answer; tasks run on without it."""


@dataclass(eq=False)
class WaitingPackage:
    """A package that a slot waits for."""

    package: Package
    deadline_s: float
    limits: Limits
    since: float
    """When it came. All times here are of this process's own monotonic clock."""
    trouble: Future[str] = field(default_factory=Future)
    """Done when the reply has arrived, with an empty text, or when it will not come."""
    array: str = ""
    """The array that it is in, and its number there; empty before it is in one."""
    index: int = 0
    task: str = ""
    """As Slurm calls it; empty before Slurm has said so."""
    seen: QueuedTask | None = None
    """How Slurm listed it last."""
    ended_at: float | None = None
    """Since when it is seen to have ended, or not seen."""
    no_nodes_at: float | None = None
    """Since when it waits for nodes that are away."""
    _node: str = ""

    def goes_as(self, array: str, index: int, task: str = "", seen: QueuedTask | None = None) -> None:
        """Note which task it is."""
        self.array, self.index, self.task, self.seen = array, index, task, seen

    def ran_on(self, node: str) -> None:
        """Note where a task ran that Slurm may never have listed as running."""
        self._node = node

    @property
    def node(self) -> str:
        """Where it runs or ran; empty before."""
        return self._node or (self.seen.node if self.seen else "")

    def trouble_now(self, task: QueuedTask | None, now: float, pace: Pace, folder: SharedFolder) -> str:
        """Why it will bring no reply; empty while it may.

        Args:
            task: as Slurm lists it now; None if it does not.
            now: the time.
            pace: how patient to be.
            folder: holds what the task printed.
        """
        self.seen = task or self.seen
        stands = "ended" if task is None else standing(task)
        self.ended_at = (self.ended_at or now) if stands == "ended" else None
        self.no_nodes_at = (self.no_nodes_at or now) if stands == "waits for nodes" else None
        if self.ended_at is not None and now - self.ended_at >= pace.late:
            if task is None:
                return slurm_words.lost_sight(self.task, self.node)
            printed = folder.last_lines(self.array, self.index)
            return slurm_words.ended_without_reply(task, folder.root, printed, is_full=folder.is_full())
        if task is None or stands == "ended":
            return ""
        if stands == "can never run":
            return slurm_words.never_runs(task)
        if self.no_nodes_at is not None and now - self.no_nodes_at >= pace.nodes_away:
            return slurm_words.no_nodes(task, now - self.no_nodes_at)
        return slurm_words.started_too_often(task) if task.restarts > RESTARTS else ""
