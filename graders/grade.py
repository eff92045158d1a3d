"""What one marker process does: one job in, one result out. It opens the sandbox and asks; it gives no points.

The result says of every stage what came of it. A failure of ours stands beside what was found before it. Answers
never meet labels: a container that was given a case's label answers no repeat that asks for that case (`may_share`).
"""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from assignments.assignment import Accuracy, Assignment
from assignments.data.hidden import HiddenSet
from assignments.data.overlap import Carried, carried
from assignments.errors import UserError
from assignments.interface import Interface, read_interface
from graders.asking import allowance
from graders.asking.check import Questions, check, unusable
from graders.asking.job import Job
from graders.asking.journal import Journal, Question, Silent
from graders.asking.measure import load_answers, measure
from graders.failures import DataFailure, InternalFailure, NotUsable, SubmissionFailure, ToolkitFailure
from graders.record.answers import Answers
from graders.record.documents import (
    AnswersResult,
    Explained,
    JobResult,
    Measured,
    ScoreResult,
    TestResult,
    Trouble,
)
from graders.record.store import Store
from graders.scoring.forensics import explain
from graders.scoring.repeat import CASES, WHOLE, case_part
from graders.scoring.score import check_criterion, score
from graders.tasks.hidden_cases import drawn_set
from graders.wall.patience import Patience
from graders.wall.sandboxes import SANDBOXES
from graders.wall.sandboxes.sandbox import Lodging
from graders.wall.session import Session


@dataclass
class _Found:
    """What came of a job so far."""

    tests: dict[str, TestResult] = field(default_factory=dict)
    answers: dict[int, AnswersResult] = field(default_factory=dict)
    scores: dict[str, ScoreResult] = field(default_factory=dict)
    forks: bool | None = None
    sandbox_cpu_s: float | None = None


def run(job: Job, store: Store, journal: Journal | None = None) -> JobResult:
    """Do a job with what the store of this machine holds.

    Stages that a toolkit failure kept from happening are absent from the result.
    """
    found = _Found()
    trouble: Trouble | None = None
    journal = journal or Silent()
    try:
        try:
            _run(job, store, found, journal)
        except MemoryError:  # the limit of this process, wherever the present question reached it
            journal.give_up()
    except ToolkitFailure as failure:
        trouble = Trouble(failure.reason, str(failure)[:8000])
    except UserError as error:  # such as a data folder that is not there: the words say what and where
        trouble = Trouble(DataFailure.reason, str(error)[:8000])
    except Exception:  # noqa: BLE001 - a defect of ours; what was found before it stands
        trouble = Trouble(InternalFailure.reason, traceback.format_exc()[-8000:])
    return JobResult(found.tests, found.answers, found.scores, trouble, found.forks, found.sandbox_cpu_s)


def _run(job: Job, store: Store, found: _Found, journal: Journal) -> None:
    assignment = store.assignment(job.assignment)
    job = replace(job, assignment=assignment)
    interface = _interface(assignment.folder / "interface.py")
    sets = {repeat: drawn_set(assignment, interface, job.keys, repeat) for repeat in _repeats_needed(job)}
    patience = Patience(*job.waited, on_change=journal.waited)
    memory = allowance.host_bytes(assignment.limits, [hidden.shown for hidden in sets.values()])
    for id in job.scores:  # an instructor's own metric is imported here, before memory is limited
        check_criterion(assignment, _accuracy(assignment, id))
    # Without redraw all repeats have the same training cases and the same hidden ones, and a score asks nobody.
    redrawn = assignment.data.redraw and len(sets) > 1 and bool(job.tests or job.repeats)
    shared = may_share([carried(hidden) for hidden in sets.values()] if redrawn else [])
    for tests, repeats in _containers(job, shared):
        with _session(job, store, found, patience, journal, forgets=not shared) as session:
            if tests:
                found.tests.update(_check(job, session, interface, memory, journal))
            journal.hold(memory)
            for repeat in repeats:
                found.answers[repeat] = measure(
                    session,
                    assignment,
                    interface,
                    sets[repeat].shown,
                    repeat=repeat,
                    secret=job.keys,
                    commit=job.commit,
                    store=store.answers,
                    journal=journal,
                    unusable=job.unusable,
                )
                journal.came("answers", str(repeat), found.answers[repeat])
    journal.hold(memory)
    known = {**job.answers, **found.answers}
    if known.keys() >= sets.keys():
        for id in job.scores:
            journal.begins(Question("score", id, WHOLE), allowance.score_cpu_s(list(sets.values())))
            answers = [load_answers(store.answers, known[repeat]) for repeat in sorted(sets)]
            found.scores[id] = _scored(job, id, [sets[repeat] for repeat in sorted(sets)], answers, journal)
            journal.came("score", id, found.scores[id])


def _containers(job: Job, shared: bool) -> list[tuple[bool, tuple[int, ...]]]:
    """What is asked in each container: whether the hidden tests are, and which repeats."""
    if shared:
        return [(bool(job.tests), job.repeats)] if job.tests or job.repeats else []
    alone: list[tuple[bool, tuple[int, ...]]] = [(False, (repeat,)) for repeat in job.repeats]
    return [*([(True, ())] if job.tests else []), *alone]


def may_share(carriers: Collection[Carried]) -> bool:
    """Whether one container may serve all these repeats: none is given the label of a case that another only asks for.

    It follows from what was drawn, subjects and arrays, and not from what an assignment says of its data. Workers are
    kept apart inside a container too; but it has counters that all of them read, which end with it. What the machine
    holds of files outlives it, so such containers read them anew.
    """
    pairs = [(one, other) for one in carriers for other in carriers if one is not other]
    return not any(one.labels(other) for one, other in pairs)


@contextmanager
def _session(
    job: Job, store: Store, found: _Found, patience: Patience, journal: Journal, *, forgets: bool
) -> Iterator[Session]:
    """A container of its own, and the session with its keeper."""
    limits, solution = job.assignment.limits, store.solution(job.solution)
    lodging = Lodging(solution, job.framework, limits, job.course, job.run, forgets)
    sandbox = SANDBOXES[job.sandbox]()
    with ExitStack() as stack:
        with journal.lifted():
            channel = stack.enter_context(sandbox.open(lodging))
        session = Session(channel, limits, solution, patience)
        try:
            info = session.begin()
        except SubmissionFailure as failure:  # nothing of the group's has run yet
            raise InternalFailure(f"before the solution was touched: {failure}") from failure
        found.forks = info["forks"]
        spent = found.sandbox_cpu_s
        yield session
        used = channel.cpu_s()
        found.sandbox_cpu_s = used if spent is None or used is None else spent + used


def _scored(
    job: Job, id: str, sets: list[HiddenSet], answers: list[Answers], journal: Journal
) -> ScoreResult:
    """The score of a criterion, and what explains it."""
    criterion = _accuracy(job.assignment, id)
    kept = [without(job.void_cases, *pair) for pair in zip(sets, answers, strict=True)]
    sets = [hidden for hidden, _ in kept]
    spoilt = {question.part for question in job.unusable if (question.stage, question.name) == ("score", id)}
    answers = [_spoilt(repeat, *pair, spoilt) for repeat, pair in enumerate(kept)]
    of_case = max(map(allowance.case_cpu_s, sets))

    def begins(part: str) -> None:
        cpu_s = allowance.score_cpu_s(sets) if part in (WHOLE, CASES) else of_case
        journal.begins(Question("score", id, part), cpu_s)

    scored = score(job.assignment, criterion, sets, answers, begins, one_by_one=CASES in spoilt)
    explaining = Question("explained", id)
    if explaining in job.unusable:
        return replace(scored, explained=Explained("given up", evidence="it took longer than it may"))
    journal.begins(explaining, allowance.score_cpu_s(sets))
    return replace(scored, explained=_explained(job.assignment, criterion, sets, answers, scored.measured))


def _accuracy(assignment: Assignment, id: str) -> Accuracy:
    criterion = assignment.criterion(id)
    assert isinstance(criterion, Accuracy)
    return criterion


def _spoilt(repeat: int, hidden: HiddenSet, answers: Answers, parts: Collection[str]) -> Answers:
    """Answers without those that cost the host more than a case may."""
    everything = "" in parts or WHOLE in parts
    places = [i for i, case in enumerate(hidden.cases) if everything or case_part(repeat, case.id) in parts]
    return replace(answers, failed={**answers.failed, **dict.fromkeys(places, NotUsable.reason)})


def _explained(
    assignment: Assignment,
    criterion: Accuracy,
    sets: list[HiddenSet],
    answers: list[Answers],
    measured: Measured | None,
) -> Explained | None:
    """What explains a poor score. It comes after the score and beside it, and nothing of it may harm the mark."""
    if measured is None:
        return None
    try:
        return explain(assignment, criterion, sets, answers, measured)
    except Exception:  # noqa: BLE001 - a defect of an extra; staff read of it
        return Explained("defect", evidence=traceback.format_exc()[-2000:])


def without(void: Collection[str], hidden: HiddenSet, answers: Answers) -> tuple[HiddenSet, Answers]:
    """A hidden set and its answers without the cases declared void, as if they had never been drawn."""
    kept = [place for place, case in enumerate(hidden.cases) if case.id not in void]
    if len(kept) == len(hidden.cases):
        return hidden, answers
    if not kept:
        raise DataFailure("every hidden case was declared void: nothing is left to score")
    inputs = {name: array[kept] for name, array in hidden.inputs.items()}
    cases = tuple(hidden.cases[place] for place in kept)
    failed = {new: answers.failed[old] for new, old in enumerate(kept) if old in answers.failed}
    causes = {new: answers.causes[old] for new, old in enumerate(kept) if old in answers.causes}
    arrays = {name: array[kept] for name, array in answers.arrays.items()}
    return (
        replace(hidden, inputs=inputs, truth=hidden.truth[kept], cases=cases),
        replace(answers, arrays=arrays, failed=failed, causes=causes),
    )


def _check(
    job: Job, session: Session, interface: Interface, memory_bytes: int, journal: Journal
) -> dict[str, TestResult]:
    """The results of the hidden tests; those that reached the host's limits before have failed."""
    spoilt = {question.name for question in job.unusable if question.stage == "test"}
    everything = Question("all") in job.unusable
    lost = {id: unusable(id) for id in job.tests if everything or id in spoilt}
    folder = job.assignment.folder
    doubles = folder / "doubles.py"
    questions = Questions(
        assignment_id=job.assignment.id,
        folder=folder / job.tests_folder,
        interface=interface,
        limits=job.assignment.limits,
        secret=job.keys,
        doubles=doubles.read_text(encoding="utf-8") if doubles.is_file() else "",
        memory_bytes=memory_bytes,
        host_cpu_s=allowance.hidden_test_cpu_s(job.assignment.limits),
    )
    results = lost | check(session, questions, [id for id in job.tests if id not in lost], journal)
    return {id: results[id] for id in job.tests}


def _interface(path: Path) -> Interface:
    try:
        return read_interface(path)
    except Exception as error:  # an author's file may raise anything: no group's fault
        raise InternalFailure(f"{path} cannot be read: {type(error).__name__}: {error}") from error


def _repeats_needed(job: Job) -> tuple[int, ...]:
    """Scoring combines all repeats; asking needs only those that are missing."""
    seeds = job.assignment.run.seeds
    return tuple(range(seeds)) if job.scores else tuple(sorted(job.repeats))
