"""The cost of the wall: `medmark grade` against the same calls in bare processes, in CPU and wall time.

    python benchmarks/overhead.py [--framework pytorch] [--submissions 12] [--rounds 5]

It makes a course whose submissions differ only in a comment, and records every call of their marking. Then it times, in
each round, the recorded calls of every submission in one bare process each (`bare.py`), one after the other in one
thread; and `medmark grade` of a fresh course with two slots. CPU time is that of all processes: the host's with all
that they started, and the containers' by their control group. The Docker daemon's own time is a separate column.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
}
ASSIGNMENT = "mlp_classifier"
START_S = {"pytorch": 0.3, "tensorflow": 1.5, "numpy": 0.3}
"""CPU seconds per submission that the goal allows on top of 1.3 times the bare time."""


@dataclass(frozen=True)
class Cost:
    """Seconds of one round, for all submissions."""

    cpu_s: float
    wall_s: float
    engine_s: float = 0.0


def main() -> None:
    """Print one line per round, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--framework", default="pytorch", choices=sorted(START_S))
    parser.add_argument("--submissions", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1, help="hidden splits of the accuracy part")
    parser.add_argument("--sandbox", action="append", choices=["docker", "local"])
    options = parser.parse_args()
    sandboxes = options.sandbox or ["docker", "local"]
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="medmark-bench-") as scratch:
        folder = Path(scratch)
        text = reference(options.framework)
        texts = {f"g{number:02}": f"{text}\n# group {number}\n" for number in range(options.submissions)}
        course = course_of(folder / "course", texts, options.seeds)
        records = _record(course, options)
        runs: dict[str, Callable[[], Cost]] = {"bare": lambda: _bare(records, options)}
        for sandbox in sandboxes:
            runs[sandbox] = lambda sandbox=sandbox: _grade(course, sandbox)  # type: ignore[misc]
        rounds: dict[str, list[Cost]] = {name: [] for name in runs}
        for number in range(options.rounds):
            for name, run in runs.items():
                rounds[name].append(run())
            line = "  ".join(f"{name} {c[-1].cpu_s:.1f} CPU s {c[-1].wall_s:.1f} s" for name, c in rounds.items())
            print(f"round {number + 1}: {line}", flush=True)
    _print(rounds, options)


def _print(rounds: dict[str, list[Cost]], options: argparse.Namespace) -> None:
    count, framework = options.submissions, options.framework
    bare = statistics.median(cost.cpu_s for cost in rounds["bare"]) / count
    goal = 1.3 * bare + START_S[framework]
    print(f"\n{framework}, {count} submissions, {options.seeds} split(s), median of {options.rounds} rounds, two slots")
    print(f"{'':8}{'CPU s each':>12}{'over bare':>12}{'wall s each':>13}{'wall/bare':>11}{'engine CPU s':>14}")
    for name, costs in rounds.items():
        cpu = statistics.median(cost.cpu_s for cost in costs) / count
        wall = statistics.median(cost.wall_s for cost in costs) / count
        ratio = statistics.median(c.wall_s / b.wall_s for c, b in zip(costs, rounds["bare"], strict=True))
        over = statistics.median(c.cpu_s / b.cpu_s for c, b in zip(costs, rounds["bare"], strict=True))
        engine = statistics.median(cost.engine_s for cost in costs) / count
        print(f"{name:8}{cpu:12.2f}{over:12.2f}{wall:13.2f}{ratio:11.2f}{engine:14.2f}")
    print(f"goal: CPU at most {goal:.2f} s each (1.3 bare + {START_S[framework]}), wall at most 0.75 of bare")


def reference(framework: str) -> str:
    """The text of the assignment's reference."""
    from assignments.folders import find, reference_path

    return reference_path(find(ASSIGNMENT, Path()), framework).read_text(encoding="utf-8")


def course_of(folder: Path, texts: Mapping[str, str], seeds: int) -> Path:
    """A collected course with these texts of solution.py, by group."""
    import csv

    import git

    from graders.course.course import load_course
    from graders.course.new_course import init_course
    from graders.intake.collect import collect
    from graders.record.ledger import Ledger

    due = datetime.now().replace(microsecond=0) + timedelta(days=7)
    init_course(folder, title="Benchmark", timezone="UTC", allow_file=True, assignments={ASSIGNMENT: due})
    with (folder / "course.toml").open("a") as file:
        file.write(f"\n[assignments.{ASSIGNMENT}.run]\nseeds = {seeds}\n")
    with (folder / "roster.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["group", "member", "name", "email", "repository"])
        for group, text in texts.items():
            home = folder / "repositories" / group
            (home / ASSIGNMENT).mkdir(parents=True)
            (home / ASSIGNMENT / "solution.py").write_text(text, encoding="utf-8")
            with git.Repo.init(home, initial_branch="main") as repository:
                repository.index.add([f"{ASSIGNMENT}/solution.py"])
                who = git.Actor("Bench", "bench@example.org")
                repository.index.commit("Hand in", author=who, committer=who)
            rows.writerow([group, f"m-{group}", f"M {group}", f"{group}@example.org", home.as_uri()])
    course = load_course(folder)
    ledger = Ledger.open(course.ledger)
    collect(course, ASSIGNMENT, ledger)
    ledger.close()
    return folder


def _record(folder: Path, options: argparse.Namespace) -> list[tuple[Path, Path]]:
    """Mark every submission once in the local sandbox, and store each frame that is sent to a worker."""
    from assignments.load import hidden_tests
    from graders import grade
    from graders.asking import containers
    from graders.asking.phases import TimedSession
    from graders.course.course import assignment_of, load_course
    from graders.course.secret import read_secret
    from graders.intake.collect import clock, submissions
    from graders.intake.owners import Record
    from graders.record.in_force import Decisions
    from graders.record.ledger import Ledger
    from tests.jobs import job_here

    course = load_course(folder)
    assignment = assignment_of(course, ASSIGNMENT)
    ledger = Ledger.open(course.ledger)
    record = Record.of(course.groups, ledger.observations(assignment.id))
    decisions = Decisions.of(assignment.id, record.followed(ledger.events(assignment.id)))
    handed_in = submissions(course, assignment, record, decisions, clock())
    ledger.close()
    records = []
    for submission in handed_in:
        home = folder / "records" / submission.group
        containers.TimedSession = _recording(TimedSession, home)  # type: ignore[misc]
        assert submission.folder is not None
        job, store = job_here(
            assignment, submission.folder, folder / "answers", secret=read_secret(course), group=submission.group,
            commit=str(submission.commit), framework=options.framework, sandbox="local",
            tests=[test.id for test in hidden_tests(assignment)], repeats=range(assignment.run.seeds),
        )  # fmt: skip
        document = grade.grade(job, store)
        lost = [id for id, result in document.tests.items() if result.verdict != "passed"]
        if lost or document.trouble:
            raise SystemExit(f"recording: {lost} {document.trouble}")
        records.append((submission.folder, home))
    containers.TimedSession = TimedSession  # type: ignore[misc]
    return records


def _recording(session: type, home: Path) -> type:
    """A Session that records what it sends to workers."""
    from graders.wall.wire import frame

    class Recording(session):  # type: ignore[misc]
        def worker(self, cpu_s: float, doubles: str = "", solution: str | None = None, *, seed: int = 0):  # type: ignore[no-untyped-def]
            worker = super().worker(cpu_s, doubles, solution, seed=seed)
            self._write(worker.number, frame({"id": 1, "do": "begin", "arrays": []}, [memoryview(doubles.encode())]))
            return worker

        def call(self, worker, request, parts):  # type: ignore[no-untyped-def]
            self._write(worker.number, frame({"id": 1, **request}, parts))
            return super().call(worker, request, parts)

        def _write(self, number: int, buffers: list[memoryview]) -> None:
            folder = home / f"{number:04}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{len(list(folder.iterdir())):05}").write_bytes(b"".join(buffers))

    return Recording


def _bare(records: list[tuple[Path, Path]], options: argparse.Namespace) -> Cost:
    def run() -> None:
        for solution, record in records:
            command = [sys.executable, str(ROOT / "benchmarks/bare.py"), options.framework, str(solution), str(record)]
            subprocess.run(command, check=True, env={**os.environ, **ONE_THREAD}, stdout=subprocess.DEVNULL)

    return timed(run, containers=False)


def _grade(course: Path, sandbox: str) -> Cost:
    """The cost of `medmark grade` for the collected course, with nothing marked yet."""
    fresh = course.with_name(f"fresh-{sandbox}")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(course, fresh, ignore=shutil.ignore_patterns("records", "answers", "repositories"))

    def run() -> None:
        command = [sys.executable, "-m", "cli", "grade", ASSIGNMENT, "-c", str(fresh), "--jobs", "2"]
        command += ["--sandbox", sandbox, "--trust-submissions"]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    return timed(run, containers=sandbox == "docker")


def adopt_orphans() -> None:
    """Adopt the orphans of `grade`, such as its fork server, with their CPU time."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def peak_mb() -> float:
    """The most memory that any process had which this one has waited for, directly or not."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def timed(run: Callable[[], None], *, containers: bool) -> Cost:
    began, cpu, inside, engine = time.monotonic(), _children_s(), _containers_s(containers), _engine_s(containers)
    run()
    wall = time.monotonic() - began
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:  # what `grade` left to us: the fork server, zygotes
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.05)
        except ChildProcessError:
            break
    used = _children_s() - cpu + _containers_s(containers) - inside
    return Cost(used, wall, _engine_s(containers) - engine)


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _containers_s(measured: bool) -> float:
    """CPU seconds of all containers since Docker started, by its control group."""
    if not measured:
        return 0.0
    old, new = Path("/sys/fs/cgroup/cpuacct/docker/cpuacct.usage"), Path("/sys/fs/cgroup/docker/cpu.stat")
    if old.exists():
        return int(old.read_text()) / 1e9
    if new.exists():
        return int(new.read_text().split()[1]) / 1e6
    raise SystemExit("Docker has no control group (cgroupfs driver) with CPU times")


def _engine_s(measured: bool) -> float:
    """CPU seconds of dockerd and containerd, and of the processes that they waited for."""
    total = 0.0
    for path in Path("/proc").glob("[0-9]*/comm") if measured else ():
        try:
            if path.read_text().strip() in ("dockerd", "containerd"):
                fields = (path.parent / "stat").read_text().rpartition(")")[2].split()
                total += sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue
    return total


if __name__ == "__main__":
    main()
