"""Small assignments that draw their cases, as a course sets a folder of patients for them: one for each application.

Each has the form of its assignment of the catalogue, and a solution in NumPy that answers in no time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assignments.load import load, overridden
from graders.metrics import METRICS
from graders.tasks import TASKS
from tests.example_folders import EXAMPLES

ANCHORS = {
    "rising": "{ trivial = 0.1, pass = 0.2, merit = 0.3, distinction = 0.4, reference = 0.5, ceiling = 0.6 }",
    "falling": "{ trivial = 0.6, pass = 0.5, merit = 0.4, distinction = 0.3, reference = 0.2, ceiling = 0.1 }",
}
TOML = """\
id = "own"
title = "Own"
task = "{task}"
frameworks = ["numpy"]

[data]
source = "drawn.py"
train = 8
val = 2
test = 6
per_call = {per_call}
{data}
[run]
mode = "weights"

[[criterion]]
id = "tests"
kind = "hidden_tests"
points = 4

[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 10
metric = "{metric}"
# Measured on phantoms.
anchors = {anchors}
caps = [{{ when = "{metric} {sign} 0.55", at = 0.5 }}]
"""
BRIEF = """\
# Own

## The data

{% if own_cases -%}
Phantoms, drawn by drawn.py: {{ train }} to train on, {{ val }} to choose by, {{ test }} hidden.
{%- else -%}
{{ cases }}
{%- endif %}

{{ data }}

{{ marking }}
"""
SOURCE = """\
import numpy as np
from assignments.data.source import Axes

ARRAYS = {{
{arrays}
}}


def draw(n, rng):
    image = rng.normal(0, 1, (n, {space})).astype(np.float32)
    return {{{drawn}}}
"""
TESTS = '''\
import pytest


@pytest.mark.points(4)
def test_halve(student, rng, small_cases):
    """Halves."""
    assert len(small_cases(3, rng)["{key}"]) == 3
    assert student.halve(4.0) == 2.0
'''
INTERFACE = "def halve(x: float) -> float: ...\n"
SOLUTION = """\
import numpy as np

FRAMEWORK = "numpy"


class Model:
    pass


def halve(x):
    return x / 2


def fit(train, val, *, seed, budget_s, log=None):
    return Model()


def predict(model, inputs):
    {answer}


def save(model, folder):
    pass


def load(folder):
    return Model()
"""


@dataclass(frozen=True)
class Application:
    """One application: its task, what its own source draws, and the folder that takes the place of this."""

    task: str
    folder: str
    """A name of `tests.example_folders`."""
    metric: str
    space: str
    arrays: str
    drawn: str
    answer: str
    key: str = "image"
    per_call: int = 1
    data: str = ""
    test: int = 2

    def files(self) -> dict[str, str]:
        falls = self.metric.startswith(("mae", "tre"))
        settings = {
            "task": self.task,
            "metric": self.metric,
            "per_call": self.per_call,
            "data": self.data,
            "anchors": ANCHORS["falling" if falls else "rising"],
            "sign": ">" if falls else "<",
        }
        return {
            "assignment.toml": TOML.format(**settings),
            "brief.md": BRIEF,
            "interface.py": INTERFACE,
            "drawn.py": SOURCE.format(arrays=self.arrays, drawn=self.drawn, space=self.space),
            "hidden_tests/test_own.py": TESTS.format(key=self.key),
            "reference/solution_numpy.py": self.solution,
        }

    @property
    def solution(self) -> str:
        return SOLUTION.format(answer=self.answer)


APPLICATIONS = {
    "segmentation": Application(
        "segmentation",
        "promise12_npy",
        "dice",
        "4, 8, 8",
        '    "image": Axes("float32", "d h w"),\n    "label": Axes("uint8", "d h w", role="truth"),\n'
        '    "spacing": Axes("float32", "3"),',
        '"image": image, "label": (image > 0).astype(np.uint8), "spacing": np.ones((n, 3), np.float32)',
        'return {"prob": (inputs["image"] > 50).astype(np.float32)}',
        test=1,
    ),
    "classification": Application(
        "classification",
        "ucl_frames",
        "accuracy",
        "8, 8",
        '    "image": Axes("float32", "h w"),\n    "y": Axes("uint8", "", role="truth"),',
        '"image": image, "y": (np.arange(n) % 4).astype(np.uint8)',
        'return {"prob": np.full((len(inputs["image"]), 4), 0.25, np.float32)}',
        per_call=8,
        data='classes = ["head", "abdomen", "heart", "other"]\n',
        test=1,
    ),
    "registration": Application(
        "registration",
        "brain_pairs",
        "warped_dice",
        "8, 8",
        '    "fixed": Axes("float32", "h w"),\n    "moving": Axes("float32", "h w"),\n'
        '    "labels": Axes("uint8", "2 h w", role="truth"),\n'
        '    "landmarks": Axes("float32", "2 p 2", role="truth"),',
        '"fixed": image, "moving": image, "labels": np.stack([image > 0] * 2, 1).astype(np.uint8), '
        '"landmarks": rng.uniform(1, 6, (n, 2, 5, 2)).astype(np.float32)',
        'return {"field": np.zeros((len(inputs["fixed"]), 2, *inputs["fixed"].shape[1:]), np.float32)}',
        key="fixed",
        per_call=4,
    ),
    "synthesis": Application(
        "synthesis",
        "paired_mr",
        "mae@1",
        "8, 8",
        '    "image": Axes("float32", "h w"),\n    "target": Axes("float32", "h w", role="truth"),\n'
        '    "mask": Axes("uint8", "h w", role="truth"),',
        '"image": image, "target": rng.random(image.shape).astype(np.float32), "mask": np.ones(image.shape, np.uint8)',
        'return {"image": np.full(inputs["image"].shape, 0.9, np.float32)}',
        per_call=4,
    ),
}


def write_assignment(folder: Path, application: Application, **files: str) -> Path:
    """The assignment's folder, `own`, with some files replaced."""
    for name, text in (application.files() | files).items():
        path = folder / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "own"


def as_a_course_sets(folder: Path, application: Application, anchors=None, caps=None, run=None, **data):
    """The assignment with the cases of a folder in its true format, as a course in `folder / "course"` sets them."""
    if not (folder / "patients").exists():
        EXAMPLES[application.folder](folder / "patients")
    own = folder / "own"
    if not own.exists():
        write_assignment(folder, application)
    settings = {"source": "folder", "path": "../patients", "test": application.test, "share": "students"}
    (folder / "course").mkdir(exist_ok=True)
    return overridden(
        load(own, tasks=TASKS, metrics=METRICS, sources=("folder",)),
        data=settings | {"permission": "committee"} | data,
        run=run,
        anchors=anchors,
        caps=caps,
        file=folder / "course" / "course.toml",
        key="assignments.own",
    )
