"""Classes and labels: averages, linear kappa, specificity, costs and calibration, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as peer
from sklearn.calibration import calibration_curve

from graders.metrics import METRICS, calibration, metric_named
from graders.metrics.averages import (
    exact_match,
    f1,
    f1_resampled,
    hamming_loss,
    precision,
    precision_resampled,
    recall,
    recall_resampled,
)
from graders.metrics.costs import dearest, expected_cost, expected_cost_resampled
from graders.metrics.labels import linear_kappa, linear_kappa_resampled
from graders.metrics.ranking import (
    auroc,
    auroc_resampled,
    average_precision,
    average_precision_resampled,
    sensitivity_at,
    specificity_at,
    specificity_at_resampled,
)

AVERAGES = ["macro", "weighted", "micro"]


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def classes(rng, k, n=60, agree=0.5):
    """Classes of N cases, each class there, and predictions of which a part is right."""
    truths = np.r_[np.arange(k), rng.integers(k, size=n)]
    return np.where(rng.random(len(truths)) < agree, truths, rng.integers(k, size=len(truths))), truths


def labels(rng, k=4, n=60):
    """Probabilities and truths of K labels, which are rare or common, with ties."""
    truths = (rng.random((n, k)) < rng.uniform(0.1, 0.9, k)).astype(np.int64)
    truths[0], truths[1] = 0, 1
    return np.round(np.clip(truths * 0.3 + rng.random((n, k)) * 0.7, 0, 1), 1), truths


def resamples(rng, n, always, number=80):
    """Draws that hold the first `always` cases, and their counts."""
    draws = rng.integers(n, size=(number, n))
    draws[:, :always] = np.arange(always)
    return draws, np.stack([np.bincount(draw, minlength=n) for draw in draws]).astype(float)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("k", [2, 5])
def test_averages_over_classes_equal_scikit_learn(rng, average, k):
    how = {"average": average, "zero_division": 0}
    for _ in range(20):
        predictions, truths = classes(rng, k)
        predictions[predictions == k - 1] = 0  # the last class is never predicted: its precision counts 0
        for metric, reference in ((f1, peer.f1_score), (precision, peer.precision_score), (recall, peer.recall_score)):
            assert metric(predictions, truths, [], average) == pytest.approx(
                reference(truths, predictions, **how), abs=1e-12
            )
    draws, counts = resamples(rng, len(truths), k, 20)
    for metric, reference in (
        (f1_resampled, peer.f1_score),
        (precision_resampled, peer.precision_score),
        (recall_resampled, peer.recall_score),
    ):
        expected = [reference(truths[d], predictions[d], **how) for d in draws]
        assert metric(predictions, truths, counts, average) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("average", AVERAGES)
def test_averages_over_labels_equal_scikit_learn(rng, average):
    how = {"average": average, "zero_division": 0}
    for _ in range(20):
        p, truths = labels(rng)
        predictions = (p >= 0.5).astype(np.int64)
        for metric, reference in ((f1, peer.f1_score), (precision, peer.precision_score), (recall, peer.recall_score)):
            assert metric(predictions, truths, [], average) == pytest.approx(
                reference(truths, predictions, **how), abs=1e-12
            )
        expected = peer.roc_auc_score(truths, p, average=average)
        assert auroc(p, truths, [], average) == pytest.approx(expected, abs=1e-12)
        expected = peer.average_precision_score(truths, p, average=average)
        assert average_precision(p, truths, [], average) == pytest.approx(expected, abs=1e-12)
    draws, counts = resamples(rng, len(truths), 2)
    for metric, reference, decided in (
        (f1_resampled, peer.f1_score, predictions),
        (precision_resampled, peer.precision_score, predictions),
        (recall_resampled, peer.recall_score, predictions),
    ):
        expected = [reference(truths[d], decided[d], **how) for d in draws]
        assert metric(decided, truths, counts, average) == pytest.approx(expected, abs=1e-12)
    expected = [peer.roc_auc_score(truths[d], p[d], average=average) for d in draws]
    assert auroc_resampled(p, truths, counts, average) == pytest.approx(expected, abs=1e-12)
    expected = [peer.average_precision_score(truths[d], p[d], average=average) for d in draws]
    assert average_precision_resampled(p, truths, counts, average) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("average", AVERAGES)
def test_ranking_of_many_classes_averages_as_scikit_learn_does(rng, average):
    truths = np.r_[np.arange(4), rng.integers(4, size=90)]
    p = np.round(rng.dirichlet(np.ones(4), len(truths)) * 64) / 64  # ties
    draws, counts = resamples(rng, len(truths), 4)
    one_hot = np.eye(4)[truths]
    expected = [peer.roc_auc_score(one_hot[d], p[d], average=average) for d in draws]
    assert auroc_resampled(p, truths, counts, average) == pytest.approx(expected, abs=1e-12)
    expected = [peer.average_precision_score(one_hot[d], p[d], average=average) for d in draws]
    assert average_precision_resampled(p, truths, counts, average) == pytest.approx(expected, abs=1e-12)


def test_of_two_classes_every_average_of_a_ranking_is_that_of_class_1(rng):
    truths, p = np.r_[0, 1, rng.integers(2, size=40)], rng.random(42)
    for metric in (auroc, average_precision):
        values = [metric(p, truths, [], average) for average in AVERAGES]
        assert values == [metric(np.stack([1 - p, p], axis=1), truths, [])] * 3


def test_a_class_that_no_case_has_is_in_the_micro_average_alone():
    truths = np.array([0, 1, 0, 1])
    p = np.array([[0.6, 0.4, 0.0], [0.1, 0.9, 0.0], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    # Class 0: both its cases above both others, 1. Class 1: 0.9 above all, 0.2 above none of .4 and .3: 2 of 4.
    assert auroc(p, truths, [], "macro") == auroc(p, truths, [], "weighted") == pytest.approx(3 / 4)
    # All twelve pairs: .6 .9 .5 .2 hold; .4 0 .1 0 .3 .2 .1 .7 do not: 7 + 8 + 7 + (4 + 1/2) of 32.
    assert auroc(p, truths, [], "micro") == pytest.approx(26.5 / 32)


def test_a_label_that_every_case_has_or_none_is_left_out_of_a_ranking():
    truths = np.array([[0, 1, 0], [1, 1, 0], [0, 1, 0]])
    p = np.array([[0.1, 0.2, 0.3], [0.2, 0.1, 0.2], [0.3, 0.3, 0.1]])
    assert auroc(p, truths, []) == auroc(p, truths, [], "weighted") == pytest.approx(1 / 2)
    with pytest.raises(ValueError, match="each label is the same in all cases"):
        auroc(p[:, 1:], truths[:, 1:], [])
    with pytest.raises(ValueError, match="are 0 and 1"):
        auroc(p, truths * 2, [])


def test_what_is_decided_of_each_label_equals_scikit_learn(rng):
    p, truths = labels(rng)
    predictions = (p >= 0.5).astype(np.int64)
    assert hamming_loss(predictions, truths, []).mean() == pytest.approx(peer.hamming_loss(truths, predictions))
    assert exact_match(predictions, truths, []).mean() == pytest.approx(peer.accuracy_score(truths, predictions))
    assert calibration.brier(p, truths, []).mean() == pytest.approx(peer.mean_squared_error(truths, p))
    each = [peer.log_loss(truths[:, k], np.clip(p[:, k], 1e-7, 1 - 1e-7)) for k in range(4)]
    assert calibration.log_loss(p, truths, []).mean() == pytest.approx(np.mean(each))
    with pytest.raises(ValueError, match="must be"):
        hamming_loss(predictions[:, :3], truths, [])
    with pytest.raises(TypeError, match="labels are 0 and 1"):
        exact_match(p, truths, [])
    with pytest.raises(ValueError, match="are 0 and 1"):
        f1(predictions + 1, truths, [])


def test_a_label_that_no_case_and_no_prediction_has_is_left_out_of_a_macro_average():
    truths, predictions = np.array([[1, 0], [1, 0]]), np.array([[1, 0], [0, 0]])
    assert f1(predictions, truths, []) == pytest.approx(2 / 3)
    predictions[0, 1] = 1
    assert f1(predictions, truths, []) == pytest.approx(1 / 3)


@pytest.mark.parametrize("k", [2, 5])
def test_linear_kappa_equals_scikit_learn(rng, k):
    for _ in range(20):
        predictions, truths = classes(rng, k)
        expected = peer.cohen_kappa_score(predictions, truths, labels=range(k), weights="linear")
        assert linear_kappa(predictions, truths, []) == pytest.approx(expected, abs=1e-12)
    draws, counts = resamples(rng, len(truths), k)
    expected = [peer.cohen_kappa_score(predictions[d], truths[d], labels=range(k), weights="linear") for d in draws]
    assert linear_kappa_resampled(predictions, truths, counts) == pytest.approx(expected, abs=1e-12)


def test_linear_kappa_by_hand():
    # Two of four are off by 1. By chance, 0 1 1 2 and 0 0 2 2 are (0+0+2+2 + 2 (1+1+1+1) + 2+2+0+0) / 16 = 1 apart.
    predictions, truths = np.array([0, 1, 2, 1]), np.array([0, 0, 2, 2])
    assert linear_kappa(predictions, truths, []) == pytest.approx(1 - (2 / 4) / 1)
    assert linear_kappa(truths[::-1].copy(), truths, []) == pytest.approx(1 - 2 / 1)
    assert linear_kappa(np.full(4, 3), np.full(4, 3), []) == 0
    # A grade without a case is a step all the same.
    assert linear_kappa(np.array([0, 4]), np.array([0, 4]), []) == 1


def test_specificity_at_a_sensitivity_by_hand():
    truths, scores = np.array([1, 1, 1, 1, 0, 0, 0]), np.array([0.9, 0.8, 0.6, 0.2, 0.7, 0.4, 0.1])
    for at, expected in ((0, 1), (0.5, 1), (0.51, 2 / 3), (0.75, 2 / 3), (0.76, 1 / 3), (1, 1 / 3)):
        assert specificity_at(scores, truths, [], at) == pytest.approx(expected)
    tied = np.full(7, 0.5)
    assert specificity_at(tied, truths, [], 0.1) == 0
    assert specificity_at(tied, truths, [], 0) == 1


@pytest.mark.parametrize("positives", [1, 199, 60])
def test_specificity_at_a_sensitivity_is_the_mirror_of_sensitivity_at_a_specificity(rng, positives):
    truths = (np.arange(200) < positives).astype(np.int64)
    scores = np.round(rng.random(200) * 0.7 + truths * 0.3, 1)
    for at in (0, 0.5, 0.95, 1):
        false, true, _ = peer.roc_curve(truths, scores, drop_intermediate=False)
        assert specificity_at(scores, truths, [], at) == pytest.approx((1 - false)[true >= at - 1e-12].max())
        turned = sensitivity_at(1 - scores, 1 - truths, [], at)
        assert specificity_at(scores, truths, [], at) == pytest.approx(turned)


def test_specificity_in_resamples_equals_that_of_each(rng):
    truths, scores = np.r_[0, 1, rng.integers(2, size=80)], np.round(rng.random(82), 2)
    draws, counts = resamples(rng, 82, 2)
    expected = [specificity_at(scores[d], truths[d], [], 0.8) for d in draws]
    assert specificity_at_resampled(scores, truths, counts, 0.8) == pytest.approx(expected, abs=1e-12)


def cost_by_the_definition(predictions, truths, costs):
    """Ferrer 2022: the shares of scikit-learn's confusion matrix by the costs, over those of the best constant."""
    shares = peer.confusion_matrix(truths, predictions, labels=range(len(costs))) / len(truths)
    return (shares * costs).sum() / (shares.sum(axis=1) @ costs).min()


def test_expected_cost_equals_its_definition(rng):
    costs = np.array([[0, 5, 1, 2], [1, 0, 3, 1], [2, 2, 0, 7], [4, 1, 1, 0.0]])
    for _ in range(20):
        predictions, truths = classes(rng, 4)
        expected = cost_by_the_definition(predictions, truths, costs)
        assert expected_cost(predictions, truths, [], costs) == pytest.approx(expected, abs=1e-12)
    draws, counts = resamples(rng, len(truths), 4)
    expected = [cost_by_the_definition(predictions[d], truths[d], costs) for d in draws]
    assert expected_cost_resampled(predictions, truths, counts, costs) == pytest.approx(expected, abs=1e-12)


def test_expected_cost_of_equal_costs_is_the_error_rate_over_that_of_the_commonest_class(rng):
    predictions, truths = classes(rng, 3)
    rate = 1 - peer.accuracy_score(truths, predictions)
    commonest = 1 - np.bincount(truths).max() / len(truths)
    assert expected_cost(predictions, truths, [], 1 - np.eye(3)) == pytest.approx(rate / commonest)
    # Each class as dear as it is rare: 1 less the balanced accuracy, of two classes, over that of a constant class.
    predictions, truths = classes(rng, 2)
    rare = (1 - np.eye(2)) / np.bincount(truths)[:, None]
    expected = (1 - peer.balanced_accuracy_score(truths, predictions)) / 0.5
    assert expected_cost(predictions, truths, [], rare) == pytest.approx(expected)


def test_expected_cost_by_hand():
    costs, truths = np.array([[0.0, 1], [5, 0]]), np.array([0, 0, 0, 1])
    # Always 1 costs 3 of 4, always 0 costs 5 of 4: the cheaper is 3.
    assert expected_cost(np.array([0, 0, 1, 1]), truths, [], costs) == pytest.approx(1 / 3)
    assert expected_cost(np.array([0, 0, 0, 0]), truths, [], costs) == pytest.approx(5 / 3)
    assert expected_cost(np.array([1, 1, 1, 1]), truths, [], costs) == pytest.approx(1)
    # A class that the matrix lacks costs what the dearest of the row does.
    assert expected_cost(np.array([7, 0, 0, 7]), truths, [], costs) == pytest.approx((1 + 5) / 3)
    assert dearest(np.array([0, 1, 2]), np.array([[0, 3, 1], [1, 0, 9], [4, 2, 0]])).tolist() == [1, 2, 0]
    with pytest.raises(ValueError, match="holds class 2"):
        expected_cost(truths, truths * 2, [], costs)
    with pytest.raises(ValueError, match="one class"):
        expected_cost(truths, truths * 0, [], costs)


def curve(of, confidence, bins, strategy):
    """scikit-learn's curve, weighted by the cases of its bins."""
    share, mean = calibration_curve(of, confidence, n_bins=bins, strategy=strategy)
    ends = np.linspace(0, 1, bins + 1)
    ends = np.quantile(confidence, ends) if strategy == "quantile" else ends
    cases = np.bincount(np.searchsorted(ends[1:-1], confidence), minlength=bins)
    return cases[cases > 0] @ np.abs(share - mean) / len(of)


@pytest.mark.parametrize("bins", [1, 10, 15])
@pytest.mark.parametrize("k", [2, 4])
def test_calibration_errors_of_every_choice_of_bins_equal_scikit_learns_curves(rng, bins, k):
    for n in (5, 300):
        p = rng.dirichlet(np.full(k, 0.5), n).astype(np.float16).astype(np.float64)  # float16 has ties
        truths = np.where(rng.random(n) < 0.6, p.argmax(axis=1), rng.integers(k, size=n))
        right, sure = p.argmax(axis=1) == truths, p.max(axis=1)
        assert calibration.ece(p, truths, [], bins) == pytest.approx(curve(right, sure, bins, "uniform"))
        assert calibration.ece_by_mass(p, truths, [], bins) == pytest.approx(curve(right, sure, bins, "quantile"))
        each = [curve(truths == c, p[:, c], bins, "uniform") for c in range(k)]
        assert calibration.classwise_ece(p, truths, [], bins) == pytest.approx(np.mean(each))


def test_bins_of_equal_mass_by_hand():
    # Two bins end at the median of .55 .65 .75 .95, .7: in each one of two is right.
    p, truths = np.array([0.55, 0.65, 0.75, 0.95]), np.array([1, 0, 0, 1])
    expected = (abs(1 - 1.2) + abs(1 - 1.7)) / 4
    assert calibration.ece_by_mass(p, truths, [], 2) == pytest.approx(expected)
    # Equal confidences stay together, whatever the order of the cases.
    tied, right = np.full(6, 0.75), np.array([1, 1, 0, 1, 0, 1])
    for order in (np.arange(6), np.arange(6)[::-1]):
        assert calibration.ece_by_mass(tied, right[order], [], 3) == pytest.approx(0.75 - 4 / 6)


def test_calibration_errors_in_resamples_equal_those_of_each(rng):
    p = rng.dirichlet(np.ones(3), 80)
    truths = rng.integers(3, size=80)
    draws, counts = resamples(rng, 80, 0)
    for metric, resampled in (
        (calibration.ece, calibration.ece_resampled),
        (calibration.classwise_ece, calibration.classwise_ece_resampled),
    ):
        expected = [metric(p[d], truths[d], [], 10) for d in draws]
        assert resampled(p, truths, counts, 10) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ece@0", "a whole number, from 1"),
        ("ece@mass@7.5", "a whole number, from 1"),
        ("sensitivity@1.5", "a share, from 0 to 1"),
        ("specificity@90", "a share, from 0 to 1"),
        ("expected_cost", "needs costs"),
    ],
)
def test_what_a_name_lacks_or_has_too_much_is_said_before_anything_is_scored(name, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        metric_named(name, tmp_path)


@pytest.mark.parametrize(
    "name", [name for name, metric in METRICS.items() if metric.reads == "probability" and metric.level == "per_set"]
)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_probability_that_is_not_finite_is_refused_by_every_metric_of_a_set(name, bad, tmp_path):
    with pytest.raises(ValueError, match="finite"):
        metric_named(name, tmp_path).compute(np.array([0.5, bad, 0.1]), np.array([0, 1, 1]), [])
