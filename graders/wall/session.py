"""One session with a keeper: requests out, replies in, under one deadline. The host's end of docs/wire.md.

It tells the keeper's words from the student's, and turns what ended a worker into the failure it was. It knows no
assignment and checks no value.
"""

from __future__ import annotations

import builtins
import secrets
import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assignments.assignment import Limits
from graders.failures import (
    CpuLimit,
    EngineFailure,
    GpuMemory,
    ImageFailure,
    ImportFailed,
    InternalFailure,
    MemoryLimit,
    MissingFunction,
    NotProbed,
    ProcessEnded,
    ProtocolViolation,
    Raised,
    ReplyTooLarge,
    SubmissionFailure,
    WallLimit,
    WrongType,
)
from graders.wall.patience import IDLE_CALL_S, WALL_FACTOR, Patience
from graders.wall.sandboxes.sandbox import Channel
from graders.wall.source_lines import source_lines_of
from graders.wall.wire import HEAD_CAP, PREFIX, WIRE, Array, arrays_of, decode, frame, read_head, split

MIB = 1 << 20
GRACE_S = 15.0
"""What the host waits beyond a worker's wall limit: the keeper should long have ended it."""
START_S = 300.0
REOPENED = 3
"""How often a session goes on in a new sandbox after it lost one."""
EXCEPTIONS = frozenset(
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
)
WORDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("id", "oom_kills", "strays", "log_bytes"), (int,)),
    **dict.fromkeys(("exit", "signal"), (int, type(None))),
    **dict.fromkeys(("cpu_s", "wall_s", "peak_mb", "waited_s"), (int, float, type(None))),
    **{"outcome": (str,), "stopped": (str, type(None)), "text": (str,), "info": (dict,)},
}
"""What the keeper's words are, as far as they are used."""
SIGKILL, SIGXCPU, SIGSEGV, SIGABRT = 9, 24, 11, 6
OF_A_LOST_CHILD = frozenset({
    "RuntimeError", "EOFError", "OSError", "BrokenPipeError", "ConnectionError", "ConnectionResetError",
    "ConnectionAbortedError", "ConnectionRefusedError", "ChildProcessError", "TimeoutError", "Exception",
})  # fmt: skip
"""What loaders, pools and pipes raise when a process at their other end is gone."""


@dataclass(frozen=True)
class Usage:
    """What a worker used, in the kernel's words."""

    cpu_s: float
    wall_s: float
    peak_mb: float | None
    strays: int
    log_bytes: int
    log: str
    """What it printed, capped: evidence."""


@dataclass
class Worker:
    """A worker as the host knows it; `generation` makes handles of an ended worker invalid."""

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

    Every method raises `SubmissionFailure` for what the group's code did and `ToolkitFailure` for what we did.
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
            channel: To a keeper that has not been asked anything.
            limits: What a worker may use.
            solution: The folder of the code that runs, on the host.
            patience: One submission's, over all its sessions; None for code that may wait as long as it likes.
            reopen: Opens another sandbox like the one behind `channel`, and takes that one away. A worker that is
                asked for after the sandbox was lost, or as it is lost, is then opened there.
            reopens: What must have ended the first sandbox for that. Where the kernel ended it for memory, whose that
                was is not known: it costs the question that was being asked, and no later one.
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
        """What ended the session before its time."""
        self.last_usage: Usage | None = None
        """Of the worker that ended last."""
        self.reply_cap = limits.reply_mb * MIB
        self.info: dict[str, Any] = {}

    def begin(self) -> dict[str, Any]:
        """Wait until the framework is there.

        Returns:
            The keeper's word: framework, versions, import CPU seconds, `solution` and `scratch` paths, `forks`.

        Raises:
            ImageFailure: the runtime cannot serve.
        """
        limits = {
            "reply_bytes": self.reply_cap + MIB,
            "log_bytes": self._limits.log_kb * 1024,
            "memory_bytes": self._limits.memory_mb * MIB,
            "scratch_bytes": self._limits.scratch_mb * MIB,
            # Who waits for a GPU uses no core.
            "idle_s": IDLE_CALL_S if self._patience and not self._limits.gpus else 0,
        }
        head, _ = self._ask({"verb": "begin", "wire": WIRE, "limits": limits}, [], START_S)
        if head["outcome"] != "ready" or "info" not in head:
            self.lost = EngineFailure("the keeper did not say that it is ready")
            raise self.lost
        self._oom_kills = head.get("oom_kills", 0)
        self.info = head["info"]
        return self.info

    def worker(self, cpu_s: float, doubles: str = "", solution: str | None = None) -> Worker:
        """A fresh worker that has imported the solution.

        Raises:
            ImportFailed: importing raised; the worker is ended already.
            WallLimit: the submission has been waited for long enough; there is no worker.
        """
        self.last_usage = None
        if self._patience:
            self._patience.check()
        if isinstance(self.lost, self._reopens):
            self._go_on_elsewhere()
        try:
            return self._opened(cpu_s, doubles, solution)
        except self._reopens as failure:
            if failure is not self.lost or self._reopen is None or self._sandbox == REOPENED:
                raise
        # Nothing has been asked of it yet: what ended the sandbox may be an earlier worker's.
        self._go_on_elsewhere()
        return self._opened(cpu_s, doubles, solution)

    def _go_on_elsewhere(self) -> None:
        """Go on in a new sandbox, if there is one to be had; else every question raises what ended the last one."""
        if self._reopen is None or self._sandbox == REOPENED:
            return
        self._sandbox += 1
        try:
            self._channel = self._reopen()
            self.lost = None
            self.begin()
        except SubmissionFailure as failure:
            self.lost = InternalFailure(f"before the solution was touched: {failure}")
            raise self.lost from failure
        except Exception as error:
            self.lost = error
            raise

    def _opened(self, cpu_s: float, doubles: str, solution: str | None) -> Worker:
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
        }
        try:
            # A zygote that replaces a killed one imports the framework first.
            self._exchange(worker, head, [memoryview(doubles.encode("utf-8"))], START_S)
        except SubmissionFailure:
            self.end(worker)
            raise
        return worker

    def call(self, worker: Worker, request: dict[str, Any], parts: list[memoryview]) -> tuple[Any, list[Array]]:
        """One form of docs/wire.md; the value still holds `HandleReference` where a handle stands.

        Raises:
            SubmissionFailure: what the worker did instead of answering; once it is dead, the same again.
            TypeError: the worker was ended: the test's author kept a handle for too long.
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

    def end(self, worker: Worker) -> Usage:
        """End a worker; what it used, and printed."""
        if worker.ended or self.lost or worker.sandbox != self._sandbox:
            self.last_usage = _usage(worker.facts, b"")
            return self.last_usage
        head, body = self._ask({"verb": "end", "worker": worker.number}, [], GRACE_S + 30)
        worker.ended = True
        self.last_usage = _usage({**worker.facts, **head}, bytes(body))
        return self.last_usage

    def cpu_s(self) -> float | None:
        """CPU seconds of the sandbox so far; None where that is not known, as of one that was lost on the way."""
        return self._channel.cpu_s() if self._sandbox == 0 else None

    def _exchange(
        self, worker: Worker, head: dict[str, Any], body: list[memoryview], extra_s: float = 0.0
    ) -> tuple[Any, list[Array]]:
        head.setdefault("id", secrets.randbits(53))
        began = time.monotonic()
        try:
            told, answer = self._ask(head, body, worker.wall_s + GRACE_S + 30 + extra_s)
        except SubmissionFailure as failure:
            worker.over = failure
            # The account of it is lost too: who ends a sandbox is not to compute for nothing.
            used = float(worker.facts.get("cpu_s") or 0.0) + time.monotonic() - began
            worker.facts = {**worker.facts, "cpu_s": used}
            raise
        self._wait_counted(worker, told)
        kills = told.get("oom_kills", 0)
        fresh_kills = kills > worker.oom_kills
        self._oom_kills = worker.oom_kills = kills
        if told["outcome"] != "replied":
            worker.over = _ended(told, fresh_kills)
            if isinstance(worker.over, WallLimit):
                worker.over.starved = _starved(told, worker.cpu_s)
                if self._patience:
                    self._patience.reached(worker.over)
            raise worker.over
        try:
            words, arrays = split(answer)
            if type(words.get("id")) is not int or words["id"] != head["id"]:
                raise ProtocolViolation("an answer to another request")
            return _answer(words, arrays, worker.solution, opening=head["verb"] == "worker")
        except ProtocolViolation as violation:
            worker.over = violation
            raise
        except (Raised, ImportFailed) as failure:
            # Who waited for a child that the kernel has ended hears of a broken pool, or of an end of file.
            if fresh_kills and failure.kind in OF_A_LOST_CHILD:
                raise MemoryLimit(f"the kernel ended a child for memory; {failure}", where=failure.where) from None
            raise

    def _wait_counted(self, worker: Worker, told: dict[str, Any]) -> None:
        """Keep the keeper's words about a worker, and count how long it has stood idle while it owed a reply."""
        before, worker.facts = worker.facts, told
        # A GPU's work is no core's, and a system that does not say who waits for a core cannot tell idle from starved.
        if self._patience and not self._limits.gpus and told.get("waited_s") is not None:
            self._patience.waited(_idle_s(told) - _idle_s(before))

    def _ask(self, head: dict[str, Any], body: list[memoryview], seconds: float) -> tuple[dict[str, Any], memoryview]:
        """One request to the keeper and its reply; any trouble here ends the session."""
        if self.lost:
            raise self.lost
        head.setdefault("id", secrets.randbits(53))
        try:
            told, answer = self._transfer(frame(head, body), time.monotonic() + seconds)
            if told.get("id") != head["id"]:
                raise EngineFailure("the keeper answered another request")
            if told["outcome"] == "broken":
                text = told.get("text", "")
                raise ImageFailure(f"{text}\n{self._channel.ending().text if 'ended' in text else ''}")
        except BaseException as error:
            # Interrupted half-way, the next answer would be to this question.
            self.lost = error if isinstance(error, Exception) else EngineFailure(f"interrupted: {error!r}")
            raise
        return told, answer

    def _transfer(self, out: list[memoryview], deadline: float) -> tuple[dict[str, Any], memoryview]:
        """Write and read at the same time: a keeper that waits to be read must not be waited for."""
        channel = self._channel
        pending = [part for part in out if part.nbytes]
        prefix, head, body = bytearray(PREFIX.size), bytearray(), bytearray()
        target, filled, step = memoryview(prefix), 0, 0
        while True:
            progress = False
            try:
                while pending and (taken := channel.write(pending[0])):
                    progress = True
                    pending[0] = pending[0][taken:]
                    if not pending[0].nbytes:
                        pending.pop(0)
            except (BrokenPipeError, ConnectionError):
                pending = []
            while filled < target.nbytes:
                got = channel.readinto(target[filled:])
                if got is None:
                    raise self._hung_up()
                if got == 0:
                    break
                progress = True
                filled += got
            if filled == target.nbytes:
                step, filled, progress = step + 1, 0, True
                if step == 1:
                    head_size, body_size = PREFIX.unpack(prefix)
                    if head_size > HEAD_CAP or body_size > self.reply_cap + 2 * MIB:
                        raise EngineFailure("a keeper's frame over its caps")
                    head, body = bytearray(head_size), bytearray(body_size)
                    target = memoryview(head)
                elif step == 2:
                    target = memoryview(body)
                if step == 3 or (step == 2 and not body):
                    return _keepers(head), memoryview(body)
            if progress:
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                raise EngineFailure("the keeper did not answer in time")
            _wait(channel, bool(pending), min(left, 1.0))

    def _hung_up(self) -> Exception:
        ending = self._channel.ending()
        if ending.out_of_memory:
            return MemoryLimit("the whole sandbox was over its memory limit, and the kernel ended it")
        return EngineFailure(f"the sandbox ended (exit code {ending.exit_code}): {ending.text}")


def _keepers(head: bytearray) -> dict[str, Any]:
    """The keeper's own words; ours to answer for, whatever they are."""
    try:
        told = read_head(memoryview(head))
    except SubmissionFailure as failure:
        raise EngineFailure(f"the keeper's words cannot be read: {failure}") from None
    odd = [name for name, kinds in WORDS.items() if name in told and type(told[name]) not in kinds]
    due = [name for name in ("id", "outcome") if name not in told]
    if odd or due:
        raise EngineFailure(f"the keeper's words make no sense: {', '.join([*odd, *due])}")
    return told


def _wait(channel: Channel, writing: bool, seconds: float) -> None:
    """Until the keeper can be read, or written to if there is something to write."""
    poll = select.poll()
    poll.register(channel.fileno_out(), select.POLLIN)
    if writing:
        both = select.POLLIN | select.POLLOUT
        same = channel.fileno_in() == channel.fileno_out()
        poll.register(channel.fileno_in(), both if same else select.POLLOUT)
    poll.poll(seconds * 1000)


def _idle_s(facts: dict[str, Any]) -> float:
    """Wall seconds in which a worker owed replies, less those that it computed or waited for a core."""
    wall_s, *used = (float(facts.get(name) or 0.0) for name in ("wall_s", "cpu_s", "waited_s"))
    return wall_s - sum(used)


def _starved(told: dict[str, Any], cpu_s: float) -> bool:
    """Whether a wall limit may be the machine's doing: with CPU time left, the worker mostly waited for a core.

    Our own slots cannot do that to each other: a container gets its share of the cores, and the wall limit is four
    times what it may compute.
    """
    wall_s, used_s, waited_s = (float(told.get(name) or 0.0) for name in ("wall_s", "cpu_s", "waited_s"))
    return used_s < cpu_s / 2 and waited_s > wall_s / 2


def _usage(facts: dict[str, Any], log: bytes) -> Usage:
    return Usage(
        cpu_s=float(facts.get("cpu_s") or 0.0),
        wall_s=float(facts.get("wall_s") or 0.0),
        peak_mb=facts.get("peak_mb"),
        strays=int(facts.get("strays") or 0),
        log_bytes=int(facts.get("log_bytes") or 0),
        log=log.decode("utf-8", "replace"),
    )


def _ended(told: dict[str, Any], memory_kill: bool) -> SubmissionFailure:
    """Why a worker gave no answer, in the keeper's and the kernel's words."""
    stopped, by, code = told.get("stopped"), told.get("signal"), told.get("exit")
    if stopped == "cpu" or by == SIGXCPU:
        return CpuLimit(f"{told.get('cpu_s')} CPU s")
    # A pool whose child was killed waits for it for ever.
    kind = "after the memory limit ended a child process" if memory_kill else None
    if stopped == "wall":
        return WallLimit(f"{told.get('wall_s')} s, of which {told.get('cpu_s')} CPU s", kind=kind)
    if stopped == "idle":
        return WallLimit(
            f"idle for {IDLE_CALL_S} s with an answer owed; {told.get('cpu_s')} CPU s in all", kind=kind
        )
    if stopped == "size":
        return ReplyTooLarge("a frame over the reply cap")
    if told["outcome"] == "violated":
        return ProtocolViolation("bytes that nobody asked for, or a frame over its caps")
    if by == SIGKILL and memory_kill:
        return MemoryLimit("the kernel ended the process for memory")
    if told["outcome"] == "gone":
        return ProcessEnded("the process had ended before")
    return ProcessEnded(f"signal {by}" if by else f"exit code {code}")


def _answer(
    words: dict[str, Any], body: memoryview, solution: Path | None, *, opening: bool = False
) -> tuple[Any, list[Array]]:
    """A worker's words as a value, or as the failure they report. Every word is checked: a student may have sent it."""
    match words.get("kind"):
        case "value":
            arrays = arrays_of(words.get("arrays"), body)
            return decode(words.get("value"), arrays), arrays
        case "raised":
            raise _raised(words, solution, opening)
        case "missing":
            raise MissingFunction(_word(words, "name"))
        case "unsupported":
            raise NotProbed(_word(words, "why"))
        case "misused":
            raise Raised(_word(words, "why"))
        case "unsendable" if words.get("large") is True:
            raise ReplyTooLarge(_word(words, "why"))
        case "unsendable":
            raise WrongType(_word(words, "why"))
    raise ProtocolViolation("an answer of no known kind")


def _raised(words: dict[str, Any], solution: Path | None, opening: bool = False) -> SubmissionFailure:
    kind = words.get("builtin")
    kind = kind if type(kind) is str and kind in EXCEPTIONS else "Exception"
    where = _place(words.get("file"), words.get("line"), solution)
    own, message = _word(words, "type"), _word(words, "message")
    evidence = f"{own}: {message}\n{_word(words, 'trace')}"
    said = f"{own.removeprefix('builtins.')}: {message}".removesuffix(": ")
    if kind == "MemoryError" or own.endswith("ResourceExhaustedError"):
        return MemoryLimit(evidence, where=where, said=said)
    if own in ("torch.OutOfMemoryError", "torch.cuda.OutOfMemoryError"):
        return GpuMemory(evidence, where=where, said=said)
    if words.get("importing") is not True:
        return Raised(evidence, kind=kind, where=where, said=said)
    # Nothing hidden has been sent yet to one that is opened: which of its own imports failed tells nothing of it.
    module = _word(words, "module").partition(".")[0] if opening else ""
    if solution is not None and module in source_lines_of(solution).modules:
        kind = f"{kind}: {module}"
    return ImportFailed(evidence, kind=kind, where=where, said=said)


def _place(file: object, line: object, solution: Path | None) -> str | None:
    """A place in the group's own code, as far as a student may read it."""
    if solution is None or type(file) is not str or type(line) is not int or not solution.is_dir():
        return None
    return source_lines_of(solution).describe(file, line)


def _word(words: dict[str, Any], key: str) -> str:
    """Text for staff: whatever it is, it can be stored and printed."""
    text = words.get(key)
    return text[:4000].encode("utf-8", "replace").decode("utf-8") if type(text) is str else ""
