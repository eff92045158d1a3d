"""How alike two sets are, by given features: Frechet distance, density, coverage. No features are computed here.

Features are (n, d) floats of the generated and of the real set. With fewer than thousands of cases a Frechet distance
is biased upwards and must not decide a mark (Chong & Forsyth, CVPR 2020).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from graders.metrics.given import finite
from graders.metrics.metric import Array, Floats

NEIGHBOURS = 5


def frechet_distance(made: Array, real: Array) -> float:
    """Squared Frechet distance of the two sets' normal distributions, 0 or more, in squared units of the features.

    |m - m'|² + tr(S + S' - 2(SS')^½) with unbiased covariances; of Inception features it is the FID. Each set needs two
    cases. Heusel et al., NeurIPS 2017.
    """
    one, other = _features(made, real, 2)
    shift = one.mean(axis=0) - other.mean(axis=0)
    spread, other_spread = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (one, other))
    values, vectors = np.linalg.eigh(spread)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    # The square root's trace from a symmetric product: real and stable where a covariance is singular.
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ other_spread @ root), 0.0)).sum()
    return max(float(shift @ shift + np.trace(spread) + np.trace(other_spread) - 2 * shared), 0.0)


def density(made: Array, real: Array, neighbours: int = NEIGHBOURS) -> float:
    """How many real neighbourhoods hold a generated case, on average, over `neighbours`; 0 or more, 1 for equal sets.

    A neighbourhood is the ball around a real case up to its k-th nearest real neighbour. Naeem et al., ICML 2020.
    """
    return float(_held(made, real, neighbours).sum() / (neighbours * len(made)))


def coverage(made: Array, real: Array, neighbours: int = NEIGHBOURS) -> float:
    """Share of real neighbourhoods, 0 to 1, that hold a generated case. Naeem et al., ICML 2020."""
    return float(_held(made, real, neighbours).any(axis=0).mean())


def _held(made: Array, real: Array, neighbours: int) -> Array:
    """Whether each generated case (rows) lies within each real neighbourhood (columns)."""
    one, other = _features(made, real, 1)
    if not 1 <= neighbours < len(other):
        raise ValueError(f"{neighbours} neighbours of {len(other)} real cases")
    reach = np.partition(cdist(other, other), neighbours, axis=1)[:, neighbours]  # the nearest is the case itself
    return np.asarray(cdist(one, other) < reach)


def _features(made: Array, real: Array, least: int) -> tuple[Floats, Floats]:
    if made.ndim != 2 or real.ndim != 2 or made.shape[1:] != real.shape[1:] or min(len(made), len(real)) < least:
        raise ValueError(f"features {made.shape} and {real.shape}; both must be (n, d) of one d, n at least {least}")
    return finite(made, "features of what was made"), finite(real, "features of what is real")
