"""What a handout would take off this machine, as lines and tables for the person who answers for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from assignments.data.split import split_command
from assignments.errors import listed
from reports.data_table import Grid, shapes
from reports.terminal import quantity

if TYPE_CHECKING:
    from graders.authoring.leaves import Leaves, LeavingFile

TOGETHER = 5
"""Files of a folder from which they are one line."""
SHOWN = 10


def leaves_head(leaves: Leaves) -> Iterator[str]:
    """Whose cases leave, and who permitted it; or what goes in their place."""
    assignment = leaves.assignment
    cases = quantity(leaves.cases, "case")
    if leaves.share == "none":
        yield f'share = "none": no case of {assignment.data.source} leaves this machine.'
        yield f"In their place the handout holds {leaves.cases} {leaves.kind}."
    elif leaves.of_patients:
        whom = "anybody" if leaves.share == "public" else "students"
        subjects = quantity(leaves.subjects, "subject")
        yield f'share = "{leaves.share}": {cases} of {subjects} leave this machine, for {whom}.'
        yield f"Permitted: {assignment.data.permission}"
    else:
        yield f"The handout holds {cases} of {assignment.data.source}, which are public or drawn by a program."
    yield "The files that a handout would hold:"


def leaves_grids(leaves: Leaves) -> Iterator[Grid]:
    """Each file, then each field of the files of cases."""
    groups = list(_grouped(leaves.files))
    yield Grid(
        ("file", "size", "cases", "subjects"),
        tuple((name, _size(sum(file.size for file in files)), *_counts(files)) for name, files in groups),
    )
    rows = []
    for name, files in groups:
        for key in dict.fromkeys(array.key for file in files for array in file.arrays):
            arrays = [array for file in files for array in file.arrays if array.key == key]
            dtypes = " or ".join(dict.fromkeys(array.dtype for array in arrays))
            sizes = sorted({array.shape for array in arrays}, key=lambda shape: (len(shape), shape))
            rows.append((name, key, dtypes, shapes(sizes)))
    if rows:
        yield Grid(("file", "field", "dtype", "shape"), tuple(rows), counts=False)


def leaves_tail(leaves: Leaves) -> Iterator[str]:
    """What stays, what was looked for, and what nobody has checked."""
    fields = [array for file in leaves.files for array in file.arrays]
    words = [array.key for array in fields if not array.is_number]
    if words:
        yield f"These fields may hold words: {', '.join(dict.fromkeys(words))}. Look at them."
    else:
        yield "All fields are numbers."
    if leaves.of_patients:
        yield "Of a file's header nothing leaves but the spacing."
        yield (
            "Staying here: names of subjects (they are numbered in an order of their own), strata such as the site "
            "(`group`), names and folders of files, and the split."
        )
    yield "Staying here: every hidden case."
    pictures = [file.name for file in leaves.files if file.is_picture]
    yield f"Pictures and documents: {', '.join(pictures) if pictures else 'none'}."
    if leaves.share == "none":
        yield "Pages for students and leaderboards: no case, and no picture of one."
    else:
        shown = f"medmark return {leaves.assignment.id} --show-cases N"
        yield f"Pages for students and leaderboards: no case, but for hidden ones that you show with {shown}"
    if leaves.named:
        texts = [f"{each.subject} ({each.file}, line {each.line})" for each in leaves.named]
        yield f"Texts name subjects: {listed(texts, SHOWN)}. Correct them before you hand out."
    elif leaves.of_patients:
        yield "No text of the handout names a subject."
    if leaves.share != "none" and leaves.of_patients:
        yield from _burned_in_lines(leaves)
        yield (
            "NOT CHECKED: faces, burned-in text, and whether the pixels themselves identify anybody. Look at the "
            f"pictures: {split_command(leaves.assignment, '--page FILE')}"
        )


def _burned_in_lines(leaves: Leaves) -> Iterator[str]:
    says = leaves.burned_in
    if says is None:
        yield "What files say of burned-in text is not known: their reader is this assignment's own."
    elif not says:
        yield "What files say of burned-in text: nothing, since none is DICOM."
    elif marked := [subject for subject, flag in says.items() if flag]:
        yield (
            f"DICOM says that text is burned into the pictures of {len(marked)} of {len(says)} subjects: "
            f"{listed(marked, SHOWN)}"
        )
    else:
        yield f"No DICOM file of {quantity(len(says), 'subject')} says that text is burned in; most say nothing of it."


def _grouped(files: Sequence[LeavingFile]) -> Iterator[tuple[str, list[LeavingFile]]]:
    """Each file; those of a folder with many of a kind as one."""
    folders = defaultdict(list)
    for file in files:
        path = PurePosixPath(file.name)
        folders[path.parent, path.suffix].append(file)
    for (folder, suffix), inside in folders.items():
        if len(inside) >= TOGETHER and suffix == ".npz":
            yield f"{folder}/*{suffix}, {len(inside)} files", inside
        else:
            yield from ((file.name, [file]) for file in inside)


def _counts(files: Sequence[LeavingFile]) -> tuple[str, str]:
    if not files[0].arrays:
        return "-", "-"
    cases = sum(file.arrays[0].shape[0] for file in files)
    subjects = {number for file in files for number in file.subjects}
    return str(cases), str(len(subjects)) if subjects else "-"


def _size(size: int) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000  # type: ignore[assignment]
    return f"{size:.1f} GB"
