"""Whether each lesion or cell was found: panoptic quality and lesion F1. Overlap of whole masks is in `overlap.py`.

The metrics take masks (N, [D,] H, W) of 0 and 1 whose connected components are the instances: voxels that touch by a
face, an edge or a corner belong together. `numbered_panoptic_quality` takes instances that are numbered already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from graders.metrics.metric import Array, Case, Floats
from graders.metrics.overlap import as_masks


def panoptic_quality(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Panoptic quality per case, 0 to 1: sum of the IoU of matched instances over TP + FP/2 + FN/2.

    Two instances match where their IoU is above 0.5, which no instance can have with two others. Both empty: 1. One
    empty: 0. Kirillov et al., CVPR 2019; Kofler et al. (panoptica), arXiv:2312.02608.
    """
    pairs = zip(*as_masks(answers, truths), strict=True)
    return np.array([panoptic_quality_of(_components(one), _components(other)) for one, other in pairs])


def lesion_f1(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """F1 = 2TP / (2TP + FP + FN) of lesions per case, 0 to 1; a lesion is found when one voxel of it is marked.

    TP and FN are the truth's lesions that an answer touches or misses, FP the answer's components that touch none: so
    it counts lesions and says nothing of their outline. Both empty: 1. One empty: 0.
    Hernandez Petzsche et al. (ISLES 2022), Scientific Data 9 (2022).
    """
    pairs = zip(*as_masks(answers, truths), strict=True)
    return np.array([_lesion_f1(_components(one), _components(other)) for one, other in pairs])


def numbered_panoptic_quality(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Panoptic quality per case, 0 to 1, of instances (N, [D,] H, W) that are numbered already, 0 for background."""
    return np.array([panoptic_quality_of(one, other) for one, other in zip(answers, truths, strict=True)])


def panoptic_quality_of(answer: Array, truth: Array) -> float:
    """Panoptic quality of two maps of instances, integers of one shape, 0 for background; numbers need not follow."""
    if answer.shape != truth.shape or answer.dtype.kind not in "iu" or truth.dtype.kind not in "iu":
        raise ValueError(
            f"instances are integers of one shape, got {answer.dtype} {answer.shape} and {truth.dtype} {truth.shape}"
        )
    shared = _shared(answer, truth)
    instances = len(shared.answer) + len(shared.truth)
    if not instances:
        return 1.0
    union = shared.answer[shared.rows] + shared.truth[shared.columns] - shared.voxels
    overlap = shared.voxels / union
    # TP + FP/2 + FN/2 is half of all instances.
    return float(overlap[overlap > 0.5].sum() / (instances / 2))


def _lesion_f1(answer: Array, truth: Array) -> float:
    shared = _shared(answer, truth)
    found, touching = len(np.unique(shared.columns)), len(np.unique(shared.rows))
    wrong = len(shared.answer) - touching
    total = found + len(shared.truth) + wrong  # 2TP + FN + FP
    return 2 * found / total if total else 1.0


def _components(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.asarray(ndimage.label(mask, structure=np.ones((3,) * mask.ndim))[0], dtype=np.intp)


@dataclass(frozen=True)
class _Shared:
    """Voxels of each instance, and of each pair of instances that share some.

    A table of all pairs would be as large as an answer with an instance in every other voxel likes.
    """

    answer: NDArray[np.intp]
    """Voxels (A,) of each instance of the answer."""
    truth: NDArray[np.intp]
    """Voxels (T,) of each instance of the truth."""
    rows: NDArray[np.intp]
    """Which instance of the answer each pair (P,) is of."""
    columns: NDArray[np.intp]
    """Which of the truth."""
    voxels: NDArray[np.intp]
    """How many voxels the two share, 1 or more."""


def _shared(answer: Array, truth: Array) -> _Shared:
    one, other = _numbered(answer), _numbered(truth)
    sizes = np.bincount(one)[1:], np.bincount(other)[1:]
    both = (one > 0) & (other > 0)
    pairs, voxels = np.unique((one[both] - 1) * max(1, len(sizes[1])) + other[both] - 1, return_counts=True)
    rows, columns = np.divmod(pairs, max(1, len(sizes[1])))
    return _Shared(*sizes, rows, columns, voxels)


def _numbered(labels: Array) -> NDArray[np.intp]:
    """Each voxel's instance, counted 1, 2, ... without gaps, 0 for background."""
    found, place = np.unique(np.append(labels.ravel(), labels.dtype.type(0)), return_inverse=True)
    if found[0] < 0:
        raise ValueError(f"instances are numbered from 1, got {found[0]}")
    return place[:-1].astype(np.intp)
