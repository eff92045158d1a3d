"""Runs what a rehearsal asks of one framework: references, starters, misconceptions and mutants, through a `Bench`.

It judges nothing: `graders.authoring.conclusions` turns what the tests gave into gaps and proofs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from assignments.assignment import Assignment, Framework
from assignments.declared_tests import DeclaredTest
from assignments.misconceptions import Misconception
from graders.authoring.author_texts import AuthorTexts, Revealed
from graders.authoring.given_code import is_tried, write_plain
from graders.authoring.misconceptions import write_solution
from graders.authoring.mutants import DeclaredName, copy_reference, let_remember, mutants_of, write_copy, write_mutant
from graders.authoring.reach import out_of_reach, trains_the_same
from graders.metrics import Floats
from graders.record.documents import TestResult
from graders.record.rehearsal import Mutant

MANY = 5
"""So many misconceptions are worth another run of the reference, which tells the tests that they cannot reach."""
INPUT_DRAWS = 3
"""How often the inputs of the tests are drawn for the references: a reference must pass with all of them."""

TestResults = Mapping[str, TestResult]
OnProgress = Callable[[str, int, int], None]
"""(the step that begins, steps done, steps planned so far)"""


@dataclass(frozen=True)
class EarnedShare:
    """Share of the accuracy points that a solution earns on one repeat; 0 if it does not answer."""

    share: float
    is_lasting: bool = True
    """Whether it would be the same on another day: no limit of time or memory ended a call, and nothing of the toolkit
    failed."""


class Bench(Protocol):
    """Asks many solutions of one framework, one after the other, without importing the framework again."""

    def check(self, solution: Path, tests: Sequence[str], draw: int = 0, *, same_as: str = "") -> TestResults:
        """The result of each hidden test.

        Args:
            solution: The folder of the solution.
            tests: Ids.
            draw: Counts the secrets that the tests' inputs are drawn from.
            same_as: Names solutions that count as equal, whatever their files say: those of one mutant.
        """

    def check_public(self, solution: Path, tests: Sequence[str]) -> TestResults:
        """The result of each public test."""

    def expected(self, solution: Path, test: str, draw: int) -> Floats | None:
        """What a hidden test expects, by the comparison by which it fails; None if it ends otherwise."""

    def share(self, solution: Path) -> EarnedShare:
        """What a solution earns on one repeat."""


OpenBench = Callable[[Framework], AbstractContextManager[Bench]]


@dataclass(frozen=True)
class FrameworkPlan:
    """What a rehearsal runs in one framework."""

    assignment: Assignment
    framework: Framework
    reference: Path
    tests: tuple[DeclaredTest, ...]
    """The hidden tests to run, on whatever runs."""
    asks_reference: bool
    """Whether the reference itself is asked, also alone with each test, and with the public tests."""
    public_tests: tuple[str, ...]
    starters: tuple[Path, ...]
    misconceptions: tuple[Misconception, ...]
    declared: Mapping[str, DeclaredName]
    """The functions and classes whose mutants run; empty in all frameworks but the first."""
    is_first: bool
    """Whether it is the framework in which tests run alone, and mutants."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the tests."""
        return tuple(test.id for test in self.tests)


@dataclass(frozen=True)
class StarterRun:
    """What a starter answered."""

    name: str
    results: TestResults
    share: float | None
    """Of the accuracy points; None where the assignment has none."""


@dataclass(frozen=True)
class MutantRun:
    """What a mutant answered."""

    mutant: Mutant
    results: TestResults


@dataclass(frozen=True)
class FrameworkRun:
    """What each solution of one framework answered."""

    framework: str
    tests: tuple[str, ...]
    """Ids of the hidden tests that ran."""
    reference: tuple[TestResults, ...]
    """By draw; a test that failed with one draw is not run with the next."""
    alone: TestResults
    """Of the tests that share a worker: each run by itself, as the marker does when one test changed."""
    public: TestResults
    """The public tests' results on the reference."""
    with_given_code: TestResults
    """Of the tests that the reference passes: with its given code on models of another class."""
    starters: tuple[StarterRun, ...]
    misconceptions: Mapping[str, TestResults]
    """By id."""
    revealed: tuple[Revealed, ...]
    mutants: tuple[MutantRun, ...]
    seconds: float

    @property
    def sound(self) -> frozenset[str]:
        """Ids of the tests that the reference passes with every draw; of all, where it was not asked."""
        return sound_tests(self.tests, self.reference)

    @property
    def names_used(self) -> Mapping[str, frozenset[str]]:
        """By test: the names of the interface that it used on the reference."""
        return names_used(self.reference, self.alone)


def halves(plan: FrameworkPlan) -> list[FrameworkPlan]:
    """A plan in two parts that can run at once and take about equally long: the second has misconceptions only."""
    steps = INPUT_DRAWS + bool(plan.public_tests) + len(plan.starters) + 1 if plan.asks_reference else 0
    steps += len(plan.declared)  # its mutants: a few, each with few tests
    first = max(0, len(plan.misconceptions) - steps) // 2
    only_mistakes = replace(plan, asks_reference=False, public_tests=(), starters=(), declared={}, is_first=False)
    parts = [
        replace(plan, misconceptions=plan.misconceptions[:first]),
        replace(only_mistakes, misconceptions=plan.misconceptions[first:]),
    ]
    return parts if plan.misconceptions else parts[:1]


def joined(runs: Sequence[FrameworkRun]) -> list[FrameworkRun]:
    """The run of each framework, of the runs of its parts."""
    by_framework: dict[str, list[FrameworkRun]] = {}
    for run in runs:
        by_framework.setdefault(run.framework, []).append(run)
    return [
        replace(
            parts[0],
            misconceptions={id: results for part in parts for id, results in part.misconceptions.items()},
            revealed=tuple(number for part in parts for number in part.revealed if number.test in parts[0].sound),
            seconds=max(part.seconds for part in parts),
        )
        for parts in by_framework.values()
    ]


def sound_tests(ids: Sequence[str], reference: Sequence[TestResults]) -> frozenset[str]:
    """Of these tests, those that passed whenever the reference was asked."""
    return frozenset(id for id in ids if all(id in draw and draw[id].verdict == "passed" for draw in reference))


def names_used(reference: Sequence[TestResults], alone: TestResults) -> dict[str, frozenset[str]]:
    """By test: the names of the interface that it used alone, else with any draw. Among others it inherits theirs."""
    names: dict[str, frozenset[str]] = {}
    for results in reference:
        for test, result in results.items():
            names[test] = names.get(test, frozenset()) | {*result.names_used}
    return names | {test: frozenset(result.names_used) for test, result in alone.items()}


def run_framework(plan: FrameworkPlan, open_bench: OpenBench, scratch: Path, on_progress: OnProgress) -> FrameworkRun:
    """Run a plan."""
    began = time.monotonic()
    steps = _Steps(plan.framework, on_progress)
    needs_reference = plan.asks_reference or bool(plan.declared)
    spares = len(plan.misconceptions) >= MANY and bool(plan.ids)
    steps.planned = len(plan.misconceptions) + len(plan.starters) + bool(plan.public_tests)
    before = plan.reference.read_text(encoding="utf-8")
    with open_bench(plan.framework) as bench:
        solution = copy_reference(scratch / "reference", plan.reference)
        of_reference = _ReferenceRun(())
        if needs_reference or spares:
            remembers = (spares or bool(plan.declared)) and trains_the_same(before, before)
            of_reference = _ask_reference(plan, bench, scratch, steps, solution, remembers=remembers)
        reference = of_reference.results if needs_reference else ()
        sound = sound_tests(plan.ids, reference)
        alone: dict[str, TestResult] = {}
        if plan.is_first and needs_reference:
            for id in [test.id for test in plan.tests if test.id in sound and shares_a_worker(test)]:
                steps.planned += 1
                steps.begin(f"{id} alone")
                alone |= bench.check(solution, [id])
        public: TestResults = {}
        if plan.public_tests:
            steps.begin("public tests")
            public = bench.check_public(solution, plan.public_tests)
        with_given_code: TestResults = {}
        if plan.asks_reference and sound and is_tried(plan.assignment, plan.framework):
            steps.planned += 1
            steps.begin("given code with models of another class")
            plain = write_plain(scratch / "given", plan.assignment, plan.framework, plan.reference)
            with_given_code = bench.check(plain, [id for id in plan.ids if id in sound])
        starters = []
        for path in plan.starters:
            steps.begin(f"starter {path.name}")
            starters.append(_starter(plan, bench, copy_reference(scratch / path.stem, path), path.name))
        failures: dict[str, TestResults] = {}
        passed = (
            {id: of_reference.results[0][id] for id in sound_tests(plan.ids, of_reference.results)} if spares else {}
        )
        reach = names_used([passed], alone) if spares else {}
        for item in plan.misconceptions:
            steps.begin(f"misconception {item.id}")
            copy_reference(_copy(scratch, item.id), plan.reference)
            folder = write_solution(_copy(scratch, item.id), item, plan.framework, plan.reference)
            after = (folder / "solution.py").read_text(encoding="utf-8")
            same = out_of_reach(before, after, reach)
            rest = [id for id in plan.ids if id not in same]
            if of_reference.with_a_model_read.issuperset(rest) and trains_the_same(before, after):
                let_remember(folder)
            ran = bench.check(folder, rest) if rest else {}
            failures[item.id] = {id: passed[id] if id in same else ran[id] for id in plan.ids}
        texts = AuthorTexts(plan.assignment, {test.id: test for test in plan.tests})
        failed = [
            (item, {id: result for id, result in failures[item.id].items() if id in sound})
            for item in plan.misconceptions
        ]
        revealed = texts.revealing(failed, lambda id, test, draw: bench.expected(_copy(scratch, id), test, draw))
        used = {test: names for test, names in names_used(reference, alone).items() if test in sound}
        mutants = _mutants(plan, bench, scratch, steps, used, of_reference.with_a_model_read)
        return FrameworkRun(
            plan.framework,
            plan.ids,
            reference,
            alone,
            public,
            with_given_code,
            tuple(starters),
            failures,
            tuple(revealed),
            mutants,
            time.monotonic() - began,
        )


@dataclass
class _Steps:
    """Counts the steps of one framework."""

    framework: Framework
    on_progress: OnProgress
    planned: int = 0
    done: int = 0

    def begin(self, text: str) -> None:
        self.done += 1
        self.on_progress(f"{self.framework}: {text}", self.done, max(self.done, self.planned))


def _copy(scratch: Path, name: str) -> Path:
    """The folder of one of the solutions that lie side by side, so that those that train alike train once."""
    return scratch / "copies" / name


@dataclass(frozen=True)
class _ReferenceRun:
    """What the reference answers."""

    results: tuple[TestResults, ...]
    """By turn; a test that failed is not asked again."""
    with_a_model_read: frozenset[str] = frozenset()
    """The tests that pass where `fit` reads what a copy beside it learnt: one may look at what `save` leaves out."""


def _ask_reference(
    plan: FrameworkPlan, bench: Bench, scratch: Path, steps: _Steps, solution: Path, *, remembers: bool
) -> _ReferenceRun:
    """Ask the reference, and two copies of which one trains, and the other reads what that learnt.

    Args:
        solution: The reference itself; it is asked what a copy fails.
        remembers: Whether copies that lie side by side train once; else there are none.
    """
    trains = reads = solution
    if remembers:
        trains, reads = (
            write_copy(_copy(scratch, name), plan.framework, plan.reference, remembers=True)
            for name in ("that-trains", "that-reads")
        )
    # Which tests use a function is seen with one draw.
    turns = [(trains, 0), *([(reads, 0)] if remembers else [])]
    if plan.asks_reference:
        turns = list(zip((solution, trains, reads), range(INPUT_DRAWS), strict=True))
    steps.planned += len(turns)
    answers: list[TestResults] = []
    with_a_model_read: frozenset[str] = frozenset()
    for copy, draw in turns:
        steps.begin("reference" + (f", inputs of draw {draw + 1}" if draw else ""))
        ids = [id for id in plan.ids if id in sound_tests(plan.ids, answers)]
        results = dict(bench.check(copy, ids, draw)) if ids else {}
        passed = sound_tests(ids, [results])
        if remembers and copy is reads:
            with_a_model_read = passed
        again = [id for id in ids if id not in passed]
        if again and copy is not solution:
            results |= bench.check(solution, again, draw)
        answers.append(results)
    return _ReferenceRun(tuple(answers), with_a_model_read)


def shares_a_worker(test: DeclaredTest) -> bool:
    """Whether a test meets what its neighbours left: only alone it shows which names it uses itself."""
    return "shared_student" in test.source + test.surroundings


def _starter(plan: FrameworkPlan, bench: Bench, solution: Path, name: str) -> StarterRun:
    results = bench.check(solution, plan.ids) if plan.ids else {}
    scored = any(item.kind == "accuracy" for item in plan.assignment.criteria)
    return StarterRun(name, results, bench.share(solution).share if scored else None)


def _mutants(
    plan: FrameworkPlan,
    bench: Bench,
    scratch: Path,
    steps: _Steps,
    names_used: Mapping[str, frozenset[str]],
    read_again: frozenset[str],
) -> tuple[MutantRun, ...]:
    """The tests that use a function, on each of its mutants. What else the reference does is of no account: they count
    as the same mutants after the reference was edited.

    Args:
        read_again: The tests for which a mutant need not train anew.
    """
    mutants = mutants_of({id: names_used[id] for id in plan.ids if id in names_used}, plan.declared)
    steps.planned += len(mutants)
    runs = []
    for mutant, tests in mutants.items():
        steps.begin(f"mutant {mutant}")
        name = plan.declared[mutant.function]
        folder, remembers = _copy(scratch, f"{mutant.function}-{mutant.kind}"), read_again.issuperset(tests)
        solution = write_mutant(folder, mutant, name, plan.framework, plan.reference, remembers=remembers)
        runs.append(MutantRun(mutant, bench.check(solution, tests, same_as=f"mutant {mutant} {name}")))
    return tuple(runs)
