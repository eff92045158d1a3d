"""Who committed what to a group's repository, and when: read from our mirror, for staff, as evidence and never a rule.

Whoever commits sets name, address and date, so nothing here moves a mark. It reads our own bare mirror, whose settings
and attributes are ours; hooks, settings and attributes of the group's repository did not come with the fetch.

Three steps, so that no history chooses how much the host works: `hardened_git` walks the newest commits and tells their
sizes under its limits of time and memory, GitPython reads those of them that are small enough, and `changed_lines`
counts what these change.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from graders.course.cells import comparison_key
from graders.course.roster import Member
from graders.intake.changed_lines import COUNT_S, Changed, Counts, changed_lines
from graders.intake.clone import is_commit
from graders.intake.hardened_git import GitFailed, Reach, environment_for_reading, run_git

COMMITS: Final = 1000
"""That are read; of a longer history the newest."""
COMMIT_BYTES: Final = 16_384
"""A larger commit is counted and not read: its message alone has ten pages."""
WALK_S: Final = 20.0
READ_S: Final = 10.0
AUTHOR_CHARACTERS: Final = 100
"""Characters of a name or an address."""
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Author:
    """One name and address that commits carry."""

    name: str
    """As in the newest of them."""
    email: str
    commits: int
    first: datetime | None
    """By the commits' own dates, in UTC; None where they say none that a calendar has."""
    last: datetime | None
    changed: Changed = field(default_factory=Changed)
    """By those of the commits that are counted."""
    counted: int = 0
    """Commits whose changed lines are known."""


@dataclass(frozen=True)
class History:
    """The commits up to one, merges and the handed-out ones among them."""

    authors: tuple[Author, ...]
    """The one with the most commits first."""
    unread: int = 0
    """Commits that are too large or malformed, or for which there was no time."""
    older: bool = False
    """Whether there are more than `COMMITS`."""
    merges: int = 0
    """How many of the commits that were read join others; they change no lines of their own."""
    crowded: int = 0
    """Commits that change too many files for their lines to be counted."""

    @property
    def commits(self) -> int:
        """How many were read."""
        return sum(author.commits for author in self.authors)

    @property
    def counted(self) -> int:
        """Commits whose changed lines are known."""
        return sum(author.counted for author in self.authors)

    @property
    def uncounted(self) -> int:
        """Commits that were read and whose lines could not be counted within the limits of time, memory and output."""
        return self.commits - self.crowded - self.counted

    @property
    def changed(self) -> Changed:
        """By the commits that are counted."""
        return sum((author.changed for author in self.authors), Changed())

    @property
    def first(self) -> datetime | None:
        """The earliest date that a commit says."""
        return min((author.first for author in self.authors if author.first), default=None)

    @property
    def last(self) -> datetime | None:
        """The latest date that a commit says."""
        return max((author.last for author in self.authors if author.last), default=None)

    def of(self, members: Sequence[Member]) -> dict[str, tuple[Author, ...]]:
        """The authors of each member by id, and under "" those who are nobody's.

        An address tells who it is, and without a known one a name that one member alone has. Nothing else does.
        """
        by_email = {comparison_key(member.email): member.id for member in members if member.email}
        names = [_words(member.name) for member in members]
        by_name = {name: m.id for name, m in zip(names, members, strict=True) if name and names.count(name) == 1}
        whose: dict[str, list[Author]] = {id: [] for id in (*(member.id for member in members), "")}
        for author in self.authors:
            id = by_email.get(comparison_key(author.email)) or by_name.get(_words(author.name)) or ""
            whose[id].append(author)
        return {id: tuple(authors) for id, authors in whose.items()}


def history_of(mirror: Path, commit: str, read_s: float = READ_S, count_s: float = COUNT_S) -> History | None:
    """The history that ends with a commit; None where the mirror has no such commit, or it cannot be walked in time."""
    if not is_commit(commit):
        return None
    reach = Reach(timeout_s=WALK_S)
    try:
        listed = run_git(["rev-list", f"--max-count={COMMITS + 1}", commit, "--"], reach=reach, git_dir=mirror)
        told = run_git(
            ["cat-file", "--batch-check=%(objectname) %(objectsize)"], reach=reach, git_dir=mirror, stdin_data=listed
        )
    except GitFailed:
        return None
    sizes = [line.split() for line in told.decode("ascii", "replace").splitlines()]
    small = [id for id, size in sizes[:COMMITS] if int(size) <= COMMIT_BYTES]
    signed = list(_signed(mirror, small, time.monotonic() + read_s))
    counts = changed_lines(mirror, [one.commit for one in signed], count_s)
    return History(
        _authors(signed, counts),
        unread=min(len(sizes), COMMITS) - len(signed),
        older=len(sizes) > COMMITS,
        merges=sum(one.merge for one in signed),
        crowded=len(counts.crowded),
    )


@dataclass(frozen=True)
class _Signed:
    """Who a commit says made it, and when."""

    commit: str
    merge: bool
    name: str
    email: str
    date: datetime | None


def _signed(mirror: Path, ids: Sequence[str], latest: float) -> Iterator[_Signed]:
    """The authors of these commits, in their order, until the time is over."""
    import git  # here: it takes 0.1 s, and most commands read no history

    with git.Repo(mirror, expand_vars=False) as repository, _silent(logging.getLogger("git.objects.commit")):
        repository.git.update_environment(**environment_for_reading(mirror))
        for id in ids:
            if time.monotonic() > latest:
                return
            # A group wrote the commit: whatever reading it raises, it is one that is not read.
            with suppress(Exception):
                commit = git.Commit(repository, bytes.fromhex(id))
                author, date = commit.author, _date(commit.authored_date)
                yield _Signed(id, len(commit.parents) > 1, _short(author.name), _short(author.email), date)


@contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    """GitPython logs what it cannot decode, as the group wrote it: not to our terminal."""
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _authors(signed: Sequence[_Signed], counts: Counts) -> tuple[Author, ...]:
    """One a name and address; newest commits come first."""
    by: dict[str, list[_Signed]] = {}
    for one in signed:
        by.setdefault(comparison_key(one.email) or _words(one.name), []).append(one)
    authors = []
    for ones in by.values():
        dates = [one.date for one in ones if one.date]
        first, last = min(dates, default=None), max(dates, default=None)
        known = [counts.changed[one.commit] for one in ones if one.commit in counts.changed]
        changed = sum(known, Changed())
        authors.append(Author(ones[0].name, ones[0].email, len(ones), first, last, changed, len(known)))
    return tuple(sorted(authors, key=lambda author: -author.commits))


def _date(seconds: int) -> datetime | None:
    """A date that the clocks of every place can show. GitPython says 0 of one that it cannot read."""
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < _LAST else None


def _short(text: str | None) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text or "")[:AUTHOR_CHARACTERS]


def _words(name: str) -> str:
    return comparison_key(" ".join(name.split()))
