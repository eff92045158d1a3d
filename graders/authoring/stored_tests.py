"""A bench that remembers: results of tests lie in the user's cache, and only what is not there runs.

A result is stored under digests of the solution's files, of all that the test's stage depends on
(`graders.record.keys`), and the draw of its inputs. What depends on time or load, and every failure of the toolkit, is
not stored. A lost result is computed again.
"""

from __future__ import annotations

import inspect
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from assignments.assignment import Assignment, Framework
from assignments.data.hidden import SetDigests
from assignments.declared_tests import DeclaredTest
from assignments.digests import code_digest, digest_of, file_digest
from assignments.files import replace_file
from assignments.load import hidden_tests, public_tests
from assignments.this_user import cache_folder
from graders.authoring import remembered_fits, spoil
from graders.authoring.bench import LIMITS_OF_A_MACHINE, opener
from graders.authoring.proving import Bench, EarnedShare, OpenBench, TestResults, shares_a_worker
from graders.failures import LOADED_HOST
from graders.metrics import Floats
from graders.record.calibration import BASELINES, accuracies, score_origins
from graders.record.documents import TestResult, to_json
from graders.record.keys import StageInputs, stage_inputs
from graders.record.read_documents import Malformed, result
from graders.wall.sandboxes.local import Local

LARGEST = 16_000_000
"""Bytes of a framework's file; of a larger one the older half is removed."""
KEPT_DAYS = 60
"""Files of assignments that were not rehearsed for so long are removed."""
MOST_EXPECTED = 10_000
"""Expected numbers of one test that are stored."""
_KEY = slice(len('["'), len('["') + 64)
"""The position of the key in a line."""


@dataclass
class ResultFile:
    """Results by their keys, one JSON line each; several processes may append to it."""

    path: Path | None
    """None where this user has no cache: then nothing is remembered."""

    @cached_property
    def _lines(self) -> dict[bytes, bytes]:
        if self.path is None:
            return {}
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError:
            return {}
        return {line[_KEY]: line for line in lines}

    def get(self, key: str) -> object | None:
        """The value under a key; None if there is none, or its line was cut off."""
        with suppress(KeyError, ValueError, TypeError):
            _, value = json.loads(self._lines[key.encode()])
            return value  # type: ignore[no-any-return]
        return None

    def put(self, key: str, value: object) -> None:
        """Store a value. It only saves time: what cannot be written runs again."""
        line = json.dumps([key, value], separators=(",", ":")).encode()
        self._lines[key.encode()] = line
        if self.path is None:
            return
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, b"\n" + line)  # in one write: two processes do not mix their lines
            finally:
                os.close(file)

    def sweep(self) -> None:
        """Remove the older half of a file that grew too large, and files that nobody used for long."""
        if self.path is None:
            return
        with suppress(OSError):
            for file in self.path.parents[1].glob("*/*.jsonl"):
                if time.time() - file.stat().st_mtime > KEPT_DAYS * 86400:
                    file.unlink(missing_ok=True)
            if self.path.stat().st_size > LARGEST:
                content = self.path.read_bytes()
                replace_file(self.path, content[content.index(b"\n", len(content) // 2) :])


@dataclass(frozen=True)
class RememberingBench:
    """Answers from the file what it holds, and opens the real bench at the first question that it does not."""

    open_bench: OpenBench
    framework: Framework
    hidden: Mapping[str, str]
    """By hidden test: the digest of all that its result depends on beside solution and draw."""
    public: Mapping[str, str]
    shared: frozenset[str]
    """Hidden tests that meet what their neighbours left in a worker: one that runs alone has a result of its own."""
    scored_by: str
    """Digest of all that the accuracy points depend on beside the solution; empty where that cannot be said."""
    file: ResultFile
    fresh: bool
    """Whether everything runs, whatever is stored."""
    stack: ExitStack
    _bench: list[Bench] = field(default_factory=list)

    def check(self, solution: Path, tests: Sequence[str], draw: int = 0, *, same_as: str = "") -> TestResults:
        """As `Bench.check`; only tests without a stored result run."""
        made_by = [code_digest(Path(inspect.getfile(module))) for module in (spoil, remembered_fits)]
        same = digest_of(mutant=same_as, spoil=made_by) if same_as else files_digest(solution)
        keys = {
            id: digest_of(test=self.hidden[id], solution=same, draw=draw, alone=len(tests) == 1 and id in self.shared)
            for id in tests
        }
        return self._results(keys, lambda missing: self._opened().check(solution, missing, draw))

    def check_public(self, solution: Path, tests: Sequence[str]) -> TestResults:
        """As `Bench.check_public`; only tests without a stored result run."""
        same = files_digest(solution)
        keys = {id: digest_of(public_test=self.public[id], solution=same) for id in tests}
        return self._results(keys, lambda missing: self._opened().check_public(solution, missing))

    def expected(self, solution: Path, test: str, draw: int) -> Floats | None:
        """As `Bench.expected`."""
        key = digest_of(expected=self.hidden[test], solution=files_digest(solution), draw=draw)
        match None if self.fresh else self.file.get(key):
            case {"expected": None}:
                return None
            case {"expected": list(numbers)}:
                return np.array(numbers, np.float64)
        values = self._opened().expected(solution, test, draw)
        if values is None or (values.size <= MOST_EXPECTED and np.isfinite(values).all()):
            self.file.put(key, {"expected": None if values is None else values.tolist()})
        return values

    def share(self, solution: Path) -> EarnedShare:
        """As `Bench.share`."""
        key = digest_of(share=self.scored_by, solution=files_digest(solution))
        stored = None if self.fresh or not self.scored_by else self.file.get(key)
        if isinstance(stored, float):
            return EarnedShare(stored)
        earned = self._opened().share(solution)
        if self.scored_by and earned.is_lasting:
            self.file.put(key, earned.share)
        return earned

    def _results(self, keys: Mapping[str, str], run: Run) -> dict[str, TestResult]:
        stored = {} if self.fresh else {id: each for id, key in keys.items() if (each := self._stored(key))}
        missing = [id for id in keys if id not in stored]
        ran = run(missing) if missing else {}
        for id, each in ran.items():
            if may_be_stored(each):
                self.file.put(keys[id], json.loads(to_json(each)))
        return {id: stored.get(id) or ran[id] for id in keys}

    def _stored(self, key: str) -> TestResult | None:
        value = self.file.get(key)
        with suppress(Malformed):
            each = None if value is None else result("test", json.dumps(value), older=False)
            return each if isinstance(each, TestResult) else None
        return None

    def _opened(self) -> Bench:
        if not self._bench:
            self._bench.append(self.stack.enter_context(self.open_bench(self.framework)))
        return self._bench[0]


def remembering(assignment: Assignment, *, fresh: bool = False) -> OpenBench:
    """Opens benches that remember; with `fresh`, everything runs and is stored anew."""
    return partial(_opened, assignment, fresh)


@contextmanager
def _opened(assignment: Assignment, fresh: bool, framework: Framework) -> Iterator[RememberingBench]:
    cache = cache_folder()
    file = ResultFile(cache and cache / "rehearsals" / assignment.id / f"{framework}.jsonl")
    hidden = hidden_tests(assignment)
    file.sweep()
    with ExitStack() as stack:
        yield RememberingBench(
            opener(assignment),
            framework,
            _inputs(assignment, hidden, framework).tests,
            _inputs(assignment, public_tests(assignment), framework).tests,
            frozenset(test.id for test in hidden if shares_a_worker(test)),
            _scored_by(assignment, framework),
            file,
            fresh,
            stack,
        )


def _inputs(
    assignment: Assignment, tests: Sequence[DeclaredTest], framework: Framework, sets: Sequence[SetDigests] = ()
) -> StageInputs:
    """What the stages of a solution depend on; secrets are counted by draws."""
    runtimes: dict[str, str] = {framework: Local().runtime(framework)}
    return stage_inputs(assignment, tests, sets, runtimes=runtimes, secret="")[framework]


def _scored_by(assignment: Assignment, framework: Framework) -> str:
    """Digest of all that a share of the accuracy points depends on; empty for cases that lie in files."""
    if not accuracies(assignment) or assignment.data.path is not None:
        return ""
    inputs = _inputs(assignment, (), framework, [SetDigests("drawn", "drawn", "drawn")])
    return digest_of(
        answers=list(inputs.answers.values()),
        scores=inputs.scores,
        drawn=score_origins(assignment, BASELINES)["drawing"],
        criteria=[criterion.model_dump(mode="json") for criterion in accuracies(assignment)],
        level=assignment.level,
    )


Run = Callable[[list[str]], TestResults]


def may_be_stored(result: TestResult) -> bool:
    """Whether a result would be the same on another day: no limit of time or memory, no failure of the toolkit."""
    by_load = LOADED_HOST in result.flags or (result.cause is not None and result.cause.reason in LIMITS_OF_A_MACHINE)
    return result.verdict != "unknown" and not by_load


def files_digest(solution: Path) -> str:
    """Digest of a solution's files, by names and bytes."""
    files = (path for path in sorted(solution.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return digest_of(**{path.relative_to(solution).as_posix(): file_digest(path) for path in files})
