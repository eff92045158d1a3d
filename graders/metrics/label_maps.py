"""All segmentation metrics of one pair of label maps, class by class, in one pass.

The metrics are defined in `overlap.py` and `geometry.py`. Each of them computes the box, the surfaces and the distances
again; this file computes them once for several metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from graders.metrics import geometry
from graders.metrics.checks import reach_of
from graders.metrics.metric import Array
from graders.metrics.pairs import Counts, counts, pair
from graders.metrics.surfaces import Distances, surfel_distances, voxel_distances

MetricValues = dict[str, float]
Surface = Literal["voxels", "surfels"]


def score_labels(
    prediction: Array,
    truth: Array,
    spacing: Sequence[float],
    *,
    classes: Sequence[int] = (1,),
    tolerance_mm: float,
    surfaces: Sequence[Surface] = ("voxels", "surfels"),
) -> dict[int, MetricValues]:
    """The metrics of each class under their names in `METRICS`; the NSD's name lacks its tolerance.

    Args:
        prediction: Labels (H, W) or (D, H, W), bool or integer, 0 for background.
        truth: The same.
        spacing: Voxel size in mm, one per axis.
        classes: Labels to measure, from 1 to 254.
        tolerance_mm: The tolerance of the NSD.
        surfaces: `voxels` for hd, hd95, hd95@medpy, assd, masd, nsd@voxel; `surfels` for hd95@deepmind and nsd.

    Returns:
        Values by class. Both masks empty: Dice, IoU and NSD are 1, distances 0. One mask empty: 0 and the image's
        diagonal.

    Raises:
        TypeError, ValueError: maps, spacing, classes or tolerance are not as described.
    """
    reach_of(tolerance_mm)
    both = pair(prediction, truth, spacing, classes)
    scores = {c: _overlap(count, prediction.size) for c, count in counts(both).items()}
    if "voxels" in surfaces:
        for c, distances in voxel_distances(both).items():
            scores[c] |= _of_voxels(distances, both.diagonal, tolerance_mm)
    if "surfels" in surfaces:
        for c, distances in surfel_distances(both).items():
            scores[c] |= _of_surfels(distances, both.diagonal, tolerance_mm)
    return scores


def _overlap(count: Counts, voxels: int) -> MetricValues:
    together = count.prediction + count.truth
    either = together - count.both
    empty_truth = float(voxels if count.prediction else 0)
    error = abs(count.prediction - count.truth) / count.truth if count.truth else empty_truth
    return {
        "dice": 2 * count.both / together if together else 1.0,
        "iou": count.both / either if either else 1.0,
        "volume_error": error,
    }


def _of_voxels(distances: Distances, diagonal: float, tolerance: float) -> MetricValues:
    if distances.empty:
        far = diagonal if distances.empty == 1 else 0.0
        return dict.fromkeys(("hd", "hd95", "hd95@medpy", "assd", "masd"), far) | {"nsd@voxel": distances.empty - 1.0}
    return {
        "hd": geometry.largest(distances),
        "hd95": geometry.larger_percentile(distances),
        "hd95@medpy": geometry.pooled_percentile(distances),
        "assd": geometry.pooled_mean(distances),
        "masd": geometry.mean_of_means(distances),
        "nsd@voxel": geometry.share_within(distances, tolerance),
    }


def _of_surfels(distances: Distances, diagonal: float, tolerance: float) -> MetricValues:
    if distances.empty:
        return {"hd95@deepmind": diagonal if distances.empty == 1 else 0.0, "nsd": distances.empty - 1.0}
    return {
        "hd95@deepmind": geometry.larger_percentile_by_area(distances),
        "nsd": geometry.share_within(distances, tolerance),
    }
