"""The folders that a job needs, as lists of files that cross one by one: no archive of student bytes is ever opened.

Of an assignment's folder only what asks goes along: `interface.py`, `doubles.py`, the tests, and the author's modules.
The split, tables of cases, proofs, baselines and references stay.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field

from assignments.baselines import is_baseline
from assignments.frozen import Frozen
from graders.failures import InternalFailure
from graders.intake.checkout import is_ordinary
from graders.runs.engines.blobs import Blob, blob_of, whole
from graders.wall.modes import make_readable


def _within(path: str) -> str:
    if PurePosixPath(path).is_absolute() or not is_ordinary(path):
        raise ValueError("a path that leaves its folder, or has a name that is not ordinary")
    return path


class SentFile(Frozen):
    """One file of a folder."""

    path: Annotated[str, Field(max_length=400), AfterValidator(_within)]
    """From its folder, with slashes."""
    executable: bool
    blob: Blob


Sent = Annotated[tuple[SentFile, ...], Field(max_length=20_000)]
"""All files of a folder."""


def solution_files(folder: Path) -> dict[str, Path]:
    """Every file of a solution's folder by its path there. A checkout holds neither links nor odd names.

    Raises:
        InternalFailure: it holds what no checkout writes.
    """
    files = dict(_files(folder))
    if odd := [name for name in files if not is_ordinary(name)]:
        raise InternalFailure(f"{folder}: {odd[0]!r} cannot cross to another machine")
    return files


def asking_files(folder: Path, tests_folder: str) -> dict[str, Path]:
    """The files of an assignment's folder that asking needs, by their paths there."""
    files = {path.name: path for path in sorted(folder.glob("*.py")) if path.is_file() and not is_baseline(path.name)}
    tests = folder / tests_folder
    return files | {f"{tests_folder}/{name}": path for name, path in _files(tests)} if tests.is_dir() else files


def sent(files: dict[str, Path]) -> tuple[SentFile, ...]:
    """The list of these files.

    Raises:
        OSError: one cannot be read.
    """
    return tuple(
        SentFile(path=name, executable=bool(path.stat().st_mode & stat.S_IXUSR), blob=blob_of(path))
        for name, path in files.items()
    )


def lay_out(files: Sequence[SentFile], blobs: Path, folder: Path) -> Path:
    """Write a folder anew from the blobs of its files.

    Raises:
        EngineFailure: a blob did not arrive whole.
        OSError: the disk is full, or a path is named twice.
    """
    folder.mkdir(parents=True)
    for file in files:
        source, target = whole(blobs, file.blob), folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as content, target.open("xb") as copy:
            shutil.copyfileobj(content, copy)
        target.chmod(0o755 if file.executable else 0o644)
    make_readable(folder)
    return folder


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The regular files below a folder; links are not followed, and Python's caches are left out."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for path in (Path(parent, name) for name in sorted(names)):
            if stat.S_ISREG(path.lstat().st_mode):
                yield path.relative_to(folder).as_posix(), path
