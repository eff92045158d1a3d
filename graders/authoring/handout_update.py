"""Brings a handout up to date in the folder where it lies: an instructor's template, or the clone of a group.

What students write is never touched: the starter, which is theirs, and files of which the handout knows nothing. A file
of the handout that somebody edited stays, and its new version lies beside it as NAME.new. The handout's note says what
each file was when it was handed out.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from assignments.derived.starter import SOLUTION
from assignments.errors import UserError, shell_word
from assignments.files import replace_file
from assignments.folders import HANDOUT
from assignments.handout import file_digest
from assignments.handout_note import HandoutNote, read_note
from graders.authoring.handing_out import PlannedHandout
from graders.authoring.update_note import CHANGES, NEW, ChangedFile, Fate, change_note

TEXTS = (".md", ".py", ".toml", ".txt")
"""Files of which a note shows the lines that change."""
LONGEST_TEXT = 200_000
"""Bytes; of a longer file it says only that it changed."""


@dataclass(frozen=True)
class PlannedUpdate:
    """What an update changes. Nothing is written yet."""

    planned: PlannedHandout
    home: Path
    """The folder of the handout."""
    fresh: Path
    """The folder of the new handout; gone after the plan's block."""
    changes: tuple[ChangedFile, ...]
    """In the order of names."""
    before: HandoutNote
    """What the handout says about itself."""
    after: HandoutNote
    """What it will say."""

    @property
    def changes_nothing(self) -> bool:
        """Whether the handout is up to date, with what it says of the marker."""
        return not self.changes and self.before == self.after

    @property
    def hands_out_cases(self) -> bool:
        """Whether it brings cases that patients' consent is needed for."""
        return self.planned.needs_consent and any(
            change.is_data and change.fate != "removed" for change in self.changes
        )

    def write(self, message: str = "", *, agreed: bool = False, today: date | None = None) -> tuple[Path, ...]:
        """Change the files, and write the note to students; returns the files written.

        Args:
            message: What the instructor says to students about it.
            agreed: Whether a person agrees that cases leave, where it `hands_out_cases`.

        Raises:
            UserError: nobody agreed, or the split has been changed since the cases were read.
        """
        if any(change.is_data for change in self.changes):
            self.planned.refuse_without_consent(agreed)
            self.planned.record()
        written = []
        if self.changes:  # first: of an update that is stopped half-way students read all the same
            note = change_note(self.changes, message, today or date.today(), self.planned)
            written.append(self.home / CHANGES)
            earlier = _text(written[0], longest=None)
            replace_file(written[0], "\n".join(filter(None, (note, earlier))))
        for change in self.changes:
            if change.fate == "removed":
                (self.home / change.name).unlink(missing_ok=True)
            elif change.fate in ("changed", "new", "beside"):
                written.append(_copied(self.fresh / change.name, self.home / change.written_as))
        archive = f"{self.planned.assignment.id}-data.zip"
        old, new = self.home.parent / archive, self.fresh.parent / archive
        if self.before.data != self.after.data and old.is_file() and new.is_file():
            written.append(_copied(new, old))
        replace_file(self.home / HANDOUT, self.after.text())
        return (*written, self.home / HANDOUT)


@contextmanager
def planned_update(planned: PlannedHandout, out: Path) -> Iterator[PlannedUpdate]:
    """The update of the handout in `out / <assignment id>`; the new handout lies in a folder until the block ends.

    Raises:
        UserError: no handout of this assignment lies there.
    """
    home = out / planned.assignment.id
    note = None if home.is_symlink() else read_note(home)
    if note is None or note.assignment != planned.assignment.id:
        raise UserError(
            f"{home}: no handout of {planned.assignment.id} lies here; write one: "
            f"medmark handout {planned.assignment.id} {shell_word(out)}"
        )
    if not note.files:
        raise UserError(
            f"{home}: was handed out by an earlier medmark, which did not record its files, so nobody knows which are "
            f"edited. Hand out anew, into an empty folder: medmark handout {planned.assignment.id} FOLDER"
        )
    with tempfile.TemporaryDirectory(prefix="medmark-handout-") as scratch:
        planned.write_files(Path(scratch))
        fresh = Path(scratch) / planned.assignment.id
        after = read_note(fresh)
        assert after is not None
        changes = tuple(_changes(home, fresh, note, after))
        yield PlannedUpdate(planned, home, fresh, changes, note, _remembering(note, after, changes))


def _remembering(before: HandoutNote, after: HandoutNote, changes: Iterable[ChangedFile]) -> HandoutNote:
    """The new note with what the next update has to know: new versions beside edited files, and what is still to do."""
    files = {**after.files, **{name: digest for name, digest in before.files.items() if name.endswith(NEW)}}
    for change in changes:
        if change.fate == "beside":
            files[change.written_as] = after.files[change.name]
        elif change.fate == "in the way":
            files.pop(change.name)
            files |= {name: digest for name, digest in before.files.items() if name == change.name}
    return replace(after, files=files)


def _changes(home: Path, fresh: Path, note: HandoutNote, new_note: HandoutNote) -> Iterator[ChangedFile]:
    """What becomes of each file of which the handout had or has another version."""
    before, after, starters = note.files, new_note.files, {SOLUTION, *note.starters, *new_note.starters}
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old == new or name.endswith(NEW):
            continue  # nothing for students: whatever they did with it stays
        there = _digest(home, name)
        if there == new:
            continue
        fate: Fate | None
        if new is None:
            fate = None if there is None or name in starters else "removed" if there == old else "obsolete"
        elif name in starters:
            fate = "beside" if old is not None and there is not None else None
        elif there is None:
            fate = "new"
        else:
            fate = "changed" if there == old else "beside"
        if fate == "beside" and _digest(home, name + NEW) not in (None, new, before.get(name + NEW)):
            fate = "in the way"
        if fate in ("new", "beside") and not _may_be_written(home, name):
            fate = "in the way"
        if fate is not None:
            texts = (_text(home / name), _text(fresh / name)) if fate == "changed" else (None, None)
            yield ChangedFile(name, fate, starter=name in starters, before=texts[0], after=texts[1])


def _digest(home: Path, name: str) -> str | None:
    """What lies at a path of the handout; None for nothing; a link or a folder is never a file of a handout."""
    path = home / name
    if not os.path.lexists(path):
        return None
    if not _may_be_written(home, name) or path.is_symlink() or not path.is_file():
        return "not a file"
    return file_digest(path)


def _may_be_written(home: Path, name: str) -> bool:
    """Whether no folder above a path is a link: it would lead out of the handout."""
    folders = [home / parent for parent in Path(name).parents if parent != Path()]
    return all(not folder.is_symlink() and (folder.is_dir() or not os.path.lexists(folder)) for folder in folders)


def _text(path: Path, longest: int | None = LONGEST_TEXT) -> str | None:
    """The text of a file of which a note can show the lines; None for any other, and for none."""
    regular = path.is_file() and not path.is_symlink()
    if not regular or path.suffix not in TEXTS or (longest is not None and path.stat().st_size > longest):
        return None
    return path.read_text("utf-8", "replace")


def _copied(source: Path, target: Path) -> Path:
    with source.open("rb") as content:
        replace_file(target, content)
    return target
