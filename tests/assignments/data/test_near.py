"""Near pairs: the same image with noise, shifted, brighter or saved as JPEG is found; another patient's is not."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from assignments.data import near as near_file
from assignments.data.near import ALIKE, near_drawn, near_pairs, thumbnail
from assignments.data.prepared import prepare
from assignments.data.source import Axes
from assignments.data.sources import source_of
from assignments.data.split import Split, SplitRow
from tests.assignments.data.finite_source import assignment_of

SLICE, VOLUME = Axes("float32", "h w"), Axes("float32", "d h w")


def tissue(number, *shape):
    """A smooth random image: structures of some six pixels, and noise."""
    rng = np.random.default_rng(number)
    image = gaussian_filter(rng.normal(size=shape), 6)
    return (1000 * image / image.std() + 50 * rng.normal(size=shape)).astype(np.float32)


def as_jpeg(image, quality=75):
    grey = ((image - image.min()) / np.ptp(image) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).astype(np.float32)


CHANGES = {
    "noise": lambda image: image + np.random.default_rng(9).normal(0, 0.2 * image.std(), image.shape),
    "shift": lambda image: np.roll(image, 1, axis=-1),
    "brightness": lambda image: 1.3 * image + 200,
    "jpeg": as_jpeg,
    "gamma": lambda image: (image - image.min()) ** 0.8,
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_slice_is_near_after_a_change(change):
    image = tissue(1, 128, 128)
    parts = {"train": {"image": image[None]}, "test": {"image": CHANGES[change](image)[None]}}
    drawn = near_drawn({"image": SLICE}, parts)
    assert drawn.count == 1
    assert drawn.pairs[0].correlation > 0.8


TURNED = {
    "turned by 180 degrees": lambda image: np.rot90(image, 2, (-2, -1)),
    "mirrored from left to right": lambda image: np.flip(image, -1),
    "mirrored from top to bottom": lambda image: np.flip(image, -2),
    "turned by a quarter": lambda image: np.rot90(image, 1, (-2, -1)),
    "with rows and columns exchanged": lambda image: np.swapaxes(image, -2, -1),
    "mirrored and turned": lambda image: np.rot90(np.swapaxes(image, -2, -1), 2, (-2, -1)),
}


@pytest.mark.parametrize("pose", TURNED)
@pytest.mark.parametrize(("axes", "shape"), [(SLICE, (64, 64)), (VOLUME, (8, 64, 64))], ids=["slice", "volume"])
def test_a_copy_that_is_turned_or_mirrored_in_the_plane_is_near_and_says_how(pose, axes, shape):
    image = tissue(1, *shape)
    copy = np.ascontiguousarray(TURNED[pose](image))
    (pair,) = near_drawn({"image": axes}, {"train": {"image": image[None]}, "test": {"image": copy[None]}}).pairs
    assert (pair.pose, pair.correlation > 0.95) == (pose, True)


def test_an_image_with_more_rows_than_columns_is_compared_in_the_poses_that_keep_its_shape():
    image = tissue(1, 30, 20)
    copies = np.stack([np.rot90(image, 2), np.flip(image, 1)])
    drawn = near_drawn({"image": SLICE}, {"train": {"image": image[None]}, "test": {"image": copies}})
    assert [pair.pose for pair in drawn.pairs] == ["turned by 180 degrees", "mirrored from left to right"]


def test_a_volume_that_is_shifted_is_near_and_another_is_not():
    a, b = (tissue(number, 16, 64, 64) for number in (1, 2))
    parts = {"train": {"image": np.stack([a, b])}, "test": {"image": np.roll(a, 1, axis=2)[None]}}
    [pair] = near_drawn({"image": VOLUME}, parts).pairs
    assert (pair.first.subject, pair.second.subject) == ("0", "0")


def test_of_sixty_unrelated_slices_no_pair_is_near():
    slices = np.stack([tissue(number, 128, 128) for number in range(60)])
    drawn = near_drawn({"image": SLICE}, {"train": {"image": slices[:40]}, "test": {"image": slices[40:]}})
    assert (drawn.count, drawn.compared) == (0, 60)


def test_a_thumbnail_is_the_mean_of_blocks_without_what_varies_slowly():
    ramp = np.add.outer(np.arange(64.0), np.arange(64.0))
    image = tissue(4, 64, 64)
    plain, on_a_ramp = thumbnail(image, SLICE), thumbnail(image + 10 * ramp, SLICE)
    assert plain.shape == (32, 32)
    assert float((plain * plain).sum()) == pytest.approx(1, abs=1e-5)
    assert float((plain * on_a_ramp).sum()) > 0.95
    blocks = image.astype(float).reshape(32, 2, 32, 2).mean(axis=(1, 3))
    detail = blocks - gaussian_filter(blocks, 2)
    expected = (detail - detail.mean()) / np.linalg.norm(detail - detail.mean())
    np.testing.assert_allclose(plain, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("array", "axes"),
    [
        (np.full((64, 64), 7, np.float32), SLICE),  # flat
        (tissue(1, 12, 12), SLICE),  # alike by chance
        (np.arange(30, dtype=np.float32), Axes("float32", "30")),
        (np.zeros((2, 40, 3), np.float32), Axes("float32", "2 p 3")),
    ],
)
def test_what_is_not_an_image_of_some_size_is_not_compared(array, axes):
    assert thumbnail(array, axes) is None


def test_channels_count_together():
    image = tissue(1, 64, 64)
    colour = np.stack([image, image, image])
    np.testing.assert_allclose(thumbnail(colour, Axes("float32", "3 h w")), thumbnail(image, SLICE), atol=1e-5)


@pytest.fixture
def split_of_four(tmp_path):
    """P000 and P001 for training; of the hidden ones P002 is P000 with noise, P003 somebody else."""
    folder = tmp_path / "patients"
    folder.mkdir()
    images = [np.stack([tissue(10 * number + i, 64, 64) for i in range(2)]) for number in range(4)]
    images[2] = images[0] + np.random.default_rng(5).normal(0, 100, images[0].shape).astype(np.float32)
    for number, image in enumerate(images):
        np.savez(folder / f"P00{number}.npz", image=image, label=(image > 0).astype(np.uint8))
    assignment = assignment_of(tmp_path)
    split = Split(tuple(SplitRow(f"P00{n}", "train" if n < 2 else "test") for n in range(4)))
    return prepare(assignment, source_of(assignment), split=split)


def test_the_pairs_of_a_split_name_subject_part_and_case(split_of_four):
    near = near_pairs(split_of_four)
    (pair,) = near.pairs  # two slices of each are near: one line for the two subjects
    assert (near.count, near.subjects, pair.count) == (2, 1, 2)
    assert (pair.first.subject, pair.first.part, pair.second.subject, pair.second.part) == (
        "P000", "train", "P002", "test",
    )  # fmt: skip
    assert pair.first.number == pair.second.number
    assert pair.correlation >= ALIKE


def test_a_second_look_reads_no_image(split_of_four, monkeypatch):
    near = near_pairs(split_of_four)
    monkeypatch.setattr(near_file, "thumbnail", lambda array, axes: pytest.fail("an image was read again"))
    again = near_pairs(split_of_four)
    assert [(pair.first.subject, pair.correlation) for pair in again.pairs] == [
        (pair.first.subject, pair.correlation) for pair in near.pairs
    ]


def test_ten_pairs_of_subjects_are_named_and_all_are_counted():
    image = tissue(1, 64, 64)
    same = np.stack([image] * 6)
    near = near_drawn({"image": SLICE}, {"train": {"image": same[:4]}, "test": {"image": same[:5]}})
    assert (near.count, near.subjects, len(near.pairs)) == (20, 20, 10)
