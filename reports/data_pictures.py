"""Chooses what the page of an assignment's cases shows of them: a few cases of each part, a slice of each image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assignments.assignment import Orient
from assignments.data.image_axes import image_view
from assignments.data.source import Axes, Part
from assignments.drawing import cutting
from graders.authoring.shown_data import ShownCase, ShownData
from reports.slices import Picture, cut_picture
from reports.terminal import quantity

Array = np.ndarray[Any, Any]

PER_PART = 3
"""Cases of each part that are shown, of different subjects if there are so many."""
SAMPLED = 4096
"""Voxels of a case that a histogram counts."""
BINS = 48
NAMED = 8
"""Outlines that a caption names by their classes."""


@dataclass(frozen=True)
class ShownPicture:
    """A slice of one image of one case."""

    case: ShownCase
    key: str
    words: str
    """Which slice it is."""
    picture: Picture
    outlined: str
    """The classes that are outlined: `1 gland, 2 tumour`."""
    truth: str = ""
    """The number of the case that is to be predicted, with its class's name."""


@dataclass(frozen=True)
class Histogram:
    """How often the values of an image occur in each part."""

    key: str
    low: float
    high: float
    """Ends of the figure: of 1000 values 5 are smaller and 5 larger."""
    lines: Mapping[Part | None, str]
    """By part: a line of SVG in a figure of 100 by 30, where 0 is the top."""


def orientation(data: ShownData) -> Orient:
    """Where the axes of volumes rise to."""
    return cutting.orientation(data.assignment.data, with_spacing="spacing" in data.arrays)


def pictures(data: ShownData, part: Part | None) -> Iterator[ShownPicture]:
    """A slice of every image of a few cases of a part."""
    for case in _chosen([case for case in data.cases if case.part == part]):
        for key, axes in data.arrays.items():
            shown = _shown(case, key, axes, data) if key in case.arrays and axes.dtype.startswith("float") else None
            if shown is not None:
                yield shown


def histograms(data: ShownData) -> Iterator[Histogram]:
    """Of each image among the inputs."""
    for key, axes in data.arrays.items():
        samples: dict[Part | None, list[Array]] = {}
        for case in data.cases:
            array = case.arrays[key].read() if axes.role == "input" and key in case.arrays else None
            if array is not None and image_view(array, axes) is not None:
                samples.setdefault(case.part, []).append(_sample(array))
        if samples:
            yield _histogram(key, {part: np.concatenate(values) for part, values in samples.items()})


def _chosen(cases: Sequence[ShownCase]) -> list[ShownCase]:
    """The first, the middle and the last subject's first case; further cases where there are fewer subjects."""
    pool = [case for case in cases if case.number == 0]
    if len(pool) < PER_PART:
        pool = list(cases)
    count = min(PER_PART, len(pool))
    return [pool[round(i * (len(pool) - 1) / max(1, count - 1))] for i in range(count)]


def _shown(case: ShownCase, key: str, axes: Axes, data: ShownData) -> ShownPicture | None:
    """The slice of one image, with the outline of the label that lies on it."""
    image = image_view(np.asarray(case.arrays[key].read()), axes)
    if image is None:
        return None
    truths = (np.asarray(case.arrays[name].read()) for name in case.arrays if data.arrays[name].role == "truth")
    labels = cutting.labels_on(key, image.shape[1:], truths)
    values = np.asarray(case.arrays["spacing"].read()) if "spacing" in case.arrays else None
    spacing = cutting.usable_spacing(values, image.ndim - 1)
    cut = cutting.cut_through(image.shape[1:], spacing, orientation(data), labels)
    drawn, words = cut_picture(image, labels, cut)
    if labels is not None and not drawn.outlines:
        words.append("no label here")
    return ShownPicture(case, key, ", ".join(words), drawn, _outlined(drawn, data), _number(case, data))


def _number(case: ShownCase, data: ShownData) -> str:
    """The class or the number of a case, where it has one."""
    y = case.arrays["y"].read() if "y" in case.arrays else None
    if y is None or np.ndim(y):
        return ""
    number = int(y) if np.issubdtype(np.asarray(y).dtype, np.integer) else float(y)
    name = data.classes[number] if isinstance(number, int) and 0 <= number < len(data.classes) else ""
    return f"{number:g} {name}".strip()


def _outlined(drawn: Picture, data: ShownData) -> str:
    names = dict(enumerate(data.assignment.data.classes))
    if data.assignment.task == "instances" or len(drawn.outlines) > NAMED:
        return quantity(len(drawn.outlines), "object") if drawn.outlines else ""
    return ", ".join(f"{each.number} {names.get(each.number, '')}".strip() for each in drawn.outlines)


def _sample(array: Array) -> Array:
    flat = array.reshape(-1)
    values = flat[:: max(1, flat.size // SAMPLED)].astype(np.float64)
    return values[np.isfinite(values)]


def _histogram(key: str, values: Mapping[Part | None, Array]) -> Histogram:
    pooled = np.concatenate(list(values.values()))
    low, high = (float(end) for end in np.percentile(pooled, (0.5, 99.5))) if pooled.size else (0.0, 1.0)
    high = high if high > low else low + 1
    shares = {part: np.histogram(each, BINS, (low, high))[0] / max(1, each.size) for part, each in values.items()}
    most = max(float(share.max()) for share in shares.values()) or 1.0
    lines = {
        part: " ".join(f"{100 * (i + 0.5) / BINS:.2f},{30 - 28 * share / most:.2f}" for i, share in enumerate(of_part))
        for part, of_part in shares.items()
    }
    return Histogram(key, low, high, lines)
