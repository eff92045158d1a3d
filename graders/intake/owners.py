"""Whose what was recorded is today: groups are renamed and exchanged on the roster, their repositories stay.

A look belongs to the group that hands in at the repository it looked at, else to the group of its name. A name that has
left the roster stands for the one group that all its looks belong to: what was decided about the old name holds for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from graders.course.roster import Group, repository_key
from graders.record.ledger import Event, Observation


@dataclass(frozen=True)
class Owners:
    """The roster's groups, found by name and by repository."""

    names: frozenset[str]
    at: Mapping[str, Sequence[Group]]

    @classmethod
    def of(cls, groups: Iterable[Group]) -> Owners:
        """Of these groups, all of the roster."""
        groups = list(groups)
        at: dict[str, list[Group]] = defaultdict(list)
        for group in groups:
            if group.repository:
                at[repository_key(group.repository)].append(group)
        return cls(frozenset(group.name for group in groups), dict(at))

    def name(self, look: Observation) -> str | None:
        """The group that a look is of; None where it is nobody's, or may be several groups'."""
        there = self.at.get(repository_key(look.repository), ())
        fits = [group.name for group in there if group.branch in (None, look.branch)]
        if len(fits) == 1:
            return fits[0]
        # In a repository that groups share, each has looks of its own name.
        return look.group if look.group in (fits or self.names) else None


@dataclass(frozen=True)
class Record:
    """What was seen of an assignment, under the groups of today's roster."""

    looks: Mapping[str, Sequence[Observation]]
    """By group, oldest first; each look keeps the name that it was recorded under."""
    unowned: Mapping[str, Sequence[Observation]]
    """By the name that they were recorded under."""
    renamed: Mapping[str, str]
    """Names that left the roster, with the group that each stands for."""

    @classmethod
    def of(cls, groups: Iterable[Group], observations: Iterable[Observation]) -> Record:
        """Sorted by the groups of a roster."""
        owners = Owners.of(groups)
        looks: dict[str, list[Observation]] = defaultdict(list)
        unowned: dict[str, list[Observation]] = defaultdict(list)
        stands_for: dict[str, set[str | None]] = defaultdict(set)
        for look in observations:
            owner = owners.name(look)
            (looks[owner] if owner else unowned[look.group]).append(look)
            stands_for[look.group].add(owner)
        renamed = {
            old: new
            for old, all_of_them in stands_for.items()
            for new in all_of_them
            if old not in owners.names and len(all_of_them) == 1 and new is not None
        }
        return cls(dict(looks), dict(unowned), renamed)

    def followed(self, events: Iterable[Event]) -> list[Event]:
        """The events with the names that groups have now."""
        return [
            replace(event, group=self.renamed[event.group]) if event.group in self.renamed else event
            for event in events
        ]
