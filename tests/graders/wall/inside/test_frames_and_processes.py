"""The basis of keeper and workers: frames on pipes, children, CPU time, clean folders."""

import os
import signal
import time
from pathlib import Path

import pytest

from graders.wall.inside import processes
from graders.wall.inside.frames import (
    HEAD_CAP,
    PREFIX,
    Closed,
    Reader,
    TooLarge,
    head_bytes,
    read_exactly,
    receive,
    send,
)


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    ends = {"reader": reader, "writer": writer}
    yield ends
    for fd in ends.values():
        os.close(fd)


WHOLE = PREFIX.pack(2, 3) + b"{}abc"


def test_a_frame_is_taken_byte_by_byte(pipe):
    reader = Reader(10)
    for offset, byte in enumerate(WHOLE):
        os.write(pipe["writer"], bytes([byte]))
        frame = reader.feed(pipe["reader"])
        assert (frame is not None) is (offset == len(WHOLE) - 1)
        assert reader.started
    assert bytes(frame) == WHOLE


def test_nothing_beyond_a_frame_is_taken(pipe):
    os.write(pipe["writer"], WHOLE + b"surplus")
    reader, frame = Reader(10), None
    while frame is None:
        frame = reader.feed(pipe["reader"])
    assert bytes(frame) == WHOLE
    assert os.read(pipe["reader"], 100) == b"surplus"


def test_an_empty_frame_is_whole_with_its_lengths(pipe):
    os.write(pipe["writer"], bytes(8))
    assert bytes(Reader(0).feed(pipe["reader"])) == bytes(8)


@pytest.mark.parametrize(("head", "body"), [(HEAD_CAP + 1, 0), (0, 11), (2**32 - 1, 2**32 - 1)])
def test_lengths_over_their_caps_are_refused_before_anything_is_allocated(pipe, head, body):
    os.write(pipe["writer"], PREFIX.pack(head, body))
    with pytest.raises(TooLarge):
        Reader(10).feed(pipe["reader"])


def test_an_empty_pipe_and_a_closed_one_differ(pipe):
    reader = Reader(10)
    with pytest.raises(BlockingIOError):
        reader.feed(pipe["reader"])
    os.write(pipe["writer"], WHOLE[:3])
    reader.feed(pipe["reader"])
    os.close(pipe["writer"])
    with pytest.raises(Closed):
        reader.feed(pipe["reader"])
    pipe["writer"] = os.open(os.devnull, os.O_WRONLY)


def test_what_is_sent_is_received(pipe):
    os.set_blocking(pipe["reader"], True)
    send(pipe["writer"], {"id": 1, "é": [1.5]}, [memoryview(b"ab"), memoryview(b""), memoryview(b"c")])
    assert receive(pipe["reader"]) == ({"id": 1, "é": [1.5]}, b"abc")
    os.close(pipe["writer"])
    with pytest.raises(Closed):
        read_exactly(pipe["reader"], 1)
    pipe["writer"] = os.open(os.devnull, os.O_WRONLY)


def test_a_head_has_a_cap_and_no_nan():
    with pytest.raises(TooLarge):
        head_bytes({"x": "y" * HEAD_CAP})
    with pytest.raises(ValueError, match="not JSON compliant"):
        head_bytes({"x": float("nan")})


# Processes


@pytest.fixture
def child():
    """Forks a child that does something and never returns; it is gone after the test."""
    born = []

    def fork(what):
        pid = os.fork()
        if pid == 0:
            try:
                what()
            finally:
                os._exit(0)
        born.append(pid)
        return pid

    yield fork
    for pid in born:
        processes.kill(pid)
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            continue


def test_children_are_found_zombies_too(child):
    alive, dead = child(lambda: time.sleep(60)), child(lambda: None)
    os.waitid(os.P_PID, dead, os.WEXITED | os.WNOWAIT)
    assert {alive, dead} <= set(processes.children())


def test_cpu_seconds_are_the_kernels(child):
    def burn():
        end = time.process_time() + 0.2
        while time.process_time() < end:
            pass
        time.sleep(60)

    pid = child(burn)
    deadline = time.monotonic() + 20
    while processes.cpu_of(processes.stat_fields(pid)) < 0.15 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert 0.15 <= processes.cpu_of(processes.stat_fields(pid)) < 0.5


def test_a_name_with_brackets_hides_nothing(child):
    def named():
        Path("/proc/self/comm").write_text("a) R 1 (b")
        time.sleep(60)

    pid = child(named)
    deadline = time.monotonic() + 5
    while "a) R" not in Path(f"/proc/{pid}/stat").read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert int(processes.stat_fields(pid)[1]) == os.getpid()


def test_a_group_is_killed_with_its_leader(child):
    reader, writer = os.pipe()

    def lead():
        os.setsid()
        if os.fork() == 0:
            os.write(writer, b"%d" % os.getpid())
        time.sleep(60)

    leader = child(lead)
    follower = int(os.read(reader, 20))
    processes.kill_group(leader)
    assert os.waitpid(leader, 0)[1] == signal.SIGKILL
    deadline = time.monotonic() + 5
    while os.path.exists(f"/proc/{follower}/exe") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not os.path.exists(f"/proc/{follower}/exe")
    processes.kill_group(leader)
    os.close(reader)
    os.close(writer)


# Folders


def test_a_folder_is_removed_whatever_is_in_it(tmp_path, monkeypatch):
    deep = tmp_path / "scratch"
    deep.mkdir()
    monkeypatch.chdir(deep)
    for _ in range(50):  # deeper than any path may be long
        os.mkdir("d" * 100)
        os.chdir("d" * 100)
        Path("file").write_text("x")
    os.chdir(tmp_path)
    (tmp_path / "outside").write_text("kept")
    (deep / "link").symlink_to(tmp_path)
    (deep / "dangling").symlink_to("/nowhere")
    os.mkfifo(deep / "pipe")
    (deep / "closed").mkdir(mode=0)
    assert processes.remove([str(deep)], None)
    assert not deep.exists()
    assert (tmp_path / "outside").read_text() == "kept"


def test_a_link_in_the_place_of_a_folder_goes_and_what_it_points_to_stays(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis").write_text("kept")
    (tmp_path / "scratch").symlink_to("home")
    assert processes.remove([str(tmp_path / "scratch")], None)
    assert not (tmp_path / "scratch").is_symlink()
    assert (tmp_path / "home" / "thesis").read_text() == "kept"


def test_what_is_not_there_is_removed(tmp_path):
    assert processes.remove([str(tmp_path / "no")], None)


def test_an_incomplete_removal_is_reported(tmp_path):
    (tmp_path / "file").write_text("x")
    # No user can remove anything from /proc.
    assert not processes.remove([str(tmp_path / "file"), "/proc/self"], None)
    assert not (tmp_path / "file").exists()


def test_how_long_threads_wait_for_a_core_is_the_kernels(child):
    assert processes.counts_waiting()
    cores = sorted(os.sched_getaffinity(0))

    def burn():
        os.sched_setaffinity(0, {cores[0]})
        while True:
            pass

    pair = {child(burn), child(burn)}
    deadline = time.monotonic() + 20
    while processes.waited_of(pair) < 0.3 and time.monotonic() < deadline:
        time.sleep(0.02)
    # Two that burn on one core: one of them waits at any time.
    assert processes.waited_of(pair) >= 0.3
    assert processes.waited_of(set()) == 0
    assert all(processes.is_busy({pid}) for pid in pair), "one of them runs, and the other waits"


def within(seconds, holds):
    """Whether something holds before so many seconds are over."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def test_who_sleeps_or_is_stopped_is_not_busy(child):
    asleep, stopped = child(lambda: time.sleep(60)), child(lambda: os.kill(os.getpid(), signal.SIGSTOP))
    assert within(20, lambda: not processes.is_busy({asleep, stopped}))
    assert not processes.is_busy(set())


def test_who_waits_as_for_a_disk_is_busy(child, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    opens = [(os.POSIX_SPAWN_OPEN, 0, str(tmp_path / "pipe"), os.O_RDONLY, 0)]  # it waits for who writes
    starts = child(lambda: os.posix_spawn("/bin/true", ["true"], {}, file_actions=opens))
    assert within(20, lambda: processes.stat_fields(starts)[0] == "D")
    assert processes.is_busy({starts})
    os.close(os.open(tmp_path / "pipe", os.O_WRONLY))
