"""Marker processes: one per job, forked from a server that has imported what they need. Nothing is judged here.

A job goes in as one picklable description; a journal and one JSON document come out, as bytes. A marker that ends
without a document, or outstays its deadline, is an `Outcome` with the trouble in words and what its journal holds,
never an exception: one group's trouble stops no other. A marker that reached a limit in a question is told from one
that failed: who started it can go on behind the question. A marker ends itself when the process that started it dies,
and its sandbox goes with it.
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
from graders.asking.journal import GAVE_UP, Journal, PipeJournal, QuestionId
from graders.failures import InternalFailure
from graders.record.documents import JobResult, Trouble, job_result, result, to_json
from graders.record.store import Store
from graders.runs.engines.engine import STOPPED, Outcome
from graders.runs.slots import slots_for, this_machine

LARGEST_DOCUMENT = 64 << 20
"""Bytes of a document: hundreds of times what an assignment of the catalogue gives."""
LEAVE_S = 15.0
"""How long a marker that has given its document may take to end."""

CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)
"""How a library ends a process that is out of memory, among other things."""

Act = Callable[[Job, Store, Journal], JobResult]
"""What a marker process does with a job."""


@dataclass
class _Heard:
    """What a marker has said so far."""

    document: JobResult | None = None
    came: JobResult = field(default_factory=JobResult)
    question: QuestionId | None = None
    waited: tuple[int, float] = (0, 0.0)
    size: int = 0

    def take(self, body: bytes) -> None:
        """One message.

        Raises:
            ValueError: it is none, or they are too many.
        """
        self.size += len(body)
        if self.size > 2 * LARGEST_DOCUMENT:
            raise ValueError(f"a journal of {self.size} bytes; {2 * LARGEST_DOCUMENT} is the most")
        match json.loads(body, parse_constant=_refuse):
            case {"document": dict(document)}:
                self.document = job_result(json.dumps(document))
            case {"came": ["test" | "answers" | "score" as kind, str(name), dict(document)]}:
                self.came = self.came.with_stage(name, result(kind, json.dumps(document), older=False))
            case {"begins": dict(question)}:
                self.question = QuestionId(**question)
            case {"waited": [int(limits), float(idle_s) | int(idle_s)]}:
                self.waited = (limits, idle_s)
            case _:
                raise ValueError("a message of no known kind")


def start_forkserver(*also: str) -> None:
    """Start importing, in another process, what markers need; returns at once. The first act of `grade`.

    `also` are modules of the caller that every marker would import again: those its main module imports.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["graders.runs.engines.preload", *also])
    wanted = {
        # Markers share the cores between them, and a server with threads cannot be forked safely.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    before = {name: os.environ.get(name) for name in wanted}
    resource_tracker.ensure_running()  # it would end the block below: it opens the mask when it has started
    os.environ.update(wanted)
    # A blocked Ctrl-C is inherited: the terminal sends it to every process, and only the coordinator is to act. It is
    # not ignored here, where one that is pressed in this moment would be lost, but waits until the mask is as before.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Processes:
    """Does each job in a process of its own on this machine, until told to stop.

    Args:
        act: What a process does with a job; None for `graders.grade.grade`.
        preload: Names of modules that the main module of this program imports, and that every process would else
            import again.
    """

    def __init__(self, act: Act | None = None, *, preload: Sequence[str] = ()) -> None:
        self._act = act
        self._preload = preload
        self._running: set[ForkServerProcess] = set()
        self._stopped = False
        # multiprocessing looks after all children of a process whenever one is started or joined.
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
        heard = _Heard()
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
                trouble = self._listen(process, reader, heard)
                code = None if heard.document else self._exit_code(process)
            finally:
                late.cancel()
                self._end(process)
        wall_s = time.monotonic() - began
        if heard.document is None and self._stopped:
            trouble = STOPPED
        elif heard.document is None and wall_s >= deadline_s:
            trouble = f"the marker was still running after {max(deadline_s, 0.0):.0f} s and was ended"
        elif heard.document is None:
            trouble = trouble or _ending(code)
        return Outcome(
            heard.document,
            trouble,
            wall_s,
            heard.came,
            heard.question,
            limit=code in (GAVE_UP, -signal.SIGXCPU) and heard.question is not None,
            crashed=code is not None and -code in CRASHES and heard.question is not None,
            waited=heard.waited,
        )

    def stop(self) -> None:
        """End all markers now; calls of `run` that wait return, later ones start nothing."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill(process)

    def _listen(self, process: ForkServerProcess, reader: Connection, heard: _Heard) -> str:
        """Take all that a marker says, until its document or its end; the trouble, if what it says is none of ours."""
        while heard.document is None:
            # The sentinel too: a process that the marker left behind may hold the pipe open.
            wait([reader, process.sentinel])
            if not reader.poll():
                break
            try:
                heard.take(reader.recv_bytes(LARGEST_DOCUMENT))
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
    # Asked first: the id of a process that has ended may by now be another's.
    if process.is_alive():
        process.kill()


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def _marker(act: Act | None, job: Job, store: Store, writer: Connection) -> None:
    """The marker process: mark, and hand the document over."""
    # A session of its own: signals that a terminal sends to `grade` do not reach the marker or its sandbox.
    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        journal = PipeJournal(writer.send_bytes)
        body = f'{{"document": {to_json((act or _grade())(job, store, journal))}}}'.encode()
        if len(body) > LARGEST_DOCUMENT:
            raise ValueError(f"a document of {len(body)} bytes; {LARGEST_DOCUMENT} is the most")
    except Exception:  # noqa: BLE001  whatever went wrong is ours, and withholds one mark instead of ending the run
        failure = JobResult(trouble=Trouble(InternalFailure.reason, traceback.format_exc()))
        body = f'{{"document": {to_json(failure)}}}'.encode()
    writer.send_bytes(body)


def _grade() -> Act:
    # In the marker alone: it brings pytest and the sandboxes, which the process that starts markers does not need.
    from graders.grade import grade

    return grade


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
