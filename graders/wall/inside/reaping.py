"""The end of workers: measures their use, stops and ends them, and removes all that they leave.

The keeper decides when. This module looks at a worker's processes and files, and never asks the worker itself. Whatever
a worker left is gone before another one runs. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from . import processes, worker_memory
from .memory import Memory

TICK_S = 0.05
"""How often a worker that owes an answer is looked at."""
FULL_S = 1.0
"""How long a worker goes without a look while memory is full."""
SWEEP_ROUNDS = 4
SHARED = ("/dev/shm", "/dev/mqueue")
"""Folders that all workers can write to, beside their scratch."""
WRITE_ONLY = 0o1733
"""Mode of shared folders: a worker can open a file by its name, and none can list the files."""
IDLE_SHARE = 0.05
"""Share of a core; a worker that used less while it owed an answer did nothing."""
IDLE_LOOKS = 30
"""Looks within `idle_s`."""
ROUND_S = 0.5
"""How long killed processes may take to end before they are looked for again."""
ROUNDED_S = 4 / processes.TICKS
"""CPU seconds that /proc may leave out of a process's four CPU times, each of which it rounds down."""
STOP_S = 10.0
"""How long a worker may take to stand still for another, even on a loaded machine, before it is ended."""
LOST_SLACK_S = 0.25


@dataclass
class WorkerProcess:
    """One worker as the keeper knows it."""

    number: int
    pid: int
    request: int
    reply: int
    log: int
    cpu_s: float
    wall_s: float
    scratch: str
    uid: int | None
    """The user of this worker and its children alone; None where the keeper is not root."""
    log_cap: int
    """Bytes of its printed output that are stored."""
    waited_s: float | None
    """Seconds that its threads and its children's stood in the run queue; None where the kernel does not count them."""
    pidfd: int = -1
    still: bool = False
    """None of its processes run: it stands stopped while another runs, or it has ended and was swept."""
    wall_used: float = 0.0
    next_look: float = 0.0
    cpu_strays: float = 0.0
    """Of children that the keeper waited for."""
    cpu_others: float = 0.0
    """Of all other children, at the last look."""
    cpu_lost: float = 0.0
    """Of children that ended without a parent that waited, from the control group's count."""
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

    def drain(self) -> None:
        """Read what it printed; store the beginning and the end within the cap."""
        half = self.log_cap // 2
        for _ in range(64):
            try:
                data = os.read(self.log, 1 << 20)
            except BlockingIOError:
                return
            if not data:
                os.close(self.log)
                self.log = -1
                return
            self.log_bytes += len(data)
            room = half - len(self.log_head)
            self.log_head += data[:room] if room > 0 else b""
            self.log_tail += data[max(0, room) :][-half:]
            del self.log_tail[:-half]


class Reaper:
    """Measures, stops and ends the workers of a session.

    Args:
        workers: all workers by number; the keeper adds and removes them.
        scratch: folder in which each worker has its own.
        forks: whether a zygote forks the workers, so that their orphans become this process's children.
        isolated: whether this process can see no process outside the sandbox.
        drops: whether each worker has a user of its own.
        memory: the sandbox's; its reserve is given up before a system call that takes memory.
        zygote_pid: process of the zygote that forks the workers; None while there is none.
        revive: starts a new zygote, after everything was killed.
    """

    def __init__(
        self,
        workers: dict[int, WorkerProcess],
        scratch: str,
        *,
        forks: bool,
        isolated: bool,
        drops: bool,
        memory: Memory | None,
        zygote_pid: Callable[[], int | None],
        revive: Callable[[], None],
    ) -> None:
        self._workers = workers
        self._scratch = scratch
        self._forks = forks
        self._isolated = isolated
        self._drops = drops
        self._memory = memory
        self._zygote_pid = zygote_pid
        self._revive = revive
        self._lost_before: float | None = None

    def alone(self, worker: WorkerProcess | None) -> None:
        """Let one worker run, or a new one (None), and stop all others: they could observe its questions."""
        self._make_room()
        for other in self._workers.values():
            if other is not worker and other.uid is not None and not other.still:
                self._hold(other)
        if worker is not None and worker.uid is not None and worker.still:
            processes.continue_all(worker.uid)
            worker.still = False

    def _hold(self, worker: WorkerProcess) -> None:
        """Stop a worker and remove what it left, except its own folder; end it if it cannot be separated."""
        assert worker.uid is not None
        self.reap(worker)
        held = False
        with contextlib.suppress(OSError):  # no room for the process that stops it
            held = not worker.over and processes.stop_all(worker.uid, STOP_S) and not processes.abstract_addresses()
        if not held:
            self.stop(worker)
        worker.still = True
        self.clean(worker)

    def cpu(self, worker: WorkerProcess) -> float:
        """CPU seconds of a worker and of all its children so far, living or dead, waited for or not."""
        if worker.usage is not None:
            return worker.usage[0] + worker.cpu_strays + self._lost(worker)
        if (now := time.monotonic()) >= worker.next_look:  # a short answer need not search all processes
            worker.next_look = now + TICK_S
            worker.cpu_others = sum(map(_cpu_of, self._left(worker))) + self._lost(worker)
        return _cpu_of(worker.pid) + worker.cpu_others + worker.cpu_strays

    def look(self, worker: WorkerProcess) -> None:
        """Measure how long a worker and its children have waited for a core; the largest measurement counts."""
        if worker.waited_s is not None:
            worker.waited_s = max(worker.waited_s, processes.waited_of({worker.pid} | self._left(worker)))

    def is_idle(self, worker: WorkerProcess, looks: deque[tuple[float, float]], now: float, seconds: float) -> bool:
        """Whether a worker that owes an answer has for so long used next to nothing of a core, and stands in no queue.

        Args:
            looks: when it was looked at since the request, and the seconds it had used and waited by then.
            seconds: 0 where no worker is ended for being idle.
        """
        if not seconds or worker.waited_s is None or (looks and now < looks[-1][0] + seconds / IDLE_LOOKS):
            return False
        self.look(worker)
        looks.append((now, self.cpu(worker) + worker.waited_s))
        while len(looks) > 1 and looks[1][0] <= now - seconds:
            looks.popleft()
        (then, before), (_, used) = looks[0], looks[-1]
        did_nothing = now - then >= seconds and used - before < IDLE_SHARE * (now - then)
        return did_nothing and not processes.is_busy({worker.pid} | self._left(worker))

    def is_over(self, worker: WorkerProcess, memory_bytes: int) -> bool:
        """Whether a worker and its children hold more memory than one worker may."""
        try:
            return worker_memory.is_over({worker.pid} | self._left(worker), worker.uid, memory_bytes)
        except OSError:  # no room for the process that counts: what nobody counted ends nobody
            return False

    def _lost(self, worker: WorkerProcess) -> float:
        """CPU seconds that no living process and no parent's account shows: of children whose parent ignores SIGCHLD.

        The worker that is looked at pays for them: it was asked or ended just now.
        """
        whole = self._unaccounted()
        if whole is None:
            return 0.0
        if self._lost_before is None:
            self._lost_before = whole + LOST_SLACK_S
        if whole > self._lost_before:
            # Look again: a child that its parent waited for during the first look was missing from both counts.
            whole = min(whole, self._unaccounted() or 0.0)
        worker.cpu_lost += max(0.0, whole - self._lost_before)
        self._lost_before = max(self._lost_before, whole)
        return worker.cpu_lost

    def _unaccounted(self) -> float | None:
        whole = processes.cpu_of_control_group() if self._drops else None
        if whole is None:
            return None
        return whole - sum(processes.cpu_of(fields) + ROUNDED_S for fields in processes.all_processes().values())

    def reap(self, worker: WorkerProcess, wait: bool = False) -> None:
        if worker.over:
            return
        done, status, usage = os.wait4(worker.pid, 0 if wait else os.WNOHANG)
        if done:
            worker.status = status
            scale = 1 << 10 if sys.platform == "linux" else 1 << 20
            worker.usage = (usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale)

    def stop(self, worker: WorkerProcess, why: str | None = None) -> None:
        """End a worker and everything it left, and read its last printed output."""
        self._make_room()
        self.reap(worker)
        if not worker.over:
            self.look(worker)
            worker.stopped = why
            processes.kill_group(worker.pid)
            self._reap_within(worker, ROUND_S)
        worker.strays += self.sweep(worker)
        self.reap(worker, wait=True)  # it ends at the latest now: a tracer that would have held it is gone
        if worker.log >= 0:
            worker.drain()

    def _reap_within(self, worker: WorkerProcess, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not worker.over and time.monotonic() < end:
            self.reap(worker)
            time.sleep(0.0005)

    def sweep(self, worker: WorkerProcess) -> int:
        """Kill what the worker left behind; if it forks faster than it dies, kill everything.

        Returns:
            How many processes were left behind.
        """
        if not self._forks:
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
        if self._isolated:
            self._kill_all(worker)
        return len(strays)

    def _left(self, worker: WorkerProcess) -> set[int]:
        """The remaining processes that a worker has made, without itself.

        They are those of its user. Where it has no user of its own, they are its descendants and every orphan: orphans
        of another living worker look the same.
        """
        if not self._forks:
            return set()
        if worker.uid is not None:
            return processes.processes_of(worker.uid) - {worker.pid}
        left = set() if worker.over else processes.descendants(worker.pid)
        if worker.over or all(other.over or other is worker for other in self._workers.values()):
            orphans = self._strangers()
            left.update(orphans, *(processes.descendants(pid) for pid in orphans))
        return left

    def _strangers(self) -> list[int]:
        own_pids = {w.pid for w in self._workers.values() if not w.over} | {self._zygote_pid()}
        return [pid for pid in processes.children() if pid not in own_pids]

    def _collect(self, worker: WorkerProcess, pids: set[int]) -> None:
        """Wait for a limited time until killed processes are gone, whether the keeper's children or others'."""
        end = time.monotonic() + ROUND_S
        waiting = set(pids)
        while waiting and time.monotonic() < end:
            for pid in sorted(waiting):
                try:
                    done, _, usage = os.wait4(pid, os.WNOHANG)
                except ChildProcessError:  # another's child: when its parent is gone, it is the keeper's, or gone too
                    if not os.path.exists(f"/proc/{pid}"):
                        waiting.discard(pid)
                    continue
                if done:
                    worker.cpu_strays += usage.ru_utime + usage.ru_stime
                    waiting.discard(pid)
            if waiting:
                time.sleep(0.0005)

    def _kill_all(self, worker: WorkerProcess) -> None:
        """Kill everything but the keeper, the zygote too; start a new zygote."""
        while len(processes.all_processes()) > 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            for other in self._workers.values():
                self.reap(other)
            self._collect_any(worker)
            time.sleep(0.001)
        self._revive()

    def _collect_any(self, worker: WorkerProcess) -> None:
        own = {w.pid for w in self._workers.values() if not w.over}
        self._collect(worker, set(processes.children()) - own)

    def begin(self) -> None:
        """A worker was made: count the CPU seconds that it pays for from now on."""
        self._lost_before = None

    def close(self, worker: WorkerProcess) -> None:
        """Close a worker's pipes and remove what it left."""
        for fd in (worker.request, worker.reply, worker.log, worker.pidfd):
            if fd >= 0:
                os.close(fd)
        worker.log = -1
        self.clean(worker)
        if self._memory is not None:
            self._memory.hold()

    def _make_room(self) -> None:
        if self._memory is not None:
            self._memory.make_room()

    def clean(self, worker: WorkerProcess) -> None:
        """Remove all that a worker left; a stopped worker keeps its folder, which is closed to others."""
        folders = [self._scratch, *SHARED]
        if worker.uid is not None:
            left = processes.owned(worker.uid, folders)
        elif self._isolated and all(other.over or other is worker for other in self._workers.values()):
            left = processes.owned(os.getuid(), folders)
        else:
            left = [worker.scratch]
        if not worker.over and worker.scratch in left and not os.path.islink(worker.scratch):
            left.remove(worker.scratch)
            with processes.acting_as(worker.uid):
                os.chmod(worker.scratch, 0o700)
        try:
            processes.remove(left, worker.uid)
        except OSError:  # no process left for it: living workers have used them up, and are ended
            self.stop_all()
            processes.remove(left, worker.uid)
        if self._drops:  # else the worker would choose the time of their last change
            for folder in filter(os.path.exists, folders):
                os.utime(folder)

    def give_way(self) -> None:
        """End every worker: they used up processes, memory or files that the next one needs."""
        self.stop_all()
        for worker in self._workers.values():
            self.clean(worker)

    def stop_all(self) -> None:
        for worker in self._workers.values():
            self.stop(worker)

    def end_everything(self) -> None:
        """End the session: none of its processes lives on."""
        for worker in self._workers.values():
            processes.kill_group(worker.pid)
        if (zygote := self._zygote_pid()) is not None:
            processes.kill(zygote)
        if self._forks and not self._isolated:
            for worker in self._workers.values():
                self.reap(worker, wait=True)
                self.sweep(worker)


def _cpu_of(pid: int) -> float:
    """CPU seconds of a process and of the children it has waited for; 0 if it is gone."""
    try:
        return processes.cpu_of(processes.stat_fields(pid))
    except OSError:
        return 0.0
