"""Files of stored answers: their names are digests of their content, and scoring reads them.

Answers to cases that lie in memory together are an `.npz` with an array for each key, in canonical order with a leading
N. Answers to cases that are read one at a time are an `.npz` with a member for each key and case, `prob/000012.npy`:
each is written as soon as it is there, and read when it is scored. A case that failed has none.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.lib.npyio import NpzFile

from assignments.data.case_files import UNREADABLE, header
from assignments.data.columns import Array, Cases, Column, LazyCase, filled
from assignments.files import replace_file
from graders.failures import DataFailure, InternalFailure
from graders.record.answers import Answers
from graders.record.documents import AnswersResult, PublicAnswers

FAST = 1
"""How much a member is compressed: noise in floats never shrinks, and a mask shrinks to a hundredth even so."""
DIGITS = 6


class AnswerFile:
    """A file of answers that grows case by case. It has no name until it is complete: a killed process leaves none."""

    def __init__(self, store: Path) -> None:
        self._store = store
        try:
            store.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=store)
        except OSError as error:
            raise _unwritable(store, error) from error
        self._archive = zipfile.ZipFile(self._file, mode="w", compression=zipfile.ZIP_DEFLATED, compresslevel=FAST)
        self._members = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError, ValueError):  # of an incomplete file, whose last words nobody reads
            self._archive.close()
        self._file.close()

    def add(self, index: int, answer: Mapping[str, Array]) -> None:
        """Write one case's arrays, as they are stored.

        Raises:
            InternalFailure: the disk is full.
        """
        try:
            for key in sorted(answer):
                # Opened by its name alone, a member has no time: equal answers are equal bytes.
                with self._archive.open(f"{key}/{index:0{DIGITS}}.npy", "w", force_zip64=True) as stream:
                    np.lib.format.write_array(stream, np.ascontiguousarray(answer[key]), allow_pickle=False)
                self._members += 1
        except OSError as error:
            raise _unwritable(self._store, error) from error

    def complete(self) -> str | None:
        """Give the file its name, the digest of its content; None if it holds nothing."""
        if not self._members:
            return None
        try:
            self._archive.close()
            return _named(self._store, self._file)
        except OSError as error:
            raise _unwritable(self._store, error) from error

    def save(self, path: Path) -> None:
        """Give the file a name of the caller's.

        Raises:
            InternalFailure: the disk is full.
        """
        try:
            self._archive.close()
            self._file.seek(0)
            replace_file(path, self._file)
        except OSError as error:
            raise _unwritable(path, error) from error


def store_arrays(store: Path, arrays: Mapping[str, Array]) -> str | None:
    """Write arrays with a leading N under the name of their content; None where there are none."""
    if not arrays:
        return None
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    try:
        return _named(store, content)
    except OSError as error:
        raise _unwritable(store, error) from error


def load_answers(store: Path, result: AnswersResult) -> Answers:
    """Stored answers as scoring reads them: a file that medmark itself wrote. Answers to images that are read one at a
    time are columns."""
    answers = load_public_answers(store, PublicAnswers("", result.file, result.states))
    return replace(answers, cause_detail=result.cause_detail, evidence=result.evidence)


def load_public_answers(store: Path, stored: PublicAnswers) -> Answers:
    """Stored answers to public cases, likewise."""
    arrays: Mapping[str, Cases] = {}
    if stored.file:
        path = store / stored.file
        try:
            with path.open("rb") as file:
                if _name(file) != stored.file:
                    raise ValueError("its content has changed since it was stored")
                answered = [index for index, cause in enumerate(stored.states) if cause is None]
                arrays = read_arrays(path, file, answered, len(stored.states))
        except UNREADABLE as error:
            raise _unreadable(path, error) from error
    elif None in stored.states:
        raise DataFailure("answers are recorded, but no file with them")
    causes = {index: cause for index, cause in enumerate(stored.states) if cause is not None}
    failed = {index: cause.reason for index, cause in causes.items()}
    return Answers(arrays, failed, causes)


@dataclass(frozen=True)
class _Member:
    """One case's answer in a file that has a member for each case."""

    path: Path
    member: str
    dtype: np.dtype[Any]
    """In which it is read: the dtype that all cases of the key have together."""
    shape: tuple[int, ...]

    def read(self) -> Array:
        try:
            with np.load(self.path, allow_pickle=False) as data:
                array: Array = data[self.member]
        except UNREADABLE as error:
            raise _unreadable(self.path, error) from error
        return array.astype(self.dtype, copy=False)


def read_arrays(path: Path, file: IO[bytes], answered: Collection[int], count: int) -> dict[str, Cases]:
    """The arrays of a file by key: arrays, or columns of `count` cases that are read from `path` when they are used.

    Raises:
        One of `UNREADABLE`: it is not such a file.
    """
    file.seek(0)
    with np.load(file, allow_pickle=False) as data:
        members: dict[str, dict[int, str]] = {}
        for member in data.files:
            key, _, index = member.rpartition("/")
            if not key:
                return {name: data[name] for name in data.files}
            if int(index) in answered:
                members.setdefault(key, {})[int(index)] = member
        return {key: _column(path, data, of, count) for key, of in members.items()}


def _column(path: Path, data: NpzFile, members: Mapping[int, str], count: int) -> Cases:
    """The answers under one key: an array if they are rows, else a column. A failed case has none."""
    kinds = {index: header(data, member) for index, member in members.items()}
    dtype = np.result_type(*{dtype for dtype, _ in kinds.values()})
    shapes = {shape for _, shape in kinds.values()}
    if len(shapes) == 1 and len(next(iter(shapes))) <= 1:
        rows = np.zeros((count, *shapes.pop()), dtype)
        for index, member in members.items():
            rows[index] = data[member]
        return rows
    cases: list[LazyCase] = list(filled([(0,)] * count, 0, dtype).cases)
    for index, (_, shape) in kinds.items():
        cases[index] = _Member(path, members[index], dtype, shape)
    return Column(cases)


def _named(store: Path, content: IO[bytes]) -> str:
    """Store content under its name; written whole or not at all."""
    name = _name(content)
    if not (store / name).exists():
        content.seek(0)
        replace_file(store / name, content)
    return name


def _name(content: IO[bytes]) -> str:
    """The name of a file of answers, from its content."""
    content.seek(0)
    return f"{hashlib.file_digest(content, 'sha256').hexdigest()[:32]}.npz"  # type: ignore[arg-type]


def _unwritable(path: Path, error: OSError) -> InternalFailure:
    return InternalFailure(f"the answers cannot be stored: {error.filename or path}: {error.strerror}")


def _unreadable(path: Path, error: Exception) -> DataFailure:
    return DataFailure(
        f"{path}: the stored answers cannot be read: {error}. Restore the file from a copy, or remove it and "
        "run medmark grade, which asks for them again."
    )
