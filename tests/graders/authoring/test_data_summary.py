"""What an author is shown of the cases: counts, ranges and classes worked out by hand from a folder made by hand."""

import numpy as np
import pytest

from assignments.data.split import Split, SplitRow, write_split
from assignments.errors import UserError
from graders.authoring.data_summary import PartCount, data_summary
from graders.authoring.shown_data import shown_data
from graders.authoring.unusual_data import unusual
from tests.assignments.data.finite_source import assignment_of

SCANS = """
import numpy as np
from assignments.data.source import Axes, Subject

ARRAYS = {
    "image": Axes("float32", "h w"),
    "label": Axes("uint8", "h w", role="truth"),
    "y": Axes("uint8", "", role="truth"),
    "spacing": Axes("float32", "2"),
}

def open(path):
    return {file.stem: file for file in sorted(path.glob("*.npz"))}

def subjects(opened):
    return [Subject(id, strata={"site": id[0]}) for id in opened]

def load(opened, subject):
    with np.load(opened[subject]) as data:
        names = sorted({name.split("_")[1] for name in data})
        return [{key: data[f"{key}_{name}"] for key in ARRAYS} for name in names]
"""


def case(low, high, shape=(16, 20), classes=(0, 1), y=0, spacing=(2.0, 0.6)):
    image = np.full(shape, low, np.float32)
    image[0, 0] = high
    label = np.zeros(shape, np.uint8)
    label[4:8, 4:8] = classes[-1]
    return {"image": image, "label": label, "y": np.uint8(y), "spacing": np.float32(spacing)}


def write(folder, subject, *cases):
    folder.mkdir(exist_ok=True)
    arrays = {f"{key}_{i}": array for i, each in enumerate(cases) for key, array in each.items()}
    np.savez(folder / f"{subject}.npz", **arrays)


@pytest.fixture
def assignment(tmp_path):
    """Four subjects with six cases, two sites; no split yet."""
    folder = tmp_path / "patients"
    write(folder, "A1", case(0, 10), case(5, 20, y=1))
    write(folder, "A2", case(-3, 7, shape=(32, 20)))
    write(folder, "B1", case(2, 2, spacing=(7.0, 0.6)), case(1, 9, classes=(0,), y=1))
    write(folder, "B2", case(0, 4, classes=(0, 2), y=2))
    return assignment_of(tmp_path, source=SCANS, stratify=("site",), classes=("none", "organ", "tumour"))


@pytest.fixture
def split(assignment):
    rows = (
        SplitRow("A1", "train", handed_out="2026-01-01"),
        SplitRow("B1", "train"),
        SplitRow("A2", "test", shown="2026-02-01"),
        SplitRow("Z9", "test", withdrawn="2026-02-01"),
    )
    write_split(assignment.split_file, Split(rows))
    return assignment


def test_before_a_split_all_subjects_are_in_one_part(assignment):
    summary = data_summary(shown_data(assignment))
    assert summary.parts == (PartCount(None, 4, 6),)
    assert summary.strata == {
        "A": {"train": 0, "val": 0, "test": 0, None: 2},
        "B": {"train": 0, "val": 0, "test": 0, None: 2},
    }


def test_parts_count_who_was_handed_out_shown_and_withdrawn(split):
    summary = data_summary(shown_data(split))
    assert summary.parts == (PartCount("train", 2, 4, handed_out=1), PartCount("test", 1, 1, withdrawn=1, shown=1))


def test_shapes_values_and_spacing_are_those_of_the_files(assignment):
    summary = data_summary(shown_data(assignment))
    image, label, y, _ = summary.keys
    assert (image.shapes, image.low, image.high) == (((16, 20), (32, 20)), -3, 20)
    assert (label.low, label.high, y.shapes) == (0, 2, ((),))
    assert summary.spacing == {"h": (2, 7), "w": (0.6, 0.6)}


def test_classes_are_counted_by_part(split):
    summary = data_summary(shown_data(split))
    label, y = (summary.classes[key] for key in ("label", "y"))
    # Of four training cases three have the organ; the hidden one has it too. Nobody in a part has a tumour.
    assert [(each.number, each.name, dict(each.cases)) for each in label] == [
        (0, "none", {"train": 4, "test": 1}),
        (1, "organ", {"train": 3, "test": 1}),
        (2, "tumour", {}),
    ]
    assert [dict(each.cases) for each in y] == [{"train": 2, "test": 1}, {"train": 2}, {}]
    assert label[1].share == pytest.approx(4 * 16 / (4 * 320 + 640))
    assert y[0].share == pytest.approx(3 / 5)


def test_what_is_unusual_is_named(split):
    lines = list(unusual(data_summary(shown_data(split))))
    assert lines == [
        f"not in the split yet, and not read: B2. To add them: medmark data {split.folder} --split",
        "image has one value only in 1 case: B1, case 0",
        "label is empty in 1 of 4 training cases: B1, case 1",
        "label: no training and no hidden case has class 2 (tumour)",
        "y: no hidden case has class 1 (organ)",
        "y: no training and no hidden case has class 2 (tumour)",
        "y: 2 subjects have cases of more than one class: A1, B1",
        "spacing along h is 2 to 7 mm; resample_mm in [data] makes it equal",
    ]


def test_one_array_for_all_cases_does_not_fit_shapes_that_differ(assignment):
    (assignment.folder / "interface.py").write_text(
        "from typing import TypedDict\nimport numpy as np\nfrom jaxtyping import Float32, UInt8\n"
        "from assignments.interface import Model\n"
        'class Cases(TypedDict):\n    image: Float32[np.ndarray, "n h w"]\n    label: list[UInt8[np.ndarray, "h w"]]\n'
        "def fit(train: Cases, val: Cases | None, *, seed: int, budget_s: float) -> Model: ...\n"
    )
    lines = [line for line in unusual(data_summary(shown_data(assignment))) if "interface.py" in line]
    assert lines == [
        "image has 2 shapes, but interface.py declares all cases as one array; declare a list of arrays, or write size "
        "in [data]"
    ]


def test_equal_arrays_in_two_parts_are_unusual_and_do_not_end_the_look(split, tmp_path):
    write(tmp_path / "patients", "A2", case(0, 10))
    lines = list(unusual(data_summary(shown_data(split))))
    assert any("equal arrays in two parts" in line for line in lines)
    assert any("A1 (train, case 0) and A2 (test, case 0): image" in line for line in lines)


def test_each_unreadable_subject_is_named(assignment, tmp_path):
    for name in ("A1", "B2"):
        (tmp_path / "patients" / f"{name}.npz").write_bytes(b"no archive")
    with pytest.raises(UserError) as error:
        shown_data(assignment)
    assert "(2 problems)" in str(error.value)
    assert "A1" in str(error.value)
    assert "B2" in str(error.value)


DRAWS = """
import numpy as np
from assignments.data.source import Axes
ARRAYS = {"x": Axes("float32", "9"), "y": Axes("uint8", "", role="truth")}
def draw(n, rng):
    return {"x": rng.normal(size=(n, 9)).astype(np.float32), "y": rng.integers(0, 2, n).astype(np.uint8)}
"""


def test_of_a_source_that_draws_a_few_published_cases_are_shown(tmp_path):
    home = assignment_of(tmp_path, source=DRAWS, train=500, test=30, split_seed=None)
    summary = data_summary(shown_data(home))
    assert summary.data.is_drawn
    assert summary.parts == (PartCount("train", 20, 20), PartCount("test", 20, 20))
    assert summary.near.compared == 0


OTHER = """
import numpy as np
from assignments.data.source import Axes, Subject
ARRAYS = {"x": Axes("float32", "3"), "y": Axes("uint8", "4", role="truth"), "target": Axes("float32", "", role="truth")}
def open(path): return None
def subjects(opened): return [Subject("A"), Subject("B")]
def load(opened, subject):
    y = [1, 0, 0, 1] if subject == "A" else [0, 0, 0, 1]
    return [{"x": np.float32([1, 2, 3]), "y": np.uint8(y), "target": np.float32(2 if subject == "A" else "nan")}]
"""


def test_of_classes_that_may_hold_at_once_each_is_counted(tmp_path):
    home = assignment_of(tmp_path, source=OTHER).model_copy(update={"task": "multilabel"})
    summary = data_summary(shown_data(home))
    assert [(each.number, dict(each.cases), each.share) for each in summary.classes["y"]] == [
        (0, {None: 1}, 0.5),
        (1, {}, 0),
        (2, {}, 0),
        (3, {None: 2}, 1),
    ]


def test_a_ground_truth_that_is_no_number_is_named(tmp_path):
    lines = list(unusual(data_summary(shown_data(assignment_of(tmp_path, source=OTHER)))))
    assert lines[0] == "target holds NaN or infinity in 1 case: B, case 0"


def test_a_stratum_that_the_hidden_part_lacks_is_said_where_stratify_names_it(assignment):
    rows = tuple(SplitRow(id, part) for id, part in {"A1": "train", "A2": "test", "B1": "train", "B2": "train"}.items())
    write_split(assignment.split_file, Split(rows))
    lines = list(unusual(data_summary(shown_data(assignment))))
    (line,) = [line for line in lines if line.startswith("stratify")]
    assert "of 2 subjects of B none is in the hidden part" in line
    assert "--resplit" in line
    both = tuple(SplitRow(row.subject, "test" if row.subject == "B1" else row.part) for row in rows)
    write_split(assignment.split_file, Split(both))
    assert not [line for line in unusual(data_summary(shown_data(assignment))) if line.startswith("stratify")]
