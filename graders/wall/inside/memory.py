"""The memory of a sandbox: how full it is, and a part of it that the keeper holds back. Standard library only.

Whatever the kernel does for a process takes some of the sandbox's memory. Where none is left it ends a process, and
where the one that it has just ended is not taken down yet, the next: at last the keeper. So the keeper asks for
nothing while memory is full, and when it must, it first gives up what it held back.
"""

from __future__ import annotations

import contextlib
import os

MIB = 1 << 20
FULL = 8 * MIB
"""Memory with less room than this is full: processors set some aside that shows as used."""
SPARE = 4 * MIB
PLENTY = 32 * MIB
"""Room that there must be before some is held back again."""
TELLS = (
    ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.max"),
    ("/sys/fs/cgroup/memory/memory.usage_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where a control group tells what it uses and what it may, in version 2 and in version 1."""


class Memory:
    """The memory of this control group; one that does not tell of it is never full."""

    def __init__(self) -> None:
        self._used = -1
        self._limit = 0
        self._spare = -1
        for used, limit in TELLS:
            with contextlib.suppress(OSError, ValueError):
                with open(limit) as file:
                    self._limit = int(file.read())
                # Stays open: to open a file takes memory, and so does its first reading.
                fd = os.open(used, os.O_RDONLY | os.O_CLOEXEC)
                self._used = fd if os.pread(fd, 32, 0).strip().isdigit() else -1
                return

    def is_full(self) -> bool:
        """Whether next to nothing is left; to ask takes no memory."""
        return self._used >= 0 and self._room() < FULL

    def hold(self) -> None:
        """Hold some back, unless that is done or there is not plenty."""
        if self._used < 0 or self._spare >= 0 or self._room() < PLENTY:
            return
        with contextlib.suppress(OSError):  # a sandbox that allows no such file holds nothing back
            # In no process's account: the kernel ends the largest, and this must not make it the keeper.
            self._spare = os.memfd_create("spare")
            os.write(self._spare, bytes(SPARE))

    def make_room(self) -> None:
        """Give up what is held back, if memory is full."""
        if self._spare >= 0 and self.is_full():
            os.close(self._spare)
            self._spare = -1

    def _room(self) -> int:
        return self._limit - int(os.pread(self._used, 32, 0))
