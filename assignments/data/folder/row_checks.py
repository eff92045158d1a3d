"""What is wrong with several cases together: a patient or a file in two subjects, a subject in two parts.

All of them are ways in which a hidden patient gets into the training cases.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from assignments.data.folder.addresses import address
from assignments.data.folder.cases import CaseRow
from assignments.data.folder.headings import is_truth
from assignments.data.folder.subject_names import guessed_subjects
from assignments.errors import Problem, listed


def rows_problems(folder: Path, file: str, rows: Sequence[CaseRow]) -> list[Problem]:
    """Problems of several rows: `file` is what lists them."""
    return [
        *_in_two_parts(file, rows),
        *_same_case(file, rows),
        *_same_file(folder, file, rows),
    ]


def rows_doubts(rows: Sequence[CaseRow]) -> list[str]:
    """What is allowed of several rows, but seldom meant."""
    return [
        *_two_classes(rows),
        *_alike_subjects(rows),
        *_hidden_groups(rows),
        *_parts_of_some(rows),
        *_atlas(rows),
    ]


def unlisted_doubts(table: Path, rows: Sequence[CaseRow]) -> Iterator[str]:
    """Files beside those of the rows, of the same kind, that no row names."""
    folder = table.parent
    named: defaultdict[Path, set[str]] = defaultdict(set)
    for row in rows:
        for text in row.files.values():
            at = folder / address(text).file
            named[at.parent].add(at.name)
    for inside, names in named.items():
        kinds = tuple({Path(name).suffix for name in names if Path(name).suffix})
        files = (path for path in sorted(inside.iterdir()) if path != table)
        beside = [path.name for path in files if kinds and path.name.endswith(kinds)]
        if others := [name for name in beside if name not in names and not name.startswith(".")]:
            yield f"{inside}: {len(others)} files are in no row: {listed(others)}"


def _in_two_parts(file: str, rows: Sequence[CaseRow]) -> Iterator[Problem]:
    """Patients whom a published split has in two parts."""
    first: dict[str, CaseRow] = {}
    reported = set()
    for row in rows:
        for member in row.members:
            before = first.setdefault(member, row)
            if before.part != row.part and member not in reported:
                reported.add(member)
                what = f"{member} is in {row.part or 'no part'}, but in {before.part or 'no part'} {_where(before)}"
                cure = "put all cases of a subject into one part; if they are two patients, give them two names"
                yield Problem(file, "part" if row.line else row.id, row.line, what, cure)


def _same_case(file: str, rows: Sequence[CaseRow]) -> Iterator[Problem]:
    """Rows of one subject with the same input: twice the same case, or two truths for one."""
    first: dict[object, CaseRow] = {}
    for row in rows:
        inputs = [pair for pair in (*row.files.items(), *row.values.items()) if not is_truth(pair[0])]
        before = first.setdefault((row.subject, *inputs), row)
        if before is row:
            continue
        if before.files == row.files and before.values == row.values:
            yield Problem(file, "", row.line, f"is the same case as {_where(before)}", "delete one of them")
        else:
            what = f"has the same input as {_where(before)}, but another truth"
            cure = "keep one truth for a case: of several raters one, or their vote"
            yield Problem(file, "", row.line, what, cure)


def _same_file(folder: Path, file: str, rows: Sequence[CaseRow]) -> Iterator[Problem]:
    """Files that two subjects share, by whatever path or link."""
    atlas = _shared_by_all(rows)
    paths: dict[str, str] = {}
    first: dict[tuple[str, str | None, int | None], CaseRow] = {}
    for row in rows:
        for column, text in row.files.items():
            if column in atlas:
                continue
            at = address(text)
            if at.file not in paths:
                paths[at.file] = str((folder / at.file).resolve())
            key = at.key.strip("/") if at.key else None
            before = first.setdefault((paths[at.file], key, at.index), row)
            if not set(before.members) & set(row.members):
                what = f"{text} is a file of {row.subject}, and of {before.subject} {_where(before)}"
                cure = "give both the same subject, or correct the file"
                yield Problem(file, column, row.line, what, cure)


def _where(row: CaseRow) -> str:
    return f"on line {row.line}" if row.line else f"in case {row.id}"


def _shared_by_all(rows: Sequence[CaseRow]) -> set[str]:
    """Columns of registration with one file for all rows: an atlas."""
    columns = {column for row in rows for column in row.files} & {"fixed", "moving", "label:fixed", "label:moving"}
    several = len({row.subject for row in rows}) > 1
    return {column for column in columns if several and len({row.files.get(column) for row in rows}) == 1}


def _atlas(rows: Sequence[CaseRow]) -> Iterator[str]:
    for column in sorted(_shared_by_all(rows)):
        yield f"{column} is the same file in every row: it is taken for an atlas, which all parts have"


def _two_classes(rows: Sequence[CaseRow]) -> Iterator[str]:
    """Subjects with cases of two classes."""
    classes: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for row in rows:
        if "class" in row.values:
            classes[row.subject][row.values["class"]] = None
    several = [subject for subject, names in classes.items() if len(names) > 1]
    if several:
        names = ", ".join(classes[several[0]])
        others = f", and {len(several) - 1} more subjects are" if len(several) > 1 else ""
        yield f"subject {several[0]} is in {len(classes[several[0]])} classes ({names}){others}: is this meant?"


def _alike_subjects(rows: Sequence[CaseRow]) -> Iterator[str]:
    """Subjects whose names differ only in capitals, signs and zeros: perhaps one patient."""
    spellings: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for row in rows:
        for member in row.members:
            letters = re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", member))
            plain = re.sub(r"(?<!\d)0+(?=\d)", "", letters).casefold()
            spellings[plain][member] = None
    for names in spellings.values():
        if len(names) > 1:
            yield f"subjects {' and '.join(names)} differ only in spelling: if they are one patient, write one name"


def _hidden_groups(rows: Sequence[CaseRow]) -> Iterator[str]:
    """Tables in which every case is a subject of its own, though the files' names say otherwise."""
    files = [next(iter(row.files.values()), "") for row in rows]
    if len(rows) < 3 or not all(files) or len({row.subject for row in rows}) < len(rows):
        return
    if any(address(file).index is not None for file in files):
        return  # rows of an archive have no names
    guess = guessed_subjects([address(file).key or address(file).file for file in files])
    if guess is not None and len(set(guess.subjects)) < len(rows):
        at = max(range(len(rows)), key=lambda index: guess.subjects.count(guess.subjects[index]))
        yield (
            f"every case is a subject of its own, but {guess.subjects.count(guess.subjects[at])} files are named "
            f"after {guess.subjects[at]}, such as {files[at]}: if that is a patient, write it as their subject"
        )


def _parts_of_some(rows: Sequence[CaseRow]) -> Iterator[str]:
    """A published split of some rows only."""
    without = [row.id for row in rows if row.part is None]
    if without and len(without) < len(rows):
        several = f"{len(without)} of {len(rows)} cases have no part ({listed(without, 2)})"
        yield f"{several}: the split decides about their subjects"
