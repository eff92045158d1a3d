"""Test cells on the host give the points of the real nbgrader, whose kernel holds student and tests together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graders.record import notebook_course
from graders.runs.nbgrader_running import run_notebooks
from graders.wall.sandboxes.docker import Docker
from tests.nbgrader_notebooks import Cell, handed, nbgraders_points, notebook_file
from tests.nbgrader_oracle import CellKey, autograded, empty_course, nbgrader, with_nbgrader

pytestmark = pytest.mark.docker

GIVEN = """
import numpy as np
import math
from collections import Counter
np.random.seed(7)
TOLERANCE = 1e-6
def close(a, b):
    return abs(a - b) < TOLERANCE
"""
SOLUTION = """
### BEGIN SOLUTION
import statistics as st
import sys, warnings
calls = 0
def dice(a, b):
    return 2 * np.sum(a * b) / (np.sum(a) + np.sum(b))
def squares(n):
    global calls
    calls += 1
    if n < 1:
        raise ValueError(f"{n} is below 1")
    return [i ** 2 for i in range(1, n + 1)]
def sort_in_place(items):
    items.sort()
def scale(array):
    array *= 2
    return array
def same(items):
    return items
def count(text):
    return Counter(text)
def positions(items):
    return {item: at for at, item in enumerate(items)}
def unique(items):
    return set(items)
def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)
def nothing(x):
    return float("nan")
def naturals():
    n = 0
    while True:
        n += 1
        yield n
def apply(function, value):
    return function(value)
def noise(n):
    return np.random.normal(size=n)
def split(array):
    return array[: len(array) // 2], array[len(array) // 2 :]
def loud(x):
    print("working", file=sys.stderr)
    return x
def warns(x):
    warnings.warn("careful")
    return x
def unit(z):
    return z / abs(z)
def halves(n):
    return range(0, n, 2)
class NotPositive(ValueError):
    pass
def root(x):
    if x < 0:
        raise NotPositive("below 0")
    return math.sqrt(x)
def solve(matrix, right):
    return np.linalg.solve(matrix, right)
class Vector:
    "A vector."
    def __init__(self, x, y):
        self.x, self.y = x, y
    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)
    def __mul__(self, k):
        return Vector(self.x * k, self.y * k)
    def __rmul__(self, k):
        return self * k
    def __eq__(self, other):
        return isinstance(other, Vector) and (self.x, self.y) == (other.x, other.y)
    def __repr__(self):
        return f"Vector({self.x}, {self.y})"
    def __len__(self):
        return 2
    def __getitem__(self, i):
        return (self.x, self.y)[i]
    def norm(self):
        return math.hypot(self.x, self.y)
class Account:
    def __init__(self):
        self.balance = 0
        self.log = []
    def deposit(self, amount):
        self.balance += amount
        self.log.append(amount)
        return self
table = {"a": [1, 2], "b": np.arange(3)}
answer = 42
### END SOLUTION
"""
TESTS = {
    "values": "assert squares(3) == [1, 4, 9]\nassert answer == 42",
    "arrays": "a = np.array([1, 1, 0]); b = np.array([1, 0, 0])\nassert np.isclose(dice(a, b), 2 / 3)",
    "testing": "np.testing.assert_allclose(scale(np.ones((2, 3))), 2 * np.ones((2, 3)))",
    "raises": "try:\n    squares(0)\nexcept ValueError as e:\n    assert '0 is below 1' in str(e)\n"
    "else:\n    assert False",
    "numpy_raises": "try:\n    solve(np.zeros((2, 2)), np.ones(2))\nexcept np.linalg.LinAlgError:\n    pass",
    "own_raises": "try:\n    root(-1)\nexcept NotPositive:\n    pass\nelse:\n    assert False",
    "base_raises": "try:\n    root(-1)\nexcept ValueError:\n    pass\nelse:\n    assert False",
    "in_place": "items = [3, 1, 2]\nassert sort_in_place(items) is None\nassert items == [1, 2, 3]",
    "array_in_place": "x = np.ones(3)\ny = scale(x)\nassert y is x and x.sum() == 6",
    "identity": "items = [1]\nassert same(items) is items\nassert squares(2) is not squares(2)",
    "counter": "c = count('abba')\nassert c['a'] == 2 and c == {'a': 2, 'b': 2}\nassert len(c) == 2",
    "keys": "assert positions('ab') == {'a': 0, 'b': 1}\nassert positions([5, (1, 2)]) == {5: 0, (1, 2): 1}",
    "sets": "assert unique([1, 2, 2]) == {1, 2} and 1 in unique([1])",
    "large": "assert factorial(30) == math.factorial(30)",
    "nan": "assert math.isnan(nothing(1))",
    "generator": "g = naturals()\nassert [next(g) for _ in range(3)] == [1, 2, 3]\nassert next(g) == 4",
    "function": "assert apply(np.sin, 0.0) == 0\nassert apply(abs, -2) == 2",
    "lambda": "assert apply(lambda x: x + 1, 2) == 3",
    "seeded": "np.random.seed(3)\nx = noise(4)\nnp.random.seed(3)\nassert np.array_equal(x, np.random.normal(size=4))",
    "tuple": "left, right = split(np.arange(4))\nassert left.tolist() == [0, 1] and right.shape == (2,)",
    "complex": "assert unit(3 + 4j) == 0.6 + 0.8j",
    "range": "assert list(halves(5)) == [0, 2, 4]\nassert halves(5) == range(0, 5, 2)",
    "types": "assert type(answer) is int and isinstance(dice(np.ones(2), np.ones(2)), float)",
    "dtype": "assert scale(np.ones(2, np.float32)).dtype == np.float32",
    "class": "v = Vector(1, 2) + Vector(2, 2)\nassert v == Vector(3, 4)\n"
    "assert v.norm() == 5 and repr(v) == 'Vector(3, 4)'",
    "class_operators": "w = 2 * Vector(1, 2) * 3\n"
    "assert w.x == 6 and w[1] == 12 and len(w) == 2 and list(w) == [6, 12]",
    "isinstance": "assert isinstance(Vector(1, 2), Vector) and not isinstance(3, Vector)",
    "object": "a = Account()\nassert a.deposit(3) is a and a.balance == 3\na.deposit(4)\n"
    "assert a.log == [3, 4] and hasattr(a, 'log')",
    "attribute": "a = Account()\na.balance = 10\na.deposit(1)\nassert a.balance == 11\nassert not hasattr(a, 'owner')",
    "table": "assert table['a'] == [1, 2] and np.array_equal(table['b'], [0, 1, 2]) and set(table) == {'a', 'b'}",
    "state": "before = calls\nsquares(2)\nassert calls == before + 1",
    "helper": "assert close(answer, 42)",
    "students_module": "assert st.mean(squares(3)) == 14 / 3",
    "partial": "score = 0.0\nfor n in (1, 2, 9):\n    score += 0.25 * (squares(n)[-1] == n * n)\nscore",
    "partial_numpy": "np.float64(0.5) * answer / 42",
    "partial_int": "1",
    "quiet": "0.5;",
    "no_number": "squares(2)",
    "negative": "-1",
    "none": "print('well done')",
    "zero": "0",
    "stderr": "assert loud(3) == 3",
    "stderr_before": "assert squares(1) == [1]",
    "warning": "assert warns(3) == 3",
    "own_stderr": "import warnings\nwarnings.warn('a test that warns')",
    "magic": "%matplotlib inline\nassert answer == 42",
    "timed": "%%time\nassert answer == 42",
    "unittest": "import unittest\nt = unittest.TestCase()\nt.assertEqual(answer, 42)\n"
    "with t.assertRaises(ValueError):\n    squares(-1)",
    "hash": "import hashlib\n"
    "assert hashlib.md5(str(answer).encode()).hexdigest() == 'a1d0c6e83f027327d8461063f4ac58a6'",
    "patched": "old = dice\ndef dice(a, b):\n    return 1\nassert dice(1, 1) == 1\ndice = old",
    "deletes": "kept = squares\ndel squares\ntry:\n    squares(1)\nexcept NameError:\n    pass\n"
    "finally:\n    squares = kept",
    "missing": "assert never_defined(3) == 3",
    "interpreter": "assert 'answer' in globals()",
    "output": "import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()) as f:\n"
    "    print(answer)\nassert '42' in f.getvalue()",
    "syntax": "assert answer ==",
    "helper_of_a_test": "def twice(x):\n    return 2 * x\nassert twice(answer) == 84",
    "its_use": "assert twice(answer) == 84 and twice(squares(1)) == [1, 1]",
    "its_use_inside": "assert twice(answer) == 84 and 'twice' in globals()",
    "text": "assert f'{answer:>4}' == '  42' and str(Vector(1, 2)).startswith('Vector')",
    "loop": "for n in range(1, 5):\n    assert len(squares(n)) == n, n",
    "comprehension": "assert [squares(n)[-1] for n in (1, 2)] == [1, 4]\nassert sum(x for x in squares(3)) == 14",
    "sorted": "assert sorted([Vector(2, 0), Vector(1, 0)], key=lambda v: v.x)[0] == Vector(1, 0)",
    "nested": "def inner():\n    return squares(2)\nassert inner() == [1, 4]",
}  # fmt: skip
INSIDE = {
    "own_raises", "lambda", "deletes", "interpreter", "output", "syntax", "its_use_inside",
    "helper_of_a_test",
}  # fmt: skip
"""Cells that the host cannot run by their text, and `helper_of_a_test`, whose function one of them reads."""
WRONG = {"return [i ** 2": "return [i ** 2.5", "answer = 42": "answer = 41", "items.sort()": "return sorted(items)",
         "return 2 * np.sum": "return np.sum", "def close": "def _close", "def unit(z)": "def unity(z)"}  # fmt: skip


def assignment() -> list[Cell]:
    tests = [Cell("test", source, f"t_{name}") for name, source in TESTS.items()]
    return [Cell("given", GIVEN), Cell("solution", SOLUTION, "sol"), *tests]


def spoiled(cells: list[Cell]) -> list[Cell]:
    """The same with wrong answers, each as a student may write it."""
    source = cells[1].source
    for right, wrong in WRONG.items():
        source = source.replace(right, wrong)
    return [cells[0], replace(cells[1], source=source), *cells[2:]]


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> dict[CellKey, float | None]:
    """The real nbgrader's, of an assignment of two notebooks."""
    course = empty_course(tmp_path_factory.mktemp("nbgrader") / "dl")
    own = {"nb": assignment(), "torch": torch_assignment()}
    for name, cells in own.items():
        notebook_file(course / f"source/ps/{name}.ipynb", cells)
    nbgrader(course, "generate_assignment", "ps", "--create")
    for name, cells in own.items():
        notebook_file(course / f"submitted/ada/ps/{name}.ipynb", cells)
    notebook_file(course / "submitted/bob/ps/nb.ipynb", spoiled(assignment()))
    return autograded(course, "ps", tmp_path_factory.mktemp("copy"))


@pytest.fixture(scope="module")
def points(scores: dict[CellKey, float | None]) -> dict[tuple[str, str], float | None]:
    """The real nbgrader's of the notebook without a framework, by student and cell."""
    return {(student, cell): score for (student, name, cell), score in scores.items() if name == "nb"}


@pytest.fixture(scope="module")
def results() -> dict[str, notebook_course.NotebookResult]:
    notebooks = [handed(assignment(), "ada"), handed(spoiled(assignment()), "bob")]
    return {each.student: each for each in run_notebooks(notebooks, Docker(), "numpy", jobs=1)}


def result_of(
    results: dict[str, notebook_course.NotebookResult], student: str, test: str
) -> notebook_course.TestCellResult:
    (result,) = [cell for cell in results[student].cells if cell.grade_id == f"t_{test}"]
    return result


@with_nbgrader
@pytest.mark.parametrize("student", ["ada", "bob"])
@pytest.mark.parametrize("test", TESTS)
def test_a_cell_earns_what_the_real_nbgrader_gives(points, results, student, test):
    result = result_of(results, student, test)
    assert nbgraders_points(result) == points[student, f"t_{test}"], result


@pytest.mark.parametrize("test", TESTS)
def test_only_cells_that_need_the_students_process_run_in_it(results, test):
    result = result_of(results, "ada", test)
    assert (result.where == "inside") == (test in INSIDE), result.message
    assert result.message.startswith("run beside the student's code: ") or test not in INSIDE or not result.passed


COSTLY = {
    "sum": "assert sum(range(size())) > 0",
    "memory": "assert len([0] * size()) > 0",
    "text": "assert 'x' * size() != ''",
    "honest": "assert size() > 0",
}


def test_no_answer_chooses_what_the_host_pays():
    tests = [Cell("test", source, f"t_{name}") for name, source in COSTLY.items()]
    large, small = (
        handed([Cell("solution", f"def size():\n    return {size}", "size"), *tests], student)
        for student, size in (("ada", 10**12), ("bob", 3))
    )
    results = {each.student: each.cells for each in run_notebooks([large, small], Docker(), "numpy", 1, host_cpu_s=1)}
    assert [cell.passed for cell in results["ada"]] == [False, False, False, True]
    assert results["ada"][0].message == "to judge the answer took more than 1 CPU s on the host"
    assert results["ada"][1].message.startswith("MemoryError")
    assert [cell.passed for cell in results["bob"]] == [True] * 4


TORCH_GIVEN = "import torch\nfrom torch import nn\ntorch.manual_seed(3)"
TORCH = """
### BEGIN SOLUTION
def soft_dice(p, t):
    return 2 * (p * t).sum() / (p.sum() + t.sum())
def model(width):
    return nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 1))
def ones(n):
    return torch.ones(n)
class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(2.0))
    def forward(self, x):
        return self.factor * x
### END SOLUTION
"""
TORCH_TESTS = {
    "tensors": "assert torch.isclose(soft_dice(torch.ones(2), torch.ones(2)), torch.tensor(1.0))",
    "parameters": "net = model(8)\nassert sum(p.numel() for p in net.parameters()) == 33 and len(net) == 3",
    "shape": "y = ones(3)\nassert y.shape == (3,) and y.tolist() == [1, 1, 1] and (y == 1).all()",
    "numbers": "assert abs(ones(2).sum().item() - 2) < 1e-6 and float(ones(1)) == 1",
    "module": "scale = Scale()\nassert scale.factor.item() == 2 and abs(scale(ones(2)) - 2).max() < 1e-6",
    "wrong": "assert ones(2).tolist() == [1, 2]",
    "score": "score = 0.5 * (ones(4).sum() == 4)\nfloat(score)",
}


def torch_assignment() -> list[Cell]:
    tests = [Cell("test", source, f"t_{name}") for name, source in TORCH_TESTS.items()]
    return [Cell("given", TORCH_GIVEN), Cell("solution", TORCH, "sol"), *tests]


@with_nbgrader
def test_a_notebook_of_pytorch_earns_what_the_real_nbgrader_gives(scores):
    (result,) = run_notebooks([handed(torch_assignment())], Docker(), "pytorch", 1)
    assert {cell.grade_id: nbgraders_points(cell) for cell in result.cells} == {
        cell: points for (student, name, cell), points in scores.items() if (student, name) == ("ada", "torch")
    }
    assert [cell.grade_id for cell in result.cells if cell.where == "inside"] == ["t_tensors"]
