"""What a trained model says of patients, and where a test for cancer draws the line."""

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


@pytest.mark.points(2)
def test_malignant_is_the_positive_class(trained, small_cases, rng):
    """`prob` is the probability of class 1, malignant: malignant cases get the higher values."""
    cases = small_cases(64, rng)
    prob = trained.predict(cases)["prob"]
    needs(np.ptp(prob) > 0.1, "`fit` has to learn first: all cases get nearly the same probability", mend="units")
    malignant, benign = prob[cases["y"] == 1], prob[cases["y"] == 0]
    points_to("classes_swapped", (malignant[:, None] < benign).mean() > 0.85)
    assert (malignant[:, None] > benign).mean() > 0.85


@pytest.mark.points(4)
def test_the_highest_threshold_that_is_sensitive_enough(student, rng):
    """`choose_threshold` finds the required share of the malignant cases with as few false alarms as possible."""
    y = rng.permutation(np.repeat([0, 1], [66, 34])).astype(np.uint8)
    prob = (rng.permutation(np.arange(1, 101)) / 200 + 0.3025 * y).astype(np.float32)  # classes overlap, no ties
    malignant, benign = np.sort(prob[y == 1]), np.sort(prob[y == 0])

    def called(threshold):
        return (prob >= threshold).astype(float)

    for share, needed, of_benign in ((0.95, 33, 63), (0.8, 28, 53)):  # of 34: 32.3 and 27.2; of 66: 62.7 and 52.8
        assert close(
            called(student.choose_threshold(prob, y, share)),
            called(malignant[-needed]),
            mistaken={
                "sensitivity_rounded_down": called(malignant[-needed + 1]),
                "specificity_instead": called(benign[-of_benign]),
                "threshold_one_half": called(0.5),
                "threshold_too_low": called(malignant[0]),
            },
        )
