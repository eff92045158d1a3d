"""Who is who in Classroom 50, which knows people by their user names of GitHub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from assignments.errors import UserError
from assignments.tables import column_key
from graders.course.roster import Group, Member
from reports.exports.classroom50_scores import NAME, ScoreEntry
from reports.exports.export import ExportRules

LOGINS: Final = ("github_username", "github", "username")
"""Headings of the roster under which GitHub's user names may stand, the surest first."""


@dataclass(frozen=True)
class Logins:
    """GitHub's user names of the roster."""

    heading: str
    """The roster's; empty without such a column."""
    members: Mapping[str, Member]
    """By user name in small letters. A user name of two people names nobody, and is left out."""

    @classmethod
    def of(cls, roster: Sequence[Group], rules: ExportRules) -> Logins:
        """From one column of the roster, and from what a person says beside.

        No other column counts: students choose their user names, and could take somebody else's id for one.

        Raises:
            UserError: there is neither.
        """
        people = {member.id: member for group in roster for member in group.members}
        headings = {heading for member in people.values() for heading, _ in _cells(member)}
        heading = next((each for each in LOGINS if each in headings), "")
        if not heading and not rules.members:
            raise UserError(
                f"{NAME} knows people by their user names of GitHub, and the roster has no column {LOGINS[0]}. Import "
                "Classroom 50's roster.csv with medmark roster import, or name who is who in a table with the header "
                "participant,member and name it with --members."
            )
        pairs = [(cell, member.id) for member in people.values() for key, cell in _cells(member) if key == heading]
        whose: dict[str, set[str]] = {}
        for login, id in (*pairs, *rules.members.items()):
            if login.strip() and id in people:
                whose.setdefault(_key(login), set()).add(id)
        return cls(heading, {login: people[min(ids)] for login, ids in whose.items() if len(ids) == 1})

    def member(self, login: str) -> Member | None:
        """The person with this user name; None where nobody has it alone."""
        return self.members.get(_key(login))

    def of_member(self, member: Member) -> str:
        """A person's user name in small letters, as GitHub takes it; empty without one."""
        return next((login for login, each in self.members.items() if each.id == member.id), "")


def _key(login: str) -> str:
    return login.strip().casefold()


def _cells(member: Member) -> Iterator[tuple[str, str]]:
    return ((column_key(heading).replace(" ", "_"), cell) for heading, cell in member.more)


@dataclass(frozen=True)
class EntryRow:
    """One entry, and who is in it."""

    entry: ScoreEntry
    members: tuple[Member, ...]
    """Who gets its score; nobody where one of them is a stranger."""
    named: tuple[Member, ...]
    """Those of them that the roster has."""
    why: str = ""
    """Why nobody gets it."""

    @property
    def who(self) -> str:
        """The member's id; of several, what Classroom 50 calls their entry."""
        return self.members[0].id if len(self.members) == 1 else self.entry.owner


def entry_rows(entries: Sequence[ScoreEntry], logins: Logins) -> list[EntryRow]:
    """The entries by whom they are about; one about nobody else than another is about nobody."""
    rows = [_row(entry, logins) for entry in entries]
    counts = Counter(member.id for row in rows for member in row.named)
    return [_once(row, [member.id for member in row.named if counts[member.id] > 1]) for row in rows]


def _row(entry: ScoreEntry, logins: Logins) -> EntryRow:
    members = {login: logins.member(login) for login in entry.usernames}
    named = tuple(member for member in members.values() if member is not None)
    strangers = [login for login, member in members.items() if member is None]
    if strangers:
        return EntryRow(entry, (), named, f"nobody in the roster has the user name {' or '.join(strangers)} alone")
    return EntryRow(entry, named, named)


def _once(row: EntryRow, twice: Sequence[str]) -> EntryRow:
    why = f"several entries are about {' and '.join(twice)}, and all stay as they are"
    return EntryRow(row.entry, (), row.named, why) if twice else row
