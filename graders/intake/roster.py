"""Who is in which group, and where each group's repository lies: roster.csv, one row a person.

All that is wrong with the file is told at once, with lines. Nothing is fetched here.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field

from assignments.assignment import Frozen
from assignments.toml_errors import Problem, nearest
from graders.intake.clone import address_problem, branch_problem

REQUIRED = ("group", "member", "name", "email", "repository")
OPTIONAL = ("branch", "path", "pass_mark", "candidate")
HEADER = ",".join(REQUIRED)

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}(?<!\.)")
_MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,63}")
_EMAIL = re.compile(r"[^\s@,;<>\"']+@[^\s@,;<>\"']+\.[^\s@,;<>\"']+")
_FOLDER = re.compile(r"[\w][\w. +-]*(?:/[\w][\w. +-]*)*")
_WINDOWS = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}


class Member(Frozen):
    """One person."""

    id: str
    """The roster's `member`: student number or user name; the key under which a mark is exported."""
    name: str
    email: str
    pass_mark: Annotated[int, Field(ge=0, le=100)] | None = None
    """This person's pass mark where it differs from the course's: mixed levels."""
    candidate: str | None = None


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


def read_roster(path: Path, allow_file: bool) -> tuple[tuple[Group, ...], list[Problem]]:
    """The groups in the order of the file, and everything that is wrong with it."""
    told: list[Problem] = []

    def problem(line: int | None, key: str, what: str, cure: str) -> None:
        told.append(Problem(str(path), key, line, what, cure))

    rows = _rows(path, problem)
    groups = _groups(rows, allow_file, problem)
    _same_twice(rows, groups, problem)
    return tuple(groups.values()), sorted(told, key=lambda found: found.line or 0)


Tell = Callable[[int | None, str, str, str], None]
Row = tuple[int, dict[str, str]]


def _rows(path: Path, problem: Tell) -> list[Row]:
    """The rows with the lines they stand on: byte order mark, CRLF, semicolons and tabs are read as they come."""
    try:
        # Excel writes UTF-8 with a byte order mark; "utf-8-sig" reads it with and without.
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        problem(None, "", "is missing", f"write one row a person under the header {HEADER}")
        return []
    except (OSError, UnicodeDecodeError) as error:
        problem(None, "", f"cannot be read: {error}", "save it as CSV UTF-8")
        return []
    if "\0" in text:
        problem(None, "", "is no text file", "save it as CSV UTF-8")
        return []
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    rows: list[Row] = []
    header: list[str] = []
    try:
        for cells in reader:
            line = reader.line_num
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if not header:
                header = [cell.casefold() for cell in cells]
                _check_header(header, line, problem)
            elif len(cells) != len(header):
                what = f"has {len(cells)} cells under {len(header)} columns"
                problem(line, "", what, "put cells with commas in quotes")
            else:
                rows.append((line, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        problem(reader.line_num, "", f"is not CSV: {error}", "check the quotes of this line")
    if not header:
        problem(None, "", "is empty", f"write one row a person under the header {HEADER}")
    elif not rows and not any(name not in header for name in REQUIRED):
        problem(None, "", "has no row below its header", "write one row a person")
    return rows if set(REQUIRED) <= set(header) else []


def _check_header(header: list[str], line: int, problem: Tell) -> None:
    for name in REQUIRED:
        if name not in header:
            cure = f"the header is {HEADER}, then if needed {', '.join(OPTIONAL)}"
            problem(line, name, "there is no such column", cure)
    for name in sorted(set(header)):
        if header.count(name) > 1:
            problem(line, name, "this column stands twice", "remove one")
        if name not in (*REQUIRED, *OPTIONAL):
            problem(line, name, "unknown column", nearest(name, (*REQUIRED, *OPTIONAL)))


def _groups(rows: Iterable[Row], allow_file: bool, problem: Tell) -> dict[str, Group]:
    """Groups by name. A cell of a group (repository, branch, path) may stand on one of its rows or on all."""
    groups: dict[str, Group] = {}
    written: dict[str, dict[str, tuple[int, str]]] = {}
    for line, row in rows:
        name = row["group"]
        if not _SLUG.fullmatch(name) or name.casefold().split(".")[0] in _WINDOWS or name.casefold().endswith(".lock"):
            what = f'"{name}" cannot be a group' if name else "is missing"
            problem(line, "group", what, "it names folders: use letters, digits, dot, dash and underscore, as group-07")
            continue
        cells = written.setdefault(name, {})
        for key in ("repository", "branch", "path"):
            value = row.get(key, "")
            if not value:
                continue
            before, same = cells.setdefault(key, (line, value))
            if same != value:
                problem(line, key, f'group {name} has "{same}" on line {before} and "{value}" here', "keep one")
            elif before == line:
                wrong = _wrong_cell(key, value, allow_file)
                if wrong:
                    problem(line, key, f'"{value}" {wrong[0]}', wrong[1])
        member = _member(line, row, problem)
        group = groups.get(name) or Group(name=name, members=(), repository="")
        groups[name] = group.model_copy(update={"members": (*group.members, member)})
    for name, cells in written.items():
        if "repository" not in cells:
            line = next(line for line, row in rows if row["group"] == name)
            problem(line, "repository", f"group {name} has none", "put its address on one of its rows")
        update = {key: value for key, (_, value) in cells.items()}
        groups[name] = groups[name].model_copy(update=update)
    return groups


def _wrong_cell(key: str, value: str, allow_file: bool) -> tuple[str, str] | None:
    if key == "repository":
        what, _, cure = (address_problem(value, allow_file) or "").partition("; ")
        return (what, cure) if what else None
    if key == "branch":
        wrong = branch_problem(value)
        return (wrong, "write it as git branch shows it") if wrong else None
    if _FOLDER.fullmatch(value):
        return None
    return "is no folder inside the repository", "write it as coursework/part1"


def _member(line: int, row: dict[str, str], problem: Tell) -> Member:
    if not _MEMBER.fullmatch(row["member"]):
        what = f'"{row["member"]}" cannot be a member' if row["member"] else "is missing"
        problem(line, "member", what, "write the student number or user name")
    if not row["name"]:
        problem(line, "name", "is missing", "write the person's name")
    elif not row["name"].isprintable():
        problem(line, "name", f"{row['name']!a} holds control characters", "write it again")
    if not _EMAIL.fullmatch(row["email"]):
        what = f'"{row["email"]}" is no e-mail address' if row["email"] else "is missing"
        problem(line, "email", what, "write it as name@ucl.ac.uk")
    pass_mark = row.get("pass_mark", "")
    if pass_mark and not (pass_mark.isascii() and pass_mark.isdigit() and int(pass_mark) <= 100):
        what = f'"{pass_mark}" is no whole number from 0 to 100'
        problem(line, "pass_mark", what, "write 40 or 50, or leave it empty")
        pass_mark = ""
    return Member(
        id=row["member"],
        name=row["name"],
        email=row["email"],
        pass_mark=int(pass_mark) if pass_mark else None,
        candidate=row.get("candidate") or None,
    )


def _same_twice(rows: list[Row], groups: dict[str, Group], problem: Tell) -> None:
    """Told of the later line: people who stand twice, groups whose names or repositories cannot be told apart."""
    for key in ("member", "email", "candidate"):
        first: dict[str, int] = {}
        for line, row in rows:
            value = row.get(key, "")
            before = first.setdefault(value.casefold(), line)
            if value and before != line:
                problem(line, key, f'"{value}" stands on line {before} too', "one row a person: keep one")
    names: dict[str, str] = {}
    places: dict[tuple[str, str | None, str], str] = {}
    starts = {row["group"]: line for line, row in reversed(rows) if row["group"] in groups}
    for name, group in groups.items():
        other = names.setdefault(name.casefold(), name)
        if other != name:
            problem(starts[name], "group", f'"{name}" and "{other}" differ in capitals only', "write one name one way")
        repository = group.repository.casefold().rstrip("/").removesuffix(".git")
        other = places.setdefault((repository, group.branch, group.path), name)
        if group.repository and other != name:
            problem(starts[name], "repository", f"groups {other} and {name} hand in at the same place", "correct one")
    solo = {group.members[0].id: group.name for group in groups.values() if len(group.members) == 1}
    for line, row in rows:
        if row["member"] in groups and solo.get(row["member"]) != row["member"]:
            problem(line, "member", f'"{row["member"]}" is also a group', "use another name for one of them")
