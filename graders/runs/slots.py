"""How many submissions a machine can run at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from assignments.assignment import Limits
from assignments.errors import UserError
from graders.asking.allowance import host_mb
from graders.failures import EngineFailure

CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True)
class Machine:
    """What there is to run submissions on."""

    cpus: int
    memory_mb: int
    gpus: int
    """Those that this process may use."""
    gpu_words: str = ""
    """How many there are, for a sentence that says that more are needed; empty where they were not counted."""


def this_machine(gpus_wanted: int = 0) -> Machine:
    """The machine this process runs on, or the part of it that it may use; GPUs are looked for only where wanted.

    Raises:
        UserError: GPUs are wanted, and the driver that should list them is broken.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in CGROUP_LIMITS:
        text = path.read_text().strip() if path.is_file() else "max"
        memory = min(memory, int(text)) if text.isdigit() else memory
    if not gpus_wanted:
        return Machine(cpus, memory >> 20, 0)
    from graders.wall.sandboxes.gpu_list import granted  # asks the driver

    try:
        may = granted()
    except EngineFailure as failure:
        raise UserError(f"limits.gpus = {gpus_wanted}, but {failure}") from failure
    return Machine(cpus, memory >> 20, len(may.gpus), may.words)


def slots_for(limits: Limits, machine: Machine, jobs: int | None, isolates: bool) -> int:
    """How many submissions of these limits run at once: at most `jobs`, and as CPU, memory and GPUs allow.

    A sandbox that does not isolate reserves no memory, so one submission always fits there.

    Raises:
        UserError: this machine has no room for one.
    """
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs {jobs}: must be at least 1.")
    # Each submission needs memory for its container and for its marker process.
    by_memory = machine.memory_mb // (limits.memory_mb + host_mb(limits))
    if not by_memory and isolates:
        raise UserError(
            f"limits.memory_mb = {limits.memory_mb} and {host_mb(limits)} MB for the marker of "
            f"limits.reply_mb = {limits.reply_mb}, but this machine has {machine.memory_mb} MB. "
            "Lower it in assignment.toml, or in course.toml under [assignments.ID.limits], or use a larger machine."
        )
    if limits.gpus > machine.gpus:
        words = machine.gpu_words or f"this machine has {machine.gpus}: nvidia-smi lists them"
        raise UserError(
            f"limits.gpus = {limits.gpus}, but {words}. "
            "Lower it in assignment.toml, or in course.toml under [assignments.ID.limits], or use another machine."
        )
    fitting = [jobs or machine.cpus, max(by_memory, 1)]
    if limits.gpus:
        fitting.append(machine.gpus // limits.gpus)
    return min(fitting)
