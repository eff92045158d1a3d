"""What GPUs are used for: samples of `nvidia-smi`, summed by hand here."""

import subprocess
import sys
import time

import psutil
import pytest

from graders.wall.sandboxes.gpu_use import GpuMeter, GpuUse
from tests.graders.wall.sandboxes.nvidia import MIG_0, A, B, nvidia_smi


def test_the_peak_is_that_of_one_moment_over_all_gpus():
    meter = GpuMeter()
    for now, row in enumerate([f"{A}, 100, 0", f"{B}, 50, 0", f"{A}, 400, 0", f"{A}, 10, 0", f"{B}, 300, 0"]):
        meter.take(row, now * 0.1)
    assert meter.used().peak_mb == 400 + 50


def test_busy_seconds_are_the_load_of_the_time_between_samples():
    meter = GpuMeter(period_s=0.25)
    for now, load in [(10.0, 100), (10.25, 40), (10.75, 100), (60.0, 10)]:
        meter.take(f"{A}, 1, {load}", now)
    # The first stands for one period. The last came late, and stands for four.
    assert meter.used().busy_s == 0.25 * 1.0 + 0.25 * 0.4 + 0.5 * 1.0 + 1.0 * 0.1


def test_each_repeat_is_measured_from_its_beginning():
    meter = GpuMeter()
    meter.take(f"{A}, 5000, 90", 1.0)
    meter.begin()
    assert meter.used() == GpuUse(None, None)
    meter.take(f"{A}, 70, 0", 1.3)
    assert meter.used() == GpuUse(70.0, 0.0)


@pytest.mark.parametrize("row", ["", "Unable to determine the device handle", f"{A}, [N/A], [Not Supported]"])
def test_what_cannot_be_measured_is_none_and_not_zero(row):
    meter = GpuMeter()
    meter.take(row, 1.0)
    assert meter.used() == GpuUse(None, None)


def test_samples_are_taken_while_the_sandbox_is_open(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch, samples=f"{A}, 812, 50")
    meter = GpuMeter()
    with meter.watching((A,)):
        assert until(lambda: meter.used().peak_mb == 812.0)
    assert sampler_processes(tmp_path) == []


def test_samples_that_end_early_are_no_measurement(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch)
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\necho '{A}, 812, 50'\n")
    meter = GpuMeter()
    with meter.watching((A,)):
        assert until(lambda: meter._broken)
        assert meter.used() == GpuUse(None, None)


@pytest.mark.parametrize("uuids", [(MIG_0,), (A, MIG_0)])
def test_of_mig_devices_nothing_is_measured(tmp_path, monkeypatch, uuids):
    nvidia_smi(tmp_path, monkeypatch, samples=f"{A}, 812, 50")
    meter = GpuMeter()
    with meter.watching(uuids):
        assert sampler_processes(tmp_path) == []
        assert meter.used() == GpuUse(None, None)


def test_without_nvidia_smi_nothing_is_measured_and_nothing_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    meter = GpuMeter()
    with meter.watching((A,)):
        assert meter.used() == GpuUse(None, None)


def test_a_marker_that_is_killed_leaves_no_sampler(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch, samples=f"{A}, 812, 50")
    code = f"""
from graders.wall.sandboxes.gpu_use import GpuMeter
with GpuMeter().watching(({A!r},)):
    print("watched", flush=True)
    input()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as marker:
        assert marker.stdout.readline() == b"watched\n"
        assert until(lambda: sampler_processes(tmp_path))
        marker.kill()
    assert until(lambda: not sampler_processes(tmp_path))


def sampler_processes(folder):
    """The processes that run the stand-in in a folder."""
    return [process.pid for process in psutil.process_iter() if str(folder / "nvidia-smi") in command_of(process)]


def command_of(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""


def until(is_so, seconds=20.0):
    end = time.monotonic() + seconds
    while not (so := is_so()) and time.monotonic() < end:
        time.sleep(0.02)
    return so
