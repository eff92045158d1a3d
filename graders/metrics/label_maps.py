"""All segmentation metrics of one pair of label maps, class by class, in one pass. The definitions are elsewhere:
overlap in `overlap.py`, distances in `geometry.py`.

Every metric by itself finds the box, the surfaces and the distances anew; who wants several takes them from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from graders.metrics import geometry
from graders.metrics.given import reach_of
from graders.metrics.metric import Array
from graders.metrics.pairs import Counts, counts, pair
from graders.metrics.surfaces import Distances, surfel_distances, voxel_distances

Scores = dict[str, float]
Surface = Literal["voxels", "surfels"]


def score_labels(
    answer: Array,
    truth: Array,
    spacing: Sequence[float],
    *,
    classes: Sequence[int] = (1,),
    tolerance_mm: float,
    surfaces: Sequence[Surface] = ("voxels", "surfels"),
) -> dict[int, Scores]:
    """Each class's metrics under their names in `METRICS`, the NSD without its tolerance.

    Args:
        answer: Labels (H, W) or (D, H, W), bool or integer, 0 for background.
        truth: The same.
        spacing: Voxel size in mm, one per axis.
        classes: Labels to measure, from 1 to 254.
        tolerance_mm: Of the NSD.
        surfaces: `voxels` for hd, hd95, hd95@medpy, assd, masd, nsd@voxel; `surfels` for hd95@deepmind and nsd.

    Returns:
        By class; both empty: dice, iou, NSD 1 and distances 0; one empty: 0 and the image's diagonal.

    Raises:
        TypeError, ValueError: maps, spacing, classes or tolerance are not as described.
    """
    reach_of(tolerance_mm)
    both = pair(answer, truth, spacing, classes)
    scores = {c: _overlap(count, answer.size) for c, count in counts(both).items()}
    if "voxels" in surfaces:
        for c, found in voxel_distances(both).items():
            scores[c] |= _of_voxels(found, both.diagonal, tolerance_mm)
    if "surfels" in surfaces:
        for c, found in surfel_distances(both).items():
            scores[c] |= _of_surfels(found, both.diagonal, tolerance_mm)
    return scores


def _overlap(count: Counts, voxels: int) -> Scores:
    together, either = count.answer + count.truth, count.answer + count.truth - count.both
    error = abs(count.answer - count.truth) / count.truth if count.truth else float(voxels if count.answer else 0)
    return {
        "dice": 2 * count.both / together if together else 1.0,
        "iou": count.both / either if either else 1.0,
        "volume_error": error,
    }


def _of_voxels(found: Distances, diagonal: float, tolerance: float) -> Scores:
    if found.empty:
        far = diagonal if found.empty == 1 else 0.0
        return dict.fromkeys(("hd", "hd95", "hd95@medpy", "assd", "masd"), far) | {"nsd@voxel": found.empty - 1.0}
    return {
        "hd": geometry.largest(found),
        "hd95": geometry.larger_percentile(found),
        "hd95@medpy": geometry.pooled_percentile(found),
        "assd": geometry.pooled_mean(found),
        "masd": geometry.mean_of_means(found),
        "nsd@voxel": geometry.share_within(found, tolerance),
    }


def _of_surfels(found: Distances, diagonal: float, tolerance: float) -> Scores:
    if found.empty:
        return {"hd95@deepmind": diagonal if found.empty == 1 else 0.0, "nsd": found.empty - 1.0}
    return {
        "hd95@deepmind": geometry.larger_percentile_by_area(found),
        "nsd": geometry.share_within(found, tolerance),
    }
