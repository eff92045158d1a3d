"""Synthesis: an image per case (N, ..., H, W), in the unit of the truth. Computes no metric."""

from __future__ import annotations

import numpy as np

from graders.failures import DataFailure, NotFinite, WrongShape
from graders.tasks.probabilities import wrong_type
from graders.tasks.task import Array, Task


def _check_truths(truths: Array) -> None:
    if truths.ndim < 3 or truths.dtype.kind not in "iuf" or not np.isfinite(truths).all():
        raise DataFailure(f"images are finite and (N, ..., H, W), got {truths.dtype} {truths.shape}")


def _refused(answers: Array, truths: Array) -> dict[int, str]:
    reasons = wrong_type(answers, len(truths))
    if not reasons and answers.shape != truths.shape:
        reasons = dict.fromkeys(range(len(truths)), WrongShape.reason)
    if reasons:
        return reasons
    finite = np.isfinite(answers.reshape(len(answers), -1)).all(axis=1)
    return {int(i): NotFinite.reason for i in np.flatnonzero(~finite)}


def _failures(truths: Array, answers: Array | None) -> Array:
    """Every voxel at the end of the truths' range that is farther off. Each metric of a case declares its own worst."""
    t = truths.astype(np.float64)
    low, high = t.min(), t.max()
    return np.asarray(np.where(t - low > high - t, low, high))


def _image(answers: Array) -> Array:
    return np.asarray(answers, dtype=np.float64)


SYNTHESIS = Task(
    name="synthesis",
    entry="predict",
    truth="target",
    answer="image",
    check_truths=_check_truths,
    refused=_refused,
    failures=_failures,
    probabilities=False,
    readings={"image": _image},
)
