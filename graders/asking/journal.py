"""A marker's journal: the question that it begins, and each stage that is done.

A question is a hidden test, a call of an accuracy run, or a case of a score. Its answer must not choose what it costs
the host, so a marker process is held to memory and to CPU seconds for each question. The process that started it reads
in the journal which question reached one of these limits (`graders.runs.coordinator`). A marker that runs in the
caller's own process, for a solution that the caller trusts, has no journal: `Silent`.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal, NoReturn, Protocol

from graders.failures import InternalFailure
from graders.record.documents import Result, StageKind, to_json

GAVE_UP = 77
"""Exit code of a marker that cannot go on after a question."""
PUBLIC = "public"
"""The part of a repeat that all its public cases are together; likewise of a score."""
MEMORY_IS_HELD = sys.platform == "linux"
"""Whether the kernel holds a process to an address space; elsewhere a marker's memory has no limit."""


@dataclass(frozen=True)
class QuestionId:
    """Names one question to a submission, or one computation with its answers."""

    stage: Literal["test", "answers", "score", "explained", "all"]
    """`all` stands for all questions that have not been asked yet."""
    name: str = ""
    """The test's id, the repeat's number or the criterion's id."""
    part: str = ""
    """Which call of a repeat; which case of a score. Empty: all of them."""


class Journal(Protocol):
    """A marker's messages to the process that started it."""

    def hold(self, memory_bytes: int) -> None:
        """Everything is imported: limit the memory that may be used from now on. Only the first call counts."""

    def begins(self, question: QuestionId, cpu_s: float) -> None:
        """A question begins, and may cost the host so many CPU seconds until the next question begins."""

    def stage_done(self, kind: StageKind, name: str, result: Result) -> None:
        """A stage is done."""

    def waited(self, wall_limits: int, idle_s: float) -> None:
        """The wall limits and idle seconds so far (`graders.wall.patience`)."""

    def give_up(self) -> NoReturn:
        """End this marker: the present question may have left a connection half read, of no use to another."""

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Lift the limits meanwhile, to start a process that would inherit them."""


class Silent:
    """No journal, and no limit."""

    def hold(self, memory_bytes: int) -> None:
        pass

    def begins(self, question: QuestionId, cpu_s: float) -> None:
        pass

    def stage_done(self, kind: StageKind, name: str, result: Result) -> None:
        pass

    def waited(self, wall_limits: int, idle_s: float) -> None:
        pass

    def give_up(self) -> NoReturn:
        raise InternalFailure("this machine is out of memory")

    @contextmanager
    def lifted(self) -> Iterator[None]:
        yield


class PipeJournal:
    """A marker process's journal: JSON texts to the process that started it, and limits that the kernel enforces."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._memory_limit: int | None = None

    def hold(self, memory_bytes: int) -> None:
        if self._memory_limit is None and MEMORY_IS_HELD:
            self._memory_limit = _mapped_bytes() + memory_bytes
            _soften(resource.RLIMIT_AS, self._memory_limit)

    def begins(self, question: QuestionId, cpu_s: float) -> None:
        self._send_json({"begins": asdict(question)})
        used = resource.getrusage(resource.RUSAGE_SELF)
        _soften(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + cpu_s))

    def stage_done(self, kind: StageKind, name: str, result: Result) -> None:
        self._send(f'{{"stage_done": [{json.dumps(kind)}, {json.dumps(name)}, {to_json(result)}]}}'.encode())

    def waited(self, wall_limits: int, idle_s: float) -> None:
        self._send_json({"waited": [wall_limits, idle_s]})

    def give_up(self) -> NoReturn:
        os._exit(GAVE_UP)

    @contextmanager
    def lifted(self) -> Iterator[None]:
        before = {limit: resource.getrlimit(limit)[0] for limit in (resource.RLIMIT_AS, resource.RLIMIT_CPU)}
        for limit in before:
            _soften(limit, resource.RLIM_INFINITY)
        try:
            yield
        finally:
            for limit, value in before.items():
                _soften(limit, value)

    def _send_json(self, message: Mapping[str, Any]) -> None:
        self._send(json.dumps(message, allow_nan=False).encode())


def _soften(limit: int, value: int) -> None:
    """Set the soft limit alone: the hard limit stays, so that a later question can have a limit of its own."""
    hard = resource.getrlimit(limit)[1]
    if hard != resource.RLIM_INFINITY:
        value = hard if value == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (value, hard))


def _mapped_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()
