"""Memory of marking volumes of different sizes: peaks of marker process and worker, against the size of one volume.

    python benchmarks/ragged.py [--volumes 8] [--size 128 256 256] [--metric dice] [--mode weights]

It writes a source of made-up volumes whose first axis varies by up to a tenth, prepares them, and marks one NumPy
solution through the local sandbox, in a process of its own as `medmark grade` does. Peaks are those of the kernel
(`ru_maxrss`, `wait4`), with the pages that are mapped from files; the marker's own start is printed beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
MB = 1 << 20

TOML = """
id = "volumes"
title = "Volumes of different sizes"
task = "segmentation"
frameworks = ["numpy"]
[data]
source = "volumes.py"
test = {test}
train = {train}
split_seed = 1
[run]
mode = "{mode}"
[limits]
cpu_s = 100000
memory_mb = {memory_mb}
reply_mb = {reply_mb}
[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 10
metric = "{metric}"
anchors = {anchors}
"""
UP = "{ trivial = 0.1, pass = 0.96, merit = 0.97, distinction = 0.98, reference = 0.99, ceiling = 1.0 }"
DOWN = "{ trivial = 900, pass = 0.04, merit = 0.03, distinction = 0.02, reference = 0.01, ceiling = 0.0 }"
SOURCE = """
import numpy as np
from assignments.data.source import Axes, Subject

ARRAYS = {{
    "image": Axes("float32", "d h w"), "spacing": Axes("float32", "3"), "label": Axes("uint8", "d h w", role="truth"),
}}
D, H, W = {size}

def open(path):
    return range({subjects})

def subjects(opened):
    return [Subject(f"P{{number:04}}") for number in opened]

def load(opened, subject):
    number = int(subject[1:])
    shape = (D - number % 5 * max(1, D // 50), H, W)
    rng = np.random.default_rng(number)
    z, y, x = (np.linspace(-1, 1, size, dtype=np.float32) for size in shape)
    centre = rng.uniform(-0.3, 0.3, 3).astype(np.float32)
    distance = (z - centre[0])[:, None, None] ** 2 + (y - centre[1])[:, None] ** 2 + (x - centre[2]) ** 2
    label = (distance < 0.2).astype(np.uint8)
    image = rng.standard_normal(shape, dtype=np.float32)
    image *= 0.2
    image += label
    return {{"image": image, "label": label, "spacing": np.float32([2, 0.7, 0.7])}}
"""
SOLUTION = """
import numpy as np

def fit(train, val, *, seed, budget_s):
    inside = [float(i[l > 0].mean()) for i, l in zip(train["image"], train["label"])]
    outside = [float(i[l == 0].mean()) for i, l in zip(train["image"], train["label"])]
    return {"threshold": (np.mean(inside) + np.mean(outside)) / 2}

def save(model, folder):
    pass

def load(folder):
    return {"threshold": 0.5}

def predict(model, inputs):
    return {"prob": np.clip(inputs["image"] - np.float32(model["threshold"]) + np.float32(0.5), 0, 1)}
"""


def main() -> None:
    """Write the folder, prepare the cases and mark the solution, each in a process; print the peaks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--volumes", type=int, default=8, help="hidden volumes")
    parser.add_argument("--size", type=int, nargs=3, default=[128, 256, 256])
    parser.add_argument("--metric", default="dice")
    parser.add_argument("--mode", default="weights", choices=["weights", "retrain"])
    parser.add_argument("--train", type=int, default=2)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="where files are written; a temporary folder by default")
    options = parser.parse_args()
    if options.step:
        prepare(options.folder) if options.step == "prepare" else mark(options.folder)
        return
    with tempfile.TemporaryDirectory(prefix="medmark-ragged-", dir=options.folder) as folder:
        write(Path(folder), options)
        volume = 4 * options.size[0] * options.size[1] * options.size[2]
        print(f"{options.volumes} volumes of up to {volume / MB:.0f} MB as float32, {options.metric}, {options.mode}")
        for step in ("prepare", "mark"):
            began = time.monotonic()
            command = [sys.executable, __file__, "--step", step, "--folder", folder]
            done = subprocess.run(
                command, env={**os.environ, "MEDMARK_HOME": f"{folder}/home"}, check=True, stdout=subprocess.PIPE
            )
            facts = json.loads(done.stdout.splitlines()[-1])
            print(f"{step}: {time.monotonic() - began:.0f} s; peak {facts['peak'] / MB:.0f} MB", end="")
            if step == "mark":
                print(f" ({facts['start'] / MB:.0f} MB at its start, {(facts['peak'] - facts['start']) / volume:.1f} "
                      f"volumes beyond it); worker {facts['worker_mb']:.0f} MB; answers {facts['stored'] / MB:.0f} MB; "
                      f"score {facts['score']}, {facts['explained']}", end="")  # fmt: skip
            print()


def write(folder: Path, options: argparse.Namespace) -> None:
    """An assignment's folder and a solution."""
    from tests.ragged_interface import INTERFACE

    voxels_mb = -(-options.size[0] * options.size[1] * options.size[2] // MB)
    assignment, solution = folder / "volumes", folder / "solution"
    assignment.mkdir()
    (solution / "weights").mkdir(parents=True)
    down = options.metric.startswith(("hd", "assd", "masd"))
    text = TOML.format(
        test=options.volumes,
        train=options.train,
        mode=options.mode,
        metric=options.metric,
        memory_mb=4096 + 40 * voxels_mb,
        reply_mb=8 + 4 * voxels_mb,
        anchors=DOWN if down else UP,
    )
    (assignment / "assignment.toml").write_text(text)
    source = SOURCE.format(size=tuple(options.size), subjects=options.volumes + options.train)
    (assignment / "brief.md").write_text("Mark the ball.\n")
    (assignment / "volumes.py").write_text(source)
    (assignment / "interface.py").write_text(INTERFACE)
    (solution / "solution.py").write_text(SOLUTION)


def prepare(folder: Path) -> None:
    """Split the subjects and prepare their cases."""
    from assignments.data.prepared import prepare as prepared
    from assignments.data.sources import source_of
    from assignments.load import load
    from graders.authoring.splitting import proposed_split

    assignment = load(folder / "volumes")
    proposed_split(assignment, "split").write()
    prepared(assignment, source_of(assignment))  # type: ignore[arg-type]
    print(json.dumps({"peak": peak()}))


def mark(folder: Path) -> None:
    """Mark the solution in this process, as a marker process does."""
    from assignments.load import folder_digest, load
    from graders.asking.job import Job, keys_for
    from graders.grade import grade
    from graders.record.store import Store, travelling

    assignment = load(folder / "volumes")
    named, secret = folder_digest(assignment), b"of this benchmark, 32 bytes or so"
    job = Job(
        assignment=travelling(assignment, named),
        group="group",
        commit="c0ffee",
        solution="solution",
        framework="numpy",
        sandbox="local",
        keys=keys_for(assignment, secret, "c0ffee", (), (0,), scored=True),
        tests=(),
        repeats=(0,),
        scores=("accuracy",),
        answers={},
    )
    store = Store(folder / "answers", {"solution": folder / "solution"}).holding(assignment, named)
    start = peak()
    result = grade(job, store)
    if result.trouble is not None:
        raise SystemExit(f"{result.trouble}")
    answers, score = result.answers[0], result.scores["accuracy"]
    facts = {
        "start": start,
        "peak": peak(),
        "worker_mb": answers.peak_mb,
        "stored": sum(path.stat().st_size for path in (folder / "answers").iterdir()),
        "score": score.measurement.score if score.measured else score.evidence,
        "explained": score.explained.kind if score.explained else "not explained",
    }
    print(json.dumps(facts))


def peak() -> int:
    """The most bytes that this process has had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
