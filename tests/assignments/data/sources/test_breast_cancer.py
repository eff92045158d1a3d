"""The breast-cancer source: training cases are real rows, hidden cases are in no table."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assignments.data.sources import breast_cancer
from assignments.errors import UserError

ROOT = Path(__file__).parents[4]


def drawn(train=400, test=600, seed=0):
    """Training cases, and hidden ones."""
    source = breast_cancer.SOURCE
    return source.training(train, np.random.default_rng(seed)), source.draw(test, np.random.default_rng(seed + 1))


def test_the_table_is_scikit_learns_with_malignant_as_the_positive_class():
    x, y = breast_cancer.table()
    bundled = load_breast_cancer()
    assert np.array_equal(x, bundled.data)
    assert np.array_equal(y == 1, bundled.target_names[bundled.target] == "malignant")
    assert y.sum() == 212


def test_reading_the_table_imports_no_scikit_learn():
    code = (
        "import sys; from assignments.data.sources.breast_cancer import table; table(); print('sklearn' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_training_rows_are_different_rows_of_the_real_table_with_its_share_of_malignant_ones():
    train, _ = drawn()
    x, y = breast_cancer.table()
    label_of = {row.tobytes(): label for row, label in zip(x.astype(np.float32), y, strict=True)}
    assert len({row.tobytes() for row in train["x"]}) == 400
    assert [label_of[row.tobytes()] for row in train["x"]] == train["y"].tolist()
    assert train["y"].sum() == 149  # 400 * 212 / 569 = 149.03


def test_arrays_have_the_types_that_the_source_declares():
    declared = breast_cancer.SOURCE.arrays
    assert {key: (axes.dtype, axes.axes, axes.role) for key, axes in declared.items()} == {
        "x": ("float32", "30", "input"),
        "y": ("uint8", "", "truth"),
    }
    for cases, n in zip(drawn(), (400, 600), strict=True):
        assert (cases["x"].dtype, cases["x"].shape) == (np.float32, (n, 30))
        assert (cases["y"].dtype, cases["y"].shape) == (np.uint8, (n,))


def test_hidden_cases_are_in_no_table():
    _, test = drawn()
    real = {row.tobytes() for row in breast_cancer.table()[0].astype(np.float32)}
    assert not real & {row.tobytes() for row in test["x"]}


def test_a_drawn_case_keeps_what_the_measurements_mean():
    x, _ = breast_cancer.table()
    synthetic = breast_cancer.synthetic(2000, np.random.default_rng(0))["x"]
    assert (synthetic >= 0).all()
    assert (synthetic[:, 20:] >= synthetic[:, :10]).all()  # the three largest nuclei against the mean
    assert (synthetic[:, :20] >= x[:, :20].min(axis=0) - 1e-6).all()
    assert (synthetic[:, :20] <= x[:, :20].max(axis=0) * 1.000001).all()
    circle = synthetic[:, 2] / (2 * np.pi * synthetic[:, 0])  # perimeter over that of a circle of the same radius
    assert abs(np.median(circle) - np.median(x[:, 2] / (2 * np.pi * x[:, 0]))) < 0.01


def test_each_class_keeps_its_means_spreads_and_correlations():
    x, y = breast_cancer.table()
    synthetic = breast_cancer.synthetic(6000, np.random.default_rng(0))
    for label in (0, 1):
        real, new = np.log1p(x[y == label]), np.log1p(synthetic["x"][synthetic["y"] == label])
        assert np.abs((new.mean(0) - real.mean(0)) / real.std(0)).max() < 0.1
        assert np.abs(new.std(0) / real.std(0) - 1).max() < 0.2
        difference = np.corrcoef(new, rowvar=False) - np.corrcoef(real, rowvar=False)
        assert np.abs(difference).mean() < 0.05


def test_the_order_of_cases_does_not_reveal_the_class():
    train, test = drawn()
    for y in (train["y"], test["y"]):
        assert 0.3 < y[: len(y) // 2].mean() < 0.45


def test_the_same_generators_draw_the_same_cases():
    first, again, other = drawn(), drawn(), drawn(seed=7)
    assert all(np.array_equal(a[k], b[k]) for a, b in zip(first, again, strict=True) for k in ("x", "y"))
    assert not np.array_equal(first[1]["x"], other[1]["x"])


def test_hidden_cases_are_as_hard_as_real_ones_and_the_table_by_heart_does_not_help():
    scores = {"sound": [], "one column": [], "look-up": []}
    for seed in range(3):
        train, test = drawn(seed=10 * seed)
        sound = make_pipeline(StandardScaler(), LogisticRegression()).fit(train["x"], train["y"])
        single = LogisticRegression().fit(train["x"][:, :1], train["y"])
        look_up = make_pipeline(StandardScaler(), KNeighborsClassifier(1)).fit(*breast_cancer.table())
        for name, answers in (
            ("sound", sound.predict(test["x"])),
            ("one column", single.predict(test["x"][:, :1])),
            ("look-up", look_up.predict(test["x"])),
        ):
            scores[name].append(balanced_accuracy_score(test["y"], answers))
    # On held-out rows of the real table, ten splits: .963 and .855.
    assert 0.945 < np.mean(scores["sound"]) < 0.975
    assert 0.83 < np.mean(scores["one column"]) < 0.89
    assert np.mean(scores["look-up"]) < np.mean(scores["sound"])


def test_more_training_rows_than_the_table_has_is_an_error_that_says_so():
    with pytest.raises(UserError, match="train = 570, but the breast-cancer table has 569 rows"):
        drawn(train=570)
