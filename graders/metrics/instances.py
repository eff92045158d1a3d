"""Whether each lesion or cell was found: panoptic quality and lesion F1. Overlap of whole masks is in `overlap.py`.

The metrics take masks (N, [D,] H, W) of 0 and 1 whose connected components are the instances: voxels that touch by a
face, an edge or a corner belong together. `panoptic_quality_of` takes instances that are numbered already.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def panoptic_quality_of(answer: Array, truth: Array) -> float:
    """Panoptic quality of two maps of instances, integers of one shape, 0 for background; numbers need not follow."""
    if answer.shape != truth.shape or answer.dtype.kind not in "iu" or truth.dtype.kind not in "iu":
        raise ValueError(
            f"instances are integers of one shape, got {answer.dtype} {answer.shape} and {truth.dtype} {truth.shape}"
        )
    joint = _joint(answer, truth)
    shared, one, other = joint[1:, 1:], joint[1:].sum(axis=1), joint[:, 1:].sum(axis=0)
    instances = len(one) + len(other)
    if not instances:
        return 1.0
    overlap = shared / (one[:, None] + other[None] - shared) if shared.size else np.zeros(0)
    # TP + FP/2 + FN/2 is half of all instances.
    return float(overlap[overlap > 0.5].sum() / (instances / 2))


def _lesion_f1(answer: Array, truth: Array) -> float:
    touches = _joint(answer, truth)[1:, 1:] > 0
    found, wrong = int(touches.any(axis=0).sum()), int((~touches.any(axis=1)).sum())
    total = found + touches.shape[1] + wrong  # 2TP + FN + FP
    return 2 * found / total if total else 1.0


def _components(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.asarray(ndimage.label(mask, structure=np.ones((3,) * mask.ndim))[0], dtype=np.intp)


def _joint(answer: Array, truth: Array) -> NDArray[np.intp]:
    """Voxels (A + 1, T + 1) that each instance of one shares with each of the other; row and column 0: background."""
    (rows, one), (columns, other) = (_numbered(labels) for labels in (answer, truth))
    return np.bincount(one * columns + other, minlength=rows * columns).reshape(rows, columns)


def _numbered(labels: Array) -> tuple[int, NDArray[np.intp]]:
    """How many different numbers there are, 0 always among them and first, and each voxel's place."""
    found, place = np.unique(np.append(labels.ravel(), labels.dtype.type(0)), return_inverse=True)
    if found[0] < 0:
        raise ValueError(f"instances are numbered from 1, got {found[0]}")
    return len(found), place[:-1].astype(np.intp)
