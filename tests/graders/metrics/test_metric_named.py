"""Metrics are found by name, or by path in the assignment's folder."""

import pytest

from graders.metrics import METRICS, metric_named

OWN = '''
from __future__ import annotations
from dataclasses import dataclass
import numpy as np
from graders.metrics import Metric

@dataclass
class Lesion:
    size: int

def recall(answers, truths, cases):
    """Share of the truth that was found."""
    return np.array([(a & t).sum() / max(t.sum(), 1) for a, t in zip(answers, truths)])

lesion_recall = Metric("lesion_recall", recall, level="per_case", better="higher", range=(0, 1), worst=0, reads="mask")
'''


def test_a_known_name_is_that_metric(tmp_path):
    assert metric_named("dice", tmp_path) is METRICS["dice"]


def test_an_unknown_name_lists_the_known_and_the_nearest(tmp_path):
    with pytest.raises(ValueError, match=r"no metric 'dise'. Did you mean 'dice'\? Metrics: dice, iou"):
        metric_named("dise", tmp_path)


def test_an_instructors_own_metric_is_a_path(tmp_path):
    (tmp_path / "my_metrics.py").write_text(OWN)
    metric = metric_named("my_metrics.py:lesion_recall", tmp_path)
    assert (metric.name, metric.level, metric.reads) == ("lesion_recall", "per_case", "mask")


def test_a_plain_function_by_path_is_told_how_to_become_a_metric(tmp_path):
    (tmp_path / "my_metrics.py").write_text(OWN)
    with pytest.raises(ValueError, match=r"recall in my_metrics\.py is no Metric"):
        metric_named("my_metrics.py:recall", tmp_path)


@pytest.mark.parametrize("name", ["none.py:x", "../my_metrics.py:x", "my_metrics.txt:x"])
def test_a_path_must_be_a_file_of_the_assignments_folder(tmp_path, name):
    (tmp_path / "my_metrics.py").write_text(OWN)
    inside = tmp_path / "assignment"
    inside.mkdir()
    with pytest.raises(ValueError, match="there is no file"):
        metric_named(name, inside)
