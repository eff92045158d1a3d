"""A marker's journal: the question that it begins, and each stage that is done.

A question is a hidden test, a call of an accuracy run, or a case of a score. Its answer must not choose what it costs
the host, so a marker process is held to memory and to CPU seconds for each question. The process that started it reads
in the journal which question reached one of these limits (`graders.runs.coordinator`). A marker that runs in the
caller's own process, for a solution that the caller trusts, has no journal: `Silent`. `graders.asking.pipe_journal` is
a marker process's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NoReturn, Protocol

from graders.failures import InternalFailure
from graders.record.documents import Result, StageKind

PUBLIC = "public"
"""The part of a repeat that all its public cases are together; likewise of a score."""


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
