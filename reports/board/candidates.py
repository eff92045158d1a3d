"""Who has a row in a board's pack and under what; and what the pack calls people and groups, so that it names nobody.

Without names a person is their candidate number. Nobody gets another person's: whoever has none, shares one, or has one
that gives them away has no row. The pack counts such people, and only the command's own output says who they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from graders.course.cells import comparison_key
from graders.course.roster import Group, Member
from reports.names import remover
from reports.natural_order import natural
from reports.terminal import one_line, people

NOBODY: Final = "a person without a row"
SHORTEST: Final = 4
"""Characters of an id that does not stand within a candidate number by accident."""


@dataclass(frozen=True)
class Candidate:
    """One person with a row."""

    key: str
    """What the pack calls them: the candidate number, or with names the member's id."""
    member: Member
    group: str


@dataclass(frozen=True)
class Candidates:
    """The people of a pack, by what it calls them."""

    rows: tuple[Candidate, ...]
    """By candidate number: the roster's own order may be that of names."""
    groups: Mapping[str, Group]
    """The whole roster, by name."""
    named: bool
    """Whether the pack has names and ids."""
    problems: tuple[str, ...] = ()
    """People without a row, and why. They name people: never part of a pack without names."""

    @cached_property
    def keys(self) -> Mapping[str, str]:
        """By member: what the pack calls them."""
        return {row.member.id: row.key for row in self.rows}

    @property
    def left_out(self) -> int:
        """How many people of the roster have no row."""
        return sum(len(group.members) for group in self.groups.values()) - len(self.rows)

    def person(self, member: str) -> str:
        """What the pack calls a person, who may have left the roster."""
        return member if self.named else self.keys.get(member, NOBODY)

    def group(self, group: str) -> str:
        """What the pack calls a group: by its members, since a group may have chosen a name that tells."""
        if self.named:
            return group
        if group not in self.groups:
            return "a group that left the roster"
        members = self.groups[group].members
        numbers = sorted((self.keys[each.id] for each in members if each.id in self.keys), key=natural)
        others = len(members) - len(numbers)
        rest = f"{people(others)} without a row" if others else ""
        return " and ".join(filter(None, (", ".join(numbers), rest)))

    def about(self, group: str, member: str) -> str:
        """What the pack calls whom an event is about."""
        if self.named:
            return "/".join(filter(None, (group, member))) or "all"
        if member or not group:
            return self.person(member) if member else "all"
        return f"group of {self.group(group)}" if group in self.groups else self.group(group)

    @cached_property
    def hidden(self) -> Callable[[str], str]:
        """Takes the people of the roster out of a text that somebody wrote; with names it takes nothing out."""
        return str if self.named else remover(list(self.groups.values()))


def candidates_of(groups: Sequence[Group], *, names: bool) -> Candidates:
    """The people of a roster, with or without their names."""
    everyone = [(member, group.name) for group in groups for member in group.members]
    by_name = {group.name: group for group in groups}
    if names:
        return Candidates(tuple(Candidate(member.id, member, group) for member, group in everyone), by_name, True)
    numbers = Counter(_number(member) for member, _ in everyone)
    telling = {comparison_key(word) for member, _ in everyone for word in (member.id, member.email, member.name)}
    rows, problems = [], []
    for member, group in everyone:
        if problem := _problem(member, numbers, telling):
            problems.append(f"{member.id} of group {group} has no row: {problem}")
        else:
            rows.append(Candidate(one_line(member.candidate).strip(), member, group))
    rows.sort(key=lambda row: natural(row.key))
    return Candidates(tuple(rows), by_name, False, tuple(problems))


def _problem(member: Member, numbers: Mapping[str, int], telling: set[str]) -> str:
    """Why a person cannot have a row under their candidate number; empty if they can."""
    number = _number(member)
    if not number:
        return "no candidate number; write it in the column candidate of the roster, or add --names"
    if numbers[number] > 1:
        return f"the candidate number {member.candidate} is another person's too; correct the roster"
    own = comparison_key(member.id)
    if number in telling or (len(own) >= SHORTEST and own in number):
        return f"the candidate number {member.candidate} tells who it is; correct the roster, or add --names"
    return ""


def _number(member: Member) -> str:
    """Equal for two candidate numbers that look alike."""
    return comparison_key(one_line(member.candidate or "")).strip()
