"""What only sandboxes without a daemon have: command lines, failures, and what holds where ids are missing."""

import errno
import json
import os
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from assignments.assignment import Limits
from assignments.errors import UserError
from graders.failures import EngineFailure, ImageFailure, InternalFailure, MemoryLimit
from graders.runs.trust import sandbox_named
from graders.wall.inside import processes
from graders.wall.sandboxes import control_group, rootless, runtime_records
from graders.wall.sandboxes.owner import this_process
from graders.wall.sandboxes.rootless import PROGRAMS, Opening, Rootless, apptainer, bubblewrap, podman, trouble
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from tests.graders.wall.sandboxes.talk import ask

LIMITS = Limits(memory_mb=256, scratch_mb=16, scratch_files=100, processes=64)
SOLUTION = """
import os, subprocess

def add(a, b): return a + b
def held(megabytes):
    global block
    block = bytearray(b"x" * (megabytes << 20))
    return len(block)
def shared_by_children(megabytes, children):
    held(megabytes)
    pids = []
    for _ in range(children):
        if (pid := os.fork()) == 0:
            os.read(os.open("/dev/zero", os.O_RDONLY), 1)
            import time; time.sleep(600)
        pids.append(pid)
    import time; time.sleep(0.5)
    for pid in pids:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    return len(pids)
def memory_file():
    try: return os.memfd_create("x") and "made"
    except OSError as error: return error.errno
def mounts(): return [line.split()[4] for line in open("/proc/self/mountinfo")]
def status(): return dict(row.split(":\\t", 1) for row in open("/proc/self/status") if ":\\t" in row)
def keeper(): return dict(row.split(":\\t", 1) for row in open("/proc/1/status") if ":\\t" in row)
def listed(folder):
    try: return sorted(os.listdir(folder))
    except OSError as error: return error.errno
def writes_kernel(): return os.access("/proc/sys/kernel/panic", os.W_OK)
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "solution"
    folder.mkdir(mode=0o755)
    (folder / "solution.py").write_text(SOLUTION)
    return folder


@contextmanager
def opened(name, folder, limits=LIMITS, course="none"):
    with Rootless(PROGRAMS[name]).open(SandboxSpec(folder, "numpy", limits, course=course)) as channel:
        session = Session(channel, limits, folder)
        session.begin()
        yield session


# Command lines


def opening(**changes):
    return Opening(
        root=Path("/rootfs"),
        words=("/python", "-I"),
        mounts={"/solution": Path('/a, "b":c')},
        environment={"HOME": "/zygote"},
        **{"name": "medmark-1", "labels": {"medmark.course": "c"}, **changes},
    )


def test_every_program_has_no_network_a_read_only_root_and_no_variable_but_its_own():
    words = bubblewrap(opening())
    assert {"--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--clearenv", "--die-with-parent"} < {
        *words
    }
    assert " ".join(words[words.index("--ro-bind") :]).startswith("--ro-bind /rootfs / ")
    words = podman(opening())
    assert {"--read-only", "--network", "none", "--cap-drop", "ALL", "no-new-privileges"} < {*words}
    words = apptainer(opening())
    assert {"--containall", "--cleanenv", "--net", "none", "--fakeroot"} < {*words}
    assert "--fakeroot" not in apptainer(opening(one_user=True))
    for command in (bubblewrap, podman, apptainer):
        assert command(opening())[-3:] == ["/rootfs", "/python", "-I"] or command is bubblewrap
        assert command(opening())[-2:] == ["/python", "-I"]


def test_a_path_with_a_comma_and_quotes_stays_one_path():
    assert '"source=/a, ""b"":c"' in " ".join(podman(opening()))
    assert '"source=/a, ""b"":c"' in " ".join(apptainer(opening()))
    words = bubblewrap(opening())
    assert words[words.index("/solution") - 1] == '/a, "b":c'


# Failures


def test_a_program_that_is_not_installed_names_its_package(monkeypatch):
    monkeypatch.setattr(rootless.shutil, "which", lambda name: None)
    assert trouble(PROGRAMS["podman"]) == "podman cannot be run: apt-get install podman uidmap"


@pytest.mark.rootless
@pytest.mark.parametrize("name", ["bubblewrap", "podman"])
def test_a_program_that_fails_is_the_toolkits_failure_in_its_own_words(name, folders, folder, tmp_path, monkeypatch):
    folders(name, "numpy")
    program = tmp_path / PROGRAMS[name].executable
    program.write_text("#!/bin/sh\necho 'no such luck' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(EngineFailure, match="no such luck"), opened(name, folder):
        pass


def test_a_runtime_that_was_never_built_names_the_command(tmp_path, monkeypatch, folder):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path))
    with pytest.raises(
        ImageFailure, match="no runtime folder for numpy: medmark image build numpy --from-host --rootfs"
    ):
        Rootless(PROGRAMS["bubblewrap"]).runtime("numpy")


def test_a_folder_that_is_gone_is_built_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path))
    record = runtime_records.record_of("numpy", "rootfs")
    record.parent.mkdir()
    fields = {
        "framework": "numpy", "digest": "0", "image": str(tmp_path / "gone"), "python": "/p", "mounts": [],
        "packages": {}, "modules": [], "python_version": "3.11.7", "made_from": "host", "built": "",
        "added": ["einops==0.8.1"], "kind": "slim", "form": "rootfs", "sif": "x.sif",
    }  # fmt: skip
    record.write_text(json.dumps(fields))
    words = "medmark image build numpy --from-host --rootfs --sif --slim --add einops==0.8.1"
    with pytest.raises(ImageFailure, match=f"gone is gone: {words}"):
        Rootless(PROGRAMS["bubblewrap"]).runtime("numpy")


@pytest.mark.rootless
def test_a_solution_that_workers_could_not_read_is_named(folders, folder):
    folders("bubblewrap", "numpy")
    (folder / "solution.py").chmod(0o600)
    with pytest.raises(InternalFailure, match="cannot be read inside a container: chmod"), opened("bubblewrap", folder):
        pass


# Users


def test_without_ids_it_is_no_boundary_and_grade_wants_to_be_told(monkeypatch):
    monkeypatch.setattr(rootless, "user_ids", lambda: "/etc/subuid has no 65535 ids for ada")
    sandbox = Rootless(PROGRAMS["bubblewrap"])
    assert not sandbox.isolates
    assert sandbox.weakness.endswith("one could read another's memory: /etc/subuid has no 65535 ids for ada")
    with pytest.raises(UserError, match=r"the podman sandbox does not hold .*: all its workers would be one user"):
        sandbox_named("podman", trust_submissions=False)
    assert sandbox_named("podman", trust_submissions=True).name == "podman"


@pytest.mark.rootless
def test_without_ids_a_trusted_solution_is_run_all_the_same(folders, folder, monkeypatch):
    folders("bubblewrap", "numpy")
    monkeypatch.setattr(rootless, "user_ids", lambda: "none")
    with opened("bubblewrap", folder) as session:
        assert session.info["drops"] is False
        worker = session.worker(20.0)
        assert ask(session, worker, "add", 2, 3) == 5
        assert int(ask(session, worker, "status")["CapEff"], 16) == 0


NAMES = ["bubblewrap", "podman"]


@pytest.mark.rootless
@pytest.mark.parametrize("name", NAMES)
def test_the_keeper_has_three_capabilities_and_none_that_it_could_get_back(name, folders, folder):
    folders(name, "numpy")
    with opened(name, folder) as session:
        keeper = ask(session, session.worker(20.0), "keeper")
    needed = 1 << 5 | 1 << 6 | 1 << 7  # KILL, SETGID, SETUID
    assert [int(keeper[kind], 16) for kind in ("CapPrm", "CapEff", "CapBnd")] == [needed] * 3
    assert [int(keeper[kind], 16) for kind in ("CapInh", "CapAmb")] == [0, 0]
    assert keeper["NoNewPrivs"].strip() == "1"


@pytest.mark.rootless
@pytest.mark.parametrize("name", NAMES)
def test_the_machine_is_hidden(name, folders, folder):
    folders(name, "numpy")
    with opened(name, folder) as session:
        worker = session.worker(20.0)
        assert ask(session, worker, "listed", "/sys") == []
        assert ask(session, worker, "listed", str(Path(__file__).parent)) == errno.ENOENT
        assert ask(session, worker, "writes_kernel") is False
        assert {"/scratch", "/zygote", "/dev/shm", "/solution", "/medmark"} < {*ask(session, worker, "mounts")}


# Memory


@pytest.mark.rootless
@pytest.mark.parametrize("name", NAMES)
def test_children_that_share_their_parents_data_are_no_more_than_it(name, folders, folder):
    folders(name, "numpy")
    with opened(name, folder) as session:
        worker = session.worker(20.0)
        assert ask(session, worker, "shared_by_children", 100, 4) == 4
        with pytest.raises(MemoryLimit, match="the keeper counted more memory than the limit"):
            ask(session, worker, "shared_by_children", 300, 1)
        assert ask(session, session.worker(20.0), "add", 1, 1) == 2


@pytest.mark.rootless
def test_files_that_nothing_counts_cannot_be_made(folders, folder):
    folders("bubblewrap", "numpy")
    with opened("bubblewrap", folder) as session:
        assert ask(session, session.worker(20.0), "memory_file") == errno.EPERM


@pytest.mark.rootless
def test_a_kill_in_a_schedulers_control_group_is_the_memory_limit(folders, folder, tmp_path, monkeypatch):
    folders("bubblewrap", "numpy")
    files = [tmp_path / name for name in control_group.FILES]
    for path, text in zip(files, ("1\n", f"{1 << 30}\n", "oom_kill 4\n"), strict=True):
        path.write_text(text)
    monkeypatch.setattr(control_group, "memory_files", lambda: tuple(files))
    with opened("bubblewrap", folder) as session:
        worker = session.worker(20.0)
        assert ask(session, worker, "listed", "/memory") == [], "workers could tell each other something by it"
        files[2].write_text("oom_kill 5\n")
        worker_pids = [
            int(path.name) for path in Path("/proc").glob("[0-9]*") if _user(path) in processes_of_workers(session)
        ]
        os.kill(max(worker_pids), 9)
        with pytest.raises(MemoryLimit):
            ask(session, worker, "add", 1, 1)


def _user(process):
    try:
        return process.stat().st_uid
    except OSError:
        return -1


def processes_of_workers(session):
    """The ids on this machine that the first workers of a sandbox can have."""
    ids = Rootless(PROGRAMS["bubblewrap"])._ids
    return range(ids.users + processes.USERS_MAPPED[0] - 1, ids.users + processes.USERS_MAPPED[-1])


# The end


@pytest.mark.rootless
def test_podmans_containers_of_dead_markers_are_removed_and_no_others(folders, folder, monkeypatch):
    folders("podman", "numpy")
    sandbox = Rootless(PROGRAMS["podman"])
    with opened("podman", folder, course="swept") as session:
        assert sandbox.sweep("swept") == [], "its marker lives"
        monkeypatch.setattr(rootless, "is_alive", lambda owner: owner != this_process())
        assert sandbox.sweep("another") == []
        assert len(sandbox.sweep("swept")) == 1
        with pytest.raises(EngineFailure):
            session.worker(20.0)


@pytest.mark.rootless
@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_sandbox_is_left_when_it_is_closed(name, folders, folder):
    folders(name, "numpy")
    with opened(name, folder) as session:
        ask(session, session.worker(20.0), "add", 1, 1)
        assert processes_with(folder) != []
    end = time.monotonic() + 5
    while processes_with(folder) and time.monotonic() < end:
        time.sleep(0.02)
    assert processes_with(folder) == []


def processes_with(folder):
    """Processes whose command line names a folder, but for this one."""
    named = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words and int(path.name) != os.getpid():
            named.append(path.name)
    return named
