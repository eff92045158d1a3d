"""Looks at every group's branch, records what it sees by medmark's clock, and fetches it.

    collect       look, record, fetch; a receipt for each group     run it every few minutes from cron
    submissions   the commits that count, as folders to mark

`graders.intake.counting` decides what counts, from the record alone.
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
from graders.intake.clone import Look, fetch, last_failure, look, seen_in, store_failure
from graders.intake.copies import flag_equal_work
from graders.intake.counting import Counting, counting
from graders.intake.hardened_git import GitFailed, Reach, check_tokens
from graders.intake.owners import Record
from graders.intake.submission import ComparedWith, Submission, submission_at
from graders.record.in_force import Decisions
from graders.record.ledger import Ledger, Observation
from graders.wall.sandboxes.runtime_records import facts_of

__all__ = ["Counting", "Receipt", "collect", "counting", "submissions"]


@dataclass(frozen=True)
class Receipt:
    """The result of a collection for one group; a student may read all of it."""

    group: str
    assignment: str
    repository: str
    branch: str
    commit: str | None
    """The tip that this collection saw."""
    seen_at: str
    how: str
    """`tip`, `empty`, `no_branch` or `unreachable`."""
    detail: str
    counting: Counting
    problems: tuple[str, ...]
    """Problems of the commit that counts, each with its cure."""
    timezone: str
    fetched: bool = True
    """False if the commit was seen but could not be fetched, and the group is not at fault."""

    @property
    def unread(self) -> str:
        """Why the repository could not be read this time; empty if it could, even where it holds no commit."""
        failed = self.how == "unreachable" or not self.fetched
        if not failed or self.counting.state == "set aside":
            return ""
        return (self.detail or self.counting.reason).partition(" (git: ")[0]

    @property
    def text(self) -> str:
        """The receipt as a few lines."""
        commit = self.commit or f"none ({self.detail})"
        counts = self.counting
        which = {
            "provisional": f"{counts.commit} so far" if counts.commit else "none so far",
            "counts": counts.commit,
            "nothing handed in": "none",
            "not settled": "not settled yet",
            "waits for a person": "none yet: waits for a person",
            "set aside": "none yet: the group is set aside",
        }[counts.state]
        # The line of the commit may give the reason already.
        why = counts.reason if self.commit or self.detail not in counts.reason else ""
        lines = [
            f"{self.group}, {self.assignment}",
            f"  repository  {self.repository}" + (f" (branch {self.branch})" if self.branch else ""),
            f"  commit      {commit}",
            f"  seen at     {self._local(datetime.fromisoformat(self.seen_at))}",
            f"  due         {self._local(counts.due)}",
            f"  counts      {which}" + (f" ({why})" if why else ""),
        ]
        if self.commit and self.detail:
            lines.append(f"  problem     {self.detail}")
        lines += [f"  problem     {problem}" for problem in self.problems]
        undecided = counts.state in ("waits for a person", "not settled")
        label = "may count   " if undecided else "later       "
        for tip in counts.later_tips:
            lines.append(f"  {label}{tip.commit} seen {self._local(datetime.fromisoformat(tip.seen_at))}")
        return "\n".join(lines)

    def _local(self, time: datetime) -> str:
        return time.astimezone(ZoneInfo(self.timezone)).strftime("%Y-%m-%d %H:%M:%S %Z")


def clock() -> datetime:
    """The clock by which looks are recorded."""
    return datetime.now(UTC)


def collect(
    course: Course,
    assignment_id: str,
    ledger: Ledger,
    *,
    now: Callable[[], datetime] = clock,
    only: Collection[str] = (),
    jobs: int = 8,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> list[Receipt]:
    """Look at the groups' repositories, several at once; record, fetch, and return the receipts in roster order.

    Every look is recorded at once, so stopping a collection loses nothing.

    Args:
        on_progress: Called with the number of groups done, the number of all groups, and the name of the last one done.

    Raises:
        UserError: the course has no such assignment or cannot read it, a token is missing, or `only` names an unknown
            group. No host was contacted.
    """
    assignment = assignment_of(course, assignment_id, names=False)
    groups = _groups(course, only)
    latest: dict[str, Observation] = {}
    with stoppable(reach_of(course), jobs) as (reach, pool):
        check_tokens(reach, [group.repository for group in groups if group.repository])
        looks = {pool.submit(_observe, course, assignment_id, group, now, reach): group for group in groups}
        for done, finished in enumerate(as_completed(looks), 1):
            for observation in finished.result():
                ledger.add_observation(observation)
                latest[observation.group] = observation
            if on_progress is not None:
                on_progress(done, len(groups), looks[finished].name)
    moment = now()
    record = Record.of(course.groups, ledger.observations(assignment_id))
    decisions = Decisions.of(assignment_id, record.followed(ledger.events(assignment_id)))
    decided = _countings(course, record, decisions, groups, moment)
    held = _files(course, assignment, groups, decided, record, jobs)
    return [
        Receipt(
            group=group.name,
            assignment=assignment_id,
            repository=group.repository,
            branch=look.branch if look else "",
            commit=look.commit if look else None,
            seen_at=look.seen_at if look else _iso(moment),
            how=look.how if look else "unreachable",
            detail=look.detail if look else "not collected: the roster has no usable address for this group",
            counting=decided[group.name],
            problems=submission.problems,
            timezone=course.timezone,
            fetched=submission.state != "not fetched",
        )
        for group, submission in zip(groups, held, strict=True)
        for look in [latest.get(group.name)]
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
    """The submission of each group, in roster order, from the commit that counts; no network is needed.

    A commit's files are written once, and the next call uses them again. Equal work of these groups is flagged for
    staff.

    Args:
        record: The looks, by today's groups.
        decisions: Those in force, or proposed, under today's names of groups (`Record.followed`).
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
    """The files of the commits that count, several groups at once."""
    # Without an image, medmark cannot know which modules a solution may import.
    compared_with = ComparedWith(assignment, facts_of if course.sandbox == "docker" else lambda _: None)

    def submission_of(group: Group, reach: Reach) -> Submission:
        counts = decided[group.name]
        mirror = mirror_of(course, group, record, counts.commit)
        return _submission(course, group, counts, mirror, reach, compared_with)

    with stoppable(reach_of(course), jobs) as (reach, pool):
        futures = [pool.submit(submission_of, group, reach) for group in groups]
        return flag_equal_work([future.result() for future in futures])


def _groups(course: Course, only: Collection[str]) -> list[Group]:
    names = {course.group(name).name for name in only}
    return [group for group in course.groups if not names or group.name in names]


def _countings(
    course: Course,
    record: Record,
    decisions: Decisions,
    groups: Collection[Group],
    now: datetime,
) -> dict[str, Counting]:
    counted = {
        group.name: counting(course, record.looks.get(group.name, ()), decisions, group, now) for group in groups
    }
    return {group.name: _aside(group, counted[group.name]) if group.aside else counted[group.name] for group in groups}


def _aside(group: Group, counted: Counting) -> Counting:
    """Nothing counts while the group's rows are wrong, but the looks stay on record. Only staff read the rows."""
    reason = "the course's staff must correct this group's rows of the roster first; nothing is lost"
    return replace(counted, commit=None, state="set aside", reason=reason, evidence="; ".join(group.aside))


def _observe(
    course: Course, assignment_id: str, group: Group, now: Callable[[], datetime], reach: Reach
) -> list[Observation]:
    """One look at a group's branch, and a second observation if the branch moved during the fetch.

    A group whose address is refused has none.
    """
    if not group.repository:
        return []
    # Taken before the look: a push while the host answers then counts in the group's favour.
    at = now()
    looked = look(group.repository, group.branch, reach)
    seen = Observation(
        group=group.name,
        assignment=assignment_id,
        repository=group.repository,
        branch=looked.branch,
        commit=looked.commit,
        seen_at=_iso(at),
        how=looked.how,
        detail=looked.detail,
    )
    mirror = course.mirrors / group.name
    if looked.commit is None or seen_in(mirror, looked.commit):
        return [seen]
    try:
        fetched = _fetched(mirror, group, looked, at, reach)
    except GitFailed as failure:
        return [replace(seen, detail=f"seen, but not fetched: {failure.feedback}")]
    except OSError as error:
        return [replace(seen, detail=f"seen, but not fetched: the marker's disk ({error.strerror})")]
    if fetched == looked.commit:
        return [seen]
    return [seen, replace(seen, commit=fetched, seen_at=_iso(now()))]


def _fetched(mirror: Path, group: Group, looked: Look, at: datetime, reach: Reach) -> str:
    """The fetched tip; if the fetch fails, the reason is stored."""
    assert looked.commit is not None
    try:
        try:
            return fetch(mirror, group.repository, looked.branch, looked.commit, at, reach)
        except GitFailed as failure:
            # If the branch moves during the fetch, the host seems not to know its own tip.
            if not failure.group_at_fault:
                raise
            if look(group.repository, group.branch, reach).commit != looked.commit:
                raise GitFailed("the branch moved while it was fetched", str(failure)) from None
            return fetch(mirror, group.repository, looked.branch, looked.commit, at, reach)
    except GitFailed as failure:
        store_failure(mirror, looked.commit, failure)
        raise


def _submission(
    course: Course, group: Group, decided: Counting, mirror: Path, reach: Reach, compared_with: ComparedWith
) -> Submission:
    assignment = compared_with.assignment
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
    try:
        submission = submission_at(group, assignment, decided.commit, mirror, folder, caps, reach, compared_with)
    except GitFailed as failure:
        if not seen_in(mirror, decided.commit):  # the failure of its fetch says more
            failure = last_failure(mirror, decided.commit) or failure
        if failure.group_at_fault:
            # The group is at fault: nothing of this commit can run, as without solution.py.
            flag = f"commit {decided.commit} is refused: {failure}"
            return replace(nothing, **facts, problems=(failure.feedback,), flags=(*nothing.flags, flag))
        why = f"the commit was seen, but it could not be fetched or read: {failure.feedback}"
        facts |= {"state": "not fetched", "reason": why, "problems": (why,), "flags": (*nothing.flags, str(failure))}
        # Without a commit there is no mark: a failed fetch must not cost a point.
        facts |= {"commit": None, "later_tips": (decided.commit, *facts["later_tips"])}
        return replace(nothing, **facts)
    except OSError as error:
        raise UserError(
            f"{error.filename or folder}: cannot be written ({error.strerror}). Nothing on record is lost: make room "
            "or correct its permissions, and run the same command again."
        ) from None
    return replace(submission, **facts, flags=(*nothing.flags, *submission.flags))


def mirror_of(course: Course, group: Group, record: Record, commit: str | None) -> Path:
    """The mirror with a commit: the group's own, or that of an earlier name under which the commit was seen."""
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
def stoppable(reach: Reach, jobs: int) -> Iterator[tuple[Reach, ThreadPoolExecutor]]:
    """Threads whose git processes end at once if an exception or Ctrl-C ends the block."""
    pool = ThreadPoolExecutor(max_workers=max(1, jobs))
    try:
        yield reach, pool
    except BaseException:
        reach.stop.set()
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()
