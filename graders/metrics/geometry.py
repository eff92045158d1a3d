"""How far apart the surfaces of two masks are, in millimetres. Overlap is in `overlap.py`, the search in `nearest.py`.

Every function takes masks (N, [D,] H, W) of 0 and 1 and needs the cases' spacing. Both masks empty is perfect: 0 mm,
NSD 1. One empty is the worst there is: the image's diagonal, NSD 0. Libraries that share a name here do not share a
number, so a convention is part of the name; the one without is that of Metrics Reloaded.

    Maier-Hein et al.: Metrics reloaded. Nature Methods 21 (2024), doi:10.1038/s41592-023-02151-z.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from graders.metrics.given import LARGEST, reach_of
from graders.metrics.metric import Array, Case, Floats
from graders.metrics.overlap import as_masks
from graders.metrics.pairs import Pair, pair
from graders.metrics.surfaces import Distances, surfel_distances, voxel_distances


def hd(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Hausdorff distance in mm per case: the largest distance of any surface voxel to the other surface.

    Huttenlocher et al., IEEE PAMI 15 (1993). One stray voxel decides it: `hd95` does not hang on one.
    """
    return _of_voxels(answers, truths, cases, largest)


def hd95(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """95 % Hausdorff distance in mm per case: the larger of the two directed 95th percentiles.

    The surface is the mask's voxels with a neighbour (by a face) outside it; the array's edge is outside.
    Distances run between voxel centres, percentiles are interpolated linearly, as in Metrics Reloaded and
    MONAI; MedPy pools the directions, which is another number. Both empty: 0. One empty: the diagonal.
    """
    return _of_voxels(answers, truths, cases, larger_percentile)


def hd_percentile(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> Floats:
    """Hausdorff distance in mm at a percentile: the larger of the two directed `at`th percentiles, as in `hd95`.

    With 100 it is `hd`, with 95 `hd95`. Both empty: 0. One empty: the diagonal.
    """
    share = _share(at)
    return _of_voxels(answers, truths, cases, lambda found: larger_percentile(found, share))


def hd_to_truth(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> Floats:
    """Directed distance in mm: the `at`th percentile of the distances from the answer's surface to the truth's.

    Large where too much is marked; what is missed hardly shows. Both empty: 0. One empty: the diagonal.
    """
    share = _share(at)
    return _of_voxels(answers, truths, cases, lambda found: _percentile(found.to_truth, share))


def hd_to_answer(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> Floats:
    """Directed distance in mm: the `at`th percentile of the distances from the truth's surface to the answer's.

    Large where something is missed; what is marked in excess hardly shows. Both empty: 0. One empty: the diagonal.
    """
    share = _share(at)
    return _of_voxels(answers, truths, cases, lambda found: _percentile(found.to_answer, share))


def hd95_medpy(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """95 % Hausdorff distance in mm as MedPy has it: one percentile of both directions pooled.

    The larger surface outvotes the smaller one, so a small false region may not show. Empty masks as in `hd95`.
    """
    return _of_voxels(answers, truths, cases, pooled_percentile)


def hd95_deepmind(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """95 % Hausdorff distance in mm as surface-distance has it: the larger of two percentiles by area of surfels.

    The first distance at which 95 % of the surface's area is reached, without interpolation. Empty masks as in `hd95`.
    """
    return _of_surfels(answers, truths, cases, larger_percentile_by_area)


def assd(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Average symmetric surface distance in mm: the mean over both surfaces' voxels pooled, as MedPy and MONAI."""
    return _of_voxels(answers, truths, cases, pooled_mean)


def masd(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Mean average surface distance in mm: the mean of the two directed means, as in Metrics Reloaded."""
    return _of_voxels(answers, truths, cases, mean_of_means)


def nsd(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> Floats:
    """Normalised surface distance, 0 to 1: the share of both surfaces' area within `at` mm of the other surface.

    Areas are those of surfels. A distance equal to the tolerance is within it, and so is one that exceeds it by no more
    than a millionth: three steps of 1.1 mm lie within 3.3 mm, although their sum in floating point does not. DeepMind's
    surface-distance and MONAI compare exactly, and give another number there, and only there. Nikolov et al.,
    J Med Internet Res 23 (2021). Take the tolerance from the difference between raters, never from a guess. Both empty:
    1. One empty: 0.
    """
    reach_of(at)
    return _of_surfels(answers, truths, cases, lambda found: share_within(found, at), empty=(0.0, 1.0))


def nsd_voxel(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> Floats:
    """Normalised surface distance by the number of surface voxels in place of area, as MONAI by default.

    It depends on how the grid lies: a slanted surface has fewer voxels than its area. The tolerance is that of `nsd`, a
    millionth of slack included. Both empty: 1. One empty: 0.
    """
    reach_of(at)
    return _of_voxels(answers, truths, cases, lambda found: share_within(found, at), empty=(0.0, 1.0))


def diagonal(truth: Array, case: Case) -> float:
    """Length of the image's diagonal in mm, from edge to edge: no distance within the image is longer."""
    return float(np.linalg.norm(np.multiply(truth.shape, spacing_of(truth, case))))


# What is made of one pair's distances; both surfaces are there. All in mm, or a share.


def largest(found: Distances) -> float:
    """Hausdorff distance."""
    return float(max(found.to_truth.max(), found.to_answer.max()))


def larger_percentile(found: Distances, share: float = 0.95) -> float:
    """Larger of the two directed percentiles, linear between order statistics."""
    return max(_percentile(found.to_truth, share), _percentile(found.to_answer, share))


def pooled_percentile(found: Distances) -> float:
    """95th percentile of both directions together."""
    return _percentile(np.concatenate([found.to_truth, found.to_answer]))


def larger_percentile_by_area(found: Distances) -> float:
    """Larger of the two directed 95th percentiles by area, a distance that occurs."""
    assert found.answer_areas is not None
    assert found.truth_areas is not None
    return max(
        _percentile95_by_area(found.to_truth, found.answer_areas),
        _percentile95_by_area(found.to_answer, found.truth_areas),
    )


def pooled_mean(found: Distances) -> float:
    """Mean of both directions together."""
    total = found.to_truth.sum() + found.to_answer.sum()
    return float(total / (found.to_truth.size + found.to_answer.size))


def mean_of_means(found: Distances) -> float:
    """Mean of the two directed means."""
    return float((found.to_truth.mean() + found.to_answer.mean()) / 2)


def directed_means_by_area(found: Distances) -> tuple[float, float]:
    """Mean distance by area from the answer's surface and from the truth's, as surface-distance reports them."""
    assert found.answer_areas is not None
    assert found.truth_areas is not None
    return (
        float(found.to_truth @ found.answer_areas / found.answer_areas.sum()),
        float(found.to_answer @ found.truth_areas / found.truth_areas.sum()),
    )


def share_within(found: Distances, tolerance: float) -> float:
    """Share of both surfaces that lies within `tolerance` mm of the other, by area where there are areas."""
    reach = reach_of(tolerance)
    near, near_back = found.to_truth <= reach, found.to_answer <= reach
    if found.answer_areas is None or found.truth_areas is None:
        return float((np.count_nonzero(near) + np.count_nonzero(near_back)) / (near.size + near_back.size))
    within = found.answer_areas[near].sum() + found.truth_areas[near_back].sum()
    return float(within / (found.answer_areas.sum() + found.truth_areas.sum()))


def _share(percent: float) -> float:
    if not 0 < percent <= 100:
        raise ValueError(f"a percentile is a percentage above 0, 100 at most, got {percent}")
    return percent / 100


def _percentile(values: Floats, share: float = 0.95) -> float:
    """NumPy's linear percentile, bit for bit, without the 60 us that its generality costs."""
    place = share * (len(values) - 1)
    below = int(place)
    if below + 1 == len(values):
        return float(values.max())
    low, high = (float(v) for v in np.partition(values, (below, below + 1))[below : below + 2])
    part = place - below
    return high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part


def _percentile95_by_area(values: Floats, areas: Floats) -> float:
    """The first of the sorted values at which the sum of areas reaches 95 %; only the far values are sorted."""
    goal = 0.95 * areas.sum()
    below = np.zeros(len(values), dtype=bool)
    if len(values) > 1000:
        below = values < np.partition(values, int(0.8 * len(values)))[int(0.8 * len(values))]
    before = areas[below].sum()
    if before >= goal:
        below[:], before = False, 0.0
    values, areas = values[~below], areas[~below]
    order = np.lexsort((areas, values))
    reached = before + np.cumsum(areas[order])
    return float(values[order[min(int(np.searchsorted(reached, goal)), len(values) - 1)]])


Value = Callable[[Distances], float]


def _of_voxels(
    answers: Array, truths: Array, cases: Sequence[Case], value: Value, empty: tuple[float, float] | None = None
) -> Floats:
    return _each(answers, truths, cases, lambda both: voxel_distances(both)[1], value, empty)


def _of_surfels(
    answers: Array, truths: Array, cases: Sequence[Case], value: Value, empty: tuple[float, float] | None = None
) -> Floats:
    return _each(answers, truths, cases, lambda both: surfel_distances(both)[1], value, empty)


def _each(
    answers: Array,
    truths: Array,
    cases: Sequence[Case],
    measure: Callable[[Pair], Distances],
    value: Value,
    empty: tuple[float, float] | None,
) -> Floats:
    """Each case's value; `empty` is that of one empty mask and of two, None the diagonal and 0 mm."""
    values = []
    for answer, truth, case in zip(*as_masks(answers, truths), cases, strict=True):
        both = pair(answer, truth, spacing_of(truth, case))
        found = measure(both)
        values.append(value(found) if not found.empty else (empty or (both.diagonal, 0.0))[found.empty - 1])
    return np.array(values, dtype=np.float64)


def spacing_of(truth: Array, case: Case) -> tuple[float, ...]:
    """The case's voxel size in mm along the axes of its truth (axes)."""
    spacing = case.spacing_mm
    if spacing is None or len(spacing) < truth.ndim or not all(0 < s <= LARGEST for s in spacing):
        raise ValueError(f"case {case.id}: {truth.ndim} positive spacings in mm are needed, got {spacing}")
    # A slice of a volume keeps the volume's in-plane spacing: (D, H, W) without the leading ones.
    return tuple(float(s) for s in spacing[len(spacing) - truth.ndim :])
