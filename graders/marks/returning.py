"""Whom marks can be returned to: everyone with a whole mark, or the groups and members named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from graders.course.course import Course
from graders.marks.named_people import group_and_member
from graders.marks.personal import PersonalMark
from graders.marks.results import Results
from graders.marks.versions import last_returned


@dataclass(frozen=True)
class Returnable:
    """The people of an assignment, or those named, by what a return does for them."""

    now: tuple[str, ...]
    """Members with a whole mark that was not returned to them yet."""
    already: tuple[str, ...]
    """Members whose mark was returned before: a change of it is a correction."""
    taken_away: tuple[str, ...]
    """Those among `already` who have no whole mark now, because it is held, withheld or incomplete."""
    left_out: Mapping[str, tuple[str, ...]]
    """Members without a whole mark, by the status of their mark."""
    problem: str = ""
    """Why no mark can be returned, with the command to type; empty if one can."""


def returnable_of(course: Course, results: Results, who: Sequence[str] = ()) -> Returnable:
    """Whom a return reaches, among everyone or among the groups and members in `who`.

    Raises:
        UserError: `who` names neither a group nor a member.
    """
    chosen = _chosen(course, who)
    people = [person for person in results.people if not who or person.member in chosen]
    returned = last_returned(results.events)
    rest = [person for person in people if person.member not in returned]
    now = _members(person for person in rest if person.percent is not None)
    already = _members(person for person in people if person.member in returned)
    return Returnable(
        now=now,
        already=already,
        taken_away=_members(person for person in people if person.member in returned and person.percent is None),
        left_out={
            status: _members(p for p in rest if p.percent is None and str(p.status) == status)
            for status in dict.fromkeys(str(person.status) for person in rest if person.percent is None)
        },
        problem="" if now else _problem(results.assignment.id, already),
    )


def _problem(id: str, already: Sequence[str]) -> str:
    if already:
        what = "no mark is left to return; a change is a correction"
        return f'{what}: medmark grade {id} --reason "..."'
    return f"Nobody has a whole mark, so there is nothing to return. To see what is missing: medmark show {id}"


def _members(people: Iterable[PersonalMark]) -> tuple[str, ...]:
    return tuple(person.member for person in people)


def _chosen(course: Course, who: Sequence[str]) -> set[str]:
    chosen: set[str] = set()
    for name in who:
        group, member = group_and_member(course, name)
        chosen |= {member} if member else {each.id for each in group.members}
    return chosen
