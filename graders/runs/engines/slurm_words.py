"""Why a Slurm job brought no reply, in words that say what to do."""

from __future__ import annotations

import os
from pathlib import Path

from graders.runs.engines.slurm_queue import QueuedTask
from graders.runs.engines.slurm_script import NOT_SHARED

NO_OUTPUT_FILE = 53
"""The signal that Slurm notes for a job whose output file could not be opened; no process has sent it."""
NO_PYTHON = (126, 127)
"""Exit codes of a shell that cannot start a program."""

CAUSES = {
    "BOOT_FAIL": "its node did not start",
    "CANCELLED": "it was cancelled (scancel)",
    "COMPLETED": "it ended well, but its reply is not in {folder}: do all nodes see that folder?",
    "DEADLINE": "its deadline in Slurm was over",
    "NODE_FAIL": "its node failed",
    "OUT_OF_MEMORY": "it needed more memory than it reserved: raise memory_mb under [engine] in course.toml",
    "PREEMPTED": "a job of higher priority took its node",
    "REVOKED": "another cluster took it over",
    "TIMEOUT": "it was still running at its walltime: raise walltime_minutes under [engine] in course.toml",
}
"""By the state in which Slurm lists it."""


def ended_without_reply(task: QueuedTask, folder: Path, last_lines: str | None, *, is_full: bool = False) -> str:
    """Why a task that has ended brought no reply.

    Args:
        task: as Slurm lists it.
        folder: the shared one.
        last_lines: of what it printed; None if nothing came back of it, not even an empty file.
        is_full: whether the folder's disk has no room.
    """
    code = _code(task.status)
    if is_full:
        cause = f"{folder} is full: make room there"
    elif code == NOT_SHARED or (code == -NO_OUTPUT_FILE and last_lines is None):
        cause = f"that node does not see {folder} as this machine does: name a folder under [engine] that all share"
    elif code in NO_PYTHON:
        cause = "its Python cannot be started there: name a Python of the nodes, with medmark, as python under [engine]"
    elif task.state in CAUSES:
        cause = CAUSES[task.state].format(folder=folder)
    elif code < 0:
        cause = f"it was killed (signal {-code})"
    else:
        cause = f"it failed (exit code {code})"
    reason = f", {task.reason}" if task.reason != "None" else ""
    printed = f"\nIts last lines:\n{last_lines}" if last_lines else ""
    return f"{_which(task)}: {cause} ({task.state}{reason}).{printed}"


def never_runs(task: QueuedTask) -> str:
    """Why a task that waits was cancelled."""
    if "held" in task.reason.lower():
        return (
            f"{_which(task)} is held ({task.reason}), since a node could not start it or somebody holds it, and was "
            "cancelled"
        )
    return (
        f"{_which(task)} would wait for ever ({task.reason}) and was cancelled: what [engine] in course.toml and the "
        "assignment's limits ask for is not to be had there; `sinfo` and `scontrol show partition` list what is"
    )


def no_nodes(task: QueuedTask, waited_s: float) -> str:
    """Why a task that has waited long for nodes was cancelled."""
    minutes = waited_s / 60
    return (
        f"{_which(task)} waited {minutes:.0f} min for nodes that are away ({task.reason}) and was cancelled: "
        "`sinfo -R` says why they are"
    )


def started_too_often(task: QueuedTask) -> str:
    """Why a task that Slurm started again and again was cancelled."""
    times = f"{task.restarts} times again"
    return f"{_which(task)} was started {times}, since its nodes failed or were taken, and was cancelled"


def lost_sight(task: str, node: str) -> str:
    """What is certain of a task that Slurm lists no more."""
    where = f" on {node}" if node else ""
    return f"Slurm job {task}{where}: it ended without a reply, and Slurm no longer lists it"


def _which(task: QueuedTask) -> str:
    return f"Slurm job {task.id} on {task.node}" if task.node else f"Slurm job {task.id}"


def _code(status: int) -> int:
    """The exit code, or minus the signal that ended it."""
    return -(status & 127) if status & 127 else os.waitstatus_to_exitcode(status & 0xFF00)
