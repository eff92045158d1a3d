"""An engine for tests of what stands above one: it does what a script says, in a thread of the program that calls.

It keeps the contract of `graders.runs.engines.engine.Engine`: the list of test_every_engine.py holds it to that. Its
script is a function as a marker process has one, `act(job, store, journal) -> JobResult`; it may raise `Died`.
"""

from __future__ import annotations

import threading
import time
import traceback
from contextlib import contextmanager
from queue import Empty, SimpleQueue

from graders.asking.journal import Silent
from graders.record.documents import JobResult, Trouble, to_json
from graders.record.read_documents import job_result, result
from graders.runs.engines.engine import STOPPED, Outcome
from graders.runs.slots import Machine, slots_for


class Died(BaseException):
    """The job's process ended: `crashed` by a fault of a library's, or killed by the machine."""

    def __init__(self, *, crashed: bool = False) -> None:
        self.crashed = crashed


class GaveUp(BaseException):
    """The job cannot go on after its question."""


class MemoryJournal(Silent):
    """A journal that keeps its messages."""

    def __init__(self) -> None:
        self.stages, self.question, self.patience = JobResult(), None, (0, 0.0)

    def begins(self, question, cpu_s):
        self.question = question

    def stage_done(self, kind, name, stage_result):
        self.stages = self.stages.with_stage(name, result(kind, to_json(stage_result)))

    def waited(self, wall_limits, idle_s):
        self.patience = (wall_limits, idle_s)

    def give_up(self):
        raise GaveUp

    @contextmanager
    def lifted(self):
        yield


class Scripted:
    """Does each job by calling `act`; nothing is started, and nothing limits what it costs but the deadline."""

    def __init__(self, act, machine=Machine(cpus=2, memory_mb=16000, gpus=0)) -> None:  # noqa: B008 - it is frozen
        self._act, self._machine = act, machine
        self._stopped = False
        self._lock = threading.Lock()
        self._waiting: list[SimpleQueue] = []

    def slots(self, limits, jobs, isolates):
        return slots_for(limits, self._machine, jobs, isolates)

    def run(self, job, store, deadline_s):
        began, journal, ends = time.monotonic(), MemoryJournal(), SimpleQueue()
        with self._lock:
            if self._stopped:
                return Outcome(None, STOPPED, 0.0)
            self._waiting.append(ends)
        threading.Thread(target=self._do, args=(job, store, journal, ends), daemon=True).start()
        try:
            end = ends.get(timeout=max(deadline_s, 0))
        except Empty:
            end = {"trouble": f"the marker was still running after {deadline_s:.0f} s and was ended"}
        with self._lock:
            self._waiting.remove(ends)
        return Outcome(
            end.get("document"), end.get("trouble", ""), time.monotonic() - began, journal.stages, journal.question,
            limit=end.get("limit", False), crashed=end.get("crashed", False), waited=journal.patience,
        )  # fmt: skip

    def sweep(self, sandbox, course):
        sandbox.sweep(course)

    def exclude(self, machine):
        return 0

    def stop(self):
        with self._lock:
            self._stopped = True
            for ends in self._waiting:
                ends.put({"trouble": STOPPED})

    def _do(self, job, store, journal, ends):
        try:
            ends.put({"document": job_result(to_json(self._act(job, store, journal)))})
        except GaveUp:
            ends.put({"trouble": "the marker ended without a document", "limit": True})
        except Died as died:
            ends.put({"trouble": "the marker was killed (signal 9)", "crashed": died.crashed})
        except Exception:  # noqa: BLE001 - whatever went wrong is a toolkit failure
            ends.put({"document": JobResult(trouble=Trouble("internal", traceback.format_exc()))})
