"""Finds whom a row of a platform's sheet is about. When its cells name two people, it names nobody."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from graders.course.roster import Group
from reports.exports.export import OnRoster


@dataclass(frozen=True)
class Named:
    """Whom a row names."""

    person: OnRoster | None
    why: str = ""
    """Why it is nobody."""


class People:
    """The roster by everything that a platform may call a person: id, e-mail, candidate number, further columns."""

    def __init__(self, roster: Sequence[Group]) -> None:
        self.all = tuple(OnRoster(member, group) for group in roster for member in group.members)
        self._by: dict[str, set[OnRoster]] = {}
        for person in self.all:
            for word in _words(person):
                self._by.setdefault(_key(word), set()).add(person)
        self._by_candidate: dict[str, list[OnRoster]] = {}
        self._groups: dict[str, list[Group]] = {}
        self._groups_of_cell: dict[str, dict[str, Group]] = {}
        for group in roster:
            self._groups.setdefault(_key(group.name), []).append(group)
        for person in self.all:
            if person.member.candidate:
                self._by_candidate.setdefault(_key(person.member.candidate), []).append(person)
            for _, cell in person.member.more:
                if _key(cell):
                    self._groups_of_cell.setdefault(_key(cell), {})[person.group.name] = person.group

    def named(self, cells: Mapping[str, str]) -> Named:
        """Whom the cells of one row name.

        Args:
            cells: By heading: cells that may each name a person, such as an ID number and an e-mail address.
        """
        hits = {heading: self._by.get(_key(text), set()) for heading, text in cells.items() if _key(text)}
        if not hits:
            return Named(None, f"the row has no {' or '.join(cells)}")
        several = next((heading for heading, people in hits.items() if len(people) > 1), "")
        if several:
            return Named(None, f"{several} {cells[several]!r} is that of {_both(hits[several])}")
        sure = {heading: next(iter(people)) for heading, people in hits.items() if people}
        if len({person.member.id for person in sure.values()}) > 1:
            return Named(None, " but ".join(f"{heading} is that of {person}" for heading, person in sure.items()))
        if not sure:
            words = " or ".join(cells[heading] for heading in hits)
            return Named(None, f"no {' or '.join(hits)} of the roster is {words}")
        return Named(next(iter(sure.values())))

    def candidate(self, number: str) -> OnRoster | None:
        """The person with this candidate number; None where nobody has it, or several do."""
        people = self._by_candidate.get(_key(number), [])
        return people[0] if len(people) == 1 else None

    def groups(self, name: str) -> list[Group]:
        """The groups with this name, or else those for whose members a further column of the roster has it."""
        return self._groups.get(_key(name)) or list(self._groups_of_cell.get(_key(name), {}).values())

    def without(self, present: Iterable[str]) -> Iterator[OnRoster]:
        """The people of the roster whose ids are not among these."""
        ids = set(present)
        return (person for person in self.all if person.member.id not in ids)


def _words(person: OnRoster) -> Iterator[str]:
    member = person.member
    yield from (member.id, member.email, member.candidate or "")
    yield from (cell for _, cell in member.more)


def _key(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip()).casefold()


def _both(people: Iterable[OnRoster]) -> str:
    return " and ".join(sorted(str(person) for person in people))
