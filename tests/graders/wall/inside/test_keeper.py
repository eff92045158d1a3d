"""The keeper on the local sandbox, against what a worker may do to it: it measures, ends, sweeps, and stays sound."""

import os
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from assignments.assignment import Limits
from graders.failures import (
    CpuLimit,
    EngineFailure,
    ImageFailure,
    ImportFailed,
    ProcessEnded,
    ProtocolViolation,
    Raised,
    ReplyTooLarge,
    SubmissionFailure,
    WallLimit,
)
from graders.wall import session as sessions
from graders.wall.sandboxes.local import Local
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from graders.wall.wire import WIRE

LIMITS = Limits(memory_mb=512, reply_mb=1, log_kb=8, scratch_mb=16)
SOLUTION = """
import atexit, os, signal, struct, sys, threading, time

def two(): return 2
def pid(): return os.getpid()
def cwd(): return os.getcwd()
def loops():
    while True: pass
def sleeps(): time.sleep(600)
def exits(): os._exit(7)
def kills_itself(): os.kill(os.getpid(), signal.SIGKILL)
def stops_itself(): os.kill(os.getpid(), signal.SIGSTOP)
def crashes():
    import ctypes
    ctypes.string_at(0)
def ignores_signals():
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    loops()
def prints(size):
    os.write(1, b"a" * 100); left = size
    while left > 0: left -= os.write(1, b"x" * min(left, 65536))
    os.write(2, b"z" * 100)
    return size
def prints_without_end():
    while True: os.write(1, b"y" * 65536)
def closes_output():
    os.close(1); os.close(2)
    return 2
def ends_itself_soon():
    threading.Timer(0.1, os._exit, [3]).start()
    return 2
def burns_in_the_background():
    threading.Thread(target=loops, daemon=True).start()
    return 2
def pipes():
    return [fd for fd in range(3, 64) if os.path.exists(f"/proc/self/fd/{fd}")]
def raw(data, then="answer"):
    for fd in pipes():
        try: os.write(fd, data)
        except OSError: pass
    if then == "leave": os._exit(0)
    if then == "wait": time.sleep(600)
    return 2
def endless_frame():
    raw(struct.pack("<II", 2, 1 << 19) + b"{}", "nothing")
    while True: raw(bytes(4096), "nothing")
def closes_reply():
    os.closerange(3, 64)
    time.sleep(600)
def closes_request():
    # Of the two pipes the one that cannot be written to.
    import fcntl
    for fd in pipes():
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY: os.close(fd)
    return 2
def leaves(count, detached=True, busy=False):
    for _ in range(count):
        if os.fork() == 0:
            if detached: os.setsid()
            loops() if busy else time.sleep(600)
    return 2
def sleeps_while_a_child_works():
    if os.fork() == 0: loops()
    time.sleep(600)
def starves(core):
    os.nice(19)
    if os.path.exists("/proc/self/autogroup"):  # where each session has an equal share
        with open("/proc/self/autogroup", "w") as group: group.write("19")
    os.sched_setaffinity(0, {core})
    loops()
def large(size):
    import numpy
    return numpy.zeros(size, "u1")
def litters():
    os.makedirs("a/b/c")
    for place in ("a/x", "a/b/y", "a/b/c/z"): open(place, "w").write("x")
    os.symlink("/etc", "a/link")
    os.chmod("a/b", 0)
    os.chmod(".", 0)
    return 2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("solution")
    (folder / "solution.py").write_text(SOLUTION)
    return folder


@contextmanager
def opened(folder, limits=LIMITS):
    with Local().open(SandboxSpec(folder, "numpy", limits)) as channel:
        session = Session(channel, limits, folder)
        session.begin()
        yield session


@pytest.fixture(scope="module")
def session(folder):
    with opened(folder) as session:
        yield session


def ask(session, worker, name, *args):
    request = {"do": "call", "name": name, "on": None, "args": {"t": list(args)}, "kwargs": {"d": {}}, "tensors": False}
    table, parts = [], []
    if args and isinstance(args[0], bytes):
        table, parts = [["|u1", [len(args[0])]]], [memoryview(args[0])]
        request["args"] = {"t": [{"a": 0}, *args[1:]]}
    value, answered = session.call(worker, {**request, "arrays": table}, parts)
    return answered[0] if answered else value


@pytest.fixture
def fresh(session):
    """`fresh(name, *args, cpu_s=5)` asks a worker of its own; afterwards another must answer."""
    session.usage = None

    def fresh(name, *args, cpu_s=5.0):
        worker = session.worker(cpu_s)
        try:
            return ask(session, worker, name, *args)
        finally:
            session.usage = session.end(worker)

    yield fresh
    worker = session.worker(5.0)
    assert ask(session, worker, "two") == 2
    usage = session.end(worker)
    assert (usage.strays, usage.log) == (0, "")


@pytest.fixture
def patient(monkeypatch):
    """On a loaded machine the wall limit may come before the CPU limit; here it does not."""
    monkeypatch.setattr(sessions, "WALL_FACTOR", 60.0)


def gone(pid):
    return not Path(f"/proc/{pid}").exists()


ENDS = [
    ("loops", (), CpuLimit, 0.3),
    ("ignores_signals", (), CpuLimit, 0.3),
    ("prints_without_end", (), (CpuLimit, WallLimit), 0.2),
    ("sleeps", (), WallLimit, 0.1),
    ("stops_itself", (), WallLimit, 0.1),
    ("exits", (), ProcessEnded, 5),
    ("kills_itself", (), ProcessEnded, 5),
    ("crashes", (), ProcessEnded, 5),
    ("closes_reply", (), ProcessEnded, 5),
    ("large", (2 << 20,), ReplyTooLarge, 5),
]


@pytest.mark.parametrize(("name", "args", "failure", "cpu_s"), ENDS)
def test_how_a_worker_ends_is_the_failure_it_was(fresh, session, request, name, args, failure, cpu_s):
    if failure is CpuLimit:
        request.getfixturevalue("patient")
    with pytest.raises(SubmissionFailure) as caught:
        fresh(name, *args, cpu_s=cpu_s)
    assert isinstance(caught.value, failure)
    assert session.lost is None


def test_the_kernels_figures_are_reported(fresh, session, patient):
    with pytest.raises(CpuLimit):
        fresh("loops", cpu_s=0.3)
    assert 0.25 < session.usage.cpu_s < 1.5
    assert session.usage.peak_mb > 5


def test_a_worker_answers_again_and_again(session):
    worker = session.worker(5.0)
    assert len({ask(session, worker, "pid") for _ in range(20)}) == 1
    session.end(worker)


@pytest.mark.parametrize("size", [0, 3_000, 100_000_000])
def test_prints_are_drained_counted_and_cut_in_the_middle(fresh, session, size):
    assert fresh("prints", size) == size
    usage = session.usage
    assert usage.log_bytes == size + 200
    assert usage.log.startswith("a" * 100)
    assert usage.log.endswith("z" * 100)
    assert len(usage.log) < 8 * 1024 + 100
    assert ("bytes not kept" in usage.log) is (size > 8 * 1024)


def test_output_that_was_closed_is_no_trouble(fresh):
    assert fresh("closes_output") == 2


# Idle, or starved


@contextmanager
def opened_with(folder, **limits):
    """A session whose keeper has further limits."""
    with Local().open(SandboxSpec(folder, "numpy", LIMITS)) as channel:
        session = Session(channel, LIMITS, folder)
        header, _ = session._ask({"verb": "begin", "wire": WIRE, "limits": {"reply_bytes": 1 << 21, **limits}}, [], 60)
        assert header["outcome"] == "ready"
        yield session


@pytest.fixture
def ended_for(folder, patient):
    """What ended a worker by the keeper's word, and all that the keeper said of it at last."""

    def ended_for(name, *args, cpu_s, idle_s=1):
        with opened_with(folder, idle_s=idle_s) as session:
            worker = session.worker(cpu_s)
            began = time.monotonic()
            with pytest.raises(SubmissionFailure):
                ask(session, worker, name, *args)
            stopped, waited = worker.facts["stopped"], worker.facts["waited_s"]
            header, _ = session._ask({"verb": "end", "worker": worker.number}, [], 10)
            assert header["waited_s"] >= waited, "what was seen stays after the end"
            return stopped, time.monotonic() - began, header

    return ended_for


@pytest.mark.parametrize("name", ["sleeps", "stops_itself"])
def test_who_owes_an_answer_and_does_nothing_is_idle(ended_for, name):
    stopped, seconds, header = ended_for(name, cpu_s=20.0)
    assert stopped == "idle"
    assert 1.0 <= seconds < 10
    assert header["cpu_s"] < 1


@pytest.mark.parametrize("name", ["loops", "sleeps_while_a_child_works"])
def test_who_works_or_has_a_child_that_does_is_not_idle(ended_for, name):
    assert ended_for(name, cpu_s=1.5)[0] == "cpu"


def test_without_such_a_limit_no_worker_is_idle(ended_for, monkeypatch):
    monkeypatch.setattr(sessions, "WALL_FACTOR", 4.0)
    assert ended_for("sleeps", cpu_s=0.4, idle_s=0)[0] == "wall"


def test_a_worker_that_waits_for_a_core_is_not_idle_and_the_wait_is_reported(ended_for, monkeypatch):
    monkeypatch.setattr(sessions, "WALL_FACTOR", 2.0)
    core = min(os.sched_getaffinity(0))
    burns = f"import os\nos.sched_setaffinity(0, {{{core}}})\nprint(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", burns], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"\n"
        try:
            # It has 15 shares of the core, and the other 1024: less than 5 %.
            # The kernel tells of a wait once it is over: one may last for longer than a worker may be idle.
            stopped, _, header = ended_for("starves", core, cpu_s=8.0, idle_s=2)
        finally:
            other.kill()
    assert stopped == "wall", header
    assert header["cpu_s"] < 4
    assert 8.0 < header["waited_s"] < 40


# Frames of every kind


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"\xff" * 8,
        b"\xff" * 100_000,
        b"\0" * 8,
        b"\0" * 64,
        b"\2\0\0\0\0\0\0\0{}",
        b"\2\0\0\0\0\0\0\0[]",
        b"GET / HTTP",
    ],
    ids=lambda data: repr(data[:10]),
)
@pytest.mark.parametrize("then", ["answer", "leave"])
def test_bytes_that_are_no_answer_are_the_submissions_failure(fresh, session, data, then):
    # One byte too many may announce a frame that never comes: then the wall limit ends it.
    with pytest.raises((ProtocolViolation, ReplyTooLarge, ProcessEnded, WallLimit)):
        fresh("raw", data, then, cpu_s=0.15)
    assert session.lost is None


def test_half_a_frame_waits_no_longer_than_the_wall_limit(fresh):
    with pytest.raises(WallLimit):
        fresh("raw", b"\2\0\0\0\0\0\0", "wait", cpu_s=0.1)


def test_a_frame_without_end_is_ended(fresh):
    with pytest.raises((ProtocolViolation, CpuLimit, ReplyTooLarge)):
        fresh("endless_frame", cpu_s=0.5)


def test_bytes_after_an_answer_are_a_violation_when_the_next_question_comes(session, fresh):
    worker = session.worker(5.0)
    assert ask(session, worker, "two") == 2
    fd = _reply_pipe(session, worker)
    fd.write(b"\2\0\0\0\0\0\0\0{}")
    fd.close()
    with pytest.raises(ProtocolViolation):
        ask(session, worker, "two")
    session.end(worker)


def _reply_pipe(session, worker):
    """The worker's own end of its reply pipe, opened from outside as a child of its would have it."""
    pid = ask(session, worker, "pid")
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        flags = next(line for line in Path(f"/proc/{pid}/fdinfo/{fd.name}").read_text().split("\n") if "flags" in line)
        if int(fd.name) > 2 and flags.split()[1].endswith("1"):
            return open(fd, "wb", buffering=0)
    raise AssertionError("no pipe to write to")


def test_a_worker_that_gets_no_further_request_has_ended(session, fresh):
    worker = session.worker(5.0)
    assert ask(session, worker, "closes_request") == 2
    with pytest.raises(SubmissionFailure):
        ask(session, worker, "two")
    session.end(worker)


def test_a_worker_that_ends_between_two_questions_has_ended(session, fresh):
    worker = session.worker(5.0)
    assert ask(session, worker, "ends_itself_soon") == 2
    time.sleep(0.4)
    with pytest.raises(ProcessEnded):
        ask(session, worker, "two")
    session.end(worker)


def test_time_spent_between_two_questions_counts(session, fresh, patient):
    worker = session.worker(0.3)
    assert ask(session, worker, "burns_in_the_background") == 2
    time.sleep(0.8)
    with pytest.raises(CpuLimit):
        ask(session, worker, "sleeps")
    session.end(worker)


# Children


@pytest.mark.parametrize("detached", [True, False])
def test_children_are_killed_and_the_detached_counted(fresh, session, detached):
    assert fresh("leaves", 5, detached) == 2
    assert session.usage.strays == 5


def test_a_child_of_one_living_worker_outlives_another(session):
    first, other = session.worker(5.0), session.worker(5.0)
    ask(session, first, "leaves", 3)
    assert ask(session, other, "two") == 2
    assert session.end(other).strays == 0
    assert ask(session, first, "two") == 2, "a worker beside it is not a stray"
    assert session.end(first).strays == 3


def test_two_workers_at_once_are_two_processes_in_two_folders(session):
    workers = [session.worker(5.0) for _ in range(2)]
    for name in ("pid", "cwd"):
        assert len({ask(session, worker, name) for worker in workers}) == 2
    for worker in workers:
        session.end(worker)


def test_a_scratch_folder_is_removed_whatever_was_done_to_it(session):
    worker = session.worker(5.0)
    where = Path(ask(session, worker, "cwd"))
    assert ask(session, worker, "litters") == 2
    session.end(worker)
    assert not where.exists()
    assert os.path.isdir("/etc")


# The ends of a session


@pytest.mark.parametrize("name", ["sleeps", "loops", "stops_itself", "prints_without_end"])
def test_hanging_up_ends_everything_at_any_moment(folder, name):
    with Local().open(SandboxSpec(folder, "numpy", LIMITS)) as channel:
        session = Session(channel, LIMITS)
        session.begin()
        worker = session.worker(5.0)
        pid = ask(session, worker, "pid")
        with pytest.raises(AssertionError):
            _interrupted(session, worker, name)
        began = time.monotonic()
    assert time.monotonic() - began < 2.5
    assert channel._process.returncode == 0
    assert gone(pid)


def _interrupted(session, worker, name):
    """Ask, and give up after a moment."""
    channel, plain = session._channel, session._channel.readinto
    until = time.monotonic() + 0.3

    def impatient(view):
        assert time.monotonic() < until
        return plain(view)

    channel.readinto = impatient
    ask(session, worker, name)


def test_after_a_worker_that_could_not_import_the_next_one_can(folder, tmp_path, session):
    (tmp_path / "solution.py").write_text("def f(:")
    with pytest.raises(ImportFailed) as caught:
        session.worker(5.0, solution=str(tmp_path))
    assert (caught.value.kind, caught.value.where) == ("SyntaxError", "solution.py:1")
    worker = session.worker(5.0)
    assert ask(session, worker, "two") == 2
    session.end(worker)


def test_a_keeper_killed_from_outside_is_the_engines_failure(folder):
    with opened(folder) as session:
        worker = session.worker(5.0)
        session._channel._process.kill()
        with pytest.raises(EngineFailure):
            ask(session, worker, "two")


def test_another_version_of_the_wire_is_a_broken_image(folder, monkeypatch):
    monkeypatch.setattr(sessions, "WIRE", 3)
    with pytest.raises(ImageFailure, match="wire 2"), opened(folder):
        pass


def test_without_fork_the_same_wire_serves(folder, monkeypatch):
    monkeypatch.setenv("MEDMARK_NO_FORK", "1")
    with opened(folder) as session:
        assert session.info["forks"] is False
        worker = session.worker(20.0)
        assert ask(session, worker, "two") == 2
        assert ask(session, worker, "prints", 1000) == 1000
        assert session.end(worker).log_bytes == 1200
        worker = session.worker(20.0)
        with pytest.raises(ProcessEnded):
            ask(session, worker, "exits")
        session.end(worker)
        slow = session.worker(0.75)
        with pytest.raises((WallLimit, CpuLimit)):
            ask(session, slow, "sleeps")
        session.end(slow)


def test_no_variable_of_medmark_reaches_the_solution(session, tmp_path):
    (tmp_path / "solution.py").write_text(
        textwrap.dedent("""
        import os
        found = [name for name in os.environ if "MEDMARK" in name]
        assert not found, found
    """)
    )
    worker = session.worker(5.0, solution=str(tmp_path))
    session.end(worker)


def test_an_exception_while_the_keeper_waits_leaves_no_worker(folder):
    """Defects too: a request that the keeper cannot understand ends it, and all it started."""
    with opened(folder) as session:
        worker = session.worker(5.0)
        pid = ask(session, worker, "pid")
        with pytest.raises(EngineFailure, match="KeyError"):
            session._ask({"verb": "nonsense"}, [], 10)
        deadline = time.monotonic() + 2
        while not gone(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert gone(pid)


def test_a_reason_for_raising_is_reported(session):
    worker = session.worker(5.0)
    with pytest.raises(Raised) as caught:
        ask(session, worker, "prints", "x")
    assert caught.value.kind == "TypeError"
    assert caught.value.where is not None
    session.end(worker)
