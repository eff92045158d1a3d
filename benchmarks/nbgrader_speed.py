"""What marking a PyTorch notebook costs: `medmark grade --nbgrader` against `nbgrader autograde`, in one run.

    python benchmarks/nbgrader_speed.py [--submissions 100]

The course is made with nbgrader itself: one notebook of six functions with a test cell each. CPU seconds are those of
all processes and containers, of nbgrader's kernels too; memory is the largest of any process outside the containers.
Goal: at least 20 times fewer CPU seconds, wall time in proportion to slots, less than 1 GB. Run it on an idle machine:
containers of others count.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from overhead import ROOT, Cost, adopt_orphans, peak_mb, timed

GIVEN = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\ntorch.manual_seed(0)\n"
FUNCTIONS = {
    "standardise": (
        "def standardise(x):\n    return (x - x.mean()) / x.std()",
        "y = standardise(torch.tensor([1.0, 2.0, 3.0]))\nassert torch.allclose(y, torch.tensor([-1.0, 0.0, 1.0]))",
    ),
    "soft_dice": (
        "def soft_dice(p, t, eps=1e-6):\n    return (2 * (p * t).sum() + eps) / (p.sum() + t.sum() + eps)",
        "assert abs(soft_dice(torch.ones(4), torch.tensor([1.0, 1, 0, 0])).item() - 2 / 3) < 1e-5",
    ),
    "make_model": (
        "def make_model(width):\n    return nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 1))",
        "model = make_model(8)\nassert sum(p.numel() for p in model.parameters()) == 33",
    ),
    "train": (
        "def train(steps):\n    torch.manual_seed(1)\n    x = torch.randn(64, 2)\n    y = x.sum(1, keepdim=True)\n"
        "    model = make_model(16)\n    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)\n    losses = []\n"
        "    for _ in range(steps):\n        loss = F.mse_loss(model(x), y)\n        optimizer.zero_grad()\n"
        "        loss.backward()\n        optimizer.step()\n        losses.append(loss.item())\n    return losses",
        "losses = train(60)\nassert len(losses) == 60 and losses[-1] < losses[0] / 2",
    ),
    "conv_size": (
        "def conv_size(n, kernel, stride=1, padding=0):\n    return (n + 2 * padding - kernel) // stride + 1",
        "score = sum(conv_size(n, 3, 2, 1) == (n + 1) // 2 for n in (7, 8, 9, 32)) / 4\nscore",
    ),
    "accuracy": (
        "def accuracy(logits, labels):\n    return (logits.argmax(1) == labels).float().mean().item()",
        "logits = torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])\n"
        "assert accuracy(logits, torch.tensor([0, 1, 1])) == torch.tensor(2 / 3).item()",
    ),
}
"""Each function of the notebook and the cell that tests it."""
GOAL = 20.0


def main() -> None:
    """Make the course, mark it both ways, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=100)
    count = parser.parse_args().submissions
    adopt_orphans()
    with tempfile.TemporaryDirectory() as folder:
        course = _course(Path(folder), count)
        ours = {jobs: _shown(f"medmark, {jobs} slot(s)", _medmark(course, jobs)) for jobs in (1, 2)}
        print(f"  peak memory of a process outside the containers: {peak_mb():.0f} MB", flush=True)
        nbgraders = _shown("nbgrader autograde", _autograde(course))
    print(f"{count} submissions: {nbgraders.cpu_s / ours[1].cpu_s:.1f} times fewer CPU seconds (goal {GOAL:g})")
    print(f"wall: {ours[1].wall_s / ours[2].wall_s:.2f} times faster with two slots")


def _shown(name: str, cost: Cost) -> Cost:
    print(f"{name:22} {cost.cpu_s:8.1f} CPU s  {cost.wall_s:8.1f} s wall", flush=True)
    return cost


def _medmark(course: Path, jobs: int) -> Cost:
    command = [sys.executable, "-m", "cli", "grade", "ps", "--nbgrader", str(course), "--jobs", str(jobs), "--json"]
    return timed(lambda: _run(command, ROOT), containers=True)


def _autograde(course: Path) -> Cost:
    return timed(lambda: _nbgrader(course, "autograde", "ps", "--create"), containers=False)


def _nbgrader(folder: Path, *words: str) -> None:
    _run([str(Path(sys.executable).parent / "nbgrader"), *words], folder)


def _run(command: list[str], folder: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader runs alembic from there
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def _course(folder: Path, count: int) -> Path:
    """A course with an assignment of one notebook, and so many hand-ins that are right."""
    _nbgrader(folder, "quickstart", "dl")
    course = folder / "dl"
    shutil.rmtree(course / "source/ps1")
    _write(course / "source/ps/torch.ipynb", "")
    _nbgrader(course, "generate_assignment", "ps", "--create")
    for number in range(count):
        _write(course / f"submitted/student{number:03}/ps/torch.ipynb", f"# by student {number}\n")
    return course


def _write(path: Path, remark: str) -> None:
    cells = [_cell("given", GIVEN, grade=False, solution=False)]
    for name, (function, test) in FUNCTIONS.items():
        body = f"### BEGIN SOLUTION\n{remark}{function}\n### END SOLUTION"
        cells += [
            _cell(name, body, grade=False, solution=True),
            _cell(f"test_{name}", test, grade=True, solution=False),
        ]
    document = {
        "cells": cells,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document))


def _cell(id: str, source: str, *, grade: bool, solution: bool) -> dict[str, object]:
    grading = {
        "grade": grade, "solution": solution, "locked": not solution, "grade_id": id, "schema_version": 3,
        "task": False, **({"points": 1} if grade else {}),
    }  # fmt: skip
    return {
        "cell_type": "code", "id": id.replace("_", "-"), "execution_count": None, "outputs": [], "source": source,
        "metadata": {"nbgrader": grading},
    }  # fmt: skip


if __name__ == "__main__":
    main()
