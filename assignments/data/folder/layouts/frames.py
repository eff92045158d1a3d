"""Ultrasound frames in one HDF5 file, as the tutorials of UCL's MPHY0041 have them.

Its classification tutorial (`fetal.h5`) has `/subject000000_frame00000000` (columns first, as MATLAB writes them),
`/subject000000_label00000000` (1, 1) with the frame's class, `/subject000000_num_frames`, and `/num_subjects`,
`/num_classes` and `/frame_size` for the whole file. An earlier form has all classes of a subject in
`/subject000000_class`. The segmentation coursework (`dataset70-200.h5`) has `/frame_0000_000` for subject and frame,
and `/label_0000_000_00` to `..._02`: the masks of three raters.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from assignments.data.folder.cases import CaseRow, CaseTable
from assignments.data.folder.checked import checked_table
from assignments.data.folder.hdf5_contents import Contents, contents_of, numbers_of
from assignments.data.folder.layouts.layout import HIGHEST_CLASS, Layout, visible
from assignments.data.folder.values import inferred_classes
from assignments.errors import Problem, listed

_FRAME: Final = re.compile(r"(?P<subject>subject\d+)_frame(?P<frame>\d+)|frame_(?P<case>\d+)_(?P<number>\d+)")
_MASK: Final = re.compile(r"label_(\d+_\d+)_(\d+)")
_MOST: Final = 2**31
"""A count beyond this, or NaN, is not a count."""
_AGAIN: Final = "copy or download the file again"


@dataclass(frozen=True)
class _Frame:
    """One frame of a file."""

    subject: str
    number: str
    """As its key has it, with zeros."""
    key: str


@dataclass(frozen=True)
class _File:
    """One file of frames, without the frames."""

    path: Path
    shapes: Mapping[str, tuple[int, ...]]
    frames: Mapping[str, Sequence[_Frame]]
    """Of each subject, in the order of their numbers."""
    numbers: Mapping[str, np.ndarray[Any, Any]]
    """All that is not a frame or a mask, by key: classes and counts."""

    def address(self, key: str) -> str:
        """A data set, as a table names it."""
        return f"{self.path.name}:/{key}"

    def number(self, key: str) -> int | None:
        """A number that MATLAB stores as (1, 1)."""
        value = self.numbers.get(key, np.empty(0))
        return int(value[0]) if value.size == 1 and 0 <= value[0] <= _MOST else None

    def problem(self, key: str, what: str, cure: str) -> Problem:
        """A problem of one data set."""
        return Problem(str(self.path), key, None, what, cure)


def _candidates(folder: Path) -> list[tuple[Path, Contents]]:
    """The files of a folder that have frames."""
    files = ((path, contents_of(path)) for path in visible(folder, (".h5", ".hdf5")))
    return [(path, held) for path, held in files if held and any(map(_FRAME.fullmatch, held.shapes))]


def _table(folder: Path) -> CaseTable:
    (path, contents), *others = _candidates(folder)
    if others:
        names = ", ".join(other.name for other in (path, *(other for other, _ in others)))
        problem = Problem(str(folder), "", None, f"has several files of frames: {names}", "keep each in its own folder")
        return CaseTable(folder, str(folder), (), (), problems=(problem,))
    frames = defaultdict(list)
    for key in sorted(contents.shapes):
        if match := _FRAME.fullmatch(key):
            frame = _Frame(match["subject"] or f"subject{match['case']}", match["frame"] or match["number"], key)
            frames[frame.subject].append(frame)
    other_keys = [key for key in contents.shapes if not _FRAME.fullmatch(key) and not _MASK.fullmatch(key)]
    file = _File(path, contents.shapes, dict(frames), numbers_of(path, other_keys, contents))
    problems = [
        file.problem(key, "is a link, or lies in another file", "copy it into this file") for key in contents.outside
    ]
    if any(key.startswith("subject") for key in contents.shapes):
        return _tutorial(folder, file, problems)
    return _coursework(folder, file, problems)


def _tutorial(folder: Path, file: _File, problems: list[Problem]) -> CaseTable:
    """`fetal.h5`: a class for each frame; or a mask, where the label has the size of the frame."""
    problems += _count_problems(file)
    rows = []
    for subject, frames in file.frames.items():
        for position, frame in enumerate(frames):
            name, label = file.address(frame.key), f"{subject}_label{frame.number}"
            if file.shapes.get(label) == file.shapes[frame.key]:
                rows.append(CaseRow(name, subject, {"image": name, "label": file.address(label)}))
                continue
            value = _class_of(file, label, f"{subject}_class", position, len(frames))
            if isinstance(value, str):
                problems.append(file.problem(frame.key, value, "correct the label, or delete the frame"))
            else:
                rows.append(CaseRow(name, subject, {"image": name}, {"class": str(value)}))
    truth = "label" if rows and "label" in rows[0].files else "class"
    alike = [row for row in rows if truth in row.files or truth in row.values]
    problems += [
        file.problem(row.id, f"has no {truth}, as the first frame has", "split the file in two")
        for row in rows
        if row not in alike
    ]
    classes, doubts = _classes(file, alike, problems)
    doubts += _side_doubts(file)
    return checked_table(folder, file.path, alike, ("image", truth), classes=classes, problems=problems, doubts=doubts)


def _class_of(file: _File, label: str, of_subject: str, position: int, count: int) -> int | str:
    """The class of one frame, from its own label or from those of its subject; else what is wrong."""
    if label in file.shapes:
        if file.shapes[label] and np.prod(file.shapes[label]) != 1:
            return f"its label is {file.shapes[label]}: neither one class nor a mask of the frame's size"
        number = file.numbers[label][0]
    elif of_subject in file.numbers:
        if file.numbers[of_subject].size != count:
            return f"{of_subject} has {file.numbers[of_subject].size} classes for {count} frames"
        number = file.numbers[of_subject][position]
    else:
        return "has no label"
    whole = 0 <= number <= HIGHEST_CLASS and number == np.floor(number)
    return int(number) if whole else f"its label is {number}, not a class"


def _count_problems(file: _File) -> Iterator[Problem]:
    """Numbers of subjects and frames that differ from what the file says, as after a broken copy."""
    stated = file.number("num_subjects")
    if stated not in (None, len(file.frames)):
        yield file.problem("num_subjects", f"is {stated}, but there are {len(file.frames)} subjects", _AGAIN)
    for subject, frames in file.frames.items():
        stated = file.number(f"{subject}_num_frames")
        if stated not in (None, len(frames)):
            yield file.problem(f"{subject}_num_frames", f"is {stated}, but there are {len(frames)} frames", _AGAIN)


def _classes(file: _File, rows: Sequence[CaseRow], problems: list[Problem]) -> tuple[tuple[str, ...], list[str]]:
    """Classes by number, up to the number of classes that the file names."""
    used = {row.values["class"] for row in rows if "class" in row.values}
    count = file.number("num_classes")
    if count is None or count > HIGHEST_CLASS or not used:
        return inferred_classes(used) if used else ((), [])
    if beyond := sorted(name for name in used if int(name) >= count):
        problems.append(file.problem("num_classes", f"is {count}, but some labels are {listed(beyond)}", _AGAIN))
    return tuple(map(str, range(count))), ["the classes have no names in the file: write classes = [...] to name them"]


def _side_doubts(file: _File) -> Iterator[str]:
    """Frames that lie on their side: MATLAB writes columns first."""
    size = tuple(file.numbers["frame_size"].tolist()) if "frame_size" in file.numbers else ()
    first = next((frames[0].key for frames in file.frames.values()), None)
    shape = file.shapes[first] if first else ()
    if len(size) == 2 and shape == size[::-1] != size:
        yield f"frame_size is {size}, but frames are stored as (column, row) {shape}, as MATLAB does, and read so"


def _coursework(folder: Path, file: _File, problems: list[Problem]) -> CaseTable:
    """`dataset70-200.h5`: the masks of several raters for each frame; the first rater's is taken."""
    raters: dict[str, list[str]] = defaultdict(list)
    for key in sorted(file.shapes):
        if match := _MASK.fullmatch(key):
            raters[match[1]].append(match[2])
    rows = []
    for frame in (frame for frames in file.frames.values() for frame in frames):
        name, own = file.address(frame.key), raters.get(frame.key.removeprefix("frame_"), [])
        if own:
            label = file.address(f"{frame.key.replace('frame', 'label')}_{own[0]}")
            rows.append(CaseRow(name, frame.subject, {"image": name, "label": label}))
        else:
            problems.append(file.problem(frame.key, "has no label", "add it, or delete the frame"))
    doubts = []
    if names := sorted({name for own in raters.values() for name in own}):
        vote = "for another, or for their vote, write a table of cases"
        doubts.append(f"each frame has labels of the raters {', '.join(names)}: the first is the truth; {vote}")
    if len(set(map(tuple, raters.values()))) > 1:
        doubts.append("not every frame has a label of every rater")
    return checked_table(
        folder, file.path, rows, ("image", "label"), classes=("background", "1"), problems=problems, doubts=doubts
    )


FRAMES = Layout(
    "one .h5 with /subject000000_frame00000000 or /frame_0000_000 (the UCL tutorials)",
    lambda folder: bool(_candidates(folder)),
    _table,
)
