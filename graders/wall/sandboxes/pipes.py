"""The keeper of a sandbox that is a subprocess of the marker: its pipes as a Channel, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from graders.wall.sandboxes.sandbox import Ending

EVIDENCE = 4000
"""Characters of a keeper's errors that are stored."""
HANGS_UP_S = 3.0
"""How long a keeper may take to end after its marker has hung up."""


class Pipes:
    """The keeper's stdin and stdout.

    Args:
        process: Its stdin and stdout are the keeper's.
        errors: The file that it writes its errors to.
        out_of_memory: Says whether the kernel has ended a process of the sandbox for memory.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], errors: Path, out_of_memory: Callable[[], bool] = lambda: False
    ) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._errors = errors
        self._out_of_memory = out_of_memory
        self._in, self._out = process.stdin.fileno(), process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)

    def fileno_in(self) -> int:
        return self._in

    def fileno_out(self) -> int:
        return self._out

    def write(self, data: memoryview) -> int:
        try:
            return os.write(self._in, data)
        except BlockingIOError:
            return 0

    def readinto(self, view: memoryview) -> int | None:
        try:
            return os.readv(self._out, [view]) or None
        except BlockingIOError:
            return 0

    def ending(self) -> Ending:
        code: int | None = None
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(5)
        # No process inside may send SIGKILL to the keeper: the kernel did.
        killed = code in (-signal.SIGKILL, 128 + signal.SIGKILL)
        return Ending(code, killed and self._out_of_memory(), self._errors.read_text(errors="replace")[-EVIDENCE:])


def ended(process: subprocess.Popen[bytes]) -> bool:
    """Hang up, and give the keeper a moment to end its workers; whether it ended by itself."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError):
        process.stdin.close()
    deadline = time.monotonic() + HANGS_UP_S
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            os.read(process.stdout.fileno(), 1 << 20)  # it may be waiting to be read
        time.sleep(0.002)
    by_itself = process.poll() is not None
    if not by_itself:
        process.kill()
    process.wait()
    process.stdout.close()
    return by_itself
