"""Which cells of an instructor's run on the host, by their text."""

from __future__ import annotations

import ast

import pytest

from graders.asking.lifting import Teaching, bound, lifting, read, repeated_statements, taught

NOTHING = Teaching()


@pytest.mark.parametrize(
    "source",
    [
        "assert dice(a, b) == 1",
        "import numpy as np\nnp.testing.assert_allclose(f(2), 4)",
        "%matplotlib inline\nassert f(2) == 4",
        "try:\n    f(0)\nexcept (ValueError, KeyError):\n    pass",
        "import pytest\nwith pytest.raises(ValueError):\n    f(0)",
        "model = Model(3)\nmodel.weight = 2\nassert model(1) == 2",
        "def helper(x):\n    return x.shape\nassert helper(f(2)) == (2,)",
        "import sys\nprint('careful', file=sys.stderr)",
        "from math import isclose\nassert isclose(f(1), 2)",
    ],
)
def test_a_cell_that_calls_and_compares_runs_on_the_host(source):
    assert lifting(source, NOTHING).why_inside == ""


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("assert 'f' in globals()", "it uses globals"),
        ("import torch\nf(torch.ones(2))", "it imports torch, which the host does not"),
        ("f(torch.ones(2))", "it uses PyTorch, by the name torch"),
        ("f(np.load('data.npy'))", "it uses .load"),
        ("open('out.csv')", "it uses open"),
        ("squares.limit = 3", "it changes squares.limit"),
        ("del squares", "it deletes a name"),
        ("input = lambda _: '5'", "it binds input, a name of Python's own"),
        ("try:\n    f(0)\nexcept StudentsError:\n    pass", "it catches an exception of the student's"),
        ("assert_raises(StudentsError, f, 0)", "it expects an exception of the student's"),
        ("class Mine(Theirs):\n    pass", "it inherits from a class of the student's"),
        ("import sys, io\nsys.stdout = io.StringIO()", "it imports io, which the host does not"),
        ("f.__code__", "it uses .__code__"),
        ("import subprocess", "it imports subprocess, which the host does not"),
        ("assert f(", "it is not Python"),
    ],
)
def test_a_cell_that_needs_the_students_process_says_why(source, why):
    assert lifting(source, NOTHING).why_inside == why
    assert lifting(source, NOTHING).tree is None


def test_a_name_is_read_of_the_notebook_only_where_it_is_no_functions_own():
    tree = ast.parse("def f(a, b=c):\n    d = a\n    return d + e\n[x for x in y]\nlambda z: z")
    assert read(tree) == {"c", "e", "y"}
    assert set(bound(tree)) == {"f"}


def test_a_test_that_binds_what_a_cell_of_the_assignment_reads_runs_inside():
    teaching = taught(NOTHING, "def scaled(x):\n    return x * FACTOR")
    assert lifting("FACTOR = 3\nassert scaled(1) == 3", teaching).why_inside == (
        "it binds FACTOR, which a cell of the assignment reads"
    )
    assert lifting("x = 3\nassert scaled(x) == 3", teaching).why_inside == ""


def test_a_name_that_the_assignment_imports_from_elsewhere_keeps_a_cell_inside():
    teaching = taught(NOTHING, "import librosa as audio\nimport numpy as np")
    assert lifting("f(audio.load('x'))", teaching).why_inside == "it uses librosa, which the host does not import"
    assert lifting("assert f(np.ones(2)) == 1", teaching).why_inside == ""


def test_of_a_cell_of_the_assignment_only_what_computes_nothing_is_repeated_on_the_host():
    source = "import numpy as np\nimport torch\nTOL = 1e-3\ndata = np.load('x.npy')\nnp.random.seed(3)\ntrain()\n"
    source += "def close(a, b):\n    return abs(a - b) < TOL\ndef tensor(x):\n    return torch.tensor(x)\n"
    body = repeated_statements(source, taught(NOTHING, source)).body
    assert [ast.unparse(node).splitlines()[0] for node in body] == [
        "import numpy as np",
        "TOL = 0.001",
        "np.random.seed(3)",
        "def close(a, b):",
    ]
