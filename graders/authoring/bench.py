"""The bench of a rehearsal: one local session with one framework, in which many trusted solutions answer in turn.

Importing TensorFlow takes five seconds, a worker for another solution 0.03 s: so a framework is imported once. The
bench judges nothing, and uses and records nothing of a course.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from assignments.assignment import Accuracy, Anchors, Assignment, Framework
from assignments.data.hidden import HiddenSet
from assignments.data.prepared import Prepared
from assignments.data.source import Arrays, Draw
from assignments.data.streams import PUBLISHED
from assignments.derived.interface import solution_interface
from assignments.errors import MedmarkError
from assignments.interface import Interface
from assignments.testing import latest
from graders.asking.check import WRONG, CodeTests, run_tests
from graders.asking.measure import measure
from graders.asking.model_facts import model_facts
from graders.authoring.proving import EarnedShare
from graders.failures import CpuLimit, GpuMemory, MemoryLimit, MetricFailure, WallLimit
from graders.marks.findings import caps_that_hold, share_of_points
from graders.metrics import Floats
from graders.record.answer_files import load_answers
from graders.record.answers import Answers
from graders.record.calibration import secret_of
from graders.record.documents import AnswersResult, ScoreResult, TestResult
from graders.record.manifest import declared_set
from graders.scoring.score import score
from graders.wall.sandboxes.local import Local
from graders.wall.sandboxes.sandbox import Channel, SandboxSpec
from graders.wall.session import Session

LIMITS_OF_A_MACHINE = frozenset({CpuLimit.reason, WallLimit.reason, MemoryLimit.reason, GpuMemory.reason})
"""Reasons that another machine, or another day, may not give."""

MOST_DRAWS = 64
"""Draws of small cases that a bench remembers: more than all tests of an assignment make."""


class LocalBench:
    """Asks solutions of one framework; each question names the folder of its solution."""

    def __init__(
        self, session: Session, assignment: Assignment, framework: Framework, interface: Interface, store: Path
    ) -> None:
        self._session = session
        self._assignment = assignment
        self._framework = framework
        self._interface = interface
        self._store = store
        facts = model_facts(assignment, interface, framework)
        self._facts = facts and replace(facts, small_cases=drawn_once(facts.small_cases))
        self._sets: dict[tuple[int, str], HiddenSet] = {}

    @property
    def versions(self) -> dict[str, str]:
        """Names and versions of what the solutions run with."""
        return dict(self._session.info["versions"])

    def check(
        self, solution: Path, tests: Sequence[str], draw: int = 0, *, same_as: str = ""
    ) -> Mapping[str, TestResult]:
        """The hidden tests' results, with inputs of the n-th draw. It runs all, whatever they are the same as."""
        code_tests = CodeTests.of(
            self._assignment,
            self._interface,
            secret_of(draw),
            solution=str(solution),
            facts=self._facts,
        )
        return run_tests(self._session, code_tests, tests)

    def check_public(self, solution: Path, tests: Sequence[str]) -> Mapping[str, TestResult]:
        """The public tests' results, with the inputs that every student gets."""
        code_tests = CodeTests.of(self._assignment, self._interface, PUBLISHED, "public_tests", solution=str(solution))
        return run_tests(self._session, code_tests, tests)

    def expected(self, solution: Path, test: str, draw: int) -> Floats | None:
        """What a hidden test expects, flat, by the comparison by which it fails; None if it ends otherwise."""
        result = self.check(solution, [test], draw)[test]
        comparison = latest.get() if result.cause is not None and result.cause.reason == WRONG else None
        return None if comparison is None else comparison.expected.astype(np.float64).ravel()

    def share(self, solution: Path) -> EarnedShare:
        """Share of the accuracy points on one repeat, asked as a submission is."""
        scores, result = self.scores(self._assignment, solution, draw=0)
        causes = {cause.reason for cause in (result.cause, *result.states) if cause is not None}
        lasting = result.verdict != "unknown" and not result.flags and not causes & LIMITS_OF_A_MACHINE
        return EarnedShare(share_of(self._assignment, scores), lasting)

    def scores(
        self, assignment: Assignment, solution: Path, *, draw: int
    ) -> tuple[dict[str, ScoreResult], AnswersResult]:
        """The score of each accuracy criterion on one repeat of `assignment`, and the answers behind it."""
        key = (draw, assignment.data.model_dump_json())
        if key not in self._sets:
            self._sets[key] = drawn(assignment, self._interface, draw)
        hidden = self._sets[key]
        result, answers = self.answers(assignment, solution, hidden, draw=draw)
        return scored(assignment, hidden, answers), result

    def answers(
        self, assignment: Assignment, solution: Path, hidden: HiddenSet, *, draw: int
    ) -> tuple[AnswersResult, Answers]:
        """The result of asking on the n-th draw, and the answers."""
        result = measure(
            self._session,
            assignment,
            self._interface,
            hidden.input_set,
            secret=secret_of(draw),
            commit="rehearsal",
            store=self._store,
            solution=str(solution),
        )
        return result, load_answers(self._store, result)


def opener(assignment: Assignment) -> Callable[[Framework], AbstractContextManager[LocalBench]]:
    """A function that opens a bench for a framework: `graders.authoring.proving.OpenBench` in the local sandbox."""

    return partial(_opened, assignment)


@contextmanager
def _opened(assignment: Assignment, framework: Framework) -> Iterator[LocalBench]:
    interface = solution_interface(assignment)
    with tempfile.TemporaryDirectory(prefix="medmark-bench-") as folder:
        nobody = Path(folder) / "solution"
        nobody.mkdir()
        spec = SandboxSpec(nobody, framework, assignment.limits)
        with ExitStack() as stack:

            def channel() -> Channel:
                stack.close()
                return stack.enter_context(Local().open(spec))

            session = Session(channel(), assignment.limits, reopen=channel, reopens=(MedmarkError,))
            session.begin()
            yield LocalBench(session, assignment, framework, interface, Path(folder) / "answers")


def drawn_once(draw: Draw) -> Draw:
    """The same draw, which makes equal cases once: a test draws for every mistake what it drew for the reference."""
    drawings: dict[str, tuple[Arrays, Mapping[str, Any]]] = {}

    def same(n: int, rng: np.random.Generator) -> Arrays:
        before = f"{n} of {rng.bit_generator.state}"
        if before not in drawings:
            drawings[before] = draw(n, rng), rng.bit_generator.state
        if len(drawings) > MOST_DRAWS:
            drawings.pop(next(iter(drawings)))
        cases, rng.bit_generator.state = drawings[before]
        return {key: array.copy() for key, array in cases.items()}

    return same


def drawn(assignment: Assignment, interface: Interface, draw: int, prepared: Prepared | None = None) -> HiddenSet:
    """The hidden set of the n-th draw. The cases of a finite source are prepared now unless they are given."""
    return declared_set(assignment, interface, secret_of(draw), 0, prepared)


def scored(assignment: Assignment, hidden: HiddenSet, answers: Answers) -> dict[str, ScoreResult]:
    """The score of each accuracy criterion for one set of answers.

    Raises:
        MetricFailure: a score could not be computed, by a fault of the assignment or the toolkit.
    """
    scores = {}
    for criterion in assignment.criteria:
        if isinstance(criterion, Accuracy):
            result = score(assignment, criterion, [hidden], [answers])
            if result.measured is None:
                raise MetricFailure(f"{criterion.id}: {result.evidence}")
            scores[criterion.id] = result
    return scores


def share_of(assignment: Assignment, scores: Mapping[str, ScoreResult]) -> float:
    """Share of all accuracy points that scores earn, caps included; a criterion without anchors gives none."""
    earned, possible = 0.0, 0
    for criterion in assignment.criteria:
        if isinstance(criterion, Accuracy) and isinstance(criterion.anchors, Anchors):
            result = scores[criterion.id]
            ceilings = [cap.at for cap in caps_that_hold(criterion, assignment.data.classes, result)]
            whole = share_of_points(criterion.anchors, assignment.level, result.measurement.score)
            earned += criterion.points * float(min([whole, *ceilings]))
            possible += criterion.points
    return earned / possible if possible else 0.0
