"""Hidden and public code tests -> one result a test. It runs pytest on the author's files, in a marker process.

The tests run on the host and ask through the wall: student code is never in this process. A test passes only if pytest
saw it through setup, call and teardown; the exception that it raises decides any other verdict.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assignments.assignment import Assignment, ContractTerms, Limits
from assignments.data.source import Draw
from assignments.data.streams import Purpose, SecretOrKeys, key, stream, test_purpose
from assignments.folders import CONTRACTS, contract_file
from assignments.interface import Interface
from assignments.testing import Unmet, latest, suspected
from graders.asking.journal import Journal, QuestionId, Silent
from graders.asking.model_calls import ModelCalls, ModelFacts, TrainedModel
from graders.asking.relations import mistake_of, relation_of
from graders.failures import LOADED_HOST, InternalFailure, NotUsable, SubmissionFailure, ToolkitFailure, WallLimit
from graders.record.documents import UNMET, Cause, TestResult
from graders.wall.session import Session, Usage
from graders.wall.student import Student, WorkerClient

WRONG = "wrong_answer"
NOT_RUN_REASON = "not_run"
EVIDENCE = 6000


@dataclass(frozen=True)
class CodeTests:
    """A run of code tests: all that it needs beside the session."""

    assignment_id: str
    folder: Path
    """`hidden_tests` or `public_tests` of an assignment."""
    interface: Interface
    limits: Limits
    secret: SecretOrKeys
    """Draws the inputs of each test; the keys of these tests' streams suffice."""
    doubles: str = ""
    solution: str | None = None
    """Another solution's folder in the same session; local sandbox only."""
    memory_bytes: int = 0
    """Memory that the tests may use in this process once they are imported."""
    host_cpu_s: float = 0.0
    """CPU seconds that one test may cost the host."""
    facts: ModelFacts | None = None
    """What the assignment's models are, for tests that use one or draw cases."""

    @classmethod
    def of(
        cls,
        assignment: Assignment,
        interface: Interface,
        secret: SecretOrKeys,
        tests_folder: str = "hidden_tests",
        *,
        solution: str | None = None,
        memory_bytes: int = 0,
        host_cpu_s: float = 0.0,
        facts: ModelFacts | None = None,
    ) -> CodeTests:
        """The tests of an assignment as it lies on this machine, with its doubles where it has any."""
        doubles = assignment.folder / "doubles.py"
        return cls(
            assignment.id,
            assignment.folder / tests_folder,
            interface,
            assignment.limits,
            secret,
            doubles.read_text(encoding="utf-8") if doubles.is_file() else "",
            solution,
            memory_bytes,
            host_cpu_s,
            facts,
        )

    def file(self, id: str) -> Path:
        """The file of a test: of this folder, or of the contract that its id names."""
        name, separator, _ = id.partition("::")
        return self.folder / name if separator else contract_file(name)


def run_tests(
    session: Session,
    code_tests: CodeTests,
    only: Iterable[str],
    journal: Journal | None = None,
    unusable: Collection[QuestionId] = (),
) -> dict[str, TestResult]:
    """Run the named tests (`test_file.py::test_name`, or the name of a contract) against the solution behind a session.

    Every named test has a result. A test that pytest did not run, skipped or saw twice has not passed. A test whose
    question is `unusable` is not run and has not passed either.
    """
    names = list(only)
    unusable_names = {name for name in names if {QuestionId("all"), QuestionId("test", name)} & {*unusable}}
    results = _run(session, code_tests, [name for name in names if name not in unusable_names], journal or Silent())
    return {name: _given_up(name) if name in unusable_names else results[name] for name in names}


def _run(session: Session, code_tests: CodeTests, names: list[str], journal: Journal) -> dict[str, TestResult]:
    recorder = _Recorder(session, code_tests, names, journal)
    files = sorted({str(code_tests.file(name)) for name in names})
    if not files:
        return {}
    printed = io.StringIO()
    arguments = [
        *files,
        "-q",
        "--noconftest",
        "--import-mode=importlib",
        "--strict-markers",
        f"--rootdir={code_tests.folder if code_tests.folder.is_dir() else code_tests.folder.parent}",
        f"-c{os.devnull}",
        "-pno:cacheprovider",
        "-pno:unraisableexception",
        "-pno:threadexception",
        "--capture=no",
        "-omarkers=points(n): what the test is worth",
    ]
    with (
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        _alone(code_tests.folder),
        # Arrays are short in evidence too, whatever their shape: two items an axis at most.
        np.printoptions(threshold=50, edgeitems=1),
    ):
        code = pytest.main(arguments, plugins=[recorder])
    if recorder.interrupted:
        raise KeyboardInterrupt
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        # A test file that cannot be collected is a toolkit failure.
        not_collected = TestResult("unknown", Cause(InternalFailure.reason), evidence=printed.getvalue()[-EVIDENCE:])
        results = recorder.results.items()
        return {id: not_collected if result.cause == UNSEEN.cause else result for id, result in results}
    return recorder.results


def worker_seed(stream_key: bytes) -> int:
    """The seed, below 2**32, of a test's worker; nobody can compute the test's stream from it."""
    return int.from_bytes(key(stream_key, "worker")[:4], "big")


UNSEEN = TestResult("failed", Cause(NOT_RUN_REASON))
"""Of a test that pytest has not run."""


def _given_up(name: str) -> TestResult:
    """The result of a test whose answers cost the host more than one test may."""
    flag = "the host reached its limit in this test"
    return TestResult("failed", Cause(NotUsable.reason), evidence=name, flags=(flag,))


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Run pytest without the user's own options and plugins, and without an earlier run's modules."""
    names = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    _forget(folder)
    try:
        yield
    finally:
        _forget(folder)
        del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        os.environ.update({name: value for name, value in before.items() if value is not None})


def _forget(folder: Path) -> None:
    """Forget imported test modules: they are named by file, so pytest would take another folder's or an older one."""
    for path in folder.glob("test_*.py"):
        sys.modules.pop(path.stem, None)


class _Recorder:
    """The pytest plugin: provides the fixtures and records the outcomes."""

    def __init__(
        self,
        session: Session,
        code_tests: CodeTests,
        names: list[str],
        journal: Journal,
    ) -> None:
        self.results = dict.fromkeys(names, UNSEEN)
        self.interrupted = False
        self._session = session
        self._code_tests = code_tests
        self._journal = journal
        self._times_seen: dict[str, int] = {}
        self._clients: list[WorkerClient] = []
        self._began = 0.0
        self._passed: set[str] = set()
        self._usage_by_test: dict[str, list[Usage]] = {}
        self._names_of_ended: set[str] = set()
        """Names of the interface that workers used which ended in this test."""
        self._test = ""

    # Fixtures

    @pytest.fixture
    def student(self, request: pytest.FixtureRequest) -> Iterator[Student]:
        """The solution in a fresh worker."""
        if not self._session.info.get("forks", True):
            # Without fork a worker costs a framework's import: the tests of a file share one.
            yield request.getfixturevalue("shared_student")
            return
        seed = worker_seed(key(self._code_tests.secret, *self._purpose(request.node)))
        client = self._client(self._code_tests.limits.test_cpu_s, seed)
        self._clients.append(client)
        yield Student(client)
        self._end(client)

    @pytest.fixture(scope="module")
    def shared_student(self) -> Iterator[Student]:
        """The solution in one worker for all tests of a file, in file order."""
        client = self._client(self._code_tests.limits.shared_cpu_s)
        self._clients.append(client)
        yield Student(client)
        self._end(client)

    @pytest.fixture(scope="session")
    def trained_model(self) -> Iterator[TrainedModel]:
        """The model that all tests of this run share, and its worker."""
        client = self._client(self._code_tests.limits.shared_cpu_s)
        self._clients.append(client)

        def end() -> None:
            if client in self._clients:
                self._end(client)

        try:
            yield TrainedModel(self._calls(client), end)
        finally:
            end()

    @pytest.fixture
    def trained(self, trained_model: TrainedModel) -> TrainedModel:
        """The same in one test, which uses `fit` as if it were alone."""
        names = trained_model.calls.client.names_used
        names.clear()
        names.add("fit")
        return trained_model

    @pytest.fixture
    def calls(self) -> Callable[[Student], ModelCalls]:
        """For contracts: a worker's calls by what they are for."""
        return lambda student: self._calls(student._client)

    @pytest.fixture
    def options(self, request: pytest.FixtureRequest) -> ContractTerms:
        """For contracts: the assignment's own terms."""
        return self._facts.contracts[_name(request.node)]

    @pytest.fixture
    def small_cases(self) -> Draw:
        """`small_cases(n, rng)`: small cases of the assignment's source, with their truth."""
        return self._facts.small_cases

    @property
    def _facts(self) -> ModelFacts:
        if self._code_tests.facts is None:
            raise InternalFailure("these tests belong to an assignment that trains no model")
        return self._code_tests.facts

    def _calls(self, client: WorkerClient) -> ModelCalls:
        return ModelCalls(client, self._facts, self._code_tests.interface)

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> np.random.Generator:
        """Random numbers of this test and this course's secret."""
        return stream(self._code_tests.secret, *self._purpose(request.node))

    def _purpose(self, item: pytest.Item) -> Purpose:
        return test_purpose(self._code_tests.assignment_id, _name(item))

    def _client(self, cpu_s: float, seed: int = 0) -> WorkerClient:
        code_tests = self._code_tests
        return WorkerClient(
            self._session, code_tests.interface, cpu_s, code_tests.doubles, code_tests.solution, seed=seed
        )

    def _end(self, client: WorkerClient) -> None:
        self._clients.remove(client)
        self._names_of_ended |= client.names_used
        usage = client.close()
        if usage is not None:
            self._usage_by_test.setdefault(self._test, []).append(usage)

    # Outcomes

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Ctrl-C of the person at the keyboard; pytest calls this for `pytest.exit` too."""
        self.interrupted = excinfo.type is KeyboardInterrupt

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Select the named tests, and count how often each appears: a test that appears twice has not passed.

        In file order, but tests with workers of their own run before those that share one: beside the shared worker
        they could observe its state. Those that share the trained model come last, and at the very end those that
        hand it to another worker, for which its own has to end.
        """
        selected = [item for item in items if _name(item) in self.results]
        for item in selected:
            self._times_seen[_name(item)] = self._times_seen.get(_name(item), 0) + 1
        items[:] = sorted(selected, key=_turn)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """The test files are imported: from now on memory and time are limited."""
        self._journal.hold(self._code_tests.memory_bytes)
        # pytest would explain every comparison that fails, and for two texts that takes the cube of their lines.
        # The test files are rewritten already: they still show both sides.
        session.config.pluginmanager.unregister(name="assertion")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._test = _name(item)
        self._journal.begins(QuestionId("test", self._test), self._code_tests.host_cpu_s)
        self._began = time.perf_counter()
        self._passed = set()
        self._names_of_ended = set()
        latest.set(None)
        suspected.set(())
        self.results[self._test] = UNSEEN

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        result = self.results[_name(item)]
        if call.excinfo is not None and result.cause == Cause(NOT_RUN_REASON):
            result = replace(_judged(call.excinfo, item), names_used=result.names_used)
        if report.passed and not hasattr(report, "wasxfail"):
            self._passed.add(call.when)
        names = {
            *result.names_used,
            *self._names_of_ended,
            *(name for client in self._clients for name in client.names_used),
        }
        self.results[_name(item)] = replace(result, names_used=tuple(sorted(names)))
        return report

    def pytest_runtest_logfinish(self, nodeid: str, location: object) -> None:
        result = replace(self.results[self._test], wall_s=round(time.perf_counter() - self._began, 4))
        for usage in self._usage_by_test.pop(self._test, []):
            result = replace(result, cpu_s=round(result.cpu_s + usage.cpu_s, 4))
            if usage.log:
                result = replace(result, printed=f"{result.printed}{usage.log[-2000:]}\n"[-EVIDENCE:])
            if usage.strays:
                result = replace(result, flags=(*result.flags, f"left {usage.strays} processes behind"))
        if self._passed == {"setup", "call", "teardown"} and self._times_seen.get(self._test) == 1:
            result = replace(result, verdict="passed", cause=None)
        if isinstance(self._session.lost, ToolkitFailure):  # a test that expects an exception may pass through it
            result = replace(result, verdict="unknown", cause=Cause(self._session.lost.reason))
        if isinstance(self._session.lost, MemoryError):
            self._journal.give_up()
        self.results[self._test] = result
        self._journal.stage_done("test", self._test, result)


def _judged(excinfo: pytest.ExceptionInfo[BaseException], item: Any) -> TestResult:
    """The result that an exception of a test means; its class says who is responsible."""
    error = excinfo.value
    signs = set(suspected.get())
    sign = signs.pop() if len(signs) == 1 else ""
    message, evidence = str(error)[:EVIDENCE], f"{type(error).__name__}: {error}"[:EVIDENCE]
    if isinstance(error, AssertionError) and not message:  # a contract's module is imported without pytest's help
        evidence = f"AssertionError: {str(excinfo.traceback[-1].statement).strip()}"[:EVIDENCE]
    code = item.function.__code__
    own = next((entry.lineno + 1 for entry in excinfo.traceback if entry.frame.code.raw is code), None)
    line = None if own is None else own - code.co_firstlineno
    if isinstance(error, ToolkitFailure):
        return TestResult("unknown", Cause(error.reason), message, evidence, line=line)
    if isinstance(error, SubmissionFailure):
        starved = isinstance(error, WallLimit) and error.starved
        flags = (LOADED_HOST,) if starved else ()
        cause = replace(Cause.of(error), mistake=sign)
        return TestResult("failed", cause, error.cause_text[:EVIDENCE], evidence, flags=flags, line=line)
    if isinstance(error, pytest.skip.Exception | pytest.xfail.Exception):
        return TestResult("failed", Cause(NOT_RUN_REASON), message, evidence, line=line)
    if isinstance(error, Unmet):
        cause = Cause(UNMET, text=error.text, mend=error.mend, mistake=sign)
        return TestResult("failed", cause, message, evidence, line=line)
    if isinstance(error, AssertionError | pytest.fail.Exception):
        return TestResult("failed", _wrong(excinfo, item.path, sign), message, evidence, line=line)
    # A rehearsed test works with every right answer: this submission's reply made it raise.
    evidence = str(excinfo.getrepr(style="short"))[-EVIDENCE:]
    flag = "the test ended in an exception of its own"
    return TestResult("failed", Cause(NotUsable.reason), evidence, evidence, flags=(flag,), line=line)


def _wrong(excinfo: pytest.ExceptionInfo[BaseException], file: Path, sign: str) -> Cause:
    """The cause of an assertion that failed: if it failed by `close`, with what that tells of it.

    `sign` is the misconception that the test pointed to.
    """
    comparison = latest.get()
    entry = next((entry for entry in reversed(excinfo.traceback) if entry.path == file), None)
    if comparison is None or entry is None:
        return Cause(WRONG, mistake=sign)
    first = entry.lineno + 1
    if comparison.line not in range(first, first + len(entry.statement.lines)):
        return Cause(WRONG, mistake=sign)  # the last comparison that did not hold was meant not to
    return Cause(WRONG, relation_of(comparison), text=comparison.hint, mistake=mistake_of(comparison) or sign)


def _turn(item: Any) -> tuple[bool, bool, str, bool]:
    """By what tests are put in order."""
    names = item.fixturenames
    trains = "trained" in names
    return trains, trains and "student" in names, item.path.name, "shared_student" in names


def _name(item: Any) -> str:
    """`test_file.py::test_name` or the name of a contract, as the assignment's points table has it."""
    if item.path.parent == CONTRACTS:
        return str(item.path.stem)
    return f"{item.path.name}::{item.name}"
