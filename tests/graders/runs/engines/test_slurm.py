"""The carrier against a real Slurm of this machine's own: make test-slurm. What a node does is scripted."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from assignments.assignment import Limits
from assignments.errors import UserError
from graders.course.course import EngineSettings
from graders.runs.engines.engine import STOPPED
from graders.runs.engines.slurm import SlurmCarrier
from graders.runs.engines.slurm_waiting import Pace
from tests.graders.runs.engines import slurm_here
from tests.graders.runs.engines.scripted_node import interpreter, package

pytestmark = slurm_here.NEEDED
QUICK = Pace(look=0.1, ask=0.5, gather=0.3, late=3, nodes_away=60, slurm_away=60)
LIMITS = Limits(memory_mb=256, reply_mb=1)


@pytest.fixture
def settings(tmp_path):
    def made_of(**others):
        plain = {"kind": "slurm", "folder": tmp_path / "shared", "workers": 50, "cores": 1, "memory_mb": 1500}
        return EngineSettings(**{**plain, "python": str(interpreter(tmp_path)), **others})

    return made_of


@pytest.fixture
def started(settings, tmp_path):
    """A carrier with some settings, which is stopped after the test."""
    carriers = []

    def start(limits=LIMITS, **others):
        carrier = SlurmCarrier(settings(**others), tmp_path, pace=QUICK)
        carrier.slots(limits, None)
        carriers.append(carrier)
        return carrier

    yield start
    for carrier in carriers:
        carrier.stop()


@contextmanager
def carrying(carrier, *packages, deadline_s=60.0):
    """The futures of packages that are carried all at once."""
    with ThreadPoolExecutor(len(packages)) as pool:
        yield [pool.submit(carrier.carry, each, deadline_s) for each in packages]


def replies(futures, seconds=60):
    deliveries = [future.result(seconds) for future in futures]
    assert [delivery.trouble for delivery in deliveries] == [""] * len(deliveries)
    return [json.loads(delivery.reply) for delivery in deliveries]


def wait_for(fact, seconds=30.0):
    end = time.monotonic() + seconds
    while not (value := fact()):
        assert time.monotonic() < end, f"did not come true\n{queue()}"
        time.sleep(0.1)
    return value


def began(folder, does, number=0, times=1):
    """(pid, node) of the last start of a package's job."""
    path = folder / f"began {does} {number}"
    lines = wait_for(lambda: path.exists() and len(path.read_text().splitlines()) >= times and path.read_text())
    pid, node = lines.splitlines()[-1].split()
    return int(pid), node


def slurm(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def all_nodes_are_there():
    """Whether the controller answers, and has heard of each node."""
    states = slurm_here.node_states()
    return bool(states) and states <= {"idle", "mixed", "allocated"}


def queue():
    """Tasks of this Slurm as `squeue` shows them."""
    return slurm(
        "squeue", "--array", "--noheader", "--states=all", "--Format=ArrayJobID:|,ArrayTaskID:|,State:|,Reason:"
    )


def states():
    """(task, state) of all tasks that have not ended."""
    return slurm("squeue", "--array", "--noheader", "--format=%i %T").splitlines()


def test_each_package_gets_its_own_reply_whatever_the_order(started, tmp_path):
    packages = [package("sleep 2" if number == 0 else "well", tmp_path, number) for number in range(6)]
    with carrying(started(), *packages) as futures:
        assert [reply["number"] for reply in replies(futures)] == list(range(6))
        assert {future.result().machine for future in futures} <= {"one", "two"}
    left = [path for path in (tmp_path / "shared").rglob("*") if path.is_file() and path.parent.name != "arrays"]
    assert left == [], "what was delivered leaves nothing behind but the list of its array"


def test_packages_that_come_together_are_one_array(started, tmp_path):
    before = len(set(queue().splitlines()))
    with carrying(started(), *[package("well", tmp_path, number) for number in range(40)]) as futures:
        replies(futures, 120)
    new = queue().splitlines()[-(len(queue().splitlines()) - before) :]
    assert len(list((tmp_path / "shared" / "arrays").iterdir())) == 1
    assert len(new) >= 40


def test_blobs_arrive_and_nothing_of_the_coordinators_environment_does(started, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "of the course")
    monkeypatch.setenv("SBATCH_EXPORT", "ALL")
    (tmp_path / "blob").write_text("content")
    read, environment = package("read", tmp_path, blobs={"0" * 64: tmp_path / "blob"}), package("environment", tmp_path)
    with carrying(started(), read, environment) as futures:
        first, second = replies(futures)
    assert first["read"] == ["content"]
    assert "GITHUB_TOKEN" not in second["environment"]
    assert second["environment"]["PYTHONSAFEPATH"] == "1"


def test_gpus_are_reserved_and_no_two_jobs_share_one(started, tmp_path):
    carrier = started(LIMITS.model_copy(update={"gpus": 1}), gpus=1)
    with carrying(carrier, *[package("environment", tmp_path, number) for number in range(3)]) as futures:
        devices = [reply["environment"]["CUDA_VISIBLE_DEVICES"] for reply in replies(futures)]
    assert set(devices) == {"0", "1"}


@pytest.mark.parametrize(
    ("does", "words"),
    [
        ("fail", ["it failed (exit code 1)", "a line for the log"]),
        ("killed", ["it was killed (signal 9)"]),
        ("memory", ["it was killed (signal 9)", "Exceeded job memory limit"]),
    ],
)
def test_a_job_that_ends_without_a_reply_says_why(started, tmp_path, does, words):
    with carrying(started(), package(does, tmp_path)) as [future]:
        delivery = future.result(60)
    assert delivery.reply is None
    assert delivery.machine in ("one", "two")
    assert [word for word in words if word not in delivery.trouble] == []


def test_a_node_without_that_python_says_so(started, tmp_path):
    with carrying(started(python="/opt/medmark/bin/python"), package("well", tmp_path)) as [future]:
        trouble = future.result(60).trouble
    assert "its Python cannot be started there: name a Python of the nodes" in trouble
    assert "/opt/medmark/bin/python: not found" in trouble


def test_a_job_that_somebody_cancels_says_so(started, tmp_path):
    with carrying(started(), package("sleep 600", tmp_path)) as [future]:
        began(tmp_path, "sleep 600")
        [task] = [line.split()[0] for line in states()]
        slurm("scancel", task)
        trouble = future.result(60).trouble
    assert trouble.startswith(f"Slurm job {task} on ")
    assert "it was cancelled (scancel)" in trouble


@pytest.mark.parametrize("state", ["down", "drain"])
def test_a_node_that_is_away_is_named_and_not_taken_for_one_that_does_not_exist(started, state):
    slurm("scontrol", "update", "nodename=apart", f"state={state}", "reason=a test")
    try:
        with pytest.raises(UserError, match=r"no node at present for such a job .*Away: apart \((down|drained)\)"):
            started(queue="apart")
    finally:
        slurm("scontrol", "update", "nodename=apart", "state=resume")
        wait_for(all_nodes_are_there)


@pytest.fixture
def kill_node():
    killed = []

    def kill(name):
        os.kill(slurm_here.pid_of(name), signal.SIGKILL)
        killed.append(name)

    yield kill
    for name in killed:
        slurm_here.start_node(name)
        wait_for(lambda name=name: slurm("sinfo", "-h", "-N", "-n", name, "-o", "%T").split()[0] in ("idle", "mixed"))


def test_a_job_whose_node_is_lost_is_done_by_another(started, tmp_path, kill_node):
    with carrying(started(), package("sleep first", tmp_path)) as [future]:
        _, lost = began(tmp_path, "sleep first")
        kill_node(lost)
        [reply] = replies([future], 90)
    assert reply["times"] == 2
    assert {lost, future.result().machine} == {"one", "two"}


def test_a_reply_of_a_node_that_seemed_lost_counts_and_the_second_task_is_cancelled(started, tmp_path, kill_node):
    carrier = started(options=("--nodelist=two",))
    with carrying(carrier, package("sleep 25", tmp_path)) as [future]:
        began(tmp_path, "sleep 25")
        [task] = [line.split()[0] for line in states()]
        kill_node("two")
        wait_for(lambda: f"{task} PENDING" in states(), 60)
        assert replies([future])[0]["times"] == 1
    wait_for(lambda: states() == [])
    assert len(list((tmp_path / "shared" / "out").iterdir())) == 0


def test_a_node_that_stays_away_is_said(settings, tmp_path, kill_node):
    carrier = SlurmCarrier(
        settings(options=("--nodelist=two",)), tmp_path, pace=Pace(0.1, 0.5, 0.3, late=3, nodes_away=2)
    )
    carrier.slots(LIMITS, None)
    kill_node("two")
    wait_for(lambda: "down" in slurm("sinfo", "-h", "-N", "-n", "two", "-o", "%T"))
    with carrying(carrier, package("well", tmp_path)) as [future]:
        trouble = future.result(60).trouble
    carrier.stop()
    assert "ReqNodeNotAvail" in trouble
    assert "`sinfo -R`" in trouble
    assert states() == []


def test_a_job_that_was_preempted_is_waited_for(started, tmp_path):
    carrier = started(queue="patient", cores=2)
    with carrying(carrier, package("sleep first", tmp_path)) as [future]:
        began(tmp_path, "sleep first")
        urgent("sleep 4")
        [reply] = replies([future], 90)
    assert (reply["times"], future.result().machine) == (2, "weak")


def test_a_job_that_was_preempted_for_good_says_so(started, tmp_path):
    with carrying(started(queue="brittle", cores=2), package("sleep 600", tmp_path)) as [future]:
        began(tmp_path, "sleep 600")
        urgent("sleep 1")
        trouble = future.result(90).trouble
    assert "a job of higher priority took its node (PREEMPTED" in trouble


def urgent(command):
    slurm("sbatch", "--partition=urgent", "--cpus-per-task=2", "--mem=1000", "--output=/dev/null", f"--wrap={command}")


def test_a_job_that_reaches_its_walltime_says_so(started, tmp_path):
    with carrying(started(walltime_minutes=1), package("sleep 600", tmp_path)) as [future]:
        trouble = future.result(150).trouble
    assert "it was still running at its walltime: raise walltime_minutes under [engine]" in trouble
    assert "(TIMEOUT, TimeLimit)" in trouble
    assert "DUE TO TIME LIMIT" in trouble


@pytest.mark.parametrize(
    ("others", "limits", "words"),
    [
        ({"queue": "night"}, {}, "invalid partition specified: night"),
        ({"memory_mb": 90_000}, {}, "allocation failure: Requested node configuration is not available"),
        ({"cores": 9}, {}, "--cpus-per-task=9"),
        ({"gpus": 3}, {"gpus": 3}, "Requested node configuration is not available"),
        ({"options": ("--constraint=a100",)}, {}, "Invalid feature specification"),
        ({}, {"memory_mb": 4096}, "memory_mb = 1500 under [engine]"),
    ],
)
def test_what_no_node_could_ever_run_is_refused_before_the_first_job(settings, tmp_path, others, limits, words):
    began = time.monotonic()
    with pytest.raises(UserError) as error:
        SlurmCarrier(settings(**others), tmp_path).slots(LIMITS.model_copy(update=limits), None)
    assert words in str(error.value)
    assert "course.toml" in str(error.value)
    assert time.monotonic() - began < 5


def test_a_job_that_would_wait_for_ever_is_cancelled_and_said(started, tmp_path):
    """A partition of two hours takes a job of four, and lets it wait."""
    with carrying(started(), package("well", tmp_path), deadline_s=4 * 3600) as [future]:
        trouble = future.result(20).trouble
    assert re.search(r"would wait for ever \(Partition(TimeLimit|Config)\) and was cancelled", trouble)
    assert states() == []


def test_what_slurm_refuses_is_said_in_its_words(started, tmp_path):
    carrier = started()
    carrier.slots(LIMITS, None)
    carrier._settings = carrier._settings.model_copy(update={"queue": "night"})
    with carrying(carrier, package("well", tmp_path)) as [future]:
        assert "Slurm refused the job: sbatch: invalid partition specified: night" in future.result(20).trouble


@pytest.mark.parametrize("clock", ["+1h", "-1h"])
def test_a_machine_whose_clock_is_off_is_said(settings, tmp_path, monkeypatch, clock):
    """Here the machine from which jobs are submitted has credentials of a clock of its own."""
    own = tmp_path / "munge"
    own.mkdir(mode=0o700)
    shutil.copy(slurm_here.ROOT / "munge/key", own / "key")
    for path in slurm_here.CONFIGURATION.parent.iterdir():
        text = path.read_text().replace(f"{slurm_here.ROOT}/munge/socket", f"{own}/socket")
        (tmp_path / path.name).write_text(text)
    slurm_here.start_munge(own, clock)
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / slurm_here.CONFIGURATION.name))
    try:
        with pytest.raises(UserError) as error:
            SlurmCarrier(settings(), tmp_path, pace=QUICK).slots(LIMITS, None)
    finally:
        os.kill(int((own / "pid").read_text()), signal.SIGTERM)
    assert "Slurm does not answer" in str(error.value)
    assert "compare `date` here with the controller's" in str(error.value)


COORDINATOR = """
import sys, threading, time
from pathlib import Path
from graders.course.course import EngineSettings
from graders.runs.engines.slurm import SlurmCarrier
from tests.graders.runs.engines.test_slurm import QUICK, LIMITS, package
folder = Path(sys.argv[2])
carrier = SlurmCarrier(EngineSettings.model_validate_json(sys.argv[1]), folder, pace=QUICK)
carrier.slots(LIMITS, None)
for number, does in enumerate(sys.argv[3:]):
    threading.Thread(target=carrier.carry, args=(package(does, folder, number), 60.0)).start()
    time.sleep(0.1)
"""


def test_a_coordinator_that_was_killed_goes_on_where_it_was(settings, started, tmp_path):
    """One reply came meanwhile, one job still runs, one never began: each is done once."""
    jobs = ["sleep 6", "sleep 15", "sleep 1"]
    one_at_a_time = settings(queue="urgent", cores=2)
    command = [sys.executable, "-c", COORDINATOR, one_at_a_time.model_dump_json(), str(tmp_path), *jobs]
    first = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])})
    began(tmp_path, "sleep 6")
    first.kill()
    first.wait()
    out = tmp_path / "shared" / "out"
    wait_for(lambda: len(list(out.iterdir())) == 1)
    began(tmp_path, "sleep 15", 1)
    assert len(states()) == 2
    second = started(queue="urgent", cores=2)
    with carrying(second, *[package(does, tmp_path, number) for number, does in enumerate(jobs)]) as futures:
        assert [(reply["number"], reply["times"]) for reply in replies(futures)] == [(0, 1), (1, 1), (2, 1)]
    assert len(list((tmp_path / "shared" / "arrays").iterdir())) == 1, "nothing was submitted again"


def test_a_stop_leaves_no_job_and_ends_every_wait(started, tmp_path):
    carrier = started()
    packages = [package("sleep 600", tmp_path, number) for number in range(20)]
    with carrying(carrier, *packages) as futures:
        began(tmp_path, "sleep 600")
        carrier.stop()
        assert {future.result(10).trouble for future in futures} == {STOPPED}
    wait_for(lambda: states() == [])
    assert list((tmp_path / "shared" / "in").iterdir()) == []
    assert carrier.carry(package("well", tmp_path), 60.0).trouble == STOPPED


def test_replies_are_taken_while_the_controller_is_away_and_jobs_wait_for_it(started, tmp_path):
    carrier = started()
    with carrying(carrier, package("sleep 5", tmp_path)) as [running]:
        began(tmp_path, "sleep 5")
        controller = slurm_here.pid_of("slurmctld")
        os.kill(controller, signal.SIGTERM)
        wait_for(lambda: not Path(f"/proc/{controller}").exists())
        try:
            with carrying(carrier, package("well", tmp_path, 1)) as [waiting]:
                assert replies([running])[0]["times"] == 1
                assert not waiting.done()
                slurm_here.start_controller()
                assert replies([waiting], 120)[0]["times"] == 1  # it starts nothing before its nodes have answered
        finally:
            wait_for(all_nodes_are_there, 60)
    assert carrier.carry(package("well", tmp_path, 2), 60.0).reply is not None


def test_a_node_that_does_not_see_the_folder_says_so(started):
    folder = slurm_here.APART / f"of {os.getpid()}"
    carrier = started(queue="apart", folder=folder, python=str(interpreter(slurm_here.ROOT)))
    with carrying(carrier, package("well", slurm_here.ROOT)) as [future]:
        delivery = future.result(60)
    assert f"that node does not see {folder} as this machine does" in delivery.trouble
    assert "name a folder under [engine] that all share" in delivery.trouble


def test_a_node_with_another_folder_of_that_name_says_so(started, tmp_path):
    """The folder is there, and so is one for logs, but not the packages."""
    folder = slurm_here.APART / f"another {os.getpid()}"
    make = f"--wrap=mkdir -p '{folder}/logs'"
    slurm("sbatch", "--wait", "--partition=apart", "--output=/dev/null", "--mem=100", make)
    carrier = started(queue="apart", folder=folder, python=str(interpreter(slurm_here.ROOT)))
    with carrying(carrier, package("well", slurm_here.ROOT, 1)) as [future]:
        assert f"that node does not see {folder} as this machine does" in future.result(60).trouble


@contextmanager
def small_disk(folder, size):
    folder.mkdir()
    slurm("mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder))
    try:
        yield folder
    finally:
        slurm("umount", "--lazy", str(folder))


def test_a_full_disk_is_said_here(started, tmp_path):
    (tmp_path / "blob").write_bytes(bytes(2 << 20))
    with small_disk(slurm_here.ROOT / f"small {os.getpid()}", "1m") as disk:
        delivery = started(folder=disk).carry(package("read", tmp_path, blobs={"0" * 64: tmp_path / "blob"}), 60.0)
    assert "a package could not be written to the shared folder" in delivery.trouble
    assert "No space left on device" in delivery.trouble


def test_a_disk_that_a_reply_fills_is_said(started, tmp_path):
    with small_disk(slurm_here.ROOT / f"smaller {os.getpid()}", "1m") as disk:
        carrier = started(folder=disk)
        with carrying(carrier, package("large", tmp_path)) as [future]:
            trouble = future.result(60).trouble
        carrier.stop()
    assert f"{disk} is full: make room there (FAILED" in trouble


def test_an_excluded_node_gets_no_job_and_without_another_there_is_no_slot(started, tmp_path):
    carrier = started()
    assert carrier.exclude("one") == 50
    with carrying(carrier, *[package("well", tmp_path, number) for number in range(10)]) as futures:
        assert {future.result(60).machine for future in futures} == {"two"}
    assert carrier.exclude("two") == 0


def test_many_slots_share_one_watcher(started, tmp_path):
    carrier = started()
    with carrying(carrier, *[package("sleep 2", tmp_path, number) for number in range(12)]) as futures:
        replies(futures)
        assert [thread.name for thread in threading.enumerate()].count("slurm") == 1
