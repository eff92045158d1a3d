"""Hidden and public code tests -> one result a test. It runs pytest on the author's files, in a marker process.

The tests run on the host and only ask: student code is never in this process. What a test raises decides its verdict:
nothing is passed that pytest did not see through setup, call and teardown.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Collection, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assignments.assignment import Assignment, Limits
from assignments.data.streams import SecretOrKeys, stream, test_purpose
from assignments.interface import Interface
from graders.asking.journal import Journal, QuestionId, Silent
from graders.failures import LOADED_HOST, InternalFailure, NotUsable, SubmissionFailure, ToolkitFailure, WallLimit
from graders.record.documents import Cause, TestResult
from graders.wall.session import Session, Usage
from graders.wall.student import Student, WorkerClient

WRONG = "wrong_answer"
NOT_RUN_REASON = "not_run"
EVIDENCE = 6000


@dataclass(frozen=True)
class CodeTests:
    """All that a run of tests needs beside the session."""

    assignment_id: str
    folder: Path
    """`hidden_tests` or `public_tests` of an assignment."""
    interface: Interface
    limits: Limits
    secret: SecretOrKeys
    """Draws the inputs of each test; keys of these tests' streams will do."""
    doubles: str = ""
    solution: str | None = None
    """Another solution's folder in the same session; local sandbox only."""
    memory_bytes: int = 0
    """What the tests and the host's part of them may take beyond what is there once they are imported."""
    host_cpu_s: float = 0.0
    """CPU seconds that one of them may cost the host."""

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
    ) -> CodeTests:
        """Those of an assignment as it lies on this machine, with its doubles where it has any."""
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
        )


def run_tests(
    session: Session,
    code_tests: CodeTests,
    only: Iterable[str],
    journal: Journal | None = None,
    unusable: Collection[QuestionId] = (),
) -> dict[str, TestResult]:
    """Run the named tests (`test_file.py::test_name`) against the solution behind a session.

    Every named test has a result: one that pytest did not run, skipped or saw twice has not passed. Nor has one whose
    question is `unusable`, which is not run.
    """
    names = list(only)
    lost = names if QuestionId("all") in unusable else [name for name in names if QuestionId("test", name) in unusable]
    asked = _run(session, code_tests, [name for name in names if name not in lost], journal or Silent())
    return {name: _given_up(name) if name in lost else asked[name] for name in names}


def _run(session: Session, code_tests: CodeTests, names: list[str], journal: Journal) -> dict[str, TestResult]:
    recorder = _Recorder(session, code_tests, names, journal)
    files = sorted({name.partition("::")[0] for name in names})
    if not files:
        return {}
    printed = io.StringIO()
    arguments = [
        *(str(code_tests.folder / file) for file in files),
        "-q",
        "--noconftest",
        "--import-mode=importlib",
        "--strict-markers",
        f"--rootdir={code_tests.folder}",
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
        # What is written of an array in evidence is short too, whatever its shape: two items an axis at most.
        np.printoptions(threshold=50, edgeitems=1),
    ):
        code = pytest.main(arguments, plugins=[recorder])
    if recorder.interrupted:
        raise KeyboardInterrupt
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        # A test file that cannot be collected is our trouble, not the group's.
        not_collected = TestResult("unknown", Cause(InternalFailure.reason), evidence=printed.getvalue()[-EVIDENCE:])
        return {id: not_collected if found.cause == UNSEEN.cause else found for id, found in recorder.results.items()}
    return recorder.results


UNSEEN = TestResult("failed", Cause(NOT_RUN_REASON))
"""Of a test that pytest has not run."""


def _given_up(name: str) -> TestResult:
    """The result of a test whose answers cost the host more than a test may."""
    flag = "the host reached its limit in this test"
    return TestResult("failed", Cause(NotUsable.reason), evidence=name, flags=(flag,))


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """pytest as it is for everybody: without the user's own options and plugins, or an earlier run's modules."""
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
    """Test modules go by their file's name: pytest would take another folder's, or an older one, for this."""
    for path in folder.glob("test_*.py"):
        sys.modules.pop(path.stem, None)


class _Recorder:
    """The pytest plugin: gives the fixtures, takes the outcomes."""

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
        self._seen: dict[str, int] = {}
        self._clients: list[WorkerClient] = []
        self._began = 0.0
        self._passed: set[str] = set()
        self._used: dict[str, list[Usage]] = {}
        self._now = ""

    # Fixtures

    @pytest.fixture
    def student(self, request: pytest.FixtureRequest) -> Iterator[Student]:
        """The solution in a fresh worker."""
        if not self._session.info.get("forks", True):
            # Without fork a worker costs a framework's import: the tests of a file share one.
            yield request.getfixturevalue("shared_student")
            return
        client = self._client(self._code_tests.limits.test_cpu_s)
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

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> np.random.Generator:
        """Random numbers of this test and this course's secret."""
        return stream(self._code_tests.secret, *test_purpose(self._code_tests.assignment_id, _name(request.node)))

    def _client(self, cpu_s: float) -> WorkerClient:
        code_tests = self._code_tests
        return WorkerClient(self._session, code_tests.interface, cpu_s, code_tests.doubles, code_tests.solution)

    def _end(self, client: WorkerClient) -> None:
        self._clients.remove(client)
        usage = client.close()
        if usage is not None:
            self._used.setdefault(self._now, []).append(usage)

    # Outcomes

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Ctrl-C of the person at the keyboard; `pytest.exit` comes here too."""
        self.interrupted = excinfo.type is KeyboardInterrupt

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Only what was asked for; a test that appears twice is not passed.

        In file order, but those with workers of their own before those that share one: beside the shared worker they
        could see how it stands.
        """
        kept = [item for item in items if _name(item) in self.results]
        for item in kept:
            self._seen[_name(item)] = self._seen.get(_name(item), 0) + 1
        items[:] = sorted(kept, key=lambda item: (item.path.name, "shared_student" in item.fixturenames))  # type: ignore[attr-defined]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """The test files are imported: nothing that comes now may take memory, or time, as it likes."""
        self._journal.hold(self._code_tests.memory_bytes)
        # From now on pytest would explain a comparison that fails, and of two texts that takes the cube of their lines.
        # What the rewritten test files show of both sides stays.
        session.config.pluginmanager.unregister(name="assertion")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._now = _name(item)
        self._journal.begins(QuestionId("test", self._now), self._code_tests.host_cpu_s)
        self._began = time.perf_counter()
        self._passed = set()
        self.results[self._now] = UNSEEN

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        found = self.results[_name(item)]
        if call.excinfo is not None and found.cause == Cause(NOT_RUN_REASON):
            found = replace(_judged(call.excinfo), names_used=found.names_used)
        if report.passed and not hasattr(report, "wasxfail"):
            self._passed.add(call.when)
        names = {*found.names_used, *(name for client in self._clients for name in client.names_used)}
        self.results[_name(item)] = replace(found, names_used=tuple(sorted(names)))
        return report

    def pytest_runtest_logfinish(self, nodeid: str, location: object) -> None:
        found = replace(self.results[self._now], wall_s=round(time.perf_counter() - self._began, 4))
        for usage in self._used.pop(self._now, []):
            found = replace(found, cpu_s=round(found.cpu_s + usage.cpu_s, 4))
            if usage.log:
                found = replace(found, printed=f"{found.printed}{usage.log[-2000:]}\n"[-EVIDENCE:])
            if usage.strays:
                found = replace(found, flags=(*found.flags, f"left {usage.strays} processes behind"))
        if self._passed == {"setup", "call", "teardown"} and self._seen.get(self._now) == 1:
            found = replace(found, verdict="passed", cause=None)
        if isinstance(self._session.lost, ToolkitFailure):  # a test that expects an exception may have passed by it
            found = replace(found, verdict="unknown", cause=Cause(self._session.lost.reason))
        if isinstance(self._session.lost, MemoryError):
            self._journal.give_up()
        self.results[self._now] = found
        self._journal.stage_done("test", self._now, found)


def _judged(excinfo: pytest.ExceptionInfo[BaseException]) -> TestResult:
    """The result that an exception means; whose fault it was is its class."""
    error = excinfo.value
    said, evidence = str(error)[:EVIDENCE], f"{type(error).__name__}: {error}"[:EVIDENCE]
    if isinstance(error, ToolkitFailure):
        return TestResult("unknown", Cause(error.reason), said, evidence)
    if isinstance(error, SubmissionFailure):
        starved = isinstance(error, WallLimit) and error.starved
        flags = (LOADED_HOST,) if starved else ()
        return TestResult("failed", Cause.of(error), error.cause_text[:EVIDENCE], evidence, flags=flags)
    if isinstance(error, pytest.skip.Exception | pytest.xfail.Exception):
        return TestResult("failed", Cause(NOT_RUN_REASON), said, evidence)
    if isinstance(error, AssertionError | pytest.fail.Exception):
        return TestResult("failed", Cause(WRONG), said, evidence)
    # A rehearsed test holds for every right answer: what it stumbles over is this submission's reply.
    evidence = str(excinfo.getrepr(style="short"))[-EVIDENCE:]
    flag = "the test ended in an exception of its own"
    return TestResult("failed", Cause(NotUsable.reason), evidence, evidence, flags=(flag,))


def _name(item: Any) -> str:
    """`test_file.py::test_name`, as the assignment's points table has it."""
    return f"{item.path.name}::{item.name}"

