"""Marks many submissions: runs the stages that the ledger lacks, and reads all others from it.

    submissions -> keys -> ledger -> jobs for what is missing -> marker processes -> ledger -> marks

After a kill at any moment, the same call goes on: the ledger holds each recorded stage under its key. A second call
runs nothing if nothing has changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from assignments.assignment import Accuracy, Assignment, Framework
from assignments.data.hidden import SetDigests
from assignments.data.streams import fingerprint
from assignments.declared_tests import DeclaredTest
from assignments.digests import digest_of
from assignments.errors import UserError
from assignments.load import folder_digest, hidden_tests
from graders.asking.allowance import ceiling
from graders.asking.job import Job, keys_for
from graders.course.course import Course
from graders.course.lock import course_lock
from graders.failures import ImageFailure
from graders.intake.submission import Submission
from graders.marks.findings import HandedIn, MarkDecisions, mark_of
from graders.marks.mark import NOT_GRADED, Mark, Status
from graders.record.documents import AnswersResult, JobResult, Trouble
from graders.record.in_force import Decisions, within_parts
from graders.record.keys import StageInputs, StageKeys, scored_with, stage_inputs
from graders.record.ledger import Event, Ledger, Stage
from graders.record.manifest import set_digests
from graders.record.proof_status import proof_status
from graders.record.store import Store, travelling
from graders.runs.coordinator import Coordinator, Progress, Work
from graders.runs.earlier_stages import EarlierStages
from graders.runs.engines.engine import Engine
from graders.runs.engines.processes import Processes
from graders.version import medmark_version
from graders.wall.sandboxes.sandbox import Sandbox

MADE_EARLIER = "an earlier medmark, or with another assignment, image or NumPy; run medmark grade to renew it"
UNKNOWN_OF_EARLIER = ("medmark", "assignment_digest", "rehearsal", "data_digest", "image_digest", "scored_with")
NOTHING_RECORDED = Trouble(NOT_GRADED, "nothing is recorded: run medmark grade")


@dataclass(frozen=True)
class Marking:
    """One assignment of a course and what marks it: the same for every submission."""

    course: Course
    """Its folder holds the lock and the stored answers."""
    assignment: Assignment
    """With the limits and data that the course sets."""
    secret: bytes = field(repr=False)
    """The course's."""
    sandbox: Sandbox
    """Where solutions run."""
    ledger: Ledger
    """The course's, open."""
    decisions: Decisions
    """People's decisions: points, and tests and cases that are void."""
    engine: Engine = field(default_factory=Processes)
    """The engine that does the jobs; it can be stopped once."""
    command: str = "medmark grade"
    """The command as the person typed it, for the lock and the record."""


def grade_cohort(
    marking: Marking,
    submissions: Sequence[Submission],
    *,
    jobs: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    only: Collection[str] | None = None,
    rescore_only: bool = False,
) -> list[Mark]:
    """The marks of `submissions`, in their order. Stages that the ledger lacks run first.

    Args:
        marking: The assignment, and what marks it.
        submissions: In the order of the roster.
        jobs: How many run at once at most; None for as many as the engine has room for.
        on_progress: Called at every step, in the caller's thread.
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
        plan = plan_cohort(marking, chosen)
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
                marking.sandbox.sweep(identity_of(course))
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
        deadline_of=lambda work: _deadline_s(marking.assignment, work),
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
    plan = plan_cohort(marking, submissions)
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


@dataclass(frozen=True)
class Plan:
    """The stages of a cohort's submissions, with their keys."""

    assignment: Assignment
    tests: tuple[DeclaredTest, ...]
    submissions: Sequence[Submission]
    keys: Sequence[StageKeys | None]
    """The keys of each submission's stages; None where it cannot be run."""
    sets: Sequence[SetDigests]
    """Of each repeat's hidden set; none where nothing is scored."""
    inputs: Mapping[str, StageInputs | ImageFailure]
    """By framework; the failure where there is no runtime for it."""
    provenance: Mapping[str, Any]
    runtimes: Mapping[str, str]
    decisions: Decisions

    @property
    def all_keys(self) -> list[str]:
        """The key of every stage of the cohort."""
        return [key for keys in self.keys if keys is not None for key in keys.all()]

    def works(self, stages: Mapping[str, Stage], store: Path) -> list[Work]:
        """The works to run: one for each different solution, in the order of the submissions."""
        works: dict[str, Work] = {}
        for submission, keys in zip(self.submissions, self.keys, strict=True):
            if keys is None:
                continue
            solution = f"{submission.framework} {submission.tree}"
            works.setdefault(solution, Work([], keys)).submissions.append(submission)
        final = {key: stage for key, stage in stages.items() if stage.status == "final"}
        for work in works.values():
            work.missing |= {("test", id) for id, key in work.keys.tests.items() if key not in final}
            scores = [id for id, key in work.keys.scores.items() if key not in final]
            work.missing |= {("score", id) for id in scores}
            # Answers are needed only for scores.
            for repeat, key in work.keys.answers.items() if scores else ():
                stage = final.get(key)
                # Without a file every case has failed, and there are no answers to store.
                result = stage.document if stage is not None else None
                if isinstance(result, AnswersResult) and (result.file is None or (store / result.file).is_file()):
                    work.answers[repeat] = result
                else:
                    work.missing.add(("answers", str(repeat)))
        return [work for work in works.values() if work.missing]

    def incomplete(self, stages: Mapping[str, Stage]) -> list[Submission]:
        """The submissions that could be marked, but lack a test or score under its key of today."""
        return [
            submission
            for submission, keys in zip(self.submissions, self.keys, strict=True)
            if submission.tree is not None
            and (keys is None or any(key not in stages for key in (*keys.tests.values(), *keys.scores.values())))
        ]

    def marks(self, stages: Mapping[str, Stage], earlier_keys: Mapping[str, StageKeys] | None = None) -> list[Mark]:
        """The groups' marks, as they follow from the ledger's stages and people's decisions.

        Args:
            earlier_keys: By group: the keys of the stages of its mark that stands, in place of today's.
        """
        marks = []
        for submission, keys in zip(self.submissions, self.keys, strict=True):
            earlier = (earlier_keys or {}).get(submission.group)
            names = earlier or keys or StageKeys({}, {}, {})
            inputs = self.inputs.get(submission.framework or "")
            runs = inputs is not None and submission.folder is not None
            trouble = Trouble(inputs.reason, str(inputs)) if isinstance(inputs, ImageFailure) else NOTHING_RECORDED
            mark = mark_of(
                self.assignment,
                self.tests,
                HandedIn(submission.group, submission.commit, "" if runs else _refusal(submission)),
                _recorded(names, stages, trouble),
                MarkDecisions(self._points(submission.group), self.decisions.void_tests),
                self._provenance(submission, names, earlier is not None),
            )
            # A submission that waits for a decision is not missing.
            marks.append(replace(mark, status=Status.WITHHELD) if submission.waits else mark)
        return marks

    def _points(self, group: str) -> dict[str, Decimal]:
        points = within_parts(self.decisions.points(group), self.assignment)
        return {criterion: agreed.points for criterion, agreed in points.items()}

    def _provenance(self, submission: Submission, keys: StageKeys, earlier: bool) -> dict[str, Any]:
        return {
            **self.provenance,
            "framework": submission.framework,
            "image_digest": self.runtimes.get(submission.framework or ""),
            "tree": submission.tree,
            "seen_at": submission.seen_at,
            # The group reads which files were left out, and what to do; staff read it too.
            "flags": [*submission.flags, *submission.problems],
            "stages": {"tests": keys.tests, "answers": keys.answers, "scores": keys.scores},
            # The ledger does not hold what it was marked with then.
            **(dict.fromkeys(UNKNOWN_OF_EARLIER) | {"made_by": MADE_EARLIER} if earlier else {}),
        }


def plan_cohort(marking: Marking, submissions: Sequence[Submission]) -> Plan:
    """The stages of each submission, with their keys; nothing runs, and the ledger is not read."""
    assignment = marking.assignment
    tests = hidden_tests(assignment)
    scored = any(isinstance(criterion, Accuracy) for criterion in assignment.criteria)
    sets = set_digests(assignment, marking.secret, marking.course.folder / ".medmark/data.json") if scored else []
    frameworks = {submission.framework for submission in submissions}
    outcomes = {name: _runtime(marking, name) for name in assignment.frameworks if name in frameworks}
    failures: dict[str, ImageFailure] = {n: item for n, item in outcomes.items() if isinstance(item, ImageFailure)}
    runtimes: dict[str, str] = {n: item for n, item in outcomes.items() if isinstance(item, str)}
    inputs = stage_inputs(
        assignment,
        tests,
        sets,
        runtimes=runtimes,
        secret=fingerprint(marking.secret),
        void_cases=marking.decisions.void_cases,
    )
    return Plan(
        assignment,
        tests,
        submissions,
        [_keys(submission, inputs.get(submission.framework or "")) for submission in submissions],
        sets,
        {**inputs, **failures},
        _common_provenance(marking, sets),
        runtimes,
        marking.decisions,
    )


def _runtime(marking: Marking, framework: Framework) -> str | ImageFailure:
    """The runtime of a framework; without one its groups' marks are withheld, and others can be marked."""
    try:
        return marking.sandbox.runtime(framework)
    except ImageFailure as failure:
        return failure


def _common_provenance(marking: Marking, sets: Sequence[SetDigests]) -> dict[str, Any]:
    """The provenance that all marks of a cohort share."""
    assignment, sandbox, decisions = marking.assignment, marking.sandbox, marking.decisions
    void = [*decisions.void_tests, *decisions.void_cases]
    packages: dict[str, str] = {}
    for criterion in assignment.criteria:
        if isinstance(criterion, Accuracy):
            packages |= scored_with(assignment, criterion)
    return {
        **({"void": void} if void else {}),
        "medmark": medmark_version(),
        "assignment": assignment.id,
        "assignment_digest": folder_digest(assignment),
        "rehearsal": proof_status(assignment).as_json(),
        "secret_fingerprint": fingerprint(marking.secret),
        "sandbox": sandbox.name,
        "isolated": sandbox.isolates,
        "data_digest": digest_of(sets=[[s.train, s.inputs, s.truth] for s in sets]) if sets else None,
        "scored_with": packages or None,
    }


def _keys(submission: Submission, inputs: StageInputs | None) -> StageKeys | None:
    if submission.commit is None or submission.folder is None or submission.tree is None or inputs is None:
        return None
    return inputs.of(submission.tree)


def _recorded(keys: StageKeys, stages: Mapping[str, Stage], trouble: Trouble) -> JobResult:
    """The stages of one submission that the ledger holds; `trouble` is why others are missing."""
    result = JobResult(trouble=trouble)
    for name, key in (*keys.tests.items(), *keys.scores.items()):
        if key in stages:
            result = result.with_stage(name, stages[key].document)
    return result


def _refusal(submission: Submission) -> str:
    """Why a commit cannot be run, in the intake's words."""
    return "; ".join(submission.problems) or "there is no solution that can be run"


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
        void_cases=marking.decisions.void_cases,
        course=identity_of(marking.course),
        run=run,
    )


def identity_of(course: Course) -> str:
    """The name of a course for its sandboxes, on any machine; it is made of the course's folder."""
    return digest_of(folder=str(course.folder.resolve()))[:32]


def _deadline_s(assignment: Assignment, work: Work) -> float:
    return ceiling(assignment, work.names("test"), len(work.names("answers"))).deadline_s


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
