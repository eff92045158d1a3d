"""One session with a keeper: requests out, replies in, under one deadline. The host's end of docs/wire.md.

It holds the state of a session: which sandbox and which workers live, and what ended them. `transfer.py` exchanges one
frame, `outcome.py` reads the value or the failure in it, and `replies.py` checks values. It knows no assignment.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assignments.assignment import Limits
from graders.failures import (
    EngineFailure,
    ImageFailure,
    ImportFailed,
    InternalFailure,
    MemoryLimit,
    ProtocolViolation,
    Raised,
    SubmissionFailure,
    WallLimit,
)
from graders.wall.notebook_reader import notebook_reader
from graders.wall.outcome import OF_A_LOST_CHILD, failure_of_end, is_starved, read_answer
from graders.wall.patience import IDLE_CALL_S, WALL_FACTOR, Patience
from graders.wall.sandboxes.gpu_use import GpuMeter
from graders.wall.sandboxes.sandbox import Channel
from graders.wall.transfer import transfer
from graders.wall.wire import MIB, WIRE, Array, Part, frame, split

GRACE_S = 15.0
"""How much longer than a worker's wall limit the host waits: the keeper should have ended the worker long before."""
START_S = 300.0
REOPENED = 3
"""How often a session continues in a new sandbox after it lost one."""


@dataclass(frozen=True)
class Usage:
    """What a worker used, as the kernel counts it."""

    cpu_s: float
    wall_s: float
    peak_mb: float | None
    strays: int
    log_bytes: int
    log: str
    """Its printed output, capped: evidence."""


@dataclass
class Worker:
    """A worker as the host knows it."""

    number: int
    cpu_s: float
    wall_s: float
    solution: Path | None = None
    """The folder of the code it runs, on the host."""
    facts: dict[str, Any] = field(default_factory=dict)
    oom_kills: int = 0
    """The kernel's count when this worker last answered."""
    over: SubmissionFailure | None = None
    ended: bool = False
    sandbox: int = 0
    """Which of the session's sandboxes it lives in."""


class Session:
    """Speaks to the keeper behind a channel. Not for several threads.

    Every method raises `SubmissionFailure` where the group's code failed and `ToolkitFailure` where the toolkit did.
    """

    def __init__(
        self,
        channel: Channel,
        limits: Limits,
        solution: Path | None = None,
        patience: Patience | None = None,
        *,
        reopen: Callable[[], Channel] | None = None,
        reopens: tuple[type[Exception], ...] = (MemoryLimit,),
    ) -> None:
        """A session behind a channel.

        Args:
            channel: To a keeper that has received no request yet.
            limits: What a worker may use.
            solution: The folder of the code that runs, on the host.
            patience: One submission's, over all its sessions; None for code that may wait as long as it likes.
            reopen: Removes the sandbox behind `channel` and opens another one like it. A worker that is requested
                after the sandbox was lost, or while it is being lost, is then opened there.
            reopens: Exceptions that must have ended the first sandbox for that. Where the kernel ended it for memory,
                nobody knows which worker's memory it was: it costs the present question, and no later one.
        """
        self._channel = channel
        self._reopen = reopen
        self._reopens = reopens
        self._sandbox = 0
        self._limits = limits
        self._solution = solution
        self._patience = patience
        self._serial = 0
        self._oom_kills = 0
        self.lost: Exception | None = None
        """The exception that ended the session early."""
        self.last_usage: Usage | None = None
        """Of the worker that ended last."""
        self.gpu_meter: GpuMeter | None = None
        """Measures the GPUs of its sandboxes; None where they have none, or nobody wants to know."""
        self.reply_cap = limits.reply_mb * MIB
        self.info: dict[str, Any] = {}

    def begin(self) -> dict[str, Any]:
        """Wait until the framework is there.

        Returns:
            The keeper's `info`: framework, versions, import CPU seconds, `solution` and `scratch` paths, `forks`.

        Raises:
            ImageFailure: the runtime cannot serve.
            InternalFailure: the sandbox ended as the submission's fault; but no code of the group has run in it yet.
        """
        limits = {
            "reply_bytes": self.reply_cap + MIB,
            "log_bytes": self._limits.log_kb * 1024,
            "memory_bytes": self._limits.memory_mb * MIB,
            "scratch_bytes": self._limits.scratch_mb * MIB,
            # A worker that waits for a GPU uses no core.
            "idle_s": IDLE_CALL_S if self._patience and not self._limits.gpus else 0,
        }
        try:
            head, _ = self._ask({"verb": "begin", "wire": WIRE, "limits": limits}, [], START_S)
        except SubmissionFailure as failure:
            self.lost = InternalFailure(f"before the solution was touched: {failure}")
            raise self.lost from failure
        if head["outcome"] != "ready" or "info" not in head:
            self.lost = EngineFailure("the keeper did not report that it is ready")
            raise self.lost
        self._oom_kills = head.get("oom_kills", 0)
        self.info = head["info"]
        return self.info

    def worker(self, cpu_s: float, doubles: str = "", solution: str | None = None, *, seed: int = 0) -> Worker:
        """A fresh worker that has imported the solution.

        Args:
            seed: Seeds the global generators of `random`, NumPy and the framework before the import.

        Raises:
            ImportFailed: importing raised; the worker is ended already.
            WallLimit: the submission has used up its patience; there is no worker.
        """
        self.last_usage = None
        if self._patience:
            self._patience.check()
        if isinstance(self.lost, self._reopens):
            self._reopen_sandbox()
        try:
            return self._opened(cpu_s, doubles, solution, seed)
        except self._reopens as failure:
            # This worker has received no question yet: an earlier worker may have ended the sandbox.
            if failure is not self.lost or not self._reopen_sandbox():
                raise
        return self._opened(cpu_s, doubles, solution, seed)

    def _reopen_sandbox(self) -> bool:
        """Continue in a new sandbox; False if there may be none, and every question raises what ended the last one."""
        if self._reopen is None or self._sandbox == REOPENED:
            return False
        self._sandbox += 1
        try:
            self._channel = self._reopen()
            self.lost = None
            self.begin()
        except Exception as error:
            self.lost = error
            raise
        return True

    def _opened(self, cpu_s: float, doubles: str, solution: str | None, seed: int) -> Worker:
        self._serial += 1
        folder = Path(solution) if solution else self._solution
        wall_s = cpu_s * WALL_FACTOR
        worker = Worker(self._serial, cpu_s, wall_s, folder, oom_kills=self._oom_kills, sandbox=self._sandbox)
        head = {
            "verb": "worker",
            "worker": worker.number,
            "cpu_s": cpu_s,
            "wall_s": worker.wall_s,
            "solution": solution,
            "seed": seed,
            "doubles_bytes": len(doubles.encode()),
        }
        texts = doubles + notebook_reader(folder)
        try:
            # A zygote that replaces a killed one imports the framework first.
            self._exchange(worker, head, [memoryview(texts.encode())], START_S)
        except SubmissionFailure:
            self.end(worker)
            raise
        return worker

    def call(self, worker: Worker, request: dict[str, Any], parts: Sequence[Part]) -> tuple[Any, list[Array]]:
        """Send one form of docs/wire.md; the value still holds `HandleReference` where a handle stands.

        Raises:
            SubmissionFailure: the worker did not answer; once it is dead, every call raises the same failure.
            TypeError: the worker was ended: the test's author used a handle for too long.
        """
        if worker.ended:
            raise TypeError("this handle's worker was ended: a handle is valid in the test, or module, that got it")
        if worker.sandbox != self._sandbox and worker.over is None:
            worker.over = MemoryLimit("the sandbox that it was in has ended")
        if worker.over is not None:
            raise worker.over.with_traceback(None)
        if self._patience:
            self._patience.check()
        id = secrets.randbits(53)
        body = frame({"id": id, **request}, parts)
        return self._exchange(worker, {"verb": "call", "worker": worker.number, "id": id}, body)

    @contextmanager
    def waiting_apart(self) -> Iterator[None]:
        """What is waited for inside spends a patience of its own, and none of the submission's."""
        before, self._patience = self._patience, self._patience and Patience()
        try:
            yield
        finally:
            self._patience = before

    def end(self, worker: Worker) -> Usage:
        """End a worker; what it used and printed."""
        if worker.ended or self.lost or worker.sandbox != self._sandbox:
            self.last_usage = _usage(worker.facts, b"")
            return self.last_usage
        head, body = self._ask({"verb": "end", "worker": worker.number}, [], GRACE_S + 30)
        worker.ended = True
        self.last_usage = _usage({**worker.facts, **head}, bytes(body))
        return self.last_usage

    def _exchange(
        self, worker: Worker, head: dict[str, Any], body: Sequence[Part], extra_s: float = 0.0
    ) -> tuple[Any, list[Array]]:
        head.setdefault("id", secrets.randbits(53))
        began = time.monotonic()
        try:
            header, reply = self._ask(head, body, worker.wall_s + GRACE_S + 30 + extra_s)
        except SubmissionFailure as failure:
            worker.over = failure
            # Its CPU account is lost too: ending a sandbox must not make computing free.
            used = float(worker.facts.get("cpu_s") or 0.0) + time.monotonic() - began
            worker.facts = {**worker.facts, "cpu_s": used}
            raise
        self._wait_counted(worker, header)
        kills = header.get("oom_kills", 0)
        new_kills = kills > worker.oom_kills
        self._oom_kills = worker.oom_kills = kills
        if header["outcome"] != "replied":
            worker.over = failure_of_end(header, new_kills)
            if isinstance(worker.over, WallLimit):
                worker.over.starved = is_starved(header, worker.cpu_s)
                if self._patience:
                    self._patience.reached(worker.over)
            raise worker.over
        try:
            answer, array_bytes = split(reply)
            if type(answer.get("id")) is not int or answer["id"] != head["id"]:
                raise ProtocolViolation("an answer to another request")
            return read_answer(answer, array_bytes, worker.solution, opening=head["verb"] == "worker")
        except ProtocolViolation as violation:
            worker.over = violation
            raise
        except (Raised, ImportFailed) as failure:
            # Code that waits for a child which the kernel has ended gets a broken pool, or an end of file.
            if new_kills and failure.kind in OF_A_LOST_CHILD:
                raise MemoryLimit(f"the kernel ended a child for memory; {failure}", where=failure.where) from None
            raise

    def _wait_counted(self, worker: Worker, header: dict[str, Any]) -> None:
        """Store the keeper's header about a worker, and count how long the worker stood idle while it owed a reply."""
        before, worker.facts = worker.facts, header
        # Work on a GPU uses no core, and without a count of waits for a core, idle and starved look the same.
        if self._patience and not self._limits.gpus and header.get("waited_s") is not None:
            self._patience.waited(_idle_s(header) - _idle_s(before))

    def _ask(self, head: dict[str, Any], body: Sequence[Part], seconds: float) -> tuple[dict[str, Any], memoryview]:
        """One request to the keeper and its reply; any failure here ends the session."""
        if self.lost:
            raise self.lost
        head.setdefault("id", secrets.randbits(53))
        try:
            header, reply = transfer(
                self._channel, frame(head, body), self.reply_cap + 2 * MIB, time.monotonic() + seconds
            )
            if header.get("id") != head["id"]:
                raise EngineFailure("the keeper answered another request")
            if header["outcome"] == "broken":
                text = header.get("text", "")
                raise ImageFailure(f"{text}\n{self._channel.ending().text if 'ended' in text else ''}")
        except BaseException as error:
            # After an interruption half-way, the next reply would belong to this request.
            self.lost = error if isinstance(error, Exception) else EngineFailure(f"interrupted: {error!r}")
            raise
        return header, reply


def _idle_s(facts: dict[str, Any]) -> float:
    """Wall seconds in which a worker owed replies, less those that it computed or waited for a core."""
    wall_s, *used = (float(facts.get(name) or 0.0) for name in ("wall_s", "cpu_s", "waited_s"))
    return wall_s - sum(used)


def _usage(facts: dict[str, Any], log: bytes) -> Usage:
    return Usage(
        cpu_s=float(facts.get("cpu_s") or 0.0),
        wall_s=float(facts.get("wall_s") or 0.0),
        peak_mb=facts.get("peak_mb"),
        strays=int(facts.get("strays") or 0),
        log_bytes=int(facts.get("log_bytes") or 0),
        log=log.decode("utf-8", "replace"),
    )
