"""How marking grows: makespan by workers, what the coordinator costs, a simulated cohort of 5,000, a module's hours.

    python benchmarks/scale.py workers [--submissions 24] [--work-s 4] [--rounds 3]
    python benchmarks/scale.py simulation [--submissions 5000] [--slots 200] [--lost 0.02] [--mean-s 5]
    python benchmarks/scale.py module [ASSIGNMENT ...] [--students 120] [--in-groups-of 4] [--core-hour 0.05]

`workers` marks a course of equal submissions by the engine `processes` with one and two slots, and by a Dask cluster of
1, 2 and 4 workers that run in programs of their own. The efficiency is the ideal time over the time that it took; the
ideal is that of one worker, divided by the workers or the cores of this machine, whichever are fewer. The coordinator's
CPU time is that of this process alone: neither the cluster nor the markers that judge are in it.

`simulation` has the real coordinator and a real ledger; only the engine sleeps instead of marking. Each job takes as
long as one of the durations that `workers` has recorded, stretched to the mean, and each attempt loses its worker with
the probability. It checks the ledger: every stage is there once. The bound is what all jobs take together, by slots.

`module` marks every reference of the catalogue once in a sandbox, one after the other, and multiplies: what a slot
is busy with for all groups, and what its core costs at a price that is a guess until you put in your own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from assignments.load import load
from graders.asking.job import Job
from graders.course.course import load_course
from graders.intake.submission import Submission
from graders.marks.mark import Verdict
from graders.record.documents import JobResult, TestResult
from graders.record.keys import StageKeys
from graders.record.ledger import Ledger
from graders.record.store import Store
from graders.runs.chosen_engine import engine_of
from graders.runs.coordinator import Coordinator, Work
from graders.runs.engines.engine import Outcome
from graders.runs.engines.processes import start_forkserver
from graders.runs.marking import marked
from tests.small_course import SOUND, medmark, write_assignment, write_course, write_roster

ROOT = Path(__file__).resolve().parents[1]
RECORDED = Path(tempfile.gettempdir()) / "medmark-scale-durations.json"
CLUSTER = """
import sys, time
from distributed import LocalCluster
if __name__ == "__main__":
    one_thread = {"threads_per_worker": 1, "memory_limit": 0, "dashboard_address": ":0"}
    with LocalCluster(n_workers=int(sys.argv[1]), **one_thread) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""
SOLUTIONS = ROOT / "reference_solutions"
CATALOGUE = sorted({path.parent.name for path in SOLUTIONS.glob("*/solution_*.py")})
SLOTS = (2, 30, 200)
"""Submissions at once on a laptop, a lab server, a cluster."""
WORKS = """budget_s):
    import time
    end = time.process_time() + {seconds}
    while time.process_time() < end:
        pass
"""
"""In place of a training: so many CPU seconds."""


@dataclass(frozen=True)
class Run:
    """One marking of the course."""

    name: str
    workers: int
    wall_s: float
    coordinator_s: float
    durations: tuple[float, ...]


def main() -> None:
    """Run the part that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    workers = parts.add_parser("workers")
    workers.add_argument("--submissions", type=int, default=24)
    workers.add_argument("--work-s", type=float, default=4.0)
    workers.add_argument("--rounds", type=int, default=3)
    simulated = parts.add_parser("simulation")
    simulated.add_argument("--submissions", type=int, default=5000)
    simulated.add_argument("--slots", type=int, default=200)
    simulated.add_argument("--lost", type=float, default=0.02)
    simulated.add_argument("--mean-s", type=float, default=5.0)
    module = parts.add_parser("module")
    module.add_argument("assignments", nargs="*", default=CATALOGUE)
    module.add_argument("--students", type=int, default=120)
    module.add_argument("--in-groups-of", type=int, default=4)
    module.add_argument("--core-hour", type=float, default=0.05, help="price of one core for an hour")
    module.add_argument("--sandbox", default="docker")
    options = parser.parse_args()
    if options.part == "workers":
        print_workers(options.submissions, options.work_s, options.rounds)
    elif options.part == "simulation":
        print_simulation(options.submissions, options.slots, options.lost, options.mean_s)
    else:
        groups = -(-options.students // options.in_groups_of)
        print_module(options.assignments, groups, options.core_hour, options.sandbox)


# By workers


def print_workers(submissions: int, work_s: float, rounds: int) -> None:
    """Mark the course in each way, round by round; print the medians and the efficiency."""
    cores = len(os.sched_getaffinity(0))
    print(f"{submissions} submissions of {work_s:g} CPU s of training each, on {cores} cores")
    with tempfile.TemporaryDirectory(prefix="medmark-scale-") as folder:
        course = _course(Path(folder), submissions, work_s)
        start_forkserver()
        runs = []
        for turn in range(rounds):
            for workers in (1, 2):
                runs.append(_run(course, f"processes, {workers} slots", workers, None))
            for workers in (1, 2, 4):
                with _cluster(workers) as address:
                    _run(course, "", workers, address, only=workers)  # each worker has imported what it needs
                    runs.append(_run(course, f"dask, {workers} workers", workers, address))
            print(f"round {turn + 1}: " + ", ".join(f"{run.name} {run.wall_s:.1f} s" for run in runs[-5:]), flush=True)
    RECORDED.write_text(json.dumps([each for run in runs if run.name == "dask, 1 workers" for each in run.durations]))
    print(f"{'':20} {'median s':>9} {'efficiency':>10} {'coordinator ms a submission':>28}")
    for name in dict.fromkeys(run.name for run in runs):
        own = [run for run in runs if run.name == name]
        alone = [run for run in runs if run.name.split(",")[0] == name.split(",")[0] and run.workers == 1]
        wall_s = statistics.median(run.wall_s for run in own)
        ideal_s = statistics.median(run.wall_s for run in alone) / min(own[0].workers, cores)
        own_ms = 1000 * statistics.median(run.coordinator_s for run in own) / submissions
        print(f"{name:20} {wall_s:9.1f} {ideal_s / wall_s:10.2f} {own_ms:28.1f}")


def _course(folder: Path, submissions: int, work_s: float) -> Path:
    """A collected course of equal submissions that differ in a comment."""
    solution = SOUND.replace("budget_s):\n", WORKS.format(seconds=work_s))
    groups = {f"g{number:03}": f"# {number}\n{solution}" for number in range(submissions)}
    course = write_course(folder / "course", groups)
    text = (course / "halves/assignment.toml").read_text().replace("budget_cpu_s = 5", f"budget_cpu_s = {2 * work_s}")
    (course / "halves/assignment.toml").write_text(text.replace("cpu_s = 20", f"cpu_s = {20 + 4 * work_s}"))
    assert medmark("collect", "halves", "-c", course).code == 0
    return course


def _run(course: Path, name: str, workers: int, address: str | None, only: int = 0) -> Run:
    """Mark a copy of the course, so that nothing of it is recorded yet."""
    with tempfile.TemporaryDirectory(prefix="medmark-scale-") as folder:
        copy = load_course(shutil.copytree(course, Path(folder) / "course", symlinks=True))
        groups = [group.name for group in copy.groups][:only] if only else []
        kind = "dask" if address else "processes"
        with engine_of(copy, kind, address) as engine:
            began, cpu = time.perf_counter(), time.process_time()
            marked(copy, "halves", trust_submissions=True, jobs=workers, engine=engine, only=groups)
            wall_s, own_s = time.perf_counter() - began, time.process_time() - cpu
        with Ledger.open(copy.ledger) as ledger:
            durations = tuple(job.wall_s for job in ledger.jobs("halves"))
    return Run(name, workers, wall_s, own_s, durations)


@contextmanager
def _cluster(workers: int) -> Iterator[str]:
    """The address of a Dask cluster in a program of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(CLUSTER)
        script.flush()
        words = [sys.executable, script.name, str(workers)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as cluster:
            assert cluster.stdin is not None
            assert cluster.stdout is not None
            yield cluster.stdout.readline().decode().strip()
            cluster.stdin.close()
            cluster.wait(60)


# A simulated cohort


@dataclass
class Sleeping:
    """An engine whose jobs sleep, and now and then lose their worker."""

    duration_of: Callable[[str], float]
    lost: float
    began: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    spent_s: float = 0.0
    _random: random.Random = field(default_factory=lambda: random.Random(19))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, job: Job, store: Store, deadline_s: float) -> Outcome:
        """Sleep as long as the job takes, or a part of it where its worker is lost."""
        duration = self.duration_of(job.group)
        with self._lock:
            self.began[job.group] += 1
            is_lost, part = self._random.random() < self.lost, self._random.random()
        spent = duration * (part if is_lost else 1.0)
        time.sleep(spent)
        with self._lock:
            self.spent_s += spent
            if not is_lost:
                self.ended[job.group] += 1
        if is_lost:
            return Outcome(None, "this worker was lost", 0.0, machine=threading.current_thread().name, lost=True)
        done = {id: TestResult("passed", cpu_s=1.0, wall_s=duration) for id in job.tests}
        return Outcome(JobResult(done), "", duration, machine=threading.current_thread().name)

    def exclude(self, machine: str) -> int:
        """Slots are renewed: a cluster starts another worker."""
        return 1

    def stop(self) -> None:
        """Nothing runs any more when the coordinator has ended."""


def print_simulation(submissions: int, slots: int, lost: float, mean_s: float) -> None:
    """Run the coordinator over a simulated cohort, check its ledger, and print the makespan beside the bound."""
    recorded = json.loads(RECORDED.read_text()) if RECORDED.is_file() else [2.0, 4.0, 4.0, 5.0, 9.0]
    stretch = mean_s / statistics.mean(recorded)
    draws = random.Random(7)
    durations = {f"g{number:05}": stretch * draws.choice(recorded) for number in range(submissions)}
    engine = Sleeping(durations.__getitem__, lost)
    print(f"{submissions} submissions of {mean_s:g} s on {slots} slots; {lost:.0%} of attempts lose their worker")
    print(f"durations like {len(recorded)} {'recorded' if RECORDED.is_file() else 'invented'} ones")
    with tempfile.TemporaryDirectory(prefix="medmark-scale-") as folder:
        assignment = load(write_assignment(Path(folder) / "halves"))
        tests = ("test_a.py::test_a", "test_a.py::test_b")
        works = [
            Work(
                [Submission(group, (), "", "c" * 40, Path(folder), "numpy", group)],
                StageKeys({test: f"{group} {test}" for test in tests}, {}, {}),
                {("test", test) for test in tests},
            )
            for group in durations
        ]

        def job_of(work: Work) -> Job:
            return Job(assignment, work.first.group, "c" * 40, work.tree, "numpy", "local", None, tests, (), (), {})

        with Ledger.open(Path(folder) / "ledger.sqlite") as ledger:
            coordinator = Coordinator(
                assignment="halves", ledger=ledger, engine=engine, store=Store(Path(folder)), slots=slots,
                job_of=job_of, deadline_of=lambda work: 3600.0, on_progress=lambda step: None, total=submissions,
            )  # fmt: skip
            began, cpu = time.perf_counter(), time.process_time()
            coordinator.run_all(works)
            took_s, own_s = time.perf_counter() - began, time.process_time() - cpu
            stages = ledger.stages([key for work in works for key in work.keys.all()])
            rows = sum(stage.status == "final" for stage in ledger.stage_history("halves"))
    final = [stage for stage in stages.values() if stage.status == "final"]
    assert len(final) == len(stages) == len(tests) * submissions, "a stage is lost"
    assert rows == len(final), "a stage was recorded twice"
    assert set(engine.ended.values()) == {1}, "a submission was marked twice, or not at all"
    useful = sum(durations.values())
    bound = max(useful / slots, max(durations.values()))
    again = sum(engine.began.values()) - submissions
    print(f"{rows} stages, each once; {again} attempts lost their worker and were repeated")
    print(f"makespan {took_s:.1f} s; bound {bound:.1f} s; ratio {took_s / bound:.3f}")
    own_ms = 1000 * own_s / submissions
    print(f"slots busy {engine.spent_s / (slots * took_s):.0%}; coordinator {own_ms:.1f} ms a submission")


# A module of the catalogue's assignments


def print_module(assignments: list[str], groups: int, core_hour: float, sandbox: str) -> None:
    """Train and mark each reference once, and print what all groups of a module take if each hands in as much."""
    print(f"every reference once, trained and marked in {sandbox}; then for {groups} groups")
    print(f"{'':20} {'s a submission':>15} {'tests':>6} {'training':>9} {'host CPU s':>11} {'slot hours':>11}")
    hours, longest, trained = 0.0, 0.0, 0.0
    with tempfile.TemporaryDirectory(prefix="medmark-scale-") as folder:
        course = load_course(_catalogue_course(Path(folder) / "course", sandbox))
        start_forkserver()
        for id in assignments:
            own = [group.name for group in course.groups if (SOLUTIONS / id / f"solution_{group.name}.py").is_file()]
            change = marked(course, id, trust_submissions=sandbox == "local", jobs=1, only=own)
            for mark in change.results.marks:
                failed = [finding.id for finding in mark.findings if finding.verdict is Verdict.FAILED]
                if mark.group in own and failed:
                    print(f"{id}, {mark.group}: NOT WHAT A SOUND SUBMISSION TAKES, since it failed {', '.join(failed)}")
            with Ledger.open(course.ledger) as ledger:
                times = ledger.jobs(id)
            wall_s = statistics.mean(job.wall_s for job in times)
            tests_s = statistics.mean(job.phases.tests_s for job in times)
            fit_s = statistics.mean(job.phases.fit_s for job in times)
            marker_s = statistics.mean(job.marker_cpu_s for job in times)
            hour = groups * wall_s / 3600
            hours, longest, trained = hours + hour, max(longest, hour), trained + groups * fit_s / 3600
            print(f"{id:20} {wall_s:15.1f} {tests_s:6.1f} {fit_s:9.1f} {marker_s:11.1f} {hour:11.2f}", flush=True)
    print(f"{len(assignments)} assignments: {hours:.1f} slot hours, {hours - trained:.1f} where weights are handed in")
    print(f"at {core_hour:g} a core hour: {core_hour * hours:.2f}")
    for slots in SLOTS:
        busy = min(slots, groups)
        print(f"{slots} slots: the longest {60 * longest / busy:.0f} minutes, all {60 * hours / busy:.0f}")


def _catalogue_course(folder: Path, sandbox: str) -> Path:
    """A collected course of the catalogue, with a group for each framework, which hands in the references."""
    deadline = (datetime.now() + timedelta(days=7)).replace(microsecond=0).isoformat()
    assert medmark("init", folder, "--title", "Module", "--year", "2027").code == 0
    text = f'title = "Module"\nyear = "2027"\ntimezone = "UTC"\nsandbox = "{sandbox}"\n[access]\nallow_file = true\n'
    for id in CATALOGUE:
        text += f'[assignments.{id}]\nsource = "{id}"\ndeadline = {deadline}\n'
        assignment = load(ROOT / "assignments/catalogue" / id)
        if assignment.has_cases and assignment.run.mode == "weights":
            text += f'[assignments.{id}.run]\nmode = "retrain"\nseeds = 1\n'
    (folder / "course.toml").write_text(text, encoding="utf-8")
    groups: dict[str, dict[str, str]] = {}
    for path in sorted(SOLUTIONS.glob("*/solution_*.py")):
        own = groups.setdefault(path.stem.removeprefix("solution_"), {})
        own[f"{path.parent.name}/solution.py"] = path.read_text(encoding="utf-8")
    write_roster(folder, groups)
    for id in CATALOGUE:
        assert medmark("collect", id, "-c", folder).code == 0
    return folder


if __name__ == "__main__":
    main()
