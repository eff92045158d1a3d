"""Notebooks as data: what is read, what becomes a solution, and what is said of the rest."""

import ast
import json

import pytest

from assignments.notebook import (
    NOTEBOOK_BYTES,
    SOURCE_CHARACTERS,
    Magic,
    NotANotebook,
    Notebook,
    NotebookCell,
    Origin,
    plain_python,
    read_notebook,
    solution_of,
    write_notebook,
)

PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def code(source, **nbgrader):
    metadata = {"nbgrader": {"schema_version": 3, **nbgrader}} if nbgrader else {}
    return NotebookCell("code", source, metadata=metadata)


def notebook(*cells):
    return Notebook(tuple(code(cell) if isinstance(cell, str) else cell for cell in cells), PYTHON)


def file(*cells, **changes):
    document = {"nbformat": 4, "nbformat_minor": 2, "metadata": PYTHON, "cells": list(cells), **changes}
    return json.dumps(document).encode()


def raw(source, kind="code", **more):
    return {"cell_type": kind, "source": source, "metadata": {}, "outputs": [], "execution_count": 1, **more}


def text_of(*cells):
    """The lines of the solution that are not empty."""
    return [line for line in solution_of(notebook(*cells)).text.splitlines() if line and not line.startswith("# cell")]


# Reading and writing


def test_a_source_is_one_text_or_a_list_of_lines():
    read = read_notebook(file(raw("a = 1\nb = 2"), raw(["a = 1\n", "b = 2"])))
    assert [cell.source for cell in read.cells] == ["a = 1\nb = 2", "a = 1\nb = 2"]


def test_what_was_written_is_read_again_and_equal_notebooks_give_equal_bytes():
    whole = notebook(
        NotebookCell("markdown", "# Title\n\ntext", "intro"),
        NotebookCell("code", "x = 'é'\n", "c"),
        NotebookCell("raw", "", "r"),
    )
    assert read_notebook(write_notebook(whole)) == whole
    assert write_notebook(whole) == write_notebook(notebook(*whole.cells))


@pytest.mark.parametrize("minor", range(6))
def test_every_minor_version_of_4_is_read(minor):
    assert read_notebook(file(raw("x = 1"), nbformat_minor=minor)).cells[0].source == "x = 1"


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_part_of_a_source():
    assert read_notebook(b"\xef\xbb\xbf" + file(raw("a = 1\r\nb = 2"))).cells[0].source == "a = 1\nb = 2"


def test_colabs_notebooks_have_no_kernel_language_and_ids_in_their_metadata():
    of_colab = {"colab": {"provenance": []}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    data = file(raw("x = 1", metadata={"id": "aBc"}, execution_count=None), metadata=of_colab, nbformat_minor=0)
    assert read_notebook(data).language == "python"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "is not JSON (line 1)"),
        (b"{", "is not JSON"),
        (b"<<<<<<< HEAD\n{}", "left by a merge in Git"),
        (b"\xff\xfe{\x00}\x00", "is not JSON, so nobody can open it"),
        (b"[1, 2]", "is JSON, but no notebook"),
        (b"{}", "is JSON, but no notebook"),
        (json.dumps({"nbformat": 3, "worksheets": []}).encode(), "is a notebook of version 3"),
        (file(nbformat=5), "is a notebook of version 5"),
        (file(cells=None), "not as Jupyter writes it"),
        (file("text"), "cell 1 is not as Jupyter writes it"),
        (file(raw("x"), raw(7)), "cell 2 is not as Jupyter writes it"),
        (file(raw("x", kind="widget")), "cell 1 is not as Jupyter writes it"),
        (b"[" * 200_000, "is nested too deeply"),
        (b'{"nbformat": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b" " * (NOTEBOOK_BYTES + 1), "clear its outputs"),
    ],
    ids=lambda value: value[:20].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_a_file_that_is_no_notebook_is_refused_with_the_cure(data, text):
    with pytest.raises(NotANotebook, match=r"solution\.ipynb") as error:
        read_notebook(data)
    assert text in str(error.value)


@pytest.mark.parametrize(
    "metadata",
    [
        {"nbgrader": 7},
        {"nbgrader": {"grade_id": 7}},
        {"nbgrader": {"grade_id": ["x"], "grade": "yes"}},
        {"nbgrader": None},
        {},
    ],
)
def test_metadata_that_nbgrader_did_not_write_say_nothing(metadata):
    assert NotebookCell("code", "", metadata=metadata).grading is None


def test_what_nbgrader_says_of_a_cell():
    grading = code("", grade_id="dice", grade=True, solution=False, locked=True, points=2).grading
    assert (grading.grade_id, grading.points, grading.is_test, grading.locked) == ("dice", 2.0, True, True)
    assert code("", grade_id="x", points=True, grade="true").grading.points is None


# What becomes the solution


def test_definitions_imports_and_constants_are_the_solution_and_tries_are_not():
    assert text_of(
        "import numpy as np\nFRAMEWORK = 'pytorch'\nBATCH, RATE = 8, 0.1",
        "def dice(a, b):\n    return a\n\nprint(dice(1, 2))\nfig = plot()",
        "class Net:\n    pass\nnet = Net()",
    ) == [
        "import numpy as np",
        "FRAMEWORK = 'pytorch'",
        "BATCH, RATE = 8, 0.1",
        "def dice(a, b):",
        "    return a",
        "class Net:",
        "    pass",
    ]


def test_everything_in_a_cell_that_students_write_is_the_solution():
    assert text_of(code("state = {}\nstate['x'] = 1", grade_id="state", solution=True)) == [
        "state = {}",
        "state['x'] = 1",
    ]


def test_a_test_cell_is_no_part_of_it_even_where_it_defines():
    assert text_of(code("def dice(a): return 7\nassert dice(1)", grade_id="t", grade=True, locked=True)) == []


def test_medmark_itself_is_not_imported():
    assert text_of("from assignments.notebook import check\nimport assignments.testing, os\nimport os") == ["import os"]


def test_choices_of_imports_stay_whole_and_what_runs_as_a_script_goes():
    both = "try:\n    import tqdm\nexcept ImportError:\n    tqdm = None"
    assert text_of(both) == []
    whole = "try:\n    import tqdm\nexcept ImportError:\n    pass"
    assert text_of(whole) == whole.splitlines()
    assert text_of("if __name__ == '__main__':\n    import this") == []


def test_statements_that_share_a_line_are_taken_apart():
    assert text_of("import os; x = 1; SIZE = 2") == ["import os; SIZE = 2"]
    assert text_of("x = 1; import os") == ["import os"]


def test_decorators_belong_to_their_function():
    assert text_of("x = 1\n@cache\ndef f():\n    return 1") == ["@cache", "def f():", "    return 1"]


def test_a_line_of_the_solution_is_found_again_in_its_cell():
    taken = solution_of(notebook("import os", NotebookCell("markdown", "# text"), "\nx = 1\n\ndef f():\n    return 1"))
    at = taken.text.splitlines().index("    return 1")
    assert taken.origins[at] == Origin(3, 5)
    assert str(taken.origins[at]) == "cell 3, line 5"
    assert len(taken.origins) == len(taken.text.splitlines())


def test_the_solution_of_a_notebook_that_runs_in_order_defines_the_same():
    cells = ("A = 1\ndef f():\n    return A", "A = 2", "def f():\n    return A + 1")
    own: dict[str, object] = {}
    exec(solution_of(notebook(*cells)).text, own)
    assert own["f"]() == 3


# What is said of the rest


def test_the_last_of_two_definitions_counts_and_both_cells_are_named():
    notes = solution_of(notebook("def f(): pass", "x = 1", "def f(): return 1")).notes
    assert notes == ("f is defined in cells 1, 3: the last one counts",)


def test_a_variable_that_the_solution_reads_and_that_stays_behind_is_named():
    taken = solution_of(notebook("device = 'cpu'\nunused = 2", "def f(x):\n    return x.to(device)"))
    (problem,) = taken.problems
    assert problem.startswith("cell 1: device is left out, and the solution reads it.")
    assert "write DEVICE" in problem
    assert taken.notes == ()


def test_a_local_variable_of_the_same_name_is_another_one():
    assert solution_of(notebook("x = 1", "def f(y):\n    x = y\n    return x")).problems == ()


def test_a_cell_that_is_not_python_costs_that_cell_alone():
    taken = solution_of(notebook("def f(: pass", "def g():\n    return 1"))
    assert taken.problems == ("cell 1, line 1: is not Python (SyntaxError), so the whole cell is left out",)
    assert "def g" in taken.text


@pytest.mark.parametrize("language", ["R", "julia"])
def test_another_language_is_refused(language):
    with pytest.raises(NotANotebook, match="only Python is marked"):
        solution_of(Notebook((), {"kernelspec": {"language": language}}))


def test_code_without_end_is_refused_before_it_is_parsed():
    with pytest.raises(NotANotebook, match="characters of code"):
        solution_of(notebook("x = 1\n" * SOURCE_CHARACTERS))


def test_an_empty_notebook_gives_an_empty_solution():
    assert solution_of(Notebook(())).text == "\n"


# Magics


@pytest.mark.parametrize(
    ("source", "plain", "magics"),
    [
        ("%matplotlib inline\nx = 1", "\nx = 1", [(1, "%matplotlib inline")]),
        ("!pip install torch\nimport torch", "\nimport torch", [(1, "!pip install torch")]),
        ("!echo \"it's\nx = 1", "\nx = 1", [(1, "!echo \"it's")]),
        ("if x:\n    !ls\ny = 1", "if x:\n    pass\ny = 1", [(2, "!ls")]),
        ("files = !ls\nx = 1", "\nx = 1", [(1, "files = !ls")]),
        ("t = %timeit -o f()", "", [(1, "t = %timeit -o f()")]),
        ("np.sum?\nx = 1", "\nx = 1", [(1, "np.sum?")]),
        ("?np.sum\nx = 1", "\nx = 1", [(1, "?np.sum")]),
        ("%%time\nx = 1", "\nx = 1", [(1, "%%time")]),
        ("\n%%bash\nrm -rf /\ndef f(): pass", "\n\n\n", [(2, "%%bash")]),
        ("%%writefile solution.py\ndef f(): pass", "\n", [(1, "%%writefile solution.py")]),
        ("x = (7\n  % 2)\ny = 1", "x = (7\n  % 2)\ny = 1", []),
        ("x = 7 \\\n  % 2", "x = 7 \\\n  % 2", []),
        ('"""\n%magic\n!ls\nwhat?\n"""', '"""\n%magic\n!ls\nwhat?\n"""', []),
        ("x = '''\n!ls\n'''\n!ls", "x = '''\n!ls\n'''\n", [(4, "!ls")]),
        ("a = 'it\\'s'  # (\n!ls", "a = 'it\\'s'  # (\n", [(2, "!ls")]),
        ("a = '#'  # why?\nb = [  # (\n  1]\n%time", "a = '#'  # why?\nb = [  # (\n  1]\n", [(4, "%time")]),
        ("x != 3\ny = x % 2", "x != 3\ny = x % 2", []),
    ],
)
def test_a_magic_is_left_out_line_for_line(source, plain, magics):
    made = plain_python(source)
    assert (made.text, list(made.magics)) == (plain, [Magic(*each) for each in magics])
    ast.parse(made.text)


def test_magics_are_listed_with_cell_and_line():
    notes = solution_of(notebook("import os\n!pip install x", "%load_ext tensorboard")).notes
    assert notes == (
        "cell 1, line 2: !pip install x is left out",
        "cell 2, line 1: %load_ext tensorboard is left out",
    )


def test_ipython_calls_the_same_lines_magics():
    transform = pytest.importorskip("IPython.core.inputtransformer2").TransformerManager().transform_cell
    sources = [
        "%matplotlib inline\nx = 1",
        "x = (7\n  % 2)",
        "if x:\n    !ls\ny = 1",
        "files = !ls",
        "np.sum?",
        "a = 'b?'",
    ]
    for source in sources:
        assert (transform(source).rstrip("\n") != source) == bool(plain_python(source).magics), source


@pytest.mark.parametrize(
    "source",
    ["(" + "\n!x" * 60_000, " " * 120_000 + "?", "'" * 120_000 + "\n!x", "!x\n" * 60_000, "x = 1;" * 30_000 + "\n!x"],
    ids=["open bracket", "blanks", "quotes", "magics", "statements"],
)
def test_the_time_to_read_a_hostile_cell_is_linear(source):
    import time

    began = time.process_time()
    solution_of(notebook(source))
    assert time.process_time() - began < 5  # quadratic time would be minutes


def test_pictures_of_a_cell_of_text_stay_and_no_other_attachment_does():
    attachments = {
        "a.png": {"image/png": "iVBORw0KGgo="},
        "b.svg": {"image/svg+xml": "<svg onload='x'/>"},
        "c.png": {"image/png": ["no text"]},
        "d": "no bundle",
    }
    cell = {"cell_type": "markdown", "source": "![](attachment:a.png)", "metadata": {}, "attachments": attachments}
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    (read,) = read_notebook(json.dumps(document).encode()).cells
    assert read.attachments == {"a.png": {"image/png": "iVBORw0KGgo="}}
    (again,) = read_notebook(write_notebook(Notebook((read,)))).cells
    assert again.attachments == read.attachments
