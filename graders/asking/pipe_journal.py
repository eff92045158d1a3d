"""A marker process's journal: messages through a pipe, and limits that the kernel holds the process to."""

from __future__ import annotations

import json
import math
import os
import resource
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, NoReturn

from graders.asking.journal import QuestionId
from graders.record.documents import Result, StageKind, to_json

GAVE_UP = 77
"""Exit code of a marker that cannot go on after a question."""
MEMORY_IS_HELD = sys.platform == "linux"
"""Whether the kernel holds a process to an address space; elsewhere a marker's memory has no limit."""


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
