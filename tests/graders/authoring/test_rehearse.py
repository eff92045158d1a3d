"""The rehearsal: which gaps each kind of weak assignment has. Solutions run in this process, on a stand-in bench."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from assignments.assignment import Assignment, Framework
from assignments.errors import UserError
from assignments.load import load
from graders.authoring import proving
from graders.authoring import rehearse as rehearsing
from graders.authoring.mutants import SPOIL_KINDS
from graders.authoring.proving import EarnedShare, FrameworkRun, OnProgress
from graders.authoring.rehearse import rehearse
from graders.authoring.side_by_side import Work, in_turn
from graders.metrics import Floats
from graders.record.documents import Cause, TestResult
from graders.record.patterns import store_patterns
from graders.record.rehearsal import Gap, Pattern, Rehearsal

REFERENCE = """\
FRAMEWORK = "pytorch"

def double(x):
    return 2 * x

def halve(x):
    return x / 2
"""

MISCONCEPTIONS = """\
[[misconception]]
id = "squares"
title = "Squares"
edits = [{ find = "return 2 * x", replace = "return x ** 2" }]
fails = ["test_double.py::test_double"]

[[misconception]]
id = "floors"
title = "Halves whole numbers only"
edits = [{ find = "return x / 2", replace = "return x // 2" }]
fails = ["test_double.py::test_halve"]
"""

DOUBLE, HALVE = "test_double.py::test_double", "test_double.py::test_halve"


def number(value: Any) -> float:
    """As the wall does: only a finite number is an answer."""
    if type(value) is not float or not math.isfinite(value):
        raise TypeError(value)
    return value


JUDGES: dict[str, Callable[[Any], bool]] = {
    DOUBLE: lambda solution: number(solution.double(3.0)) == 6.0,
    HALVE: lambda solution: number(solution.halve(3.0)) == 1.5,
}
NAMES_USED = {DOUBLE: ["double"], HALVE: ["halve"]}


class StandIn:
    """A bench that imports each solution here and judges it with plain functions."""

    def __init__(self, judges: Mapping[str, Callable[[Any], bool]], names_used: Mapping[str, Sequence[str]]) -> None:
        self.judges = dict(judges)
        self.names_used = names_used
        self.shares: dict[str, float] = {}
        self.unknown: set[str] = set()
        self.opened: list[str] = []
        self.runs: list[tuple[str, tuple[str, ...]]] = []
        self.reason = "wrong_answer"
        self.mistake = ""
        self.hint = ""
        self.looks: list[tuple[str, str, int]] = []
        self.line_of: Callable[[Path, str], int] = lambda solution, test: 2

    @contextmanager
    def __call__(self, framework: Framework) -> Iterator[StandIn]:
        self.opened.append(framework)
        yield self

    def check(self, solution: Path, tests: Sequence[str], draw: int = 0, *, same_as: str = "") -> dict[str, TestResult]:
        self.runs.append((solution.name, tuple(tests)))
        docs = {}
        for test in tests:
            try:
                good = self.judges[test](imported(solution))
            except Exception:  # noqa: BLE001 - a solution that raises fails the test
                good = False
            verdict = "unknown" if test in self.unknown else "passed" if good else "failed"
            cause = None if verdict == "passed" else Cause(self.reason, text=self.hint, mistake=self.mistake)
            line = None if cause is None else self.line_of(solution, test)
            docs[test] = TestResult(verdict, cause, evidence="seen", names_used=tuple(self.names_used[test]), line=line)
        return docs

    def check_public(self, solution: Path, tests: Sequence[str]) -> dict[str, TestResult]:
        return self.check(solution, tests)

    def expected(self, solution: Path, test: str, draw: int) -> Floats | None:
        """Each comparison that is looked at is one with 0.6931 and with what is drawn."""
        self.looks.append((solution.name, test, draw))
        return np.array([0.6931472, 12.5 + draw])

    def share(self, solution: Path) -> EarnedShare:
        return EarnedShare(self.shares.get(solution.name, 0.0))


def imported(folder: Path) -> ModuleType:
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location("solution", folder / "solution.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(folder))
        for name in ("medmark_reference", "medmark_spoil", "medmark_plain_models"):
            sys.modules.pop(name, None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "twice"
    for name in ("hidden_tests", "reference", "starter"):
        (home / name).mkdir(parents=True)
    (home / "brief.md").write_text("Double.\n")
    (home / "interface.py").write_text("def double(x: float) -> float: ...\ndef halve(x: float) -> float: ...\n")
    (home / "reference" / "solution_pytorch.py").write_text(REFERENCE)
    (home / "starter" / "solution.py").write_text(
        'FRAMEWORK = "pytorch"\n\ndef double(x):\n    raise NotImplementedError\n'
    )
    (home / "misconceptions.toml").write_text(MISCONCEPTIONS)
    (home / "hidden_tests" / "test_double.py").write_text(
        "import pytest\n"
        '@pytest.mark.points(2)\ndef test_double(student):\n    """Doubles."""\n'
        '@pytest.mark.points(1)\ndef test_halve(student):\n    """Halves."""\n'
    )
    (home / "assignment.toml").write_text(
        'id = "twice"\ntitle = "Twice"\ntask = "classification"\nframeworks = ["pytorch"]\n'
        '[data]\nsource = "breast_cancer"\ntrain = 1\ntest = 1\n[run]\nmode = "weights"\n'
        '[[criterion]]\nid = "tests"\nkind = "hidden_tests"\npoints = 3\n'
    )
    return home


@pytest.fixture
def assignment(folder: Path) -> Assignment:
    return load(folder)


@pytest.fixture
def bench() -> StandIn:
    return StandIn(JUDGES, NAMES_USED)


def gaps_of(rehearsal: Rehearsal, kind: str) -> list[str]:
    return [str(gap) for gap in rehearsal.gaps if gap.kind == kind]


def test_a_sound_assignment_is_proven(assignment: Assignment, bench: StandIn) -> None:
    rehearsal = rehearse(assignment, bench)
    assert rehearsal.gaps == ()
    assert rehearsal.passed
    assert rehearsal.references == {"pytorch": (3, 3)}
    assert rehearsal.misconceptions == {"squares": ("pytorch",), "floors": ("pytorch",)}
    first, second = rehearsal.proofs
    assert (first.id, first.names_used, first.misconceptions, first.mutants) == (DOUBLE, ("double",), ("squares",), 5)
    assert second.misconceptions == ("floors",)


def test_one_bench_serves_all_solutions_and_mutants_meet_only_the_tests_that_ask_them(
    assignment: Assignment, bench: StandIn
) -> None:
    rehearse(assignment, bench)
    assert bench.opened == ["pytorch"]
    mutants = [run for run in bench.runs if run[0].startswith(("double-", "halve-"))]
    assert len(mutants) == 10
    assert {tests for name, tests in mutants if name.startswith("double-")} == {(DOUBLE,)}


def test_a_test_that_a_mutant_passes_is_named_with_the_mutant(assignment: Assignment, bench: StandIn) -> None:
    bench.judges[HALVE] = lambda solution: number(solution.halve(3.0)) < 3.0
    rehearsal = rehearse(assignment, bench)
    assert gaps_of(rehearsal, "mutant") == [f"{HALVE}: passes with halve spoiled (constant); test more"]
    assert [str(mutant) for mutant in rehearsal.proofs[1].survivors] == ["halve: constant"]
    assert f"floors: {HALVE} passes in pytorch" in gaps_of(rehearsal, "misconception")[0]


def test_a_misconception_must_fail_its_tests_and_no_other(folder: Path, bench: StandIn) -> None:
    path = folder / "misconceptions.toml"
    path.write_text(MISCONCEPTIONS.replace('"return x // 2"', '"return (x) / 2"'))
    rehearsal = rehearse(load(folder), bench)
    assert gaps_of(rehearsal, "misconception") == [
        f"floors: {HALVE} passes in pytorch and should fail; strengthen the test, or correct `fails`"
    ]
    assert gaps_of(rehearsal, "test") == [f"{HALVE}: catches no misconception; add one to misconceptions.toml"]
    assert rehearsal.misconceptions["floors"] == ()


def test_a_misconception_that_fails_more_than_it_says_is_a_gap(folder: Path, bench: StandIn) -> None:
    bench.judges[HALVE] = lambda solution: solution.halve(3.0) == 1.5 and solution.double(3.0) == 6.0
    rehearsal = rehearse(load(folder), bench)
    assert [text for text in gaps_of(rehearsal, "misconception") if text.startswith("squares")] == [
        f"squares: {HALVE} fails in pytorch too; make the edit smaller, or accept it: medmark rehearse twice --record"
    ]
    assert gaps_of(rehearse(load(folder), bench, record=True), "misconception") == []
    store_patterns(load(folder), [Pattern("squares", "pytorch", {HALVE: ("wrong_answer",)})])
    assert gaps_of(rehearse(load(folder), bench), "misconception") == []


def test_an_assertion_that_fails_for_others_mistakes_alone_is_a_bare_guard(folder: Path, bench: StandIn) -> None:
    """The student would read it as the answer to the test's question."""
    store_patterns(load(folder), [Pattern("squares", "pytorch", {HALVE: ("wrong_answer",)})])
    bench.judges[HALVE] = lambda solution: number(solution.halve(3.0)) == 1.5 and solution.double(3.0) == 6.0
    assert rehearse(load(folder), bench).gaps == (), "the line serves the test's own question too"
    bench.line_of = lambda solution, test: 1 if "squares" in str(solution) else 2
    assert gaps_of(rehearse(load(folder), bench), "test") == [
        f"{HALVE}: `def test_halve(student):` fails only for mistakes that other tests must catch (squares); write "
        "it as needs(condition, text, mend=...), or add a misconception that this test must catch"
    ]
    bench.reason = "not_asked"
    assert rehearse(load(folder), bench).gaps == ()


def write_hint(folder: Path, hint: str) -> None:
    path = folder / "hidden_tests" / "test_double.py"
    path.write_text(f"HINT = {hint!r}\n{path.read_text()}")


def test_a_hint_that_is_not_written_out_keeps_an_assignment_from_being_handed_out(folder: Path, bench: StandIn) -> None:
    write_hint(folder, "scale by the factor that was drawn")
    bench.hint = "scale by the factor that was drawn"
    assert rehearse(load(folder), bench).gaps == ()
    bench.hint = "scale by 3.7516"
    rehearsal = rehearse(load(folder), bench)
    assert [str(gap) for gap in rehearsal.blocking] == [
        f"{test}: says to a student what does not stand in its file: 'scale by 3.7516'; write the text of `hint` and "
        "`needs` out in the call, without values"
        for test in (DOUBLE, HALVE)
    ]


def test_a_hint_that_names_a_number_which_is_expected_with_every_draw_is_a_gap(folder: Path, bench: StandIn) -> None:
    bench.hint = "the answer is 0.693, not 12.5, along axis 1"
    write_hint(folder, bench.hint)
    rehearsal = rehearse(load(folder), bench)
    assert gaps_of(rehearsal, "test") == [
        f"{test}: its hint names 0.693, which it expects whatever is drawn; "
        "say it without the value: students read the hint"
        for test in (DOUBLE, HALVE)
    ]
    assert [draw for *_, draw in bench.looks] == [0, 1, 0, 1]
    assert rehearsal.passed  # for one's own course; the provenance of every mark says it


def test_a_number_that_students_read_anyway_is_no_gap_and_nothing_runs_for_it(folder: Path, bench: StandIn) -> None:
    bench.hint = "the answer is 0.693"
    write_hint(folder, bench.hint)
    (folder / "brief.md").write_text("The loss of a coin is ln 2, or 0.693.\n")
    assert rehearse(load(folder), bench).gaps == ()
    assert bench.looks == []


def test_advice_on_a_mistake_that_names_an_expected_number_is_a_gap(folder: Path, bench: StandIn) -> None:
    path = folder / "misconceptions.toml"
    path.write_text(MISCONCEPTIONS.replace('title = "Squares"', 'title = "Squares"\ntold = "You should get 0.69315."'))
    assert gaps_of(rehearse(load(folder), bench), "misconception") == [
        f"squares: `told` or `try_it` names 0.69315, which {DOUBLE} expects whatever is drawn; "
        "say it in misconceptions.toml without the value: students read it"
    ]


def test_a_mistake_that_a_test_takes_for_another_is_a_gap(assignment: Assignment, bench: StandIn) -> None:
    bench.mistake = "squares"
    assert gaps_of(rehearse(assignment, bench), "misconception") == [
        f"floors: {HALVE} takes it for squares in pytorch; let `mistaken` compare with what tells the two apart"
    ]


def test_the_pattern_of_each_misconception_is_kept_with_its_reasons(assignment: Assignment, bench: StandIn) -> None:
    patterns = rehearse(assignment, bench).patterns
    assert [(pattern.misconception, pattern.framework, dict(pattern.failed)) for pattern in patterns] == [
        ("squares", "pytorch", {DOUBLE: ("wrong_answer", "line 2")}),
        ("floors", "pytorch", {HALVE: ("wrong_answer", "line 2")}),
    ]


def test_what_is_recorded_and_no_longer_fails_is_a_note(folder: Path, bench: StandIn) -> None:
    store_patterns(load(folder), [Pattern("squares", "pytorch", {HALVE: ("wrong_answer",)})])
    rehearsal = rehearse(load(folder), bench)
    assert rehearsal.gaps == ()
    assert [note for note in rehearsal.notes if note.startswith("patterns")] == [
        f"patterns: squares in pytorch did not fail {HALVE} this time, as proofs/patterns.json records"
    ]
    assert HALVE in rehearsal.recorded[0].failed, "chance may fail it next time"


PUBLIC = "test_public.py::test_double"


def write_public_test(folder: Path, bench: StandIn, judge: Callable[[Any], bool]) -> None:
    (folder / "public_tests").mkdir()
    (folder / "public_tests" / "test_public.py").write_text('def test_double(student):\n    """Doubles."""\n')
    bench.judges[PUBLIC] = judge
    bench.names_used = {**bench.names_used, PUBLIC: ["double"]}


def test_a_reference_must_pass_the_public_tests(folder: Path, bench: StandIn) -> None:
    write_public_test(folder, bench, lambda solution: solution.double(1.0) == 2.0)
    assert rehearse(load(folder), bench).gaps == ()
    bench.judges[PUBLIC] = lambda solution: False
    assert gaps_of(rehearse(load(folder), bench), "reference") == [
        f"pytorch: fails the public {PUBLIC}: the answer is not the expected one seen; "
        "correct the reference or the test"
    ]


def test_public_tests_of_the_catalogue_use_every_function(
    folder: Path, bench: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_public_test(folder, bench, lambda solution: True)
    assignment = load(folder)
    monkeypatch.setattr(rehearsing, "in_catalogue", lambda _: True)
    assert gaps_of(rehearse(assignment, bench), "test") == [
        "public_tests: none uses `halve`; call it in one, if only to see that it runs"
    ]


def test_only_a_misconception_runs_it_alone_and_says_what_failed(assignment: Assignment, bench: StandIn) -> None:
    rehearsal = rehearse(assignment, bench, only=["squares"])
    assert bench.runs == [("squares", (DOUBLE, HALVE))]
    assert rehearsal.passed
    assert list(rehearsal.lines())[2:] == [
        "pytorch, misconception squares: fails 1 of 2",
        f"  {DOUBLE}",
        "    the answer is not the expected one seen",
        "",
        "Only squares ran: nothing is stored. The whole: medmark rehearse twice",
    ]
    assert rehearsal.as_json()["answers"][0]["failed"].keys() == {DOUBLE}


def test_only_a_test_runs_it_on_every_solution_and_proves_it(assignment: Assignment, bench: StandIn) -> None:
    bench.judges[HALVE] = lambda solution: number(solution.halve(3.0)) < 3.0
    rehearsal = rehearse(assignment, bench, only=["test_halve"])
    assert {tests for _, tests in bench.runs} == {(HALVE,)}
    assert [name for name, _ in bench.runs][:6] == ["reference"] * 3 + ["solution", "squares", "floors"]
    assert [gap.about for gap in rehearsal.gaps] == ["floors", HALVE, HALVE]
    assert not rehearsal.passed


def test_only_a_function_runs_its_mutants_and_what_asks_them(assignment: Assignment, bench: StandIn) -> None:
    assert rehearse(assignment, bench, only=["halve"]).gaps == ()
    assert bench.runs[0] == ("reference", (DOUBLE, HALVE))
    assert set(bench.runs[1:]) == {(f"halve-{kind}", (HALVE,)) for kind in SPOIL_KINDS}


def test_only_the_reference_and_the_starter(assignment: Assignment, bench: StandIn) -> None:
    rehearse(assignment, bench, only=["reference"])
    assert {name for name, _ in bench.runs} == {"reference"}
    bench.runs.clear()
    rehearse(assignment, bench, only=["starter", "test_double"])
    assert bench.runs == [("solution", (DOUBLE,))]


def test_an_unknown_name_has_the_nearest(assignment: Assignment, bench: StandIn) -> None:
    with pytest.raises(UserError, match=r'--only sqaures: .*did you mean "squares"\?'):
        rehearse(assignment, bench, only=["sqaures"])


def test_a_reference_below_full_marks_blocks_every_assignment(folder: Path, bench: StandIn) -> None:
    bench.judges[HALVE] = lambda solution: False
    rehearsal = rehearse(load(folder), bench)
    assert rehearsal.references == {"pytorch": (2, 3)}
    line = f"pytorch: fails {HALVE}: the answer is not the expected one seen"
    assert gaps_of(rehearsal, "reference")[0].startswith(line)
    assert [gap.kind for gap in rehearsal.blocking] == ["reference"]
    assert not rehearsal.passed


def test_one_reference_is_enough_for_an_instructors_own(folder: Path, bench: StandIn) -> None:
    path = folder / "assignment.toml"
    path.write_text(path.read_text().replace('["pytorch"]', '["pytorch", "tensorflow"]'))
    rehearsal = rehearse(load(folder), bench)
    assert rehearsal.passed
    assert gaps_of(rehearsal, "reference") == [
        "tensorflow: there is no reference; write solution_tensorflow.py, or take tensorflow out of frameworks"
    ]


def test_the_catalogue_has_to_close_every_gap(folder: Path, bench: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.judges[HALVE] = lambda solution: number(solution.halve(3.0)) < 3.0
    assignment = load(folder)
    monkeypatch.setattr(rehearsing, "in_catalogue", lambda _: True)
    rehearsal = rehearse(assignment, bench)
    assert not rehearsal.passed
    assert rehearsal.blocking == rehearsal.gaps


def test_a_starter_at_full_marks_blocks_every_assignment(folder: Path, bench: StandIn) -> None:
    (folder / "starter" / "solution.py").write_text(REFERENCE)
    rehearsal = rehearse(load(folder), bench)
    assert [gap.what for gap in rehearsal.blocking] == ["earns full marks on the hidden tests as handed out"]


def test_a_starter_is_cut_from_the_reference_where_the_folder_has_none(folder: Path, bench: StandIn) -> None:
    (folder / "starter" / "solution.py").unlink()
    (folder / "starter").rmdir()
    assert rehearse(load(folder), bench).gaps == ()
    assert ("solution", (DOUBLE, HALVE)) in bench.runs  # the starter, under the name of its file


def test_neither_starter_nor_reference_blocks_every_assignment(folder: Path, bench: StandIn) -> None:
    (folder / "starter" / "solution.py").unlink()
    (folder / "starter").rmdir()
    (folder / "reference" / "solution_pytorch.py").unlink()
    assert "there is none" in [gap.what for gap in rehearse(load(folder), bench).blocking]


def test_given_code_that_fails_with_models_of_another_class_blocks_every_assignment(
    folder: Path, bench: StandIn
) -> None:
    toml = folder / "assignment.toml"
    toml.write_text(toml.read_text().replace("[data]", 'given = ["halve"]\n[data]', 1))
    assert rehearse(load(folder), bench).gaps == ()
    sound = bench.judges[HALVE]
    bench.judges[HALVE] = lambda solution: Path(solution.__file__).parent.name != "given" and sound(solution)
    (gap,) = rehearse(load(folder), bench).blocking
    assert (gap.kind, gap.about) == ("given", "halve")
    assert gap.what.startswith(f"fails {HALVE} in pytorch with a model of another class")


def test_given_code_is_not_spoiled_because_nobody_writes_it(folder: Path, bench: StandIn) -> None:
    toml = folder / "assignment.toml"
    toml.write_text(toml.read_text().replace("[data]", 'given = ["halve"]\n[data]', 1))
    bench.judges[HALVE] = lambda solution: number(solution.halve(3.0)) < 3.0  # a constant would pass
    assert gaps_of(rehearse(load(folder), bench), "mutant") == []
    assert not any(name.startswith("halve-") for name, _ in bench.runs)


def test_starters_and_baselines_earn_next_to_nothing(folder: Path, bench: StandIn) -> None:
    path = folder / "assignment.toml"
    anchors = "{ trivial = 0.5, pass = 0.6, merit = 0.7, distinction = 0.8, reference = 0.9, ceiling = 1.0 }"
    path.write_text(
        f'{path.read_text()}[[criterion]]\nid = "accuracy"\nkind = "accuracy"\npoints = 1\n'
        f'metric = "balanced_accuracy"\nanchors = {anchors}\n'
    )
    with (folder / "interface.py").open("a") as file:
        file.write("def fit() -> None: ...\ndef save() -> None: ...\ndef load() -> None: ...\n")
    bench.shares["solution"] = 0.06
    rehearsal = rehearse(load(folder), bench, baselines=lambda: {"prevalence": 0.05, "mean case": 0.2})
    assert rehearsal.shares == {"prevalence": 0.05, "mean case": 0.2, "starter/solution.py": 0.06}
    assert gaps_of(rehearsal, "baseline") == [
        "mean case: earns 20.0 % of the accuracy points; at most 5 % is allowed; move the trivial anchor"
    ]
    assert gaps_of(rehearsal, "starter")[0].startswith("starter/solution.py: earns 6.0 %")


def test_a_test_that_uses_nothing_is_a_gap(assignment: Assignment) -> None:
    bench = StandIn({**JUDGES, HALVE: lambda solution: True}, {**NAMES_USED, HALVE: []})
    assert gaps_of(rehearse(assignment, bench), "test") == [
        f"{HALVE}: uses no function of the interface; call one",
        f"{HALVE}: catches no misconception; add one to misconceptions.toml",
    ]


def test_a_toolkit_failure_blocks(assignment: Assignment, bench: StandIn) -> None:
    bench.unknown.add(HALVE)
    rehearsal = rehearse(assignment, bench)
    assert not rehearsal.passed
    assert f"pytorch: {HALVE} could not be judged: seen; medmark doctor" in gaps_of(rehearsal, "toolkit")


def test_gaps_of_the_calibration_are_gaps_too(assignment: Assignment, bench: StandIn) -> None:
    stale = Gap("calibration", "calibration.json", "is stale", "medmark rehearse twice --calibrate")
    assert rehearse(assignment, bench, calibrated=lambda: [stale]).gaps == (stale,)


def test_progress_counts_every_step(assignment: Assignment, bench: StandIn) -> None:
    steps: list[tuple[str, int, int]] = []
    rehearse(assignment, bench, on_progress=lambda text, done, of: steps.append((text, done, of)))
    assert steps[0] == ("pytorch: reference", 1, 6)
    assert steps[-1] == ("pytorch: mutant halve: echo", 16, 16)


def test_a_rehearsal_in_halves_comes_to_the_same(assignment: Assignment, bench: StandIn) -> None:
    bench.judges[HALVE] = lambda solution: number(solution.halve(3.0)) < 3.0
    whole, in_halves = (rehearse(assignment, bench, in_halves=each) for each in (False, True))
    assert len(whole.misconceptions) == 2
    assert whole.gaps
    assert replace(in_halves, seconds=whole.seconds) == whole


def test_the_second_half_of_a_rehearsal_has_only_misconceptions(assignment: Assignment, bench: StandIn) -> None:
    steps: list[list[str]] = []

    def run_all(works: Sequence[Work], on_progress: OnProgress) -> list[FrameworkRun]:
        runs = []
        for work in works:
            texts: list[str] = []
            runs += in_turn([work], lambda text, done, of, texts=texts: texts.append(text.removeprefix("pytorch: ")))
            steps.append(texts)
        return runs

    rehearse(assignment, bench, in_halves=True, run_all=run_all)
    assert steps[0][:3] == ["reference", "reference, inputs of draw 2", "reference, inputs of draw 3"]
    assert steps[1] == ["misconception squares", "misconception floors"]
    assert not set(steps[0]) & set(steps[1])


@pytest.mark.parametrize("in_halves", [False, True])
def test_a_mistake_meets_only_the_tests_that_can_reach_it(
    assignment: Assignment, bench: StandIn, monkeypatch: pytest.MonkeyPatch, in_halves: bool
) -> None:
    every = rehearse(assignment, bench)
    bench.runs.clear()
    monkeypatch.setattr(proving, "MANY", 1)
    few = rehearse(assignment, bench, in_halves=in_halves)
    assert [run for run in bench.runs if run[0] in ("squares", "floors")] == [
        ("squares", (DOUBLE,)),
        ("floors", (HALVE,)),
    ]
    assert replace(few, seconds=every.seconds) == every


def test_mistakes_that_training_does_not_reach_train_once_together(
    folder: Path, bench: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = folder.parent / "trained"
    training = (
        "\n\ndef fit(train, val=None):\n"
        f"    with open({str(trained)!r}, 'a') as file:\n        file.write('x')\n"
        "    return {'x': train}\n\n\n"
        "def save(model, folder):\n    (folder / 'x').write_text(str(model['x']))\n\n\n"
        "def load(folder):\n    return {'x': float((folder / 'x').read_text())}\n"
    )
    (folder / "reference" / "solution_pytorch.py").write_text(REFERENCE + training)
    (folder / "misconceptions.toml").write_text(
        MISCONCEPTIONS + '\n[[misconception]]\nid = "learns_the_opposite"\ntitle = "Learns the opposite"\n'
        "edits = [{ find = \"{'x': train}\", replace = \"{'x': -train}\" }]\n"
        f'fails = ["{DOUBLE}", "{HALVE}"]\n'
    )
    bench.judges = {
        DOUBLE: lambda solution: number(solution.double(solution.fit(3.0)["x"])) == 6.0,
        HALVE: lambda solution: number(solution.halve(solution.fit(3.0)["x"])) == 1.5,
    }
    bench.names_used = {DOUBLE: ["double", "fit"], HALVE: ["halve", "fit"]}
    monkeypatch.setattr(proving, "MANY", 1)
    rehearsal = rehearse(load(folder), bench)
    caught = dict.fromkeys(("squares", "floors", "learns_the_opposite"), ("pytorch",))
    assert rehearsal.misconceptions == caught
    # The reference in two tests; a copy of it, for all draws that follow; and twice the mistake that lies in `fit`.
    assert len(trained.read_text()) == 2 + 1 + 2


def test_what_a_copy_of_the_reference_fails_the_reference_is_asked_itself(
    folder: Path, bench: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores_half = (
        "\n\ndef fit(train, val=None):\n    return {'x': train, 'log': 'long'}\n\n\n"
        "def save(model, folder):\n    (folder / 'x').write_text(str(model['x']))\n\n\n"
        "def load(folder):\n    return {'x': float((folder / 'x').read_text())}\n"
    )
    (folder / "reference" / "solution_pytorch.py").write_text(REFERENCE + stores_half)
    bench.judges[HALVE] = lambda solution: "log" in solution.fit(3.0) and number(solution.halve(3.0)) == 1.5
    bench.names_used[HALVE] = ["halve", "fit"]
    monkeypatch.setattr(proving, "MANY", 1)
    rehearsal = rehearse(load(folder), bench)
    assert rehearsal.passed
    assert [run for run in bench.runs if run[0] in ("reference", "that-trains", "that-reads")] == [
        ("reference", (DOUBLE, HALVE)),
        ("that-trains", (DOUBLE, HALVE)),
        ("that-reads", (DOUBLE, HALVE)),
        ("reference", (HALVE,)),
    ]
    assert rehearsal.misconceptions == dict.fromkeys(("squares", "floors"), ("pytorch",))


def test_few_mistakes_meet_every_test_also_those_that_share_a_worker(folder: Path, bench: StandIn) -> None:
    test_file = folder / "hidden_tests" / "test_double.py"
    test_file.write_text(test_file.read_text().replace("(student)", "(shared_student)"))
    rehearse(load(folder), bench)
    runs = [run for run in bench.runs if run[0] in ("reference", "squares")]
    assert (("reference", (HALVE,)) in runs, runs[-1]) == (True, ("squares", (DOUBLE, HALVE)))


def test_what_the_reference_fails_is_asked_of_every_mistake(
    assignment: Assignment, bench: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.judges[HALVE] = lambda solution: False
    monkeypatch.setattr(proving, "MANY", 1)
    rehearse(assignment, bench)
    assert [run for run in bench.runs if run[0] == "squares"] == [("squares", (DOUBLE, HALVE))]


def test_the_table_is_within_80_columns_even_where_a_name_is_not(assignment: Assignment, bench: StandIn) -> None:
    rehearsal = rehearse(assignment, bench)
    long = "test_" + "x" * 80
    proofs = (replace(rehearsal.proofs[0], id=f"test_double.py::{long}"), replace(rehearsal.proofs[1], id="a_contract"))
    lines = list(replace(rehearsal, proofs=proofs).lines())
    assert lines[2:7] == [
        f"{'hidden test':53}  points  mistakes  mutants",
        "test_double.py",
        f"  {long}",
        f"{'':53}       2         1      5/5",
        f"{'a_contract':53}       1         1      5/5",
    ]


def test_the_author_reads_a_table_and_a_program_reads_json(assignment: Assignment, bench: StandIn) -> None:
    bench.judges[HALVE] = lambda solution: number(solution.halve(3.0)) < 3.0
    rehearsal = rehearse(assignment, bench)
    lines = list(rehearsal.lines())
    assert lines[2:6] == [
        "hidden test    points  mistakes  mutants",
        "test_double.py",
        "  test_double       2         1      5/5",
        "  test_halve        1      none      4/5",
    ]
    text = "\n".join(lines)
    assert "reference in pytorch: 3 of 3 points of the hidden tests" in text
    assert "misconceptions: 1 of 2 caught" in text
    assert "3 gaps shown in the provenance of every mark:" in text
    document = json.loads(json.dumps(rehearsal.as_json()))
    assert document["passed"] is True
    assert document["tests"][1]["survivors"] == ["halve: constant"]
    assert document["gaps"][0]["kind"] == "misconception"
