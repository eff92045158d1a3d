"""What `doctor --hosts` says: one line for each host of the roster, and one for each group that medmark cannot read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from assignments.errors import MedmarkError, listed
from graders.runs.doctor import Fact

if TYPE_CHECKING:
    from graders.intake.hosts import TriedHost


def examine_hosts(course: Path, on_progress: Callable[[int, int, str], None] = lambda *_: None) -> Iterator[Fact]:
    """The hosts of a course's roster; nothing where the course cannot be read, which `examine` says."""
    from graders.course.course import load_course
    from graders.intake.hosts import tried_hosts

    try:
        opened = load_course(course)
    except MedmarkError:
        return
    for host in tried_hosts(opened, on_progress):
        yield from host_facts(host)


def host_facts(host: TriedHost) -> Iterator[Fact]:
    """The host, then its groups that cannot be read or have no branch to collect."""
    if not host.token_is_set:
        yield Fact(
            False,
            f"{host.name}: the environment variable {host.token} is not set, so nobody looked at "
            f"{_repositories(len(host.untried))}: export {host.token}=...",
        )
        return
    if host.silent:
        rest = f"; {_repositories(len(host.untried))} more were not tried" if host.untried else ""
        yield Fact(False, f"{host.name}: {host.tried[0].why}: check its name in the roster, and the network{rest}")
        return
    yield _host_fact(host)
    for each in host.tried:
        if not each.answers:
            yield Fact(False, f"{each.group}: {each.address}: {each.why}")
        elif each.look.how == "no_branch":
            yield Fact(False, f"{each.group}: {each.address}: {each.why}", optional=True)


def _host_fact(host: TriedHost) -> Fact:
    count, answers = len(host.tried), sum(each.answers for each in host.tried)
    by = f"with the token of {host.token}" if host.token else "without a token"
    if answers == count:
        how = f"all {count} repositories answer" if count > 1 else "its repository answers"
        empty = [each.group for each in host.tried if each.look.how == "empty"]
        more = f"; no commit yet: {listed(empty)}" if empty else ""
        return Fact(True, f"{host.name}: {how} {by}{more}")
    if all(each.refused for each in host.tried):
        token = f"the token of {host.token} is refused, or may read nothing here: make a new one with read access"
        cure = (
            token if host.token else "access is refused without a token: name one in [access.token_env] of course.toml"
        )
        return Fact(False, f"{host.name}: none of {_repositories(count)} answers; {cure}")
    how = f"{answers} of {_repositories(count)} answer" if answers else f"none of {_repositories(count)} answers"
    return Fact(False, f"{host.name}: {how} {by}")


def _repositories(count: int) -> str:
    return "1 repository" if count == 1 else f"{count} repositories"
