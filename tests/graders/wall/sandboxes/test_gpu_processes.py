"""A GPU that was just leased is used by nobody else."""

import threading

import pytest

from graders.failures import EngineFailure
from graders.wall.sandboxes import gpu_processes
from graders.wall.sandboxes.gpu_processes import GpuProcess, processes_on, wait_until_idle
from tests.graders.wall.sandboxes.nvidia import MIG_0, A, B, nvidia_smi

LEFT = f"{A}, 4321, /usr/bin/python3, 812 MiB\n"


def test_processes_are_listed_for_the_leased_gpus_alone(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch, processes=f"{LEFT}{B}, 77, my prog, with comma, [N/A]\n")
    assert processes_on((A,)) == [GpuProcess(A, 4321, "/usr/bin/python3", "812 MiB")]
    assert processes_on((B,)) == [GpuProcess(B, 77, "my prog, with comma", "[N/A]")]
    assert processes_on((MIG_0,)) == []


def test_a_process_that_stays_is_named_with_the_command_that_shows_it(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch, processes=f"{LEFT}{A}, 4322, python, 10 MiB\n")
    monkeypatch.setattr(gpu_processes, "IDLE_WITHIN_S", 0.2)
    monkeypatch.setattr(gpu_processes, "LOOK_S", 0.05)
    with pytest.raises(EngineFailure) as caught:
        wait_until_idle((A,))
    text = str(caught.value)
    assert f"process 4321 (/usr/bin/python3) holds 812 MiB of {A}" in text
    assert "`ps -fp 4321,4322` shows whose that is; end it (kill 4321 4322)" in text


def test_a_process_that_is_about_to_end_is_waited_for(tmp_path, monkeypatch):
    rows = nvidia_smi(tmp_path, monkeypatch, processes=LEFT)
    monkeypatch.setattr(gpu_processes, "LOOK_S", 0.05)
    timer = threading.Timer(0.3, rows.write_text, [""])
    timer.start()
    try:
        wait_until_idle((A,))
        assert rows.read_text() == ""
    finally:
        timer.join()
