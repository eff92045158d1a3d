"""Who is in which group, and where each group's repository lies: roster.csv or roster.xlsx, one row a person.

All that is wrong with the file is told at once, with lines. What concerns one group sets that group aside, and the
others go on; what leaves open who is who stops all. Nothing is fetched here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field

from assignments.assignment import Frozen
from assignments.errors import Problem, closest, nearest
from graders.course.cells import (
    OF_PERSON,
    branch_cell_problem,
    group_problem,
    pass_mark_problem,
    path_problem,
    repository_problem,
    same,
    without_credentials,
)
from graders.course.tables import Row, Table, column_key, read_table

REQUIRED = ("group", "member", "name", "email", "repository")
OPTIONAL = ("branch", "path", "pass_mark", "candidate")
HEADER = ",".join(REQUIRED)
SUFFIXES = (".csv", ".xlsx")
HEADING_CLOSENESS = 0.8
"""A heading this close to one of ours may have been meant as it."""


class Member(Frozen):
    """One person."""

    id: str
    """The roster's `member`: student number or user name; the key under which a mark is exported."""
    name: str
    email: str
    pass_mark: Annotated[int, Field(ge=0, le=100)] | None = None
    """This person's pass mark where it differs from the course's: mixed levels."""
    candidate: str | None = None
    more: tuple[tuple[str, str], ...] = ()
    """The roster's other columns, heading and cell as written: they are taken along to the mark sheet."""


class Group(Frozen):
    """People who hand in together, and where."""

    name: str
    """Also the name of its folders."""
    members: tuple[Member, ...]
    repository: str
    branch: str | None = None
    """None is the repository's own default branch."""
    path: str = ""
    """Folder inside the repository that holds the coursework; empty is its root."""
    aside: tuple[str, ...] = ()
    """What is wrong with its rows: it is collected as far as it can be, and has no mark until they are put right."""


class Columns(Frozen):
    """What this course's roster calls its columns, as `[roster.columns]` of course.toml says; for staff's exports."""

    group: str | None = None
    member: str | None = None
    name: str | tuple[str, ...] | None = None
    """Several columns are joined by a space."""
    email: str | None = None
    repository: str | None = None
    branch: str | None = None
    path: str | None = None
    pass_mark: str | None = None
    candidate: str | None = None

    def headings(self, column: str) -> tuple[str, ...]:
        """The headings that make one of our columns: its own name unless another is set."""
        named: str | tuple[str, ...] | None = getattr(self, column)
        return (named or column,) if isinstance(named, str | None) else named


@dataclass
class Roster:
    """What a roster says, and what is wrong with it."""

    groups: tuple[Group, ...] = ()
    stops: list[Problem] = field(default_factory=list)
    """Nobody can say who is who before these are put right."""
    odd: list[Problem] = field(default_factory=list)
    """Each sets a group aside, or leaves a row out that belongs to no group."""
    notes: list[Problem] = field(default_factory=list)
    """What may be a mistake, and is taken as it stands."""


def roster_path(folder: Path) -> Path:
    """Where a course's roster lies: roster.xlsx, if that is all there is."""
    paths = [folder / f"roster{suffix}" for suffix in SUFFIXES]
    return next((path for path in paths if path.exists()), paths[0])


def read_roster(path: Path, allow_file: bool, columns: Columns) -> Roster:
    """The groups in the order of the file, and everything that is wrong with it."""
    roster = Roster()
    both = [other.name for suffix in SUFFIXES if (other := path.with_suffix(suffix)).exists()]
    if len(both) > 1:
        what = f"two rosters lie in this folder: {' and '.join(both)}"
        roster.stops = [Problem(str(path), "", None, what, "remove one")]
        return roster
    table, problems = read_table(path)
    if table is None:
        cure = f"write one row a person under the header {HEADER}"
        roster.stops = [p if p.cure else Problem(p.file, p.key, p.line, p.what, cure) for p in problems]
        return roster
    found = _columns(table, columns, roster)
    if found is None:
        return roster
    if not table.rows:
        roster.stops.append(Problem(str(path), "", None, "has no row below its header", "write one row a person"))
        return roster
    _Reading(path, roster, allow_file).read([_Line.of(row, found, table) for row in table.rows])
    return roster


@dataclass(frozen=True)
class _Line:
    """One row under our names of the columns."""

    number: int
    cells: Mapping[str, str]
    more: tuple[tuple[str, str], ...]
    problem: Problem | None

    @classmethod
    def of(cls, row: Row, found: Mapping[str, Sequence[str]], table: Table) -> _Line:
        cells = {name: " ".join(cell for key in keys if (cell := row.cells[key])) for name, keys in found.items()}
        ours = {key for keys in found.values() for key in keys}
        more = tuple((heading, row.cells[key]) for key, heading in table.headings.items() if key not in ours)
        return cls(row.line, cells, more, row.problem)


def _columns(table: Table, columns: Columns, roster: Roster) -> dict[str, list[str]] | None:
    """The keys of the columns that make each of ours; None where one that must be there is not."""
    found: dict[str, list[str]] = {}
    for name in (*REQUIRED, *OPTIONAL):
        headings = columns.headings(name)
        missing = [heading for heading in headings if column_key(heading) not in table.headings]
        if not missing:
            found[name] = [column_key(heading) for heading in headings]
        elif getattr(columns, name) is not None:
            cure = nearest(missing[0], table.headings.values())
            what = f'there is no column "{missing[0]}", as [roster.columns] of course.toml calls it'
            roster.stops.append(Problem(str(table.path), name, table.line, what, cure))
        elif name in REQUIRED:
            near = closest(name, table.headings.values(), HEADING_CLOSENESS)
            cure = f"the header is {HEADER}, then if needed {', '.join(OPTIONAL)}; or name yours in [roster.columns]"
            what = f'there is no such column; is "{near}" it?' if near else "there is no such column"
            roster.stops.append(Problem(str(table.path), name, table.line, what, cure))
    ours = {key for keys in found.values() for key in keys}
    for key, heading in table.headings.items():
        unused = (name for name in OPTIONAL if name not in found)
        near = None if key in ours else closest(key, unused, HEADING_CLOSENESS)
        if near:
            what = "this column is taken along to the mark sheet and not read"
            roster.notes.append(Problem(str(table.path), heading, table.line, what, f"did you mean {near}?"))
    return None if roster.stops else found


@dataclass
class _Reading:
    """One pass over the rows; it fills the roster."""

    path: Path
    roster: Roster
    allow_file: bool
    groups: dict[str, Group] = field(default_factory=dict)
    aside: dict[str, list[str]] = field(default_factory=dict)

    def read(self, lines: list[_Line]) -> None:
        sound = [line for line in lines if self._in_a_group(line)]
        for line in sound:
            self._add_member(line)
        self._add_places(sound)
        self._tell_same_people(sound)
        self._tell_same_groups(sound)
        self.roster.groups = tuple(
            group.model_copy(update={"aside": tuple(self.aside.get(name, ()))}) for name, group in self.groups.items()
        )
        for problems in (self.roster.stops, self.roster.odd):
            problems.sort(key=lambda problem: problem.line or 0)

    def _stop(self, line: int, key: str, what: str, cure: str) -> None:
        self.roster.stops.append(Problem(str(self.path), key, line, what, cure))

    def _set_aside(self, line: int, key: str, what: str, cure: str, *groups: str) -> None:
        problem = Problem(str(self.path), key, line, what, cure)
        if problem not in self.roster.odd:
            self.roster.odd.append(problem)
        where = f"{self.path.name}:{line}" + (f" {key}" if key else "")
        for group in groups:
            self.aside.setdefault(group, []).append(f"{where}: {what}")

    def _in_a_group(self, line: _Line) -> bool:
        """Whether the row can be read and names a group, which is then known."""
        name = line.cells["group"]
        wrong = group_problem(name)
        if wrong is None:
            self.groups.setdefault(name, Group(name=name, members=(), repository=""))
        if line.problem is not None:
            known = () if wrong else (name,)
            self._set_aside(line.number, "", line.problem.what, line.problem.cure, *known)
        elif wrong is not None:
            self._set_aside(line.number, "group", *wrong)
        return wrong is None and line.problem is None

    def _add_member(self, line: _Line) -> None:
        cells, name = line.cells, line.cells["group"]
        for key, check in OF_PERSON.items():
            if wrong := check(cells.get(key, "")):
                self._set_aside(line.number, key, *wrong, name)
        if not cells["member"]:
            return
        pass_mark = cells.get("pass_mark", "")
        member = Member(
            id=cells["member"],
            name=cells["name"],
            email=cells["email"],
            pass_mark=int(pass_mark) if pass_mark and not pass_mark_problem(pass_mark) else None,
            candidate=cells.get("candidate") or None,
            more=line.more,
        )
        group = self.groups[name]
        self.groups[name] = group.model_copy(update={"members": (*group.members, member)})

    def _add_places(self, lines: Sequence[_Line]) -> None:
        """A cell of a group (repository, branch, path) may stand on one of its rows or on all."""
        checks: dict[str, Callable[[str], tuple[str, str] | None]] = {
            "repository": partial(repository_problem, allow_file=self.allow_file),
            "branch": branch_cell_problem,
            "path": path_problem,
        }
        written: dict[tuple[str, str], tuple[int, str]] = {}
        refused: set[tuple[str, str]] = set()
        for line in lines:
            name = line.cells["group"]
            for key, check in checks.items():
                value = line.cells.get(key, "")
                if not value:
                    continue
                before, first = written.setdefault((name, key), (line.number, value))
                if first != value:
                    one, other = without_credentials(first), without_credentials(value)
                    what = f'group {name} has "{one}" on line {before} and "{other}" here'
                    self._set_aside(line.number, key, what, "keep one", name)
                elif before == line.number and (wrong := check(value)):
                    self._set_aside(line.number, key, *wrong, name)
                    refused.add((name, key))
        for (name, key), (_, value) in written.items():
            if key == "repository" and (name, key) in refused:
                continue  # it may hold a token: it is neither looked at nor recorded
            self.groups[name] = self.groups[name].model_copy(update={key: value})
        for name, begins in self._starts(lines).items():
            if (name, "repository") not in written:
                what = f"group {name} has none"
                self._set_aside(begins, "repository", what, "put its address on one of its rows", name)

    def _tell_same_people(self, lines: Sequence[_Line]) -> None:
        """The same id twice leaves open who somebody is; a shared address or candidate number concerns its groups."""
        for key in ("member", "email", "candidate"):
            first: dict[str, _Line] = {}
            for line in lines:
                value = line.cells.get(key, "")
                before = first.setdefault(same(value), line)
                if not value or before is line:
                    continue
                what, cure = f'"{value}" stands on line {before.number} too', "one row a person: keep one"
                if key == "member":
                    self._stop(line.number, key, what, cure)
                else:
                    groups = dict.fromkeys((before.cells["group"], line.cells["group"]))
                    self._set_aside(line.number, key, what, cure, *groups)

    def _tell_same_groups(self, lines: Sequence[_Line]) -> None:
        """Groups whose names or repositories cannot be told apart, and names that are a group's and a member's."""
        starts = self._starts(lines)
        names: dict[str, str] = {}
        places: dict[tuple[str, str | None, str], str] = {}
        for name, group in self.groups.items():
            other = names.setdefault(name.casefold(), name)
            if other != name:
                what = f'"{name}" and "{other}" differ in capitals only'
                self._stop(starts.get(name, 1), "group", what, "write one name one way")
            other = places.setdefault((repository_key(group.repository), group.branch, group.path), name)
            if group.repository and other != name:
                what = f"groups {other} and {name} hand in at the same place"
                self._set_aside(starts[name], "repository", what, "correct one", other, name)
        solo = {group.members[0].id: group.name for group in self.groups.values() if len(group.members) == 1}
        for line in lines:
            id = line.cells["member"]
            if id in self.groups and solo.get(id) != id:
                self._stop(line.number, "member", f'"{id}" is also a group', "use another name for one of them")

    def _starts(self, lines: Iterable[_Line]) -> dict[str, int]:
        starts: dict[str, int] = {}
        for line in lines:
            starts.setdefault(line.cells["group"], line.number)
        return starts


def repository_key(address: str) -> str:
    """What two addresses of one repository have in common."""
    return address.casefold().rstrip("/").removesuffix(".git")
