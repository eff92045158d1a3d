"""The split of a finite source into training, validation and hidden subjects: made once, kept in `split.csv`.

The file belongs to the assignment and serves every course, year, handout and rehearsal. A new subject moves no other; a
subject that has left the source keeps its row, marked as withdrawn. It names the hidden subjects: staff only.
"""

from __future__ import annotations

import csv
import io
import os
import secrets
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import cast

import numpy as np
from numpy.random import Generator

from assignments.assignment import Assignment, Data
from assignments.data.source import PARTS, Part, Subject
from assignments.errors import UserError, listed, nearest
from assignments.files import replace_file

COLUMNS = ("subject", "part", "withdrawn", "handed_out", "shown")


@dataclass(frozen=True)
class SplitRow:
    """One subject of a split."""

    subject: str
    part: Part | None
    """None: it is in no part, because `train` is a number and there are more subjects."""
    withdrawn: str = ""
    """The day on which the split was updated and its source no longer had it."""
    handed_out: str = ""
    """The day of the first handout with its cases."""
    shown: str = ""
    """The day on which its hidden cases were shown to students: they are spent."""


@dataclass(frozen=True)
class Split:
    """All subjects that a source has or had, with their parts."""

    rows: tuple[SplitRow, ...] = ()

    @property
    def present(self) -> tuple[SplitRow, ...]:
        """The rows of subjects that have not been withdrawn."""
        return tuple(row for row in self.rows if not row.withdrawn)

    def of(self, part: Part) -> tuple[str, ...]:
        """The subjects of a part, without those withdrawn."""
        return tuple(row.subject for row in self.present if row.part == part)

    def marked(self, subjects: Iterable[str], *, handed_out: str = "", shown: str = "") -> Split:
        """The split with the days on which these subjects were first handed out, or shown."""
        names = set(subjects)
        return Split(
            tuple(
                replace(row, handed_out=row.handed_out or handed_out, shown=row.shown or shown)
                if row.subject in names
                else row
                for row in self.rows
            )
        )


@dataclass(frozen=True)
class SplitChange:
    """What an update of a split changes: subjects, each with its part."""

    new: Mapping[str, Part | None] = field(default_factory=dict)
    withdrawn: Mapping[str, Part | None] = field(default_factory=dict)
    returned: Mapping[str, Part | None] = field(default_factory=dict)
    moved: Mapping[str, tuple[Part | None, Part | None]] = field(default_factory=dict)
    """Only a new split moves subjects: the part before, and the part now."""
    exposed: Mapping[str, str] = field(default_factory=dict)
    """Subjects that are hidden now and were handed out before, each with the day."""


def split_command(assignment: Assignment, flag: str = "--split") -> str:
    """The command that makes the split of an assignment, to be typed as it is; with "" it shows the cases."""
    file = assignment.data.split
    words = ["medmark data", str(assignment.folder), flag]
    if file is not None and file.parent.name == "hidden":  # a course's own data
        words = ["medmark data", assignment.id, flag, f"-c {file.parent.parent}"]
    return " ".join(filter(None, words))


def read_split(path: Path) -> Split | None:
    """The split in a file; None if there is no such file.

    Raises:
        UserError: the file is not a split; the error says where.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        if path.is_symlink():
            raise UserError(
                f"{path}: links to {path.resolve()}, which is not there. Connect what it is on, or remove the link."
            ) from None
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: the split cannot be read: {error}. Restore it from a copy.") from error
    rows, seen = [], set()
    for where, values in _records(path, text):
        if values["part"] not in ("", *PARTS):
            raise UserError(f'{where}: "{values["part"]}" is not a part; write train, val or test, or leave it empty.')
        if not values["subject"] or values["subject"] in seen:
            what = f"{values['subject']} is there twice" if values["subject"] else "names no subject"
            raise UserError(f"{where}: {what}. Remove one of the rows.")
        for name in COLUMNS[2:]:
            if values[name] and not _is_day(values[name]):
                raise UserError(f'{where}: {name} is "{values[name]}". Write the day as 2026-03-04, or leave it empty.')
        seen.add(values["subject"])
        part = cast(Part, values.pop("part")) if values["part"] else None
        values.pop("part", None)
        rows.append(SplitRow(part=part, **values))
    return Split(tuple(rows))


def _records(path: Path, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each row of a split stands, and its cells by column: any other form could lose a row or a day.

    Raises:
        UserError: a column or a cell is missing or is one too many, or a quotation mark is not closed.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    heading: list[str] = []
    begins = 1
    try:
        for cells in reader:
            where = f"{path}, line {begins}"
            begins = reader.line_num + 1
            if not heading:
                heading = [cell.strip() for cell in cells]
                _check_heading(path, heading)
            elif cells and len(cells) != len(heading):
                raise UserError(f"{where}: has {len(cells)} cells, and the heading {len(heading)}. Correct the row.")
            elif cells:
                yield where, dict(zip(heading, (cell.strip() for cell in cells), strict=True))
    except csv.Error as error:
        raise UserError(
            f"{path}, line {begins}: a quotation mark is not closed, or text follows it ({error}), so it is unknown "
            "where the row ends. Correct the row, or take a copy."
        ) from error
    if not heading:
        raise UserError(f"{path}: is empty. Restore it from a copy.")


def _check_heading(path: Path, heading: Sequence[str]) -> None:
    if lacks := [name for name in COLUMNS if name not in heading]:
        if any(sign in cell for sign in ";\t" for cell in heading):
            cure = "Save it as CSV with commas, or take a copy"
        elif {*lacks} & {*COLUMNS[:2]}:
            cure = "Restore it, or take a copy"
        else:
            cure = "Take a copy; or, if nobody was withdrawn, handed out or shown, add it with empty cells"
        raise UserError(f"{path}: has no column {' and no column '.join(lacks)}. {cure}.")
    if extra := [name for name in heading if name not in COLUMNS or heading.count(name) > 1]:
        what = f'a column "{extra[0]}" twice' if extra[0] in COLUMNS else f'a column "{extra[0]}", which would be lost'
        raise UserError(f"{path}: has {what}. Keep {', '.join(COLUMNS)}, and remove what else there is.")


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def write_split(path: Path, split: Split) -> None:
    """Replace the file of a split, or what it links to. It names hidden subjects: a new file is for its owner alone."""
    path = path.resolve()  # else courses that share a split by links would each go on with their own
    buffer = io.StringIO()
    plain = csv.writer(buffer, lineterminator="\n")
    quoted = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)  # else Python 3.11 would end a line at CR
    plain.writerow(COLUMNS)
    for row in split.rows:
        writer = quoted if "\r" in row.subject else plain
        writer.writerow([row.subject, row.part or "", row.withdrawn, row.handed_out, row.shown])
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    replace_file(path, buffer.getvalue())


@contextmanager
def locked_split(path: Path) -> Iterator[None]:
    """Let one process at a time read and then replace the split in a file.

    The lock is on its folder, so that no file is left there. Where a file system has no locks,
    `replace_split` still notices what another process wrote.
    """
    import fcntl

    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def replace_split(path: Path, split: Split, before: Split | None) -> None:
    """Replace a split that was read earlier, unless somebody has changed it since.

    Raises:
        UserError: the file no longer holds `before`.
    """
    with locked_split(path):
        if read_split(path) != before:
            raise UserError(f"{path}: was changed meanwhile, so nothing is written. Run the same command again.")
        write_split(path, split)


def new_split(
    subjects: Sequence[Subject], data: Data, *, before: Split | None = None, today: date | None = None
) -> tuple[Split, SplitChange]:
    """A split of all subjects. `before` is the split that it replaces: days of handouts stay known.

    Raises:
        UserError: there are too few subjects, or a published split puts linked subjects in different parts.
    """
    parts = _filled(_groups(subjects), data, _rng(data), {})
    return _result(subjects, parts, before, today)


def updated(
    split: Split, subjects: Sequence[Subject], data: Data, *, today: date | None = None
) -> tuple[Split, SplitChange]:
    """The split with new subjects in the part that lacks most, and those that are gone marked as withdrawn.

    Raises:
        UserError: a new subject links subjects of two parts, a published split now differs from the split, or the split
            writes a subject otherwise than the source.
    """
    _refuse_rewritten(split, subjects)
    before_parts = {row.subject: row.part for row in split.rows}
    for subject in subjects:
        if subject.part is not None and subject.id in before_parts and before_parts[subject.id] != subject.part:
            raise UserError(
                f"the source now puts {subject.id} in {subject.part}, and the split has it in "
                f"{before_parts[subject.id] or 'no part'}. Make the split anew, with --resplit."
            )
    parts = _filled(_groups(subjects), data, _rng(data), before_parts)
    return _result(subjects, parts, split, today)


def _refuse_rewritten(split: Split, subjects: Sequence[Subject]) -> None:
    """Refuse an id such as 7 for 007: a hidden subject would count as withdrawn, and return as a new one."""
    ids = {subject.id for subject in subjects}
    in_split = {row.subject for row in split.rows}
    gone = {_bare(row.subject): row.subject for row in split.present if row.subject not in ids}
    pairs = [(gone[_bare(id)], id) for id in sorted(ids - in_split) if _bare(id) in gone]
    if pairs:
        listing = listed([f"{old} for {new}" for old, new in pairs])
        raise UserError(
            f"the split writes subjects otherwise than the source: {listing}. A spreadsheet may have rewritten them: "
            "correct their rows, or take a copy of the split. If they are other subjects, write the day in withdrawn."
        )


def _bare(id: str) -> str:
    """An id without what programs change when they write it: leading zeros, case, composed letters."""
    return unicodedata.normalize("NFC", id).casefold().lstrip("0")


def _result(
    subjects: Sequence[Subject], parts: Mapping[str, Part | None], before: Split | None, today: date | None
) -> tuple[Split, SplitChange]:
    """The new rows, in the order of the old ones with new subjects last, and what changed."""
    day = (today or date.today()).isoformat()
    old = {row.subject: row for row in (before.rows if before else ())}
    ids = [subject.id for subject in subjects]
    rows = []
    for id in [*old, *(id for id in ids if id not in old)]:
        row = old.get(id, SplitRow(id, None))
        if id in parts:
            rows.append(replace(row, part=parts[id], withdrawn=""))
        else:
            rows.append(replace(row, withdrawn=row.withdrawn or day))
    new = Split(tuple(rows))
    change = SplitChange(
        new={id: parts[id] for id in ids if id not in old},
        withdrawn={row.subject: row.part for row in old.values() if row.subject not in parts and not row.withdrawn},
        returned={id: parts[id] for id in ids if id in old and old[id].withdrawn},
        moved={id: (old[id].part, parts[id]) for id in ids if id in old and old[id].part != parts[id]},
        exposed={row.subject: row.handed_out for row in new.present if row.part == "test" and row.handed_out},
    )
    return new, change


def _rng(data: Data) -> Generator:
    return np.random.default_rng(secrets.randbits(128) if data.split_seed is None else data.split_seed)


@dataclass(frozen=True)
class _Group:
    """Subjects that share a member, and so must be in one part."""

    subjects: tuple[Subject, ...]
    stratum: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(subject.id for subject in self.subjects)


def _groups(subjects: Sequence[Subject]) -> list[_Group]:
    """Subjects joined by their members, in the order of their ids: the source's order decides nothing."""
    leader: dict[str, str] = {}

    def lead(id: str) -> str:
        while leader.setdefault(id, id) != id:
            id = leader[id]
        return id

    for subject in subjects:
        for member in subject.members:
            # Subjects and members have names of their own kinds: a pair "P1-P2" is not a patient.
            leader[lead(f"member {member}")] = lead(f"subject {subject.id}")
    joined: dict[str, list[Subject]] = defaultdict(list)
    for subject in sorted(subjects, key=lambda subject: subject.id):
        joined[lead(f"subject {subject.id}")].append(subject)
    return [_Group(tuple(group)) for group in joined.values()]


def _filled(
    groups: Sequence[_Group], data: Data, rng: Generator, before_parts: Mapping[str, Part | None]
) -> dict[str, Part | None]:
    """The part of every subject: as before, as published, and the rest drawn until each part has its share."""
    groups = [replace(group, stratum=_stratum(group, data)) for group in groups]
    parts: dict[str, Part | None] = {}
    free = []
    for group in groups:
        fixed = _fixed(group, before_parts)
        if fixed:
            parts |= dict.fromkeys(group.ids, fixed[0])
        else:
            free.append(group)
    total = sum(len(group.subjects) for group in groups)
    sizes = _part_sizes(data, total) if free else {}
    in_stratum = Counter(group.stratum for group in groups for _ in group.subjects)
    quota = _quotas(sizes, in_stratum, total, rng)
    stratum_of = {id: group.stratum for group in groups for id in group.ids}
    for id, part in parts.items():
        quota[stratum_of[id], part] = quota.get((stratum_of[id], part), 0) - 1
    for index in rng.permutation(len(free)):
        group = free[index]
        # A group of several subjects looks for a part that lacks as many.
        part = max(_ORDER, key=lambda part: min(quota.get((group.stratum, part), 0), len(group.ids)))
        parts |= dict.fromkeys(group.ids, part)
        quota[group.stratum, part] = quota.get((group.stratum, part), 0) - len(group.ids)
    _check_sizes(parts, data, groups)
    return parts


_ORDER: tuple[Part | None, ...] = ("test", "val", "train", None)
"""In which parts are filled."""


def _fixed(group: _Group, before_parts: Mapping[str, Part | None]) -> tuple[Part | None, ...]:
    """The one part that a group has already, by the split or as published; empty if it is free."""
    parts = {before_parts[id] for id in group.ids if id in before_parts}
    parts |= {subject.part for subject in group.subjects if subject.part is not None and subject.id not in before_parts}
    if len(parts) > 1:
        where = ", ".join(
            f"{subject.id} ({before_parts.get(subject.id, subject.part) or 'no part'})" for subject in group.subjects
        )
        raise UserError(
            f"these subjects share a member, and are in different parts: {where}. Correct their members or published "
            "parts, or make the split anew, with --resplit."
        )
    return tuple(parts)


def _stratum(group: _Group, data: Data) -> tuple[str, ...]:
    strata = [stratum_of(subject, data) for subject in group.subjects]
    return strata[0]


def stratum_of(subject: Subject, data: Data) -> tuple[str, ...]:
    """The values of the strata that `[data]` names.

    Raises:
        UserError: the subject has no such stratum.
    """
    if missing := [name for name in data.stratify if name not in subject.strata]:
        has = ", ".join(subject.strata) or "none"
        cure = nearest(missing[0], subject.strata) if subject.strata else "remove stratify"
        raise UserError(
            f"[data]: stratify names {missing[0]}, but {subject.id} has no such stratum; it has {has}; {cure}."
        )
    return tuple(subject.strata[name] for name in data.stratify)


def _part_sizes(data: Data, total: int) -> dict[Part | None, int]:
    """How many subjects each part should have."""
    if data.test is None:
        raise UserError("[data]: test is missing. Write how many subjects are hidden, or a share such as test = 0.25")
    test, val = (max(round(n * total), 1) if isinstance(n, float) else n for n in (data.test, data.val))
    train = max(total - test - val, 1) if data.train is None else data.train
    if train + val + test > total:
        rest = f"val = {_written(data.val, val)} and test = {_written(data.test, test)}"
        if data.train is None:
            raise UserError(f"[data]: {rest} leave none of {total} subjects to train on. Lower one of them.")
        raise UserError(
            f"[data]: train = {train}, {rest} need {train + val + test} subjects, but there are {total}. "
            "Lower one of them."
        )
    return {"test": test, "val": val, "train": train, None: total - train - val - test}


def _written(share: int | float, count: int) -> str:
    """A number as `[data]` has it; a share with what it comes to."""
    return f"{share:g} ({count} subjects)" if isinstance(share, float) else str(share)


def _quotas(
    sizes: Mapping[Part | None, int], strata: Mapping[tuple[str, ...], int], total: int, rng: Generator
) -> dict[tuple[tuple[str, ...], Part | None], int]:
    """How many subjects of each stratum each part should have: equal shares, by the largest remainders."""
    quota: dict[tuple[tuple[str, ...], Part | None], int] = {}
    left = dict(strata)
    names = sorted(strata)
    for part, count in sizes.items():
        exact = {name: count * strata[name] / total for name in names}
        shares = {name: min(int(exact[name]), left[name]) for name in names}
        while (lacking := count - sum(shares.values())) > 0:
            open_names = [name for name in names if shares[name] < left[name]]
            ties = dict(zip(open_names, rng.random(len(open_names)), strict=True))
            ranked = sorted(open_names, key=lambda name: (exact[name] - shares[name], ties[name]), reverse=True)
            for name in ranked[:lacking]:
                shares[name] += 1
        for name in names:
            quota[name, part] = shares[name]
            left[name] -= shares[name]
    return quota


def _check_sizes(parts: Mapping[str, Part | None], data: Data, groups: Sequence[_Group]) -> None:
    counts = Counter(parts.values())
    needed: tuple[Part, ...] = ("train", "val", "test") if data.val else ("train", "test")
    lacking = [part for part in needed if not counts[part]]
    if lacking:
        have = ", ".join(f"{part} {counts[part]}" for part in PARTS)
        what = f"the split leaves no subject for {' and '.join(lacking)} ({have})."
        largest = max(groups, key=lambda group: len(group.ids))
        if len(groups) < len(needed):
            raise UserError(
                f"{what} {len(largest.ids)} subjects share patients with each other, and stay in one part: "
                f"{listed(largest.ids)}. Name other patients in members, or add subjects that share none with them."
            )
        raise UserError(f"{what} Change [data] train, val or test.")
