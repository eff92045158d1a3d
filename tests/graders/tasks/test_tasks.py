"""What each task accepts as an answer, how it decides, and what a failed case is taken to have answered."""

import numpy as np
import pytest

from graders.failures import DataFailure, NotFinite, OutOfRange, WrongShape, WrongType
from graders.metrics import METRICS
from graders.tasks import TASKS, task_named

SEGMENTATION, CLASSIFICATION = TASKS["segmentation"], TASKS["classification"]
LABEL = np.array([[[0, 1], [1, 0]], [[0, 0], [0, 0]]], dtype=np.uint8)
Y = np.array([0, 1, 1], dtype=np.uint8)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_offers_what_some_metric_reads(name):
    assert TASKS[name].name == name
    assert any(metric.reads in TASKS[name].readings for metric in METRICS.values())


def test_an_unknown_task_lists_the_known_and_the_nearest():
    with pytest.raises(ValueError, match=r"no task 'segmentaton'. Did you mean 'segmentation'\? Tasks: segmentation,"):
        task_named("segmentaton")


def soft(**changes):
    answers = np.full(LABEL.shape, 0.25, dtype=np.float32)
    for where, value in changes.items():
        answers[int(where[1:]), 1, 1] = value
    return answers


@pytest.mark.parametrize(
    ("answers", "refused"),
    [
        (soft(), {}),
        (soft().astype(np.float64), {}),
        (soft(c0=np.nan), {0: NotFinite.reason}),
        (soft(c1=np.inf), {1: NotFinite.reason}),
        (soft(c1=-0.01), {1: OutOfRange.reason}),
        (soft(c0=1.01, c1=np.nan), {0: OutOfRange.reason, 1: NotFinite.reason}),
        (soft(c0=1.0, c1=0.0), {}),
        (soft()[:, :, :1], dict.fromkeys((0, 1), WrongShape.reason)),
        (soft()[..., None], dict.fromkeys((0, 1), WrongShape.reason)),
        (soft()[:1], dict.fromkeys((0, 1), WrongShape.reason)),
        (np.float32(0.5), dict.fromkeys((0, 1), WrongType.reason)),
        (np.array(0.5), dict.fromkeys((0, 1), WrongShape.reason)),
        (LABEL, dict.fromkeys((0, 1), WrongType.reason)),
        (LABEL.astype(bool), dict.fromkeys((0, 1), WrongType.reason)),
        (soft().astype(object), dict.fromkeys((0, 1), WrongType.reason)),
        (soft().tolist(), dict.fromkeys((0, 1), WrongType.reason)),
    ],
)
def test_answers_of_a_segmentation(answers, refused):
    assert SEGMENTATION.refused(answers, LABEL) == refused


def test_foreground_begins_at_one_half():
    decided = SEGMENTATION.readings["mask"](np.array([[[0.49, 0.5, 0.51]]], dtype=np.float16))
    assert decided.tolist() == [[[False, True, True]]]


def test_a_failed_segmentation_is_wrong_in_every_voxel():
    failed = SEGMENTATION.readings["mask"](SEGMENTATION.failures(LABEL, None))
    assert (failed != LABEL.astype(bool)).all()


@pytest.mark.parametrize("label", [LABEL.astype(float), LABEL * 255, LABEL.astype(int) - 1, LABEL[0]])
def test_a_truth_that_is_no_mask_is_our_failure(label):
    with pytest.raises(DataFailure):
        SEGMENTATION.check_truths(label)


@pytest.mark.parametrize(
    ("answers", "refused"),
    [
        ([0.1, 0.5, 0.9], {}),
        ([0.1, np.nan, 1.5], {1: NotFinite.reason, 2: OutOfRange.reason}),
        ([[0.9, 0.1], [0.5, 0.5], [0.0, 1.0]], {}),
        ([[0.9, 0.1], [0.5, 0.4], [0.0, 1.0]], {1: OutOfRange.reason}),  # adds up to 0.9
        ([[0.9, 0.1], [np.nan, 1], [2.0, -1.0]], {1: NotFinite.reason, 2: OutOfRange.reason}),
        ([[0.1], [0.1], [0.1]], dict.fromkeys(range(3), WrongShape.reason)),  # (n, 1) would broadcast
        ([0.1], dict.fromkeys(range(3), WrongShape.reason)),
        (0.1, dict.fromkeys(range(3), WrongShape.reason)),
        ([0, 1, 1], dict.fromkeys(range(3), WrongType.reason)),  # classes, not probabilities
    ],
)
def test_answers_of_a_classification(answers, refused):
    assert CLASSIFICATION.refused(np.array(answers), Y) == refused


def test_thirds_stored_as_float16_still_add_up_to_one():
    thirds = np.full((3, 3), 1 / 3).astype(np.float16)
    assert CLASSIFICATION.refused(thirds, Y) == {}


def test_answers_must_name_every_class_of_the_truth():
    three = np.array([0, 1, 2])
    assert set(CLASSIFICATION.refused(np.array([0.1, 0.2, 0.3]), three).values()) == {WrongShape.reason}
    assert set(CLASSIFICATION.refused(np.full((3, 2), 0.5), three).values()) == {WrongShape.reason}
    assert CLASSIFICATION.refused(np.full((3, 4), 0.25), three) == {}


@pytest.mark.parametrize(
    ("answers", "classes"),
    [
        ([0.49, 0.5, 0.51], [0, 1, 1]),
        ([[0.51, 0.49], [0.5, 0.5], [0.49, 0.51]], [0, 1, 1]),
        ([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [0.1, 0.2, 0.7]], [0, 0, 2]),
    ],
)
def test_the_most_probable_class_is_decided(answers, classes):
    assert CLASSIFICATION.readings["class"](np.array(answers)).tolist() == classes


@pytest.mark.parametrize("shape", [None, (3,), (3, 2), (3, 4)])
def test_a_failed_classification_is_certain_of_a_wrong_class(shape):
    answers = None if shape is None else np.zeros(shape)
    failed = CLASSIFICATION.failures(Y, answers)
    assert failed.shape == (shape or (3,))
    assert set(failed.ravel().tolist()) == {0.0, 1.0}
    assert (CLASSIFICATION.readings["class"](failed) != Y).all()


def test_a_failed_case_of_three_classes_has_one_probability_per_class():
    failed = CLASSIFICATION.failures(np.array([0, 1, 2]), None)
    assert failed.argmax(axis=1).tolist() == [1, 2, 0]


@pytest.mark.parametrize("truth", [Y.astype(float), Y[:, None], np.array([-1, 0, 1])])
def test_a_truth_that_is_no_class_is_our_failure(truth):
    with pytest.raises(DataFailure):
        CLASSIFICATION.check_truths(truth)


NUMBERS, IMAGES = np.array([40.0, 50.0, 90.0]), np.array([[[-1000.0, 0.0]], [[500.0, 3000.0]]])


@pytest.mark.parametrize(
    ("task", "answers", "truths", "refused"),
    [
        ("regression", np.array([1e5, -3, 0.125]), NUMBERS, {}),
        ("regression", np.array([1, np.nan, np.inf]), NUMBERS, {1: NotFinite.reason, 2: NotFinite.reason}),
        ("regression", np.array([1, 2, 3]), NUMBERS, dict.fromkeys(range(3), WrongType.reason)),
        ("regression", np.ones((3, 1)), NUMBERS, dict.fromkeys(range(3), WrongShape.reason)),
        ("synthesis", IMAGES + 0.5, IMAGES, {}),
        ("synthesis", np.where(IMAGES == 500, np.nan, IMAGES), IMAGES, {1: NotFinite.reason}),
        ("synthesis", IMAGES[:, :, :1], IMAGES, dict.fromkeys(range(2), WrongShape.reason)),
        ("synthesis", IMAGES.astype(int), IMAGES, dict.fromkeys(range(2), WrongType.reason)),
    ],
)
def test_answers_that_are_numbers_or_images(task, answers, truths, refused):
    assert TASKS[task].refused(answers, truths) == refused


def test_a_failed_number_is_as_far_off_as_the_truths_or_the_worst_answer_are():
    failures = TASKS["regression"].failures
    assert failures(NUMBERS, None).tolist() == [90, 90, 40]
    assert failures(NUMBERS, np.array([40.0, 150.0, 90.0])).tolist() == [140, 150, -10]


def test_a_failed_image_is_the_far_end_of_the_range_everywhere():
    assert TASKS["synthesis"].failures(IMAGES, None).tolist() == [[[3000, 3000]], [[3000, -1000]]]


@pytest.mark.parametrize("task", ["regression", "synthesis"])
@pytest.mark.parametrize("truths", [[[1.0]], [np.nan], [[[np.inf]]]])
def test_truths_that_are_no_numbers_or_images(task, truths):
    with pytest.raises(DataFailure, match="finite"):
        TASKS[task].check_truths(np.array(truths))
