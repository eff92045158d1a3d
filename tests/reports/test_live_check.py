"""`check` in a notebook: our lines on stdout, the points as a number, and nothing left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assignments.notebook import CARRIED, check
from reports.live_check import check_live

INTERFACE = '''
import numpy as np
from jaxtyping import Float


def twice(x: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Twice the numbers."""
'''
TESTS = '''
import numpy as np
from assignments.testing import close


def test_two_is_four(student):
    """Twice 2 is 4."""
    assert close(student.twice(np.array([2.0])), [4.0]), "multiply by two"


def test_nothing_is_drawn_by_chance(student, rng):
    """Twice any number."""
    x = rng.normal(size=3)
    assert close(student.twice(x), 2 * x), "multiply by two"
'''


def names(**own):
    carried = {"assignment": "doubles", "interface": INTERFACE, "tests": {"test_public.py": TESTS}}
    return {"FRAMEWORK": "numpy", CARRIED: carried, **own}


def test_a_test_that_passes_is_one_line_and_one_point(capsys):
    assert check_live(names(twice=lambda x: 2 * x), ["test_two_is_four"]) == 1.0
    assert capsys.readouterr() == (":) Twice 2 is 4.\n", "")


def test_without_a_name_every_test_runs_and_the_points_add_up(capsys):
    points = check_live(names(twice=lambda x: 2 * x), [])
    assert (points, type(points)) == (2.0, float)
    assert capsys.readouterr().out.splitlines() == [":) Twice 2 is 4.", ":) Twice any number."]


def test_a_test_that_fails_says_why_in_the_words_of_check(capsys):
    assert check_live(names(twice=lambda x: x + 1), ["test_public.py::test_two_is_four"]) == 0.0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == ":( Twice 2 is 4."
    assert "multiply by two" in out
    assert err == ""


def test_what_a_function_prints_stands_below_its_test_and_nothing_goes_to_stderr(capsys):
    def twice(x):
        print("x is", x[0])
        print("deprecated", file=sys.stderr)  # nbgrader gives 0 points for a test that writes there
        return 2 * x

    assert check_live(names(twice=twice), ["test_two_is_four"]) == 1.0
    out, err = capsys.readouterr()
    assert out.splitlines()[:3] == [":) Twice 2 is 4.", "     Your code printed:", "     x is 2.0"]
    assert "deprecated" in out
    assert err == ""


def test_a_function_that_is_not_there_yet_is_named(capsys):
    assert check_live(names(), ["test_two_is_four"]) == 0.0
    assert "`twice`" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("own", "wanted", "text"),
    [
        ({}, [], "There is no MEDMARK in this notebook: run the cell that defines it"),
        ({CARRIED: {}}, [], "FRAMEWORK is missing: run the cell of imports"),
        (names(FRAMEWORK="jax"), [], "FRAMEWORK is missing"),
        (names(), ["test_two_is_fur"], 'did you mean "test_public.py::test_two_is_four"?'),
    ],
)
def test_what_a_person_can_mend_is_a_sentence_and_no_traceback(own, wanted, text, capsys):
    assert check_live(own, wanted) == 0.0
    assert text in capsys.readouterr().out


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def twice(x):
        Path("beside").write_text("x")
        return 2 * x

    assert check_live(names(twice=twice), []) == 2.0
    assert Path.cwd() == tmp_path
    assert os.listdir(tmp_path) == []


def test_the_functions_are_those_of_the_notebook_that_calls(capsys):
    space = {**names(twice=lambda x: 2 * x), "check": check}
    assert eval("check('test_two_is_four')", space) == 1.0
    space["twice"] = lambda x: x  # a cell was run again
    assert eval("check('test_two_is_four')", space) == 0.0


def test_it_needs_none_of_the_modules_that_windows_and_a_browser_lack():
    """JupyterLite and Windows have no resource and no fcntl; a browser starts no process and reads no /proc."""
    program = f"""
import sys
for name in ("resource", "fcntl", "psutil", "pwd", "grp", "docker", "git", "pandas", "torch", "tensorflow"):
    sys.modules[name] = None
from assignments.notebook import check
FRAMEWORK = "numpy"
{CARRIED} = {names()[CARRIED]!r}
def twice(x):
    return 2 * x
assert check() == 2.0
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [":) Twice 2 is 4.", ":) Twice any number."]
