"""Distances between the surfaces of two masks, in mm. Overlap is in `overlap.py`, the search in `nearest.py`.

Every function takes masks (N, [D,] H, W) of 0 and 1 and needs the cases' spacing. Two empty masks are perfect: 0 mm,
NSD 1. One empty mask is the worst: the image's diagonal, NSD 0. Libraries use one name for different conventions, and
their values differ. So the convention is part of a metric's name; a name without it means Metrics Reloaded's.

    Maier-Hein et al.: Metrics reloaded. Nature Methods 21 (2024), doi:10.1038/s41592-023-02151-z.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from graders.metrics.checks import reach_of
from graders.metrics.metric import LARGEST, Array, CaseInfo, Floats
from graders.metrics.overlap import as_masks
from graders.metrics.pairs import Pair, pair
from graders.metrics.surfaces import Distances, surfel_distances, voxel_distances


def hd(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Hausdorff distance in mm per case: the largest distance of any surface voxel to the other surface.

    A single stray voxel decides it; `hd95` does not depend on one. Both empty: 0. One empty: the diagonal.
    Huttenlocher et al., IEEE PAMI 15 (1993).
    """
    return _of_voxels(predictions, truths, cases, largest)


def hd95(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """95 % Hausdorff distance in mm per case: the larger of the two directed 95th percentiles.

    The surface consists of the mask's voxels that share a face with a voxel outside it; beyond the array's edge is
    outside. Distances run between voxel centres, and percentiles are interpolated linearly, as in Metrics Reloaded and
    MONAI. MedPy pools the two directions and gets another value. Both empty: 0. One empty: the diagonal.
    """
    return _of_voxels(predictions, truths, cases, larger_percentile)


def hd_percentile(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> Floats:
    """Hausdorff distance in mm at a percentile: the larger of the two directed `at`th percentiles, as in `hd95`.

    With 100 it equals `hd`, with 95 `hd95`. Both empty: 0. One empty: the diagonal.
    """
    share = _share(at)
    return _of_voxels(predictions, truths, cases, lambda distances: larger_percentile(distances, share))


def hd_to_truth(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> Floats:
    """Directed distance in mm: the `at`th percentile of the distances from the prediction's surface to the truth's.

    It is large where too much is marked, and hardly shows what is missed. Both empty: 0. One empty: the diagonal.
    """
    share = _share(at)
    return _of_voxels(predictions, truths, cases, lambda distances: _percentile(distances.to_truth, share))


def hd_to_answer(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> Floats:
    """Directed distance in mm: the `at`th percentile of the distances from the truth's surface to the prediction's.

    It is large where something is missed, and hardly shows what is marked in excess. Both empty: 0. One empty: the
    diagonal.
    """
    share = _share(at)
    return _of_voxels(predictions, truths, cases, lambda distances: _percentile(distances.to_prediction, share))


def hd95_medpy(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """95 % Hausdorff distance in mm by MedPy's convention: one percentile of both directions pooled.

    The larger surface outweighs the smaller one, so it can hide a small false region. Empty masks as in `hd95`.
    """
    return _of_voxels(predictions, truths, cases, pooled_percentile)


def hd95_deepmind(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """95 % Hausdorff distance in mm by DeepMind's surface-distance: the larger of two percentiles by area.

    A percentile is the first distance within which 95 % of the surfels' area lies, without interpolation. Empty masks
    as in `hd95`.
    """
    return _of_surfels(predictions, truths, cases, larger_percentile_by_area)


def assd(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Average symmetric surface distance in mm: the mean over both surfaces' voxels pooled, as in MedPy and MONAI.

    Both empty: 0. One empty: the diagonal.
    """
    return _of_voxels(predictions, truths, cases, pooled_mean)


def masd(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Mean average surface distance in mm: the mean of the two directed means, as in Metrics Reloaded.

    Both empty: 0. One empty: the diagonal.
    """
    return _of_voxels(predictions, truths, cases, mean_of_means)


def nsd(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> Floats:
    """Normalised surface distance, 0 to 1: the share of both surfaces' area within `at` mm of the other surface.

    Areas are those of surfels. A distance equal to the tolerance is within it, and so is one that exceeds it by at most
    a millionth: three steps of 1.1 mm count as within 3.3 mm, although their sum in floating point is larger.
    DeepMind's surface-distance and MONAI compare exactly; their values differ in this case only. Take the tolerance
    from the difference between raters, never from a guess. Both empty: 1. One empty: 0. Nikolov et al., J Med Internet
    Res 23 (2021).
    """
    reach_of(at)
    return _of_surfels(predictions, truths, cases, lambda distances: share_within(distances, at), empty=(0.0, 1.0))


def nsd_voxel(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> Floats:
    """Normalised surface distance, 0 to 1, by the number of surface voxels in place of area: MONAI's default.

    It depends on the orientation of the grid: a slanted surface has fewer voxels for its area. Distances are compared
    with the tolerance as in `nsd`. Both empty: 1. One empty: 0.
    """
    reach_of(at)
    return _of_voxels(predictions, truths, cases, lambda distances: share_within(distances, at), empty=(0.0, 1.0))


def diagonal(truth: Array, case: CaseInfo) -> float:
    """Length of the image's diagonal in mm, from edge to edge: no distance within the image is longer."""
    return float(np.linalg.norm(np.multiply(truth.shape, spacing_of(truth, case))))


# Summaries of one pair's distances, in mm or as a share. Neither surface is empty.


def largest(distances: Distances) -> float:
    """Hausdorff distance."""
    return float(max(distances.to_truth.max(), distances.to_prediction.max()))


def larger_percentile(distances: Distances, share: float = 0.95) -> float:
    """The larger of the two directed percentiles, interpolated linearly."""
    return max(_percentile(distances.to_truth, share), _percentile(distances.to_prediction, share))


def pooled_percentile(distances: Distances) -> float:
    """95th percentile of both directions together."""
    return _percentile(np.concatenate([distances.to_truth, distances.to_prediction]))


def larger_percentile_by_area(distances: Distances) -> float:
    """The larger of the two directed 95th percentiles by area, without interpolation."""
    assert distances.prediction_areas is not None
    assert distances.truth_areas is not None
    return max(
        _percentile95_by_area(distances.to_truth, distances.prediction_areas),
        _percentile95_by_area(distances.to_prediction, distances.truth_areas),
    )


def pooled_mean(distances: Distances) -> float:
    """Mean of both directions together."""
    total = distances.to_truth.sum() + distances.to_prediction.sum()
    return float(total / (distances.to_truth.size + distances.to_prediction.size))


def mean_of_means(distances: Distances) -> float:
    """Mean of the two directed means."""
    return float((distances.to_truth.mean() + distances.to_prediction.mean()) / 2)


def directed_means_by_area(distances: Distances) -> tuple[float, float]:
    """Mean distance by area from the prediction's surface and from the truth's, as surface-distance reports them."""
    assert distances.prediction_areas is not None
    assert distances.truth_areas is not None
    return (
        float(distances.to_truth @ distances.prediction_areas / distances.prediction_areas.sum()),
        float(distances.to_prediction @ distances.truth_areas / distances.truth_areas.sum()),
    )


def share_within(distances: Distances, tolerance: float) -> float:
    """Share of both surfaces within `tolerance` mm of the other one, by area where `distances` has areas."""
    reach = reach_of(tolerance)
    near, near_back = distances.to_truth <= reach, distances.to_prediction <= reach
    if distances.prediction_areas is None or distances.truth_areas is None:
        return float((np.count_nonzero(near) + np.count_nonzero(near_back)) / (near.size + near_back.size))
    within = distances.prediction_areas[near].sum() + distances.truth_areas[near_back].sum()
    return float(within / (distances.prediction_areas.sum() + distances.truth_areas.sum()))


def _share(percent: float) -> float:
    if not 0 < percent <= 100:
        raise ValueError(f"a percentile must be above 0 and at most 100, got {percent}")
    return percent / 100


def _percentile(values: Floats, share: float = 0.95) -> float:
    """NumPy's linear percentile, bit for bit, without the 60 us that NumPy's general function costs."""
    position = share * (len(values) - 1)
    below = int(position)
    if below + 1 == len(values):
        return float(values.max())
    low, high = (float(v) for v in np.partition(values, (below, below + 1))[below : below + 2])
    part = position - below
    return high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part


def _percentile95_by_area(values: Floats, areas: Floats) -> float:
    """The first of the sorted values at which the sum of areas reaches 95 %; only the largest values are sorted."""
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
    predictions: Array, truths: Array, cases: Sequence[CaseInfo], value: Value, empty: tuple[float, float] | None = None
) -> Floats:
    return _each(predictions, truths, cases, lambda both: voxel_distances(both)[1], value, empty)


def _of_surfels(
    predictions: Array, truths: Array, cases: Sequence[CaseInfo], value: Value, empty: tuple[float, float] | None = None
) -> Floats:
    return _each(predictions, truths, cases, lambda both: surfel_distances(both)[1], value, empty)


def _each(
    predictions: Array,
    truths: Array,
    cases: Sequence[CaseInfo],
    measure: Callable[[Pair], Distances],
    value: Value,
    empty: tuple[float, float] | None,
) -> Floats:
    """Each case's value; `empty` is the value of one empty mask and of two, None stands for the diagonal and 0 mm."""
    values = []
    for prediction, truth, case in zip(*as_masks(predictions, truths), cases, strict=True):
        both = pair(prediction, truth, spacing_of(truth, case))
        distances = measure(both)
        if distances.empty:
            values.append((empty or (both.diagonal, 0.0))[distances.empty - 1])
        else:
            values.append(value(distances))
    return np.array(values, dtype=np.float64)


def spacing_of(truth: Array, case: CaseInfo) -> tuple[float, ...]:
    """The case's voxel size in mm along the axes of its truth (axes)."""
    spacing = case.spacing_mm
    if spacing is None or len(spacing) < truth.ndim or not all(0 < s <= LARGEST for s in spacing):
        raise ValueError(f"case {case.id}: {truth.ndim} positive spacings in mm are needed, got {spacing}")
    # A slice of a volume has the last two spacings of (D, H, W).
    return tuple(float(s) for s in spacing[len(spacing) - truth.ndim :])
