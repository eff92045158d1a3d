"""Who may have the cases of an assignment: decides what a handout holds, and refuses settings that contradict it.

The default of patients is that none leaves the machine. A source that draws, or whose cases are public, has nobody to
protect.
"""

from __future__ import annotations

from collections.abc import Iterator

from assignments.assignment import Assignment, Share
from assignments.data.source import Finite, Source
from assignments.data.sources import source_of


def sharing_of(assignment: Assignment) -> Share:
    """Who may have the training cases: as `[data] share` says, else nobody where they may be of patients.

    Raises:
        UserError: the source cannot be read.
    """
    return _sharing(assignment, source_of(assignment))


def shows_patients(assignment: Assignment) -> bool:
    """Whether the cases are of subjects of a folder that is not public.

    Raises:
        UserError: the source cannot be read.
    """
    return _of_patients(source_of(assignment))


def sharing_problems(assignment: Assignment, source: Source) -> Iterator[tuple[str, str, str]]:
    """The key, what is wrong with it, and the cure: settings of `[data]` and `[run]` that contradict each other."""
    data = assignment.data
    share = _sharing(assignment, source)
    if share != "none" and _of_patients(source) and not data.permission.strip():
        yield (
            "data.share",
            f'is "{share}", but nothing says who permitted that the cases of these subjects leave this machine',
            'write permission = "who permitted it, and when", or remove share: the cases then stay here',
        )
    if share == "none" and assignment.run.mode == "weights":
        why = 'is "none"' if data.share else 'is not set, which means "none" for a folder of subjects'
        yield (
            "data.share",
            f'{why}; but run.mode is "weights", and students without data cannot train any',
            'write mode = "retrain" in [run], so that marking trains on the cases; or share them, with a permission',
        )


def _sharing(assignment: Assignment, source: Source) -> Share:
    return assignment.data.share or ("none" if _of_patients(source) else "public")


def _of_patients(source: Source) -> bool:
    return isinstance(source, Finite) and not source.public
