"""Reads who committed what to a group's repository, and when: evidence for staff, on which no mark depends.

Whoever commits sets name, address and date. This module reads medmark's own bare mirror, with medmark's settings and
attributes; a fetch brings no hooks, settings or attributes of the group's repository.

Three steps keep a hostile history from costing the host much: `hardened_git` lists the newest commits and their sizes
within its limits of time and memory, GitPython reads those that are small enough, and `changed_lines` counts what they
change.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from graders.course.cells import comparison_key
from graders.course.roster import Member
from graders.intake.changed_lines import COUNT_S, Changed, LineCounts, changed_lines
from graders.intake.clone import is_commit, object_sizes
from graders.intake.hardened_git import GitFailed, Reach, environment_for_reading, run_git
from graders.intake.listing import without_controls

COMMITS: Final = 1000
"""How many commits are read; of a longer history, the newest."""
COMMIT_BYTES: Final = 16_384
"""A larger commit is counted but not read: its message alone has ten pages."""
WALK_S: Final = 20.0
READ_S: Final = 10.0
AUTHOR_CHARACTERS: Final = 100
"""Longest name or address that is read."""
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Author:
    """One name and address that commits carry."""

    name: str
    """From the newest of the commits."""
    email: str
    commits: int
    first: datetime | None
    """By the commits' own dates, in UTC; None if they have no valid date."""
    last: datetime | None
    changed: Changed = field(default_factory=Changed)
    """By the commits whose lines were counted."""
    counted: int = 0
    """Commits whose changed lines were counted."""


@dataclass(frozen=True)
class History:
    """The commits up to the one that counts, with merges and those of the handout."""

    authors: tuple[Author, ...]
    """The one with the most commits first."""
    unread: int = 0
    """Commits that are too large or malformed, or for which there was no time."""
    older: bool = False
    """Whether there are more than `COMMITS`."""
    merges: int = 0
    """How many of the commits read are merges, which change no lines of their own."""
    crowded: int = 0
    """Commits that change too many files for their lines to be counted."""

    @property
    def commits(self) -> int:
        """How many were read."""
        return sum(author.commits for author in self.authors)

    @property
    def counted(self) -> int:
        """Commits whose changed lines were counted."""
        return sum(author.counted for author in self.authors)

    @property
    def uncounted(self) -> int:
        """Commits read whose lines could not be counted within the limits of time, memory and output."""
        return self.commits - self.crowded - self.counted

    @property
    def changed(self) -> Changed:
        """By the commits whose lines were counted."""
        return sum((author.changed for author in self.authors), Changed())

    @property
    def first(self) -> datetime | None:
        """The earliest date of a commit."""
        return min((author.first for author in self.authors if author.first), default=None)

    @property
    def last(self) -> datetime | None:
        """The latest date of a commit."""
        return max((author.last for author in self.authors if author.last), default=None)

    def of(self, members: Sequence[Member]) -> dict[str, tuple[Author, ...]]:
        """The authors of each member by id, and under "" authors who match no member.

        An author's address identifies the member; if no member has it, a name that only one member has does.
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
        sizes = object_sizes(mirror, listed.split(), reach)
    except GitFailed:
        return None
    small = [id.decode("ascii") for id, size in islice(sizes.items(), COMMITS) if size <= COMMIT_BYTES]
    signed = list(_signed(mirror, small, time.monotonic() + read_s))
    counts = changed_lines(mirror, [commit.id for commit in signed], count_s)
    return History(
        _authors(signed, counts),
        unread=min(len(sizes), COMMITS) - len(signed),
        older=len(sizes) > COMMITS,
        merges=sum(commit.merge for commit in signed),
        crowded=len(counts.crowded),
    )


@dataclass(frozen=True)
class _Signed:
    """A commit with the author and date that it names."""

    id: str
    merge: bool
    name: str
    email: str
    date: datetime | None


def _signed(mirror: Path, ids: Sequence[str], latest: float) -> Iterator[_Signed]:
    """These commits with their authors, in order, until the time is over."""
    import git  # imported here: it takes 0.1 s, and most commands read no history

    with git.Repo(mirror, expand_vars=False) as repository, _silent(logging.getLogger("git.objects.commit")):
        repository.git.update_environment(**environment_for_reading(mirror))
        for id in ids:
            if time.monotonic() > latest:
                return
            # A group wrote the commit: if reading it raises anything, it counts as unread.
            with suppress(Exception):
                commit = git.Commit(repository, bytes.fromhex(id))
                author, date = commit.author, _date(commit.authored_date)
                yield _Signed(id, len(commit.parents) > 1, _short(author.name), _short(author.email), date)


@contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    """GitPython logs what it cannot decode, as the group wrote it: keep that off the terminal."""
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _authors(signed: Sequence[_Signed], counts: LineCounts) -> tuple[Author, ...]:
    """One author for each name and address; the commits come newest first."""
    by_author: dict[str, list[_Signed]] = {}
    for commit in signed:
        by_author.setdefault(comparison_key(commit.email) or _words(commit.name), []).append(commit)
    authors = []
    for commits in by_author.values():
        dates = [commit.date for commit in commits if commit.date]
        first, last = min(dates, default=None), max(dates, default=None)
        counted = [counts.changed[commit.id] for commit in commits if commit.id in counts.changed]
        newest, changed = commits[0], sum(counted, Changed())
        authors.append(Author(newest.name, newest.email, len(commits), first, last, changed, len(counted)))
    return tuple(sorted(authors, key=lambda author: -author.commits))


def _date(seconds: int) -> datetime | None:
    """A date that every calendar has. GitPython gives 0 for one that it cannot read."""
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < _LAST else None


def _short(text: str | None) -> str:
    return without_controls(text or "")[:AUTHOR_CHARACTERS]


def _words(name: str) -> str:
    return comparison_key(" ".join(name.split()))
