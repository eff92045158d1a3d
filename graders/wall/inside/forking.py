"""The keeper's end of the mother: starts her, hears what she says, has her fork. What she does is in `mother.py`."""

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
"""The keeper's way to wait: (seconds, descriptors with what is wanted of each) -> those that are ready."""
MOTHER_S = 240.0
"""How long the import of a framework may take on a loaded machine."""


class MotherBroken(Exception):
    """The process that should fork workers cannot: a broken image."""


class MotherGone(MotherBroken):
    """She has ended: the kernel takes her too when a sandbox is out of memory."""


class NoRoom(MotherBroken):
    """The limit on processes or memory is reached."""


class Mother:
    """The keeper's end of the mother (`mother.py`)."""

    def __init__(self, framework: str) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = subprocess.Popen(
            [*start_command(), "mother"],
            env={**os.environ, "MEDMARK_SOCKET": str(theirs.fileno()), "MEDMARK_FRAMEWORK": framework},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=2,
        )
        process.returncode = 0  # the keeper waits for all children itself
        self.pid = process.pid
        self.told: dict[str, Any] | None = None
        theirs.close()
        self.socket.setblocking(False)

    def ready(self, pump: Pump) -> dict[str, Any]:
        """Waits until the framework is imported; what the mother says of herself."""
        if self.told is None:
            self.told = self._answer(pump, MOTHER_S)
        if "broken" in self.told:
            raise MotherBroken(self.told["broken"])
        return self.told

    def fork(self, order: dict[str, Any], fds: list[int], pump: Pump) -> int:
        """The pid of a new worker, whose parent is the keeper."""
        try:
            socket.send_fds(self.socket, [json.dumps(order).encode()], fds)
        except OSError as error:
            raise MotherGone(f"the mother does not listen: {error}") from None
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
                    raise MotherGone("the mother ended; the last lines of stderr say why")
                answer: dict[str, Any] = json.loads(data)
                return answer
        raise MotherBroken(f"no word from the mother in {seconds:.0f} s")

    def close(self) -> None:
        self.socket.close()


def start_command() -> list[str]:
    return [sys.executable, "-I", "-B", os.path.join(os.path.dirname(__file__), "start.py")]
