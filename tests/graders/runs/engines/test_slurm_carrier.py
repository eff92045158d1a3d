"""The carrier, with programs that stand for Slurm's: what it submits, how it waits, and what it says."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from assignments.assignment import Limits
from assignments.errors import UserError
from graders.course.course import EngineSettings
from graders.runs.engines import slurm
from graders.runs.engines.engine import STOPPED
from graders.runs.engines.package import Package
from graders.runs.engines.shared_folder import SharedFolder
from graders.runs.engines.slurm import SlurmCarrier
from graders.runs.engines.slurm_waiting import RESTARTS, Pace

PACE = Pace(look=0.02, ask=0.04, gather=0.1, late=0.3, nodes_away=0.3, slurm_away=0.5)
SBATCH = """\
case "$*" in *--test-only*) [ ! -f refused ] || { cat refused >&2; exit 1; }; exit 0;; esac
echo "$*" >> submitted
if [ -f refused ]; then cat refused >&2; cp refused away; exit 1; fi
wc -l < submitted | tr -d ' '
"""
SQUEUE = "if [ -f away ]; then cat away >&2; exit 1; fi; cat queue 2> /dev/null; exit 0"
SCANCEL = 'shift; echo "$*" >> cancelled'
SINFO = "test -f nodes && exec cat nodes; printf 'one course* idle up\\ntwo course* mixed up\\n'"
SCONTROL = 'echo "$*" >> updated'


class Cluster:
    """A folder with programs that stand for Slurm's. A test says what squeue lists, and writes the replies."""

    def __init__(self, folder):
        self.folder = folder
        self.shared = SharedFolder(folder / "shared")
        programs = {"sbatch": SBATCH, "squeue": SQUEUE, "scancel": SCANCEL, "sinfo": SINFO, "scontrol": SCONTROL}
        for name, text in programs.items():
            (folder / name).write_text(f"#!/bin/sh\ncd '{folder}'\n{text}\n")
            (folder / name).chmod(0o755)

    def lines(self, name):
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def write(self, name, text):
        (self.folder / f"{name}.part").write_text(text)
        (self.folder / f"{name}.part").rename(self.folder / name)

    def arrays(self):
        """The names of the arrays that were submitted, in order."""
        return [next(word for word in line.split() if word.startswith("--job-name")).partition("medmark-")[2]
                for line in wait_for(lambda: self.lines("submitted"))]  # fmt: skip

    def lists(self, *states):
        """Let squeue list the tasks of all arrays, the first with the first state, ...; a state may have a reason."""
        states, lines = list(states), []
        for job, array in enumerate(self.arrays(), 1):
            for index in range(len(self.shared.keys(array))):
                state, _, reason = states.pop(0).partition("|")
                lines.append(f"{job}|{index}|medmark-{array}|{state}|{reason or 'None|0'}|0|one\n")
        self.write("queue", "".join(lines))

    def replies(self, package, node="one"):
        self.write("reply", f"reply of {package.key}")
        (self.folder / "reply").rename(self.shared.root / "out" / f"{package.key}.{node}")


def wait_for(fact, seconds=5.0):
    end = time.monotonic() + seconds
    while not (value := fact()):
        assert time.monotonic() < end, "did not come true"
        time.sleep(0.01)
    return value


def package(number=0):
    description = b"%d" % number
    return Package(hashlib.sha256(description).hexdigest(), description, {})


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return Cluster(tmp_path)


@pytest.fixture
def started(cluster):
    carriers = []

    def start(**others):
        settings = EngineSettings(kind="slurm", **{"folder": cluster.shared.root, "workers": 300, **others})
        carrier = SlurmCarrier(settings, cluster.folder, pace=PACE)
        carrier.slots(Limits(memory_mb=256, reply_mb=1), None)
        carriers.append(carrier)
        return carrier

    yield start
    for carrier in carriers:
        carrier.stop()


@contextmanager
def carrying(carrier, *packages):
    """The futures of packages that are carried at once; what still waits at the end is stopped."""
    with ThreadPoolExecutor(len(packages)) as pool:
        try:
            yield [pool.submit(carrier.carry, each, 60.0) for each in packages]
        finally:
            carrier.stop()


def test_a_reply_is_delivered_with_its_node_and_then_forgotten(cluster, started):
    with carrying(started(), package()) as [future]:
        cluster.lists("RUNNING")
        wait_for(lambda: not future.done() and cluster.shared.description(package().key).exists())
        time.sleep(0.2)  # squeue is read
        cluster.replies(package())
        delivery = future.result(5)
    assert (delivery.reply, delivery.trouble, delivery.machine) == (f"reply of {package().key}".encode(), "", "one")
    assert cluster.shared.arrived() == {}
    assert cluster.lines("cancelled") == []


def test_a_reply_names_its_node_although_squeue_never_listed_it(cluster, started):
    with carrying(started(), package()) as [future]:
        wait_for(lambda: cluster.lines("submitted"))
        cluster.replies(package(), "two")
        assert future.result(5).machine == "two"


def test_packages_that_come_together_are_one_array_of_limited_size(cluster, started, monkeypatch):
    monkeypatch.setattr(slurm, "ARRAY_MOST", 4)
    with carrying(started(), *[package(number) for number in range(10)]):
        wait_for(lambda: len(cluster.lines("submitted")) == 3)
    options = [next(word for word in line.split() if word.startswith("--array")) for line in cluster.lines("submitted")]
    assert options == ["--array=0-3", "--array=0-3", "--array=0-1"]
    keys = [key for array in cluster.arrays() for key in cluster.shared.keys(array)]
    assert sorted(keys) == sorted(package(number).key for number in range(10))


def test_a_task_that_has_ended_may_be_queued_again_or_reply_late(cluster, started):
    with carrying(started(), package(0), package(1)) as futures:
        cluster.lists("PREEMPTED", "COMPLETED")
        time.sleep(PACE.late / 2)
        cluster.lists("PENDING|BeginTime|1", "COMPLETED")
        of = dict(zip([package(0).key, package(1).key], futures, strict=True))
        keys = cluster.shared.keys(cluster.arrays()[0])
        cluster.replies(package(0) if keys[1] == package(0).key else package(1))
        assert of[keys[1]].result(5).reply is not None
        time.sleep(2 * PACE.late)
        assert not of[keys[0]].done()
        cluster.lists("FAILED|NonZeroExitCode|1", "COMPLETED")
        assert "(FAILED, NonZeroExitCode)" in of[keys[0]].result(5).trouble


def test_a_task_that_slurm_forgot_is_given_up(cluster, started):
    with carrying(started(), package()) as [future]:
        cluster.lists("RUNNING")
        time.sleep(0.2)
        cluster.write("queue", "")
        delivery = future.result(5)
    assert delivery.trouble == "Slurm job 1_0 on one: it ended without a reply, and Slurm no longer lists it"
    assert delivery.machine == "one"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("PENDING|PartitionTimeLimit|0", "would wait for ever (PartitionTimeLimit)"),
        ("PENDING|ReqNodeNotAvail, UnavailableNodes:two|0", "min for nodes that are away (ReqNodeNotAvail"),
        (f"RUNNING|None|{RESTARTS + 1}", f"was started {RESTARTS + 1} times again"),
    ],
)
def test_what_waits_for_ever_is_cancelled_and_said(cluster, started, state, words):
    with carrying(started(), package()) as [future]:
        cluster.lists(state)
        assert words in future.result(5).trouble
    assert cluster.lines("cancelled") == ["1_0"]


@pytest.mark.parametrize("state", ["PENDING|Priority|0", "PENDING|BeginTime|3", "SUSPENDED", "CONFIGURING"])
def test_what_only_takes_long_is_waited_for(cluster, started, state):
    with carrying(started(), package()) as [future]:
        cluster.lists(state)
        time.sleep(2 * PACE.late)
        assert not future.done()


def test_a_second_task_of_a_reply_that_has_come_is_cancelled(cluster, started):
    with carrying(started(), package()) as [future]:
        cluster.lists("PENDING|BeginTime|1")
        time.sleep(0.2)
        cluster.replies(package())
        assert future.result(5).reply is not None
        assert cluster.lines("cancelled") == ["1_0"]


def test_what_slurm_refuses_is_said_at_once_and_in_its_words(cluster, started):
    carrier = started()
    cluster.write("refused", "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy\n")
    with carrying(carrier, package()) as [future]:
        assert future.result(5).trouble == (
            "Slurm refused the job: sbatch: Batch job submission failed: Job violates accounting/QOS policy"
        )
    with pytest.raises(UserError, match=r"Slurm could never run such a job .*Change .engine. in course\.toml"):
        carrier.slots(Limits(memory_mb=256, reply_mb=1), None)


def test_slurm_says_the_same_of_nodes_that_are_away_so_these_are_named(cluster, started):
    carrier = started()
    cluster.write("refused", "sbatch: error: allocation failure: Requested node configuration is not available\n")
    cluster.write("nodes", "one course* idle up\ntwo course* down* up\nweak night drained up\n")
    with pytest.raises(UserError, match=r"no node at present for such a job .*Away: two \(down\*\)\. .*wait until"):
        carrier.slots(Limits(memory_mb=256, reply_mb=1), None)


def test_no_more_slots_than_workers_and_than_jobs(started):
    carrier, small = started(workers=3), Limits(memory_mb=256, reply_mb=1)
    assert [carrier.slots(small, jobs) for jobs in (None, 2, 9)] == [3, 2, 3]


def test_an_answer_that_was_cut_off_submits_nothing_twice(cluster, started):
    """The controller took the array, and sbatch did not hear of it."""
    carrier = started()
    cluster.write("refused", "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation\n")
    with carrying(carrier, package()) as [future]:
        wait_for((cluster.folder / "away").exists)
        cluster.lists("RUNNING")
        (cluster.folder / "refused").unlink()
        (cluster.folder / "away").unlink()
        time.sleep(0.3)
        cluster.replies(package())
        assert future.result(5).machine == "one"
    assert len(cluster.lines("submitted")) == 1


def test_an_array_that_never_reached_slurm_is_submitted_again(cluster, started):
    carrier = started()
    cluster.write("refused", "sbatch: error: Batch job submission failed: Unable to contact slurm controller\n")
    with carrying(carrier, package()):
        wait_for((cluster.folder / "away").exists)
        (cluster.folder / "refused").unlink()
        (cluster.folder / "away").unlink()
        wait_for(lambda: len(cluster.lines("submitted")) >= 2)


def test_a_controller_that_stays_away_is_given_up_but_replies_are_taken(cluster, started):
    with carrying(started(), package(0), package(1)) as futures:
        cluster.lists("RUNNING", "RUNNING")
        time.sleep(0.2)
        cluster.write("away", "slurm_load_jobs error: Unable to contact slurm controller\n")
        cluster.replies(package(0))
        assert futures[0].result(5).reply is not None
        assert "Slurm has not answered for" in futures[1].result(5).trouble


def test_a_run_that_starts_again_takes_replies_and_waits_for_tasks(cluster, started):
    """Of four packages one has a reply, one runs, one has failed meanwhile, and one is new."""
    cluster.shared.prepare()
    array = cluster.shared.add_array([package(number).key for number in range(3)])
    cluster.replies(package(0))
    rows = ["COMPLETED|None|0", "RUNNING|None|0", "FAILED|NonZeroExitCode|0"]
    cluster.write("queue", "".join(f"7|{index}|medmark-{array}|{row}|0|two\n" for index, row in enumerate(rows)))
    with carrying(started(), *[package(number) for number in range(4)]) as futures:
        assert futures[0].result(5).reply is not None
        [submitted] = cluster.arrays()
        assert set(cluster.shared.keys(submitted)) == {package(2).key, package(3).key}
        cluster.replies(package(1), "two")
        assert futures[1].result(5).machine == "two"


def test_a_reply_that_was_taken_is_not_taken_again(cluster, started):
    """A retry of a package is a new job, also while Slurm still lists the first."""
    carrier = started()
    with ThreadPoolExecutor(1) as pool:
        for times in (1, 2):
            future = pool.submit(carrier.carry, package(), 60.0)
            wait_for(lambda times=times: len(cluster.lines("submitted")) == times)
            cluster.replies(package())
            assert future.result(5).reply is not None


def test_a_stop_cancels_what_waits_and_starts_nothing_more(cluster, started):
    carrier = started()
    with carrying(carrier, package(0), package(1)) as futures:
        cluster.lists("RUNNING", "PENDING|Priority|0")
        time.sleep(0.2)
        carrier.stop()
        assert {future.result(5).trouble for future in futures} == {STOPPED}
    assert cluster.lines("cancelled") == ["1_0 1_1"]
    assert list((cluster.shared.root / "in").iterdir()) == []
    assert carrier.carry(package(2), 60.0).trouble == STOPPED


def test_an_excluded_node_is_named_to_new_arrays_and_to_waiting_ones(cluster, started):
    carrier = started()
    with carrying(carrier, package(0), package(1)):
        cluster.lists("PENDING|Priority|0", "PENDING|Priority|0")
        time.sleep(0.2)
        assert carrier.exclude("one") == 300
        assert cluster.lines("updated") == ["update JobId=1 ExcNodeList=one"]
        assert carrier.exclude("two") == 0
        assert started().exclude("") == 0, "it was no node that failed"


def test_a_folder_that_cannot_be_written_is_said_before_the_first_job(started, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file.*Check folder under \[engine\] in course.toml"):
        started(folder=tmp_path / "file" / "shared")


def test_a_folder_that_goes_away_ends_every_wait_in_words(cluster, started):
    with carrying(started(), package()) as [future]:
        wait_for(lambda: cluster.lines("submitted"))
        (cluster.shared.root / "out").rename(cluster.shared.root / "gone")
        assert "Slurm's jobs can no longer be watched: [Errno 2]" in future.result(5).trouble


def test_a_job_without_time_left_is_not_submitted(cluster, started):
    assert started().carry(package(), 0.0).trouble == "the job's time was over before it began"
    assert cluster.lines("submitted") == []
