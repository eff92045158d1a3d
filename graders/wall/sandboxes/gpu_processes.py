"""Processes that compute on a GPU which this process has just leased: there must be none."""

from __future__ import annotations

import time
from dataclasses import dataclass

from graders.failures import EngineFailure
from graders.wall.sandboxes.gpu_list import nvidia_smi

IDLE_WITHIN_S = 60.0
"""How long processes may stay on a GPU after its lease began: a killed container's memory is freed a little later."""
LOOK_S = 0.5


@dataclass(frozen=True)
class GpuProcess:
    """A process that computes on a GPU."""

    uuid: str
    """Of the GPU."""
    pid: int
    """On this machine, not in a container."""
    name: str
    memory: str
    """As `nvidia-smi` prints it: `812 MiB`, or `[N/A]`."""


def processes_on(uuids: tuple[str, ...]) -> list[GpuProcess]:
    """The processes that compute on some GPUs, of any user.

    A process on a MIG device counts where `nvidia-smi` names that device: where it names the whole GPU, the process may
    be on another MIG device, and nothing says on which.

    Raises:
        EngineFailure: `nvidia-smi` fails.
    """
    query = "--query-compute-apps=gpu_uuid,pid,process_name,used_memory"
    rows = [row.split(", ") for row in (nvidia_smi(query, "--format=csv,noheader") or "").splitlines()]
    return [
        GpuProcess(row[0], int(row[1]), ", ".join(row[2:-1]), row[-1])
        for row in rows
        if len(row) >= 4 and row[0] in uuids and row[1].isdigit()
    ]


def wait_until_idle(uuids: tuple[str, ...]) -> None:
    """Wait until nobody computes on GPUs that were just leased: the memory and the time of a mark are its own.

    Raises:
        EngineFailure: processes stay; the text names them.
    """
    end = time.monotonic() + IDLE_WITHIN_S
    while present := processes_on(uuids):
        if time.monotonic() > end:
            pids = " ".join(f"{process.pid}" for process in present)
            each = "; ".join(f"process {p.pid} ({p.name}) holds {p.memory} of {p.uuid}" for p in present)
            raise EngineFailure(
                f"{each}, {IDLE_WITHIN_S:.0f} s after this GPU was leased. `ps -fp {pids.replace(' ', ',')}` shows "
                f"whose that is; end it (kill {pids}), or leave this GPU out: CUDA_VISIBLE_DEVICES names those to use"
            )
        time.sleep(LOOK_S)
