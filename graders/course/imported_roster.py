"""Makes the rows of a new roster from a list of people and the present rows. Reads and writes nothing.

A person's row keeps all that the list does not know: pass mark, candidate number, further columns. A group keeps its
name, repository, branch and path. Who is in no group, or in several, is left out and named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from assignments.errors import Problem
from assignments.tables import column_key
from graders.course.cells import comparison_key
from graders.course.group_names import group_names, own_group_name
from graders.course.people_lists import ListedPerson, PeopleList
from graders.course.roster_addresses import with_addresses
from graders.course.roster_columns import OPTIONAL, REQUIRED, RosterRow

SHOWN_GROUP, ID_NUMBER, USERNAME, GITHUB_USERNAME = "shown_group", "id_number", "username", "github_username"
CLAIMED_COMMIT = "claimed_commit"
"""The commit that a person named in Moodle: evidence, on which nothing depends."""
_COLUMN_OF = {"id": ID_NUMBER, "username": USERNAME, "github_username": GITHUB_USERNAME}
_MAY_STAND_IN = {
    "id": ("member", ID_NUMBER, "email"),
    "username": ("member", USERNAME),
    "github_username": ("member", GITHUB_USERNAME),
    "email": ("member", "email"),
}
"""Columns of the roster in which a list's word for a person may stand."""


@dataclass(frozen=True)
class ImportRules:
    """How a list becomes a roster."""

    groups: tuple[str, ...] = ()
    """Patterns of the shown names of groups that count, such as `Project *`; all do if there are none."""
    solo: bool = False
    """Whether a person without a group works alone, in a group of one."""
    repository: str | None = None
    """The address of a group's repository with columns in braces, from course.toml."""
    allow_file: bool = False


@dataclass(frozen=True)
class ImportedRows:
    """The rows of a new roster, and what to look at."""

    rows: tuple[RosterRow, ...] = ()
    """By group. A row that the roster had keeps its number."""
    problems: tuple[Problem, ...] = ()
    """People left out, rows of which something was not taken."""
    stops: tuple[Problem, ...] = ()
    """They leave open who is who, so that there are no rows."""


@dataclass
class _Import:
    """One import; it collects problems."""

    people: PeopleList
    present: Sequence[RosterRow]
    rules: ImportRules
    problems: list[Problem] = field(default_factory=list)
    stops: list[Problem] = field(default_factory=list)

    def problem(self, person: ListedPerson, key: str, what: str, cure: str) -> None:
        self.problems.append(Problem(str(self.people.path), key, person.line, f"{person}: {what}", cure))

    def stop(self, line: int | None, key: str, what: str, cure: str) -> None:
        self.stops.append(Problem(str(self.people.path), key, line, what, cure))


def imported_rows(people: PeopleList, present: Sequence[RosterRow], rules: ImportRules) -> ImportedRows:
    """The rows of the new roster."""
    work = _Import(people, present, rules, problems=list(people.problems))
    matched = list(_once_each(_matched(work), work))
    counted = {person.line: _groups_that_count(person, rules) for person, _ in matched}
    names = group_names([name for groups in counted.values() for name in groups], _shown_by_name(present))
    for clash in names.clashes:
        what = f"{' and '.join(clash)} would both become {names.names[clash[0]]}"
        work.stop(None, "groups", what, "rename one of them where the list comes from")
    if not people.has_groups and not rules.solo and people.kind.whole and not any(row for _, row in matched):
        cure = "export it with the column Groups, or let everyone work alone: --solo"
        work.stop(None, "groups", "the list names no groups", cure)
    rows = []
    claims: dict[str, list[tuple[ListedPerson, str]]] = {}
    for person, before in matched:
        shown = _shown_group(person, counted[person.line], before, names.names, work)
        group = names.names[shown] if shown else _group_without_a_name(person, before, work)
        if group is None:
            continue
        row = _row(person, before, group, shown)
        rows.append(row)
        for address in person.repositories if len(person.repositories) == 1 else ():
            claims.setdefault(group, []).append((person, address))
        if not row.cells["email"]:
            work.problem(person, "email", "has no e-mail address", "write it into the roster")
    _check_own_groups(rows, names.names.values(), work)
    if not rows and people.kind.whole and not work.stops:
        work.stop(None, "groups", "nobody is in a group that counts", "see the lines below")
    if work.stops:
        return ImportedRows(stops=tuple(work.stops), problems=tuple(work.problems))
    if not people.kind.whole:
        listed = {row.number for row in rows}
        rows += [row for row in present if row.number not in listed]
    filled = with_addresses(_in_order(rows, present), present, claims, rules.repository, rules.allow_file)
    problems = [replace(problem, file=str(people.path)) for problem in filled.problems]
    return ImportedRows(filled.rows, (*work.problems, *problems))


def _matched(work: _Import) -> Iterator[tuple[ListedPerson, RosterRow | None]]:
    """Each listed person with the row that the roster has of them, if it has one."""
    by: dict[tuple[str, str], set[int]] = {}
    rows = {row.number: row for row in work.present}
    for row in work.present:
        for kind, text in _identities(row):
            by.setdefault((kind, comparison_key(text)), set()).add(row.number)
    for person in work.people.people:
        hits = []
        for kind, text in person.ids:
            key = comparison_key(text)
            if numbers := set().union(*(by.get((each, key), set()) for each in _MAY_STAND_IN[kind])):
                hits.append((kind, text, numbers))
        common = set.intersection(*(numbers for *_, numbers in hits)) if hits else set()
        if len(common) == 1:
            yield person, rows[common.pop()]
        elif not hits:
            yield person, None
        else:
            words = " but ".join(
                f'"{text}" is {" and ".join(rows[number].cells["member"] for number in sorted(numbers))}'
                for _, text, numbers in hits
            )
            cure = "correct the roster or the list: it must be clear who this is"
            work.stop(person.line, "", f"{person}: in the roster {words}", cure)


def _identities(row: RosterRow) -> Iterator[tuple[str, str]]:
    """By what a person of the roster may be called elsewhere: kind and text."""
    yield from ((kind, row.cells[kind]) for kind in ("member", "email") if row.cells.get(kind))
    columns = (ID_NUMBER, USERNAME, GITHUB_USERNAME)
    yield from ((column_key(heading), cell) for heading, cell in row.more if cell and column_key(heading) in columns)


def _once_each(
    matched: Iterable[tuple[ListedPerson, RosterRow | None]], work: _Import
) -> Iterator[tuple[ListedPerson, RosterRow | None]]:
    """The people, each once: what several rows say of one person is joined, and the first row counts."""
    merged: dict[str, tuple[ListedPerson, RosterRow | None]] = {}
    for person, row in matched:
        key = f"row {row.number}" if row else f"new {comparison_key(person.ids[0][1])}"
        if key not in merged:
            merged[key] = (person, row)
            continue
        first = merged[key][0]
        cure = "the first row counts, with the groups of both"
        work.problem(person, "", f"is on line {first.line} too", cure)
        groups = tuple(dict.fromkeys((*first.groups, *person.groups)))
        repositories = tuple(dict.fromkeys((*first.repositories, *person.repositories)))
        merged[key] = (replace(first, groups=groups, repositories=repositories), row)
    yield from merged.values()


def _groups_that_count(person: ListedPerson, rules: ImportRules) -> tuple[str, ...]:
    patterns = [pattern.casefold() for pattern in rules.groups]
    return tuple(
        name for name in person.groups if not patterns or any(fnmatchcase(name.casefold(), each) for each in patterns)
    )


def _shown_by_name(present: Sequence[RosterRow]) -> Mapping[str, set[str]]:
    """The names of the roster's groups, each with those that were shown for it."""
    shown: dict[str, set[str]] = {}
    for row in present:
        if row.cells["group"]:
            shown.setdefault(row.cells["group"], set()).update(
                cell for heading, cell in row.more if column_key(heading) == SHOWN_GROUP and cell
            )
    return shown


def _shown_group(
    person: ListedPerson,
    counted: Sequence[str],
    before: RosterRow | None,
    names: Mapping[str, str],
    work: _Import,
) -> str:
    """The one group that counts, as it is shown; empty if there is none, or it is open which."""
    if len(counted) < 2:
        return next(iter(counted), "")
    own = [shown for shown in counted if before is not None and names[shown] == before.cells["group"]]
    several = f"is in {len(counted)} groups: {', '.join(counted)}"
    if own:
        work.problem(person, "groups", several, f"{names[own[0]]} stays")
        return own[0]
    left = "left out" if work.people.kind.whole or before is None else "not moved"
    cure = f"{left}: name the groups that count with --groups PATTERN, or correct the list"
    work.problem(person, "groups", several, cure)
    return ""


def _group_without_a_name(person: ListedPerson, before: RosterRow | None, work: _Import) -> str | None:
    """The group of a person of whom the list names none; None leaves the person out."""
    several = len(_groups_that_count(person, work.rules)) > 1
    if before is not None and (not work.people.has_groups or not work.people.kind.whole) and before.cells["group"]:
        return before.cells["group"]
    if several:
        return None
    if work.rules.solo:
        return own_group_name(_member(person, before))
    if before is None and not work.people.kind.whole:
        work.problem(person, "", "is not in the roster", "import Moodle's list of participants first")
    else:
        work.problem(person, "groups", "is in no group", "left out: correct the list, or let them work alone: --solo")
    return None


def _check_own_groups(rows: Sequence[RosterRow], named: Iterable[str], work: _Import) -> None:
    """Two people who work alone may not share a group, as 2019/12 and 2019-12 would."""
    used = {name.casefold() for name in named}
    for row in rows if work.rules.solo else ():
        group, member = row.cells["group"], row.cells["member"]
        if group == own_group_name(member):
            if group.casefold() in used:
                cure = "put them into a group of another name where the list comes from"
                work.stop(None, "groups", f"{member} works alone, and their group {group} has other people too", cure)
            used.add(group.casefold())


def _member(person: ListedPerson, before: RosterRow | None) -> str:
    """The id under which the person is marked: what the roster has, since decisions and marks follow it."""
    return before.cells["member"] if before is not None else person.ids[0][1]


def _row(person: ListedPerson, before: RosterRow | None, group: str, shown: str) -> RosterRow:
    """The person's new row."""
    cells = dict.fromkeys((*REQUIRED, *OPTIONAL), "") | dict(before.cells if before else {})
    member = _member(person, before)
    email = person.email or (person.id if "@" in person.id and not cells["email"] else "")
    cells |= {"group": group, "member": member}
    cells |= {name: text for name, text in (("name", person.name), ("email", email)) if text}
    further = dict(before.more) if before else {}
    headings = {column_key(heading): heading for heading in further}
    new = [(_COLUMN_OF[kind], text) for kind, text in person.ids if kind in _COLUMN_OF and text != member]
    new += [(SHOWN_GROUP, shown)] if shown and shown != group else []
    new += [(CLAIMED_COMMIT, person.commits[0])] if len(person.commits) == 1 else []
    for heading, text in (*new, *person.more):
        key = column_key(heading)
        if key in cells:
            cells[key] = cells[key] or text
        elif text or key not in headings:
            further[headings.setdefault(key, heading)] = text
    parts = person.name_parts if person.name or before is None else before.name_parts
    return RosterRow(before.number if before else 0, cells, tuple(further.items()), name_parts=parts)


def _in_order(rows: Iterable[RosterRow], present: Sequence[RosterRow]) -> list[RosterRow]:
    """By group: those of the roster as they stand there, then new ones by name; within a group, new people last."""
    groups = {name: at for at, name in enumerate(dict.fromkeys(row.cells["group"] for row in present))}
    last = len(groups)
    return sorted(
        rows,
        key=lambda row: (
            groups.get(row.cells["group"], last),
            row.cells["group"].casefold(),
            row.number or float("inf"),
        ),
    )
