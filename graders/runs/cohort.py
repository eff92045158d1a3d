"""Marks many submissions: what the ledger lacks is run, all else is read from it. No verdict is made here.

    submissions -> keys -> ledger -> jobs for what is missing -> marker processes -> ledger -> marks

Killed at any moment, the same call goes on: what was recorded is found again by its key. A second call with nothing
changed runs nothing.
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
from graders.marks.mark import NOT_GRADED, HandedIn, Mark, MarkDecisions, Status, mark_of
from graders.record.documents import AnswersResult, JobResult, Trouble
from graders.record.in_force import Decisions, within_parts
from graders.record.keys import StageInputs, StageKeys, scored_with, stage_inputs
from graders.record.ledger import Event, Ledger, Stage
from graders.record.manifest import set_digests
from graders.record.proof_status import proof_status
from graders.record.store import Store, travelling
from graders.runs.coordinator import Coordinator, Progress, Work
from graders.runs.engines.engine import Engine
from graders.runs.engines.processes import Processes
from graders.runs.standing_stages import Standing
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
    """With the course's own limits and data."""
    secret: bytes = field(repr=False)
    """The course's."""
    sandbox: Sandbox
    """Where solutions run."""
    ledger: Ledger
    """The course's, open."""
    decisions: Decisions
    """What persons decided: points they gave, tests and cases that are void."""
    engine: Engine = field(default_factory=Processes)
    """What does the jobs; it can be stopped once."""
    command: str = "medmark grade"
    """What the person typed, for the lock and the record."""


def grade_cohort(
    marking: Marking,
    submissions: Sequence[Submission],
    *,
    jobs: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    only: Collection[str] | None = None,
    rescore_only: bool = False,
) -> list[Mark]:
    """The marks of `submissions`, in their order; what the ledger does not hold is run first.

    Args:
        marking: What is marked and with what.
        submissions: In the order of the roster.
        jobs: At most so many at once; None for as many as the engine carries.
        on_progress: Told of every step, in the caller's thread.
        only: Groups to mark; None for all.
        rescore_only: Whether only stored answers are scored again; no sandbox is opened, and what needs one waits.

    Raises:
        UserError: nothing was started, or the disk is full: says what to do.
        EngineFailure: the sandbox's engine does not answer; nothing was started.
        Stopped: Ctrl-C or SIGTERM; what had finished is recorded.
    """
    course, assignment, ledger = marking.course, marking.assignment, marking.ledger
    chosen = [submission for submission in submissions if only is None or submission.group in only]
    began = time.time()
    with course_lock(course.folder / ".medmark", marking.command):
        plan = plan_cohort(marking, chosen)
        known = ledger.stages(plan.all_keys)
        works = plan.works(known, course.answers)
        if rescore_only:
            works = [work for work in works if not work.names("test") and not work.names("answers")]
        waiting = {submission.group for work in works for submission in work.submissions}
        unchanged = [submission.group for submission in chosen if submission.group not in waiting]
        for done, group in enumerate(unchanged, 1):
            on_progress(Progress("unchanged", group, done, len(chosen), None))
        if works:
            _check_criteria(assignment)
            if not rescore_only:
                marking.sandbox.sweep(identity_of(course))
            slots = marking.engine.slots(assignment.limits, jobs, marking.sandbox.isolates)
            _make_room(course.answers, ledger.blobs(), before=began)
            number = ledger.start_run(marking.command)
            named = travelling(assignment, plan.provenance["assignment_digest"])
            Coordinator(
                assignment=assignment.id,
                ledger=ledger,
                engine=marking.engine,
                store=_store(marking, works, plan.provenance["assignment_digest"]),
                slots=slots,
                job_of=lambda work: _job(marking, plan, named, work, str(number)),
                deadline_of=lambda work: _deadline_s(assignment, work),
                on_progress=on_progress,
                total=len(chosen),
                done=len(unchanged),
            ).run_all(works)
            known = ledger.stages(plan.all_keys)
        return plan.marks(known)


def recorded_marks(marking: Marking, submissions: Sequence[Submission], events: Sequence[Event] = ()) -> list[Mark]:
    """The marks that the ledger gives as it is: nothing is run, and what is not recorded withholds a mark.

    A mark that stands is made of the stages that it came from, though an earlier medmark recorded them.

    Args:
        events: All of the assignment: their snapshots say which marks stand.
    """
    plan = plan_cohort(marking, submissions)
    known = marking.ledger.stages(plan.all_keys)
    incomplete = plan.incomplete(known)
    if not incomplete:
        return plan.marks(known)

    def mark_with(submission: Submission, keys: StageKeys, decisions: Decisions) -> Mark:
        alone = replace(plan, submissions=[submission], keys=[keys], decisions=decisions)
        return alone.marks(marking.ledger.stages(keys.all()))[0]

    standing = Standing(
        marking.course, marking.assignment, marking.ledger, marking.decisions, events,
        tests=[test.id for test in plan.tests],
        scores=[criterion.id for criterion in marking.assignment.criteria if isinstance(criterion, Accuracy)],
        mark_with=mark_with,
    ).keys(submissions, incomplete)  # fmt: skip
    earlier = marking.ledger.stages(key for keys in standing.values() for key in keys.all())
    return plan.marks({**known, **earlier}, standing)


@dataclass(frozen=True)
class Plan:
    """All that is asked of a cohort, with the key of every piece of it."""

    assignment: Assignment
    tests: tuple[DeclaredTest, ...]
    submissions: Sequence[Submission]
    keys: Sequence[StageKeys | None]
    """The keys of each submission's stages; None where there is nothing that can be run."""
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

    def works(self, known: Mapping[str, Stage], store: Path) -> list[Work]:
        """What is to be run, one work for each different solution, in the order of the submissions."""
        works: dict[str, Work] = {}
        for submission, keys in zip(self.submissions, self.keys, strict=True):
            if keys is None:
                continue
            solution = f"{submission.framework} {submission.tree}"
            works.setdefault(solution, Work([], keys)).submissions.append(submission)
        final = {key: stage for key, stage in known.items() if stage.status == "final"}
        for work in works.values():
            work.missing |= {("test", id) for id, key in work.keys.tests.items() if key not in final}
            scores = [id for id, key in work.keys.scores.items() if key not in final]
            work.missing |= {("score", id) for id in scores}
            # Answers are needed to be scored, and for nothing else.
            for repeat, key in work.keys.answers.items() if scores else ():
                stage = final.get(key)
                # Without a file every case has failed, and there is nothing to keep.
                found = stage.document if stage is not None else None
                if isinstance(found, AnswersResult) and (found.file is None or (store / found.file).is_file()):
                    work.answers[repeat] = found
                else:
                    work.missing.add(("answers", str(repeat)))
        return [work for work in works.values() if work.missing]

    def incomplete(self, known: Mapping[str, Stage]) -> list[Submission]:
        """What could be marked, and of which a test or a score is not recorded under its key of today."""
        return [
            submission
            for submission, keys in zip(self.submissions, self.keys, strict=True)
            if submission.tree is not None
            and (keys is None or any(key not in known for key in (*keys.tests.values(), *keys.scores.values())))
        ]

    def marks(self, known: Mapping[str, Stage], standing: Mapping[str, StageKeys] | None = None) -> list[Mark]:
        """The groups' marks as the ledger's stages and what persons decided give them.

        Args:
            standing: By group: the keys of the stages that its standing mark came from, in place of today's.
        """
        marks = []
        for submission, keys in zip(self.submissions, self.keys, strict=True):
            earlier = (standing or {}).get(submission.group)
            names = earlier or keys or StageKeys({}, {}, {})
            inputs = self.inputs.get(submission.framework or "")
            runs = inputs is not None and submission.folder is not None
            trouble = Trouble(inputs.reason, str(inputs)) if isinstance(inputs, ImageFailure) else NOTHING_RECORDED
            mark = mark_of(
                self.assignment,
                self.tests,
                HandedIn(submission.group, submission.commit, "" if runs else _refusal(submission)),
                _recorded(names, known, trouble),
                MarkDecisions(self._points(submission.group), self.decisions.void_tests),
                self._provenance(submission, names, earlier is not None),
            )
            # A hand-in that waits for a decision is not missing.
            marks.append(replace(mark, status=Status.WITHHELD) if submission.waits else mark)
        return marks

    def _points(self, group: str) -> dict[str, Decimal]:
        given = within_parts(self.decisions.points(group), self.assignment)
        return {criterion: made.points for criterion, made in given.items()}

    def _provenance(self, submission: Submission, keys: StageKeys, earlier: bool) -> dict[str, Any]:
        return {
            **self.provenance,
            "framework": submission.framework,
            "image_digest": self.runtimes.get(submission.framework or ""),
            "tree": submission.tree,
            "seen_at": submission.seen_at,
            # What was left out of a hand-in is told to the group with its cure; staff look at it too.
            "flags": [*submission.flags, *submission.problems],
            "stages": {"tests": keys.tests, "answers": keys.answers, "scores": keys.scores},
            # What it was marked with then is not recorded.
            **(dict.fromkeys(UNKNOWN_OF_EARLIER) | {"made_by": MADE_EARLIER} if earlier else {}),
        }


def plan_cohort(marking: Marking, submissions: Sequence[Submission]) -> Plan:
    """What is asked of each submission, with its keys; nothing is run and the ledger is not read."""
    assignment, secret, sandbox, decisions = marking.assignment, marking.secret, marking.sandbox, marking.decisions
    tests = hidden_tests(assignment)
    scored = any(isinstance(criterion, Accuracy) for criterion in assignment.criteria)
    sets = set_digests(assignment, secret, marking.course.folder / ".medmark/data.json") if scored else []
    inputs: dict[str, StageInputs | ImageFailure] = {}
    runtimes: dict[str, str] = {}
    for framework in assignment.frameworks:
        if not any(submission.framework == framework for submission in submissions):
            continue
        try:
            runtime = runtimes[framework] = sandbox.runtime(framework)
        except ImageFailure as failure:
            # Groups of the other framework can be marked; these are withheld.
            inputs[framework] = failure
            continue
        inputs[framework] = stage_inputs(
            assignment, tests, sets, framework=framework, runtime=runtime, secret=fingerprint(secret),
            void_cases=decisions.void_cases,
        )  # fmt: skip
    packages: dict[str, str] = {}
    for criterion in assignment.criteria:
        if isinstance(criterion, Accuracy):
            packages |= scored_with(assignment, criterion)
    void = {"void": [*decisions.void_tests, *decisions.void_cases]}
    provenance = {
        **(void if void["void"] else {}),
        "medmark": medmark_version(),
        "assignment": assignment.id,
        "assignment_digest": folder_digest(assignment),
        "rehearsal": proof_status(assignment).as_json(),
        "secret_fingerprint": fingerprint(secret),
        "sandbox": sandbox.name,
        "isolated": sandbox.isolates,
        "data_digest": digest_of(sets=[[s.train, s.inputs, s.truth] for s in sets]) if sets else None,
        "scored_with": packages or None,
    }
    keys = [_keys(submission, inputs.get(submission.framework or "")) for submission in submissions]
    return Plan(assignment, tests, submissions, keys, sets, inputs, provenance, runtimes, decisions)


def _keys(submission: Submission, inputs: StageInputs | ImageFailure | None) -> StageKeys | None:
    if submission.commit is None or submission.folder is None or submission.tree is None:
        return None
    return inputs.of(submission.tree) if isinstance(inputs, StageInputs) else None


def _recorded(keys: StageKeys, known: Mapping[str, Stage], trouble: Trouble) -> JobResult:
    """What the ledger holds of one submission's stages; `trouble` is why others are missing."""
    found = JobResult(trouble=trouble)
    for name, key in (*keys.tests.items(), *keys.scores.items()):
        if key in known:
            found = found.with_stage(name, known[key].document)
    return found


def _refusal(submission: Submission) -> str:
    """Why nothing of a commit can be run, in the intake's words."""
    return "; ".join(submission.problems) or "there is no solution that can be run"


def _store(marking: Marking, works: Sequence[Work], digest: str) -> Store:
    """What this machine holds of all that the jobs of these works name."""
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
    """By which the sandboxes of a course are known, on whichever machine; courses are told apart by their folders."""
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
    """Make the folder of stored answers; files there that no stage refers to are what a killed run left: swept."""
    try:
        store.mkdir(parents=True, exist_ok=True)
        for path in store.iterdir():
            if path.is_file() and path.name not in referenced and path.stat().st_mtime < before:
                path.unlink()
    except OSError as error:
        raise UserError(f"{store}: cannot be written ({error.strerror}). Make room there, or correct it.") from error
