"""Who committed what to a group's repository, as lines of text: evidence for staff, on which no mark depends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from graders.intake.changed_lines import FILES
from reports.terminal import quantity

if TYPE_CHECKING:  # they open Git, which lines of text do not need
    from graders.intake.history import History
    from graders.intake.submission import Submission

AUTHORS: Final = 10
"""Lines about authors who are not in the roster."""


def history_lines(history: History | None, submission: Submission, zone: ZoneInfo) -> Iterator[str]:
    """The commits of each member, and those of authors who are not in the roster."""
    if history is None:
        yield "not known" if submission.commit else "no commit"
        return
    yield f"{quantity(history.commits, 'commit')} by {quantity(len(history.authors), 'author')}{_span(history, zone)}"
    whose = history.of(submission.members)
    for member in submission.members:
        own = replace(history, authors=whose[member.id])
        commits = quantity(own.commits, "commit")
        yield f"{member.id}: {commits}, matched by address or name{_changed(own)}{_span(own, zone)}"
    others = whose[""]
    for author in others[:AUTHORS]:
        who = f"{author.name} <{author.email}>"
        own = replace(history, authors=(author,))
        commits = quantity(own.commits, "commit")
        yield f"not in the roster: {who}, {commits}{_changed(own)}{_span(own, zone)}"
    if len(others) > AUTHORS:
        yield f"and {quantity(len(others) - AUTHORS, 'such author')} more"
    if history.unread:
        yield f"{quantity(history.unread, 'commit')} could not be read"
    if history.older:
        yield "there are older commits, which were not read"
    if history.merges:
        yield f"{quantity(history.merges, 'merge')}: lines count for the merged commits, not again for the merge"
    if history.crowded:
        yield f"lines not counted, more than {FILES} files changed: {quantity(history.crowded, 'commit')}"
    if history.uncounted:
        commits = quantity(history.uncounted, "commit")
        yield f"lines not counted, limits of time and memory reached: {commits}"
    yield (
        "an author sets the commit's name, address and date, and may commit another person's work: this is evidence, "
        "and no mark depends on it"
    )


def _changed(history: History) -> str:
    """The lines that commits change, as far as they were counted; empty without commits."""
    if not history.counted:
        return ", lines not counted" if history.commits else ""
    changed = history.changed
    files = f", {quantity(changed.by_size, 'binary or large file')} ({changed.bytes / 1e6:.1f} MB)"
    part = "" if history.counted == history.commits else f" in the {history.counted} that were counted"
    return f", lines +{changed.added} -{changed.removed}{files if changed.by_size else ''}{part}"


def _span(of: History, zone: ZoneInfo) -> str:
    return f", first {clock(of.first, zone)}, last {clock(of.last, zone)}" if of.first and of.last else ""


def clock(time: datetime, zone: ZoneInfo) -> str:
    """A time to the second, as the course's clocks show it."""
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
