"""Voxels counted, volumes, directed distances, rims and centrelines of masks: by hand, by definition, by peers."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
import pytest
from scipy import ndimage
from sklearn import metrics as peer

from graders.metrics import metric_named

EMPTY, FIRST, OTHER, BOTH, FULL = [0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]
NEW = ("sensitivity", "specificity", "precision", "f_beta@2", "boundary_iou@1", "boundary_iou@2mm", "cldice")
DIRECTED = ("hd@100", "hd@to_truth@50", "hd@to_answer@95")


@dataclass(frozen=True)
class Case:
    spacing_mm: tuple[float, ...] | None = (3.0, 2.0, 1.0)
    id: str = "a"
    subject: str = "a"
    group: str | None = None


def value(name, prediction, truth, spacing=(3.0, 2.0, 1.0)):
    prediction, truth = (np.asarray(mask).astype(bool)[None] for mask in (prediction, truth))
    (computed,) = metric_named(name, None).compute(prediction, truth, [Case(spacing)])
    return computed


@pytest.fixture
def rng():
    return np.random.default_rng(8)


@pytest.mark.parametrize(
    ("prediction", "truth", "sensitivity", "specificity", "precision", "f2"),
    [
        (EMPTY, EMPTY, 1, 1, 1, 1),
        (EMPTY, FIRST, 0, 1, 0, 0),
        (FIRST, EMPTY, 0, 3 / 4, 0, 0),
        (FIRST, FIRST, 1, 1, 1, 1),
        (FIRST, OTHER, 0, 2 / 3, 0, 0),
        (FIRST, BOTH, 1 / 2, 1, 1, 5 / (5 + 4)),
        (BOTH, FIRST, 1, 2 / 3, 1 / 2, 5 / (5 + 1)),
        (FULL, FIRST, 1, 0, 1 / 4, 5 / (5 + 3)),
        (FULL, FULL, 1, 1, 1, 1),
        (FIRST, FULL, 1 / 4, 0, 1, 5 / (5 + 12)),
        (FULL, EMPTY, 0, 0, 0, 0),
        (EMPTY, FULL, 0, 0, 0, 0),
    ],
)
def test_voxels_that_are_right_or_wrong(prediction, truth, sensitivity, specificity, precision, f2):
    prediction, truth = np.reshape(prediction, (2, 2)), np.reshape(truth, (2, 2))
    for name, expected in (("sensitivity", sensitivity), ("specificity", specificity), ("precision", precision),
                           ("f_beta@2", f2)):  # fmt: skip
        assert value(name, prediction, truth) == pytest.approx(expected), name


def test_voxels_counted_equal_scikit_learn(rng):
    for share in (0.1, 0.5, 0.9):
        prediction, truth = rng.random((2, 4, 5, 6)) < share
        predicted, true = prediction.ravel(), truth.ravel()
        assert value("sensitivity", prediction, truth) == pytest.approx(peer.recall_score(true, predicted), abs=1e-12)
        assert value("specificity", prediction, truth) == pytest.approx(peer.recall_score(~true, ~predicted), abs=1e-12)
        assert value("precision", prediction, truth) == pytest.approx(peer.precision_score(true, predicted), abs=1e-12)
        for beta in (0.5, 1, 2):
            expected = peer.fbeta_score(true, predicted, beta=beta)
            assert value(f"f_beta@{beta}", prediction, truth) == pytest.approx(expected, abs=1e-12)
        assert value("f_beta@1", prediction, truth) == pytest.approx(value("dice", prediction, truth), abs=1e-12)
        assert value("f_beta@0", prediction, truth) == pytest.approx(value("precision", prediction, truth), abs=1e-12)


def test_a_volume_difference_is_in_millilitres_of_the_cases_spacing():
    truth = np.zeros((10, 20, 30), bool)
    prediction = truth.copy()
    truth[:5, :10, :10] = True
    prediction[:5, :10, 10:22] = True
    # 600 voxels against 500, of 3 x 2 x 1 mm: 0.6 ml, wherever they lie.
    assert value("volume_difference@ml", prediction, truth) == pytest.approx(0.6)
    assert value("volume_difference@ml", truth, prediction) == pytest.approx(0.6)
    metric = metric_named("volume_difference@ml", None)
    assert metric.worst_of(truth, Case()) == pytest.approx(5500 * 0.006)
    assert value("volume_difference@ml", np.ones(truth.shape), truth) == pytest.approx(5500 * 0.006)
    # A slice is as thick as its volume's slices are apart.
    assert value("volume_difference@ml", prediction[0], truth[0]) == pytest.approx(20 * 0.006)


@pytest.mark.parametrize("spacing", [None, (2.0, 1.0), (0.0, 1.0, 1.0), (float("nan"), 1.0, 1.0)])
def test_a_volume_in_millilitres_needs_three_spacings(spacing):
    with pytest.raises(ValueError, match="three positive spacings"):
        value("volume_difference@ml", np.ones((2, 2)), np.ones((2, 2)), spacing)


def test_directed_distances_show_what_is_missed_and_what_is_too_much():
    line = np.zeros((1, 1, 12), bool)
    truth, prediction = line.copy(), line.copy()
    truth[..., 0] = prediction[..., 0] = prediction[..., 10] = True
    # The prediction has a voxel 10 mm from the truth; all of the truth is marked.
    assert value("hd@to_truth@100", prediction, truth) == 10
    assert value("hd@to_answer@100", prediction, truth) == 0
    assert value("hd@100", prediction, truth) == value("hd", prediction, truth) == 10
    # Of distances 0 and 10 the 90th percentile is 9, the median 5.
    assert value("hd@to_truth@90", prediction, truth) == pytest.approx(9)
    assert value("hd@50", prediction, truth) == pytest.approx(5)
    # The other way round it is missed.
    assert value("hd@to_truth@90", truth, prediction) == 0
    assert value("hd@to_answer@90", truth, prediction) == pytest.approx(9)


@pytest.mark.parametrize("shape", [(9, 11), (4, 6, 5)])
def test_the_percentile_of_95_is_hd95_and_the_larger_of_both_directions(rng, shape):
    for share in (0.1, 0.4, 0.8):
        prediction, truth = rng.random((2, *shape)) < share
        both = value("hd@95", prediction, truth)
        assert both == value("hd95", prediction, truth)
        assert both == max(value("hd@to_truth@95", prediction, truth), value("hd@to_answer@95", prediction, truth))


@pytest.mark.parametrize("name", ["hd@0", "hd@101", "hd@to_truth@100.5", "boundary_iou@0", "boundary_iou@1.5",
                                  "lesion_f1@1.1"])  # fmt: skip
def test_a_number_that_makes_no_sense_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"metric {name}: its number must be"):
        metric_named(name, None)


# Rims


def test_the_rims_of_two_squares_by_hand():
    # A rim of one pixel: 5 x 5 has 16 of its 25 pixels, moved by one column 12 of 20 columns' pixels are shared.
    predicted, true = np.zeros((7, 9), bool), np.zeros((7, 9), bool)
    predicted[1:6, 1:6] = true[1:6, 2:7] = True
    # Upper and lower row share 4 each; the left rim of the second lies in the first's core and the other way round.
    assert value("boundary_iou@1", predicted, true) == pytest.approx(8 / (16 + 16 - 8))
    # A rim of two pixels leaves the middle pixel alone: 24 of 25. Of 20 shared pixels, two are a middle of one.
    assert value("boundary_iou@2", predicted, true) == pytest.approx(18 / (24 + 24 - 18))
    # A rim as wide as the square is the square: 20 shared of 30.
    assert value("boundary_iou@3", predicted, true) == value("iou", predicted, true) == pytest.approx(20 / 30)


def test_a_rim_in_millimetres_is_as_wide_along_each_axis_as_the_spacing_says():
    full = np.zeros((7, 11), bool)
    full[1:6, 1:10] = True
    hole = full.copy()
    hole[3, 3:8] = False
    # Rows 3 mm apart, columns 1 mm. Within 2 mm of outside are the two columns at either end of the full square and,
    # by a face, the upper and lower row: 45 pixels but the 3 x 5 in the middle. Around the hole every pixel but the
    # four in the second and fourth row that are beside no pixel of the hole has a neighbour outside or is near.
    rim = 45 - 15
    assert value("boundary_iou@2mm", full, full, (3.0, 1.0)) == 1
    near = ndimage.distance_transform_edt(hole, (3.0, 1.0)) <= 2
    near |= hole & ~ndimage.binary_erosion(hole)
    assert value("boundary_iou@2mm", hole, full, (3.0, 1.0)) == pytest.approx(rim / (near & hole).sum())


@pytest.mark.parametrize(("shape", "spacing"), [((9, 8), (1.0, 0.5)), ((4, 6, 5), (2.2, 0.6, 0.6))])
def test_rims_are_those_of_the_definition(rng, shape, spacing):
    def rim(mask, near):
        padded = np.pad(mask, 1)
        outside = np.argwhere(~padded)
        in_rim = np.zeros(padded.shape, bool)
        for voxel in np.argwhere(padded):
            in_rim[tuple(voxel)] = near(np.abs(outside - voxel)).any()
        return in_rim

    def in_mm(steps):
        return (np.sqrt(((steps * spacing) ** 2).sum(axis=1)) <= 1.2 * (1 + 1e-6)) | (steps.sum(axis=1) == 1)

    for share in (0.3, 0.8, 0.95):
        prediction, truth = rng.random((2, *shape)) < share
        for name, near in (("boundary_iou@2", lambda steps: steps.max(axis=1) <= 2), ("boundary_iou@1.2mm", in_mm)):
            predicted, true = rim(prediction, near), rim(truth, near)
            expected = (predicted & true).sum() / (predicted | true).sum()
            assert value(name, prediction, truth, spacing) == pytest.approx(expected, abs=1e-12)


def test_a_tolerance_that_is_a_multiple_of_the_voxel_reaches_it():
    # Three steps of 1.1 mm are 3.3000000000000003 mm in floating point.
    full, hole = np.ones((9, 1), bool), np.ones((9, 1), bool)
    hole[8] = False
    with_slack = value("boundary_iou@3.3mm", hole, full, (1.1, 50.0))
    assert with_slack == value("iou", hole, full) == pytest.approx(8 / 9)  # with a width of one pixel all of it is rim


# Centrelines


def test_a_tube_is_traced_by_its_centreline_and_not_by_its_thickness():
    truth = np.zeros((9, 30), bool)
    truth[3:6, 2:28] = True
    thick, broken = np.zeros((9, 30), bool), truth.copy()
    thick[2:7, 2:28] = True
    broken[:, 12:20] = False
    assert value("cldice", truth, truth) == 1
    assert value("cldice", thick, truth) > 0.9 > value("dice", thick, truth)
    # The skeletons of both lie in row 4. All of the broken one's is in the truth; of the truth's the gap is missed.
    assert value("cldice", broken, truth) < 0.9


def test_a_line_is_its_own_skeleton_in_a_plane_and_in_a_volume():
    for shape in ((5, 20), (3, 5, 20)):
        truth, prediction = np.zeros(shape, bool), np.zeros(shape, bool)
        truth[..., 2, 4:16] = prediction[..., 2, 10:19] = True
        if len(shape) == 3:
            truth[[0, 2]] = prediction[[0, 2]] = False
        # 6 of the truth's 12 voxels, and 6 of the prediction's 9: 2 / (12 / 6 + 9 / 6).
        assert value("cldice", prediction, truth) == pytest.approx(12 / 21)


def test_what_thinning_wipes_out_is_its_own_skeleton():
    cube, half = np.zeros((5, 5, 5), bool), np.zeros((5, 5, 5), bool)
    cube[1:3, 1:3, 1:3] = True
    half[2:4, 1:3, 1:3] = True
    assert value("cldice", cube, cube) == 1
    assert value("cldice", cube, half) == pytest.approx(1 / 2)


def test_tubes_apart_have_no_centreline_in_common():
    predicted, true = np.zeros((5, 9), bool), np.zeros((5, 9), bool)
    predicted[0], true[4] = True, True
    assert value("cldice", predicted, true) == 0


# All of them


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5)])
@pytest.mark.parametrize("name", NEW)
def test_empty_full_tiny_and_border_masks_have_their_place(name, shape):
    empty, full, voxel, corner = np.zeros((4, *shape), bool)
    full[:] = True
    voxel[(1,) * len(shape)] = corner[(0,) * len(shape)] = True
    for mask in (empty, full, voxel, corner):
        assert value(name, mask, mask) == 1
    for mask in (full, voxel, corner):
        # The background of a voxel and of nothing are alike: specificity is of the background.
        missed, imagined = value(name, empty, mask), value(name, mask, empty)
        if name == "specificity":
            assert (missed, imagined) == (mask is not full, pytest.approx(1 - mask.mean()))
        else:
            assert (missed, imagined) == (0, 0)


@pytest.mark.parametrize("name", DIRECTED)
def test_a_distance_to_nothing_is_the_diagonal_in_either_direction(name):
    empty, voxel = np.zeros((2, 4, 5, 6), bool)
    voxel[0, 0, 0] = True
    diagonal = sqrt(12**2 + 10**2 + 6**2)
    assert value(name, empty, empty) == 0
    assert value(name, voxel, voxel) == 0
    assert value(name, voxel, empty) == value(name, empty, voxel) == pytest.approx(diagonal)
