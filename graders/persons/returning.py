"""Whom marks can be returned to: everyone with a whole mark, or some of them. Records nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from assignments.toml_errors import nearest
from graders.course import Course
from graders.failures import UserError
from graders.persons.differences import told
from graders.persons.personal import PersonalMark
from graders.persons.results import Results


@dataclass(frozen=True)
class Returnable:
    """The people of an assignment, or of those asked for, by what a return does for them."""

    now: tuple[str, ...]
    """Members with a whole mark that they were not told yet."""
    already: tuple[str, ...]
    """Members who were told: what changes for them is a correction."""
    left_out: Mapping[str, tuple[str, ...]]
    """Members without a whole mark, by the status of their mark."""


def returnable(course: Course, results: Results, who: Sequence[str] = ()) -> Returnable:
    """Whom a return reaches: of everybody, or of the groups and members in `who`.

    Raises:
        UserError: `who` names neither a group nor a member.
    """
    chosen = _chosen(course, who)
    people = [person for person in results.people if not who or person.member in chosen]
    were_told = told(results.events)
    rest = [person for person in people if person.member not in were_told]
    return Returnable(
        now=_members(person for person in rest if person.percent is not None),
        already=_members(person for person in people if person.member in were_told),
        left_out={
            status: _members(p for p in rest if p.percent is None and str(p.status) == status)
            for status in dict.fromkeys(str(person.status) for person in rest if person.percent is None)
        },
    )


def _members(people: Iterable[PersonalMark]) -> tuple[str, ...]:
    return tuple(person.member for person in people)


def _chosen(course: Course, who: Sequence[str]) -> set[str]:
    of_group = {group.name: {member.id for member in group.members} for group in course.groups}
    members = {member for group in of_group.values() for member in group}
    chosen: set[str] = set()
    for name in who:
        group, _, member = name.partition("/")
        if name not in of_group and name not in members and member not in of_group.get(group, ()):
            raise UserError(f'--for "{name}": is neither a group nor a member; {nearest(name, [*of_group, *members])}')
        chosen |= of_group.get(name, {member or name})
    return chosen
