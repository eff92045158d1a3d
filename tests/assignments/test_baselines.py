"""An assignment's own baselines: read as text, each problem with its file and cure, and for staff alone."""

import json

import pytest

from assignments.baselines import OwnBaseline, own_baselines
from assignments.handout import write_handout
from assignments.load import AssignmentError, load
from assignments.staff_only import is_staff_only
from graders.tasks import TASKS
from tests.small_course import write_assignment

ATLAS = """\
'''The mean mask.

It knows no image.
'''

FRAMEWORK = "numpy"


def fit(train, val, *, seed, budget_s):
    raise RuntimeError


def predict(model, inputs):
    raise RuntimeError


raise RuntimeError("nobody imports this")
"""


@pytest.fixture
def folder(tmp_path):
    write_assignment(tmp_path / "halves")
    return tmp_path / "halves"


def test_the_first_line_of_the_docstring_is_the_title(folder):
    path = folder / "baseline_atlas.py"
    path.write_text(ATLAS)
    assert own_baselines(load(folder, tasks=TASKS)) == (OwnBaseline("baseline_atlas", "The mean mask", "numpy", path),)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("def fit", "def fits", "fit: is not defined"),
        ("def predict", "def answer", "predict: is not defined"),
        ('FRAMEWORK = "numpy"', "", "does not say its framework"),
        ('"numpy"', '"nunpy"', 'did you mean "numpy"'),
        ('"numpy"', '"tensorflow"', '"tensorflow" is not a framework that it may use'),
        ("def fit(", "def fit(:", "is not valid Python"),
        ("'''The mean mask.\n\nIt knows no image.\n'''", "", "has no docstring"),
    ],
)
def test_what_is_wrong_with_a_baseline_is_an_error_of_loading(folder, old, new, says):
    assert ATLAS.count(old) == 1
    (folder / "baseline_atlas.py").write_text(ATLAS.replace(old, new))
    with pytest.raises(AssignmentError) as error:
        load(folder, tasks=TASKS)
    assert "baseline_atlas.py" in str(error.value)
    assert says in str(error.value)


def test_a_name_with_other_letters_is_an_error(folder):
    (folder / "baseline_K-means.py").write_text(ATLAS)
    with pytest.raises(AssignmentError, match="small letters, digits and _"):
        load(folder, tasks=TASKS)


def test_no_student_gets_a_baseline(folder, tmp_path):
    (folder / "baseline_atlas.py").write_text(ATLAS)
    written = write_handout(load(folder, tasks=TASKS), tmp_path / "out")
    assert not [path for path in written if "baseline" in path.name]
    assert "baseline" not in json.dumps([path.read_text(errors="replace") for path in written if path.is_file()])
    assert is_staff_only("assignments/catalogue/prostate_unet/baseline_atlas.py")
