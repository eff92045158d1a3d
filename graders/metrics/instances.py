"""Detection of each lesion or cell: panoptic quality and lesion F1. Overlap of whole masks is in `overlap.py`.

The metrics take masks (N, [D,] H, W) of 0 and 1 whose connected components are the instances: voxels that touch by a
face, an edge or a corner belong together. Metrics named `numbered` take maps whose instances have numbers.

The cost of a pair of maps depends on its voxels alone: no table is as large as a number in a prediction, or as all
pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from graders.metrics.metric import Array, CaseInfo, Floats
from graders.metrics.overlap import as_masks
from graders.metrics.pairs import cut

Ints = NDArray[np.intp]
SAME = 0.5
"""Two instances with a higher IoU match: neither can have so much with another instance."""
LESION_IOU = 0.1
"""A lesion is detected where the IoU is higher, unless the metric's name has another number: as in nnDetection."""


def panoptic_quality(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Panoptic quality per case, 0 to 1: the sum of the IoU of matched instances divided by TP + FP/2 + FN/2.

    Two instances match where their IoU is above 0.5, which no instance can have with two others. Both empty: 1. One
    empty: 0. Kirillov et al., CVPR 2019; Kofler et al. (panoptica), arXiv:2312.02608.
    """
    return _of_components(predictions, truths, _panoptic)


def lesion_f1(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float = LESION_IOU) -> Floats:
    """F1 = 2TP / (2TP + FP + FN) of lesions per case, 0 to 1; a component of the prediction detects one lesion at most.

    A lesion and a component can be paired where their IoU is above `at`, which is 0 or more and below 1. So a large
    blob over many lesions detects one of them or none, and a second component on a lesion is a false positive. Of all
    one-to-one pairings, the one with the largest sum of IoUs counts. With `at` = 0.5 it is the recognition quality of
    `panoptic_quality`. Both empty: 1. One empty: 0. Maier-Hein et al. (Metrics reloaded), Nature Methods 21 (2024);
    Baumgartner et al. (nnDetection), MICCAI 2021.
    """
    if not 0 <= at < 1:
        raise ValueError(f"the IoU above which a lesion is detected must be 0 or more and below 1, got {at}")
    return _of_components(predictions, truths, lambda shared: _f1(len(_matched(shared, at)), shared))


def lesion_f1_isles(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """F1 of lesions per case by the convention of ISLES 2022, 0 to 1: one marked voxel detects a lesion.

    TP and FN are the truth's lesions that the prediction touches or misses, FP the prediction's components that touch
    no lesion. So one component can detect all lesions: where everything is marked the value is 1. Use it together with
    a metric of overlap. Both empty: 1. One empty: 0. Hernandez Petzsche et al., Scientific Data 9 (2022).
    """
    return _of_components(predictions, truths, _isles_f1)


def segmentation_quality(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """The mean IoU of matched instances per case, 0 to 1: panoptic quality is this times `recognition_quality`.

    It ignores missing and false instances. No match: 0. Both empty: 1. Kirillov et al., CVPR 2019.
    """
    return _of_components(predictions, truths, _mean_overlap)


def recognition_quality(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """F1 of instances per case, 0 to 1; two instances match where their IoU is above 0.5. Both empty: 1. One empty: 0.

    It ignores how far matched instances overlap. Kirillov et al., CVPR 2019.
    """
    return _of_components(predictions, truths, _recognition)


def numbered_panoptic_quality(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """`panoptic_quality` of maps (N, [D,] H, W) whose instances have numbers, 0 for background."""
    return _of_numbered(predictions, truths, _panoptic)


def numbered_segmentation_quality(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """`segmentation_quality` of maps (N, [D,] H, W) whose instances have numbers, 0 for background."""
    return _of_numbered(predictions, truths, _mean_overlap)


def numbered_recognition_quality(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """`recognition_quality` of maps (N, [D,] H, W) whose instances have numbers, 0 for background."""
    return _of_numbered(predictions, truths, _recognition)


def panoptic_quality_of(prediction: Array, truth: Array) -> float:
    """Panoptic quality of two maps of instances, integers of one shape, 0 for background; numbers may have gaps."""
    return _panoptic(_shared_by_numbers(prediction, truth))


@dataclass(frozen=True)
class _Shared:
    """The numbers of instances of a prediction and a truth, and the pairs of instances that share a voxel."""

    predicted: int
    """Number of instances in the prediction."""
    true: int
    """Number of instances in the truth."""
    rows: Ints
    """The prediction's instance of each pair (P,)."""
    columns: Ints
    """The truth's instance of each pair."""
    iou: Floats
    """IoU of each pair, above 0."""


def _panoptic(shared: _Shared) -> float:
    instances = shared.predicted + shared.true
    # TP + FP/2 + FN/2 is half of all instances.
    return float(_matched(shared, SAME).sum() / (instances / 2)) if instances else 1.0


def _mean_overlap(shared: _Shared) -> float:
    if not shared.predicted + shared.true:
        return 1.0
    overlap = _matched(shared, SAME)
    return float(overlap.mean()) if overlap.size else 0.0


def _recognition(shared: _Shared) -> float:
    return _f1(len(_matched(shared, SAME)), shared)


def _f1(true_positives: int, shared: _Shared) -> float:
    instances = shared.predicted + shared.true
    return 2 * true_positives / instances if instances else 1.0


def _isles_f1(shared: _Shared) -> float:
    true_positives, touching = len(np.unique(shared.columns)), len(np.unique(shared.rows))
    total = true_positives + shared.true + shared.predicted - touching  # 2TP + FN + FP
    return 2 * true_positives / total if total else 1.0


def _matched(shared: _Shared, above: float) -> Floats:
    """IoU of the pairs that match one to one, each above `above`; the matching has the largest sum of IoUs.

    The assignment problem is solved on the pairs that overlap enough, never on a table of all pairs. Its time grows
    with the square of the smaller number of instances, so a prediction with many instances cannot make it slow.
    """
    enough = shared.iou > above
    rows, columns, iou = shared.rows[enough], shared.columns[enough], shared.iou[enough]
    if above >= SAME:
        return iou
    only = (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1)
    return np.concatenate([iou[only], _assigned(rows[~only], columns[~only], iou[~only])])


def _assigned(rows: Ints, columns: Ints, iou: Floats) -> Floats:
    """The IoU (M,) of the pairs in the matching with the largest sum, out of the allowed pairs (P,)."""
    if not iou.size:
        return iou
    fewer, more = sorted((np.unique(of, return_inverse=True) for of in (rows, columns)), key=lambda of: len(of[0]))
    few, many = len(fewer[0]), len(more[0])
    # The solver gives every row a partner and accepts no cost of 0. So each row gets a column of its own that costs
    # more than any pair: to choose it means to stay unmatched.
    alone = np.arange(few)
    costs = sparse.csr_array(
        (np.r_[2 - iou, np.full(few, 2.0)], (np.r_[fewer[1], alone], np.r_[more[1], many + alone])),
        shape=(few, many + few),
    )
    row, column = min_weight_full_bipartite_matching(costs)
    return np.asarray(2 - costs[row, column][column < many])


def _of_components(predictions: Array, truths: Array, value: Callable[[_Shared], float]) -> Floats:
    pairs = zip(*as_masks(predictions, truths), strict=True)
    return np.array([value(_shared_by_components(prediction, truth)) for prediction, truth in pairs], dtype=np.float64)


def _of_numbered(predictions: Array, truths: Array, value: Callable[[_Shared], float]) -> Floats:
    pairs = zip(predictions, truths, strict=True)
    return np.array([value(_shared_by_numbers(prediction, truth)) for prediction, truth in pairs], dtype=np.float64)


def _shared_by_components(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> _Shared:
    return _shared(*(_components(mask) for mask in cut(prediction, truth)))


def _components(mask: Array) -> Array:
    labels = np.zeros(mask.shape, np.int32)
    if mask.size:
        ndimage.label(mask, structure=np.ones((3,) * mask.ndim), output=labels)
    return labels


def _shared_by_numbers(prediction: Array, truth: Array) -> _Shared:
    if prediction.shape != truth.shape or prediction.dtype.kind not in "iu" or truth.dtype.kind not in "iu":
        raise ValueError(
            "instances are integers of one shape, got "
            f"{prediction.dtype} {prediction.shape} and {truth.dtype} {truth.shape}"
        )
    return _shared(*(_low(numbers) for numbers in cut(prediction, truth)))


def _low(numbers: Array) -> Array:
    """The same instances with numbers up to the number of voxels at most, which bounds a table by number."""
    if numbers.size and int(numbers.min()) < 0:
        raise ValueError(f"instances are numbered from 1, got {numbers.min()}")
    if int(numbers.max(initial=0)) <= numbers.size:
        return numbers.astype(np.intp, copy=False)
    low = np.zeros(numbers.shape, np.intp)
    marked = numbers != 0
    low[marked] = np.unique(numbers[marked], return_inverse=True)[1] + 1
    return low


def _shared(prediction: Array, truth: Array) -> _Shared:
    """The shared voxels of two maps of one shape, with numbers up to their number of voxels; numbers may have gaps."""
    in_prediction, in_truth = prediction != 0, truth != 0
    sizes = np.bincount(prediction[in_prediction], minlength=1), np.bincount(truth[in_truth], minlength=1)
    both = in_prediction & in_truth
    ones = np.ones(np.count_nonzero(both), dtype=np.intp)
    counted = sparse.coo_array((ones, (prediction[both], truth[both])), shape=(len(sizes[0]), len(sizes[1])))
    pairs = counted.tocsr().tocoo()  # merges equal pairs; the value is their number of voxels
    rows, columns = pairs.row.astype(np.intp), pairs.col.astype(np.intp)
    union = sizes[0][rows] + sizes[1][columns] - pairs.data
    predicted, true = (int(np.count_nonzero(size)) for size in sizes)
    return _Shared(predicted, true, rows, columns, pairs.data / union)
