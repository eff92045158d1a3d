"""`frechet_distance`: of two normal distributions, where it is known."""

import numpy as np
import pytest

from assignments.testing import close


def covariance(rng, d):
    """Of d features that hang together."""
    a = rng.normal(size=(d, d + 2)) + 0.7
    return a @ a.T / (d + 2)


@pytest.mark.points(2)
def test_independent_features(student, rng):
    """Of independent features, `frechet_distance` adds the squared differences of means and of standard deviations."""
    m1, m2 = rng.normal(0, 2, (2, 5))
    s1, s2 = rng.uniform(0.3, 3, (2, 5))
    assert close(
        student.frechet_distance(m1, np.diag(s1**2), m2, np.diag(s2**2)),
        ((m1 - m2) ** 2).sum() + ((s1 - s2) ** 2).sum(),
        rtol=1e-5,
        mistaken={
            "means_not_squared": np.linalg.norm(m1 - m2) + ((s1 - s2) ** 2).sum(),
            "means_left_out": ((s1 - s2) ** 2).sum(),
            "root_left_out": ((m1 - m2) ** 2).sum() + (s1**2 + s2**2 - 2 * s1**2 * s2**2).sum(),
        },
    )


@pytest.mark.points(2)
def test_features_that_hang_together(student, rng):
    """`frechet_distance` takes the root of a matrix: it is 0 of equal distributions, and the same both ways round."""
    m1, m2 = rng.normal(size=(2, 4))
    c1, c2 = covariance(rng, 4), covariance(rng, 4)
    values = np.linalg.eigvals(c1 @ c2)  # real and positive, though the product is not symmetric
    shift, spread = ((m1 - m2) ** 2).sum(), np.trace(c1) + np.trace(c2)
    by_element = shift + spread - 2 * np.sqrt(np.abs(c1 @ c2)).trace()
    by_factor = shift + spread - 2 * np.trace(np.sqrt(np.abs(c1)) @ np.sqrt(np.abs(c2)))
    expected = shift + spread - 2 * np.sqrt(values.real).sum()
    assert close(
        student.frechet_distance(m1, c1, m2, c2), expected, rtol=1e-4, mistaken={"root_of_each_element": by_element}
    )
    assert close(
        student.frechet_distance(m2, c2, m1, c1), expected, rtol=1e-4, mistaken={"root_of_each_element": by_factor}
    )
    assert close(student.frechet_distance(m1, c1, m1, c1), 0.0, atol=1e-5)
