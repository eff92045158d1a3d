"""What the runtimes cost: their build, their size, the start of a sandbox, and the import of each package in a worker.

    python benchmarks/runtimes.py [--framework pytorch] [--rounds 3]

It builds a slim and a medical runtime of each framework from this machine, in a folder of its own, and prints a line
for each. A build's time is that of pip's downloads or its cache, the survey, and the machine. The start is the CPU time
in which the zygote imports the framework for a solution that names no package. Then it prints, for the medical runtime,
the CPU time in which a new worker imports each package: what a solution pays that uses it, in each of its workers.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

SOLUTION = """
import importlib, time
def seconds(name):
    began = time.process_time()
    importlib.import_module(name)
    return time.process_time() - began
"""


def main() -> None:
    """Print a line per runtime and a line per package."""
    from graders.wall.sandboxes.images import build_from_host
    from graders.wall.sandboxes.runtime_records import IMPORTS, proof

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--framework", action="append", choices=sorted(IMPORTS))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="medmark-runtimes-") as folder:
        os.environ["MEDMARK_HOME"] = str(Path(folder, "home"))
        solution = Path(folder, "solution")
        solution.mkdir()
        (solution / "solution.py").write_text(SOLUTION)
        for path in (Path(folder), solution):
            path.chmod(0o755)
        for framework in options.framework or IMPORTS:
            for kind in ("slim", "medical"):
                began = time.monotonic()
                built = build_from_host(framework, kind=kind)
                built_s = time.monotonic() - began
                rounds = [worker_costs(solution, framework, ()) for _ in range(options.rounds)]
                start = statistics.median(costs["start"] for costs in rounds)
                environment = Path(built.python).parents[1]
                print(
                    f"{framework:11} {kind:8} {len(built.packages):3} packages  {megabytes(environment):5} MB  "
                    f"built in {built_s:4.0f} s  start {start:.2f} CPU s",
                    flush=True,
                )
            names = proof(framework, "medical")
            rounds = [worker_costs(solution, framework, names) for _ in range(options.rounds)]
            for name in names:
                print(f"{framework:11} {name:20} {statistics.median(costs[name] for costs in rounds):5.2f} CPU s")


def worker_costs(solution: Path, framework: str, names: tuple[str, ...]) -> dict[str, float]:
    """CPU seconds of the start of a sandbox, and of the import of each module in a worker of its own."""
    from assignments.assignment import Limits
    from graders.wall.sandboxes.docker import Docker
    from graders.wall.sandboxes.sandbox import SandboxSpec
    from graders.wall.session import Session

    limits = Limits(memory_mb=4096, processes=64)
    request = {"do": "call", "name": "seconds", "on": None, "kwargs": {"d": {}}, "tensors": False, "arrays": []}
    with Docker().open(SandboxSpec(solution, framework, limits)) as channel:
        session = Session(channel, limits)
        costs = {"start": session.begin()["import_cpu_s"]}
        for name in names:
            worker = session.worker(60)
            costs[name] = session.call(worker, {**request, "args": [name]}, [])[0]
            session.end(worker)
    return costs


def megabytes(folder: Path) -> int:
    """What a folder takes on disk."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*")) // 10**6


if __name__ == "__main__":
    main()
