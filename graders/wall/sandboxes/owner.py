"""Names a process of this machine, to find out later whether it still lives. Process ids are used again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil

BOOT = Path("/proc/sys/kernel/random/boot_id")


def this_process() -> str:
    """The name of the calling process: its id and when it started."""
    return f"{os.getpid()} {_started(os.getpid())}"


def is_alive(owner: str) -> bool:
    """Whether the process of that name still runs; a name that cannot be read belongs to no process."""
    pid, _, started = owner.partition(" ")
    return pid.isdecimal() and bool(started) and started == _started(int(pid))


def _started(pid: int) -> str:
    """When the process started, as a text that stays the same while it runs; empty if there is no process."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        started = process.create_time()
    except psutil.Error:
        return ""
    if sys.platform != "linux":
        return f"{started:.2f}"
    # Linux counts ticks since the start of this boot. Seconds since 1970 would move with every change of the clock.
    ticks = round((started - psutil.boot_time()) * os.sysconf("SC_CLK_TCK"))
    return f"{BOOT.read_text(encoding='ascii').strip()[:8]}-{ticks}"
