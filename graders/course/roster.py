"""Reads the roster, one row per person: who is in which group, and where the group's repository lies.

Every problem is reported at once, with its line. A problem of one group sets that group aside, and the others go on. A
problem that leaves open who is who stops the whole course.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field

from assignments.errors import Problem
from assignments.frozen import Frozen
from assignments.tables import Table, read_table, table_of
from graders.course.cells import (
    OF_PERSON,
    branch_cell_problem,
    comparison_key,
    group_problem,
    pass_mark_problem,
    path_problem,
    repository_problem,
    without_credentials,
)
from graders.course.roster_columns import HEADER, Columns, RosterRow, roster_rows

SUFFIXES = (".csv", ".xlsx")


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
    """The roster's other columns, heading and cell as written: the mark sheet has them too."""


class Group(Frozen):
    """People who hand in together, and their repository."""

    name: str
    """Also the name of its folders."""
    members: tuple[Member, ...]
    repository: str
    branch: str | None = None
    """None is the repository's own default branch."""
    path: str = ""
    """Folder inside the repository that holds the coursework; empty is its root."""
    aside: tuple[str, ...] = ()
    """Problems of its rows: medmark collects what it can, and gives no mark until they are corrected."""


@dataclass
class Roster:
    """The groups of a roster, and its problems."""

    groups: tuple[Group, ...] = ()
    stops: list[Problem] = field(default_factory=list)
    """They leave open who is who, and stop the whole course."""
    row_problems: list[Problem] = field(default_factory=list)
    """Each sets a group aside, or leaves out a row without a group."""
    notes: list[Problem] = field(default_factory=list)
    """Possible mistakes; the roster is used as it stands."""


def roster_path(folder: Path) -> Path:
    """The path of a course's roster: roster.xlsx if only that exists, else roster.csv."""
    paths = [folder / f"roster{suffix}" for suffix in SUFFIXES]
    return next((path for path in paths if path.exists()), paths[0])


def read_roster(path: Path, allow_file: bool, columns: Columns) -> Roster:
    """The groups in the order of the file, and every problem."""
    both = [other.name for suffix in SUFFIXES if (other := path.with_suffix(suffix)).exists()]
    if len(both) > 1:
        what = f"this folder has two rosters: {' and '.join(both)}"
        return Roster(stops=[Problem(str(path), "", None, what, "remove one")])
    return _roster(path, read_table(path), allow_file, columns)


def roster_of(path: Path, data: bytes, allow_file: bool, columns: Columns) -> Roster:
    """The roster that a file of this content would be, whatever lies at the path now."""
    return _roster(path, table_of(path, data), allow_file, columns)


def _roster(path: Path, read: tuple[Table | None, list[Problem]], allow_file: bool, columns: Columns) -> Roster:
    table, problems = read
    if table is None:
        cure = f"write one row per person under the header {HEADER}"
        return Roster(stops=[p if p.cure else Problem(p.file, p.key, p.line, p.what, cure) for p in problems])
    rows = roster_rows(table, columns)
    if rows.problems:
        return Roster(stops=list(rows.problems), notes=list(rows.notes))
    if not rows.rows:
        what = "has no row below its header"
        return Roster(stops=[Problem(str(path), "", None, what, "write one row per person")], notes=list(rows.notes))
    roster = Roster(notes=list(rows.notes))
    _RosterReader(path, roster, allow_file).read(rows.rows)
    return roster


@dataclass
class _RosterReader:
    """One pass over the rows; it fills the roster."""

    path: Path
    roster: Roster
    allow_file: bool
    groups: dict[str, Group] = field(default_factory=dict)
    aside: dict[str, list[str]] = field(default_factory=dict)

    def read(self, lines: Sequence[RosterRow]) -> None:
        sound = [line for line in lines if self._in_a_group(line)]
        for line in sound:
            self._add_member(line)
        self._add_repositories(sound)
        self._report_same_people(sound)
        self._report_same_groups(sound)
        self.roster.groups = tuple(
            group.model_copy(update={"aside": tuple(self.aside.get(name, ()))}) for name, group in self.groups.items()
        )
        for problems in (self.roster.stops, self.roster.row_problems):
            problems.sort(key=lambda problem: problem.line or 0)

    def _stop(self, line: int, key: str, what: str, cure: str) -> None:
        self.roster.stops.append(Problem(str(self.path), key, line, what, cure))

    def _set_aside(self, line: int, key: str, what: str, cure: str, *groups: str) -> None:
        problem = Problem(str(self.path), key, line, what, cure)
        if problem not in self.roster.row_problems:
            self.roster.row_problems.append(problem)
        where = f"{self.path.name}:{line}" + (f" {key}" if key else "")
        for group in groups:
            self.aside.setdefault(group, []).append(f"{where}: {what}")

    def _in_a_group(self, line: RosterRow) -> bool:
        """Whether the row can be read and names a group, which is added if it is new."""
        name = line.cells["group"]
        wrong = group_problem(name)
        if wrong is None:
            self.groups.setdefault(name, Group(name=name, members=(), repository=""))
        if line.problem is not None:
            groups = () if wrong else (name,)
            self._set_aside(line.number, "", line.problem.what, line.problem.cure, *groups)
        elif wrong is not None:
            self._set_aside(line.number, "group", *wrong)
        return wrong is None and line.problem is None

    def _add_member(self, line: RosterRow) -> None:
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

    def _add_repositories(self, lines: Sequence[RosterRow]) -> None:
        """The repository, branch and path of a group, from one of its rows or from all."""
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
                first_line, first = written.setdefault((name, key), (line.number, value))
                if first != value:
                    before, here = without_credentials(first), without_credentials(value)
                    what = f'group {name} has "{before}" on line {first_line} and "{here}" here'
                    self._set_aside(line.number, key, what, "keep one of them", name)
                elif first_line == line.number and (wrong := check(value)):
                    self._set_aside(line.number, key, *wrong, name)
                    refused.add((name, key))
        for (name, key), (_, value) in written.items():
            if key == "repository" and (name, key) in refused:
                continue  # it may hold a token, which must not reach git or the record
            self.groups[name] = self.groups[name].model_copy(update={key: value})
        for name, begins in self._starts(lines).items():
            if (name, "repository") not in written:
                what = f"group {name} has no repository"
                self._set_aside(begins, "repository", what, "write its address on one of its rows", name)

    def _report_same_people(self, lines: Sequence[RosterRow]) -> None:
        """The same id twice leaves open who somebody is; a shared e-mail or candidate number sets its groups aside."""
        for key in ("member", "email", "candidate"):
            first: dict[str, RosterRow] = {}
            for line in lines:
                value = line.cells.get(key, "")
                before = first.setdefault(comparison_key(value), line)
                if not value or before is line:
                    continue
                what, cure = f'"{value}" is on line {before.number} too', "write one row per person: remove one"
                if key == "member":
                    self._stop(line.number, key, what, cure)
                else:
                    groups = dict.fromkeys((before.cells["group"], line.cells["group"]))
                    self._set_aside(line.number, key, what, cure, *groups)

    def _report_same_groups(self, lines: Sequence[RosterRow]) -> None:
        """Groups with nearly the same name or the same repository, and names of both a group and a member."""
        starts = self._starts(lines)
        names: dict[str, str] = {}
        handed_in: dict[tuple[str, str | None, str], str] = {}
        for name, group in self.groups.items():
            other = names.setdefault(name.casefold(), name)
            if other != name:
                what = f'"{name}" and "{other}" differ in capitals only'
                self._stop(starts.get(name, 1), "group", what, "spell the name alike on all rows")
            other = handed_in.setdefault((repository_key(group.repository), group.branch, group.path), name)
            if group.repository and other != name:
                what = f"groups {other} and {name} have the same repository, branch and path"
                self._set_aside(starts[name], "repository", what, "correct one", other, name)
        solo = {group.members[0].id: group.name for group in self.groups.values() if len(group.members) == 1}
        for line in lines:
            id = line.cells["member"]
            if id in self.groups and solo.get(id) != id:
                self._stop(line.number, "member", f'"{id}" is also the name of a group', "rename one of them")

    def _starts(self, lines: Iterable[RosterRow]) -> dict[str, int]:
        starts: dict[str, int] = {}
        for line in lines:
            starts.setdefault(line.cells["group"], line.number)
        return starts


def repository_key(address: str) -> str:
    """Equal for two addresses of one repository."""
    return address.casefold().rstrip("/").removesuffix(".git")
