"""Plans the marking of a cohort: the stages of its submissions with their keys, and marks from recorded stages.

Nothing runs here, and the ledger is not read. `graders.runs.cohort` runs the stages that the ledger lacks.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from assignments.assignment import Accuracy, Assignment, Framework
from assignments.data.hidden import SetDigests
from assignments.data.parts import Prepared
from assignments.data.prepared import Progress, outside_note
from assignments.data.streams import fingerprint
from assignments.declared_tests import DeclaredTest
from assignments.digests import digest_of
from assignments.errors import UserError
from assignments.load import folder_digest, hidden_tests
from graders.course.course import Course
from graders.failures import ImageFailure
from graders.intake.submission import Submission
from graders.marks.findings import HandedIn, MarkDecisions, mark_of
from graders.marks.mark import NOT_GRADED, Mark, Status
from graders.marks.part_marks import points_of_parts
from graders.record.documents import AnswersResult, JobResult, Trouble
from graders.record.in_force import Decisions
from graders.record.keys import StageInputs, StageKeys, scored_with, stage_inputs
from graders.record.ledger import Ledger, Stage
from graders.record.manifest import Manifest, manifest_of
from graders.record.proof_status import proof_status
from graders.runs.coordinator import Work
from graders.runs.engines.engine import Engine
from graders.runs.engines.processes import Processes
from graders.version import medmark_version
from graders.wall.sandboxes.sandbox import Sandbox

log = logging.getLogger("medmark")
MADE_EARLIER = "an earlier medmark, or with another assignment, image, data or NumPy; run medmark grade to renew it"
UNREAD = SetDigests("unread", "unread", "unread")
"""In place of a hidden set's digests where its cases cannot be read: no stage was recorded with them."""
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
    tolerance: Decimal
    """How far two markers of one part may differ, in per cent of its points."""
    prepared: Prepared | None = None
    """The cases of a finite source."""

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
        return points_of_parts(self.assignment, self.decisions, group, self.tolerance)

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


def plan_cohort(
    marking: Marking,
    submissions: Sequence[Submission],
    on_reading: Progress = lambda *_: None,
    *,
    run: bool = True,
    draw: bool = True,
) -> Plan:
    """The stages of each submission, with their keys; nothing runs, and the ledger is not read.

    Args:
        on_reading: Called with each subject of a finite source.
        run: Whether the stages are to run. Else the plan does without hidden cases that cannot be read.
        draw: Whether the hidden cases are needed: not to learn that nothing is recorded.

    Raises:
        UserError: the hidden cases cannot be read, and the plan is to run.
    """
    assignment = marking.assignment
    tests = hidden_tests(assignment)
    scored = any(isinstance(criterion, Accuracy) for criterion in assignment.criteria)
    cache = marking.course.folder / ".medmark/data.json"
    try:
        if not scored:
            manifest = Manifest()
        elif draw:
            manifest = manifest_of(assignment, marking.secret, cache, on_reading)
        else:
            manifest = Manifest([UNREAD] * assignment.run.seeds)
    except UserError as error:
        if run:
            raise
        log.warning("%s\nNothing was scored anew: marks are shown as they were recorded.", error)
        manifest = Manifest([UNREAD] * assignment.run.seeds)
    if manifest.prepared is not None and (outside := outside_note(assignment, manifest.prepared)):
        log.warning("%s", outside)
    sets = manifest.digests
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
        marking.course.second_marking.tolerance,
        manifest.prepared,
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
        "data_digest": _data_digest(sets),
        "scored_with": packages or None,
    }


def _data_digest(sets: Sequence[SetDigests]) -> str | None:
    """The digest of all hidden sets; None where there are none, or they cannot be read."""
    if not sets or UNREAD in sets:
        return None
    return digest_of(sets=[[each.train, each.inputs, each.truth] for each in sets])


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
