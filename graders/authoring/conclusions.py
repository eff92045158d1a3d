"""Turns what the tests gave in a rehearsal into gaps, proofs and patterns: pure functions of `FrameworkRun` records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from assignments.assignment import Assignment
from assignments.declared_tests import DeclaredTest
from assignments.misconceptions import Misconception
from graders.asking.check import WRONG
from graders.authoring.author_texts import AuthorTexts
from graders.authoring.given_code import given_gaps
from graders.authoring.proving import FrameworkRun, TestResults
from graders.marks.words import cause_words
from graders.record.documents import TestResult
from graders.record.patterns import may_fail
from graders.record.rehearsal import Gap, Pattern, Proof, SolutionAnswer, pattern_of

NEXT_TO_NOTHING = 0.05
"""Share of the accuracy points that a starter or a trivial baseline may earn."""


def everyones_gap(kind: str, about: str, what: str, cure: str = "") -> Gap:
    """A gap that keeps every assignment from being handed out, not only those of the catalogue."""
    return Gap(kind, about, what, cure, "every assignment")


@dataclass(frozen=True)
class Scene:
    """What a rehearsal is of."""

    assignment: Assignment
    tests: tuple[DeclaredTest, ...]
    """The hidden tests that run."""
    misconceptions: tuple[Misconception, ...]
    recorded: tuple[Pattern, ...] = ()
    """What failed for each misconception before."""


def passed(results: TestResults) -> dict[str, bool]:
    """Whether each test passed; without those that a failure of the toolkit kept from being judged."""
    return {test: result.verdict == "passed" for test, result in results.items() if result.verdict != "unknown"}


def run_gaps(scene: Scene, run: FrameworkRun) -> Iterator[Gap]:
    """The gaps that show in one framework, whatever the others say."""
    yield from toolkit_gaps(run)
    yield from reference_gaps(run)
    for item in scene.misconceptions:
        if item.id in run.misconceptions:
            yield from misconception_gaps(scene, item, run)
    of_given = given_gaps(scene.assignment, run.framework, run.with_given_code)
    yield from dict.fromkeys(of_given)  # several tests show one gap
    yield from (number.gap() for number in run.revealed)
    texts = AuthorTexts(scene.assignment, {test.id: test for test in scene.tests})
    yield from texts.unwritten((test, each) for _, results in answered(run) for test, each in results.items())


def answered(run: FrameworkRun) -> Iterator[tuple[str, TestResults]]:
    """Each time that hidden tests ran: what they ran on, and their results."""
    framework = run.framework
    yield from ((framework, results) for results in (*run.reference, run.alone))
    yield from ((f"starter/{starter.name}", starter.results) for starter in run.starters)
    yield from run.misconceptions.items()
    yield framework, run.with_given_code
    yield from ((str(each.mutant), each.results) for each in run.mutants)


def toolkit_gaps(run: FrameworkRun) -> Iterator[Gap]:
    """Tests that a failure of the toolkit kept from being judged."""
    for about, results in (*answered(run), (run.framework, run.public)):
        for test, result in results.items():
            if result.verdict == "unknown":
                what = f"{test} could not be judged: {result.evidence or result.cause}"
                yield everyones_gap("toolkit", about, what, "medmark doctor")


def reference_gaps(run: FrameworkRun) -> Iterator[Gap]:
    """Hidden and public tests that the reference fails."""
    framework, cure = run.framework, "correct the reference or the test"
    for draw, results in enumerate(run.reference):
        when = f" with the inputs of draw {draw + 1}" if draw else ""
        for test, good in passed(results).items():
            if not good:
                yield Gap("reference", framework, f"fails {test}{when}: {why(results[test])}", cure)
    for test, good in passed(run.public).items():
        if not good:
            yield Gap("reference", framework, f"fails the public {test}: {why(run.public[test])}", cure)
    for test, good in passed(run.alone).items():
        if not good:
            yield Gap("test", test, "fails without its neighbours", "call in it everything that it needs")


def misconception_gaps(scene: Scene, item: Misconception, run: FrameworkRun) -> Iterator[Gap]:
    """Where what fails for a misconception in one framework is neither what it says nor recorded."""
    framework, sound = run.framework, run.sound
    recorded = may_fail(scene.recorded).get(item.id, frozenset())
    results = run.misconceptions[item.id]
    for test, good in passed(results).items():
        cause = results[test].cause
        named = cause.mistake if cause else ""
        if not good and test in sound and named not in ("", item.id):
            what = f"{test} takes it for {named} in {framework}"
            yield Gap("misconception", item.id, what, "let `mistaken` compare with what tells the two apart")
    for test, good in passed(results).items():
        if test not in sound:
            continue  # the reference fails it, which is a gap already
        if test in item.fails and good:
            what = f"{test} passes in {framework} and should fail"
            yield Gap("misconception", item.id, what, "strengthen the test, or correct `fails`")
        elif not good and test not in {*item.fails, *recorded}:
            what = f"{test} fails in {framework} too"
            cure = f"make the edit smaller, or accept it: medmark rehearse {scene.assignment.id} --record"
            yield Gap("misconception", item.id, what, cure)


def is_caught(item: Misconception, run: FrameworkRun) -> bool:
    """Whether every test fails that must fail for a misconception."""
    good = {test: ok for test, ok in passed(run.misconceptions.get(item.id, {})).items() if test in item.fails}
    return bool(good) and not any(ok for test, ok in good.items() if test in run.sound)


def failed_for(item: Misconception, run: FrameworkRun) -> dict[str, TestResult]:
    """The tests that fail for a misconception, of those that the reference passes."""
    results = run.misconceptions.get(item.id, {})
    return {test: results[test] for test, good in passed(results).items() if not good and test in run.sound}


def patterns(scene: Scene, runs: Sequence[FrameworkRun]) -> tuple[Pattern, ...]:
    """Which tests fail for each misconception in each framework, and why."""
    return tuple(
        Pattern(item.id, run.framework, {
            test: pattern_of(result.cause, result.line) for test, result in failed_for(item, run).items()
        })
        for run in runs
        for item in scene.misconceptions
        if item.id in run.misconceptions
    )  # fmt: skip


def earned(scene: Scene, run: FrameworkRun) -> tuple[int, int]:
    """The points of the hidden tests that a reference earns, and their total."""
    return sum(test.points for test in scene.tests if test.id in run.sound), sum(test.points for test in scene.tests)


def proofs(scene: Scene, runs: Sequence[FrameworkRun]) -> tuple[Proof, ...]:
    """The proof of each test. Which names it uses is seen in the first framework, where mutants run."""
    first = runs[0] if runs else None
    by_test = first.names_used if first else {}
    mutants = first.mutants if first else ()
    return tuple(
        Proof(
            id=test.id,
            criterion=test.criterion,
            points=test.points,
            names_used=tuple(sorted(by_test.get(test.id, ()))),
            misconceptions=tuple(sorted(
                {item.id for run in runs for item in scene.misconceptions
                 if test.id in item.fails and test.id in failed_for(item, run)}
            )),
            mutants=sum(test.id in passed(each.results) for each in mutants),
            survivors=tuple(each.mutant for each in mutants if passed(each.results).get(test.id)),
        )
        for test in scene.tests
    )  # fmt: skip


def closing_gaps(
    scene: Scene, runs: Sequence[FrameworkRun], shares: Mapping[str, float], *, has_starter: bool
) -> Iterator[Gap]:
    """The gaps that show only when everything has run."""
    marks = [earned(scene, run) for run in runs]
    if scene.tests and not any(points == possible for points, possible in marks):
        what = "no reference earns full marks on the hidden tests"
        yield everyones_gap("reference", "reference", what, "make one in one framework pass them all")
    if any(item.kind != "person" for item in scene.assignment.criteria) and not has_starter:
        cure = "write a reference, which it is cut from; or starter/solution.py, the file that a group starts from"
        yield everyones_gap("starter", "starter", "there is none", cure)
    for starter in (starter for run in runs for starter in run.starters):
        results = passed(starter.results)
        if results and all(results.values()):
            what = "earns full marks on the hidden tests as handed out"
            yield everyones_gap("starter", f"starter/{starter.name}", what, "leave something to implement")
    for name, share in shares.items():
        if share > NEXT_TO_NOTHING:
            most = f"{100 * NEXT_TO_NOTHING:.0f} %"
            what = f"earns {100 * share:.1f} % of the accuracy points; at most {most} is allowed"
            kind = "starter" if name.startswith("starter/") else "baseline"
            yield Gap(kind, name, what, "move the trivial anchor")


def test_gaps(scene: Scene, runs: Sequence[FrameworkRun]) -> Iterator[Gap]:
    """What each hidden test does not prove, once every solution was asked."""
    for proof in proofs(scene, runs) if runs else ():
        if not proof.names_used:
            yield Gap("test", proof.id, "uses no function of the interface", "call one")
        if not proof.misconceptions:
            yield Gap("test", proof.id, "catches no misconception", "add one to misconceptions.toml")
        yield from guard_gaps(scene, runs, proof.id)
        yield from survivor_gaps([proof])


def survivor_gaps(of_tests: Iterable[Proof]) -> Iterator[Gap]:
    """The mutants that tests pass."""
    for proof in of_tests:
        for mutant in proof.survivors:
            yield Gap("mutant", proof.id, f"passes with {mutant.function} spoiled ({mutant.kind})", "test more")


def unused_names(runs: Sequence[FrameworkRun], declared: Iterable[str]) -> Iterator[Gap]:
    """A gap for each function and class that no public test uses: students learn of a wrong one only by its marks."""
    used = {name for run in runs for result in run.public.values() for name in result.names_used}
    for name in declared:
        if name not in used:
            yield Gap("test", "public_tests", f"none uses `{name}`", "call it in one, if only to see that it runs")


def answers(runs: Iterable[FrameworkRun]) -> Iterator[SolutionAnswer]:
    """What each solution answered, for an author who looks at a part of a rehearsal."""
    for run in runs:
        public = [("reference, public tests", run.public)] if run.public else []
        for about, results in (*_named(run), *public):
            failed = {test: _why_once(results[test]) for test, good in passed(results).items() if not good}
            yield SolutionAnswer(run.framework, about, len(results), failed)


def _named(run: FrameworkRun) -> Iterator[tuple[str, TestResults]]:
    """Each solution in words, with what the hidden tests gave."""
    for draw, results in enumerate(run.reference):
        yield "reference" + (f", inputs of draw {draw + 1}" if draw else ""), results
    yield from ((f"starter {starter.name}", starter.results) for starter in run.starters)
    yield from ((f"misconception {id}", results) for id, results in run.misconceptions.items())
    yield from ((f"mutant {each.mutant}", each.results) for each in run.mutants)


def guard_gaps(scene: Scene, runs: Sequence[FrameworkRun], id: str) -> Iterator[Gap]:
    """Lines of a test whose assertions guard its question: students would read them as the answer to it."""
    must: dict[int, bool] = {}
    mistakes: dict[int, set[str]] = {}
    for run in runs:
        for item in scene.misconceptions:
            result = failed_for(item, run).get(id)
            if result is None or result.line is None or result.cause is None or result.cause.reason != WRONG:
                continue
            must[result.line] = must.get(result.line, False) or id in item.fails
            mistakes.setdefault(result.line, set()).add(item.id)
    lines = next(test.source for test in scene.tests if test.id == id).splitlines()
    for line in sorted(line for line, serves in must.items() if not serves):
        what = f"`{lines[line].strip()}` fails only for mistakes that other tests must catch"
        cure = "write it as needs(condition, text, mend=...), or add a misconception that this test must catch"
        yield Gap("test", id, f"{what} ({', '.join(sorted(mistakes[line]))})", cure)


def starter_shares(runs: Iterable[FrameworkRun]) -> dict[str, float]:
    """Share of the accuracy points that each starter earns."""
    starters = (starter for run in runs for starter in run.starters)
    return {f"starter/{starter.name}": starter.share for starter in starters if starter.share is not None}


def _why_once(result: TestResult) -> str:
    """The same without what stands in the evidence as the student reads it."""
    is_repeated = result.cause is not None and result.cause.text != "" and result.cause.text in result.evidence
    return why(replace(result, evidence="")) if is_repeated else why(result)


def why(result: TestResult) -> str:
    """Why a test failed, for its author."""
    return " ".join(filter(None, [cause_words(result.cause) if result.cause else "", result.evidence])).strip()
