"""Marker processes: one per job, forked from a server that has imported what they need. Nothing is judged here.

A job goes in as one picklable description; one JSON document comes out, as bytes. A marker that ends without one, or
outstays its deadline, is an `Outcome` with the trouble in words, never an exception: one group's trouble stops no
other. A marker ends itself when the process that started it dies, and its sandbox goes with it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from typing import Any

LARGEST_DOCUMENT = 64 << 20
"""Bytes of a document: hundreds of times what an assignment of the catalogue gives."""
LEAVE_S = 15.0
"""How long a marker that has given its document may take to end."""

Run = Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """What became of one job: a document, or why there is none."""

    document: dict[str, Any] | None
    trouble: str
    wall_s: float


def start_forkserver(*also: str) -> None:
    """Start importing, in another process, what markers need; returns at once. The first act of `grade`.

    `also` are modules of the caller that every marker would import again: those its main module imports.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["graders.preload", *also])
    wanted = {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        # Markers share the cores between them, and a server with threads cannot be forked safely.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    # An ignored Ctrl-C is inherited: the terminal sends it to every process, and only the coordinator is to act.
    main = threading.current_thread() is threading.main_thread()
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    try:
        forkserver.ensure_running()
    finally:
        if main:
            signal.signal(signal.SIGINT, interrupt)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class MarkerProcesses:
    """Runs jobs in processes of their own, one per call and thread, until told to stop."""

    def __init__(self) -> None:
        self._running: set[ForkServerProcess] = set()
        self._stopped = False
        # multiprocessing looks after all children of a process whenever one is started or joined.
        self._lock = threading.Lock()

    def run(self, run: Run, job: Any, deadline_s: float) -> Outcome:
        """Run one job and wait for its document, at most `deadline_s`. Never raises for what the job does."""
        began = time.monotonic()
        context = multiprocessing.get_context("forkserver")
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_marker, args=(run, job, writer), daemon=True)
        with reader, writer:
            with self._lock:
                if self._stopped:
                    return Outcome(None, "stopped", 0.0)
                try:
                    process.start()
                except (OSError, EOFError) as error:
                    return Outcome(None, f"no marker process could be started: {error!r}", 0.0)
                self._running.add(process)
            writer.close()
            late = threading.Timer(deadline_s, self._late, [process])
            late.daemon = True
            late.start()
            try:
                document, trouble = self._document(process, reader)
            finally:
                late.cancel()
                self._end(process)
        wall_s = time.monotonic() - began
        if document is None and wall_s >= deadline_s:
            trouble = f"the marker was still running after {deadline_s:.0f} s and was ended"
        return Outcome(document, trouble, wall_s)

    def stop(self) -> None:
        """End all markers now; calls of `run` that wait return, later ones start nothing."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill(process)

    def _document(self, process: ForkServerProcess, reader: Connection) -> tuple[dict[str, Any] | None, str]:
        # The sentinel too: a process that the marker left behind may hold the pipe open.
        wait([reader, process.sentinel])
        if not reader.poll():
            return None, self._ended(process)
        try:
            body = reader.recv_bytes(LARGEST_DOCUMENT)
        except (EOFError, OSError):
            return None, self._ended(process)
        try:
            document = json.loads(body, parse_constant=_refuse)
        except ValueError as error:
            return None, f"the marker's document is not JSON: {error}"
        return (document, "") if isinstance(document, dict) else (None, "the marker's document is no object")

    def _ended(self, process: ForkServerProcess) -> str:
        wait([process.sentinel], LEAVE_S)
        with self._lock:
            process.join(0)
            code = process.exitcode
        if code == -signal.SIGKILL:
            return "the marker was killed (signal 9); perhaps this machine ran out of memory"
        return f"the marker ended without a document (exit code {code})"

    def _end(self, process: ForkServerProcess) -> None:
        wait([process.sentinel], LEAVE_S)
        with self._lock:
            _kill(process)
            process.join()
            self._running.discard(process)

    def _late(self, process: ForkServerProcess) -> None:
        with self._lock:
            _kill(process)


def _kill(process: ForkServerProcess) -> None:
    # Asked first: the id of a process that has ended may by now be another's.
    if process.is_alive():
        process.kill()


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def _marker(run: Run, job: Any, writer: Connection) -> None:
    """The marker process: mark, and hand the document over."""
    # A session of its own: signals that a terminal sends to `grade` do not reach the marker or its sandbox.
    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        body = json.dumps(run(job), allow_nan=False).encode()
        if len(body) > LARGEST_DOCUMENT:
            raise ValueError(f"a document of {len(body)} bytes; {LARGEST_DOCUMENT} is the most")
    except Exception:  # noqa: BLE001  whatever went wrong is ours, and withholds one mark instead of ending the run
        body = json.dumps({"toolkit_failure": {"reason": "internal", "evidence": traceback.format_exc()}}).encode()
    writer.send_bytes(body)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
