"""Runs the notebooks of an nbgrader course in a few slots: a process and a container each, a fresh worker a notebook.

A container mounts nothing of any student's, so no student can read another's notebook. The slot's process runs the
instructor's test cells; it is held to memory, and to CPU seconds for each test cell. Where it dies, or a container
does, the notebook of that moment is tried once more, and all others go on.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from assignments.assignment import Framework, Limits
from graders.asking.allowance import host_mb
from graders.asking.containers import opened
from graders.asking.notebook_run import HOST_CPU_S, NotebookRules, run_notebook
from graders.asking.pipe_journal import PipeJournal
from graders.failures import ToolkitFailure
from graders.record.notebook_course import HandedNotebook, NotebookResult, TestCellResult
from graders.runs.engines.processes import CRASHES, end_with_parent, start_forkserver
from graders.wall.modes import make_readable
from graders.wall.patience import WALL_FACTOR, Patience
from graders.wall.sandboxes.sandbox import Sandbox, SandboxSpec
from graders.wall.session import START_S
from graders.wall.wire import MIB

OnNotebook = Callable[[int, int, str], None]
"""(notebooks done, notebooks in all, whose was the last)"""
TRIES = 2
"""How often a notebook runs whose slot or container ended without an answer."""
COSTLY = 3
"""After so many test cells that cost the host too much, a notebook's remaining cells fail."""


@dataclass
class _Task:
    """A notebook that has no result yet."""

    handed: HandedNotebook
    tries: int = 0
    costly: dict[str, str] = field(default_factory=dict)


def run_notebooks(
    handed: Sequence[HandedNotebook],
    sandbox: Sandbox,
    framework: Framework,
    jobs: int,
    on_progress: OnNotebook = lambda done, total, student: None,
    *,
    host_cpu_s: float = HOST_CPU_S,
) -> Iterator[NotebookResult]:
    """The result of each notebook that can be read, in the order in which they end.

    Args:
        jobs: How many run at once.
        host_cpu_s: CPU seconds that a test cell may cost the host: no answer chooses what it pays.
    """
    tasks = deque(_Task(each) for each in handed if not each.problem)
    total, done = len(tasks), 0
    limits = Limits()
    slots = [_Slot(sandbox, framework, NotebookRules(limits, host_cpu_s=host_cpu_s)) for _ in range(min(jobs, total))]
    try:
        while done < total:
            for slot in slots:
                if slot.task is None and tasks:
                    slot.begin(tasks.popleft())
            for slot in _ready(slots):
                task = slot.task
                result = slot.take()
                if result is not None:
                    done += 1
                    on_progress(done, total, result.student)
                    yield result
                elif slot.task is None and task is not None:
                    tasks.appendleft(task)
    finally:
        for slot in slots:
            slot.end()


def _ready(slots: Sequence[_Slot]) -> list[_Slot]:
    """Slots that have something to say, or are late."""
    busy = [slot for slot in slots if slot.task is not None]
    ready = set(wait([each for slot in busy for each in slot.waited_for()], timeout=1.0))
    return [slot for slot in busy if ready & set(slot.waited_for()) or time.monotonic() > slot.deadline]


class _Slot:
    """A process that runs one notebook after another."""

    def __init__(self, sandbox: Sandbox, framework: Framework, rules: NotebookRules) -> None:
        self._start = (sandbox, framework, rules)
        self._costly = f"to judge the answer took more than {rules.host_cpu_s:g} CPU s on the host"
        self._deadline_s = WALL_FACTOR * rules.limits.cpu_s + 2 * START_S
        self._process: ForkServerProcess | None = None
        self._pipe: Connection | None = None
        self._question = ""
        self.task: _Task | None = None
        self.deadline = 0.0

    def begin(self, task: _Task) -> None:
        """Send a notebook to the process, which is started if there is none."""
        self.task, self._question = task, ""
        task.tries += 1
        self.deadline = time.monotonic() + self._deadline_s
        if self._process is None:
            start_forkserver(__name__, type(self._start[0]).__module__, markers=False)
            context = multiprocessing.get_context("forkserver")
            self._pipe, far = context.Pipe()
            self._process = context.Process(target=_slot, args=(*self._start, far), daemon=True)
            self._process.start()
            far.close()
        assert self._pipe is not None
        with suppress(OSError):  # a process that has died is noticed when it is listened to
            self._pipe.send((task.handed, task.costly))

    def waited_for(self) -> tuple[Any, ...]:
        """What to wait for."""
        return (self._pipe, self._process.sentinel) if self._process is not None else ()

    def take(self) -> NotebookResult | None:
        """One message of the process; the notebook's result if this is it, or if there will be no other.

        None with no task left: the notebook is to be run again.
        """
        assert self._pipe is not None
        if self._pipe.poll():
            with suppress(EOFError, OSError):
                return self._read(json.loads(self._pipe.recv_bytes()))
        elif time.monotonic() <= self.deadline and self._process is not None and self._process.is_alive():
            return None
        return self._lost()

    def _read(self, message: Mapping[str, Any]) -> NotebookResult | None:
        if "begins" in message:
            self._question = message["begins"]["name"]
        if "result" not in message:
            return None
        self.task = None
        result = message["result"]
        cells = tuple(TestCellResult(**cell) for cell in result.pop("cells"))
        return NotebookResult(**result | {"cells": cells, "problems": tuple(result["problems"])})

    def _lost(self) -> NotebookResult | None:
        """The process has died or is late: why, and what becomes of its notebook."""
        is_late = time.monotonic() > self.deadline
        code = self.end()
        task, self.task = self.task, None
        assert task is not None
        if code == -signal.SIGXCPU and self._question:
            task.costly[self._question] = self._costly
            if len(task.costly) == COSTLY:
                return failed_notebook(task.handed, f"{self._costly}, in {COSTLY} test cells")
            task.tries -= 1
        if task.tries < TRIES:
            return None
        if is_late:
            return failed_notebook(task.handed, f"it had not ended after {self._deadline_s:g} s")
        if code is not None and -code in CRASHES and self._question:
            return failed_notebook(task.handed, "judging its answers crashed the process that judges, twice")
        why = f"the process that judges it ended twice (exit code {code})"
        return failed_notebook(task.handed, why, withheld=True)

    def end(self) -> int | None:
        """End the process; its exit code."""
        process, self._process = self._process, None
        if process is None:
            return None
        assert self._pipe is not None
        self._pipe.close()
        process.join(0.5)
        if process.is_alive():
            process.kill()
        process.join()
        return process.exitcode


def failed_notebook(handed: HandedNotebook, why: str, *, withheld: bool = False) -> NotebookResult:
    """The result of a notebook none of whose test cells can be judged."""
    tests = [cell for cell in handed.cells if cell.test]
    cells = [TestCellResult(cell.test, cell.points, "none", withheld=withheld, message=why) for cell in tests]
    return NotebookResult(handed.student, handed.notebook, tuple(cells), (why,))


def _slot(sandbox: Sandbox, framework: Framework, rules: NotebookRules, pipe: Connection) -> None:
    """A slot's process: runs notebooks until its pipe is closed."""
    os.setsid()
    threading.Thread(target=end_with_parent, daemon=True).start()
    journal = PipeJournal(pipe.send_bytes)
    with tempfile.TemporaryDirectory(prefix="medmark-notebooks-") as folder:
        Path(folder, "solution.py").write_text("", encoding="utf-8")
        make_readable(Path(folder))
        spec = SandboxSpec(Path(folder), framework, rules.limits)
        with suppress(EOFError, OSError):
            again: tuple[HandedNotebook, dict[str, str]] | None = None
            while True:
                again = _container(spec, sandbox, rules, journal, pipe, again)


def _container(
    spec: SandboxSpec,
    sandbox: Sandbox,
    rules: NotebookRules,
    journal: PipeJournal,
    pipe: Connection,
    again: tuple[HandedNotebook, dict[str, str]] | None,
) -> tuple[HandedNotebook, dict[str, str]] | None:
    """Run notebooks in one container until it is lost; the notebook to try once more, in a new one."""
    handed, costly = again or pipe.recv()
    try:
        with opened(spec, sandbox, Patience(), journal) as session:
            journal.hold(host_mb(rules.limits) * MIB)
            while True:
                with session.waiting_apart():
                    result = run_notebook(session, handed, rules, journal, costly)
                if session.lost is not None and again is None:
                    return handed, costly
                _send(pipe, result)
                if session.lost is not None:
                    return None
                again = None
                handed, costly = pipe.recv()
    except ToolkitFailure as failure:
        _send(pipe, failed_notebook(handed, str(failure), withheld=True))
    return None


def _send(pipe: Connection, result: NotebookResult) -> None:
    pipe.send_bytes(json.dumps({"result": asdict(result)}).encode())
