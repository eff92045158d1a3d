"""What one marker process does: one job in, one JSON document out. It opens the sandbox and asks; it gives no points.

The document says of every stage what came of it. A failure of ours stands beside what was found before it.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from assignments.assignment import Accuracy, Assignment, Framework
from assignments.data.hidden import HiddenSet, hidden_set
from assignments.interface import Interface, read_interface
from graders.check import Questions, as_documents, check
from graders.failures import DataFailure, InternalFailure, SubmissionFailure, ToolkitFailure, UserError
from graders.measure import load_answers, measure
from graders.sandboxes import SANDBOXES
from graders.sandboxes.sandbox import Lodging
from graders.scoring.forensics import explain
from graders.scoring.score import Answers, score
from graders.session import Session
from graders.tasks import task_named


@dataclass(frozen=True)
class Job:
    """One submission's missing stages. Picklable, so that another engine can carry it to another machine."""

    assignment: Assignment
    group: str
    commit: str
    solution: Path
    """Folder that holds solution.py."""
    framework: Framework
    sandbox: str
    """A name in SANDBOXES."""
    secret: bytes = field(repr=False)
    tests: tuple[str, ...]
    """Hidden tests to run."""
    repeats: tuple[int, ...]
    """Repeats whose answers are to be made."""
    scores: tuple[str, ...]
    """Accuracy criteria to score."""
    answers: dict[int, dict[str, Any]]
    """Documents of answers that exist, by repeat."""
    store: Path
    void_cases: tuple[str, ...] = ()
    """Ids of hidden cases that are left out of the scores."""
    course: str = "none"
    run: str = "none"
    tests_folder: str = "hidden_tests"


def run(job: Job, on_progress: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Do a job.

    Returns:
        `{"tests": {id: TestDoc}, "answers": {"0": AnswersDoc}, "scores": {id: ScoreDoc}, "runtime": {...},
        "toolkit_failure": None or {"reason", "evidence"}}`; stages that a toolkit failure kept from happening are
        absent.
    """
    document: dict[str, Any] = {"tests": {}, "answers": {}, "scores": {}, "runtime": {}, "toolkit_failure": None}
    try:
        _run(job, document, on_progress or (lambda what: None))
    except ToolkitFailure as failure:
        document["toolkit_failure"] = {"reason": failure.reason, "evidence": str(failure)[:8000]}
    except UserError as error:  # such as a data folder that is not there: the words say what and where
        document["toolkit_failure"] = {"reason": DataFailure.reason, "evidence": str(error)[:8000]}
    except Exception:  # noqa: BLE001 - a defect of ours; what was found before it stands
        document["toolkit_failure"] = {"reason": InternalFailure.reason, "evidence": traceback.format_exc()[-8000:]}
    return document


def _run(job: Job, document: dict[str, Any], on_progress: Callable[[str], None]) -> None:
    assignment = job.assignment
    interface = _interface(assignment.folder / "interface.py")
    sets = {repeat: _hidden_set(job, interface, repeat) for repeat in _repeats_needed(job)}
    if job.tests or job.repeats:
        sandbox = SANDBOXES[job.sandbox]()
        lodging = Lodging(job.solution, job.framework, assignment.limits, job.course, job.run)
        with sandbox.open(lodging) as channel:
            session = Session(channel, assignment.limits, job.solution)
            try:
                document["runtime"] = session.begin()
            except SubmissionFailure as failure:  # nothing of the group's has run yet
                raise InternalFailure(f"before the solution was touched: {failure}") from failure
            if job.tests:
                document["tests"] = as_documents(_check(job, session, interface, on_progress))
            for repeat in job.repeats:
                on_progress(f"repeat {repeat + 1}" if len(job.repeats) > 1 else "accuracy")
                document["answers"][str(repeat)] = measure(
                    session,
                    assignment,
                    interface,
                    sets[repeat],
                    secret=job.secret,
                    commit=job.commit,
                    store=job.store,
                )
            document["runtime"]["sandbox_cpu_s"] = channel.cpu_s()
    known = {**{str(k): v for k, v in job.answers.items()}, **document["answers"]}
    for id in job.scores:
        criterion = assignment.criterion(id)
        assert isinstance(criterion, Accuracy)
        repeats = [known.get(str(repeat)) for repeat in sorted(sets)]
        if all(repeats):
            answers = [load_answers(job.store, doc) for doc in repeats if doc is not None]
            hidden = [sets[repeat] for repeat in sorted(sets)]
            kept = [without(job.void_cases, *pair) for pair in zip(hidden, answers, strict=True)]
            asked, answers = [one for one, _ in kept], [one for _, one in kept]
            document["scores"][id] = score(assignment, criterion, asked, answers)
            explained = _explained(assignment, criterion, asked, answers, document["scores"][id])
            document["scores"][id]["explained"] = explained


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


def _check(job: Job, session: Session, interface: Interface, on_progress: Callable[[str], None]) -> dict[str, Any]:
    folder = job.assignment.folder
    doubles = folder / "doubles.py"
    questions = Questions(
        assignment_id=job.assignment.id,
        folder=folder / job.tests_folder,
        interface=interface,
        limits=job.assignment.limits,
        secret=job.secret,
        doubles=doubles.read_text(encoding="utf-8") if doubles.is_file() else "",
    )
    return check(session, questions, job.tests, on_result=lambda name, doc: on_progress(name))


def _interface(path: Path) -> Interface:
    try:
        return read_interface(path)
    except Exception as error:  # an author's file may raise anything: no group's fault
        raise InternalFailure(f"{path} cannot be read: {type(error).__name__}: {error}") from error


def _repeats_needed(job: Job) -> tuple[int, ...]:
    """Scoring combines all repeats; asking needs only those that are missing."""
    seeds = job.assignment.run.seeds
    return tuple(range(seeds)) if job.scores else tuple(sorted(job.repeats))


def _hidden_set(job: Job, interface: Interface, repeat: int) -> HiddenSet:
    task = task_named(job.assignment.task)
    try:
        inputs = interface.fields(task.entry, "inputs")
        return hidden_set(job.assignment, job.secret, repeat, inputs, task.truth, task.beside)
    except (ToolkitFailure, UserError):
        raise
    except Exception as error:  # a source of an author's own may raise anything
        raise DataFailure(f"{job.assignment.data.source}: {type(error).__name__}: {error}") from error
