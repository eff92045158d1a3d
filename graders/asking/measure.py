"""Accuracy: from a solution to stored answers. It has the solution train or load, and asks it case by case.

Only training arrays and inputs cross the wall; truths stay with `graders.scoring.score`. Each commit has its own order
of cases, so that neither position nor neighbour reveals anything.

A model may first be asked for a few public cases, which its group will be shown. They come first because their answers
reach a page: a worker that has seen a hidden case could draw it there. What fails or takes long among them costs the
hidden cases nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import numpy as np

from assignments.assignment import Assignment
from assignments.data.hidden import InputSet, arrays_digest, presented_order
from assignments.data.streams import SecretOrKeys
from assignments.interface import Interface
from graders.asking.allowance import public_cpu_s, reply_cpu_s, storing_cpu_s
from graders.asking.asked_model import Answered, Asking
from graders.asking.collecting import collecting
from graders.asking.journal import PUBLIC, Journal, QuestionId, Silent
from graders.failures import (
    LOADED_HOST,
    InternalFailure,
    NotUsable,
    SubmissionFailure,
    WallLimit,
)
from graders.record.documents import AnswersResult, Cause, PublicAnswers
from graders.tasks import task_named
from graders.wall.sandboxes.gpu_use import GpuUse
from graders.wall.session import Session
from graders.wall.wire import Array

PUBLIC_REPEAT = 0
"""The repeat whose model predicts the public cases too."""


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
    if session.gpu_meter is not None:
        session.gpu_meter.begin()
    public_answers: PublicAnswers | None = None
    of_public = QuestionId("answers", str(repeat), PUBLIC)
    storing = QuestionId("answers", str(repeat), "stored")
    with collecting(shown, task_named(assignment.task), store) as collected:
        hidden = Answered(shown, collected)
        asking = Asking(session, assignment, interface, hidden, solution, with_public=public is not None)
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
    asking: Asking, order: Array, repeat: int, journal: Journal, unusable: Collection[QuestionId]
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


def _public_answers(asking: Asking, public: InputSet, store: Path) -> PublicAnswers:
    """Ask a model for public cases, and store the answers. Whatever fails here costs these answers and nothing else."""
    inputs, order = arrays_digest(public.inputs), np.arange(public.count)
    try:
        with collecting(public, task_named(asking.assignment.task), store) as collected:
            cases, ended = Answered(public, collected), None
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


def _state(asking: Asking, of: Answered, index: int) -> Cause | None:
    """Why a case was not answered; None if it was."""
    return asking.cause(of.failed[index]) if index in of.failed else None


def _result(
    asking: Asking,
    hidden: Answered,
    ended: SubmissionFailure | None,
    order: Array,
    file: str | None,
    public: PublicAnswers | None,
) -> AnswersResult:
    """The result that names the file of the stored answers. `ended` is the failure after which nothing was asked."""
    usage, failed = asking.usage, hidden.failed
    meter = asking.session.gpu_meter
    gpu = GpuUse() if meter is None else meter.used()
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
        gpu_peak_mb=gpu.peak_mb,
        gpu_busy_s=gpu.busy_s,
        flags=(*((LOADED_HOST,) if starved else ()), *usage.strays),
        public=public,
    )


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
