"""Whether vessels and other tubes are traced along their whole length: clDice. Overlap of masks is in `overlap.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graders.metrics.metric import Array, CaseInfo, Floats
from graders.metrics.overlap import as_masks
from graders.metrics.pairs import cut

Mask = NDArray[np.bool_]


def cldice(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Centreline Dice per case, 0 to 1: the harmonic mean of two shares.

    They are the share of the prediction's skeleton that lies in the truth, and the share of the truth's skeleton that
    lies in the prediction. Skeletons are scikit-image's: Zhang's in 2-D, Lee's in 3-D. Where thinning leaves nothing,
    as of 2 x 2 x 2 voxels, the mask is its own skeleton. Both masks empty: 1. One mask empty: 0. It does not measure
    how thick a tube is. Shit et al., CVPR 2021, arXiv:2003.07311.
    """
    pairs = zip(*as_masks(predictions, truths), strict=True)
    return np.array([_cldice(*cut(prediction, truth)) for prediction, truth in pairs], dtype=np.float64)


def _cldice(prediction: Mask, truth: Mask) -> float:
    if not prediction.any() or not truth.any():
        return float(prediction.any() == truth.any())
    shares = [_share_within(_skeleton(prediction), truth), _share_within(_skeleton(truth), prediction)]
    return 2 * shares[0] * shares[1] / sum(shares) if sum(shares) else 0.0


def _share_within(skeleton: Mask, mask: Mask) -> float:
    return float(np.count_nonzero(skeleton & mask) / np.count_nonzero(skeleton))


def _skeleton(mask: Mask) -> Mask:
    from skimage.morphology import skeletonize  # imported here, because no other metric needs it

    if mask.ndim not in (2, 3):
        raise ValueError(f"a skeleton is of an image with 2 or 3 axes, not {mask.ndim}")
    skeleton = np.asarray(skeletonize(mask), dtype=np.bool_)
    return skeleton if skeleton.any() else mask
