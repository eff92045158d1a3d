"""Class S: a PyTorch model that lies to its probes. They run inside; the host judges their answers."""

import subprocess
import sys
from pathlib import Path

import pytest

from assignments.assignment import Limits
from assignments.interface import read_interface
from graders.asking.check import CodeTests, run_tests
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from tests.attacks.walls import behind_the_wall, wall

LIAR = Path(__file__).parent / "solutions" / "S19_lying_module.py"
INTERFACE = "from assignments.interface import Model\ndef build() -> Model: ...\n"
HONEST = """
import torch
FRAMEWORK = "pytorch"
def build():
    return torch.nn.Linear(3, 2)
"""
TESTS = """
import numpy as np
import pytest
from assignments.testing import close
W, B, X = np.arange(6.0).reshape(2, 3), np.ones(2), np.eye(3)
@pytest.fixture
def model(student):
    return student.build()
def test_size(student, model):
    assert student.model.parameter_count(model) == 8
def test_shapes(student, model):
    assert [p.shape for p in student.model.parameters(model)] == [(2, 3), (2,)]
def test_output(student, model):
    student.model.set_parameters(model, [W.astype(np.float32), B.astype(np.float32)])
    assert close(student.model.forward(model, X.astype(np.float32)), X @ W.T + B, atol=1e-5)
def test_slopes(student, model):
    x, weight = X.astype(np.float32), np.ones((3, 2), np.float32)
    slopes = student.model.parameter_gradients(model, x, weight)
    assert close(slopes[0], np.ones((2, 3))) and close(slopes[1], np.full(2, 3.0))
"""
NAIVE = """
import torch, solution
model, x = solution.build(), torch.eye(3)
assert sum(p.numel() for p in model.parameters()) == 8
assert torch.allclose(model(x), torch.ones(3, 2))
assert torch.equal(model(x), torch.ones(3, 2))
print("full marks")
"""
ALL = ("test_size", "test_shapes", "test_output", "test_slopes")


def passed(solution, folder):
    """The hidden tests of the model that a solution passes, in a container."""
    code = folder / "solution"
    code.mkdir(mode=0o755, parents=True)
    (code / "solution.py").write_text(solution, encoding="utf-8")
    (folder / "interface.py").write_text(INTERFACE)
    (folder / "tests").mkdir()
    (folder / "tests" / "test_model.py").write_text(TESTS)
    limits = Limits(memory_mb=1024, scratch_mb=16)
    with wall().open(SandboxSpec(code, "pytorch", limits, course=str(folder))) as channel:
        session = Session(channel, limits, code)
        session.begin()
        code_tests = CodeTests("model", folder / "tests", read_interface(folder / "interface.py"), limits, b"s")
        docs = run_tests(session, code_tests, [f"test_model.py::{name}" for name in ALL])
    assert not [doc for doc in docs.values() if doc.verdict == "unknown"]
    return {name.partition("::")[2] for name, doc in docs.items() if doc.verdict == "passed"}


@behind_the_wall
@pytest.mark.attack("S19", "a PyTorch model that lies about size, parameters, output, and patches torch's comparisons")
def test_a_model_that_lies_about_itself_passes_no_test_of_it(attack, images, tmp_path):
    images("pytorch")
    (tmp_path / "solution.py").write_text(LIAR.read_text(encoding="utf-8"), encoding="utf-8")
    without = subprocess.run([sys.executable, "-B", "-c", NAIVE], cwd=tmp_path, capture_output=True, text=True)
    attack.fired("full marks" in without.stdout, f"in its own process torch agrees with it {without.stderr}".strip())
    fooled = passed(LIAR.read_text(encoding="utf-8"), tmp_path / "liar")
    attack.came_to(f"{len(fooled)} of {len(ALL)} tests passed")
    assert fooled == set()
    assert passed(HONEST, tmp_path / "honest") == set(ALL)
