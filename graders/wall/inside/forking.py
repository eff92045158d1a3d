"""The keeper's end of the zygote: starts it, reads its report, has it fork workers. `zygote.py` is the other end."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

Pump = Callable[[float, dict[int, int]], dict[int, int]]
"""How the keeper waits: (seconds, descriptors with their poll events) -> the ready descriptors with theirs."""
ZYGOTE_S = 240.0
"""How long the import of a framework may take on a loaded machine."""


class ZygoteBroken(Exception):
    """The process that should fork workers cannot: a broken image."""


class ZygoteGone(ZygoteBroken):
    """The zygote has ended: the kernel may end it too when a sandbox is out of memory."""


class NoRoom(ZygoteBroken):
    """The limit on processes or memory is reached."""


class Zygote:
    """The keeper's end of the zygote (`zygote.py`)."""

    def __init__(self, framework: str) -> None:
        self.socket, zygotes_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = subprocess.Popen(
            [*start_command(), "zygote"],
            env={**os.environ, "MEDMARK_SOCKET": str(zygotes_end.fileno()), "MEDMARK_FRAMEWORK": framework},
            pass_fds=[zygotes_end.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=2,
        )
        process.returncode = 0  # the keeper waits for all children itself
        self.pid = process.pid
        self.report: dict[str, Any] | None = None
        zygotes_end.close()
        self.socket.setblocking(False)

    def ready(self, pump: Pump) -> dict[str, Any]:
        """Wait until the framework is imported; the zygote's report."""
        if self.report is None:
            self.report = self._answer(pump, ZYGOTE_S)
        if "broken" in self.report:
            raise ZygoteBroken(self.report["broken"])
        return self.report

    def fork(self, order: dict[str, Any], fds: list[int], pump: Pump) -> int:
        """The pid of a new worker, whose parent is the keeper."""
        try:
            socket.send_fds(self.socket, [json.dumps(order).encode()], fds)
        except OSError as error:
            raise ZygoteGone(f"the zygote does not listen: {error}") from None
        answer = self._answer(pump, 30.0)
        if "pid" not in answer:
            raise NoRoom(str(answer))
        return int(answer["pid"])

    def _answer(self, pump: Pump, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.socket.fileno() in pump(1.0, {self.socket.fileno(): select.POLLIN}):
                data = self.socket.recv(1 << 16)
                if not data:
                    raise ZygoteGone("the zygote ended; the last lines of stderr say why")
                answer: dict[str, Any] = json.loads(data)
                return answer
        raise ZygoteBroken(f"the zygote did not answer in {seconds:.0f} s")

    def close(self) -> None:
        self.socket.close()


def start_command() -> list[str]:
    return [sys.executable, "-I", "-B", os.path.join(os.path.dirname(__file__), "start.py")]
