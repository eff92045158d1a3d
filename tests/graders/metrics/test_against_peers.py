"""Metrics against scikit-learn, and against plain definitions written another way, on random arrays."""

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn import metrics as peer

from graders.metrics.averages import f1, f1_resampled
from graders.metrics.geometry import hd95
from graders.metrics.labels import balanced_accuracy, balanced_accuracy_resampled
from graders.metrics.overlap import dice, iou
from graders.metrics.ranking import auroc, auroc_resampled


@dataclass(frozen=True)
class Case:
    spacing_mm: tuple[float, ...] | None
    id: str = "a"
    subject: str = "a"
    group: str | None = None


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_overlap_equals_scikit_learn(rng):
    predictions, truths = rng.random((2, 20, 4, 5, 6)) < rng.random((1, 20, 1, 1, 1))
    for i in range(20):
        predicted, true = predictions[i].ravel(), truths[i].ravel()
        assert dice(predictions, truths, [])[i] == pytest.approx(peer.f1_score(true, predicted), abs=1e-12)
        assert iou(predictions, truths, [])[i] == pytest.approx(peer.jaccard_score(true, predicted), abs=1e-12)


@pytest.mark.parametrize("classes", [2, 4])
def test_class_metrics_equal_scikit_learn(rng, classes):
    for _ in range(50):
        truths = np.r_[np.arange(classes), rng.integers(classes, size=40)]
        predictions = rng.integers(classes, size=len(truths))
        assert balanced_accuracy(predictions, truths, []) == pytest.approx(
            peer.balanced_accuracy_score(truths, predictions), abs=1e-12
        )
        assert f1(predictions, truths, []) == pytest.approx(
            peer.f1_score(truths, predictions, average="macro"), abs=1e-12
        )


@pytest.mark.parametrize("steps", [3, 1000])
def test_binary_area_equals_scikit_learn_with_and_without_ties(rng, steps):
    for _ in range(50):
        truths = np.r_[0, 1, rng.integers(2, size=50)]
        scores = rng.integers(steps, size=len(truths)) / steps
        assert auroc(scores, truths, []) == pytest.approx(peer.roc_auc_score(truths, scores), abs=1e-12)


def test_area_of_many_classes_equals_scikit_learn(rng):
    for _ in range(20):
        truths = np.r_[np.arange(4), rng.integers(4, size=60)]
        scores = rng.dirichlet(np.ones(4), size=len(truths))
        expected = peer.roc_auc_score(truths, scores, multi_class="ovr", average="macro")
        assert auroc(scores, truths, []) == pytest.approx(expected, abs=1e-12)


def test_resampled_metrics_equal_the_metric_of_the_resample(rng):
    truths = np.r_[np.arange(3), rng.integers(3, size=30)]
    predictions = rng.integers(3, size=len(truths))
    scores = rng.dirichlet(np.ones(3), size=len(truths))
    draws = rng.integers(len(truths), size=(40, len(truths)))
    draws[:, :3] = np.arange(3)  # every class, or scikit-learn has no area
    counts = np.stack([np.bincount(draw, minlength=len(truths)) for draw in draws]).astype(float)
    balanced = balanced_accuracy_resampled(predictions, truths, counts)
    macro, area = f1_resampled(predictions, truths, counts), auroc_resampled(scores, truths, counts)
    for b, drawn in enumerate(draws):
        assert balanced[b] == pytest.approx(peer.balanced_accuracy_score(truths[drawn], predictions[drawn]), abs=1e-12)
        assert macro[b] == pytest.approx(peer.f1_score(truths[drawn], predictions[drawn], average="macro"), abs=1e-12)
        assert area[b] == pytest.approx(peer.roc_auc_score(truths[drawn], scores[drawn], multi_class="ovr"), abs=1e-12)


def directed(predicted, true, spacing):
    """All pairs of surface voxels, by the definition: a voxel with a face neighbour outside the mask or the array."""

    def surface(mask):
        padded = np.pad(mask, 1)
        voxels = []
        for voxel in np.argwhere(mask):
            steps = [*np.eye(mask.ndim, dtype=int), *-np.eye(mask.ndim, dtype=int)]
            if not all(padded[tuple(voxel + 1 + step)] for step in steps):
                voxels.append(voxel * spacing)
        return np.array(voxels)

    start, goal = surface(predicted), surface(true)
    nearest = np.sqrt(((start[:, None] - goal[None]) ** 2).sum(-1)).min(axis=1)
    return np.percentile(nearest, 95)


@pytest.mark.parametrize("shape", [(7, 8), (4, 6, 5)])
def test_hd95_equals_all_pairs_of_surface_voxels(rng, shape):
    spacing = np.array([2.2, 0.6, 0.9])[-len(shape) :]
    for share in (0.05, 0.3, 0.8):
        for _ in range(10):
            predicted, true = rng.random((2, 1, *shape)) < share
            predicted[0].flat[0] = true[0].flat[3] = True
            expected = max(directed(predicted[0], true[0], spacing), directed(true[0], predicted[0], spacing))
            assert hd95(predicted, true, [Case(tuple(spacing))]) == pytest.approx([expected], abs=1e-12)
