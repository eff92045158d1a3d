"""Many groups are marked at once, none stops another, and a run that is killed goes on where it stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path
from queue import Empty, SimpleQueue

import numpy
import pytest

from assignments.data.hidden import hidden_set
from assignments.errors import UserError
from graders.asking.ceiling import ceiling
from graders.course.lock import course_lock
from graders.failures import EngineFailure, ImageFailure, Stopped
from graders.marks.mark import Status, is_ungraded
from graders.record import dependencies
from graders.record.documents import JobResult, Phases
from graders.record.ledger import Ledger
from graders.runs.cohort import recorded_marks
from graders.runs.coordinator import CohortEvent, Coordinator, next_event
from graders.runs.engines.engine import Outcome
from graders.runs.slots import Machine, slots_for, this_machine
from reports.sentences import feedback as feedback_of
from tests.graders.marks.hand_made import check_result
from tests.graders.runs import scripted_cohort as scripted
from tests.graders.runs.engines.scripted import Scripted
from tests.graders.wall.sandboxes.nvidia import MISMATCH, nvidia_smi

ROOT = Path(__file__).parents[3]


@pytest.fixture
def make_course(tmp_path):
    """Makes a course from a script for each group."""
    return lambda **scripts: scripted.make_course(tmp_path / "course", scripts)


def stages(course) -> list[tuple[str, str, str, str]]:
    """Group, kind, name and status of every recorded stage."""
    path = course.folder / ".medmark/ledger.sqlite"
    if not path.exists():
        return []
    db = sqlite3.connect(path)
    try:
        return db.execute('SELECT "group", kind, name, status FROM stage ORDER BY id').fetchall()
    except sqlite3.OperationalError:
        return []  # killed before the tables were made
    finally:
        db.close()


def groups_called(course) -> list[str]:
    return sorted(call["group"] for call in scripted.calls_of(course))


def steps(progress, group):
    return [step.what for step in progress if step.group == group]


def test_marks_come_in_the_order_of_the_roster(make_course):
    course = make_course(a="sleep 0.3", b="ok", c="ok")
    marks = scripted.grade(course)
    assert [(mark.group, mark.status, mark.points) for mark in marks] == [
        ("a", Status.MARKED, Decimal("73.0")),
        ("b", Status.MARKED, Decimal("73.0")),
        ("c", Status.MARKED, Decimal("73.0")),
    ]


def test_a_second_run_with_nothing_changed_runs_nothing(make_course):
    course = make_course(a="ok", b="ok")
    first = scripted.grade(course)
    progress = []
    second = scripted.grade(course, on_progress=progress.append)
    assert second == first
    assert groups_called(course) == ["a", "b"]
    assert [(step.what, step.done, step.total) for step in progress] == [("unchanged", 1, 2), ("unchanged", 2, 2)]


def test_a_changed_solution_is_run_again_and_no_other(make_course):
    course = make_course(a="ok", b="ok")
    scripted.grade(course)
    (course.folder / "solutions/b/script").write_text("sleep 0")
    scripted.grade(course)
    assert groups_called(course) == ["a", "b", "b"]


def test_a_changed_test_runs_that_test_alone(make_course):
    course = make_course(a="ok")
    scripted.grade(course)
    file = course.folder / "discs/hidden_tests/test_x.py"
    file.write_text(file.read_text() + "    assert True\n")
    scripted.grade(course)
    call = scripted.calls_of(course)[-1]
    assert (call["tests"], call["repeats"], call["scores"]) == ([scripted.B], [], [])


def test_edited_points_mark_anew_and_run_nothing(make_course):
    course = make_course(a="ok")
    scripted.grade(course)
    file = course.folder / "discs/hidden_tests/test_x.py"
    file.write_text(file.read_text().replace("points(4)", "points(24)"))
    file = course.folder / "discs/assignment.toml"
    file.write_text(file.read_text().replace("points = 10", "points = 30").replace("points = 90", "points = 70"))
    (mark,) = scripted.grade(course)
    assert len(scripted.calls_of(course)) == 1
    assert mark.points == Decimal("79.0")  # 30 + 0.7 of 70


def test_a_job_says_which_cases_it_is_about(make_course):
    course = make_course(a="ok")
    scripted.grade(course)
    assignment = scripted.assignment_of(course)
    hidden = hidden_set(assignment, scripted.SECRET, 0, ("x",), "y")
    assert scripted.calls_of(course)[0]["data"] == {"0": asdict(hidden.digests)}


def test_a_corrected_label_scores_the_stored_answers(make_course):
    course = make_course(a="ok")
    scripted.grade(course)
    scripted.correct_a_label(course)
    scripted.grade(course)
    call = scripted.calls_of(course)[-1]
    assert (call["tests"], call["repeats"], call["scores"]) == ([], [], ["accuracy"])


def test_another_numpy_scores_the_stored_answers_and_the_mark_says_which(make_course, monkeypatch):
    course = make_course(a="ok")
    (mark,) = scripted.grade(course)
    assert mark.provenance["scored_with"]["numpy"] == numpy.__version__
    monkeypatch.setattr(dependencies, "version", lambda name: "9.0")
    (mark,) = scripted.grade(course)
    call = scripted.calls_of(course)[-1]
    assert (call["tests"], call["repeats"], call["scores"]) == ([], [], ["accuracy"])
    assert mark.provenance["scored_with"]["numpy"] == "9.0"


def test_answers_whose_file_was_lost_are_made_again_only_when_they_are_scored(make_course):
    course = make_course(a="ok")
    scripted.grade(course)
    (course.answers / "a-0.npz").unlink()
    scripted.grade(course)
    assert len(scripted.calls_of(course)) == 1
    scripted.correct_a_label(course)
    scripted.grade(course)
    assert scripted.calls_of(course)[-1]["repeats"] == [0]


def test_equal_solutions_are_run_once_and_marked_alike(make_course):
    course = make_course(a="ok", b="ok")
    submissions = [dataclasses.replace(s, tree="equal") for s in scripted.submissions_of(course)]
    marks = scripted.grade(course, submissions=submissions)
    assert groups_called(course) == ["a"]
    assert [mark.points for mark in marks] == [Decimal("73.0")] * 2


def test_only_the_chosen_groups_are_marked(make_course):
    course = make_course(a="ok", b="ok")
    assert [mark.group for mark in scripted.grade(course, only={"b"})] == ["b"]
    assert groups_called(course) == ["b"]


@pytest.mark.parametrize(("script", "reason", "evidence"), [
    ("die", "internal", "the marker was killed (signal 9)"),
    ("raise", "internal", "a defect of the toolkit"),
    ("not a number", "internal", "Out of range float values are not JSON compliant"),
    ("engine", "engine", "the daemon went away"),
])  # fmt: skip
def test_a_toolkit_failure_is_tried_twice_then_withholds_one_mark(make_course, script, reason, evidence):
    course = make_course(a=script, b="ok")
    progress = []
    withheld, marked = scripted.grade(course, on_progress=progress.append)
    assert (withheld.status, withheld.points) == (Status.WITHHELD, None)
    assert (marked.status, marked.points) == (Status.MARKED, Decimal("73.0"))
    assert Counter(groups_called(course)) == {"a": 2, "b": 1}
    assert steps(progress, "a") == ["started", "retried", "started", "finished"]
    assert progress[-1].done == progress[-1].total == 2
    finding = withheld.findings[0]
    assert finding.reason == reason
    assert evidence in finding.evidence
    assert evidence not in feedback_of(finding)


@pytest.mark.parametrize("script", ["die once", "engine once"])
def test_a_failure_that_passes_leaves_no_trace_in_the_mark(make_course, script):
    (mark,) = scripted.grade(course := make_course(a=script))
    assert (mark.status, mark.points) == (Status.MARKED, Decimal("73.0"))
    assert Counter(status for *_, status in stages(course)) == {"unknown": 4, "final": 4}


def test_stages_from_before_a_toolkit_failure_are_stored(make_course):
    course = make_course(a="half")
    (mark,) = scripted.grade(course)
    assert mark.status is Status.WITHHELD
    assert [(call["tests"], call["scores"]) for call in scripted.calls_of(course)] == [
        ([scripted.A, scripted.B], ["accuracy"]), ([], ["accuracy"]),
    ]  # fmt: skip


def test_a_withheld_mark_is_tried_again_by_the_next_run(make_course):
    course = make_course(a="engine")
    scripted.grade(course)
    (course.folder / "solutions/a/script").write_text("ok")
    submissions = [dataclasses.replace(s, tree="a engine") for s in scripted.submissions_of(course)]
    (mark,) = scripted.grade(course, submissions=submissions)
    assert mark.status is Status.MARKED


def test_a_time_limit_on_a_busy_machine_is_repeated_once_and_alone(make_course):
    course = make_course(a="busy", b="sleep 0.4", c="sleep 0.4")
    progress = []
    busy, *_ = scripted.grade(course, on_progress=progress.append)
    assert groups_called(course) == ["a", "a", "b", "c"]
    second = scripted.calls_of(course)[-1]
    assert second["tests"] == [scripted.A]
    ended = [json.loads(line) for line in (course.folder / "calls-done").read_text().splitlines()]
    assert all(end["at"] <= second["at"] for end in ended if end["group"] in "bc")
    assert steps(progress, "a") == ["started", "retried", "started", "finished"]
    assert [finding.verdict for finding in busy.findings[:2]] == ["failed", "passed"]


def test_no_more_run_at_once_than_there_are_slots(make_course):
    course = make_course(**{f"g{i}": "sleep 0.2" for i in range(5)})
    scripted.grade(course, jobs=2)
    began = [(call["at"], 1) for call in scripted.calls_of(course)]
    ended = [(json.loads(line)["at"], -1) for line in (course.folder / "calls-done").read_text().splitlines()]
    running = most = 0
    for _, change in sorted(began + ended):
        running += change
        most = max(most, running)
    assert most == 2


def times_of(course):
    with Ledger.open_to_read(course.ledger) as ledger:
        return {times.group: times for times in ledger.jobs("discs")}


def test_how_long_each_job_waited_and_took_is_on_record(make_course, monkeypatch):
    phases, submit = Phases(1.0, 2.0, 3.0, 4.0, 5.0, 6.0), Coordinator._submit
    ready, started = threading.Semaphore(0), []

    def submitted(self, pool, work):
        submit(self, pool, work)
        ready.release()

    def act(job, store, journal):
        started.append(job.group)
        assert ready.acquire(timeout=60)  # the first goes on once both are ready
        if len(started) == 1:
            assert ready.acquire(timeout=60)
            ready.release()
        time.sleep(0.2)
        return replace(scripted.run(job, store, journal), phases=phases, marker_cpu_s=7.0)

    monkeypatch.setattr(Coordinator, "_submit", submitted)
    course = make_course(a="ok", b="ok")
    scripted.grade(course, engine=Scripted(act), jobs=1)
    times = times_of(course)
    assert times.keys() == {"a", "b"} == {*started}
    first, second = (times[group] for group in started)
    assert second.queue_s >= 0.2  # while the first held the only slot
    assert first.queue_s < second.queue_s
    for each in times.values():
        assert (each.phases, each.marker_cpu_s, each.gpus, each.commit) == (phases, 7.0, 0, "c" * 40)
        assert 0.2 <= each.wall_s < 5


def test_a_job_that_dies_is_timed_as_a_whole_and_a_repeated_one_twice(make_course):
    course = make_course(a="die")
    scripted.grade(course)
    with Ledger.open_to_read(course.ledger) as ledger:
        assert [(each.group, each.phases) for each in ledger.jobs("discs")] == [("a", Phases())] * 2


def test_a_run_with_nothing_to_do_records_no_time(make_course):
    course = make_course(a="ok")
    scripted.grade(course)
    before = times_of(course)
    scripted.grade(course)
    assert times_of(course) == before


@pytest.mark.parametrize(("machine", "jobs", "slots"), [
    (Machine(8, 64000, 0), None, 8),
    (Machine(8, 64000, 0), 3, 3),
    (Machine(2, 64000, 0), 5, 5),
    (Machine(8, 12000, 0), None, 2),
])  # fmt: skip
def test_slots_are_what_cpu_memory_and_the_person_allow(make_course, machine, jobs, slots):
    limits = scripted.assignment_of(make_course()).limits  # 4096 MB and 512 + 16 * 64 for the marker, no GPU
    assert slots_for(limits, machine, jobs, True) == slots


def test_a_gpu_serves_one_submission_at_a_time(make_course):
    limits = scripted.assignment_of(make_course()).limits.model_copy(update={"gpus": 2})
    assert slots_for(limits, Machine(16, 64000, 5), None, True) == 2


def test_the_gpus_of_a_machine_are_those_that_were_granted_to_this_process(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert (this_machine().gpus, this_machine(1).gpus) == (0, 1)
    nvidia_smi(tmp_path, monkeypatch, MISMATCH, code=18)
    assert this_machine().gpus == 0
    with pytest.raises(UserError, match=r"limits\.gpus = 1, but the GPUs cannot be used: .*version mismatch"):
        this_machine(1)


@pytest.mark.parametrize(("machine", "text"), [
    (Machine(2, 2000, 8), r"limits\.memory_mb = 4096 and 1536 MB .* but this machine has 2000 MB\. Lower it in"),
    (Machine(2, 8000, 0), r"limits\.gpus = 1, but this machine has 0: nvidia-smi lists them"),
    (Machine(2, 8000, 0, "this process may use 0 of this machine's 2: CUDA_VISIBLE_DEVICES="),
     r"limits\.gpus = 1, but this process may use 0 of this machine's 2: CUDA_VISIBLE_DEVICES=\. Lower it"),
])  # fmt: skip
def test_limits_beyond_the_machine_are_an_error_before_anything_starts(make_course, machine, text):
    assignment = scripted.assignment_of(course := make_course(a="ok"))
    limits = assignment.limits.model_copy(update={"gpus": 1})
    with pytest.raises(UserError, match=text):
        scripted.grade(
            course,
            engine=scripted.scripted_engine(machine=machine),
            assignment=assignment.model_copy(update={"limits": limits}),
        )
    assert scripted.calls_of(course) == []


def test_the_deadline_of_a_marker_lies_beyond_all_limits_inside(make_course):
    assignment = scripted.assignment_of(make_course())  # 20 s a test, 120 s a shared module, 600 s a repeat
    tests = [f"test_{'ab'[i % 2]}.py::test_{i}" for i in range(10)]
    cost = ceiling(assignment, tests)
    assert cost.cpu_s == 10 * 20 + 2 * 120 + 600
    assert cost.wall_s == cost.cpu_s + 120
    assert cost.deadline_s > 4 * cost.cpu_s


def test_a_missing_image_withholds_the_marks_of_its_framework_alone(make_course):
    class OneImage(scripted.Sandbox):
        def runtime(self, framework):
            if framework == "tensorflow":
                raise ImageFailure("there is none: medmark image build tensorflow")
            return "here"

    course = make_course(a="ok", b="ok")
    first, second = scripted.submissions_of(course)
    submissions = [first, dataclasses.replace(second, framework="tensorflow")]
    marks = scripted.grade(course, submissions=submissions, sandbox=OneImage())
    assert [mark.status for mark in marks] == [Status.MARKED, Status.WITHHELD]
    assert "medmark image build tensorflow" in marks[1].findings[0].evidence


def test_a_daemon_that_is_away_stops_the_command_before_anything_starts(make_course):
    class Away(scripted.Sandbox):
        def runtime(self, framework):
            raise EngineFailure("no daemon")

    course = make_course(a="ok")
    with pytest.raises(EngineFailure, match="no daemon"):
        scripted.grade(course, sandbox=Away())
    assert stages(course) == []


def test_what_cannot_be_run_fails_and_what_was_not_handed_in_is_not_marked(make_course):
    course = make_course(a="ok", b="ok")
    first, second = scripted.submissions_of(course)
    submissions = [
        dataclasses.replace(first, framework=None, problems=("no line FRAMEWORK",)),
        dataclasses.replace(second, commit=None, folder=None, framework=None, tree=None),
    ]
    refused, absent = scripted.grade(course, submissions=submissions)
    assert (refused.status, refused.points) == (Status.MARKED, Decimal("0.0"))
    assert "no line FRAMEWORK" in feedback_of(refused.findings[0])
    assert (absent.status, absent.points) == (Status.NOT_SUBMITTED, None)
    assert scripted.calls_of(course) == []


def test_time_left_is_estimated_once_a_job_has_ended(make_course):
    progress = []
    scripted.grade(make_course(a="sleep 0.1", b="sleep 0.1", c="sleep 0.1"), jobs=1, on_progress=progress.append)
    left = [step.left_s for step in progress if step.what == "finished"]
    assert left[0] > left[1] > left[2] == 0
    assert progress[0].left_s is None


def test_files_that_a_killed_run_left_are_swept_and_stored_answers_are_kept(make_course):
    course = make_course(a="ok", b="ok")
    scripted.grade(course, only={"a"})
    (course.answers / "left.npz").write_bytes(b"half")
    os.utime(course.answers / "left.npz", (0, 0))
    scripted.grade(course)
    assert sorted(path.name for path in course.answers.iterdir()) == ["a-0.npz", "b-0.npz"]


def test_files_younger_than_the_run_are_never_swept(make_course):
    course = make_course(a="ok", b="ok")
    scripted.grade(course, only={"a"})
    (course.answers / "young.npz").write_bytes(b"half")
    os.utime(course.answers / "young.npz", (time.time() + 60, time.time() + 60))
    scripted.grade(course)
    assert (course.answers / "young.npz").exists()


def test_a_second_grade_says_who_holds_the_course(make_course):
    course = make_course(a="ok")
    me = os.getpid()
    holder = rf"`medmark grade discs` \(pid {me} on .*, since 20.*or stop it with Ctrl-C there or `kill {me}`"
    with course_lock(course.folder / ".medmark", "medmark grade discs"), pytest.raises(UserError, match=holder):
        scripted.grade(course)
    assert scripted.calls_of(course) == []
    scripted.grade(course)
    assert len(scripted.calls_of(course)) == 1


# A program that is killed -----------------------------------------------------------------------------------------


@pytest.fixture
def start():
    """Starts the scripted course as a program of its own; what still runs at the end of the test is ended."""
    running = []
    # A shell starts what it puts in the background with Ctrl-C ignored, and children inherit that.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)

    def started(course, slots=2):
        process = subprocess.Popen(
            [sys.executable, "-m", scripted.__name__, str(course.folder), str(slots)], cwd=ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, preexec_fn=heed,
        )  # fmt: skip
        running.append(process)
        return process

    yield started
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(fact, seconds=30.0):
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "did not come true"
        time.sleep(0.01)


def test_kill_9_at_any_moment_loses_nothing_and_doubles_nothing(make_course, start):
    course = make_course(**{f"g{i:02}": "sleep 0.1" for i in range(12)})
    moments = random.Random(20)
    before, kills = [], 0
    while True:
        process, calls = start(course), len(scripted.calls_of(course))
        if kills < 5:
            # At any time after the first marker began; now and then before that.
            if kills:
                wait_for(lambda n=calls, p=process: len(scripted.calls_of(course)) > n or p.poll() is not None)
            time.sleep(moments.uniform(0, 0.4))
        else:
            process.wait(60)
        process.kill()
        output, _ = process.communicate()
        kills += 1
        after = stages(course)
        assert after[: len(before)] == before
        before = after
        wait_for(lambda: not any(alive(call["pid"]) for call in scripted.calls_of(course)))
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
    assert json.loads(output.splitlines()[-1]) == [[f"g{i:02}", "marked", "73.0"] for i in range(12)]
    assert sorted(stages(course)) == sorted(
        (f"g{i:02}", *stage, "final")
        for i in range(12)
        for stage in (("test", scripted.A), ("test", scripted.B), ("answers", "0"), ("score", "accuracy"))
    )
    assert kills > 3
    assert len(scripted.calls_of(course)) <= 12 + 2 * kills


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_what_was_marked_and_ends_all_markers(make_course, start, number):
    course = make_course(a="ok", b="hang", c="hang", d="ok")
    process = start(course, slots=2)
    wait_for(lambda: len(scripted.calls_of(course)) == 3)
    os.killpg(process.pid, number)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert output.splitlines()[-1] == (
        "Stopped. 1 of 4 groups are marked, and their results are recorded: run the same command to go on."
    )
    assert "Traceback" not in output
    assert not any(alive(call["pid"]) for call in scripted.calls_of(course))
    for group in "bc":
        (course.folder / "solutions" / group / "script").write_text("ok")
    process = start(course)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert Counter(groups_called(course)) == {"a": 1, "b": 2, "c": 2, "d": 1}


def test_stages_that_a_stopped_job_had_done_are_kept_and_no_other_is_said_to_have_been_tried(make_course):
    course, done = make_course(a="ok"), threading.Event()

    def act(job, store, journal):
        journal.stage_done("test", scripted.A, check_result())
        done.set()
        time.sleep(3600)

    def stop(step):
        done.wait(10)
        raise Stopped

    with pytest.raises(Stopped):
        scripted.grade(course, engine=Scripted(act), on_progress=stop)
    assert stages(course) == [("a", "test", scripted.A, "final")]
    scripted.grade(course)
    assert scripted.calls_of(course)[0]["tests"] == [scripted.B]


class Lies(Scripted):
    """An engine that does not keep its contract: it says nothing, or raises."""

    def run(self, job, store, deadline_s):
        return self._act()


def exits():
    raise SystemExit(4)


@pytest.mark.parametrize(("act", "words"), [
    (lambda: Outcome(None, "", 0.1), "the job ended without a result for it"),
    (lambda: Outcome(JobResult(), "", 0.1), "the job ended without a result for it"),
    (lambda: None, "the job could not be started"),
    (exits, "the job could not be started: SystemExit(4)"),
])  # fmt: skip
def test_an_engine_that_breaks_its_promise_withholds_marks_and_says_so(make_course, act, words):
    (mark,) = scripted.grade(make_course(a="ok"), engine=Lies(act))
    assert mark.status is Status.WITHHELD
    assert all(words in finding.evidence for finding in mark.findings)


def test_two_programs_cannot_mark_one_course_at_once(make_course, start):
    course = make_course(a="hang")
    first = start(course)
    wait_for(lambda: scripted.calls_of(course))
    second = start(course)
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 2
    assert f"`medmark grade discs` (pid {first.pid} on " in output
    assert first.poll() is None
    first.kill()
    wait_for(lambda: not alive(scripted.calls_of(course)[0]["pid"]))


def test_a_marker_killed_from_outside_is_tried_again(make_course, start):
    course = make_course(a="hang", b="ok")
    process = start(course)
    wait_for(lambda: "a" in groups_called(course))
    (course.folder / "solutions/a/script").write_text("ok")
    os.kill(next(call["pid"] for call in scripted.calls_of(course) if call["group"] == "a"), signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert json.loads(output.splitlines()[-1]) == [["a", "marked", "73.0"], ["b", "marked", "73.0"]]
    assert Counter(groups_called(course)) == {"a": 2, "b": 1}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(path):
    """Write until the disk is full to the last block."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"0" * 4096)


def test_a_full_disk_is_a_clear_error_and_the_run_goes_on_once_there_is_room(small_disk):
    course = scripted.make_course(small_disk / "course", {"a": "ok", "b": "ok"})
    first = scripted.grade(course, only={"a"})
    ballast = small_disk / "ballast"
    fill(ballast)
    with pytest.raises(UserError, match=r"the disk is full|No space left|Free some space"):
        scripted.grade(course)
    ballast.unlink()
    marks = scripted.grade(course)
    assert marks[0] == first[0]
    assert [(mark.group, mark.status) for mark in marks] == [("a", Status.MARKED), ("b", Status.MARKED)]
    with Ledger.open(course.folder / ".medmark/ledger.sqlite") as ledger:
        assert len(ledger.stage_history("discs", "a")) == 4


def test_a_ctrl_c_just_before_a_wait_is_seen_within_a_second():
    """The handler runs when the main thread does: a signal that comes before the wait begins does not interrupt it."""

    class Waiting(SimpleQueue):
        """A queue into which the handler puts its event only when a wait has ended."""

        def get(self, timeout=None):
            assert timeout is not None, "the handler would never run"
            assert timeout <= 1
            if self.empty():
                self.put(CohortEvent("stop"))
                raise Empty
            return super().get(timeout=timeout)

    assert next_event(Waiting()).what == "stop"


def test_an_assignment_of_which_nothing_is_recorded_draws_no_hidden_case(make_course, monkeypatch):
    course = make_course(a="ok", b="ok")
    with Ledger.open(course.ledger) as ledger:
        marking = scripted.marking_of(course, ledger)
        monkeypatch.setattr("graders.runs.plan.manifest_of", None)
        marks = recorded_marks(marking, scripted.submissions_of(course))
    assert [is_ungraded(mark) for mark in marks] == [True, True]
