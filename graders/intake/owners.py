"""Assigns what is on record to the groups of today's roster: groups are renamed and regrouped, their repositories stay.

A look belongs to the group whose repository it observed, else to the group of its name. If all looks under a name that
left the roster belong to one group, the name stands for that group, and decisions about the old name hold for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from graders.course.roster import Group, repository_key
from graders.record.ledger import Event, Observation, SeenTip


@dataclass(frozen=True)
class Owners:
    """The roster's groups, by name and by repository."""

    names: frozenset[str]
    at: Mapping[str, Sequence[Group]]

    @classmethod
    def of(cls, groups: Iterable[Group]) -> Owners:
        """All groups of a roster."""
        groups = list(groups)
        at: dict[str, list[Group]] = defaultdict(list)
        for group in groups:
            if group.repository:
                at[repository_key(group.repository)].append(group)
        return cls(frozenset(group.name for group in groups), dict(at))

    def name(self, look: Observation | SeenTip) -> str | None:
        """The group that a look belongs to; None where it belongs to none, or could belong to several."""
        there = self.at.get(repository_key(look.repository), ())
        fits = [group.name for group in there if group.branch in (None, look.branch)]
        if len(fits) == 1:
            return fits[0]
        # Where groups share a repository, each has the looks under its own name.
        return look.group if look.group in (fits or self.names) else None


@dataclass(frozen=True)
class Record:
    """The looks of an assignment, by the groups of today's roster."""

    looks: Mapping[str, Sequence[Observation]]
    """By group, oldest first; each look keeps the group's name of that time."""
    unowned: Mapping[str, Sequence[Observation]]
    """Looks that belong to no group, by the name on record."""
    renamed: Mapping[str, str]
    """Names that left the roster, with the group that each stands for today."""

    @classmethod
    def of(cls, groups: Iterable[Group], observations: Iterable[Observation]) -> Record:
        """The observations, assigned to the groups of a roster."""
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
        """The events with today's names of groups."""
        return [
            replace(event, group=self.renamed[event.group]) if event.group in self.renamed else event
            for event in events
        ]
