"""A finite source is read once: what is new or changed is read again, and one list says what is wrong with whom."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assignments.data.prepared import prepare
from assignments.data.prepared_store import gathered, prepared_folder
from assignments.data.source import Axes, Finite, Subject, file_stamp
from assignments.data.sources import source_of
from assignments.data.split import Split, SplitRow, new_split, read_split, write_split
from assignments.errors import UserError
from tests.assignments.data.finite_source import SCANS, assignment_of, patient, patients


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))


@pytest.fixture
def assignment(tmp_path):
    patients(tmp_path / "patients", 8)
    return split(assignment_of(tmp_path))


def split(assignment):
    source = source_of(assignment)
    subjects = source.subjects(source.open(assignment))
    write_split(assignment.folder / "split.csv", new_split(subjects, assignment.data)[0])
    return assignment


class Reader:
    """A stamped source over the same files, which counts what it reads."""

    def __init__(self):
        self.read = []
        self.source = Finite(
            arrays=lambda opened: {"image": Axes("float32", "h w"), "label": Axes("uint8", "h w", role="truth")},
            open=lambda assignment: {path.stem: path for path in sorted(assignment.data.path.glob("*.npz"))},
            subjects=lambda opened: [Subject(id) for id in opened],
            load=self.load,
            stamp=lambda opened, subject: file_stamp(opened[subject]),
        )

    def load(self, opened, subject):
        self.read.append(subject)
        with np.load(opened[subject]) as data:
            return [{"image": image, "label": label} for image, label in zip(data["image"], data["label"], strict=True)]


def arrays_of(assignment, prepared, key):
    """Every array of one key, as it lies in its file."""
    found = {}
    for subject in prepared.subjects:
        for number, case in enumerate(subject.cases):
            array = np.load(prepared_folder() / case[key].file)
            found[subject.id, number] = array if case[key].row is None else array[case[key].row]
    return found


def test_every_case_is_as_its_file_has_it(assignment, tmp_path):
    prepared = prepare(assignment, source_of(assignment))
    images = arrays_of(assignment, prepared, "image")
    assert len(images) == 8 * 3
    for (id, number), image in images.items():
        assert np.array_equal(image, np.load(tmp_path / "patients" / f"{id}.npz")["image"][number])


def test_arrays_of_a_megabyte_have_files_of_their_own_and_small_ones_share(tmp_path):
    patients(tmp_path / "patients", 4, slices=2, size=520)  # 1.03 MiB float32, and labels of 264 kB
    assignment = split(assignment_of(tmp_path))
    prepared = prepare(assignment, source_of(assignment))
    cases = [case for subject in prepared.subjects for case in subject.cases]
    assert len({case["image"].file for case in cases}) == 8
    assert len({case["label"].file for case in cases}) == 1
    assert sorted(case["label"].row for case in cases) == list(range(8))


def test_the_folder_is_for_its_owner_alone(assignment):
    prepare(assignment, source_of(assignment))
    assert prepared_folder().stat().st_mode & 0o077 == 0


def test_a_second_run_reads_nothing_and_a_changed_patient_is_read_again(assignment, tmp_path):
    reader = Reader()
    first = prepare(assignment, reader.source)
    assert len(reader.read) == 8
    assert prepare(assignment, reader.source) == first
    assert len(reader.read) == 8
    path = tmp_path / "patients" / "P003.npz"
    with np.load(path) as data:
        np.savez(path, image=data["image"], label=1 - data["label"])
    again = prepare(assignment, reader.source)
    assert reader.read[8:] == ["P003"]
    labels, before = (arrays_of(assignment, prepared, "label") for prepared in (again, first))
    assert [key for key in labels if not np.array_equal(labels[key], before[key])] == [("P003", i) for i in range(3)]


def test_a_source_without_a_stamp_is_read_each_time(assignment, tmp_path):
    first = prepare(assignment, source_of(assignment))
    path = tmp_path / "patients" / "P003.npz"
    stat = path.stat()
    with np.load(path) as data:
        np.savez(path, image=data["image"], label=1 - data["label"])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    changed = prepare(assignment, source_of(assignment))
    assert [a.id for a, b in zip(first.subjects, changed.subjects, strict=True) if a != b] == ["P003"]


def test_lost_files_are_read_again(assignment):
    reader = Reader()
    first = prepare(assignment, reader.source)
    for path in prepared_folder().glob("*.npy"):
        path.unlink()
    assert prepare(assignment, reader.source) == first
    assert len(reader.read) == 16


@pytest.mark.parametrize("kept", [0, 100, 200])
def test_files_that_are_cut_off_are_read_again(assignment, kept):
    reader = Reader()
    first = prepare(assignment, reader.source)
    before = {path.name: path.read_bytes() for path in prepared_folder().glob("*.npy")}
    for path in prepared_folder().glob("*.npy"):
        os.truncate(path, kept)
    assert prepare(assignment, reader.source) == first
    assert {path.name: path.read_bytes() for path in prepared_folder().glob("*.npy")} == before


def test_an_array_that_was_changed_in_its_file_is_refused_with_the_cure(assignment):
    prepared = prepare(assignment, source_of(assignment))
    images = [case["image"] for subject in prepared.subjects for case in subject.cases]
    path = prepared_folder() / images[0].file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{path}: a prepared case is damaged") as error:
        gathered(images)
    assert f"Remove {prepared_folder()} and run the same command again" in str(error.value)


def test_an_index_that_is_cut_off_costs_time_only(assignment):
    reader = Reader()
    first = prepare(assignment, reader.source)
    index = next(prepared_folder().glob("*.json"))
    index.write_text(index.read_text()[:100])
    assert prepare(assignment, reader.source) == first
    json.loads(index.read_text())


def test_without_a_split_the_error_is_the_command(tmp_path):
    patients(tmp_path / "patients", 3)
    assignment = assignment_of(tmp_path)
    with pytest.raises(UserError, match=f"has no split yet .*: medmark data {tmp_path / 'slices'} --split"):
        prepare(assignment, source_of(assignment))


def test_a_hidden_patient_who_is_gone_stops_everything(assignment, tmp_path):
    Path(tmp_path / "patients" / "P003.npz").unlink()
    with pytest.raises(UserError, match=r"lacks: P003 \((train|test)\)\. Restore them, or mark them as withdrawn"):
        prepare(assignment, source_of(assignment))


def test_a_newcomer_without_a_part_is_left_out_and_named(assignment, tmp_path):
    before = prepare(assignment, source_of(assignment))
    patient(tmp_path / "patients", 99)
    assert prepare(assignment, source_of(assignment)) == replace(before, outside=("P099",))
    write_split(assignment.split_file, Split((*read_split(assignment.split_file).rows, SplitRow("P099", None))))
    assert prepare(assignment, source_of(assignment)) == before, "who is in the split with no part is not outside it"


def test_all_bad_subjects_stand_in_one_list(assignment, tmp_path):
    (tmp_path / "patients" / "P001.npz").write_bytes(b"no archive")
    np.savez(tmp_path / "patients" / "P002.npz", image=np.zeros((2, 3, 3)), label=np.zeros((2, 3, 3), np.uint8))
    with np.load(tmp_path / "patients" / "P005.npz") as data:
        np.savez(tmp_path / "patients" / "P005.npz", image=data["image"] * np.nan, label=data["label"])
    with pytest.raises(UserError) as caught:
        prepare(assignment, source_of(assignment))
    lines = str(caught.value).splitlines()
    assert "cannot be used as it is (6 problems)" in lines[0]
    assert lines[1].startswith("  P001: raised ")
    assert "P002, case 0: image is float64 (3, 3), but ARRAYS declares float32" in lines[2]
    assert sum("P005" in line and "image holds NaN or infinity" in line for line in lines) == 3


@pytest.mark.parametrize(
    ("subjects", "says"),
    [
        ("[]", "is empty"),
        ('[Subject("A"), Subject("A")]', "lists A twice"),
        ('["A"]', "must list Subject"),
        ("[Subject(1)]", "must list Subject"),
        ('[Subject("A"), Subject(" B")]', "' B': its id has a space at an end"),
        ('[Subject("A\\t")]', "its id has a space at an end"),
        ('[Subject("A", part="training")]', "'A' part: is 'training'; write \"train\""),
        ('[Subject("P1", members="P1")]', "'P1' members: is 'P1'; write texts in brackets"),
        ('[Subject("A", strata={"site": 1})]', "'A' strata: is {'site': 1}; write texts"),
        ("exit()", "raised SystemExit"),
    ],
)
def test_a_wrong_list_of_subjects_is_refused(tmp_path, subjects, says):
    patients(tmp_path / "patients", 3)
    source = (
        SCANS[: SCANS.index("def subjects")] + f"def subjects(opened):\n    return {subjects}\n\ndef load(o, s): ...\n"
    )
    assignment = assignment_of(tmp_path, source=source)
    write_split(assignment.folder / "split.csv", new_split([Subject("A"), Subject("B")], assignment.data)[0])
    with pytest.raises(UserError, match=says):
        prepare(assignment, source_of(assignment))


def test_redraw_is_refused_because_the_split_is_made_once(tmp_path):
    patients(tmp_path / "patients", 8)
    assignment = split(assignment_of(tmp_path))
    data = assignment.data.model_copy(update={"redraw": True})
    with pytest.raises(UserError, match="Remove redraw"):
        prepare(assignment.model_copy(update={"data": data}), source_of(assignment))


def test_a_single_number_of_a_case_stays_a_single_number(tmp_path):
    source = """
import numpy as np
from assignments.data.source import Axes, Subject
ARRAYS = {"y": Axes("uint8", "", role="truth")}
def open(path): return None
def subjects(opened): return [Subject("A"), Subject("B")]
def load(opened, subject): return [{"y": np.uint8(subject == "B")}]
"""
    assignment = split(assignment_of(tmp_path, source=source, test=1))
    stored = arrays_of(assignment, prepare(assignment, source_of(assignment)), "y")
    assert {subject: (array.shape, int(array)) for (subject, _), array in stored.items()} == {
        "A": ((), 0),
        "B": ((), 1),
    }


def test_a_list_of_cases_that_hold_one_and_the_same_array_is_a_problem(tmp_path):
    source = """
import numpy as np
from assignments.data.source import Axes, Subject
ARRAYS = {"image": Axes("float32", "2 2"), "y": Axes("uint8", "", role="truth")}
def open(path): return np.zeros((2, 2), np.float32)
def subjects(opened): return [Subject("1"), Subject("2")]
def load(opened, subject):
    cases = []
    for i in range(3):
        opened[:] = 10 * int(subject) + i
        cases.append({"image": COPY, "y": np.uint8(i)})
    return cases
"""
    wrong = split(assignment_of(tmp_path, source=source.replace("COPY", "opened"), test=1))
    with pytest.raises(UserError, match=r"its 3 cases hold one and the same array, so that all are equal to the last"):
        prepare(wrong, source_of(wrong))
    (tmp_path / "right").mkdir()
    right = split(assignment_of(tmp_path / "right", source=source.replace("COPY", "opened.copy()"), test=1))
    stored = arrays_of(right, prepare(right, source_of(right)), "image")
    assert {case: float(array[0, 0]) for case, array in stored.items()}["1", 2] == 12


def test_an_array_that_the_source_fills_again_is_kept_as_it_was(tmp_path):
    """Two subjects with two cases each, all in one buffer: case i of subject s is 10 s + i everywhere."""
    source = """
import numpy as np
from assignments.data.source import Axes, Subject
ARRAYS = {"image": Axes("float32", "2 2"), "label": Axes("uint8", "2 2", role="truth")}
BUFFER = np.zeros((2, 2), np.float32)
def open(path): return None
def subjects(opened): return [Subject("1"), Subject("2")]
def load(opened, subject):
    for i in range(2):
        BUFFER[:] = 10 * int(subject) + i
        yield {"image": BUFFER, "label": np.zeros((2, 2), np.uint8)}
"""
    assignment = split(assignment_of(tmp_path, source=source, test=1))
    stored = arrays_of(assignment, prepare(assignment, source_of(assignment)), "image")
    assert {case: float(array[0, 0]) for case, array in stored.items()} == {
        ("1", 0): 10,
        ("1", 1): 11,
        ("2", 0): 20,
        ("2", 1): 21,
    }


@pytest.mark.parametrize(
    ("returns", "says"),
    [
        ("None", "load gives NoneType; it must return a dict"),
        ("np.zeros((2, 2))", "load gives ndarray; it must return a dict"),
        ("(np.zeros((2, 2)), np.zeros((2, 2)))", "load gives ndarray; it must return a dict"),
        ('{"image": [[1], [2, 3]]}', "image is not an array"),
        ("exit(3)", "raised SystemExit: 3"),
    ],
)
def test_what_is_not_cases_is_a_problem_of_its_subject(tmp_path, returns, says):
    patients(tmp_path / "patients", 4)
    source = SCANS[: SCANS.index("def load")] + f"def load(opened, subject):\n    return {returns}\n"
    assignment = split(assignment_of(tmp_path, source=source))
    with pytest.raises(UserError, match=rf"P000: {says}"):
        prepare(assignment, source_of(assignment))


def test_a_newcomer_without_a_stratum_of_the_split_is_named(tmp_path):
    patients(tmp_path / "patients", 4)
    source = SCANS.replace('strata={"site": "AB"[int(id[1:]) % 2]}', 'strata={} if id == "P002" else {"site": "A"}')
    assignment = assignment_of(tmp_path, source=source)
    split(assignment)
    data = assignment.data.model_copy(update={"stratify": ["site"]})
    with pytest.raises(UserError, match="stratify names site, but P002 has no such stratum"):
        prepare(assignment.model_copy(update={"data": data}), source_of(assignment))
