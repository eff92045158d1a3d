"""What Slurm prints is read as it stands there, and said in words that help. The lines are of Slurm 22.05.8."""

from pathlib import Path

import pytest

from assignments.errors import UserError
from graders.runs.engines import slurm_queue
from graders.runs.engines.slurm_queue import QueuedTask, SlurmAway, parse_queue, standing
from graders.runs.engines.slurm_words import (
    ended_without_reply,
    lost_sight,
    never_runs,
    no_nodes,
    started_too_often,
)

PRINTED = """\
7|0|medmark-apart|FAILED|JobLaunchFailure|0|4021|apart
5|0|medmark-scancelled|CANCELLED|None|0|36608|one
4|0|medmark-killed9|FAILED|JobLaunchFailure|0|9|one
3|0|medmark-lostnorequeue|NODE_FAIL|NodeDown|0|0|two
2|0|medmark-lost|PENDING|ReqNodeNotAvail, UnavailableNodes:two|1|0|
1|0|medmark-walltime|TIMEOUT|TimeLimit|0|36608|one
6|0|medmark-patient|PENDING|BeginTime|1|0|
6|3|medmark-patient|RUNNING|None|1|0|weak
11|0|medmark-urgent|COMPLETING|NonZeroExitCode|0|36608|weak
9|0|medmark-urgent|COMPLETED|None|0|0|weak
8|N/A|s.sh|PENDING|PartitionTimeLimit|0|0|
12|12|a|b|PENDING|Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions|0|0|
"""


def task(state="FAILED", reason="None", restarts=0, status=0, node="one"):
    return QueuedTask("12_3", 3, "medmark-a", state, reason, restarts, status, node)


def test_each_line_is_a_task_and_what_is_in_no_array_is_left_out():
    tasks = parse_queue(PRINTED)
    assert len(tasks) == 11
    assert tasks[4] == QueuedTask(
        "2_0", 0, "medmark-lost", "PENDING", "ReqNodeNotAvail, UnavailableNodes:two", 1, 0, ""
    )
    assert tasks[7] == QueuedTask("6_3", 3, "medmark-patient", "RUNNING", "None", 1, 0, "weak")
    assert tasks[-1].name == "a|b"
    assert parse_queue("") == []


def test_a_standing_follows_from_state_and_reason():
    assert [standing(each) for each in parse_queue(PRINTED)] == [
        "ended", "ended", "ended", "ended", "waits for nodes", "ended", "waits", "runs", "runs", "ended",
        "waits for nodes",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "stands"),
    [
        ("PartitionTimeLimit", "can never run"),
        ("BadConstraints", "can never run"),
        ("JobHeldAdmin", "can never run"),
        ("QOSMaxMemoryPerJob", "can never run"),
        ("QOSMaxWallDurationPerJobLimit", "can never run"),
        ("AssocMaxCpuPerJobLimit", "can never run"),
        ("QOSMaxJobsPerUserLimit", "waits"),
        ("AssocGrpMemLimit", "waits"),
        ("Priority", "waits"),
        ("Resources", "waits"),
        ("BeginTime", "waits"),
        ("PartitionDown", "waits for nodes"),
    ],
)
def test_only_a_reason_that_time_does_not_cure_ends_a_wait(reason, stands):
    assert standing(task("PENDING", reason)) == stands


SHARED = Path("/shared/course")


@pytest.mark.parametrize(
    ("of", "lines", "words"),
    [
        (task("TIMEOUT", "TimeLimit", status=36608), "x", "it was still running at its walltime: raise walltime_minut"),
        (task("OUT_OF_MEMORY", status=9), "x", "raise memory_mb under [engine]"),
        (task("NODE_FAIL", "NodeDown"), "x", "Slurm job 12_3 on one: its node failed (NODE_FAIL, NodeDown)."),
        (task("PREEMPTED"), "x", "a job of higher priority took its node (PREEMPTED)."),
        (task("BOOT_FAIL"), None, "its node did not start"),
        (task("CANCELLED", status=36608), "x", "it was cancelled (scancel)"),
        (task("FAILED", "NonZeroExitCode", status=256), "x", "it failed (exit code 1) (FAILED, NonZeroExitCode)."),
        (task("FAILED", "JobLaunchFailure", status=9), "x", "it was killed (signal 9)"),
        (task("FAILED", "NonZeroExitCode", status=66 << 8), "x", "that node does not see /shared/course as this"),
        (task("FAILED", "JobLaunchFailure", status=4021), None, "that node does not see /shared/course as this"),
        (task("FAILED", "NonZeroExitCode", status=127 << 8), "x", "its Python cannot be started there"),
        (task("COMPLETED"), "", "it ended well, but its reply is not in /shared/course"),
    ],
)
def test_an_end_without_a_reply_is_explained(of, lines, words):
    assert words in ended_without_reply(of, SHARED, lines)


def test_an_explanation_ends_with_what_the_job_printed():
    text = ended_without_reply(task(status=256), SHARED, "Traceback\nValueError: 3")
    assert text.endswith("Its last lines:\nTraceback\nValueError: 3")
    assert "last lines" not in ended_without_reply(task(status=256), SHARED, "")


def test_a_full_disk_comes_before_any_other_explanation():
    text = ended_without_reply(task(status=256), SHARED, None, is_full=True)
    assert "/shared/course is full: make room there" in text


def test_what_was_cancelled_here_says_why():
    waiting = task("PENDING", "PartitionTimeLimit", node="")
    assert never_runs(waiting).startswith("Slurm job 12_3 would wait for ever (PartitionTimeLimit) and was cancelled")
    held = never_runs(task("PENDING", "launch failed requeued held", node=""))
    assert held.startswith("Slurm job 12_3 is held (launch failed requeued held), since a node could not start it")
    assert "waited 10 min for nodes that are away (NodeDown)" in no_nodes(task("PENDING", "NodeDown", node=""), 600)
    assert "was started 5 times again" in started_too_often(task("RUNNING", restarts=5))
    assert lost_sight("12_3", "one").startswith("Slurm job 12_3 on one: it ended without a reply")
    assert lost_sight("12_3", "").startswith("Slurm job 12_3: it ended")


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Puts a program on PATH: `command("squeue", "echo ...")`."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def put(name, script):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return put


def test_slurm_that_does_not_answer_is_told_from_slurm_that_refuses(command):
    command("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1")
    with pytest.raises(SlurmAway, match="squeue: slurm_load_jobs error: Unable to contact slurm controller"):
        slurm_queue.queue()
    command("sbatch", "echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv' >&2; exit 1")
    with pytest.raises(SlurmAway):
        slurm_queue.submit([], "")
    command("sbatch", "echo 'sbatch: error: invalid partition specified: night' >&2; exit 1")
    with pytest.raises(UserError, match=r"^sbatch: invalid partition specified: night$"):
        slurm_queue.submit([], "")


@pytest.mark.parametrize("printed", [
    "slurm_load_jobs error: Zero Bytes were transmitted or received",
    "squeue: error: Munge decode failed: Rewound credential",
])  # fmt: skip
def test_where_credentials_are_refused_the_clocks_are_named(command, printed):
    command("squeue", f"echo '{printed}' >&2; exit 1")
    with pytest.raises(SlurmAway, match=r"compare `date` here with the controller's"):
        slurm_queue.queue()


def test_a_command_that_hangs_is_given_up(command, monkeypatch):
    monkeypatch.setattr(slurm_queue, "COMMAND_S", 0.2)
    command("squeue", "exec sleep 60")
    with pytest.raises(SlurmAway, match="squeue did not end within"):
        slurm_queue.queue()


def test_a_machine_without_slurm_says_where_to_go(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="sbatch is not on this machine: run this on a machine of the cluster"):
        slurm_queue.submit([], "")


def test_an_instructors_own_settings_of_squeue_hide_nothing(command, monkeypatch, tmp_path):
    monkeypatch.setenv("SQUEUE_PARTITION", "night")
    monkeypatch.setenv("SBATCH_ACCOUNT", "imaging")
    command("squeue", f"env > {tmp_path}/environment")
    assert slurm_queue.queue() == []
    environment = (tmp_path / "environment").read_text()
    assert "SQUEUE_PARTITION" not in environment
    assert "SBATCH_ACCOUNT=imaging" in environment


def test_a_job_of_a_federation_has_its_number_alone(command):
    command("sbatch", "echo '12;cluster'")
    assert slurm_queue.submit([], "") == "12"


def test_the_default_partition_is_the_one_with_a_star(command):
    command("sinfo", "printf 'one course* idle up\\ntwo course* down up\\nweak night idle up\\n'")
    assert slurm_queue.nodes("") == {"one", "two"}
    assert slurm_queue.nodes("night") == {"weak"}


@pytest.mark.parametrize("state", ["idle", "idle~", "mixed-", "allocated+", "completing", "reserved", "planned"])
def test_a_node_that_works_sleeps_or_is_promised_is_there(command, state):
    command("sinfo", f"echo 'one course* {state} up'")
    assert slurm_queue.nodes_away("") == []


@pytest.mark.parametrize(
    "state", ["idle*", "down", "down*", "drained", "draining", "unknown", "reboot^", "maint", "inval"]
)
def test_a_node_that_starts_nothing_is_away(command, state):
    command("sinfo", f"printf 'one course* {state} up\nweak night idle up\n'")
    assert slurm_queue.nodes_away("") == [f"one ({state})"]
    assert slurm_queue.nodes_away("night") == []


def test_all_nodes_of_a_partition_that_is_down_are_away(command):
    command("sinfo", "printf 'one course* idle down\ntwo course* idle down\n'")
    assert slurm_queue.nodes_away("course") == ["one (partition down)", "two (partition down)"]


def test_nothing_to_cancel_calls_nothing(command, tmp_path):
    command("scancel", f"echo $* >> {tmp_path}/calls")
    slurm_queue.cancel([])
    slurm_queue.cancel(["12_1", "12_0"])
    assert (tmp_path / "calls").read_text() == "--quiet 12_0 12_1\n"
