"""Makes, updates and renews the split of an assignment's finite source. `assignments.data.split` holds the rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from assignments.assignment import Assignment
from assignments.data.misfits import refuse_misfits
from assignments.data.prepared import Prepared, folder_problems, listed, opened_source, required_split
from assignments.data.source import Finite
from assignments.data.sources import source_of
from assignments.data.split import (
    Split,
    SplitChange,
    locked_split,
    new_split,
    read_split,
    replace_split,
    updated,
    write_split,
)
from assignments.errors import UserError
from assignments.folders import find
from assignments.load import load
from graders.tasks import TASKS

How = Literal["split", "resplit"]


@dataclass(frozen=True)
class ProposedSplit:
    """A split that is not written yet, and what it changes."""

    path: Path
    split: Split
    before: Split | None
    change: SplitChange

    @property
    def first(self) -> bool:
        """Whether the source has had no split before."""
        return self.before is None

    @property
    def needs_consent(self) -> bool:
        """Whether it moves subjects that were in another part."""
        return bool(self.change.moved)

    def write(self) -> None:
        """Replace the split in its file.

        Raises:
            UserError: somebody has changed the file since this was proposed.
        """
        replace_split(self.path, self.split, self.before)


def data_assignment(name: str, course: Path | None) -> Assignment:
    """The assignment with this id or folder, as a course sets it if one is named."""
    if course is None:
        return load(find(name, Path()), tasks=TASKS)
    from graders.course.course import assignment_of, load_course

    return assignment_of(load_course(course), name)


def proposed_split(assignment: Assignment, how: How) -> ProposedSplit:
    """The split of an assignment's subjects as they are today.

    "split" makes the first one, and later adds new subjects and marks those that are gone; "resplit" draws all anew.

    Raises:
        UserError: the source is endless, its subjects cannot be listed, or they cannot be split as `[data]` says.
    """
    source = source_of(assignment)
    if not isinstance(source, Finite):
        raise UserError(
            f'{assignment.folder / "assignment.toml"} [data]: the source "{assignment.data.source}" draws new cases '
            "each time, and has no subjects to split."
        )
    path = assignment.split_file
    before = read_split(path)
    opened = opened_source(assignment, source)
    refuse_misfits(assignment, source.arrays(opened))
    if problems := folder_problems(source, opened):
        raise UserError("\n".join([f"{assignment.data.path}: nothing is split before this is corrected:", *problems]))
    subjects = listed(assignment, source, opened)
    if how == "resplit" or before is None:
        split, change = new_split(subjects, assignment.data, before=before)
    else:
        split, change = updated(before, subjects, assignment.data)
    return ProposedSplit(path, split, before, change)


def record_handout(assignment: Assignment, prepared: Prepared, today: date | None = None) -> None:
    """Record in the split that the training subjects were handed out, so that a new split can say so.

    Args:
        prepared: The cases that are handed out, read before a person agreed.

    Raises:
        UserError: the split has been changed since.
    """
    day = (today or date.today()).isoformat()
    with locked_split(assignment.split_file):
        split = required_split(assignment)
        if {row.subject: row.part for row in split.present if row.part} != {s.id: s.part for s in prepared.subjects}:
            raise UserError(
                f"{assignment.split_file}: was changed meanwhile, so nothing is handed out. Run the same command again."
            )
        write_split(assignment.split_file, split.marked([*split.of("train"), *split.of("val")], handed_out=day))
