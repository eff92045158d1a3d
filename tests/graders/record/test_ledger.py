"""The ledger keeps what it is given, refuses to change it, and says what is wrong with a file or a disk."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from assignments.errors import UserError
from graders.record.documents import AnswersResult, Cause, PublicAnswers, TestResult
from graders.record.ledger import REMOTE, Event, Ledger, Observation, Stage, refuse_remote
from graders.record.ledger_file import VERSION
from tests.graders.record.test_ledger_file import VERSION_2, version, write

SEEN = Observation("ada", "mlp", "https://host/ada", "main", "a" * 40, "2026-01-02T03:04:05+00:00", "tip", "")
STAGE = Stage("k1", "test", "ada", "mlp", "a" * 40, "test_x.py::test_y", "final", None, 0.5, 0.7, TestResult("passed"))
EVENT = Event("2026-01-02T03:04:05+00:00", "prof", "mlp", "extension", "P3D", "illness", "ada")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


def test_what_is_recorded_is_there_when_the_ledger_is_opened_again(path):
    with Ledger.open(path) as ledger:
        ledger.add_observation(SEEN)
        ledger.add_stages([STAGE])
        ledger.add_event(EVENT)
    with Ledger.open(path) as ledger:
        assert ledger.observations("mlp", "ada") == [SEEN]
        assert ledger.stages(["k1", "k2"]) == {"k1": STAGE}
        assert ledger.stage_history("mlp") == [STAGE]
        assert ledger.events("mlp") == [EVENT]


def test_observations_and_events_are_those_of_the_assignment_and_group(path):
    with Ledger.open(path) as ledger:
        ledger.add_observation(SEEN)
        ledger.add_event(EVENT)
        assert ledger.observations("mlp", "bob") == []
        assert ledger.observations("unet") == []
        assert ledger.events("ml") == []
        assert ledger.events() == [EVENT]


def test_events_have_their_numbers_and_many_are_all_or_none(path):
    broken = dataclasses.replace(EVENT, who=None)
    with Ledger.open(path) as ledger:
        ledger.add_events([EVENT, EVENT])
        assert [event.number for event in ledger.events("mlp")] == [1, 2]
        with pytest.raises(sqlite3.IntegrityError):
            ledger.add_events([EVENT, broken])
        assert len(ledger.events()) == 2


def test_runs_are_numbered(path):
    with Ledger.open(path) as ledger:
        assert [ledger.start_run("grade mlp"), ledger.start_run("grade mlp")] == [1, 2]


def test_a_final_stage_stands_before_an_unknown_one_recorded_later(path):
    unknown = dataclasses.replace(STAGE, status="unknown", reason="engine")
    with Ledger.open(path) as ledger:
        ledger.add_stages([unknown])
        assert ledger.stages(["k1"]) == {"k1": unknown}
        ledger.add_stages([STAGE])
        ledger.add_stages([unknown])
        assert ledger.stages(["k1"]) == {"k1": STAGE}


def test_the_newest_of_several_final_stages_stands(path):
    newer = dataclasses.replace(STAGE, blob="b.npz")
    with Ledger.open(path) as ledger:
        ledger.add_stages([STAGE, newer])
        assert ledger.stages(["k1"]) == {"k1": newer}
        assert ledger.blobs() == {"b.npz"}


def test_a_file_of_public_answers_is_named_too_and_so_it_is_kept(path):
    answers = AnswersResult("passed", file="hidden.npz", public=PublicAnswers("digest", "public.npz"))
    without = dataclasses.replace(answers, public=PublicAnswers("digest"))
    with Ledger.open(path) as ledger:
        ledger.add_stages(
            dataclasses.replace(STAGE, key=key, kind="answers", name="0", document=document, blob=document.file)
            for key, document in (("k1", answers), ("k2", without), ("k3", AnswersResult("passed")))
        )
        assert ledger.blobs() == {"hidden.npz", "public.npz"}


def test_what_a_stage_spent_is_read_with_what_was_measured_of_its_gpu(path):
    answers = AnswersResult("passed", flags=("slow",), gpu_peak_mb=812.5, gpu_busy_s=0.25)
    documents = {
        "k1": ("test", TestResult("passed")),
        "k2": ("answers", answers),
        "k3": ("answers", AnswersResult("passed")),
    }
    with Ledger.open(path) as ledger:
        ledger.add_stages(
            dataclasses.replace(STAGE, key=key, kind=kind, name="0", document=document)
            for key, (kind, document) in documents.items()
        )
        store(ledger, '{"verdict": "passed", "flags": ["older"]}', "k4", "answers")
        spent = {stage.key: stage for stage in ledger.spent(["k1", "k2", "k3", "k4"])}
    assert [(s.flags, s.gpu_peak_mb, s.gpu_busy_s) for s in map(spent.get, ["k1", "k2", "k3", "k4"])] == [
        ((), None, None), (("slow",), 812.5, 0.25), ((), None, None), (("older",), None, None),
    ]  # fmt: skip


def test_many_stages_are_all_or_none(path):
    broken = dataclasses.replace(STAGE, key="k2", kind="nonsense")
    with Ledger.open(path) as ledger:
        with pytest.raises(sqlite3.IntegrityError):
            ledger.add_stages([STAGE, broken])
        assert ledger.stages(["k1", "k2"]) == {}


@pytest.mark.parametrize("statement", [
    "UPDATE stage SET status = 'unknown'",
    "DELETE FROM stage",
    "INSERT OR REPLACE INTO stage SELECT * FROM stage",
    "UPDATE event SET who = 'nobody'",
    "DELETE FROM observation",
    "DELETE FROM run",
])  # fmt: skip
def test_nothing_in_the_file_can_be_changed_even_by_another_program(path, statement):
    with Ledger.open(path) as ledger:
        ledger.start_run("grade mlp")
        ledger.add_observation(SEEN)
        ledger.add_stages([STAGE])
        ledger.add_event(EVENT)
    other = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        other.execute(statement)
    other.close()


def test_writing_is_durable_by_its_settings(path):
    with Ledger.open(path) as ledger:
        settings = {name: ledger._db.execute(f"PRAGMA {name}").fetchone()[0]
                    for name in ("journal_mode", "synchronous", "busy_timeout", "user_version")}  # fmt: skip
    assert settings == {"journal_mode": "wal", "synchronous": 1, "busy_timeout": 30000, "user_version": VERSION}


def test_several_processes_may_open_a_new_ledger_at_once(path):
    code = (
        "import sys; from pathlib import Path; from graders.record.ledger import Ledger\n"
        "with Ledger.open(Path(sys.argv[1])) as ledger: ledger.start_run('x')"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=Path(__file__).parents[3])
               for _ in range(4)]  # fmt: skip
    assert [process.wait(60) for process in started] == [0, 0, 0, 0]
    with Ledger.open(path) as ledger:
        assert ledger.start_run("x") == 5


def test_a_file_that_is_no_database_is_named_with_the_cure(path):
    path.write_bytes(b"not a ledger, " * 200)
    with pytest.raises(UserError, match=r"ledger\.db: is damaged, or not a medmark ledger .* Put a backup"):
        Ledger.open(path)
    assert path.read_bytes() == b"not a ledger, " * 200


def test_a_cut_off_ledger_is_named_with_the_cure(path):
    with Ledger.open(path) as ledger:
        ledger.add_stages([dataclasses.replace(STAGE, key=str(i)) for i in range(500)])
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(UserError, match=r"is damaged"), Ledger.open(path) as ledger:
        ledger.stage_history("mlp")


def test_a_folder_where_a_file_should_be_is_a_clear_error(path):
    path.mkdir()
    with pytest.raises(UserError, match="cannot be"):
        Ledger.open(path)


@pytest.fixture
def mounts(tmp_path, monkeypatch):
    """Writes the table of mounts that the system is made to show: (point, kind) each, as the kernel escapes them."""

    def show(*rows):
        table = tmp_path / "proc" / "self" / "mounts"
        table.parent.mkdir(parents=True)
        table.write_bytes(b"".join(b"host:/x %s %s rw,relatime 0 0\n" % (point, kind) for point, kind in rows))
        monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "proc"))

    return show


def is_refused(folder):
    try:
        refuse_remote(Path(folder))
    except UserError:
        return True
    return False


def test_network_file_systems_are_refused_with_the_cure(mounts):
    mounts((b"/", b"ext4"), (rb"/home/my\040files", b"nfs4"), (rb"/home/my\040files/local", b"xfs"))
    assert not is_refused("/home/other")
    assert not is_refused("/home/my files/local/course")
    with pytest.raises(UserError, match=r"network file system \(nfs4\).*Copy the course folder"):
        refuse_remote(Path("/home/my files/course"))


@pytest.mark.parametrize("kind", REMOTE)
def test_each_network_file_system_is_refused_though_it_be_the_root(mounts, kind):
    mounts((b"/", kind.encode()))
    assert is_refused("/course")


def test_a_mount_that_hides_another_counts_in_its_place(mounts):
    mounts((b"/", b"overlay"), (b"/course", b"nfs"), (b"/course", b"ext4"), (b"/other", b"ext4"), (b"/other", b"cifs"))
    assert not is_refused("/course/a")
    assert is_refused("/other/a")


@pytest.mark.parametrize(
    ("escaped", "name"),
    [
        (rb"/my\011tab", "/my\ttab"),
        (rb"/two\012lines", "/two\nlines"),
        (rb"/back\134slash", "/back\\slash"),
        (rb"/back\134040slash", "/back\\040slash"),
        (b"/#hash", "/#hash"),
        ("/Zoë".encode(), "/Zoë"),
        (b"/caf\xe9", "/caf\udce9"),
    ],
    ids=repr,
)
def test_a_mount_is_found_whatever_its_name_holds(mounts, escaped, name):
    mounts((b"/", b"ext4"), (escaped, b"nfs"))
    assert is_refused(f"{name}/course")
    assert not is_refused(f"{name}er/course")


def test_a_system_that_does_not_list_its_mounts_is_trusted(tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "absent"))
    refuse_remote(tmp_path)


def store(ledger, document, key="k1", kind="test"):
    """A row as another program might write it."""
    with closing(sqlite3.connect(ledger.path)) as db, db:
        db.execute(
            'INSERT INTO stage (at, key, kind, "group", assignment, name, status, cpu_s, wall_s, document) '
            "VALUES ('', ?, ?, 'ada', 'mlp', 'x', 'final', 0, 0, ?)",
            (key, kind, document),
        )


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ("{", "not JSON"),
        ('{"schema":1}', "verdict: Field required"),
        ('{"schema":1,"verdict":"passed","cpu_s":NaN}', "NaN is not a number of JSON"),
        ('{"schema":1,"verdict":"passed","cpu_s":"1"}', "cpu_s: Input should be a valid number"),
        ('{"schema":1,"verdict":"passed","surprise":1}', "surprise: Unexpected keyword argument"),
        ('{"schema":99,"verdict":"passed"}', "pip install --upgrade medmark"),
        ('{"verdict":"passed"}', "not of the former form"),
    ],
)
def test_a_row_that_does_not_hold_a_result_is_named_with_what_is_wrong_and_the_cure(tmp_path, document, what):
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.add_stages([STAGE])
        store(ledger, document, key="k2")
        assert ledger.stages(["k1"]) == {"k1": STAGE}, "a row that nobody reads disturbs no reading of another"
        for read in (lambda: ledger.stages(["k1", "k2"]), lambda: ledger.stage_history("mlp")):
            with pytest.raises(UserError, match=r"ledger\.db: .*row 2 .* stage \(test 'x' of ada\)") as caught:
                read()
            assert what in str(caught.value)
            # What a newer medmark wrote is whole: only an update is needed.
            assert ("Put a backup in its place" in str(caught.value)) == ("upgrade" not in what)


def test_a_stage_that_was_stored_before_results_had_a_schema_is_read(tmp_path):
    document = {"verdict": "failed", "reason": "the CPU time limit was reached", "told": "", "evidence": "e"}
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        store(ledger, json.dumps(document))
        assert ledger.stages(["k1"])["k1"].document == TestResult("failed", Cause("cpu_limit"), evidence="e")


def test_a_result_of_two_megabytes_is_stored_and_read_whole(tmp_path):
    large = dataclasses.replace(STAGE, document=TestResult("passed", printed="é" * 1_000_000))
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.add_stages([large])
        assert ledger.stages(["k1"]) == {"k1": large}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_loses_nothing_and_recording_goes_on_once_there_is_room(small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"0" * 300_000)
    recorded = []
    with Ledger.open(small_disk / "ledger.db") as ledger:

        def record_until_refused():
            for i in range(2000):
                large = TestResult("passed", printed="x" * 2000)
                ledger.add_stages([dataclasses.replace(STAGE, key=str(i), document=large)])
                recorded.append(str(i))

        with pytest.raises(UserError, match=r"the disk is full\. Nothing that was recorded is lost"):
            record_until_refused()
        assert recorded
        assert list(ledger.stages(map(str, range(2000)))) == recorded
        ballast.unlink()
        ledger.add_stages([dataclasses.replace(STAGE, key="after")])
    with Ledger.open(small_disk / "ledger.db") as ledger:
        assert {stage.key for stage in ledger.stage_history("mlp")} == {*recorded, "after"}


def test_a_disk_that_is_full_from_the_start_is_a_clear_error(small_disk):
    with pytest.raises(OSError, match="No space"):
        (small_disk / "ballast").write_bytes(b"0" * 2_000_000)
    with pytest.raises(UserError, match="the disk is full"):
        Ledger.open(small_disk / "ledger.db")


def test_a_disk_without_room_for_a_migration_leaves_the_older_ledger_as_it_is(small_disk):
    path = write(small_disk / "ledger.sqlite", VERSION_2)
    write(path, "PRAGMA journal_mode = DELETE; INSERT INTO event (at, who, about, kind, value, reason) "
                "VALUES ('', '', 'mlp', 'dispute', hex(zeroblob(300000)), '');")  # fmt: skip
    with pytest.raises(UserError, match=r"the disk is full\. Nothing that was recorded is lost"):
        Ledger.open(path)
    assert version(path) == 2
    with Ledger.open_to_read(path) as ledger:
        assert [event.number for event in ledger.events()] == [1, 2, 5, 6]
    assert not [*small_disk.glob("*.part"), *small_disk.glob("ledger.sqlite.v*")]
