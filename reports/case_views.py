"""What a handout's `train.py` draws of validation cases: one slice with the truth and the prediction, or words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assignments.data.columns import Array
from assignments.data.image_axes import image_view
from assignments.data.source import Axes
from assignments.drawing.cutting import cut_through, labels_on, orientation, usable_spacing
from graders.runs.public_cases import PublicCases
from graders.tasks import task_named
from graders.tasks.task import THRESHOLD

MOST = 4
"""Cases that are drawn."""


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
    views = {key: _channels_first(case[key]) for key in public.inputs()}
    key, image = next(((key, view) for key, view in views.items() if view is not None), ("", None))
    right = case[truth]
    if image is None:
        yield DrawnCase(f"case {number}: {_words(right, predicted)}", None)
        return
    shape = image.shape[1:]
    orient = orientation(public.assignment.data, with_spacing="spacing" in case)
    cut = cut_through(shape, usable_spacing(case.get("spacing"), len(shape)), orient, labels_on(key, shape, [right]))
    title = ", ".join(filter(None, [f"case {number}", cut.words]))
    aspect = cut.pixel_mm[0] / cut.pixel_mm[1]
    plane = cut.of(image)
    plane = plane.mean(axis=0) if len(plane) == 3 else plane[0]  # colours, or the first channel
    if right.shape != shape or predicted.shape != shape:
        yield DrawnCase(f"{title}: {_words(right, predicted)}", plane, aspect=aspect)
    elif right.dtype.kind in "biu":
        labels = predicted if predicted.dtype.kind in "biu" else predicted >= THRESHOLD
        yield DrawnCase(title, plane, cut.of(right).astype(int), cut.of(labels).astype(int), aspect)
    else:
        yield DrawnCase(f"{title}: truth", cut.of(right), aspect=aspect)
        yield DrawnCase(f"{title}: made", cut.of(predicted), aspect=aspect)


def _channels_first(array: Array) -> Array | None:
    """An image as (c, [d,] h, w); None if it is not one. Axes have no names here: sizes tell channels from slices."""
    return image_view(array, Axes(str(array.dtype), " ".join(map(str, array.shape))))


def _words(truth: Array, predicted: Array) -> str:
    if truth.size == 1 and predicted.size <= 12:
        return (
            f"truth {float(truth):g}, prediction {', '.join(f'{value:.2f}' for value in np.ravel(predicted).tolist())}"
        )
    return f"a prediction of {' x '.join(map(str, predicted.shape))}"
