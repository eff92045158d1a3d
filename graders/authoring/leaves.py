"""Lists what a handout would take off this machine, by writing it into a temporary folder and reading that.

So the list cannot differ from what `medmark handout` writes.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assignments.assignment import Assignment, Share
from assignments.data.case_files import header
from assignments.data.prepared import Progress, listed, opened_source
from assignments.data.published import Kind, published_cases
from assignments.data.sharing import sharing_of, shows_patients
from assignments.data.source import Finite, Subject
from assignments.data.sources import source_of
from graders.authoring.handing_out import PlannedHandout, terms_of

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".bmp", ".webp", ".svg", ".pdf")
LEAST = 3
"""Characters of an id that is looked for in texts; plain numbers must have one more. Shorter ones stand everywhere."""


@dataclass(frozen=True)
class LeavingArray:
    """One field of a file of cases."""

    key: str
    dtype: str
    shape: tuple[int, ...]
    """With a leading N, where the file holds several cases."""

    @property
    def is_number(self) -> bool:
        """Whether it can hold no word."""
        return np.dtype(self.dtype).kind in "biufc"


@dataclass(frozen=True)
class LeavingFile:
    """One file of a handout."""

    name: str
    """From the folder of the handout; the archive of its cases lies beside it."""
    size: int
    """Bytes."""
    arrays: tuple[LeavingArray, ...] = ()
    subjects: tuple[int, ...] = ()
    """Their numbers, which stand in place of their names."""

    @property
    def is_picture(self) -> bool:
        """Whether its name says that it is a picture or a document."""
        return Path(self.name).suffix.lower() in PICTURES


@dataclass(frozen=True)
class NamedSubject:
    """A subject whose name stands in a text of a handout."""

    file: str
    line: int
    subject: str


@dataclass(frozen=True)
class Leaves:
    """What a handout would take off this machine."""

    assignment: Assignment
    share: Share
    kind: Kind
    of_patients: bool
    """Whether the source has subjects who are not public."""
    cases: int
    subjects: int
    files: tuple[LeavingFile, ...]
    named: tuple[NamedSubject, ...]
    burned_in: dict[str, bool] | None
    """By subject with DICOM files: whether a header says that text is in the picture; None: the reader is the author's
    own, and kept no header."""


def leaves_of(assignment: Assignment, course: Path | None = None, on_progress: Progress = lambda *_: None) -> Leaves:
    """Write the handout, as a course hands it out, into a temporary folder, list it, and remove it.

    Raises:
        UserError: the handout cannot be written, or its cases may not be handed out.
    """
    cases = published_cases(assignment, on_progress)
    source = source_of(assignment)
    opened = opened_source(assignment, source) if isinstance(source, Finite) else None
    subjects = listed(assignment, source, opened) if isinstance(source, Finite) else []
    with tempfile.TemporaryDirectory(prefix="medmark-leaves-") as scratch:
        home = Path(scratch) / assignment.id
        paths = PlannedHandout(assignment, cases, terms=terms_of(assignment, course)).write_files(Path(scratch))
        files = tuple(_file(home, path) for path in sorted(paths))
        named = tuple(_named(home, paths, subjects))
    count, people = cases.counts
    return Leaves(
        assignment,
        sharing_of(assignment),
        cases.kind,
        shows_patients(assignment),
        count,
        people,
        files,
        named,
        _burned_in(assignment, opened),
    )


def _file(home: Path, path: Path) -> LeavingFile:
    inside = path.is_relative_to(home)  # the archive of the cases lies beside it
    name, size = path.relative_to(home).as_posix() if inside else path.name, path.stat().st_size
    if path.suffix != ".npz":
        return LeavingFile(name, size)
    with np.load(path, allow_pickle=False) as data:
        headers = {key: header(data, key) for key in data.files}
        subjects = tuple(np.unique(data["subject"]).tolist()) if "subject" in headers else ()
    arrays = (LeavingArray(key, dtype.name, shape) for key, (dtype, shape) in headers.items())
    return LeavingFile(name, size, tuple(arrays), subjects)


def _named(home: Path, paths: Sequence[Path], subjects: Sequence[Subject]) -> Iterator[NamedSubject]:
    """Where a text names a subject or one of its members."""
    ids = {id for subject in subjects for id in (subject.id, *subject.members)}
    ids = {id for id in ids if len(id) >= LEAST + id.isdecimal()}
    if not ids:
        return
    longest_first = sorted(ids, key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])")
    for path in sorted(paths):
        # The archive holds the same cases, the wheel medmark alone, and a picture no text.
        if path.suffix in (".npz", ".zip", ".whl", *PICTURES):
            continue
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), start=1):
            for match in pattern.finditer(line):
                yield NamedSubject(path.relative_to(home).as_posix(), number, match[0])


def _burned_in(assignment: Assignment, opened: Any) -> dict[str, bool] | None:
    if assignment.data.source != "folder" or sharing_of(assignment) == "none":
        return None
    from assignments.data.folder.dicom_headers import burned_in_subjects

    return burned_in_subjects(opened)
