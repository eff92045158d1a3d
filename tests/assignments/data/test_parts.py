"""The cases of each part: nothing of a hidden subject is in training, and names tell nothing."""

import numpy as np
import pytest

from assignments.assignment import Assignment
from assignments.data.checked import checked_cases
from assignments.data.parts import parts_of
from assignments.data.sources import source_of
from assignments.data.split import SplitRow, new_split, read_split, updated, write_split
from assignments.errors import UserError
from tests.assignments.data.finite_source import SCANS, assignment_of, patient, patients

SECRET, OTHER = b"s" * 32, b"o" * 32


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))


def subjects_of(assignment):
    source = source_of(assignment)
    return source.subjects(source.open(assignment))


def split(assignment):
    write_split(assignment.folder / "split.csv", new_split(subjects_of(assignment), assignment.data)[0])
    return assignment


@pytest.fixture
def assignment(tmp_path):
    patients(tmp_path / "patients", 12)
    return split(assignment_of(tmp_path, val=2, stratify=["site"]))


def digests(images):
    return {image.tobytes() for image in images}


def of_patients(tmp_path, ids):
    return {image.tobytes() for id in ids for image in np.load(tmp_path / "patients" / f"{id}.npz")["image"]}


def test_each_part_holds_exactly_the_slices_of_its_patients(assignment, tmp_path):
    parts = parts_of(assignment, SECRET, "0")
    rows = read_split(assignment.folder / "split.csv")
    for part, cases in (("train", parts.train), ("val", parts.val), ("test", parts.test)):
        assert digests(cases["image"]) == of_patients(tmp_path, rows.of(part))
    assert parts.subjects == frozenset(rows.of("test"))


def test_the_split_is_the_same_under_every_secret_and_the_names_are_not(assignment):
    first, second = parts_of(assignment, SECRET, "0"), parts_of(assignment, OTHER, "0")
    assert digests(first.test["image"]) == digests(second.test["image"])
    assert not {case.id for case in first.cases} & {case.id for case in second.cases}


def test_hidden_cases_keep_patient_stratum_and_spacing_together(assignment, tmp_path):
    parts = parts_of(assignment, SECRET, "0")
    of_subject = {}
    for case, image in zip(parts.cases, parts.test["image"], strict=True):
        assert case.spacing_mm == (2.0, 0.5)
        of_subject.setdefault(case.subject, set()).add((image.tobytes(), case.group))
    patients_found = set()
    for pairs in of_subject.values():
        (id,) = (id for id in parts.subjects if of_patients(tmp_path, [id]) == {image for image, _ in pairs})
        assert {group for _, group in pairs} == {"AB"[int(id[1:]) % 2]}
        patients_found.add(id)
    assert patients_found == parts.subjects


def test_a_patient_who_joins_the_hidden_ones_renames_no_case(assignment, tmp_path):
    before = parts_of(assignment, SECRET, "0")
    for number in range(50, 60):
        patient(tmp_path / "patients", number)
    path = assignment.folder / "split.csv"
    write_split(path, updated(read_split(path), subjects_of(assignment), assignment.data)[0])
    after = parts_of(assignment, SECRET, "0")
    assert len(after.cases) > len(before.cases)
    names = {image.tobytes(): case for image, case in zip(after.test["image"], after.cases, strict=True)}
    order = [names[image.tobytes()] for image in before.test["image"]]
    assert order == list(before.cases)
    assert [case for case in after.cases if case in order] == order, "nor moves one past another"


def test_training_patients_are_numbers_in_an_order_of_their_own(assignment, tmp_path):
    train = parts_of(assignment, SECRET, "0").train
    assert sorted(set(train["subject"].tolist())) == list(range(7))
    assert train["subject"].dtype.kind == "i"
    order = [
        next(i for i in range(12) if image.tobytes() in of_patients(tmp_path, [f"P{i:03d}"]))
        for image in train["image"]
    ]
    assert order != sorted(order), "a number must not follow from the patient's place in the folder"


def test_validation_patients_have_other_numbers_than_training_patients(tmp_path):
    patients(tmp_path / "patients", 10)
    parts = parts_of(split(assignment_of(tmp_path, val=2)), SECRET, "0")
    assert [sorted(set(part["subject"].tolist())) for part in (parts.train, parts.val)] == [[0, 1, 2, 3, 4, 5], [6, 7]]


def test_a_slice_of_two_patients_in_two_parts_is_refused_with_both_names(assignment, tmp_path):
    rows = read_split(assignment.folder / "split.csv")
    hidden, trained = rows.of("test")[0], rows.of("train")[0]
    files = [tmp_path / "patients" / f"{id}.npz" for id in (hidden, trained)]
    copied = np.load(files[0])["image"][1]
    with np.load(files[1]) as data:
        image, label = data["image"].copy(), data["label"]
    image[2] = copied
    np.savez(files[1], image=image, label=label)
    with pytest.raises(UserError) as caught:
        parts_of(assignment, SECRET, "0")
    text = str(caught.value)
    for name in (f"{hidden} (test, case 1)", f"{trained} (train, case 2)"):
        assert name in text
    assert f"medmark data {assignment.folder} --resplit" in text


def test_blank_slices_and_equal_labels_are_no_leak(assignment, tmp_path):
    for path in (tmp_path / "patients").iterdir():
        with np.load(path) as data:
            image, label = data["image"].copy(), data["label"].copy()
        image[0] = 0
        label[1] = 0
        label[1, 3:5, 3:5] = 1
        np.savez(path, image=image, label=label)
    parts_of(assignment, SECRET, "0")


def test_a_split_that_was_edited_by_hand_cannot_divide_a_pair(tmp_path):
    patients(tmp_path / "patients", 8)
    linked = SCANS.replace("Subject(id, ", 'Subject(id, members=(f"pair {int(id[1:]) // 2}",), ')
    assignment = split(assignment_of(tmp_path, source=linked, test=2))
    path = assignment.folder / "split.csv"
    rows = read_split(path)
    hidden = rows.of("test")[0]
    moved = [SplitRow(row.subject, "train" if row.subject == hidden else row.part) for row in rows.rows]
    write_split(path, type(rows)(tuple(moved)))
    with pytest.raises(UserError, match=r"pair \d is in P00\d \((train|test)\) and in P00\d \((train|test)\)"):
        parts_of(assignment, SECRET, "0")


# Endless sources

HEAD = """
import numpy as np
from assignments.data.source import Axes
ARRAYS = {"x": Axes("float32", "SIZE"), "y": Axes("uint8", "", role="truth")}
POOL = np.random.default_rng(7).normal(size=(60, SIZE)).astype(np.float32)
"""
ANEW = (
    'def draw(n, rng):\n    return {"x": rng.normal(size=(n, SIZE)).astype(np.float32), "y": np.zeros(n, np.uint8)}\n'
)
SOURCES = {
    "anew": ANEW,
    "numbered": ANEW.replace('"y":', '"subject": np.arange(n), "y":'),
    "pool": 'def draw(n, rng):\n    return {"x": POOL[rng.permutation(60)[:n]], "y": np.zeros(n, np.uint8)}\n',
    "patients": (
        "def draw(n, rng):\n    taken = rng.permutation(60)[:n]\n    x = POOL[taken] + rng.normal(0, 0.01, (n, SIZE))\n"
        '    return {"x": x.astype(np.float32), "y": np.zeros(n, np.uint8), "subject": taken}\n'
    ),
    "ages": (
        "def draw(n, rng):\n"
        '    return {"x": rng.integers(0, 3, (n, SIZE)).astype(np.float32), "y": np.zeros(n, np.uint8)}\n'
    ),
}


PERSON = {"id": "report", "kind": "person", "points": 1}
ANCHORS = {"trivial": 0.5, "pass": 0.6, "merit": 0.7, "distinction": 0.8, "reference": 0.9, "ceiling": 1.0}
ACCURACY = {"id": "a", "kind": "accuracy", "points": 1, "metric": "accuracy", "anchors": ANCHORS}


def endless(tmp_path, source, size=3, criterion=PERSON, **data):
    (tmp_path / "cases.py").write_text((HEAD + SOURCES.get(source, source)).replace("SIZE", str(size)))
    return Assignment.model_validate(
        {
            "id": "pool",
            "title": "t",
            "task": "classification",
            "data": {"source": "cases.py", "train": 30, "test": 20, **data},
            "run": {"mode": "retrain"},
            "criterion": [criterion],
            "folder": tmp_path,
        }
    )


@pytest.mark.parametrize("size", [3, 100])
@pytest.mark.parametrize("source", ["anew", "numbered"])
def test_a_generator_that_draws_anew_is_taken(tmp_path, source, size):
    parts = parts_of(endless(tmp_path, source, size), SECRET, "0")
    assert (len(parts.train["x"]), len(parts.test["x"])) == (30, 20)


@pytest.mark.parametrize("size", [3, 100])
@pytest.mark.parametrize(("source", "what"), [("pool", "x of cases|all inputs of cases"), ("patients", r"subject \d+")])
def test_a_generator_that_draws_from_a_pool_is_refused(tmp_path, source, what, size):
    with pytest.raises(UserError, match=f"cases.py draws the same cases for train and test: ({what})"):
        parts_of(endless(tmp_path, source, size), SECRET, "0")


def test_a_pool_leaks_into_validation_too(tmp_path):
    doubled = SOURCES["pool"].replace("permutation(60)[:n]", "integers(0, 60, n)")
    with pytest.raises(UserError, match="for train and val"):
        parts_of(endless(tmp_path, doubled, 100, val=10), SECRET, "0")


def test_rows_of_a_few_small_numbers_agree_by_chance(tmp_path):
    parts = parts_of(endless(tmp_path, "ages", train=200, test=100), SECRET, "0")
    both = {row.tobytes() for row in parts.train["x"]} & {row.tobytes() for row in parts.test["x"]}
    assert len(both) > 20, "27 different rows among 300 cases"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            ANEW.replace(".astype(np.float32)", ""),
            r"draws x as float64 \(30, 3\), but ARRAYS declares a case as float32 \"3\"",
        ),
        (ANEW.replace('"y": np.zeros(n, np.uint8)', '"z": 1'), "draws no y, which ARRAYS declares"),
        (ANEW.replace('"y":', '"z": np.zeros(n), "y":'), "draws z, which ARRAYS does not declare"),
        (ANEW.replace("(n, SIZE)", "(n + 1, SIZE)"), "was asked for 30 cases"),
        ("def draw(n, rng):\n    return [1]\n", "drew list, not a dict"),
        ("def draw(n, rng):\n    raise ValueError('no')\n", "cases.py raised ValueError: no"),
        ("def draw(n, rng):\n    exit(4)\n", "cases.py raised SystemExit: 4"),
        ('def draw(n, rng):\n    return {"x": [[1], [2, 3]]}\n', "draws cases of several sizes"),
        (
            ANEW.replace('"y":', '"subject": np.zeros((n, 2)), "y":'),
            r"draws subject as \(30, 2\); it must have one entry",
        ),
        (ANEW.replace("rng.normal(", "np.nan * rng.normal("), "draws x with NaN or infinity"),
    ],
)
def test_cases_that_are_not_as_declared_are_refused(tmp_path, source, says):
    with pytest.raises(UserError, match=says):
        parts_of(endless(tmp_path, source), SECRET, "0")


def test_a_generator_that_fills_one_array_again_draws_copies(tmp_path):
    source = (
        "BUFFER = np.zeros((60, SIZE), np.float32)\ndef draw(n, rng):\n    BUFFER[:n] = rng.normal(size=(n, SIZE))\n"
        '    return {"x": BUFFER[:n], "y": np.zeros(n, np.uint8)}\n'
    )
    expected = parts_of(endless(tmp_path, "anew", 100), SECRET, "0").train["x"]
    assert (parts_of(endless(tmp_path, source, 100), SECRET, "0").train["x"] == expected).all()


@pytest.mark.parametrize(
    "source",
    [
        ANEW.replace("rng.normal(", "np.random.default_rng().normal("),
        "CALLS = []\n"
        + ANEW.replace("    return", "    CALLS.append(1)\n    return").replace("rng.n", "len(CALLS) + rng.n"),
    ],
)
def test_a_generator_must_draw_equal_cases_from_equal_random_numbers(tmp_path, source):
    assignment = endless(tmp_path, source, 100, criterion=ACCURACY)
    with pytest.raises(UserError, match="draws other cases when it is called again with the same rng"):
        checked_cases(assignment)
    checked_cases(endless(tmp_path, "anew", 100, criterion=ACCURACY))


@pytest.mark.parametrize("first", [0, 1])
def test_numbers_that_begin_anew_in_each_draw_are_other_subjects_beside_a_validation_set_too(tmp_path, first):
    source = SOURCES["numbered"].replace("np.arange(n)", f"(np.arange(n) // 2 + {first}).astype(np.uint8)")
    parts = parts_of(endless(tmp_path, source, train=400, test=260, val=7), SECRET, "0")
    labelled = {str(subject) for side in (parts.train, parts.val) for subject in side["subject"]}
    assert len(labelled) == 200
    assert len(parts.subjects) == len({case.subject for case in parts.cases}) == 130
    assert not labelled & parts.subjects


def test_a_generator_needs_a_number_of_validation_cases_not_a_share(tmp_path):
    with pytest.raises(UserError, match=r"val is 0\.25; the source cases.py draws any number of cases"):
        parts_of(endless(tmp_path, "anew", val=0.25), SECRET, "0")


@pytest.mark.parametrize("key", ["train", "test"])
def test_a_generator_needs_to_know_how_many_cases(tmp_path, key):
    with pytest.raises(UserError, match=f"{key} is missing; the source cases.py draws any number of cases"):
        parts_of(endless(tmp_path, "anew", **{key: None}), SECRET, "0")
    if key == "test":
        with pytest.raises(UserError, match=r"test is 0\.5"):
            parts_of(endless(tmp_path, "anew", test=0.5), SECRET, "0")
