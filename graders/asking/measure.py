"""Accuracy: from a solution to stored answers. It has the solution train or load, and asks it case by case.

Only training arrays and inputs cross the wall; truths stay with `graders.scoring.score`. Each commit has its own order
of cases, so that neither position nor neighbour reveals anything.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assignments.assignment import Assignment
from assignments.data.columns import Cases, Column, alone, stacked
from assignments.data.hidden import InputSet, presented_order
from assignments.data.streams import SecretOrKeys
from assignments.interface import Interface
from graders.asking.allowance import reply_cpu_s, stored_bytes, storing_cpu_s
from graders.asking.collecting import Collected, collecting, is_read_singly
from graders.asking.journal import Journal, QuestionId, Silent
from graders.failures import (
    LOADED_HOST,
    CpuLimit,
    NotUsable,
    ProcessEnded,
    ReplyTooLarge,
    SubmissionFailure,
    WallLimit,
    WrongShape,
    without_frames,
)
from graders.record.documents import AnswersResult, Cause
from graders.tasks import task_named
from graders.wall.cases import training_arguments
from graders.wall.session import Session
from graders.wall.student import Handle, Student, WorkerClient
from graders.wall.wire import Array

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
) -> AnswersResult:
    """Ask a solution for the answers to one hidden set, and store them. A question that is `unusable` is not asked.

    Returns:
        The answers. Where a submission cannot even make a model, all of them have failed.

    Raises:
        ToolkitFailure: the toolkit failed.
        MemoryError: the answers take more of this process's memory than a question may.
    """
    journal = journal or Silent()
    order = presented_order(secret, assignment.id, commit, shown.count)
    ended: SubmissionFailure | None = None
    storing = QuestionId("answers", str(repeat), "stored")
    with collecting(shown, task_named(assignment.task), store) as collected:
        asking = _Asking(session, assignment, interface, shown, solution, collected)
        try:
            if storing in unusable or QuestionId("all") in unusable:
                raise NotUsable
            _ask_in_batches(asking, order, repeat, journal, unusable)
        except SubmissionFailure as failure:  # no model, or no worker any more: the rest is not answered
            ended = failure
            asking.fail_rest(order, failure)
        finally:
            asking.close()
        journal.begins(storing, storing_cpu_s(assignment.limits, shown))
        return _result(asking, ended, order, collected)


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


def _result(asking: _Asking, ended: SubmissionFailure | None, order: Array, collected: Collected) -> AnswersResult:
    """Store the answers; the result that names their file. `ended` is the failure after which nothing was asked."""
    usage, failed = asking.usage, asking.failed
    starved = isinstance(ended, WallLimit) and ended.starved
    return AnswersResult(
        verdict="passed" if ended is None else "failed",
        cause=None if ended is None else asking.cause(ended),
        cause_detail=_commonest_cause(failed.values()),
        evidence="\n".join(filter(None, [_causes(failed.values()), usage.printed]))[-8000:],
        file=collected.stored(len(order)),
        states=tuple(asking.cause(failed[index]) if index in failed else None for index in range(len(order))),
        cpu_s=usage.cpu_s,
        wall_s=usage.wall_s,
        peak_mb=usage.peak_mb,
        flags=(*((LOADED_HOST,) if starved else ()), *usage.strays),
    )


class _Asking:
    """Asks for the answers of one repeat: one worker at a time with a model in it, started again when it dies."""

    def __init__(
        self,
        session: Session,
        assignment: Assignment,
        interface: Interface,
        shown: InputSet,
        solution: str | None,
        collected: Collected,
    ) -> None:
        self.session, self.assignment = session, assignment
        self.answered: set[int] = set()
        """Indices of the cases with an answer."""
        self.failed: dict[int, SubmissionFailure] = {}
        """By index of the case."""
        self.usage = _RepeatUsage()
        self._interface, self._shown, self._solution = interface, shown, solution
        self._collected = collected
        self._singly = is_read_singly(shown)
        self._client: WorkerClient | None = None
        self._model: Handle | None = None
        self._had_model = False
        """Whether there was ever a model to ask."""
        self._restarts = 0
        self._shapes: dict[str, tuple[int, ...]] = {}
        """Of one case's answer: where the interface leaves a size free, it must not differ from case to case."""
        self._room = stored_bytes(shown)
        """For the answers that are still to come."""
        self._left_cpu_s = assignment.limits.cpu_s
        """For the workers that are still to be started: all share one limit."""

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
                if int(index) not in self.answered:
                    self.batch(np.array([index]))

    def fail(self, indices: Iterable[int], failure: SubmissionFailure) -> None:
        """Record one failure for all these cases."""
        self.failed.update(dict.fromkeys(map(int, indices), without_frames(failure)))

    def fail_rest(self, order: Array, failure: SubmissionFailure) -> None:
        """Record a failure for every case that has neither an answer nor a failure."""
        self.fail([index for index in order if index not in self.answered and index not in self.failed], failure)

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
            self._left_cpu_s -= usage.cpu_s
            total.wall_s = round(total.wall_s + usage.wall_s, 3)
            total.peak_mb = max(total.peak_mb or 0.0, usage.peak_mb or 0.0)
            if usage.strays:
                total.strays += (f"left {usage.strays} processes behind",)
            if usage.log:
                total.printed = f"{total.printed}\nprinted:\n{usage.log[-2000:]}"[-8000:]
        self._client = self._model = None

    def _predict(self, indices: Array) -> None:
        """Ask for these cases in one call, and collect the answers."""
        model = self._trained_model()
        assert self._client is not None
        inputs = {name: _together(cases, indices) for name, cases in self._shown.inputs.items()}
        entry = getattr(Student(self._client), task_named(self.assignment.task).entry)
        reply = entry(model, inputs)
        for name, array in reply.items():
            if array.shape[:1] != (len(indices),):
                raise WrongShape(f"{name}: shape {array.shape} for {len(indices)} cases")
            shape = self._shapes.setdefault(name, array.shape[1:])
            images = self._singly and array.ndim > ROWS_NDIM  # of cases that may differ in size
            if array.shape[1:] != shape and not images:
                raise WrongShape(f"{name}: shape {array.shape[1:]} a case, and {shape} before")
        size = sum(array.nbytes for array in reply.values())
        if size > self._room:
            raise ReplyTooLarge(f"{size} bytes of answers, with room for {self._room} more in this repeat")
        self._room -= size
        for i, index in enumerate(map(int, indices)):
            self._collected.add(index, {name: array[i] for name, array in reply.items()})
            self.answered.add(index)

    def _trained_model(self) -> Handle:
        if self._model is not None:
            return self._model
        if self._left_cpu_s <= 0:
            raise CpuLimit(f"{self.usage.cpu_s} CPU s, with the processes that ended before")
        self._client = WorkerClient(self.session, self._interface, self._left_cpu_s, solution=self._solution)
        student = Student(self._client)
        run = self.assignment.run
        if run.mode == "weights":
            folder = self._solution or self.session.info["solution"]
            model = student.load(os.path.join(folder, "weights"))
        else:
            train, val = training_arguments(self._interface.functions["fit"], self._shown.train, self._shown.val)
            model = student.fit(train, val, seed=self._shown.fit_seed, budget_s=run.budget_cpu_s)
            used = float(self._client.opened().facts.get("cpu_s") or 0.0)
            if used > BUDGET_SLACK * run.budget_cpu_s + BUDGET_START_S:
                raise CpuLimit(f"fit used {used:.1f} CPU s of a budget of {run.budget_cpu_s:.0f}")
        assert type(model) is Handle
        self._model, self._had_model = model, True
        return model

    def _continue_after(self, failure: SubmissionFailure) -> None:
        """Close a dead worker, so that another is started; raise if asking cannot continue.

        Raises:
            SubmissionFailure: there is no model, a time limit was reached, or workers died too often.
        """
        dead = self._client is None or self._client.worker is None or self._client.worker.over is not None
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
