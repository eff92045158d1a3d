"""The folder between coordinator and nodes: written once, whole, for its owner alone, and swept."""

import os
import stat
import time

import pytest

from graders.runs.engines.package import Package
from graders.runs.engines.shared_folder import BLOB_DAYS, DAYS, SharedFolder

A, B = "a" * 64, "b" * 64


@pytest.fixture
def folder(tmp_path):
    folder = SharedFolder(tmp_path / "shared")
    folder.prepare()
    return folder


@pytest.fixture
def package(tmp_path):
    (tmp_path / "blob").write_text("content")
    return Package("key", f'{{"blob": "{A}"}}'.encode(), {A: tmp_path / "blob"})


def age(path, days):
    then = time.time() - days * 86400
    os.utime(path, (then, then))


def test_it_is_for_its_owner_alone(folder):
    for path in folder.root.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    (folder.root / "in").chmod(0o755)
    folder.prepare()
    assert stat.S_IMODE((folder.root / "in").stat().st_mode) == 0o700


def test_a_blob_is_written_once(folder, package, tmp_path):
    folder.put(package)
    blob = folder.root / "blobs" / A
    assert blob.read_text() == "content"
    number = blob.stat().st_ino
    (tmp_path / "blob").unlink()
    folder.put(package)
    assert blob.stat().st_ino == number
    assert folder.description("key").read_bytes() == package.description


def test_the_keys_of_an_array_are_in_the_order_of_its_tasks(folder):
    array = folder.add_array(["one", "two"])
    assert folder.keys(array) == ["one", "two"]
    assert folder.keys("of another folder") == []


def test_a_reply_is_there_until_it_is_forgotten(folder, package):
    folder.put(package)
    array = folder.add_array(["key"])
    folder.log(array, 0).write_text("printed")
    (folder.root / "out" / "key.one").write_bytes(b"reply")
    (folder.root / "out" / "key.two.lab.example.org").write_bytes(b"reply")
    assert set(folder.arrived()) == {"key"}
    assert folder.reply("key") == b"reply"
    folder.forget("key", array, 0)
    assert folder.arrived() == {}
    assert not folder.description("key").exists()
    assert folder.last_lines(array, 0) is None
    assert (folder.root / "blobs" / A).exists(), "another package may need it"


def test_a_reply_names_the_node_that_wrote_it(folder):
    (folder.root / "out" / "key.two.lab.example.org").touch()
    assert folder.arrived() == {"key": "two.lab.example.org"}


def test_only_the_end_of_a_log_is_read(folder):
    folder.log("a", 0).write_bytes(b"\xff" + b"x" * 10_000 + b"\n" + b"".join(b"%d\n" % n for n in range(30)))
    assert folder.last_lines("a", 0).split() == [str(number) for number in range(20, 30)]
    folder.log("a", 1).touch()
    assert folder.last_lines("a", 1) == ""


def test_a_sweep_leaves_what_a_description_names_and_what_is_new(folder, package):
    folder.put(package)
    blobs = folder.root / "blobs"
    (blobs / B).write_text("of no package")
    folder.sweep()
    assert {path.name for path in blobs.iterdir()} == {A, B}, "another coordinator may be about to name it"
    for path in blobs.iterdir():
        age(path, BLOB_DAYS + 1)
    folder.sweep()
    assert {path.name for path in blobs.iterdir()} == {A}
    assert list((folder.root / "parts").iterdir()) == []


def test_a_sweep_removes_what_nobody_came_back_for(folder, package):
    folder.put(package)
    (folder.root / "out" / "key.one").touch()
    part = folder.root / "parts" / "12-0"
    part.mkdir()
    (part / "reply").touch()
    for path in (folder.description("key"), folder.root / "out" / "key.one", part, folder.root / "blobs" / A):
        age(path, DAYS + 1)
    folder.sweep()
    assert [path for path in folder.root.rglob("*") if path.is_file()] == []
    assert not part.exists()


def test_a_blob_that_is_used_again_is_not_old(folder, package):
    folder.put(package)
    folder.withdraw("key")
    age(folder.root / "blobs" / A, BLOB_DAYS + 1)
    folder.put(package)
    folder.withdraw("key")
    folder.sweep()
    assert (folder.root / "blobs" / A).exists()


def test_ages_are_of_the_folders_own_clock(folder, package, monkeypatch):
    """A file server whose clock is a year off sweeps as any other."""
    folder.put(package)
    folder.withdraw("key")
    monkeypatch.setattr(time, "time", lambda: 0.0)
    folder.sweep()
    assert (folder.root / "blobs" / A).exists()


def test_a_disk_without_room_is_seen(folder, monkeypatch):
    assert not folder.is_full()
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    assert folder.is_full()
