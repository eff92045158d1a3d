"""Accuracy: from a solution to stored answers. It has the solution train or load, and asks it case by case.

Only training arrays and inputs cross the wall; truths stay with `graders.scoring.score`. Each commit has its own order
of cases, so that neither position nor neighbour reveals anything.

A model may first be asked for a few public cases, which its group will be shown. They come first because their answers
reach a page: a worker that has seen a hidden case could draw it there. What fails or takes long among them costs the
hidden cases nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from assignments.assignment import Assignment
from assignments.data.columns import Cases, Column, alone, stacked
from assignments.data.hidden import InputSet, arrays_digest, presented_order
from assignments.data.streams import SecretOrKeys
from assignments.interface import Interface
from graders.asking.allowance import PUBLIC_SHARE, public_cpu_s, reply_cpu_s, stored_bytes, storing_cpu_s
from graders.asking.collecting import Collected, collecting, is_read_singly
from graders.asking.journal import PUBLIC, Journal, QuestionId, Silent
from graders.failures import (
    LOADED_HOST,
    CpuLimit,
    InternalFailure,
    NotUsable,
    ProcessEnded,
    ReplyTooLarge,
    SubmissionFailure,
    WallLimit,
    WrongShape,
    without_frames,
)
from graders.record.documents import AnswersResult, Cause, PublicAnswers
from graders.tasks import task_named
from graders.wall.cases import training_arguments
from graders.wall.session import Session
from graders.wall.student import Handle, Student, WorkerClient
from graders.wall.wire import Array

PUBLIC_REPEAT = 0
"""The repeat whose model predicts the public cases too."""
WORKER_RESTARTS = 3
"""How often the predicting worker is started again after it died."""
ROWS_NDIM = 2
"""Axes of answers that are rows, (N,) and (N, K): each has the form of the first, whatever size its case has."""
BUDGET_SLACK = 1.25
BUDGET_START_S = 10.0
"""What `fit` may use beyond its budget: a quarter of it, and the time of a framework's first operations."""


@dataclass
class _RepeatUsage:
    """What all workers of a repeat have used together."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mb: float | None = None
    strays: tuple[str, ...] = ()
    printed: str = ""


def measure(
    session: Session,
    assignment: Assignment,
    interface: Interface,
    shown: InputSet,
    *,
    secret: SecretOrKeys,
    commit: str,
    store: Path,
    repeat: int = 0,
    solution: str | None = None,
    journal: Journal | None = None,
    unusable: Collection[QuestionId] = (),
    public: InputSet | None = None,
) -> AnswersResult:
    """Ask a solution for the answers to one hidden set, and store them. A question that is `unusable` is not asked.

    Args:
        public: Cases that it predicts before the hidden ones.

    Returns:
        The answers. Where a submission cannot even make a model, all of them have failed.

    Raises:
        ToolkitFailure: the toolkit failed.
        MemoryError: the answers take more of this process's memory than a question may.
    """
    journal = journal or Silent()
    order = presented_order(secret, assignment.id, commit, shown.count)
    ended: SubmissionFailure | None = None
    public_answers: PublicAnswers | None = None
    of_public = QuestionId("answers", str(repeat), PUBLIC)
    storing = QuestionId("answers", str(repeat), "stored")
    with collecting(shown, task_named(assignment.task), store) as collected:
        hidden = _Answered(shown, collected)
        asking = _Asking(session, assignment, interface, hidden, solution, with_public=public is not None)
        try:
            if storing in unusable or QuestionId("all") in unusable:
                raise NotUsable
            if public is not None and of_public in unusable:
                public_answers = PublicAnswers(arrays_digest(public.inputs), cause=Cause(NotUsable.reason))
            elif public is not None:
                journal.begins(of_public, public_cpu_s(assignment.limits, public, assignment.data.per_call))
                asking.make_model()
                public_answers = _public_answers(asking, public, store)
                if isinstance(session.lost, MemoryError):
                    journal.give_up()
                asking.go_on_with(hidden)
            _ask_in_batches(asking, order, repeat, journal, unusable)
        except SubmissionFailure as failure:  # no model, or no worker any more: the rest is not answered
            ended = failure
            asking.fail_rest(order, failure)
        finally:
            asking.close()
        journal.begins(storing, storing_cpu_s(assignment.limits, shown))
        return _result(asking, hidden, ended, order, collected.stored(len(order)), public_answers)


def _ask_in_batches(
    asking: _Asking, order: Array, repeat: int, journal: Journal, unusable: Collection[QuestionId]
) -> None:
    """Ask for the cases in this order, so many a call as the assignment says; the cases of an unusable call fail."""
    assignment = asking.assignment
    for call, indices in enumerate(_batches(order, assignment.data.per_call)):
        question = QuestionId("answers", str(repeat), str(call))
        journal.begins(question, reply_cpu_s(assignment.limits))
        if question in unusable:
            asking.fail(indices, NotUsable("the host reached its limit in this call"))
            continue
        asking.batch(indices)
        if isinstance(asking.session.lost, MemoryError):
            journal.give_up()


def _public_answers(asking: _Asking, public: InputSet, store: Path) -> PublicAnswers:
    """Ask a model for public cases, and store the answers. Whatever fails here costs these answers and nothing else."""
    inputs, order = arrays_digest(public.inputs), np.arange(public.count)
    try:
        with collecting(public, task_named(asking.assignment.task), store) as collected:
            cases, ended = _Answered(public, collected), None
            asking.begin_apart(cases)
            try:
                with asking.session.waiting_apart():
                    for indices in _batches(order, asking.assignment.data.per_call):
                        asking.batch(indices)
            except SubmissionFailure as failure:
                ended = failure
                asking.fail_rest(order, failure)
            states = tuple(_state(asking, cases, index) for index in range(len(order)))
            cause = None if ended is None else asking.cause(ended)
            return PublicAnswers(inputs, collected.stored(len(order)), states, cause)
    except InternalFailure as failure:
        return PublicAnswers(inputs, cause=Cause(failure.reason))


def _state(asking: _Asking, of: _Answered, index: int) -> Cause | None:
    """Why a case was not answered; None if it was."""
    return asking.cause(of.failed[index]) if index in of.failed else None


def _result(
    asking: _Asking,
    hidden: _Answered,
    ended: SubmissionFailure | None,
    order: Array,
    file: str | None,
    public: PublicAnswers | None,
) -> AnswersResult:
    """The result that names the file of the stored answers. `ended` is the failure after which nothing was asked."""
    usage, failed = asking.usage, hidden.failed
    starved = isinstance(ended, WallLimit) and ended.starved
    return AnswersResult(
        verdict="passed" if ended is None else "failed",
        cause=None if ended is None else asking.cause(ended),
        cause_detail=_commonest_cause(failed.values()),
        evidence="\n".join(filter(None, [_causes(failed.values()), usage.printed]))[-8000:],
        file=file,
        states=tuple(_state(asking, hidden, index) for index in range(len(order))),
        cpu_s=usage.cpu_s,
        wall_s=usage.wall_s,
        peak_mb=usage.peak_mb,
        flags=(*((LOADED_HOST,) if starved else ()), *usage.strays),
        public=public,
    )


@dataclass
class _Answered:
    """Cases, and how far they are answered."""

    shown: InputSet
    collected: Collected
    answered: set[int] = field(default_factory=set)
    """Indices of the cases with an answer."""
    failed: dict[int, SubmissionFailure] = field(default_factory=dict)
    """By index of the case."""

    def __post_init__(self) -> None:
        self.singly = is_read_singly(self.shown)
        self.room = stored_bytes(self.shown)
        """For the answers that are still to come."""


class _Asking:
    """Asks for the answers of one repeat: one worker at a time with a model in it, started again when it dies."""

    def __init__(
        self,
        session: Session,
        assignment: Assignment,
        interface: Interface,
        hidden: _Answered,
        solution: str | None,
        *,
        with_public: bool,
    ) -> None:
        self.session, self.assignment = session, assignment
        self.usage = _RepeatUsage()
        self._interface, self._hidden, self._solution = interface, hidden.shown, solution
        self._of = hidden
        """The cases that are asked for at present."""
        self._client: WorkerClient | None = None
        self._model: Handle | None = None
        self._had_model = False
        """Whether there was ever a model to ask."""
        self._restarts = 0
        self._shapes: dict[str, tuple[int, ...]] = {}
        """Of one case's answer: where the interface leaves a size free, it must not differ from case to case."""
        self._left_cpu_s = assignment.limits.cpu_s
        """For the workers that are still to be started: all share one limit."""
        self._public_cpu_s = PUBLIC_SHARE * assignment.limits.cpu_s if with_public else 0.0
        """What public cases may use beside that; 0 once they are over."""
        self._apart_from: float | None = None
        """While public cases are asked for: the worker's CPU seconds when they began."""
        self._not_counted: float | None = None
        """CPU seconds of the present worker that public cases took; None where it was asked for none."""

    def make_model(self) -> None:
        """Start a worker, and have it train or load.

        Raises:
            SubmissionFailure: there is no model.
        """
        try:
            self._trained_model()
        except MemoryError as error:  # the marker's own limit
            raise NotUsable(f"the host's memory limit: {error}") from None

    def begin_apart(self, public: _Answered) -> None:
        """Ask for public cases from now on. What they take counts for nothing, and no worker is started for them."""
        self._of, self._apart_from = public, self._used_cpu_s()

    def go_on_with(self, hidden: _Answered) -> None:
        """Ask for the hidden cases from now on, with the worker that is there, or else a new one."""
        if self._client is not None and self._apart_from is not None:
            self._not_counted = self._used_cpu_s() - self._apart_from
        self._of, self._apart_from, self._public_cpu_s, self._shapes = hidden, None, 0.0, {}

    def batch(self, indices: Array) -> None:
        """Ask for these cases in one call; a call that fails is repeated case by case.

        Raises:
            SubmissionFailure: there is no model to ask, or no more time.
        """
        try:
            try:
                self._predict(indices)
            except MemoryError as error:  # the marker's own limit
                raise NotUsable(f"the host's memory limit: {error}") from None
        except SubmissionFailure as failure:
            self._continue_after(failure)
            if len(indices) == 1:
                self.fail(indices, failure)
                return
            for index in indices:
                if int(index) not in self._of.answered:
                    self.batch(np.array([index]))

    def fail(self, indices: Iterable[int], failure: SubmissionFailure) -> None:
        """Record one failure for all these cases."""
        self._of.failed.update(dict.fromkeys(map(int, indices), without_frames(failure)))

    def fail_rest(self, order: Array, failure: SubmissionFailure) -> None:
        """Record a failure for every case that has neither an answer nor a failure."""
        done = self._of.answered | self._of.failed.keys()
        self.fail([index for index in order if index not in done], failure)

    def cause(self, failure: SubmissionFailure) -> Cause:
        """The cause that the student reads; without a model, it names the function that should have made one."""
        made_by = "load" if self.assignment.run.mode == "weights" else "fit"
        return Cause.of(failure, None if self._had_model or isinstance(failure, NotUsable) else made_by)

    def close(self) -> None:
        """End the worker, if there is one."""
        usage = self._client.close() if self._client is not None else None
        if usage is not None:
            total = self.usage
            total.cpu_s = round(total.cpu_s + usage.cpu_s, 3)
            if self._apart_from is None:  # else public cases have ended it, and all of it counts for nothing
                self._left_cpu_s -= usage.cpu_s - (self._not_counted or 0.0)
            total.wall_s = round(total.wall_s + usage.wall_s, 3)
            total.peak_mb = max(total.peak_mb or 0.0, usage.peak_mb or 0.0)
            if usage.strays:
                total.strays += (f"left {usage.strays} processes behind",)
            if usage.log:
                total.printed = f"{total.printed}\nprinted:\n{usage.log[-2000:]}"[-8000:]
        self._client = self._model = self._not_counted = None

    def _used_cpu_s(self) -> float:
        """CPU seconds of the present worker."""
        assert self._client is not None
        return float(self._client.opened().facts.get("cpu_s") or 0.0)

    def _check_cpu(self) -> None:
        """End a worker that was asked for public cases and has used more than may count.

        Raises:
            CpuLimit: it has.
        """
        if self._public_cpu_s == 0 and self._not_counted is None:
            return  # the keeper holds the limit
        used = self._used_cpu_s()
        if self._apart_from is not None:
            left = self._apart_from + self._public_cpu_s - used
        else:
            left = self._left_cpu_s + (self._not_counted or 0.0) - used
        if left < 0:
            self.close()
            raise CpuLimit(f"{used:.1f} CPU s")

    def _predict(self, indices: Array) -> None:
        """Ask for these cases in one call, and collect the answers."""
        model, of = self._trained_model(), self._of
        assert self._client is not None
        inputs = {name: _together(cases, indices) for name, cases in of.shown.inputs.items()}
        entry = getattr(Student(self._client), task_named(self.assignment.task).entry)
        reply = entry(model, inputs)
        self._check_cpu()
        for name, array in reply.items():
            if array.shape[:1] != (len(indices),):
                raise WrongShape(f"{name}: shape {array.shape} for {len(indices)} cases")
            shape = self._shapes.setdefault(name, array.shape[1:])
            images = of.singly and array.ndim > ROWS_NDIM  # of cases that may differ in size
            if array.shape[1:] != shape and not images:
                raise WrongShape(f"{name}: shape {array.shape[1:]} a case, and {shape} before")
        size = sum(array.nbytes for array in reply.values())
        if size > of.room:
            raise ReplyTooLarge(f"{size} bytes of answers, with room for {of.room} more in this repeat")
        of.room -= size
        for i, index in enumerate(map(int, indices)):
            of.collected.add(index, {name: array[i] for name, array in reply.items()})
            of.answered.add(index)

    def _trained_model(self) -> Handle:
        if self._model is not None:
            return self._model
        if self._left_cpu_s <= 0:
            raise CpuLimit(f"{self.usage.cpu_s} CPU s, with the processes that ended before")
        cpu_s = self._left_cpu_s + self._public_cpu_s
        self._client = WorkerClient(self.session, self._interface, cpu_s, solution=self._solution)
        student = Student(self._client)
        run = self.assignment.run
        if run.mode == "weights":
            folder = self._solution or self.session.info["solution"]
            model = student.load(os.path.join(folder, "weights"))
        else:
            train, val = training_arguments(self._interface.functions["fit"], self._hidden.train, self._hidden.val)
            model = student.fit(train, val, seed=self._hidden.fit_seed, budget_s=run.budget_cpu_s)
            used = self._used_cpu_s()
            if used > BUDGET_SLACK * run.budget_cpu_s + BUDGET_START_S:
                raise CpuLimit(f"fit used {used:.1f} CPU s of a budget of {run.budget_cpu_s:.0f}")
        self._check_cpu()
        assert type(model) is Handle
        self._model, self._had_model = model, True
        return model

    def _continue_after(self, failure: SubmissionFailure) -> None:
        """Close a dead worker, so that another is started; raise if asking cannot continue.

        Raises:
            SubmissionFailure: there is no model, a time limit was reached, or workers died too often.
        """
        dead = self._client is None or self._client.worker is None or self._client.worker.over is not None
        if dead and self._apart_from is not None:
            self.close()
            raise failure
        if self._model is None or isinstance(failure, WallLimit) or (dead and isinstance(failure, CpuLimit)):
            raise failure
        if dead:
            self.close()
            self._restarts += 1
            if self._restarts > WORKER_RESTARTS:
                raise ProcessEnded(f"the predicting process ended {self._restarts} times; last: {failure}")


def _together(cases: Cases, indices: Array) -> Array:
    """These cases with a leading N, for one call."""
    if not isinstance(cases, Column):
        return np.ascontiguousarray(cases[indices])
    return alone(cases, indices[0]) if len(indices) == 1 else stacked(cases[indices])


def _batches(order: Array, size: int) -> Iterator[Array]:
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _commonest_cause(failures: Iterable[SubmissionFailure]) -> str:
    """The text of the commonest cause."""
    counted = Counter(failure.cause_text[-2000:] for failure in failures)
    return next((text for text, _ in counted.most_common(1)), "")


def _causes(failures: Iterable[SubmissionFailure]) -> str:
    """For staff: the commonest messages, and how many cases failed with each."""
    counted = Counter(str(failure)[-2000:] for failure in failures)
    return "\n".join(f"{count} cases: {text}" for text, count in counted.most_common(3))
