"""Cases that are read one at a time have the values of the same cases stacked, and each its own size."""

import math
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assignments.data.columns import Column, MadeCase, record_column
from graders.failures import DataFailure, NonFiniteAnswer, OutOfRange, WrongLabels, WrongShape, WrongType
from graders.metrics import METRICS
from graders.record.answers import Answers
from graders.scoring.score import score
from graders.scoring.void import without
from tests.graders.scoring.test_failing import EMPTY, PER_CASE, ids, score_of
from tests.graders.scoring.test_score import DOWN, assignment, hidden, scored

IMAGES = ("segmentation", "label_maps", "instances", "synthesis", "registration")
OF_IMAGES = [(task, name, drawn) for task, name, drawn in (*PER_CASE, *EMPTY) if task in IMAGES]


def column(cases):
    """Arrays of any sizes as a column."""
    return Column([MadeCase(lambda case=case: case, case.dtype, case.shape) for case in cases])


def unstacked(truths):
    """An array with a leading N, or records, as a column of its cases."""
    if truths.dtype.names:
        return record_column({name: column(truths[name]) for name in truths.dtype.names})
    return column(truths)


@pytest.mark.parametrize(("task", "name", "drawn"), OF_IMAGES, ids=ids(OF_IMAGES))
@given(data=st.data())
@settings(max_examples=6, deadline=None)
def test_values_are_those_of_the_same_cases_stacked_to_the_bit(task, name, drawn, data):
    truths, predictions = data.draw(drawn)
    if predictions.dtype.kind == "f" and data.draw(st.booleans()):
        predictions = predictions.copy()
        predictions[data.draw(st.integers(0, len(truths) - 1))].flat[0] = np.nan
    failed = data.draw(st.lists(st.integers(0, len(truths) - 1), max_size=2, unique=True))
    ways = {"separate": data.draw(st.booleans()), "absent": data.draw(st.sampled_from(["leave_out", "one"]))}
    if ways["separate"] and not truths.dtype.names:
        truths[0].flat[:3] = 1 if task == "segmentation" else (1, 2, 3)
    stacked = score_of(task, name, truths, predictions, failed, **ways)
    for truth, prediction in ((truths, predictions[()]), (unstacked(truths), predictions)):
        singly = score_of(task, name, truth, column(prediction), failed, **ways)
        assert singly.score == stacked.score
        assert (singly.values, singly.raw, singly.failed) == (stacked.values, stacked.raw, stacked.failed)
        assert (singly.counted, singly.false_positives) == (stacked.counted, stacked.false_positives)
        counts = np.ones((2, len(singly.counted)))
        assert singly.resampled(counts).tolist() == stacked.resampled(counts).tolist()


def test_every_metric_of_images_is_compared():
    reading = {"mask", "labels", "instances", "image", "field"}
    assert {name for name, metric in METRICS.items() if metric.reads in reading} == {
        name for task, name, _ in OF_IMAGES if "@class" not in name
    }


def box(shape, voxels, value=1, dtype=np.uint8):
    """An image whose first voxels have a value."""
    return np.where(np.arange(math.prod(shape)) < voxels, value, 0).astype(dtype).reshape(shape)


SMALL, LARGE, TALL = (1, 2, 3), (2, 4, 5), (6, 2, 2)


def test_dice_of_cases_of_three_sizes():
    truths = column([box(SMALL, 4), box(LARGE, 10), box(TALL, 8)])
    predictions = column([box(shape, n).astype(np.float16) for shape, n in ((SMALL, 4), (LARGE, 6), (TALL, 0))])
    document = scored(assignment("segmentation", "dice"), hidden(truths), predictions)
    # 2 * 4 / 8, 2 * 6 / 16, and nothing marked.
    assert [case.score for case in document.measured.cases] == [1, 0.75, 0]
    assert document.measured.score == pytest.approx(1.75 / 3)


def test_subjects_with_scans_of_different_sizes_count_once_each():
    truths = column([box(SMALL, 4), box(LARGE, 10), box(TALL, 8)])
    predictions = column([box(shape, n).astype(np.float16) for shape, n in ((SMALL, 4), (LARGE, 6), (TALL, 0))])
    document = scored(assignment("segmentation", "dice"), hidden(truths, ["a", "b", "b"]), predictions)
    assert document.measured.score == pytest.approx((1 + 0.375) / 2)
    assert document.measured.subjects == 2


def test_a_failed_case_takes_the_diagonal_of_its_own_image():
    truths, predictions = column([box(SMALL, 4), box(LARGE, 10)]), column([box(SMALL, 4), box(LARGE, 10)])
    answers = Answers({"prob": column([case.astype(np.float16) for case in predictions])}, {1: "r"})
    document = scored(assignment("segmentation", "hd95", anchors=DOWN), hidden(truths), answers)
    # 2 x 4 x 5 voxels of 2 x 1 x 1 mm: 4, 4 and 5 mm.
    assert document.measured.cases[1].value == pytest.approx(math.sqrt(4**2 + 4**2 + 5**2))
    assert document.measured.cases[0].value == 0


def test_a_prediction_of_another_size_than_its_own_case_fails_alone():
    truths = column([box(SMALL, 4), box(LARGE, 10), box(SMALL, 2)])
    predictions = column([box(shape, 4).astype(np.float16) for shape in (SMALL, SMALL, SMALL)])
    document = scored(assignment("segmentation", "dice"), hidden(truths), predictions)
    assert [case.reason for case in document.measured.cases] == [None, WrongShape.reason, None]
    assert [case.value for case in document.measured.cases] == [1, 0, pytest.approx(4 / 6)]


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (np.full(LARGE, np.nan, np.float16), NonFiniteAnswer.reason),
        (np.full(LARGE, 2, np.float16), OutOfRange.reason),
        (np.ones(LARGE, np.int64), WrongType.reason),
    ],
)
def test_a_prediction_that_cannot_be_scored_takes_none_of_the_others_along(spoilt, reason):
    truths = column([box(SMALL, 4), box(LARGE, 10)])
    document = scored(assignment("segmentation", "dice"), hidden(truths), column([box(SMALL, 4) * 1.0, spoilt]))
    assert [case.reason for case in document.measured.cases] == [None, reason]
    assert document.measured.score == 0.5


def test_answers_that_were_never_made_have_failed_in_every_size():
    truths = column([box(SMALL, 4), box(LARGE, 10)])
    document = scored(assignment("segmentation", "dice"), hidden(truths), Answers({}, {0: "import_failed"}))
    assert [case.reason for case in document.measured.cases] == ["import_failed", WrongType.reason]
    assert document.measured.score == 0


MAPS = [box(SMALL, 4), box(LARGE, 10, 3), np.zeros(TALL, np.uint8)]
"""Label 1 alone, label 3 alone, and nothing."""


def test_a_label_that_another_case_has_is_valid_and_one_that_no_case_has_is_not():
    predictions = column([box(SMALL, 4, 3), box(LARGE, 10, 4), np.zeros(TALL, np.uint8)])
    document = scored(assignment("label_maps", "dice"), hidden(column(MAPS)), predictions)
    assert [case.reason for case in document.measured.cases] == [None, WrongLabels.reason, None]
    # Both classes of the first case are wrong; the second failed; the third is two empty masks.
    assert [case.value for case in document.measured.cases] == [0, 0, 1]


def test_a_class_counts_in_the_cases_that_have_it_or_everywhere_as_the_author_says():
    predictions = column([box(SMALL, 4), box(LARGE, 5, 3), np.zeros(TALL, np.uint8)])
    document = scored(assignment("label_maps", "dice"), hidden(column(MAPS)), predictions)
    half = 2 * 5 / 15
    assert [case.value for case in document.measured.cases] == [1, pytest.approx(half), 1]
    assert document.measured.classes == {
        "class1": 1,
        "class3": pytest.approx((1 + half + 1) / 3, abs=1e-12),
    }
    everywhere = assignment("label_maps", "dice", absent="one")
    document = scored(everywhere, hidden(column(MAPS)), predictions)
    assert document.measured.cases[1].value == pytest.approx((1 + half) / 2)


def test_the_highest_label_is_that_of_all_cases_where_one_is_left_out():
    predictions = column([box(SMALL, 4, 3), box(LARGE, 10, 3), np.zeros(TALL, np.uint8)])
    truths, answers = without({"c0-1"}, hidden(column(MAPS)), Answers({"label": predictions}, {2: "r"}))
    assert answers.failed == {1: "r"}
    document = scored(assignment("label_maps", "dice"), truths, answers)
    assert [case.reason for case in document.measured.cases] == [WrongLabels.reason, "r"]


def test_empty_cases_alone_are_not_truths():
    empty = hidden(column([np.zeros(SMALL, np.uint8), np.zeros(LARGE, np.uint8)]))
    document = scored(assignment("label_maps", "dice"), empty, column([np.zeros(SMALL, int), np.zeros(LARGE, int)]))
    assert (document.verdict, document.evidence) == ("unknown", "no truth has a label other than 0")


def test_empty_truths_set_apart_are_counted_where_something_was_marked_or_failed():
    apart = assignment("segmentation", "dice", empty_reference="separate")
    truths = hidden(column([box(SMALL, 4), *[np.zeros(shape, np.uint8) for shape in (LARGE, TALL, SMALL)]]))
    predictions = column([box(s, n).astype(np.float16) for s, n in ((SMALL, 4), (LARGE, 0), (TALL, 1), (SMALL, 0))])
    document = scored(apart, truths, Answers({"prob": predictions}, {3: "r"}))
    assert document.measured.score == 1
    assert (document.measured.false_positives.count, document.measured.false_positives.of) == (2, 3)
    nothing = hidden(column([np.zeros(SMALL, np.uint8)]))
    assert scored(apart, nothing, column([box(SMALL, 0) * 1.0])).verdict == "unknown"


def test_a_truth_that_does_not_fit_the_task_is_named():
    truths = hidden(column([box(SMALL, 4), box(LARGE, 10, 2)]))
    document = scored(assignment("segmentation", "dice"), truths, column([box(SMALL, 4) * 1.0, box(LARGE, 10) * 1.0]))
    assert document.verdict == "unknown"
    assert document.evidence == "case c0-1: labels must be 0 and 1, got 0 to 2"


def test_landmarks_and_labels_of_pairs_of_different_sizes():
    marks = np.array([[[1.0, 1.0]], [[1.0, 3.0]]])  # (2, P, d): 2 voxels apart in the second axis
    labels = [np.ones((2, 3, 4), np.uint8), np.ones((2, 5, 6), np.uint8)]
    truths = hidden(record_column({"labels": column(labels), "landmarks": column([marks, marks])}), spacing=(1.0, 0.5))
    fields = [np.zeros((2, *label.shape[1:]), np.float32) for label in labels]
    fields[1][1] = 2  # the second axis' displacement, everywhere
    document = scored(assignment("registration", "tre", anchors=DOWN), truths, column(fields))
    assert [case.score for case in document.measured.cases] == [1, 0]  # 2 voxels of 0.5 mm, and none


def test_images_count_inside_their_own_masks():
    targets = [np.zeros((1, 7, 7)), np.zeros((2, 8, 9))]
    masks = [np.ones((1, 7, 7), np.uint8), box((2, 8, 9), 10)]
    truths = hidden(record_column({"target": column(targets), "mask": column(masks)}))
    predictions = column([np.full((1, 7, 7), 8, np.float32), np.where(masks[1], 2, 500).astype(np.float32)])
    document = scored(assignment("synthesis", "mae@100", anchors=DOWN), truths, predictions)
    assert [case.score for case in document.measured.cases] == [8, 2]


def test_one_case_is_in_memory_at_a_time():
    alive, most = set(), []

    def read(case):
        fresh = case.copy()
        alive.add(id(fresh))
        weakref.finalize(fresh, alive.discard, id(fresh))
        most.append(len(alive))
        return fresh

    cases = [box(LARGE, n) for n in range(1, 9)]
    truths = Column([MadeCase(lambda c=c: read(c), c.dtype, c.shape) for c in cases])
    document = scored(assignment("segmentation", "dice"), hidden(truths), column([c * 1.0 for c in cases]))
    assert document.measured.score == 1
    assert len(most) == 8
    assert max(most) <= 2  # the last case is dropped when the next one is there


def test_each_case_is_a_part_of_the_score_and_a_failed_one_is_not_read():
    def unread():
        raise AssertionError("a failed answer was read")

    answers = [MadeCase(lambda: box(SMALL, 4) * 1.0, np.dtype(float), SMALL), MadeCase(unread, np.dtype(float), (0,))]
    of = assignment("segmentation", "dice")
    sets = [hidden(column([box(SMALL, 4), box(LARGE, 4)]))]
    parts = []
    document = score(of, of.criteria[0], sets, [Answers({"prob": Column(answers)}, {1: "r"})], parts.append, True)
    assert document.measured.score == 0.5
    assert parts == ["cases", "0 c0-0", "whole", "whole"]


def test_a_metric_of_the_whole_set_of_images_is_a_toolkit_failure_and_no_zero(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\nfrom graders.metrics import Metric\n"
        "area = Metric('area', lambda p, t, cases: float(p.mean()), level='per_set', better='higher', range=(0, 1),"
        " worst=0, reads='mask')\n"
    )
    of = assignment("segmentation", "mine.py:area", folder=tmp_path)
    truths = [box(SMALL, 4), box(LARGE, 4)]
    document = scored(of, hidden(column(truths)), column([truth * 1.0 for truth in truths]))
    assert document.verdict == "unknown"
    assert "needs all images together" in document.evidence


def test_rows_are_scored_together_although_they_are_read_one_at_a_time():
    y, prob = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9], np.float32)
    of = assignment("classification", "balanced_accuracy")
    assert scored(of, hidden(column(y)), column(prob)) == scored(of, hidden(y), prob)


def test_truths_without_their_predictions_number_are_refused():
    truths = hidden(column([box(SMALL, 4), box(LARGE, 4)]))
    document = scored(assignment("segmentation", "dice"), truths, column([box(SMALL, 4) * 1.0]))
    assert [case.reason for case in document.measured.cases] == [None, WrongShape.reason]
    with pytest.raises(DataFailure, match="case c0-1"):
        score_of(
            "segmentation", "dice", column([box(SMALL, 4), box(LARGE, 4) * 1.0]), column([box(SMALL, 4) * 1.0] * 2)
        )
