"""The table and the page of an assignment's cases: counts as made by hand, slices the right way up, names as text."""

import base64
import io
import stat
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from assignments.errors import UserError
from assignments.load import folder_digest
from graders.authoring.data_summary import data_summary
from graders.authoring.shown_data import shown_data
from reports.console import print_data
from reports.data_page import data_page, write_data_page
from reports.data_pictures import histograms, pictures
from reports.data_table import grids, shapes, span, terminal_table
from reports.terminal import UNSAFE
from tests.assignments.data.finite_source import assignment_of
from tests.reports.data_made import named_summary, volume_summary
from tests.reports.hostile import HOSTILE
from tests.reports.pages import Page


def pixels(shown):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(shown.picture.png.partition(",")[2]))))


def oriented(summary, source, orient):
    """The same cases as those of another source with an orientation."""
    data = summary.data
    settings = data.assignment.data.model_copy(update={"source": source, "orient": orient})
    return replace(data, assignment=data.assignment.model_copy(update={"data": settings}))


def test_the_slice_with_the_most_of_the_label_is_drawn_with_its_outline(tmp_path):
    [first, _] = pictures(volume_summary(tmp_path).data, None)
    assert first.words == "slice 4 of 6"
    assert [outline.number for outline in first.picture.outlines] == [1]
    assert (first.picture.width, first.picture.height) == (100, 83.33)  # 12 x 0.5 mm by 10 x 0.5 mm


def test_slices_are_cut_where_they_are_thickest(tmp_path):
    [first, _] = pictures(volume_summary(tmp_path, spacing=(1.0, 1.0, 4.0)).data, None)
    # Along w five slices have 6 voxels of the label in d = 3, and those two of d = 1 have 8: the later of 3 and 4.
    assert first.words == "slice 4 of 12 along w"
    assert pixels(first).shape == (6, 10)


@pytest.mark.parametrize(
    ("source", "orient", "row", "column"),
    [("folder", "RAS", -1, -1), ("folder", "LPS", 0, 0), ("folder", "file", 0, 0), ("own.py", "RAS", 0, 0)],
)
def test_anterior_is_up_and_the_right_side_on_the_left(tmp_path, source, orient, row, column):
    """In RAS, row 0 is posterior and column 0 is left: drawn at the bottom and on the right."""
    [first, _] = pictures(oriented(volume_summary(tmp_path), source, orient), None)
    drawn = pixels(first)
    assert np.unravel_index(drawn.argmax(), drawn.shape) == (row % 10, column % 12)


def test_in_a_coronal_slice_superior_is_up(tmp_path):
    data = oriented(volume_summary(tmp_path, spacing=(1.0, 5.0, 1.0)), "folder", "RAS")
    [first, _] = pictures(data, None)
    drawn = pixels(first)[:, 5].astype(int)  # brighter towards the top of the patient, where d is largest
    assert first.words.endswith("along h")
    assert (np.diff(drawn) <= 0).all()
    assert drawn[0] > drawn[-1]


PICTURES = """
import numpy as np
from assignments.data.source import Axes, Subject
ARRAYS = {"image": Axes("float32", "h w"), "y": Axes(DTYPE, "", role="truth")}
def open(path): return None
def subjects(opened): return [Subject("A"), Subject("B")]
def load(opened, subject):
    return [{"image": np.eye(16, dtype=np.float32), "y": np.asarray(VALUE, DTYPE)}]
"""


@pytest.mark.parametrize(
    ("dtype", "value", "classes", "told"),
    [
        ("uint8", 1, ("naevus", "melanoma"), "1 melanoma"),
        ("uint8", 1, (), "1"),
        ("float32", 8.25, (), "8.25"),
    ],
)
def test_a_picture_says_its_class_or_number_and_speaks_of_no_volume(tmp_path, dtype, value, classes, told):
    (tmp_path / "patients").mkdir()
    source = PICTURES.replace("DTYPE", repr(dtype)).replace("VALUE", repr(value))
    summary = data_summary(shown_data(assignment_of(tmp_path, source=source, classes=classes)))
    [first, _] = pictures(summary.data, None)
    assert first.truth == told
    text = Page(data_page(summary)).text
    assert f"case 0: image; y {told}" in " ".join(text.split())
    assert "Volumes are drawn" not in text
    assert "the most of the label" not in text


def test_a_histogram_has_a_line_for_each_part(tmp_path):
    [figure] = histograms(named_summary(tmp_path, "A", "B", "C").data)
    assert set(figure.lines) == {"train", "test"}
    assert figure.low < -2 < 2 < figure.high  # of a normal distribution


def test_a_page_is_for_its_owner_alone_and_loads_nothing(tmp_path):
    summary = named_summary(tmp_path, "A", "B")
    path = write_data_page(summary, tmp_path / "out" / "data.html")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    page = Page(path.read_text(encoding="utf-8"))
    assert (
        page.policy
        == "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert page.scripts == []
    links = [(tag, value[:15]) for tag, name, value in page.attributes if name in ("src", "href")]
    assert links == [("image", "data:image/png;")] * 2
    assert "For staff only" in page.text


def test_a_page_is_not_written_where_it_would_be_handed_on(tmp_path):
    summary = named_summary(tmp_path, "A", "B")
    before = folder_digest(summary.data.assignment)
    (tmp_path / "kit" / "data").mkdir(parents=True)
    (tmp_path / "kit" / "handout.json").write_text("{}")
    for path in (summary.data.assignment.folder / "data.html", tmp_path / "kit" / "data" / "x.html"):
        with pytest.raises(UserError, match="hidden ones too: write it elsewhere"):
            write_data_page(summary, path)
        assert not path.exists()
    with pytest.raises(UserError, match="is a folder"):
        write_data_page(summary, tmp_path)
    write_data_page(summary, tmp_path / "data.html")
    assert folder_digest(summary.data.assignment) == before


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_is_text_on_the_page_and_on_the_terminal(tmp_path, capsys, text):
    summary = named_summary(tmp_path, f"a{text}"[:200].encode("utf-8", "replace").decode(), "B", classes=(text, "x"))
    page = Page(data_page(summary))
    assert "script" not in page.tags
    assert set(page.acting()) == {"image href"}
    assert not any(UNSAFE.search(words) for words in page.words)
    print_data(summary)
    assert not UNSAFE.search(capsys.readouterr().out.replace("\n", ""))


def test_tables_fit_a_terminal_of_80_columns(tmp_path):
    summary = named_summary(tmp_path, "A" * 120, "B", classes=("n" * 90, "organ"))
    with (tmp_path / "out.txt").open("w+") as file:
        console = Console(file=file, width=80)
        for grid in grids(summary):
            console.print(terminal_table(grid))
        file.seek(0)
        assert max(len(line.rstrip("\n")) for line in file) <= 80


def test_ranges_are_one_number_or_two():
    assert (span(0.6, 0.6), span(-1024, 3071), span(np.nan, np.nan)) == ("0.6", "-1024 to 3071", "no number")
    assert shapes([(2, 3)]) == "2 x 3"
    assert shapes([(2, 3), (4, 3), (9, 9)]) == "2 x 3 to 9 x 9, 3 shapes"
    assert shapes([()]) == "one number"
