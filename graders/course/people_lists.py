"""Reads lists of people as other systems export them, whichever it is, into one form. Nothing is decided here.

participants    Moodle's list of participants
worksheet       Moodle's grading worksheet: the columns that say who a row is about, and the online text
github-roster   GitHub Classroom's roster
github-grades   GitHub Classroom's grades, which have the addresses of repositories
classroom50     Classroom 50's students.csv
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assignments.errors import Problem, UserError, nearest
from assignments.tables import Row, Table, column_key, read_table
from graders.course.cells import without_credentials
from graders.course.online_text import read_online_text

_PERSON: Mapping[str, tuple[str, ...]] = {
    "id": ("id number", "idnumber", "student id", "student number", "student no", "member"),
    "username": ("username", "user name", "login"),
    "first": ("first name", "firstname", "given name", "forename"),
    "last": ("last name", "lastname", "surname", "family name"),
    "name": ("full name", "fullname", "name", "first name / last name", "first name / surname", "student"),
    "email": ("email address", "e-mail address", "email", "e-mail", "mail"),
    "groups": ("groups", "group"),
    "repository": ("repository", "repository url"),
}
"""What a column is about, and the headings that it may have."""
_PASSING = frozenset({"roles", "role", "status", "last access", "last access to course", "select"})
"""Columns of Moodle that change from day to day."""
NO_GROUP = frozenset({"", "no groups", "no group", "default group", "none", "-"})
"""Cells that say that a person is in no group."""


@dataclass(frozen=True)
class ListKind:
    """A kind of list."""

    id: str
    title: str
    needs: tuple[str, ...]
    """Headings by which it is recognised; without any, a person's name and e-mail are enough."""
    columns: Mapping[str, tuple[str, ...]]
    whole: bool = True
    """Whether it has everyone of a course, so that who is missing has left."""
    keeps: bool = True
    """Whether its other columns are about a person and stay."""


KINDS = (
    ListKind(
        "github-grades",
        "GitHub Classroom's grades",
        ("student_repository_url",),
        {
            "id": ("roster_identifier",),
            "github_username": ("github_username",),
            "groups": ("group_name",),
            "repository": ("student_repository_url",),
        },
        whole=False,
        keeps=False,
    ),
    ListKind(
        "github-roster",
        "GitHub Classroom's roster",
        ("identifier", "github_username"),
        {"id": ("identifier",), "github_username": ("github_username",), "name": ("name",), "groups": ("group_name",)},
        whole=False,
    ),
    ListKind(
        "classroom50",
        "Classroom 50's students",
        ("username", "first_name", "last_name", "github_id"),
        {
            "github_username": ("username",),
            "first": ("first_name",),
            "last": ("last_name",),
            "email": ("email",),
            "groups": ("group", "group_name", "team"),
        },
    ),
    ListKind(
        "worksheet",
        "Moodle's grading worksheet",
        ("identifier", "grade"),
        {**_PERSON, "online_text": ("online text",)},
        keeps=False,
    ),
    ListKind("participants", "Moodle's list of participants", (), _PERSON),
)


@dataclass(frozen=True)
class ListedPerson:
    """One row of a list."""

    line: int
    id: str = ""
    """What the university calls the person."""
    username: str = ""
    github_username: str = ""
    name: str = ""
    name_parts: tuple[str, ...] = ()
    """The name as its columns have it: given names and surname, or all in one."""
    email: str = ""
    groups: tuple[str, ...] = ()
    """As the system shows them."""
    repositories: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()
    """That an online text names."""
    more: tuple[tuple[str, str], ...] = ()
    """Other columns, heading and cell."""

    def __str__(self) -> str:
        return self.name or self.id or self.username or self.github_username or self.email

    @property
    def ids(self) -> tuple[tuple[str, str], ...]:
        """What identifies the person: kind and text, the surest first."""
        both = (("id", self.id), ("username", self.username), ("github_username", self.github_username))
        return tuple((kind, text) for kind, text in (*both, ("email", self.email)) if text)


@dataclass(frozen=True)
class PeopleList:
    """A list and its people."""

    path: Path
    kind: ListKind
    people: tuple[ListedPerson, ...]
    has_groups: bool
    """Whether a column names groups."""
    problems: tuple[Problem, ...] = field(default=())
    """Rows that name nobody, and cells of which nothing was taken."""


def read_people_list(path: Path, kind: str | None = None) -> PeopleList:
    """The people of a list.

    Args:
        kind: The id of its kind; recognised by its headings if None.

    Raises:
        UserError: it cannot be read, is none of these lists, or names nobody.
    """
    table, problems = read_table(path)
    if table is None:
        raise UserError("\n".join(map(str, problems)))
    of = _kind(table, kind)
    columns = dict(_columns(table, of))
    if not {"id", "username", "github_username", "email"} & columns.keys():
        blind = "it is of an assignment with blind marking: " if of.id == "worksheet" else ""
        raise UserError(
            f"{path}: {blind}no column says who a row is about. Import a list with ID numbers or e-mail addresses, "
            "such as Moodle's list of participants."
        )
    read = [_person(row, columns, table, of) for row in table.rows]
    wrong = [problem for _, problems in read for problem in problems]
    people = tuple(person for person, _ in read if person is not None)
    if not people:
        raise UserError("\n".join([f"{path}: names nobody. Export it again.", *map(str, wrong)]))
    return PeopleList(path, of, people, "groups" in columns, tuple(wrong))


def _kind(table: Table, kind: str | None) -> ListKind:
    by_id = {each.id: each for each in KINDS}
    if kind is not None:
        if kind not in by_id:
            raise UserError(f'--kind "{kind}": {nearest(kind, by_id)}')
        missing = [heading for heading in by_id[kind].needs if heading not in table.headings]
        if missing:
            raise UserError(f"{table.path}:{table.line}: {by_id[kind].title} has a column {missing[0]}; this has not")
        return by_id[kind]
    for each in KINDS:
        if each.needs and all(heading in table.headings for heading in each.needs):
            return each
    roles = dict(_columns(table, by_id["participants"]))
    if "email" in roles and ("name" in roles or "last" in roles):
        return by_id["participants"]
    raise UserError(
        f"{table.path}:{table.line}: no list of people that medmark reads has these columns: "
        f"{', '.join(table.headings.values())}. Say which it is with --kind {'|'.join(by_id)}, or name its columns "
        "as Moodle does: First name, Last name, ID number, Email address, Groups."
    )


def _columns(table: Table, kind: ListKind) -> Iterator[tuple[str, str]]:
    """What the table's columns are about, and their keys."""
    for role, headings in kind.columns.items():
        key = next((column_key(heading) for heading in headings if column_key(heading) in table.headings), None)
        if key is not None:
            yield role, key


def _person(
    row: Row, columns: Mapping[str, str], table: Table, kind: ListKind
) -> tuple[ListedPerson | None, list[Problem]]:
    """The person of a row, and what could not be taken of it."""
    if row.problem is not None:
        return None, [row.problem]
    cells = {role: " ".join(row.cells[key].split()) for role, key in columns.items()}
    text = read_online_text(row.cells[columns["online_text"]] if "online_text" in columns else "")
    own = cells.get("repository", "")
    parts = tuple(cells[role] for role in (("name",) if cells.get("name") else ("first", "last")) if role in cells)
    used = set(columns.values())
    person = ListedPerson(
        line=row.line,
        id=cells.get("id", ""),
        username=cells.get("username", ""),
        github_username=cells.get("github_username", ""),
        name=" ".join(filter(None, parts)),
        name_parts=parts,
        email=cells.get("email", ""),
        groups=tuple(_groups(cells.get("groups", ""))),
        repositories=(own,) if own else text.repositories,
        commits=text.commits,
        more=tuple(
            (heading, row.cells[key])
            for key, heading in table.headings.items()
            if kind.keeps and key not in used and key not in _PASSING
        ),
    )
    if not person.ids:
        who = f" ({person.name})" if person.name else ""
        cure = "link it, or add the person's ID number"
        return None, [Problem(str(table.path), "", row.line, f"the row names nobody{who} that medmark can find", cure)]
    return person, list(_doubts(person, table, kind))


def _groups(cell: str) -> Iterator[str]:
    for name in cell.split(","):
        if name.strip().casefold() not in NO_GROUP:
            yield name.strip()


def _doubts(person: ListedPerson, table: Table, kind: ListKind) -> Iterator[Problem]:
    """What a row leaves open."""
    file = str(table.path)
    if kind.id.startswith("github") and not person.github_username:
        yield Problem(file, "github_username", person.line, f"{person} is not linked to a GitHub account", "")
    for key, several in (("repository", person.repositories), ("commit", person.commits)):
        if len(several) > 1:
            what = f"{person} names {len(several)} of them: {', '.join(map(without_credentials, several))}"
            yield Problem(file, key, person.line, what, "none is taken; write the right one into the roster")
