"""The notebook of an assignment: what students get, in which order, and what the source form adds."""

import ast
import re

import pytest

from assignments.derived.interface import declared_nodes, interface_text
from assignments.derived.notebook import NotebookTerms, notebook_of
from assignments.derived.notebook_cells import BEGIN, END, checksum, without_marks
from assignments.drawing.brief_picture import BriefPicture
from assignments.errors import UserError
from assignments.folders import CATALOGUE, catalogue, reference_path
from assignments.load import public_tests
from assignments.notebook import CARRIED, Notebook, NotebookCell, read_notebook, solution_of, write_notebook
from tests.loaded import of_catalogue

TERMS = NotebookTerms("pip install medmark", "15 January 2027, 12:00 GMT")
EVERY = [
    (id, framework)
    for id in catalogue()
    for framework in of_catalogue(id).frameworks
    if reference_path(CATALOGUE / id, framework).is_file()
]
each_notebook = pytest.mark.parametrize(("id", "framework"), EVERY, ids=lambda value: value)


def students(id, framework="numpy", **terms):
    return notebook_of(of_catalogue(id), framework, NotebookTerms("pip install medmark", **terms))


def written(notebook):
    """The cells that students write, by their ids."""
    return {cell.grading.grade_id: cell for cell in notebook.cells if cell.grading and cell.grading.solution}


def carried(notebook):
    """What the folded cell holds, read as a literal."""
    cell = next(cell for cell in notebook.cells if f"{CARRIED} = " in cell.source)
    return ast.literal_eval(next(node.value for node in ast.parse(cell.source).body if isinstance(node, ast.Assign)))


@each_notebook
def test_students_get_each_signature_and_no_answer(id, framework):
    assignment = of_catalogue(id)
    cells = written(notebook_of(assignment, framework, TERMS))
    assert cells.keys() == declared_nodes(assignment).keys() - set(assignment.given)
    for cell in cells.values():
        (node,) = ast.parse(cell.source).body
        functions = [node] if isinstance(node, ast.FunctionDef) else [f for f in node.body if hasattr(f, "name")]
        assert all("raise NotImplementedError" in ast.unparse(function.body[-1]) for function in functions), cell.source


@each_notebook
def test_each_public_test_stands_below_what_it_needs(id, framework):
    assignment = of_catalogue(id)
    notebook = notebook_of(assignment, framework, TERMS)
    defined, placed = set(), []
    for cell in notebook.cells:
        if cell.grading and cell.grading.is_test:
            placed.append(re.search(r'^check\("(.+?)"\)$', cell.source, re.MULTILINE)[1])
            source = next(test.source for test in public_tests(assignment) if test.id == placed[-1])
            needed = (
                set(re.findall(r"student(?:\.tensors|\.gradient)?\.(\w+)\(", source))
                & declared_nodes(assignment).keys()
            )
            assert needed <= defined, (placed[-1], needed - defined)
        elif cell.kind == "code":
            defined |= {node.name for node in ast.parse(_plain(cell.source)).body if hasattr(node, "name")}
    assert sorted(placed) == sorted(test.id for test in public_tests(assignment))


def _plain(source):
    return re.sub(r"^(\s*)%.*$", r"\1pass", source, flags=re.MULTILINE)


@each_notebook
def test_a_notebook_carries_its_interface_and_its_public_tests_letter_for_letter(id, framework):
    assignment = of_catalogue(id)
    texts = carried(notebook_of(assignment, framework, TERMS))
    assert texts["interface"] == interface_text(assignment)
    files = (CATALOGUE / id / "public_tests").glob("test_*.py")
    assert texts["tests"] == {path.name: path.read_text(encoding="utf-8") for path in files}


@each_notebook
def test_the_solution_of_the_source_form_defines_what_the_interface_wants(id, framework):
    assignment = of_catalogue(id)
    source = notebook_of(assignment, framework, TERMS, solved=True)
    taken = solution_of(without_marks(source))
    assert (taken.notes, taken.problems) == ((), ())
    tree = ast.parse(taken.text)
    assert declared_nodes(assignment).keys() <= {node.name for node in tree.body if hasattr(node, "name")}
    assert "NotImplementedError" not in taken.text
    assert "assignments" not in {node.module.split(".")[0] for node in tree.body if isinstance(node, ast.ImportFrom)}


@each_notebook
def test_the_source_form_without_its_answers_is_what_students_get(id, framework):
    assignment = of_catalogue(id)
    plain, source = (notebook_of(assignment, framework, TERMS, solved=solved) for solved in (False, True))
    for here, there in zip(plain.cells, source.cells, strict=True):
        stub = "raise NotImplementedError"
        cut = re.sub(rf"[ ]*{BEGIN}\n.*?{END}", "", there.source, flags=re.DOTALL)
        assert re.sub(rf"[ ]*{stub}", "", here.source).split() == cut.split()


def test_a_notebook_is_read_again_as_it_was_written():
    notebook = students("backprop")
    assert read_notebook(write_notebook(notebook)) == notebook
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[\w-]{1,64}", id) for id in ids)


def test_the_title_the_due_time_and_the_picture_come_first():
    picture = BriefPicture("![four slices](brief.png)", b"\x89PNG")
    assignment = of_catalogue("prostate_unet")
    first, install = notebook_of(assignment, "pytorch", NotebookTerms("pip install medmark", "Friday", picture)).cells[
        :2
    ]
    assert first.source.startswith("# Prostate segmentation in T2 MRI")
    assert "![four slices](data:image/png;base64,iVBORw==)" in first.source
    assert "**Due Friday.**" in first.source
    assert "%pip install medmark" in install.source


def test_a_cell_that_nobody_has_to_read_is_folded_everywhere():
    folded = next(cell for cell in students("backprop").cells if f"{CARRIED} = " in cell.source)
    assert folded.metadata["jupyter"] == {"source_hidden": True}  # JupyterLab
    assert folded.metadata["cellView"] == "form"  # Colab


def test_without_a_reference_there_is_nothing_to_cut():
    with pytest.raises(UserError, match=r"solution_pytorch\.py is missing"):
        students("backprop", "pytorch")


def test_the_checksum_is_nbgraders():
    compute_checksum = pytest.importorskip("nbgrader.utils").compute_checksum
    from nbformat.v4 import new_code_cell

    for cell in students("backprop").cells:
        if cell.grading:
            theirs = new_code_cell(cell.source, metadata=dict(cell.metadata))
            assert compute_checksum(theirs) == cell.metadata["nbgrader"]["checksum"] == checksum(cell)


def test_a_cell_without_nbgraders_metadata_has_no_checksum():
    with pytest.raises(ValueError, match="no checksum"):
        checksum(NotebookCell("code", "x = 1"))
    assert without_marks(Notebook((NotebookCell("code", "x = 1"),))).cells[0].source == "x = 1"
