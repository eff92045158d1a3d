"""Whether vessels and other tubes are traced in their whole length: clDice. Overlap of masks is in `overlap.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graders.metrics.metric import Array, Case, Floats
from graders.metrics.overlap import as_masks
from graders.metrics.pairs import cut

Mask = NDArray[np.bool_]


def cldice(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Centreline Dice per case, 0 to 1: the harmonic mean of the share of the answer's skeleton that lies in the truth
    and the share of the truth's skeleton that lies in the answer.

    Skeletons are scikit-image's: Zhang's in 2-D, Lee's in 3-D. Where thinning leaves nothing, as of 2 x 2 x 2 voxels,
    the mask is its own skeleton. Both empty: 1. One empty: 0. It says nothing of how thick a tube is.
    Shit et al., CVPR 2021, arXiv:2003.07311.
    """
    pairs = zip(*as_masks(answers, truths), strict=True)
    return np.array([_cldice(*cut(one, other)) for one, other in pairs], dtype=np.float64)


def _cldice(answer: Mask, truth: Mask) -> float:
    if not answer.any() or not truth.any():
        return float(answer.any() == truth.any())
    shares = [_share_within(_skeleton(one), other) for one, other in ((answer, truth), (truth, answer))]
    return 2 * shares[0] * shares[1] / sum(shares) if sum(shares) else 0.0


def _share_within(skeleton: Mask, mask: Mask) -> float:
    return float(np.count_nonzero(skeleton & mask) / np.count_nonzero(skeleton))


def _skeleton(mask: Mask) -> Mask:
    from skimage.morphology import skeletonize  # here, as no other metric needs it

    if mask.ndim not in (2, 3):
        raise ValueError(f"a skeleton is of an image with 2 or 3 axes, not {mask.ndim}")
    found = np.asarray(skeletonize(mask), dtype=np.bool_)
    return found if found.any() else mask
