"""A rehearsal while it runs: what references, starters, misconceptions and mutants did to each hidden test.

It asks through a `Bench` and collects gaps; which frameworks are run, and what becomes of the result, is decided in
`graders.authoring.rehearse`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from assignments.assignment import Assignment, Framework
from assignments.load import DeclaredTest
from graders.authoring.misconceptions import Misconception, write_solution
from graders.authoring.mutants import asked_names, copy_reference, mutants_of, write_mutant
from graders.intake.source import read_source
from graders.marks.words import cause_words
from graders.record.documents import TestResult
from graders.record.rehearsal import Gap, Mutant, Proof

NEXT_TO_NOTHING = 0.05
"""Share of the accuracy points that a starter or a trivial baseline may earn."""

DRAWS = 3
"""How often the inputs of the tests are drawn for the references: a test must hold for any of them."""

Docs = Mapping[str, TestResult]
Told = Callable[[str, int, int], None]
"""(what is done now, steps done, steps known so far)"""


class Bench(Protocol):
    """Many solutions of one framework, asked one after the other without importing the framework again."""

    def check(self, solution: Path, tests: Sequence[str], draw: int = 0) -> Docs:
        """The result of each hidden test.

        `draw` counts the secrets that the tests' inputs are drawn from.
        """

    def share(self, solution: Path) -> float:
        """Share of the accuracy points that a solution earns on one repeat; 0 if it does not answer."""


@dataclass
class Proving:
    """A rehearsal while it runs."""

    assignment: Assignment
    tests: tuple[DeclaredTest, ...]
    known: tuple[Misconception, ...]
    told: Told
    gaps: list[Gap] = field(default_factory=list)
    earned: dict[str, tuple[int, int]] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    asked: dict[str, set[str]] = field(default_factory=dict)
    catches: dict[str, set[str]] = field(default_factory=dict)
    """Test -> misconceptions it is there to catch, and did."""
    caught: dict[str, list[str]] = field(default_factory=dict)
    """Misconception -> frameworks in which it was caught."""
    ran: dict[str, int] = field(default_factory=dict)
    survivors: dict[str, list[Mutant]] = field(default_factory=dict)
    starters_at_full_marks: list[str] = field(default_factory=list)
    done: int = 0
    of: int = 0

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(test.id for test in self.tests)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[part] = time.monotonic() - began

    def gap(self, kind: str, about: str, what: str, cure: str = "", *, everyone: bool = False) -> None:
        self.gaps.append(Gap(kind, about, what, cure, "every assignment" if everyone else "the catalogue"))

    def step(self, text: str) -> None:
        self.done += 1
        self.told(text, self.done, max(self.done, self.of))

    def framework(
        self, bench: Bench, scratch: Path, framework: Framework, reference: Path, *, first: bool
    ) -> None:
        """Everything that is run in one framework."""
        mistakes = [item for item in self.known if item.edits_for(framework)]
        starters = self._starters(framework, first=first)
        self.of += DRAWS + len(mistakes) + len(starters)
        solution = copy_reference(scratch / "reference", reference)
        sound = self._reference(bench, solution, framework)
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

    def _judged(self, docs: Docs, about: str) -> dict[str, bool]:
        """Whether each test passed. A verdict that is ours to cure is a gap, and counts as neither."""
        passed: dict[str, bool] = {}
        for test, doc in docs.items():
            if doc.verdict == "unknown":
                what = f"{test} could not be judged: {doc.evidence or doc.cause}"
                self.gap("toolkit", about, what, "medmark doctor", everyone=True)
            else:
                passed[test] = doc.verdict == "passed"
        return passed

    def _reference(self, bench: Bench, solution: Path, framework: Framework) -> set[str]:
        """Runs every test, with several draws of its inputs; the ids of those that always pass."""
        sound = set(self.ids)
        for draw in range(DRAWS):
            self.step(f"{framework}: reference" + (f", inputs of draw {draw + 1}" if draw else ""))
            docs = bench.check(solution, [test for test in self.ids if test in sound], draw) if sound else {}
            judged = self._judged(docs, framework)
            for test, good in judged.items():
                self.asked.setdefault(test, set()).update(docs[test].names_used)
                if not good:
                    why = _why(docs[test])
                    when = f" with the inputs of draw {draw + 1}" if draw else ""
                    cure = "correct the reference or the test"
                    self.gap("reference", framework, f"fails {test}{when}: {why}", cure)
            sound &= {test for test, good in judged.items() if good}
        points = {test.id: test.points for test in self.tests}
        self.earned[framework] = (sum(points[test] for test in sound), sum(points.values()))
        return sound

    def _alone(self, bench: Bench, solution: Path, framework: Framework, sound: set[str]) -> None:
        """Runs tests that share a worker each by itself, as a change of one test makes the marker do.

        What such a test asks is seen only now: among its neighbours it inherits what they asked.
        """
        for test in self.tests:
            if test.id not in sound or "shared_student" not in test.source + test.surroundings:
                continue
            self.of += 1
            self.step(f"{framework}: {test.id} alone")
            docs = bench.check(solution, [test.id], 0)
            for good in self._judged(docs, framework).values():
                self.asked[test.id] = set(docs[test.id].names_used)
                if not good:
                    self.gap("test", test.id, "fails without its neighbours", "ask for what it needs itself")

    def _starters(self, framework: Framework, *, first: bool) -> list[Path]:
        """Starters in this framework; one that names none is tried in the first."""
        found = []
        for path in sorted((self.assignment.folder / "starter").glob("solution*.py")):
            named = read_source(path).framework
            if named == framework or (named not in self.assignment.frameworks and first):
                found.append(path)
        return found

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
        passed = self._check(bench, write_solution(scratch, item, framework, reference), self.ids, item.id)
        whole = True
        for test, good in passed.items():
            if test not in sound:
                continue  # the reference fails it: reported once
            if test in item.fails and good:
                whole = False
                what = f"{test} passes in {framework}, and should catch it"
                self.gap("misconception", item.id, what, "strengthen the test, or correct fails")
            elif test in item.fails:
                self.catches.setdefault(test, set()).add(item.id)
            elif not good and test not in item.may_fail:
                what = f"{test} fails in {framework} too"
                self.gap("misconception", item.id, what, "add it to fails or may_fail, or make the edit smaller")
        if whole and any(test in passed for test in item.fails):
            self.caught.setdefault(item.id, []).append(framework)

    def _mutants(
        self, bench: Bench, scratch: Path, framework: Framework, reference: Path, sound: set[str]
    ) -> None:
        interface = self.assignment.folder / "interface.py"
        if not interface.is_file():
            return
        declared = asked_names(interface)
        made = mutants_of({test: self.asked.get(test, set()) for test in self.ids if test in sound}, declared)
        self.of += len(made)
        for mutant, tests in made.items():
            self.step(f"{framework}: mutant {mutant}")
            folder = scratch / f"{mutant.function}-{mutant.kind}"
            solution = write_mutant(folder, mutant, declared[mutant.function], framework, reference)
            for test, good in self._check(bench, solution, tests, str(mutant)).items():
                self.ran[test] = self.ran.get(test, 0) + 1
                if good:
                    self.survivors.setdefault(test, []).append(mutant)

    def proofs(self) -> tuple[Proof, ...]:
        """What stands behind each test so far."""
        return tuple(
            Proof(
                id=test.id,
                criterion=test.criterion,
                points=test.points,
                asked=tuple(sorted(self.asked.get(test.id, ()))),
                misconceptions=tuple(sorted(self.catches.get(test.id, ()))),
                mutants=self.ran.get(test.id, 0),
                survivors=tuple(self.survivors.get(test.id, ())),
            )
            for test in self.tests
        )

    def conclude(self, chosen: Mapping[Framework, Path]) -> None:
        """The gaps that only the whole shows."""
        automatic = any(item.kind != "person" for item in self.assignment.criteria)
        if self.tests and not any(earned == possible for earned, possible in self.earned.values()):
            what = "no reference earns full marks on the hidden tests"
            self.gap("reference", "reference", what, "one in one framework has to", everyone=True)
        if automatic and not (self.assignment.folder / "starter").is_dir():
            cure = "write starter/solution.py, the file that a group starts from"
            self.gap("starter", "starter", "there is none", cure, everyone=True)
        for name in self.starters_at_full_marks:
            what = "earns full marks on the hidden tests as handed out"
            self.gap("starter", f"starter/{name}", what, "leave something to do", everyone=True)
        for name, share in self.shares.items():
            if share > NEXT_TO_NOTHING:
                what = f"earns {100 * share:.1f} % of the accuracy points; {100 * NEXT_TO_NOTHING:.0f} % is the most"
                kind = "starter" if name.startswith("starter/") else "baseline"
                self.gap(kind, name, what, "move the trivial anchor")
        for proof in self.proofs() if chosen else ():
            if not proof.asked:
                self.gap("test", proof.id, "asks no function of the interface", "ask one")
            if not proof.misconceptions:
                self.gap("test", proof.id, "catches no misconception", "add the mistake it is there for")
            for mutant in proof.survivors:
                self.gap("mutant", proof.id, f"passes with {mutant.function} spoiled ({mutant.kind})", "ask more")


def _why(found: TestResult) -> str:
    return " ".join(filter(None, [cause_words(found.cause) if found.cause else "", found.evidence])).strip()
