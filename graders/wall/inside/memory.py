"""The memory of a sandbox: how full it is, and a reserve of it that the keeper holds. Standard library only.

Almost any system call takes some of the sandbox's memory. Where none is left, the kernel ends a process; while that
process still holds its memory, it ends the next, and at last the keeper. So the keeper makes no such call while memory
is full; when it must, it first gives up its reserve.
"""

from __future__ import annotations

import contextlib
import os

MIB = 1 << 20
FULL = 8 * MIB
"""Memory with less room than this is full: processors set aside some that counts as used."""
SPARE = 4 * MIB
PLENTY = 32 * MIB
"""Room that there must be before the reserve is taken again."""
COUNTERS = (("memory.current", "memory.max"), ("memory.usage_in_bytes", "memory.limit_in_bytes"))
"""Files with a control group's use and limit of memory, in version 2 and in version 1."""
KILLS = ("memory.events", "memory.oom_control")
"""Files that count what the kernel has killed for memory, in version 2 and in version 1."""


def control_group_folders() -> tuple[str, str]:
    """Where files of this sandbox's control group lie, in version 2 and in version 1.

    Where a scheduler holds the limit, the sandbox sees its files of memory in a folder of their own: what else the
    scheduler counts is not this sandbox's alone.
    """
    own = os.environ.get("MEDMARK_CONTROL_GROUP")
    return (own, own) if own else ("/sys/fs/cgroup", "/sys/fs/cgroup/memory")


class Memory:
    """The memory of this control group; without counters it is never full."""

    def __init__(self) -> None:
        self._used = -1
        self._limit = 0
        self._spare = -1
        for folder, (used, limit) in zip(control_group_folders(), COUNTERS, strict=True):
            with contextlib.suppress(OSError, ValueError):
                with open(os.path.join(folder, limit)) as file:
                    self._limit = int(file.read())
                # Stays open: to open a file takes memory, and so does its first reading.
                fd = os.open(os.path.join(folder, used), os.O_RDONLY | os.O_CLOEXEC)
                self._used = fd if os.pread(fd, 32, 0).strip().isdigit() else -1
                return

    def is_full(self) -> bool:
        """Whether next to nothing is left; this call takes no memory."""
        return self._used >= 0 and self._room() < FULL

    def hold(self) -> None:
        """Take the reserve, unless it is taken already or there is too little room."""
        if self._used < 0 or self._spare >= 0 or self._room() < PLENTY:
            return
        with contextlib.suppress(OSError):  # a sandbox that allows no such file has no reserve
            # Counted for no process: the kernel ends the largest, and the reserve must not make that the keeper.
            self._spare = os.memfd_create("spare")
            os.write(self._spare, bytes(SPARE))

    def make_room(self) -> None:
        """Give up the reserve if memory is full."""
        if self._spare >= 0 and self.is_full():
            os.close(self._spare)
            self._spare = -1

    def _room(self) -> int:
        return self._limit - int(os.pread(self._used, 32, 0))


def out_of_memory_kills() -> int:
    """How often the kernel has killed in this control group for memory; 0 where it has no such count."""
    for folder, counts in zip(control_group_folders(), KILLS, strict=True):
        with contextlib.suppress(OSError), open(os.path.join(folder, counts)) as file:
            for line in file:
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0
