"""Who is in which part: subjects, never rows; and a learning curve whose points differ in the data alone."""

from itertools import pairwise

import numpy as np
import pytest

from assignments.testing import close, needs, points_to

SIZES = [3, 6, 12]


def scans(rng, subjects=24):
    """Scans of fetuses with numbers that are drawn, two to five of each, in any order."""
    numbers = rng.choice(1000, subjects, replace=False)
    subject = rng.permutation(np.repeat(numbers, rng.integers(2, 6, subjects)))
    x = rng.normal(100, 20, (len(subject), 4)).astype(np.float32)
    return {"x": x, "y": rng.normal(27, 6, len(subject)).astype(np.float32), "subject": subject}


def whole(rows, subject):
    """Whether these rows are all rows of their subjects."""
    return np.array_equal(np.sort(rows), np.flatnonzero(np.isin(subject, subject[rows])))


def row_numbers(array, x):
    """Which rows of `x` an array holds; None if it holds others."""
    if getattr(array, "ndim", 0) != 2 or array.shape[1] != x.shape[1]:
        return None
    number = {row.tobytes(): i for i, row in enumerate(x)}
    rows = [number.get(row.tobytes()) for row in array.astype(np.float32)]
    return None if None in rows else np.array(rows, int)


def recorded(student, rng):
    """What a model saw during `learning_curve`: cases, the curve, and by size the rows of `fit` and of `predict`."""
    cases = scans(rng)
    recorder = student.double("Recorder")
    curve = student.learning_curve(recorder, cases, SIZES, int(rng.integers(1000)))
    fitted, predicted = recorder.get("fitted"), recorder.get("predicted")
    lists = isinstance(fitted, list) and isinstance(predicted, list)
    once_each = lists and len(fitted) == len(predicted) == len(SIZES) and all(array is not None for array in predicted)
    needs(once_each, "`learning_curve` has to call `model.fit` and then `model.predict` for each size first")
    return cases, curve, fitted, predicted


@pytest.mark.points(2)
def test_no_subject_is_in_both_parts(student, rng):
    """`split_subjects` gives every row to one part, and all rows of a subject to the same."""
    subject = scans(rng)["subject"]
    rest, held_out = student.split_subjects(subject, 0.25, int(rng.integers(1000)))
    both = np.concatenate([rest, held_out])
    assert close(np.sort(both), np.arange(len(subject)))
    points_to("rows_not_subjects", bool(np.isin(subject[held_out], subject[rest]).any()))
    assert not np.isin(subject[held_out], subject[rest]).any()
    assert close(len(np.unique(subject[held_out])), 6)


@pytest.mark.points(3)
def test_subsets_are_nested_and_whole(student, rng):
    """Each subset of `nested_subsets` has as many subjects as was said, all their rows, and the subset before."""
    subject = scans(rng)["subject"]
    seed = int(rng.integers(1000))
    subsets = student.nested_subsets(subject, SIZES, seed)
    assert close(len(subsets), len(SIZES))
    assert all(rows.min() >= 0 and rows.max() < len(subject) for rows in subsets)
    assert close([len(np.unique(subject[rows])) for rows in subsets], SIZES)
    assert all(whole(rows, subject) for rows in subsets)
    nested = all(np.isin(a, b).all() for a, b in pairwise(subsets))
    points_to("subsets_not_nested", not nested)
    assert nested
    others = [student.nested_subsets(subject, SIZES, seed + i) for i in (1, 2, 3)]
    assert any(not np.array_equal(np.sort(other[0]), np.sort(subsets[0])) for other in others)


@pytest.mark.points(3)
def test_every_point_is_measured_on_the_same_subjects(student, rng):
    """All points of a learning curve are measured on the same subjects, and none of these is ever fitted to."""
    cases, curve, fitted, predicted = recorded(student, rng)
    subject = cases["subject"]
    fits, tests = ([row_numbers(array, cases["x"]) for array in arrays] for arrays in (fitted, predicted))
    as_they_are = all(rows is not None for rows in (*fits, *tests))
    needs(
        as_they_are,
        "`learning_curve` has to hand over the rows of `cases` as they are first",
        mend="test_amount_of_data.py::test_a_point_is_the_error_on_rows_as_they_are",
    )
    needs(
        np.ptp(curve) > 0,
        "the points of the curve have to be errors of the model first",
        mend="test_amount_of_data.py::test_a_point_is_the_error_on_rows_as_they_are",
    )
    same = all(np.array_equal(np.sort(rows), np.sort(tests[0])) for rows in tests)
    own_rows = any(np.isin(test, fit).any() for test, fit in zip(tests, fits, strict=True))
    points_to("test_set_changes", not same and not own_rows)
    assert same
    assert close(len(np.unique(subject[tests[0]])), 6)
    seen = any(np.isin(subject[rows], subject[tests[0]]).any() for rows in fits)
    points_to("subset_numbers_not_mapped", seen)
    assert not seen
    assert close([len(np.unique(subject[rows])) for rows in fits], SIZES)


@pytest.mark.points(3)
def test_a_point_is_the_error_on_rows_as_they_are(student, rng):
    """A point is the RMSE in weeks on the held-out rows; the model receives all rows as they are."""
    cases, curve, fitted, predicted = recorded(student, rng)
    fits, tests = ([row_numbers(array, cases["x"]) for array in arrays] for arrays in (fitted, predicted))
    others = [array for array in (*fitted, *predicted) if row_numbers(array, cases["x"]) is None]
    arrays = [array for array in others if isinstance(array, np.ndarray)]
    points_to("scaled_on_everything", any(0 < np.abs(array).max(initial=0) < 10 for array in arrays))
    assert not others
    y = cases["y"].astype(np.float64)
    errors = [np.sqrt(np.mean((y[test] - y[fit].mean()) ** 2)) for fit, test in zip(fits, tests, strict=True)]
    assert close(curve, errors, rtol=1e-3)
