"""The way to a Dask cluster: what is wrong is said in words, blobs cross once, and nothing leads to the keys."""

import builtins
import hashlib
import logging
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from distributed import LocalCluster
from distributed.security import Security

from assignments.assignment import Limits
from assignments.errors import UserError
from graders.course.course import EngineSettings
from graders.runs.engines import dask, dask_cluster, dask_worker
from graders.runs.engines.dask import DaskCarrier, _frames, _slot_of
from graders.runs.engines.dask_cluster import in_words, slurm_options
from graders.runs.engines.package import Package


def settings(**values):
    return EngineSettings(kind="dask", **{"folder": Path("/shared"), **values})


def refusal(carrier):
    with pytest.raises(UserError) as refused:
        carrier.slots(Limits(), None)
    carrier.stop()
    return str(refused.value)


# The way there


@pytest.mark.parametrize("scheduler", ["tcp://127.0.0.1:1", ""])
def test_without_dask_the_line_that_installs_it_is_said(tmp_path, monkeypatch, scheduler):
    imported = builtins.__import__

    def without(name, *more):
        if name.split(".")[0] in ("distributed", "dask_jobqueue"):
            raise ImportError(name)
        return imported(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert refusal(DaskCarrier(settings(scheduler=scheduler), tmp_path)).endswith("pip install 'medmark[cluster]'")


def test_a_scheduler_that_does_not_answer_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cluster, "CONNECT_S", 1.0)
    began = time.monotonic()
    words = refusal(DaskCarrier(settings(scheduler="tcp://127.0.0.1:1"), tmp_path))
    assert words.startswith("tcp://127.0.0.1:1: no Dask scheduler answers within 1 s")
    assert time.monotonic() - began < 10


def written(security, folder):
    """Certificates as the files of `[engine]`."""
    folder.mkdir()
    texts = {"tls_ca": security.tls_ca_file, "tls_cert": security.tls_client_cert, "tls_key": security.tls_client_key}
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {name: folder / name for name in texts}


def test_a_certificate_of_another_site_is_said_and_the_right_one_connects(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cluster, "CONNECT_S", 3.0)
    ours, others = Security.temporary(), Security.temporary()
    with LocalCluster(n_workers=1, protocol="tls", security=ours, dashboard_address=":0", memory_limit=0) as cluster:
        wrong = settings(scheduler=cluster.scheduler_address, **written(others, tmp_path / "others"))
        words = refusal(DaskCarrier(wrong, tmp_path))
        assert "certificate" in words
        assert "do not belong together" in words
        right = DaskCarrier(settings(scheduler=cluster.scheduler_address, **written(ours, tmp_path / "ours")), tmp_path)
        assert right.slots(Limits(), 3) == 1
        right.stop()


def test_a_certificate_that_is_not_there_is_said(tmp_path):
    files = {name: tmp_path / name for name in ("tls_ca", "tls_cert", "tls_key")}
    words = refusal(DaskCarrier(settings(scheduler="tls://127.0.0.1:1", **files), tmp_path))
    assert words == f"{tmp_path / 'tls_ca'}: there is no such file, which [engine] in course.toml names"


def test_a_worker_with_a_memory_limit_of_its_own_is_named_once(caplog):
    worker = {"id": "w", "name": 0, "host": "h", "memory_limit": 8 << 30, "resources": {"GPU": 2}}
    with caplog.at_level(logging.WARNING, "medmark"):
        slot = _slot_of("tcp://h:1", worker, None)
        assert _slot_of("tcp://h:1", worker, slot) is slot
    assert caplog.text.count("start it with --memory-limit 0") == 1
    assert (slot.machine, slot.gpus) == ("worker 0 at h", 2)
    _slot_of("tcp://h:1", {**worker, "status": "closing_gracefully"}, slot)
    assert not slot.takes_work, "one that leaves the cluster gets nothing new"
    assert _slot_of("tcp://h:1", {**worker, "id": "restarted", "memory_limit": 0}, slot) is not slot


def test_a_busy_worker_stays_busy_however_often_the_workers_are_looked_up():
    """A cluster of Dask's own numbers its workers; `dask worker` and Slurm's jobs have text for a name."""
    for id in (0, "0", "SLURMCluster-0", "tcp://h:1"):
        worker = {"name": id, "host": "h", "id": id, "status": "running", "memory_limit": 0}
        slot = _slot_of("tcp://h:1", worker, None)
        slot.busy = True
        assert _slot_of("tcp://h:1", worker, slot) is slot


def test_a_worker_without_medmark_is_said():
    words = in_words(ModuleNotFoundError("No module named 'graders'"))
    assert (
        words == "medmark is not installed on this worker (No module named 'graders'): pip install 'medmark[cluster]'"
    )


def test_a_scheduler_that_is_away_for_a_moment_loses_no_worker(tmp_path, monkeypatch):
    worker = {"id": "w", "name": 0, "host": "h", "status": "running"}
    answers = [{"workers": {"tcp://h:1": worker}}, OSError("away"), OSError("away"), {"workers": {"tcp://h:1": worker}}]

    def sync(*_, **__):
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    carrier = DaskCarrier(settings(scheduler="tcp://127.0.0.1:1"), tmp_path)
    client = SimpleNamespace(sync=sync, scheduler=SimpleNamespace(identity=None), close=lambda: None)
    carrier._connection = dask_cluster.Connection(client, None)
    assert [carrier._look(), carrier._look()] == [True, True]
    monkeypatch.setattr(dask, "AWAY_S", 0.0)
    assert carrier._look() is False
    assert carrier._look() is True


def test_workers_that_join_after_the_beginning_are_counted_on(tmp_path, monkeypatch):
    workers = {"tcp://h:1": {"name": 0, "host": "h", "id": 0, "status": "running", "memory_limit": 0}}

    def sync(function, **keywords):
        return {"workers": dict(workers)}

    client = SimpleNamespace(sync=sync, scheduler=SimpleNamespace(identity=None), close=lambda: None)
    monkeypatch.setattr(dask, "connected", lambda settings, folder: dask_cluster.Connection(client, None))
    monkeypatch.setattr(dask, "LOOK_S", 0.05)
    carrier = DaskCarrier(settings(scheduler="tcp://h:8786", workers=3), tmp_path)
    assert carrier.slots(Limits(), None) == 3
    assert carrier.slots(Limits(), 2) == 2
    first = carrier._free_slot()
    workers["tcp://h:2"] = {**workers["tcp://h:1"], "name": 1, "id": 1}
    assert carrier._free_slot().address == "tcp://h:2"
    assert first.busy
    carrier.stop()


# A cluster of our own


def test_a_worker_asks_slurm_for_what_course_toml_says(tmp_path):
    from dask_jobqueue.slurm import SLURMJob

    own = settings(
        cores=4, memory_mb=16_000, gpus=1, queue="gpu", walltime_minutes=90, folder=tmp_path, python="/opt/python",
        options=("--account=imaging",),
    )  # fmt: skip
    options = slurm_options(own)
    options.pop("shared_temp_directory")
    script = SLURMJob(scheduler="tls://login:1", name="medmark", **options).job_script()
    for line in (
        "#SBATCH -p gpu", "#SBATCH --cpus-per-task=4", "#SBATCH -t 01:30:00", "#SBATCH --gres=gpu:1",
        "#SBATCH --account=imaging", "#SBATCH --export=NONE", "export PYTHONSAFEPATH=1",
    ):  # fmt: skip
        assert line in script.splitlines()
    (command,) = [line for line in script.splitlines() if "distributed.cli.dask_worker" in line]
    assert command.startswith("/opt/python -m")
    assert "--lifetime 85m" in command
    assert command.rindex("--memory-limit 0") > command.index("--memory-limit 15")
    assert "--resources GPU=1" in command
    assert command.rindex("--nthreads 1") >= command.index("--nthreads")


@pytest.mark.parametrize(("values", "name"), [({"gpus": 0}, "gpus"), ({"gpus": 1, "memory_mb": 4096}, "memory_mb")])
def test_a_worker_of_our_own_that_is_too_small_is_said_before_it_is_asked_for(tmp_path, values, name):
    carrier = DaskCarrier(settings(**values), tmp_path)
    with pytest.raises(UserError, match=rf"course\.toml \[engine\]: {name} = \d+, and one submission"):
        carrier.slots(Limits(gpus=1, memory_mb=4096), None)


# Blobs


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """A worker's folder of blobs."""
    monkeypatch.setattr(dask_worker, "get_worker", lambda: SimpleNamespace(local_directory=str(tmp_path / "worker")))
    return tmp_path / "worker/medmark/blobs"


def package_of(folder, *contents):
    blobs = {}
    folder.mkdir(exist_ok=True)
    for content in contents:
        digest = hashlib.sha256(content).hexdigest()
        (folder / digest).write_bytes(content)
        blobs[digest] = folder / digest
    return Package("key", b"{}", blobs)


def contents(blobs):
    return sorted(path.read_bytes() for path in blobs.iterdir())


def test_blobs_cross_in_pieces_once_and_leave_with_the_package_that_needed_them(worker, tmp_path, monkeypatch):
    monkeypatch.setattr(dask, "PIECE_BYTES", 10)
    shared, first, second = b"0123456789abcdefghijklmno", b"first", b""
    package = package_of(tmp_path / "here", shared, first)
    frames = list(_frames(package, set()))
    assert [is_last for _, is_last in frames] == [False, False, True]
    assert [dask_worker.put(frame) for frame, _ in frames] == [dask_worker.DONE] * 3
    assert contents(worker) == sorted([shared, first])
    next_one = package_of(tmp_path / "here", shared, second)
    ((frame, is_last),) = _frames(next_one, set(package.blobs))
    assert is_last
    assert shared not in frame
    assert dask_worker.put(frame) == dask_worker.DONE
    assert contents(worker) == sorted([shared, second])
    ((frame, is_last),) = _frames(next_one, set(next_one.blobs))
    assert is_last
    assert frame.endswith(next_one.description)


def test_a_blob_that_changed_on_its_way_is_refusedin_words(worker, tmp_path):
    package = package_of(tmp_path / "here", b"right")
    (path,) = package.blobs.values()
    path.write_bytes(b"wrong")
    ((frame, _),) = _frames(package, set())
    answer = dask_worker.put(frame)
    assert answer[:1] == dask_worker.FAILED
    assert b"did not arrive whole" in answer
    assert not (worker / path.name).exists()


def test_a_full_disk_of_a_worker_is_saidin_words(worker, tmp_path, monkeypatch):
    ((frame, _),) = _frames(package_of(tmp_path / "here", b"right"), set())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dask_worker, "_take", full)
    assert b"No space left on device" in dask_worker.put(frame)


# What a sandbox could find


def test_the_program_that_asks_finds_nothing_of_the_cluster(tmp_path, monkeypatch):
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY", "a key")
    monkeypatch.setattr(sys, "argv", ["-"])
    program = dask_worker._Program(tmp_path)
    try:
        process, end = psutil.Process(program._process.pid), time.monotonic() + 30
        while not process.environ() and time.monotonic() < end:
            time.sleep(0.01)  # it is between fork and exec
        assert "PYTHONPATH" in process.environ()
        assert [name for name in process.environ() if name.startswith("DASK")] == []
        assert all("key" not in word for word in process.cmdline())
        opened = {os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{process.pid}/fd")}
        assert not any(path.startswith("socket:") for path in opened), "no connection of the worker's is inherited"
    finally:
        program.end()
    assert program.ended


def test_no_sandbox_is_opened_with_a_folder_or_a_setting_of_the_cluster(monkeypatch, tmp_path):
    """Of this process's surroundings a sandbox receives a short list, and of its folders the solution alone."""
    from graders.wall.sandboxes import local, rootless
    from graders.wall.sandboxes.runtime_records import Runtime
    from graders.wall.sandboxes.sandbox import SandboxSpec, inside_environment

    for name in (
        "DASK_CONFIG",
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY",
        "DASK_INTERNAL_INHERIT_CONFIG",
        "SLURM_JOB_ID",
    ):
        monkeypatch.setenv(name, "/somewhere/key.pem")
    spec = SandboxSpec(tmp_path / "solution", "numpy", Limits())
    runtime = Runtime("numpy", "0", "", "/python", (), {}, (), "3.11.7", "host", (), "")
    for environment in (
        local._environment(spec, tmp_path / "scratch", ()),
        inside_environment(runtime.python, spec, ()),
        rootless._environment(runtime, spec, (), one_user=False),
    ):
        assert "/somewhere/key.pem" not in environment.values()
        assert not any(name.startswith(("DASK", "SLURM")) for name in environment)
