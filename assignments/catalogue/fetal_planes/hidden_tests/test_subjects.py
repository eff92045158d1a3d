"""`split_subjects`: no fetus in two parts."""

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


@pytest.mark.points(4)
def test_no_fetus_is_in_both_parts(student, rng):
    """`split_subjects` leaves all frames of a fetus together, in one part or the other, and loses none."""
    subject = rng.permutation(np.repeat(rng.choice(1000, 20, replace=False), rng.integers(3, 9, 20)))
    rest, held = student.split_subjects(subject, 0.25, int(rng.integers(1000)))
    rows = np.sort(np.concatenate([rest, held]))
    assert close(rows, np.arange(len(subject)))
    shared = set(subject[rest]) & set(subject[held])
    points_to("frames_are_split", bool(shared) and abs(len(held) - 0.25 * len(subject)) < 2)
    assert not shared


@pytest.mark.points(2)
def test_the_share_is_of_the_fetuses_and_the_seed_decides(student, rng):
    """`split_subjects` holds a share of the fetuses out, rounded up, and another one with another seed."""
    subject = np.repeat(np.arange(30), np.where(np.arange(30) < 6, 20, 2))
    parts = [student.split_subjects(subject, 0.2, seed)[1] for seed in (1, 1, 2, 3, 4)]
    needs(
        all(np.isin(subject, subject[part]).sum() == len(part) for part in parts),
        "frames of one fetus have to stay together first",
        mend="test_subjects.py::test_no_fetus_is_in_both_parts",
    )
    counts = [len(np.unique(subject[part])) for part in parts]
    assert close(counts, [6] * 5, hint="the share is that of the subjects, not of their frames")
    assert np.array_equal(parts[0], parts[1])
    points_to("seed_of_the_split_is_fixed", all(np.array_equal(parts[0], part) for part in parts[2:]))
    assert not all(np.array_equal(parts[0], part) for part in parts[2:])
    small = student.split_subjects(np.repeat(np.arange(7), 3), 0.3, 5)[1]
    assert close(len(small), 9, mistaken={"share_is_rounded_down": 6})
