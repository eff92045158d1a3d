"""Slurm's commands, as functions: submit an array, list this user's jobs, cancel some.

Nothing here needs Slurm's accounting, which many sites do not run: `squeue` alone lists what waits and runs, and for
some minutes what has ended. Each command that fails says so in its own words.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from assignments.errors import UserError
from graders.failures import EngineFailure

COMMAND_S = 60.0
"""How long a command may take; Slurm's own patience with a controller that is away is shorter."""
AWAY = (
    "contact slurm controller",
    "socket timed out",
    "connection refused",
    "connect failure",
    "connection failure",
    "communication connection",
    "zero bytes were transmitted",
    "temporarily unable to accept",
    "resource temporarily unavailable",
    "unexpected message received",
    "munge",
)
"""Parts of what a command prints when the controller does not answer, in lower case; any other failure is a refusal."""
CREDENTIALS = ("zero bytes were transmitted", "munge", "credential", "authentication")
"""Parts of what it prints when the controller does not accept its credentials; Slurm itself gives no reason."""
THERE = frozenset({"idle", "mixed", "allocated", "completing", "planned", "reserved", "blocked"})
"""States of nodes that start jobs, or will. A sign says more: `idle~` is switched off, and `idle*` does not answer."""
FIELDS = ("ArrayJobID", "ArrayTaskID", "Name", "State", "Reason", "RestartCnt", "exit_code", "NodeList")
_FORMAT = ",".join(f"{field}:|" for field in FIELDS[:-1]) + f",{FIELDS[-1]}:"


@dataclass(frozen=True)
class QueuedTask:
    """One task of a job array, as `squeue` lists it."""

    id: str
    """As Slurm's commands take it: `12_3`."""
    index: int
    name: str
    """Of its array."""
    state: str
    """A word of Slurm's, such as PENDING."""
    reason: str
    """Why it waits or has ended; "None" for no reason."""
    restarts: int
    status: int
    """Its exit status as `wait` has it; 0 while it runs."""
    node: str
    """Where it runs or ran; empty before."""


class SlurmAway(EngineFailure):
    """Slurm's controller does not answer. What runs goes on meanwhile."""


def submit(options: Sequence[str], script: str) -> str:
    """Submit a job array; its job id.

    Raises:
        SlurmAway: the controller did not answer. The array may have been submitted all the same.
        UserError: Slurm refused it, in Slurm's words.
    """
    return _output(["sbatch", "--parsable", *options], script).strip().split(";")[0]


def refuse_unsatisfiable(options: Sequence[str], script: str) -> None:
    """Ask Slurm whether such a job could run, without submitting one.

    Raises:
        SlurmAway: the controller did not answer.
        UserError: no node that is there could run it, in Slurm's words; or Slurm is not on this machine.
    """
    _output(["sbatch", "--test-only", *options], script)


def queue() -> list[QueuedTask]:
    """This user's array tasks that Slurm remembers, those that have ended a short time ago too.

    Raises:
        SlurmAway: the controller did not answer, or refused.
    """
    command = ["squeue", f"--user={os.getuid()}", "--array", "--noheader", "--states=all", f"--Format={_FORMAT}"]
    try:
        return parse_queue(_output(command))
    except UserError as error:
        raise SlurmAway(str(error)) from error


def parse_queue(text: str) -> list[QueuedTask]:
    """What `squeue` printed; jobs outside arrays are left out."""
    tasks = []
    for line in filter(None, text.splitlines()):
        # A name may hold the mark between the fields; the other fields cannot.
        fields = line.split("|")
        job, index, *name, state, reason, restarts, status, node = (field.strip() for field in fields)
        if index.isdigit():
            known_as = "|".join(name)
            tasks.append(
                QueuedTask(f"{job}_{index}", int(index), known_as, state, reason, int(restarts), int(status), node)
            )
    return tasks


def cancel(tasks: Iterable[str]) -> None:
    """Cancel tasks or whole arrays; those that have ended already are left alone.

    Raises:
        SlurmAway: the controller did not answer.
    """
    if ids := sorted(tasks):
        _run(["scancel", "--quiet", *ids])


def nodes(partition: str) -> set[str]:
    """The names of a partition's nodes; of the default one's for an empty name.

    Raises:
        SlurmAway: the controller did not answer.
        UserError: there is no such partition.
    """
    return {node for node, _ in _nodes(partition)}


def nodes_away(partition: str) -> list[str]:
    """Those of a partition's nodes that can start nothing at present, with Slurm's words for why: `two (down*)`.

    Raises:
        SlurmAway: the controller did not answer.
        UserError: there is no such partition.
    """
    away = [(node, state) for node, state in _nodes(partition) if "*" in state or state.rstrip("~#%+-") not in THERE]
    return [f"{node} ({state})" for node, state in sorted(away)]


def _nodes(partition: str) -> list[tuple[str, str]]:
    """The name and the state of each node of a partition; a partition that is not up is in its nodes' states."""
    lines = _output(["sinfo", "--noheader", "--Node", "--format=%N %P %T %a"]).splitlines()
    rows = [line.split() for line in lines if line.strip()]
    return [
        (node, state if available == "up" else f"partition {available}")
        for node, name, state, available in rows
        if (name.rstrip("*") == partition if partition else name.endswith("*"))
    ]


def avoid(arrays: Iterable[str], excluded: Sequence[str]) -> None:
    """Keep the tasks of arrays that still wait off some nodes; those that run go on.

    Raises:
        SlurmAway: the controller did not answer.
    """
    for array in sorted(arrays):
        _run(["scontrol", "update", f"JobId={array}", f"ExcNodeList={','.join(excluded)}"])


def _output(command: Sequence[str], text: str = "") -> str:
    done = _run(command, text)
    if done.returncode:
        raise UserError(f"{command[0]}: {_words(done)}")
    return done.stdout


def _run(command: Sequence[str], text: str = "") -> subprocess.CompletedProcess[str]:
    # An instructor's own SQUEUE_FORMAT, SQUEUE_PARTITION, ... would hide jobs.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SQUEUE_")}
    try:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            env={**environment, "LC_ALL": "C"},
            timeout=COMMAND_S,
        )
    except FileNotFoundError as error:
        raise UserError(
            f"{command[0]} is not on this machine: run this on a machine of the cluster from which jobs are submitted, "
            "or with --engine processes"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SlurmAway(f"{command[0]} did not end within {COMMAND_S:.0f} s") from error
    if done.returncode and any(part in done.stderr.lower() for part in AWAY):
        raise SlurmAway(f"{command[0]}: {_words(done)}")
    return done


def _words(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    unique = list(dict.fromkeys(line.removeprefix("sbatch: ").removeprefix("error: ") for line in lines[-4:]))
    words = "; ".join(unique) or f"exit code {done.returncode}"
    if any(part in words.lower() for part in CREDENTIALS):
        words += (
            " (credentials hold for minutes: compare `date` here with the controller's, and see that "
            "`munge -n | unmunge` succeeds)"
        )
    return words


Standing = Literal["waits", "waits for nodes", "can never run", "runs", "ended"]
"""How far a task is."""

ENDED = frozenset({
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",
    "TIMEOUT",
})  # fmt: skip
NEVER = frozenset({
    "AccountNotAllowed", "BadConstraints", "DependencyNeverSatisfied", "InvalidAccount", "InvalidQOS", "JobHeldAdmin",
    "JobHeldUser", "MaxMemPerLimit", "PartitionConfig", "PartitionNodeLimit", "PartitionTimeLimit",
    "QOSMinCpuNotSatisfied", "QOSMinGRES", "QOSMinMemory", "QOSNotAllowed", "launch failed requeued held",
})  # fmt: skip
"""Reasons with which a task waits until a person changes it or the cluster."""
NO_NODES = ("ReqNodeNotAvail", "Nodes required for job are DOWN", "NodeDown", "PartitionDown", "PartitionInactive")
"""How reasons begin that last as long as nodes are away."""


def standing(task: QueuedTask) -> Standing:
    """How far a task is, by its state and its reason."""
    if task.state in ENDED:
        return "ended"
    if task.state != "PENDING":
        return "runs"  # it is being started or brought to its end, or is suspended
    too_large = task.reason.startswith(("Assoc", "QOS")) and "Max" in task.reason
    if task.reason in NEVER or (too_large and ("PerJob" in task.reason or "PerNode" in task.reason)):
        return "can never run"
    return "waits for nodes" if task.reason.startswith(NO_NODES) else "waits"
