"""An instructor's own patients, from a folder of files to marks, by the command line and without code."""

import csv
import re
import shutil
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from assignments.data.split import read_split
from tests.assignments.data.folder.files import write_nifti
from tests.small_course import medmark, write_roster

TRUSTED = "--trust-submissions"
TOML = """\
id = "organ"
title = "An organ in small volumes"
task = "segmentation"
frameworks = ["numpy"]
[data]
source = "folder"
path = "../patients"
test = 0.25
stratify = ["site"]
[run]
mode = "retrain"
budget_cpu_s = 5
[limits]
memory_mb = 512
cpu_s = 20
[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 60
metric = "dice"
anchors = { trivial = 0.1, pass = 0.4, merit = 0.6, distinction = 0.7, reference = 0.9, ceiling = 1.0 }
"""
INTERFACE = """\
from typing import Annotated, TypedDict

import numpy as np
from jaxtyping import Float, Float32, UInt8

from assignments.interface import Model, Range


class Cases(TypedDict):
    image: Float32[np.ndarray, "n d h w"]


class Labelled(TypedDict):
    image: list[Float32[np.ndarray, "_ _ _"]]
    label: list[UInt8[np.ndarray, "_ _ _"]]


class Prediction(TypedDict):
    prob: Annotated[Float[np.ndarray, "n d h w"], Range(0, 1)]


def fit(train: Labelled, val: Labelled | None, *, seed: int, budget_s: float) -> Model: ...
def predict(model: Model, inputs: Cases) -> Prediction: ...
def save(model: Model, folder: str) -> None: ...
def load(folder: str) -> Model: ...
"""
SOLUTION = """\
import numpy as np

FRAMEWORK = "numpy"


def fit(train, val, *, seed, budget_s):
    inside = np.concatenate([i[l > 0] for i, l in zip(train["image"], train["label"])])
    outside = np.concatenate([i[l == 0] for i, l in zip(train["image"], train["label"])])
    return {"threshold": (inside.mean() + outside.mean()) / 2}


def predict(model, inputs):
    return {"prob": (inputs["image"] > model["threshold"]).astype(np.float32)}


def save(model, folder):
    pass


def load(folder):
    return {"threshold": 0}
"""


def patient(folder: Path, number: int) -> None:
    """Volumes of different sizes; the organ is 100 brighter than the rest."""
    rng = np.random.default_rng(number)
    label = np.zeros((4, 9 + number % 3, 10), np.uint8)
    label[1:3, 2 : 4 + number % 4, 3:7] = 1
    image = (100 * label + rng.normal(0, 5, label.shape)).astype(np.int16)
    code = ("RAS", "LPS")[number % 2]
    write_nifti(folder / f"P{number:02d}.nii.gz", image, code=code)
    write_nifti(folder / f"P{number:02d}_seg.nii.gz", label, code=code)


def list_patients(folder: Path, numbers) -> None:
    rows = [(f"P{i:02d}", f"P{i:02d}.nii.gz", f"P{i:02d}_seg.nii.gz", "AB"[i % 2]) for i in numbers]
    with (folder / "cases.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("subject", "image", "label", "site"), *rows])


def write_own_course(folder: Path, source: str = "../organ") -> Path:
    assert medmark("init", folder, "--title", "Own", "--year", "2027").code == 0
    deadline = datetime.now().replace(microsecond=0) + timedelta(days=7)
    (folder / "course.toml").write_text(
        'title = "Own"\nyear = "2027"\ntimezone = "UTC"\nsandbox = "local"\n[access]\nallow_file = true\n'
        f'[assignments.organ]\nsource = "{source}"\ndeadline = {deadline.isoformat()}\n'
    )
    write_roster(folder, {"one": {"organ/solution.py": SOLUTION}})
    assert medmark("collect", "organ", "-c", folder).code == 0
    return folder


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Sixteen patients of two sites, an assignment, and a course with one group."""
    folder = tmp_path_factory.mktemp("courses")
    patients, home = folder / "patients", folder / "organ"
    patients.mkdir()
    home.mkdir()
    for number in range(16):
        patient(patients, number)
    list_patients(patients, range(16))
    for name, text in (("assignment.toml", TOML), ("interface.py", INTERFACE), ("brief.md", "# Organ\n")):
        (home / name).write_text(text)
    write_own_course(folder / "course")
    return folder


@pytest.fixture
def course(template, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return tmp_path / "course"


def stages(course):
    """Recorded stages: of answers, and of scores."""
    with sqlite3.connect(course / ".medmark/ledger.sqlite") as ledger:
        kinds = [kind for (kind,) in ledger.execute("SELECT kind FROM stage")]
    return kinds.count("answers"), kinds.count("score")


def score(output):
    return float(re.search(r"one\s+—\s+(\d\.\d+)", output.out)[1])


def test_patients_without_a_split_are_neither_handed_out_nor_marked(course, tmp_path):
    command = f"medmark data {tmp_path / 'organ'} --split"
    for words in (["handout", "organ", "kit"], ["rehearse", "organ"], ["grade", "organ", "-c", course, TRUSTED]):
        output = medmark(*words, cwd=tmp_path)
        assert output.code == 2, words
        assert command in " ".join(output.err.split()), words
    doctor = medmark("doctor", "-c", course)
    assert command in " ".join(doctor.out.split())
    assert doctor.code == 1


def test_volumes_of_different_sizes_are_marked_and_a_correction_costs_what_it_touches(course, tmp_path):
    assert medmark("data", "organ", "--split", cwd=tmp_path).code == 0
    split = read_split(tmp_path / "organ" / "split.csv")
    assert {len(split.of("train")), len(split.of("test"))} == {12, 4}
    first = medmark("grade", "organ", "-c", course, TRUSTED)
    assert f"Next: medmark report organ -c {course}" in first.err.replace("\n  ", " ")
    assert first.code == 0, first.err
    assert score(first) > 0.99
    first_stages = stages(course)

    hidden, trained = split.of("test")[0], split.of("train")[0]
    label = np.zeros((4, 9 + int(hidden[1:]) % 3, 10), np.uint8)
    label[0, 0, 0] = 1
    write_nifti(tmp_path / "patients" / f"{hidden}_seg.nii.gz", label, code=("RAS", "LPS")[int(hidden[1:]) % 2])
    again = medmark("grade", "organ", "-c", course, TRUSTED, "--yes")
    assert score(again) < 0.8, "one of four hidden patients is now all wrong"
    assert stages(course) == (first_stages[0], first_stages[1] + 1), "a corrected label asks nothing of the solution"

    image = np.full((4, 9 + int(trained[1:]) % 3, 10), 50, np.int16)
    image[0, 0, 0] = 51
    write_nifti(tmp_path / "patients" / f"{trained}.nii.gz", image, code=("RAS", "LPS")[int(trained[1:]) % 2])
    assert medmark("grade", "organ", "-c", course, TRUSTED, "--yes").code == 0
    assert stages(course) == (first_stages[0] + 1, first_stages[1] + 2), "another training image is another model"


def test_next_year_a_newcomer_moves_nobody_and_a_withdrawn_patient_is_marked_so(course, tmp_path):
    assert medmark("data", "organ", "--split", cwd=tmp_path).code == 0
    path = tmp_path / "organ" / "split.csv"
    before = {row.subject: row.part for row in read_split(path).rows}
    patient(tmp_path / "patients", 16)
    gone = next(subject for subject, part in before.items() if part == "train")
    list_patients(tmp_path / "patients", [i for i in range(17) if f"P{i:02d}" != gone])
    stopped = medmark("grade", "organ", "-c", course, TRUSTED)
    assert stopped.code == 2
    assert f"{gone} (train)" in " ".join(stopped.err.split())
    output = medmark("data", "organ", "--split", cwd=tmp_path)
    assert "new, " in output.out
    assert f"withdrawn, for training: {gone}" in output.out
    assert "moved: nobody" in output.out
    after = {row.subject: row.part for row in read_split(path).rows}
    assert {subject: part for subject, part in after.items() if subject != "P16"} == before
    next_year = write_own_course(tmp_path / "next")
    assert medmark("grade", "organ", "-c", next_year, TRUSTED).code == 0


def test_the_same_file_under_two_patients_is_refused_wherever_it_would_leak(course, tmp_path):
    assert medmark("data", "organ", "--split", cwd=tmp_path).code == 0
    split = read_split(tmp_path / "organ" / "split.csv")
    hidden, trained = split.of("test")[0], split.of("train")[0]
    for end in (".nii.gz", "_seg.nii.gz"):
        source = tmp_path / "patients" / f"{hidden}{end}"
        (tmp_path / "patients" / f"{trained}{end}").write_bytes(source.read_bytes())
    for words in (["handout", "organ", "kit"], ["rehearse", "organ"], ["grade", "organ", "-c", course, TRUSTED]):
        output = medmark(*words, cwd=tmp_path)
        text = " ".join(output.err.split())
        assert output.code == 2, words
        assert "equal arrays in two parts" in text, words
        assert {hidden, trained} <= set(re.findall(r"P\d\d", text)), words
    doctor = medmark("doctor", "-c", course)
    assert "equal arrays in two parts" in " ".join(doctor.out.split())
    assert doctor.code == 1


def test_a_new_split_after_a_handout_says_who_was_handed_out_and_asks(course, tmp_path):
    toml = tmp_path / "organ" / "assignment.toml"
    shared = 'path = "../patients"\nsplit_seed = 1\nshare = "students"\npermission = "The ethics board, 3 March 2026"'
    toml.write_text(toml.read_text().replace('path = "../patients"', shared))
    assert medmark("data", "organ", "--split", cwd=tmp_path).code == 0
    handed = medmark("handout", "organ", "kit", "--yes", cwd=tmp_path)
    assert handed.code == 0, handed.err
    assert not list((tmp_path / "kit").rglob("split.csv"))
    path = tmp_path / "organ" / "split.csv"
    before = path.read_text()
    toml.write_text(toml.read_text().replace("split_seed = 1", "split_seed = 2"))
    question = medmark("data", "organ", "--resplit", cwd=tmp_path)
    assert question.code == 1
    assert path.read_text() == before
    assert medmark("data", "organ", "--resplit", "--yes", cwd=tmp_path).code == 0
    exposed = [row.subject for row in read_split(path).rows if row.part == "test" and row.handed_out]
    assert exposed, "another seed must hide somebody who was handed out, or nothing is to be said"
    assert f"{len(exposed)} subjects that are hidden now were handed out before: {', '.join(exposed)}" in question.out
