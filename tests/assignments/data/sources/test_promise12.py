"""The loader of the tutorial's PROMISE12 files, on made-up files of the same form: no patient is needed here."""

from pathlib import Path

import numpy as np
import pytest

from assignments.assignment import Data
from assignments.data.sources.promise12 import draw
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


def drawn(folder, *, split_seed=None, secret=0, train=4, test=2):
    data = Data(source="promise12", path=folder, train=train, test=test, split_seed=split_seed)
    return draw(data, np.random.default_rng(9), np.random.default_rng(secret))


def refusal(folder, **kwargs):
    with pytest.raises(UserError) as caught:
        drawn(folder, **kwargs)
    return str(caught.value)


def test_arrays_are_as_declared_and_images_keep_their_labels(folder):
    train, test = drawn(folder, split_seed=41)
    for cases, n in ((train, 4), (test, 2)):
        assert cases["image"].shape == cases["label"].shape == (n, *SHAPE)
        assert cases["image"].dtype == np.float32
        assert cases["label"].dtype == np.uint8
        assert np.allclose(cases["spacing"], [[2.2, 0.6, 0.6]] * n)
        for image, label, subject in zip(cases["image"], cases["label"], cases["subject"], strict=True):
            assert image[0, 0, 0] == 100 + subject
            assert label[subject].all()
            assert label.sum() == 128 * 128


def test_split_seed_41_holds_out_what_numpy_says(folder):
    order = np.random.default_rng(41).permutation(6)
    for secret in (1, 2):  # whatever the course's secret
        train, test = drawn(folder, split_seed=41, secret=secret)
        assert sorted(order[:2]) == test["subject"].tolist()
        assert sorted(order[2:]) == train["subject"].tolist()


def test_without_a_split_seed_the_hidden_stream_chooses(folder):
    splits = {tuple(drawn(folder, secret=secret)[1]["subject"]) for secret in range(12)}
    assert len(splits) > 1
    train, test = drawn(folder, secret=3)
    assert not set(train["subject"]) & set(test["subject"])


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
    assert "are 9 cases" in refusal(folder, train=7, test=2)
    assert "has 6" in refusal(folder, train=7, test=2)


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
    path.write_bytes(path.read_bytes()[:5000])
    assert "image_train03.npy: cannot be read" in refusal(folder)
