"""A notebook in a commit: which file counts, what a group reads of it, and what tells that nobody worked on it."""

from __future__ import annotations

import pytest

from assignments.derived.notebook import NotebookTerms, notebook_of
from assignments.derived.starter import starter_texts
from assignments.errors import UserError
from assignments.notebook import Notebook, NotebookCell, write_notebook
from graders.course.roster import Group
from graders.intake.checkout import Caps
from graders.intake.clone import fetch
from graders.intake.handin import inspect_handin
from graders.intake.hardened_git import Reach
from graders.intake.submission import submission_at
from graders.runs.public_check import checked_solution
from tests.graders.intake.repositories import at, git, make
from tests.loaded import of_catalogue

FILES = Reach(allow_file=True, timeout_s=20)
BACKPROP = of_catalogue("backprop")
STARTER = starter_texts(BACKPROP)["solution.py"]
HANDED_OUT = notebook_of(BACKPROP, BACKPROP.frameworks[0], NotebookTerms("pip install medmark"))
WORKED_ON = Notebook((*HANDED_OUT.cells, NotebookCell("code", "%matplotlib inline\ndef mine():\n    return 1")))
BESIDE = "solution.py is the unchanged starter, so solution.ipynb counts; delete solution.py"


@pytest.fixture
def submitted(tmp_path):
    """The submission of a repository with these files, and what its group's own check of the hand-in says."""

    def of(**files):
        names = {name.replace("_", "."): content for name, content in files.items()}
        commit = make(tmp_path / "host.git", {f"backprop/{name}": content for name, content in names.items()})
        address = f"file://{tmp_path}/host.git"
        fetch(tmp_path / "mirror", address, "main", commit, at("12:00"), FILES)
        group = Group(name="g", repository="https://example.org/g", path="", branch="", members=())
        submission = submission_at(group, BACKPROP, commit, tmp_path / "mirror", tmp_path / "out", Caps(), FILES)
        git("clone", "--quiet", address, str(tmp_path / "clone"))
        return submission, inspect_handin(tmp_path / "clone", BACKPROP)

    return of


def test_a_notebook_counts_beside_a_starter_that_nobody_touched(submitted, tmp_path):
    submission, handin = submitted(solution_py=STARTER, solution_ipynb=write_notebook(WORKED_ON))
    left_out = f"solution.ipynb, cell {len(WORKED_ON.cells)}, line 1: %matplotlib inline is left out"
    for seen in (submission.notes, handin.notes):
        assert seen[0] == BESIDE
        assert seen[-1].startswith(left_out)
    assert not submission.untouched
    assert not (submission.folder / "solution.py").exists()
    assert f":| {BESIDE}" in handin.lines()
    with pytest.raises(UserError, match="is the unchanged starter, so"):
        checked_solution(BACKPROP, tmp_path / "clone")


def test_the_notebook_of_the_handout_is_an_untouched_starter(submitted):
    submission, handin = submitted(solution_ipynb=write_notebook(HANDED_OUT))
    assert submission.untouched
    assert any("the solution is the unchanged starter" in problem for problem in handin.problems)


def test_a_notebook_that_was_worked_on_is_none(submitted):
    submission, handin = submitted(solution_ipynb=write_notebook(WORKED_ON))
    assert not submission.untouched
    assert handin.problems == submission.problems
    assert BESIDE not in submission.notes


@pytest.mark.parametrize(
    ("notebook", "problem"),
    [
        (b'{"nbformat": 4, "cells": []}', "solution.ipynb needs exactly one line such as FRAMEWORK"),
        (b'{"nbformat": 4, "metadata": {"kernelspec": {"language": "R"}}, "cells": []}', "is in 'r': only Python"),
        (b'{"nbformat": 3, "worksheets": []}', "is a notebook of version 3: open it in Jupyter, and save it again"),
        (b"[1, 2]", "is JSON, but no notebook"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": 7}]}', "cell 1 is not as Jupyter writes it"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "%x \\ud800"}]}', "%x ? is left out"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "x = \\u0000"}]}', "cell 1"),
    ],
    ids=["empty", "another language", "version 3", "a list", "deep", "no text", "half a character", "a zero byte"],
)
def test_a_notebook_that_cannot_be_marked_is_named_with_its_cure(submitted, notebook, problem):
    submission, handin = submitted(solution_ipynb=notebook)
    for seen in (submission, handin):
        assert problem in " ".join((*seen.problems, *seen.notes)), seen
