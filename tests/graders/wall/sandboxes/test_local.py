"""What only the local sandbox has: it needs a folder of this machine, and it has no container around a GPU."""

import errno
import sys
import tempfile
from pathlib import Path

import pytest

from assignments.assignment import Limits
from graders.failures import EngineFailure, MemoryLimit
from graders.wall.sandboxes import gpus
from graders.wall.sandboxes.local import Local
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from tests.graders.wall.sandboxes.nvidia import A, B, nvidia_smi
from tests.graders.wall.sandboxes.talk import ask


@pytest.mark.parametrize(("owner", "name"), [(tempfile, "mkdtemp"), (Path, "mkdir")])
def test_a_full_disk_is_the_engines_failure_and_leaves_nothing(tmp_path, monkeypatch, owner, name):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(owner, name, full)
    with pytest.raises(EngineFailure, match="No space left"), Local().open(SandboxSpec(tmp_path, "numpy", Limits())):
        pass
    assert list(tmp_path.iterdir()) == []


SOLUTION = """
import mmap, os, resource
def environment(): return dict(os.environ)
def limits(): return [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
def reserves():  # as CUDA does: addresses without memory behind them
    return len(mmap.mmap(-1, 1 << 36, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, prot=0))
def eats(): return len(bytes(1 << 30)) + len(bytearray(b"1") * (1 << 30))
"""


@pytest.fixture
def solution(tmp_path, monkeypatch):
    """A solution's folder, on a machine that has two GPUs."""
    nvidia_smi(tmp_path, monkeypatch)
    monkeypatch.setattr(gpus, "LOCKS", tmp_path / "locks")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "solution.py").write_text(SOLUTION)
    return tmp_path


def begun(channel, limits):
    session = Session(channel, limits)
    session.begin()
    return session


def test_two_sandboxes_never_share_a_gpu(solution, monkeypatch):
    limits = Limits(gpus=1)
    monkeypatch.setattr(gpus, "WAIT_S", 0.0)
    spec = SandboxSpec(solution, "numpy", limits)
    with Local().open(spec) as first, Local().open(spec) as second:
        for channel, uuid in ((first, A), (second, B)):
            session = begun(channel, limits)
            environment = ask(session, session.worker(20), "environment")
            assert environment["CUDA_VISIBLE_DEVICES"] == uuid
            assert environment["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
        with pytest.raises(EngineFailure, match="did not come free"), Local().open(spec):
            pass
    with Local().open(SandboxSpec(solution, "numpy", Limits(gpus=2))):
        pass


def test_without_a_lease_no_gpu_can_be_seen_whatever_the_caller_may_use(solution, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with Local().open(SandboxSpec(solution, "numpy", Limits())) as channel:
        session = begun(channel, Limits())
        environment = ask(session, session.worker(20), "environment")
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    assert "CUBLAS_WORKSPACE_CONFIG" not in environment


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_with_a_gpu_memory_is_limited_but_addresses_are_not(solution):
    limits = Limits(gpus=1, memory_mb=512)
    with Local().open(SandboxSpec(solution, "numpy", limits)) as channel:
        session = begun(channel, limits)
        worker = session.worker(20)
        addresses, data = ask(session, worker, "limits")
        assert addresses == -1
        assert 512 << 20 <= data < 1 << 40
        assert ask(session, worker, "reserves") == 1 << 36
        with pytest.raises(MemoryLimit):
            ask(session, worker, "eats")
