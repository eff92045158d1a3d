"""Looks for cases of two parts that are nearly equal: a slice with noise, of another brightness, or saved as JPEG.

Equal arrays are refused (`assignments.data.leaks`); these pairs are reported, for a person to look at. Each image is
reduced to a thumbnail by block means and loses what varies slowly, because all patients share that: bright middle, dark
border. Two cases are near if the correlation of their thumbnails is at least `ALIKE`.

Measured on the 1120 slices (128 x 128) of 35 PROMISE12 patients: of 609 280 pairs of slices of two patients the most
alike have 0.62. The same slice has at least 0.98 with noise of a fifth of its SD, 0.90 with noise of half of it, 0.98
as JPEG of quality 75 and 0.92 of quality 30, 0.98 with a gamma of 0.8, 1.00 with brightness and contrast changed, and
0.75 shifted by a pixel along both axes. A pixel is much for a small image: of slices of 64 x 64, 98 of 100 are near
when shifted by one along an axis, and 32 along both; of 28 x 28 almost none. Whole volumes (32 x 128 x 128): at most
0.51 for two patients, at least 0.88 shifted by a voxel along all axes.

A copy may be turned or mirrored in the plane of the slice, as augmented images are. All eight poses are compared; of
two PROMISE12 patients the most alike are then slices mirrored from left to right, at 0.64.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from assignments.assignment import Assignment
from assignments.cached import cached
from assignments.data.columns import StoredCase
from assignments.data.image_axes import image_view
from assignments.data.prepared import Prepared, Progress
from assignments.data.prepared_store import prepared_folder
from assignments.data.source import PARTS, Axes, Part
from assignments.data.split import split_command
from assignments.digests import digest_of

ALIKE = 0.7
"""Correlation from which two cases are near."""
SHOWN = 10
"""Pairs that are named; all are counted."""
SLICE = (32, 32)
VOLUME = (8, 16, 16)
"""Largest thumbnails of a slice and of a volume."""
LEAST = 16
"""Rows and columns of the smallest image that is compared: smaller ones are alike by chance."""
FINE = 8
"""Voxels along each side of a block that count to its mean."""
BLOCK = 1024
"""Thumbnails that are compared with all others at a time."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class NearCase:
    """One array of one case, which is read when it is compared."""

    subject: str
    part: Part
    number: int
    """Which of the subject's cases."""
    key: str
    axes: Axes
    read: Callable[[], Array]


@dataclass(frozen=True)
class NearPair:
    """Two subjects in two parts with cases that are nearly equal: the most alike of them."""

    first: NearCase
    second: NearCase
    correlation: float
    pose: str = ""
    """How the second case is turned against the first, in words; empty if it is not."""
    count: int = 1
    """How many pairs of cases of these two subjects are near."""


@dataclass(frozen=True)
class Near:
    """The near pairs of a set: how many cases and subjects, and the most alike subjects."""

    count: int
    """Pairs of cases."""
    subjects: int
    """Pairs of subjects."""
    pairs: tuple[NearPair, ...]
    compared: int
    """Images that were compared."""


def near_pairs(prepared: Prepared, on_progress: Progress = lambda *_: None) -> Near:
    """The near pairs of a split. They are cached under the digests of its arrays: a second call reads no image."""
    folder = prepared_folder()
    cases, digests = [], []
    inputs = _inputs(prepared.arrays)
    for subject in prepared.subjects:
        for number, case in enumerate(subject.cases):
            for key in inputs:
                array = case.get(key)
                if array is None or subject.part is None:
                    continue
                stored = StoredCase(folder / array.file, array.dtype, array.shape, array.row, array.digest)
                cases.append(NearCase(subject.id, subject.part, number, key, inputs[key], stored.read))
                digests.append([subject.part, key, str(inputs[key]), array.digest])
    source = digest_of(cases=digests).encode()
    return _near(cases, cached(_MAKER, source, lambda _: _compared(cases, on_progress)))


def near_note(assignment: Assignment, prepared: Prepared | None, on_progress: Progress = lambda *_: None) -> str:
    """How many near pairs a split has, and the command that names them; empty if there is none."""
    count = 0 if prepared is None else near_pairs(prepared, on_progress).count
    if not count:
        return ""
    pairs = "1 pair of cases in two parts is" if count == 1 else f"{count} pairs of cases in two parts are"
    return f"{pairs} nearly equal, and may be of one patient. To see them: {split_command(assignment, '')}"


def near_drawn(arrays: Mapping[str, Axes], parts: Mapping[Part, Mapping[str, Array]]) -> Near:
    """The near pairs among cases that an endless source drew: arrays with a leading N."""
    cases = [
        NearCase(str(i), part, 0, key, axes, lambda array=drawn[key], i=i: array[i])  # type: ignore[misc]
        for part, drawn in parts.items()
        for key, axes in _inputs(arrays).items()
        for i in range(len(drawn[key]))
    ]
    return _near(cases, _compared(cases, lambda *_: None))


def thumbnail(array: Array, axes: Axes) -> Array | None:
    """What two cases are compared by: float32 of mean 0 and norm 1; None if it is not an image, too small or flat."""
    image = image_view(array, axes)
    if image is None or min(image.shape[-2:]) < LEAST:
        return None
    small = _block_means(image, VOLUME if image.ndim == 4 else SLICE)
    # A blur by a sixteenth of the width is the part that all patients share.
    detail = small - gaussian_filter(small, small.shape[-1] / 16)
    detail -= detail.mean()
    norm = np.linalg.norm(detail)
    if not np.isfinite(norm) or norm <= 1e-6 * np.linalg.norm(small):
        return None
    unit: Array = (detail / norm).astype(np.float32)
    return unit


def _inputs(arrays: Mapping[str, Axes]) -> dict[str, Axes]:
    return {key: axes for key, axes in arrays.items() if axes.role == "input" and key != "spacing"}


_Thumbnails = list[tuple[int, Array]]
"""With the index of the case."""
_Compared = tuple[int, int, list[tuple[int, int, float, str, int]], int]
"""Near pairs of cases and of subjects, the most alike as in `NearPair` by the indices of the cases, images compared."""
_POSES: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("", lambda image: image),
    ("turned by 180 degrees", lambda image: image[..., ::-1, ::-1]),
    ("mirrored from left to right", lambda image: image[..., ::-1]),
    ("mirrored from top to bottom", lambda image: image[..., ::-1, :]),
    ("turned by a quarter", lambda image: np.rot90(image, 1, (-2, -1))),
    ("turned by a quarter", lambda image: np.rot90(image, 3, (-2, -1))),
    ("with rows and columns exchanged", lambda image: np.swapaxes(image, -2, -1)),
    ("mirrored and turned", lambda image: np.swapaxes(image[..., ::-1, ::-1], -2, -1)),
)
"""Of a thumbnail; the last four need as many rows as columns."""
_MAKER = f"near cases, {ALIKE} {SHOWN} {SLICE} {VOLUME} {LEAST}, version 3"
"""Names the measure in the cache: a change of `thumbnail` needs another version."""


def _near(cases: Sequence[NearCase], compared: _Compared) -> Near:
    count, subjects, pairs, images = compared
    named = (NearPair(cases[i], cases[j], float(like), pose, of) for i, j, like, pose, of in pairs)
    return Near(count, subjects, tuple(named), images)


def _compared(cases: Sequence[NearCase], on_progress: Progress) -> _Compared:
    groups: dict[tuple[str, tuple[int, ...]], dict[Part, _Thumbnails]] = defaultdict(lambda: defaultdict(list))
    for index, case in enumerate(cases):
        if case.number == 0:
            on_progress(index, len(cases), case.subject)
        small = thumbnail(case.read(), case.axes)
        if small is not None:
            groups[case.key, small.shape][case.part].append((index, small))
    on_progress(len(cases), len(cases), "")
    count = 0
    best: dict[tuple[str, str], tuple[int, int, float, str, int]] = {}
    for by_part in groups.values():
        for first, second in combinations([part for part in PARTS if part in by_part], 2):
            for i, j, like, pose in _alike(by_part[first], by_part[second]):
                count += 1
                pair = (cases[i].subject, cases[j].subject)
                before = best.get(pair, (i, j, -1.0, "", 0))
                best[pair] = (*(max((i, j, like, pose), before[:4], key=lambda each: each[2])), before[4] + 1)
    ranked = sorted(best.values(), key=lambda pair: (-pair[2], pair[:2]))
    images = sum(len(each) for by_part in groups.values() for each in by_part.values())
    return count, len(best), ranked[:SHOWN], images


def _alike(a: _Thumbnails, b: _Thumbnails) -> Iterator[tuple[int, int, float, str]]:
    """Near pairs of two parts, each in the pose in which it is most alike; a block at a time."""
    square = a[0][1].shape[-1] == a[0][1].shape[-2]
    poses = _POSES if square else _POSES[:4]
    posed = [np.stack([pose(small).ravel() for _, small in b]) for _, pose in poses]
    for start in range(0, len(a), BLOCK):
        block = a[start : start + BLOCK]
        rows = np.stack([small.ravel() for _, small in block])
        likeness, which = rows @ posed[0].T, np.zeros((len(block), len(b)), np.uint8)
        for number, others in enumerate(posed[1:], start=1):
            turned = rows @ others.T
            which[turned > likeness] = number
            np.maximum(likeness, turned, out=likeness)
        for i, j in np.argwhere(likeness >= ALIKE).tolist():
            yield block[i][0], b[j][0], round(float(likeness[i, j]), 3), poses[which[i, j]][0]


def _block_means(image: Array, largest: tuple[int, ...]) -> Array:
    """(c, [d,] h, w) as ([d,] h, w) float64 of at most this size: the mean of all channels and of each block."""
    # Of a large block some voxels are enough: of 32 each 4th.
    steps = [max(1, size // (FINE * most)) for size, most in zip(image.shape[1:], largest, strict=True)]
    small: Array = image[(slice(None), *(slice(None, None, step) for step in steps))]
    for axis, most in enumerate(largest, start=1):
        size = small.shape[axis]
        if size > most:
            edges = np.linspace(0, size, most + 1).round().astype(int)
            sums = np.add.reduceat(small, edges[:-1], axis=axis, dtype=np.float64)
            small = sums / np.diff(edges).reshape([-1 if i == axis else 1 for i in range(small.ndim)])
    mean: Array = small.mean(axis=0, dtype=np.float64)
    return mean
