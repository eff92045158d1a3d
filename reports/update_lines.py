"""What an update of a handout changes, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assignments.folders import HANDOUT
from reports.terminal import quantity

if TYPE_CHECKING:
    from graders.authoring.handout_update import PlannedUpdate
    from graders.authoring.update_note import ChangedFile

WORDS = {
    "changed": "changes",
    "new": "new",
    "removed": "goes",
    "beside": "stays",
    "in the way": "stays",
    "obsolete": "stays",
}
MOST_CASES = 5
"""Files of cases that are listed."""


def update_lines(update: PlannedUpdate) -> Iterator[str]:
    """A line for each file, and the sum."""
    if update.changes_nothing:
        yield f"{update.home}: the handout is up to date"
        return
    if not update.changes:
        yield f"changes   {HANDOUT}: what it says of the marker and of medmark"
        return
    cases = [change for change in update.changes if change.is_data]
    for change in update.changes:
        if change not in cases[MOST_CASES:]:
            yield f"{WORDS[change.fate]:9} {change.name}{_more(change)}"
    if len(cases) > MOST_CASES:
        yield f"{'':9} and {quantity(len(cases) - MOST_CASES, 'file')} more of cases"
    fates = [change.fate for change in update.changes]
    stay = sum(WORDS[fate] == "stays" for fate in fates)
    yield (
        f"{update.home}: {fates.count('changed')} changed, {fates.count('new')} new, {fates.count('removed')} removed, "
        f"{stay} left as students have them"
    )


def _more(change: ChangedFile) -> str:
    if change.fate == "beside":
        whose = "what students write" if change.starter else "edited here"
        return f": {whose}; the new version goes to {change.written_as}"
    if change.fate == "in the way":
        return ": something else lies where its new version would; move it away, and run the same command again"
    if change.fate == "obsolete":
        return ": edited here; the handout has it no more"
    if change.lines is None:
        return ""
    return f" (+{change.lines[0]} -{change.lines[1]} lines)"
