"""Looks once at every repository of a course's roster, host by host, and says which hosts and tokens let medmark in.

Nothing is fetched and nothing is recorded. What a host prints is in no result, except where no cause is known.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, replace

from graders.course.cells import without_credentials
from graders.course.course import Course, Group
from graders.intake.clone import Look, look
from graders.intake.collect import reach_of, stoppable
from graders.intake.git_messages import ACCESS_REFUSED, NO_ANSWER, UNREADABLE
from graders.intake.hardened_git import Reach, host_of

LONGEST_LOOK_S = 30.0
"""Wall-clock seconds for one look: a person waits for the answer."""
_SSH_HOST = re.compile(r"(?:ssh://)?(?:[^@/]*@)?([^/:]+)")
THIS_MACHINE = "this machine"


@dataclass(frozen=True)
class TriedRepository:
    """One look at a group's repository."""

    group: str
    address: str
    """Without credentials."""
    look: Look

    @property
    def answers(self) -> bool:
        """Whether medmark may read it, even if it holds no commit yet."""
        return self.look.how != "unreachable"

    @property
    def why(self) -> str:
        """Why it cannot be read, or has nothing to collect; empty if it has."""
        feedback, _, evidence = self.look.detail.partition(" (git: ")
        return self.look.detail if feedback == UNREADABLE and evidence else feedback

    @property
    def refused(self) -> bool:
        """Whether the host does not let medmark in."""
        return self.look.detail.startswith(ACCESS_REFUSED)


@dataclass(frozen=True)
class TriedHost:
    """A host of the roster and the looks at its repositories."""

    name: str
    token: str | None
    """The environment variable with the token for it; None if the course has none."""
    token_is_set: bool
    tried: tuple[TriedRepository, ...] = ()
    """In the order of the roster."""
    untried: tuple[str, ...] = ()
    """Groups at whose repositories nobody looked: the token is missing, or the host did not answer."""

    @property
    def silent(self) -> bool:
        """Whether it did not answer at all."""
        return bool(self.tried) and all(each.look.detail.startswith(NO_ANSWER) for each in self.tried)


def tried_hosts(
    course: Course, on_progress: Callable[[int, int, str], None] = lambda *_: None, *, jobs: int = 8
) -> tuple[TriedHost, ...]:
    """Every host of the roster, in its order.

    The first repository of a host shows whether the host answers at all. If not, its others are not tried.

    Args:
        on_progress: Called with the number of groups done, of all groups, and the name of the last one done.
    """
    by_host: dict[str, list[Group]] = {}
    for group in course.groups:
        if group.repository:
            by_host.setdefault(_host(group.repository), []).append(group)
    reach = reach_of(course)
    reach = replace(reach, timeout_s=min(reach.timeout_s, LONGEST_LOOK_S))
    open_hosts = {name: groups for name, groups in by_host.items() if _token_is_set(name, reach)}
    total = sum(map(len, open_hosts.values()))
    first = dict(_looks([groups[0] for groups in open_hosts.values()], reach, jobs, 0, total, on_progress))
    silent = {name for name, groups in open_hosts.items() if first[groups[0].name].detail.startswith(NO_ANSWER)}
    others = [group for name, groups in open_hosts.items() if name not in silent for group in groups[1:]]
    looks = first | dict(_looks(others, reach, jobs, len(first), len(first) + len(others), on_progress))
    return tuple(_tried(name, groups, looks, reach) for name, groups in by_host.items())


def _looks(
    groups: Sequence[Group],
    reach: Reach,
    jobs: int,
    before: int,
    total: int,
    on_progress: Callable[[int, int, str], None],
) -> Iterator[tuple[str, Look]]:
    """A look at each group's branch, several at once, by the name of the group."""
    with stoppable(reach, jobs) as (stoppable_reach, pool):
        futures = {pool.submit(look, group.repository, group.branch, stoppable_reach): group for group in groups}
        for done, finished in enumerate(as_completed(futures), before + 1):
            on_progress(done, total, futures[finished].name)
            yield futures[finished].name, finished.result()


def _tried(name: str, groups: Sequence[Group], looks: Mapping[str, Look], reach: Reach) -> TriedHost:
    tried = [
        TriedRepository(group.name, without_credentials(group.repository), looks[group.name])
        for group in groups
        if group.name in looks
    ]
    untried = [group.name for group in groups if group.name not in looks]
    return TriedHost(name, reach.token_env.get(name), _token_is_set(name, reach), tuple(tried), tuple(untried))


def _token_is_set(host: str, reach: Reach) -> bool:
    """Whether nothing is missing: the course has no token for the host, or the environment has it."""
    name = reach.token_env.get(host)
    return name is None or bool(os.environ.get(name, "").strip())


def _host(address: str) -> str:
    if address.startswith("https://"):
        return host_of(address)
    if address.startswith("file://"):
        return THIS_MACHINE
    match = _SSH_HOST.match(address)
    return f"{match[1].lower()} (ssh)" if match else address
