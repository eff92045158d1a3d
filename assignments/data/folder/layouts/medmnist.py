"""MedMNIST: one `.npz` with `train_images`, `train_labels`, `val_images`, ... and no patients.

Yang et al.: MedMNIST v2. Scientific Data 10, 2023, doi:10.1038/s41597-022-01721-8.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from assignments.data.folder.cases import CaseRow, CaseTable
from assignments.data.folder.checked import checked_table
from assignments.data.folder.layouts.layout import Layout, visible
from assignments.data.folder.values import inferred_classes
from assignments.data.source import PARTS, Part
from assignments.errors import Problem

_NAMES: Final = frozenset(f"{part}_{kind}" for part in PARTS for kind in ("images", "labels"))


@dataclass(frozen=True)
class _Labels:
    """The labels of one part (N, L), or what is wrong with them."""

    part: Part
    labels: np.ndarray[Any, Any] | None
    problem: Problem | None = None


def _archives(folder: Path) -> list[Path]:
    """The archives of a folder that have these arrays."""
    return [path for path in visible(folder, [".npz"]) if set(arrays_in(path)) >= _NAMES]


def arrays_in(path: Path) -> list[str]:
    """The keys of an archive; none if it is damaged."""
    try:
        with path.open("rb") as file:  # numpy leaves a damaged file open
            archive = np.load(file, allow_pickle=False)
            return list(archive.files) if isinstance(archive, np.lib.npyio.NpzFile) else []
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return []  # another kind of file, which the reader of images names if a table lists it


def _fits(folder: Path) -> bool:
    return bool(_archives(folder))


def _table(folder: Path) -> CaseTable:
    path, *others = _archives(folder)
    if others:
        names = ", ".join(other.name for other in (path, *others))
        problem = Problem(str(folder), "", None, f"has several sets: {names}", "keep each in a folder of its own")
        return CaseTable(folder, str(folder), (), (), problems=(problem,))
    parts = list(_labels(path))
    problems = [part.problem for part in parts if part.problem]
    widths = {part.labels.shape[1] for part in parts if part.labels is not None and not part.problem}
    if len(widths) > 1:
        what = f"the parts have different numbers of labels a case: {sorted(widths)}"
        problems.append(Problem(str(path), "", None, what, "download it again"))
    if problems:
        return CaseTable(folder, str(path), (), (), problems=tuple(problems))
    width = widths.pop()
    columns = ["class"] if width == 1 else [f"class:{number}" for number in range(width)]
    rows = [row for part in parts for row in _rows(path.name, part, columns)]
    classes, doubts = (tuple(map(str, range(width))), []) if width > 1 else _classes(rows)
    doubts.insert(0, "each image is a subject of its own: MedMNIST does not say which images are of one patient")
    return checked_table(folder, path, rows, ("image", *columns), classes=classes, doubts=doubts)


def _labels(path: Path) -> Iterator[_Labels]:
    """The labels of each part. Images are not read: of these, only the number is."""
    with np.load(path, allow_pickle=False) as archive:
        for part in PARTS:
            try:
                labels = archive[f"{part}_labels"]
                count = _length(archive, f"{part}_images.npy")
            except (ValueError, OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
                cure = "download it again, or save it without objects: np.savez(file, images=np.stack(images))"
                yield _Labels(part, None, Problem(str(path), f"{part}_labels", None, f"cannot be read: {error}", cure))
                continue
            flat = labels.reshape(len(labels), -1) if labels.ndim else labels
            wrong = _wrong(flat, count)
            yield _Labels(part, flat, Problem(str(path), f"{part}_labels", None, *wrong) if wrong else None)


def _length(archive: np.lib.npyio.NpzFile, member: str) -> int:
    """The number of rows of an array, from its header."""
    assert archive.zip is not None  # it is open
    with archive.zip.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    if dtype.hasobject:
        raise ValueError(f"{member} holds objects")
    return int(shape[0]) if shape else 0


def _wrong(labels: np.ndarray[Any, Any], count: int) -> tuple[str, str] | None:
    """What is wrong with the labels of one part, and the cure."""
    if labels.ndim != 2 or labels.dtype.kind not in "biu":
        return f"is {labels.dtype} {labels.shape}, not integers (N, 1) or (N, L)", "download it again"
    if len(labels) != count:
        return f"has {len(labels)} rows for {count} images", "download it again"
    if labels.shape[1] > 1 and not np.isin(labels, (0, 1)).all():
        return "has several labels a case, which are not all 0 or 1", "download it again"
    if labels.size and labels.min() < 0:
        return f"has the class {labels.min()}", "count classes from 0"
    return None


def _rows(file: str, part: _Labels, columns: list[str]) -> Iterator[CaseRow]:
    if part.labels is None:
        return
    for number, labels in enumerate(part.labels.astype(np.int64).tolist()):
        name = f"{file}:{part.part}_images[{number}]"
        values = dict(zip(columns, map(str, labels), strict=True))
        yield CaseRow(name, f"{part.part}-{number}", {"image": name}, values, part=part.part)


def _classes(rows: list[CaseRow]) -> tuple[tuple[str, ...], list[str]]:
    return inferred_classes({row.values["class"] for row in rows})


MEDMNIST = Layout("one .npz with train_images, train_labels, val_..., test_... (MedMNIST)", _fits, _table)
