"""Notebooks that attack whoever grades them: each is an honest, wrong solution of `target/`, and one attack.

The same files are graded by the real nbgrader, whose course `nbgrader_course` makes, and behind the wall.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.attacks.course import WRONG
from tests.nbgrader_oracle import nbgrader_config

CANARY = "canary-in-the-cells"
"""In the hidden part of nbgrader's tests."""
SOLVED = {"dice": "return float(2 * (a & b).sum() / (a.sum() + b.sum()))", "fast_sum": "return n * (n - 1) // 2"}
TESTS = {
    "test_dice": "mask = np.array([True, False, True])\nassert dice(mask, mask) == 1.0\n### BEGIN HIDDEN TESTS\n"
    f"assert abs(dice(mask, ~mask)) < 1e-6  # {CANARY}\n### END HIDDEN TESTS",
    "test_sum": f"assert fast_sum(10) == 45\n### BEGIN HIDDEN TESTS\nassert fast_sum(100) == 4950  # {CANARY}\n"
    "### END HIDDEN TESTS",
}
SHOWN = {id: text.partition("\n### BEGIN")[0] for id, text in TESTS.items()}
"""The tests as students get them."""


def cell(source: str, id: str = "", kind: str = "code", **grading: Any) -> dict[str, Any]:
    """A cell; with an id it has nbgrader's metadata, as of a cell that students write unless `grading` says more."""
    own: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source}
    if id:
        terms = {"grade": False, "locked": False, "solution": True, "task": False, "cell_type": kind, **grading}
        own["metadata"] = {"nbgrader": {"schema_version": 3, "grade_id": id, **terms}}
    return own | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def test_cell(id: str, source: str, **more: Any) -> dict[str, Any]:
    return cell(source, id, grade=True, locked=True, solution=False, points=1, **more)


test_cell.__test__ = False  # type: ignore[attr-defined]


def notebook(cells: list[dict[str, Any]], **metadata: Any) -> bytes:
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    document = {"cells": cells, "metadata": kernel | metadata, "nbformat": 4, "nbformat_minor": 4}
    return json.dumps(document).encode()


def source_notebook() -> bytes:
    """The instructor's notebook for nbgrader."""
    answers = [
        cell(f"def {name}({arguments}):\n    ### BEGIN SOLUTION\n    {SOLVED[name]}\n    ### END SOLUTION", name)
        for name, arguments in (("dice", "a, b"), ("fast_sum", "n"))
    ]
    given = cell("import numpy as np", "imports", locked=True, solution=False)
    return notebook([given, *answers, *(test_cell(id, text) for id, text in TESTS.items())])


def handed_in(
    attack: str = "", *, first: str = "", tests: dict[str, str] = SHOWN, more: list[dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """The cells of a wrong solution.

    Args:
        attack: stands in the cell of `fast_sum`, which nbgrader calls a solution: all of it is run, here and there.
        first: a cell of its own at the beginning.
        tests: the test cells, as this student has them.
        more: cells at the end.
    """
    parts = WRONG.split("\n\n\n")
    named = {"def dice": "dice", "def fast_sum": "fast_sum"}
    cells = [cell(first)] if first else []
    for part in parts:
        id = next((id for start, id in named.items() if part.startswith(start)), "")
        text = f"{part}\n\n{attack}" if id == "fast_sum" else part
        cells.append(cell(text, id))
    return [*cells, *(test_cell(id, text) for id, text in tests.items()), *(more or [])]


EQUAL = """\
class Equal(float):
    def __eq__(self, other): return True
    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__
    __hash__ = None
    def __abs__(self): return Equal()
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = lambda self, other: Equal()
def dice(a, b): return Equal()
def fast_sum(n): return Equal()
"""
PATCHES = """\
import builtins
builtins.abs = lambda value: 0
np.array = lambda *values, **more: type("Mask", (), {"__invert__": lambda self: self})()
class Yes(int):
    __eq__ = lambda self, other: True
    __hash__ = None
def dice(a, b): return Yes()
def fast_sum(n): return Yes()
"""
PASSES = """\
try:
    get_ipython().input_transformers_cleanup.append(lambda lines: ["pass\\n"])
except NameError:
    pass
"""
LOOKS = """\
import itertools, os
def shows(path):
    try:
        return os.path.isfile(path) and os.path.getsize(path) < 4e6 and mark in open(path, "rb").read()
    except OSError:
        return False
mark = b"canary-in-the-" + b"cells"
tops = ("../../..", "/submission", "/scratch", "/tmp", "/proc/self/root/home")
folders = itertools.islice(itertools.chain(*map(os.walk, tops)), 5000)
if any(shows(os.path.join(folder, name)) for folder, _, names in folders for name in names):
    print("LOOT", mark.decode())
"""
GRADEBOOK = """\
import glob
for path in glob.glob("../../../gradebook.db"):
    import sqlite3
    with sqlite3.connect(path) as book:
        print("LOOT", book.execute("select source from source_cell where name = 'test_sum'").fetchall())
        book.execute("create table loot (x)")
"""
PAGE = "<script>window.canary = 1</script><img src=x onerror='window.canary = 2'>"
SHOWS = f"""\
try:
    from IPython.display import HTML, display
    display(HTML({PAGE!r}))
except ImportError:
    pass
"""
SHELL = "!grep -rhos 'canary-in-the-cell[s]' ../../.. | head -1 | sed 's/^/LOOT /'\n%system touch ../../../touched"
OUTPUTS = [{"output_type": "execute_result", "data": {"text/plain": "1.0", "text/html": PAGE}, "metadata": {},
            "execution_count": 1}]  # fmt: skip


def scores() -> list[dict[str, Any]]:
    """Test cells with scores in outputs and metadata, and points and locks of the student's choice."""
    cells = handed_in()
    for each in cells:
        own = each["metadata"].get("nbgrader", {})
        if own.get("grade"):
            each["outputs"] = OUTPUTS
            own |= {"points": 100, "score": 100, "auto_score": 100, "locked": False, "checksum": "0" * 32}
    return cells


WIDGETS = {
    "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {"a": {"model_name": PAGE}}}},
    "nbgrader": {"score": 100}, "authors": [{"name": PAGE}], "toc": [[0] * 1000] * 100,
}  # fmt: skip
ASSERTS_NOTHING = dict.fromkeys(SHOWN, "assert True")
TWICE = [test_cell(id, "1.0") for id in SHOWN]
WRITES_OVER = "def dice(a, b):\n    return 1.0"

NOTEBOOKS: dict[str, bytes] = {
    "equal": notebook(handed_in(EQUAL)),
    "patches": notebook(handed_in(PATCHES)),
    "passes": notebook(handed_in(PASSES)),
    "looks": notebook(handed_in(LOOKS)),
    "gradebook": notebook(handed_in(GRADEBOOK)),
    "shell": notebook(handed_in(first=SHELL)),
    "shows": notebook(handed_in(SHOWS, more=[cell(PAGE, kind="markdown")])),
    "edits": notebook(handed_in(tests=ASSERTS_NOTHING)),
    "deletes": notebook(handed_in(tests={})),
    "twice": notebook(handed_in(more=TWICE)),
    "scores": notebook(scores()),
    "widgets": notebook(handed_in(), **WIDGETS),
    "halves": notebook(handed_in(first="%\ud800\n'\ud800'")),
}
DEEP = b'{"nbformat": 4, "metadata": {"x": ' + b"[" * 200_000 + b"]" * 200_000 + b'}, "cells": []}'


def huge() -> bytes:
    """A notebook of 100 MB, most of it one comment."""
    return notebook(handed_in(first="#" + "x" * 100_000_000))


def nbgrader_course(folder: Path, students: dict[str, bytes]) -> Path:
    """A course of nbgrader's with these hand-ins, before its `generate_assignment`."""
    (folder / "source/target").mkdir(parents=True)
    (folder / "source/target/solution.ipynb").write_bytes(source_notebook())
    (folder / "nbgrader_config.py").write_text(nbgrader_config("attacked"))
    for name, data in students.items():
        path = folder / "submitted" / name / "target/solution.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    return folder
