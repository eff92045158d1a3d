"""The keeper: PID 1 of a sandbox. It owns the wire, starts and ends workers, and measures what they use.

It never imports student code or a framework, and looks into no value: frames pass through it as bytes. It installs no
signal handler (PID 1 without handlers cannot be stopped from inside its own namespace). docs/wire.md is its contract.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import processes
from .forking import Mother, MotherBroken, MotherGone, NoRoom, start_command
from .frames import PREFIX, Closed, Reader, TooLarge, head_bytes

WIRE = 2
TICK_S = 0.05
BODY_CAP = 1 << 30
SWEEP_ROUNDS = 4
SHARED = ("/dev/shm", "/dev/mqueue")
"""What all workers can write to, beside their scratch."""
WRITE_ONLY = 0o1733
"""Mode of what all workers can write to: each finds what it knows the name of, and nobody lists what is there."""
IDLE_SHARE = 0.05
"""Share of a core; who used less while it owed an answer did nothing."""
IDLE_LOOKS = 30
"""Looks within `idle_s`."""
ROUND_S = 0.5
"""How long killed processes may take to end before they are looked for again."""
PTMX = "/dev/pts/ptmx"
"""Makes terminals, which any worker could open if their owner let it."""
ROUNDED_S = 4 / processes.TICKS
"""What /proc may keep back of a process's four CPU times, each of which it rounds down."""
STOP_S = 10.0
"""How long a worker may take to stand still for another, on a machine however loaded, before it is ended."""
LOST_SLACK_S = 0.25


class HangUp(Exception):
    """The marker is gone: nobody waits for an answer."""


@dataclass
class Worker:
    """What the keeper knows of one worker."""

    number: int
    pid: int
    request: int
    reply: int
    log: int
    cpu_s: float
    wall_s: float
    scratch: str
    uid: int | None
    """The user that it and its children are, and nobody else; None where the keeper is not root."""
    waited_s: float | None
    """Seconds that its threads, and its children's, stood in the run queue; None where the kernel does not say."""
    pidfd: int = -1
    still: bool = False
    """Nothing of it runs: it stands stopped while another runs, or it has ended and was swept."""
    wall_used: float = 0.0
    next_look: float = 0.0
    cpu_strays: float = 0.0
    """Of children that the keeper waited for."""
    cpu_others: float = 0.0
    """Of all other children, at the last look."""
    cpu_lost: float = 0.0
    """Of children that ended without anybody waiting for them, as the control group tells."""
    usage: tuple[float, float] | None = None
    """CPU seconds and peak memory in MB, once reaped."""
    status: int | None = None
    stopped: str | None = None
    violated: bool = False
    strays: int = 0
    log_head: bytearray = field(default_factory=bytearray)
    log_tail: bytearray = field(default_factory=bytearray)
    log_bytes: int = 0

    @property
    def over(self) -> bool:
        return self.status is not None


class Keeper:
    """One session: from the first frame on stdin to its end."""

    def __init__(self) -> None:
        self.isolated = os.getpid() == 1
        self.drops = self.isolated and os.getuid() == 0
        self.forks = os.environ.get("MEDMARK_NO_FORK") != "1" and sys.platform == "linux"
        self.solution = os.environ["MEDMARK_SOLUTION"]
        self.scratch = os.environ["MEDMARK_SCRATCH"]
        self.framework = os.environ["MEDMARK_FRAMEWORK"]
        self.uids = iter(processes.users() if self.drops else ())
        self.waited_s = 0.0 if processes.tells_waiting() else None
        self.limits: dict[str, int] = {"reply_bytes": 1 << 20, "log_bytes": 1 << 16, "memory_bytes": 0, "idle_s": 0}
        self.workers: dict[int, Worker] = {}
        self.mother: Mother | None = None
        self.proven = False
        """Whether a mother has been ready once: the image is sound."""
        self.lost_before: float | None = None
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
                self._start_mother()
                while True:
                    head, body = self._next_request()
                    if head["verb"] == "bye":
                        break
                    self._reply(head["id"], *self._handle(head, body))
        finally:
            self._end_everything()

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
        text = head_bytes({"id": id, "oom_kills": processes.out_of_memory_kills(), **head})
        for part in (memoryview(PREFIX.pack(len(text), body.nbytes) + text), body):
            while part:
                try:
                    part = part[os.write(1, part) :]
                except BlockingIOError:
                    self._pump(1.0, {1: select.POLLOUT})

    def _pump(self, timeout_s: float, wanted: dict[int, int]) -> dict[int, int]:
        """Wait for descriptors; meanwhile drain every worker's prints, and notice that the marker hung up."""
        poll = select.poll()
        poll.register(0, wanted.get(0, 0))
        logs = {w.log: w for w in self.workers.values() if w.log >= 0}
        for fd in logs:
            poll.register(fd, select.POLLIN)
        for fd, mask in wanted.items():
            poll.register(fd, mask)
        ready = dict(poll.poll(max(0.0, timeout_s) * 1000))
        if ready.get(0, 0) & (select.POLLHUP | select.POLLERR) and not ready[0] & select.POLLIN:
            raise HangUp
        if ready.get(1, 0) & select.POLLERR:
            raise HangUp
        for fd, worker in logs.items():
            if fd in ready:
                self._drain(worker)
        return {fd: mask for fd, mask in ready.items() if fd in wanted}

    def _drain(self, worker: Worker) -> None:
        """Take what a worker printed; keep the beginning and the end of it within the cap."""
        half = self.limits["log_bytes"] // 2
        for _ in range(64):
            try:
                data = os.read(worker.log, 1 << 20)
            except BlockingIOError:
                return
            if not data:
                os.close(worker.log)
                worker.log = -1
                return
            worker.log_bytes += len(data)
            room = half - len(worker.log_head)
            worker.log_head += data[:room] if room > 0 else b""
            worker.log_tail += data[max(0, room) :][-half:]
            del worker.log_tail[:-half]

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
            return {"outcome": "broken", "text": f"the keeper speaks wire {WIRE}"}, memoryview(b"")
        self.limits.update(head["limits"])
        if self.drops and (unfit := self._close_shared()):
            return {"outcome": "broken", "text": unfit}, memoryview(b"")
        told = self._mother_ready()
        if "broken" in told:
            return {"outcome": "broken", "text": told["broken"]}, memoryview(b"")
        self.proven = True
        info = {
            **told,
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
        """Let workers write to what they share, and list none of it; why that cannot be, in words.

        The modes that a container is made with are not relied on: runc 1.1 takes those of the folders below.
        """
        try:
            for folder in filter(os.path.exists, (self.scratch, *SHARED)):
                os.chmod(folder, WRITE_ONLY)
            if os.path.exists(PTMX):
                os.chmod(PTMX, 0o600)
        except OSError as error:
            return f"{error.filename} is not root's, so workers cannot be kept apart ({error.strerror}); {self._cure()}"
        return ""

    def _cure(self) -> str:
        return f"build the image again: medmark image build {self.framework} --from-host"

    def _open_worker(self, head: dict[str, Any], body: memoryview) -> tuple[dict[str, Any], memoryview]:
        self._alone(None)
        number, uid = head["worker"], next(self.uids, None)
        if uid is None and self.drops:
            return {"outcome": "broken", "text": "every user of this sandbox has been a worker"}, memoryview(b"")
        try:
            scratch = self._folder(uid)
        except OSError as error:
            unfit = f"a worker cannot make its folder in {self.scratch}: {error.strerror}; {self._cure()}"
            return {"outcome": "broken", "text": unfit}, memoryview(b"")
        request_r, request_w = os.pipe()
        reply_r, reply_w = os.pipe()
        log_r, log_w = os.pipe()
        theirs = [request_r, reply_w, log_w]
        for fd in (request_w, reply_r, log_r):
            os.set_blocking(fd, False)
        if sys.platform == "linux":
            import fcntl

            for fd in (request_w, reply_r):
                with contextlib.suppress(OSError):  # beyond the limit for pipes of an unprivileged user
                    fcntl.fcntl(fd, 1031, 1 << 20)  # F_SETPIPE_SZ
        order = {
            "worker": number,
            "scratch": scratch,
            "solution": (head.get("solution") or self.solution) if not self.isolated else self.solution,
            "framework": self.framework,
            "isolated": self.isolated,
            "uid": uid,
            "cpu_s": head["cpu_s"],
            "memory_bytes": self.limits["memory_bytes"] if not self.isolated else 0,
            "scratch_bytes": self.limits.get("scratch_bytes", 0) if not self.isolated else 0,
            "reply_bytes": self.limits["reply_bytes"],
        }
        try:
            pid = self._fork(order, theirs) if self.forks else self._spawn(order, theirs)
        except MotherBroken as error:
            for fd in (request_w, reply_r, log_r):
                os.close(fd)
            return {"outcome": "broken", "text": str(error)}, memoryview(b"")
        finally:
            for fd in theirs:
                os.close(fd)
        worker = Worker(
            number,
            pid,
            request_w,
            reply_r,
            log_r,
            head["cpu_s"],
            head["wall_s"],
            scratch,
            uid,
            self.waited_s,
        )
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):  # an old kernel, or a filter without it: the tick notices the end
                worker.pidfd = os.pidfd_open(pid)
        self.workers[number] = worker
        self.lost_before = None
        text = head_bytes({"id": head["id"], "do": "begin", "arrays": []})
        return self._exchange(worker, memoryview(PREFIX.pack(len(text), body.nbytes) + text + bytes(body)))

    def _folder(self, uid: int | None) -> str:
        """A new worker's folder, of a name that nobody can have made before.

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
            self._give_way()
            with processes.acting_as(uid):
                os.mkdir(path, 0o700)
        return path

    def _alone(self, worker: Worker | None) -> None:
        """Let a worker run, or one that is to be made, and none beside it: what runs can tell what it was asked."""
        for other in self.workers.values():
            if other is not worker and other.uid is not None and not other.still:
                self._hold(other)
        if worker is not None and worker.uid is not None and worker.still:
            processes.continue_all(worker.uid)
            worker.still = False

    def _hold(self, worker: Worker) -> None:
        """Stop a worker and remove what it left, but for its own folder; end one that cannot be kept from another."""
        assert worker.uid is not None
        self._reap(worker)
        held = False
        with contextlib.suppress(OSError):  # no room for the process that stops it
            held = not worker.over and processes.stop_all(worker.uid, STOP_S) and not processes.abstract_addresses()
        if not held:
            self._stop(worker)
        worker.still = True
        self._clean(worker)

    def _call(self, head: dict[str, Any], body: memoryview) -> tuple[dict[str, Any], memoryview]:
        worker = self.workers.get(head["worker"])
        if worker is None or worker.over:
            return {"outcome": "gone"}, memoryview(b"")
        self._alone(worker)
        return self._exchange(worker, body)

    def _end_worker(self, head: dict[str, Any], body: memoryview) -> tuple[dict[str, Any], memoryview]:
        worker = self.workers.get(head["worker"])
        if worker is None:
            return {"outcome": "gone"}, memoryview(b"")
        self._stop(worker)
        self._close(worker)
        del self.workers[worker.number]
        dropped = worker.log_bytes - len(worker.log_head) - len(worker.log_tail)
        gap = f"\n[... {dropped} bytes not kept ...]\n".encode() if dropped else b""
        return self._facts(worker, "ended"), memoryview(bytes(worker.log_head + gap + worker.log_tail))

    # One exchange with a worker

    def _exchange(self, worker: Worker, request: memoryview) -> tuple[dict[str, Any], memoryview]:
        """Send a request, wait for one frame, under the worker's CPU and wall limits."""
        began = time.monotonic()
        deadline = began + worker.wall_s - worker.wall_used
        frame: memoryview | None = None
        if self._surplus(worker):
            self._violate(worker)
            return self._facts(worker, "violated"), memoryview(b"")
        reader = Reader(self.limits["reply_bytes"])
        next_look = began + TICK_S
        looks: deque[tuple[float, float]] = deque()
        while frame is None and not worker.over and not worker.violated:
            now = time.monotonic()
            if now >= deadline:
                self._stop(worker, "wall")
                break
            if now >= next_look:
                next_look = now + TICK_S
                if self._cpu(worker) > worker.cpu_s:
                    self._stop(worker, "cpu")
                    break
                if self._is_idle(worker, looks, now):
                    self._stop(worker, "idle")
                    break
                self._reap(worker)
            wanted = {worker.reply: select.POLLIN}
            if request:
                wanted[worker.request] = select.POLLOUT
            if worker.pidfd >= 0:
                wanted[worker.pidfd] = select.POLLIN
            ready = self._pump(min(deadline, next_look) - now, wanted)
            if worker.request in ready and request:
                request = self._push(worker, request)
            if worker.reply in ready:
                frame = self._pull(worker, reader)
            elif worker.pidfd in ready:
                self._reap(worker)
        if frame is None and worker.over and not worker.stopped and not worker.violated:
            frame = self._last_words(worker, reader)
        worker.wall_used += time.monotonic() - began
        if frame is not None:
            if time.monotonic() - began > TICK_S:
                self._look(worker)
            return self._facts(worker, "replied"), frame
        if not worker.over:
            self._stop(worker)
        return self._facts(worker, "violated" if worker.violated else "died"), memoryview(b"")

    def _push(self, worker: Worker, request: memoryview) -> memoryview:
        try:
            return request[os.write(worker.request, request) :]
        except BlockingIOError:
            return request
        except BrokenPipeError:  # it will not read; whether it still answers is its affair
            return memoryview(b"")

    def _pull(self, worker: Worker, reader: Reader) -> memoryview | None:
        try:
            return reader.feed(worker.reply)
        except BlockingIOError:
            return None
        except Closed:
            self._stop(worker)
        except TooLarge:
            worker.violated = True
            self._stop(worker, "size")
        return None

    def _last_words(self, worker: Worker, reader: Reader) -> memoryview | None:
        """A frame that was complete in the pipe before its writer ended."""
        with contextlib.suppress(Closed, TooLarge, BlockingIOError):
            while True:
                frame = reader.feed(worker.reply)
                if frame is not None:
                    return frame
        return None

    def _surplus(self, worker: Worker) -> bool:
        poll = select.poll()
        poll.register(worker.reply, select.POLLIN)
        return any(mask & select.POLLIN for _, mask in poll.poll(0))

    def _violate(self, worker: Worker) -> None:
        worker.violated = True
        self._stop(worker)

    # Ends

    def _cpu(self, worker: Worker) -> float:
        """CPU seconds of a worker so far: of itself and of all its children, living or dead, waited for or not."""
        if worker.usage is not None:
            return worker.usage[0] + worker.cpu_strays + self._lost(worker)
        if (now := time.monotonic()) >= worker.next_look:  # a short answer need not search all processes
            worker.next_look = now + TICK_S
            worker.cpu_others = sum(map(_cpu_of, self._left(worker))) + self._lost(worker)
        return _cpu_of(worker.pid) + worker.cpu_others + worker.cpu_strays

    def _look(self, worker: Worker) -> None:
        """See how long a worker and its children have waited for a core; the most that was seen counts."""
        if worker.waited_s is not None:
            worker.waited_s = max(worker.waited_s, processes.waited_of({worker.pid} | self._left(worker)))

    def _is_idle(self, worker: Worker, looks: deque[tuple[float, float]], now: float) -> bool:
        """Whether a worker that owes an answer has used next to nothing of a core for `idle_s`, nor waited for one.

        Args:
            looks: when it was looked at since it was asked, and what it had used and waited for by then.
        """
        seconds = self.limits["idle_s"]
        if not seconds or worker.waited_s is None or (looks and now < looks[-1][0] + seconds / IDLE_LOOKS):
            return False
        self._look(worker)
        looks.append((now, self._cpu(worker) + worker.waited_s))
        while len(looks) > 1 and looks[1][0] <= now - seconds:
            looks.popleft()
        (then, before), (_, used) = looks[0], looks[-1]
        return now - then >= seconds and used - before < IDLE_SHARE * (now - then)

    def _lost(self, worker: Worker) -> float:
        """CPU seconds that no living process nor any parent's account shows: children of one that ignores SIGCHLD.

        They are charged to the worker that is looked at, which was asked or ended just now.
        """
        whole = self._unaccounted()
        if whole is None:
            return 0.0
        if self.lost_before is None:
            self.lost_before = whole + LOST_SLACK_S
        if whole > self.lost_before:
            # Once more: a child that its parent waited for during the first look was seen in neither.
            whole = min(whole, self._unaccounted() or 0.0)
        worker.cpu_lost += max(0.0, whole - self.lost_before)
        self.lost_before = max(self.lost_before, whole)
        return worker.cpu_lost

    def _unaccounted(self) -> float | None:
        whole = processes.cpu_of_control_group() if self.drops else None
        if whole is None:
            return None
        return whole - sum(processes.cpu_of(fields) + ROUNDED_S for fields in processes.all_processes().values())

    def _reap(self, worker: Worker, wait: bool = False) -> None:
        if worker.over:
            return
        done, status, usage = os.wait4(worker.pid, 0 if wait else os.WNOHANG)
        if done:
            worker.status = status
            scale = 1 << 10 if sys.platform == "linux" else 1 << 20
            worker.usage = (usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale)

    def _stop(self, worker: Worker, why: str | None = None) -> None:
        """End a worker and everything it left, and take its last prints."""
        self._reap(worker)
        if not worker.over:
            self._look(worker)
            worker.stopped = why
            processes.kill_group(worker.pid)
            self._reap_within(worker, ROUND_S)
        worker.strays += self._sweep(worker)
        self._reap(worker, wait=True)  # at the latest now: who traced it would have kept it, and is gone
        if worker.log >= 0:
            self._drain(worker)

    def _reap_within(self, worker: Worker, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not worker.over and time.monotonic() < end:
            self._reap(worker)
            time.sleep(0.0005)

    def _sweep(self, worker: Worker) -> int:
        """Kill what the worker left behind; if that forks faster than it dies, kill everything.

        Returns:
            How many processes were left behind.
        """
        if not self.forks:
            return 0
        strays: set[int] = set()
        for _ in range(SWEEP_ROUNDS):
            left = self._left(worker)
            if not left:
                return len(strays)
            strays |= left
            if worker.uid is not None:
                with contextlib.suppress(OSError):  # no room for the process that kills them all at once
                    processes.signal_all(worker.uid, signal.SIGKILL)
            for pid in left:
                processes.kill(pid)
            self._collect(worker, left)
        if self.isolated:
            self._kill_all(worker)
        return len(strays)

    def _left(self, worker: Worker) -> set[int]:
        """The processes that a worker has made and that are not gone.

        Its user tells them. Where it has none of its own, they are what descends from it, and every orphan: one that
        belongs to another living worker cannot be told apart.
        """
        if not self.forks:
            return set()
        if worker.uid is not None:
            return processes.processes_of(worker.uid) - {worker.pid}
        left = set() if worker.over else processes.descendants(worker.pid)
        if worker.over or all(one.over or one is worker for one in self.workers.values()):
            orphans = self._strangers()
            left.update(orphans, *(processes.descendants(pid) for pid in orphans))
        return left

    def _strangers(self) -> list[int]:
        known = {w.pid for w in self.workers.values() if not w.over}
        if self.mother:
            known.add(self.mother.pid)
        return [pid for pid in processes.children() if pid not in known]

    def _collect(self, worker: Worker, pids: set[int]) -> None:
        """Wait until killed processes are gone, the keeper's own children and others'; not for ever."""
        end = time.monotonic() + ROUND_S
        waiting = set(pids)
        while waiting and time.monotonic() < end:
            for pid in sorted(waiting):
                try:
                    done, _, usage = os.wait4(pid, os.WNOHANG)
                except ChildProcessError:  # another's child: once that one is gone, it is the keeper's, or it is gone
                    if not os.path.exists(f"/proc/{pid}"):
                        waiting.discard(pid)
                    continue
                if done:
                    worker.cpu_strays += usage.ru_utime + usage.ru_stime
                    waiting.discard(pid)
            if waiting:
                time.sleep(0.0005)

    def _kill_all(self, worker: Worker) -> None:
        """Everything but the keeper dies, the mother too; a new one is started."""
        while len(processes.all_processes()) > 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            for other in self.workers.values():
                self._reap(other)
            self._collect_any(worker)
            time.sleep(0.001)
        if self.mother:
            self.mother.close()
            self.mother = None
        self._start_mother()  # the next worker waits for her

    def _collect_any(self, worker: Worker) -> None:
        own = {w.pid for w in self.workers.values() if not w.over}
        self._collect(worker, set(processes.children()) - own)

    def _close(self, worker: Worker) -> None:
        """Close a worker's pipes and remove what it could leave."""
        for fd in (worker.request, worker.reply, worker.log, worker.pidfd):
            if fd >= 0:
                os.close(fd)
        worker.log = -1
        self._clean(worker)

    def _clean(self, worker: Worker) -> None:
        """Remove all that a worker left; of one that stands stopped all but its folder, which is closed to others."""
        folders = [self.scratch, *SHARED]
        if worker.uid is not None:
            left = processes.owned(worker.uid, folders)
        elif self.isolated and all(other.over or other is worker for other in self.workers.values()):
            left = processes.owned(os.getuid(), folders)
        else:
            left = [worker.scratch]
        if not worker.over and worker.scratch in left and not os.path.islink(worker.scratch):
            left.remove(worker.scratch)
            with processes.acting_as(worker.uid):
                os.chmod(worker.scratch, 0o700)
        try:
            processes.remove(left, worker.uid)
        except OSError:  # no process left for it: living workers have used them up, and lose their lives
            self._stop_all()
            processes.remove(left, worker.uid)
        if self.drops:  # else when they changed last would be the worker's word
            for folder in filter(os.path.exists, folders):
                os.utime(folder)

    def _give_way(self) -> None:
        """End every worker: they used up processes, memory or files, and lose them, and their lives, to the next."""
        self._stop_all()
        for worker in self.workers.values():
            self._clean(worker)

    def _stop_all(self) -> None:
        for worker in self.workers.values():
            self._stop(worker)

    def _facts(self, worker: Worker, outcome: str) -> dict[str, Any]:
        status = worker.status
        exited = None if status is None or not os.WIFEXITED(status) else os.WEXITSTATUS(status)
        by = None if status is None or not os.WIFSIGNALED(status) else os.WTERMSIG(status)
        return {
            "outcome": outcome,
            "stopped": worker.stopped,
            "exit": exited,
            "signal": by,
            "cpu_s": round(self._cpu(worker), 6),
            "wall_s": round(worker.wall_used, 6),
            "peak_mb": round(worker.usage[1], 1) if worker.usage else None,
            "waited_s": None if worker.waited_s is None else round(worker.waited_s, 6),
            "strays": worker.strays,
            "log_bytes": worker.log_bytes,
        }

    def _end_everything(self) -> None:
        for worker in self.workers.values():
            processes.kill_group(worker.pid)
        if self.mother:
            processes.kill(self.mother.pid)
        if self.forks and not self.isolated:
            for worker in self.workers.values():
                self._reap(worker, wait=True)
                self._sweep(worker)

    # The mother

    def _start_mother(self) -> None:
        if self.forks:
            self.mother = Mother(self.framework)

    def _mother_ready(self) -> dict[str, Any]:
        if not self.forks:
            return {"versions": {}, "threads": 1, "import_cpu_s": 0.0}
        assert self.mother is not None
        try:
            return self.mother.ready(self._pump)
        except MotherBroken as error:
            return {"broken": str(error)}

    def _fork(self, order: dict[str, Any], fds: list[int]) -> int:
        """The pid of a new worker.

        Raises:
            MotherBroken: there is none to be had, though no other worker lives.
        """
        for last in (False, True):
            try:
                return self._forked(order, fds)
            except NoRoom:
                if last:
                    raise
            except MotherGone:
                if last or not self.proven:
                    raise
            self._give_way()
        raise AssertionError

    def _forked(self, order: dict[str, Any], fds: list[int]) -> int:
        """Fork a worker; a mother whom the kernel has ended, for memory, is replaced."""
        assert self.mother is not None
        try:
            self.mother.ready(self._pump)
            return self.mother.fork(order, fds, self._pump)
        except MotherGone:
            if not self.proven:
                raise
            self._replace_mother()
            self.mother.ready(self._pump)
            return self.mother.fork(order, fds, self._pump)

    def _replace_mother(self) -> None:
        assert self.mother is not None
        processes.kill(self.mother.pid)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.mother.pid, 0)
        self.mother.close()
        self._start_mother()

    def _spawn(self, order: dict[str, Any], fds: list[int]) -> int:
        """A worker without a mother: it imports the framework itself (systems that cannot fork one)."""
        text = json.dumps({**order, "fds": fds})
        process = subprocess.Popen(
            [*start_command(), "worker"],
            env={**os.environ, "MEDMARK_ORDER": text},
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
        )
        process.returncode = 0  # the keeper waits for it itself, with its resource usage
        return process.pid


def _cpu_of(pid: int) -> float:
    """CPU seconds of a process and of those it has waited for; none if it is gone."""
    try:
        return processes.cpu_of(processes.stat_fields(pid))
    except OSError:
        return 0.0


def main() -> None:
    """Serve one session."""
    Keeper().run()
