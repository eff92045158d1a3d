"""Labels that do not exclude each other: a probability of each of K labels per case, (N, K)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assignments.data.columns import Cases, stacked
from assignments.task_forms import TASK_FORMS
from graders.failures import DataFailure
from graders.tasks.refusals import not_probabilities, wrong_form
from graders.tasks.task import THRESHOLD, Array, Task


def _check_truths(truths: Array) -> None:
    if truths.ndim != 2 or truths.dtype.kind not in "iu" or truths.shape[1] == 0:
        raise DataFailure(f"the labels of the cases must be integers (N, K), got {truths.dtype} {truths.shape}")
    if not ((truths == 0) | (truths == 1)).all():
        raise DataFailure(
            f"labels that do not exclude each other must be 0 and 1, got {truths.min()} to {truths.max()}"
        )
    if not _varies(truths).any():
        raise DataFailure("every label is the same in all cases")


def _invalid(predictions: Array, truths: Array) -> dict[int, str]:
    return wrong_form(predictions, truths.shape) or not_probabilities(predictions)


def _worst_predictions(truths: Array, predictions: Array | None) -> Array:
    """Every label wrong, with certainty."""
    return np.asarray(1 - truths.astype(np.float32))


def _labels(predictions: Array) -> Array:
    return (predictions >= THRESHOLD).astype(np.int64)


def _probability(predictions: Array) -> Array:
    return predictions


def _strata(truths: Array) -> Array:
    """For each case the rarest of its 2 K properties: each label is present or absent.

    A resample within these strata has the rarest property of all, so at least one label is present in some of its cases
    and absent in others. It can lack a label that occurs only together with a rarer one.
    """
    present, cases = truths.sum(axis=0), len(truths)
    with_it = np.where(truths == 1, present, cases - present)
    with_it = np.where(_varies(truths), with_it, cases)  # a label that is the same in all cases is not rare
    return np.asarray(2 * with_it.argmin(axis=1) + truths[np.arange(cases), with_it.argmin(axis=1)])


def _varies(truths: Array) -> Array:
    return np.asarray(truths.min(axis=0, initial=1) < truths.max(axis=0, initial=0))


def _baselines(train: Mapping[str, Cases], truths: Cases) -> dict[str, Cases]:
    """Each label's share of the training set for every case; no label; every label."""
    shares = stacked(train["y"]).mean(axis=0)
    truths = stacked(truths)
    return {
        "the training set's frequencies": np.tile(shares, (len(truths), 1)).astype(np.float32),
        "no label": np.zeros(truths.shape, np.float32),
        "every label": np.ones(truths.shape, np.float32),
    }


MULTILABEL = Task(
    name="multilabel",
    form=TASK_FORMS["multilabel"],
    check_truths=_check_truths,
    invalid=_invalid,
    worst_predictions=_worst_predictions,
    forms={"multilabel": _labels, "multilabel_probability": _probability},
    strata=_strata,
    baselines=_baselines,
)
