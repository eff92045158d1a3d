"""The append-only record of a course: one SQLite file. It decides nothing and changes no row.

`run` holds who started which command, `observation` which commit was seen when, `stage` the result of one piece of
marking, `event` a person's decision, `job` how long marking took. A mark is a pure function of stages and events. One
process writes at a time (the coordinator, under the course's lock); others may read meanwhile.
`graders.record.ledger_file` makes and opens the file.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from assignments.errors import UserError
from graders.record.documents import Phases, Result, to_json
from graders.record.ledger_file import damaged, named, open_to_read, open_to_write, transaction
from graders.record.read_documents import Malformed, Newer, result

REMOTE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs")
"""File systems on which SQLite's write-ahead log is not safe: it shares its index by mapping a file."""


@dataclass(frozen=True)
class Observation:
    """The result of one look at a group's branch, by the clock of this machine."""

    group: str
    assignment: str
    repository: str
    branch: str
    commit: str | None
    seen_at: str
    """ISO 8601, UTC."""
    how: str
    """`tip`, `unreachable`, `empty`, `no_branch` and the like."""
    detail: str = ""


@dataclass(frozen=True)
class Stage:
    """The result of one piece of marking, under its content key (`graders.record.keys`)."""

    key: str
    kind: Literal["test", "answers", "score"]
    group: str
    assignment: str
    commit: str | None
    name: str
    """Id of the hidden test, number of the repeat, or id of the accuracy criterion."""
    status: Literal["final", "unknown"]
    """`unknown` after a toolkit failure: the next run tries again."""
    reason: str | None
    cpu_s: float
    wall_s: float
    document: Result
    blob: str | None = None
    """Name of a file of stored answers, written before this row."""


@dataclass(frozen=True)
class StageRow:
    """A stage's row without its result."""

    at: str
    key: str
    kind: Literal["test", "answers", "score"]
    group: str
    commit: str | None
    name: str


@dataclass(frozen=True)
class SpentStage:
    """The seconds that a stage took."""

    key: str
    kind: Literal["test", "answers", "score"]
    group: str
    """The group that it was run for: groups with an equal solution share it."""
    name: str
    cpu_s: float
    wall_s: float
    flags: tuple[str, ...] = ()
    """Of answers: what staff should look at."""
    gpu_peak_mb: float | None = None
    """Of answers: the most memory of GPUs that was in use; None without a GPU, or if not measured."""
    gpu_busy_s: float | None = None
    """Of answers: seconds in which GPUs computed; None without a GPU, or if not measured."""


@dataclass(frozen=True)
class SeenTip:
    """A commit at the tip of a branch, over all looks that saw it there."""

    group: str
    repository: str
    branch: str
    commit: str
    first_seen_at: str
    """ISO 8601, UTC."""
    last_seen_at: str


@dataclass(frozen=True)
class Event:
    """A person's decision: an extension, an override, a void test …"""

    at: str
    """ISO 8601, UTC."""
    who: str
    assignment: str
    """The assignment that it is about."""
    kind: str
    """One of `graders.record.decisions.DECISION_KINDS`, a snapshot of marks (`snapshots`), or an export (`exports`)."""
    value: str
    reason: str
    """Why. The person whom it is about may read it."""
    group: str = ""
    """The group that it is about, or the member's group at the time of the decision; empty for all."""
    member: str = ""
    """The person that it is about; empty for a group or all."""
    number: int = field(default=0, compare=False)
    """Its number in the ledger, by which it can be retracted; 0 while it is not recorded."""
    reference: str = ""
    """A case number or a note, for staff alone: no student's page shows it."""


def unreadable(event: Event, holds: str, why: str) -> UserError:
    """The error that a recorded event holds what this medmark cannot read."""
    return UserError(
        f"event {event.number} of the ledger ({event.kind}, {event.at[:10]}) holds {holds} that cannot be read "
        f"({why}): a newer medmark wrote it (pip install --upgrade medmark), or the file is damaged (put a backup of "
        "it in its place)"
    )


@dataclass(frozen=True)
class JobTimes:
    """How long one job took, by the wall clock. It moves no mark."""

    group: str
    """Of the submission that was run; groups with an equal solution share its results."""
    assignment: str
    commit: str | None
    queue_s: float
    """From the moment when the job was ready until a slot was free."""
    wall_s: float
    """From then on to the end, with all markers that had to be started."""
    phases: Phases
    """Of the last marker."""
    marker_cpu_s: float
    """CPU seconds of the last marker itself."""
    gpus: int
    """GPUs that its containers held."""


OBSERVATION = '"group", assignment, repository, branch, "commit", seen_at, how, detail'
STAGE = 'key, kind, "group", assignment, "commit", name, status, reason, cpu_s, wall_s, document, blob'
JOB = (
    '"group", assignment, "commit", queue_s, wall_s, draw_s, open_s, tests_s, fit_s, predict_s, score_s, marker_cpu_s, '
    "gpus"
)
EVENT = 'at, who, assignment, kind, value, reason, "group", member, id, reference'
OF_GROUP = 'assignment = ? AND (? IS NULL OR "group" = ?)'


class Ledger:
    """An open ledger; a context manager. Every error is a `UserError` that names the file and says what to do."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.run: int | None = None
        """The run that this process records under; set by `start_run`."""
        self._db = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the ledger at `path`. A missing one is made, with its folder; an older one is migrated."""
        refuse_remote(path.parent)
        return cls(path, open_to_write(path))

    @classmethod
    def open_to_read(cls, path: Path) -> Self:
        """Open the ledger at `path` and change nothing of it; its folder may be read-only, as a backup's."""
        refuse_remote(path.parent)
        return cls(path, open_to_read(path))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start_run(self, command: str) -> int:
        """Record that this process begins `command`; return the number under which its stages are recorded."""
        with self._writing() as db:
            cursor = db.execute(
                "INSERT INTO run (started_at, pid, host, command) VALUES (?, ?, ?, ?)",
                (now(), os.getpid(), socket.gethostname(), command),
            )
            self.run = cursor.lastrowid
        assert self.run is not None
        return self.run

    def add_observation(self, observation: Observation) -> None:
        """Record one look at a branch."""
        with self._writing() as db:
            db.execute(
                f"INSERT INTO observation ({OBSERVATION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    observation.group,
                    observation.assignment,
                    observation.repository,
                    observation.branch,
                    observation.commit,
                    observation.seen_at,
                    observation.how,
                    observation.detail,
                ),
            )

    def observations(self, assignment: str, group: str | None = None) -> list[Observation]:
        """The observations for an assignment, or for one group, oldest first."""
        rows = self._read(
            f"SELECT {OBSERVATION} FROM observation WHERE {OF_GROUP} ORDER BY id",
            (assignment, group, group),
        )
        return [Observation(*row) for row in rows]

    def tips(self, assignment: str) -> list[SeenTip]:
        """The commits that the looks for an assignment saw, the earliest first.

        A term of collections has a million looks, and a few thousand tips.
        """
        rows = self._read(
            'SELECT "group", repository, branch, "commit", min(seen_at), max(seen_at) FROM observation '
            'WHERE assignment = ? AND "commit" IS NOT NULL GROUP BY "group", repository, branch, "commit" '
            "ORDER BY min(seen_at), min(id)",
            (assignment,),
        )
        return [SeenTip(*row) for row in rows]

    def last_looks(self, assignment: str) -> list[Observation]:
        """The last look at each repository of each group, oldest first."""
        rows = self._read(
            f"SELECT {OBSERVATION} FROM observation WHERE id IN "
            '(SELECT max(id) FROM observation WHERE assignment = ? GROUP BY "group", repository) ORDER BY id',
            (assignment,),
        )
        return [Observation(*row) for row in rows]

    def add_stages(self, stages: Iterable[Stage]) -> None:
        """Record stages: all of them, or none after an error."""
        rows = [
            (
                self.run,
                now(),
                s.key,
                s.kind,
                s.group,
                s.assignment,
                s.commit,
                s.name,
                s.status,
                s.reason,
                s.cpu_s,
                s.wall_s,
                to_json(s.document),
                s.blob,
            )
            for s in stages
        ]
        marks = ", ".join("?" * 14)
        with self._writing() as db:
            db.executemany(f"INSERT INTO stage (run, at, {STAGE}) VALUES ({marks})", rows)

    def stages(self, keys: Iterable[str]) -> dict[str, Stage]:
        """By key: the newest final stage, else the newest one."""
        rows = self._read(
            f"SELECT {STAGE}, id FROM stage WHERE key IN (SELECT value FROM json_each(?)) "
            "ORDER BY status = 'final', id",
            (json.dumps(list(keys)),),
        )
        with _without_collection():
            return {key: self._stage(row) for key, row in {row[0]: row for row in rows}.items()}

    def stage_history(self, assignment: str, group: str | None = None) -> list[Stage]:
        """Every stage ever recorded for an assignment, or for one group, oldest first: the trace."""
        rows = self._read(
            f"SELECT {STAGE}, id FROM stage WHERE {OF_GROUP} ORDER BY id",
            (assignment, group, group),
        )
        with _without_collection():
            return [self._stage(row) for row in rows]

    def final_stages(self, assignment: str, commits: Iterable[tuple[str, str]]) -> list[StageRow]:
        """The rows of the final stages of some groups' commits, under any key, oldest first."""
        rows = self._read(
            'SELECT at, key, kind, "group", "commit", name FROM stage WHERE assignment = ? AND status = \'final\' '
            'AND ("group", "commit") IN '
            "(SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)) ORDER BY id",
            (assignment, json.dumps(list(commits))),
        )
        return [StageRow(*row) for row in rows]

    def has_stages(self, assignment: str) -> bool:
        """Whether any stage of an assignment was recorded."""
        return bool(self._read("SELECT 1 FROM stage WHERE assignment = ? LIMIT 1", (assignment,)))

    def spent(self, keys: Iterable[str]) -> list[SpentStage]:
        """The seconds of the stages under these keys that count, without their results."""
        rows = self._read(
            'SELECT key, kind, "group", name, cpu_s, wall_s, '
            "CASE WHEN kind = 'answers' AND json_valid(document) THEN "
            "json_extract(document, '$.flags', '$.gpu_peak_mb', '$.gpu_busy_s') END FROM stage "
            "WHERE key IN (SELECT value FROM json_each(?)) ORDER BY status = 'final', id",
            (json.dumps(list(keys)),),
        )
        newest = {}
        for key, *rest, of_answers in rows:
            flags, *gpu = json.loads(of_answers or "[null, null, null]")
            newest[key] = (key, *rest, tuple(flags or ()), *gpu)
        return [SpentStage(*row) for row in newest.values()]

    def blobs(self) -> set[str]:
        """The names of all files of stored answers that a stage names: to hidden cases, and to public ones."""
        of_hidden = self._read("SELECT DISTINCT blob FROM stage WHERE blob IS NOT NULL", ())
        of_public = self._read(
            "SELECT DISTINCT json_extract(document, '$.public.file') FROM stage "
            "WHERE kind = 'answers' AND json_valid(document)",
            (),
        )
        return {name for (name,) in (*of_hidden, *of_public) if name}

    def add_job(self, job: JobTimes) -> None:
        """Record how long a job took."""
        phases = job.phases
        spent = (phases.draw_s, phases.open_s, phases.tests_s, phases.fit_s, phases.predict_s, phases.score_s)
        row = (job.group, job.assignment, job.commit, job.queue_s, job.wall_s, *spent, job.marker_cpu_s, job.gpus)
        marks = ", ".join("?" * (2 + len(row)))
        with self._writing() as db:
            db.execute(f"INSERT INTO job (run, at, {JOB}) VALUES ({marks})", (self.run, now(), *row))

    def jobs(self, assignment: str) -> list[JobTimes]:
        """How long each job of an assignment took, oldest first."""
        rows = self._read(f"SELECT {JOB} FROM job WHERE assignment = ? ORDER BY id", (assignment,))
        return [
            JobTimes(group, assignment, commit, queue_s, wall_s, Phases(*seconds), cpu_s, gpus)  # in the order of JOB
            for group, assignment, commit, queue_s, wall_s, *seconds, cpu_s, gpus in rows
        ]

    def add_event(self, event: Event) -> None:
        """Record one decision."""
        self.add_events([event])

    def add_events(self, events: Iterable[Event]) -> None:
        """Record decisions: all of them, or none after an error."""
        rows = [(e.at, e.who, e.assignment, e.kind, e.value, e.reason, e.group, e.member, None, e.reference)
                for e in events]  # fmt: skip
        with self._writing() as db:
            db.executemany(f"INSERT INTO event ({EVENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def events(self, assignment: str | None = None) -> list[Event]:
        """All decisions, or those about one assignment, oldest first."""
        rows = self._read(
            f"SELECT {EVENT} FROM event WHERE ? IS NULL OR assignment = ? ORDER BY id", (assignment, assignment)
        )
        return [Event(*row) for row in rows]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is recorded, or nothing."""
        with named(self.path), transaction(self._db):
            yield self._db

    def _stage(self, row: tuple[Any, ...]) -> Stage:
        """A row as a stage. Here results that leave the ledger are validated."""
        *columns, document, blob, number = row
        try:
            return Stage(*(*columns, result(columns[1], document), blob))
        except Malformed as error:
            where = f"row {number} of the table stage ({columns[1]} {columns[5]!r} of {columns[2]})"
            if isinstance(error, Newer):
                raise UserError(f"{self.path}: {where} cannot be read: {error}") from error
            raise UserError(damaged(self.path, f"{where} does not hold a result: {error}")) from error

    def _read(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with named(self.path):
            return self._db.execute(query, tuple(values)).fetchall()


@contextmanager
def _without_collection() -> Iterator[None]:
    """No garbage collection inside: results hold no cycles, and each pass would walk all results that were read so far.

    With it, reading the results of a large cohort takes almost twice as long.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def now() -> str:
    """The clock of the ledger: ISO 8601 in UTC, to the millisecond, so that text sorts as time does."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def refuse_remote(folder: Path) -> None:
    """Refuse a folder on a network file system; one of an unknown kind is accepted."""
    import psutil  # a browser has none, and a notebook there keeps no ledger

    try:
        mounts = psutil.disk_partitions(all=True)
    except OSError:
        return
    path = folder.resolve()
    # Of mounts at the same point the last hides the others.
    over = [mount for mount in mounts if path.is_relative_to(mount.mountpoint)]
    kind = max(reversed(over), key=lambda mount: len(mount.mountpoint)).fstype if over else ""
    if kind in REMOTE:
        raise UserError(
            f"{folder}: lies on a network file system ({kind}), which could damage the ledger. "
            "Copy the course folder to a local disk (cp -a) and run the same command there."
        )
