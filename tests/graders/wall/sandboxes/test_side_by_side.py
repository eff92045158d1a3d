"""Several workers of one container: one runs at a time, each is a user of its own, and none loses by another."""

import errno
import os
import time
from contextlib import contextmanager

import pytest

from assignments.assignment import Limits
from graders.failures import ImageFailure, ProcessEnded
from graders.wall.sandboxes import docker
from graders.wall.sandboxes.docker import Docker
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from tests.graders.wall.sandboxes.talk import ask

pytestmark = pytest.mark.docker
LIMITS = Limits(memory_mb=256, scratch_mb=16, scratch_files=200, processes=64)
SOLUTION = """
import os, signal, threading, time

def note(text):
    with open("note", "a") as file: file.write(text)
def notes(): return open("note").read()
def burn():
    threading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()
    return 1
def clock(seconds):
    before = time.monotonic()
    time.sleep(seconds)
    return time.monotonic() - before
def states():
    # Of every process but this one: whether it stands still.
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            status = dict(row.split(":\\t", 1) for row in open(f"/proc/{name}/status") if ":\\t" in row)
            if not status["Uid"].startswith("0\\t"): found.append(status["State"][0])
    return found
def leave(count):
    for _ in range(count):
        if os.fork() == 0:
            os.setsid(); time.sleep(600)
    return count
def dies(): os._exit(3)
def fill():
    count = 0
    try:
        while True: open(str(count), "w").close(); count += 1
    except OSError as error: return error.errno
def mode(): return [os.stat(".").st_mode & 0o777, os.stat(".").st_uid == os.getuid(), os.getcwd()]
"""


@pytest.fixture
def folder(images, tmp_path):
    images("numpy")
    folder = tmp_path / "solution"
    folder.mkdir(mode=0o755)
    (folder / "solution.py").write_text(SOLUTION)
    return folder


@contextmanager
def opened(folder, limits=LIMITS):
    with Docker().open(SandboxSpec(folder, "numpy", limits, course=str(folder))) as channel:
        session = Session(channel, limits, folder)
        session.begin()
        yield session


def test_a_worker_keeps_its_own_folder_while_others_come_and_go(folder):
    with opened(folder) as session:
        modules = session.worker(20.0)
        ask(session, modules, "note", "one ")
        fresh = session.worker(20.0)
        ask(session, fresh, "note", "other")
        session.end(fresh)
        ask(session, modules, "note", "two")
        assert ask(session, modules, "notes") == "one two"
        private, own, where = ask(session, modules, "mode")
        assert (private, own) == (0o700, True)
        assert where.startswith("/scratch/w-")


def test_while_one_worker_runs_all_others_stand_still_and_continue_in_turn(folder):
    with opened(folder) as session:
        modules, fresh = session.worker(20.0), None
        ask(session, modules, "burn")
        for _ in range(3):
            fresh = session.worker(20.0)
            assert ask(session, fresh, "states") == ["T"]
            session.end(fresh)
            assert ask(session, modules, "states") == []


def test_the_time_that_a_worker_stands_still_costs_it_nothing(folder):
    with opened(folder) as session:
        modules = session.worker(2.0)
        ask(session, modules, "burn")
        before = modules.facts["cpu_s"]
        fresh = session.worker(20.0)
        assert ask(session, fresh, "clock", 2.5) >= 2.5
        session.end(fresh)
        ask(session, modules, "states")
        assert modules.facts["cpu_s"] - before < 1.5, "it would have burned 2.5 s"
        assert modules.facts["wall_s"] < 2.5


def test_a_worker_that_stands_still_is_ended_with_all_it_left(folder):
    with opened(folder) as session:
        modules = session.worker(20.0)
        ask(session, modules, "leave", 3)
        fresh = session.worker(20.0)
        assert ask(session, fresh, "states") == ["T"] * 4
        began = time.monotonic()
        assert session.end(modules).strays == 3
        assert time.monotonic() - began < 5
        assert ask(session, fresh, "states") == []


def test_what_a_dead_worker_left_is_gone_before_another_runs(folder):
    with opened(folder) as session:
        modules = session.worker(20.0)
        ask(session, modules, "leave", 3)
        with pytest.raises(ProcessEnded):
            ask(session, modules, "dies")
        fresh = session.worker(20.0)
        assert ask(session, fresh, "states") == []
        assert session.end(modules).strays == 3


def test_a_worker_that_has_filled_the_scratch_loses_it_to_the_next(folder):
    with opened(folder) as session:
        modules = session.worker(20.0)
        assert ask(session, modules, "fill") == errno.ENOSPC
        fresh = session.worker(20.0)
        ask(session, fresh, "note", "there is room")
        with pytest.raises(ProcessEnded):
            ask(session, modules, "states")


# Toolkit failures and their texts


def test_a_scratch_that_is_not_roots_is_a_broken_image(folder, monkeypatch):
    plain = docker._host_config

    def anothers(*args):
        config = plain(*args)
        return {**config, "tmpfs": {**config["tmpfs"], "/scratch": "size=16m,uid=5,gid=5,mode=700"}}

    monkeypatch.setattr(docker, "_host_config", anothers)
    with pytest.raises(ImageFailure, match=r"/scratch is not root's.*medmark image build numpy"), opened(folder):
        pass


def test_a_scratch_without_room_for_a_folder_is_a_broken_image(folder):
    with (
        opened(folder, LIMITS.model_copy(update={"scratch_files": 1})) as session,
        pytest.raises(ImageFailure, match="cannot make its folder in /scratch: No space left"),
    ):
        session.worker(20.0)


def test_when_every_user_was_a_worker_the_container_says_so(folder, tmp_path, monkeypatch):
    inside = tmp_path / "inside"
    inside.mkdir(mode=0o755)
    for path in docker.INSIDE_FOLDER.glob("*.py"):
        text = path.read_text().replace("range(2_000_000_000, 2_100_000_000)", "range(2_000_000_000, 2_000_000_002)")
        (inside / path.name).write_text(text)
        os.chmod(inside / path.name, 0o644)
    with Docker(inside=inside).open(SandboxSpec(folder, "numpy", LIMITS, course=str(folder))) as channel:
        session = Session(channel, LIMITS, folder)
        session.begin()
        for _ in range(2):
            session.end(session.worker(20.0))
        with pytest.raises(ImageFailure, match="every user of this sandbox has been a worker"):
            session.worker(20.0)
