"""Metrics of classes and labels against the stored values of their peers; `golden/classes.py` made them."""

from pathlib import Path

import numpy as np
import pytest

from graders.metrics import metric_named
from graders.tasks import TASKS
from tests.graders.metrics.golden import classes

FILE = Path(classes.__file__).with_name("golden_classes.npz")
SINGLE = 2e-6
"""torchmetrics computes in float32."""


def stored(kind):
    """The names of the metrics of one kind of input, each with its values."""
    with np.load(FILE, allow_pickle=False) as file:
        return [(name.partition("/")[2], file[name]) for name in file if name.startswith(f"{kind}/")]


@pytest.mark.parametrize(("name", "expected"), stored("classes"))
def test_metrics_of_classes_equal_those_of_the_packages_of_their_authors_and_torchmetrics(name, expected):
    metric = metric_named(name, None, classes.COSTS)
    values = []
    for seed in classes.EXAMPLES:
        p, predictions, truths = classes.of_classes(seed)
        values.append(metric.compute(predictions if metric.reads == "class" else p, truths, []))
    assert np.array(values) == pytest.approx(expected, abs=SINGLE)


@pytest.mark.parametrize(("name", "expected"), stored("two"))
def test_operating_points_of_two_classes_equal_torchmetrics(name, expected):
    values = [metric_named(name, None).compute(*classes.of_two(seed), []) for seed in classes.EXAMPLES]
    assert np.array(values) == pytest.approx(expected, abs=SINGLE)


@pytest.mark.parametrize(("name", "expected"), stored("labels"))
def test_metrics_of_labels_equal_torchmetrics(name, expected):
    metric = metric_named(name, None)
    decided = "multilabel" in (metric.reads, metric.also_reads)
    values = []
    for seed in classes.EXAMPLES:
        p, truths = classes.of_labels(seed)
        predictions = TASKS["multilabel"].forms["multilabel"](p) if decided else p
        values.append(np.mean(metric.compute(predictions, truths, [])))
    assert np.array(values) == pytest.approx(expected, abs=SINGLE)
