"""The note that students find in an updated handout: what changed, and what they have to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import unified_diff
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from graders.authoring.handing_out import PlannedHandout

CHANGES = "HANDOUT_CHANGES.md"
NEW = ".new"
"""What is added to the name of a new version that lies beside an edited file."""
Fate = Literal["changed", "new", "removed", "beside", "in the way", "obsolete"]
"""What becomes of a file. `beside`: it stays, and its new version lies beside it. `in the way`: it stays, and something
else lies where its new version would. `obsolete`: it was edited and stays, and the handout has it no more."""
MOST_LINES = 80
"""Lines of a difference that the note shows."""


@dataclass(frozen=True)
class ChangedFile:
    """What becomes of one file of a handout."""

    name: str
    fate: Fate
    starter: bool = False
    """Whether it is what students started from, which is theirs."""
    before: str | None = None
    """Its text, where an unedited text changes."""
    after: str | None = None

    @property
    def is_data(self) -> bool:
        return self.name.startswith("data/")

    @property
    def written_as(self) -> str:
        """The path to which the new version is written."""
        return self.name + NEW if self.fate == "beside" else self.name

    @property
    def lines(self) -> tuple[int, int] | None:
        """How many lines are added and removed; None where that is not known."""
        if self.before is None or self.after is None:
            return None
        marks = [line[0] for line in self.difference() if not line.startswith(("+++", "---"))]
        return marks.count("+"), marks.count("-")

    def difference(self) -> list[str]:
        """The lines of the difference with three lines around each change."""
        before, after = ((text or "").splitlines() for text in (self.before, self.after))
        return list(unified_diff(before, after, self.name, self.name, lineterm=""))


def change_note(changes: Sequence[ChangedFile], message: str, today: date, planned: PlannedHandout) -> str:
    """The part of the note about one update, in Markdown."""
    return "\n".join(_lines(changes, message.strip(), today, planned)) + "\n"


def _lines(changes: Sequence[ChangedFile], message: str, today: date, planned: PlannedHandout) -> Iterator[str]:
    yield f"# What changed on {today.isoformat()}"
    if message:
        yield from ("", message)
    yield from ("", "Your own files are as you left them.", "")
    for title, fate in (("Changed", "changed"), ("New", "new"), ("Removed", "removed")):
        names = [change for change in changes if change.fate == fate]
        yield from (f"- {title}: `{change.name}`{_counted(change)}" for change in names if not change.is_data)
        if data := [change for change in names if change.is_data]:
            yield f"- {title}: {len(data)} {'file' if len(data) == 1 else 'files'} of cases below `data/`"
    steps = list(_steps(changes, planned))
    if steps:
        yield from ("", "## What to do", "")
        yield from (f"{number}. {step}" for number, step in enumerate(steps, 1))
    shown = [change for change in changes if change.lines]
    if shown:
        yield from ("", "## The changed lines")
    for change in shown:
        difference = change.difference()[2:]
        yield from ("", f"`{change.name}`", "", "~~~~diff", *difference[:MOST_LINES], "~~~~")
        if len(difference) > MOST_LINES:
            yield f"and {len(difference) - MOST_LINES} lines more"


def _counted(change: ChangedFile) -> str:
    if change.lines is None:
        return ""
    added, removed = change.lines
    return f" (lines: {added} new, {removed} gone)"


def _steps(changes: Sequence[ChangedFile], planned: PlannedHandout) -> Iterator[str]:
    """What students have to do, one sentence each."""
    for change in changes:
        if change.fate == "beside" and change.starter:
            yield (
                f"The starter changed. Your `{change.name}` is yours and stays; compare it with "
                f"`{change.written_as}`, take over what you need, and remove that file."
            )
        elif change.fate == "beside":
            yield (
                f"`{change.name}` is not as it was handed out, so it stays. Its new version is `{change.written_as}`: "
                "take it over unless you need your own, and remove that file."
            )
        elif change.fate == "obsolete":
            yield f"`{change.name}` is no longer part of the handout. You edited it, so it stays: remove it if you can."
        elif change.fate == "in the way":
            yield f"`{change.name}` has a new version, and a file of yours lies where it would: ask the course's staff."
    names = {change.name for change in changes}
    if any(name.endswith(".whl") or name == "requirements.txt" for name in names):
        yield f"Install again: `{planned.terms.install_line}`"
    if any(change.is_data for change in changes):
        yield f"Fetch the cases again: `medmark check {planned.assignment.id} --data FILE_OR_ADDRESS`"
    if any(name in ("interface.py", "doubles.py", "assignment.toml") or "public_tests/" in name for name in names):
        yield f"Run `medmark check {planned.assignment.id}` on your solution."
    if any(name.endswith(".md") for name in names):
        yield "Read what changed in the texts below, then commit and push."
    else:
        yield "Commit and push."
