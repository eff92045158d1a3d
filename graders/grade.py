"""Marks one submission: asks its solution, then judges the replies. `graders.marks` gives the points.

    ask         beside the sandbox, on any machine; it reads inputs and never a label
    judge       where the labels are; equal replies and truths give an equal result, and no sandbox is opened
    grade       both, one after the other
    ask_alone   the first, on a machine without labels

A job names the stages that the ledger lacks, and only these are made. The result holds the outcome of every stage; a
toolkit failure stands beside the stages that were made before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from assignments.assignment import Accuracy, Assignment
from assignments.data.hidden import HiddenSet, InputSet
from assignments.derived.interface import solution_interface
from assignments.errors import UserError
from assignments.interface import Interface
from graders.asking import allowance
from graders.asking.check import CodeTests, run_tests
from graders.asking.containers import containers_for, opened
from graders.asking.job import Job
from graders.asking.journal import PUBLIC, Journal, QuestionId, Silent
from graders.asking.measure import PUBLIC_REPEAT, measure
from graders.asking.model_facts import model_facts
from graders.asking.phases import PhaseClock
from graders.asking.troubles import troubles
from graders.failures import DataFailure, InternalFailure, NotUsable
from graders.record.answer_files import load_answers
from graders.record.documents import (
    AnswersResult,
    Cause,
    JobResult,
    PublicScores,
    ScoreResult,
    TestResult,
    Trouble,
)
from graders.record.store import Store
from graders.scoring.explained import EXPLAINED, score_and_explain
from graders.scoring.public_scores import public_scores, range_of
from graders.scoring.repeat import CASES, WHOLE
from graders.scoring.score import check_criterion
from graders.scoring.void import without
from graders.tasks.hidden_cases import drawn_set
from graders.tasks.public_set import PublicSet, public_set
from graders.wall.patience import Patience
from graders.wall.sandboxes import SANDBOXES
from graders.wall.sandboxes.sandbox import Sandbox

Sandboxes = Mapping[str, Callable[[], Sandbox]]
"""Where a job's sandbox is looked up by its name."""


@dataclass(frozen=True)
class Replies:
    """A solution's replies: results of its hidden tests, and its answers, which are stored and not yet scored."""

    tests: Mapping[str, TestResult] = field(default_factory=dict)
    answers: Mapping[int, AnswersResult] = field(default_factory=dict)
    """By repeat."""
    trouble: Trouble | None = None
    """Why some questions were not asked."""


def grade(job: Job, store: Store, journal: Journal | None = None, sandboxes: Sandboxes = SANDBOXES) -> JobResult:
    """Mark one submission. A stage that a toolkit failure prevented is absent."""
    journal, clock = journal or Silent(), PhaseClock()
    result, began_cpu_s = JobResult(), time.process_time()
    with troubles(journal) as first:
        with clock.phase("draw"):
            truths, public = draw(job, store)
        shown = {repeat: hidden.input_set for repeat, hidden in truths.items()}
        replies = ask(job, shown, store, journal, sandboxes, None if public is None else public.set.input_set, clock)
        with clock.phase("score"):
            result = judge(job, replies, truths, store, journal, public)
    return replace(
        result,
        trouble=result.trouble or first.trouble,
        phases=clock.phases,
        marker_cpu_s=round(time.process_time() - began_cpu_s, 3),
    )


def ask_alone(
    job: Job,
    read: Callable[[], tuple[Mapping[int, InputSet], InputSet | None]],
    store: Store,
    journal: Journal,
    sandboxes: Sandboxes = SANDBOXES,
) -> JobResult:
    """Ask for what a job lacks, where no label is: as `grade`, without a score.

    `read` gives what each repeat is shown, and the public cases.
    """
    clock, replies, began_cpu_s = PhaseClock(), Replies(), time.process_time()
    with troubles(journal) as first:
        with clock.phase("draw"):
            shown, public = read()
        replies = ask(job, shown, store, journal, sandboxes, public, clock)
    return JobResult(
        replies.tests,
        replies.answers,
        trouble=replies.trouble or first.trouble,
        phases=clock.phases,
        marker_cpu_s=round(time.process_time() - began_cpu_s, 3),
    )


def ask(
    job: Job,
    shown: Mapping[int, InputSet],
    store: Store,
    journal: Journal,
    sandboxes: Sandboxes,
    public: InputSet | None = None,
    clock: PhaseClock | None = None,
) -> Replies:
    """Ask a solution for the stages that a job lacks: its hidden tests, and answers to what each repeat is `shown`.

    One repeat's model also predicts the `public` cases, whose pictures its group will see. The `clock` times all of it.
    """
    clock = clock or PhaseClock()
    tests: dict[str, TestResult] = {}
    answers: dict[int, AnswersResult] = {}
    patience = Patience(*job.waited, on_change=journal.waited)
    with troubles(journal) as first:
        assignment, sandbox = store.assignment(job.assignment), sandboxes[job.sandbox]()
        interface = _interface(assignment)
        facts = model_facts(assignment, interface, job.framework) if job.tests_folder == "hidden_tests" else None
        memory = allowance.host_bytes(assignment.limits, [*shown.values(), *([public] if public else [])])
        for container in containers_for(job, shown, redraw=assignment.data.redraw):
            spec = container.spec(job, store.solution(job.solution), assignment.limits)
            with opened(spec, sandbox, patience, journal, clock) as session:
                if container.tests:
                    price = allowance.hidden_test_cpu_s(assignment.limits)
                    code_tests = CodeTests.of(
                        assignment,
                        interface,
                        job.keys,
                        job.tests_folder,
                        memory_bytes=memory,
                        host_cpu_s=price,
                        facts=facts,
                    )
                    with clock.phase("tests"):
                        tests |= run_tests(session, code_tests, job.tests, journal, job.unusable)
                journal.hold(memory)
                for repeat in container.repeats:
                    with clock.phase("predict"):
                        answers[repeat] = measure(
                            session,
                            assignment,
                            interface,
                            shown[repeat],
                            repeat=repeat,
                            secret=job.keys,
                            commit=job.commit,
                            store=store.answers,
                            journal=journal,
                            unusable=job.unusable,
                            public=public if repeat == PUBLIC_REPEAT else None,
                        )
                    journal.stage_done("answers", str(repeat), answers[repeat])
    return Replies(tests, answers, first.trouble)


def judge(
    job: Job,
    replies: Replies,
    truths: Mapping[int, HiddenSet],
    store: Store,
    journal: Journal | None = None,
    public: PublicSet | None = None,
) -> JobResult:
    """Judge a solution's replies together with the answers that were stored earlier: a score covers all repeats.

    The `public` cases are scored after each criterion, to choose which of them its group is shown.
    """
    journal = journal or Silent()
    assignment = store.assignment(job.assignment)
    scores: dict[str, ScoreResult] = {}
    with troubles(journal) as first:
        stored_answers = {**job.answers, **replies.answers}
        if job.scores and replies.trouble is None and stored_answers.keys() >= truths.keys():
            journal.hold(allowance.host_bytes(assignment.limits, [hidden.input_set for hidden in truths.values()]))
            for id in job.scores:
                scores[id] = _scored(job, assignment, id, stored_answers, truths, store, journal)
                predicted = stored_answers[PUBLIC_REPEAT].public
                if public is not None and predicted is not None and scores[id].measured is not None:
                    # Done before, so that this process may end here: the score then stands without pictures.
                    unusable = PublicScores(predicted, cause=Cause(NotUsable.reason))
                    journal.stage_done("score", id, replace(scores[id], public=unusable))
                    journal.begins(QuestionId("score", id, PUBLIC), allowance.score_cpu_s([public.set]))
                    shown = public_scores(assignment, _accuracy(assignment, id), public, predicted, store.answers)
                    scores[id] = replace(scores[id], public=shown)
                journal.stage_done("score", id, scores[id])
    return JobResult(replies.tests, replies.answers, scores, replies.trouble or first.trouble)


def _scored(
    job: Job,
    assignment: Assignment,
    id: str,
    stored_answers: Mapping[int, AnswersResult],
    truths: Mapping[int, HiddenSet],
    store: Store,
    journal: Journal,
) -> ScoreResult:
    """The score of one criterion and its explanations; the journal limits what each part costs."""
    journal.begins(QuestionId("score", id, WHOLE), allowance.score_cpu_s(list(truths.values())))
    scored = [
        without(job.void_cases, truths[repeat], load_answers(store.answers, stored_answers[repeat]))
        for repeat in sorted(truths)
    ]
    sets, answers = [hidden for hidden, _ in scored], [repeat_answers for _, repeat_answers in scored]
    case_cpu_s, whole_cpu_s = max(map(allowance.case_cpu_s, sets)), allowance.score_cpu_s(sets)

    def begins(part: str) -> None:
        question = QuestionId("explained", id) if part == EXPLAINED else QuestionId("score", id, part)
        journal.begins(question, whole_cpu_s if part in (WHOLE, CASES, EXPLAINED) else case_cpu_s)

    over_limit = {question.part for question in job.unusable if (question.stage, question.name) == ("score", id)}
    over_limit |= {EXPLAINED for question in job.unusable if question == QuestionId("explained", id)}
    criterion = _accuracy(assignment, id)
    result = score_and_explain(assignment, criterion, sets, answers, on_part=begins, over_limit=over_limit)
    return result if result.measured is None else replace(result, range=range_of(assignment, criterion))


def draw(job: Job, store: Store) -> tuple[dict[int, HiddenSet], PublicSet | None]:
    """The hidden set of every repeat that a job needs, and the public cases that it predicts or scores.

    Raises:
        DataFailure: this machine draws other cases than were planned.
        UserError: the cases cannot be read.
    """
    truths = _drawn(job, store)
    return truths, _public(job, store, truths)


def _drawn(job: Job, store: Store) -> dict[int, HiddenSet]:
    """The hidden set of every repeat that a job needs: a score needs all repeats."""
    assignment = store.assignment(job.assignment)
    interface = _interface(assignment)
    truths = {repeat: drawn_set(assignment, interface, job.keys, repeat, job.prepared) for repeat in job.drawn_repeats}
    for repeat, hidden in truths.items():
        if job.data.get(repeat, hidden.digests) != hidden.digests:
            raise DataFailure(
                f"{assignment.data.source} draws other cases now than were planned (repeat {repeat}): the data "
                "were changed meanwhile, or this machine has other data or another version of NumPy. Run the command "
                "again."
            )
    for id in job.scores:  # an instructor's own metric is imported here, before memory is limited
        check_criterion(assignment, _accuracy(assignment, id))
    return truths


def _public(job: Job, store: Store, truths: Mapping[int, HiddenSet]) -> PublicSet | None:
    """The public cases that a job predicts or whose answers it scores."""
    if PUBLIC_REPEAT not in job.repeats and not job.scores:
        return None
    assignment = store.assignment(job.assignment)
    try:
        return public_set(assignment, _interface(assignment), job.prepared, truths.get(PUBLIC_REPEAT))
    except UserError:  # pictures are an extra; `medmark doctor` and a handout say what is wrong with public cases
        return None


def _interface(assignment: Assignment) -> Interface:
    try:
        return solution_interface(assignment)
    except Exception as error:  # an author's file may raise anything, through no fault of a group
        path = assignment.folder / "interface.py"
        raise InternalFailure(f"{path} cannot be read: {type(error).__name__}: {error}") from error


def _accuracy(assignment: Assignment, id: str) -> Accuracy:
    criterion = assignment.criterion(id)
    assert isinstance(criterion, Accuracy)
    return criterion
