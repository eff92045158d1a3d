"""One list of behaviours that every sandbox must show, run with the real keeper; deviations are named, with reasons."""

import errno
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import docker
import numpy as np
import pytest

from assignments.assignment import Limits
from graders.failures import (
    CpuLimit,
    ImportFailed,
    MemoryLimit,
    MissingFunction,
    ProcessEnded,
    Raised,
    ReplyTooLarge,
    WallLimit,
)
from graders.wall import session as sessions
from graders.wall.inside import processes
from graders.wall.sandboxes import SANDBOXES
from graders.wall.sandboxes.sandbox import SandboxSpec, computing
from graders.wall.session import Session

BEHAVIOURS = Path(__file__).parent / "behaviours"
LIMITS = Limits(memory_mb=256, scratch_mb=16, scratch_files=100, processes=64, reply_mb=16, log_kb=64)

LINUX = sys.platform == "linux"
NO_WALL = "a subprocess runs as you: local is for code that you trust"
NO_CONTROL_GROUP = "a subprocess has no control group, so nothing counts processes"
NO_USERS = "only root can give each worker a user of its own"
NO_TMPFS = "its scratch is a folder of the machine: only the size of each file is limited"
DEVIATIONS_OF_LOCAL = {
    "test_forking_without_end_stops_at_the_limit": NO_CONTROL_GROUP,
    "test_a_fork_bomb_is_over_soon_and_the_next_worker_answers": NO_CONTROL_GROUP,
    "test_threads_without_end_stop_at_the_limit": NO_CONTROL_GROUP,
    "test_a_full_disk_is_the_workers_own": NO_TMPFS,
    "test_files_without_end_stop_at_the_limit": NO_TMPFS,
    "test_files_in_shared_memory_are_gone_for_the_next_worker": NO_TMPFS,
    "test_cpu_time_of_children_that_nobody_waits_for_counts": NO_CONTROL_GROUP,
    "test_what_a_living_worker_left_stands_still_while_another_runs": NO_USERS,
    "test_memory_that_outlives_every_process_cannot_be_had": NO_WALL,
    "test_descriptors_without_end_stop_at_the_limit": NO_WALL,
    "test_there_is_no_network": NO_WALL,
    "test_each_worker_is_a_user_of_its_own": NO_USERS,
    "test_a_worker_cannot_make_itself_root_of_a_namespace": NO_WALL,
    "test_a_worker_cannot_touch_the_keeper": NO_WALL,
    "test_a_worker_cannot_read_what_is_not_its_own": NO_WALL,
    "test_a_worker_cannot_write_outside_its_scratch": NO_WALL,
}
DEVIATIONS_OF_ROOTLESS = {
    "test_cpu_time_of_children_that_nobody_waits_for_counts": "no control group of its own counts CPU time",
}
ROOTLESS = ("bubblewrap", "podman", "apptainer")
DEVIATIONS = {"local": DEVIATIONS_OF_LOCAL, "docker": {}, **dict.fromkeys(ROOTLESS, DEVIATIONS_OF_ROOTLESS)}


class Asker:
    """A session, and the shortest way to ask a function of the solution."""

    def __init__(self, session, name):
        self.session = session
        self.name = name

    def worker(self, cpu_s=20.0):
        return self.session.worker(cpu_s)

    def ask(self, worker, function, *args):
        request = {"do": "call", "name": function, "on": None, "args": list(args), "kwargs": {"d": {}}}
        value, arrays = self.session.call(worker, {**request, "tensors": False, "arrays": []}, [])
        return arrays[0] if arrays else value

    @contextmanager
    def fresh(self, cpu_s=20.0):
        """A fresh worker's `ask`; the worker is ended afterwards."""
        worker = self.worker(cpu_s)
        try:
            yield lambda function, *args: self.ask(worker, function, *args)
        finally:
            self.session.end(worker)


NAMES = [
    pytest.param("docker", marks=pytest.mark.docker),
    *(pytest.param(name, marks=pytest.mark.rootless) for name in ROOTLESS),
    "local",
]


@pytest.fixture(params=NAMES, scope="module")
def name(request):
    if request.param == "docker":
        request.getfixturevalue("images")("numpy")
    if request.param in ROOTLESS:
        request.getfixturevalue("folders")(request.param, "numpy")
    return request.param


@contextmanager
def opened(name, solution=BEHAVIOURS, course="conformance", limits=LIMITS):
    with SANDBOXES[name]().open(SandboxSpec(solution, "numpy", limits, course=course)) as channel:
        session = Session(channel, limits, solution)
        session.begin()
        yield Asker(session, name)


@pytest.fixture(scope="module")
def one_session(name):
    with opened(name) as asker:
        yield asker


@pytest.fixture
def inside(one_session, request):
    """The session that all tests share; after each of them a fresh worker must answer."""
    test = request.node.originalname
    if why := DEVIATIONS[one_session.name].get(test):
        pytest.skip(f"a deviation of {one_session.name}: {why}")
    yield one_session
    with one_session.fresh() as ask:
        assert ask("add", 2, 3) == 5


def test_a_call_is_answered(inside):
    with inside.fresh() as ask:
        assert ask("add", 2.5, 3.0) == 5.5
        zeros = ask("zeros", 1000)
        assert zeros.dtype == np.float32
        assert zeros.tolist() == [0.0] * 1000


def test_a_function_that_is_not_there_is_missing(inside):
    with inside.fresh() as ask, pytest.raises(MissingFunction):
        ask("no_such_function")


def test_an_exception_is_reported_with_its_kind_and_line(inside):
    with inside.fresh() as ask:
        with pytest.raises(Raised) as caught:
            ask("divide")
        assert caught.value.kind == "ZeroDivisionError"
        assert caught.value.where.startswith("solution.py:")
        assert ask("add", 1, 1) == 2


def test_an_import_error_is_reported_as_such(name, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "solution.py").write_text("import no_such_package\n")
    with opened(name, tmp_path) as asker, pytest.raises(ImportFailed) as caught:
        asker.worker()
    assert caught.value.kind == "ModuleNotFoundError: no_such_package"


@pytest.mark.parametrize("function", ["loop", "deaf_loop"])
def test_a_loop_without_end_meets_the_cpu_limit(inside, function, monkeypatch):
    monkeypatch.setattr(sessions, "WALL_FACTOR", 100.0)  # a machine under load must not make it the wall limit
    with inside.fresh(cpu_s=1.0) as ask, pytest.raises(CpuLimit):
        ask(function)


def test_waiting_without_end_meets_the_wall_limit(inside):
    with inside.fresh(cpu_s=0.25) as ask:
        began = time.monotonic()
        with pytest.raises(WallLimit):
            ask("sleep", 600)
        assert time.monotonic() - began < 4


def test_memory_over_the_limit_is_the_memory_limit(inside):
    with inside.fresh() as ask, pytest.raises(MemoryLimit):
        ask("fill_memory", 600)


def test_leaving_early_is_the_end_of_the_process(inside):
    with inside.fresh() as ask, pytest.raises(ProcessEnded):
        ask("leave")


def test_a_crash_is_the_end_of_the_process(inside):
    with inside.fresh() as ask, pytest.raises(ProcessEnded):
        ask("crash")


def test_a_reply_over_its_cap_is_too_large(inside):
    with inside.fresh() as ask, pytest.raises(ReplyTooLarge):
        ask("zeros", 5 * 2**20)


def test_a_reply_just_below_its_cap_comes_whole(inside):
    with inside.fresh() as ask:
        assert ask("zeros", 4 * 2**20 - 100).shape == (4 * 2**20 - 100,)


def test_prints_without_end_are_counted_and_cut(inside):
    worker = inside.worker()
    assert inside.ask(worker, "print_much", 100) == 100
    used = inside.session.end(worker)
    assert used.log_bytes == 100 * 2**20
    assert len(used.log) < 2 * LIMITS.log_kb * 1024


def test_what_is_printed_is_no_answer(inside):
    worker = inside.worker()
    assert inside.ask(worker, "print_a_frame") == 1
    assert inside.session.end(worker).log_bytes == 10


def test_forking_without_end_stops_at_the_limit(inside):
    with inside.fresh() as ask:
        assert LIMITS.processes <= ask("fork_sleepers", 1000) < LIMITS.processes + 200


def test_a_fork_bomb_is_over_soon_and_the_next_worker_answers(inside, monkeypatch):
    monkeypatch.setattr(sessions, "WALL_FACTOR", 4.0)
    began = time.monotonic()
    with inside.fresh(cpu_s=1.0) as ask, pytest.raises((CpuLimit, WallLimit)):
        ask("fork_bomb")
    assert time.monotonic() - began < 60  # 3 s on a quiet machine


def test_threads_without_end_stop_at_the_limit(inside):
    with inside.fresh() as ask:
        assert LIMITS.processes <= ask("start_threads", 1000) < LIMITS.processes + 200


def test_a_child_left_behind_is_swept_and_counted(inside):
    worker = inside.worker()
    child = inside.ask(worker, "leave_a_child")
    assert inside.session.end(worker).strays >= 1
    with inside.fresh() as ask:
        assert ask("is_running", child) is False


def test_a_worker_that_its_own_child_traces_is_ended_all_the_same(inside):
    began = time.monotonic()
    worker = inside.worker()
    traced = inside.ask(worker, "be_traced")
    assert inside.session.end(worker).strays == 1
    assert time.monotonic() - began < 10
    assert traced is not LINUX, "workers may not trace at all"


def test_cpu_time_of_children_that_live_counts(inside, monkeypatch):
    monkeypatch.setattr(sessions, "WALL_FACTOR", 100.0)
    with inside.fresh(cpu_s=0.5) as ask, pytest.raises(CpuLimit):
        ask("burn_in_children", 60)


def test_cpu_time_of_children_that_nobody_waits_for_counts(inside, monkeypatch):
    monkeypatch.setattr(sessions, "WALL_FACTOR", 100.0)
    worker = inside.worker()
    inside.ask(worker, "burn_unseen", 6, 0.25)
    assert 0.9 < inside.session.end(worker).cpu_s < 2.5, "six times 0.25 s, less what rounding may hide"


def test_what_a_living_worker_left_stands_still_while_another_runs(inside):
    first = inside.worker()
    inside.ask(first, "leave_a_burning_child")
    other = inside.worker()
    time.sleep(0.5)
    inside.ask(other, "add", 1, 1)
    used = inside.session.end(other)
    assert used.strays == 0
    assert used.cpu_s < 0.3
    used = inside.session.end(first)
    assert used.strays == 1
    assert used.cpu_s < 0.3


def test_memory_that_is_full_of_files_costs_the_next_worker_nothing(name):
    if name == "local":
        pytest.skip(f"a deviation of local: {NO_TMPFS}")
    roomy = LIMITS.model_copy(update={"scratch_mb": LIMITS.memory_mb})
    with opened(name, limits=roomy) as asker:
        for _ in range(2):
            with asker.fresh() as ask, pytest.raises(MemoryLimit):
                ask("fill_all_memory")
            with asker.fresh() as ask:
                assert ask("add", 2, 3) == 5
                assert ask("files_left") == []


def test_memory_that_outlives_every_process_cannot_be_had(inside):
    with inside.fresh() as ask:
        assert ask("system_v") == []


def test_descriptors_without_end_stop_at_the_limit(inside):
    with inside.fresh() as ask:
        opened_, error = ask("open_files", 10_000)
        assert error == errno.EMFILE
        assert opened_ < 4096


def test_there_is_no_socket_that_leads_past_the_network(inside):
    with inside.fresh() as ask:
        assert ask("opens_a_socket", 40) == errno.EAFNOSUPPORT, "AF_VSOCK, to the machine that this one runs on"
        assert ask("opens_a_socket", 2) == (errno.EAFNOSUPPORT if LINUX else 0), "AF_INET, whose ports outlive a worker"
        assert ask("opens_a_socket", 16) == errno.EAFNOSUPPORT, "AF_NETLINK, by which processes write to others"
        assert ask("opens_a_socket", 1) == 0


def test_a_sparse_file_cannot_claim_a_terabyte(inside):
    with inside.fresh() as ask:
        assert ask("sparse_file", 2**40) in (errno.EFBIG, errno.ENOSPC)


def test_a_full_disk_is_the_workers_own(inside):
    with inside.fresh() as ask:
        written, error = ask("fill_disk", 1000)
        assert error == errno.ENOSPC
        assert 14 <= written <= LIMITS.scratch_mb


@pytest.mark.parametrize("folder", [".", "/dev/shm"])
def test_files_without_end_stop_at_the_limit(inside, folder):
    with inside.fresh() as ask:
        count, error = ask("make_files", 1000, folder)
        assert error == errno.ENOSPC
        assert count < LIMITS.scratch_files


def test_files_in_scratch_are_gone_for_the_next_worker(inside):
    with inside.fresh() as ask:
        ask("fill_disk", 3)
    with inside.fresh() as ask:
        assert ask("fill_disk", 3) == [3, 0]


def test_files_in_shared_memory_are_gone_for_the_next_worker(inside):
    with inside.fresh() as ask:
        ask("leave_files")
        assert ask("files_left") == [".", "/dev/shm"]
    with inside.fresh() as ask:
        assert ask("files_left") == []


def test_no_variable_of_the_marker_comes_in(name, monkeypatch):
    monkeypatch.setenv("COURSE_TOKEN", "s3cret")
    with opened(name) as asker, asker.fresh() as ask:
        variables = ask("environment")
    assert not [key for key, value in variables.items() if "TOKEN" in key or "s3cret" in value or "MEDMARK" in key]


def test_frameworks_compute_alike_whatever_the_marker_has_set(name, monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with opened(name) as asker, asker.fresh() as ask:
        variables = ask("environment")
    assert variables.items() >= computing().items()


def test_there_is_no_network(inside):
    with inside.fresh() as ask:
        assert ask("devices") == ["lo"]
        assert ask("connect", "169.254.169.254", 80) == "OSError"
        assert ask("connect", "host.docker.internal", 80) in ("gaierror", "OSError")


def test_each_worker_is_a_user_of_its_own(inside):
    users = []
    for _ in range(2):
        with inside.fresh() as ask:
            status = ask("status")
            assert ask("user") == "student", "a name for who asks, though it is in no list"
        users.append(status["Uid"].split()[0])
        assert status["Uid"].split() == status["Gid"].split() == [users[-1]] * 4
        assert int(users[-1]) in (processes.USERS if inside.name == "docker" else processes.USERS_MAPPED)
        assert status["Groups"].strip() == ""
    assert users[0] != users[1]
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[kind], 16) == 0
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_a_worker_cannot_make_itself_root_of_a_namespace(inside):
    with inside.fresh() as ask:
        assert ask("new_user_namespace") == -1


def test_a_worker_cannot_touch_the_keeper(inside):
    with inside.fresh() as ask:
        assert ask("signal_the_keeper") == "refused"
        assert ask("limit_the_keeper") == "refused"
        assert ask("writable", "/proc/1/fd/1") is False


@pytest.mark.parametrize("path", ["/proc/1/environ", "/proc/1/mem", "/zygote/x", "/var/run/docker.sock", __file__])
def test_a_worker_cannot_read_what_is_not_its_own(inside, path):
    with inside.fresh() as ask:
        assert ask("readable", path) is False


@pytest.mark.parametrize("folder", ["/", "/solution", "/medmark", "/zygote", "/etc", "/usr/lib", "/proc/sys/kernel"])
def test_a_worker_cannot_write_outside_its_scratch(inside, folder):
    with inside.fresh() as ask:
        assert ask("writable", f"{folder}/new") is False
        assert ask("writable", "new") is True


MARKER = """
import sys
from tests.graders.wall.sandboxes.test_every_sandbox import Path, opened
with opened(sys.argv[1], Path(sys.argv[2]), sys.argv[3]) as asker:
    worker = asker.worker()
    asker.ask(worker, "add", 1, 2)
    print("answered", flush=True)
    asker.ask(worker, sys.argv[4], *(eval(word) for word in sys.argv[5:]))
    print("answered again", flush=True)
    asker.ask(worker, "sleep", 600)
"""


@pytest.mark.parametrize("busy", [["sleep", "600"], ["loop"], ["fork_sleepers", "20"]], ids=lambda words: words[0])
def test_a_killed_marker_leaves_nothing(name, tmp_path, busy):
    tmp_path.chmod(0o755)
    (tmp_path / "solution.py").write_text((BEHAVIOURS / "solution.py").read_text())
    command = [sys.executable, "-c", MARKER, name, str(tmp_path), tmp_path.name, *busy]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as marker:
        assert marker.stdout.readline() == b"answered\n"
        time.sleep(0.3)
        assert left_of(name, tmp_path)
        marker.send_signal(signal.SIGKILL)
    end = time.monotonic() + 10
    while (left := left_of(name, tmp_path)) and time.monotonic() < end:
        time.sleep(0.02)
    assert left == []


def left_of(name, solution):
    """What still exists of the sandboxes of a solution: containers, or keepers and workers that have its folder."""
    if name == "docker":
        client = docker.APIClient()
        containers = client.containers(all=True, filters={"label": f"medmark.course={solution.name}"})
        client.close()
        return [container["Id"] for container in containers]
    return [process.name for process in Path("/proc").glob("[0-9]*") if has_folder(process, solution)]


def has_folder(process, solution):
    """Whether a process of ours has a folder: local names it in the environment, all others mount it."""
    try:
        if b"start.py" not in (process / "cmdline").read_bytes():
            return False
        named = f"MEDMARK_SOLUTION={solution}\0".encode() in (process / "environ").read_bytes()
        mounts = [line.split() for line in (process / "mountinfo").read_text().splitlines()]
    except OSError:  # it ended meanwhile
        return False
    folder = f"/{solution.parent.name}/{solution.name}"  # the whole path would begin at the root of its file system
    return named or any(mount[3].endswith(folder) and mount[4] == "/solution" for mount in mounts)
