"""The Dask carrier: packages go to the workers of a cluster, one at a time to each worker.

What Dask pickles: the names of two functions of `dask_worker`, and bytes. Scheduler and workers are trusted, as
whatever holds the cluster's keys can run code here: hence TLS, or this machine alone. Bytes of students are only within
our own frames, which nothing unpickles, and no sandbox mounts a worker's folder or the cluster's keys.

This carrier chooses the worker of each package itself. Dask would repeat the tasks of a lost worker, finished ones too
(distributed #7870), blame those that had not begun (#5234), and wait for ever for a worker that cannot come back
(#7346) or for resources that nobody offers. So a task names one worker and is never repeated; a thread looks every
second which workers there are, and the coordinator repeats what was lost.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assignments.assignment import Limits
from assignments.errors import UserError
from graders.asking.allowance import host_mb
from graders.runs.engines.dask_cluster import CONNECT_S, Connection, connected, in_words
from graders.runs.engines.package import Delivery, Package

if TYPE_CHECKING:
    from graders.course.course import EngineSettings

log = logging.getLogger("medmark")
FIRST_WORKER_S = 60.0
"""How long the first worker of a scheduler that runs already may take to join."""
QUEUE_S = 1800.0
"""The same where the site's batch system has to start it."""
LOOK_S = 1.0
"""How often the workers are looked up."""
GONE_S = 90.0
"""How long no worker may be there in the middle of a run."""
AWAY_S = 30.0
"""How long the scheduler may be away before its workers are taken for lost."""
GRACE_S = 180.0
"""How much longer than its deadline a package is waited for: files are on their way meanwhile."""
WORKER_MB = 512
"""Of a worker of our own, for Dask and the program that asks."""
PIECE_BYTES = 4 << 20
"""Bytes of blobs in one task."""


@dataclass
class _Slot:
    """A worker: it does one package at a time."""

    address: str
    id: str
    machine: str
    gpus: float
    takes_work: bool = True
    """Whether it runs, and does not leave the cluster at present."""
    busy: bool = False
    has: set[str] = field(default_factory=set)
    """Digests of the blobs that it has."""


class DaskCarrier:
    """Carries packages to the workers of a Dask cluster.

    Args:
        settings: `[engine]` of the course.
        folder: of the course, where relative paths of certificates begin.
    """

    def __init__(self, settings: EngineSettings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._connection: Connection | None = None
        self._slots: dict[str, _Slot] = {}
        """By address."""
        self._excluded: set[str] = set()
        self._gpus = 0
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._seen = time.monotonic()
        """When the scheduler last answered."""

    def slots(self, limits: Limits, jobs: int | None) -> int:
        """As many as there are workers with what one submission needs, or as many as are still to come."""
        self._gpus = limits.gpus
        if self._connection is None:
            if not self._settings.scheduler:
                self._check_own(limits)
            self._connection = connected(self._settings, self._folder)
        own = self._connection.own is not None
        wait_s = QUEUE_S if own else FIRST_WORKER_S
        if not self._look() and own:
            log.warning("waiting for the batch system to start the first worker: squeue --me shows it")
        end = time.monotonic() + wait_s
        while not self._look() and time.monotonic() < end:
            time.sleep(LOOK_S / 4)
        if not self._slots:
            raise UserError(self._no_worker(own, wait_s))
        if not (fitting := self._usable()):
            raise UserError(
                f"limits.gpus = {limits.gpus}, and none of {len(self._slots)} Dask workers offers so many: start them "
                f"with --resources GPU={limits.gpus}"
            )
        threading.Thread(target=self._keep_looking, daemon=True).start()
        most = max(len(fitting), self._settings.workers)
        return most if jobs is None else min(jobs, most)

    def carry(self, package: Package, deadline_s: float) -> Delivery:
        """Wait for a free worker, bring it the blobs that it lacks, and have it do the package."""
        slot = self._free_slot()
        if slot is None:
            return Delivery(None, f"no Dask worker was there within {GONE_S:.0f} s, or the scheduler was away")
        try:
            return self._carried(package, slot, deadline_s)
        except Exception as error:  # noqa: BLE001 - Dask raises whatever a worker, or the way there, raised
            return Delivery(None, f"{slot.machine}: {in_words(error)}", slot.machine)
        finally:
            with self._changed:
                slot.busy = False
                self._changed.notify_all()

    def exclude(self, machine: str) -> int:
        """Send nothing more to a worker of this name, a restarted one neither."""
        with self._changed:
            if machine:
                self._excluded.add(machine)
            return len(self._usable())

    def stop(self) -> None:
        """Cancel all tasks, whose workers then end their sandboxes, and leave the cluster; one of our own ends."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()
        if self._connection is not None:
            self._connection.close()

    def _check_own(self, limits: Limits) -> None:
        """Refuse workers of our own that no submission would fit into, before the batch system starts any.

        Raises:
            UserError: a worker is too small.
        """
        for name, needs in (("gpus", limits.gpus), ("memory_mb", limits.memory_mb + host_mb(limits) + WORKER_MB)):
            if (has := getattr(self._settings, name)) < needs:
                raise UserError(
                    f"course.toml [engine]: {name} = {has}, and one submission with its marker needs {needs}. Raise "
                    f"it, or lower limits.{name} of the assignment."
                )

    def _no_worker(self, own: bool, wait_s: float) -> str:
        if own:
            return (
                f"the batch system started no worker within {wait_s / 60:.0f} minutes: squeue --me says why; ask for "
                "less under [engine] in course.toml, or for another queue"
            )
        return (
            f"{self._settings.scheduler}: no worker joined within {wait_s:.0f} s. Start one where sandboxes can run: "
            f"dask worker {self._settings.scheduler} --nthreads 1 --memory-limit 0"
        )

    def _look(self) -> bool:
        """Learn which workers there are; whether there is one."""
        assert self._connection is not None
        client = self._connection.client
        try:
            identity: Mapping[str, Any] = client.sync(
                client.scheduler.identity,  # type: ignore[union-attr]
                n_workers=-1,
                callback_timeout=CONNECT_S,
            )
        except Exception:  # noqa: BLE001 - it may be away for a moment, which loses no worker
            if time.monotonic() - self._seen < AWAY_S:
                return bool(self._slots)
            identity = {"workers": {}}
        else:
            self._seen = time.monotonic()
        with self._changed:
            before = self._slots
            self._slots = {
                address: _slot_of(address, worker, before.get(address))
                for address, worker in identity["workers"].items()
            }
            self._changed.notify_all()
            return any(slot.takes_work for slot in self._slots.values())

    def _keep_looking(self) -> None:
        while not self._stopped.wait(LOOK_S):
            self._look()

    def _usable(self) -> list[_Slot]:
        return [
            slot
            for slot in self._slots.values()
            if slot.takes_work and slot.machine not in self._excluded and slot.gpus >= self._gpus
        ]

    def _free_slot(self) -> _Slot | None:
        """A worker that does nothing, which is then busy; None if none is there for long, or after a stop."""
        with self._changed:
            last_seen = time.monotonic()
            while not self._stopped.is_set():
                usable = self._usable()
                if free := [slot for slot in usable if not slot.busy]:
                    free[0].busy = True
                    return free[0]
                if usable:
                    last_seen = time.monotonic()
                elif time.monotonic() - last_seen > GONE_S:
                    return None
                self._changed.wait(LOOK_S)
        return None

    def _carried(self, package: Package, slot: _Slot, deadline_s: float) -> Delivery:
        from graders.runs.engines import dask_worker

        slot.has &= package.blobs.keys()  # it removes others before it takes new ones
        answer = b""
        for frame, is_last in _frames(package, slot.has):
            act, wait_s = (dask_worker.do, deadline_s + GRACE_S) if is_last else (dask_worker.put, GRACE_S)
            answer = self._result(act, frame, slot, wait_s)
            if answer[:1] != dask_worker.DONE:
                return Delivery(None, answer[1:].decode(errors="replace"), slot.machine)
        slot.has = set(package.blobs)
        return Delivery(answer[1:], machine=slot.machine)

    def _result(self, act: Callable[[bytes], bytes], argument: bytes, slot: _Slot, wait_s: float) -> bytes:
        """The result of a task on one worker.

        Raises:
            ConnectionError: the worker or the scheduler is lost.
            TimeoutError: it takes too long.
            Exception: whatever the task raised, or Dask.
        """
        assert self._connection is not None
        ended = threading.Event()
        future = self._connection.client.submit(
            act,
            argument,
            workers=[slot.address],
            allow_other_workers=False,
            retries=0,
            pure=False,
            resources={"GPU": self._gpus} if self._gpus else None,
        )
        future.add_done_callback(lambda _: ended.set())
        end = time.monotonic() + wait_s
        try:
            while not ended.wait(LOOK_S):
                if self._stopped.is_set():
                    raise ConnectionError("the run was stopped")
                if (now := self._slots.get(slot.address)) is None or now.id != slot.id:
                    raise ConnectionError("this worker was lost, and what it was doing with it")
                if time.monotonic() > end:
                    raise TimeoutError(f"no reply within {wait_s:.0f} s")
            if future.status in ("cancelled", "lost"):
                raise ConnectionError("the connection to the Dask scheduler was lost")
            result: bytes = future.result(timeout=GRACE_S)
            return result
        finally:
            if not self._stopped.is_set():  # a client that is being closed gives its tasks up, and answers no more
                future.cancel()
                future.release()


def _slot_of(address: str, worker: Mapping[str, Any], before: _Slot | None) -> _Slot:
    id = str(worker["id"])  # a number, where Dask itself named the worker
    if before is not None and before.id == id:
        before.takes_work = worker.get("status") == "running"
        return before
    if worker.get("memory_limit"):
        log.warning(
            "Dask worker %s has a memory limit of its own and may be paused or ended within a job: start it with "
            "--memory-limit 0, since each sandbox has a limit.",
            address,
        )
    machine = f"worker {worker['name']} at {worker['host']}" if worker["name"] != address else f"worker {address}"
    return _Slot(address, id, machine, float((worker.get("resources") or {}).get("GPU", 0)))


def _frames(package: Package, has: set[str]) -> Iterator[tuple[bytes, bool]]:
    """The blobs that a worker lacks, in frames of `dask_worker.put`; the last one is for `dask_worker.do`.

    A small package is one task: each costs this process milliseconds.
    """
    from graders.runs.engines.dask_worker import framed

    keep = sorted(package.blobs)
    pieces: list[tuple[str, int, int, int]] = []
    bodies: list[bytes] = []
    room = PIECE_BYTES
    for digest, path in package.blobs.items():
        if digest in has:
            continue
        whole, offset = path.stat().st_size, 0
        with path.open("rb") as file:
            while offset < whole or not offset:
                if room <= 0:
                    yield framed({"keep": keep, "pieces": pieces}, *bodies), False
                    pieces, bodies, room = [], [], PIECE_BYTES
                body = file.read(min(room, whole - offset))
                pieces.append((digest, offset, len(body), whole))
                bodies.append(body)
                offset, room = offset + len(body), room - len(body)
                if not whole:
                    break
                if not body and offset < whole:
                    raise OSError(f"{path} became shorter while it was sent")
    yield framed({"keep": keep, "pieces": pieces}, *bodies, package.description), True
