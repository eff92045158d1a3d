"""Collects a solution's answers, in the dtype in which they are scored, and stores them.

Answers are rounded here, before the first scoring, so that scoring them again gives the same score. Answers to cases
that lie in memory together are stacked at the end. Answers to cases that are read one at a time are written one at a
time: they never lie in memory together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from assignments.data.columns import Column
from assignments.data.hidden import InputSet
from graders.record.answer_files import AnswerFile, store_arrays
from graders.tasks import Task
from graders.wall.wire import Array


class Collected(Protocol):
    """The answers so far."""

    def add(self, index: int, answer: Mapping[str, Array]) -> None:
        """Take one case's answer: an array without a leading N for each key."""

    def stored(self, count: int) -> str | None:
        """Store the answers to `count` cases; the name of the file, or None if there are none."""


def is_read_singly(shown: InputSet) -> bool:
    """Whether some inputs of the hidden cases are read one at a time."""
    return any(isinstance(cases, Column) for cases in shown.inputs.values())


@contextmanager
def collecting(shown: InputSet, task: Task, store: Path) -> Iterator[Collected]:
    """Where the answers to these inputs are collected.

    Raises:
        InternalFailure: the store cannot be written.
    """
    if is_read_singly(shown):
        with AnswerFile(store) as file:
            yield _OneByOne(file, task)
    else:
        yield _Together(store, task)


class _Together:
    """Answers in memory."""

    def __init__(self, store: Path, task: Task) -> None:
        self._store, self._task = store, task
        self._answers: dict[int, Mapping[str, Array]] = {}

    def add(self, index: int, answer: Mapping[str, Array]) -> None:
        self._answers[index] = answer

    def stored(self, count: int) -> str | None:
        return store_arrays(self._store, stacked_answers(self._answers, count, self._task))


class _OneByOne:
    """Answers in a file."""

    def __init__(self, file: AnswerFile, task: Task) -> None:
        self._file, self._task = file, task

    def add(self, index: int, answer: Mapping[str, Array]) -> None:
        self._file.add(index, {key: self._task.stored(array[None])[0] for key, array in answer.items()})

    def stored(self, count: int) -> str | None:
        return self._file.complete()


def stacked_answers(rows: Mapping[int, Mapping[str, Array]], count: int, task: Task) -> dict[str, Array]:
    """Answers with a leading N in canonical order, in the dtype that scoring needs; zeros for a failed case."""
    arrays: dict[str, Array] = {}
    for name in next(iter(rows.values()), {}):
        common = np.result_type(*{answer[name].dtype for answer in rows.values()})
        for index, answer in rows.items():
            stored = task.stored(answer[name].astype(common)[None])
            if name not in arrays:
                arrays[name] = np.zeros((count, *stored.shape[1:]), stored.dtype)
            arrays[name][index] = stored[0]
    return arrays
