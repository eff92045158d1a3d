"""Digests of hidden sets: those of medmark's own sources are cached, those of an author's are drawn each time."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys

import numpy as np
import pytest

from assignments.assignment import Assignment
from assignments.data.hidden import SetDigests, hidden_set
from assignments.data.sources import SOURCES
from assignments.data.split import Split, SplitRow, write_split
from assignments.errors import UserError
from graders.record.dependencies import TOOLKIT
from graders.record.keys import drawing
from graders.record.manifest import manifest_of

DISCS = """
import numpy as np

from assignments.data.source import Axes

ARRAYS = {"x": Axes("float32", "3"), "y": Axes("uint8", "", role="truth")}

def draw(n, rng):
    return {"x": rng.standard_normal((n, 3)).astype(np.float32), "y": rng.integers(0, 2, n).astype(np.uint8)}
"""
INTERFACE = """
from typing import TypedDict
import numpy as np
from jaxtyping import Float32

class Rows(TypedDict):
    x: Float32[np.ndarray, "n 3"]

def predict(model: int, inputs: Rows) -> int: ...
"""
SECRET = b"s" * 32


@pytest.fixture
def assignment(tmp_path):
    folder = tmp_path / "discs"
    folder.mkdir()
    (folder / "discs.py").write_text(DISCS)
    (folder / "interface.py").write_text(INTERFACE)
    anchors = {"trivial": 0.5, "pass": 0.6, "merit": 0.7, "distinction": 0.8, "reference": 0.9, "ceiling": 1.0}
    accuracy = {"kind": "accuracy", "id": "auroc", "points": 100, "metric": "auroc", "anchors": anchors}
    return Assignment.model_validate({
        "id": "discs", "title": "Discs", "task": "classification", "folder": folder,
        "data": {"source": "discs.py", "train": 8, "test": 6}, "run": {"mode": "retrain", "seeds": 2},
        "criterion": [accuracy],
    })  # fmt: skip


@pytest.fixture
def own_source(assignment):
    """The same of a source of medmark's own, which reads no file."""
    (assignment.folder / "interface.py").write_text(INTERFACE.replace("n 3", "n 30"))
    data = assignment.data.model_copy(update={"source": "breast_cancer"})
    return assignment.model_copy(update={"data": data})


@pytest.fixture
def drawn(monkeypatch):
    """The repeats that were drawn, in order."""
    repeats = []

    def counted(assignment, secret, repeat, *others):
        repeats.append(repeat)
        return hidden_set(assignment, secret, repeat, *others)

    monkeypatch.setattr("graders.tasks.hidden_cases.hidden_set", counted)
    return repeats


def digests(assignment, secret, cache):
    return manifest_of(assignment, secret, cache).digests


def test_the_digests_are_those_of_the_hidden_sets(assignment, tmp_path):
    manifest = manifest_of(assignment, SECRET, tmp_path / "data.json")
    sets = [hidden_set(assignment, SECRET, repeat, ("x",), "y") for repeat in range(2)]
    assert manifest.digests == [SetDigests(s.train_digest, s.inputs_digest, s.truth_digest) for s in sets]
    assert manifest.prepared is None


def test_nothing_of_medmarks_own_sources_is_drawn_twice(own_source, tmp_path, drawn):
    first = digests(own_source, SECRET, tmp_path / "folder/data.json")
    assert digests(own_source, SECRET, tmp_path / "folder/data.json") == first
    assert drawn == [0]


def test_one_draw_serves_all_repeats_unless_each_has_cases_of_its_own(own_source, tmp_path, drawn):
    redrawn = own_source.model_copy(update={"data": own_source.data.model_copy(update={"redraw": True})})
    for of in (own_source, redrawn):
        sets = [hidden_set(of, SECRET, repeat, ("x",), "y") for repeat in range(2)]
        assert digests(of, SECRET, tmp_path / "data.json") == [hidden.digests for hidden in sets]
    assert drawn == [0, 0, 1]


def test_another_secret_is_drawn_for_itself_and_both_are_cached(own_source, tmp_path, drawn):
    for secret in (SECRET, b"t" * 32, SECRET):
        digests(own_source, secret, tmp_path / "data.json")
    assert drawn == [0, 0]


def test_a_changed_generator_is_drawn_again(assignment, tmp_path, drawn):
    first = digests(assignment, SECRET, tmp_path / "data.json")
    (assignment.folder / "discs.py").write_text(DISCS.replace("rng.integers(0, 2, n)", "(np.arange(n) % 2)"))
    second = digests(assignment, SECRET, tmp_path / "data.json")
    assert [s.inputs for s in first] == [s.inputs for s in second]
    assert [s.truth for s in first] != [s.truth for s in second]


def test_a_generator_that_was_saved_twice_within_a_second_is_read_as_it_is(assignment, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = assignment.folder / "discs.py"
    first = digests(assignment, SECRET, tmp_path / "data.json")
    before = path.stat()
    path.write_text(DISCS.replace("rng.integers(0, 2, n)", "rng.integers(0, 3, n)"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests(assignment, SECRET, tmp_path / "data.json") != first
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["discs.py", "interface.py"]


@pytest.mark.parametrize(("file", "times"), [
    ("assignments/data/sources/breast_cancer.py", 2),
    ("assignments/data/hidden.py", 2),
    ("assignments/data/streams.py", 2),
    ("graders/tasks/classification.py", 2),
    ("assignments/data/sources/promise12.py", 1),
    ("graders/tasks/segmentation.py", 1),
    ("graders/record/manifest.py", 1),
])  # fmt: skip
def test_what_is_cached_holds_until_the_code_that_draws_changes(own_source, tmp_path, drawn, monkeypatch, file, times):
    toolkit = tmp_path / "toolkit"
    for package in ("assignments", "graders"):
        shutil.copytree(TOOLKIT / package, toolkit / package, ignore=shutil.ignore_patterns("__pycache__", "catalogue"))
    monkeypatch.setattr("graders.record.manifest.drawing", lambda assignment: drawing(assignment, toolkit))
    digests(own_source, SECRET, tmp_path / "data.json")
    text = (toolkit / file).read_text()
    (toolkit / file).write_text(f"# A comment.\n{text}")
    digests(own_source, SECRET, tmp_path / "data.json")
    assert drawn == [0]
    (toolkit / file).write_text(f"{text}\nCHANGED = True\n")
    digests(own_source, SECRET, tmp_path / "data.json")
    assert drawn == [0] * times


READS = {
    "a file beside the assignment": "np.loadtxt(Path(__file__).parents[1] / 'labels.csv', dtype=np.uint8)[:n]",
    "another module": "__import__('runpy').run_path(str(Path(__file__).parents[1] / 'labels.csv'))['y'][:n]",
    "a table in text": "np.array([int(c) for c in (Path(__file__).parents[1] / 'labels.csv').read_text().split()[:n]], "
    "np.uint8)",
}


@pytest.mark.parametrize("reads", READS)
def test_a_corrected_label_counts_wherever_an_authors_function_reads_it(assignment, tmp_path, reads):
    """Nothing tells medmark of the file: it is named by no path, and keeps its size and its time."""
    labels = tmp_path / "labels.csv"
    lines = "0\n1\n" * 4
    if reads == "another module":
        lines = "import numpy as np\ny = np.uint8([0, 1] * 4)\n"
    labels.write_text(lines)
    source = f"from pathlib import Path\n{DISCS}".replace("rng.integers(0, 2, n).astype(np.uint8)", READS[reads])
    (assignment.folder / "discs.py").write_text(source)
    before = labels.stat()
    first = digests(assignment, SECRET, tmp_path / "data.json")
    assert digests(assignment, SECRET, tmp_path / "data.json") == first
    labels.write_text(lines.replace("0", "2").replace("1", "0").replace("2", "1"))
    os.utime(labels, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = digests(assignment, SECRET, tmp_path / "data.json")
    assert [s.inputs for s in first] == [s.inputs for s in second]
    assert not {s.truth for s in first} & {s.truth for s in second}


MR = """
from typing import TypedDict
import numpy as np
from jaxtyping import Float32

class Scans(TypedDict):
    image: Float32[np.ndarray, "n 32 128 128"]

def predict(model: int, inputs: Scans) -> int: ...
"""


@pytest.fixture
def patients(assignment, tmp_path, monkeypatch):
    """The same of a folder of four patients, which is split."""
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))
    folder = tmp_path / "real"
    folder.mkdir()
    for number in range(4):
        np.save(folder / f"image_train{number:02d}.npy", np.full((32, 128, 128), 100 + number, np.int16))
        np.save(folder / f"label_train{number:02d}.npy", np.full((32, 128, 128), number % 2, np.int8))
    (assignment.folder / "interface.py").write_text(MR)
    parts = ["train", "test", "train", "train"]
    write_split(assignment.folder / "split.csv", Split(tuple(map(SplitRow, CASES, parts))))
    data = assignment.data.model_copy(update={"source": "promise12", "path": folder, "train": None, "test": 1})
    return assignment.model_copy(update={"data": data, "task": "segmentation"})


CASES = ["case00", "case01", "case02", "case03"]


@pytest.fixture
def read(monkeypatch):
    """The subjects that were read from their files, in order."""
    subjects = []

    def load(opened, subject):
        subjects.append(subject)
        return SOURCES["promise12"].load(opened, subject)

    counting = dataclasses.replace(SOURCES["promise12"], load=load)
    monkeypatch.setattr("graders.record.manifest.source_of", lambda assignment: counting)
    return subjects


def test_a_folder_of_subjects_is_prepared_and_has_no_part_in_the_cache(patients, tmp_path):
    manifest = manifest_of(patients, SECRET, tmp_path / "data.json")
    assert {subject.id: subject.part for subject in manifest.prepared.subjects} == dict(
        zip(CASES, ["train", "test", "train", "train"], strict=True)
    )
    sets = [hidden_set(patients, SECRET, repeat, ("image",), "label") for repeat in range(2)]
    assert [hidden.inputs["image"][0, 0, 0, 0] for hidden in sets] == [101, 101]
    assert manifest.digests == [hidden.digests for hidden in sets]
    assert not (tmp_path / "data.json").exists()


def test_a_file_of_real_data_that_keeps_its_size_and_time_is_read_again(patients, tmp_path, read):
    first = digests(patients, SECRET, tmp_path / "data.json")
    assert digests(patients, SECRET, tmp_path / "data.json") == first
    assert read == CASES
    label = tmp_path / "real/label_train01.npy"
    before = label.stat()
    np.save(label, np.zeros((32, 128, 128), np.int8))
    os.utime(label, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert label.stat().st_size == before.st_size
    second = digests(patients, SECRET, tmp_path / "data.json")
    assert read == [*CASES, "case01"]
    assert [s.inputs for s in second] == [s.inputs for s in first]
    assert [s.train for s in second] == [s.train for s in first]
    assert not {s.truth for s in second} & {s.truth for s in first}


def test_a_folder_of_subjects_without_a_split_names_the_command(patients, tmp_path):
    (patients.folder / "split.csv").unlink()
    with pytest.raises(UserError, match=r"has no split yet .*medmark data .* --split"):
        digests(patients, SECRET, tmp_path / "data.json")


def test_whatever_an_authors_function_raises_is_named_in_the_error(assignment, tmp_path):
    (assignment.folder / "discs.py").write_text(DISCS.replace('"y": rng', '"y": {}["labels"], "z": rng'))
    with pytest.raises(UserError, match=r"could not be drawn\. discs\.py raised KeyError: 'labels'"):
        digests(assignment, SECRET, tmp_path / "data.json")


def test_an_authors_function_that_ends_the_program_is_an_error_too(assignment, tmp_path):
    (assignment.folder / "discs.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(UserError, match=r"discs\.py raised SystemExit: 3\. Correct the file"):
        digests(assignment, SECRET, tmp_path / "data.json")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": [{"train": 1}]}'])
def test_a_set_whose_cache_is_damaged_is_drawn_anew(own_source, tmp_path, drawn, text):
    (tmp_path / "data.json").write_text(text)
    digests(own_source, SECRET, tmp_path / "data.json")
    digests(own_source, SECRET, tmp_path / "data.json")
    assert drawn == [0]


def test_a_memory_that_cannot_be_written_costs_only_time(assignment, tmp_path, drawn):
    (tmp_path / "file").write_text("")
    assert len(digests(assignment, SECRET, tmp_path / "file/data.json")) == 2


def test_data_that_cannot_be_drawn_are_the_persons_to_cure(assignment, tmp_path):
    data = assignment.data.model_copy(update={"source": "lost.py"})
    with pytest.raises(UserError, match=r"source = \"lost\.py\", but there is no file .*lost\.py"):
        digests(assignment.model_copy(update={"data": data}), SECRET, tmp_path / "data.json")


def test_an_interface_without_the_entry_point_is_named(assignment, tmp_path):
    (assignment.folder / "interface.py").write_text("def fit() -> int: ...\n")
    (assignment.folder / "handout.json").write_text("{}")  # nothing is derived for it
    with pytest.raises(UserError, match=r"interface\.py: declares no predict\(model, inputs\)"):
        digests(assignment, SECRET, tmp_path / "data.json")


FIT = """
class Labelled(TypedDict):
    x: Float32[np.ndarray, "n 3"]
    y: UInt8[np.ndarray, "n"]

def fit(train: Labelled, val: Labelled | None, *, seed: int, budget_s: float) -> Model: ...
"""


X, Y = 'x: Float32[np.ndarray, "n 3"]\n    y', 'y: UInt8[np.ndarray, "n"]'
INPUT = 'x: Float32[np.ndarray, "n 3"]\n\ndef p'


@pytest.mark.parametrize(("old", "new", "problem"), [
    (X, 'x: Float64[np.ndarray, "n 3"]\n    y', "fit: train is not as interface.py declares it"),
    (X, 'x: Float32[np.ndarray, "n 4"]\n    y', "fit: train is not as interface.py declares it"),
    (Y, 'y: UInt8[np.ndarray, "3"]', "fit: train is not as interface.py declares it"),
    (Y, f'{Y}\n    age: Float32[np.ndarray, "n"]', "fit: train lacks age"),
    (INPUT, 'x: UInt8[np.ndarray, "n 3"]\n\ndef p', "predict: inputs is not as interface.py declares it"),
])  # fmt: skip
def test_cases_that_are_not_what_is_declared_are_the_persons_to_cure(assignment, tmp_path, old, new, problem):
    text = (INTERFACE + FIT).replace("import Float32", "import Float32, Float64, UInt8").replace(
        "import numpy", "from assignments.interface import Model\nimport numpy"
    )  # fmt: skip
    path = assignment.folder / "interface.py"
    path.write_text(text)
    with_val = assignment.model_copy(update={"data": assignment.data.model_copy(update={"val": 3})})
    assert len(digests(with_val, SECRET, tmp_path / "sound.json")) == 2
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=problem) as caught:
        digests(with_val, SECRET, tmp_path / "data.json")
    assert "discs.py draws x float32 (" in str(caught.value)
