"""The tutorials: what students get holds no answer, and every solved notebook runs without a warning."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from assignments.derived.notebook_cells import BEGIN, END, without_marks
from assignments.derived.tutorial import FRAMEWORKS, read_tutorial, tutorial_notebook
from assignments.errors import UserError
from assignments.notebook import NotebookCell, write_notebook
from graders.authoring.tutorials import tutorials
from tests.nbgrader_oracle import NBGRADER, nbgrader, with_nbgrader
from tests.small_course import ROOT, medmark

BY_NAME = {tutorial.name: tutorial for tutorial in tutorials()}
EACH = [(name, framework) for name in BY_NAME for framework in FRAMEWORKS]
RUN = ROOT / "tests/run_notebook.py"
CPU_S = 180
"""What a solved notebook may cost."""
WHOLE = "MEDMARK_WHOLE_TUTORIALS" in os.environ
"""Whether notebooks train as long as students do: `make tutorials`."""
SMALL = r"\1\g<2>24"
"""Steps of a training otherwise: enough for each mean and each window of the plots."""
STEPS = re.compile(r"\b(steps|STEPS)( ?= ?)\d+")
STRICT = "import time, warnings\nwarnings.simplefilter('error')"
LAST = "warnings.resetwarnings()\nprint(time.process_time())"
"""Cells around those of a notebook, for these tests."""
each = pytest.mark.parametrize(("name", "framework"), EACH, ids=["-".join(pair) for pair in EACH])


def notebook(name, framework, *, solved=False):
    return tutorial_notebook(BY_NAME[name], framework, "pip install medmark", solved=solved)


def exercises(cells):
    return {cell.grading.grade_id: cell.source for cell in cells if cell.grading and cell.grading.solution}


def test_each_has_a_number_a_title_and_an_hour():
    numbers = [tutorial.number for tutorial in BY_NAME.values()]
    assert numbers == sorted(set(numbers))
    assert [tutorial.name for tutorial in BY_NAME.values() if not 45 <= tutorial.minutes <= 60] == []


@pytest.mark.parametrize("name", BY_NAME)
def test_there_are_three_functions_to_write_and_each_has_a_test(name):
    tutorial = BY_NAME[name]
    written = {cell.name for cell in tutorial.cells if cell.kind == "solution"}
    assert len(written) == 3
    declared = {node.name for node in ast.parse(tutorial.interface()).body if isinstance(node, ast.FunctionDef)}
    assert declared == written
    tested = set(re.findall(r"student\.(?:tensors\.|gradient\.)?(\w+)\(", tutorial.tests()))
    assert tested == written


@pytest.mark.parametrize("name", BY_NAME)
def test_there_is_a_prediction_an_experiment_four_questions_and_a_clinician(name):
    text = "\n".join(cell.source for cell in BY_NAME[name].cells if cell.kind == "text")
    assert "### Predict, then run\n" in text
    assert "## Experiment: " in text
    why = text.split("## Why?\n")[1].split("## What would you tell a clinician?\n")[0]
    assert re.findall(r"^(\d)\. Wh", why, re.MULTILINE) == ["1", "2", "3", "4"]


@pytest.mark.parametrize("name", BY_NAME)
def test_both_frameworks_have_the_same_cells(name):
    pytorch, tensorflow = (
        [
            (cell.kind, cell.grading, cell.source.split("\n")[0] if cell.kind == "markdown" else "")
            for cell in book.cells
        ]
        for book in (notebook(name, framework, solved=True) for framework in FRAMEWORKS)
    )
    assert pytorch[1:] == tensorflow[1:]  # the first says which framework it is


@pytest.mark.parametrize("name", BY_NAME)
def test_a_line_is_equal_in_both_frameworks_wherever_no_framework_is_in_it(name):
    """Comments and docstrings apart: what says nothing of a framework says the same."""
    words = re.compile(r"\b(torch|nn|tf|keras|layers|os)\b")
    named = {"pytorch": "", "tensorflow": ""}
    for cell in BY_NAME[name].cells:
        if cell.framework and cell.kind == "code":
            named[cell.framework] += "".join(
                f"{type(node).__name__} {getattr(node, 'name', '')}\n"
                for node in ast.parse(cell.source).body
                if not words.search(ast.unparse(node).split("\n")[0])
            )
    assert named["pytorch"] == named["tensorflow"]


@each
def test_students_get_signature_and_docstring_and_no_line_of_an_answer(name, framework):
    given = notebook(name, framework)
    whole = "\n".join(cell.source for cell in given.cells)
    for function, source in exercises(notebook(name, framework, solved=True).cells).items():
        stub = exercises(given.cells)[function]
        assert stub.endswith("    raise NotImplementedError")
        assert source.startswith(stub.removesuffix("    raise NotImplementedError"))
        answer = source.split(f"    {BEGIN}\n")[1].split(f"    {END}")[0].split("\n")
        lines = {line.partition("#")[0].strip() for line in answer} - {""}
        assert {line for line in lines if line in whole} - {")", "]", "}", "return x"} == set()


@with_nbgrader
def test_the_source_form_is_one_that_nbgrader_reads(tmp_path):
    for name, framework in EACH:
        path = tmp_path / f"{name}_{framework}.ipynb"
        path.write_bytes(write_notebook(notebook(name, framework, solved=True)))
    script = (
        "import sys, nbformat\nfrom nbgrader.nbgraderformat import MetadataValidator\n"
        "from nbgrader.utils import compute_checksum\n"
        "for path in sys.argv[1:]:\n"
        "    book = nbformat.read(path, 4)\n    nbformat.validate(book)\n    MetadataValidator().validate_nb(book)\n"
        "    for cell in book.cells:\n"
        "        own = cell.metadata.get('nbgrader')\n"
        "        assert own is None or own['checksum'] == compute_checksum(cell), cell.source\n"
    )
    done = subprocess.run(
        [NBGRADER.parent / "python", "-c", script, *sorted(tmp_path.iterdir())],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('"""T.\n\nTutorial 3, 50 minutes. Needs 2.\n"""\n# %% solutoin f\n', 5, "begins no cell"),
        ('"""T.\n\nTutorial 3, 50 minutes. Needs 2.\n"""\n# %% pytorch\nx = 1\n# %%\n', 5, "stands alone"),
        ('"""T.\n\nTutorial 3, 50 minutes. Needs 2.\n"""\n# %%\n# %% tensorflow\n', 6, "stands alone"),
        ('"""T.\n\nTutorial 3, 50 minutes. Needs 2.\n"""\n# %% pytorch\n', 5, "stands alone"),
        ('"""T.\n\nNeeds 2.\n"""\n', 1, "the docstring lacks its facts"),
    ],
)
def test_a_mistake_in_a_source_is_named_by_its_line(text, line, what):
    with pytest.raises(UserError, match=rf"t\.py:{line}: .*{what}"):
        read_tutorial("t", text, "t.py")


# The command


def test_the_list_has_all_of_them_and_fits_80_columns():
    done = medmark("tutorial")
    assert [line.split()[0] for line in done.out.splitlines() if line[0] != " "] == [*BY_NAME, "Write"]
    assert max(map(len, done.out.splitlines())) <= 80


def test_students_get_a_notebook_for_each_framework_with_the_wheel_that_it_installs(tmp_path):
    done = medmark("tutorial", "mlp", tmp_path)
    *books, wheel = map(Path, done.out.splitlines())
    assert [path.name for path in books] == ["mlp_pytorch.ipynb", "mlp_tensorflow.ipynb"]
    install = "".join(json.loads(books[0].read_bytes())["cells"][1]["source"])
    assert f"%pip install ./{wheel.name} matplotlib" in install
    assert "import matplotlib" in install


def test_answers_lie_in_files_of_their_own_and_nbgraders_in_its_course(tmp_path):
    solved = medmark("tutorial", "mlp", tmp_path, "--framework", "pytorch", "--solved")
    assert solved.out.split() == [str(tmp_path / "mlp_pytorch_solved.ipynb")]
    assert BEGIN not in Path(solved.out.strip()).read_text()
    source = medmark("tutorial", "mlp", tmp_path, "--framework", "pytorch", "--nbgrader")
    assert source.out.splitlines()[0] == str(tmp_path / "source/mlp/mlp_pytorch.ipynb")
    assert BEGIN in (tmp_path / "source/mlp/mlp_pytorch.ipynb").read_text()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("mpl",), 'There is no tutorial "mpl": did you mean "mlp"?'),
        (("mlp", ".", "--framework", "jax"), "--framework jax: use one of: pytorch, tensorflow"),
        (("mlp", ".", "--solved", "--nbgrader"), "--solved and --nbgrader do not go together"),
    ],
)
def test_what_a_person_can_mend_is_a_sentence(words, text):
    refused = medmark("tutorial", *words)
    assert refused.code == 2
    assert text in " ".join(refused.err.split())


def test_somebodys_notebook_is_never_replaced(tmp_path):
    own = tmp_path / "mlp_pytorch.ipynb"
    own.write_text("my work")
    refused = medmark("tutorial", "mlp", tmp_path)
    assert refused.code == 2
    assert own.read_text() == "my work"


def test_without_the_staffs_package_the_message_says_what_to_install(tmp_path):
    with pytest.raises(UserError, match=r"pip install 'medmark\[staff\]'"):
        tutorials(tmp_path)


# The notebooks, as students run them


@dataclass(frozen=True)
class Run:
    """A notebook after its run."""

    cells: list
    cpu_s: float
    """Of the kernel."""

    def checks(self):
        """What each cell with a check prints."""
        return [text_of(cell, "stdout") for cell in self.cells if lines(cell)[-1].startswith("check(")]

    def errors(self):
        """What ended a cell, and what came on stderr."""
        outputs = [(lines(cell), output) for cell in self.cells for output in cell.get("outputs", ())]
        ended = [(source, output["evalue"]) for source, output in outputs if output["output_type"] == "error"]
        return ended + [(source, output["text"]) for source, output in outputs if output.get("name") == "stderr"]


def run_of(name, framework, folder: Path, *, solved: bool):
    """A notebook that ran from top to bottom."""
    book = without_marks(notebook(name, framework, solved=solved))
    if not WHOLE:
        book = replace(book, cells=tuple(replace(cell, source=STEPS.sub(SMALL, cell.source)) for cell in book.cells))
    first, last = (NotebookCell("code", source) for source in (STRICT, LAST))
    path = folder / f"{framework}.ipynb"
    path.write_bytes(write_notebook(replace(book, cells=(first, *book.cells, last))))
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, RUN, path, path], env=surroundings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    _, *cells, end = json.loads(path.read_bytes())["cells"]
    return Run(cells, float(text_of(end, "stdout")))


def runs_of(name, folder: Path, *, solved: bool):
    """Those of both frameworks, which run at the same time; an unsolved one trains nothing, so that one is enough."""
    frameworks = FRAMEWORKS if solved or WHOLE else FRAMEWORKS[:1]
    with ThreadPoolExecutor(len(frameworks)) as pool:
        runs = pool.map(lambda framework: run_of(name, framework, folder, solved=solved), frameworks)
        return list(zip(frameworks, runs, strict=True))


def lines(cell):
    return "".join(cell["source"]).split("\n")


def text_of(cell, stream):
    outputs = cell["outputs"] if cell["cell_type"] == "code" else ()
    return "".join("".join(output["text"]) for output in outputs if output.get("name") == stream)


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_NAME)
def test_the_solved_notebook_runs_without_a_warning_and_passes_its_checks(name, tmp_path):
    for framework, run in runs_of(name, tmp_path, solved=True):
        assert run.errors() == [], framework
        assert len(run.checks()) >= 3
        assert [text for text in run.checks() if not text.startswith(":) ")] == [], framework
        assert run.cpu_s < CPU_S


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_NAME)
def test_a_function_that_is_not_written_fails_its_checks_and_ends_no_cell_with_a_traceback(name, tmp_path):
    for framework, run in runs_of(name, tmp_path, solved=False):
        assert run.errors() == [], framework
        assert [text for text in run.checks() if not text.startswith(":( ")] == [], framework
        printed = "".join(text_of(cell, "stdout") for cell in run.cells)
        named = set(re.findall(r"^(\w+) is not written yet, and this cell needs it", printed, re.MULTILINE))
        assert named, framework
        assert named <= {cell.name for cell in BY_NAME[name].cells if cell.kind == "solution"}


@pytest.mark.slow
@with_nbgrader
def test_nbgrader_validates_a_source(tmp_path):
    path = tmp_path / "notebook.ipynb"
    path.write_bytes(write_notebook(notebook("mlp", "pytorch", solved=True)))
    assert "Success! Your notebook passes all the tests." in nbgrader(tmp_path, "validate", path)
