"""The attached socket of a container as a Channel: separates Docker's streams, and learns how the container ended.

Docker puts eight bytes before each piece of output: its stream and its length. Stdout goes straight into the caller's
view; the last part of stderr is stored as evidence. `docker.py` starts and removes the container.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import Any

import docker
import docker.errors

from graders.failures import EngineFailure
from graders.wall.sandboxes.engine import LOST
from graders.wall.sandboxes.sandbox import Ending

PREFIX = 8
STDERR = 2
STDERR_BYTES = 16_384
PATIENCE = 64
"""Reads without a byte of stdout after which the caller can check its deadline."""


class Watch:
    """The engine's events of one container from before its start to its removal, read by a separate thread.

    A container that removes itself cannot be queried afterwards, so its last events are the only record of its end.
    """

    def __init__(self, api: docker.APIClient, container: str) -> None:
        filters = {"container": [container], "event": ["oom", "die", "destroy"]}
        self._events: Any = api.events(filters=filters)
        self._finished = threading.Event()
        self.exit_code: int | None = None
        self.out_of_memory = False
        self.gone = False
        self.lost: str | None = None
        self._reader = threading.Thread(target=self._read, name="docker events", daemon=True)
        self._reader.start()

    def wait(self, seconds: float) -> bool:
        """Whether the container was removed, or the engine lost, within that time."""
        return self._finished.wait(seconds)

    def close(self) -> None:
        """Stop listening, and wait for the thread: it closes the connection it reads."""
        if not self._finished.is_set():
            with contextlib.suppress(AttributeError, ValueError, OSError):  # it ended just now
                self._events.close()
        self._reader.join(5.0)

    def _read(self) -> None:
        try:
            for piece in self._events:
                for line in piece.splitlines():
                    self._note(json.loads(line))
                if self.gone:
                    return
            self.lost = "the stream of events ended"
        except (*LOST, ValueError, AttributeError) as error:  # AttributeError: close() while it was reading
            self.lost = str(error) or type(error).__name__
        finally:
            self._finished.set()
            self._events._response.close()

    def _note(self, event: dict[str, Any]) -> None:
        match event.get("Action"):
            case "oom":
                self.out_of_memory = True
            case "die":
                self.exit_code = int(event["Actor"]["Attributes"]["exitCode"])
            case "destroy":
                self.gone = True


class DockerChannel:
    """The keeper's stdin and stdout through Docker's attach connection."""

    def __init__(self, api: docker.APIClient, container: str, attached: Any, watch: Watch) -> None:
        self._api = api
        self._container = container
        self._attached = attached
        self._socket: socket.socket = attached._sock
        self._watch = watch
        self._prefix = bytearray(PREFIX)
        self._have = 0
        self._left = 0
        self._stderr = bytearray()
        self._socket.setblocking(False)

    def fileno_in(self) -> int:
        return self._socket.fileno()

    def fileno_out(self) -> int:
        return self._socket.fileno()

    def write(self, data: memoryview) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except ConnectionError as error:
            raise BrokenPipeError(str(error)) from error

    def readinto(self, view: memoryview) -> int | None:
        if not view.nbytes:
            return 0
        done = 0
        try:
            for _ in range(PATIENCE):
                got = self._socket.recv_into(view)
                if not got:
                    return None
                done = self._demultiplex(view, got)
                if done:
                    break
        except BlockingIOError:
            return 0
        except ConnectionError:
            return None
        return done

    def ending(self) -> Ending:
        """How the container ended.

        Raises:
            EngineFailure: the engine cannot tell, because it is gone or because the container still runs.
        """
        if not self._watch.wait(5.0):
            raise EngineFailure("the connection to the container was cut while the container was running")
        if self._watch.lost and self._watch.exit_code is None:
            raise EngineFailure(f"the Docker engine went away while a container ran: {self._watch.lost}")
        self._drain()
        code = self._watch.exit_code
        stderr = bytes(self._stderr).decode("utf-8", "replace").strip()
        # 137 is SIGKILL: no process inside may send it to the keeper, so after an `oom` the kernel did.
        memory = self._watch.out_of_memory and code == 137
        return Ending(code, memory, f"the container exited with {code}" + (f"; {stderr}" if stderr else ""))

    def close(self) -> None:
        """Hang up: Docker closes the keeper's stdin, and the keeper exits."""
        with contextlib.suppress(OSError):  # the engine closed it first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._attached._response.close()
        self._attached.close()
        self._socket.close()

    def _demultiplex(self, view: memoryview, got: int) -> int:
        """Move the stdout bytes of `got` raw bytes to the start of `view`; how many they are.

        Several pieces arrive at once when this process is the slower side: moving them in cache is cheaper than a
        system call for each.
        """
        here = done = 0
        while here < got:
            if not self._left:
                take = min(PREFIX - self._have, got - here)
                self._prefix[self._have : self._have + take] = view[here : here + take]
                self._have = (self._have + take) % PREFIX
                if not self._have:
                    self._left = int.from_bytes(self._prefix[4:], "big")
            else:
                take = min(self._left, got - here)
                if self._prefix[0] == STDERR:
                    self._stderr += view[here : here + take]
                    del self._stderr[:-STDERR_BYTES]
                else:
                    if done != here:
                        view[done : done + take] = view[here : here + take]
                    done += take
                self._left -= take
            here += take
        return done

    def _drain(self) -> None:
        """Read the rest of the socket, for the last lines on stderr."""
        scrap = memoryview(bytearray(65_536))
        while self.readinto(scrap):
            pass
