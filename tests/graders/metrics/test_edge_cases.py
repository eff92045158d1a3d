"""Cases that peers get wrong, worked out by hand: empty, tiny and full masks, dtypes, layouts; and values that are not
finite, which never get a good score."""

import math
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assignments.metric_names import BY_SPACING, metric_form
from graders.metrics import METRICS, far, geometry, metric_named
from graders.metrics.label_maps import score_labels
from graders.metrics.pairs import pair

SPACING = (3.0, 2.0, 1.0)
SHAPE = (4, 5, 6)
DIAGONAL = sqrt(12**2 + 10**2 + 6**2)
DISTANCES = ("hd", "hd95", "hd95@medpy", "hd95@deepmind", "assd", "masd")
SHARES = ("dice", "iou", "nsd", "nsd@voxel")
MASKS = [name for name, metric in METRICS.items() if metric.reads == "mask"]


@dataclass(frozen=True)
class Case:
    id: str = "a"
    subject: str = "a"
    spacing_mm: tuple[float, ...] | None = SPACING
    group: str | None = None


def box(*slices, shape=SHAPE):
    mask = np.zeros(shape, bool)
    mask[slices] = True
    return mask


def scores(prediction, truth, spacing=SPACING, classes=(1,), tolerance_mm=1.0):
    return score_labels(prediction, truth, spacing, classes=classes, tolerance_mm=tolerance_mm)


EMPTY = box(slice(0))
VOXEL = box(1, 2, 3)
FULL = np.ones(SHAPE, bool)
CORNER = box(0, 0, 0)


def needs_spacing(name):
    """Whether a metric of masks, objects or fields raises where a case has no spacing."""
    metric, case = metric_named(name, Path()), Case(spacing_mm=None)
    prediction = truth = np.ones((1, 5, 6, 7), np.uint8)
    if metric.reads == "field":
        prediction, truth = np.zeros((1, 2, 6, 7), np.float32), np.empty(1, object)
        truth[0] = {"landmarks": np.ones((2, 3, 2), np.float32), "labels": np.ones((2, 6, 7), np.uint8)}
    try:
        metric.worst_of(truth[0], case)
        metric.compute(prediction, truth, [case])
    except ValueError as error:
        return "spacing" in str(error)
    return False


@pytest.mark.parametrize("name", [*MASKS, *(name for name in METRICS if METRICS[name].reads in ("instances", "field"))])
def test_a_metric_is_listed_as_measuring_in_mm_exactly_if_it_needs_a_spacing(name):
    assert needs_spacing(name) == (metric_form(name) in BY_SPACING)


def test_both_empty_is_perfect():
    values = scores(EMPTY, EMPTY)[1]
    assert {values[name] for name in SHARES} == {1.0}
    assert {values[name] for name in (*DISTANCES, "volume_error")} == {0.0}


@pytest.mark.parametrize("mask", [VOXEL, FULL, CORNER], ids=["voxel", "full", "corner"])
@pytest.mark.parametrize("swap", [False, True], ids=["nothing in the truth", "nothing in the prediction"])
def test_one_empty_is_the_worst(mask, swap):
    values = scores(EMPTY, mask)[1] if swap else scores(mask, EMPTY)[1]
    assert {values[name] for name in SHARES} == {0.0}
    assert [values[name] for name in DISTANCES] == pytest.approx([DIAGONAL] * len(DISTANCES))


@pytest.mark.parametrize("mask", [VOXEL, FULL, CORNER, box(slice(1, 3), 4)], ids=["voxel", "full", "corner", "border"])
def test_a_mask_is_at_no_distance_from_itself(mask):
    values = scores(mask, mask, tolerance_mm=0.0)[1]
    assert {values[name] for name in SHARES} == {1.0}
    assert {values[name] for name in DISTANCES} == {0.0}


def test_two_voxels_at_opposite_corners():
    # Centres 3, 4 and 5 voxels apart along the axes; corners as far, as both surfaces are of one voxel's eight.
    apart = sqrt((3 * 3) ** 2 + (4 * 2) ** 2 + 5**2)
    values = scores(CORNER, box(3, 4, 5))[1]
    assert [values[name] for name in ("hd", "hd95", "hd95@medpy", "assd", "masd")] == pytest.approx([apart] * 5)
    assert values["nsd"] == values["nsd@voxel"] == values["dice"] == 0.0
    # The far one of the eight corners to the nearest of the others is what area-weighting picks.
    assert values["hd95@deepmind"] == pytest.approx(apart)


def test_a_full_volume_has_the_array_edge_as_surface():
    # 3x3x3 against its centre, spacing 1: 26 voxels at 1 (6), sqrt 2 (12), sqrt 3 (8); back 1.
    full, centre = np.ones((3, 3, 3), bool), box(1, 1, 1, shape=(3, 3, 3))
    values = scores(full, centre, (1.0, 1.0, 1.0), tolerance_mm=1.0)[1]
    assert values["hd"] == pytest.approx(sqrt(3))
    assert values["assd"] == pytest.approx((6 + 12 * sqrt(2) + 8 * sqrt(3) + 1) / 27)
    assert values["masd"] == pytest.approx(((6 + 12 * sqrt(2) + 8 * sqrt(3)) / 26 + 1) / 2)
    assert values["nsd@voxel"] == pytest.approx(7 / 27)


def test_two_squares_of_two_pixels_a_pixel_apart():
    # Contour lengths by hand: a rectangle of 1x2 pixels has four cut corners of sqrt 2 / 2 and two straight ones of 1.
    first, second = np.zeros((3, 6), bool), np.zeros((3, 6), bool)
    first[1, 1:3] = second[1, 2:4] = True
    values = scores(first, second, (1.0, 1.0), tolerance_mm=0.5)[1]
    length = 4 * sqrt(2) / 2 + 2
    # Corners at columns 1, 2, 3 and 2, 3, 4: the middle and one end of each lie on the other's.
    shared = (length - 2 * sqrt(2) / 2) * 2
    assert values["nsd"] == pytest.approx(shared / (2 * length))
    assert values["hd95@deepmind"] == pytest.approx(1.0)
    assert values["nsd@voxel"] == pytest.approx(2 / 4)


def test_a_distance_equal_to_the_tolerance_is_within_it():
    first, second = box(0, 0, 0), box(0, 0, 2)
    assert scores(first, second, tolerance_mm=2.0)[1]["nsd@voxel"] == 1.0
    assert scores(first, second, tolerance_mm=1.99)[1]["nsd@voxel"] == 0.0


def test_a_class_that_is_nowhere_does_not_touch_the_others():
    prediction, truth = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    prediction[1, 1, 1:4], truth[1, 1, 1:4], truth[3, 3, 3] = 2, 2, 5
    values = scores(prediction, truth, classes=(1, 2, 5))
    assert [values[c]["dice"] for c in (1, 2, 5)] == [1, 1, 0]
    assert [values[c]["hd"] for c in (1, 2, 5)] == pytest.approx([0, 0, DIAGONAL])


def test_neighbouring_classes_have_a_surface_between_them():
    prediction, truth = np.ones((1, 4), np.uint8), np.ones((1, 4), np.uint8)
    prediction[0, 2:], truth[0, 3:] = 2, 2
    values = scores(prediction, truth, (1.0, 1.0), classes=(1, 2))
    # Class 1: columns 0, 1 against 0, 1, 2; class 2: columns 2, 3 against 3.
    assert [values[c]["hd"] for c in (1, 2)] == [1, 1]
    assert values[1]["assd"] == pytest.approx(1 / 5)
    assert values[2]["assd"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int8, np.uint16, np.int16, np.int32, np.uint64, np.int64])
def test_every_dtype_gives_the_same(kind):
    prediction, truth = box(slice(0, 2), slice(1, 4), 2), box(slice(1, 3), slice(1, 4), slice(2, 4))
    assert scores(prediction.astype(kind), truth.astype(kind)) == scores(prediction, truth)


def test_every_layout_gives_the_same():
    rng = np.random.default_rng(0)
    prediction, truth = rng.random((2, *SHAPE)) < 0.4
    expected = scores(prediction, truth)
    wide = np.zeros((8, 5, 12), bool)
    wide[::2, :, ::2] = prediction
    for same in (np.asfortranarray(prediction), wide[::2, :, ::2], prediction[::-1].copy()[::-1]):
        assert scores(same, truth) == expected


@pytest.mark.parametrize("size", [7, 8, 254, 255, 300])
def test_long_rows_are_measured_whole(size):
    first, second = np.zeros((2, size), bool), np.zeros((2, size), bool)
    first[0, 0] = second[1, -1] = True
    assert scores(first, second, (1.0, 1.0))[1]["hd"] == pytest.approx(sqrt(1 + (size - 1) ** 2))


@pytest.mark.parametrize(
    ("bad", "error", "says"),
    [
        (np.full(SHAPE, 0.9), TypeError, "labels are bool or integer"),
        (np.full(SHAPE, 255, np.uint8), ValueError, "labels are 0 and"),
        (np.full(SHAPE, 2, np.int64), ValueError, "labels are 0 and"),
        (np.full(SHAPE, 257, np.int64), ValueError, "labels are 0 and"),  # would wrap to 1
        (np.full(SHAPE, -1, np.int64), ValueError, "labels are 0 and"),
        (np.ones(SHAPE[:2], bool), ValueError, "must be equal"),
    ],
    ids=["probabilities", "0 and 255", "unknown label", "wraps", "negative", "another shape"],
)
def test_an_array_that_is_not_a_label_map_is_refused(bad, error, says):
    for maps in ((bad, FULL), (FULL, bad)):
        with pytest.raises(error, match=says):
            scores(*maps)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, 0.0, 1.0), (1.0, float("nan"), 1.0), (1.0, -1.0, 1.0)])
def test_an_impossible_spacing_is_refused(spacing):
    with pytest.raises(ValueError, match="positive spacings"):
        pair(FULL, FULL, spacing)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_mask_scores_outside_the_range_or_beyond_the_worst(data):
    shape = data.draw(st.sampled_from([(3, 4), (2, 3, 4), (1, 1), (5, 1, 2)]))
    masks = st.lists(st.booleans(), min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))
    prediction, truth = (np.array(data.draw(masks)).reshape(1, *shape) for _ in range(2))
    case = Case()  # a slice has the spacing of its volume
    for name in MASKS:
        metric = metric_named(name, None)
        (value,) = metric.compute(prediction, truth, [case])
        worst = metric.worst_of(truth[0], case)
        low, high = metric.range
        assert np.isfinite(value)
        assert np.isfinite(worst)
        assert low <= value <= high, name
        assert value >= worst - 1e-9 if metric.better == "higher" else value <= worst + 1e-9, name
        (same,) = metric.compute(truth, truth, [case])
        assert same == (1 if metric.better == "higher" else 0), name


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_surfaces_look_the_same_from_both_sides(data):
    size = int(np.prod(SHAPE))
    masks = st.lists(st.booleans(), min_size=size, max_size=size)
    first, second = (np.array(data.draw(masks)).reshape(SHAPE) for _ in range(2))
    there, back = scores(first, second)[1], scores(second, first)[1]
    for name in (*DISTANCES, *SHARES):
        assert there[name] == pytest.approx(back[name], abs=1e-12), name


@pytest.mark.parametrize(
    ("mm", "voxels", "tolerance"),
    [
        (0.6, 1, 0.6),
        (1.1, 3, 3.3),  # 3 * 1.1 is 3.3000000000000003
        (0.1, 3, 0.3),
        (float(np.float32(0.6)), 1, 0.6),  # a header's spacing, widened: 0.6000000238418579
        (float(np.float32(2.2)), 1, 2.2),
    ],
)
@pytest.mark.parametrize("name", ["nsd", "nsd@voxel"])
def test_a_tolerance_that_is_a_multiple_of_the_voxel_is_met(name, mm, voxels, tolerance):
    first, second = box(2, 2, 1), box(2, 2, 1 + voxels)
    spacing = (mm, mm, mm)
    assert scores(first, second, spacing, tolerance_mm=tolerance)[1][name] == 1.0
    metric = metric_named(f"{name}@{tolerance}mm", Path())
    assert metric.compute(first[None], second[None], [Case(spacing_mm=spacing)]).tolist() == [1.0]


def test_a_distance_beyond_the_slack_of_a_tolerance_is_not_within_it():
    first, second = box(2, 2, 1), box(2, 2, 2)
    for name in ("nsd", "nsd@voxel"):
        assert scores(first, second, (1, 1, 1 + 0.9e-6))[1][name] == 1.0
        assert scores(first, second, (1, 1, 1 + 1.1e-6))[1][name] < 1.0
    assert scores(first, first, tolerance_mm=0.0)[1]["nsd"] == 1.0
    assert scores(first, second, (1, 1, 1e-9), tolerance_mm=0.0)[1]["nsd@voxel"] == 0.0


@pytest.mark.parametrize("tolerance", [-1.0, math.nan, math.inf])
def test_a_tolerance_that_is_not_a_distance_is_refused_even_of_empty_masks(tolerance):
    for mask in (EMPTY, VOXEL):
        with pytest.raises(ValueError, match="a tolerance must be a number of 0 or more"):
            scores(mask, mask, tolerance_mm=tolerance)
        for metric in (geometry.nsd, geometry.nsd_voxel):
            with pytest.raises(ValueError, match="a tolerance must be a number of 0 or more"):
                metric(mask[None], mask[None], [Case()], at=tolerance)


def test_an_axis_may_be_as_long_as_a_whole_slide():
    first, second = np.zeros((66_000, 3), bool), np.zeros((66_000, 3), bool)
    first[0, 0] = first[0, 2] = second[-1, 0] = True
    values = score_labels(first, second, (1.0, 1.0), tolerance_mm=1.0, surfaces=["voxels"])[1]
    assert values["hd"] == pytest.approx(sqrt(65_999**2 + 2**2))


@pytest.mark.parametrize("rows", [1, 2, 253, 254, 255, 256, 65534, 65535, 65536])
def test_a_table_of_steps_is_as_long_as_its_axis_and_a_place_without_a_goal_is_infinitely_far(rows):
    steps = far.steps_along(np.array([rows - 1]), np.array([0]), (rows, 2))
    table = far.squares_of(steps, 2.0)
    assert len(table) == rows + 1
    squares = table[steps]
    assert squares[:, 0].tolist() == [(2.0 * step) ** 2 for step in range(rows - 1, -1, -1)]
    assert np.isinf(squares[:, 1]).all()
