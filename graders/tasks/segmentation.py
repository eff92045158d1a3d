"""Binary segmentation: a probability for every voxel, at least 0.5 is foreground. Computes no metric."""

from __future__ import annotations

import numpy as np

from graders.failures import DataFailure, WrongShape
from graders.tasks.probabilities import refused_probabilities, wrong_type
from graders.tasks.task import Array, Task

THRESHOLD = 0.5
"""At least this is foreground. It is fixed: a threshold tuned on hidden cases is a leak."""


def _check_truths(truths: Array) -> None:
    if truths.ndim < 3 or truths.dtype.kind not in "biu":
        raise DataFailure(f"labels are integers (N, ..., H, W), got {truths.dtype} {truths.shape}")
    if truths.dtype.kind != "b" and truths.size and (truths.min() < 0 or truths.max() > 1):
        raise DataFailure(f"labels are 0 and 1, got {truths.min()} to {truths.max()}")


def _refused(answers: Array, truths: Array) -> dict[int, str]:
    reasons = wrong_type(answers, len(truths))
    if not reasons and answers.shape != truths.shape:
        reasons = dict.fromkeys(range(len(truths)), WrongShape.reason)
    return reasons or refused_probabilities(answers)


def _failures(truths: Array, answers: Array | None) -> Array:
    """Every voxel wrong, and certain of it."""
    return np.asarray(1 - truths.astype(np.float16))


def _mask(answers: Array) -> Array:
    return np.asarray(answers >= THRESHOLD)


def _probability(answers: Array) -> Array:
    return answers


SEGMENTATION = Task(
    name="segmentation",
    entry="predict",
    truth="label",
    answer="prob",
    check_truths=_check_truths,
    refused=_refused,
    failures=_failures,
    readings={"mask": _mask, "probability": _probability},
)
