"""A job: the missing stages of one submission, and all that is needed to make them.

A job can be carried to another machine. It names folders and files by digest, and each machine looks them up in a store
of its own (`graders.record.store`). The secret of the course never travels: `keys_for` makes the keys that do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from assignments.assignment import Assignment, Data, Framework
from assignments.data.hidden import SetDigests, presented_purpose, purposes_of
from assignments.data.parts import Prepared
from assignments.data.streams import Keys, SecretOrKeys, test_purpose
from graders.asking.journal import QuestionId
from graders.record.documents import AnswersResult, JobResult


def keys_for(
    assignment: Assignment,
    secret: SecretOrKeys,
    commit: str,
    tests: Iterable[str],
    repeats: Iterable[int],
    *,
    scored: bool,
) -> Keys:
    """The keys that travel with a job in place of the course's secret: one for each stream that its stages draw.

    For each hidden test, the key that draws its inputs; the test's source lies in the assignment's folder. For each
    repeat that is asked or scored, the keys that draw its hidden set, truths included: the machine that judges needs
    them. And the key of the order in which this commit is shown the cases. With these keys a machine can draw all that
    the job needs, and nothing of another test, commit, assignment or course.
    """
    needed = range(assignment.run.seeds) if scored else repeats
    purposes = [test_purpose(assignment.id, test) for test in tests]
    purposes += [purpose for repeat in needed for purpose in purposes_of(assignment, repeat)]
    return Keys.of(secret, [*purposes, presented_purpose(assignment.id, commit)])


@dataclass(frozen=True)
class Job:
    """One submission's missing stages, as plain data that can be pickled: no path and no secret of the course."""

    assignment: Assignment
    """As it travels (`graders.record.store.travelling`): digests stand for its folders."""
    group: str
    commit: str
    solution: str
    """Digest of the tree of the folder that holds solution.py."""
    framework: Framework
    sandbox: str
    """A name in SANDBOXES."""
    keys: Keys = field(repr=False)
    """Of the streams that this job draws, and of no other stream (`keys_for`)."""
    tests: tuple[str, ...]
    """Hidden tests to run."""
    repeats: tuple[int, ...]
    """Repeats whose answers are to be made."""
    scores: tuple[str, ...]
    """Accuracy criteria to score."""
    answers: Mapping[int, AnswersResult]
    """Answers that exist, by repeat; each names its file in the store."""
    data: Mapping[int, SetDigests] = field(default_factory=dict)
    """Digests of each repeat's hidden set: a machine that draws other data reports it."""
    prepared: Prepared | None = None
    """The cases of a finite source: digests of arrays, which each machine has in its own cache."""
    void_cases: tuple[str, ...] = ()
    """Ids of hidden cases that are left out of the scores."""
    course: str = "none"
    """Identity of the course, by which its sandboxes are recognised and removed."""
    run: str = "none"
    tests_folder: str = "hidden_tests"
    unusable: tuple[QuestionId, ...] = ()
    """Questions with which earlier markers of this job reached the host's limits: failed, and not asked again."""
    waited: tuple[int, float] = (0, 0.0)
    """Wall limits and idle seconds of earlier markers of this job."""
    runtime: str = ""
    """Digest of the runtime that the solution was planned to run in; empty where nobody planned one."""

    @property
    def drawn_repeats(self) -> tuple[int, ...]:
        """The repeats whose cases the job needs: a score needs all."""
        return tuple(range(self.assignment.run.seeds)) if self.scores else tuple(sorted(self.repeats))

    @property
    def asking_part(self) -> Job:
        """The job that only asks, for a machine without labels: it scores nothing, and has no key that draws a case.

        It has the keys of its hidden tests, and of the order in which its commit is shown the cases. What the hidden
        data are, where they lie, how they were split and whose job it is stay behind.
        """
        assignment = self.assignment
        purposes = [test_purpose(assignment.id, test) for test in self.tests]
        if self.repeats:
            purposes.append(presented_purpose(assignment.id, self.commit))
        own_data = assignment.own_data
        changes = {
            "data": _without_places(assignment.data),
            "own_data": None if own_data is None else _without_places(own_data),
        }
        return replace(
            self,
            assignment=assignment.model_copy(update=changes),
            group="",
            keys=Keys.of(self.keys, purposes),
            scores=(),
            answers={},
            data={},
            prepared=None,
            void_cases=(),
        )

    def after(self, done: JobResult, question: QuestionId | None, waited: tuple[int, float]) -> Job:
        """The rest of the job for another marker: without the stages that are done, and past a question."""
        answers = {**self.answers, **done.answers}
        return replace(
            self,
            tests=tuple(id for id in self.tests if id not in done.tests),
            repeats=tuple(repeat for repeat in self.repeats if repeat not in answers),
            scores=tuple(id for id in self.scores if id not in done.scores),
            answers=answers,
            unusable=(*self.unusable, *((question,) if question else ())),
            waited=waited,
        )


def _without_places(data: Data) -> Data:
    """Values of `[data]` that tell neither where cases lie nor which of them are hidden."""
    return data.model_copy(update={"path": None, "split": None, "split_seed": None, "permission": "", "about": ""})
