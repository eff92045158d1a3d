"""Failing gains nothing: under every metric, whichever direction is better, a failed case takes the worst value.

What exactly holds depends on the metric; each table says it. `predictions` are drawn as a submission may make them.
Every metric has a row here.
"""

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assignments.data.hidden import records
from graders.metrics import METRICS, metric_named
from graders.record.answers import Answers
from graders.scoring.repeat import score_repeat
from graders.tasks import task_named
from tests.graders.scoring.test_score import hidden

ROUNDING = 1e-9

CASES = st.integers(2, 6)
PROBABILITIES = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1, width=16))


def bits(count):
    return st.integers(0, 2**count - 1).map(lambda number: np.array([number >> i & 1 for i in range(count)]))


def rows(elements, n):
    return st.lists(elements, min_size=n, max_size=n).map(np.array)


@st.composite
def masks(draw):
    """Volumes of 2 x 2 x 3, empty and full ones among them, and predictions below, at and above the threshold."""
    n = draw(CASES)
    truths, predictions = (draw(bits(12 * n)).reshape(n, 2, 2, 3) for _ in range(2))
    low, high = draw(st.sampled_from([(0, 1), (0.25, 0.5), (0, 0.75)]))
    return truths.astype(np.uint8), np.where(predictions, high, low).astype(np.float16)


def of_two(most=1.0):
    """Classes 0 and 1, both there, and the probability of class 1."""

    @st.composite
    def drawn(draw):
        n = draw(CASES)
        truths = np.r_[0, 1, draw(rows(st.integers(0, 1), n)).astype(int)]
        return truths, np.minimum(draw(rows(PROBABILITIES, n + 2)), most)

    return drawn()


def of_classes(classes, most=1.0):
    """Some of the classes, two at least, and a row of probabilities a case, `most` the largest of a wrong class."""

    @st.composite
    def drawn(draw):
        n = draw(CASES)
        truths = np.r_[0, classes - 1, draw(rows(st.integers(0, classes - 1), n)).astype(int)]
        weights = draw(rows(st.lists(st.sampled_from([0, 0, 1, 2, 5]), min_size=classes, max_size=classes), n + 2))
        weights = np.where(weights.sum(axis=1, keepdims=True) == 0, 1, weights)
        predictions = weights / weights.sum(axis=1, keepdims=True)
        predictions = np.where(predictions.max(axis=1, keepdims=True) > most, 1 / classes, predictions)
        # Rows of float16 add up to a little more than 1, or less.
        return truths, np.minimum(predictions * draw(st.sampled_from([1.0, 0.9985, 1.0015])), 1.0)

    return drawn()


def of_labels(most=1.0):
    """Three labels of a case, each there and absent in some, and a probability of each."""

    @st.composite
    def drawn(draw):
        n = draw(CASES)
        truths = np.r_[0, 0, 0, 1, 1, 1, draw(rows(st.integers(0, 1), 3 * n)).astype(int)]
        predictions = np.minimum(draw(rows(PROBABILITIES, 3 * n + 6)), most)
        return truths.reshape(-1, 3), predictions.reshape(-1, 3)

    return drawn()


def images(size):
    """Images from -1000 to 3000, and predictions from the truth itself to values far beyond that range."""

    @st.composite
    def drawn(draw):
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        target = rng.uniform(-1000, 3000, (2, size, size)) * draw(st.sampled_from([0.0, 1.0]))
        predictions = target + rng.normal(0, draw(st.sampled_from([0.0, 50.0, 3000.0, 1e6])), target.shape)
        return records({"target": target}), predictions * draw(st.sampled_from([-1.0, 1.0]))

    return drawn()


@st.composite
def maps(draw):
    """Maps of three classes, of which a case may lack any, and of as many instances."""
    n = draw(CASES)
    labels = st.lists(st.integers(0, 3), min_size=12 * n, max_size=12 * n)
    truths, predictions = (np.array(draw(labels)) for _ in range(2))
    truths[:3] = 1, 2, 3
    return truths.reshape(n, 2, 2, 3), predictions.reshape(n, 2, 2, 3)


@st.composite
def fields(draw):
    """Pairs with two labels and four landmarks, and fields from none to what leaves the image by far."""
    n = draw(CASES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = rng.integers(3, size=(n, 2, 4, 5)).astype(np.uint8)
    labels[:, :, 0, 0] = 1
    truths = records({"labels": labels, "landmarks": rng.uniform(0, 4, (n, 2, 4, 2))})
    return truths, rng.normal(0, draw(st.sampled_from([0.0, 0.5, 3.0, 1e30])), (n, 2, 4, 5)).astype(np.float32)


@st.composite
def numbers(draw, low=-1000, high=1000):
    """Truths from 0 to 100, both ends among them, and predictions from `low` to `high`."""
    n = draw(CASES)
    truths = np.r_[0, 100, draw(rows(st.integers(0, 100), n))].astype(float)
    return truths, draw(rows(st.integers(low, high), n + 2)).astype(float)


PER_CASE = [
    *[("segmentation", name, masks()) for name in (
        "dice", "iou", "volume_error", "hd", "hd95", "hd95@medpy", "hd95@deepmind", "assd", "masd", "nsd@2mm",
        "nsd@voxel@2mm", "panoptic_quality", "sq", "rq", "lesion_f1", "lesion_f1@0.1", "lesion_f1@isles",
        "volume_difference@ml", "sensitivity", "specificity", "precision", "f_beta@2", "boundary_iou@2",
        "boundary_iou@2mm", "cldice", "hd@90", "hd@to_truth@95", "hd@to_answer@95",
    )],
    *[("classification", name, drawn) for name in ("accuracy", "brier", "log_loss")
      for drawn in (of_two(), of_classes(2), of_classes(4))],
    *[("multilabel", name, of_labels()) for name in ("hamming_loss", "exact_match", "brier", "log_loss")],
    *[("synthesis", name, images(11)) for name in ("mae@4000", "psnr@4000", "ssim@4000")],
    ("synthesis", "ms_ssim@4000", images(176)),
    ("regression", "absolute_error@100", numbers()),
    *[("label_maps", name, maps()) for name in ("dice", "volume_error", "hd95", "nsd@2mm")],
    *[("instances", f"{name}@numbered", maps()) for name in ("panoptic_quality", "sq", "rq")],
    *[("registration", name, fields()) for name in ("tre", "tre95", "warped_dice", "folding", "sd_log_jacobian")],
]  # fmt: skip
"""Each failed case has the declared worst value, and no prediction is worth less, whatever else failed."""

AVERAGED = [name for name in METRICS if name.startswith(("f1@", "precision@", "recall@", "auroc@"))]
PRECISIONS = [name for name in METRICS if name.split("@")[0] == "average_precision"]

ANY = [
    *[("classification", name, drawn) for name in (
        "balanced_accuracy", "macro_f1", "mcc", "quadratic_kappa", "kappa@linear", "expected_cost", "auroc",
        "sensitivity@0.9",
    ) for drawn in (of_two(), of_classes(2))],
    *[("classification", name, of_classes(4)) for name in (
        "balanced_accuracy", "f1@micro", "precision@micro", "recall@micro", "recall@weighted", "expected_cost",
    )],
    *[(task, name, drawn) for name in ("specificity@0.9", *AVERAGED)
      for task, drawn in (("classification", of_two()), ("multilabel", of_labels()))],
    ("multilabel", "sensitivity@0.9", of_labels()),
]  # fmt: skip
"""Of the whole set: no prediction is worth less than a failure, whatever else failed."""

RIGHT = [
    # A row of several classes has no worst form: probability that one wrong class lacks is in another class.
    *[
        ("classification", name, of_classes(4))
        for name in (
            "macro_f1",
            "f1@macro",
            "f1@weighted",
            "precision@macro",
            "precision@weighted",
            "recall@macro",
            "mcc",
            "auroc",
            "auroc@macro",
            "auroc@micro",
            "auroc@weighted",
            "sensitivity@0.9",
            "specificity@0.9",
        )
    ],
    # Numbers have no worst value either, so a prediction can be worth less than a failure.
    *[("regression", name, numbers()) for name in ("rmse", "r2")],
]
"""Of the whole set: a right and certain prediction is worth no less than a failure, whatever else failed."""

ALONE = [
    # Precision may rise where a positive falls among negatives that are as certain: only with none of those
    # a right prediction is never worth less, and a failed negative is one.
    *[("classification", name, drawn) for name in PRECISIONS for drawn in (of_two(0.96875), of_classes(4, 0.96875))],
    *[("multilabel", name, of_labels(0.96875)) for name in PRECISIONS],
]
"""As in RIGHT, where no other case failed or is certain of a wrong class."""

BOUNDED = [
    # A kappa is above chance by the spread of the predictions too, and a far grade spreads them.
    *[("classification", name, of_classes(4)) for name in ("quadratic_kappa", "kappa@linear")],
    # A certain error sets off others that were right and less sure than they could be, in the last bin; it moves the
    # ends of bins of equal mass too.
    *[
        ("classification", name, drawn)
        for name in ("ece", "ece@15", "ece@classwise", "ece@classwise@15", "ece@mass@15")
        for drawn in (of_two(), of_classes(2), of_classes(4))
    ],
]
"""Failing may help a little; the tests at the end say how much at most."""


COSTS = ((0, 5, 1, 2), (1, 0, 3, 1), (2, 2, 0, 7), (4, 1, 1, 0))
"""Of which the farthest class is not always the dearest."""


def ids(table):
    return [f"{name}-{number}" for number, (_, name, _) in enumerate(table)]


@cache
def metric_of(name):
    return metric_named(name, Path(), COSTS)


def score_of(task, name, truths, predictions, failed=(), **how):
    task = task_named(task)
    answers = Answers({task.prediction: predictions}, dict.fromkeys(failed, "r"))
    subjects = [f"s{i // 2}" for i in range(len(truths))]
    return score_repeat(task, metric_of(name), answers, hidden(truths, subjects, how.pop("spacing", (3.0, 1.0, 2.0))),
                 **{"separate": False} | how)  # fmt: skip


def sign(name):
    return 1 if metric_of(name).better == "higher" else -1


def certain(truths, predictions, right):
    """The predictions, with the truth and full certainty at some indices."""
    predictions = predictions.copy()
    classes = predictions.ndim == 2 and truths.ndim == 1
    predictions[right] = np.eye(predictions.shape[1])[truths[right]] if classes else truths[right]
    return predictions


def few_and_more(data, truths):
    """Few indices, and more indices that begin with these: the failures to compare."""
    order = data.draw(st.permutations(range(len(truths))))
    first = data.draw(st.integers(0, len(order) - 1))
    return order[:first], order[: data.draw(st.integers(first + 1, len(order)))]


def test_every_metric_has_a_row():
    listed = {name for _, name, _ in (*PER_CASE, *ANY, *RIGHT, *ALONE, *BOUNDED)}
    assert listed == set(METRICS)
    assert {METRICS[name].level for _, name, _ in PER_CASE} == {"per_case"}


@pytest.mark.parametrize(("task", "name", "drawn"), PER_CASE, ids=ids(PER_CASE))
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_failed_case_takes_the_declared_worst_and_no_prediction_is_worth_less(task, name, drawn, data):
    truths, predictions = data.draw(drawn)
    few, more = few_and_more(data, truths)
    less, least = (score_of(task, name, truths, predictions, failed) for failed in (few, more))
    assert sign(name) * least.score <= sign(name) * less.score + ROUNDING * max(1, abs(less.score))
    metric = metric_of(name).over_classes((1, 2, 3)) if task == "label_maps" else metric_of(name)
    for i in more:
        assert i not in least.raw
        assert least.values[i] == metric.worst_of(truths[i], least.cases[i])
        assert sign(name) * least.values[i] <= sign(name) * less.values[i] + ROUNDING
    assert len(least.values) == len(truths)


EMPTY = [
    *[(task, name, drawn) for task, name, drawn in PER_CASE if task in ("segmentation", "label_maps", "instances")],
    *[("label_maps", name, maps()) for name in ("dice@class2", "hd95@class3")],
]
"""Where a truth may hold nothing."""


@pytest.mark.parametrize(("task", "name", "drawn"), EMPTY, ids=ids(EMPTY))
@pytest.mark.parametrize("absent", ["leave_out", "one"])
@given(data=st.data())
@settings(max_examples=5, deadline=None)
def test_failing_is_worth_no_more_than_an_empty_prediction(task, name, drawn, absent, data):
    truths, predictions = data.draw(drawn)
    _, failed = few_and_more(data, truths)
    nothing = predictions.copy()
    nothing[failed] = 0
    for separate in (False, True):
        truths[0] = 1 if task == "segmentation" else np.resize([1, 2, 3], truths[0].shape)
        empty = score_of(task, name, truths, nothing, separate=separate, absent=absent)
        least = score_of(task, name, truths, nothing, failed, separate=separate, absent=absent)
        assert sign(name) * least.score <= sign(name) * empty.score + ROUNDING * max(1, abs(empty.score))
        for i in set(failed) & set(least.counted):
            assert sign(name) * least.values[i] <= sign(name) * empty.values[i] + ROUNDING


@pytest.mark.parametrize(("task", "name", "drawn"), EMPTY, ids=ids(EMPTY))
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_failing_gains_nothing_either_where_empty_truths_are_set_apart(task, name, drawn, data):
    truths, predictions = data.draw(drawn)
    truths[0] = 1 if task == "segmentation" else np.resize([1, 2, 3], truths[0].shape)
    few, more = few_and_more(data, truths)
    less, least = (score_of(task, name, truths, predictions, failed, separate=True) for failed in (few, more))
    assert sign(name) * least.score <= sign(name) * less.score + ROUNDING * max(1, abs(less.score))
    assert least.false_positives >= less.false_positives
    assert least.counted == less.counted


@pytest.mark.parametrize(("task", "name", "drawn"), ANY, ids=ids(ANY))
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_no_prediction_is_worth_less_to_a_set_than_a_failure(task, name, drawn, data):
    truths, predictions = data.draw(drawn)
    few, more = few_and_more(data, truths)
    less, least = (score_of(task, name, truths, predictions, failed).score for failed in (few, more))
    assert sign(name) * least <= sign(name) * less + ROUNDING


@pytest.mark.parametrize(("task", "name", "drawn"), RIGHT, ids=ids(RIGHT))
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_right_prediction_is_worth_no_less_to_a_set_than_a_failure(task, name, drawn, data):
    truths, predictions = data.draw(drawn)
    few, more = few_and_more(data, truths)
    predictions = certain(truths, predictions, more[len(few) :])
    less, least = (score_of(task, name, truths, predictions, failed).score for failed in (few, more))
    assert sign(name) * least <= sign(name) * less + ROUNDING * max(1, abs(less))


@pytest.mark.parametrize(("task", "name", "drawn"), ALONE, ids=ids(ALONE))
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_right_prediction_is_worth_no_less_than_a_failure_while_nothing_else_is_certain_and_wrong(
    task, name, drawn, data
):
    truths, predictions = data.draw(drawn)
    _, failed = few_and_more(data, truths)
    right = certain(truths, predictions, failed)
    assert score_of(task, name, truths, right, failed).score <= score_of(task, name, truths, right).score + ROUNDING


def test_a_positive_that_fails_may_raise_an_average_precision_among_negatives_that_are_certain():
    truths, predictions = np.array([1, 0, 0, 0, 1, 1, 1]), np.array([1.0, 1, 1, 1, 0, 0, 0])
    task = ("classification", "average_precision", truths, predictions)
    assert score_of(*task).score == pytest.approx((1 / 4 + 3 * 4 / 7) / 4)
    assert score_of(*task, [0]).score == pytest.approx(4 / 7)


@pytest.mark.parametrize("name", ["rmse", "r2"])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_no_number_within_the_truths_range_is_worth_less_than_a_failure(name, data):
    truths, predictions = data.draw(numbers(0, 100))
    _, failed = few_and_more(data, truths)
    whole, less = (score_of("regression", name, truths, predictions, of).score for of in ((), failed))
    assert sign(name) * less <= sign(name) * whole + ROUNDING * max(1, abs(whole))


ALL = [*PER_CASE, *ANY, *RIGHT, *ALONE, *BOUNDED]


@pytest.mark.parametrize(("task", "name", "drawn"), ALL, ids=ids(ALL))
@given(data=st.data())
@settings(max_examples=5, deadline=None)
def test_what_stands_where_a_call_failed_counts_for_nothing(task, name, drawn, data):
    truths, predictions = data.draw(drawn)
    _, failed = few_and_more(data, truths)
    zeros, noise = predictions.copy(), predictions.copy()
    zeros[failed], noise[failed] = 0, np.nan if predictions.dtype.kind == "f" else 99
    of_zeros, of_noise = (score_of(task, name, truths, of, failed) for of in (zeros, noise))
    assert (of_zeros.score, of_zeros.values) == (of_noise.score, of_noise.values)


@given(of_classes(5), st.data())
@settings(max_examples=60, deadline=None)
def test_a_kappa_of_grades_is_not_raised_above_two_thirds_by_failing(drawn, data):
    """A right case at t that fails at distance d adds d² to the errors and at most d² + 2 d |t - mean| to chance.

    That mean lies between t and the end that is nearer, so at most d away: errors of at least 1/3 of chance stay that.
    """
    truths, predictions = drawn
    few, more = few_and_more(data, truths)
    predictions = certain(truths, predictions, more[len(few) :])
    less, least = (score_of("classification", "quadratic_kappa", truths, predictions, of).score for of in (few, more))
    assert least <= max(less, 2 / 3) + ROUNDING
    everything = score_of("classification", "quadratic_kappa", truths, predictions, range(len(truths)))
    assert everything.score <= ROUNDING  # the higher the grade, the lower what counts for it


@given(of_classes(5), st.data())
@settings(max_examples=60, deadline=None)
def test_a_linear_kappa_is_not_raised_above_chance_by_failing(drawn, data):
    """A right case that fails at distance d adds d to the errors and at most d to chance."""
    truths, predictions = drawn
    few, more = few_and_more(data, truths)
    predictions = certain(truths, predictions, more[len(few) :])
    less, least = (score_of("classification", "kappa@linear", truths, predictions, of).score for of in (few, more))
    assert least <= max(less, 0) + ROUNDING


@given(of_classes(4), st.data())
@settings(max_examples=25, deadline=None)
def test_no_bins_make_a_calibration_error_smaller_than_the_gap_of_all_cases(drawn, data):
    """So failing gains no more under bins that move with the predictions than under a single one."""
    truths, predictions = drawn
    few, more = few_and_more(data, truths)
    predictions = certain(truths, predictions, more[len(few) :])
    names = ("ece@mass@15", "ece@1")
    least, whole = (score_of("classification", name, truths, predictions, more).score for name in names)
    assert least >= whole - ROUNDING
    assert score_of("classification", "ece@mass@15", truths, predictions, range(len(truths))).score == 1


@pytest.mark.parametrize("name", ["ece", "ece@15", "ece@classwise", "ece@classwise@15"])
@pytest.mark.parametrize("drawn", [of_two(), of_classes(4)], ids=["two", "four"])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_calibration_error_falls_by_a_bins_width_at_most_where_right_cases_fail(drawn, name, data):
    """Only what the last bin lacks in confidence, or the first has, can be set off: less than its width a case."""
    truths, predictions = data.draw(drawn)
    few, more = few_and_more(data, truths)
    predictions = certain(truths, predictions, more[len(few) :])
    less, least = (score_of("classification", name, truths, predictions, of).score for of in (few, more))
    assert least >= less - 1 / 15 - ROUNDING
    everything = score_of("classification", name, truths, predictions, range(len(truths))).score
    assert everything == pytest.approx(1 if "classwise" not in name or predictions.ndim == 1 else 2 / 4)


def test_a_calibration_error_of_unsure_right_predictions_does_fall_where_one_more_fails():
    truths, sure = np.tile([0, 1], 10), 0.9375  # 15/16, in the last bin, which begins at 14/15
    predictions = np.where(truths == 1, sure, 1 - sure)
    predictions[0] = 0
    whole, less = (score_of("classification", "ece", truths, predictions, of).score for of in ((), [0]))
    assert whole == pytest.approx(19 / 16 / 20)
    assert less == pytest.approx((19 / 16 - 1) / 20)
    assert math.isclose(whole - less, 1 / 20)
