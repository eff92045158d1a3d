"""What one marker process does: one job in, one JSON document out. It opens the sandbox and asks; it gives no points.

The document says of every stage what came of it. A failure of ours stands beside what was found before it. Answers
never meet labels: a container that was given a case's label answers no repeat that asks for that case (`may_share`).
"""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from assignments.assignment import Accuracy, Assignment
from assignments.data.hidden import HiddenSet
from assignments.data.overlap import Carried, carried
from assignments.errors import UserError
from assignments.interface import Interface, read_interface
from graders.asking import allowance
from graders.asking.check import Questions, as_documents, check, unusable
from graders.asking.job import Job
from graders.asking.journal import Journal, Question, Silent
from graders.asking.measure import load_answers, measure
from graders.failures import DataFailure, InternalFailure, NotUsable, SubmissionFailure, ToolkitFailure
from graders.record.answers import Answers
from graders.record.store import Store
from graders.scoring.forensics import explain
from graders.scoring.repeat import CASES, WHOLE, case_part
from graders.scoring.score import check_criterion, score
from graders.tasks.hidden_cases import drawn_set
from graders.wall.patience import Patience
from graders.wall.sandboxes import SANDBOXES
from graders.wall.sandboxes.sandbox import Lodging
from graders.wall.session import Session


def run(job: Job, store: Store, journal: Journal | None = None) -> dict[str, Any]:
    """Do a job with what the store of this machine holds.

    Returns:
        `{"tests": {id: TestDoc}, "answers": {"0": AnswersDoc}, "scores": {id: ScoreDoc}, "runtime": {...},
        "toolkit_failure": None or {"reason", "evidence"}}`; stages that a toolkit failure kept from happening are
        absent.
    """
    document: dict[str, Any] = {"tests": {}, "answers": {}, "scores": {}, "runtime": {}, "toolkit_failure": None}
    journal = journal or Silent()
    try:
        try:
            _run(job, store, document, journal)
        except MemoryError:  # the limit of this process, wherever the present question reached it
            journal.give_up()
    except ToolkitFailure as failure:
        document["toolkit_failure"] = {"reason": failure.reason, "evidence": str(failure)[:8000]}
    except UserError as error:  # such as a data folder that is not there: the words say what and where
        document["toolkit_failure"] = {"reason": DataFailure.reason, "evidence": str(error)[:8000]}
    except Exception:  # noqa: BLE001 - a defect of ours; what was found before it stands
        document["toolkit_failure"] = {"reason": InternalFailure.reason, "evidence": traceback.format_exc()[-8000:]}
    return document


def _run(job: Job, store: Store, document: dict[str, Any], journal: Journal) -> None:
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
        with _session(job, store, document, patience, journal, forgets=not shared) as session:
            if tests:
                document["tests"].update(_check(job, session, interface, memory, journal))
            journal.hold(memory)
            for repeat in repeats:
                document["answers"][str(repeat)] = measure(
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
                journal.came("answers", str(repeat), document["answers"][str(repeat)])
    journal.hold(memory)
    known = {**{str(k): v for k, v in job.answers.items()}, **document["answers"]}
    for id in job.scores:
        repeats_known = [known.get(str(repeat)) for repeat in sorted(sets)]
        if all(repeats_known):
            journal.begins(Question("score", id, WHOLE), allowance.score_cpu_s(list(sets.values())))
            answers = [load_answers(store.answers, doc) for doc in repeats_known if doc is not None]
            document["scores"][id] = _scored(job, id, [sets[repeat] for repeat in sorted(sets)], answers, journal)
            journal.came("scores", id, document["scores"][id])


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
    job: Job, store: Store, document: dict[str, Any], patience: Patience, journal: Journal, *, forgets: bool
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
        spent = document["runtime"].get("sandbox_cpu_s")
        document["runtime"] = info
        yield session
        used = channel.cpu_s()
        info["sandbox_cpu_s"] = used if spent is None or used is None else spent + used


def _scored(
    job: Job, id: str, sets: list[HiddenSet], answers: list[Answers], journal: Journal
) -> dict[str, Any]:
    """The ScoreDoc of a criterion, and what explains it."""
    criterion = _accuracy(job.assignment, id)
    kept = [without(job.void_cases, *pair) for pair in zip(sets, answers, strict=True)]
    sets = [hidden for hidden, _ in kept]
    spoilt = {question.part for question in job.unusable if (question.stage, question.name) == ("score", id)}
    answers = [_spoilt(repeat, *pair, spoilt) for repeat, pair in enumerate(kept)]
    of_case = max(map(allowance.case_cpu_s, sets))

    def begins(part: str) -> None:
        cpu_s = allowance.score_cpu_s(sets) if part in (WHOLE, CASES) else of_case
        journal.begins(Question("score", id, part), cpu_s)

    document = score(job.assignment, criterion, sets, answers, begins, one_by_one=CASES in spoilt)
    explaining = Question("explained", id)
    if explaining in job.unusable:
        return {**document, "explained": {"told": "", "kind": "given up", "evidence": "it took longer than it may"}}
    journal.begins(explaining, allowance.score_cpu_s(sets))
    return {**document, "explained": _explained(job.assignment, criterion, sets, answers, document)}


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
    scored: dict[str, Any],
) -> dict[str, Any] | None:
    """What explains a poor score. It comes after the score and beside it, and nothing of it may harm the mark."""
    try:
        return explain(assignment, criterion, sets, answers, scored)
    except Exception:  # noqa: BLE001 - a defect of an extra; staff read of it
        return {"told": "", "kind": "defect", "evidence": traceback.format_exc()[-2000:]}


def without(void: Collection[str], hidden: HiddenSet, answers: Answers) -> tuple[HiddenSet, Answers]:
    """A hidden set and its answers without the cases declared void, as if they had never been drawn."""
    kept = [place for place, case in enumerate(hidden.cases) if case.id not in void]
    if len(kept) == len(hidden.cases):
        return hidden, answers
    if not kept:
        raise DataFailure("every hidden case was declared void: nothing is left to score")
    inputs = {name: array[kept] for name, array in hidden.inputs.items()}
    cases = tuple(hidden.cases[place] for place in kept)
    failed, told = (
        {new: by_place[old] for new, old in enumerate(kept) if old in by_place}
        for by_place in (answers.failed, answers.told)
    )
    arrays = {name: array[kept] for name, array in answers.arrays.items()}
    return (
        replace(hidden, inputs=inputs, truth=hidden.truth[kept], cases=cases),
        replace(answers, arrays=arrays, failed=failed, told=told),
    )


def _check(
    job: Job, session: Session, interface: Interface, memory_bytes: int, journal: Journal
) -> dict[str, dict[str, Any]]:
    """The TestDocs of the hidden tests; those that reached the host's limits before have failed."""
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
    docs = lost | check(session, questions, [id for id in job.tests if id not in lost], journal)
    return as_documents({id: docs[id] for id in job.tests})


def _interface(path: Path) -> Interface:
    try:
        return read_interface(path)
    except Exception as error:  # an author's file may raise anything: no group's fault
        raise InternalFailure(f"{path} cannot be read: {type(error).__name__}: {error}") from error


def _repeats_needed(job: Job) -> tuple[int, ...]:
    """Scoring combines all repeats; asking needs only those that are missing."""
    seeds = job.assignment.run.seeds
    return tuple(range(seeds)) if job.scores else tuple(sorted(job.repeats))
