"""The spine: one submission is marked. Its solution is asked, and what it replied is judged. No points are given here.

    ask     beside the sandbox, on whichever machine; it is shown inputs and never a label
    judge   where the labels are; of equal replies and truths comes an equal result, and no sandbox is opened
    grade   both, one after the other

A job names the stages that the ledger lacks, and only these are made. The result says of every stage what came of it;
a failure of the toolkit stands beside what was found before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from assignments.assignment import Accuracy, Assignment
from assignments.data.hidden import HiddenSet, InputSet
from assignments.interface import Interface, read_interface
from graders.asking import allowance
from graders.asking.check import CodeTests, run_tests
from graders.asking.containers import ContainerUsage, containers_for, opened
from graders.asking.job import Job
from graders.asking.journal import Journal, QuestionId, Silent
from graders.asking.measure import load_answers, measure
from graders.asking.troubles import troubles
from graders.failures import DataFailure, InternalFailure
from graders.record.documents import AnswersResult, JobResult, ScoreResult, TestResult, Trouble
from graders.record.store import Store
from graders.scoring.explained import EXPLAINED, score_and_explain
from graders.scoring.repeat import CASES, WHOLE
from graders.scoring.score import check_criterion
from graders.scoring.void import without
from graders.tasks.hidden_cases import drawn_set
from graders.wall.patience import Patience
from graders.wall.sandboxes import SANDBOXES
from graders.wall.sandboxes.sandbox import Sandbox

Sandboxes = Mapping[str, Callable[[], Sandbox]]
"""What a job's sandbox is found in, by its name."""


@dataclass(frozen=True)
class Replies:
    """What a solution replied: what its hidden tests came to, and its answers, which are stored and not yet scored."""

    tests: Mapping[str, TestResult] = field(default_factory=dict)
    answers: Mapping[int, AnswersResult] = field(default_factory=dict)
    """By repeat."""
    trouble: Trouble | None = None
    """Why not all was asked."""
    spent: ContainerUsage = field(default_factory=ContainerUsage)


def grade(job: Job, store: Store, journal: Journal | None = None, sandboxes: Sandboxes = SANDBOXES) -> JobResult:
    """Mark one submission: the whole act. Stages that a failure of the toolkit kept from happening are absent."""
    journal = journal or Silent()
    with troubles(journal) as kept:
        truths = _drawn(job, store)
        replies = ask(job, {repeat: hidden.input_set for repeat, hidden in truths.items()}, store, journal, sandboxes)
        return judge(job, replies, truths, store, journal)
    return JobResult(trouble=kept.trouble)


def ask(job: Job, shown: Mapping[int, InputSet], store: Store, journal: Journal, sandboxes: Sandboxes) -> Replies:
    """Ask a solution what a job lacks: its hidden tests, and answers to what is `shown` of each repeat."""
    tests: dict[str, TestResult] = {}
    answers: dict[int, AnswersResult] = {}
    spent, patience = ContainerUsage(), Patience(*job.waited, on_change=journal.waited)
    with troubles(journal) as kept:
        assignment, sandbox = store.assignment(job.assignment), sandboxes[job.sandbox]()
        interface = _interface(assignment)
        memory = allowance.host_bytes(assignment.limits, list(shown.values()))
        for container in containers_for(job, shown, redraw=assignment.data.redraw):
            spec = container.spec(job, store.solution(job.solution), assignment.limits)
            with opened(spec, sandbox, patience, journal, spent) as session:
                if container.tests:
                    price = allowance.hidden_test_cpu_s(assignment.limits)
                    code_tests = CodeTests.of(
                        assignment, interface, job.keys, job.tests_folder, memory_bytes=memory, host_cpu_s=price
                    )
                    tests |= run_tests(session, code_tests, job.tests, journal, job.unusable)
                journal.hold(memory)
                for repeat in container.repeats:
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
                    )
                    journal.stage_done("answers", str(repeat), answers[repeat])
    return Replies(tests, answers, kept.trouble, spent)


def judge(
    job: Job, replies: Replies, truths: Mapping[int, HiddenSet], store: Store, journal: Journal | None = None
) -> JobResult:
    """Judge what a solution replied, beside the answers that were stored earlier: a score is of all repeats."""
    journal = journal or Silent()
    assignment = store.assignment(job.assignment)
    scores: dict[str, ScoreResult] = {}
    with troubles(journal) as kept:
        known = {**job.answers, **replies.answers}
        if job.scores and replies.trouble is None and known.keys() >= truths.keys():
            journal.hold(allowance.host_bytes(assignment.limits, [hidden.input_set for hidden in truths.values()]))
            for id in job.scores:
                scores[id] = _scored(job, assignment, id, known, truths, store, journal)
                journal.stage_done("score", id, scores[id])
    spent = replies.spent
    return JobResult(replies.tests, replies.answers, scores, replies.trouble or kept.trouble, spent.forks, spent.cpu_s)


def _scored(
    job: Job,
    assignment: Assignment,
    id: str,
    known: Mapping[int, AnswersResult],
    truths: Mapping[int, HiddenSet],
    store: Store,
    journal: Journal,
) -> ScoreResult:
    """The score of one criterion, and what explains it; the journal holds each part to its price."""
    journal.begins(QuestionId("score", id, WHOLE), allowance.score_cpu_s(list(truths.values())))
    repeats = sorted(truths)
    kept = [without(job.void_cases, truths[n], load_answers(store.answers, known[n])) for n in repeats]
    sets, answers = [hidden for hidden, _ in kept], [given for _, given in kept]
    of_case, of_all = max(map(allowance.case_cpu_s, sets)), allowance.score_cpu_s(sets)

    def begins(part: str) -> None:
        question = QuestionId("explained", id) if part == EXPLAINED else QuestionId("score", id, part)
        journal.begins(question, of_all if part in (WHOLE, CASES, EXPLAINED) else of_case)

    over_limit = {question.part for question in job.unusable if (question.stage, question.name) == ("score", id)}
    over_limit |= {EXPLAINED for question in job.unusable if question == QuestionId("explained", id)}
    criterion = _accuracy(assignment, id)
    return score_and_explain(assignment, criterion, sets, answers, on_part=begins, over_limit=over_limit)


def _drawn(job: Job, store: Store) -> dict[int, HiddenSet]:
    """The hidden set of every repeat that a job is about: a score is of all of them."""
    assignment = store.assignment(job.assignment)
    interface = _interface(assignment)
    repeats = range(assignment.run.seeds) if job.scores else sorted(job.repeats)
    truths = {repeat: drawn_set(assignment, interface, job.keys, repeat) for repeat in repeats}
    for repeat, hidden in truths.items():
        if job.data.get(repeat, hidden.digests) != hidden.digests:
            raise DataFailure(
                f"{assignment.data.source} draws other cases now than were planned (repeat {repeat}): the data "
                "were changed meanwhile, or this machine has other data or another version of NumPy. Run it again."
            )
    for id in job.scores:  # an instructor's own metric is imported here, before memory is limited
        check_criterion(assignment, _accuracy(assignment, id))
    return truths


def _interface(assignment: Assignment) -> Interface:
    path = assignment.folder / "interface.py"
    try:
        return read_interface(path)
    except Exception as error:  # an author's file may raise anything: no group's fault
        raise InternalFailure(f"{path} cannot be read: {type(error).__name__}: {error}") from error


def _accuracy(assignment: Assignment, id: str) -> Accuracy:
    criterion = assignment.criterion(id)
    assert isinstance(criterion, Accuracy)
    return criterion
