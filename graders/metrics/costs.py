"""The cost of wrong classes, by an author's matrix: a row for each true class, a column for each predicted class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graders.metrics.checks import finite
from graders.metrics.labels import check_classes, once
from graders.metrics.metric import Array, CaseInfo, Floats


def expected_cost(predictions: Array, truths: Array, cases: Sequence[CaseInfo], costs: Floats) -> float:
    """Mean cost of the predictions, divided by the mean cost of predicting the cheapest class for every case.

    Lower is better: 0 where all predictions are right, 1 where they are as good as one class for all cases, above 1
    where they are worse. With the same cost for every error it is the error rate divided by that of always predicting
    the commonest class. A predicted class that the matrix lacks costs as much as the dearest class of its row.

    Ferrer, "Analysis and comparison of classification metrics", arXiv 2209.05355 (2022), the normalised expected
    cost; Maier-Hein et al., "Metrics reloaded", Nature Methods 21 (2024).

    Raises:
        ValueError: the truths have a class that the matrix lacks, or have one class only.
    """
    return float(expected_cost_resampled(predictions, truths, once(truths), costs)[0])


def expected_cost_resampled(predictions: Array, truths: Array, counts: Floats, costs: Floats) -> Floats:
    """Normalised expected cost of each resample, (B,)."""
    check_classes(predictions, truths)
    rows = _rows(truths, costs)
    dear = np.take_along_axis(rows, dearest(truths, costs)[:, None], axis=1)[:, 0]
    in_matrix = (predictions >= 0) & (predictions < len(costs))
    paid = np.where(in_matrix, rows[np.arange(len(rows)), np.where(in_matrix, predictions, 0)], dear)
    cheapest = (counts @ rows).min(axis=1)
    if (cheapest <= 0).any():
        raise ValueError("an expected cost is undefined where all cases have one class")
    return np.asarray(counts @ paid / cheapest)


def dearest(truths: Array, costs: Floats) -> Array:
    """For each case (N,) the predicted class that costs most."""
    return np.asarray(_rows(truths, costs).argmax(axis=1))


def _rows(truths: Array, costs: Floats) -> Floats:
    """The cost of each predicted class for each case, (N, K)."""
    costs = finite(costs, "the costs")
    if truths.min() < 0 or truths.max() >= len(costs):
        raise ValueError(f"the costs are of classes 0 to {len(costs) - 1}; the truth holds class {truths.max()}")
    return np.asarray(costs[truths])
