"""What wrong classes cost, by an author's matrix: row, the class of the truth; column, the class that is answered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graders.metrics.given import finite
from graders.metrics.labels import check_classes, once
from graders.metrics.metric import Array, Case, Floats


def expected_cost(answers: Array, truths: Array, cases: Sequence[Case], costs: Floats) -> float:
    """Mean cost of the answers, over that of the cheapest class answered for every case. Lower is better.

    0 where all are right, 1 where no more is gained than by one class for all, above 1 where less is. With the same
    cost for every error it is the error rate over that of the commonest class. A class that the matrix lacks costs as
    much as the dearest of its row.

    Ferrer, "Analysis and comparison of classification metrics", arXiv 2209.05355 (2022), the normalised expected
    cost; Maier-Hein et al., "Metrics reloaded", Nature Methods 21 (2024).

    Raises:
        ValueError: the truth has a class that the matrix lacks, or one class only.
    """
    return float(expected_cost_resampled(answers, truths, once(truths), costs)[0])


def expected_cost_resampled(answers: Array, truths: Array, counts: Floats, costs: Floats) -> Floats:
    """Normalised expected cost of each resample, (B,)."""
    check_classes(answers, truths)
    rows = _rows(truths, costs)
    dear = np.take_along_axis(rows, dearest(truths, costs)[:, None], axis=1)[:, 0]
    known = (answers >= 0) & (answers < len(costs))
    paid = np.where(known, rows[np.arange(len(rows)), np.where(known, answers, 0)], dear)
    cheapest = (counts @ rows).min(axis=1)
    if (cheapest <= 0).any():
        raise ValueError("an expected cost is undefined where all cases have one class")
    return np.asarray(counts @ paid / cheapest)


def dearest(truths: Array, costs: Floats) -> Array:
    """For each case (N,) the class that costs most."""
    return np.asarray(_rows(truths, costs).argmax(axis=1))


def _rows(truths: Array, costs: Floats) -> Floats:
    """What each class would cost, case by case, (N, K)."""
    costs = finite(costs, "the costs")
    if truths.min() < 0 or truths.max() >= len(costs):
        raise ValueError(f"the costs are of classes 0 to {len(costs) - 1}; the truth holds class {truths.max()}")
    return np.asarray(costs[truths])
