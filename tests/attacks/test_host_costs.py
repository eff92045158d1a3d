"""Class R: answers that would make the marking machine pay: its memory and its CPU time, not the container's.

Each group is marked by the commands, beside an honest one, and the largest of their marker processes is watched. Each
control does on this machine what a marker without a limit would do, in a process that is held to two gigabytes and five
CPU seconds.
"""

import shutil
import subprocess
import sys
import time

import pytest

from assignments.load import hidden_tests, load
from graders import grade
from graders.wall import patience
from graders.wall import session as sessions
from tests.attacks.course import RIGHT, TARGET, solution, watched
from tests.attacks.walls import WALL, behind_the_wall
from tests.jobs import job_here

pytestmark = behind_the_wall
ASSIGNMENT = load(TARGET)
UNUSABLE = "the answer could not be used"
ROOM_MB = 512 + 16
"""What a marker of the target may take beside its cases: 512 MB, and 16 times the largest reply."""
HOST_S = 20.0
UNGUARDED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (5, 5))
try:
    {code}
except MemoryError:
    sys.exit(3)
"""


def costs(code):
    """What host code comes to with 2 GB and 5 CPU seconds."""
    words = [sys.executable, "-c", UNGUARDED.format(code=code)]
    ended = subprocess.run(words, capture_output=True, timeout=60, check=False).returncode
    return {0: "nothing much", 3: "all memory"}.get(ended, "all time")


def target(folder, **changed):
    """A copy of the target with other texts by the files' names: `__` stands for `/`, and the last `_` for `.`."""
    shutil.copytree(TARGET, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in changed.items():
        path, _, end = name.replace("__", "/").rpartition("_")
        (folder / f"{path}.{end}").write_text(text)
    return folder


def beside_an_honest_group(tmp_path, folder, right, armed):
    """The course of an armed group, by how many MB it made the largest marker grow, and how much longer all took."""
    began = time.monotonic()
    _, calm = watched(tmp_path / "calm", {"honest": solution(right)}, target=folder)
    between = time.monotonic()
    course, hit = watched(tmp_path / "hit", {"armed": solution(armed)}, target=folder)
    return course, hit["marker"] - calm["marker"], time.monotonic() - between - (between - began)


DECLARED = """
def vector() -> Float[np.ndarray, "k"]: ...
def thing() -> Model: ...
def words() -> str: ...
"""
QUESTIONS = '''
import numpy as np
import pytest

@pytest.mark.points(10)
def test_outer(student):
    """`vector` is short."""
    vector = student.vector()
    assert np.outer(vector, vector).sum() > 0

@pytest.mark.points(10)
def test_evidence(student):
    """`thing` has three numbers."""
    thing = student.thing().fetch()
    assert thing.shape == (3,) and (thing == 1).all(), f"got {thing}"

@pytest.mark.points(10)
def test_text(student):
    """`words` are many."""
    assert student.words() == "\\n".join(f"line {i}." for i in range(3000))
'''
HONEST = """
class Thing:
    def __array__(self, *a, **k): return np.ones(3)

def vector(): return np.ones(3)
def thing(): return Thing()
def words(): return "\\n".join(f"line {i}." for i in range(3000))
"""
ARMED = """
class Thing:
    def __array__(self, *a, **k): return np.zeros(SHAPE, np.uint8)

def vector(): return np.ones(120_000)
def thing(): return Thing()
def words(): return "\\n".join(f"line {i}!" for i in range(3000))
"""


@pytest.mark.attack("R40", "answers so that arithmetic, evidence or the comparison of texts never ends on the host")
@pytest.mark.parametrize("shape", ["(6,) * 7", "(2,) * 19"])
def test_what_hidden_tests_make_of_an_answer_is_bounded(attack, images, tmp_path, shape):
    images("numpy")
    unguarded = {
        "a table": costs("import numpy as np; v = np.ones(120_000); np.outer(v, v)"),
        "a text of many axes": costs("import numpy as np; repr(np.zeros((2,) * 22, np.uint8))"),
        "two texts": costs(
            "from difflib import ndiff; list(ndiff(*([f'line {i}{end}' for i in range(3000)] for end in '.!')))"
        ),
    }
    attack.fired("nothing much" not in unguarded.values(), ", ".join(f"{k}: {v}" for k, v in unguarded.items()))
    folder = target(
        tmp_path / "target",
        assignment_toml=(TARGET / "assignment.toml").read_text().replace("points = 40", "points = 70"),
        interface_py=(TARGET / "interface.py").read_text() + DECLARED,
        hidden_tests__test_more_py=QUESTIONS,
    )
    armed = RIGHT + ARMED.replace("SHAPE", shape)
    course, grew, took = beside_an_honest_group(tmp_path, folder, RIGHT + HONEST, armed)
    attack.came_to(f"the marker grew by {grew:.0f} MB and took {took:.0f} s longer")
    assert UNUSABLE in course.reasons("armed")
    assert course.marks["armed"]["status"] == "marked"
    assert course.points("armed") == 100, "all that it answered rightly"
    assert grew < ROOM_MB
    assert took < HOST_S


MAPS = {
    "assignment_toml": """
id = "target"
title = "Maps of labels"
task = "label_maps"
frameworks = ["numpy"]
data = { source = "rows.py", train = 6, test = 12, per_call = 4 }
run = { mode = "weights" }
[limits]
cpu_s = 20
memory_mb = 256
reply_mb = 1
[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 100
metric = "dice"
anchors = { trivial = 0.3, pass = 0.6, merit = 0.7, distinction = 0.8, reference = 0.9, ceiling = 0.95 }
""",
    "rows_py": """
import numpy as np

from assignments.data.source import Axes

ARRAYS = {"image": Axes("float32", "24 24"), "label": Axes("uint8", "24 24", role="truth")}

def draw(n, rng):
    label = np.zeros((n, 24, 24), np.uint8)
    label[:, 4:12, 4:12], label[:, 14:20, 14:20] = 1, 2
    return {"image": (label + 0.1 * rng.normal(size=label.shape)).astype(np.float32), "label": label}
""",
    "interface_py": """
from typing import TypedDict
import numpy as np
from jaxtyping import Float32, Int
from assignments.interface import Model

class Images(TypedDict):
    image: Float32[np.ndarray, "n h w"]

class Prediction(TypedDict):
    label: Int[np.ndarray, "n h w"]

def fit(train: dict, val: dict | None, *, seed: int, budget_s: float) -> Model: ...
def predict(model: Model, inputs: Images) -> Prediction: ...
def save(model: Model, folder: str) -> None: ...
def load(folder: str) -> Model: ...
""",
}
LABELS = """
import numpy as np
FRAMEWORK = "numpy"
class Net: pass
def fit(train, val, *, seed, budget_s): return Net()
def load(folder): return Net()
def save(model, folder): pass
def predict(model, inputs):
    label = np.where(inputs["image"] > 0.5, 1, 0).astype(np.int64)
    label[:, 0, 0] = HIGHEST
    return {"label": label}
"""


@pytest.mark.attack("R41", "answers with a label so high that a table of labels takes all memory")
def test_no_table_is_as_large_as_a_label(attack, images, tmp_path):
    images("numpy")
    table = costs("import numpy as np; np.bincount(np.array([20_000 * 20_001]), minlength=20_001**2)")
    attack.fired(table == "all memory", f"a table of all pairs of labels: {table}")
    folder = target(tmp_path / "target", **MAPS)
    shutil.rmtree(folder / "hidden_tests")
    course, grew, took = beside_an_honest_group(
        tmp_path, folder, LABELS.replace("HIGHEST", "0"), LABELS.replace("HIGHEST", "20_000")
    )
    attack.came_to(f"the marker grew by {grew:.0f} MB and took {took:.0f} s longer")
    assert course.marks["armed"]["status"] == "marked"
    assert course.points("armed") == 0, "no answer is a map of these labels"
    assert grew < 50
    assert took < HOST_S


SLEEPS = """
import time as _time

def _asleep(function, seconds):
    def sleeps(*args, **ways):
        _time.sleep(seconds)
        return function(*args, **ways)
    return sleeps

for _name in ("dice", "fast_sum", "fit", "predict"):
    globals()[_name] = _asleep(globals()[_name], SECONDS)
"""


@pytest.mark.attack("R42", "sleeps in every call, for ever, or so shortly that no single call looks idle")
@pytest.mark.parametrize("seconds", [1e6, 1.8], ids=["for ever", "shortly"])
def test_who_sleeps_is_not_waited_for(attack, images, tmp_path, monkeypatch, seconds):
    images("numpy")
    folder = tmp_path / "solution"
    folder.mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    (folder / "solution.py").write_text(RIGHT + SLEEPS.replace("SECONDS", str(seconds)))
    # A thirtieth of the real patience, and wall limits of 12 s a test and 24 s a run.
    monkeypatch.setattr(patience, "IDLE_S", 4.0)
    monkeypatch.setattr(sessions, "IDLE_CALL_S", 2)
    limits = ASSIGNMENT.limits.model_copy(update={"test_cpu_s": 3.0, "shared_cpu_s": 3.0, "cpu_s": 6.0})
    job, store = job_here(
        ASSIGNMENT.model_copy(update={"limits": limits}), folder, tmp_path / "answers", secret=b"of this test",
        tests=[test.id for test in hidden_tests(ASSIGNMENT)], repeats=(0,), sandbox=WALL,
    )  # fmt: skip

    def took():
        began = time.monotonic()
        document = grade.grade(job, store)
        assert document.trouble is None
        return time.monotonic() - began, document

    with monkeypatch.context() as patch:
        patch.setattr(grade, "Patience", lambda *args, **ways: None)
        endless, _ = took()
    patient, document = took()
    attack.fired(endless > 1.5 * patient, f"waited for as long as each limit allows, it holds a slot {endless:.0f} s")
    attack.came_to(f"it holds a slot for {patient:.0f} s")
    assert document.answers[0].cause.reason == "wall_limit"
    assert patient < 4 + 2 + 6
