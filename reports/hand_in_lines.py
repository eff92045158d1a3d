"""What became of a folder of submissions as lines of text: a line a hand-in, then what was not taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assignments.errors import listed
from reports.terminal import fitted, quantity, terminal_text

if TYPE_CHECKING:  # the intake opens Git, which a line of text does not need
    from graders.intake.hand_in_commits import TakenFolder


def taken_lines(folder: TakenFolder) -> Iterator[str]:
    """The group, its commit, who handed in, and when the files say; below, what of it was left out."""
    for each in folder.commits:
        hand_in = each.hand_in
        state = "new" if each.new else "taken before"
        yield (
            f"{fitted(terminal_text(hand_in.group.name), 18)} {each.commit[:10]}  {state}: "
            f"{quantity(len(hand_in.files), 'file')} of {terminal_text(hand_in.by)}, files of "
            f"{hand_in.latest:%Y-%m-%d %H:%M} UTC"
        )
        yield from (f"  {terminal_text(line)}" for line in hand_in.left_out)
    count = len(folder.commits)
    without = f"; nothing there of {listed(folder.without, 10)}" if folder.without else ""
    yield f"{quantity(count, 'hand-in')} taken{without}"


def not_taken_lines(folder: TakenFolder) -> Iterator[str]:
    """Hand-ins that were not taken, and entries that belong to no group."""
    yield from (f"Not taken: {terminal_text(line)}" for line in folder.refused)
    yield from (f"No group: {terminal_text(line)}" for line in folder.unmatched)
