"""The picture of an assignment's data shows cases as their task does, and says in words all that it shows."""

import io

import numpy as np
import pytest
from PIL import Image

from assignments.data.source import Axes
from assignments.drawing import data_picture as drawing
from assignments.drawing.data_picture import data_picture
from tests.reports.hand_made import assignment

RNG = np.random.default_rng(3)
IMAGES = {"image": Axes("float32", "h w")}


@pytest.fixture
def tiles(monkeypatch):
    """The tiles of each sheet that is drawn, with its columns."""
    seen = []
    sheet = drawing.sheet
    monkeypatch.setattr(
        drawing, "sheet", lambda tiles, columns: (seen.append((tiles, columns)), sheet(tiles, columns))[1]
    )
    return seen


def draw(task, arrays, cases, classes=()):
    data = {"source": "cases.py", "train": 8, "test": 2, "classes": classes}
    return data_picture(assignment(task=task, data=data), arrays, cases)


def images(n, shape=(16, 12)):
    return RNG.random((n, *shape)).astype(np.float32)


def test_images_to_classify_stand_below_their_classes_each_of_another_subject(tiles):
    arrays = {**IMAGES, "y": Axes("uint8", "", role="truth")}
    y = np.array([2, 2, 0, 1, 2, 0, 1, 0], np.uint8)
    cases = {"image": images(8), "y": y, "subject": np.array([0, 0, 1, 1, 2, 3, 3, 4])}
    shown = draw("classification", arrays, cases, classes=("head", "heart", "other"))
    ((drawn, columns),) = tiles
    assert (columns, [tile.words for tile in drawn]) == (3, ["head", "heart", "other"] * 2)
    for tile, index in zip(drawn, (2, 3, 0, 5, 6, 4), strict=True):  # of "other", cases 0 and 1 are of one subject
        np.testing.assert_array_equal(tile.image, cases["image"][index])
    assert "head, heart, other, head, heart, other" in shown.alt
    assert shown.caption.startswith("6 of 8 cases to train on, each below its class: head, heart, other.")


def test_a_volume_is_shown_by_the_slice_with_the_most_of_its_label(tiles):
    arrays = {"image": Axes("float32", "d h w"), "label": Axes("uint8", "d h w", role="truth")}
    label = np.zeros((5, 6, 16, 12), np.uint8)
    for case in range(5):
        label[case, case, 2:9, 2:9] = 1
        label[case, case + 1, 2:4, 2:4] = 1
    cases = {"image": images(5, (6, 16, 12)), "label": label, "subject": np.arange(5) + 10}
    shown = draw("segmentation", arrays, cases, classes=("background", "gland"))
    ((drawn, _),) = tiles
    assert [tile.words for tile in drawn] == ["subject 10", "subject 11", "subject 13", "subject 14"]
    for tile, index in zip(drawn, (0, 1, 3, 4), strict=True):
        np.testing.assert_array_equal(tile.image, cases["image"][index, index])
        np.testing.assert_array_equal(tile.labels, label[index, index])
    assert "subject 13 (slice 4 of 6)" in shown.alt
    assert "Outlined: gland (turquoise)." in shown.caption


def test_a_pair_stands_side_by_side_with_its_own_labels_and_landmarks(tiles):
    arrays = {
        **{key: Axes("float32", "h w") for key in ("fixed", "moving")},
        "labels": Axes("uint8", "2 h w", role="truth"),
        "landmarks": Axes("float32", "2 4 2", role="truth"),
    }
    labels = RNG.integers(0, 3, (3, 2, 16, 12)).astype(np.uint8)
    cases = {
        "fixed": images(3),
        "moving": images(3),
        "labels": labels,
        "landmarks": RNG.uniform(0, 10, (3, 2, 4, 2)).astype(np.float32),
    }
    shown = draw("registration", arrays, cases)
    ((drawn, columns),) = tiles
    assert (columns, [tile.words for tile in drawn]) == (4, ["fixed 0", "moving 0", "fixed 2", "moving 2"])
    for tile, (index, side) in zip(drawn, ((0, 0), (0, 1), (2, 0), (2, 1)), strict=True):
        np.testing.assert_array_equal(tile.image, cases[("fixed", "moving")[side]][index])
        np.testing.assert_array_equal(tile.labels, labels[index, side])
        np.testing.assert_array_equal(tile.points, cases["landmarks"][index, side])
    assert "label 1 (turquoise), label 2 (orange)" in shown.caption
    assert "landmarks" in shown.caption
    assert "landmarks" in shown.alt


def test_of_landmarks_of_a_volume_those_in_the_slice_are_shown(tiles):
    arrays = {
        **{key: Axes("float32", "d h w") for key in ("fixed", "moving")},
        "landmarks": Axes("float32", "2 2 3", role="truth"),
    }
    at = np.array([[[[2, 3, 4], [0, 1, 1]], [[0, 5, 6], [2.4, 7, 8]]]], np.float32)
    cases = {"fixed": images(1, (4, 16, 12)), "moving": images(1, (4, 16, 12)), "landmarks": at}
    draw("registration", arrays, cases)
    ((drawn, _),) = tiles  # the middle slice is 2
    np.testing.assert_array_equal(drawn[0].points, [[3, 4]])
    np.testing.assert_array_equal(drawn[1].points, [[7, 8]])


def test_an_image_to_make_stands_beside_the_one_it_is_made_from(tiles):
    arrays = {**IMAGES, "target": Axes("float32", "h w", role="truth"), "mask": Axes("uint8", "h w", role="truth")}
    cases = {"image": images(2), "target": images(2), "mask": np.ones((2, 16, 12), np.uint8)}
    draw("synthesis", arrays, cases)
    ((drawn, _),) = tiles
    assert [tile.words for tile in drawn] == ["image 0", "target 0", "image 1", "target 1"]
    np.testing.assert_array_equal(drawn[3].image, cases["target"][1])
    assert all(tile.labels is None for tile in drawn)


def test_images_with_a_number_go_from_the_lowest_to_the_highest(tiles):
    arrays = {**IMAGES, "y": Axes("float32", "", role="truth", doc="age in weeks")}
    cases = {"image": images(5), "y": np.float32([30, 10, 50, 20, 40])}
    shown = draw("regression", arrays, cases)
    assert [tile.words for tile in tiles[0][0]] == ["10", "20", "40", "50"]
    assert "age in weeks" in shown.caption


def test_images_with_several_labels_name_them(tiles):
    arrays = {**IMAGES, "y": Axes("uint8", "3", role="truth")}
    cases = {"image": images(2), "y": np.uint8([[1, 0, 1], [0, 0, 0]])}
    draw("multilabel", arrays, cases, classes=("fluid", "nodule", "mass"))
    assert [tile.words for tile in tiles[0][0]] == ["fluid, mass", "none"]


def test_what_the_source_says_of_classes_stands_where_they_have_no_names():
    arrays = {**IMAGES, "y": Axes("uint8", "", role="truth", doc="0 benign, 1 malignant")}
    cases = {"image": images(4), "y": np.uint8([0, 1, 0, 1])}
    assert "class 0, class 1 (`y`: 0 benign, 1 malignant)" in draw("classification", arrays, cases).caption
    assert "`y`" not in draw("classification", arrays, cases, classes=("benign", "malignant")).caption


def test_more_classes_than_fit_are_counted():
    arrays = {**IMAGES, "y": Axes("uint8", "", role="truth")}
    shown = draw("classification", arrays, {"image": images(20), "y": np.arange(20).astype(np.uint8) % 10})
    assert "Shown are the first 8 of 10 classes." in shown.caption


def test_many_objects_are_counted_and_not_named():
    arrays = {**IMAGES, "instances": Axes("int32", "h w", role="truth")}
    instances = np.arange(192).reshape(1, 16, 12) // 16
    shown = draw("instances", arrays, {"image": images(1), "instances": instances.astype(np.int32)})
    assert "Outlined: 11 objects, each in a colour." in shown.caption


def test_what_is_left_out_of_a_case_is_said():
    arrays = {key: Axes("float32", axes) for key, axes in (("t2", "2 h w"), ("adc", "h w"))}
    arrays["label"] = Axes("uint8", "h w", role="truth")
    cases = {"t2": images(2, (2, 16, 12)), "adc": images(2), "label": np.ones((2, 16, 12), np.uint8)}
    caption = draw("segmentation", arrays, cases).caption
    assert "Shown is `t2`, one of 2 images of a case. Shown is the first of its 2 channels." in caption


def test_cases_of_an_assignment_without_a_task_are_shown_as_they_are(tiles):
    draw("", IMAGES, {"image": images(2)})
    assert [tile.words for tile in tiles[0][0]] == ["case 0", "case 1"]


def test_the_cases_of_two_classes_stand_in_a_row(tiles):
    arrays = {**IMAGES, "y": Axes("uint8", "", role="truth")}
    draw("classification", arrays, {"image": images(4), "y": np.uint8([0, 1, 0, 1])}, classes=("benign", "malignant"))
    assert (tiles[0][1], [tile.words for tile in tiles[0][0]]) == (4, ["benign"] * 2 + ["malignant"] * 2)


def test_rows_of_numbers_have_no_picture():
    arrays = {"x": Axes("float32", "30"), "y": Axes("uint8", "", role="truth")}
    assert draw("classification", arrays, {"x": images(4, (30,)), "y": np.uint8([0, 1, 0, 1])}) is None


def test_the_picture_is_a_png():
    arrays = {**IMAGES, "y": Axes("uint8", "", role="truth")}
    shown = draw("classification", arrays, {"image": images(4), "y": np.uint8([0, 1, 0, 1])})
    assert Image.open(io.BytesIO(shown.png)).format == "PNG"
