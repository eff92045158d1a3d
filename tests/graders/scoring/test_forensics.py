"""Poor scores get an explanation where one mistake explains them; sound, weak and random predictions get none."""

import math
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage, special

from assignments.assignment import Assignment
from assignments.data.cases import Case
from assignments.data.columns import Column, MadeCase
from assignments.data.hidden import HiddenSet, records
from graders.failures import WallLimit
from graders.marks.words import phrase_words
from graders.record.answers import Answers
from graders.record.documents import Explained, Phrase
from graders.scoring.fixes import of_probabilities_of_each, of_thresholds
from graders.scoring.forensics import explanation
from graders.scoring.score import score
from graders.tasks import task_named

UP = {"trivial": 0.5, "pass": 0.6, "merit": 0.7, "distinction": 0.8, "reference": 0.9, "ceiling": 1}
SPACING = (0.8, 0.5, 0.5)


def assignment(task="segmentation", metric="dice", anchors=UP):
    return Assignment.model_validate(
        {
            "id": "exercise", "title": "An exercise", "task": task,
            "data": {"source": "s", "train": 4, "test": 4}, "run": {"mode": "weights"},
            "criterion": [{"id": "a", "kind": "accuracy", "points": 10, "metric": metric, "anchors": anchors}],
            "folder": Path("here"),
        }
    )  # fmt: skip


def hidden(truth, spacing=SPACING):
    cases = tuple(Case(f"SECRET-{i}", f"s{i}", spacing, None) for i in range(len(truth)))
    return HiddenSet({}, None, {}, truth, cases, 0, "", "", "")


def phantoms(n=10, shape=(16, 24, 24), seed=0):
    """Ellipsoids off the centre, with a knob: no flip or turn leaves one as it is."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices(shape)
    masks = []
    for _ in range(n):
        c = np.array(shape) * (0.32, 0.36, 0.60) + rng.normal(0, 0.6, 3)
        body = ((z - c[0]) / 3.4) ** 2 + ((y - c[1]) / 4.2) ** 2 + ((x - c[2]) / 6.0) ** 2 <= 1
        knob = ((z - c[0] - 2) / 2) ** 2 + ((y - c[1] + 4) / 3) ** 2 + ((x - c[2] - 2) / 3) ** 2 <= 1
        masks.append(body | knob)
    return np.array(masks).astype(np.uint8)


def predicted(truth, seed=1):
    """A good model's probabilities: the truth with a soft and somewhat wrong edge."""
    rng = np.random.default_rng(seed)
    wrong = ndimage.gaussian_filter(rng.normal(0, 1, truth.shape), (0, 2, 2, 2))
    soft = np.stack([ndimage.gaussian_filter(mask.astype(float), 1) for mask in truth])
    return special.expit(8 * (soft - 0.5) + 6 * wrong).astype(np.float32)


def explained(truth, predictions, of=None, failed=(), spacing=SPACING):
    of = of or assignment()
    stored = Answers({task_named(of.task).prediction: np.asarray(predictions)}, dict.fromkeys(failed, WallLimit.reason))
    hidden_set = hidden(truth, spacing)
    scored = score(of, of.criteria[0], [hidden_set], [stored])
    return explanation(of, of.criteria[0], [hidden_set], [stored], scored.measurement)


def words_of(result):
    """What a student reads of it."""
    mistake = f"if {phrase_words(result.mistake)}." if result.mistake else ""
    return " ".join(filter(None, [phrase_words(result.seen) if result.seen else "", mistake]))


def dice(prediction, truth):
    mask = prediction >= 0.5
    return np.mean([2 * (a & (t > 0)).sum() / (a.sum() + t.sum()) for a, t in zip(mask, truth, strict=True)])


def to_1mm_and_left_there(predictions, spacing=SPACING):
    """Resampled to voxels of 1 mm, and put into a corner of the image's shape instead of resampled back."""
    out = np.zeros_like(predictions)
    for i, prediction in enumerate(predictions):
        other = ndimage.zoom(prediction, spacing, order=0, grid_mode=True, mode="grid-constant")
        part = tuple(slice(0, min(n, m)) for n, m in zip(prediction.shape, other.shape, strict=True))
        out[i][part] = other[part]
    return out


def halved_in_a_corner(predictions):
    out = np.zeros_like(predictions)
    small = predictions[:, ::2, ::2, ::2]
    out[:, : small.shape[1], : small.shape[2], : small.shape[3]] = small
    return out


TRUTH = phantoms()
GOOD = predicted(TRUTH)
CUBES = phantoms(shape=(24, 24, 24))
MISTAKES = {
    "flip": (np.flip(GOOD, 1), "flip", "if the first axis is flipped"),
    "flips": (np.flip(GOOD, (2, 3)), "flip", "if the second and third axes are flipped"),
    "transposed": (GOOD.swapaxes(2, 3), "axes", "if the axes are put in the order 1, 3, 2"),
    "turned": (np.rot90(GOOD, 1, (2, 3)), "axes", "turned by 270 degrees in the plane of the second and third axes"),
    "inverted": (1 - GOOD, "labels", "if foreground and background are exchanged"),
    "threshold": (GOOD * 0.15, "threshold", "if the threshold is 0.0"),
    "sigmoid": (special.expit(GOOD), "sigmoid", "if a second sigmoid is undone"),
    "spacing": (to_1mm_and_left_there(GOOD), "spacing", "resampled from voxels of 1 mm to the image's own"),
    "half": (halved_in_a_corner(GOOD), "spacing", "if each mask is enlarged 2 times."),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_mistake_in_all_volumes_is_named_with_what_the_score_would_be(name):
    predictions, kind, words = MISTAKES[name]
    result = explained(TRUTH, predictions)
    assert result.kind == kind
    assert words in words_of(result)
    assert result.score == pytest.approx(dice(predictions, TRUTH), abs=0.01)
    # What is lost by resampling is lost; a threshold that finds as much as there is may be better than 0.5 was.
    near = {"spacing": 0.2, "threshold": 0.08}.get(kind, 0.01)
    assert result.fixed == pytest.approx(dice(GOOD, TRUTH), abs=near)
    assert "SECRET" not in repr(result)


def test_axes_in_reverse_order_are_named_where_the_shape_allows_them():
    predictions = predicted(CUBES).transpose(0, 3, 2, 1)
    assert "the axes are put in the order 3, 2, 1" in words_of(explained(CUBES, predictions))


def test_invalid_predictions_are_not_computed_with():
    assert explained(TRUTH, GOOD.transpose(0, 3, 2, 1)) is None
    label = PREDICTED.astype(np.int32)
    label[:, 0, 0, 0] = 20_000  # a table of all pairs of labels would take 3 GB
    tracemalloc.start()
    try:
        assert explained(ZONES, label, OF_LABELS) is None
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_an_invalid_prediction_does_not_hide_a_mistake_in_the_others():
    label = np.flip(PREDICTED, 3).astype(np.int32)
    label[0, 0, 0, 0] = 20_000
    assert words_of(explained(ZONES, label, OF_LABELS)) == "if the third axis is flipped."


def test_a_shift_by_one_voxel_of_small_objects_is_named():
    truth = np.zeros((8, 12, 12, 12), np.uint8)
    for i in range(8):
        truth[i, 3 + i % 4, 4:6, 3:9] = 1
    result = explained(truth, np.roll(truth, 1, 1).astype(np.float32))
    assert result.kind == "shift"
    assert (result.score, result.fixed) == (0, 1)
    assert words_of(result) == "if each mask is moved by one voxel along the first axis."


def test_a_distance_is_explained_in_its_own_metric():
    anchors = {"trivial": 30, "pass": 20, "merit": 15, "distinction": 10, "reference": 5, "ceiling": 2}
    anchors = {name: value / 10 for name, value in anchors.items()}
    result = explained(TRUTH, np.flip(TRUTH, 1).astype(np.float32), assignment(metric="hd95", anchors=anchors))
    assert result.fixed == 0
    assert result.score > 2
    assert words_of(result) == "if the first axis is flipped."


def test_empty_and_full_predictions_are_named():
    result = explained(TRUTH, np.full(TRUTH.shape, 0.1))
    assert result == Explained("empty", Phrase("empty_below_half"))
    assert words_of(result) == "Every answer is empty: no voxel reaches a probability of 0.5."
    assert explained(TRUTH, np.full(TRUTH.shape, 0.9)).kind == "full"
    faint = words_of(explained(TRUTH, GOOD * 0.2))
    assert faint.startswith("Every answer is empty: no voxel reaches a probability of 0.5. if ")


def test_large_masks_are_not_explained_by_making_them_smaller():
    truth = np.zeros((8, 16, 24, 24), np.uint8)
    truth[:, 5:11, 8:16, 8:16] = 1
    truth[0, 5, 8, 8] = 0
    full = explained(truth, np.ones(truth.shape, np.float32))
    assert full == Explained("full", Phrase("full"))
    assert words_of(full) == "Every answer is full: every voxel is foreground."
    box = np.zeros(truth.shape, np.float32)
    box[:, 1:15, 1:19, 2:22] = 1
    assert explained(truth, box) is None


def test_failed_cases_do_not_hide_a_mistake_in_the_others():
    result = explained(TRUTH, np.flip(GOOD, 1), failed=(0, 3))
    assert result.kind == "flip"
    assert result.fixed == pytest.approx(0.8 * dice(GOOD, TRUTH), abs=0.03)


def test_a_case_that_is_not_finite_does_not_hide_it_either():
    predictions = np.flip(GOOD, 1).copy()
    predictions[2, 0, 0, 0] = np.nan
    assert explained(TRUTH, predictions).kind == "flip"


def test_a_mistake_in_half_of_the_cases_is_not_explained_as_one_in_all():
    assert explained(TRUTH, np.where(np.arange(10)[:, None, None, None] % 2, GOOD, np.flip(GOOD, 1))) is None


def test_sound_predictions_are_not_explained():
    assert explained(TRUTH, GOOD) is None


@pytest.mark.parametrize("seed", range(6))
def test_weak_but_sound_predictions_are_not_explained(seed):
    weak = predicted(phantoms(seed=seed + 20), seed)  # of other cases: about the right place
    result = explained(phantoms(seed=seed), np.roll(weak, 3, 3))
    assert result is None


@pytest.mark.parametrize("seed", range(10))
def test_random_volumes_are_not_explained(seed):
    rng = np.random.default_rng(seed)
    assert explained(TRUTH, rng.random(TRUTH.shape)) is None
    blobs = ndimage.gaussian_filter(rng.normal(size=TRUTH.shape), (0, 2, 2, 2))
    assert explained(TRUTH, (blobs > np.quantile(blobs, 0.95)).astype(np.float32)) is None


def zones(masks):
    """Each phantom in three classes: its first two slices, the next two, the rest."""
    depth = np.cumsum(masks.any(axis=(2, 3)), axis=1)
    zone = 1 + (depth > 2) + (depth > 4)
    return (masks * zone[:, :, None, None]).astype(np.uint8)


ZONES = zones(TRUTH)
PREDICTED = zones((GOOD >= 0.5).astype(np.uint8))
OF_LABELS = assignment("label_maps", "dice")


def test_permuted_labels_are_named():
    permuted = np.array([0, 2, 3, 1], np.uint8)[PREDICTED]
    right = score(OF_LABELS, OF_LABELS.criteria[0], [hidden(ZONES)], [Answers({"label": PREDICTED})]).measurement.score
    result = explained(ZONES, permuted, OF_LABELS)
    assert result.kind == "labels"
    assert result.fixed == pytest.approx(right, abs=1e-4)
    assert words_of(result) == "if label 2 is class 1, label 3 is class 2 and label 1 is class 3."


def test_a_background_that_was_exchanged_with_a_class_is_named():
    result = explained(ZONES, np.array([1, 0, 2, 3], np.uint8)[PREDICTED], OF_LABELS)
    assert words_of(result) == "if label 1 is class 0 and label 0 is class 1."


def test_a_flipped_map_of_labels_is_named():
    result = explained(ZONES, np.flip(PREDICTED, 3), OF_LABELS)
    assert (result.kind, words_of(result)) == ("flip", "if the third axis is flipped.")


@pytest.mark.parametrize("seed", range(10))
def test_random_labels_are_not_explained(seed):
    assert explained(ZONES, np.random.default_rng(seed).integers(4, size=ZONES.shape), OF_LABELS) is None


def test_flipped_instances_are_named():
    truth = np.stack([ndimage.label(mask)[0] for mask in TRUTH])
    of = assignment("instances", "panoptic_quality@numbered")
    result = explained(truth, np.flip(truth * 7, 2), of)
    assert (result.score, result.fixed, words_of(result)) == (0, 1, "if the second axis is flipped.")
    assert words_of(explained(truth, truth * 0, of)) == "Every answer is empty."


def pairs(n=8, shape=(20, 24), seed=0):
    """Pairs whose moving image is shifted by a few pixels, by another shift in each case, with the right fields."""
    rng = np.random.default_rng(seed)
    by = rng.uniform(2, 5, (n, 2)) * rng.choice([-1, 1], (n, 2))
    fixed = rng.uniform(6, 12, (n, 10, 2))
    labels = np.ones((n, 2, *shape), np.uint8)
    marks = np.stack([fixed, fixed + by[:, None]], axis=1)
    truths = records({"labels": labels, "landmarks": marks})
    return truths, np.broadcast_to(by[:, :, None, None], (n, 2, *shape)).astype(np.float32)


TRE = {name: 12 - 12 * value for name, value in UP.items()}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda u: u[:, ::-1], "if the field's components are put in reverse order."),
        (lambda u: -u, "if the field's sign is turned (it leads from the moving to the fixed image)."),
        (lambda u: u * np.float32([3, 0.7])[:, None, None], "if the field is divided by the spacing (it is in mm"),
        (lambda u: -u[:, ::-1], "if the field's components are put in reverse order and the field's sign is turned"),
    ],
)
def test_a_field_in_another_order_unit_or_direction_is_named(spoil, words):
    truths, fields = pairs()
    result = explained(truths, spoil(fields), assignment("registration", "tre", TRE), spacing=(3.0, 0.7))
    assert (result.kind, result.fixed) == ("field", pytest.approx(0, abs=1e-3))
    assert words in words_of(result)


def test_fields_of_nothing_and_of_anything_are_not_explained_as_a_mistake_in_order():
    truths, fields = pairs()
    of = assignment("registration", "tre", {name: 3 - 3 * value for name, value in UP.items()})
    assert words_of(explained(truths, fields * 0, of, spacing=(3.0, 0.7))) == (
        "Every answer is a displacement of 0: nothing is moved."
    )
    for seed in range(10):
        drawn = np.random.default_rng(seed).normal(0, 4, (8, 2, 1, 1)) + fields * 0
        assert explained(truths, drawn.astype(np.float32), of, spacing=(3.0, 0.7)) is None


Y = np.repeat([0, 1], 60)


def rows(seed=0, n=120, skill=3.0):
    rng = np.random.default_rng(seed)
    return special.expit(rng.normal(0, 1, n) + skill * (2 * Y - 1)).astype(np.float32)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "auroc"])
def test_exchanged_classes_are_named(metric):
    result = explained(Y, 1 - rows(), assignment("classification", metric), spacing=None)
    assert (result.kind, result.cases) == ("labels", 120)
    assert result.score < 0.1
    assert words_of(result) == "if the two classes are exchanged."


def test_a_threshold_is_named_for_classes_and_not_for_ranks():
    timid = rows() * 0.2
    of = assignment("classification", "balanced_accuracy")
    result = explained(Y, timid, of, spacing=None)
    assert result.kind == "threshold"
    assert words_of(result).startswith("Every case is put into class 0. if the threshold is ")
    assert (result.score, result.fixed) == (0.5, 1)
    assert explained(Y, timid, assignment("classification", "auroc"), spacing=None) is None


def test_permuted_classes_are_named():
    truth = np.repeat(np.arange(4), 30)
    right = np.eye(4)[truth] * 0.7 + 0.075
    columns = right[:, [1, 2, 0, 3]]
    result = explained(truth, columns, assignment("classification", "accuracy"), spacing=None)
    assert result.fixed == 1
    # Column 2 predicts class 0, column 0 class 1 and column 1 class 2.
    assert words_of(result) == "if column 2 is class 0, column 0 is class 1 and column 1 is class 2."


def test_one_class_for_all_is_named():
    result = explained(Y, np.full(120, 0.3), assignment("classification", "balanced_accuracy"), spacing=None)
    assert result == Explained("constant", Phrase("one_class", (0,)))
    assert words_of(result) == "Every case is put into class 0."


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "auroc"])
def test_random_classes_are_not_explained(seed, metric):
    rng = np.random.default_rng(seed)
    assert explained(Y, rng.random(120), assignment("classification", metric), spacing=None) is None
    truth = np.repeat(np.arange(4), 6)
    drawn = rng.dirichlet(np.ones(4), 24)
    assert explained(truth, drawn, assignment("classification", "accuracy"), spacing=None) is None


def test_labels_that_do_not_exclude_each_other_have_no_explanation_and_break_none():
    truth = np.array([[0, 1], [1, 0], [1, 1], [0, 0]])
    hidden_set, stored = hidden(truth), Answers({"prob": 1.0 - truth}, {})
    of = assignment("multilabel", "auroc")
    scored = score(of, of.criteria[0], [hidden_set], [stored]).measurement
    assert scored.score == 0
    assert explanation(of, of.criteria[0], [hidden_set], [stored], scored) is None


def test_no_answers_have_no_explanation():
    of = assignment()
    sets, failed = [hidden(TRUTH)], dict.fromkeys(range(10), "r")
    for answers in (Answers({}, failed), Answers({"prob": np.zeros(TRUTH.shape, np.float16)}, failed)):
        measured = score(of, of.criteria[0], sets, [answers]).measurement
        assert explanation(of, of.criteria[0], sets, [answers], measured) is None


def in_columns(truth, predictions):
    """A hidden set and answers of cases that are read one at a time."""
    truths, answers = (
        Column([MadeCase(lambda case=case: case, case.dtype, case.shape) for case in cases])
        for cases in (truth, predictions)
    )
    return hidden(truths), Answers({"prob": answers})


SIZES = [(16, 24, 24), (12, 30, 26), (20, 22, 28), (16, 26, 24), (14, 24, 32), (18, 28, 24)]


def of_all_sizes(spoil=lambda case: case):
    """Truths of six sizes, and good predictions that are spoilt in one way."""
    truths = [phantoms(1, size, seed)[0] for seed, size in enumerate(SIZES)]
    return truths, [spoil(predicted(truth[None], seed)[0]) for seed, truth in enumerate(truths)]


def explained_singly(truths, predictions, of=None, failed=()):
    of = of or assignment()
    hidden_set, stored = in_columns(truths, predictions)
    stored = replace(stored, failed=dict.fromkeys(failed, "r"))
    measured = score(of, of.criteria[0], [hidden_set], [stored]).measurement
    return explanation(of, of.criteria[0], [hidden_set], [stored], measured)


@pytest.mark.parametrize(
    ("spoil", "kind", "phrase"),
    [
        (lambda case: np.flip(case, 1), "flip", Phrase("axes_flipped", (1,))),
        (lambda case: np.flip(case, (0, 2)), "flip", Phrase("axes_flipped", (0, 2))),
        (lambda case: 1 - case, "labels", Phrase("foreground_exchanged")),
        (lambda case: case * np.float32(0.3), "threshold", None),
    ],
)
def test_a_mistake_is_found_in_cases_of_different_sizes_and_undone_in_each_cases_own(spoil, kind, phrase):
    truths, predictions = of_all_sizes(spoil)
    result = explained_singly(truths, predictions)
    right = of_all_sizes()[1]
    best = np.mean([dice(p[None], t[None]) for p, t in zip(right, truths, strict=True)])
    assert result.kind == kind
    assert phrase in (None, result.mistake)
    assert result.fixed > best - 0.02


def test_a_failed_case_among_different_sizes_hides_no_mistake():
    truths, predictions = of_all_sizes(lambda case: np.flip(case, 1))
    assert explained_singly(truths, predictions, failed=[2]).kind == "flip"


def test_sound_predictions_of_different_sizes_have_no_explanation_and_empty_ones_are_named():
    truths, predictions = of_all_sizes()
    weak = assignment(anchors={**UP, "pass": 0.995, "merit": 0.996, "distinction": 0.997, "reference": 0.998})
    assert explained_singly(truths, predictions, weak) is None
    empty = [np.zeros(truth.shape, np.float32) for truth in truths]
    assert explained_singly(truths, empty) == Explained("empty", Phrase("empty_below_half"))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("spread", [0.2, 0.7, 1.0])
def test_counted_probabilities_suggest_the_thresholds_of_sorted_ones(share, spread):
    rng = np.random.default_rng(int(10 * spread))
    cases = [(rng.random(shape) ** 3 * spread).astype(np.float16) for shape in ((3, 7, 11), (2, 50, 5), (1, 4, 4))]
    together = np.concatenate([case.ravel() for case in cases])
    sorted_ones = [(fix.kind, fix.phrase) for fix in of_thresholds(together, share)]
    counted = [(fix.kind, fix.phrase) for fix in of_probabilities_of_each(cases, share)]
    assert counted == [("labels", Phrase("foreground_exchanged")), *sorted_ones]
    assert len(counted) > 2


def test_equal_probabilities_suggest_no_threshold():
    fixes = of_probabilities_of_each([np.full((2, 3, 4), 0.25, np.float16)] * 2, 0.5)
    assert [fix.kind for fix in fixes] == ["labels"]


def test_a_search_holds_one_image_at_a_time():
    truths, predictions = of_all_sizes(lambda case: np.flip(case, 1))
    truths, predictions = (
        [np.kron(case, np.ones((4, 4, 4), case.dtype)) for case in cases] for cases in (truths, predictions)
    )
    hidden_set, stored = in_columns(truths, [case.astype(np.float16) for case in predictions])
    of = assignment()
    measured = score(of, of.criteria[0], [hidden_set], [stored]).measurement
    tracemalloc.start()
    try:
        result = explanation(of, of.criteria[0], [hidden_set], [stored], measured)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.kind == "flip"
    # Six predictions together are 12 bytes a voxel, beside what the work on one case takes.
    assert peak < 12 * max(case.size for case in truths)


@pytest.mark.parametrize("spoil", [lambda case: np.flip(case, 2), lambda case: case * 0.3, lambda case: case * 0])
def test_an_explanation_is_the_same_stacked_and_one_at_a_time(spoil):
    predictions = np.stack([spoil(case) for case in predicted(TRUTH)])
    stacked = explained(TRUTH, predictions)
    assert explained_singly(list(TRUTH), list(predictions)) == stacked
    assert stacked is not None


def test_large_images_are_looked_at_in_part():
    truth = phantoms(70)
    result = explained(truth, np.flip(predicted(truth), 1))
    assert result.cases == 60
    assert math.isclose(result.fixed, dice(predicted(truth), truth), abs_tol=0.02)
