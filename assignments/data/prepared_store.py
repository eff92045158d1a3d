"""Keeps the arrays of a finite source in the user's cache, in files that are named by their content.

An index for each assignment says which case of which subject has which arrays, and what the subject depended on (its
stamp): a subject with an equal stamp is not read again. These are patients' data: the folder is for its owner alone,
and removing it only costs time. Arrays are mapped from their files, so a set never lies in memory as a whole.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from assignments.assignment import Assignment
from assignments.data.columns import Cases, Column, StoredCase, identifies
from assignments.data.source import Arrays
from assignments.digests import code_digest, digest_of
from assignments.errors import UserError
from assignments.files import replace_file
from assignments.this_user import cache_folder

SMALL = 1 << 20
"""Bytes below which an array shares a file with others: ten thousand slices are not ten thousand files."""
PACK = 64 << 20
"""Bytes of a file of small arrays."""
STACKED = 256 << 20
"""Bytes up to which the cases of a part are held in memory together."""
KEPT_S = 86_400.0
"""How long a file that no index names any more is kept, for a process that still reads it."""
READ_BY = ("nibabel", "SimpleITK", "pydicom", "h5py", "pillow", "numpy", "scipy")
"""Distributions whose version may change what is read."""


@dataclass(frozen=True)
class PreparedArray:
    """One array of one case, in a file of the cache."""

    digest: str
    """SHA-256 of dtype, shape and bytes."""
    dtype: str
    shape: tuple[int, ...]
    identifies: bool
    """Whether it tells cases apart: it is not constant, and has more than a few numbers."""
    file: str = ""
    row: int | None = None


Case = Mapping[str, PreparedArray]


@dataclass(frozen=True)
class _Subject:
    """What an index says of a subject."""

    stamp: str | None
    cases: Sequence[Case]
    remarks: tuple[str, ...]


class PreparedStore:
    """The prepared arrays of one assignment: those of an earlier run, and those that are added to them."""

    def __init__(self, assignment: Assignment) -> None:
        self._folder = prepared_folder()
        data = assignment.data
        name = digest_of(id=assignment.id, source=data.source, path=str(data.path), folder=str(assignment.folder))
        self._index = self._folder / f"{name[:32]}.json"
        self._settings = digest_of(
            data=data.model_dump(mode="json", include={"source", *_READING}),
            code={str(path.relative_to(_HERE)): code_digest(path) for path in _reading_code()},
            read_by=[_version(name) for name in READ_BY],
            task=assignment.task,
        )
        self._subjects, self._arrays = _read(self._index)
        self._before = (dict(self._subjects), dict(self._arrays))
        self._now: _Subjects = {}
        self._whole: dict[str, bool] = {}
        self._packs: dict[tuple[str, tuple[int, ...]], list[tuple[str, np.ndarray]]] = defaultdict(list)

    def unchanged(self, subject: str, stamp: str | None) -> Sequence[Case] | None:
        """The cases of a subject whose stamp is that of an earlier run; None if it must be read."""
        if stamp is None:
            return None
        earlier = self._subjects.get(subject)
        if earlier is None or earlier.stamp != self._stamp(stamp):
            return None
        arrays = [array for case in earlier.cases for array in case.values()]
        if not all(self._is_whole(array.file) for array in arrays):
            return None
        self._now[subject] = earlier
        return earlier.cases

    def added(
        self, subject: str, stamp: str | None, cases: Sequence[Arrays], remarks: Sequence[str] = ()
    ) -> Sequence[Case]:
        """The cases of a subject that was read, stored. Where each array lies is settled by `close`."""
        stored = [{key: self._stored(array) for key, array in case.items()} for case in cases]
        self._now[subject] = _Subject(None if stamp is None else self._stamp(stamp), stored, tuple(remarks))
        return stored

    def remarks(self, subject: str) -> tuple[str, ...]:
        """What its reader decided when the subject was read."""
        return self._now[subject].remarks

    def placed(self, array: PreparedArray) -> PreparedArray:
        """An array with the file that holds it."""
        return self._arrays[array.digest]

    def close(self) -> None:
        """Write what is left, and the index."""
        for kind in list(self._packs):
            self._write_pack(kind)
        self._now = {
            id: replace(of, cases=[{key: self.placed(array) for key, array in case.items()} for case in of.cases])
            for id, of in self._now.items()
        }
        named = {array.digest: array for of in self._now.values() for case in of.cases for array in case.values()}
        if (self._now, named) != self._before:
            _write(self._index, self._now, named)
            self._sweep()

    def _stamp(self, stamp: str) -> str:
        return digest_of(stamp=stamp, settings=self._settings)

    def _is_whole(self, file: str) -> bool:
        """Whether a file is there and not cut off; looked at once."""
        if file not in self._whole:
            try:
                np.load(self._folder / file, mmap_mode="r", allow_pickle=False)
                self._whole[file] = True
            except (OSError, EOFError, ValueError):
                self._whole[file] = False
        return self._whole[file]

    def _stored(self, array: np.ndarray) -> PreparedArray:
        array = np.asarray(array, order="C")  # ascontiguousarray makes a single number (1,)
        digest = _digest(array)
        stored = self._arrays.get(digest)
        if stored is not None and (not stored.file or self._is_whole(stored.file)):
            return stored
        new = PreparedArray(digest, array.dtype.str, array.shape, identifies(array))
        self._arrays[digest] = new
        if array.nbytes >= SMALL:
            file = f"{digest[:40]}.npy"
            self._save(file, array)
            self._arrays[digest] = replace(new, file=file)
        else:
            kind = (array.dtype.str, array.shape)
            # A copy: the source may fill the same array with its next case before the pack is written.
            self._packs[kind].append((digest, array.copy()))
            if len(self._packs[kind]) * array.nbytes >= PACK:
                self._write_pack(kind)
        return self._arrays[digest]

    def _write_pack(self, kind: tuple[str, tuple[int, ...]]) -> None:
        rows = self._packs.pop(kind)
        file = f"{digest_of(rows=[digest for digest, _ in rows])[:40]}.npy"
        self._save(file, np.stack([array for _, array in rows]))
        for row, (digest, _) in enumerate(rows):
            self._arrays[digest] = replace(self._arrays[digest], file=file, row=row)

    def _save(self, file: str, array: np.ndarray) -> None:
        if not self._folder.is_dir():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._folder.chmod(0o700)
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        replace_file(self._folder / file, buffer.getvalue())
        self._whole[file] = True

    def _sweep(self) -> None:
        """Remove files that no index of any assignment names, some time after they were written."""
        named = {array.file for index in self._folder.glob("*.json") for array in _read(index)[1].values()}
        for path in self._folder.glob("*.npy"):
            with suppress(OSError):
                if path.name not in named and time.time() - path.stat().st_mtime > KEPT_S:
                    path.unlink()


_HERE = Path(__file__).parent


def _reading_code() -> list[Path]:
    """The code that turns files into arrays."""
    below = [path for name in ("folder", "sources") for path in sorted((_HERE / name).rglob("*.py"))]
    return [*below, _HERE / "prepared.py", Path(__file__)]


_READING = ("cases", "layout", "channels", "classes", "orient", "resample_mm", "window", "size")
"""Settings that change what is read."""


def _digest(array: np.ndarray) -> str:
    """Of a contiguous array's dtype, shape and bytes."""
    state = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    state.update(array.data if array.size else b"")
    return state.hexdigest()


def gathered(arrays: Sequence[PreparedArray]) -> Cases:
    """One array of many cases: stacked if all have one shape and are small together, else read one at a time.

    Raises:
        UserError: a file was changed since it was written, cut off or removed. Of cases that are larger together than
            `STACKED` only the latter two are seen, and when a case is read.
    """
    folder = prepared_folder()
    stored = [StoredCase(folder / array.file, array.dtype, array.shape, array.row, array.digest) for array in arrays]
    column = Column(stored)
    if column.nbytes > STACKED:
        return column
    files: dict[Path, np.ndarray] = {}
    cases = [_checked(case, files) for case in stored]
    return np.stack(cases) if len({(case.dtype, case.shape) for case in stored}) == 1 else column


def _checked(case: StoredCase, files: dict[Path, np.ndarray]) -> np.ndarray:
    array = np.asarray(case.read(files), order="C")
    if _digest(array) != case.digest:
        cure = f"Remove {case.path.parent} and run the same command again: it reads the cases anew."
        raise UserError(f"{case.path}: a prepared case is damaged: it is not as it was written. {cure}")
    return array


def prepared_folder() -> Path:
    """Folder of the prepared arrays of all assignments.

    Raises:
        UserError: this user has no folder for caches.
    """
    folder = cache_folder()
    if folder is None:
        raise UserError("there is no folder for prepared cases: this user has no home. Set MEDMARK_HOME to a folder.")
    return folder / "prepared"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


_Subjects = dict[str, _Subject]
_Index = tuple[_Subjects, dict[str, PreparedArray]]
"""The subjects, and the arrays by digest."""


def _read(path: Path) -> _Index:
    """An index; empty where it is missing or cut off: the cases are read once more."""
    try:
        text = json.loads(path.read_text("utf-8"))
        arrays = {
            digest: PreparedArray(**{**array, "shape": tuple(array["shape"])})
            for digest, array in text["arrays"].items()
        }
        subjects: _Subjects = {
            id: _Subject(
                stamp, [{key: arrays[digest] for key, digest in case.items()} for case in cases], tuple(remarks)
            )
            for id, (stamp, cases, remarks) in text["subjects"].items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}, {}
    return subjects, arrays


def _write(path: Path, subjects: _Subjects, arrays: dict[str, PreparedArray]) -> None:
    text = {
        "arrays": {digest: asdict(array) for digest, array in arrays.items()},
        "subjects": {
            id: (of.stamp, [{key: array.digest for key, array in case.items()} for case in of.cases], of.remarks)
            for id, of in subjects.items()
        },
    }
    replace_file(path, json.dumps(text))
