"""Proposes a table of cases for a folder: pairs files by name, guesses subjects, and asks about each guess.

Nothing is written. The author reads the table, answers the questions by correcting it, and saves it as `cases.csv`.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from assignments.data.folder.addresses import ARCHIVES
from assignments.data.folder.cases import CaseRow, CaseTable
from assignments.data.folder.dicom import SUFFIXES as DICOM
from assignments.data.folder.dicom import is_slice
from assignments.data.folder.dicom_headers import same_patients
from assignments.data.folder.file_roles import FileRole, role_of
from assignments.data.folder.headings import is_truth
from assignments.data.folder.layouts import LAYOUTS, fitting, table_of
from assignments.data.folder.layouts.class_folders import are_patients
from assignments.data.folder.layouts.layout import folders_of, images, relative, visible
from assignments.data.folder.pair_questions import pairs_by_name, turned_apart
from assignments.data.folder.pairing import paired
from assignments.data.folder.row_checks import rows_doubts, rows_problems
from assignments.data.folder.row_subjects import with_subjects
from assignments.data.folder.table import NAME, read_table
from assignments.data.folder.tables_beside import Beside, beside
from assignments.data.folder.values import PARTS
from assignments.data.problem_list import problem_lines, within
from assignments.errors import UserError, listed

_DEPTH: Final = 8
"""Folders within folders that are searched."""
_MOST_CLASSES: Final = 20
_NOT_IMAGES: Final = (".csv", ".tsv", ".xlsx", ".raw", ".zraw", ".txt", ".md", ".pdf", ".html")
"""Files of which nobody thinks that they are images; tables are named elsewhere."""
_RUNS_AS_FORMULA: Final = re.compile(r"[=+\-@\t\r]")

NO_TRUTH: Final = (
    "what is the ground truth? No labels were recognised. Name each like its image with _seg behind it, or put them "
    f"into a folder labels/ under the images' names, and propose again (delete {NAME} first); or fill in a column "
    "label, class, target or target_image of the table"
)


@dataclass(frozen=True)
class ProposedTable:
    """A table of cases for the author to correct, and what to look at."""

    folder: Path
    rows: tuple[CaseRow, ...]
    columns: tuple[str, ...]
    strata: tuple[str, ...]
    questions: tuple[str, ...]
    """Each guess, as a question or a statement to check."""
    layout: str | None = None
    """The known layout of the folder, which needs no table."""

    @property
    def has_truth(self) -> bool:
        """Whether a column has the ground truth."""
        return any(map(is_truth, self.columns))


def propose(folder: Path) -> ProposedTable:
    """A table of cases for a folder: the one that it has, else one from the names of its files.

    Raises:
        UserError: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}. Name the folder of the images.")
    if (folder / NAME).is_file():
        return _of_table(read_table(folder))
    names = fitting(folder)
    if len(names) == 1 and not _has_better_table(folder, names[0]):
        return _of_layout(table_of(folder, names[0]), names[0])
    paths = [relative(folder, path) for path in _images_below(folder, _DEPTH)]
    files = [path for path in paths if path.isprintable()]
    roles = [role_of(file) for file in files]
    if all(role.role == "label" for role in roles):
        roles = [replace(role, role="image") for role in roles]  # a folder above all says "masks"
    pictures = [role for role in roles if role.role == "image"]
    if not pictures:
        raise UserError(f"{folder} has no image that medmark reads. {_hint(folder)}")
    questions = [f"it looks like {len(names)} layouts: {listed(names)}; write one as layout"] if names[1:] else []
    if len(files) < len(paths):
        questions.append(
            f"{len(paths) - len(files)} files have names with bytes that are not text, and are left out: rename them"
        )
    questions += _unread(folder, paths)
    pictures = _originals(pictures, questions)
    rows, columns = paired(pictures, [role for role in roles if role.role == "label"], questions)
    questions += turned_apart(folder, rows)
    questions += pairs_by_name(rows, columns)
    by_file = {role.file: role for role in roles}
    notes, unread = beside(folder, [row.id for row in rows], labelled="label" in columns)
    questions += unread
    questions += notes.questions if notes else ()
    rows = _with_notes(rows, notes, questions) if notes else rows
    rows = _with_classes(rows, by_file, columns, notes, questions)
    rows = with_subjects(rows, by_file, notes, questions)
    rows = _with_parts(rows, by_file, questions)
    strata = (*(notes.strata if notes else ()), *(["group"] if rows and "group" in rows[0].strata else []))
    columns += [column for column in (notes.columns if notes else ()) if column not in ("subject", "part", *columns)]
    columns += ["class"] if rows and "class" in rows[0].values and "class" not in columns else []
    problems = [f"{problem.key or problem.line}: {problem.what}" for problem in rows_problems(folder, NAME, rows)]
    if not any(map(is_truth, columns)):
        questions.append(NO_TRUTH)
    return ProposedTable(
        folder,
        tuple(rows),
        tuple(columns),
        strata,
        (*questions, *problems, *rows_doubts(rows), *same_patients(folder, rows)),
    )


def as_csv(proposal: ProposedTable) -> str:
    """The proposal as `cases.csv`."""
    parts = ["part"] if any(row.part for row in proposal.rows) else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["subject", *proposal.columns, *proposal.strata, *parts])
    for row in proposal.rows:
        cells = {**row.values, **row.files}
        values = [row.subject, *(cells.get(column, "") for column in proposal.columns)]
        values += [row.strata.get(stratum, "") for stratum in proposal.strata]
        writer.writerow([_as_text(value) for value in (*values, *([row.part or ""] if parts else []))])
    return text.getvalue()


def _as_text(cell: str) -> str:
    """A cell that no spreadsheet runs as a formula. The reader of tables takes the mark off again."""
    return f"'{cell}" if _RUNS_AS_FORMULA.match(cell) else cell


def _of_table(table: CaseTable) -> ProposedTable:
    """The table that the author has written already, and what there is to look at in it."""
    problems = problem_lines([within(table.folder, problem) for problem in table.problems])
    truth = () if any(map(is_truth, table.columns)) else (NO_TRUTH,)
    questions = (f"the cases are those of {NAME}, which stays as it is", *problems, *table.doubts, *truth)
    return ProposedTable(table.folder, table.rows, table.columns, table.strata, questions)


def _of_layout(table: CaseTable, name: str) -> ProposedTable:
    """The rows of a known layout, which needs no table; the table may still be written, to correct it."""
    statement = f'the folder is layout = "{name}" ({LAYOUTS[name].looks_like}), and needs no {NAME}'
    questions = (statement, *(str(problem) for problem in table.problems), *table.doubts)
    return ProposedTable(table.folder, table.rows, table.columns, table.strata, questions, layout=name)


def _images_below(folder: Path, depth: int) -> Iterator[Path]:
    """The image files of a folder and of those in it. A folder of DICOM files is one image."""
    files = images(folder)
    others = {path for path in files if not path.name.casefold().endswith(DICOM)}  # not opened to look for a mark
    slices = [path for path in visible(folder) if path not in others and is_slice(path)]
    yield from [folder] if len(slices) > 1 else slices
    read = set(slices)
    yield from (path for path in files if path not in read)
    for inside in folders_of(folder) if depth else ():
        if not inside.is_symlink():
            yield from _images_below(inside, depth - 1)


def _has_better_table(folder: Path, layout: str) -> bool:
    """Whether a table names the files of folders that look like classes: then it says what the classes are."""
    if layout != "class_folders":
        return False
    files = [relative(folder, path) for path in _images_below(folder, _DEPTH)]
    return beside(folder, files)[0] is not None


def _originals(pictures: Sequence[FileRole], questions: list[str]) -> list[FileRole]:
    """Images without those that BIDS keeps in `derivatives`, which were made of others."""
    originals = [role for role in pictures if "derivatives" not in role.folders]
    if originals and (derived := [role.file for role in pictures if "derivatives" in role.folders]):
        questions.append(
            f"{len(derived)} images in derivatives/ were made of others, and are left out: {listed(derived)}"
        )
    return originals or list(pictures)


def _unread(folder: Path, read: Sequence[str]) -> Iterator[str]:
    """Files that are not images, and no tables either, by their kinds."""
    images = {folder / file for file in read}
    kinds = Counter(path.suffix.casefold() or "files without suffix" for path in _files_below(folder, images, _DEPTH))
    if kinds:
        yield "not read, since they are not images that medmark knows: " + listed(
            [f"{count} {kind}" for kind, count in kinds.most_common()], 6
        )


def _files_below(folder: Path, images: set[Path], depth: int) -> Iterator[Path]:
    for path in visible(folder):
        if path not in images and path.suffix.casefold() not in _NOT_IMAGES:
            yield path
    for inside in folders_of(folder) if depth else ():
        if not inside.is_symlink() and inside not in images:
            yield from _files_below(inside, images, depth - 1)


def _hint(folder: Path) -> str:
    archives = [path.name for path in visible(folder, ARCHIVES)]
    if archives:
        return f"For {listed(archives)}, write a {NAME} whose cells name an array: {archives[0]}:KEY[0]."
    if tables := [path.name for path in visible(folder, (".csv", ".tsv", ".xlsx"))]:
        return (
            f"If the cases are the rows of {listed(tables)}, write {NAME} with the columns subject, feature:NAME for "
            "each number that a model sees, and class or target; then propose again."
        )
    return "Name the folder that has NIfTI, MHA, NRRD, DICOM, PNG, JPEG, TIFF, BMP, GIF or NPY files in it."


def _with_notes(rows: Sequence[CaseRow], notes: Beside, questions: list[str]) -> list[CaseRow]:
    """Rows with what the table says, without those of whom it does not say the truth."""
    filled = [_with_values(row, notes) for row in rows]
    truths = [column for column in notes.columns if is_truth(column)]
    whole = [row for row in filled if all(row.values.get(column) for column in truths)]
    if without := [row.id for row in filled if not all(row.values.get(column) for column in truths)]:
        questions.append(f"{len(without)} images have no {truths[0]} in the table and are left out: {listed(without)}")
    return whole or filled


def _with_values(row: CaseRow, notes: Beside) -> CaseRow:
    """A row with what the table beside the images says of it."""
    cells = notes.cells.get(row.id, {})
    values = {column: cells.get(column, "") for column in notes.columns if column not in ("subject", "part")}
    text = cells.get("part", "").casefold()
    part = PARTS.get({"1": "train", "0": "test"}.get(text, text))
    strata = {stratum: cells.get(stratum, "") for stratum in notes.strata}
    return replace(row, values={**row.values, **values}, strata=strata, part=part)


def _with_classes(
    rows: list[CaseRow],
    roles: Mapping[str, FileRole],
    columns: Sequence[str],
    notes: Beside | None,
    questions: list[str],
) -> list[CaseRow]:
    """Rows with the class that the first folder names, where nothing else is the truth."""
    first = [roles[row.id].folders[:1] for row in rows]
    names = {name for folders in first for name in folders}
    no_classes = not all(first) or not 2 <= len(names) <= _MOST_CLASSES or are_patients(names)
    if "label" in columns or (notes and any(map(is_truth, notes.columns))) or no_classes:
        return rows
    counts = Counter(name for folders in first for name in folders)
    questions.append("are the folders classes? " + ", ".join(f"{name}: {n} images" for name, n in counts.items()))
    return [replace(row, values={**row.values, "class": roles[row.id].folders[0]}) for row in rows]


def _with_parts(rows: list[CaseRow], roles: Mapping[str, FileRole], questions: list[str]) -> list[CaseRow]:
    """Rows with the part that a table or a folder names, where that makes a split."""
    parts = [row.part or roles[row.id].part for row in rows]
    if any(parts) and not {"train", "test"} <= set(parts):
        only = " and ".join(sorted({part for part in parts if part}))
        questions.append(
            f"the folders name cases for {only} alone, which is not a split, so medmark splits the patients"
        )
        parts = [None] * len(rows)
    if any(parts):
        counts = Counter(part or "no part" for part in parts)
        questions.append("is this a published split? " + ", ".join(f"{part}: {n}" for part, n in counts.items()))
    return [replace(row, part=part) for row, part in zip(rows, parts, strict=True)]
