"""Marker processes: one for each job, forked from a server that has imported what they need.

A job goes in as one picklable description; a journal and one JSON document come out, as bytes. A marker that ends
without a document, or exceeds its deadline, gives an `Outcome` with the trouble in words and the stages of its journal,
never an exception: one group's trouble stops no other. The outcome tells a marker that reached a limit in a question
from one that failed: another marker can go on after the question. A marker ends itself, and its sandbox, when the
process that started it dies.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess

from assignments.assignment import Limits
from graders.asking.job import Job
from graders.asking.journal import Journal, QuestionId
from graders.asking.pipe_journal import GAVE_UP, PipeJournal
from graders.failures import InternalFailure
from graders.record.documents import JobResult, Trouble, to_json
from graders.record.read_documents import job_result, result
from graders.record.store import Store
from graders.runs.engines.engine import STOPPED, Outcome
from graders.runs.slots import slots_for, this_machine
from graders.wall.sandboxes.sandbox import Sandbox

MAX_DOCUMENT_BYTES = 64 << 20
"""The most bytes of a document: hundreds of times those of the catalogue's assignments."""
THIS_MACHINE = "this machine"
"""The machine of every outcome here."""
LEAVE_S = 15.0
"""How long a marker may take to end after its document."""

CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)
"""Signals with which a library ends a process, such as one that is out of memory."""

Act = Callable[[Job, Store, Journal], JobResult]
"""What a marker process does with a job."""


@dataclass
class _MarkerMessages:
    """The messages of a marker so far."""

    document: JobResult | None = None
    stages_done: JobResult = field(default_factory=JobResult)
    question: QuestionId | None = None
    waited: tuple[int, float] = (0, 0.0)
    size: int = 0

    def take(self, body: bytes) -> None:
        """Take one message.

        Raises:
            ValueError: it is not a message, or there are too many.
        """
        self.size += len(body)
        if self.size > 2 * MAX_DOCUMENT_BYTES:
            raise ValueError(f"a journal of {self.size} bytes; {2 * MAX_DOCUMENT_BYTES} is the most")
        match json.loads(body, parse_constant=_refuse):
            case {"document": dict(document)}:
                self.document = job_result(json.dumps(document))
            case {"stage_done": ["test" | "answers" | "score" as kind, str(name), dict(document)]}:
                self.stages_done = self.stages_done.with_stage(name, result(kind, json.dumps(document), older=False))
            case {"begins": dict(question)}:
                self.question = QuestionId(**question)
            case {"waited": [int(limits), float(idle_s) | int(idle_s)]}:
                self.waited = (limits, idle_s)
            case _:
                raise ValueError("a message of no known kind")


def start_forkserver(*also: str, markers: bool = True) -> None:
    """Start importing, in another process, what markers need; return at once. `grade` does this first.

    `also` names modules that the caller's main module imports: else every marker would import them again. Without
    `markers` these are all: processes that mark no assignment need neither pytest nor the metrics.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*(["graders.runs.engines.preload"] if markers else []), *also])
    environment = {
        # Markers share the cores between them, and a server with threads cannot be forked safely.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # multiprocessing starts `python -c`, which would import what lies in the current folder before all else.
        "PYTHONSAFEPATH": "1",
    }
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        resource_tracker.ensure_running()  # else it would start within the block below, and unblock the signal
        # The server inherits the blocked Ctrl-C: the terminal sends it to every process, and only the coordinator must
        # act. It is blocked, not ignored: one that is pressed at this moment waits until the mask is as before.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Processes:
    """Does each job in a process of its own on this machine, until it is stopped.

    Args:
        act: What a process does with a job; None for `graders.grade.grade`.
        preload: Names of modules that the main module of this program imports; else every process would import them
            again.
    """

    def __init__(self, act: Act | None = None, *, preload: Sequence[str] = ()) -> None:
        self._act = act
        self._preload = preload
        self._running: set[ForkServerProcess] = set()
        self._stopped = False
        # multiprocessing polls all children whenever one is started or joined.
        self._lock = threading.Lock()

    def slots(self, limits: Limits, jobs: int | None, isolates: bool) -> int:
        """As many as this machine's CPU, memory and GPUs allow."""
        return slots_for(limits, this_machine(limits.gpus), jobs, isolates)

    def run(self, job: Job, store: Store, deadline_s: float) -> Outcome:
        """Run one job and wait for its document, at most `deadline_s`. Never raises for what the job does."""
        began = time.monotonic()
        context = multiprocessing.get_context("forkserver")
        try:
            reader, writer = context.Pipe(duplex=False)
        except OSError as error:
            return Outcome(None, f"no marker process could be started: {error!r}", 0.0)
        process = context.Process(target=_marker, args=(self._act, job, store, writer), daemon=True)
        messages = _MarkerMessages()
        with reader, writer:
            with self._lock:
                if self._stopped:
                    return Outcome(None, STOPPED, 0.0)
                try:
                    start_forkserver(*self._preload)
                    process.start()
                except (OSError, EOFError) as error:
                    return Outcome(None, f"no marker process could be started: {error!r}", 0.0)
                self._running.add(process)
            writer.close()
            late = threading.Timer(deadline_s, self._late, [process])
            late.daemon = True
            late.start()
            try:
                trouble = self._listen(process, reader, messages)
                code = None if messages.document else self._exit_code(process)
            finally:
                late.cancel()
                self._end(process)
        wall_s = time.monotonic() - began
        if messages.document is None and self._stopped:
            trouble = STOPPED
        elif messages.document is None and wall_s >= deadline_s:
            trouble = f"the marker was still running after {max(deadline_s, 0.0):.0f} s and was ended"
        elif messages.document is None:
            trouble = trouble or _ending(code)
        return Outcome(
            messages.document,
            trouble,
            wall_s,
            messages.stages_done,
            messages.question,
            limit=code in (GAVE_UP, -signal.SIGXCPU) and messages.question is not None,
            crashed=code is not None and -code in CRASHES and messages.question is not None,
            waited=messages.waited,
            machine=THIS_MACHINE,
        )

    def sweep(self, sandbox: Sandbox, course: str) -> None:
        """Remove the course's sandboxes on this machine whose markers have died."""
        sandbox.sweep(course)

    def exclude(self, machine: str) -> int:
        """There is no other machine: no slot is left."""
        return 0

    def stop(self) -> None:
        """End all markers now; calls of `run` that wait return, later ones start nothing."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill(process)

    def _listen(self, process: ForkServerProcess, reader: Connection, messages: _MarkerMessages) -> str:
        """Take a marker's messages until its document or its end; return the trouble if one is not valid."""
        while messages.document is None:
            # The sentinel too: a process that the marker left behind may hold the pipe open.
            wait([reader, process.sentinel])
            if not reader.poll():
                break
            try:
                messages.take(reader.recv_bytes(MAX_DOCUMENT_BYTES))
            except (EOFError, OSError):
                break
            except (TypeError, ValueError, RecursionError) as error:
                return f"the marker's result cannot be used: {error}"
        return ""

    def _exit_code(self, process: ForkServerProcess) -> int | None:
        wait([process.sentinel], LEAVE_S)
        with self._lock:
            process.join(0)
            return process.exitcode

    def _end(self, process: ForkServerProcess) -> None:
        wait([process.sentinel], LEAVE_S)
        with self._lock:
            _kill(process)
            process.join()
            self._running.discard(process)

    def _late(self, process: ForkServerProcess) -> None:
        with self._lock:
            _kill(process)


def _ending(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return "the marker was killed (signal 9); perhaps this machine ran out of memory"
    return f"the marker ended without a document (exit code {code})"


def _kill(process: ForkServerProcess) -> None:
    # Checked first: another process may have the id of one that has ended.
    if process.is_alive():
        process.kill()


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number of JSON")


def _marker(act: Act | None, job: Job, store: Store, writer: Connection) -> None:
    """The marker process: mark, and send the document."""
    # A session of its own: signals that a terminal sends to `grade` do not reach the marker or its sandbox.
    os.setsid()
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        journal = PipeJournal(writer.send_bytes)
        body = f'{{"document": {to_json((act or _grade())(job, store, journal))}}}'.encode()
        if len(body) > MAX_DOCUMENT_BYTES:
            raise ValueError(f"a document of {len(body)} bytes; {MAX_DOCUMENT_BYTES} is the most")
    except Exception:  # noqa: BLE001  a toolkit failure withholds one mark and does not end the run
        failure = JobResult(trouble=Trouble(InternalFailure.reason, traceback.format_exc()))
        body = f'{{"document": {to_json(failure)}}}'.encode()
    writer.send_bytes(body)


def _grade() -> Act:
    # Imported in the marker only: the process that starts markers needs neither pytest nor the sandboxes.
    from graders.grade import grade

    return grade


def end_with_parent() -> None:
    """Wait for the end of the program that started this process, then end it too."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
