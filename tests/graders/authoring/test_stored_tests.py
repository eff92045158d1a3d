"""What a rehearsal remembers: which change asks which question anew, and which results are never stored."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from assignments.assignment import Assignment
from assignments.load import hidden_tests, load
from graders.authoring import stored_tests
from graders.authoring.mutants import write_copy
from graders.authoring.proving import Bench, EarnedShare, TestResults
from graders.authoring.stored_tests import ResultFile, may_be_stored, remembering
from graders.failures import LOADED_HOST
from graders.metrics import Floats
from graders.record.documents import Cause, TestResult

GROUPS = Path(__file__).parents[2] / "example_groups"
PASSED = TestResult("passed", names_used=("scale",))


@dataclass
class Counting:
    """A bench that answers the same to everything, and notes each question."""

    result: TestResult = PASSED
    share_of: EarnedShare = field(default_factory=lambda: EarnedShare(0.25))
    ran: list[str] = field(default_factory=list)
    opened: int = 0

    def check(self, solution: Path, tests: Sequence[str], draw: int = 0, *, same_as: str = "") -> TestResults:
        self.ran += tests
        return dict.fromkeys(tests, self.result)

    def check_public(self, solution: Path, tests: Sequence[str]) -> TestResults:
        return self.check(solution, tests)

    def expected(self, solution: Path, test: str, draw: int) -> Floats | None:
        self.ran.append(f"expected {draw}")
        return np.array([0.5, 1 / 3]) if draw == 0 else None

    def share(self, solution: Path) -> EarnedShare:
        self.ran.append("share")
        return self.share_of


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Counting:
    bench = Counting()

    @contextmanager
    def opened(framework: str) -> Iterator[Counting]:
        bench.opened += 1
        yield bench

    monkeypatch.setattr(stored_tests, "opener", lambda assignment: opened)
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))
    return bench


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(GROUPS / "assignment", tmp_path / "tiny")


@pytest.fixture
def solution(tmp_path: Path) -> Path:
    return shutil.copytree(GROUPS / "perfect", tmp_path / "perfect")


@contextmanager
def bench_of(folder: Path, *, fresh: bool = False) -> Iterator[Bench]:
    with remembering(load(folder), fresh=fresh)("numpy") as bench:
        yield bench


def ids_of(assignment: Assignment) -> list[str]:
    return [test.id for test in hidden_tests(assignment)]


def anew(real: Counting, folder: Path, solution: Path, **how: object) -> list[str]:
    """The tests that run anew."""
    real.ran.clear()
    with bench_of(folder) as bench:
        tests = ids_of(load(folder))
        assert list(bench.check(solution, tests, **how)) == tests  # type: ignore[arg-type]
    return list(real.ran)


def test_what_was_asked_once_is_not_asked_again_and_opens_no_framework(
    real: Counting, folder: Path, solution: Path
) -> None:
    tests = ids_of(load(folder))
    assert anew(real, folder, solution) == tests
    opened = real.opened
    assert anew(real, folder, solution) == []
    assert real.opened == opened == 1
    assert anew(real, folder, solution, draw=1) == tests
    with bench_of(folder, fresh=True) as bench:
        assert bench.check(solution, tests[:1]) == {tests[0]: PASSED}
    assert real.ran == [*tests, tests[0]]


def test_an_edited_test_runs_and_its_neighbours_do_not(real: Counting, folder: Path, solution: Path) -> None:
    anew(real, folder, solution)
    path = next((folder / "hidden_tests").glob("test_*.py"))
    text = path.read_text()
    first = hidden_tests(load(folder))[0]
    path.write_text(text.replace(first.source, f"{first.source}\n    assert True\n"))
    assert anew(real, folder, solution) == [first.id]


def test_an_edited_solution_is_asked_everything_and_a_mutant_of_it_nothing(
    real: Counting, folder: Path, solution: Path
) -> None:
    tests = ids_of(load(folder))
    anew(real, folder, solution)
    anew(real, folder, solution, same_as="mutant scale: nan")
    source = solution / "solution.py"
    source.write_text(source.read_text() + "\nA = 1\n")
    assert anew(real, folder, solution) == tests
    assert anew(real, folder, solution, same_as="mutant scale: nan") == []
    assert anew(real, folder, solution, same_as="mutant scale: echo") == tests


def test_a_copy_that_reads_what_another_learnt_is_not_answered_from_what_that_was_asked(
    real: Counting, folder: Path, tmp_path: Path
) -> None:
    reference = tmp_path / "solution_numpy.py"
    shutil.copyfile(GROUPS / "perfect" / "solution.py", reference)
    copies = [write_copy(tmp_path / name, "numpy", reference, remembers=True) for name in ("trains", "reads")]
    assert len(anew(real, folder, copies[0])) == len(anew(real, folder, copies[1])) > 0


def test_the_interface_the_limits_and_the_runtime_are_part_of_a_result(
    real: Counting, folder: Path, solution: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = ids_of(load(folder))
    anew(real, folder, solution)
    interface = folder / "interface.py"
    interface.write_text(interface.read_text() + "\nA = 1\n")
    assert anew(real, folder, solution) == tests
    settings = folder / "assignment.toml"
    settings.write_text(settings.read_text().replace("memory_mb = 256", "memory_mb = 300"))
    assert anew(real, folder, solution) == tests
    monkeypatch.setattr(stored_tests.Local, "runtime", lambda self, framework: "another NumPy")
    assert anew(real, folder, solution) == tests


def test_one_test_of_a_shared_worker_has_another_result_alone(real: Counting, folder: Path, solution: Path) -> None:
    anew(real, folder, solution)
    shared = [test.id for test in hidden_tests(load(folder)) if "shared_student" in test.source + test.surroundings]
    own = [id for id in ids_of(load(folder)) if id not in shared]
    real.ran.clear()
    with bench_of(folder) as bench:
        for id in [*shared[:1], *own[:1]]:
            bench.check(solution, [id])
    assert real.ran == shared[:1]


@pytest.mark.parametrize(
    ("result", "is_lasting"),
    [
        (PASSED, True),
        (TestResult("failed", Cause("wrong_answer")), True),
        (TestResult("failed", Cause("cpu_limit")), False),
        (TestResult("failed", Cause("wall_limit")), False),
        (TestResult("failed", Cause("memory_limit")), False),
        (TestResult("failed", Cause("wrong_answer"), flags=(LOADED_HOST,)), False),
        (TestResult("unknown", Cause("engine")), False),
    ],
)
def test_what_depends_on_time_or_load_is_not_stored(
    real: Counting, folder: Path, solution: Path, result: TestResult, is_lasting: bool
) -> None:
    assert may_be_stored(result) == is_lasting
    real.result = result
    anew(real, folder, solution)
    assert bool(anew(real, folder, solution)) != is_lasting
    with bench_of(folder) as bench:
        assert set(bench.check(solution, ids_of(load(folder))).values()) == {result}


def test_shares_and_expected_numbers_are_stored_too(real: Counting, folder: Path, solution: Path) -> None:
    test = ids_of(load(folder))[0]
    for ran in (["share", "expected 0", "expected 1"], []):
        real.ran.clear()
        with bench_of(folder) as bench:
            assert bench.share(solution).share == 0.25
            values = bench.expected(solution, test, 0)
            assert values is not None
            assert values.tolist() == [0.5, 1 / 3]
            assert bench.expected(solution, test, 1) is None
        assert real.ran == ran
    real.share_of = replace(real.share_of, is_lasting=False)
    (solution / "more.py").write_text("")
    for _ in range(2):
        with bench_of(folder) as bench:
            bench.share(solution)
    assert real.ran == ["share", "share"]


def test_a_damaged_line_is_asked_again(real: Counting, folder: Path, solution: Path, tmp_path: Path) -> None:
    anew(real, folder, solution)
    (file,) = tmp_path.rglob("*.jsonl")
    lines = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join([*lines[:-1], lines[-1][:-20]]))
    assert len(anew(real, folder, solution)) == 1
    assert anew(real, folder, solution) == []


def test_the_file_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_tests, "LARGEST", 2000)
    path, old = tmp_path / "a" / "numpy.jsonl", tmp_path / "b" / "numpy.jsonl"
    for file in (path, old):
        stored = ResultFile(file)
        for number in range(40):
            stored.put(f"{number:064}", number)
    os.utime(old, (0, time.time() - 61 * 86400))
    stored = ResultFile(path)
    stored.sweep()
    assert not old.exists()
    assert stored.get(f"{39:064}") == 39
    assert stored.get(f"{0:064}") is None
    assert path.stat().st_size < 2000


def test_without_a_cache_everything_runs(
    real: Counting, folder: Path, solution: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_tests, "cache_folder", lambda: None)
    assert anew(real, folder, solution) == anew(real, folder, solution) == ids_of(load(folder))
