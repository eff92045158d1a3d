"""An author's own source: a file that says what it has, and is endless or finite. Old forms say how to change them."""

import numpy as np
import pytest

from assignments.data.source import Endless, Finite, Subject
from assignments.data.sources.own import own_source
from assignments.errors import UserError

IMPORTS = "from assignments.data.source import Axes, Subject\n"
ARRAYS = 'ARRAYS = {"image": Axes("float32", "h w"), "label": Axes("uint8", "h w", role="truth")}\n'
DRAW = "def draw(n, rng):\n    return {}\n"
FINITE = (
    "def open(path):\n    return path\n"
    'def subjects(opened):\n    return [Subject("A")]\n'
    "def load(opened, subject):\n    return {}\n"
)


def read(tmp_path, text, name="scans.py"):
    (tmp_path / "scans.py").write_text(text)
    return own_source(tmp_path, name)


def test_a_file_with_draw_is_endless(tmp_path):
    source = read(tmp_path, IMPORTS + ARRAYS + DRAW)
    assert isinstance(source, Endless)
    assert str(source.declared["label"]) == 'uint8 "h w"'


def test_a_file_with_open_subjects_and_load_is_finite(tmp_path):
    source = read(tmp_path, IMPORTS + ARRAYS + FINITE)
    assert isinstance(source, Finite)
    assert source.subjects(None) == [Subject("A", members=("A",))]
    assert source.declared == source.arrays(None)


def test_the_file_is_read_as_it_is_now(tmp_path):
    read(tmp_path, IMPORTS + ARRAYS + DRAW)
    assert read(tmp_path, IMPORTS + ARRAYS.replace("h w", "d h w") + DRAW).declared["image"].sizes == ("d", "h", "w")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (IMPORTS + DRAW, "has no ARRAYS. Declare each array of a case"),
        (IMPORTS + 'ARRAYS = {"image": "float32"}\n' + DRAW, r"ARRAYS\['image'\] is 'float32', not Axes"),
        (IMPORTS + 'ARRAYS = {"image": Axes("float33", "h w")}\n' + DRAW, '"float33" is not a dtype of NumPy'),
        (IMPORTS + 'ARRAYS = {"image": Axes("U8", "h w")}\n' + DRAW, "cannot cross to a solution"),
        (IMPORTS + 'ARRAYS = {"image": Axes("float32", "h, w")}\n' + DRAW, '"h," is not an axis'),
        (IMPORTS + 'ARRAYS = {"image": Axes("float32", "h w", role="label")}\n' + DRAW, 'role is "label"'),
        (IMPORTS + 'ARRAYS = {"subject": Axes("int64", "")}\n' + DRAW, "declares subject, which is reserved"),
        (IMPORTS + ARRAYS, "defines no source. Write"),
        (IMPORTS + ARRAYS + FINITE.replace("def load", "def lode"), "defines no source. Write"),
        (IMPORTS + ARRAYS + DRAW + FINITE, "defines draw and open, subjects, load; a source is endless or finite"),
    ],
)
def test_a_file_that_defines_no_source_says_what_to_write(tmp_path, text, says):
    with pytest.raises(UserError, match=says):
        read(tmp_path, text)


def test_the_old_form_says_how_to_change_it(tmp_path):
    with pytest.raises(UserError) as caught:
        read(tmp_path, "def slices(n, rng): ...\n", "scans.py:slices")
    for words in ('source = "scans.py"', "rename slices to draw", "ARRAYS = {", "open(path), subjects(opened)"):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("def draw(n, rng:", "SyntaxError: "),
    ],
)
def test_a_file_that_raises_when_it_is_read_is_named_with_the_error(tmp_path, text, says):
    with pytest.raises(UserError, match=rf"scans\.py raised {says}.* Correct the file\."):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=f"there is no file {tmp_path / 'away.py'}"):
        own_source(tmp_path, "away.py")


def test_axes_know_what_fits_them(tmp_path):
    axes = read(tmp_path, IMPORTS + 'ARRAYS = {"x": Axes("float32", "3 h")}\n' + DRAW).declared["x"]
    assert axes.fits(np.zeros((3, 9), np.float32))
    for other in (
        np.zeros((3, 9)),
        np.zeros((4, 9), np.float32),
        np.zeros(3, np.float32),
        np.zeros((3, 9, 1), np.float32),
    ):
        assert not axes.fits(other)
