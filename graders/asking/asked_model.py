"""One worker at a time with a model in it, which is asked for cases: hidden ones, and public ones before them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from assignments.assignment import Assignment
from assignments.data.columns import Cases, Column, alone, stacked
from assignments.data.hidden import InputSet
from assignments.interface import Interface
from graders.asking.allowance import PUBLIC_SHARE, stored_bytes
from graders.asking.collecting import Collected, is_read_singly
from graders.failures import (
    CpuLimit,
    NotUsable,
    ProcessEnded,
    ReplyTooLarge,
    SubmissionFailure,
    WallLimit,
    WrongShape,
    without_frames,
)
from graders.record.documents import Cause
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


@dataclass
class Answered:
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


class Asking:
    """Asks for the answers of one repeat: one worker at a time with a model in it, started again when it dies."""

    def __init__(
        self,
        session: Session,
        assignment: Assignment,
        interface: Interface,
        hidden: Answered,
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

    def begin_apart(self, public: Answered) -> None:
        """Ask for public cases from now on. What they take counts for nothing, and no worker is started for them."""
        self._of, self._apart_from = public, self._used_cpu_s()

    def go_on_with(self, hidden: Answered) -> None:
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
        run = self.assignment.run
        # A run of weights is the same whatever the repeat's seed: its key has none.
        seed = self._hidden.fit_seed if run.mode == "retrain" else 0
        self._client = WorkerClient(self.session, self._interface, cpu_s, solution=self._solution, seed=seed)
        student = Student(self._client)
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
