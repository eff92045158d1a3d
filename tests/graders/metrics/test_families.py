"""Instances, probabilities, registration, images, sets and numbers: by hand, and against scikit-learn and SciPy."""

import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import linalg, ndimage, optimize
from sklearn import metrics as peer
from sklearn.calibration import calibration_curve

from assignments.data.hidden import records
from graders.metrics import (
    METRICS,
    calibration,
    distributions,
    images,
    instances,
    labels,
    metric_named,
    ranking,
    registration,
)
from graders.metrics.label_maps import score_labels
from graders.metrics.regression import absolute_error, r2, rmse, rmse_resampled


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def resamples(rng, truths, number=30):
    """Draws with a case of every class, and their counts."""
    n, classes = len(truths), len(np.unique(truths))
    draws = rng.integers(n, size=(number, n))
    draws[:, :classes] = [np.flatnonzero(truths == c)[0] for c in np.unique(truths)]
    return draws, np.stack([np.bincount(draw, minlength=n) for draw in draws])


# Instances


def masks(*rows):
    return np.array([[[int(c) for c in row] for row in rows]], np.uint8)


@pytest.mark.parametrize(
    ("prediction", "truth", "quality", "f1", "isles"),
    [
        (("00000", "00000"), ("00000", "00000"), 1, 1, 1),
        (("11000", "00000"), ("00000", "00000"), 0, 0, 0),
        (("00000", "00000"), ("11000", "00000"), 0, 0, 0),
        (("11000", "00000"), ("11000", "00000"), 1, 1, 1),
        (("11001", "00000"), ("11000", "00000"), 1 / 1.5, 2 / 3, 2 / 3),  # one more that is not there
        (("11100", "00000"), ("11110", "00000"), 3 / 4, 1, 1),
        (("10000", "00000"), ("11000", "00000"), 0, 1, 1),  # an IoU of exactly 0.5 does not match
        (("11111", "00000"), ("11011", "00000"), 0, 2 / 3, 1),  # one component over two lesions detects one of them
        (("11011", "00000"), ("11111", "00000"), 0, 2 / 3, 1),  # of two components on one lesion one is false
        (("11111", "11111"), ("10101", "00000"), 0, 0, 1),  # IoUs of exactly 0.1: everything marked detects no lesion
        (("11111", "11110"), ("10101", "00000"), 0, 1 / 2, 1),  # above 0.1, yet one component detects one of three
        (("10000", "01000"), ("10000", "01000"), 1, 1, 1),  # a corner joins
        (("10000", "01000"), ("10001", "01000"), 1 / 1.5, 2 / 3, 2 / 3),
    ],
)
def test_instances_by_hand(prediction, truth, quality, f1, isles):
    prediction, truth = masks(*prediction), masks(*truth)
    assert instances.panoptic_quality(prediction, truth, [None]) == pytest.approx([quality])
    assert instances.lesion_f1(prediction, truth, [None]) == pytest.approx([f1])
    assert instances.lesion_f1_isles(prediction, truth, [None]) == pytest.approx([isles])


def blobs(rng, shape):
    """Two masks with components that overlap by chance, and now and then an empty one."""
    first, second = rng.random((2, *shape)) < rng.choice([0, 0.03, 0.2, 0.35, 0.5])
    return first, rng.choice([second, first & (rng.random(shape) < 0.7)])


def table_of_overlaps(prediction, truth):
    """The IoU of every pair of components, by the definition."""
    parts = [ndimage.label(mask, np.ones((3,) * mask.ndim)) for mask in (prediction, truth)]
    predicted, true = ([numbered == i + 1 for i in range(count)] for numbered, count in parts)
    table = [[(p & t).sum() / (p | t).sum() for t in true] for p in predicted]
    return np.array(table).reshape(len(predicted), len(true))


@pytest.mark.parametrize("shape", [(9, 11), (4, 5, 6), (40,)])
def test_lesions_are_matched_one_to_one_as_scipys_assignment_of_the_table_of_all_pairs(rng, shape):
    for _ in range(60):
        prediction, truth = blobs(rng, shape)
        overlap = table_of_overlaps(prediction, truth)
        for at in (0, 0.1, 0.3, 0.5, 0.8):
            allowed = np.where(overlap > at, overlap, 0)
            matched = allowed[optimize.linear_sum_assignment(allowed, maximize=True)] > 0
            expected = 2 * matched.sum() / sum(overlap.shape) if overlap.shape != (0, 0) else 1
            assert instances.lesion_f1(prediction[None], truth[None], [None], at) == pytest.approx([expected])


def test_the_matching_with_the_largest_sum_counts_and_not_the_one_with_most_pairs():
    # The long component has an IoU of 8/13 with the first lesion and 1/13 with the second, the short component 1/10
    # with the first. To pair the long one with the second lesion would make two pairs, of a sum of 0.18, not 0.62.
    truth = masks("111111111100111", "000000000000000")
    prediction = masks("101111111111100", "000000000000000")
    assert instances.lesion_f1(prediction, truth, [None], 0.05) == pytest.approx([2 / 4])


@pytest.mark.parametrize("mark", [np.ones((12, 24, 24), bool), np.indices((12, 24, 24)).sum(axis=0) % 2 == 0],
                         ids=["everything", "checkerboard"])  # fmt: skip
def test_everything_marked_does_not_detect_each_lesion(mark):
    truth = np.zeros((12, 24, 24), bool)
    truth[2::4, 3::6, 3::6] = True
    for at in (0, 0.1, 0.5):
        # One component finds one of 3 x 4 x 4 lesions where any overlap will do, else none.
        expected = 2 / 49 if at == 0 else 0
        assert instances.lesion_f1(mark[None], truth[None], [None], at) == pytest.approx([expected])
    assert instances.lesion_f1_isles(mark[None], truth[None], [None]) == [1]


def test_panoptic_quality_is_segmentation_times_recognition_quality(rng):
    for _ in range(40):
        prediction, truth = (mask[None] for mask in blobs(rng, (9, 11)))
        quality, overlap, recognition = (
            METRICS[name].compute(prediction, truth, [None])[0] for name in ("panoptic_quality", "sq", "rq")
        )
        assert quality == pytest.approx(overlap * recognition, abs=1e-12)
        assert recognition == instances.lesion_f1(prediction, truth, [None], 0.5)[0]
        numbered = [ndimage.label(mask[0], np.ones((3, 3)))[0][None] for mask in (prediction, truth)]
        for name, expected in (("panoptic_quality", quality), ("sq", overlap), ("rq", recognition)):
            assert METRICS[f"{name}@numbered"].compute(*numbered, [None]) == pytest.approx([expected])


def test_the_qualities_of_instances_by_hand():
    # IoUs of 3/4 and 1, one false component and one missed lesion: SQ 7/8, RQ 2 / (2 + 1/2 + 1/2), PQ their product.
    truth = masks("1111001100", "0000000000", "1000000000")
    prediction = masks("1110001100", "0000000000", "0000000010")
    assert instances.segmentation_quality(prediction, truth, [None]) == pytest.approx([7 / 8])
    assert instances.recognition_quality(prediction, truth, [None]) == pytest.approx([2 / 3])
    assert instances.panoptic_quality(prediction, truth, [None]) == pytest.approx([7 / 12])


def test_numbered_instances_may_touch_and_their_numbers_do_not_matter():
    truth, prediction = np.array([[1, 1, 2, 2]]), np.array([[90, 90, 7, 0]])
    # IoU 1, and 0.5, which does not match: 1 / (1 + 1/2 + 1/2)
    assert instances.panoptic_quality_of(prediction, truth) == pytest.approx(1 / 2)
    with pytest.raises(ValueError, match="numbered from 1"):
        instances.panoptic_quality_of(-prediction, truth)


def test_numbered_instances_of_a_set_are_valued_case_by_case():
    truths = np.array([[[1, 1, 2, 2]], [[0, 0, 0, 0]]])
    predictions = np.array([[[90, 90, 7, 0]], [[0, 5, 0, 0]]])
    assert instances.numbered_panoptic_quality(predictions, truths, [None, None]) == pytest.approx([1 / 2, 0])
    # As masks the two touching instances are one, of which a quarter is missing.
    assert instances.panoptic_quality(predictions > 0, truths > 0, [None, None]) == pytest.approx([3 / 4, 0])


def test_an_instance_in_every_voxel_costs_no_table_of_all_pairs():
    truth = np.zeros((64, 64, 64), np.int64)
    truth[::2, ::2, ::2] = np.arange(32**3).reshape(32, 32, 32) + 1
    prediction = np.arange(64**3).reshape(64, 64, 64) + 1
    tracemalloc.start()
    # Every instance of the truth is matched, by one of 8 times as many: 32768 / (32768 + 7 * 32768 / 2).
    assert instances.panoptic_quality_of(prediction, truth) == pytest.approx(2 / 9)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_the_time_of_a_matching_is_bounded_where_a_prediction_has_a_component_in_every_other_voxel():
    prediction, truth = np.zeros((48, 96, 96), bool), np.zeros((48, 96, 96), bool)
    prediction[::2, ::2, ::2] = True
    truth[:, :, :40] = truth[:24, :, 50:] = True
    # 24 x 48 x 48 components, a seventh of which lie in no lesion: each lesion is found once at most.
    start = time.process_time()
    assert instances.lesion_f1(prediction[None], truth[None], [None], 0) == pytest.approx([4 / (24 * 48 * 48 + 2)])
    assert time.process_time() - start < 5  # a solver with a row for each component takes a minute


@pytest.mark.parametrize("kind", [np.int64, np.uint32, np.int32])
def test_numbers_far_above_the_voxels_are_the_same_instances(rng, kind):
    for _ in range(20):
        prediction, truth = rng.integers(5, size=(2, 4, 5))
        high = (truth * 400_000_000).astype(kind)
        expected = instances.panoptic_quality_of(prediction, truth)
        assert instances.panoptic_quality_of(prediction, high) == expected
        assert instances.panoptic_quality_of((prediction * 7).astype(kind), high[::-1][::-1]) == expected


# Maps of labels


def test_a_metric_of_masks_is_the_mean_of_its_values_by_class():
    truths = np.array([[[1, 1, 2, 2, 0]], [[1, 1, 1, 1, 1]]])
    predictions = np.array([[[1, 1, 2, 0, 0]], [[1, 1, 0, 0, 0]]])
    case = SimpleNamespace(id="a", subject="a", spacing_mm=(1.0, 1.0), group=None)
    dice = METRICS["dice"].over_classes((1, 2))
    # Case 1: 1 and 2/3. Case 2: 4/7, and of a class that neither has nothing, or 1.
    assert dice.compute(predictions, truths, [case] * 2) == pytest.approx([5 / 6, 4 / 7])
    counted = METRICS["dice"].over_classes((1, 2), "one")
    assert counted.compute(predictions, truths, [case] * 2) == pytest.approx([5 / 6, 11 / 14])
    # A case with neither class is two empty masks.
    assert METRICS["dice"].over_classes((2,)).compute(predictions, truths, [case] * 2) == pytest.approx([2 / 3, 1])
    assert (dice.reads, dice.worst_of(truths[0], case)) == ("labels", 0)
    # The worst volume error of 2 of 5 voxels is 3/2; of 0 of 5 it is 5.
    assert METRICS["volume_error"].over_classes((1, 3)).worst_of(truths[0], case) == pytest.approx((3 / 2 + 5) / 2)


@pytest.mark.parametrize("name", ["dice", "iou", "hd95", "nsd@3mm", "volume_error", "lesion_f1"])
@pytest.mark.parametrize("absent", ["leave_out", "one"])
def test_a_case_with_empty_truth_and_empty_prediction_is_perfect(name, absent):
    nothing = np.zeros((2, 3, 4), np.uint8)
    case = SimpleNamespace(id="a", subject="a", spacing_mm=(1.0, 1.0), group=None)
    metric = metric_named(name, Path())
    values = metric.over_classes((1, 2), absent).compute(nothing, nothing, [case] * 2)
    assert values.tolist() == [1 if metric.better == "higher" else 0] * 2


def test_a_class_that_only_the_prediction_of_a_case_contains_counts_as_the_worst():
    truths, predictions = np.array([[[1, 1, 0, 0]]]), np.array([[[1, 1, 0, 2]]])
    case = SimpleNamespace(id="a", subject="a", spacing_mm=(3.0, 1.0), group=None)
    of = {
        name: METRICS[name].over_classes((1, 2, 3)).compute(predictions, truths, [case])[0] for name in ("dice", "hd95")
    }
    assert of == {"dice": (1 + 0) / 2, "hd95": (0 + 5) / 2}  # the diagonal of 3 mm and 4 mm


def test_the_classes_metrics_equal_those_of_one_pass_over_the_map(rng):
    truths, predictions = rng.integers(4, size=(2, 2, 7, 8, 9))
    case = SimpleNamespace(id="a", subject="a", spacing_mm=(3.0, 1.0, 0.5), group=None)
    pairs = zip(predictions, truths, strict=True)
    values = [score_labels(*pair, case.spacing_mm, classes=(1, 2, 3), tolerance_mm=2.0) for pair in pairs]
    for name in ("dice", "iou", "volume_error", "hd", "hd95", "hd95@medpy", "hd95@deepmind", "assd", "masd", "nsd@2mm"):
        mean = [np.mean([scores[c][name.replace("@2mm", "")] for c in (1, 2, 3)]) for scores in values]
        metric = METRICS[name].at(name, 2.0) if name == "nsd@2mm" else METRICS[name]
        assert metric.over_classes((1, 2, 3)).compute(predictions, truths, [case] * 2) == pytest.approx(mean, abs=1e-12)


def test_only_a_metric_of_one_mask_has_a_value_by_class():
    with pytest.raises(ValueError, match="auroc has no value by class"):
        METRICS["auroc"].over_classes((1,))


# Classes and probabilities


@pytest.mark.parametrize("classes", [2, 5])
def test_agreement_equals_scikit_learn(rng, classes):
    for _ in range(30):
        truths = np.r_[np.arange(classes), rng.integers(classes, size=40)]
        predictions = np.where(rng.random(len(truths)) < 0.5, truths, rng.integers(classes, size=len(truths)))
        assert labels.mcc(predictions, truths, []) == pytest.approx(
            peer.matthews_corrcoef(truths, predictions), abs=1e-12
        )
        kappa = peer.cohen_kappa_score(predictions, truths, labels=range(classes), weights="quadratic")
        assert labels.quadratic_kappa(predictions, truths, []) == pytest.approx(kappa, abs=1e-12)
        assert (
            labels.confusion_matrix(predictions, truths, classes) == peer.confusion_matrix(truths, predictions)
        ).all()


def test_a_constant_prediction_agrees_with_nothing():
    constant, truths = np.ones(4, int), np.array([0, 1, 1, 0])
    assert labels.mcc(constant, truths, []) == labels.quadratic_kappa(constant, constant, []) == 0
    assert labels.quadratic_kappa(constant, truths, []) == pytest.approx(0)


def test_sensitivity_at_a_specificity_by_hand():
    truths, scores = np.array([0, 0, 0, 0, 1, 1, 1]), np.array([0.1, 0.2, 0.4, 0.8, 0.3, 0.6, 0.9])
    for at, expected in ((1, 1 / 3), (0.76, 1 / 3), (0.75, 2 / 3), (0.5, 1), (0, 1)):
        assert ranking.sensitivity_at(scores, truths, [], at) == pytest.approx(expected)
    tied = np.full(7, 0.5)
    assert ranking.sensitivity_at(tied, truths, [], 0.5) == 0
    assert ranking.sensitivity_at(tied, truths, [], 0) == 1


@pytest.mark.parametrize("steps", [4, 10_000])
@pytest.mark.parametrize("classes", [2, 4])
def test_ranking_of_resamples_equals_a_loop_over_scikit_learn(rng, steps, classes):
    truths = np.r_[np.arange(classes), rng.integers(classes, size=150)]
    scores = np.round(rng.dirichlet(np.ones(classes), len(truths)) * steps) / steps
    draws, counts = resamples(rng, truths, 150)  # more than a block
    area = ranking.auroc_resampled(scores, truths, counts)
    precision = ranking.average_precision_resampled(scores, truths, counts)
    sensitive = ranking.sensitivity_at_resampled(scores, truths, counts, 0.8)
    for b, drawn in enumerate(draws):
        values = {"area": [], "precision": [], "sensitive": []}
        for k in (1,) if classes == 2 else range(classes):
            truth, score = truths[drawn] == k, scores[drawn][:, k]
            values["area"].append(peer.roc_auc_score(truth, score))
            values["precision"].append(peer.average_precision_score(truth, score))
            false, true, _ = peer.roc_curve(truth, score, drop_intermediate=False)
            values["sensitive"].append(true[1 - false >= 0.8 - 1e-12].max())
        assert area[b] == pytest.approx(np.mean(values["area"]), abs=1e-12)
        assert precision[b] == pytest.approx(np.mean(values["precision"]), abs=1e-12)
        assert sensitive[b] == pytest.approx(np.mean(values["sensitive"]), abs=1e-12)


def test_agreement_of_resamples_equals_that_of_each(rng):
    truths = np.r_[np.arange(3), rng.integers(3, size=40)]
    predictions = np.where(rng.random(len(truths)) < 0.5, truths, rng.integers(3, size=len(truths)))
    draws, counts = resamples(rng, truths)
    correlation = labels.mcc_resampled(predictions, truths, counts)
    kappa = labels.quadratic_kappa_resampled(predictions, truths, counts)
    for b, drawn in enumerate(draws):
        predicted, true = predictions[drawn], truths[drawn]
        assert correlation[b] == pytest.approx(peer.matthews_corrcoef(true, predicted), abs=1e-12)
        assert kappa[b] == pytest.approx(
            peer.cohen_kappa_score(predicted, true, labels=range(3), weights="quadratic"), abs=1e-12
        )


def test_proper_scores_equal_scikit_learn(rng):
    for classes in (2, 4):
        truths = np.r_[np.arange(classes), rng.integers(classes, size=40)]
        p = rng.dirichlet(np.ones(classes), len(truths))
        expected = peer.brier_score_loss(truths, p, scale_by_half=True, labels=range(classes))
        assert calibration.brier(p, truths, []).mean() == pytest.approx(expected, abs=1e-12)
        assert calibration.log_loss(p, truths, []).mean() == pytest.approx(peer.log_loss(truths, p), abs=1e-12)
        if classes == 2:
            assert calibration.brier(p[:, 1], truths, []).mean() == pytest.approx(expected, abs=1e-12)


def test_proper_scores_of_a_certain_error_are_the_declared_worst():
    wrong, truths = np.array([0.0, 1.0]), np.array([1, 0])
    assert calibration.brier(wrong, truths, []).tolist() == [METRICS["brier"].worst] * 2
    assert calibration.log_loss(wrong, truths, []) == pytest.approx([METRICS["log_loss"].worst] * 2)
    assert calibration.log_loss(1 - wrong, truths, []).tolist() == [0, 0]


def test_calibration_error_by_hand():
    # 0.9, 0.9 (one right) lie in one bin, 0.55 (right) in another: (2 |0.5 - 0.9| + |1 - 0.55|) / 3.
    p, truths = np.array([0.9, 0.9, 0.45]), np.array([1, 0, 0])
    assert calibration.ece(p, truths, []) == pytest.approx((2 * 0.4 + 0.45) / 3)
    assert calibration.ece(np.array([1.0, 0.0]), np.array([0, 1]), []) == 1
    assert calibration.ece(np.array([1.0, 0.0]), np.array([1, 0]), []) == 0


def peers_ece(confidence, right):
    """scikit-learn's curve of 15 bins of equal width, which hold their upper ends, weighted by the bins' cases."""
    of_right, of_confidence = calibration_curve(right, confidence, n_bins=15, strategy="uniform")
    bins = np.searchsorted(np.linspace(0, 1, 16)[1:-1], confidence)
    cases = np.bincount(bins, minlength=15)
    return cases[cases > 0] @ np.abs(of_right - of_confidence) / len(right)


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("stored", [np.float64, np.float16])
def test_calibration_error_equals_scikit_learns_curve(rng, classes, stored):
    for n in (1, 2, 7, 400):
        p = rng.dirichlet(np.full(classes, 0.5), n).astype(stored)
        truths = np.where(rng.random(n) < 0.6, p.argmax(axis=1), rng.integers(classes, size=n))
        confidence = p.max(axis=1).astype(np.float64)
        expected = peers_ece(confidence, p.argmax(axis=1) == truths)
        assert calibration.ece(p, truths, []) == pytest.approx(expected, abs=1e-9)
        if classes == 2:
            of_class_1 = p[:, 1].astype(np.float64)
            sure = np.maximum(of_class_1, 1 - of_class_1)
            expected = peers_ece(sure, (of_class_1 > 0.5) == truths)
            assert calibration.ece(of_class_1, truths, []) == pytest.approx(expected, abs=1e-9)


def test_a_confidence_on_the_edge_of_two_bins_is_in_the_lower_one_here_and_in_scikit_learn():
    # Only 1 is an edge that float16 holds, so no stored prediction is on an inner edge; k / 15 of float64 is.
    assert [k for k in range(16) if float(np.float16(k / 15)) == k / 15] == [0, 15]
    for k in range(8, 16):
        for confidence in (k / 15, k / 15 - 1e-12, min(1.0, k / 15 + 1e-12)):
            # It is wrong, and one in the middle of the lower bin right: in one bin their errors are set off.
            sure = np.array([confidence, (k - 0.5) / 15])
            p, truths = np.stack([sure, 1 - sure], axis=1), np.array([1, 0])
            below = confidence <= k / 15
            apart = abs(0 - sure[0]) + abs(1 - sure[1])
            assert calibration.ece(p, truths, []) == pytest.approx((abs(1 - sure.sum()) if below else apart) / 2)
            assert calibration.ece(p, truths, []) == pytest.approx(peers_ece(sure, truths == 0), abs=1e-9)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.1, 1.1])
def test_a_number_that_is_not_a_probability_never_scores(bad):
    p, truths = np.array([0.5, bad]), np.array([0, 1])
    for metric in (calibration.brier, calibration.log_loss, calibration.ece):
        with pytest.raises(ValueError, match="between 0 and 1"):
            metric(p, truths, [])
    with pytest.raises(ValueError, match="of 2 probabilities"):
        calibration.brier(np.array([0.5, 0.5]), np.array([0, 2]), [])


# Registration

SHIFT, SPACING = (2.0, -1.0, 3.0), (3.0, 1.0, 0.5)


def shifted(*by, shape=(9, 10, 11)):
    return np.broadcast_to(np.array(by)[:, None, None, None], (3, *shape)).astype(np.float32)


def test_a_known_translation_brings_landmarks_and_labels_home():
    fixed = np.array([[4.0, 5.0, 3.0], [3.5, 4.0, 2.25]])
    moving = fixed + SHIFT
    right = registration.target_registration_errors(shifted(*SHIFT), fixed, moving, SPACING)
    assert right == pytest.approx([0, 0], abs=1e-6)
    identity = registration.target_registration_errors(shifted(0, 0, 0), fixed, moving, SPACING)
    assert identity == pytest.approx([np.sqrt(6**2 + 1**2 + 1.5**2)] * 2)
    assert registration.tre_mean(np.array([1.0, 3.0])) == 2
    assert registration.tre_95(np.array([1.0, 3.0])) == pytest.approx(2.9)

    here, there = np.zeros((2, 9, 10, 11), np.uint8)
    here[3:5, 4:7, 2:5] = 1
    there[5:7, 3:6, 5:8] = 1
    assert registration.warped_dice(there, here, shifted(*SHIFT), (1, 2)) == {1: 1.0, 2: 1.0}
    # With reversed axes it is a voxel off along the first and the last: 1 x 3 x 2 of 2 x 3 x 3 voxels are shared.
    assert registration.warped_dice(there, here, shifted(*SHIFT[::-1]), (1,)) == {1: pytest.approx(2 * 6 / 36)}


def registered(labels, **landmarks):
    arrays = {"labels": np.asarray(labels), **landmarks}
    return records(arrays)


def test_registration_metrics_of_a_set_by_hand():
    case = SimpleNamespace(id="a", subject="a", spacing_mm=(4.0, 2.0, 0.5), group=None)
    labels = np.zeros((2, 2, 5, 6), np.uint8)
    labels[:, 0, 1, 1], labels[:, 1, 1, 4] = 1, 1  # the moving image's voxel lies 3 columns further
    marks = np.array([[[[1.0, 1], [3, 2]], [[1, 4], [3, 5]]], [[[1, 1], [np.nan, 2]], [[1, 4], [3, 5]]]])
    truths = registered(labels, landmarks=marks)
    still, right = np.zeros((2, 2, 5, 6), np.float32), np.zeros((2, 2, 5, 6), np.float32)
    right[:, 1] = 3
    # A slice's pixels are 2 x 0.5 mm: 3 columns are 1.5 mm.
    assert METRICS["tre"].compute(still, truths, [case] * 2) == pytest.approx([1.5, 1.5])
    assert METRICS["tre"].compute(right, truths, [case] * 2) == pytest.approx([0, 0])
    assert METRICS["warped_dice"].compute(still, truths, [case] * 2).tolist() == [0, 0]
    assert METRICS["warped_dice"].compute(right, truths, [case] * 2).tolist() == [1, 1]
    half = right * np.array([1.0, 0.5], np.float32)[:, None, None, None]
    half[0, 1, 3, 2] = 1  # the second landmark of case 1 alone is 2 columns, 1 mm, off
    assert METRICS["tre"].compute(half, truths, [case] * 2) == pytest.approx([0.5, 0.75])
    assert METRICS["tre95"].compute(half, truths, [case] * 2) == pytest.approx([0.95, 0.75])
    assert METRICS["folding"].compute(right, truths, [case] * 2).tolist() == [0, 0]
    assert METRICS["sd_log_jacobian"].compute(right, truths, [case] * 2) == pytest.approx([0, 0])


def test_no_field_is_worse_than_the_worst():
    case = SimpleNamespace(id="a", subject="a", spacing_mm=(2.0, 0.5), group=None)
    truths = registered(np.ones((1, 2, 5, 6), np.uint8), landmarks=np.ones((1, 2, 3, 2)))
    wild = np.where(np.indices((2, 5, 6)).sum(axis=0) % 2, 1e30, -1e30).astype(np.float32)[None]
    # 5 x 2 mm by 6 x 0.5 mm
    assert METRICS["tre"].worst_of(truths[0], case) == pytest.approx(np.sqrt(109))
    for name in ("tre", "tre95", "folding", "sd_log_jacobian", "warped_dice"):
        metric = METRICS[name]
        value, worst = metric.compute(wild, truths, [case])[0], metric.worst_of(truths[0], case)
        assert metric.range[0] <= value <= metric.range[1]
        assert value <= worst if metric.better == "lower" else value >= worst


@pytest.mark.parametrize(
    ("truths", "spacing", "says"),
    [
        (registered(np.ones((1, 2, 5, 6), int)), (1.0, 1.0), "no landmarks"),
        (registered(np.ones((1, 2, 5, 6), int), landmarks=np.ones((1, 2, 3, 2))), None, "no spacing"),
    ],
)
def test_an_error_in_mm_needs_landmarks_and_spacing(truths, spacing, says):
    case = SimpleNamespace(id="a", subject="a", spacing_mm=spacing, group=None)
    with pytest.raises(ValueError, match=says):
        METRICS["tre"].compute(np.zeros((1, 2, 5, 6), np.float32), truths, [case])


def test_warped_labels_need_a_label():
    with pytest.raises(ValueError, match="no label to warp"):
        METRICS["warped_dice"].compute(np.zeros((1, 2, 5, 6)), registered(np.zeros((1, 2, 5, 6), int)), [None])


@pytest.mark.parametrize(
    ("field", "says"),
    [
        (SHIFT, ""),
        (SHIFT[::-1], "its axes are in reverse order"),
        ((6.0, -1.0, 1.5), "it is in millimetres, not voxels"),
        ((-2.0, 1.0, -3.0), "it leads from the moving to the fixed image"),
        ((1.5, -1.0, 6.0), "its axes are in reverse order; it is in millimetres, not voxels"),
        ((0.0, 0.0, 0.0), "its median is [0.0, 0.0, 0.0] voxels, not [2.0, -1.0, 3.0]"),
    ],
)
def test_a_field_of_a_known_translation_tells_its_mistake(field, says):
    assert registration.field_mistake(shifted(*field), SHIFT, SPACING) == says


def test_folding_by_hand():
    x = np.indices((5, 6, 7)).astype(float)
    assert registration.jacobian_determinant(x * 0 + 3) == pytest.approx(np.ones((3, 4, 5)))
    assert registration.sd_log_jacobian(x * 0 + 3) == 0
    # u = x doubles every axis, u = -2x along one axis mirrors it.
    assert registration.jacobian_determinant(x) == pytest.approx(np.full((3, 4, 5), 8))
    mirrored = x * np.array([-2.0, 0, 0])[:, None, None, None]
    assert registration.folding_fraction(mirrored) == 1
    assert registration.folding_fraction(x) == 0
    half = mirrored * (x[2] >= 3)  # columns 3, 4, 5 of the inner 1 to 5; the slope is along another axis
    assert registration.folding_fraction(half) == pytest.approx(3 / 5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_field_that_is_not_finite_is_refused(bad):
    field = shifted(0, 0, 0).copy()
    field[1, 2, 3, 4] = bad
    for metric in (registration.folding_fraction, registration.sd_log_jacobian):
        with pytest.raises(ValueError, match="must be finite"):
            metric(field)


# Images


def test_images_by_hand():
    truth = np.zeros((1, 12, 12))
    off = truth + 10.0
    assert images.mae(off, truth, [None], 100.0).tolist() == [10]
    assert images.mae(off * 1000, truth, [None], 100.0).tolist() == [100]
    assert images.psnr(off, truth, [None], 100.0) == pytest.approx([20])
    assert images.psnr(off * 1000, truth, [None], 100.0).tolist() == [0]
    assert images.psnr(truth, truth, [None], 100.0).tolist() == [100]
    assert images.ssim(truth, truth, [None], 100.0) == pytest.approx([1])
    # Two constants: only luminance counts, C1 / (10² + C1) with C1 = (0.01 * 100)².
    assert images.ssim(off, truth, [None], 100.0) == pytest.approx([1 / 101])
    mask = np.zeros((12, 12), bool)
    mask[5, 5] = True
    off[0, 0] = 99
    assert images.mean_absolute_error(off[0], truth[0], mask) == 10
    assert images.peak_signal_to_noise(off[0], truth[0], 100.0, mask) == pytest.approx(20)


def test_voxels_that_the_target_masks_do_not_count(rng):
    truth = rng.normal(0, 200, (1, 180, 190))
    prediction = truth + rng.normal(0, 20, truth.shape)
    body = np.zeros(truth.shape, bool)
    body[:, 30:150, 40:150] = True
    masked = np.ma.MaskedArray(truth, mask=~body)
    spoilt = np.where(body, prediction, 1e6)
    for name in ("mae@4000", "psnr@4000", "ssim@4000", "ms_ssim@4000"):
        metric = METRICS[name].at(name, 4000.0)
        inside = metric.compute(prediction, masked, [None])
        assert metric.compute(spoilt, masked, [None]) == inside
        assert metric.compute(spoilt, truth, [None]) != inside
        assert metric.compute(prediction, np.ma.MaskedArray(truth), [None]) == metric.compute(prediction, truth, [None])
    assert METRICS["mae@4000"].at("", 4000.0).compute(prediction, masked, [None]) == pytest.approx(
        [np.abs(prediction - truth)[body].mean()]
    )


def test_the_similarity_of_scales_counts_windows_of_the_mask():
    truth = np.zeros((180, 180))
    prediction = truth.copy()
    prediction[:, 90:] = 50  # a step on the right, of which a mask of the left, far from it, sees nothing
    left = np.zeros(truth.shape, bool)
    left[:, :80] = True
    assert images.multi_scale_similarity(prediction, truth, 100.0) < 0.9
    assert images.structural_similarity(prediction, truth, 100.0, left) == pytest.approx(1)
    far = np.zeros(truth.shape, bool)
    far[:, :2] = True
    with pytest.raises(ValueError, match="no window"):
        images.multi_scale_similarity(prediction, truth, 100.0, far)


def test_an_image_that_is_not_finite_or_too_small_is_refused():
    truth = np.zeros((12, 12))
    with pytest.raises(ValueError, match="must be finite"):
        images.mean_absolute_error(truth + np.nan, truth)
    with pytest.raises(ValueError, match="at least one axis needs 3 voxels"):
        images.structural_similarity(truth[:1, :2], truth[:1, :2], 1.0)
    with pytest.raises(ValueError, match="each axis needs at least 176 voxels"):
        images.multi_scale_similarity(truth, truth, 1.0)
    with pytest.raises(ValueError, match="must be equal"):
        images.mean_absolute_error(truth[:1], truth)
    with pytest.raises(ValueError, match="positive number"):
        images.peak_signal_to_noise(truth + 1, truth, 0.0)


@pytest.mark.parametrize("shape", [(10, 40, 30), (3, 4, 40), (2, 30, 30), (1, 30, 30), (9, 30)])
def test_a_thin_image_is_seen_through_a_thinner_window(rng, shape):
    truth = ndimage.gaussian_filter(rng.normal(size=shape), 1) * 900
    image = truth + rng.normal(0, 60, shape)
    # The definition: the window's weights in full, and the moments of every place where it lies inside.
    weights = np.ones(())
    for size in shape:
        radius = min(5, (size - 1) // 2)
        along = np.exp(-0.5 * (np.arange(-radius, radius + 1) / 1.5) ** 2)
        weights = np.multiply.outer(weights, along / along.sum())
    x, y = (np.lib.stride_tricks.sliding_window_view(values, weights.shape) for values in (image, truth))
    axes = tuple(range(-len(shape), 0))
    mean, true_mean = (x * weights).sum(axes), (y * weights).sum(axes)
    spread, true_spread = (x * x * weights).sum(axes) - mean**2, (y * y * weights).sum(axes) - true_mean**2
    shared = (x * y * weights).sum(axes) - mean * true_mean
    c1, c2 = 40.0**2, 120.0**2
    same_light = (2 * mean * true_mean + c1) / (mean**2 + true_mean**2 + c1)
    expected = same_light * (2 * shared + c2) / (spread + true_spread + c2)
    assert images.structural_similarity(image, truth, 4000.0) == pytest.approx(expected.mean(), abs=1e-10)


def test_a_volume_of_one_or_two_slices_is_as_similar_as_its_slices(rng):
    truth = rng.normal(0, 300, (2, 20, 25))
    image = truth + rng.normal(0, 60, truth.shape)
    each = [images.structural_similarity(*slices, 4000.0) for slices in zip(image, truth, strict=True)]
    assert images.structural_similarity(image, truth, 4000.0) == pytest.approx(np.mean(each), abs=1e-12)
    assert images.structural_similarity(image[:1], truth[:1], 4000.0) == pytest.approx(each[0], abs=1e-12)


def test_a_mask_of_a_thin_volume_counts_windows_with_their_centre_in_it(rng):
    truth = rng.normal(0, 300, (4, 20, 25))
    image = truth.copy()
    image[:, :, 15:] += 100
    left = np.zeros(truth.shape, bool)
    left[:, :, :10] = True
    assert images.structural_similarity(image, truth, 4000.0, left) == pytest.approx(1)
    assert images.structural_similarity(image, truth, 4000.0) < 0.999


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.float16, np.float32])
def test_the_noise_of_images_of_any_kind_is_that_of_their_values(rng, kind):
    truth, image = rng.integers(0, 200, (2, 300, 300))  # more than a block
    expected = images.peak_signal_to_noise(image.astype(float), truth.astype(float), 255.0)
    # Whole numbers up to 200 are exact in every kind, and a small one minus a large one must not wrap.
    assert expected == pytest.approx(10 * np.log10(255**2 / ((image - truth) ** 2).mean()), abs=1e-9)
    assert images.peak_signal_to_noise(image.astype(kind), truth.astype(kind), 255.0) == expected
    upper = np.zeros(truth.shape, bool)
    upper[:7] = True
    part = images.peak_signal_to_noise(image[:7].astype(kind), truth[:7].astype(kind), 255.0)
    assert images.peak_signal_to_noise(image.astype(kind), truth.astype(kind), 255.0, upper) == pytest.approx(part)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e160])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_one_value_that_is_not_finite_in_either_image_or_both_is_refused(bad, kind):
    good, spoilt = np.zeros((300, 300), kind), np.zeros((300, 300), kind)
    with np.errstate(over="ignore"):
        spoilt[299, 0] = bad
    for image, truth in ((spoilt, good), (good, spoilt), (spoilt, spoilt)):
        for mask in (None, good == 0):
            with pytest.raises(ValueError, match="must be finite"):
                images.peak_signal_to_noise(image, truth, 1.0, mask)


# Sets


def test_frechet_distance_equals_its_formula_with_a_matrix_square_root(rng):
    mix = rng.normal(size=(4, 4))
    first, second = rng.normal(size=(40, 4)) @ mix, rng.normal(1, 2, (30, 4))
    s, t = np.cov(first.T), np.cov(second.T)
    gap = first.mean(0) - second.mean(0)
    expected = gap @ gap + np.trace(s + t - 2 * linalg.sqrtm(s @ t).real)
    assert distributions.frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)
    assert distributions.frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    # A singular covariance: moved by 3 along one axis, the distance is 9.
    assert distributions.frechet_distance(first[:3] + np.array([3, 0, 0, 0]), first[:3]) == pytest.approx(9, abs=1e-6)


def test_density_and_coverage_by_the_definition(rng):
    generated, real = rng.normal(size=(30, 3)), rng.normal(0.5, 1, (25, 3))
    reach = [sorted(np.linalg.norm(real - r, axis=1))[5] for r in real]
    inside = np.array([[np.linalg.norm(m - r) < d for r, d in zip(real, reach, strict=True)] for m in generated])
    assert distributions.density(generated, real) == pytest.approx(inside.sum() / (5 * 30))
    assert distributions.coverage(generated, real) == pytest.approx(inside.any(axis=0).mean())
    assert distributions.coverage(generated + 100, real) == distributions.density(generated + 100, real) == 0


# Numbers


def test_numbers_equal_scikit_learn(rng):
    truths = rng.normal(40, 9, 50)
    predictions = truths + rng.normal(1, 4, 50)
    assert absolute_error(predictions, truths, [], 100.0).mean() == pytest.approx(
        peer.mean_absolute_error(truths, predictions)
    )
    assert absolute_error(predictions + 1000, truths, [], 100.0).tolist() == [100] * 50
    assert rmse(predictions, truths, []) == pytest.approx(peer.root_mean_squared_error(truths, predictions), abs=1e-12)
    assert r2(predictions, truths, []) == pytest.approx(peer.r2_score(truths, predictions), abs=1e-12)
    draws = rng.integers(50, size=(20, 50))
    counts = np.stack([np.bincount(draw, minlength=50) for draw in draws]).astype(float)
    expected = [peer.root_mean_squared_error(truths[d], predictions[d]) for d in draws]
    assert rmse_resampled(predictions, truths, counts) == pytest.approx(expected, abs=1e-12)
    expected = [peer.r2_score(truths[d], predictions[d]) for d in draws]
    assert METRICS["r2"].resampled(predictions, truths, counts) == pytest.approx(expected, abs=1e-12)


def test_r2_of_a_constant_truth_and_numbers_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="constant"):
        r2(np.array([1.0, 2.0]), np.array([3.0, 3.0]), [])
    with pytest.raises(ValueError, match="must be finite"):
        rmse(np.array([1.0, np.nan]), np.array([3.0, 3.0]), [])


# What is declared


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.level == "per_case"])
def test_the_worst_value_of_a_case_is_finite_in_range_and_at_its_bad_end(name):
    metric = metric_named(name, None)
    truth = np.zeros((3, 4, 5), np.uint8)
    truth[1, 1, 1] = 1
    if metric.reads == "field":
        truth = registered(np.zeros((1, 2, 3, 4, 5), np.uint8))[0]
    case = SimpleNamespace(id="a", subject="a", spacing_mm=(1.0, 1.0, 1.0), group=None)
    worst = metric.worst_of(truth, case)
    low, high = metric.range
    assert low <= worst <= high
    assert np.isfinite(worst)
    assert worst == low if metric.better == "higher" else worst > low
