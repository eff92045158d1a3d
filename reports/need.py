"""One reason why a person must act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "roster": "Rows of the roster to correct",
    "record": "Entries of the record that match nothing, or cannot be read",
    "waiting": "It is open which commit counts",
    "unread": "The repository could not be read",
    "withheld": "Withheld by a failure of the toolkit or the machine",
    "ungraded": "Not graded yet",
    "moved": "Marks that moved since they were applied",
    "disputed": "Objections to a mark",
    "held": "Held by a decision",
    "markers": "Two markers who disagree",
    "open": "Parts without points yet",
    "nothing": "Nothing handed in",
    "flagged": "Flagged for staff to check",
    "edge": "Near the edge of a class: the interval of the score crosses it",
    "repeats": "Repeats that disagree",
    "silent": "Silent: no commit, or none for two weeks",
}
"""Kinds of needs with their headings, the most urgent first."""


@dataclass(frozen=True)
class Need:
    """One reason why a person must act, and for whom."""

    kind: str
    """A key of `KINDS`."""
    reason: str
    groups: tuple[str, ...] = ()
    """Empty where it is about no group of the roster."""
    commands: tuple[str, ...] = ()
    """What to type, in the course's folder; of several for one group any is one choice."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """By group: what is to be said of it alone, such as since when it is silent."""

    @property
    def title(self) -> str:
        """The heading of its kind."""
        return KINDS[self.kind]

    def named(self) -> list[str]:
        """The groups with their notes: `group-07 (since 3 Nov 2026)`."""
        return [f"{group} ({self.notes[group]})" if group in self.notes else group for group in self.groups]
