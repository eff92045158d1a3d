"""Runs works by an engine, many at once, and records their stages. `graders.runs.plan` decides which works there are.

The caller's thread is the only writer of the ledger. Each slot has a thread that waits for one job and sends events to
the caller's thread through a queue. So do Ctrl-C and SIGTERM: no signal interrupts the writing of a row. A toolkit
failure is retried, then recorded as unknown; it stops no other work. A question that reaches the host's limits is the
submission's failure: another marker goes on after it (`run_with_restarts`).
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Any, Literal

from graders.asking.job import Job
from graders.asking.journal import PUBLIC, QuestionId
from graders.failures import LOADED_HOST, EngineFailure, ImageFailure, InternalFailure, Stopped
from graders.intake.submission import Submission
from graders.record.documents import (
    AnswersResult,
    JobResult,
    Result,
    ScoreResult,
    StageKind,
    Trouble,
    unknown,
    withheld,
)
from graders.record.keys import StageKeys
from graders.record.ledger import JobTimes, Ledger, Stage
from graders.record.store import Store
from graders.runs.engines.engine import STOPPED, Engine, Outcome

log = logging.getLogger("medmark")
MARKER_RESTARTS = 3
"""How often a job goes on after a question that reached the host's limits; then nothing more is asked."""
RETRIES = 1
"""How often a toolkit failure is retried."""
LOST_RETRIES = 3
"""How often a job whose machine was lost is sent again; it may be the job that ends machines."""
IN_A_ROW = 3
"""So many failures of its own in a row take a machine out."""
OF_MACHINES = (EngineFailure.reason, ImageFailure.reason)
"""Failures that another machine may not have."""
WAIT_S = 0.5
"""How long a Ctrl-C may be left unseen."""
StageName = tuple[StageKind, str]
"""A stage of one solution: its kind, and the test's id, the repeat's number or the criterion's id."""


@dataclass(frozen=True)
class Progress:
    """A step in a group's marking."""

    what: Literal["unchanged", "started", "retried", "finished"]
    group: str
    done: int
    """Groups that are done."""
    total: int
    left_s: float | None
    """Estimated seconds for the rest, from how long jobs took so far; None until one has ended."""
    reason: str | None = None
    """Why it is retried, or why the mark will be withheld."""


@dataclass
class Work:
    """One solution's missing stages. Groups with equal solutions share them, so that these get equal marks."""

    submissions: list[Submission]
    keys: StageKeys
    missing: set[StageName] = field(default_factory=set)
    answers: dict[int, AnswersResult] = field(default_factory=dict)
    """Answers that are stored already, by repeat."""
    attempts: int = 0
    losses: int = 0
    """How often its machine was lost."""
    ready_at: float = 0.0
    """When it was last ready to run, by the clock of this process."""
    alone: bool = False
    """Whether it is being repeated with no other work beside it."""
    reason: str | None = None

    @property
    def first(self) -> Submission:
        """The submission that is run for all of them."""
        return self.submissions[0]

    @property
    def tree(self) -> str:
        """Digest of the solution's files."""
        assert self.first.tree is not None  # else there is nothing to run
        return self.first.tree

    def names(self, kind: StageKind) -> list[str]:
        """The missing stages of a kind."""
        return sorted(name for k, name in self.missing if k == kind)

    def key(self, name: StageName) -> str:
        """The content key of a stage."""
        kind, about = name
        if kind == "answers":
            return self.keys.answers[int(about)]
        return self.keys.tests[about] if kind == "test" else self.keys.scores[about]


@dataclass(frozen=True)
class CohortEvent:
    """An event from a slot's thread, or from a signal."""

    what: Literal["started", "ended", "stop"]
    work: Work | None = None
    outcome: Outcome | None = None
    times: JobTimes | None = None
    """Of a job that ended."""


@dataclass
class Coordinator:
    """One run over many works."""

    assignment: str
    ledger: Ledger
    engine: Engine
    store: Store
    """Holds everything that jobs name."""
    slots: int
    """How many works the engine gets at once."""
    job_of: Callable[[Work], Job]
    deadline_of: Callable[[Work], float]
    on_progress: Callable[[Progress], None]
    total: int
    done: int = 0
    _open_jobs: int = 0
    """Works that were submitted and have not ended."""
    _repeat_alone: list[Work] = field(default_factory=list)
    """Works that met a busy machine."""
    _wall_times_s: list[float] = field(default_factory=list)
    """How long each job took."""
    _failures: Counter[str] = field(default_factory=Counter)
    """By machine: how often in a row it failed, and not the job."""
    _events: SimpleQueue[CohortEvent] = field(default_factory=SimpleQueue)

    def run_all(self, works: Sequence[Work]) -> None:
        """Run every work; at the end, repeat those that met a busy machine, one at a time.

        Raises:
            Stopped: after Ctrl-C or SIGTERM; all markers were ended, and finished stages are recorded.
            EngineFailure: every machine was taken out because it failed; finished stages are recorded.
            UserError: the ledger could not be written.
        """
        with _signals_as_events(self._events), ThreadPoolExecutor(self.slots, "slot") as pool:
            try:
                for work in works:
                    self._submit(pool, work)
                while self._open_jobs or self._repeat_alone:
                    if not self._open_jobs:
                        self._submit(pool, self._repeat_alone.pop(0))
                    self._handle(pool, next_event(self._events))
            except BaseException as error:
                # The sandboxes end with their markers, and then the threads of the slots.
                self.engine.stop()
                pool.shutdown(cancel_futures=True)
                if isinstance(error, Stopped):
                    self._record_the_rest()
                    raise Stopped(
                        f"Stopped. {self.done} of {self.total} groups are marked, and their results are recorded: "
                        "run the same command to go on."
                    ) from None
                raise

    def _submit(self, pool: ThreadPoolExecutor, work: Work) -> None:
        self._open_jobs += 1
        work.ready_at = time.monotonic()
        pool.submit(self._run_work, work)

    def _run_work(self, work: Work) -> None:
        """In a slot's thread: run a work's job and send the events."""
        self._events.put(CohortEvent("started", work))
        queue_s, times = time.monotonic() - work.ready_at, None
        try:
            job = self.job_of(work)
            outcome = run_with_restarts(self.engine, job, self.store, self.deadline_of(work))
            times = _times_of(job, self.assignment, outcome, queue_s)
        except BaseException as error:  # noqa: BLE001  without an event the coordinator would wait for ever
            outcome = Outcome(None, f"the job could not be started: {error!r}", 0.0)
        self._events.put(CohortEvent("ended", work, outcome, times))

    def _handle(self, pool: ThreadPoolExecutor, event: CohortEvent) -> None:
        if event.what == "stop" or event.work is None:
            raise Stopped
        work = event.work
        if event.outcome is None:
            self._report("started", work.first.group)
            return
        self._open_jobs -= 1
        self._wall_times_s.append(event.outcome.wall_s)
        busy = record_stages(self.assignment, work, event.outcome, self.ledger)
        if event.times is not None:
            self.ledger.add_job(event.times)
        if event.outcome.lost and work.losses < LOST_RETRIES:
            work.losses += 1
            work.attempts -= 1
        self._judge_machine(event.outcome)
        if busy:
            work.alone = True
            self._repeat_alone.append(work)
            self._report("retried", work.first.group, "the machine was busy: it runs again alone at the end")
        elif work.missing and work.attempts <= RETRIES:
            self._submit(pool, work)
            self._report("retried", work.first.group, work.reason)
        else:
            for submission in work.submissions:
                self.done += 1
                self._report("finished", submission.group, work.reason)

    def _judge_machine(self, outcome: Outcome) -> None:
        """Take a machine out after some failures of its own in a row: it would fail every job.

        Raises:
            EngineFailure: no machine is left.
        """
        trouble = _machine_trouble(outcome)
        if not trouble:
            del self._failures[outcome.machine]
            return
        self._failures[outcome.machine] += 1
        if self._failures[outcome.machine] < IN_A_ROW:
            return
        del self._failures[outcome.machine]
        left = self.engine.exclude(outcome.machine)
        where = outcome.machine or "the way to the machines"
        if not left:
            raise EngineFailure(
                f"{where}: {IN_A_ROW} jobs in a row failed through no act of a group ({trouble}), and there is no "
                f"other. {self.done} of {self.total} groups are marked, and their results are recorded: correct this, "
                "and run the same command to go on."
            )
        log.warning("%s is taken out: %d jobs in a row failed there (%s). %d left.", where, IN_A_ROW, trouble, left)

    def _report(self, what: Literal["started", "retried", "finished"], group: str, reason: str | None = None) -> None:
        rounds = -(-self._open_jobs // self.slots) + len(self._repeat_alone)
        left = sum(self._wall_times_s) / len(self._wall_times_s) * rounds if self._wall_times_s else None
        self.on_progress(Progress(what, group, self.done, self.total, left, reason))

    def _record_the_rest(self) -> None:
        """Record the jobs that had ended when the stop came."""
        while not self._events.empty():
            event = self._events.get()
            if event.work is not None and event.outcome is not None:
                record_stages(self.assignment, event.work, event.outcome, self.ledger)
                self.done += 0 if event.work.missing else len(event.work.submissions)


def next_event(events: SimpleQueue[CohortEvent]) -> CohortEvent:
    """The next event. A signal that comes just before a wait begins does not end it, so no wait is long."""
    while True:
        with suppress(Empty):
            return events.get(timeout=WAIT_S)


def run_with_restarts(engine: Engine, job: Job, store: Store, deadline_s: float) -> Outcome:
    """Do a job, starting it again after each question that reaches the host's limits.

    Such a question has failed, since its answer decides what it costs; after three of them, so has the rest. A question
    at which a library's fault ended the marker twice has failed too; once may be chance.
    """
    spent_s = 0.0  # of machines: a job may wait for one longer than it may take
    stages_done = JobResult()
    unusable: list[QuestionId] = []
    crashed: list[QuestionId] = []
    while True:
        outcome = engine.run(job, store, deadline_s - spent_s)
        spent_s += outcome.wall_s
        if outcome.trouble == STOPPED:
            return replace(outcome, stages_done=outcome.stages_done.after(stages_done))
        stages_done = outcome.stages_done.after(stages_done)
        question, failed = outcome.question, None
        if question is None:
            break
        if outcome.limit or (outcome.crashed and question in crashed):
            counted = [each for each in unusable if each.part != PUBLIC]
            failed = question if len(counted) < MARKER_RESTARTS or question.part == PUBLIC else _and_the_rest(question)
            if failed in unusable:
                break
            unusable.append(failed)
        elif outcome.crashed and len(crashed) < MARKER_RESTARTS:
            crashed.append(question)
        else:
            break
        job = job.after(stages_done, failed, outcome.waited)
    document = outcome.document or JobResult(trouble=_trouble(outcome))
    return replace(outcome, document=document.after(stages_done), wall_s=spent_s)


def _machine_trouble(outcome: Outcome) -> str:
    """The failure of the machine itself that an outcome tells of; empty if there was none."""
    if outcome.lost:
        return outcome.trouble
    trouble = outcome.document.trouble if outcome.document is not None else None
    return trouble.evidence if trouble is not None and trouble.reason in OF_MACHINES else ""


def _and_the_rest(question: QuestionId) -> QuestionId:
    """A question and the rest of its kind: the tests and answers not asked yet, or all of a score."""
    return QuestionId("all") if question.stage in ("test", "answers") else replace(question, part="")


def record_stages(assignment: str, work: Work, outcome: Outcome, ledger: Ledger) -> bool:
    """Record the result of a job for each missing stage, final or unknown; final ones are no longer missing.

    Of a job that was stopped only finished stages are recorded: the others were not tried.

    Returns:
        Whether a stage met a busy machine, so that the work must be repeated alone.
    """
    work.attempts += 1
    work.reason = None
    stopped = outcome.trouble == STOPPED
    document = outcome.document or (outcome.stages_done if stopped else JobResult())
    trouble = document.trouble or _trouble(outcome)
    busy = False
    stages: list[Stage] = []
    # Answers before scores: a score of answers that do not count does not count either.
    for name in sorted(work.missing, key=lambda name: (name[0] == "score", name)):
        if stopped and document.stage(*name) is None:
            continue
        stage = _stage(assignment, work, name, document, trouble)
        if LOADED_HOST in _flags(stage.document) and stage.status == "final" and not work.alone:
            stage = _unknown(stage, "busy")
            busy = True
        elif name[0] == "score" and any(s.kind == "answers" and s.status == "unknown" for s in stages):
            stage = _unknown(stage, stage.reason or "answers_unknown")
        stages.append(stage)
        work.reason = work.reason or (stage.reason if stage.status == "unknown" else None)
    ledger.add_stages(stages)
    for stage in stages:
        if stage.status == "final":
            work.missing.discard((stage.kind, stage.name))
            if isinstance(stage.document, AnswersResult):
                work.answers[int(stage.name)] = stage.document
    return busy


def _times_of(job: Job, assignment: str, outcome: Outcome, queue_s: float) -> JobTimes:
    document = outcome.document or JobResult()
    spent = round(queue_s, 3), round(outcome.wall_s, 3), document.phases, document.marker_cpu_s
    return JobTimes(job.group, assignment, job.commit, *spent, job.assignment.limits.gpus)


def _trouble(outcome: Outcome) -> Trouble:
    """Why a job has no result for a stage."""
    return Trouble(InternalFailure.reason, outcome.trouble or "the job ended without a result for it")


def _stage(assignment: str, work: Work, name: StageName, document: JobResult, trouble: Trouble) -> Stage:
    kind, about = name
    result = document.stage(kind, about) or unknown(kind, trouble)
    spent = (0.0, 0.0) if isinstance(result, ScoreResult) else (result.cpu_s, result.wall_s)
    return Stage(
        key=work.key(name),
        kind=kind,
        group=work.first.group,
        assignment=assignment,
        commit=work.first.commit,
        name=about,
        status="unknown" if result.verdict == "unknown" else "final",
        reason=result.cause.reason if result.cause else None,
        cpu_s=spent[0],
        wall_s=spent[1],
        document=result,
        blob=result.file if isinstance(result, AnswersResult) else None,
    )


def _flags(result: Result) -> tuple[str, ...]:
    return () if isinstance(result, ScoreResult) else result.flags


def _unknown(stage: Stage, reason: str) -> Stage:
    """The stage as one that must be retried; its evidence and its answers' file stay."""
    document = withheld(stage.document, reason)
    return replace(stage, status="unknown", reason=reason, document=document)


@contextmanager
def _signals_as_events(events: SimpleQueue[CohortEvent]) -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and a closed terminal into an event; a thread other than the main one leaves them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        # A SimpleQueue is safe to put to from a handler that interrupts its own get.
        events.put(CohortEvent("stop"))

    handlers: dict[int, Any] = {}
    number: int
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            handlers[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
