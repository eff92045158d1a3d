"""Names a process of this machine so that it can be told later whether it still lives. Ids of processes come again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def this_process() -> str:
    """The name of the calling process: its id and when it started."""
    return f"{os.getpid()} {_started(os.getpid())}"


def is_alive(owner: str) -> bool:
    """Whether the process of that name still runs; a name that cannot be read belongs to nobody."""
    pid, _, started = owner.partition(" ")
    return pid.isdigit() and bool(started) and started == _started(int(pid))


def _started(pid: int) -> str:
    """When the process started, in the system's own words; empty if there is none."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        state, *fields = stat.rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
        return "" if state == "Z" else f"{boot}-{fields[18]}"
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "_".join(done.stdout.split())
