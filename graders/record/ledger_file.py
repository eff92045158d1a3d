"""The file of a ledger: makes its tables, opens it, and migrates one of an older version.

A migration is one transaction, after a copy of the file was made. A process that is killed during it leaves the old
ledger or the new one. An older ledger that is only read is migrated in memory: its file stays as it is.

    version 1    medmark 0.1
    version 2    event.reference
    version 3    event.assignment, group and member, which were one text: event.about
    version 4    job
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from assignments.errors import UserError

APPLICATION = 0x6D65646D
"""`medm`: tells a ledger from another program's SQLite file."""
VERSION = 4
"""Of the tables."""
EVENT_COLUMNS = (
    'at TEXT NOT NULL, who TEXT NOT NULL, assignment TEXT NOT NULL, "group" TEXT NOT NULL, member TEXT NOT NULL, '
    "kind TEXT NOT NULL, value TEXT NOT NULL, reason TEXT NOT NULL, reference TEXT NOT NULL"
)
TABLES = {
    "run": "started_at TEXT NOT NULL, pid INTEGER NOT NULL, host TEXT NOT NULL, command TEXT NOT NULL",
    "observation": '"group" TEXT NOT NULL, assignment TEXT NOT NULL, repository TEXT NOT NULL, '
    'branch TEXT NOT NULL, "commit" TEXT, seen_at TEXT NOT NULL, how TEXT NOT NULL, detail TEXT NOT NULL',
    "stage": "run INTEGER, at TEXT NOT NULL, key TEXT NOT NULL, "
    "kind TEXT NOT NULL CHECK (kind IN ('test', 'answers', 'score')), "
    '"group" TEXT NOT NULL, assignment TEXT NOT NULL, "commit" TEXT, name TEXT NOT NULL, '
    "status TEXT NOT NULL CHECK (status IN ('final', 'unknown')), reason TEXT, cpu_s REAL NOT NULL, "
    "wall_s REAL NOT NULL, document TEXT NOT NULL, blob TEXT",
    "event": EVENT_COLUMNS,
    "job": 'run INTEGER, at TEXT NOT NULL, "group" TEXT NOT NULL, assignment TEXT NOT NULL, "commit" TEXT, '
    "queue_s REAL NOT NULL, draw_s REAL NOT NULL, open_s REAL NOT NULL, tests_s REAL NOT NULL, fit_s REAL NOT NULL, "
    "predict_s REAL NOT NULL, score_s REAL NOT NULL, wall_s REAL NOT NULL, marker_cpu_s REAL NOT NULL, "
    "gpus INTEGER NOT NULL",
}
INDEXES = (
    "CREATE INDEX stage_by_key ON stage (key)",
    "CREATE INDEX stage_by_blob ON stage (blob) WHERE blob IS NOT NULL",
    'CREATE INDEX observation_by_group ON observation (assignment, "group")',
)
log = logging.getLogger("medmark")


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open the ledger at `path`. A missing one is made, with its folder; an older one is migrated.

    Raises:
        UserError: it cannot be opened, or is not a ledger of this or an earlier version.
    """
    with named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=30, isolation_level=None)
        with _closed_on_error(db):
            _prepare(path, db)
    return db


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open the ledger at `path` as it is; its folder may be read-only. A missing one is an empty one in memory.

    Raises:
        UserError: as `open_to_write`.
    """
    with named(path):
        db = _reading(path) if path.exists() else sqlite3.connect(":memory:", isolation_level=None)
        with _closed_on_error(db):
            version = _version(path, db)
            if version != VERSION:
                memory = sqlite3.connect(":memory:", isolation_level=None)
                with _closed_on_error(memory), closing(db):
                    db.backup(memory)
                    with transaction(memory):
                        _migrate(memory, version) if version else _make_tables(memory)
                db = memory
            db.execute("PRAGMA query_only = ON")  # memory is lost, so nobody may write there
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Everything that is written inside is recorded, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # After a full disk SQLite may have rolled back already.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Turn errors of SQLite or the disk into ones that say what, where and what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explained(path, error) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(_full(path)) from error
        raise UserError(f"{path}: cannot be opened ({error.strerror}). Check its permissions.") from error


@contextmanager
def _closed_on_error(db: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        db.close()
        raise


def _reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write."""
    address = f"{path.resolve().as_uri()}?mode=ro"
    db = sqlite3.connect(address, timeout=30, isolation_level=None, uri=True)
    try:
        db.execute("PRAGMA user_version").fetchone()
    except sqlite3.OperationalError:
        db.close()
        # SQLite writes an index beside the log. Where it cannot and there is no log, the file alone holds everything.
        log_file = path.with_name(f"{path.name}-wal")
        if log_file.exists() and log_file.stat().st_size:
            return _in_memory(path, log_file)
        db = sqlite3.connect(f"{address}&immutable=1", isolation_level=None, uri=True)
    return db


def _in_memory(path: Path, log_file: Path) -> sqlite3.Connection:
    """A copy in memory of a ledger and the log beside it."""
    memory = sqlite3.connect(":memory:", isolation_level=None)
    with tempfile.TemporaryDirectory(prefix="medmark-ledger-") as folder:
        copies = [Path(shutil.copyfile(file, Path(folder) / file.name)) for file in (path, log_file)]
        with _closed_on_error(memory), closing(sqlite3.connect(copies[0])) as copy:
            copy.backup(memory)
    return memory


def _version(path: Path, db: sqlite3.Connection) -> int:
    """The version of a ledger; 0 for a file without tables.

    Raises:
        UserError: it is of a newer medmark or another program, or damaged.
    """
    application = db.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION:
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        # Read again: another process may have made the tables in between.
        if tables and db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
            raise UserError(
                f"{path}: is another program's SQLite file, not a medmark ledger. "
                "Move it away, or name the right course folder, and run the same command again."
            )
        return 0
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise UserError(
            f"{path}: was written by a newer medmark (ledger version {version}; this one reads {VERSION}). "
            "Update medmark: pip install --upgrade medmark"
        )
    if version < 1:
        raise UserError(damaged(path, f"its version is {version}"))
    return version


def _prepare(path: Path, db: sqlite3.Connection) -> None:
    """Set the connection up; make or migrate the tables; refuse a file that is not a ledger."""
    db.execute("PRAGMA busy_timeout = 30000")
    db.execute("PRAGMA recursive_triggers = ON")
    version = _version(path, db)
    _write_ahead(db)
    db.execute("PRAGMA synchronous = NORMAL")
    if version == VERSION:
        return
    copy = None
    with transaction(db):
        # Another process may have done it while this one waited.
        version = _version(path, db)
        if version == 0:
            _make_tables(db)
        elif version < VERSION:
            copy = _copied(path, version)
            try:
                _migrate(db, version)
            except BaseException:
                copy.unlink(missing_ok=True)  # else each attempt would leave one
                raise
    if copy is not None:
        log.warning(
            "%s: was a ledger of an older medmark (version %d) and is one of version %d now. Every record was kept, "
            "and a copy of the old file lies beside it: %s", path, version, VERSION, copy.name,
        )  # fmt: skip


def _write_ahead(db: sqlite3.Connection) -> None:
    """Turn the write-ahead log on, and wait while another process does the same, since SQLite does not wait here."""
    for left in reversed(range(300)):
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or not left:
                raise
            time.sleep(0.1)


def _make_tables(db: sqlite3.Connection) -> None:
    for table in TABLES:
        _make_table(db, table)
    for index in INDEXES:
        db.execute(index)
    db.execute(f"PRAGMA application_id = {APPLICATION}")
    db.execute(f"PRAGMA user_version = {VERSION}")


def _make_table(db: sqlite3.Connection, table: str) -> None:
    db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY AUTOINCREMENT, {TABLES[table]})")
    _make_append_only(db, table)


def _make_append_only(db: sqlite3.Connection, table: str) -> None:
    refuse = f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {table} rows never change'); END"
    db.execute(f"CREATE TRIGGER {table}_update BEFORE UPDATE ON {table} {refuse}")
    db.execute(f"CREATE TRIGGER {table}_delete BEFORE DELETE ON {table} {refuse}")
    # INSERT OR REPLACE deletes without the trigger above unless recursive triggers are on.
    db.execute(
        f"CREATE TRIGGER {table}_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) {refuse}"
    )


def _copied(path: Path, version: int) -> Path:
    """A complete copy of the file, beside it. An incomplete one never has this name."""
    copy = path.with_name(f"{path.name}.v{version}-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)  # it holds marks, and more people may have access to the folder than to the file
    try:
        # A connection of its own: SQLite does not copy through one that is writing.
        with closing(sqlite3.connect(path, timeout=30)) as source, closing(sqlite3.connect(part)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        with part.open("rb") as file:
            os.fsync(file.fileno())
        shutil.copymode(path, part)
        part.rename(copy)
    finally:
        part.unlink(missing_ok=True)
    return copy


def _migrate(db: sqlite3.Connection, version: int) -> None:
    """Change the tables of an older version to this one. Every row keeps its number."""
    if version < 3:
        _divide_about(db)
    _make_table(db, "job")
    db.execute(f"PRAGMA user_version = {VERSION}")


def _divide_about(db: sqlite3.Connection) -> None:
    """Give events columns of their own for assignment, group and member, which were one text."""
    present = {row[1] for row in db.execute("PRAGMA table_info(event)")}
    reference = "reference" if "reference" in present else "''"
    columns = f"id, at, who, CAST(about AS TEXT), kind, value, reason, {reference}"
    rows = db.execute(f"SELECT {columns} FROM event").fetchall()
    db.execute(f"CREATE TABLE new_event (id INTEGER PRIMARY KEY AUTOINCREMENT, {EVENT_COLUMNS})")
    db.executemany(
        "INSERT INTO new_event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        # A member's id may hold a slash.
        [(id, at, who, *(*about.split("/", 2), "", "")[:3], *rest) for id, at, who, about, *rest in rows],
    )
    db.execute("DROP TABLE event")
    db.execute("ALTER TABLE new_event RENAME TO event")
    _make_append_only(db, "event")


def _explained(path: Path, error: sqlite3.Error) -> Exception:
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and _disk_is_full(path)):
        return UserError(_full(path))
    if name.startswith("SQLITE_BUSY"):
        return UserError(f"{path}: another program has held the ledger for 30 s. Close it, then run the command again.")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return UserError(f"{path}: cannot be opened or written ({error}). Check the folder and its permissions.")
    if name.startswith("SQLITE_IOERR"):
        return UserError(f"{path}: the disk reports an error ({error}). Check it and run the command again.")
    # A missing or doubled table is a general error of SQLite; one of a text that is not UTF-8 has no name.
    if name in ("SQLITE_NOTADB", "SQLITE_ERROR") or name.startswith("SQLITE_CORRUPT") or "decode" in str(error):
        return UserError(damaged(path, str(error)))
    return error


def _full(path: Path) -> str:
    return (
        f"{path}: the disk is full. Nothing that was recorded is lost. "
        "Free some space there and run the same command again: it goes on where it stopped."
    )


def damaged(path: Path, what: str) -> str:
    """The error text for a ledger that cannot be read."""
    return (
        f"{path}: is damaged, or not a medmark ledger ({what}). Put a backup in its place. Without one, move it "
        "away: the next run then marks everything anew, but all decisions, observations and returned marks are lost."
    )


def _disk_is_full(path: Path) -> bool:
    """SQLite reports a full disk as an I/O error where its shared index cannot grow."""
    return shutil.disk_usage(path.parent).free < 1 << 20
