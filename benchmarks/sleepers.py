"""The delay that sleeping submissions cause a cohort: `medmark grade` of honest groups alone, and beside sleepers.

    python benchmarks/sleepers.py [--honest 30] [--sleepers 10]

Half of the sleepers never wake up; the others sleep for 25 s in every call, so that no single call looks idle. There
are two slots, in Docker. Goal: ten sleepers among forty groups delay the marks by at most fifteen minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from overhead import ASSIGNMENT, ROOT, course_of, reference

SLEEPS = """
import time as _time

def _sleeping(function):
    def sleeps(*args, **ways):
        _time.sleep(SECONDS)
        return function(*args, **ways)
    return sleeps

for _name in ("statistics", "build_model", "bce_with_logits", "train_step", "fit", "predict", "choose_threshold"):
    globals()[_name] = _sleeping(globals()[_name])
"""


def main() -> None:
    """Print how long both cohorts took, and the sleepers' marks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--honest", type=int, default=30)
    parser.add_argument("--sleepers", type=int, default=10)
    options = parser.parse_args()
    text = reference("numpy")
    honest = {f"h{number:02}": f"{text}\n# group {number}\n" for number in range(options.honest)}
    sleepers = {
        f"s{number:02}": f"{text}\n{SLEEPS.replace('SECONDS', '25' if number % 2 else '10**6')}\n# group {number}\n"
        for number in range(options.sleepers)
    }
    with tempfile.TemporaryDirectory(prefix="medmark-bench-") as scratch:
        alone, _ = _graded(course_of(Path(scratch) / "alone", honest, 5))
        print(f"{len(honest)} honest groups alone: {alone:.0f} s", flush=True)
        both, marks = _graded(course_of(Path(scratch) / "both", sleepers | honest, 5))
    print(f"with {len(sleepers)} that sleep: {both:.0f} s, {(both - alone) / 60:.1f} min more (goal 15)")
    for group in sleepers:
        print(f"  {group}: {marks[group]['status']}, {marks[group]['points']} of {marks[group]['out_of']}")


def _graded(course: Path) -> tuple[float, dict[str, dict[str, object]]]:
    """Wall seconds of `medmark grade` on two slots, and the marks by group."""
    began = time.monotonic()
    command = [sys.executable, "-m", "cli", "grade", ASSIGNMENT, "-c", str(course), "--jobs", "2"]
    command += ["--sandbox", "docker", "--json"]
    output = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout
    return time.monotonic() - began, {mark["group"]: mark for mark in json.loads(output)["marks"]}


if __name__ == "__main__":
    main()
