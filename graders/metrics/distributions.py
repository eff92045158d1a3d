"""Similarity of two sets of images by their features: Frechet distance, density, coverage.

The caller computes the features. They are (n, d) floats of the generated and of the real set. With fewer than thousands
of cases a Frechet distance is biased upwards and must not decide a mark (Chong & Forsyth, CVPR 2020).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from graders.metrics.checks import finite
from graders.metrics.metric import Array, Floats

NEIGHBOURS = 5


def frechet_distance(generated: Array, real: Array) -> float:
    """Squared Frechet distance of the two sets' normal distributions, 0 or more, in squared units of the features.

    |m - m'|² + tr(S + S' - 2(SS')^½) with unbiased covariances; with Inception features it is the FID. Each set needs
    two cases. Heusel et al., NeurIPS 2017.
    """
    generated, real = _features(generated, real, 2)
    shift = generated.mean(axis=0) - real.mean(axis=0)
    spread, real_spread = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (generated, real))
    values, vectors = np.linalg.eigh(spread)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    # The trace of the square root, from a symmetric product: it is real and stable where a covariance is singular.
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ real_spread @ root), 0.0)).sum()
    return max(float(shift @ shift + np.trace(spread) + np.trace(real_spread) - 2 * shared), 0.0)


def density(generated: Array, real: Array, neighbours: int = NEIGHBOURS) -> float:
    """In how many real neighbourhoods a generated case lies on average, divided by `neighbours`; 1 for equal sets.

    0 or more. A neighbourhood is the ball around a real case that reaches to its k-th nearest real neighbour.
    Naeem et al., ICML 2020.
    """
    return float(_inside(generated, real, neighbours).sum() / (neighbours * len(generated)))


def coverage(generated: Array, real: Array, neighbours: int = NEIGHBOURS) -> float:
    """Share of real neighbourhoods, 0 to 1, in which a generated case lies. Naeem et al., ICML 2020."""
    return float(_inside(generated, real, neighbours).any(axis=0).mean())


def _inside(generated: Array, real: Array, neighbours: int) -> Array:
    """Whether each generated case (rows) lies within each real neighbourhood (columns)."""
    generated, real = _features(generated, real, 1)
    if not 1 <= neighbours < len(real):
        raise ValueError(f"neighbours must be 1 to {len(real) - 1} for {len(real)} real cases, got {neighbours}")
    reach = np.partition(cdist(real, real), neighbours, axis=1)[:, neighbours]  # the nearest is the case itself
    return np.asarray(cdist(generated, real) < reach)


def _features(generated: Array, real: Array, least: int) -> tuple[Floats, Floats]:
    alike = generated.ndim == real.ndim == 2 and generated.shape[1:] == real.shape[1:]
    if not alike or min(len(generated), len(real)) < least:
        shapes = f"{generated.shape} and {real.shape}"
        raise ValueError(f"features {shapes}; both must be (n, d) with the same d, and n at least {least}")
    return finite(generated, "features of the generated set"), finite(real, "features of the real set")
