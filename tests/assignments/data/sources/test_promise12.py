"""The loader of the tutorial's PROMISE12 files, on made-up files of the same form: no patient is needed here."""

from pathlib import Path

import numpy as np
import pytest

from assignments.assignment import Assignment
from assignments.data.parts import parts_of
from assignments.data.sources.promise12 import SOURCE
from assignments.data.split import new_split, read_split, write_split
from assignments.errors import UserError

SHAPE = (32, 128, 128)


@pytest.fixture
def folder(tmp_path):
    for number in range(6):
        write(tmp_path, number)
    return tmp_path


def write(folder, number):
    """A case whose every voxel says its number, in the dtypes of the tutorial."""
    np.save(folder / f"image_train{number:02d}.npy", np.full(SHAPE, 100 + number, np.int16))
    label = np.zeros(SHAPE, np.int8)
    label[number] = 1
    np.save(folder / f"label_train{number:02d}.npy", label)


def assignment(folder, id="prostate", **data):
    return Assignment.model_validate({
        "id": id, "title": "t", "task": "segmentation", "run": {"mode": "weights"}, "folder": "/nowhere",
        "criterion": [{"id": "report", "kind": "person", "points": 1}],
        "data": {"source": "promise12", "path": folder, "test": 2, **data},
    })  # fmt: skip


def loaded(folder):
    """All cases by subject, one after the other as medmark reads them."""
    opened = SOURCE.open(assignment(folder))
    return {subject.id: SOURCE.load(opened, subject.id) for subject in SOURCE.subjects(opened)}


def refusal(folder):
    with pytest.raises(UserError) as caught:
        loaded(folder)
    return str(caught.value)


def test_arrays_are_as_declared_and_images_keep_their_labels(folder):
    cases = loaded(folder)
    assert list(cases) == ["case00", "case01", "case02", "case03", "case04", "case05"]
    for number, case in enumerate(cases.values()):
        assert case["image"].shape == case["label"].shape == SHAPE
        assert case["image"].dtype == np.float32
        assert case["label"].dtype == np.uint8
        assert np.allclose(case["spacing"], [2.2, 1.1, 1.1])
        assert all(axes.fits(case[key]) for key, axes in SOURCE.declared.items())
        assert case["image"][0, 0, 0] == 100 + number
        assert case["label"][number].all()
        assert case["label"].sum() == 128 * 128
    assert [key for key, axes in SOURCE.declared.items() if axes.role == "truth"] == ["label"]


def test_a_case_is_one_patient_of_no_published_part(folder):
    for subject in SOURCE.subjects(SOURCE.open(assignment(folder))):
        assert subject.members == (subject.id,)
        assert subject.part is None


def test_a_split_seed_holds_out_the_same_cases_for_everybody(folder):
    subjects = SOURCE.subjects(SOURCE.open(assignment(folder)))
    splits = {new_split(subjects, assignment(folder, id=id, split_seed=41).data)[0].of("test") for id in ("one", "two")}
    assert [len(hidden) for hidden in splits] == [2]


def test_without_a_split_seed_chance_decides(folder):
    subjects = SOURCE.subjects(SOURCE.open(assignment(folder)))
    splits = [new_split(subjects, assignment(folder).data)[0] for _ in range(20)]
    # One of 15 pairs, 20 times: all alike once in 15^19.
    assert len({split.of("test") for split in splits}) > 1
    for split in splits:
        assert sorted(split.of("train") + split.of("test")) == [subject.id for subject in subjects]


def test_a_hidden_case_is_the_same_whatever_the_secret(folder, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path_factory.mktemp("home")))
    of = assignment(folder, split=folder / "split.csv")
    write_split(of.data.split, new_split(SOURCE.subjects(SOURCE.open(of)), of.data)[0])
    hidden = read_split(of.data.split).of("test")
    for secret in (b"s" * 32, b"o" * 32):
        parts = parts_of(of, secret, "0")
        assert parts.subjects == set(hidden)
        assert {f"case{int(image[0, 0, 0]) - 100:02d}" for image in parts.test["image"]} == set(hidden)
        assert not {int(image[0, 0, 0]) for image in parts.train["image"]} & {100 + int(id[4:]) for id in hidden}


def test_a_case_is_read_again_when_one_of_its_files_changes(folder):
    opened = SOURCE.open(assignment(folder))
    before = {number: SOURCE.stamp(opened, f"case{number:02d}") for number in range(6)}
    write(folder, 3)
    assert [n for n in range(6) if SOURCE.stamp(opened, f"case{n:02d}") != before[n]] == [3]


def test_a_source_without_a_path_names_the_key():
    assert 'source = "promise12" needs path' in refusal(None)


def test_a_missing_folder_is_named(tmp_path):
    assert f"there is no folder {tmp_path / 'away'}" in refusal(tmp_path / "away")


def test_a_folder_without_cases_is_refused_with_the_names_of_the_files(tmp_path):
    assert "no image_trainNN.npy" in refusal(tmp_path)


def test_every_image_or_label_without_the_other_is_named(folder):
    Path(folder, "label_train02.npy").unlink()
    Path(folder, "image_train04.npy").unlink()
    text = refusal(folder)
    assert "image_train02.npy has no label" in text
    assert "label_train04.npy has no image" in text


def test_too_few_cases_are_refused_with_both_numbers(folder):
    of = assignment(folder, train=7)
    with pytest.raises(UserError, match=r"train = 7, .* test = 2 need 9 subjects, but there are 6"):
        new_split(SOURCE.subjects(SOURCE.open(of)), of.data)


def test_another_shape_is_named_with_its_file(folder):
    np.save(folder / "image_train03.npy", np.zeros((32, 256, 256), np.int16))
    text = refusal(folder)
    assert "image_train03.npy: int16 (32, 256, 256)" in text
    assert "(32, 128, 128)" in text


def test_probabilities_are_not_labels(folder):
    np.save(folder / "label_train03.npy", np.full(SHAPE, 0.5))
    assert "label_train03.npy: float64" in refusal(folder)


def test_zones_are_not_labels(folder):
    np.save(folder / "label_train03.npy", np.full(SHAPE, 2, np.int8))
    assert "labels from 2 to 2" in refusal(folder)


def test_a_file_with_objects_is_never_unpickled(folder):
    np.save(folder / "image_train03.npy", np.array([object()]), allow_pickle=True)
    text = refusal(folder)
    assert "image_train03.npy: cannot be read" in text


def test_a_truncated_file_is_named(folder):
    path = folder / "image_train03.npy"
    for size in (5000, 0):
        path.write_bytes(path.read_bytes()[:size])
        assert "image_train03.npy: cannot be read" in refusal(folder)
