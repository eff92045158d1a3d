"""Which public cases a group is shown: the best, the median and the worst; or why there are none."""

from dataclasses import replace

import numpy as np
import pytest

from assignments.data.source import Axes
from graders.metrics import METRICS
from graders.record.answer_files import store_arrays
from graders.record.documents import Cause, PublicAnswers, ScoreResult, to_json
from graders.record.read_documents import result
from graders.scoring import public_scores as module
from graders.scoring.public_scores import public_scores, range_of, ranked
from graders.tasks.public_set import PublicSet, as_hidden_set
from tests.graders.marks import hand_made
from tests.reports.hand_made import assignment

SEGMENTATION = assignment()
CRITERION = SEGMENTATION.criterion("accuracy")
MASKS = np.zeros((4, 2, 8, 8), np.uint8)
MASKS[:, :, :4] = 1
SET = PublicSet(
    as_hidden_set(SEGMENTATION, ["image"], {"image": MASKS.astype(np.float32), "label": MASKS}),
    {"image": Axes("float32", "d h w"), "label": Axes("uint8", "d h w", role="truth")},
)


def stored(folder, *foreground, states=None):
    """Answers of so many rows of foreground in each case, of four that are true."""
    prob = np.zeros((len(foreground), 2, 8, 8), np.float16)
    for case, rows in enumerate(foreground):
        prob[case, :, :rows] = 1
    return PublicAnswers(SET.inputs_digest, store_arrays(folder, {"prob": prob}), states or (None,) * len(foreground))


def test_the_cases_are_ranked_by_the_criterions_metric(tmp_path):
    """Dice of 4 true rows with 2, 4, 8 and 3 rows: 2/3, 1, 2/3 and 6/7."""
    scores = public_scores(SEGMENTATION, CRITERION, SET, stored(tmp_path, 2, 4, 8, 3), tmp_path)
    assert (scores.metric, scores.count, scores.cause) == ("dice", 4, None)
    assert [(case.rank, case.index) for case in scores.cases] == [("best", 1), ("median", 3), ("worst", 2)]
    assert [case.score for case in scores.cases] == pytest.approx([1, 6 / 7, 2 / 3])


@pytest.mark.parametrize(
    ("scores", "rising", "expected"),
    [
        ({3: 0.5}, True, [("best", 3)]),
        ({0: 0.5, 1: 0.6}, True, [("best", 1), ("worst", 0)]),
        ({0: 0.5, 1: 0.5, 2: 0.5}, True, [("best", 0), ("median", 1), ("worst", 2)]),
        ({0: 9.0, 1: 3.0, 2: 5.0, 3: 3.0}, False, [("best", 1), ("median", 3), ("worst", 0)]),
    ],
)
def test_of_equal_cases_the_first_counts(scores, rising, expected):
    assert [(case.rank, case.index) for case in ranked(scores, rising)] == expected


def test_a_case_without_an_answer_is_not_shown(tmp_path):
    answers = stored(tmp_path, 2, 4, 0, 3, states=(None, None, Cause("raised"), None))
    assert {case.index for case in public_scores(SEGMENTATION, CRITERION, SET, answers, tmp_path).cases} == {0, 1, 3}


def test_without_an_answer_there_is_a_reason(tmp_path):
    answers = PublicAnswers(SET.inputs_digest, None, (Cause("raised", "ValueError"),) * 4)
    scores = public_scores(SEGMENTATION, CRITERION, SET, answers, tmp_path)
    assert (scores.cases, scores.cause) == ((), Cause("raised", "ValueError"))
    ended = replace(answers, states=(), cause=Cause("memory_limit"))
    assert public_scores(SEGMENTATION, CRITERION, SET, ended, tmp_path).cause == Cause("memory_limit")


def test_answers_to_other_cases_are_never_shown_on_these(tmp_path):
    answers = replace(stored(tmp_path, 1, 2, 3, 4), inputs="of another draw")
    assert public_scores(SEGMENTATION, CRITERION, SET, answers, tmp_path).cause == Cause("other_cases")


def test_a_file_that_is_gone_is_a_reason_and_withholds_nothing(tmp_path):
    answers = stored(tmp_path, 1, 2, 3, 4)
    (tmp_path / answers.file).unlink()
    assert public_scores(SEGMENTATION, CRITERION, SET, answers, tmp_path).cause == Cause("data")


def test_a_prediction_that_takes_the_hosts_memory_is_a_reason(tmp_path, monkeypatch):
    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr(module, "score_repeat", full)
    scores = public_scores(SEGMENTATION, CRITERION, SET, stored(tmp_path, 1, 2, 3, 4), tmp_path)
    assert scores.cause == Cause("not_usable")


CLASSIFICATION = assignment(
    task="classification",
    criterion=[{**CRITERION.model_dump(by_alias=True), "metric": "balanced_accuracy", "caps": []}],
)


def test_a_metric_of_the_whole_set_leaves_the_ranking_to_the_log_loss(tmp_path):
    images = np.arange(3 * 64, dtype=np.float32).reshape(3, 8, 8)
    public = PublicSet(
        as_hidden_set(CLASSIFICATION, ["image"], {"image": images, "y": np.array([0, 1, 1])}),
        {"image": Axes("float32", "h w"), "y": Axes("int64", "", role="truth")},
    )
    prob = np.array([[0.9, 0.1], [0.6, 0.4], [0.01, 0.99]], np.float32)
    answers = PublicAnswers(public.inputs_digest, store_arrays(tmp_path, {"prob": prob}), (None,) * 3)
    scores = public_scores(CLASSIFICATION, CLASSIFICATION.criteria[0], public, answers, tmp_path)
    assert scores.metric == "log_loss"
    assert [(case.rank, case.index) for case in scores.cases] == [("best", 2), ("median", 0), ("worst", 1)]


def test_the_range_of_a_metric_is_kept_without_infinity():
    assert range_of(SEGMENTATION, CRITERION) == (0, 1)
    distance = CRITERION.model_copy(update={"metric": "hd95"})
    assert (METRICS["hd95"].range[1], range_of(SEGMENTATION, distance)) == (float("inf"), (0, None))


def test_a_score_with_its_public_cases_comes_back_from_the_record(tmp_path):
    public = public_scores(SEGMENTATION, CRITERION, SET, stored(tmp_path, 2, 4, 8, 3), tmp_path)
    score = replace(hand_made.score_result(), range=(0.0, None), public=public)
    assert result("score", to_json(score)) == score
    older = to_json(replace(score, range=None, public=None)).replace('"range":null,"public":null,', "")
    assert isinstance(result("score", older), ScoreResult)
    assert '"public"' not in older
