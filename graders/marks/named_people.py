"""Finds the group or member that a person types as GROUP, MEMBER or GROUP/MEMBER: one rule for every command."""

from __future__ import annotations

from assignments.errors import UserError, closest, nearest
from graders.course.cells import composed
from graders.course.course import Course, Group, Member
from graders.course.roster import roster_path


def group_and_member(course: Course, text: str) -> tuple[Group, str]:
    """The group, and the member's id if one person is meant.

    Where a group and a member have the same name, the group is meant. An id may hold a slash: `2019/1234`, or
    `g1/2019/1234`.

    Raises:
        UserError: nobody has this name, or two people have; suggests a name.
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
    if matches := alone or within:
        return matches[0]
    raise UserError(_unknown(course, text))


def one_member(course: Course, text: str) -> tuple[Group, Member]:
    """One person and their group: a member, or a group of one.

    Raises:
        UserError: as `group_and_member`, or the name is that of a group of several.
    """
    group, id = group_and_member(course, text)
    if not id and len(group.members) > 1:
        ids = ", ".join(member.id for member in group.members)
        raise UserError(f"group {group.name} has several members: name one of {ids}")
    return group, next(member for member in group.members if member.id == id or not id)


def _unknown(course: Course, text: str) -> str:
    """The message about an unknown name, with the nearest known name or the groups."""
    name, slash, id = text.partition("/")
    homes = {member.id: group for group in course.groups for member in group.members}
    names = {group.name: group for group in course.groups}
    roster = roster_path(course.folder)
    if slash and id in homes:
        return f'{roster}: "{id}" is in group {homes[id].name}, not in {name}; write --for {id}'
    if slash and name in names:
        hint = nearest(id, (member.id for member in names[name].members))
        return f'{roster}: group {name} has no member "{id}"; {hint}'
    close = closest(text, (*names, *homes))
    # A course has too many members to list: the groups say where to look.
    hint = f'did you mean "{close}"?' if close else f"its groups: {', '.join(sorted(names))}"
    return f'{roster}: has no group and no member "{text}"; {hint}'
