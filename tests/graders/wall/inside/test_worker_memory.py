"""How the keeper counts a worker's memory: pages that several processes share count once."""

import mmap
import os
import signal
import sys
from contextlib import contextmanager

import pytest

from graders.wall.inside import worker_memory
from graders.wall.inside.worker_memory import data_bytes, data_limit, is_over

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the counts are Linux's")
MIB = 1 << 20


@contextmanager
def children(count, own_mb):
    """Children of this process that have the pages of this process, and so many megabytes of their own."""
    pids = []
    try:
        for _ in range(count):
            ready, say = os.pipe()
            pid = os.fork()
            if pid == 0:
                own = mmap.mmap(-1, max(1, own_mb) * MIB)
                own.write(b"x" * (own_mb * MIB))
                os.write(say, b"1")
                signal.pause()
                os._exit(0)
            pids.append(pid)
            os.read(ready, 1)
            os.close(ready)
            os.close(say)
        yield pids
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def test_what_children_share_with_their_parent_counts_once():
    shared = bytearray(b"x" * (200 * MIB))
    with children(4, 0) as pids:
        alone = worker_memory._resident(pids[0])
        assert alone > 200 * MIB, "each has all of it"
        assert sum(map(worker_memory._resident, pids)) > 3 * alone
        assert not is_over(pids, None, alone), "together they have it once, and this process has a part"
    del shared


def test_what_each_child_has_for_itself_counts_for_each():
    with children(3, 50) as pids:
        assert is_over(pids, None, 140 * MIB), "whatever they share"
        assert not is_over(pids, None, 10_000 * MIB)


def test_a_count_that_does_not_come_in_time_ends_nobody(monkeypatch):
    monkeypatch.setattr(worker_memory, "COUNTS_S", 0.0)
    with children(1, 50) as pids:
        assert not is_over(pids, None, MIB)


def test_a_process_that_is_gone_holds_nothing():
    with children(1, 50) as pids:
        pass
    assert worker_memory._resident(pids[0]) == 0
    assert not is_over(pids, None, 0)


def test_the_barrier_leaves_room_for_the_stack_of_each_thread():
    assert data_limit(100 * MIB, 64) == (100 + 64 * 8) * MIB
    before = data_bytes()
    with mmap.mmap(-1, 64 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS):
        assert 60 * MIB < data_bytes() - before < 70 * MIB
