"""A zygote that has initialised CUDA is broken: CUDA works in no process forked afterwards."""

import os
import shutil
import sys

import pytest

from assignments.assignment import Limits
from graders.failures import ImageFailure
from graders.wall.inside import processes
from graders.wall.sandboxes import local
from graders.wall.sandboxes.local import Local
from graders.wall.sandboxes.sandbox import INSIDE_FOLDER, SandboxSpec
from graders.wall.session import Session

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="CUDA and /proc are Linux's")


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Begins a session whose framework opens a device when it is imported, as CUDA does: `begin(opens=True)`."""
    device = tmp_path / "nvidia-uvm"
    device.touch()
    (tmp_path / "solution.py").write_text("")

    def run(opens):
        inside = tmp_path / "inside"
        shutil.rmtree(inside, ignore_errors=True)
        shutil.copytree(INSIDE_FOLDER, inside)
        own = inside / "processes.py"
        own.write_text(own.read_text().replace(processes.GPU_DEVICE, str(device)))
        if opens:
            adapter = inside / "adapter_numpy.py"
            adapter.write_text(f"{adapter.read_text()}\n\nDEVICE = open({str(device)!r})\n")
        monkeypatch.setattr(local, "INSIDE_FOLDER", inside)
        with Local().open(SandboxSpec(tmp_path, "numpy", Limits())) as channel:
            return Session(channel, Limits()).begin()

    return run


def test_a_framework_that_initialises_cuda_when_it_is_imported_is_a_broken_image(begin):
    with pytest.raises(ImageFailure, match="importing numpy initialised CUDA: no forked worker could use the GPU"):
        begin(opens=True)


def test_a_framework_that_does_not_can_fork_workers(begin):
    assert begin(opens=False)["threads"] == 1


def test_a_process_uses_the_gpu_while_it_has_its_device_open(tmp_path):
    device = tmp_path / "nvidia-uvm"
    device.touch()
    assert not processes.uses_gpu(str(device))
    with device.open():
        assert processes.uses_gpu(str(device))
    assert not processes.uses_gpu(str(device))


@pytest.mark.parametrize(("value", "holds"), [(None, False), ("", False), ("GPU-aa", True)])
def test_a_sandbox_holds_a_gpu_where_its_environment_names_one(monkeypatch, value, holds):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if value is not None:
        monkeypatch.setitem(os.environ, "CUDA_VISIBLE_DEVICES", value)
    assert processes.has_gpu() is holds
