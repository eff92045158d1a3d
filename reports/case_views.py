"""What a handout's `train.py` draws of validation cases: one slice with the truth and the prediction, or words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assignments.data.columns import Array
from graders.runs.public_cases import PublicCases
from graders.tasks import task_named
from graders.tasks.task import THRESHOLD

MOST = 4
"""Cases that are drawn."""
CHANNELS = 4
"""An image (c, h, w) has at most so many channels; a volume (d, h, w) has more slices."""


@dataclass(frozen=True)
class DrawnCase:
    """One picture: rows and columns of an image, and on the same pixels what is true and what is predicted."""

    title: str
    image: Array | None
    """(h, w); None where no input is an image."""
    truth: Array | None = None
    """Whole numbers (h, w)."""
    prediction: Array | None = None
    aspect: float = 1.0
    """Height of a pixel over its width."""


def case_views(public: PublicCases, predictions: Sequence[Mapping[str, Any]], most: int = MOST) -> list[DrawnCase]:
    """Pictures of the first validation cases; of images to synthesise also those that the model made."""
    assert public.val is not None
    task = task_named(public.assignment.task)
    rows = (np.asarray(call[task.prediction])[i] for call in predictions for i in range(len(call[task.prediction])))
    views: list[DrawnCase] = []
    for number, predicted in zip(range(most), rows, strict=False):
        case = {key: np.asarray(column[number]) for key, column in public.val.items()}
        views += _views(number, case, task.truth, predicted, public)
    return views


def _views(
    number: int, case: Mapping[str, Array], truth: str, predicted: Array, public: PublicCases
) -> Iterator[DrawnCase]:
    image = next((case[key] for key in public.inputs() if case[key].ndim >= 2), None)
    right = case[truth]
    if image is None:
        yield DrawnCase(f"case {number}: {_words(right, predicted)}", None)
        return
    plane = _plane(image)
    cut = _slice(plane, right)
    aspect = _aspect(case.get("spacing"), plane)
    on_image = right.shape == plane.shape
    if on_image and right.dtype.kind in "biu" and predicted.shape == plane.shape:
        labels = predicted if predicted.dtype.kind in "biu" else predicted >= THRESHOLD
        yield DrawnCase(f"case {number}", plane[cut], right[cut].astype(int), labels[cut].astype(int), aspect)
    elif on_image and predicted.shape == plane.shape:
        yield DrawnCase(f"case {number}: truth", right[cut], aspect=aspect)
        yield DrawnCase(f"case {number}: made", predicted[cut], aspect=aspect)
    else:
        yield DrawnCase(f"case {number}: {_words(right, predicted)}", plane[cut], aspect=aspect)


def _plane(image: Array) -> Array:
    """(h, w) or (d, h, w): the first channel, or the mean of colours."""
    if image.ndim == 4:
        return np.asarray(image[0])
    if image.ndim == 3 and len(image) <= CHANNELS:
        return np.asarray(image.mean(axis=0))
    return image


def _slice(plane: Array, truth: Array) -> Any:
    """The slice with the most of the label, or the middle one; all of a flat image."""
    if plane.ndim == 2:
        return ...
    if truth.shape == plane.shape and truth.dtype.kind in "biu" and truth.any():
        return int(np.count_nonzero(truth, axis=(1, 2)).argmax())
    return len(plane) // 2


def _aspect(spacing: Array | None, plane: Array) -> float:
    mm = [] if spacing is None else np.ravel(spacing).tolist()
    return float(mm[-2] / mm[-1]) if len(mm) == plane.ndim and min(mm) > 0 else 1.0


def _words(truth: Array, predicted: Array) -> str:
    if truth.size == 1 and predicted.size <= 12:
        return (
            f"truth {float(truth):g}, prediction {', '.join(f'{value:.2f}' for value in np.ravel(predicted).tolist())}"
        )
    return f"a prediction of {' x '.join(map(str, predicted.shape))}"
