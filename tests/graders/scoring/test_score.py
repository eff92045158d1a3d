"""From predictions and truths to a score: every hidden case is in the denominator, and failing gains nothing."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from assignments.assignment import Accuracy, Assignment
from assignments.data.cases import Case
from assignments.data.columns import Column
from assignments.data.hidden import HiddenSet, records
from assignments.errors import UserError
from graders.failures import NonFiniteAnswer, OutOfRange, WrongShape, WrongType
from graders.record.answers import Answers
from graders.record.documents import Cause, FailedCases, FalsePositives
from graders.scoring.intervals import unpacked
from graders.scoring.score import check_criterion, score
from graders.tasks import task_named

UP = {"trivial": 0.5, "pass": 0.6, "merit": 0.7, "distinction": 0.8, "reference": 0.9, "ceiling": 1}
DOWN = {name: 10 * (1 - value) for name, value in UP.items()}
OWN = """
import numpy as np
from graders.metrics import Metric

def always(value):
    return lambda predictions, truths, cases: value if np.ndim(value) == 0 else np.array(value)

def broken(predictions, truths, cases):
    raise KeyError("lesion")

def share(predictions, truths, cases):
    return (predictions == truths).mean()

common = dict(level="per_set", better="higher", range=(0, 1), worst=0, reads="class")
nan = Metric("nan", always(np.nan), **common)
high = Metric("high", always(1.5), **common)
broken = Metric("broken", broken, **common)
per_case = {**common, "level": "per_case"}
short = Metric("short", always([1.0]), **per_case)
kind = Metric("kind", lambda p, t, cases: (p == t).astype(float), **{**per_case, "worst": 0.5})
share = Metric("share", share, **common)
"""


def assignment(task="classification", metric="balanced_accuracy", *, seeds=1, combine="median", redraw=False,
               folder=Path("here"), path=None, **criterion):  # fmt: skip
    return Assignment.model_validate(
        {
            "id": "exercise",
            "title": "An exercise",
            "task": task,
            "data": {"source": "s", "train": 4, "test": 4, "redraw": redraw, "path": path},
            "run": {"mode": "retrain", "seeds": seeds, "combine": combine},
            "criterion": [
                {"id": "accuracy", "kind": "accuracy", "points": 10, "metric": metric, "anchors": UP} | criterion
            ],
            "folder": folder,
        }
    )


def hidden(truth, subjects=None, spacing=(2.0, 1.0, 1.0), turn=0, train=8):
    truth = truth if isinstance(truth, Column) else np.asarray(truth)
    subjects = [f"s{i}" for i in range(len(truth))] if subjects is None else subjects
    cases = tuple(Case(f"c{turn}-{i}", f"{s}-{turn}", spacing, None) for i, s in enumerate(subjects))
    return HiddenSet({"x": np.zeros(train)}, None, {}, truth, cases, 0, "", "", "")


def scored(of, truths, predictions, **more):
    """Scores one repeat, or several where the truths and the predictions are lists."""
    sets = truths if isinstance(truths, list) else [truths]
    predictions = predictions if isinstance(predictions, list) else [predictions]
    criterion = of.criteria[0]
    assert isinstance(criterion, Accuracy)
    key = task_named(of.task).prediction
    answers = [p if isinstance(p, Answers) else Answers({key: p}, **more) for p in predictions]
    return score(of, criterion, sets, answers)


Y = np.array([0, 0, 0, 0, 1, 1, 1, 1])
P = np.array([0.1, 0.2, 0.3, 0.6, 0.4, 0.7, 0.8, 0.9], dtype=np.float32)


def masks(*volumes, shape=(2, 3, 4)):
    """Masks whose first voxels are set."""
    return np.stack([(np.arange(math.prod(shape)) < v).reshape(shape) for v in volumes])


def dice_of(*volumes, truth=6, **more):
    truths = hidden(masks(*[truth] * len(volumes)).astype(np.uint8), more.pop("subjects", None))
    return scored(assignment("segmentation", "dice"), truths, masks(*volumes).astype(np.float32), **more)


def test_balanced_accuracy_of_one_repeat():
    doc = scored(assignment(), hidden(Y), P)
    assert (doc.verdict, doc.measured.score, doc.measured.repeats) == ("passed", 0.75, (0.75,))
    assert doc.cause is None
    assert (doc.measured.case_count, doc.measured.cases) == (8, ())


def test_auroc_of_one_repeat_equals_scikit_learn():
    doc = scored(assignment(metric="auroc"), hidden(Y), P)
    assert doc.measured.score == pytest.approx(roc_auc_score(Y, P))


def test_dice_is_the_mean_of_subject_means_and_not_of_cases():
    doc = dice_of(6, 6, 0, 2, subjects=["a", "a", "a", "b"])  # Dice 1, 1, 0 and 1/2
    assert doc.measured.score == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert [case.score for case in doc.measured.cases] == [1, 1, 0, 0.5]


def test_the_interval_of_a_mean_is_students_t_on_subject_means():
    doc = dice_of(6, 4, 2, 3, 5, 6, subjects=["a", "a", "b", "b", "c", "d"])
    means = np.array([(1 + 0.8) / 2, (0.5 + 2 / 3) / 2, 10 / 11, 1])
    expected = stats.t.interval(0.95, 3, means.mean(), stats.sem(means))
    assert doc.measured.interval[0] == pytest.approx(expected[0])
    assert doc.measured.interval[1] == 1  # never beyond the metric's range
    assert expected[1] > 1


def test_subjects_that_all_agree_have_no_interval_rather_than_one_of_no_width():
    assert dice_of(6, 6, 6).measured.interval is None
    assert dice_of(4).measured.interval is None
    assert scored(assignment(), hidden(Y), Y.astype(np.float32)).measured.interval is None


def test_a_failed_case_takes_the_worst_value_and_stays_in_the_denominator():
    doc = dice_of(6, 6, 6, 6, failed={2: "wall_limit"})
    assert doc.measured.score == 0.75
    failed = doc.measured.cases[2]
    assert (failed.state, failed.score, failed.value) == ("failed", None, 0)
    assert failed.reason == "wall_limit"
    assert doc.failed == (FailedCases(Cause("wall_limit"), 1),)


def test_the_student_reads_the_line_where_all_failed_alike_and_the_reason_alone_where_they_differ():
    def failing_at(*lines):
        causes = {i: Cause("raised", "ValueError", line) for i, line in enumerate(lines)}
        answers = Answers({"prob": P}, dict.fromkeys(causes, "raised"), causes, "ValueError: trace", "trace")
        return scored(assignment(), hidden(Y), answers)

    alike, other = failing_at("solution.py:3", "solution.py:3"), failing_at("solution.py:3", "solution.py:4")
    assert alike.failed == (FailedCases(Cause("raised", "ValueError", "solution.py:3"), 2),)
    assert other.failed == (FailedCases(Cause("raised"), 2),)
    assert alike.evidence.splitlines()[-1] == "trace"
    assert alike.cause_detail == "ValueError: trace"


def test_equal_values_that_differ_by_rounding_alone_have_no_interval():
    truth = masks(*range(1, 13))
    document = scored(assignment("segmentation", "hd95", anchors=DOWN), hidden(truth, spacing=(0.1, 0.7, 0.3)),
                      np.zeros(truth.shape, np.float32), failed=dict.fromkeys(range(12), "it broke"))  # fmt: skip
    assert document.measured.interval is None


def test_a_failed_distance_takes_the_diagonal():
    of = assignment("segmentation", "hd95", anchors=DOWN)
    doc = scored(of, hidden(masks(6, 6)), masks(6, 6).astype(np.float32), failed={1: "r"})
    assert doc.measured.score == pytest.approx(math.sqrt(4**2 + 3**2 + 4**2) / 2)


def test_a_number_that_failed_is_off_by_the_worst_prediction_and_not_by_the_zero_in_the_array():
    ages, predictions = np.array([40.0, 60.0, 80.0]), np.array([42.0, 0.0, 80.0])
    answers = Answers({"value": predictions}, {1: "r"})
    doc = scored(assignment("regression", "rmse", anchors=DOWN), hidden(ages), answers)
    assert doc.measured.score == pytest.approx(math.sqrt((2**2 + 20**2 + 0) / 3))  # 60 is 20 from either end


def test_a_failed_class_counts_as_a_wrong_class():
    doc = scored(assignment(), hidden(Y), Y.astype(np.float32), failed={0: "r", 7: "r"})
    assert doc.measured.score == 0.75


def test_grades_that_all_failed_agree_no_better_than_by_chance():
    grades = np.repeat([0, 1, 2, 3, 4], [73, 7, 15, 3, 2])  # as retinopathy's are
    doc = scored(assignment(metric="quadratic_kappa"), hidden(grades), np.full((100, 5), np.nan))
    assert doc.measured.score < 0


def test_a_prediction_that_is_not_finite_never_scores_and_never_spoils_the_others():
    predictions = P.copy()
    predictions[7] = np.nan
    doc = scored(assignment(metric="auroc"), hidden(Y), predictions)
    expected = np.where(np.arange(8) == 7, 0, P)  # the wrong class, with certainty
    assert doc.measured.score == pytest.approx(roc_auc_score(Y, expected))
    assert [(case.id, case.reason) for case in doc.measured.cases] == [(hidden(Y).cases[7].id, NonFiniteAnswer.reason)]


@pytest.mark.parametrize(
    ("predictions", "reason"),
    [
        (np.full(8, np.nan), NonFiniteAnswer.reason),
        (np.full(8, 1e30), OutOfRange.reason),
        (np.full(8, 1e60), NonFiniteAnswer.reason),  # float32, as stored, cannot hold it
        (np.full(8, -1.0), OutOfRange.reason),
        (np.zeros((8, 1)), WrongShape.reason),
        (np.zeros(7), WrongShape.reason),
        (np.array(0.0), WrongShape.reason),
        (Y, WrongType.reason),
        (P.astype(str), WrongType.reason),
    ],
)
@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "macro_f1", "auroc"])
def test_predictions_that_cannot_be_scored_earn_nothing(metric, predictions, reason):
    doc = scored(assignment(metric=metric), hidden(Y), predictions)
    assert (doc.verdict, doc.measured.score, doc.cause.reason) == ("passed", 0, reason)
    assert {case.reason for case in doc.measured.cases} == {reason}


def test_no_prediction_at_all_earns_nothing():
    doc = scored(assignment(), hidden(Y), Answers({}, dict.fromkeys(range(8), "import_failed")))
    assert (doc.measured.score, doc.cause.reason) == (0, "import_failed")
    assert scored(assignment(), hidden(Y), Answers({})).cause.reason == WrongType.reason


def test_a_certain_error_in_a_row_that_adds_up_to_a_little_more_than_one_is_the_worst_and_not_a_toolkit_failure():
    rows = np.array([[0, 1, 0.0015], [0, 1, 0], [0, 0, 1]])
    doc = scored(assignment(metric="brier", anchors=DOWN), hidden(np.array([0, 1, 2])), rows)
    assert (doc.verdict, doc.measured.score) == ("passed", pytest.approx(1 / 3))


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "auroc"])
def test_a_constant_prediction_earns_no_more_than_chance(metric):
    assert scored(assignment(metric=metric), hidden(Y), np.full(8, 0.7)).measured.score == 0.5


def test_predictions_are_rounded_as_they_are_stored_before_the_first_scoring():
    exact = 0.5 + np.linspace(-1e-9, 1e-9, 8)
    for metric in ("balanced_accuracy", "auroc"):
        stored = task_named("classification").stored(exact)
        doc, again = (scored(assignment(metric=metric), hidden(Y), a) for a in (exact, stored))
        assert (doc, stored.dtype) == (again, np.float32)


def test_a_network_that_is_sure_of_everything_is_ranked_by_how_sure_it_is():
    """scikit-learn: the positives are the two largest numbers, so the area is 1. float16 holds one of the four."""
    y, sure = np.array([0, 0, 1, 1]), np.array([0.99987, 0.99995, 0.99998, 0.99999], np.float32)
    of = {"auroc": 1.0, "average_precision": 1.0, "sensitivity@0.95": 1.0}
    for predictions in (sure, np.stack([1 - sure, sure], axis=1)):
        scores = {name: scored(assignment(metric=name), hidden(y), predictions).measured.score for name in of}
        assert scores == of
    assert roc_auc_score(y, sure) == 1


def test_rounding_puts_no_case_into_another_class():
    """0.4999 is class 0, and so is every number below 0.5 in whatever dtype it comes; 0.5 is class 1."""
    below = [0.4999, 0.49999, np.nextafter(0.5, 0), float(np.nextafter(np.float32(0.5), np.float32(0)))]
    zeros = hidden(np.zeros(4, int))
    assert scored(assignment(metric="accuracy"), zeros, np.array(below)).measured.score == 1
    assert scored(assignment(metric="accuracy"), zeros, np.full(4, 0.5)).measured.score == 0
    # The first class is ahead by less than float32 can tell, and the second one, which wins ties of two, is not it.
    close = np.tile([0.5 + 1e-12, 0.5 - 1e-12], (4, 1))
    assert scored(assignment(metric="accuracy"), zeros, close).measured.score == 1
    assert scored(assignment(metric="accuracy"), zeros, close[:, ::-1]).measured.score == 0
    three = np.tile([0.4 - 1e-12, 0.2, 0.4 + 1e-12], (4, 1))
    assert scored(assignment(metric="accuracy"), hidden(np.full(4, 2)), three).measured.score == 1


def test_rounding_puts_no_voxel_into_the_foreground():
    truth = np.zeros((1, 2, 2, 2), np.uint8)
    truth[0, 0, 0, 0] = 1
    prediction = np.full((1, 2, 2, 2), 0.49999)
    prediction[0, 0, 0, 0] = 0.5
    assert scored(assignment("segmentation", "dice"), hidden(truth), prediction).measured.score == 1


def test_rows_that_an_earlier_version_stored_as_float16_are_read_as_they_are():
    old = P.astype(np.float16)
    assert scored(assignment(metric="auroc"), hidden(Y), old).measured.score == pytest.approx(roc_auc_score(Y, old))
    thirds = np.full((3, 3), 1 / 3).astype(np.float16)
    assert scored(assignment(metric="brier", anchors=DOWN), hidden(np.arange(3)), thirds).verdict == "passed"


@pytest.mark.parametrize("how", ["median", "mean"])
def test_repeats_are_combined(how):
    of = assignment("segmentation", "dice", seeds=3, combine=how)
    truth = hidden(masks(6, 6))
    doc = scored(of, [truth] * 3, [masks(*v).astype(np.float32) for v in ((6, 6), (6, 3), (0, 0))])
    assert doc.measured.repeats == pytest.approx((1, 5 / 6, 0))
    assert doc.measured.score == pytest.approx(5 / 6 if how == "median" else (1 + 5 / 6) / 3)
    assert [(c.id, c.repeat) for c in doc.measured.cases] == [(f"c0-{i}", r) for r in range(3) for i in range(2)]


def test_the_interval_over_repeats_of_the_same_cases_holds_both_sources_of_chance():
    of = assignment("segmentation", "dice", seeds=3, combine="mean")
    truth = hidden(masks(6, 6, 6, 6))
    volumes = ((5, 4, 3, 5), (4, 4, 3, 5), (4, 3, 3, 4))
    doc = scored(of, [truth] * 3, [masks(*v).astype(np.float32) for v in volumes])
    values = np.array([[2 * v / (v + 6) for v in row] for row in volumes])
    of_cases = stats.t.ppf(0.975, 3) * stats.sem(values.mean(axis=0))
    of_seeds = stats.t.ppf(0.975, 2) * stats.sem(values.mean(axis=1))
    assert doc.measured.interval[0] == pytest.approx(values.mean() - math.hypot(of_cases, of_seeds))


def test_the_interval_over_redrawn_repeats_is_the_wider_of_repeats_and_cases():
    of = assignment("segmentation", "dice", seeds=3, combine="mean", redraw=True)
    truths = [hidden(masks(6, 6, 6, 6), turn=turn) for turn in range(3)]

    def half(*volumes):
        doc = scored(of, truths, [masks(*v).astype(np.float32) for v in volumes])
        return doc.measured.score - doc.measured.interval[0]

    values = np.array([[2 * v / (v + 6) for v in row] for row in ((5, 4, 5, 4), (4, 3, 4, 3), (3, 2, 3, 2))])
    assert half((5, 4, 5, 4), (4, 3, 4, 3), (3, 2, 3, 2)) == pytest.approx(
        stats.t.ppf(0.975, 2) * stats.sem(values.mean(axis=1))
    )
    # Repeats that agree by luck still rest on few cases: 3 x 4, each with the same spread.
    lucky = np.array([2 * v / (v + 6) for v in (5, 4, 3, 2)])
    assert half((5, 4, 3, 2), (2, 3, 4, 5), (4, 5, 2, 3)) == pytest.approx(
        stats.t.ppf(0.975, 9) * lucky.std(ddof=1) / math.sqrt(12)
    )


def test_repeats_split_from_one_pool_of_real_data_have_a_wider_interval():
    volumes = ((5, 4, 5, 4), (4, 3, 4, 3), (3, 2, 3, 2))
    width = {}
    for path in (None, "promise12"):
        of = assignment("segmentation", "dice", seeds=3, combine="mean", redraw=True, path=path)
        truths = [hidden(masks(6, 6, 6, 6), turn=turn, train=8) for turn in range(3)]
        doc = scored(of, truths, [masks(*v).astype(np.float32) for v in volumes])
        width[path] = doc.measured.score - doc.measured.interval[0]
    assert width["promise12"] / width[None] == pytest.approx(math.sqrt((1 / 3 + 4 / 8) / (1 / 3)))


def test_the_bootstrap_of_a_set_draws_subjects_and_repeats_exactly():
    rng = np.random.default_rng(5)
    truth = rng.integers(2, size=60)
    noisy = np.clip(truth * 0.3 + rng.random(60) * 0.7, 0, 1)
    doc = scored(assignment(metric="auroc"), hidden(truth), noisy)
    low, high = doc.measured.interval
    assert low < doc.measured.score < high
    assert doc.measured.bootstrap_seed is not None
    assert scored(assignment(metric="auroc"), hidden(truth), noisy) == doc
    # Three scans of each subject carry no more than one: the interval must not shrink.
    tripled = scored(
        assignment(metric="auroc"), hidden(np.repeat(truth, 3), [f"s{i // 3}" for i in range(180)]), np.repeat(noisy, 3)
    )
    assert tripled.measured.interval[1] - tripled.measured.interval[0] == pytest.approx(high - low, rel=0.1)
    apart = scored(assignment(metric="auroc"), hidden(np.repeat(truth, 3)), np.repeat(noisy, 3))
    assert apart.measured.interval[1] - apart.measured.interval[0] < 0.7 * (high - low)


def test_the_bootstrap_of_balanced_accuracy_equals_one_written_as_a_loop():
    rng = np.random.default_rng(6)
    truth = np.repeat([0, 1], 40)
    predictions = np.where(rng.random(80) < 0.8, truth, 1 - truth).astype(np.float32)
    doc = scored(assignment(), hidden(truth), predictions)
    drawn = []
    right = predictions == truth
    for _ in range(2000):
        drawn.append((right[rng.integers(40, size=40)].mean() + right[40 + rng.integers(40, size=40)].mean()) / 2)
    assert doc.measured.interval == pytest.approx(np.quantile(drawn, [0.025, 0.975]).tolist(), abs=0.015)


@pytest.mark.parametrize(("subjects", "bootstrap"), [(49, False), (50, True)])
def test_a_mean_is_resampled_from_fifty_subjects_on_and_has_students_t_below(subjects, bootstrap):
    rng = np.random.default_rng(8)
    volumes = rng.integers(1, 7, 2 * subjects)
    names = [f"s{i // 2}" for i in range(2 * subjects)]
    doc = dice_of(*volumes, subjects=names)
    means = (2 * volumes / (volumes + 6)).reshape(subjects, 2).mean(axis=1)
    by_t = stats.t.interval(0.95, subjects - 1, means.mean(), stats.sem(means))
    if bootstrap:
        drawn = [rng.choice(means, subjects).mean() for _ in range(4000)]
        assert doc.measured.interval == pytest.approx(np.quantile(drawn, [0.025, 0.975]).tolist(), abs=0.008)
        assert doc.measured.interval != pytest.approx(by_t, abs=1e-9)
        assert doc.measured.bootstrap_seed is not None
        assert doc.measured.interval == dice_of(*volumes, subjects=names).measured.interval
    else:
        assert doc.measured.interval == pytest.approx(by_t)
        assert doc.measured.bootstrap_seed is None


def test_subjects_of_different_size_weigh_the_same_in_a_resample():
    sizes = [1 + i % 4 for i in range(60)]
    names = [f"s{i}" for i, size in enumerate(sizes) for _ in range(size)]
    of_subject = np.random.default_rng(9).integers(1, 7, 60)
    doc = dice_of(*[v for v, size in zip(of_subject, sizes, strict=True) for _ in range(size)], subjects=names)
    alone = dice_of(*of_subject)
    assert doc.measured.score == pytest.approx(alone.measured.score)
    assert doc.measured.interval == pytest.approx(alone.measured.interval, abs=0.01)


def test_a_metric_of_the_whole_set_stores_its_resampled_scores():
    doc = scored(assignment(metric="auroc"), hidden(Y), P)
    drawn = unpacked(doc.measured.drawn)
    assert drawn.shape == (2000,)
    assert doc.measured.interval == pytest.approx(np.quantile(drawn, [0.025, 0.975]).tolist(), abs=1e-6)
    assert scored(assignment(metric="accuracy"), hidden(Y), P).measured.drawn is None


def test_a_median_of_repeats_is_resampled_as_a_median():
    of = assignment(seeds=3)
    rng = np.random.default_rng(7)
    truth = np.repeat([0, 1], 30)
    predictions = [np.where(rng.random(60) < share, truth, 1 - truth).astype(np.float32) for share in (0.9, 0.85, 0.8)]
    doc = scored(of, [hidden(truth)] * 3, predictions)
    assert doc.measured.score == sorted(doc.measured.repeats)[1]
    assert doc.measured.interval[0] < doc.measured.score < doc.measured.interval[1]


def test_a_metric_of_a_cap_is_scored_too():
    caps = [{"when": "cases_above(hd95, 3) > 0", "at": 0.7}, {"when": "dice < 0.5", "at": 0.5}]
    of = assignment("segmentation", "dice", caps=caps)
    assert of.criteria[0].metrics == ("dice", "hd95")
    doc = scored(of, hidden(masks(6, 6)), masks(6, 5).astype(np.float32))
    assert list(doc.also) == ["hd95"]
    assert len(doc.also["hd95"].cases) == 2


def test_metrics_of_also_are_scored_and_stored_under_their_names_in_the_assignment(tmp_path):
    (tmp_path / "my_metrics.py").write_text(OWN)
    of = assignment(also=["accuracy", "my_metrics.py:share"], folder=tmp_path)
    doc = scored(of, hidden(Y), P)
    assert {name: also.score for name, also in doc.also.items()} == {"accuracy": 0.75, "my_metrics.py:share": 0.75}
    assert (doc.measured.score, doc.measured.subjects) == (0.75, 8)


def test_empty_references_score_one_when_left_empty():
    doc = scored(assignment("segmentation", "dice"), hidden(masks(0, 0, 6)), masks(0, 1, 6).astype(np.float32))
    assert [case.score for case in doc.measured.cases] == [1, 0, 1]
    assert doc.measured.false_positives == FalsePositives(0, of=0)


def test_empty_references_can_be_set_apart_with_their_false_positives():
    of = assignment("segmentation", "dice", empty_reference="separate")
    truths = hidden(masks(0, 0, 0, 6, 6))
    doc = scored(of, truths, masks(0, 1, 0, 6, 2).astype(np.float32), failed={2: "r"})
    assert doc.measured.score == 0.75
    assert doc.measured.false_positives == FalsePositives(2, of=3)  # a failed prediction counts as one
    assert [case.state for case in doc.measured.cases] == ["set_apart", "set_apart", "failed", "scored", "scored"]


def test_a_set_of_empty_references_only_is_a_toolkit_failure():
    of = assignment("segmentation", "dice", empty_reference="separate")
    doc = scored(of, hidden(masks(0, 0)), masks(0, 0).astype(np.float32))
    assert (doc.verdict, doc.cause.reason) == ("unknown", "data")


@pytest.mark.parametrize(
    ("own", "evidence"),
    [
        ("nan", "must be () and finite"),
        ("high", "outside 0 to 1"),
        ("broken", "raised KeyError"),
        ("short", "must be (8,) and finite"),
        ("kind", "worse than the worst"),
    ],
)
def test_a_metric_that_fails_withholds_and_never_costs_points(tmp_path, own, evidence):
    (tmp_path / "my_metrics.py").write_text(OWN)
    of = assignment(metric=f"my_metrics.py:{own}", folder=tmp_path)
    doc = scored(of, hidden(Y), 1 - Y.astype(np.float32))
    assert (doc.verdict, doc.measured, doc.cause) == ("unknown", None, Cause("metric"))
    assert evidence in doc.evidence


LABELS = np.array([[[1, 1, 2, 2]], [[1, 1, 1, 1]], [[3, 0, 0, 0]]], np.uint8)


def test_a_metric_of_masks_is_the_mean_over_the_classes_in_the_truth_or_prediction_of_a_case():
    of = assignment("label_maps", "dice", also=["dice@class2", "iou@class3"])
    predictions = np.array([[[1, 1, 2, 1]], [[1, 1, 1, 1]], [[0, 0, 0, 0]]], np.uint8)
    document = scored(of, hidden(LABELS), predictions)
    # By class of each case: 4/5, 2/3; 1; 0. A class that neither contains is left out.
    assert [case.value for case in document.measured.cases] == pytest.approx([11 / 15, 1, 0])
    assert document.also["dice@class2"].score == pytest.approx((2 / 3 + 1 + 1) / 3)
    assert document.also["iou@class3"].score == pytest.approx(2 / 3)
    counted = scored(assignment("label_maps", "dice", absent="one"), hidden(LABELS), predictions)
    # 4/5, 2/3, 1; 1, 1, 1; 1, 1, 0.
    assert [case.value for case in counted.measured.cases] == pytest.approx([37 / 45, 1, 2 / 3])


def test_the_value_of_each_class_is_stored_beside_the_mean_and_staff_read_it():
    of = assignment("label_maps", "dice", also=["iou", "dice@class2"])
    predictions = np.array([[[1, 1, 2, 1]], [[1, 1, 1, 1]], [[0, 0, 0, 0]]], np.uint8)
    document = scored(of, hidden(LABELS), predictions)
    # Class 1: 4/5, 1 and both empty; class 2: 2/3 and twice both empty; class 3: twice both empty and missed.
    expected = {"class1": (4 / 5 + 2) / 3, "class2": (2 / 3 + 2) / 3, "class3": 2 / 3}
    assert document.measured.classes == pytest.approx(expected)
    assert document.measured.classes["class2"] == document.also["dice@class2"].score
    of_iou = {"class1": (2 / 3 + 2) / 3, "class2": 5 / 6, "class3": 2 / 3}
    assert document.also["iou"].classes == pytest.approx(of_iou)
    assert document.also["dice@class2"].classes == {}
    assert "dice by class: class1 0.933, class2 0.889, class3 0.667" in document.evidence


def test_a_failed_case_is_the_worst_of_every_class():
    document = scored(assignment("label_maps", "dice"), hidden(LABELS), LABELS, failed={0: "crashed"})
    assert document.measured.classes == pytest.approx(dict.fromkeys(("class1", "class2", "class3"), 2 / 3))


def test_a_metric_of_one_mask_has_no_classes():
    of = assignment("segmentation", "dice", also=["hd95"])
    document = scored(of, hidden(LABELS > 0), (LABELS > 0).astype(np.float32))
    assert document.measured.classes == document.also["hd95"].classes == {}


def test_a_class_counts_in_every_case_although_the_only_case_that_holds_it_failed():
    of = assignment("label_maps", "dice", absent="one")
    document = scored(of, hidden(LABELS), LABELS, failed={2: "crashed"})
    assert [case.value for case in document.measured.cases] == [1, 1, 0]
    wrong = np.where(LABELS == 3, 0, LABELS)
    assert scored(of, hidden(LABELS), wrong, failed={0: "crashed"}).measured.score == pytest.approx((0 + 1 + 2 / 3) / 3)


def test_a_class_that_no_truth_contains_withholds_the_score_and_never_counts_as_right():
    document = scored(assignment("label_maps", "dice@class4"), hidden(LABELS), LABELS)
    assert document.verdict == "unknown"
    assert "the truths have the classes [1, 2, 3], not [4]" in document.evidence


@pytest.mark.parametrize(
    ("task", "metric", "message"),
    [
        ("segmentation", "dice@class1", "is for one class of a map of labels; segmentation has no maps of labels"),
        ("segmentation", "brier", "brier is for probabilities of classes; segmentation has probabilities of voxels"),
        ("label_maps", "auroc", "or multilabel_probability; label_maps offers labels"),
        ("label_maps", "panoptic_quality@numbered", "reads predictions as instances; label_maps offers labels"),
        ("multilabel", "accuracy", "accuracy reads predictions as class; multilabel offers multilabel or"),
        ("multilabel", "ece", "ece reads predictions as probability; multilabel offers multilabel or"),
        ("classification", "exact_match", "as multilabel; classification offers class or probability"),
        ("registration", "dice", "dice reads predictions as mask; registration offers field"),
    ],
)
def test_a_metric_and_a_task_that_do_not_go_together_are_refused(task, metric, message):
    with pytest.raises(UserError) as error:
        check_criterion(assignment(task, metric), assignment(task, metric).criteria[0])
    assert message in str(error.value)


def test_costs_and_a_metric_that_counts_by_them_need_each_other():
    lacking, useless = assignment(metric="expected_cost", anchors=DOWN), assignment(costs=[[0, 1], [5, 0]])
    for of, message in ((lacking, "add costs = [[0, 1], [5, 0]]"), (useless, 'costs are for metric = "expected_cost"')):
        with pytest.raises(UserError) as error:
            check_criterion(of, of.criteria[0])
        assert message in str(error.value)


def test_an_expected_cost_takes_the_dearest_class_for_a_failed_case():
    of = assignment(metric="expected_cost", anchors=DOWN, costs=[[0, 5, 1], [1, 0, 2], [3, 4, 0]])
    truth = np.array([0, 1, 2, 1])
    right = np.eye(3)[truth]
    # Always 0 costs 0 + 1 + 3 + 1 = 5, always 1 costs 9, always 2 costs 5.
    assert scored(of, hidden(truth), right).measured.score == 0
    assert scored(of, hidden(truth), right, failed={0: "crashed"}).measured.score == pytest.approx(5 / 5)
    assert scored(of, hidden(truth), right, failed=dict.fromkeys(range(4), "r")).measured.score == pytest.approx(13 / 5)


def test_costs_for_fewer_classes_than_the_truth_has_withhold_the_score():
    of = assignment(metric="expected_cost", anchors=DOWN, costs=[[0, 5], [1, 0]])
    document = scored(of, hidden([0, 1, 2]), np.eye(3))
    assert document.verdict == "unknown"
    assert "the costs are of classes 0 to 1; the truth holds class 2" in document.evidence


def one_class_each(*classes):
    """Maps of 8 x 8 with a square of nine voxels of one class each, 0 for none."""
    truths = np.zeros((len(classes), 8, 8), np.uint8)
    truths[:, 2:5, 2:5] = np.array(classes)[:, None, None]
    return truths


@pytest.mark.parametrize(("absent", "empty"), [("leave_out", 0), ("one", 2 / 3)])
def test_a_map_of_nothing_earns_nothing_of_classes_that_its_case_lacks_unless_the_author_counts_them(absent, empty):
    truths = one_class_each(1, 2, 3)
    of = assignment("label_maps", "dice", absent=absent)
    assert scored(of, hidden(truths), np.zeros_like(truths)).measured.score == pytest.approx(empty)
    assert scored(of, hidden(truths), truths).measured.score == 1
    # Every class is taken for the next: one of two classes is left out, or one of three perfect.
    swapped = scored(of, hidden(truths), truths % 3 + (truths > 0)).measured.score
    assert swapped == pytest.approx(0 if absent == "leave_out" else 1 / 3)


def test_a_map_of_nothing_is_as_far_off_as_an_image_allows():
    truths = one_class_each(1, 2, 3)
    doc = scored(assignment("label_maps", "hd95", anchors=DOWN), hidden(truths), np.zeros_like(truths))
    assert doc.measured.score == pytest.approx(8 * math.sqrt(2))


@pytest.mark.parametrize(
    ("task", "metric", "apart", "positives"),
    [
        ("label_maps", "dice", 1, 1),
        ("label_maps", "dice@class2", 3, 1),  # a failed case counts as found, whatever class it would have been
        ("instances", "panoptic_quality@numbered", 1, 1),
        ("instances", "dice", 1, 1),
    ],
)
def test_empty_truths_of_maps_and_instances_can_be_set_apart(task, metric, apart, positives):
    truths = one_class_each(2, 1, 0, 1).astype(np.int64)
    of = assignment(task, metric, empty_reference="separate")
    doc = scored(of, hidden(truths), truths, failed={2: "crashed"})
    assert (doc.measured.score, doc.measured.false_positives) == (1, FalsePositives(positives, of=apart))
    assert [case.id for case in doc.measured.cases if case.value is None] == [
        f"c0-{i}" for i in ((2,) if apart == 1 else (1, 2, 3))
    ]


def test_labels_that_do_not_exclude_each_other_are_scored_with_intervals():
    rng = np.random.default_rng(2)
    truth = (rng.random((60, 5)) < [0.5, 0.3, 0.05, 0.9, 0.5]).astype(np.uint8)
    truth[:2] = [[0], [1]]
    prob = np.clip(0.4 * truth + 0.6 * rng.random(truth.shape), 0, 1).astype(np.float32)
    also = ["auroc@micro", "average_precision", "f1@weighted", "hamming_loss", "exact_match", "brier"]
    document = scored(assignment("multilabel", "auroc", also=also), hidden(truth), prob)
    assert document.measured.score == pytest.approx(roc_auc_score(truth, prob))
    for measured in (document.measured, *document.also.values()):
        low, high = measured.interval
        assert low < measured.score < high
    failed = scored(assignment("multilabel", "auroc", also=also), hidden(truth), prob, failed={3: "crashed"})
    assert failed.measured.score < document.measured.score
    assert failed.also["exact_match"].score <= document.also["exact_match"].score
    assert failed.measured.cases[0].reason == "crashed"


def test_an_auroc_stores_its_placements_where_each_case_is_a_subject_and_there_is_one_repeat():
    rng = np.random.default_rng(4)
    truth, prob = np.arange(20) % 2, rng.random(20).astype(np.float32)
    of = assignment(metric="auroc", also=["auroc@micro", "accuracy"])
    document = scored(of, hidden(truth), prob, failed={3: "crashed"})
    above, below = (unpacked(part) for part in document.measured.placements)
    assert (len(above), len(below)) == (10, 10)
    assert above.mean() == pytest.approx(document.measured.score, abs=1e-7)
    assert below.mean() == pytest.approx(document.measured.score, abs=1e-7)
    assert document.also["auroc@micro"].placements is None
    assert document.also["accuracy"].placements is None
    paired = hidden(truth, [f"s{i // 2}" for i in range(20)])
    assert scored(of, paired, prob).measured.placements is None
    twice = assignment(metric="auroc", seeds=2)
    assert scored(twice, [hidden(truth)] * 2, [prob] * 2).measured.placements is None
    alone = np.r_[1, np.zeros(19, int)]
    assert scored(of, hidden(alone), prob).measured.placements is None


def test_numbered_instances_are_scored_as_such_and_as_one_mask():
    truths = np.array([[[1, 1, 2, 2]], [[0, 0, 0, 5]]])
    of = assignment("instances", "panoptic_quality@numbered", also=["panoptic_quality", "dice"])
    document = scored(of, hidden(truths), np.array([[[9, 9, 4, 4]], [[0, 0, 0, 0]]]))
    assert [case.value for case in document.measured.cases] == [1, 0]
    assert document.also["panoptic_quality"].score == document.also["dice"].score == pytest.approx(1 / 2)


def test_a_registration_is_scored_by_landmarks_labels_and_folds():
    labels = np.zeros((3, 2, 6, 8), np.uint8)
    labels[:, 0, 2:4, 1:3], labels[:, 1, 2:4, 3:5] = 1, 1
    marks = np.broadcast_to([[[2.0, 1], [3, 2]], [[2, 3], [3, 4]]], (3, 2, 2, 2))
    truths = records({"labels": labels, "landmarks": marks})
    field = np.zeros((3, 2, 6, 8), np.float32)
    field[0, 1], field[1, 1] = 2, 1
    of = assignment("registration", "tre", also=["tre95", "warped_dice", "folding", "sd_log_jacobian"], anchors=DOWN)
    document = scored(of, hidden(truths, spacing=(2.0, 0.5)), field, failed={2: "crashed"})
    # No error; one column of 0.5 mm; the diagonal of 12 x 4 mm.
    assert [case.value for case in document.measured.cases] == pytest.approx([0, 0.5, math.sqrt(160)])
    also = {name: [case.value for case in measured.cases] for name, measured in document.also.items()}
    assert also["warped_dice"] == pytest.approx([1, 0.5, 0])
    assert also["folding"] == [0, 0, 1]
    assert also["sd_log_jacobian"][2] == pytest.approx(math.log(1e9))


def test_a_synthesis_is_scored_inside_the_mask():
    target = np.zeros((2, 3, 4), np.float32)
    mask = np.zeros((2, 3, 4), np.uint8)
    mask[:, 1:, :2] = 1
    truths = records({"target": target, "mask": mask})
    predictions = np.where(mask == 1, 40, 1e9).astype(np.float32)
    document = scored(assignment("synthesis", "mae@4000", anchors=DOWN), hidden(truths), predictions)
    assert [case.value for case in document.measured.cases] == [40, 40]


SETS_OF_FEATURES = """
import numpy as np
from graders.metrics import Metric
from graders.metrics.distributions import coverage, frechet_distance

def features(images):
    return np.stack([images.mean(axis=(1, 2)), images.std(axis=(1, 2))], axis=1)

frechet = Metric(
    "frechet", lambda predictions, truths, cases: frechet_distance(features(predictions), features(truths)),
    level="per_set", better="lower", range=(0, np.inf), worst=np.inf, reads="image",
)
covered = Metric(
    "covered", lambda predictions, truths, cases: coverage(features(predictions), features(truths), 2),
    level="per_set", better="higher", range=(0, 1), worst=0, reads="image",
)
"""


def test_a_frechet_distance_is_of_the_features_that_an_instructor_gives(tmp_path):
    (tmp_path / "my_metrics.py").write_text(SETS_OF_FEATURES)
    rng = np.random.default_rng(0)
    target = rng.normal(size=(12, 3, 4)).astype(np.float32)
    truths = records({"target": target})
    of = assignment("synthesis", "my_metrics.py:frechet", folder=tmp_path, also=["my_metrics.py:covered"], anchors=DOWN)
    document = scored(of, hidden(truths), target + 3)
    assert document.measured.score == pytest.approx(9, abs=1e-4)  # the means move by 3, the deviations not at all
    assert document.also["my_metrics.py:covered"].score == 0
    assert scored(of, hidden(truths), target).measured.score == pytest.approx(0, abs=1e-9)


def test_the_bootstrap_of_numbers_draws_from_all_subjects_alike():
    truths = np.arange(40.0)
    predictions = (truths + np.random.default_rng(0).normal(0, 3, 40)).astype(np.float32)
    low, high = scored(assignment("regression", "rmse", anchors=DOWN), hidden(truths), predictions).measured.interval
    # A resample of 40 errors of standard deviation 3: their root mean square deviates by about 3 / sqrt(80).
    assert high - low == pytest.approx(2 * 1.96 * 3 / math.sqrt(80), rel=0.35)


def test_an_instructors_own_metric_of_a_set_is_resampled_case_by_case(tmp_path):
    (tmp_path / "my_metrics.py").write_text(OWN)
    doc = scored(assignment(metric="my_metrics.py:share", folder=tmp_path), hidden(Y), P)
    assert doc.measured.score == 0.75
    assert doc.measured.interval[0] < 0.75 < doc.measured.interval[1]


@pytest.mark.parametrize("sets", [[], [hidden(Y)] * 2])
def test_a_wrong_number_of_hidden_sets_is_a_toolkit_failure(sets):
    assert scored(assignment(), sets, P).cause.reason == "data"


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (assignment("segmentaton"), 'no task "segmentaton"; did you mean "segmentation"'),
        (assignment(metric="dise"), 'no metric "dise"'),
        (assignment(metric="dice"), "dice reads predictions as mask; classification offers class or probability"),
        (assignment("segmentation", "hd95"), "lower is better for hd95, but the anchors rise"),
        (assignment(caps=[{"when": "cases_below(auroc, 0.5) > 0", "at": 0.5}]), "auroc has no value per case"),
        (assignment(empty_reference="separate"), "or instances; balanced_accuracy reads predictions as class"),
        (assignment("segmentation", "dice", absent="one"), "is for maps of labels; segmentation has none"),
    ],
)
def test_a_criterion_that_could_not_be_scored_is_refused_before_anything_runs(of, message):
    with pytest.raises(UserError) as error:
        check_criterion(of, of.criteria[0])
    assert message in str(error.value)
    assert "assignment.toml, criterion 'accuracy'" in str(error.value)


probabilities = st.lists(st.floats(0, 1, width=16), min_size=8, max_size=8).map(np.array)
positions = st.sets(st.integers(0, 7), max_size=8)


@settings(max_examples=60, deadline=None)
@given(probabilities, positions, st.sampled_from(["accuracy", "balanced_accuracy", "macro_f1", "auroc"]))
def test_failing_never_raises_a_classification(predictions, failed, metric):
    of = assignment(metric=metric)
    whole = scored(of, hidden(Y), predictions).measured.score
    assert scored(of, hidden(Y), predictions, failed=dict.fromkeys(failed, "r")).measured.score <= whole + 1e-12


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 24), min_size=4, max_size=4),
    st.lists(st.integers(0, 24), min_size=4, max_size=4),
    st.sets(st.integers(0, 3)),
    st.sampled_from([("dice", 1), ("iou", 1), ("hd95", -1), ("volume_error", -1)]),
)
def test_failing_never_improves_a_segmentation_whichever_way_is_better(truth, prediction, failed, metric):
    name, sign = metric
    of = assignment("segmentation", name, anchors=UP if sign > 0 else DOWN)
    truths, predictions = hidden(masks(*truth)), masks(*prediction).astype(np.float32)
    whole = scored(of, truths, predictions)
    less = scored(of, truths, predictions, failed=dict.fromkeys(failed, "r"))
    assert (whole.verdict, less.verdict) == ("passed", "passed")
    assert sign * less.measured.score <= sign * whole.measured.score + 1e-12
