"""Class S: the labels that one repeat trains on, carried to another repeat that asks for the same cases.

Whatever keeps workers apart, a container has counters that all of them read, such as the most memory it ever held. So
the first guard is that no container which was given a label answers for that case, and the second that what the machine
holds of files is dropped between such containers. Where a guard is taken away, the labels arrive.
"""

import pytest

from assignments.data.overlap import case_digests
from assignments.load import load
from graders.asking import containers
from graders.grade import grade
from graders.record.answer_files import load_answers
from graders.wall.sandboxes.sandbox import SandboxSpec
from tests.attacks.walls import WALL, behind_the_wall
from tests.jobs import job_here
from tests.pools import first_secret

pytestmark = behind_the_wall
TOML = """
id = "pool"
title = "A pool of six cases, whose labels nobody can learn"
task = "classification"
frameworks = ["numpy"]
data = { source = "pool.py", train = 3, test = 3, per_call = 3, redraw = true }
run = { mode = "retrain", seeds = 2, budget_cpu_s = 5 }
[limits]
cpu_s = 20
memory_mb = 1024
reply_mb = 1
[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 100
metric = "accuracy"
anchors = { trivial = 0.5, pass = 0.6, merit = 0.7, distinction = 0.8, reference = 0.9, ceiling = 0.95 }
"""
POOL = """
import numpy as np

from assignments.data.source import Axes

ARRAYS = {"x": Axes("float32", "6"), "y": Axes("uint8", "", role="truth")}

def draw(n, rng):
    taken = rng.permutation(6)[:n]
    return {"x": np.eye(6, dtype=np.float32)[taken], "y": np.array([0, 1, 1, 0, 1, 1], np.uint8)[taken]}
"""
INTERFACE = """
from typing import Annotated, TypedDict
import numpy as np
from jaxtyping import Float, Float32
from assignments.interface import Model, Range

class Rows(TypedDict):
    x: Float32[np.ndarray, "n 6"]

class Prediction(TypedDict):
    prob: Annotated[Float[np.ndarray, "n"], Range(0, 1)]

def fit(train: dict, val: dict | None, *, seed: int, budget_s: float) -> Model: ...
def predict(model: Model, inputs: Rows) -> Prediction: ...
def save(model: Model, folder: str) -> None: ...
def load(folder: str) -> Model: ...
"""
MEMORY = """
STEP = 6 << 20
HERE = "/sys/fs/cgroup/memory/memory.usage_in_bytes", "/sys/fs/cgroup/memory.current"
MOST = "/sys/fs/cgroup/memory/memory.max_usage_in_bytes", "/sys/fs/cgroup/memory.peak"

def number(paths):
    return next(int(open(path).read()) for path in paths if os.path.exists(path))

def heard():
    return round((number(MOST) - number(HERE)) / STEP)

def tell(bits):
    np.ones(bits * STEP, np.uint8)
"""
"""A counter of the container: the most memory that it ever held."""
FILES = '''
def large():
    """The largest file that no process runs: a library to link with, or data."""
    found = [os.path.join(folder, name) for top in (sys.base_prefix, "/usr/lib") for folder, _, names in os.walk(top)
             for name in names if ".so" not in name]
    return max((path for path in found if os.path.isfile(path)), key=os.path.getsize)

FILE = os.open(large(), os.O_RDONLY)
APART = os.fstat(FILE).st_size // 8
PAGES = range(0, 64 * 4096, 4096)
"""That stand for one bit: a few may be lost."""

def is_held(place):
    try:
        return os.preadv(FILE, [bytearray(1)], place, os.RWF_NOWAIT) == 1
    except BlockingIOError:
        return False

def heard():
    held = [sum(is_held((bit + 1) * APART + page) for page in PAGES) for bit in range(6)]
    return sum(1 << bit for bit, pages in enumerate(held) if 2 * pages > len(PAGES))

def tell(bits):
    for bit in range(6):
        if bits >> bit & 1: os.pread(FILE, len(PAGES) * 4096, (bit + 1) * APART)
'''
"""What the machine holds of a file that one container has read, and another can read too."""
LEAKER = '''
import os, sys
import numpy as np

FRAMEWORK = "numpy"
CHANNEL

class Net:
    """The labels of an earlier repeat, a bit for each case."""


def fit(train, val, *, seed, budget_s):
    net = Net()
    net.known = heard()
    tell(sum(1 << int(row.argmax()) for row, y in zip(train["x"], train["y"]) if y))
    return net


def predict(net, inputs):
    return {"prob": np.array([net.known >> int(row.argmax()) & 1 for row in inputs["x"]], np.float32)}


def save(net, folder): pass
def load(folder): return Net()
'''


def asks_for_labelled_cases(sets):
    """Whether the second repeat asks for cases that the first one had with labels, and has none of them."""
    first, second = map(case_digests, sets)
    return second.hidden <= first.labelled and not second.hidden & second.labelled


@pytest.mark.parametrize(
    ("channel", "guard", "off"),
    [
        pytest.param(
            MEMORY, "may_share", lambda carriers: True,
            marks=pytest.mark.attack("S30", "carries labels to a repeat that asks for the cases, by a memory counter"),
        ),
        pytest.param(
            FILES, "SandboxSpec", lambda *words: SandboxSpec(*words[:-1], forgets=False),
            marks=pytest.mark.attack("S31", "carries labels to another container, by what the machine holds of a file"),
        ),
    ],
    ids=["memory", "files"],
)  # fmt: skip
def test_no_label_of_one_repeat_reaches_another_that_asks_for_the_case(
    attack, images, tmp_path, monkeypatch, channel, guard, off
):
    images("numpy")
    if channel is MEMORY and WALL != "docker":
        pytest.skip("no sandbox without a daemon shows its workers a counter of memory")
    folder, solution = tmp_path / "pool", tmp_path / "solution"
    for container, texts in (
        (folder, {"assignment.toml": TOML, "pool.py": POOL, "interface.py": INTERFACE, "brief.md": "x"}),
        (solution, {"solution.py": LEAKER.replace("CHANNEL", channel)}),
    ):
        container.mkdir(mode=0o755)
        for name, text in texts.items():
            (container / name).write_text(text)
            (container / name).chmod(0o644)
    tmp_path.chmod(0o755)
    assignment = load(folder)
    secret, (_, second) = first_secret(assignment, (0, 1), asks_for_labelled_cases)
    truth = second.truth

    def right():
        """How many hidden cases with label 1 the second repeat knew, of how many."""
        job, store = job_here(assignment, solution, tmp_path / "answers", secret=secret, repeats=(0, 1), sandbox=WALL)
        document = grade(job, store)
        assert document.trouble is None
        prob = load_answers(tmp_path / "answers", document.answers[1]).arrays["prob"]
        return int((prob[truth == 1] >= 0.5).sum()), int((truth == 1).sum())

    with monkeypatch.context() as patch:
        patch.setattr(containers, guard, off)
        count, of = right()
    attack.fired(count == of > 0, f"without the guard, {count} of {of} labels arrive")
    count, of = right()
    attack.came_to(f"{count} of {of} labels arrived")
    assert count == 0
