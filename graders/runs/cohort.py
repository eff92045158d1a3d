"""Marks many submissions: runs the stages that the ledger lacks, and reads all others from it.

    submissions -> keys -> ledger -> jobs for what is missing -> marker processes -> ledger -> marks

After a kill at any moment, the same call goes on: the ledger holds each recorded stage under its key. A second call
runs nothing if nothing has changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from assignments.assignment import Accuracy, Assignment, Framework
from assignments.data.parts import Prepared
from assignments.digests import digest_of
from assignments.errors import UserError
from graders.asking.ceiling import ceiling
from graders.asking.job import Job, keys_for
from graders.course.course import Course
from graders.course.lock import course_lock
from graders.intake.submission import Submission
from graders.marks.mark import Mark
from graders.record.in_force import Decisions
from graders.record.keys import StageKeys
from graders.record.ledger import Event
from graders.record.store import Store, travelling
from graders.runs.coordinator import Coordinator, Progress, Work
from graders.runs.earlier_stages import EarlierStages
from graders.runs.plan import Marking, Plan, plan_cohort


def grade_cohort(
    marking: Marking,
    submissions: Sequence[Submission],
    *,
    jobs: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_reading: Callable[[int, int, str], None] = lambda *_: None,
    only: Collection[str] | None = None,
    rescore_only: bool = False,
) -> list[Mark]:
    """The marks of `submissions`, in their order. Stages that the ledger lacks run first.

    Args:
        marking: The assignment, and what marks it.
        submissions: In the order of the roster.
        jobs: How many run at once at most; None for as many as the engine has room for.
        on_progress: Called at every step, in the caller's thread.
        on_reading: Called with each subject of a finite source before it is read.
        only: Groups to mark; None for all.
        rescore_only: Whether only stored answers are scored again; no sandbox opens, and what needs one waits.

    Raises:
        UserError: nothing was started, or the disk is full: says what to do.
        EngineFailure: the sandbox's engine does not answer; nothing was started.
        Stopped: Ctrl-C or SIGTERM; what had finished is recorded.
    """
    course, ledger = marking.course, marking.ledger
    chosen = [submission for submission in submissions if only is None or submission.group in only]
    began = time.time()
    with course_lock(course.folder / ".medmark", marking.command):
        plan = plan_cohort(marking, chosen, on_reading)
        stages = ledger.stages(plan.all_keys)
        works = plan.works(stages, course.answers)
        if rescore_only:
            works = [work for work in works if not work.names("test") and not work.names("answers")]
        waiting = {submission.group for work in works for submission in work.submissions}
        unchanged = [submission.group for submission in chosen if submission.group not in waiting]
        for done, group in enumerate(unchanged, 1):
            on_progress(Progress("unchanged", group, done, len(chosen), None))
        if works:
            _check_criteria(marking.assignment)
            if not rescore_only:
                marking.engine.sweep(marking.sandbox, identity_of(course))
            slots = marking.engine.slots(marking.assignment.limits, jobs, marking.sandbox.isolates)
            _make_room(course.answers, ledger.blobs(), before=began)
            _run_works(marking, plan, works, slots, on_progress, done=len(unchanged))
            stages = ledger.stages(plan.all_keys)
        return plan.marks(stages)


def _run_works(
    marking: Marking,
    plan: Plan,
    works: Sequence[Work],
    slots: int,
    on_progress: Callable[[Progress], None],
    *,
    done: int,
) -> None:
    """Run works as one run of the ledger; `done` groups of the plan need none."""
    digest = plan.provenance["assignment_digest"]
    named = travelling(marking.assignment, digest)
    run = str(marking.ledger.start_run(marking.command))
    Coordinator(
        assignment=marking.assignment.id,
        ledger=marking.ledger,
        engine=marking.engine,
        store=_store(marking, works, digest),
        slots=slots,
        job_of=lambda work: _job(marking, plan, named, work, run),
        deadline_of=lambda work: _deadline_s(marking.assignment, work, plan.prepared),
        on_progress=on_progress,
        total=len(plan.submissions),
        done=done,
    ).run_all(works)


def recorded_marks(marking: Marking, submissions: Sequence[Submission], events: Sequence[Event] = ()) -> list[Mark]:
    """The marks that follow from the ledger as it is: nothing runs, and a stage that it lacks withholds a mark.

    A mark that stands is made of its own stages, although an earlier medmark recorded them.

    Args:
        events: All of the assignment: their snapshots say which marks stand.
    """
    plan = plan_cohort(marking, submissions, run=False, draw=marking.ledger.has_stages(marking.assignment.id))
    stages = marking.ledger.stages(plan.all_keys)
    incomplete = plan.incomplete(stages)
    if not incomplete:
        return plan.marks(stages)

    def mark_with(submission: Submission, keys: StageKeys, decisions: Decisions) -> Mark:
        alone = replace(plan, submissions=[submission], keys=[keys], decisions=decisions)
        return alone.marks(marking.ledger.stages(keys.all()))[0]

    earlier_keys = EarlierStages(
        marking.course,
        marking.assignment,
        marking.ledger,
        marking.decisions,
        events,
        tests=[test.id for test in plan.tests],
        scores=[criterion.id for criterion in marking.assignment.criteria if isinstance(criterion, Accuracy)],
        mark_with=mark_with,
    ).keys(submissions, incomplete)
    earlier = marking.ledger.stages(key for keys in earlier_keys.values() for key in keys.all())
    return plan.marks({**stages, **earlier}, earlier_keys)


def _store(marking: Marking, works: Sequence[Work], digest: str) -> Store:
    """The store of this machine, with all that the jobs of these works name."""
    solutions = {work.tree: work.first.folder for work in works if work.first.folder is not None}
    return Store(marking.course.answers, solutions).holding(marking.assignment, digest)


def _job(marking: Marking, plan: Plan, named: Assignment, work: Work, run: str) -> Job:
    """The job of a work; `named` is the assignment as it travels."""
    missing = set(work.names("test"))
    submission = work.first
    # In the order of the file: the tests of a module may share a worker.
    tests = tuple(id for id in work.keys.tests if id in missing)
    repeats = tuple(sorted(int(repeat) for repeat in work.names("answers")))
    scores = tuple(work.names("score"))
    commit = str(submission.commit)
    return Job(
        assignment=named,
        group=submission.group,
        commit=commit,
        solution=work.tree,
        framework=cast(Framework, submission.framework),
        sandbox=marking.sandbox.name,
        keys=keys_for(named, marking.secret, commit, tests, repeats, scored=bool(scores)),
        tests=tests,
        repeats=repeats,
        scores=scores,
        answers=dict(work.answers),
        data=dict(enumerate(plan.sets)),
        prepared=plan.prepared,
        void_cases=marking.decisions.void_cases,
        course=identity_of(marking.course),
        run=run,
        runtime=plan.runtimes.get(submission.framework or "", ""),
    )


def identity_of(course: Course) -> str:
    """The name of a course for its sandboxes, on any machine; it is made of the course's folder."""
    return digest_of(folder=str(course.folder.resolve()))[:32]


def _deadline_s(assignment: Assignment, work: Work, prepared: Prepared | None) -> float:
    cases = None if prepared is None else sum(len(subject.cases) for subject in prepared.of("test"))
    return ceiling(assignment, work.names("test"), len(work.names("answers")), cases).deadline_s


def _check_criteria(assignment: Assignment) -> None:
    """Refuse a criterion that cannot be scored before any solution is asked."""
    # Here, because the metrics bring SciPy and scikit-learn, which a call that runs nothing does not need.
    from graders.scoring.score import check_criterion

    for criterion in assignment.criteria:
        if isinstance(criterion, Accuracy):
            check_criterion(assignment, criterion)


def _make_room(store: Path, referenced: set[str], *, before: float) -> None:
    """Make the folder of stored answers, and delete the files that no stage names: a killed run left them."""
    try:
        store.mkdir(parents=True, exist_ok=True)
        for path in store.iterdir():
            if path.is_file() and path.name not in referenced and path.stat().st_mtime < before:
                path.unlink()
    except OSError as error:
        raise UserError(
            f"{store}: cannot be written ({error.strerror}). Make room there, or correct its permissions."
        ) from error
