"""Accuracy: from a solution to stored answers. It has the solution train or load, and asks it case by case.

Only training arrays and inputs cross the wall; truths stay with `graders.scoring.score`. Each commit has its own order
of cases, so that neither position nor neighbour reveals anything.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assignments.assignment import Assignment
from assignments.data.hidden import InputSet, presented_order
from assignments.data.streams import SecretOrKeys
from assignments.files import replace_file
from assignments.interface import Interface
from graders.asking.allowance import reply_cpu_s, stored_bytes
from graders.asking.journal import Journal, QuestionId, Silent
from graders.failures import (
    LOADED_HOST,
    CpuLimit,
    DataFailure,
    InternalFailure,
    NotUsable,
    ProcessEnded,
    ReplyTooLarge,
    SubmissionFailure,
    WallLimit,
    WrongShape,
    without_frames,
)
from graders.record.answers import Answers
from graders.record.documents import AnswersResult, Cause
from graders.tasks import Task, task_named
from graders.wall.session import Session
from graders.wall.student import Handle, Student, WorkerClient
from graders.wall.wire import Array

WORKER_RESTARTS = 3
"""How often the predicting worker is started again after it died."""
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
    asking = _Asking(session, assignment, interface, shown, solution)
    order = presented_order(secret, assignment.id, commit, shown.count)
    ended: SubmissionFailure | None = None
    storing = QuestionId("answers", str(repeat), "stored")
    try:
        if storing in unusable or QuestionId("all") in unusable:
            raise NotUsable
        _ask_in_batches(asking, order, repeat, journal, unusable)
    except SubmissionFailure as failure:  # no model, or no worker any more: the rest is not answered
        ended = failure
        asking.fail_rest(order, failure)
    finally:
        asking.close()
    journal.begins(storing, reply_cpu_s(assignment.limits))
    return _result(asking, ended, order, store)


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


def _result(asking: _Asking, ended: SubmissionFailure | None, order: Array, store: Path) -> AnswersResult:
    """Store the answers; the result that names their file. `ended` is the failure after which nothing was asked."""
    usage, failed = asking.usage, asking.failed
    starved = isinstance(ended, WallLimit) and ended.starved
    return AnswersResult(
        verdict="passed" if ended is None else "failed",
        cause=None if ended is None else asking.cause(ended),
        cause_detail=_commonest_cause(failed.values()),
        evidence="\n".join(filter(None, [_causes(failed.values()), usage.printed]))[-8000:],
        file=_store(store, _stacked(asking.answers, len(order), task_named(asking.assignment.task))),
        states=tuple(asking.cause(failed[index]) if index in failed else None for index in range(len(order))),
        cpu_s=usage.cpu_s,
        wall_s=usage.wall_s,
        peak_mb=usage.peak_mb,
        flags=(*((LOADED_HOST,) if starved else ()), *usage.strays),
    )


def load_answers(store: Path, result: AnswersResult) -> Answers:
    """Stored answers as scoring reads them: a file that medmark itself wrote."""
    arrays: dict[str, Array] = {}
    if result.file:
        path = store / result.file
        try:
            with path.open("rb") as file:
                if _name(hashlib.file_digest(file, "sha256").hexdigest()) != result.file:
                    raise ValueError("its content has changed since it was stored")
                file.seek(0)
                with np.load(file, allow_pickle=False) as data:
                    arrays = {name: data[name] for name in data.files}
        except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
            raise DataFailure(
                f"{path}: the stored answers cannot be read: {error}. Restore the file from a copy, or remove it and "
                "run medmark grade, which asks for them again."
            ) from error
    elif None in result.states:
        raise DataFailure("answers are recorded, but no file with them")
    causes = {index: cause for index, cause in enumerate(result.states) if cause is not None}
    failed = {index: cause.reason for index, cause in causes.items()}
    return Answers(arrays, failed, causes, result.cause_detail, result.evidence)


class _Asking:
    """Asks for the answers of one repeat: one worker at a time with a model in it, started again when it dies."""

    def __init__(
        self,
        session: Session,
        assignment: Assignment,
        interface: Interface,
        shown: InputSet,
        solution: str | None,
    ) -> None:
        self.session, self.assignment = session, assignment
        self.answers: dict[int, dict[str, Array]] = {}
        """By index of the case."""
        self.failed: dict[int, SubmissionFailure] = {}
        """By index of the case."""
        self.usage = _RepeatUsage()
        self._interface, self._shown, self._solution = interface, shown, solution
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
                self.answers.update(self._predicted(indices))
            except MemoryError as error:  # the marker's own limit
                raise NotUsable(f"the host's memory limit: {error}") from None
        except SubmissionFailure as failure:
            self._continue_after(failure)
            if len(indices) == 1:
                self.fail(indices, failure)
                return
            for index in indices:
                self.batch(np.array([index]))

    def fail(self, indices: Iterable[int], failure: SubmissionFailure) -> None:
        """Record one failure for all these cases."""
        self.failed.update(dict.fromkeys(map(int, indices), without_frames(failure)))

    def fail_rest(self, order: Array, failure: SubmissionFailure) -> None:
        """Record a failure for every case that has neither an answer nor a failure."""
        self.fail([index for index in order if index not in self.answers and index not in self.failed], failure)

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

    def _predicted(self, indices: Array) -> dict[int, dict[str, Array]]:
        model = self._trained_model()
        assert self._client is not None
        inputs = {name: np.ascontiguousarray(array[indices]) for name, array in self._shown.inputs.items()}
        entry = getattr(Student(self._client), task_named(self.assignment.task).entry)
        reply = entry(model, inputs)
        for name, array in reply.items():
            if array.shape[:1] != (len(indices),):
                raise WrongShape(f"{name}: shape {array.shape} for {len(indices)} cases")
            shape = self._shapes.setdefault(name, array.shape[1:])
            if array.shape[1:] != shape:
                raise WrongShape(f"{name}: shape {array.shape[1:]} a case, and {shape} before")
        size = sum(array.nbytes for array in reply.values())
        if size > self._room:
            raise ReplyTooLarge(f"{size} bytes of answers, with room for {self._room} more in this repeat")
        self._room -= size
        return {int(index): {name: array[i] for name, array in reply.items()} for i, index in enumerate(indices)}

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
            model = student.fit(
                self._shown.train, self._shown.val, seed=self._shown.fit_seed, budget_s=run.budget_cpu_s
            )
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


def _stacked(rows: Mapping[int, dict[str, Array]], count: int, task: Task) -> dict[str, Array]:
    """Answers with a leading N in canonical order, in the dtype that scoring needs; zeros for a failed case.

    They are rounded here, before the first scoring, so that scoring them again gives the same score.
    """
    arrays: dict[str, Array] = {}
    for name in next(iter(rows.values()), {}):
        common = np.result_type(*{answer[name].dtype for answer in rows.values()})
        for index, answer in rows.items():
            stored = task.stored(answer[name].astype(common)[None])
            if name not in arrays:
                arrays[name] = np.zeros((count, *stored.shape[1:]), stored.dtype)
            arrays[name][index] = stored[0]
    return arrays


def _store(store: Path, arrays: Mapping[str, Array]) -> str | None:
    """Write answers under the name of their content; None where there are none. Written whole or not at all."""
    if not arrays:
        return None
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    data = buffer.getvalue()
    name = _name(hashlib.sha256(data).hexdigest())
    path = store / name
    try:
        if not path.exists():
            replace_file(path, data)
    except OSError as error:
        raise InternalFailure(f"the answers cannot be stored: {path}: {error.strerror}") from error
    return name


def _name(digest: str) -> str:
    """The name of a file of answers whose content has this digest."""
    return f"{digest[:32]}.npz"
