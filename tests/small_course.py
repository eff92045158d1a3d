"""A course that is marked in seconds: an assignment of the instructor's own, in NumPy, and groups in file:// places.

Imported by tests of the command line, which types the commands as a person would.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from tests.commands import ROOT, CommandOutput, typed
from tests.graders.intake.repositories import Content, make

ASSIGNMENT = {
    "assignment.toml": """\
id = "halves"
title = "Which half is brighter"
task = "classification"
frameworks = ["numpy"]
[data]
source = "rows.py"
train = 20
test = 30
per_call = 64
[run]
mode = "retrain"
budget_cpu_s = 5
[limits]
memory_mb = 512
cpu_s = 20
[[criterion]]
id = "tests"
kind = "hidden_tests"
points = 40
[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 60
metric = "accuracy"
anchors = { trivial = 0.5, pass = 0.6, merit = 0.7, distinction = 0.8, reference = 0.9, ceiling = 1.0 }
""",
    "brief.md": "# Which half is brighter\n",
    "rows.py": """\
import numpy as np

from assignments.data.source import Axes

ARRAYS = {"x": Axes("float32", "4"), "y": Axes("uint8", "", role="truth")}

def draw(n, rng):
    y = rng.integers(0, 2, n).astype(np.uint8)
    x = rng.random((n, 4)).astype(np.float32)
    x[:, 2:] += 2 * y[:, None]
    return {"x": x, "y": y}
""",
    "interface.py": """\
from typing import Annotated, TypedDict

import numpy as np
from jaxtyping import Float, Float32, UInt8

from assignments.interface import Model, Range


class Rows(TypedDict):
    x: Float32[np.ndarray, "n 4"]


class Labelled(TypedDict):
    x: Float32[np.ndarray, "n 4"]
    y: UInt8[np.ndarray, "n"]


class Prediction(TypedDict):
    prob: Annotated[Float[np.ndarray, "n"], Range(0, 1)]


def difference(x: Float32[np.ndarray, "n 4"]) -> Float[np.ndarray, "n"]: ...
def fit(train: Labelled, val: Labelled | None, *, seed: int, budget_s: float) -> Model: ...
def predict(model: Model, inputs: Rows) -> Prediction: ...
def save(model: Model, folder: str) -> None: ...
def load(folder: str) -> Model: ...
""",
    "hidden_tests/test_difference.py": '''\
import numpy as np
import pytest

from assignments.testing import close


@pytest.mark.points(30)
def test_difference_of_the_halves(student, rng):
    """`difference` is the sum of the right half less that of the left."""
    x = rng.random((5, 4)).astype(np.float32)  # canary-hidden-source
    assert close(student.difference(x), x[:, 2:].sum(1) - x[:, :2].sum(1), atol=1e-5)


@pytest.mark.points(10)
def test_equal_halves_differ_by_nothing(student, rng):
    """Equal halves differ by 0."""
    x = np.tile(rng.random((3, 2)), 2).astype(np.float32)
    assert close(student.difference(x), np.zeros(3), atol=1e-5)
''',
    "public_tests/test_public.py": '''\
import numpy as np

from assignments.testing import close


def test_one_row(student):
    """The halves of 1, 1, 2, 2 differ by 2."""
    assert close(student.difference(np.array([[1, 1, 2, 2]], dtype=np.float32)), [2.0], atol=1e-5)
''',
}

SOUND = '''\
"""The brighter half by the difference of the sums."""
import numpy as np

FRAMEWORK = "numpy"


class Threshold:
    value = 2.0


def difference(x):
    return x[:, 2:].sum(1) - x[:, :2].sum(1)


def fit(train, val, *, seed, budget_s):
    return Threshold()


def predict(model, inputs):
    return {"prob": (difference(inputs["x"]) > model.value).astype(np.float32)}


def save(model, folder):
    pass


def load(folder):
    return Threshold()
'''
TURNED = SOUND.replace("x[:, 2:].sum(1) - x[:, :2].sum(1)", "x[:, :2].sum(1) - x[:, 2:].sum(1)").replace("> m", "> -m")
CRASHES = SOUND.replace("import numpy as np", "import numpy as np\n1 / 0")
SLOW = SOUND.replace("budget_s):\n", "budget_s):\n    import time\n    time.sleep(3)\n")
GROUPS = {"sound": SOUND, "turned": TURNED, "crashes": CRASHES, "slow": SLOW}


def medmark(*words: str | Path, cwd: Path | None = None) -> CommandOutput:
    """Type a command."""
    output = typed([str(word) for word in words], cwd, environment())
    assert "Traceback" not in output.err, output.err
    return output


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "cli", *map(str, words)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}


def write_assignment(folder: Path) -> Path:
    for name, text in ASSIGNMENT.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def write_course(folder: Path, groups: dict[str, str], *, gone: tuple[str, ...] = (), sandbox: str = "local") -> Path:
    """A course as `medmark init` makes it, filled in: a repository for each group, none where it is `gone`."""
    assert medmark("init", folder, "--title", "Halves", "--year", "2027").code == 0
    write_assignment(folder / "halves")
    deadline = datetime.now().replace(microsecond=0) + timedelta(days=7)
    (folder / "course.toml").write_text(
        f'title = "Halves"\nyear = "2027"\ntimezone = "UTC"\nsandbox = "{sandbox}"\n[access]\nallow_file = true\n'
        f'[assignments.halves]\nsource = "halves"\ndeadline = {deadline.isoformat()}\n',
        encoding="utf-8",
    )
    write_roster(folder, {name: {"halves/solution.py": solution} for name, solution in groups.items()}, gone=gone)
    return folder


def write_roster(folder: Path, groups: Mapping[str, Mapping[str, Content]], *, gone: tuple[str, ...] = ()) -> None:
    """A roster of one member a group, with each group's repository of these files; none where it is `gone`."""
    rows = ["group,member,name,email,repository"]
    for number, (name, files) in enumerate(groups.items()):
        repository = folder / "repositories" / name
        if name not in gone:
            make(repository, files)
        rows.append(f"{name},m{number},Student {number},m{number}@example.org,{repository.resolve().as_uri()}")
    (folder / "roster.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
