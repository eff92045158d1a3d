"""Fills in where the repositories of groups lie: as the roster has it, else as a list names it, else by a pattern.

The pattern is `[roster] repository` of course.toml, an address with columns of the roster in braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from assignments.errors import Problem, nearest
from assignments.tables import column_key
from graders.course.addresses import address_problem
from graders.course.cells import repository_problem, without_credentials
from graders.course.roster import repository_key
from graders.course.roster_columns import RosterRow

if TYPE_CHECKING:
    from graders.course.people_lists import ListedPerson

_COLUMN = re.compile(r"\{([^{}]*)\}")
_PART = re.compile(r"[A-Za-z0-9._~+-]+")
"""What a column may put into an address: never a slash, a host or an escape."""
_OF_GROUP = ("repository", "branch", "path")
"""Columns that a group may have on one of its rows."""


@dataclass(frozen=True)
class FilledRows:
    """Rows with addresses, and why some have none."""

    rows: tuple[RosterRow, ...]
    problems: tuple[Problem, ...] = ()


def pattern_problem(pattern: str, allow_file: bool) -> str | None:
    """Why a pattern cannot give addresses; None where it can."""
    if not _COLUMN.search(pattern):
        return "names no column in braces, so that all groups would have one repository; write it as {group}"
    filled = _COLUMN.sub("x", pattern)
    if "{" in filled or "}" in filled:
        return "has a brace without its other one"
    return address_problem(filled, allow_file)


def with_addresses(
    rows: Sequence[RosterRow],
    present: Sequence[RosterRow],
    claims: Mapping[str, Sequence[tuple[ListedPerson, str]]],
    pattern: str | None,
    allow_file: bool,
) -> FilledRows:
    """The rows, each with the repository, branch and path of its group.

    Args:
        claims: By group, the addresses that a list names, and for whom.
    """
    of_group = _of_groups(present)
    groups_before = {row.number: row.cells["group"] for row in present}
    problems: list[Problem] = []
    by_group: dict[str, list[RosterRow]] = {}
    for row in rows:
        by_group.setdefault(row.cells["group"], []).append(row)
    filled = []
    for group, members in by_group.items():
        had = of_group.get(group, {})
        claimed, wrong = _claimed(group, claims.get(group, ()), had.get("repository", ""), allow_file)
        problems += wrong
        address = had.get("repository", "") or claimed
        if not address and pattern is not None:
            filled_in = _from_pattern(pattern, group, members, allow_file)
            problems += [filled_in] if isinstance(filled_in, Problem) else []
            address = filled_in if isinstance(filled_in, str) else ""
        for row in members:
            stays = groups_before.get(row.number) == group
            values = {**had, "repository": address}
            own = {name: (row.cells.get(name, "") if stays else "") or values.get(name, "") for name in _OF_GROUP}
            filled.append(replace(row, cells={**row.cells, **own}))
    return FilledRows(tuple(filled), tuple(dict.fromkeys(problems)))


def _of_groups(present: Sequence[RosterRow]) -> dict[str, dict[str, str]]:
    """What each group of the roster has, from the first of its rows that says it."""
    of_group: dict[str, dict[str, str]] = {}
    for row in present:
        values = of_group.setdefault(row.cells["group"], {})
        for name in _OF_GROUP:
            if row.cells.get(name):
                values.setdefault(name, row.cells[name])
    return of_group


def _claimed(
    group: str, claims: Sequence[tuple[ListedPerson, str]], had: str, allow_file: bool
) -> tuple[str, list[Problem]]:
    """The address that a list names for a group; and what is wrong with those that it names."""
    problems: list[Problem] = []
    sound: dict[str, tuple[ListedPerson, str]] = {}
    for person, address in claims:
        if wrong := repository_problem(address, allow_file):
            problems.append(Problem("", "repository", person.line, f"{person}: {wrong[0]}", wrong[1]))
        else:
            sound.setdefault(repository_key(address), (person, address))
    named = " and ".join(without_credentials(address) for _, address in sound.values())
    if had:
        for key, (person, _) in sound.items():
            if key != repository_key(had):
                what = f"{group} names {named}, and the roster has {without_credentials(had)}"
                cure = "the roster's stays; correct its row if it is wrong"
                problems.append(Problem("", "repository", person.line, what, cure))
                break
        return "", problems
    if len(sound) > 1:
        line = next(iter(sound.values()))[0].line
        what = f"{group} names several repositories: {named}"
        problems.append(Problem("", "repository", line, what, "none is taken; write the right one into the roster"))
        return "", problems
    return next((address for _, address in sound.values()), ""), problems


def _from_pattern(pattern: str, group: str, members: Sequence[RosterRow], allow_file: bool) -> str | Problem:
    """The address by the pattern, or why there is none."""
    address = pattern
    for column in dict.fromkeys(_COLUMN.findall(pattern)):
        cells = {text for row in members if (text := _cell(row, column))}
        if not any(column_key(column) in _names(row) for row in members):
            what = f"[roster] repository names {{{column}}}, which is not a column of the roster"
            return Problem("", "repository", None, what, nearest(column, {*chain(*map(_names, members))}))
        if len(cells) != 1:
            many = f"has several: {', '.join(sorted(cells))}" if cells else "has none"
            what = f"{group}: [roster] repository needs one {column} of the group, which {many}"
            return Problem("", "repository", None, what, "write the address into the roster")
        (cell,) = cells
        if not _PART.fullmatch(cell) or ".." in cell:
            what = f'{group}: its {column} "{cell}" cannot be part of an address'
            return Problem("", "repository", None, what, "write the address into the roster")
        address = address.replace(f"{{{column}}}", cell)
    wrong = repository_problem(address, allow_file)
    return Problem("", "repository", None, f"{group}: {wrong[0]}", wrong[1]) if wrong else address


def _names(row: RosterRow) -> Iterator[str]:
    yield from row.cells
    yield from (column_key(heading) for heading, _ in row.more)


def _cell(row: RosterRow, column: str) -> str:
    key = column_key(column)
    return row.cells.get(key) or next((cell for heading, cell in row.more if column_key(heading) == key), "")
