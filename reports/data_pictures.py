"""Chooses what the page of an assignment's cases shows of them: a few cases of each part, a slice of each image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assignments.assignment import Orient
from assignments.data.image_axes import image_view
from assignments.data.source import Axes, Part
from graders.authoring.shown_data import ShownCase, ShownData
from reports.slices import Picture, picture

Array = np.ndarray[Any, Any]

PER_PART = 3
"""Cases of each part that are shown, of different subjects if there are so many."""
SAMPLED = 4096
"""Voxels of a case that a histogram counts."""
BINS = 48
FLIPPED: Mapping[str, tuple[bool, bool, bool]] = {
    "RAS": (True, True, True),
    "LPS": (True, False, False),
    "file": (False, False, False),
}
"""Whether (d, h, w) are drawn backwards: superior and anterior are up, the patient's right is on the left."""


@dataclass(frozen=True)
class ShownPicture:
    """A slice of one image of one case."""

    case: ShownCase
    key: str
    words: str
    """Which slice it is, and which classes are outlined."""
    picture: Picture


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
    """Where the axes of volumes rise to: only files that say where their voxels lie are turned."""
    says = data.assignment.data.source == "folder" and "spacing" in data.arrays
    return data.assignment.data.orient if says else "file"


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
    labels = _labels(case, key, image.shape[1:], data)
    spacing = _spacing(case, image.ndim - 1)
    words = []
    if image.ndim == 4:
        axis = int(np.argmax(spacing))  # slices are taken where they are thickest; along d if all are alike
        index = _widest(labels, axis) if labels is not None and labels.any() else image.shape[1 + axis] // 2
        words.append(f"slice {index + 1} of {image.shape[1 + axis]}" + (f" along {'dhw'[axis]}" if axis else ""))
        image, labels, spacing = _cut(image, labels, spacing, axis, index, data)
    if image.shape[0] not in (1, 3):
        words.append(f"the first of {image.shape[0]} channels")
    image = image if image.shape[0] == 3 else image[0]
    drawn = picture(image, labels, (spacing[0], spacing[1]))
    if labels is not None and not drawn.outlines:
        words.append("no label here")
    return ShownPicture(case, key, ", ".join(words), drawn)


def _labels(case: ShownCase, key: str, shape: tuple[int, ...], data: ShownData) -> Array | None:
    """The label map on an image: that of the case, or of a pair's image."""
    for name, axes in data.arrays.items():
        if axes.role != "truth" or np.dtype(axes.dtype).kind not in "biu" or name not in case.arrays:
            continue
        array: Array = np.asarray(case.arrays[name].read())
        if array.shape == shape:
            return array
        if array.shape == (2, *shape):
            side: Array = array[0 if key == "fixed" else 1]
            return side
    return None


def _spacing(case: ShownCase, axes: int) -> tuple[float, ...]:
    if "spacing" not in case.arrays:
        return (1.0,) * axes
    values = [float(value) for value in np.ravel(case.arrays["spacing"].read())]
    return tuple(values) if len(values) == axes and min(values) > 0 else (1.0,) * axes


def _widest(labels: Array, axis: int) -> int:
    """The slice with the most of the label; the middle one, if several have as much."""
    others = tuple(i for i in range(labels.ndim) if i != axis)
    areas = np.count_nonzero(labels, axis=others)
    best = np.flatnonzero(areas == areas.max())
    return int(best[len(best) // 2])


def _cut(
    image: Array, labels: Array | None, spacing: tuple[float, ...], axis: int, index: int, data: ShownData
) -> tuple[Array, Array | None, tuple[float, float]]:
    """One slice of a volume (c, d, h, w), the way up in which people read it."""
    flips = FLIPPED[orientation(data)]
    stay = [i for i in range(3) if i != axis]
    steps = tuple(slice(None, None, -1 if flips[i] else 1) for i in stay)
    slices = np.take(image, index, axis=1 + axis)[(slice(None), *steps)]
    cut = None if labels is None else np.take(labels, index, axis=axis)[steps]
    return slices, cut, (spacing[stay[0]], spacing[stay[1]])


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
