"""The owner of a container, and the holder of a GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from graders.failures import EngineFailure
from graders.wall.sandboxes import gpus, owner

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
