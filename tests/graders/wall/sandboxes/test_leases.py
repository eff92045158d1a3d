"""The owner of a container, and the holder of a GPU."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assignments.assignment import Limits
from graders.failures import EngineFailure
from graders.wall.sandboxes import gpu_processes, gpus, owner
from graders.wall.sandboxes.gpu_use import GpuMeter
from graders.wall.sandboxes.sandbox import SandboxSpec
from tests.graders.wall.sandboxes.nvidia import MIG_0, MIG_1, WITH_MIG, A, nvidia_smi

TWO = ("GPU-aa", "GPU-bb")


def test_this_process_lives():
    assert owner.is_alive(owner.this_process())


def test_a_process_that_ended_is_dead_and_so_is_another_with_its_number():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = owner._started(process.pid)
        name = f"{process.pid} {started}"
        assert owner.is_alive(name)
        process.communicate(b"\n")
    assert not owner.is_alive(name)
    assert not owner.is_alive(f"{os.getpid()} {started}")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_is_named_by_ticks_of_this_boot_and_not_by_a_clock_that_people_set():
    """The name in containers that an earlier version left, and the same whatever the time of day is set to."""
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
    assert owner.this_process() == f"{os.getpid()} {boot}-{fields[19]}"  # proc_pid_stat(5), field 22: starttime


def test_a_process_that_ended_and_was_not_waited_for_is_dead():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = f"{process.pid} {owner._started(process.pid)}"
        assert owner.is_alive(name)
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
        assert not owner.is_alive(name)


@pytest.mark.parametrize("name", ["", "no number", "12", "0 ", "² 1", f"{10**30} 1", "-1 1"])
def test_a_name_that_cannot_be_read_belongs_to_no_process(name):
    assert not owner.is_alive(name)


def test_no_gpu_asks_nothing(tmp_path):
    with gpus.leased(0, folder=tmp_path / "locks") as uuids:
        assert uuids == ()
    assert not (tmp_path / "locks").exists()


def test_a_gpu_is_leased_to_one_at_a_time(tmp_path):
    with gpus.leased(1, folder=tmp_path, uuids=TWO) as first, gpus.leased(1, folder=tmp_path, uuids=TWO) as second:
        assert (first, second) == (("GPU-aa",), ("GPU-bb",))
    with gpus.leased(2, folder=tmp_path, uuids=TWO) as both:
        assert both == TWO


def test_who_cannot_have_all_gives_back_what_he_took(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus, "WAIT_S", 0.0)
    with gpus.leased(1, folder=tmp_path, uuids=("GPU-bb",)):
        with pytest.raises(EngineFailure, match="did not come free"), gpus.leased(2, folder=tmp_path, uuids=TWO):
            pass
        with gpus.leased(1, folder=tmp_path, uuids=TWO) as uuids:
            assert uuids == ("GPU-aa",)


def test_a_dead_holder_holds_nothing(tmp_path):
    code = f"""
from pathlib import Path
from graders.wall.sandboxes import gpus
with gpus.leased(1, folder=Path({str(tmp_path)!r}), uuids=("GPU-aa",)):
    print("held", flush=True)
    input()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
    with gpus.leased(1, folder=tmp_path, uuids=("GPU-aa",)) as uuids:
        assert uuids == ("GPU-aa",)


def test_more_than_the_machine_has_is_a_toolkit_failure(tmp_path):
    with pytest.raises(EngineFailure, match="this machine has 2"), gpus.leased(3, folder=tmp_path, uuids=TWO):
        pass


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become two users")
def test_users_of_one_machine_meet_at_one_lock_whatever_their_umask(tmp_path):
    tmp_path.chmod(0o711)
    for parent in list(tmp_path.parents)[:-2]:
        parent.chmod(parent.stat().st_mode | 0o011)
    folder = tmp_path / "locks"
    umask = os.umask(0o077)
    try:
        with gpus.leased(1, folder=folder, uuids=TWO) as first:
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    os.setuid(12345)
                    with gpus.leased(1, folder=folder, uuids=TWO) as second:
                        code = 0 if (first, second) == (("GPU-aa",), ("GPU-bb",)) else 2
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        os.umask(umask)
    with gpus.leased(2, folder=folder, uuids=TWO) as both:  # one of the locks is the other user's now
        assert both == TWO


def test_a_lock_that_points_elsewhere_is_not_followed(tmp_path):
    (tmp_path / "GPU-aa.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EngineFailure, match=r"remove .*GPU-aa\.lock"), gpus.leased(1, folder=tmp_path, uuids=TWO):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_mig_devices_of_one_gpu_are_leased_one_by_one(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch, WITH_MIG)
    monkeypatch.setattr(gpus, "LOCKS", tmp_path / "locks")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"{MIG_0},{MIG_1}")
    spec = SandboxSpec(tmp_path, "numpy", Limits(gpus=1))
    with gpus.leased_for(spec) as first, gpus.leased_for(spec) as second:
        assert (first, second) == ((MIG_0,), (MIG_1,))


def test_no_more_is_leased_than_was_granted(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch)
    monkeypatch.setattr(gpus, "LOCKS", tmp_path / "locks")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with pytest.raises(EngineFailure, match="process may use 1 of this machine's 2: CUDA_VISIBLE_DEVICES=1"):
        gpus.leased(2).__enter__()


def test_what_a_dead_marker_left_is_ended_before_processes_are_looked_for(tmp_path, monkeypatch):
    rows = nvidia_smi(tmp_path, monkeypatch, processes=f"{A}, 4321, python, 812 MiB\n")
    monkeypatch.setattr(gpus, "LOCKS", tmp_path / "locks")
    monkeypatch.setattr(gpu_processes, "IDLE_WITHIN_S", 0.0)
    spec = SandboxSpec(tmp_path, "numpy", Limits(gpus=1))
    with pytest.raises(EngineFailure, match=r"process 4321 \(python\)"):
        gpus.leased_for(spec).__enter__()
    ended = []

    def end_holders(uuids):
        ended.extend(uuids)
        rows.write_text("")

    with gpus.leased_for(spec, end_holders) as uuids:
        assert uuids == (A,)
    assert ended == [A]


def test_a_lease_is_measured_while_it_lasts(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch, samples=f"{A}, 812, 50")
    monkeypatch.setattr(gpus, "LOCKS", tmp_path / "locks")
    meter = GpuMeter()
    with gpus.leased_for(SandboxSpec(tmp_path, "numpy", Limits(gpus=1), gpu_meter=meter)):
        end = time.monotonic() + 20
        while meter.used().peak_mb is None and time.monotonic() < end:
            time.sleep(0.02)
        assert meter.used().peak_mb == 812.0
