"""Which slice of a volume is drawn, and which way up people read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from assignments.assignment import Data, Orient

Array = np.ndarray[Any, Any]

FLIPPED: Mapping[Orient, tuple[bool, bool, bool]] = {
    "RAS": (True, True, True),
    "LPS": (True, False, False),
    "file": (False, False, False),
}
"""Whether (d, h, w) are drawn backwards: superior and anterior are up, the patient's right is on the left."""


@dataclass(frozen=True)
class Cut:
    """One slice of every array that lies on the voxels of a volume; of an image that is a slice, all of it."""

    axis: int | None
    """Along which slices are counted; None for an image that is a slice already."""
    index: int
    count: int
    """How many slices there are."""
    flipped: tuple[bool, bool]
    pixel_mm: tuple[float, float]

    def of(self, array: Array) -> Array:
        """The slice of an array whose last axes are those of the volume, as it is drawn."""
        if self.axis is None:
            return array
        rows, columns = (slice(None, None, -1 if flipped else 1) for flipped in self.flipped)
        cut: Array = np.take(array, self.index, axis=array.ndim - 3 + self.axis)
        return cut[..., rows, columns]

    @property
    def words(self) -> str:
        """Which slice it is; empty for an image that is one."""
        if self.axis is None:
            return ""
        return f"slice {self.index + 1} of {self.count}" + (f" along {'dhw'[self.axis]}" if self.axis else "")


def cut_through(shape: tuple[int, ...], spacing: tuple[float, ...], orient: Orient, labels: Array | None) -> Cut:
    """The slice to show: that with the most of the label, or the middle one.

    Args:
        shape: (h, w) or (d, h, w).
        spacing: mm, in the order of the axes.
        orient: Where the axes rise to (`orientation`).
        labels: On the same voxels; None without a label.
    """
    if len(shape) == 2:
        return Cut(None, 0, 1, (False, False), (spacing[0], spacing[1]))
    axis = int(np.argmax(spacing))  # slices are taken where they are thickest; along d if all are alike
    index = _widest(labels, axis) if labels is not None and labels.any() else shape[axis] // 2
    first, second = (i for i in range(3) if i != axis)
    flips = FLIPPED[orient]
    return Cut(axis, index, shape[axis], (flips[first], flips[second]), (spacing[first], spacing[second]))


def labels_on(key: str, shape: tuple[int, ...], truths: Iterable[Array]) -> Array | None:
    """The whole numbers of a case's truths that lie on an image's voxels; of a pair, those of this image."""
    for truth in truths:
        if truth.dtype.kind not in "biu":
            continue
        if truth.shape == shape:
            return truth
        if truth.shape == (2, *shape):
            return np.asarray(truth[1 if key == "moving" else 0])
    return None


def orientation(data: Data, *, with_spacing: bool) -> Orient:
    """Where the axes of volumes rise to: only files that say where their voxels lie are turned."""
    return data.orient if data.source == "folder" and with_spacing else "file"


def usable_spacing(values: Array | None, axes: int) -> tuple[float, ...]:
    """A case's spacing in mm for so many axes; 1 for each where it has none."""
    spacing = () if values is None else tuple(float(value) for value in np.ravel(values))
    return spacing if len(spacing) == axes and min(spacing) > 0 else (1.0,) * axes


def _widest(labels: Array, axis: int) -> int:
    """The slice with the most of the label; the middle one, if several have as much."""
    others = tuple(i for i in range(labels.ndim) if i != axis)
    areas = np.count_nonzero(labels, axis=others)
    best = np.flatnonzero(areas == areas.max())
    return int(best[len(best) // 2])
