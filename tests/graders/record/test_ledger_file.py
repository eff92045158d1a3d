"""A ledger of an older version is migrated whole or not at all, behind a copy; others are refused."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

import graders.record.ledger_file as ledger_file
from assignments.errors import UserError
from graders.record.documents import Phases
from graders.record.exports import EXPORTED, RecordedExport, last_exported, value_of
from graders.record.ledger import Event, JobTimes, Ledger
from graders.record.ledger_file import VERSION

ROOT = Path(__file__).parents[3]
VERSION_2 = """
PRAGMA journal_mode = WAL;
CREATE TABLE run (id INTEGER PRIMARY KEY AUTOINCREMENT, started_at TEXT NOT NULL, pid INTEGER NOT NULL,
    host TEXT NOT NULL, command TEXT NOT NULL);
CREATE TABLE event (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, who TEXT NOT NULL, about TEXT NOT NULL,
    kind TEXT NOT NULL, value TEXT NOT NULL, reason TEXT NOT NULL, reference TEXT NOT NULL DEFAULT '');
CREATE TRIGGER event_update BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: event rows never change'); END;
CREATE TRIGGER event_delete BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: event rows never change'); END;
INSERT INTO run (started_at, pid, host, command) VALUES ('2026-01-02T03:04:05+00:00', 7, 'lab', 'medmark grade mlp');
INSERT INTO event (id, at, who, about, kind, value, reason, reference) VALUES
    (1, '2026-01-02T03:04:05+00:00', 'prof', 'mlp', 'moderation', 'add 2', 'hard paper', ''),
    (2, '2026-01-02T03:04:06+00:00', 'prof', 'mlp/ada', 'extension', '7d', 'illness', 'EC-1'),
    (5, '2026-01-02T03:04:07+00:00', 'prof', 'mlp/ada/2019/1234', 'cap', '40', 'board', '');
PRAGMA application_id = 0x6D65646D;
PRAGMA user_version = 2;
"""
"""The tables that matter as medmark made them until events had columns of their own."""
VERSION_1 = (
    VERSION_2.replace(", reference TEXT NOT NULL DEFAULT ''", "")
    .replace(", reference)", ")")
    .replace("'illness', 'EC-1')", "'illness')")
    .replace(", '')", ")")
    .replace("user_version = 2", "user_version = 1")
)
"""The same as medmark 0.1 made it, without references."""
EVENTS = [
    Event("2026-01-02T03:04:05+00:00", "prof", "mlp", "moderation", "add 2", "hard paper", "", "", 1, ""),
    Event("2026-01-02T03:04:06+00:00", "prof", "mlp", "extension", "7d", "illness", "ada", "", 2, "EC-1"),
    Event("2026-01-02T03:04:07+00:00", "prof", "mlp", "cap", "40", "board", "ada", "2019/1234", 5, ""),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def old(path):
    return write(path, VERSION_2)


def write(path, script):
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script)
    return path


def events(path):
    with Ledger.open_to_read(path) as ledger:
        return [(*vars(event).values(),) for event in ledger.events()]


def version(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def copies(path):
    return sorted(path.parent.glob("ledger.sqlite.v*"))


@pytest.mark.parametrize(("script", "before"), [(VERSION_1, 1), (VERSION_2, 2)])
def test_an_older_ledger_keeps_every_event_with_its_number_and_a_copy_of_the_file(path, script, before, caplog):
    write(path, script).chmod(0o640)
    with Ledger.open(path) as ledger:
        expected = [(*vars(event).values(),) for event in EVENTS]
        if before == 1:
            expected[1] = (*expected[1][:-1], "")
        assert [(*vars(event).values(),) for event in ledger.events()] == expected
        assert [event.number for event in ledger.events("mlp")] == [1, 2, 5]
        assert ledger.start_run("medmark show") == 2
        ledger.add_event(EVENTS[1])
        assert ledger.events()[-1].number == 6
        for statement in ("UPDATE event SET who = 'nobody'", "DELETE FROM event",
                          "INSERT OR REPLACE INTO event SELECT * FROM event"):  # fmt: skip
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                ledger._db.execute(statement)
    (copy,) = copies(path)
    assert copy.name.startswith(f"ledger.sqlite.v{before}-2")
    assert version(copy) == before
    assert copy.stat().st_mode == path.stat().st_mode
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT id, about FROM event").fetchall() == [
            (1, "mlp"), (2, "mlp/ada"), (5, "mlp/ada/2019/1234"),
        ]  # fmt: skip
    assert len(caplog.messages) == 1
    assert copy.name in caplog.text
    Ledger.open(path).close()
    assert (copies(path), len(caplog.messages)) == ([copy], 1)


def test_a_migrated_ledger_has_the_tables_of_a_new_one(path, old, tmp_path):
    Ledger.open(old).close()
    Ledger.open(tmp_path / "new").close()
    columns = "SELECT name, type, \"notnull\", pk FROM pragma_table_info('{}')"
    triggers = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{}' ORDER BY name"
    for question in (q.format(table) for table in ("event", "job") for q in (columns, triggers)):
        rows = []
        for file in (old, tmp_path / "new"):
            with closing(sqlite3.connect(file)) as db:
                rows.append(db.execute(question).fetchall())
        assert rows[0] == rows[1]


def test_a_ledger_of_version_3_keeps_its_events_and_exports_and_gains_the_times_of_jobs(path):
    export = RecordedExport("moodle-assign", "", "sheet.csv", "00", {"ada": "61.5"})
    with Ledger.open(path) as ledger:
        ledger.add_events([*EVENTS, Event(EVENTS[0].at, "prof", "mlp", EXPORTED, value_of(export), "exported")])
    write(path, "DROP TABLE job; PRAGMA user_version = 3;")
    with Ledger.open_to_read(path) as ledger:
        assert ledger.jobs("mlp") == []
    assert version(path) == 3
    with Ledger.open(path) as ledger:
        assert ledger.events("mlp")[1:3] == EVENTS[1:]
        assert last_exported(ledger.events("mlp"), "moodle-assign", "") == {"ada": "61.5"}
        assert ledger.jobs("mlp") == []
        assert ledger.start_run("medmark grade") == 1
        ledger.add_job(JobTimes("ada", "mlp", None, 1.0, 9.5, Phases(fit_s=3.0, score_s=2.5), 0.25, 1))
        assert ledger.jobs("mlp") == [JobTimes("ada", "mlp", None, 1.0, 9.5, Phases(0, 0, 0, 3.0, 0, 2.5), 0.25, 1)]
    assert [copy.name.split("-")[0] for copy in copies(path)] == ["ledger.sqlite.v3"]


def test_an_older_ledger_that_is_only_read_stays_as_it_is(old):
    before = old.read_bytes()
    assert events(old) == [(*vars(event).values(),) for event in EVENTS]
    assert (old.read_bytes(), version(old), copies(old)) == (before, 2, [])


def test_a_ledger_to_read_takes_no_event_and_needs_no_file(path):
    assert events(path) == []
    assert not path.exists()
    Ledger.open(path).close()
    with Ledger.open_to_read(path) as ledger, pytest.raises(UserError, match="cannot be opened or written"):
        ledger.add_event(EVENTS[0])


def test_a_ledger_that_is_read_in_memory_takes_no_event_either(path, old):
    for file in (old, path.with_name("none")):
        with Ledger.open_to_read(file) as ledger, pytest.raises(UserError, match="cannot be opened or written"):
            ledger.add_event(EVENTS[0])


@pytest.fixture
def archive():
    """A folder that other users reach: those of pytest are its own user's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        Path(folder).chmod(0o755)


def test_a_ledger_is_read_in_a_folder_that_nobody_may_write(archive):
    with Ledger.open(archive / "ledger.sqlite") as ledger:
        ledger.add_events(EVENTS)
    archive.chmod(0o555)
    child = os.fork()
    if child == 0:
        _count_events_as_nobody(archive / "ledger.sqlite")
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == len(EVENTS)


def test_what_lies_in_the_log_beside_a_ledger_is_read_in_a_folder_that_nobody_may_write(archive, tmp_path):
    """So it is with a copy of a course that was marked meanwhile: its last events are in the log alone."""
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.add_events(EVENTS)
        for name in ("ledger.sqlite", "ledger.sqlite-wal"):
            shutil.copy(tmp_path / name, archive)
    before = {file.name: file.read_bytes() for file in archive.iterdir()}
    assert before["ledger.sqlite-wal"]
    archive.chmod(0o555)
    child = os.fork()
    if child == 0:
        _count_events_as_nobody(archive / "ledger.sqlite")
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == len(EVENTS)
    assert {file.name: file.read_bytes() for file in archive.iterdir()} == before


def _count_events_as_nobody(path):
    """In a child: end with the number of events as exit code, or with 255. Root may write everywhere."""
    count = 255
    try:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
        with Ledger.open_to_read(path) as ledger:
            count = len(ledger.events())
    finally:
        os._exit(count)


def test_a_migration_killed_at_any_statement_leaves_the_old_ledger_or_the_new_one(path):
    seen = set()
    for statement in range(1, 60):
        for file in path.parent.glob("ledger.sqlite*"):
            file.unlink()
        write(path, VERSION_2)
        child = os.fork()
        if child == 0:
            _migrate_and_die_at(path, statement)
        _, status = os.waitpid(child, 0)
        seen.add(version(path))
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with Ledger.open(path) as ledger:
            assert [event.number for event in ledger.events()] == [1, 2, 5]
            assert [event.member for event in ledger.events()] == ["", "", "2019/1234"]
        assert version(path) == VERSION
        assert not list(path.parent.glob("*.part"))
        if os.waitstatus_to_exitcode(status) == 0:
            break
    else:
        pytest.fail("the migration never came to its end")
    assert seen == {2, VERSION}
    assert statement > 10


def _migrate_and_die_at(path, statement):
    """In a child process: the migration, until it begins its statement of this number."""
    left = [statement]
    connect = sqlite3.connect

    def counted(*arguments, **more):
        db = connect(*arguments, **more)

        def count(_):
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)

        db.set_trace_callback(count)
        return db

    sqlite3.connect = counted
    try:
        Ledger.open(path).close()
        os._exit(0)
    finally:
        os._exit(8)


def test_two_processes_that_open_an_older_ledger_at_once_migrate_it_once(old):
    code = (
        "import sys; from pathlib import Path; from graders.record.ledger import Ledger\n"
        "with Ledger.open(Path(sys.argv[1])) as ledger: ledger.start_run('x')"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, str(old)], cwd=ROOT, stderr=subprocess.PIPE)
               for _ in range(3)]  # fmt: skip
    warnings = b"".join(process.communicate(timeout=60)[1] for process in started)
    assert [process.returncode for process in started] == [0, 0, 0]
    assert len(copies(old)) == 1
    assert warnings.count(b"was a ledger of an older medmark") == 1
    with Ledger.open(old) as ledger:
        assert [event.number for event in ledger.events()] == [1, 2, 5]
        assert ledger.start_run("x") == 5


def test_a_disk_without_room_for_the_copy_says_so_and_leaves_the_ledger_as_it_is(old, monkeypatch):
    class Full(sqlite3.Connection):
        def backup(self, *_, **__):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorname = "SQLITE_FULL"
            raise error

    connect = sqlite3.connect
    monkeypatch.setattr(ledger_file.sqlite3, "connect", lambda *a, **more: connect(*a, factory=Full, **more))
    with pytest.raises(UserError, match=r"the disk is full. Nothing that was recorded is lost. Free some space"):
        Ledger.open(old)
    monkeypatch.undo()
    assert (version(old), copies(old), list(old.parent.glob("*.part"))) == (2, [], [])


@pytest.mark.parametrize("opened", [Ledger.open, Ledger.open_to_read])
@pytest.mark.parametrize("damage", [
    "PRAGMA user_version = 0", "PRAGMA user_version = -5", "DROP TABLE event", "CREATE TABLE new_event (id INTEGER)",
    "INSERT INTO event (at, who, about, kind, value, reason) VALUES ('', '', x'FF', 'cap', '40', '')",
    "INSERT INTO event (at, who, about, kind, value, reason) VALUES ('', CAST(x'FF' AS TEXT), 'a', 'cap', '40', '')",
])  # fmt: skip
def test_a_damaged_older_ledger_is_named_with_what_moving_it_away_would_cost(old, damage, opened):
    write(old, damage)
    before = old.read_bytes()
    with pytest.raises(UserError, match=r"ledger\.sqlite: is damaged.*Put a backup in its place.*decisions"):
        opened(old)
    assert (old.read_bytes(), copies(old)) == (before, [])


def test_a_text_that_cannot_be_read_in_a_ledger_of_today_is_damage(path):
    Ledger.open(path).close()
    write(path, "INSERT INTO event (at, who, assignment, \"group\", member, kind, value, reason, reference) "
                "VALUES ('', CAST(x'FF' AS TEXT), 'a', '', '', 'cap', '40', '', '')")  # fmt: skip
    with Ledger.open_to_read(path) as ledger, pytest.raises(UserError, match="is damaged"):
        ledger.events()


def test_a_disk_too_full_for_the_first_byte_of_the_copy_is_called_full(old, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ledger_file.Path, "touch", full)
    with pytest.raises(UserError, match=r"the disk is full\. Nothing that was recorded is lost"):
        Ledger.open(old)
    assert (version(old), copies(old)) == (2, [])


@pytest.mark.parametrize("opened", [Ledger.open, Ledger.open_to_read])
def test_another_programs_database_is_left_alone(path, opened):
    write(path, "CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(UserError, match="another program's SQLite file"):
        opened(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("opened", [Ledger.open, Ledger.open_to_read])
def test_a_ledger_of_a_newer_medmark_is_refused(path, opened):
    Ledger.open(path).close()
    write(path, f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(UserError, match=r"newer medmark.*pip install --upgrade medmark"):
        opened(path)
    assert (version(path), copies(path)) == (VERSION + 1, [])
