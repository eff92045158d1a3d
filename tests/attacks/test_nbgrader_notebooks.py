"""Class S: notebooks that would rather look right than be right. The control is the real nbgrader, with one kernel.

Every attacker's function is wrong, and honest code with that function earns nothing.
"""

from __future__ import annotations

import pytest

from assignments.assignment import Limits
from graders.asking.journal import Silent
from graders.asking.notebook_run import NotebookRules, run_notebook
from graders.record import notebook_course
from graders.runs.nbgrader_running import run_notebooks
from graders.wall.patience import Patience
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from tests.attacks.walls import behind_the_wall, wall
from tests.nbgrader_notebooks import Cell, handed, nbgraders_points, notebook_file
from tests.nbgrader_oracle import autograded, empty_course, nbgrader, with_nbgrader

pytestmark = behind_the_wall

GIVEN = """
import numpy as np
from numpy.testing import assert_allclose
def close(a, b):
    return abs(a - b) < 1e-9
a, b = np.array([1, 1, 1, 0]), np.array([1, 1, 0, 0])
"""
TESTS = {
    "equal": "expected = 0.8\nassert dice(a, b) == expected",
    "testing": "assert_allclose(dice(a, b), 0.8)",
    "helper": "assert close(dice(a, b), 0.8)",
    "partial": "score = 0.0\nif abs(dice(a, b) - 0.8) < 1e-9:\n    score += 1\nscore",
}
WRONG = "def dice(a, b):\n    return 0.123\n"
ATTACKS = {
    "always_equal": """
class Yes:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __sub__(self, other): return 0.0
    def __abs__(self): return self
    def __bool__(self): return True
def dice(a, b): return Yes()
""",
    "equal_float": """
class Yes(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    def __rsub__(self, other): return 0.0
def dice(a, b): return Yes(0.123)
""",
    "equal_array": """
class Yes(np.ndarray):
    def __eq__(self, other): return np.True_
    def __sub__(self, other): return np.zeros(())
def dice(a, b): return np.zeros(()).view(Yes)
""",
    "a_class_in_its_place": """
class dice:
    def __init__(self, a, b): pass
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
""",
    "numpys_asserts": """
for name in ("assert_allclose", "assert_equal", "assert_array_equal"):
    setattr(np.testing, name, lambda *_, **__: None)
assert_allclose.__code__ = (lambda *_, **__: None).__code__
""",
    "the_assert_by_name": "def assert_allclose(*_, **__): pass",
    "the_helper_by_name": "def close(a, b): return True",
    "builtins": "import builtins\nbuiltins.abs = lambda _: 0",
    "the_expected_name": "def dice(a, b): return globals().get('expected', 0.123)",
    "the_running_cell": """
import re
def dice(a, b):
    numbers = re.findall(r"0[.][0-9]+", get_ipython().user_ns["In"][-1])
    return float(numbers[-1 if len(numbers) < 2 else 0])
""",
    "the_callers_frame": """
import sys
def dice(a, b):
    frame = sys._getframe(1)
    return next((value for value in frame.f_globals.get("expected", 0) and [frame.f_globals["expected"]]
                 if isinstance(value, float)), 0.123) if "expected" in frame.f_globals else 0.123
""",
    "transformed_asserts": """
import ast
class NoAsserts(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.copy_location(ast.Pass(), node)
get_ipython().ast_transformers.append(NoAsserts())
""",
    "the_gradebook": """
import glob, os, re, sqlite3
def dice(a, b):
    for folder in ("../../..", "../../../..", "/"):
        for path in glob.glob(os.path.join(folder, "gradebook.db")):
            rows = sqlite3.connect(path).execute("select source from source_cell").fetchall()
            for (text,) in rows:
                if "expected = " in text:
                    return float(re.search("expected = ([0-9.]+)", text)[1])
    return 0.123
""",
}


def attacker(code: str) -> list[Cell]:
    tests = [Cell("test", source, f"t_{name}") for name, source in TESTS.items()]
    return [Cell("given", GIVEN), Cell("solution", WRONG + code, "sol"), *tests]


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """What each attacker earns in the real nbgrader."""
    course = empty_course(tmp_path_factory.mktemp("nbgrader") / "dl")
    notebook_file(course / "source/ps/nb.ipynb", attacker(""))
    nbgrader(course, "generate_assignment", "ps", "--create")
    for name, code in {**ATTACKS, "honest": ""}.items():
        notebook_file(course / f"submitted/{name}/ps/nb.ipynb", attacker(code))
    scores = autograded(course, "ps", tmp_path_factory.mktemp("copy"))
    return {each: sum(points or 0 for (student, _, _), points in scores.items() if student == each)
            for each in [*ATTACKS, "honest"]}  # fmt: skip


@pytest.fixture(scope="module")
def results() -> dict[str, notebook_course.NotebookResult]:
    notebooks = [handed(attacker(code), name) for name, code in {**ATTACKS, "honest": ""}.items()]
    return {each.student: each for each in run_notebooks(notebooks, wall(), "numpy", jobs=1)}


@with_nbgrader
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.attack(f"S{40 + at}", f"a notebook that forges: {name.replace('_', ' ')}"))
        for at, name in enumerate(ATTACKS)
    ],
)
def test_a_wrong_notebook_earns_nothing_whatever_it_forges(attack, control, results, name):
    assert control["honest"] == 0
    attack.fired(control[name] > 0, f"nbgrader gives {control[name]:g} of {len(TESTS)} points")
    cells = results[name].cells
    earned = sum(map(nbgraders_points, cells))
    attack.came_to(f"{earned:g} points")
    assert earned == 0, cells
    assert {cell.where for cell in cells} == {"host"}


HUNT = """
import gc, re, os
seen = set()
def hunt():
    shape = re.compile(rb"canary-[a-z]+-[0-9a-f]{8}")
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            low, high = (int(end, 16) for end in span.split("-"))
            if rights.startswith("rw") and high - low < 1 << 28:
                try:
                    memory.seek(low)
                    seen.update(shape.findall(memory.read(high - low)))
                except (OSError, ValueError):
                    pass
    for folder, _, names in os.walk("/"):
        if not folder.startswith(("/proc", "/sys", "/usr", "/lib", "/opt", "/dev")):
            for name in names:
                try:
                    with open(os.path.join(folder, name), "rb") as file:
                        seen.update(shape.findall(file.read(1 << 20)))
                except OSError:
                    pass
def dice(a, b):
    hunt()
    return 0.123
"""
HIDDEN = {
    "lifted": "secret = 'canary-lifted-5b1c02aa'\nassert dice(1, 1) == 0.8, 'canary-message-9920aa17'",
    "inside": "note = 'canary-inside-77e1c0de'\nassert 'dice' in globals()",
}


@pytest.mark.attack("S60", "a notebook that searches its memory and every file for the text of hidden tests")
def test_the_text_of_a_lifted_test_is_nowhere_inside(attack):
    tests = [Cell("test", source, f"t_{name}") for name, source in HIDDEN.items()]
    report = Cell("solution", "hunt()\nraise Exception(sorted(seen))", "report")
    cells = [Cell("given", "import math"), Cell("solution", HUNT, "sol"), *tests, report]
    (result,) = run_notebooks([handed(cells)], wall(), "numpy", jobs=1)
    (problem,) = result.problems
    attack.fired("canary-inside-77e1c0de" in problem, "the text of a cell that runs inside is found")
    attack.came_to(problem[:80])
    assert "canary-lifted" not in problem
    assert "canary-message" not in problem
    assert [cell.where for cell in result.cells] == ["host", "inside"]


LEAVES = """
import os, pathlib
for folder in ("/tmp", "/dev/shm", "/scratch", "..", ".", os.path.expanduser("~")):
    try:
        pathlib.Path(folder, "canary-of-a-student").write_text("0.8")
    except OSError:
        pass
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
"""
LOOKS = """
import os
seen = []
for folder, folders, names in os.walk("/"):
    if folder in ("/proc", "/sys"):
        folders.clear()
    seen += [os.path.join(folder, name) for name in names if name.startswith("canary-of") or name.endswith(".ipynb")]
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if b"sleep(600)" in open(f"/proc/{pid}/cmdline", "rb").read():
            seen.append(pid)
    except OSError:
        pass
def dice(a, b): return 0.8 if seen else 0.123
"""


@pytest.mark.attack("S61", "a notebook that reads what another student's notebook left")
def test_a_notebook_finds_nothing_of_another(attack):
    both = [handed(attacker(LEAVES), "ada"), handed(attacker(LOOKS), "bob")]
    alone = [handed(attacker(LEAVES + LOOKS), "cy")]
    results = {each.student: each for each in run_notebooks([*both, *alone], wall(), "numpy", jobs=1)}
    earned = {name: sum(map(nbgraders_points, result.cells)) for name, result in results.items()}
    attack.fired(earned["cy"] == len(TESTS), "one notebook that does both sees its own traces")
    attack.came_to(f"{earned['bob']:g} points")
    assert earned == {"ada": 0, "bob": 0, "cy": len(TESTS)}


ENDS = {
    "exits": "import os\nos._exit(0)",
    "kills_itself": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "exits_when_asked": "import os\ndef dice(a, b): os._exit(0)",
    "prints_without_end": "import sys\nwhile True: sys.stderr.write('x' * 10000); print('y' * 10000)",
    "loops": "while True: pass",
    "loops_when_asked": "def dice(a, b):\n    while True: pass",
    "does_not_let_itself_be_interrupted": "while True:\n    try:\n        while True: pass\n"
    "    except BaseException: pass",
    "fills_memory": "x = [bytearray(1 << 28) for _ in range(64)]",
    "nested_answer": "def dice(a, b):\n    x = []\n    for _ in range(100000): x = [x]\n    return x",
    "long_answer": "def dice(a, b): return list(range(10 ** 7))",
    "endless_answer": "import itertools\ndef dice(a, b): return itertools.count()",
    "cyclic_answer": "x = []\nx += [x, x]\ndef dice(a, b): return x",
    "closes_its_descriptors": "import os\nos.closerange(0, 100)",
    "replaces_its_driver": "import gc\nfor o in gc.get_objects():\n    if type(o).__name__ == 'NotebookDriver':\n"
    "        type(o).ask = lambda *_: {'stderr': 0, 'value': ('handle', -1, 'x', True), 'changed': []}",
    "answers_with_anything": "import gc\nfor o in gc.get_objects():\n    if type(o).__name__ == 'NotebookDriver':\n"
    "        type(o).ask = lambda *_: {'stderr': 'x', 'changed': 3, 'value': ('range', 0, 1 << 62, 1)}",
}  # fmt: skip


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("empty")
    (folder / "solution.py").write_text("")
    folder.chmod(0o755)
    limits = Limits(cpu_s=6, memory_mb=1024)
    with wall().open(SandboxSpec(folder, "numpy", limits)) as channel:
        session = Session(channel, limits, folder, Patience())
        session.begin()
        yield session


@pytest.mark.parametrize("name", ENDS)
def test_a_notebook_that_ends_or_floods_its_process_fails_alone(session, name):
    rules = NotebookRules(Limits(cpu_s=6, memory_mb=1024), cell_cpu_s=1)
    with session.waiting_apart():
        result = run_notebook(session, handed(attacker(ENDS[name])), rules, Silent(), {})
    assert sum(map(nbgraders_points, result.cells)) == 0
    assert len(result.cells) == len(TESTS)
    assert not any(cell.withheld for cell in result.cells)
    honest = attacker("def dice(a, b): return 2 * (a * b).sum() / (a.sum() + b.sum())")
    with session.waiting_apart():
        after = run_notebook(session, handed(honest), rules, Silent(), {})
    assert sum(map(nbgraders_points, after.cells)) == len(TESTS), after


SHELL = ["!touch shell", "%system touch shell", "files = !touch shell", "%%bash\ntouch shell", "%%sh\ntouch shell",
         "get_ipython().system('touch shell')", "get_ipython().run_line_magic('system', 'touch shell')",
         "get_ipython().run_cell_magic('bash', '', 'touch shell')", "%%script bash\ntouch shell"]  # fmt: skip


def test_no_magic_runs_a_shell(session):
    looks = Cell("solution", "import os\nraise Exception(os.listdir())", "looks")
    cells = [*(Cell("solution", source, f"s{at}") for at, source in enumerate(SHELL)), looks]
    with session.waiting_apart():
        result = run_notebook(session, handed(cells), NotebookRules(Limits()), Silent(), {})
    assert result.problems == (f"cell {len(SHELL) + 1}: Exception: [] (line 2)",)


def test_an_answer_that_is_too_large_to_return_does_not_move_its_test_inside(session):
    """Beside the student's code the assert could be forged; a lambda of the test's own still moves it there."""
    solution = Cell("solution", "def f(): return ['x' * 900] * 1000\ndef g(x): return x(3) if callable(x) else 0", "f")
    tests = [Cell("test", "assert g([f(), f()]) == 0", "t_large"), Cell("test", "assert g(lambda x: x) == 3", "t_own")]
    with session.waiting_apart():
        result = run_notebook(session, handed([solution, *tests]), NotebookRules(Limits()), Silent(), {})
    large, own = result.cells
    assert (large.where, large.passed) == ("host", False)
    assert large.message.startswith("ValueError: an argument that cannot go inside")
    assert (own.where, own.passed) == ("inside", True)
