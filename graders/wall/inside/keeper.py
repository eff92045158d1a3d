"""The keeper: PID 1 of a sandbox. It owns the wire and starts workers; `reaping.py` measures, ends and cleans up.

It never imports student code or a framework, and reads no value: frames pass through it as bytes. It installs no signal
handler (PID 1 without handlers cannot be stopped from inside its own namespace). docs/wire.md is its contract.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from . import processes
from .forking import NoRoom, Zygote, ZygoteBroken, ZygoteGone, start_command
from .frames import PREFIX, Closed, Reader, TooLarge, head_bytes
from .memory import Memory, out_of_memory_kills
from .reaping import FULL_S, SHARED, TICK_S, WRITE_ONLY, Reaper, WorkerProcess

WIRE = 2
BODY_CAP = 1 << 30
PTMX = "/dev/pts/ptmx"
"""Makes pseudo terminals, which any worker could open if their owner let it."""


class HangUp(Exception):
    """The marker is gone: no process waits for an answer."""


class Keeper:
    """One session: from the first frame on stdin to its end."""

    def __init__(self) -> None:
        self.isolated = os.getpid() == 1
        self.drops = self.isolated and os.getuid() == 0 and not os.environ.get("MEDMARK_ONE_USER")
        self.forks = os.environ.get("MEDMARK_NO_FORK") != "1" and sys.platform == "linux"
        self.solution = os.environ["MEDMARK_SOLUTION"]
        self.scratch = os.environ["MEDMARK_SCRATCH"]
        self.framework = os.environ["MEDMARK_FRAMEWORK"]
        self.processes = int(os.environ.get("MEDMARK_PROCESSES", 0))
        self.counts_memory = self.isolated and bool(self.processes)
        self.limits_workers = self.counts_memory or not self.isolated
        self.uids = iter(processes.users() if self.drops else ())
        self.waited_s = 0.0 if processes.counts_waiting() else None
        self.limits: dict[str, int] = {"reply_bytes": 1 << 20, "log_bytes": 1 << 16, "memory_bytes": 0, "idle_s": 0}
        self.workers: dict[int, WorkerProcess] = {}
        self.memory = Memory() if self.isolated else None
        self.zygote: Zygote | None = None
        self.reaper = Reaper(
            self.workers,
            self.scratch,
            forks=self.forks,
            isolated=self.isolated,
            drops=self.drops,
            memory=self.memory,
            zygote_pid=lambda: self.zygote.pid if self.zygote else None,
            revive=self._renew_zygote,
        )
        self.proven = False
        """Whether a zygote has been ready once: then the image is sound."""
        self.born = time.monotonic()
        for fd in (0, 1):
            os.set_blocking(fd, False)

    # The wire

    def run(self) -> None:
        """Answer requests until the marker says `bye` or is gone."""
        if self.forks and not self.isolated:
            processes.prctl(processes.PR_SET_CHILD_SUBREAPER, 1)
        if sys.platform == "linux":
            processes.prctl(processes.PR_SET_DUMPABLE, 0)
        try:
            with contextlib.suppress(HangUp, BrokenPipeError):
                if self.isolated and os.environ.get("MEDMARK_FORGETS"):
                    processes.forget_files()
                self._start_zygote()
                while True:
                    head, body = self._next_request()
                    if head["verb"] == "bye":
                        break
                    self._reply(head["id"], *self._handle(head, body))
        finally:
            self.reaper.end_everything()

    def _next_request(self) -> tuple[dict[str, Any], memoryview]:
        reader = Reader(BODY_CAP)
        while True:
            # An idle worker may still print: its pipe is drained meanwhile.
            ready = self._pump(1.0, {0: select.POLLIN})
            if 0 not in ready:
                continue
            try:
                frame = reader.feed(0)
            except BlockingIOError:
                continue
            except Closed:
                raise HangUp from None
            if frame is not None:
                head_size, _ = PREFIX.unpack(frame[: PREFIX.size])
                start = PREFIX.size + head_size
                return json.loads(bytes(frame[PREFIX.size : start])), frame[start:]

    def _reply(self, id: int, head: dict[str, Any], body: memoryview) -> None:
        text = head_bytes({"id": id, "oom_kills": out_of_memory_kills(), **head})
        for part in (memoryview(PREFIX.pack(len(text), body.nbytes) + text), body):
            while part:
                try:
                    part = part[os.write(1, part) :]
                except BlockingIOError:
                    self._pump(1.0, {1: select.POLLOUT})

    def _pump(self, timeout_s: float, events: dict[int, int]) -> dict[int, int]:
        """Wait for descriptors; meanwhile drain every worker's printed output, and notice that the marker hung up."""
        poll = select.poll()
        poll.register(0, events.get(0, 0))
        logs = {w.log: w for w in self.workers.values() if w.log >= 0}
        for fd in logs:
            poll.register(fd, select.POLLIN)
        for fd, mask in events.items():
            poll.register(fd, mask)
        ready = dict(poll.poll(max(0.0, timeout_s) * 1000))
        if ready.get(0, 0) & (select.POLLHUP | select.POLLERR) and not ready[0] & select.POLLIN:
            raise HangUp
        if ready.get(1, 0) & select.POLLERR:
            raise HangUp
        for fd, worker in logs.items():
            if fd in ready:
                worker.drain()
        return {fd: mask for fd, mask in ready.items() if fd in events}

    # Requests

    def _handle(self, head: dict[str, Any], body: memoryview) -> tuple[dict[str, Any], memoryview]:
        verbs: dict[str, Callable[[dict[str, Any], memoryview], tuple[dict[str, Any], memoryview]]] = {
            "begin": self._begin,
            "worker": self._open_worker,
            "call": self._call,
            "end": self._end_worker,
        }
        return verbs[head["verb"]](head, body)

    def _begin(self, head: dict[str, Any], body: memoryview) -> tuple[dict[str, Any], memoryview]:
        if head["wire"] != WIRE:
            return _broken(f"the keeper speaks wire {WIRE}")
        self.limits.update(head["limits"])
        if self.drops and (unfit := self._close_shared()):
            return _broken(unfit)
        report = self._zygote_ready()
        if "broken" in report:
            return _broken(report["broken"])
        self.proven = True
        if self.memory is not None:
            self.memory.hold()
        info = {
            **report,
            "framework": self.framework,
            "forks": self.forks,
            "isolated": self.isolated,
            "drops": self.drops,
            "solution": self.solution,
            "scratch": self.scratch,
            "start_s": round(time.monotonic() - self.born, 4),
        }
        return {"outcome": "ready", "info": info}, memoryview(b"")

    def _close_shared(self) -> str:
        """Let workers write to shared folders without listing them; an error text if that cannot be done.

        The modes that a container is made with are not reliable: runc 1.1 takes those of the folders below.
        """
        try:
            for folder in filter(os.path.exists, (self.scratch, *SHARED)):
                os.chmod(folder, WRITE_ONLY)
            if os.path.exists(PTMX):
                os.chmod(PTMX, 0o600)
        except OSError as error:
            return f"{error.filename} is not root's, so workers cannot be separated ({error.strerror}); {self._cure()}"
        return ""

    def _cure(self) -> str:
        return f"build the image again: medmark image build {self.framework} --from-host"

    def _open_worker(self, head: dict[str, Any], body: memoryview) -> tuple[dict[str, Any], memoryview]:
        self.reaper.alone(None)
        uid = next(self.uids, None)
        if uid is None and self.drops:
            return _broken("every user of this sandbox has been a worker")
        try:
            scratch = self._folder(uid)
        except OSError as error:
            return _broken(f"a worker cannot make its folder in {self.scratch}: {error.strerror}; {self._cure()}")
        keepers_ends, workers_ends = _pipes()
        order = self._order(head, uid, scratch)
        try:
            pid = self._fork(order, workers_ends) if self.forks else self._spawn(order, workers_ends)
        except ZygoteBroken as error:
            for fd in keepers_ends:
                os.close(fd)
            return _broken(str(error))
        finally:
            for fd in workers_ends:
                os.close(fd)
        worker = WorkerProcess(
            head["worker"],
            pid,
            *keepers_ends,
            head["cpu_s"],
            head["wall_s"],
            scratch,
            uid,
            self.limits["log_bytes"],
            self.waited_s,
        )
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):  # an old kernel, or a filter without it: the tick notices the end
                worker.pidfd = os.pidfd_open(pid)
        self.workers[worker.number] = worker
        self.reaper.begin()
        text = head_bytes({"id": head["id"], "do": "begin", "arrays": [], "doubles_bytes": head["doubles_bytes"]})
        return self._exchange(worker, memoryview(PREFIX.pack(len(text), body.nbytes) + text + bytes(body)))

    def _order(self, head: dict[str, Any], uid: int | None, scratch: str) -> dict[str, Any]:
        """What a new worker's process needs to know; where the container holds a limit, the worker has none."""
        limits = self.limits if self.limits_workers else {}
        return {
            "worker": head["worker"],
            "scratch": scratch,
            "solution": (head.get("solution") or self.solution) if not self.isolated else self.solution,
            "framework": self.framework,
            "seed": head["seed"],
            "isolated": self.isolated,
            "uid": uid,
            "cpu_s": head["cpu_s"],
            "memory_bytes": limits.get("memory_bytes", 0),
            "scratch_bytes": limits.get("scratch_bytes", 0),
            "processes": self.processes,
            "reply_bytes": self.limits["reply_bytes"],
        }

    def _folder(self, uid: int | None) -> str:
        """Make a new worker's folder, with a name that no worker can have used before.

        Raises:
            OSError: it cannot be made, though no other worker lives.
        """
        path = os.path.join(self.scratch, f"w-{os.urandom(8).hex()}")
        try:
            with processes.acting_as(uid):
                os.mkdir(path, 0o700)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not self.workers:
                raise
            self.reaper.give_way()
            with processes.acting_as(uid):
                os.mkdir(path, 0o700)
        return path

    def _call(self, head: dict[str, Any], body: memoryview) -> tuple[dict[str, Any], memoryview]:
        worker = self.workers.get(head["worker"])
        if worker is None or worker.over:
            return {"outcome": "gone"}, memoryview(b"")
        self.reaper.alone(worker)
        return self._exchange(worker, body)

    def _end_worker(self, head: dict[str, Any], body: memoryview) -> tuple[dict[str, Any], memoryview]:
        worker = self.workers.get(head["worker"])
        if worker is None:
            return {"outcome": "gone"}, memoryview(b"")
        self.reaper.stop(worker)
        self.reaper.close(worker)
        del self.workers[worker.number]
        dropped = worker.log_bytes - len(worker.log_head) - len(worker.log_tail)
        gap = f"\n[... {dropped} bytes not kept ...]\n".encode() if dropped else b""
        return self._facts(worker, "ended"), memoryview(bytes(worker.log_head + gap + worker.log_tail))

    # One exchange with a worker

    def _exchange(self, worker: WorkerProcess, request: memoryview) -> tuple[dict[str, Any], memoryview]:
        """Send a request, wait for one frame, under the worker's CPU and wall limits."""
        began = time.monotonic()
        deadline = began + worker.wall_s - worker.wall_used
        frame: memoryview | None = None
        if self._surplus(worker):
            self._violate(worker)
            return self._facts(worker, "violated"), memoryview(b"")
        reader = Reader(self.limits["reply_bytes"])
        next_look, looked = began + TICK_S, began
        looks: deque[tuple[float, float]] = deque()
        while frame is None and not worker.over and not worker.violated:
            now = time.monotonic()
            if now >= deadline:
                self.reaper.stop(worker, "wall")
                break
            if now >= next_look:
                next_look = now + TICK_S
                if now < looked + FULL_S and self.memory is not None and self.memory.is_full():
                    pass  # to look takes memory, and the kernel is about to end a process for it
                elif self.reaper.cpu(worker) > worker.cpu_s:
                    self.reaper.stop(worker, "cpu")
                    break
                elif self.reaper.is_idle(worker, looks, now, self.limits["idle_s"]):
                    self.reaper.stop(worker, "idle")
                    break
                elif self.counts_memory and self.reaper.is_over(worker, self.limits["memory_bytes"]):
                    self.reaper.stop(worker, "memory")
                    break
                else:
                    looked = now
                self.reaper.reap(worker)
            events = {worker.reply: select.POLLIN}
            if request:
                events[worker.request] = select.POLLOUT
            if worker.pidfd >= 0:
                events[worker.pidfd] = select.POLLIN
            ready = self._pump(min(deadline, next_look) - now, events)
            if worker.request in ready and request:
                request = self._push(worker, request)
            if worker.reply in ready:
                frame = self._pull(worker, reader)
            elif worker.pidfd in ready:
                self.reaper.reap(worker)
        if frame is None and worker.over and not worker.stopped and not worker.violated:
            frame = self._last_words(worker, reader)
        worker.wall_used += time.monotonic() - began
        if frame is not None:
            if time.monotonic() - began > TICK_S:
                self.reaper.look(worker)
            return self._facts(worker, "replied"), frame
        if not worker.over:
            self.reaper.stop(worker)
        return self._facts(worker, "violated" if worker.violated else "died"), memoryview(b"")

    def _push(self, worker: WorkerProcess, request: memoryview) -> memoryview:
        try:
            return request[os.write(worker.request, request) :]
        except BlockingIOError:
            return request
        except BrokenPipeError:  # it will not read; it may still answer
            return memoryview(b"")

    def _pull(self, worker: WorkerProcess, reader: Reader) -> memoryview | None:
        try:
            return reader.feed(worker.reply)
        except BlockingIOError:
            return None
        except Closed:
            self.reaper.stop(worker)
        except TooLarge:
            worker.violated = True
            self.reaper.stop(worker, "size")
        return None

    def _last_words(self, worker: WorkerProcess, reader: Reader) -> memoryview | None:
        """A frame that was complete in the pipe before its writer ended."""
        with contextlib.suppress(Closed, TooLarge, BlockingIOError):
            while True:
                frame = reader.feed(worker.reply)
                if frame is not None:
                    return frame
        return None

    def _surplus(self, worker: WorkerProcess) -> bool:
        poll = select.poll()
        poll.register(worker.reply, select.POLLIN)
        return any(mask & select.POLLIN for _, mask in poll.poll(0))

    def _violate(self, worker: WorkerProcess) -> None:
        worker.violated = True
        self.reaper.stop(worker)

    def _facts(self, worker: WorkerProcess, outcome: str) -> dict[str, Any]:
        status = worker.status
        exited = None if status is None or not os.WIFEXITED(status) else os.WEXITSTATUS(status)
        by = None if status is None or not os.WIFSIGNALED(status) else os.WTERMSIG(status)
        return {
            "outcome": outcome,
            "stopped": worker.stopped,
            "exit": exited,
            "signal": by,
            "cpu_s": round(self.reaper.cpu(worker), 6),
            "wall_s": round(worker.wall_used, 6),
            "peak_mb": round(worker.usage[1], 1) if worker.usage else None,
            "waited_s": None if worker.waited_s is None else round(worker.waited_s, 6),
            "strays": worker.strays,
            "log_bytes": worker.log_bytes,
        }

    # The zygote

    def _start_zygote(self) -> None:
        if self.forks:
            self.zygote = Zygote(self.framework)

    def _renew_zygote(self) -> None:
        """Replace the zygote; the next worker waits for the new one."""
        if self.zygote:
            self.zygote.close()
            self.zygote = None
        self._start_zygote()

    def _zygote_ready(self) -> dict[str, Any]:
        if not self.forks:
            return {"versions": {}, "threads": 1, "import_cpu_s": 0.0}
        assert self.zygote is not None
        try:
            return self.zygote.ready(self._pump)
        except ZygoteBroken as error:
            return {"broken": str(error)}

    def _fork(self, order: dict[str, Any], fds: list[int]) -> int:
        """The pid of a new worker.

        Raises:
            ZygoteBroken: none can be made, though no other worker lives.
        """
        for last in (False, True):
            try:
                return self._forked(order, fds)
            except NoRoom:
                if last:
                    raise
            except ZygoteGone:
                if last or not self.proven:
                    raise
            self.reaper.give_way()
        raise AssertionError

    def _forked(self, order: dict[str, Any], fds: list[int]) -> int:
        """Fork a worker; replace the zygote first if the kernel has ended it for memory."""
        assert self.zygote is not None
        try:
            self.zygote.ready(self._pump)
            return self.zygote.fork(order, fds, self._pump)
        except ZygoteGone:
            if not self.proven:
                raise
            self._replace_zygote()
            self.zygote.ready(self._pump)
            return self.zygote.fork(order, fds, self._pump)

    def _replace_zygote(self) -> None:
        assert self.zygote is not None
        processes.kill(self.zygote.pid)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.zygote.pid, 0)
        self._renew_zygote()

    def _spawn(self, order: dict[str, Any], fds: list[int]) -> int:
        """Start a worker without a zygote, on systems that cannot fork one: it imports the framework itself."""
        text = json.dumps({**order, "fds": fds})
        process = subprocess.Popen(
            [*start_command(), "worker"],
            env={**os.environ, "MEDMARK_ORDER": text},
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
        )
        process.returncode = 0  # the keeper waits for it itself, with its resource usage
        return process.pid


def _broken(text: str) -> tuple[dict[str, Any], memoryview]:
    """The reply of a keeper that cannot make workers."""
    return {"outcome": "broken", "text": text}, memoryview(b"")


def _pipes() -> tuple[tuple[int, int, int], list[int]]:
    """The pipes of a new worker for requests, replies and printed output: the keeper's ends, the worker's ends."""
    request_r, request_w = os.pipe()
    reply_r, reply_w = os.pipe()
    log_r, log_w = os.pipe()
    for fd in (request_w, reply_r, log_r):
        os.set_blocking(fd, False)
    if sys.platform == "linux":
        import fcntl

        for fd in (request_w, reply_r):
            with contextlib.suppress(OSError):  # beyond the limit for pipes of an unprivileged user
                fcntl.fcntl(fd, 1031, 1 << 20)  # F_SETPIPE_SZ
    return (request_w, reply_r, log_r), [request_r, reply_w, log_w]


def main() -> None:
    """Serve one session."""
    Keeper().run()
