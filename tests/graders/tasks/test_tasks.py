"""Which predictions each task accepts, how it decides, and what counts as the prediction of a failed case."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assignments.data.columns import Column, MadeCase, record_column
from assignments.data.hidden import records
from assignments.errors import UserError
from graders.failures import DataFailure, NonFiniteAnswer, OutOfRange, WrongLabels, WrongShape, WrongType
from graders.metrics import METRICS
from graders.scoring.forms import readable
from graders.scoring.intervals import cluster_draws
from graders.tasks import TASKS, task_named

SEGMENTATION, CLASSIFICATION = TASKS["segmentation"], TASKS["classification"]
LABEL = np.array([[[0, 1], [1, 0]], [[0, 0], [0, 0]]], dtype=np.uint8)
Y = np.array([0, 1, 1], dtype=np.uint8)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_offers_what_some_metric_reads(name):
    assert TASKS[name].name == name
    assert any(readable(TASKS[name], metric) for metric in METRICS.values())


def test_an_unknown_task_names_the_nearest_or_lists_the_known_ones():
    with pytest.raises(UserError, match=r'no task "segmentaton"; did you mean "segmentation"\?'):
        task_named("segmentaton")
    with pytest.raises(UserError, match=r'no task "diffusion"; use one of: classification, instances, label_maps,'):
        task_named("diffusion")


def soft(**changes):
    predictions = np.full(LABEL.shape, 0.25, dtype=np.float32)
    for where, value in changes.items():
        predictions[int(where[1:]), 1, 1] = value
    return predictions


@pytest.mark.parametrize(
    ("predictions", "invalid"),
    [
        (soft(), {}),
        (soft().astype(np.float64), {}),
        (soft(c0=np.nan), {0: NonFiniteAnswer.reason}),
        (soft(c1=np.inf), {1: NonFiniteAnswer.reason}),
        (soft(c1=-0.01), {1: OutOfRange.reason}),
        (soft(c0=1.01, c1=np.nan), {0: OutOfRange.reason, 1: NonFiniteAnswer.reason}),
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
def test_predictions_of_a_segmentation(predictions, invalid):
    assert SEGMENTATION.invalid(predictions, LABEL) == invalid


def test_foreground_begins_at_one_half():
    decided = SEGMENTATION.forms["mask"](np.array([[[0.49, 0.5, 0.51]]], dtype=np.float16))
    assert decided.tolist() == [[[False, True, True]]]


def test_a_failed_segmentation_is_wrong_in_every_voxel():
    failed = SEGMENTATION.forms["mask"](SEGMENTATION.worst_predictions(LABEL, None))
    assert (failed != LABEL.astype(bool)).all()


@pytest.mark.parametrize("label", [LABEL.astype(float), LABEL * 255, LABEL.astype(int) - 1, LABEL[0]])
def test_a_truth_that_is_not_a_mask_is_a_toolkit_failure(label):
    with pytest.raises(DataFailure):
        SEGMENTATION.check_truths(label)


@pytest.mark.parametrize(
    ("predictions", "invalid"),
    [
        ([0.1, 0.5, 0.9], {}),
        ([0.1, np.nan, 1.5], {1: NonFiniteAnswer.reason, 2: OutOfRange.reason}),
        ([[0.9, 0.1], [0.5, 0.5], [0.0, 1.0]], {}),
        ([[0.9, 0.1], [0.5, 0.4], [0.0, 1.0]], {1: OutOfRange.reason}),  # adds up to 0.9
        ([[0.9, 0.1], [np.nan, 1], [2.0, -1.0]], {1: NonFiniteAnswer.reason, 2: OutOfRange.reason}),
        ([[0.1], [0.1], [0.1]], dict.fromkeys(range(3), WrongShape.reason)),  # (n, 1) would broadcast
        ([0.1], dict.fromkeys(range(3), WrongShape.reason)),
        (0.1, dict.fromkeys(range(3), WrongShape.reason)),
        ([0, 1, 1], dict.fromkeys(range(3), WrongType.reason)),  # classes, not probabilities
    ],
)
def test_predictions_of_a_classification(predictions, invalid):
    assert CLASSIFICATION.invalid(np.array(predictions), Y) == invalid


def test_thirds_stored_as_float16_still_add_up_to_one():
    thirds = np.full((3, 3), 1 / 3).astype(np.float16)
    assert CLASSIFICATION.invalid(thirds, Y) == {}


@pytest.mark.parametrize("name", TASKS)
@given(st.data())
@settings(max_examples=20, deadline=None)
def test_to_store_what_was_stored_changes_nothing(name, data):
    shape = data.draw(st.sampled_from([(3,), (3, 2), (3, 4), (2, 2, 2)]))
    kind = data.draw(st.sampled_from([np.float16, np.float32, np.float64]))
    close = [0.5, 0.49999999, 0.5 - 1e-12, 0.5 + 1e-12, 0.5 - 2e-12, 1 / 3, 1.0, math.nan, 1e60]
    numbers = st.one_of(st.floats(0, 1), st.sampled_from(close))
    with np.errstate(over="ignore"):
        flat = np.array(data.draw(st.lists(numbers, min_size=12, max_size=12)))[: math.prod(shape)]
        predictions = flat.reshape(shape).astype(kind)
    stored = TASKS[name].stored(predictions)
    assert stored.shape == shape
    assert np.array_equal(stored, TASKS[name].stored(stored), equal_nan=True)
    if TASKS[name].probabilities:
        assert np.array_equal(stored >= 0.5, predictions >= 0.5)
        if len(shape) == 2 and not np.isnan(predictions).any():
            before, after = (rows == rows.max(axis=1, keepdims=True) for rows in (predictions, stored))
            assert np.array_equal(before, after) or np.isinf(stored).any()
        assert stored.dtype == (np.float16 if len(shape) > 2 else np.float32)


def test_predictions_that_are_integers_are_stored_as_they_are():
    for task in TASKS.values():
        assert task.stored(NUMBERED) is NUMBERED


def test_predictions_must_have_every_class_of_the_truth():
    three = np.array([0, 1, 2])
    assert set(CLASSIFICATION.invalid(np.array([0.1, 0.2, 0.3]), three).values()) == {WrongShape.reason}
    assert set(CLASSIFICATION.invalid(np.full((3, 2), 0.5), three).values()) == {WrongShape.reason}
    assert CLASSIFICATION.invalid(np.full((3, 4), 0.25), three) == {}


@pytest.mark.parametrize(
    ("predictions", "classes"),
    [
        ([0.49, 0.5, 0.51], [0, 1, 1]),
        ([[0.51, 0.49], [0.5, 0.5], [0.49, 0.51]], [0, 1, 1]),
        ([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [0.1, 0.2, 0.7]], [0, 0, 2]),
    ],
)
def test_the_most_probable_class_is_decided(predictions, classes):
    assert CLASSIFICATION.forms["class"](np.array(predictions)).tolist() == classes


@pytest.mark.parametrize("shape", [None, (3,), (3, 2), (3, 4)])
def test_a_failed_classification_is_certain_of_a_wrong_class(shape):
    predictions = None if shape is None else np.zeros(shape)
    failed = CLASSIFICATION.worst_predictions(Y, predictions)
    assert failed.shape == (shape or (3,))
    assert set(failed.ravel().tolist()) == {0.0, 1.0}
    assert (CLASSIFICATION.forms["class"](failed) != Y).all()


def test_a_failed_case_of_three_classes_has_one_probability_per_class():
    failed = CLASSIFICATION.worst_predictions(np.array([0, 1, 2]), None)
    assert failed.argmax(axis=1).tolist() == [2, 2, 0]


def test_a_failed_grade_is_the_farthest():
    failed = CLASSIFICATION.worst_predictions(np.arange(5), np.zeros((5, 5)))
    assert failed.argmax(axis=1).tolist() == [4, 4, 4, 0, 0]
    assert CLASSIFICATION.worst_predictions(np.arange(3), np.zeros((3, 4))).argmax(axis=1).tolist() == [3, 3, 0]


@pytest.mark.parametrize("truth", [Y.astype(float), Y[:, None], np.array([-1, 0, 1])])
def test_a_truth_that_is_not_a_class_is_a_toolkit_failure(truth):
    with pytest.raises(DataFailure):
        CLASSIFICATION.check_truths(truth)


FINDINGS = np.array([[0, 1, 0], [1, 1, 0], [1, 0, 0]], np.uint8)


@pytest.mark.parametrize(
    ("predictions", "invalid"),
    [
        (np.full((3, 3), 0.9), {}),  # they need not add up to 1
        (np.array([[0, 0, 0], [0.5, np.nan, 1], [1, 1, 1.25]]), {1: NonFiniteAnswer.reason, 2: OutOfRange.reason}),
        (np.full((3, 2), 0.9), dict.fromkeys(range(3), WrongShape.reason)),
        (np.full(3, 0.9), dict.fromkeys(range(3), WrongShape.reason)),
        (FINDINGS, dict.fromkeys(range(3), WrongType.reason)),  # labels, not probabilities
    ],
)
def test_predictions_of_labels_that_do_not_exclude_each_other(predictions, invalid):
    assert TASKS["multilabel"].invalid(predictions, FINDINGS) == invalid


def test_a_label_is_there_from_one_half_on_whatever_the_others_are():
    decided = TASKS["multilabel"].forms["multilabel"](np.array([[0.49, 0.5, 0.51]], np.float32))
    assert decided.tolist() == [[0, 1, 1]]


def test_a_failed_case_of_labels_is_certain_of_the_wrong_ones():
    failed = TASKS["multilabel"].worst_predictions(FINDINGS, None)
    assert failed.tolist() == [[1, 0, 1], [0, 0, 1], [0, 1, 1]]
    assert TASKS["multilabel"].invalid(failed, FINDINGS) == {}


@pytest.mark.parametrize("truth", [FINDINGS[:, 0], FINDINGS * 2, FINDINGS * 1.0, FINDINGS[:, :0], FINDINGS[:1]])
def test_a_truth_that_is_not_a_set_of_labels_or_never_varies_is_a_toolkit_failure(truth):
    with pytest.raises(DataFailure):
        TASKS["multilabel"].check_truths(truth)


def test_labels_are_drawn_within_strata_of_the_rarest_that_a_case_holds_or_lacks():
    # Label 0 is there in 5 of 8 cases, label 1 in 1; label 2 never varies. Absent: 3, and 7.
    truths = np.array([[1, 1, 0], *[[1, 0, 0]] * 4, *[[0, 0, 0]] * 3])
    strata = TASKS["multilabel"].strata(truths)
    assert len(set(strata[:1])) == len(set(strata[1:5])) == len(set(strata[5:])) == 1
    assert len(set(strata)) == 3


@pytest.mark.parametrize("seed", range(20))
def test_every_resample_within_those_strata_has_a_label_that_is_there_and_absent(seed):
    rng = np.random.default_rng(seed)
    truths = (rng.random((rng.integers(3, 12), 4)) < rng.uniform(0.05, 0.95, 4)).astype(int)
    truths[0], truths[1] = 0, 1
    subjects = [f"s{i}" for i in rng.integers(6, size=len(truths))]
    for counts in cluster_draws(subjects, TASKS["multilabel"].strata(truths), rng):
        present = (counts[:, :, None] * truths).sum(axis=1)
        absent = (counts[:, :, None] * (1 - truths)).sum(axis=1)
        assert ((present > 0) & (absent > 0)).any(axis=1).all()


NUMBERS, IMAGES = np.array([40.0, 50.0, 90.0]), np.array([[[-1000.0, 0.0]], [[500.0, 3000.0]]])
CLASSES = np.array([[[0, 1], [2, 0]], [[0, 0], [1, 1]]], np.uint8)
NUMBERED = np.array([[[0, 7], [7, 3]], [[0, 0], [0, 0]]], np.int32)
FIELDS = np.zeros((2, 2, 1, 3), np.float32)
WARPED = np.zeros((2, 2, 1, 3), np.uint8)


def all_of(reason, n=2):
    return dict.fromkeys(range(n), reason)


def truth_of(task, truths, **extra):
    """The truths as the task has them: as they are, or as records."""
    arrays = {TASKS[task].truth: np.asarray(truths), **extra}
    return records(arrays) if TASKS[task].extra_truths else arrays[TASKS[task].truth]


@pytest.mark.parametrize(
    ("task", "predictions", "truths", "invalid"),
    [
        ("regression", np.array([1e5, -3, 0.125]), NUMBERS, {}),
        ("regression", np.array([1, np.nan, np.inf]), NUMBERS, {1: NonFiniteAnswer.reason, 2: NonFiniteAnswer.reason}),
        ("regression", np.array([1, 2, 3]), NUMBERS, all_of(WrongType.reason, 3)),
        ("regression", np.ones((3, 1)), NUMBERS, all_of(WrongShape.reason, 3)),
        ("synthesis", IMAGES + 0.5, IMAGES, {}),
        ("synthesis", np.where(IMAGES == 500, np.nan, IMAGES), IMAGES, {1: NonFiniteAnswer.reason}),
        ("synthesis", IMAGES[:, :, :1], IMAGES, all_of(WrongShape.reason)),
        ("synthesis", IMAGES.astype(int), IMAGES, all_of(WrongType.reason)),
        ("label_maps", CLASSES.astype(np.int64), CLASSES, {}),
        ("label_maps", CLASSES + np.uint8([[[2]], [[0]]]), CLASSES, {0: WrongLabels.reason}),  # 3 and 4 are not classes
        ("label_maps", CLASSES.astype(int) - 1, CLASSES, all_of(WrongLabels.reason)),
        ("label_maps", CLASSES.astype(float), CLASSES, all_of(WrongType.reason)),
        ("label_maps", CLASSES[..., None], CLASSES, all_of(WrongShape.reason)),
        ("instances", NUMBERED * 1000, NUMBERED, {}),
        ("instances", NUMBERED.astype(np.int64) * 2**31, NUMBERED, {0: OutOfRange.reason}),
        ("instances", -NUMBERED, NUMBERED, {0: OutOfRange.reason}),
        ("instances", NUMBERED > 0, NUMBERED, all_of(WrongType.reason)),
        ("registration", FIELDS + 0.5, WARPED, {}),
        ("registration", FIELDS + np.float32([[[[np.inf]]], [[[0]]]]), WARPED, {0: NonFiniteAnswer.reason}),
        ("registration", FIELDS.astype(int), WARPED, all_of(WrongType.reason)),
        ("registration", np.moveaxis(FIELDS, 1, -1), WARPED, all_of(WrongShape.reason)),  # components come first
    ],
)
def test_predictions_in_the_form_of_the_truth(task, predictions, truths, invalid):
    assert TASKS[task].invalid(predictions, truth_of(task, truths)) == invalid


def test_a_failed_number_is_as_far_off_as_the_truths_or_the_worst_prediction_are():
    worst = TASKS["regression"].worst_predictions
    assert worst(NUMBERS, None).tolist() == [90, 90, 40]
    assert worst(NUMBERS, np.array([40.0, 150.0, 90.0])).tolist() == [140, 150, -10]


def test_a_failed_image_is_the_far_end_of_the_range_everywhere():
    failed = TASKS["synthesis"].worst_predictions(truth_of("synthesis", IMAGES), None)
    assert failed.tolist() == [[[3000, 3000]], [[3000, -1000]]]


def test_a_failed_map_of_labels_is_wrong_in_every_voxel_and_a_failed_map_of_instances_finds_none():
    assert (TASKS["label_maps"].worst_predictions(CLASSES, None) != CLASSES).all()
    failed = TASKS["instances"].worst_predictions(NUMBERED, None)
    assert failed.tolist() == [[[1, 0], [0, 0]], [[1, 1], [1, 1]]]


def test_instances_are_read_as_one_mask_in_prediction_and_truth():
    for forms in (TASKS["instances"].forms, TASKS["instances"].truth_forms):
        assert forms["mask"](NUMBERED).tolist() == (NUMBERED > 0).tolist()


def test_a_target_is_masked_where_its_mask_is_0():
    truths = truth_of("synthesis", IMAGES, mask=np.array([[[1, 0]], [[1, 1]]], np.uint8))
    target = TASKS["synthesis"].truth_forms["image"](truths)
    assert target.mask.tolist() == [[[False, True]], [[False, False]]]
    assert TASKS["synthesis"].truth_forms["image"](truth_of("synthesis", IMAGES)).compressed().size == 4


@pytest.mark.parametrize("task", ["regression", "synthesis"])
@pytest.mark.parametrize("truths", [[[1.0]], [np.nan], [[[np.inf]]]])
def test_truths_that_are_not_numbers_or_images(task, truths):
    with pytest.raises(DataFailure, match="finite"):
        TASKS[task].check_truths(truth_of(task, truths))


@pytest.mark.parametrize(
    ("task", "truths", "extra", "says"),
    [
        ("label_maps", CLASSES * 1.0, {}, "labels must be integers"),
        ("label_maps", CLASSES.astype(int) + 300, {}, "labels must be 0 to 254"),
        ("label_maps", CLASSES * 0, {}, "no truth has a label other than 0"),
        ("instances", -NUMBERED, {}, "numbered from 1"),
        ("synthesis", IMAGES, {"mask": np.ones((2, 1, 1))}, "masks must be 0 and 1"),
        ("synthesis", IMAGES, {"mask": np.uint8([[[1, 1]], [[0, 0]]])}, "a mask is empty"),
        ("registration", WARPED[:, :1], {}, "labels must be integers (N, 2"),
        ("registration", WARPED, {"landmarks": np.zeros((2, 2, 4, 3))}, "landmarks must be numbers (N, 2, P, 2)"),
        ("registration", WARPED, {"landmarks": np.full((2, 2, 4, 2), np.nan)}, "no landmark with a position in both"),
    ],
)
def test_truths_that_a_task_cannot_use_are_a_toolkit_failure(task, truths, extra, says):
    with pytest.raises(DataFailure, match=re.escape(says)):
        TASKS[task].check_truths(truth_of(task, truths, **extra))


BASELINES = {
    "segmentation": ({"label": LABEL}, LABEL),
    "label_maps": ({"label": CLASSES}, CLASSES),
    "instances": ({"instances": NUMBERED}, NUMBERED),
    "classification": ({"y": Y}, Y),
    "multilabel": ({"y": FINDINGS}, FINDINGS),
    "regression": ({"y": NUMBERS}, NUMBERS),
    "synthesis": ({"target": IMAGES}, IMAGES),
    "registration": ({"labels": WARPED}, WARPED),
}


@pytest.mark.parametrize("name", TASKS)
def test_a_baseline_is_a_valid_prediction_and_does_not_depend_on_the_truth(name):
    train, truths = BASELINES[name]
    baselines = TASKS[name].baselines(train, truth_of(name, truths))
    of_other_truths = TASKS[name].baselines(train, truth_of(name, truths[::-1]))
    assert baselines
    for baseline, predictions in baselines.items():
        assert TASKS[name].invalid(np.ascontiguousarray(predictions), truth_of(name, truths)) == {}
        assert np.array_equal(predictions, of_other_truths[baseline])


@pytest.mark.parametrize("name", TASKS)
def test_nothing_anywhere_is_a_baseline_wherever_a_prediction_can_be_empty(name):
    train, truths = BASELINES[name]
    baselines = TASKS[name].baselines(train, truth_of(name, truths))
    if TASKS[name].forms.keys() & {"mask", "labels", "instances", "field"}:
        assert any(not predictions.any() for predictions in baselines.values())


def unread(arrays):
    """The same cases as columns."""
    return {
        key: Column([MadeCase(lambda case=case: case, case.dtype, case.shape) for case in cases])
        for key, cases in arrays.items()
    }


@pytest.mark.parametrize("name", TASKS)
def test_baselines_of_cases_that_are_read_one_at_a_time_are_those_of_the_stacked_ones(name):
    train, truths = BASELINES[name]
    task = TASKS[name]
    columns = unread({task.truth: truths})
    singly = task.baselines(unread(train), record_column(columns) if task.extra_truths else columns[task.truth])
    stacked = task.baselines(train, truth_of(name, truths))
    assert singly
    for baseline, predictions in singly.items():
        assert np.array_equal(np.stack(list(predictions)), stacked[baseline])


def test_a_baseline_has_the_size_of_each_case_and_none_needs_one_size():
    labels = [np.zeros((1, 2, 3), np.uint8), np.uint8([[[2, 2, 0, 1]]])]
    columns = unread({"label": labels})
    baselines = TASKS["label_maps"].baselines(columns, columns["label"])
    assert {name: [case.tolist() for case in cases] for name, cases in baselines.items()} == {
        "nothing anywhere": [[[[0, 0, 0], [0, 0, 0]]], [[[0, 0, 0, 0]]]],
        "one class everywhere": [[[[2, 2, 2], [2, 2, 2]]], [[[2, 2, 2, 2]]]],
    }
    masks = unread({"label": [labels[0], np.uint8([[[1, 1, 0, 1]]])]})
    baselines = TASKS["segmentation"].baselines(masks, masks["label"])
    assert baselines["the training set's frequencies"][1].tolist() == [[[np.float32(0.3)] * 4]]  # 3 of 10 voxels
    assert set(baselines) == {"nothing anywhere", "everything foreground", "the training set's frequencies"}
    pairs = record_column(unread({"labels": [np.zeros((2, 3, 4), np.uint8), np.zeros((2, 1, 2, 5), np.uint8)]}))
    fields = TASKS["registration"].baselines({}, pairs)["no displacement"]
    assert [field.shape for field in fields] == [(2, 3, 4), (3, 1, 2, 5)]


def test_the_mean_image_of_a_synthesis_is_that_of_the_voxels_that_count():
    target = np.float32([[[1, 2, 9]], [[3, 9, 9]]])
    mask = np.uint8([[[1, 1, 0]], [[1, 0, 0]]])
    train = {"target": target, "mask": mask}
    baselines = TASKS["synthesis"].baselines(train, truth_of("synthesis", target))
    # The mean of 1, 2 and 3 is 2; the last voxel counts in no case, and gets it.
    assert {name: image[0].tolist() for name, image in baselines.items()} == {
        "the mean training intensity": [[2, 2, 2]],
        "the mean training image": [[2, 2, 2]],
    }
    train["mask"] = np.uint8([[[1, 1, 0]], [[0, 0, 0]]])
    images = TASKS["synthesis"].baselines(train, truth_of("synthesis", target))["the mean training image"]
    assert images[1].tolist() == [[1, 2, 1.5]]
    columns = unread(train)
    singly = TASKS["synthesis"].baselines(columns, record_column({"target": columns["target"]}))
    assert [image.tolist() for image in singly["the mean training intensity"]] == [[[1.5] * 3]] * 2


def test_baselines_by_hand():
    assert {k: a.tolist() for k, a in TASKS["regression"].baselines({"y": NUMBERS}, NUMBERS[:1]).items()} == {
        "the training set's mean": [60], "the training set's median": [50],
    }  # fmt: skip
    baselines = TASKS["label_maps"].baselines({"label": CLASSES}, CLASSES[:1])
    assert baselines["one class everywhere"].tolist() == [[[1, 1], [1, 1]]]
    # Of two training cases: 0 and 0, 1 and 0, 2 and 1, 0 and 1; a tie goes to the lower label.
    assert baselines["the commonest label of each place"].tolist() == [[[0, 0], [1, 0]]]
    baselines = TASKS["classification"].baselines({"y": Y}, Y)
    assert baselines["the training set's frequencies"] == pytest.approx([2 / 3] * 3)
    baselines = TASKS["multilabel"].baselines({"y": FINDINGS}, FINDINGS[:1])
    assert baselines["the training set's frequencies"] == pytest.approx(np.array([[2 / 3, 2 / 3, 0]]))
    assert (baselines["no label"].max(), baselines["every label"].min()) == (0, 1)
    masks = np.zeros((2, 1, 2, 2), np.uint8)
    masks[0, 0, 0, 0] = masks[:, 0, 1, 1] = 1
    baselines = TASKS["segmentation"].baselines({"label": masks}, np.zeros((3, 1, 2, 2), np.uint8))
    assert baselines["everything foreground"].min() == 1
    assert set(baselines["the training set's frequencies"].ravel().tolist()) == {0.375}
    assert baselines["the mean training case"][2].tolist() == [[[0.5, 0.0], [0.0, 1.0]]]


def test_a_probability_beyond_its_bound_by_rounding_is_stored_as_the_bound():
    task = TASKS["classification"]
    stored = task.stored(np.array([1.0000001, -1e-8, 0.5], np.float32))
    assert stored.tolist() == [1, 0, 0.5]
    assert task.invalid(stored, np.array([1, 0, 1])) == {}
    assert task.invalid(task.stored(np.array([1.0001, 1.5, 0.5], np.float32)), np.array([1, 0, 1])) == {
        0: OutOfRange.reason, 1: OutOfRange.reason,
    }  # fmt: skip
