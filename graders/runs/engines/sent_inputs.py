"""What a solution receives of a repeat, as files that cross: never a truth of a hidden case.

The coordinator stores the inputs of each repeat once for a run, and every job names them by digest. The arrays of one
kind are one file: their bytes one after the other, each at a multiple of 64; a list in JSON has their dtypes and
shapes. Cases that are read one at a time stay so on the machine that receives them.
"""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated

import numpy as np
from pydantic import Field, ValidationError

from assignments.data.columns import Array, Cases, Column, StoredCase
from assignments.data.hidden import InputSet
from assignments.errors import UserError
from assignments.frozen import Frozen
from graders.failures import EngineFailure
from graders.record.read_documents import first_problem
from graders.runs.engines.blobs import Blob, Digest, blob_of, whole

ALIGNED = 64
MOST_AXES = 8
MAX_LIST_BYTES = 256 << 20
"""Of the list of one repeat's arrays: a million cases that are read one at a time."""


class SentArray(Frozen):
    """One array in a file."""

    dtype: Annotated[str, Field(pattern=r"^([<|][biuf](1|2|4|8|16))$")]
    shape: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=MOST_AXES)]
    digest: Digest | None = None
    """Of a case of a finite source, as its store has it."""

    @property
    def nbytes(self) -> int:
        """Its bytes, without those up to the next array."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class SentCases(Frozen):
    """One array of many cases: with a leading N, or an array for each case."""

    blob: Blob
    singly: bool
    arrays: tuple[SentArray, ...]


Group = dict[str, SentCases]


class SentInputs(Frozen):
    """The input set of one repeat."""

    train: Group
    val: Group | None
    inputs: Group
    fit_seed: int = Field(ge=0)
    count: int = Field(ge=0)
    truth_bytes: int = Field(ge=0)
    case_numbers: int = Field(ge=0)
    subjects: tuple[str, ...]

    @property
    def blobs(self) -> Iterator[Blob]:
        """Every file that it names."""
        for group in (self.train, self.val or {}, self.inputs):
            yield from (cases.blob for cases in group.values())


@dataclass(frozen=True)
class _CrossedCase(StoredCase):
    """One case's array in a file of many."""

    offset: int = 0

    def read(self, files: dict[Path, Array] | None = None) -> Array:
        return _mapped(self.path, self.dtype, self.shape, self.offset)


def store_inputs(blobs: Path, shown: InputSet, *, with_subjects: bool) -> Blob:
    """Write what a solution receives of a repeat into a folder of blobs; the blob of the list.

    Args:
        blobs: has a file for each digest.
        shown: the inputs.
        with_subjects: whether the names of the hidden subjects go along: only they tell whether two repeats may share a
            container.

    Raises:
        OSError: the disk is full.
    """
    listed = SentInputs(
        train=_stored_group(blobs, shown.train),
        val=None if shown.val is None else _stored_group(blobs, shown.val),
        inputs=_stored_group(blobs, shown.inputs),
        fit_seed=shown.fit_seed,
        count=shown.count,
        truth_bytes=shown.truth_bytes,
        case_numbers=shown.case_numbers,
        subjects=tuple(sorted(shown.subjects)) if with_subjects else (),
    )
    with _new_blob(blobs) as file:
        file.write(listed.model_dump_json().encode())
        return _named(blobs, file)


def read_list(path: Path) -> SentInputs:
    """The list in a file.

    Raises:
        EngineFailure: it is not one.
    """
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            raise EngineFailure(f"{path}: a list of inputs of more than {MAX_LIST_BYTES >> 20} MB")
        return SentInputs.model_validate_json(path.read_bytes(), strict=True)
    except ValidationError as error:
        raise EngineFailure(f"{path} is not a list of inputs: {first_problem(error)}") from error


def read_inputs(blobs: Path, blob: Blob) -> InputSet:
    """What a solution receives of a repeat, from the files that crossed.

    Raises:
        EngineFailure: a file did not arrive whole, or is not what its list says.
    """
    listed = read_list(whole(blobs, blob))
    return InputSet(
        train=_read_group(blobs, listed.train),
        val=None if listed.val is None else _read_group(blobs, listed.val),
        inputs=_read_group(blobs, listed.inputs),
        fit_seed=listed.fit_seed,
        count=listed.count,
        truth_bytes=listed.truth_bytes,
        case_numbers=listed.case_numbers,
        subjects=frozenset(listed.subjects),
    )


def _stored_group(blobs: Path, group: Mapping[str, Cases]) -> Group:
    return {name: _stored(blobs, cases) for name, cases in group.items()}


def _stored(blobs: Path, cases: Cases) -> SentCases:
    singly = isinstance(cases, Column)
    arrays: list[SentArray] = []
    with _new_blob(blobs) as file:
        for index, array in enumerate(cases if isinstance(cases, Column) else [cases]):
            file.write(bytes(-file.tell() % ALIGNED))
            plain = np.ascontiguousarray(array, np.dtype(array.dtype).newbyteorder("<")).reshape(array.shape)
            file.write(plain.reshape(-1).view(np.uint8).data)
            digest = _digest_of(cases, index)
            arrays.append(SentArray(dtype=plain.dtype.str, shape=plain.shape, digest=digest))
        return SentCases(blob=_named(blobs, file), singly=singly, arrays=tuple(arrays))


def _digest_of(cases: Cases, index: int) -> str | None:
    """The digest of a case that its store has: digests of columns are made of it."""
    case = cases.cases[index] if isinstance(cases, Column) and cases.is_plain else None
    return case.digest or None if isinstance(case, StoredCase) else None


def _read_group(blobs: Path, group: Group) -> dict[str, Cases]:
    return {name: _read(blobs, cases) for name, cases in group.items()}


def _read(blobs: Path, cases: SentCases) -> Cases:
    path, end = whole(blobs, cases.blob), 0
    placed: list[_CrossedCase] = []
    for array in cases.arrays:
        offset = end + -end % ALIGNED
        placed.append(_CrossedCase(path, array.dtype, array.shape, None, array.digest or "", offset))
        end = offset + array.nbytes
    if end != cases.blob.size or (not cases.singly and len(placed) != 1):
        raise EngineFailure(f"{path} has {cases.blob.size} bytes, and its list names {len(placed)} arrays of {end}")
    return Column(placed) if cases.singly else np.array(placed[0].read())


def _mapped(path: Path, dtype: str, shape: tuple[int, ...], offset: int) -> Array:
    """An array in a file: pages are read when they are used."""
    try:
        if math.prod(shape) == 0:
            return np.zeros(shape, dtype)
        with path.open("rb") as file:
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return np.frombuffer(pages, np.dtype(dtype), math.prod(shape), offset).reshape(shape)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: a case that was sent to this machine cannot be read: {error}") from error


@contextmanager
def _new_blob(blobs: Path) -> Iterator[IO[bytes]]:
    blobs.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=blobs, prefix=".part-", delete=False) as file:
        try:
            yield file
        finally:
            Path(file.name).unlink(missing_ok=True)


def _named(blobs: Path, file: IO[bytes]) -> Blob:
    """Give a file the name of its content."""
    file.flush()
    blob = blob_of(Path(file.name))
    os.replace(file.name, blobs / blob.digest)
    return blob
