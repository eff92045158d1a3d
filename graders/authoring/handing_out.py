"""Hands an assignment out: only one that stands, as a course sets it. What is written is `assignments.handout`'s."""

from __future__ import annotations

from pathlib import Path

from assignments.folders import find, in_catalogue
from assignments.handout import write_handout
from assignments.load import load
from graders.authoring.standing import standing
from graders.failures import UserError
from graders.sandboxes.images import locked


def hand_out(named: str, folder: Path, course: Path | None = None) -> tuple[Path, ...]:
    """Write the handout of an assignment, named by id or folder; the files written.

    Raises:
        UserError: a catalogue assignment was not rehearsed as it is now, or work lies in the folder already.
    """
    if course is None:
        assignment = load(find(named, Path()))
    else:
        from graders.course import assignment_of, load_course

        assignment = assignment_of(load_course(course), named)
    now = standing(assignment)
    if in_catalogue(assignment.folder) and not now.holds:
        why = "; ".join(now.gaps) if now.fresh else "it changed since, or was never rehearsed"
        raise UserError(f"{assignment.folder}: does not stand ({why}). Prove it: medmark rehearse {assignment.id}")
    packages = [
        f"{framework}: {name}=={version}"
        for framework in assignment.frameworks
        for name, version in locked(framework).items()
    ]
    try:
        return write_handout(assignment, folder, packages)
    except FileExistsError as error:
        raise UserError(str(error)) from None
