"""The Docker sandbox by itself, with a tiny program where the keeper stands."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import docker
import pytest

from assignments.assignment import Limits
from graders.failures import EngineFailure, ImageFailure, InternalFailure
from graders.wall.sandboxes import runtime_records
from graders.wall.sandboxes.docker import Docker
from graders.wall.sandboxes.owner import this_process
from graders.wall.sandboxes.sandbox import SandboxSpec
from tests.graders.wall.sandboxes.severed import Severed
from tests.graders.wall.sandboxes.talk import ECHO, hear, say, value

pytestmark = pytest.mark.docker


@pytest.fixture
def box(images):
    images("numpy")
    return Docker(inside=ECHO)


@pytest.fixture
def spec(tmp_path):
    folder = tmp_path / "solution"
    folder.mkdir(mode=0o755)
    (folder / "solution.py").write_text('FRAMEWORK = "numpy"\n')
    return SandboxSpec(folder, "numpy", Limits(memory_mb=256, scratch_mb=16, scratch_files=50), course=tmp_path.name)


@pytest.fixture
def client(engine):
    api = docker.APIClient()
    yield api
    api.close()


@pytest.fixture
def containers(client, spec):
    """The ids of this test's containers that exist now."""
    label = {"label": f"medmark.course={spec.course}"}
    return lambda: [container["Id"] for container in client.containers(all=True, filters=label)]


def test_bytes_come_back_as_they_went(box, spec):
    with box.open(spec) as channel:
        say(channel, b"in 3000000\n" + bytes(3_000_000))
        assert hear(channel, 1) == b"."
        say(channel, b"err to be kept\nout 3000000\n")
        assert hear(channel, 3_000_001) == b"." + b"x" * 3_000_000


def test_there_is_only_the_loopback_device(box, spec):
    with box.open(spec) as channel:
        assert value(channel, "__import__('os').listdir('/sys/class/net')") == ["lo"]


def test_the_keeper_is_root_with_three_capabilities_behind_seccomp(box, spec):
    with box.open(spec) as channel:
        status = dict(row.split(":\t") for row in value(channel, "open('/proc/1/status').read().splitlines()"))
        assert status["Uid"].split() == ["0"] * 4
        kill, setgid, setuid = 1 << 5, 1 << 6, 1 << 7
        for kind in ("CapPrm", "CapEff", "CapBnd"):
            assert int(status[kind], 16) == kill | setgid | setuid
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


@pytest.mark.parametrize("path", ["/new", "/solution/new", "/medmark/new", "/usr/new", "/etc/passwd", "/root/new"])
def test_nothing_can_be_written_outside_the_two_folders(box, spec, path):
    attempt = f"__import__('os').access({os.path.dirname(path)!r}, __import__('os').W_OK)"
    with box.open(spec) as channel:
        assert value(channel, attempt) is False


def test_the_two_folders_are_roots_and_sized(box, spec):
    with box.open(spec) as channel:
        assert value(channel, "__import__('os').stat('/zygote').st_mode & 0o777") == 0o700
        look = "[s.st_uid for s in map(__import__('os').stat, ('/scratch', '/zygote', '/dev/shm'))]"
        assert value(channel, look) == [0, 0, 0]
        size = "[(s.f_blocks * s.f_frsize, s.f_files) for s in map(__import__('os').statvfs, ['/scratch', '/dev/shm'])]"
        assert value(channel, size) == [(16 * 2**20, 50)] * 2


def test_the_limits_are_the_kernels(box, spec, client, containers):
    with box.open(spec) as channel:
        limits = "[r.getrlimit(k)[1] for r in [__import__('resource')] for k in (r.RLIMIT_CORE, r.RLIMIT_FSIZE)]"
        assert value(channel, limits) == [0, 16 * 2**20]
        container = client.inspect_container(containers()[0])
    config = container["HostConfig"]
    assert config["Memory"] == config["MemorySwap"] == 256 * 2**20
    assert config["PidsLimit"] == 128 + 32 + 16 * os.cpu_count()
    assert (config["LogConfig"]["Type"], config["IpcMode"], config["AutoRemove"]) == ("none", "none", True)
    assert container["Config"]["StdinOnce"] is True


def test_no_variable_tells_of_the_marker(box, spec, monkeypatch):
    monkeypatch.setenv("COURSE_TOKEN", "s3cret")
    with box.open(spec) as channel:
        names = set(value(channel, "list(__import__('os').environ)"))
    assert not any("TOKEN" in name for name in names)
    assert names >= {"MEDMARK_SOLUTION", "MEDMARK_SCRATCH", "MEDMARK_FRAMEWORK", "OMP_NUM_THREADS"}


def test_on_leaving_the_container_is_gone(box, spec, containers):
    with box.open(spec) as channel:
        assert value(channel, "1 + 1") == 2
        assert len(containers()) == 1
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert containers() == []


@pytest.mark.parametrize("error", [KeyError("key"), OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_on_leaving_in_an_exception_the_container_is_gone_and_the_exception_stays(box, spec, containers, error):
    with pytest.raises(type(error)) as caught, box.open(spec):
        raise error
    assert caught.value is error
    assert containers() == []


def test_an_exit_is_reported_with_its_code_and_last_lines(box, spec):
    with box.open(spec) as channel:
        say(channel, b"err goodbye\neval __import__('sys').exit(7)\n")
        assert hear(channel, 100) == b"."
        ending = channel.ending()
        assert (ending.exit_code, ending.out_of_memory) == (7, False)
        assert "goodbye" in ending.text


def test_memory_over_the_limit_differs_from_any_other_kill(box, spec):
    with box.open(spec) as channel:
        say(channel, b"eval len(b'x' * 600_000_000)\n")
        assert hear(channel, 1) == b""
        ending = channel.ending()
        assert (ending.exit_code, ending.out_of_memory) == (137, True)


def test_a_container_killed_from_outside_was_not_out_of_memory(box, spec, client, containers):
    with box.open(spec) as channel:
        client.kill(containers()[0])
        assert hear(channel, 1) == b""
        assert (channel.ending().exit_code, channel.ending().out_of_memory) == (137, False)


def test_a_keeper_that_is_gone_is_seen_by_reading_for_docker_leaves_the_other_way_open(box, spec):
    with box.open(spec) as channel:
        say(channel, b"eval __import__('sys').exit(0)\n")
        channel.ending()
        while channel.write(memoryview(bytes(100_000))):
            pass
        assert hear(channel, 1) == b""


def test_a_marker_killed_at_once_leaves_no_container(box, spec, containers):
    code = f"""
import json, sys, time
from pathlib import Path
from assignments.assignment import Limits
from graders.wall.sandboxes.docker import Docker
from graders.wall.sandboxes.sandbox import SandboxSpec
with Docker(inside=Path({str(ECHO)!r})).open(SandboxSpec(Path(sys.argv[1]), "numpy", Limits(), course=sys.argv[2])):
    print("open", flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", code, str(spec.solution), spec.course]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as marker:
        assert marker.stdout.readline() == b"open\n"
        assert len(containers()) == 1
        marker.send_signal(signal.SIGKILL)
    end = time.monotonic() + 5
    while containers() and time.monotonic() < end:
        time.sleep(0.02)
    assert containers() == []


def test_no_engine_is_an_engine_failure_that_names_the_socket(spec, tmp_path):
    box = Docker(address=f"unix://{tmp_path}/no")
    with pytest.raises(EngineFailure, match=f"{tmp_path}/no does not answer"), box.open(spec):
        pass


def test_an_engine_elsewhere_is_refused(spec):
    with pytest.raises(EngineFailure, match="Unix socket"), Docker(address="tcp://10.0.0.1:2375").open(spec):
        pass


# The SDK does not close a socket that could not connect.
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
def test_an_engine_cut_off_in_mid_run_is_an_engine_failure(images, spec, containers, tmp_path):
    images("numpy")
    with Severed(tmp_path / "docker.sock") as engine:
        opened = Docker(inside=ECHO, address=engine.url).open(spec)
        channel = opened.__enter__()
        assert value(channel, "40 + 2") == 42
        engine.cut()
        assert hear(channel, 1) == b""
        with pytest.raises(EngineFailure, match="went away"):
            channel.ending()
        with pytest.raises(EngineFailure, match="docker: "):
            opened.__exit__(None, None, None)
    end = time.monotonic() + 5
    while containers() and time.monotonic() < end:
        time.sleep(0.02)
    assert containers() == []


def test_an_image_that_the_engine_lost_names_the_command(box, spec, monkeypatch):
    lost = replace(runtime_records.runtime("numpy"), image="sha256:" + "0" * 64)
    monkeypatch.setattr(runtime_records, "runtime", lambda framework: lost)
    with pytest.raises(ImageFailure, match="medmark image build numpy --from-host"), box.open(spec):
        pass


def test_a_runtime_folder_that_was_deleted_names_the_command(box, spec, monkeypatch):
    lost = replace(runtime_records.runtime("numpy"), mounts=(("/no/such/folder", "/opt"),))
    monkeypatch.setattr(runtime_records, "runtime", lambda framework: lost)
    with pytest.raises(ImageFailure, match="/no/such/folder is gone: medmark image build numpy"), box.open(spec):
        pass


def test_an_image_that_cannot_start_leaves_no_container(box, spec, containers, monkeypatch):
    broken = replace(runtime_records.runtime("numpy"), python="/no/python")
    monkeypatch.setattr(runtime_records, "runtime", lambda framework: broken)
    with pytest.raises(ImageFailure, match="/no/python"), box.open(spec):
        pass
    assert containers() == []


def test_a_file_deep_in_a_solution_that_nobody_can_read_is_named(box, spec):
    (spec.solution / "pkg").mkdir()
    (spec.solution / "pkg/one.py").touch(0o600)
    with pytest.raises(InternalFailure, match=r"pkg/one\.py cannot be read"), box.open(spec):
        pass


def test_our_own_side_of_the_wall_is_mended_where_it_was_installed_under_a_narrow_umask(box, spec, tmp_path):
    inside = shutil.copytree(ECHO, tmp_path / "inside")
    for path in (*inside.rglob("*"), inside):
        path.chmod(0o700 if path.is_dir() else 0o600)
    with Docker(inside=inside).open(spec) as channel:
        say(channel, b"out 1\n")
        assert hear(channel, 1) == b"x"


def test_a_solution_that_nobody_can_read_is_a_toolkit_failure(box, spec):
    (spec.solution / "solution.py").chmod(0o600)
    with pytest.raises(InternalFailure, match="chmod"), box.open(spec):
        pass


def test_a_sweep_takes_containers_of_dead_owners_of_the_course_and_no_others(box, spec, client, containers):
    image = runtime_records.runtime("numpy").image
    dead = "999999999 never"

    def left_over(course, owner):
        labels = {"medmark.course": course, "medmark.owner": owner}
        return client.create_container(image, ["/none"], labels=labels)["Id"]

    own = left_over(spec.course, dead)
    living = left_over(spec.course, this_process())
    foreign = left_over(spec.course + "-other", dead)
    try:
        assert box.sweep(spec.course) == [own]
        assert containers() == [living]
        assert client.inspect_container(foreign)["Id"] == foreign
    finally:
        for container in (living, foreign):
            client.remove_container(container, force=True)


def test_the_record_of_a_runtime_is_its_digest(box):
    record = json.loads((runtime_records.home() / "images" / "numpy.json").read_text())
    assert box.runtime("numpy") == record["digest"]
    assert len(record["digest"]) == 64
