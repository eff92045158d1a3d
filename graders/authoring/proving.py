"""A rehearsal while it runs: runs references, starters, misconceptions and mutants, and collects gaps.

It asks through a `Bench`. `graders.authoring.rehearse` decides which frameworks run, and stores the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol

from assignments.assignment import Assignment, Framework
from assignments.derived.interface import interface_text
from assignments.derived.starter import starter_texts
from assignments.files import replace_file
from assignments.load import DeclaredTest
from assignments.misconceptions import Misconception
from assignments.testing import Comparison
from graders.asking.check import WRONG
from graders.authoring.author_texts import AuthorTexts
from graders.authoring.given_code import given_gaps, is_tried
from graders.authoring.misconceptions import write_solution
from graders.authoring.mutants import copy_reference, declared_names, mutants_of, write_mutant
from graders.intake.source import read_source
from graders.marks.words import cause_words
from graders.record.documents import TestResult
from graders.record.rehearsal import Gap, Mutant, Pattern, Proof, pattern_of

NEXT_TO_NOTHING = 0.05
"""Share of the accuracy points that a starter or a trivial baseline may earn."""

INPUT_DRAWS = 3
"""How often the inputs of the tests are drawn for the references: a reference must pass with all of them."""

TestResults = Mapping[str, TestResult]
OnProgress = Callable[[str, int, int], None]
"""(the step that begins, steps done, steps planned so far)"""


class Bench(Protocol):
    """Asks many solutions of one framework, one after the other, without importing the framework again."""

    def check(self, solution: Path, tests: Sequence[str], draw: int = 0) -> TestResults:
        """The result of each hidden test.

        `draw` counts the secrets that the tests' inputs are drawn from.
        """

    def compared(self, solution: Path, test: str, draw: int) -> Comparison | None:
        """The comparison by which a hidden test fails; None if it ends otherwise."""

    def share(self, solution: Path) -> float:
        """Share of the accuracy points that a solution earns on one repeat; 0 if it does not answer."""


@dataclass
class RehearsalState:
    """A rehearsal while it runs."""

    assignment: Assignment
    tests: tuple[DeclaredTest, ...]
    misconceptions: tuple[Misconception, ...]
    on_progress: OnProgress
    gaps: list[Gap] = field(default_factory=list)
    earned: dict[str, tuple[int, int]] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    names_used: dict[str, set[str]] = field(default_factory=dict)
    catches: dict[str, set[str]] = field(default_factory=dict)
    """By test: the misconceptions that it must catch, and did."""
    caught: dict[str, list[str]] = field(default_factory=dict)
    """By misconception: the frameworks in which it was caught."""
    patterns: list[Pattern] = field(default_factory=list)
    ended_at: dict[tuple[str, int], dict[bool, set[str]]] = field(default_factory=dict)
    """By test and line: the misconceptions for which an assertion failed there, by whether the test must catch them."""
    ran: dict[str, int] = field(default_factory=dict)
    survivors: dict[str, list[Mutant]] = field(default_factory=dict)
    starters_at_full_marks: list[str] = field(default_factory=list)
    done: int = 0
    total: int = 0

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(test.id for test in self.tests)

    @cached_property
    def texts(self) -> AuthorTexts:
        return AuthorTexts(self.assignment, {test.id: test for test in self.tests})

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[part] = time.monotonic() - began

    def gap(self, kind: str, about: str, what: str, cure: str = "", *, everyone: bool = False) -> None:
        self.gaps.append(Gap(kind, about, what, cure, "every assignment" if everyone else "the catalogue"))

    def step(self, text: str) -> None:
        self.done += 1
        self.on_progress(text, self.done, max(self.done, self.total))

    def framework(self, bench: Bench, scratch: Path, framework: Framework, reference: Path, *, first: bool) -> None:
        """Run everything in one framework."""
        mistakes = [item for item in self.misconceptions if item.edits_for(framework)]
        starters = self._starters(scratch / "starter", framework, first=first)
        self.total += INPUT_DRAWS + len(mistakes) + len(starters)
        solution = copy_reference(scratch / "reference", reference)
        sound = self._reference(bench, solution, framework)
        if is_tried(self.assignment, framework) and sound:
            self.total += 1
            self.step(f"{framework}: given code with models of another class")
            tried = given_gaps(self.assignment, bench, scratch / "given", framework, reference, sound)
            self.gaps += dict.fromkeys(tried)  # several tests show one gap
        if first:
            self._alone(bench, solution, framework, sound)
        for path in starters:
            self._starter(bench, scratch / path.stem, path)
        for item in mistakes:
            self._misconception(bench, scratch / "misconceptions" / item.id, item, framework, reference, sound)
        if first:
            self._mutants(bench, scratch / "mutants", framework, reference, sound)

    def _check(self, bench: Bench, solution: Path, tests: Sequence[str], about: str) -> dict[str, bool]:
        return self._judged(bench.check(solution, tests), about)

    def _judged(self, results: TestResults, about: str) -> dict[str, bool]:
        """Whether each test passed. A toolkit failure is a gap, and counts as neither."""
        passed: dict[str, bool] = {}
        for test, result in results.items():
            self.gaps += self.texts.unwritten(test, result)
            if result.verdict == "unknown":
                what = f"{test} could not be judged: {result.evidence or result.cause}"
                self.gap("toolkit", about, what, "medmark doctor", everyone=True)
            else:
                passed[test] = result.verdict == "passed"
        return passed

    def _reference(self, bench: Bench, solution: Path, framework: Framework) -> set[str]:
        """Run every test, with several draws of its inputs; return the ids of those that always pass."""
        sound = set(self.ids)
        for draw in range(INPUT_DRAWS):
            self.step(f"{framework}: reference" + (f", inputs of draw {draw + 1}" if draw else ""))
            results = bench.check(solution, [test for test in self.ids if test in sound], draw) if sound else {}
            judged = self._judged(results, framework)
            for test, good in judged.items():
                self.names_used.setdefault(test, set()).update(results[test].names_used)
                if not good:
                    why = _why(results[test])
                    when = f" with the inputs of draw {draw + 1}" if draw else ""
                    cure = "correct the reference or the test"
                    self.gap("reference", framework, f"fails {test}{when}: {why}", cure)
            sound &= {test for test, good in judged.items() if good}
        points = {test.id: test.points for test in self.tests}
        self.earned[framework] = (sum(points[test] for test in sound), sum(points.values()))
        return sound

    def _alone(self, bench: Bench, solution: Path, framework: Framework, sound: set[str]) -> None:
        """Run each test that shares a worker by itself, as the marker does when one test changed.

        Only now it is seen which names such a test uses: among its neighbours it inherits theirs.
        """
        for test in self.tests:
            if test.id not in sound or "shared_student" not in test.source + test.surroundings:
                continue
            self.total += 1
            self.step(f"{framework}: {test.id} alone")
            results = bench.check(solution, [test.id], 0)
            for good in self._judged(results, framework).values():
                self.names_used[test.id] = set(results[test.id].names_used)
                if not good:
                    self.gap("test", test.id, "fails without its neighbours", "call in it everything that it needs")

    def _starters(self, scratch: Path, framework: Framework, *, first: bool) -> list[Path]:
        """Starters in this framework; one that names none runs in the first framework."""
        starters = []
        folder = self.assignment.folder / "starter"
        if not folder.is_dir():
            folder = scratch
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in starter_texts(self.assignment).items():
                replace_file(folder / name, text)
        for path in sorted(folder.glob("solution*.py")):
            declared = read_source(path).framework
            if declared == framework or (declared not in self.assignment.frameworks and first):
                starters.append(path)
        return starters

    def _starter(self, bench: Bench, scratch: Path, path: Path) -> None:
        self.step(f"starter {path.name}")
        solution = copy_reference(scratch, path)
        if self.ids:
            passed = self._check(bench, solution, self.ids, f"starter/{path.name}")
            if passed and all(passed.values()):
                self.starters_at_full_marks.append(path.name)
        if any(item.kind == "accuracy" for item in self.assignment.criteria):
            self.shares[f"starter/{path.name}"] = bench.share(solution)

    def _misconception(
        self,
        bench: Bench,
        scratch: Path,
        item: Misconception,
        framework: Framework,
        reference: Path,
        sound: set[str],
    ) -> None:
        self.step(f"{framework}: misconception {item.id}")
        copy_reference(scratch, reference)
        folder = write_solution(scratch, item, framework, reference)
        results = bench.check(folder, self.ids)
        passed = self._judged(results, item.id)
        failed = {test: results[test] for test, good in passed.items() if not good and test in sound}
        parts = {test: pattern_of(each.cause, each.line) for test, each in failed.items()}
        self.patterns.append(Pattern(item.id, framework, parts))
        for test, result in failed.items():
            if result.cause is not None and result.cause.reason == WRONG and result.line is not None:
                ended = self.ended_at.setdefault((test, result.line), {True: set(), False: set()})
                ended[test in item.fails].add(item.id)
        for test, result in failed.items():
            named = result.cause.mistake if result.cause else ""
            if named not in ("", item.id):
                what = f"{test} takes it for {named} in {framework}"
                self.gap("misconception", item.id, what, "let `mistaken` compare with what tells the two apart")
        self.gaps += self.texts.revealing(item, failed, partial(bench.compared, folder))
        whole = True
        for test, good in passed.items():
            if test not in sound:
                continue  # the reference fails it, which is a gap already
            if test in item.fails and good:
                whole = False
                what = f"{test} passes in {framework} and should fail"
                self.gap("misconception", item.id, what, "strengthen the test, or correct `fails`")
            elif test in item.fails:
                self.catches.setdefault(test, set()).add(item.id)
            elif not good and test not in item.may_fail:
                what = f"{test} fails in {framework} too"
                self.gap("misconception", item.id, what, "add it to `fails` or `may_fail`, or make the edit smaller")
        if whole and any(test in passed for test in item.fails):
            self.caught.setdefault(item.id, []).append(framework)

    def _mutants(self, bench: Bench, scratch: Path, framework: Framework, reference: Path, sound: set[str]) -> None:
        declared = declared_names(interface_text(self.assignment))
        mutants = mutants_of({test: self.names_used.get(test, set()) for test in self.ids if test in sound}, declared)
        self.total += len(mutants)
        for mutant, tests in mutants.items():
            self.step(f"{framework}: mutant {mutant}")
            folder = scratch / f"{mutant.function}-{mutant.kind}"
            solution = write_mutant(folder, mutant, declared[mutant.function], framework, reference)
            for test, good in self._check(bench, solution, tests, str(mutant)).items():
                self.ran[test] = self.ran.get(test, 0) + 1
                if good:
                    self.survivors.setdefault(test, []).append(mutant)

    def _bare_guards(self, id: str) -> Iterator[tuple[str, list[str]]]:
        """Lines of a test whose assertions guard its question: students would read them as the answer to it."""
        lines = next(test.source for test in self.tests if test.id == id).splitlines()
        for (test, line), ended in sorted(self.ended_at.items()):
            if test == id and not ended[True]:
                yield lines[line].strip(), sorted(ended[False])

    def proofs(self) -> tuple[Proof, ...]:
        """The proof of each test so far."""
        return tuple(
            Proof(
                id=test.id,
                criterion=test.criterion,
                points=test.points,
                names_used=tuple(sorted(self.names_used.get(test.id, ()))),
                misconceptions=tuple(sorted(self.catches.get(test.id, ()))),
                mutants=self.ran.get(test.id, 0),
                survivors=tuple(self.survivors.get(test.id, ())),
            )
            for test in self.tests
        )

    def conclude(self, chosen: Mapping[Framework, Path]) -> None:
        """Add the gaps that show only when everything has run."""
        automatic = any(item.kind != "person" for item in self.assignment.criteria)
        if self.tests and not any(earned == possible for earned, possible in self.earned.values()):
            what = "no reference earns full marks on the hidden tests"
            self.gap("reference", "reference", what, "make one in one framework pass them all", everyone=True)
        if automatic and not starter_texts(self.assignment):
            cure = "write a reference, which it is cut from; or starter/solution.py, the file that a group starts from"
            self.gap("starter", "starter", "there is none", cure, everyone=True)
        for name in self.starters_at_full_marks:
            what = "earns full marks on the hidden tests as handed out"
            self.gap("starter", f"starter/{name}", what, "leave something to implement", everyone=True)
        for name, share in self.shares.items():
            if share > NEXT_TO_NOTHING:
                most = f"{100 * NEXT_TO_NOTHING:.0f} %"
                what = f"earns {100 * share:.1f} % of the accuracy points; at most {most} is allowed"
                kind = "starter" if name.startswith("starter/") else "baseline"
                self.gap(kind, name, what, "move the trivial anchor")
        for proof in self.proofs() if chosen else ():
            if not proof.names_used:
                self.gap("test", proof.id, "uses no function of the interface", "call one")
            if not proof.misconceptions:
                self.gap("test", proof.id, "catches no misconception", "add one to misconceptions.toml")
            for line, mistakes in self._bare_guards(proof.id):
                what = f"`{line}` fails only for mistakes that other tests must catch ({', '.join(mistakes)})"
                cure = "write it as needs(condition, text, mend=...), or add a misconception that this test must catch"
                self.gap("test", proof.id, what, cure)
            for mutant in proof.survivors:
                self.gap("mutant", proof.id, f"passes with {mutant.function} spoiled ({mutant.kind})", "test more")


def _why(result: TestResult) -> str:
    return " ".join(filter(None, [cause_words(result.cause) if result.cause else "", result.evidence])).strip()
