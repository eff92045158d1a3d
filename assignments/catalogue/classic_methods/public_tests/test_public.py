"""Public tests, which `medmark check` runs on your machine: small numbers, worked out by hand. They earn no marks."""

import numpy as np

from assignments.testing import close


def column(*values):
    return np.array(values, np.float32)[:, None]


def row(*values):
    return np.array(values, np.float32)


def test_a_line_through_two_points(student):
    """The line through (1, 3) and (2, 5) has slope 2 and offset 1."""
    w, b = student.ridge(column(1, 2), row(3, 5), 0.0)
    assert close(w, [2], atol=1e-3), "subtract the means of x and y first, or add a column of ones"
    assert close(b, 1, atol=1e-3), "the offset is mean(y) - mean(x) w"


def test_a_penalised_line(student):
    """For x = -1, 1 and y = 3, 5 the slope is 2 / (2 + l2), and the offset stays 4."""
    w, b = student.ridge(column(-1, 1), row(3, 5), 2.0)
    assert close([*w, b], [0.5, 4], atol=1e-3), "penalise w alone: centred columns leave b out of the problem"


def test_the_slope_by_hand(student):
    """At w = 1, b = 0 the errors of (1, 3) and (2, 5) are -2 and -3: the slopes are 2(-2 - 6) + 2 l2 and 2(-5)."""
    slope_w, slope_b = student.ridge_gradient(row(1), 0.0, column(1, 2), row(3, 5), 4.0)
    assert close(slope_w, [-8], atol=1e-3), "sum over the rows of 2 x error, plus 2 l2 w"
    assert close(slope_b, -10, atol=1e-3), "sum over the rows of 2 error; b has no penalty"


def test_a_step_by_hand(student):
    """From zero the errors are -3 and -5, and one step of 0.1 leads to w = 2.6 and b = 1.6."""
    w, b = student.gradient_descent(column(1, 2), row(3, 5), 0.0, 0.1, 1)
    assert close([*w, b], [2.6, 1.6], atol=1e-3), "w - lr slope_w and b - lr slope_b, both slopes at the old w and b"


def test_the_largest_step_by_hand(student):
    """For x = -1, 1 and l2 = 2 the cost is 4 w^2 + 2 b^2 and a constant: the largest curvature is 8, the step 2 / 8."""
    assert close(student.largest_step(column(-1, 1), 2.0), 0.25, atol=1e-4), "2 / the largest eigenvalue of the Hessian"


def test_r2_by_hand(student):
    """For y = 1, 2, 3 and the answer 1, 2, 4 the squared error is 1, and the squared distance from the mean 2."""
    assert close(student.r2_score(row(1, 2, 3), row(1, 2, 4)), 0.5, atol=1e-4), "1 - squared error / squared distance"


def test_the_hinge_by_hand(student):
    """At w = 1, b = 0 the row 3 of class 1 is beyond the margin, and 0.5 is short of it by 0.5: it alone counts."""
    cost, slope_w, slope_b = student.hinge_loss_gradient(row(1), 0.0, column(3, 0.5), row(1, 1), 2.0)
    assert close(cost, 1.5, atol=1e-4), "|w|^2 / 2 is 0.5, and c times what the second row is short by is 1"
    assert close([*slope_w, slope_b], [0, -2], atol=1e-4), "w - c sum y x, and -c sum y, over the rows short of 1"


def test_the_kernel_by_hand(student):
    """Rows (0, 0) and (3, 4) have a squared distance of 25."""
    kernel = student.rbf_kernel(np.array([[0, 0]], np.float32), np.array([[0, 0], [3, 4]], np.float32), 0.04)
    assert close(kernel, [[1, np.exp(-1)]], atol=1e-4), "exp(-gamma times the squared distance), shape (n, m)"


def test_impurity_and_split_by_hand(student):
    """Three of four rows of one class have an impurity of 6/16; parting 1, 2 from 4, 6 leaves none of 1/2."""
    assert close(student.gini(np.array([3, 1])), 0.375, atol=1e-5), "1 - (3/4)^2 - (1/4)^2"
    feature, threshold, decrease = student.best_split(column(6, 1, 2, 4), np.array([1, 0, 0, 1], np.uint8))
    assert close([feature, threshold, decrease], [0, 3, 0.5], atol=1e-5), "half-way between 2 and 4, in column 0"


def test_a_bootstrap_has_as_many_rows(student):
    """A bootstrap of 50 rows has 50 numbers from 0 to 49; two draws of two rows leave a quarter out."""
    rows = student.bootstrap(50, student.generator(0))
    assert rows.min() >= 0, "rows are counted from 0"
    assert rows.max() < 50, "rows are counted from 0"
    assert len(np.unique(rows)) < 50, "draw with replacement: some rows come twice"
    assert close(student.left_out_share(2, 2), 0.25, atol=1e-6), "each draw misses a row with probability 1 - 1/n"


def test_a_forest_parts_two_clouds(student, rng):
    """Two clouds far apart: the forest knows them, and the rows a tree has not seen are easy too."""
    y = np.tile(np.array([0, 1], np.uint8), 20)
    x = (rng.normal(size=(40, 2)) + 9 * y[:, None]).astype(np.float32)
    forest = student.fit_forest(x, y, 9, 0)
    assert close(student.forest_predict(forest, x), y), "the class that most trees vote for"
    assert student.out_of_bag_accuracy(forest, x, y) > 0.9, "for each row, let the trees vote that have not seen it"


def test_subjects_stay_together(student):
    """Of four subjects with two scans each, a quarter is one subject; subsets of one and of two subjects are nested."""
    subject = np.array([7, 3, 7, 5, 9, 3, 5, 9])
    rest, held_out = student.split_subjects(subject, 0.25, 0)
    assert sorted([*rest, *held_out]) == [*range(8)], "every row is in one part"
    assert len(held_out) == 2, "the rows of one subject"
    assert subject[held_out[0]] == subject[held_out[1]], "draw subjects (`np.unique`), not rows"
    small, large = student.nested_subsets(subject, [1, 2], 0)
    assert {*small} < {*large}, "draw one order of the subjects, and take the first of it for every size"


def test_a_learning_curve_of_a_model_that_predicts_the_mean(student):
    """If all labels are 20 the mean predicts them without error, at every size."""
    subject = np.repeat(np.arange(8), 2)
    cases = {"x": np.ones((16, 4), np.float32), "y": np.full(16, 20, np.float32), "subject": subject}
    curve = student.learning_curve(student.double("Recorder"), cases, [2, 4], 0)
    assert close(curve, [0, 0], atol=1e-5), "one RMSE for each size: `model.fit`, `model.predict`, then the error"


def test_fit_predicts_what_it_was_shown(student, rng):
    """Four lengths that grow straight with the weeks: the model predicts them to a day or two, saved or not."""
    week = rng.uniform(16, 38, 60).astype(np.float32)
    x = (week[:, None] * np.array([2.5, 9, 9, 2]) * (1 + rng.normal(0, 0.01, (60, 4)))).astype(np.float32)
    model = student.fit({"x": x, "y": week, "subject": np.arange(60)}, None, seed=0, budget_s=5.0)
    value = student.predict(model, {"x": x})["value"]
    assert np.abs(value - week).mean() < 0.5, "are columns and labels in the same order? does `fit` keep the offset?"
    student.save(model, "saved")
    loaded = student.predict(student.load("saved"), {"x": x})["value"]
    assert close(loaded, value, atol=1e-3), "save all that `predict` uses, the scaling too"
