"""What students get of the cases: training and validation ones that are shared, else what shows no patient."""

from __future__ import annotations

import numpy as np
import pytest

from assignments.data.parts import parts_of
from assignments.data.published import held_out, published_cases
from assignments.data.sources import source_of
from assignments.data.split import new_split, read_split, write_split
from assignments.errors import UserError
from assignments.load import load
from graders.tasks import TASKS
from tests.assignments.data.finite_source import SCANS
from tests.assignments.data.scans_folder import INTERFACE, write_folder
from tests.assignments.data.test_parts import ACCURACY, ANEW, endless
from tests.assignments.data.test_sharing import DRAWN, PERMITTED

SMALL = """
def small_cases(n, rng):
    image = rng.normal(size=(n, 4, 6)).astype(np.float32)
    return {"image": image, "label": (image > 1).astype(np.uint8), "spacing": np.ones((n, 2), np.float32)}
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))


def loaded(tmp_path, **changes):
    return load(write_folder(tmp_path, **changes), tasks=TASKS)


def split(assignment):
    source = source_of(assignment)
    write_split(assignment.split_file, new_split(source.subjects(source.open(assignment)), assignment.data)[0])
    return assignment


def drawn_pairs(tmp_path, val):
    pairs = ANEW.replace('"y":', '"subject": np.arange(n) // 2, "y":')
    return endless(tmp_path, pairs, criterion=ACCURACY, train=10, test=4, val=val)


def slices_of(tmp_path, ids):
    return {slice_.tobytes() for id in ids for slice_ in np.load(tmp_path / "patients" / f"{id}.npz")["image"]}


def test_shared_cases_are_those_of_the_training_and_the_validation_part(tmp_path):
    assignment = split(loaded(tmp_path, data=f"val = 2\n{PERMITTED}"))
    published, rows = published_cases(assignment), read_split(assignment.split_file)
    assert published.kind == "shared"
    for part, cases in (("train", published.train), ("val", published.val)):
        assert {image.tobytes() for image in cases["image"]} == slices_of(tmp_path, rows.of(part))
    assert set(published.train["subject"].tolist()) == {0, 1, 2, 3}
    assert set(published.val["subject"].tolist()) == {4, 5}
    assert published.counts == (18, 6)


def test_of_patients_who_stay_only_phantoms_leave(tmp_path):
    assignment = split(loaded(tmp_path, data="val = 2\n"))
    published = published_cases(assignment)
    assert published.kind == "phantoms"
    assert {key: (a.dtype.name, a.shape) for key, a in published.train.items()} == {
        "image": ("float32", (16, 32, 32)),
        "label": ("uint8", (16, 32, 32)),
        "spacing": ("float32", (16, 2)),
        "subject": ("int64", (16,)),
    }
    assert len(published.val["image"]) == 4
    assert not set(published.train["subject"].tolist()) & set(published.val["subject"].tolist())
    assert "show no patient" in published.readme


def test_phantoms_have_the_sizes_that_the_interface_fixes(tmp_path):
    assignment = split(loaded(tmp_path))
    path = assignment.folder / "interface.py"
    path.write_text(
        INTERFACE.replace('Float32[np.ndarray, "n h w"]\n    spacing', 'Float32[np.ndarray, "n 24 w"]\n    spacing')
    )
    cases = published_cases(assignment).train
    assert (cases["image"].shape, cases["label"].shape) == ((16, 24, 32), (16, 24, 32))


def test_where_fit_receives_lists_phantoms_differ_in_size(tmp_path):
    assignment = split(loaded(tmp_path, data="val = 2\n"))
    slices, labelled = INTERFACE.split("class Labelled")
    labelled = labelled.replace('image: Float32[np.ndarray, "n h w"]', 'image: list[Float32[np.ndarray, "h w"]]', 1)
    labelled = labelled.replace('UInt8[np.ndarray, "n h w"]', 'list[UInt8[np.ndarray, "h w"]]')
    (assignment.folder / "interface.py").write_text(f"{slices}class Labelled{labelled}")
    published = published_cases(assignment)
    for part, count in ((published.train, 16), (published.val, 4)):
        shapes = [image.shape for image in part["image"]]
        assert shapes == [label.shape for label in part["label"]]
        assert (len(shapes), set(shapes)) == (count, {(32, 32), (40, 40)})
        assert all(label.any() for label in part["label"])
    assert sorted(published.train["subject"].tolist() + published.val["subject"].tolist()) == list(range(20))


def test_an_authors_small_cases_stand_in_where_there_are_some(tmp_path):
    published = published_cases(split(loaded(tmp_path, source=SCANS + SMALL)))
    assert (published.kind, published.train["image"].shape) == ("small cases", (16, 4, 6))
    assert published.val["image"].shape == (4, 4, 6)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "astype(np.uint8)",
            "astype(np.int64)",
            r"draws label as int64 \(20, 4, 6\), but ARRAYS declares a case as uint8",
        ),
        ("size=(n, 4, 6)", "size=(n, 2, 4, 6)", "draws image as float32"),
        ('"label":', '"mask":', "draws no label"),
        ("np.ones((n, 2)", "np.ones((n, 3)", "draws spacing"),
    ],
)
def test_small_cases_that_are_not_as_declared_are_refused(tmp_path, old, new, says):
    assignment = split(loaded(tmp_path, source=SCANS + SMALL.replace(old, new)))
    with pytest.raises(UserError, match=f"small_cases {says}"):
        published_cases(assignment)


def test_a_generator_that_is_kept_back_publishes_phantoms_too(tmp_path):
    published = published_cases(loaded(tmp_path, source=DRAWN, data='train = 5\nshare = "none"\n'))
    assert (published.kind, len(published.train["image"])) == ("phantoms", 16)
    published = published_cases(loaded(tmp_path, source=DRAWN, data="train = 5\nval = 2\n"))
    assert (published.kind, len(published.train["image"]), len(published.val["image"])) == ("drawn", 3, 2)


def test_where_no_split_has_a_validation_part_a_fifth_of_the_subjects_is_set_aside(tmp_path):
    assignment = split(loaded(tmp_path, data=PERMITTED))
    published, again = published_cases(assignment), published_cases(assignment)
    train, val = ({int(number) for number in part["subject"]} for part in (published.train, published.val))
    assert (len(train), len(val), train & val) == (5, 1, set())  # six training subjects
    assert (again.val["image"] == published.val["image"]).all()
    hidden = slices_of(tmp_path, read_split(assignment.split_file).of("test"))
    assert not hidden & {image.tobytes() for part in (published.train, published.val) for image in part["image"]}


@pytest.mark.parametrize(("subjects", "aside"), [(4, None), (5, 1), (9, 1), (10, 2)])
def test_fewer_than_five_subjects_all_stay_for_training(subjects, aside):
    cases = {"x": np.arange(2 * subjects), "subject": np.repeat(np.arange(subjects), 2)}
    train, val = held_out(cases, "id")
    assert (None if val is None else len(set(val["subject"].tolist()))) == aside
    assert sorted([*train["x"], *(() if val is None else val["x"])]) == list(range(2 * subjects))


@pytest.mark.parametrize(("least", "aside"), [(1, 2), (2, 2), (3, 4), (6, 6), (7, 8)])
def test_the_validation_cases_of_a_handout_are_those_that_marking_gives_to_fit(tmp_path, least, aside):
    assignment = drawn_pairs(tmp_path, val=least)
    published, parts = published_cases(assignment), parts_of(assignment, b"s" * 32, "0")
    for mine, theirs in ((published.train, parts.train), (published.val, parts.val)):
        assert mine.keys() == theirs.keys()
        assert all(np.array_equal(mine[key], theirs[key]) for key in mine)
    assert (len(published.train["x"]), len(published.val["x"])) == (10 - aside, aside)
    assert not set(published.train["subject"]) & set(published.val["subject"])


def test_a_handout_is_refused_where_validation_leaves_nothing_to_train_on(tmp_path):
    with pytest.raises(UserError, match="val = 10 leaves none of 10 cases to train on"):
        published_cases(drawn_pairs(tmp_path, val=10))


def test_nothing_is_published_of_a_folder_without_a_split(tmp_path):
    for data in ("", PERMITTED):
        with pytest.raises(UserError, match=r"has no split yet .*medmark data .*--split"):
            published_cases(loaded(tmp_path, data=data))


def test_nothing_is_published_while_a_slice_is_in_two_parts(tmp_path):
    assignment = split(loaded(tmp_path))
    rows = read_split(assignment.split_file)
    hidden, trained = (tmp_path / "patients" / f"{rows.of(part)[0]}.npz" for part in ("test", "train"))
    trained.write_bytes(hidden.read_bytes())
    with pytest.raises(UserError, match=f"{rows.of('test')[0]} .test, case 0"):
        published_cases(assignment)


def test_a_generator_that_draws_from_a_pool_is_not_published(tmp_path):
    pool = DRAWN.replace(
        "def draw(n, rng):\n    image = rng", "def draw(n, rng):\n    image = np.random.default_rng(1)"
    )
    with pytest.raises(UserError, match="draws the same cases for train and test"):
        published_cases(loaded(tmp_path, source=pool, data="train = 5\n"))
