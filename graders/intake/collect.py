"""The notary: looks at every group's branch, records what it saw by our clock, and fetches it. It marks nothing.

    collect       look, record, fetch; a receipt per group          run it every few minutes from cron
    submissions   the commits that count, as folders to be marked

What counts is decided in `graders.intake.counting`, from the record alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from assignments.assignment import Assignment
from assignments.errors import UserError
from graders.course.course import Course, Group, assignment_of
from graders.intake.checkout import Caps
from graders.intake.clone import Look, fetch, keep_failure, last_failure, look, seen_in
from graders.intake.copies import flag_equal_work
from graders.intake.counting import Counting, counting
from graders.intake.hardened_git import GitFailed, Reach, check_tokens
from graders.intake.imports import modules_of
from graders.intake.owners import Record
from graders.intake.submission import Submission, submission_at
from graders.record.in_force import Decisions
from graders.record.ledger import Ledger, Observation

__all__ = ["Counting", "Receipt", "collect", "counting", "submissions"]

Progress = Callable[[int, int, str], None]
"""Called with how many are done, of how many, and the name of the group just done."""


@dataclass(frozen=True)
class Receipt:
    """What a collection found of one group; a student may read all of it."""

    group: str
    assignment: str
    repository: str
    branch: str
    commit: str | None
    """The tip found now."""
    seen_at: str
    how: str
    """`tip`, `empty`, `no_branch` or `unreachable`."""
    detail: str
    counting: Counting
    problems: tuple[str, ...]
    """Of the commit that counts, each with its cure."""
    timezone: str
    fetched: bool = True
    """False for a commit that was seen and did not come, for a reason that is not the group's."""

    @property
    def unread(self) -> str:
        """Why nothing could be read of the repository this time; empty where it could, empty or not."""
        failed = self.how == "unreachable" or not self.fetched
        if not failed or self.counting.state == "set aside":
            return ""
        return (self.detail or self.counting.reason).partition(" (git: ")[0]

    @property
    def text(self) -> str:
        """The receipt as a few lines."""
        found = self.commit or f"none: {self.detail}"
        counts = self.counting
        which = {
            "provisional": f"{counts.commit} so far" if counts.commit else "none so far",
            "counts": counts.commit,
        }.get(counts.state, counts.state)
        # What was found says it already.
        why = counts.reason if self.commit or self.detail not in counts.reason else ""
        lines = [
            f"{self.group}, {self.assignment}",
            f"  repository  {self.repository}" + (f" (branch {self.branch})" if self.branch else ""),
            f"  found       {found}",
            f"  at          {self._local(datetime.fromisoformat(self.seen_at))}",
            f"  due         {self._local(counts.due)}",
            f"  counts      {which}" + (f" ({why})" if why else ""),
        ]
        if self.commit and self.detail:
            lines.append(f"  problem     {self.detail}")
        lines += [f"  problem     {problem}" for problem in self.problems]
        lines += [f"  later       {tip.commit} seen {self._local(datetime.fromisoformat(tip.seen_at))}"
                  for tip in counts.later_tips]  # fmt: skip
        return "\n".join(lines)

    def _local(self, time: datetime) -> str:
        return time.astimezone(ZoneInfo(self.timezone)).strftime("%Y-%m-%d %H:%M:%S %Z")


def clock() -> datetime:
    """The clock of the notary."""
    return datetime.now(UTC)


def collect(
    course: Course,
    assignment_id: str,
    ledger: Ledger,
    *,
    now: Callable[[], datetime] = clock,
    only: Collection[str] = (),
    jobs: int = 8,
    progress: Progress | None = None,
) -> list[Receipt]:
    """Look at the groups' repositories, several at once; record, fetch, and return the receipts in roster order.

    Every look is recorded as soon as it is made, so a collection that is stopped has lost nothing.

    Raises:
        UserError: the course sets no such assignment or it cannot be read, a token is missing, or `only` names an
            unknown group. Nobody was contacted.
    """
    assignment = assignment_of(course, assignment_id, names=False)
    groups = _groups(course, only)
    found: dict[str, Observation] = {}
    with _stoppable(reach_of(course), jobs) as (reach, pool):
        check_tokens(reach, [group.repository for group in groups if group.repository])
        looks = {pool.submit(_observe, course, assignment_id, group, now, reach): group for group in groups}
        for done, finished in enumerate(as_completed(looks), 1):
            for observation in finished.result():
                ledger.add_observation(observation)
                found[observation.group] = observation
            if progress is not None:
                progress(done, len(groups), looks[finished].name)
    moment = now()
    record = Record.of(course.groups, ledger.observations(assignment_id))
    decisions = Decisions.of(assignment_id, record.followed(ledger.events(assignment_id)))
    decided = _countings(course, record, decisions, groups, moment)
    marked = _files(course, assignment, groups, decided, record, jobs)
    return [
        Receipt(
            group=group.name,
            assignment=assignment_id,
            repository=group.repository,
            branch=look.branch if look else "",
            commit=look.commit if look else None,
            seen_at=look.seen_at if look else _iso(moment),
            how=look.how if look else "unreachable",
            detail=look.detail if look else "not looked at: the roster has no address that can be used",
            counting=decided[group.name],
            problems=submission.problems,
            timezone=course.timezone,
            fetched=submission.state != "not fetched",
        )
        for group, submission in zip(groups, marked, strict=True)
        for look in [found.get(group.name)]
    ]


def submissions(
    course: Course,
    assignment: Assignment,
    record: Record,
    decisions: Decisions,
    now: datetime,
    *,
    only: Collection[str] = (),
) -> list[Submission]:
    """What each group's counting commit holds, in roster order; no network is needed.

    A commit's files are written once and found again by the next call. Equal work of these groups is flagged for
    staff.

    Args:
        record: What was seen, by today's groups.
        decisions: That hold, or would, under the names that groups have now (`Record.followed`).
    """
    groups = _groups(course, only)
    decided = _countings(course, record, decisions, groups, now)
    return _files(course, assignment, groups, decided, record, jobs=4)


def _files(
    course: Course,
    assignment: Assignment,
    groups: Sequence[Group],
    decided: Mapping[str, Counting],
    record: Record,
    jobs: int,
) -> list[Submission]:
    """The files of the commits that count, taken several at once."""

    def taken(group: Group, reach: Reach) -> Submission:
        counts = decided[group.name]
        return _taken(course, assignment, group, counts, mirror_of(course, group, record, counts.commit), reach)

    with _stoppable(reach_of(course), jobs) as (reach, pool):
        taking = [pool.submit(taken, group, reach) for group in groups]
        return flag_equal_work([future.result() for future in taking])


def _groups(course: Course, only: Collection[str]) -> list[Group]:
    wanted = {course.group(name).name for name in only}
    return [group for group in course.groups if not wanted or group.name in wanted]


def _countings(
    course: Course,
    record: Record,
    decisions: Decisions,
    groups: Collection[Group],
    now: datetime,
) -> dict[str, Counting]:
    counted = {
        group.name: counting(course, record.looks.get(group.name, ()), decisions, group, now)
        for group in groups
    }
    return {group.name: _aside(group, counted[group.name]) if group.aside else counted[group.name] for group in groups}


def _aside(group: Group, counted: Counting) -> Counting:
    """Nothing counts while the group's rows are wrong; what was seen is kept. Staff alone read the rows."""
    reason = "the course's staff must correct this group's rows of the roster first; nothing is lost"
    return replace(counted, commit=None, state="set aside", reason=reason, evidence="; ".join(group.aside))


def _observe(
    course: Course, assignment_id: str, group: Group, now: Callable[[], datetime], reach: Reach
) -> list[Observation]:
    """One look at a group's branch, and a second observation if the branch moved while it was fetched.

    None at a group whose address is refused.
    """
    if not group.repository:
        return []
    # The time before the question: what is pushed while the host answers is in the group's favour.
    at = now()
    found = look(group.repository, group.branch, reach)
    seen = Observation(
        group=group.name,
        assignment=assignment_id,
        repository=group.repository,
        branch=found.branch,
        commit=found.commit,
        seen_at=_iso(at),
        how=found.how,
        detail=found.detail,
    )
    mirror = course.mirrors / group.name
    if found.commit is None or seen_in(mirror, found.commit):
        return [seen]
    try:
        fetched = _fetched(mirror, group, found, at, reach)
    except GitFailed as failure:
        return [replace(seen, detail=f"seen, but not fetched: {failure.feedback}")]
    except OSError as error:
        return [replace(seen, detail=f"seen, but not fetched: the marker's disk ({error.strerror})")]
    if fetched == found.commit:
        return [seen]
    return [seen, replace(seen, commit=fetched, seen_at=_iso(now()))]


def _fetched(mirror: Path, group: Group, found: Look, at: datetime, reach: Reach) -> str:
    """The tip that came; why none did is kept."""
    assert found.commit is not None
    try:
        try:
            return fetch(mirror, group.repository, found.branch, found.commit, at, reach)
        except GitFailed as failure:
            # A branch that moves while it is fetched looks like a host that does not know its own tip.
            if not failure.group_at_fault:
                raise
            if look(group.repository, group.branch, reach).commit != found.commit:
                raise GitFailed("the branch moved while it was fetched", str(failure)) from None
            return fetch(mirror, group.repository, found.branch, found.commit, at, reach)
    except GitFailed as failure:
        keep_failure(mirror, found.commit, failure)
        raise


def _taken(
    course: Course, assignment: Assignment, group: Group, decided: Counting, mirror: Path, reach: Reach
) -> Submission:
    facts: dict[str, Any] = {
        "state": decided.state,
        "reason": decided.reason,
        "due": decided.due,
        "seen_at": decided.seen_at,
        "late_since": decided.late_since,
        "later_tips": tuple(tip.commit for tip in decided.later_tips if tip.commit is not None),
    }
    nothing = Submission(
        group=group.name,
        members=group.members,
        repository=group.repository,
        commit=decided.commit,
        folder=None,
        framework=None,
        tree=None,
        flags=(decided.evidence,) if decided.evidence else (),
    )
    if decided.commit is None:
        return replace(nothing, **facts)
    limits = course.repositories
    caps = Caps(assignment.limits.weights_mb, limits.file_mb, limits.total_mb, limits.files)
    folder = course.checkouts / assignment.id / group.name
    modules = modules_of if course.sandbox == "docker" else _not_known
    try:
        taken = submission_at(group, assignment, decided.commit, mirror, folder, caps, reach, modules)
    except GitFailed as failure:
        if not seen_in(mirror, decided.commit):  # what it was when it should have come says more
            failure = last_failure(mirror, decided.commit) or failure
        if failure.group_at_fault:
            # Of the group's own making: a commit of which nothing can be run, as one without solution.py.
            flag = f"commit {decided.commit} is refused: {failure}"
            return replace(nothing, **facts, problems=(failure.feedback,), flags=(*nothing.flags, flag))
        told = f"{failure.feedback}: it was seen but could not be fetched or read"
        facts |= {"state": "not fetched", "reason": told, "problems": (told,), "flags": (*nothing.flags, str(failure))}
        # Without a commit there is no mark: that it could not be fetched must not cost a point.
        facts |= {"commit": None, "later_tips": (decided.commit, *facts["later_tips"])}
        return replace(nothing, **facts)
    except OSError as error:
        raise UserError(
            f"{error.filename or folder}: cannot be written ({error.strerror}). Nothing recorded is lost: make room "
            "or set its permissions right, and run the same command again."
        ) from None
    return replace(taken, **facts, flags=(*nothing.flags, *taken.flags))


def _not_known(framework: str) -> None:
    """What this machine itself holds beside its images is nobody's promise."""


def mirror_of(course: Course, group: Group, record: Record, commit: str | None) -> Path:
    """The mirror that holds a commit: the group's, or that of a name under which the commit was seen."""
    own = course.mirrors / group.name
    if commit is None or seen_in(own, commit):
        return own
    names = {look.group for look in record.looks.get(group.name, ()) if look.commit == commit}
    return next((mirror for name in sorted(names) if seen_in(mirror := course.mirrors / name, commit)), own)


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def reach_of(course: Course) -> Reach:
    """What git may do for a course."""
    return Reach(
        allow_file=course.access.allow_file,
        token_env={host.lower(): name for host, name in course.access.token_env.items()},
        timeout_s=course.repositories.timeout_s,
        size_mb=course.repositories.size_mb,
    )


@contextmanager
def _stoppable(reach: Reach, jobs: int) -> Iterator[tuple[Reach, ThreadPoolExecutor]]:
    """Threads whose git processes end at once when the block is left by an exception, Ctrl-C included."""
    pool = ThreadPoolExecutor(max_workers=max(1, jobs))
    try:
        yield reach, pool
    except BaseException:
        reach.stop.set()
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()
