"""Metrics against values worked out by hand, on tiny arrays."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
import pytest

from graders.metrics import METRICS
from graders.metrics.averages import f1
from graders.metrics.geometry import diagonal, hd95
from graders.metrics.labels import accuracy, balanced_accuracy
from graders.metrics.overlap import dice, iou, volume_error, worst_volume_error
from graders.metrics.ranking import auroc


@dataclass(frozen=True)
class Case:
    id: str = "a"
    subject: str = "a"
    spacing_mm: tuple[float, ...] | None = (3.0, 2.0, 1.0)
    group: str | None = None


EMPTY, FIRST, SECOND, BOTH, FULL = [0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("prediction", "truth", "d", "j", "v"),
    [
        (EMPTY, EMPTY, 1, 1, 0),
        (EMPTY, FIRST, 0, 0, 1),
        (FIRST, EMPTY, 0, 0, 4),
        (FIRST, FIRST, 1, 1, 0),
        (FIRST, SECOND, 0, 0, 0),
        (FIRST, BOTH, 2 / 3, 1 / 2, 1 / 2),
        (BOTH, FIRST, 2 / 3, 1 / 2, 1),
        (FULL, FULL, 1, 1, 0),
        (FULL, FIRST, 2 / 5, 1 / 4, 3),
    ],
)
@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64])
def test_overlap_of_two_masks(prediction, truth, d, j, v, kind):
    predictions, truths = (np.array([mask], dtype=kind).reshape(1, 2, 2) for mask in (prediction, truth))
    assert dice(predictions, truths, [Case()]) == pytest.approx([d])
    assert iou(predictions, truths, [Case()]) == pytest.approx([j])
    assert volume_error(predictions, truths, [Case()]) == pytest.approx([v])


def test_overlap_of_many_cases_and_of_strided_arrays():
    predictions = np.array([[FIRST, EMPTY], [BOTH, BOTH]], dtype=np.uint8)[:, ::-1]
    truths = np.array([[FIRST, EMPTY], [FIRST, FIRST]], dtype=np.uint8)[:, ::-1]
    assert dice(predictions, truths, [Case(), Case()]) == pytest.approx([1, 2 / 3])


def test_a_probability_is_not_a_mask():
    soft = np.full((1, 2, 2), 0.9, dtype=np.float32)
    with pytest.raises(TypeError, match="masks are bool or integer"):
        dice(soft, np.ones((1, 2, 2), np.uint8), [Case()])


@pytest.mark.parametrize("value", [255, 2, 256])
def test_a_mask_of_other_values_is_refused_and_never_wrapped(value):
    with pytest.raises(ValueError, match="masks hold 0 and 1"):
        dice(np.full((1, 2, 2), value, dtype=np.int64), np.ones((1, 2, 2), np.int64), [Case()])


def test_masks_of_different_shapes_are_refused_and_never_broadcast():
    with pytest.raises(ValueError, match="must be equal"):
        dice(np.ones((1, 1, 1), bool), np.ones((1, 2, 2), bool), [Case()])


@pytest.mark.parametrize("volume", [0, 1, 3, 8])
def test_no_mask_has_a_larger_volume_error_than_the_worst(volume):
    truth = (np.arange(8) < volume).reshape(2, 2, 2)
    predictions = np.stack([(np.arange(8) < n).reshape(2, 2, 2) for n in range(9)])
    errors = volume_error(predictions, np.stack([truth] * 9), [Case()] * 9)
    assert max(errors) <= worst_volume_error(truth, Case())


def box(*slices):
    mask = np.zeros((1, 5, 6, 7), dtype=bool)
    mask[(0, *slices)] = True
    return mask


def test_hd95_of_two_voxels_is_their_distance_in_mm():
    first, second = box(1, 1, 1), box(3, 2, 5)
    assert hd95(first, second, [Case()]) == pytest.approx([sqrt((2 * 3) ** 2 + (1 * 2) ** 2 + 4**2)])


def test_hd95_is_the_larger_of_the_two_directed_percentiles():
    # From the pair's voxels to the single one: 0 and 4 mm, their 95th percentile 3.8; back: 0.
    pair, single = box(2, 2, slice(1, 6, 4)), box(2, 2, 1)
    assert hd95(pair, single, [Case()]) == pytest.approx([3.8])
    assert hd95(single, pair, [Case()]) == pytest.approx([3.8])


def test_hd95_takes_the_array_edge_as_surface():
    full = np.ones((1, 3, 3, 3), dtype=bool)
    centre = np.zeros_like(full)
    centre[0, 1, 1, 1] = True
    # 26 surface voxels to the centre with spacing 1: 6 at 1, 12 at sqrt 2, 8 at sqrt 3.
    assert hd95(full, centre, [Case(spacing_mm=(1, 1, 1))]) == pytest.approx([sqrt(3)])


def test_hd95_where_masks_are_empty():
    empty, voxel = box(slice(0)), box(1, 1, 1)
    assert hd95(empty, empty, [Case()]) == pytest.approx([0])
    edge_to_edge = sqrt((5 * 3) ** 2 + (6 * 2) ** 2 + (7 * 1) ** 2)
    assert hd95(empty, voxel, [Case()]) == pytest.approx([edge_to_edge])
    assert hd95(voxel, empty, [Case()]) == pytest.approx([edge_to_edge])
    assert diagonal(voxel[0], Case()) == pytest.approx(edge_to_edge)


def test_hd95_of_a_slice_uses_the_in_plane_spacing():
    first, second = np.zeros((1, 4, 4), bool), np.zeros((1, 4, 4), bool)
    first[0, 0, 0], second[0, 2, 3] = True, True
    assert hd95(first, second, [Case(spacing_mm=(9.0, 2.0, 1.0))]) == pytest.approx([sqrt(4**2 + 3**2)])


@pytest.mark.parametrize("spacing", [None, (1.0,), (0.0, 1.0, 1.0), (float("nan"), 1.0, 1.0)])
def test_a_distance_in_mm_needs_the_spacing(spacing):
    with pytest.raises(ValueError, match="spacings in mm"):
        hd95(box(1, 1, 1), box(2, 1, 1), [Case(spacing_mm=spacing)])


def test_class_metrics_by_hand():
    truths, predictions = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    cases = [Case()] * 4
    assert accuracy(predictions, truths, cases).tolist() == [1, 1, 0, 1]
    assert balanced_accuracy(predictions, truths, cases) == pytest.approx((2 / 3 + 1) / 2)
    assert f1(predictions, truths, cases) == pytest.approx((4 / 5 + 2 / 3) / 2)


@pytest.mark.parametrize(
    ("scores", "area"),
    [
        ([0.1, 0.2, 0.3, 0.4], 1.0),
        ([0.4, 0.3, 0.2, 0.1], 0.0),
        ([0.5, 0.5, 0.5, 0.5], 0.5),  # a constant earns nothing, however the files are sorted
        ([0.1, 0.3, 0.3, 0.9], 0.875),  # of the four pairs three are won and one is a tie
    ],
)
def test_area_under_the_curve_by_hand(scores, area):
    truths = np.array([0, 0, 1, 1])
    assert auroc(np.array(scores), truths, [Case()] * 4) == pytest.approx(area)
    both = np.stack([1 - np.array(scores), np.array(scores)], axis=1)
    assert auroc(both, truths, [Case()] * 4) == pytest.approx(area)


def test_area_under_the_curve_needs_both_classes_and_finite_scores():
    with pytest.raises(ValueError, match="one class"):
        auroc(np.array([0.1, 0.2]), np.array([1, 1]), [Case()] * 2)
    with pytest.raises(ValueError, match="finite"):
        auroc(np.array([np.nan, 0.2]), np.array([0, 1]), [Case()] * 2)


def test_classes_must_be_whole_numbers_of_one_shape():
    with pytest.raises(TypeError, match="classes are integers"):
        accuracy(np.array([0.0, 1.0]), np.array([0, 1]), [])
    with pytest.raises(ValueError, match=r"must be \(N,\)"):
        accuracy(np.array([[0], [0]]), np.array([0, 1]), [])  # (n, 1) would broadcast to (n, n)
    with pytest.raises(ValueError, match=r"must be \(N,\)"):
        accuracy(np.array(0), np.array([0, 1]), [])


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_listed_under_its_own_name_and_says_what_it_computes(name):
    metric = METRICS[name]
    assert metric.name == name
    assert len(getattr(metric.compute, "func", metric.compute).__doc__) > 40
