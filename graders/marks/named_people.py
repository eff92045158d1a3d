"""Whom a person means who types a group, a member, or GROUP/MEMBER: one rule for every command that takes one."""

from __future__ import annotations

from assignments.errors import UserError, closest, nearest
from graders.course.cells import composed
from graders.course.course import Course, Group, Member
from graders.course.roster import roster_path


def group_and_member(course: Course, text: str) -> tuple[Group, str]:
    """The group, and the member's id where one person is meant.

    A name that is a group's and a member's too is the group's. An id may hold a slash: `2019/1234`, or `g1/2019/1234`.

    Raises:
        UserError: nobody is called so, or two are; says who is meant perhaps.
    """
    text = composed(text)
    for group in course.groups:
        if group.name == text:
            return group, ""
    alone = [(group, m.id) for group in course.groups for m in group.members if composed(m.id) == text]
    name, _, id = text.partition("/")
    members = [(group, m.id) for group in course.groups if group.name == name for m in group.members]
    within = [(group, member) for group, member in members if composed(member) == id]
    if alone and within and alone != within:
        raise UserError(
            f'"{text}" is a member of {alone[0][0].name}, and a member {id} of {name} too: write '
            f"{alone[0][0].name}/{text}, or {id}"
        )
    if found := alone or within:
        return found[0]
    raise UserError(_nobody(course, text))


def one_member(course: Course, text: str) -> tuple[Group, Member]:
    """One person and their group: a member, or a group of one.

    Raises:
        UserError: as `whom`, or it is a group of several.
    """
    group, id = group_and_member(course, text)
    if not id and len(group.members) > 1:
        raise UserError(f"group {group.name} has several members: say which, one of "
                        f"{', '.join(member.id for member in group.members)}")  # fmt: skip
    return group, next(member for member in group.members if member.id == id or not id)


def _nobody(course: Course, text: str) -> str:
    """Who is meant perhaps, or all that could be."""
    name, slash, id = text.partition("/")
    homes = {member.id: group for group in course.groups for member in group.members}
    names = {group.name: group for group in course.groups}
    roster = roster_path(course.folder)
    if slash and id in homes:
        return f'{roster}: "{id}" is in group {homes[id].name}, not in {name}; write --for {id}'
    if slash and name in names:
        known = nearest(id, (member.id for member in names[name].members))
        return f'{roster}: group {name} has no member "{id}"; {known}'
    close = closest(text, (*names, *homes))
    # Of a course's many members, no list: the groups say where to look.
    known = f'did you mean "{close}"?' if close else f"its groups: {', '.join(sorted(names))}"
    return f'{roster}: has no group and no member "{text}"; {known}'
