"""How groups worked over the term: the commits that the collections saw, and who is silent. It decides no mark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from graders.course.roster import Group
from graders.intake.owners import Owners
from graders.record.ledger import Observation, SeenTip

SILENT_AFTER: Final = timedelta(days=14)
"""A group without a new commit for this long is silent."""


@dataclass(frozen=True)
class GroupTerm:
    """What the collections saw of one group."""

    group: str
    commits: tuple[datetime, ...] = ()
    """When each commit was first seen at the tip of its branch, in UTC, the first one first."""
    last_look: Observation | None = None
    """None while no collection has looked."""

    @property
    def first(self) -> datetime | None:
        """When its first commit was seen."""
        return self.commits[0] if self.commits else None

    @property
    def last(self) -> datetime | None:
        """When its last new commit was seen."""
        return self.commits[-1] if self.commits else None

    def silent_at(self, moment: datetime) -> timedelta | None:
        """For how long it had been silent at a moment; None if it was not, or if it has no commit at all."""
        before = [commit for commit in self.commits if commit <= moment]
        silence = moment - before[-1] if before else None
        return silence if silence is not None and silence >= SILENT_AFTER else None


@dataclass(frozen=True)
class SeenCommits:
    """The commits of all groups together."""

    commits: int
    groups: int
    """Of which a commit was seen."""
    first: datetime | None = None
    last: datetime | None = None


def seen_commits(terms: Mapping[str, GroupTerm]) -> SeenCommits:
    """What the collections saw of a cohort."""
    seen = [term.commits for term in terms.values() if term.commits]
    if not seen:
        return SeenCommits(0, 0)
    first, last = min(commits[0] for commits in seen), max(commits[-1] for commits in seen)
    return SeenCommits(sum(map(len, seen)), len(seen), first, last)


def terms_of(
    groups: Iterable[Group], tips: Iterable[SeenTip], last_looks: Iterable[Observation]
) -> Mapping[str, GroupTerm]:
    """By group of the roster: what was seen of it, under whatever name it had then."""
    groups = list(groups)
    owners = Owners.of(groups)
    commits: dict[str, dict[str, datetime]] = {group.name: {} for group in groups}
    last: dict[str, Observation] = {}
    for tip in tips:
        owner = owners.name(tip)
        if owner is not None:
            first = datetime.fromisoformat(tip.first_seen_at)
            seen = commits[owner]
            seen[tip.commit] = min(first, seen.get(tip.commit, first))
    for look in last_looks:
        owner = owners.name(look)
        if owner is not None:
            last[owner] = look
    return {name: GroupTerm(name, tuple(sorted(seen.values())), last.get(name)) for name, seen in commits.items()}
