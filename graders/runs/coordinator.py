"""Runs works by an engine, many at once, and records what comes of them. What is asked is decided elsewhere.

The caller's thread is the only writer of the ledger; each slot has a thread that waits for one job, and
tells the caller's thread through a queue. So do Ctrl-C and SIGTERM: nothing strikes while a row is being written.
Trouble of ours is tried again, then recorded as unknown; it stops no other work. A question that costs its marker more
than a question may is the submission's failure: another marker goes on behind it (`insistently`).
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import Any, Literal

from graders.asking.job import Job
from graders.asking.journal import QuestionId
from graders.failures import LOADED_HOST, InternalFailure, Stopped
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
from graders.record.ledger import Ledger, Stage
from graders.record.store import Store
from graders.runs.engines.engine import STOPPED, Engine, Outcome

RESTARTS = 3
"""How often a job goes on behind a question that reached the host's limits; then nothing more is asked."""
RETRIES = 1
"""How often trouble of ours is tried again."""
Name = tuple[StageKind, str]
"""A stage among those of one solution: its kind, and the test's id, the repeat's number or the criterion's id."""


@dataclass(frozen=True)
class Progress:
    """Something happened to a group's marking."""

    what: Literal["unchanged", "started", "retried", "finished"]
    group: str
    done: int
    """Groups that are through."""
    total: int
    left_s: float | None
    """Estimate for all that is left, from how long jobs took so far; None while none has ended."""
    reason: str | None = None
    """Why it is tried again, or why the mark will be withheld."""


@dataclass
class Work:
    """One solution's missing stages. Groups with equal solutions share it, so that equal work has equal marks."""

    submissions: list[Submission]
    keys: StageKeys
    missing: set[Name] = field(default_factory=set)
    answers: dict[int, AnswersResult] = field(default_factory=dict)
    """Answers that are stored already, by repeat."""
    attempts: int = 0
    alone: bool = False
    """Whether it is being repeated with nothing beside it."""
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

    def key(self, name: Name) -> str:
        """The content key of a stage."""
        kind, about = name
        if kind == "answers":
            return self.keys.answers[int(about)]
        return self.keys.tests[about] if kind == "test" else self.keys.scores[about]


@dataclass(frozen=True)
class Event:
    """What a slot's thread, or a signal, tells the coordinator."""

    what: Literal["started", "ended", "stop"]
    work: Work | None = None
    outcome: Outcome | None = None


@dataclass
class Coordinator:
    """One run over many works."""

    assignment: str
    ledger: Ledger
    engine: Engine
    store: Store
    """Holds all that jobs name."""
    slots: int
    """How many works are given to the engine at once."""
    job_of: Callable[[Work], Job]
    deadline_of: Callable[[Work], float]
    on_progress: Callable[[Progress], None]
    total: int
    done: int = 0
    _waiting: int = 0
    _alone: list[Work] = field(default_factory=list)
    _took: list[float] = field(default_factory=list)
    _events: SimpleQueue[Event] = field(default_factory=SimpleQueue)

    def run_all(self, works: Sequence[Work]) -> None:
        """Run every work; those that met a busy machine once more at the end, one at a time.

        Raises:
            Stopped: after Ctrl-C or SIGTERM; all markers are ended and what they had finished is recorded.
            UserError: the ledger could not be written.
        """
        with _signals_as_events(self._events), ThreadPoolExecutor(self.slots, "slot") as pool:
            try:
                for work in works:
                    self._submit(pool, work)
                while self._waiting or self._alone:
                    if not self._waiting:
                        self._submit(pool, self._alone.pop(0))
                    self._handle(pool, self._events.get())
            except BaseException as error:
                # Their sandboxes end with the markers, and the threads of the slots with both.
                self.engine.stop()
                pool.shutdown(cancel_futures=True)
                if isinstance(error, Stopped):
                    self._record_the_rest()
                    raise Stopped(
                        f"Stopped. {self.done} of {self.total} groups are marked, and nothing of them is lost: "
                        "run the same command to go on."
                    ) from None
                raise

    def _submit(self, pool: ThreadPoolExecutor, work: Work) -> None:
        self._waiting += 1
        pool.submit(self._one, work)

    def _one(self, work: Work) -> None:
        """In a slot's thread: run a work's job and tell the coordinator."""
        self._events.put(Event("started", work))
        try:
            outcome = insistently(self.engine, self.job_of(work), self.store, self.deadline_of(work))
        except BaseException as error:  # noqa: BLE001  the coordinator must hear of it, or it would wait for ever
            outcome = Outcome(None, f"the job could not be started: {error!r}", 0.0)
        self._events.put(Event("ended", work, outcome))

    def _handle(self, pool: ThreadPoolExecutor, event: Event) -> None:
        if event.what == "stop" or event.work is None:
            raise Stopped
        work = event.work
        if event.outcome is None:
            self._tell("started", work.first.group)
            return
        self._waiting -= 1
        self._took.append(event.outcome.wall_s)
        busy = record(self.assignment, work, event.outcome, self.ledger)
        if busy:
            work.alone = True
            self._alone.append(work)
            self._tell("retried", work.first.group, "the machine was busy: repeated alone at the end")
        elif work.missing and work.attempts <= RETRIES:
            self._submit(pool, work)
            self._tell("retried", work.first.group, work.reason)
        else:
            for submission in work.submissions:
                self.done += 1
                self._tell("finished", submission.group, work.reason)

    def _tell(self, what: Literal["started", "retried", "finished"], group: str, reason: str | None = None) -> None:
        rounds = -(-self._waiting // self.slots) + len(self._alone)
        left = sum(self._took) / len(self._took) * rounds if self._took else None
        self.on_progress(Progress(what, group, self.done, self.total, left, reason))

    def _record_the_rest(self) -> None:
        """What had ended when the stop came."""
        while not self._events.empty():
            event = self._events.get()
            if event.work is not None and event.outcome is not None:
                record(self.assignment, event.work, event.outcome, self.ledger)
                self.done += 0 if event.work.missing else len(event.work.submissions)


def insistently(engine: Engine, job: Job, store: Store, deadline_s: float) -> Outcome:
    """Do a job, in as many turns of an engine as it takes to get past the questions that reach the host's limits.

    Their answers chose what they cost, so they have failed; so has what is left after three of them. A marker that a
    library's fault ended twice at one question has met such an answer too; once may be chance.
    """
    began = time.monotonic()
    came = JobResult()
    spoilt: list[QuestionId] = []
    crashed: list[QuestionId] = []
    while True:
        outcome = engine.run(job, store, deadline_s - (time.monotonic() - began))
        if outcome.trouble == STOPPED:
            return replace(outcome, came=outcome.came.after(came))
        came = outcome.came.after(came)
        question, past = outcome.question, None
        if question is None:
            break
        if outcome.limit or (outcome.crashed and question in crashed):
            past = question if len(spoilt) < RESTARTS else _and_the_rest(question)
            if past in spoilt:
                break
            spoilt.append(past)
        elif outcome.crashed and len(crashed) < RESTARTS:
            crashed.append(question)
        else:
            break
        job = job.after(came, past, outcome.waited)
    document = outcome.document or JobResult(trouble=_trouble(outcome))
    return replace(outcome, document=document.after(came), wall_s=time.monotonic() - began)


def _and_the_rest(question: QuestionId) -> QuestionId:
    """A question and all that is left beside it: the tests and answers not asked yet, or all of a score."""
    return QuestionId("all") if question.stage in ("test", "answers") else replace(question, part="")


def record(assignment: str, work: Work, outcome: Outcome, ledger: Ledger) -> bool:
    """Record what a job gave for each missing stage, final or unknown; final ones are no longer missing.

    Of a job that was stopped only what it had done is recorded: the rest was not tried.

    True if some of it met a busy machine and is to be repeated alone.
    """
    work.attempts += 1
    work.reason = None
    stopped = outcome.trouble == STOPPED
    document = outcome.document or (outcome.came if stopped else JobResult())
    trouble = document.trouble or _trouble(outcome)
    busy = False
    stages: list[Stage] = []
    # Answers before scores: a score of answers that do not stand does not stand either.
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


def _trouble(outcome: Outcome) -> Trouble:
    """Why a job gave nothing of a stage."""
    return Trouble(InternalFailure.reason, outcome.trouble or "the job ended without a word of it")


def _stage(assignment: str, work: Work, name: Name, document: JobResult, trouble: Trouble) -> Stage:
    kind, about = name
    found = document.stage(kind, about) or unknown(kind, trouble)
    spent = (0.0, 0.0) if isinstance(found, ScoreResult) else (found.cpu_s, found.wall_s)
    return Stage(
        key=work.key(name),
        kind=kind,
        group=work.first.group,
        assignment=assignment,
        commit=work.first.commit,
        name=about,
        status="unknown" if found.verdict == "unknown" else "final",
        reason=found.cause.reason if found.cause else None,
        cpu_s=spent[0],
        wall_s=spent[1],
        document=found,
        blob=found.file if isinstance(found, AnswersResult) else None,
    )


def _flags(found: Result) -> tuple[str, ...]:
    return () if isinstance(found, ScoreResult) else found.flags


def _unknown(stage: Stage, reason: str) -> Stage:
    """The stage as one that must be tried again; what staff may read of it stays, and its answers' file."""
    document = withheld(stage.document, reason)
    return replace(stage, status="unknown", reason=reason, document=document)


@contextmanager
def _signals_as_events(events: SimpleQueue[Event]) -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and a closed terminal into an event; a thread other than the main one leaves them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        # A SimpleQueue may be put to by a handler that interrupted its own get.
        events.put(Event("stop"))

    before: dict[int, Any] = {}
    number: int
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
