"""Accuracy: from a solution to stored answers. It trains or loads, asks case by case, and scores nothing.

Only training arrays and inputs cross the wall; truths stay with `graders.scoring.score`. The order of the cases is the
commit's own, so that neither position nor neighbour says anything.
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
from graders.asking.allowance import kept_bytes, reply_cpu_s
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
"""What `fit` may use beyond its budget: a quarter, and what a framework's first operations cost."""


@dataclass
class _RepeatUsage:
    """What all workers of a repeat came to together."""

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
        What came of it. A submission that cannot even make a model has answers all of which failed.

    Raises:
        ToolkitFailure: whatever is ours.
        MemoryError: the answers take more of this process's memory than a question may.
    """
    spent = _RepeatUsage()
    journal = journal or Silent()
    asking = _Asking(session, assignment, interface, shown, solution, spent)
    order = presented_order(secret, assignment.id, commit, shown.count)
    rows: dict[int, dict[str, Array]] = {}
    failed: dict[int, SubmissionFailure] = {}
    ended: Cause | None = None
    flags: tuple[str, ...] = ()
    storing = QuestionId("answers", str(repeat), "stored")
    try:
        if storing in unusable or QuestionId("all") in unusable:
            raise NotUsable
        for call, places in enumerate(_batches(order, assignment.data.per_call)):
            question = QuestionId("answers", str(repeat), str(call))
            journal.begins(question, reply_cpu_s(assignment.limits))
            if question in unusable:
                failed.update(dict.fromkeys(map(int, places), NotUsable("the host reached its limit in this call")))
                continue
            asking.batch(places, rows, failed)
            if isinstance(session.lost, MemoryError):
                journal.give_up()
    except SubmissionFailure as failure:  # no model, or no worker any more: the rest is not answered
        ended = asking.cause(failure)
        if isinstance(failure, WallLimit) and failure.starved:
            flags = (LOADED_HOST,)
        rest = [int(place) for place in order if place not in rows and place not in failed]
        failed.update(dict.fromkeys(rest, without_frames(failure)))
    finally:
        asking.close()
    journal.begins(storing, reply_cpu_s(assignment.limits))
    return AnswersResult(
        verdict="passed" if ended is None else "failed",
        cause=ended,
        said=_said(failed.values()),
        evidence="\n".join(filter(None, [_causes(failed.values()), spent.printed]))[-8000:],
        file=_store(store, _stacked(rows, len(order), task_named(assignment.task))),
        states=tuple(asking.cause(failed[place]) if place in failed else None for place in range(len(order))),
        cpu_s=spent.cpu_s,
        wall_s=spent.wall_s,
        peak_mb=spent.peak_mb,
        flags=(*flags, *spent.strays),
    )


def load_answers(store: Path, result: AnswersResult) -> Answers:
    """Stored answers as scoring reads them: a file that medmark itself wrote."""
    arrays: dict[str, Array] = {}
    if result.file:
        path = store / result.file
        try:
            with path.open("rb") as file:
                if _name(hashlib.file_digest(file, "sha256").hexdigest()) != result.file:
                    raise ValueError("its content is not what was stored")
                file.seek(0)
                with np.load(file, allow_pickle=False) as data:
                    arrays = {name: data[name] for name in data.files}
        except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
            raise DataFailure(
                f"{path}: the stored answers cannot be read: {error}. Restore the file from a copy, or remove it and "
                "run medmark grade: then they are asked for again."
            ) from error
    elif None in result.states:
        raise DataFailure("answers are recorded, and no file that holds them")
    causes = {place: cause for place, cause in enumerate(result.states) if cause is not None}
    failed = {place: cause.reason for place, cause in causes.items()}
    return Answers(arrays, failed, causes, result.said, result.evidence)


class _Asking:
    """One worker at a time with a model in it, started again when it dies."""

    def __init__(
        self,
        session: Session,
        assignment: Assignment,
        interface: Interface,
        shown: InputSet,
        solution: str | None,
        spent: _RepeatUsage,
    ) -> None:
        self._session, self._assignment, self._interface = session, assignment, interface
        self._shown, self._solution, self._spent = shown, solution, spent
        self._client: WorkerClient | None = None
        self._model: Handle | None = None
        self._asked = False
        """Whether there was ever a model to ask."""
        self._restarts = 0
        self._shapes: dict[str, tuple[int, ...]] = {}
        """Of one case's answer: what the interface leaves free must not differ from case to case."""
        self._room = kept_bytes(shown)
        """For answers that are yet to come."""
        self._left_cpu_s = assignment.limits.cpu_s
        """For workers that are yet to be started: they share one limit."""

    def batch(
        self, places: Array, rows: dict[int, dict[str, Array]], failed: dict[int, SubmissionFailure]
    ) -> None:
        """Put answers into `rows` by position, and what failed into `failed`; a failed call is repeated case by case.

        Raises:
            SubmissionFailure: there is no model to ask, or no more time.
        """
        try:
            try:
                rows.update(self._predicted(places))
            except MemoryError as error:  # the marker's own limit
                raise NotUsable(f"the host's memory limit: {error}") from None
        except SubmissionFailure as failure:
            self._after(failure)
            if len(places) == 1:
                failed[int(places[0])] = without_frames(failure)
                return
            for place in places:
                self.batch(np.array([place]), rows, failed)

    def cause(self, failure: SubmissionFailure) -> Cause:
        """What the student reads of it; without a model, in which of their functions it was."""
        made_by = "load" if self._assignment.run.mode == "weights" else "fit"
        return Cause.of(failure, None if self._asked or isinstance(failure, NotUsable) else made_by)

    def close(self) -> None:
        """End the worker, if there is one."""
        usage = self._client.close() if self._client is not None else None
        if usage is not None:
            spent = self._spent
            spent.cpu_s = round(spent.cpu_s + usage.cpu_s, 3)
            self._left_cpu_s -= usage.cpu_s
            spent.wall_s = round(spent.wall_s + usage.wall_s, 3)
            spent.peak_mb = max(spent.peak_mb or 0.0, usage.peak_mb or 0.0)
            if usage.strays:
                spent.strays += (f"left {usage.strays} processes behind",)
            if usage.log:
                spent.printed = f"{spent.printed}\nprinted:\n{usage.log[-2000:]}"[-8000:]
        self._client = self._model = None

    def _predicted(self, places: Array) -> dict[int, dict[str, Array]]:
        model = self._made()
        assert self._client is not None
        asked = {name: np.ascontiguousarray(array[places]) for name, array in self._shown.inputs.items()}
        entry = getattr(Student(self._client), task_named(self._assignment.task).entry)
        reply = entry(model, asked)
        for name, array in reply.items():
            if array.shape[:1] != (len(places),):
                raise WrongShape(f"{name}: shape {array.shape} for {len(places)} cases")
            shape = self._shapes.setdefault(name, array.shape[1:])
            if array.shape[1:] != shape:
                raise WrongShape(f"{name}: shape {array.shape[1:]} a case, and {shape} before")
        size = sum(array.nbytes for array in reply.values())
        if size > self._room:
            raise ReplyTooLarge(f"{size} bytes of answers, with room for {self._room} more in this repeat")
        self._room -= size
        return {int(place): {name: array[i] for name, array in reply.items()} for i, place in enumerate(places)}

    def _made(self) -> Handle:
        if self._model is not None:
            return self._model
        if self._left_cpu_s <= 0:
            raise CpuLimit(f"{self._spent.cpu_s} CPU s, with the processes that ended before")
        self._client = WorkerClient(self._session, self._interface, self._left_cpu_s, solution=self._solution)
        student = Student(self._client)
        run = self._assignment.run
        if run.mode == "weights":
            folder = self._solution or self._session.info["solution"]
            model = student.load(os.path.join(folder, "weights"))
        else:
            model = student.fit(
                self._shown.train, self._shown.val, seed=self._shown.fit_seed, budget_s=run.budget_cpu_s
            )
            used = float(self._client.opened().facts.get("cpu_s") or 0.0)
            if used > BUDGET_SLACK * run.budget_cpu_s + BUDGET_START_S:
                raise CpuLimit(f"fit used {used:.1f} CPU s of a budget of {run.budget_cpu_s:.0f}")
        assert type(model) is Handle
        self._model, self._asked = model, True
        return model

    def _after(self, failure: SubmissionFailure) -> None:
        """Whether it makes sense to go on asking: not without a model, nor after too many deaths."""
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


def _said(failures: Iterable[SubmissionFailure]) -> str:
    """What names the commonest cause."""
    counted = Counter(failure.cause_text[-2000:] for failure in failures)
    return next((text for text, _ in counted.most_common(1)), "")


def _causes(failures: Iterable[SubmissionFailure]) -> str:
    """For staff: the commonest messages, and how many cases failed with each."""
    counted = Counter(str(failure)[-2000:] for failure in failures)
    return "\n".join(f"{count} cases: {text}" for text, count in counted.most_common(3))


def _stacked(rows: Mapping[int, dict[str, Array]], count: int, task: Task) -> dict[str, Array]:
    """Answers with a leading N in canonical order, in the dtype that scoring needs; zeros where one failed.

    They are rounded here, before the first scoring, so that scoring again equals scoring.
    """
    arrays: dict[str, Array] = {}
    for name in next(iter(rows.values()), {}):
        common = np.result_type(*{answer[name].dtype for answer in rows.values()})
        for place, answer in rows.items():
            one = task.stored(answer[name].astype(common)[None])
            if name not in arrays:
                arrays[name] = np.zeros((count, *one.shape[1:]), one.dtype)
            arrays[name][place] = one[0]
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
