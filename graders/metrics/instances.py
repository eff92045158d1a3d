"""Whether each lesion or cell was found: panoptic quality and lesion F1. Overlap of whole masks is in `overlap.py`.

The metrics take masks (N, [D,] H, W) of 0 and 1 whose connected components are the instances: voxels that touch by a
face, an edge or a corner belong together. Those named `numbered` take instances that are numbered already.

What a pair of maps costs hangs on its voxels alone: no table is as large as a number in an answer, or as all pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from graders.metrics.metric import Array, Case, Floats
from graders.metrics.overlap import as_masks
from graders.metrics.pairs import cut

Ints = NDArray[np.intp]
SAME = 0.5
"""Of two instances with an IoU above it neither can have as much with another."""
FOUND = 0.1
"""IoU above which a lesion is found, where a name holds no other number: as in nnDetection."""


def panoptic_quality(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Panoptic quality per case, 0 to 1: sum of the IoU of matched instances over TP + FP/2 + FN/2.

    Two instances match where their IoU is above 0.5, which no instance can have with two others. Both empty: 1. One
    empty: 0. Kirillov et al., CVPR 2019; Kofler et al. (panoptica), arXiv:2312.02608.
    """
    return _of_components(answers, truths, _panoptic)


def lesion_f1(answers: Array, truths: Array, cases: Sequence[Case], at: float = FOUND) -> Floats:
    """F1 = 2TP / (2TP + FP + FN) of lesions per case, 0 to 1, each found by one component of the answer at most.

    A lesion and a component may be paired where their IoU is above `at`, which is 0 or more and below 1: a large blob
    over many lesions finds one of them or none, and a second component on a lesion is a false positive. Of all ways to
    pair them one to one that with the largest sum of IoUs counts. Above 0.5 it is the recognition quality of
    `panoptic_quality`. Both empty: 1. One empty: 0.
    Maier-Hein et al. (Metrics reloaded), Nature Methods 21 (2024); Baumgartner et al. (nnDetection), MICCAI 2021.
    """
    if not 0 <= at < 1:
        raise ValueError(f"the IoU above which a lesion is found is 0 or more and below 1, got {at}")
    return _of_components(answers, truths, lambda shared: _f1(len(_matched(shared, at)), shared))


def lesion_f1_isles(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """F1 of lesions per case as ISLES 2022 has it, 0 to 1: a lesion is found when one voxel of it is marked.

    TP and FN are the truth's lesions that an answer touches or misses, FP the answer's components that touch none. So
    one component may find all lesions: where everything is marked it is 1. It needs a metric of overlap beside it.
    Both empty: 1. One empty: 0. Hernandez Petzsche et al., Scientific Data 9 (2022).
    """
    return _of_components(answers, truths, _isles_f1)


def segmentation_quality(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """The mean IoU of matched instances per case, 0 to 1: panoptic quality is this times `recognition_quality`.

    It says nothing of instances that are missing or wrong. None matches: 0. Both empty: 1. Kirillov et al., CVPR 2019.
    """
    return _of_components(answers, truths, _mean_overlap)


def recognition_quality(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """F1 of instances per case, 0 to 1, that match with an IoU above 0.5. Both empty: 1. One empty: 0.

    Kirillov et al., CVPR 2019. It says nothing of how far matched instances overlap.
    """
    return _of_components(answers, truths, _recognition)


def numbered_panoptic_quality(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Panoptic quality per case, 0 to 1, of instances (N, [D,] H, W) that are numbered already, 0 for background."""
    return _of_numbered(answers, truths, _panoptic)


def numbered_segmentation_quality(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """`segmentation_quality` of instances (N, [D,] H, W) that are numbered already, 0 for background."""
    return _of_numbered(answers, truths, _mean_overlap)


def numbered_recognition_quality(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """`recognition_quality` of instances (N, [D,] H, W) that are numbered already, 0 for background."""
    return _of_numbered(answers, truths, _recognition)


def panoptic_quality_of(answer: Array, truth: Array) -> float:
    """Panoptic quality of two maps of instances, integers of one shape, 0 for background; numbers need not follow."""
    return _panoptic(_shared_by_numbers(answer, truth))


@dataclass(frozen=True)
class _Shared:
    """The instances of an answer and of a truth, and the pairs of them that share a voxel."""

    answers: int
    """How many instances the answer has."""
    truths: int
    rows: Ints
    """Which instance of the answer each pair (P,) is of."""
    columns: Ints
    """Which of the truth."""
    iou: Floats
    """Of each pair, above 0."""


def _panoptic(shared: _Shared) -> float:
    instances = shared.answers + shared.truths
    # TP + FP/2 + FN/2 is half of all instances.
    return float(_matched(shared, SAME).sum() / (instances / 2)) if instances else 1.0


def _mean_overlap(shared: _Shared) -> float:
    if not shared.answers + shared.truths:
        return 1.0
    overlap = _matched(shared, SAME)
    return float(overlap.mean()) if overlap.size else 0.0


def _recognition(shared: _Shared) -> float:
    return _f1(len(_matched(shared, SAME)), shared)


def _f1(found: int, shared: _Shared) -> float:
    instances = shared.answers + shared.truths
    return 2 * found / instances if instances else 1.0


def _isles_f1(shared: _Shared) -> float:
    found, touching = len(np.unique(shared.columns)), len(np.unique(shared.rows))
    total = found + shared.truths + shared.answers - touching  # 2TP + FN + FP
    return 2 * found / total if total else 1.0


def _matched(shared: _Shared, above: float) -> Floats:
    """IoU of the pairs that match one to one, each above `above`: of all such matchings the one with the largest sum.

    The assignment problem is solved on the pairs that overlap enough, never on a table of all pairs; its time grows
    with the square of the fewer instances, so an answer with more than the truth does not choose it.
    """
    enough = shared.iou > above
    rows, columns, iou = shared.rows[enough], shared.columns[enough], shared.iou[enough]
    if above >= SAME:
        return iou
    only = (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1)
    return np.concatenate([iou[only], _assigned(rows[~only], columns[~only], iou[~only])])


def _assigned(rows: Ints, columns: Ints, iou: Floats) -> Floats:
    """The IoU (M,) of the pairs of the matching with the largest sum, of pairs (P,) that are each allowed."""
    if not iou.size:
        return iou
    fewer, more = sorted((np.unique(of, return_inverse=True) for of in (rows, columns)), key=lambda of: len(of[0]))
    few, many = len(fewer[0]), len(more[0])
    # The solver gives every row a partner and takes no cost of 0: a column of its own, dearer than any pair, is none.
    alone = np.arange(few)
    costs = sparse.csr_array(
        (np.r_[2 - iou, np.full(few, 2.0)], (np.r_[fewer[1], alone], np.r_[more[1], many + alone])),
        shape=(few, many + few),
    )
    row, column = min_weight_full_bipartite_matching(costs)
    return np.asarray(2 - costs[row, column][column < many])


def _of_components(answers: Array, truths: Array, value: Callable[[_Shared], float]) -> Floats:
    pairs = zip(*as_masks(answers, truths), strict=True)
    return np.array([value(_shared_by_components(one, other)) for one, other in pairs], dtype=np.float64)


def _of_numbered(answers: Array, truths: Array, value: Callable[[_Shared], float]) -> Floats:
    pairs = zip(answers, truths, strict=True)
    return np.array([value(_shared_by_numbers(one, other)) for one, other in pairs], dtype=np.float64)


def _shared_by_components(answer: NDArray[np.bool_], truth: NDArray[np.bool_]) -> _Shared:
    return _shared(*(_components(mask) for mask in cut(answer, truth)))


def _components(mask: Array) -> Array:
    labels = np.zeros(mask.shape, np.int32)
    if mask.size:
        ndimage.label(mask, structure=np.ones((3,) * mask.ndim), output=labels)
    return labels


def _shared_by_numbers(answer: Array, truth: Array) -> _Shared:
    if answer.shape != truth.shape or answer.dtype.kind not in "iu" or truth.dtype.kind not in "iu":
        raise ValueError(
            f"instances are integers of one shape, got {answer.dtype} {answer.shape} and {truth.dtype} {truth.shape}"
        )
    return _shared(*(_low(numbers) for numbers in cut(answer, truth)))


def _low(numbers: Array) -> Array:
    """The same instances under numbers no higher than there are voxels, so that a table by number is no larger."""
    if numbers.size and int(numbers.min()) < 0:
        raise ValueError(f"instances are numbered from 1, got {numbers.min()}")
    if int(numbers.max(initial=0)) <= numbers.size:
        return numbers.astype(np.intp, copy=False)
    low = np.zeros(numbers.shape, np.intp)
    marked = numbers != 0
    low[marked] = np.unique(numbers[marked], return_inverse=True)[1] + 1
    return low


def _shared(answer: Array, truth: Array) -> _Shared:
    """Of two maps of one shape whose numbers are 0 to at most their voxels; a number may be left out."""
    in_answer, in_truth = answer != 0, truth != 0
    sizes = np.bincount(answer[in_answer], minlength=1), np.bincount(truth[in_truth], minlength=1)
    both = in_answer & in_truth
    ones = np.ones(np.count_nonzero(both), dtype=np.intp)
    counted = sparse.coo_array((ones, (answer[both], truth[both])), shape=(len(sizes[0]), len(sizes[1])))
    pairs = counted.tocsr().tocoo()  # equal pairs become one, whose value is the number of voxels
    rows, columns = pairs.row.astype(np.intp), pairs.col.astype(np.intp)
    union = sizes[0][rows] + sizes[1][columns] - pairs.data
    answers, truths = (int(np.count_nonzero(size)) for size in sizes)
    return _Shared(answers, truths, rows, columns, pairs.data / union)
