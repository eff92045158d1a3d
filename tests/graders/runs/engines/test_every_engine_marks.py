"""One list of what every engine does with real submissions, wherever they are asked, and whatever befalls a machine."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from distributed import LocalCluster

from assignments.assignment import Limits
from assignments.errors import UserError
from assignments.load import load
from graders.course.course import EngineSettings
from graders.runs.engines import ENGINES, dask, package
from graders.runs.engines.dask import DaskCarrier
from graders.runs.engines.engine import STOPPED
from graders.runs.engines.far import Far
from graders.runs.engines.processes import Processes, start_forkserver
from graders.runs.engines.slurm import SlurmCarrier
from tests.graders.runs.engines import slurm_here
from tests.graders.runs.engines.near_carrier import NearCarrier
from tests.jobs import job_here

ROOT = Path(__file__).parents[4]
GROUPS = ROOT / "tests/example_groups"
SCALE, LOSS = "test_tiny.py::test_scale", "test_tiny.py::test_loss"
SLEEPER = """
import os, time

FRAMEWORK = "numpy"

def scale(x):
    with open("{began}", "w") as file:
        file.write(str(os.getpid()))
    time.sleep(60)
    return x - x.mean(0)
"""
COORDINATOR = """
import sys
from pathlib import Path
from tests.graders.runs.engines.test_every_engine_marks import far_over, sleeping_job
from graders.runs.engines.processes import start_forkserver

if __name__ == "__main__":
    start_forkserver()
    folder = Path(sys.argv[2])
    engine = far_over(sys.argv[1], folder)
    engine.run(*sleeping_job(folder), 100.0)
"""


def far_over(scheduler, folder):
    """The engine over the cluster of this address, connected."""
    engine = Far(DaskCarrier(EngineSettings(kind="dask", scheduler=scheduler), folder), folder / "crossing")
    engine.slots(Limits(), None, False)
    return engine


def job_of(group, folder, **stages):
    assignment = load(GROUPS / "assignment")
    return job_here(assignment, GROUPS / group, folder / "answers", secret=b"s" * 32, **stages)


def sleeping_job(folder):
    """A job of one test, whose answer takes a minute, and writes its process id into the file `began`."""
    assignment = load(GROUPS / "assignment")
    limits = assignment.limits.model_copy(update={"test_cpu_s": 60.0})
    (folder / "sleeper").mkdir(exist_ok=True)
    (folder / "sleeper" / "solution.py").write_text(SLEEPER.format(began=folder / "began"))
    slow = assignment.model_copy(update={"limits": limits})
    return job_here(slow, folder / "sleeper", folder / "answers", secret=b"s" * 32, tests=(SCALE,))


@pytest.fixture(scope="module", autouse=True)
def server():
    start_forkserver()


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, memory_limit=0, dashboard_address=":0", protocol="tcp"
    ) as cluster:
        yield cluster


@pytest.fixture(params=["processes", "near", "dask", pytest.param("slurm", marks=slurm_here.NEEDED)])
def engine(request, tmp_path):
    if request.param == "processes":
        engine = Processes()
    elif request.param == "near":
        engine = Far(NearCarrier(tmp_path / "node"), tmp_path / "crossing")
    elif request.param == "slurm":
        engine = Far(SlurmCarrier(on_slurm(tmp_path), tmp_path), tmp_path / "crossing")
        engine.slots(Limits(), None, False)
    else:
        engine = far_over(request.getfixturevalue("cluster").scheduler_address, tmp_path)
    yield engine
    engine.stop()


def on_slurm(folder):
    return EngineSettings(kind="slurm", folder=folder / "shared", workers=4, cores=1)


@pytest.fixture
def on_dask(cluster, tmp_path):
    engine = far_over(cluster.scheduler_address, tmp_path)
    yield engine
    engine.stop()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The document of one job by marker processes of this machine."""
    folder = tmp_path_factory.mktemp("expected")
    engine = Processes()
    job, store = job_of("perfect", folder, tests=(SCALE, LOSS), repeats=(0,), scores=("accuracy",))
    return engine.run(job, store, 100.0).document


def started(engine, folder):
    """The sleeping job in a thread of its own, once its answer has begun: (thread, outcomes, the worker's process)."""
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(engine.run(*sleeping_job(folder), 100.0)))
    thread.start()
    return thread, outcomes, sleeper_of(folder)


def sleeper_of(folder):
    wait_for(lambda: (folder / "began").is_file() and (folder / "began").read_text())
    process = psutil.Process(int((folder / "began").read_text()))
    (folder / "began").unlink()
    return process


def wait_for(fact, seconds=60.0):
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "did not come true"
        time.sleep(0.02)


def is_well(engine, folder):
    job, store = job_of("perfect", folder, tests=(SCALE,))
    outcome = engine.run(job, store, 100.0)
    return outcome.document is not None and outcome.document.tests[SCALE].verdict == "passed"


def test_every_engine_of_the_toolkit_is_in_the_list():
    assert set(ENGINES) == {"processes", "dask", "slurm"}


def test_the_results_are_those_of_this_machine_to_the_bit(engine, expected, tmp_path):
    job, store = job_of("perfect", tmp_path, tests=(SCALE, LOSS), repeats=(0,), scores=("accuracy",))
    document = engine.run(job, store, 100.0).document
    assert document.trouble is None
    assert document.scores == expected.scores
    assert document.answers[0].file == expected.answers[0].file
    assert [path.name for path in store.answers.iterdir()] == [expected.answers[0].file]
    assert {id: result.verdict for id, result in document.tests.items()} == {SCALE: "passed", LOSS: "passed"}
    # What was answered elsewhere is scored here, and comes twice without harm.
    rest = replace(job, tests=(), repeats=(), answers=dict(document.answers))
    assert engine.run(rest, store, 100.0).document.scores == expected.scores


def test_each_outcome_is_of_its_own_job(engine, tmp_path):
    verdicts = {"perfect": "passed", "missing_function": "failed", "imports_nothing": "failed"}
    outcomes = {}

    def run(group):
        job, store = job_of(group, tmp_path, tests=(SCALE,))
        outcomes[group] = engine.run(job, store, 100.0).document.tests[SCALE].verdict

    threads = [threading.Thread(target=run, args=[group]) for group in verdicts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert outcomes == verdicts


def test_a_job_that_outstays_its_deadline_is_ended_with_its_sandbox(on_dask, tmp_path, monkeypatch):
    monkeypatch.setattr(package, "WHOLE_S", 1.0)
    outcome = on_dask.run(*sleeping_job(tmp_path), 4.0)
    assert outcome.trouble == "the marker was still running after 4 s and was ended"
    assert (outcome.document, outcome.lost) == (None, False)
    wait_for(lambda: not psutil.pid_exists(int((tmp_path / "began").read_text())))


def test_a_stop_ends_the_job_and_its_sandbox_wherever_it_is(on_dask, tmp_path):
    thread, outcomes, sleeper = started(on_dask, tmp_path)
    on_dask.stop()
    thread.join(30)
    assert [(outcome.document, outcome.trouble) for outcome in outcomes] == [(None, STOPPED)]
    wait_for(lambda: not sleeper.is_running())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "preempted"])
def test_a_lost_worker_is_said_and_the_rest_goes_on(on_dask, cluster, tmp_path, number):
    thread, outcomes, sleeper = started(on_dask, tmp_path)
    workers = [nanny.process.pid for nanny in cluster.workers.values() if nanny.process is not None]
    next(parent for parent in sleeper.parents() if parent.pid in workers).send_signal(number)
    thread.join(60)
    (outcome,) = outcomes
    assert (outcome.document, outcome.lost) == (None, True)
    assert outcome.trouble
    assert outcome.machine.startswith("worker ")
    wait_for(lambda: not sleeper.is_running())
    assert is_well(on_dask, tmp_path)


@pytest.mark.slow
def test_a_killed_program_is_said_and_its_worker_does_the_next_job(on_dask, tmp_path):
    thread, outcomes, sleeper = started(on_dask, tmp_path)
    program = next(parent for parent in sleeper.parents() if "--serve" in parent.cmdline())
    program.kill()
    thread.join(60)
    assert (outcomes[0].lost, "the program that asks ended (exit code -9)" in outcomes[0].trouble) == (True, True)
    wait_for(lambda: not sleeper.is_running())
    assert all(is_well(on_dask, tmp_path) for _ in range(2))


@pytest.mark.slow
def test_a_killed_coordinator_leaves_no_sandbox_and_no_task(cluster, tmp_path):
    (tmp_path / "coordinator.py").write_text(COORDINATOR)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, tmp_path / "coordinator.py", cluster.scheduler_address, tmp_path]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    sleeper = sleeper_of(tmp_path)
    process.kill()
    process.wait()
    wait_for(lambda: not sleeper.is_running())
    wait_for(lambda: not cluster.scheduler.tasks)
    engine = far_over(cluster.scheduler_address, tmp_path)
    assert is_well(engine, tmp_path)
    engine.stop()


@pytest.mark.slow
def test_a_lost_scheduler_is_said_and_its_nodes_end_what_they_run(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    address = "tcp://127.0.0.1:18787"
    at_home = ["--host", "127.0.0.1", "--port", "18787", "--no-dashboard"]
    on_worker = [address, "--nthreads", "1", "--memory-limit", "0", "--no-dashboard", "--death-timeout", "20"]
    commands = [["distributed.cli.dask_scheduler", *at_home], ["distributed.cli.dask_worker", *on_worker]]
    scheduler, worker = (
        subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        for command in commands
    )
    try:
        engine = far_over(address, tmp_path)
        thread, outcomes, sleeper = started(engine, tmp_path)
        scheduler.kill()
        thread.join(100)
        assert (outcomes[0].lost, "connection to the Dask scheduler was lost" in outcomes[0].trouble) == (True, True)
        wait_for(lambda: not sleeper.is_running())
        engine.stop()
    finally:
        for process in (worker, scheduler):
            process.terminate()
            process.wait()


def test_resources_that_nobody_offers_are_said_at_once(cluster, tmp_path):
    carrier = DaskCarrier(EngineSettings(kind="dask", scheduler=cluster.scheduler_address), tmp_path)
    began = time.monotonic()
    with pytest.raises(UserError, match=r"limits\.gpus = 1, and none of 2 Dask workers offers so many"):
        carrier.slots(Limits(gpus=1), None)
    assert time.monotonic() - began < 10
    carrier.stop()


def test_a_cluster_without_workers_is_said_after_a_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(dask, "FIRST_WORKER_S", 1.0)
    with LocalCluster(n_workers=0, dashboard_address=":0", protocol="tcp") as empty:
        carrier = DaskCarrier(EngineSettings(kind="dask", scheduler=empty.scheduler_address), tmp_path)
        with pytest.raises(UserError, match=r"no worker joined within 1 s\. Start one"):
            carrier.slots(Limits(), None)
        carrier.stop()


def test_a_worker_that_was_taken_out_gets_no_job_any_more(on_dask, tmp_path):
    first = on_dask.run(*job_of("perfect", tmp_path, tests=(SCALE,)), 100.0).machine
    assert on_dask.exclude(first) == 1
    others = {on_dask.run(*job_of("perfect", tmp_path, tests=(SCALE,)), 100.0).machine for _ in range(2)}
    assert len(others) == 1
    assert first not in others
    assert on_dask.exclude(*others) == 0
