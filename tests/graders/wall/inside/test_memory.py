"""How the keeper knows that memory is full, and what it gives up then."""

import os
import sys
from types import SimpleNamespace

import pytest

from graders.wall.inside import memory
from graders.wall.inside.keeper import Keeper
from graders.wall.inside.memory import MIB, Memory
from graders.wall.inside.reaping import WorkerProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")


@pytest.fixture
def group(tmp_path, monkeypatch):
    """A control group of 256 MB; `group(uses)` says how many of them it uses."""
    used, limit = tmp_path / "used", tmp_path / "limit"
    limit.write_text(f"{256 * MIB}\n")
    monkeypatch.setattr(memory, "COUNTERS", [(tmp_path / "of version 2", tmp_path / "not here"), (used, limit)])

    def uses(megabytes):
        used.write_text(f"{megabytes * MIB}\n")

    uses(100)
    return uses


@pytest.mark.parametrize(("uses", "full"), [(0, False), (240, False), (255, True), (256, True)])
def test_memory_is_full_when_next_to_nothing_is_left(group, uses, full):
    memory_of_group = Memory()
    group(uses)
    assert memory_of_group.is_full() is full


@pytest.mark.parametrize("limit", ["max\n", ""])
def test_memory_without_a_limit_is_never_full(tmp_path, monkeypatch, limit):
    (tmp_path / "limit").write_text(limit)
    monkeypatch.setattr(memory, "COUNTERS", [(tmp_path / "used", tmp_path / "limit")] * 2)
    memory_of_group = Memory()
    memory_of_group.hold()
    assert not memory_of_group.is_full()


def test_what_is_held_back_is_given_up_when_memory_is_full_and_not_before(group):
    memory_of_group, before = Memory(), len(os.listdir("/proc/self/fd"))
    memory_of_group.hold()
    memory_of_group.hold()
    assert len(os.listdir("/proc/self/fd")) == before + 1
    memory_of_group.make_room()
    assert len(os.listdir("/proc/self/fd")) == before + 1
    group(255)
    memory_of_group.make_room()
    assert len(os.listdir("/proc/self/fd")) == before


def test_nothing_is_held_back_where_there_is_not_plenty(group):
    memory_of_group, before = Memory(), len(os.listdir("/proc/self/fd"))
    group(230)
    memory_of_group.hold()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_sandbox_that_allows_no_file_in_memory_holds_nothing_back(group, monkeypatch):
    def refused(_):
        raise PermissionError

    monkeypatch.setattr(os, "memfd_create", refused)
    memory_of_group = Memory()
    memory_of_group.hold()
    group(255)
    memory_of_group.make_room()
    assert memory_of_group.is_full()


@pytest.fixture
def looks():
    """How often the keeper looks at a worker that owes an answer for 0.3 s: `looks(full=True)`."""
    reply, workers_end = os.pipe()

    def looks(full):
        seen = []
        nothing = dict.fromkeys(("is_idle", "reap", "stop", "look"), lambda *_: None)
        keeper = object.__new__(Keeper)
        keeper.limits, keeper.workers = {"reply_bytes": 1000, "idle_s": 0}, {}
        keeper.counts_memory = False
        keeper.memory = SimpleNamespace(is_full=lambda: full)
        keeper.reaper = SimpleNamespace(cpu=lambda worker: seen.append(worker) or 0.0, **nothing)
        worker = WorkerProcess(1, 1, -1, reply, -1, 10.0, 0.3, "", None, 0, None)
        assert keeper._exchange(worker, memoryview(b""))[0]["outcome"] == "died"
        return len(seen) - 1  # the last one is for the account

    yield looks
    os.close(reply)
    os.close(workers_end)


def test_the_keeper_does_not_look_at_a_worker_while_memory_is_full(looks):
    assert looks(full=True) == 0
    assert looks(full=False) > 1
