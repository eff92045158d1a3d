"""The memory of a worker's processes, where no control group of the sandbox's own limits it. Standard library only."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Iterable

from . import processes

PAGE = os.sysconf("SC_PAGE_SIZE")
COUNTS_S = 2.0
"""How long counting may take; the worker's user can slow it down."""
STACK = 8 << 20
"""Bytes that a thread's stack may take; the kernel counts all of them as data."""


def is_over(pids: Iterable[int], uid: int | None, limit: int) -> bool:
    """Whether processes hold more than `limit` bytes together; pages that they share count once.

    The sum of what is resident is read often, since it costs little. Only if it is over the limit are pages counted
    that several processes share: children of a worker have its data, and all of them have the zygote's.
    """
    pids = list(pids)
    if sum(map(_resident, pids)) <= limit:
        return False
    shared = _shares(pids, uid)
    return shared is not None and shared > limit


def data_limit(memory: int, threads: int) -> int:
    """The most bytes of writable memory that one process may map beyond those it has: a barrier between two looks."""
    return memory + threads * STACK


def data_bytes() -> int:
    """Bytes of writable memory that this process has mapped."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmData"))


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * PAGE
    return 0


def _shares(pids: Iterable[int], uid: int | None) -> int | None:
    """The sum of each process's share of its pages; None if it could not be counted in time.

    Only the processes' own user may read it, so a process of that user counts. Processes that keep it from a core use
    up their CPU seconds.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if uid is not None:
                processes.become(uid, real=processes.NOBODY)
            os.write(writer, str(sum(map(_share, pids))).encode())
        finally:
            os._exit(0)
    os.close(writer)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    text = os.read(reader, 64) if poll.poll(COUNTS_S * 1000) else b""
    os.close(reader)
    processes.kill(pid)
    os.waitpid(pid, 0)
    return int(text) if text else None


def _share(pid: int) -> int:
    """One process's share of its pages; all of them if it hides them."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup") as rows:
        for row in rows:
            if row.startswith("Pss:"):
                return int(row.split()[1]) << 10
    return _resident(pid)
