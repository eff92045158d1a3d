"""Opens a folder of cases: reads its table and its first image, which says what all are like; and then each image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from assignments.assignment import Assignment, Data
from assignments.data.folder.arrays import Members
from assignments.data.folder.cases import CaseRow, CaseTable
from assignments.data.folder.declared import ImageKind, arrays_of
from assignments.data.folder.geometry import canonical, slice_of
from assignments.data.folder.image import Image, UnreadableImage, unreadable
from assignments.data.folder.listing import cases_of
from assignments.data.folder.location import located
from assignments.data.folder.reading import read_image
from assignments.data.problem_list import problem_lines, within
from assignments.data.source import Axes
from assignments.errors import Problem, UserError, shell_word

TRIED = 20
"""Images that are tried until one can be read, which says how many axes all have."""


@dataclass(frozen=True)
class OpenFolder:
    """A folder whose table has been read, and what each of its cases has."""

    table: CaseTable
    arrays: Mapping[str, Axes]
    task: str
    data: Data
    rows: Mapping[str, tuple[CaseRow, ...]]
    """By subject."""
    members: Members
    """The last array that was taken out of an archive."""
    remarks: dict[str, tuple[str, ...]]
    """By subject that was loaded: how its files were read."""


def opened_folder(assignment: Assignment) -> OpenFolder:
    """The folder `data.path`, with its cases listed and no image but the first one read.

    Raises:
        UserError: there is no such folder, no table and no known layout, or no usable case: all problems in one list.
    """
    data = assignment.data
    try:
        table = cases_of(data)
    except PermissionError as error:
        assert data.path is not None
        what = f"{error.filename}: you may not read this folder or file"
        raise UserError(f"{what}. Give yourself the permission: chmod -R u+rX {shell_word(data.path)}") from error
    members = Members()
    try:
        arrays = arrays_of(table, assignment.task, lambda text: _kind(table, text, data, members), size=data.size)
    except UserError as error:
        if not table.problems:
            raise
        lines = [*problem_lines([within(table.folder, problem) for problem in table.problems])]
        lines += str(error).splitlines() if table.rows else []  # without a row, the problems say why
        raise UserError("\n  ".join([f"{table.folder} cannot be used as it is:", *lines])) from error
    rows: dict[str, list[CaseRow]] = defaultdict(list)
    for row in table.rows:
        rows[row.subject].append(row)
    by_subject = {id: tuple(of) for id, of in rows.items()}
    return OpenFolder(table, arrays, assignment.task, data, by_subject, members, {})


def oriented_image(
    table: CaseTable, row: CaseRow, column: str, data: Data, members: Members, *, label: bool = False
) -> Image:
    """An image of a row in the orientation that `[data]` asks for, or the slice of it that the row takes.

    It has the spacing that its layout assumes, if its file gives none.

    Raises:
        UnreadableImage: it cannot be read, or has no such slice.
    """
    where = located(table.folder, row.files[column])
    image = canonical(read_image(where, label=label, members=members), data.orient)
    if image.spacing_mm is None and table.spacing_mm is not None and len(table.spacing_mm) == len(image.spatial):
        image = replace(image, spacing_mm=table.spacing_mm)
    if "volume_slice" not in row.values or image.axes != "d h w":
        return image
    number, count = int(row.values["volume_slice"]), len(image.array)
    if number >= count:
        raise unreadable(where, f"it has no slice {number}", f"name one of 0 to {count - 1} in the column volume_slice")
    return slice_of(image, number)


def _kind(table: CaseTable, first: str, data: Data, members: Members) -> ImageKind:
    """What the images of a column are like: the first of them that can be read says so.

    Raises:
        UserError: none of the first few can be read.
    """
    column = next(column for column, text in table.rows[0].files.items() if text == first)
    problems: list[Problem] = []
    for row in table.rows[:TRIED]:
        try:
            image = oriented_image(table, row, column, data, members)
        except UnreadableImage as error:
            problems += error.problems(row.subject)
            continue
        size = " ".join(_names(image))
        axes = size if image.axes != "c h w" else f"{len(image.array)} {size}"
        return ImageKind(axes, image.spacing_mm is not None)
    count = "no image" if len(table.rows) <= TRIED else f"none of the first {TRIED} images"
    lines = problem_lines([within(table.folder, problem) for problem in problems])
    raise UserError("\n  ".join([f"{table.folder}: {count} can be read:", *lines]))


def _names(image: Image) -> tuple[str, ...]:
    return ("d", "h", "w")[-len(image.spatial) :]
