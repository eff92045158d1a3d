"""The append-only record of a course: one SQLite file. It decides nothing and never changes what it holds.

`run` says who started which command, `observation` which commit was seen when, `stage` what one piece of
marking gave, `event` what a person decided. A mark is a pure function of stages and events. One process
writes at a time (the coordinator, under the course's lock); others may read meanwhile.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import psutil

from assignments.errors import UserError

APPLICATION = 0x6D65646D
"""`medm`: tells our file from another program's SQLite file."""
VERSION = 2
"""Of the tables. A file of an older version is given the columns that it lacks; its rows stay as they are."""

TABLES = {
    "run": "started_at TEXT NOT NULL, pid INTEGER NOT NULL, host TEXT NOT NULL, command TEXT NOT NULL",
    "observation": '"group" TEXT NOT NULL, assignment TEXT NOT NULL, repository TEXT NOT NULL, '
    'branch TEXT NOT NULL, "commit" TEXT, seen_at TEXT NOT NULL, how TEXT NOT NULL, detail TEXT NOT NULL',
    "stage": "run INTEGER, at TEXT NOT NULL, key TEXT NOT NULL, "
    "kind TEXT NOT NULL CHECK (kind IN ('test', 'answers', 'score')), "
    '"group" TEXT NOT NULL, assignment TEXT NOT NULL, "commit" TEXT, name TEXT NOT NULL, '
    "status TEXT NOT NULL CHECK (status IN ('final', 'unknown')), reason TEXT, cpu_s REAL NOT NULL, "
    "wall_s REAL NOT NULL, document TEXT NOT NULL, blob TEXT",
    "event": "at TEXT NOT NULL, who TEXT NOT NULL, about TEXT NOT NULL, kind TEXT NOT NULL, "
    "value TEXT NOT NULL, reason TEXT NOT NULL",
}
ADDED = {
    "event": {"reference": "TEXT NOT NULL DEFAULT ''"},
}
"""Columns that came after version 1: old rows hold the default."""
INDEXES = (
    "CREATE INDEX stage_by_key ON stage (key)",
    "CREATE INDEX stage_by_blob ON stage (blob) WHERE blob IS NOT NULL",
    'CREATE INDEX observation_by_group ON observation (assignment, "group")',
)
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs")
"""File systems on which SQLite's write-ahead log is not safe: its index is shared by mapping a file."""


@dataclass(frozen=True)
class Observation:
    """What one look at a group's branch found, by our clock."""

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
    """What one piece of marking gave; found again by its content key (`graders.record.keys`)."""

    key: str
    kind: Literal["test", "answers", "score"]
    group: str
    assignment: str
    commit: str | None
    name: str
    """Id of the hidden test, number of the repeat, or id of the accuracy criterion."""
    status: Literal["final", "unknown"]
    """`unknown` is a failure of ours: the next run tries again."""
    reason: str | None
    cpu_s: float
    wall_s: float
    document: dict[str, Any]
    blob: str | None = None
    """Name of a file of stored answers, written before this row."""


@dataclass(frozen=True)
class Event:
    """What a person decided: an extension, an override, a void test …"""

    at: str
    """ISO 8601, UTC."""
    who: str
    about: str
    """`<assignment>`, `<assignment>/<group>` or `<assignment>/<group>/<member>`; a slash may stand in a member's id."""
    kind: str
    """One of `graders.record.decisions.KINDS`, or a snapshot of marks (`graders.marks.differences`)."""
    value: str
    reason: str
    """Why; the person it is about may read it."""
    number: int = field(default=0, compare=False)
    """Its place in the ledger, by which it can be retracted; 0 while it is not recorded."""
    reference: str = ""
    """A case number or a note, for staff alone: no student's page shows it."""

    @cached_property
    def assignment(self) -> str:
        """The assignment that it is about."""
        return self.about.partition("/")[0]

    @cached_property
    def group(self) -> str:
        """The group that it is about, or that its member was in when it was decided; empty for all."""
        return (*self.about.split("/", 2), "")[1]

    @cached_property
    def member(self) -> str:
        """The person that it is about; empty for a group or all."""
        return (*self.about.split("/", 2), "", "")[2]


OBSERVATION = '"group", assignment, repository, branch, "commit", seen_at, how, detail'
STAGE = 'key, kind, "group", assignment, "commit", name, status, reason, cpu_s, wall_s, document, blob'
EVENT = "at, who, about, kind, value, reason, reference"
OF_GROUP = 'assignment = ? AND (? IS NULL OR "group" = ?)'


class Ledger:
    """An open ledger; a context manager. Every error is a `UserError` that names the file and the cure."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.run: int | None = None
        """The run that this process records under; set by `start_run`."""
        self._db = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the ledger at `path`, made if it is not there; its folder is made too."""
        refuse_remote(path.parent)
        with _named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        try:
            with _named(path):
                _prepare(path, connection)
        except BaseException:
            connection.close()
            raise
        return cls(path, connection)

    def close(self) -> None:
        """Close the file; what was added stays."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start_run(self, command: str) -> int:
        """Record that this process begins `command`; its stages are filed under the number returned."""
        with self._writing() as db:
            cursor = db.execute(
                "INSERT INTO run (started_at, pid, host, command) VALUES (?, ?, ?, ?)",
                (now(), os.getpid(), socket.gethostname(), command),
            )
            self.run = cursor.lastrowid
        assert self.run is not None
        return self.run

    def add_observation(self, seen: Observation) -> None:
        """Record one look at a branch."""
        with self._writing() as db:
            db.execute(
                f"INSERT INTO observation ({OBSERVATION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (seen.group, seen.assignment, seen.repository, seen.branch, seen.commit, seen.seen_at,
                 seen.how, seen.detail),
            )

    def observations(self, assignment: str, group: str | None = None) -> list[Observation]:
        """What was seen for an assignment, or one group's part of it, oldest first."""
        rows = self._read(
            f"SELECT {OBSERVATION} FROM observation WHERE {OF_GROUP} ORDER BY id",
            (assignment, group, group),
        )
        return [Observation(*row) for row in rows]

    def add_stages(self, stages: Iterable[Stage]) -> None:
        """Record stages: all of them, or after an error none."""
        rows = [
            (self.run, now(), s.key, s.kind, s.group, s.assignment, s.commit, s.name, s.status, s.reason,
             s.cpu_s, s.wall_s, json.dumps(s.document, allow_nan=False, separators=(",", ":")), s.blob)
            for s in stages
        ]
        marks = ", ".join("?" * 14)
        with self._writing() as db:
            db.executemany(f"INSERT INTO stage (run, at, {STAGE}) VALUES ({marks})", rows)

    def stages(self, keys: Iterable[str]) -> dict[str, Stage]:
        """What is recorded under each key: the newest final stage, else the newest one."""
        rows = self._read(
            f"SELECT {STAGE} FROM stage WHERE key IN (SELECT value FROM json_each(?)) "
            "ORDER BY status = 'final', id",
            (json.dumps(list(keys)),),
        )
        return {stage.key: stage for stage in map(_stage, rows)}

    def stage_history(self, assignment: str, group: str | None = None) -> list[Stage]:
        """Every stage ever recorded for an assignment, or one group's part of it, oldest first: the trace."""
        rows = self._read(
            f"SELECT {STAGE} FROM stage WHERE {OF_GROUP} ORDER BY id",
            (assignment, group, group),
        )
        return [_stage(row) for row in rows]

    def blobs(self) -> set[str]:
        """Names of all files of stored answers that a stage refers to."""
        return {row[0] for row in self._read("SELECT DISTINCT blob FROM stage WHERE blob IS NOT NULL", ())}

    def add_event(self, event: Event) -> None:
        """Record one decision."""
        self.add_events([event])

    def add_events(self, events: Iterable[Event]) -> None:
        """Record decisions: all of them, or after an error none."""
        rows = [(e.at, e.who, e.about, e.kind, e.value, e.reason, e.reference) for e in events]
        with self._writing() as db:
            db.executemany(f"INSERT INTO event ({EVENT}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def events(self, assignment: str | None = None) -> list[Event]:
        """All decisions, or those about one assignment, oldest first."""
        rows = self._read(f"SELECT id, {EVENT} FROM event ORDER BY id", ())
        events = [Event(**dict(zip(("number", *EVENT.split(", ")), row, strict=True))) for row in rows]
        return [e for e in events if assignment is None or e.assignment == assignment]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: whole, or not at all."""
        with _named(self.path), _transaction(self._db):
            yield self._db

    def _read(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with _named(self.path):
            return self._db.execute(query, tuple(values)).fetchall()


def now() -> str:
    """The clock of the ledger: ISO 8601 in UTC, to the millisecond, so that text sorts as time does."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def refuse_remote(folder: Path) -> None:
    """Refuse a folder on a network file system; where the system cannot say, it is accepted."""
    try:
        mounts = psutil.disk_partitions(all=True)
    except OSError:
        return
    where = folder.resolve()
    # Of mounts at the same point the last hides the others.
    over = [mount for mount in mounts if where.is_relative_to(mount.mountpoint)]
    kind = max(reversed(over), key=lambda mount: len(mount.mountpoint)).fstype if over else ""
    if kind in REMOTE:
        raise UserError(
            f"{folder}: lies on a network file system ({kind}), where the ledger could be damaged. "
            "Copy the course folder to a local disk (cp -a) and run the same command there."
        )


def _prepare(path: Path, db: sqlite3.Connection) -> None:
    """Set the connection up; make the tables of a new file, refuse a file that is not ours."""
    db.execute("PRAGMA busy_timeout = 30000")
    db.execute("PRAGMA recursive_triggers = ON")
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if application == APPLICATION and version > VERSION:
        raise UserError(
            f"{path}: was written by a newer medmark (ledger version {version}; this one reads {VERSION}). "
            "Update medmark: pip install --upgrade medmark"
        )
    if application != APPLICATION:
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        # Asked again: another process may have made ours in between.
        if tables and db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
            raise UserError(
                f"{path}: is another program's SQLite file, not a medmark ledger. "
                "Move it away, or give the right course folder, and run the same command again."
            )
        _write_ahead(db)
        with _transaction(db):
            # A second process may have made them while this one waited.
            if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
                _make_tables(db)
    elif version < VERSION:
        with _transaction(db):
            _add_columns(db)
    _write_ahead(db)
    db.execute("PRAGMA synchronous = NORMAL")


def _write_ahead(db: sqlite3.Connection) -> None:
    """Turn the write-ahead log on. SQLite does not wait here while another process does the same, so we do."""
    for left in reversed(range(300)):
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or not left:
                raise
            time.sleep(0.1)


def _make_tables(db: sqlite3.Connection) -> None:
    for table, columns in TABLES.items():
        db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY AUTOINCREMENT, {columns})")
        refuse = f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {table} rows never change'); END"
        db.execute(f"CREATE TRIGGER {table}_update BEFORE UPDATE ON {table} {refuse}")
        db.execute(f"CREATE TRIGGER {table}_delete BEFORE DELETE ON {table} {refuse}")
        # INSERT OR REPLACE deletes without the trigger above unless recursive triggers are on.
        db.execute(
            f"CREATE TRIGGER {table}_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) {refuse}"
        )
    for index in INDEXES:
        db.execute(index)
    db.execute(f"PRAGMA application_id = {APPLICATION}")
    _add_columns(db)


def _add_columns(db: sqlite3.Connection) -> None:
    """Bring the tables of version 1 to this version: columns are added, and no row is touched."""
    for table, columns in ADDED.items():
        present = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
        for name, kind in columns.items():
            if name not in present:
                db.execute(f'ALTER TABLE {table} ADD COLUMN "{name}" {kind}')
    db.execute(f"PRAGMA user_version = {VERSION}")


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """What is written inside stands whole, or not at all."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # After a full disk SQLite may have rolled back already.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _stage(row: tuple[Any, ...]) -> Stage:
    return Stage(*(*row[:10], json.loads(row[10]), row[11]))


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn what SQLite or the disk says into what, where and the cure."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explained(path, error) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be opened ({error.strerror}). Check its permissions.") from error


def _explained(path: Path, error: sqlite3.Error) -> Exception:
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and _disk_is_full(path)):
        return UserError(
            f"{path}: the disk is full. Nothing that was recorded is lost. "
            "Free some space there and run the same command again: it goes on where it stopped."
        )
    if name.startswith("SQLITE_BUSY"):
        return UserError(f"{path}: another program has held the ledger for 30 s. Close it and try again.")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return UserError(f"{path}: cannot be written ({error}). Check the folder and its permissions.")
    if name == "SQLITE_NOTADB" or name.startswith("SQLITE_CORRUPT"):
        return UserError(
            f"{path}: is damaged, or no medmark ledger ({error}). Put a backup of it in its place, "
            "or move it away: the next run then marks everything anew."
        )
    if name.startswith("SQLITE_IOERR"):
        return UserError(f"{path}: the disk reports an error ({error}). Check it and run the command again.")
    return error


def _disk_is_full(path: Path) -> bool:
    """SQLite reports a full disk as an I/O error where its shared index cannot grow."""
    return shutil.disk_usage(path.parent).free < 1 << 20
