"""What a handout's train.py draws of validation cases: the slice that a page would show, and the masks on it."""

from __future__ import annotations

import numpy as np
import pytest

from assignments.interface import read_interface
from graders.runs.public_cases import PublicCases
from reports.case_views import MOST, case_views
from tests.reports.hand_made import assignment

VOLUME = np.arange(10 * 12 * 14, dtype=np.float32).reshape(10, 12, 14)
LABEL = np.zeros(VOLUME.shape, np.uint8)
LABEL[2:4, 5, 6:9] = 1  # most of it is in row 5
LABEL[2, 7, 6] = 1
PROB = np.where(VOLUME > 800, 0.9, 0.1).astype(np.float32)


INTERFACE = """\
from typing import TypedDict

import numpy as np
from jaxtyping import Float, Float32

from assignments.interface import Model


class Volumes(TypedDict):
    image: Float32[np.ndarray, "n d h w"]


class Prediction(TypedDict):
    prob: Float[np.ndarray, "n d h w"]


def predict(model: Model, inputs: Volumes) -> Prediction: ...
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The pictures of validation cases, all alike, of a segmentation."""
    path = tmp_path_factory.mktemp("own") / "interface.py"
    path.write_text(INTERFACE)
    interface = read_interface(path)

    def of(image, label, prediction, spacing=None, count=1, **changes):
        val = {"image": np.stack([image] * count), "label": np.stack([label] * count)}
        if spacing is not None:
            val["spacing"] = np.array([spacing] * count, np.float32)
        public = PublicCases(assignment(**changes), interface, val, val, "shared")
        return case_views(public, [{"prob": prediction[None]}] * count)

    return of


def test_of_a_volume_the_slice_with_the_most_label_is_drawn_along_its_thickest_axis(drawn):
    (view,) = drawn(VOLUME, LABEL, PROB, spacing=(0.5, 3.0, 1.0))
    np.testing.assert_array_equal(view.image, VOLUME[:, 5, :])
    np.testing.assert_array_equal(view.truth, LABEL[:, 5, :])
    np.testing.assert_array_equal(view.prediction, VOLUME[:, 5, :] > 800)
    assert view.aspect == 0.5
    assert view.title == "case 0, slice 6 of 12 along h"


def test_a_volume_from_a_folder_of_scans_is_drawn_with_the_head_and_the_front_up(drawn):
    (view,) = drawn(VOLUME, LABEL, PROB, spacing=(3.0, 1.0, 1.0), data={"source": "folder", "path": "scans"})
    np.testing.assert_array_equal(view.image, VOLUME[2, ::-1, ::-1])
    np.testing.assert_array_equal(view.truth, LABEL[2, ::-1, ::-1])


def test_a_volume_without_spacing_or_label_shows_its_middle_slice(drawn):
    (view,) = drawn(VOLUME, LABEL * 0, PROB)
    np.testing.assert_array_equal(view.image, VOLUME[5])
    assert view.aspect == 1.0


def test_of_an_image_with_colours_their_mean_is_drawn(drawn):
    colours = np.stack([VOLUME[0], VOLUME[0] + 3, VOLUME[0] + 6])
    (view,) = drawn(colours, LABEL[2], PROB[2])
    np.testing.assert_array_equal(view.image, VOLUME[0] + 3)
    np.testing.assert_array_equal(view.truth, LABEL[2])


def test_a_prediction_of_another_shape_is_told_and_not_drawn(drawn):
    (view,) = drawn(VOLUME, LABEL, PROB[:, :6])
    assert view.title == "case 0, slice 3 of 10: a prediction of 10 x 6 x 14"
    assert view.prediction is None


def test_no_more_than_a_few_cases_are_drawn(drawn):
    assert len(drawn(VOLUME, LABEL, PROB, count=MOST + 1)) == MOST


def test_an_image_that_is_to_be_made_is_drawn_beside_the_one_that_the_model_made(drawn):
    truth, made = drawn(VOLUME, VOLUME + 1, VOLUME + 2, spacing=(0.5, 3.0, 1.0))
    assert (truth.title, made.title) == ("case 0, slice 7 of 12 along h: truth", "case 0, slice 7 of 12 along h: made")
    np.testing.assert_array_equal(truth.image, VOLUME[:, 6, :] + 1)
    np.testing.assert_array_equal(made.image, VOLUME[:, 6, :] + 2)
