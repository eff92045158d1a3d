"""The references of `classic_methods`: equal in three frameworks, and to scikit-learn and finite differences."""

import ast
import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pytest

from assignments.data.sources.biometry import fetal_biometry

HOME = Path(__file__).parents[2]
FOLDER = HOME / "reference_solutions" / "classic_methods"
INTERFACE = HOME / "assignments" / "catalogue" / "classic_methods" / "interface.py"
NEEDS = {"numpy": "numpy", "pytorch": "torch", "tensorflow": "tensorflow"}
SAME_TEXT = (
    *("gradient_descent", "r2_score", "gini", "best_split", "grow_tree", "tree_predict", "bootstrap", "left_out_share"),
    *("fit_forest", "forest_predict", "out_of_bag_accuracy", "split_subjects", "nested_subsets", "learning_curve"),
    *("fit", "predict"),
)


@pytest.fixture(scope="module", params=NEEDS)
def reference(request):
    return solution(request.param)


@pytest.fixture(scope="module")
def in_numpy():
    return solution("numpy")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    x = rng.normal(3, 1, (40, 3)).astype(np.float32)
    return x, (x @ [1, -2, 3] + rng.normal(25, 1, 40)).astype(np.float32)


def solution(framework):
    pytest.importorskip(NEEDS[framework], exc_type=ImportError)
    spec = importlib.util.spec_from_file_location(f"classic_{framework}", FOLDER / f"solution_{framework}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("l2", [0.0, 7.0])
def test_ridge_is_that_of_scikit_learn(reference, table, l2):
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, y = table
    expected = linear_model.Ridge(l2).fit(x.astype(np.float64), y) if l2 else linear_model.LinearRegression().fit(x, y)
    w, b = reference.ridge(x, y, l2)
    assert w == pytest.approx(expected.coef_, abs=1e-4)
    assert b == pytest.approx(expected.intercept_, abs=1e-3)


def test_fewer_rows_than_columns_have_the_shortest_weights(reference):
    rng = np.random.default_rng(1)
    x, y = rng.normal(2, 1, (4, 7)).astype(np.float32), rng.normal(size=4).astype(np.float32)
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    w, b = reference.ridge(x, y, 0.0)
    assert w == pytest.approx(np.linalg.pinv(centred) @ (y - y.mean()), abs=1e-5)
    assert x @ w + b == pytest.approx(y, abs=1e-5)


def test_slopes_are_finite_differences(reference, table):
    x, y = table
    rng = np.random.default_rng(2)
    w, b = rng.normal(size=3).astype(np.float32), 0.7
    side = np.where(y > y.mean(), 1, -1).astype(np.float32)

    def squares(w, b):
        return ((y.astype(np.float64) - x.astype(np.float64) @ w - b) ** 2).sum() + 3 * (w**2).sum()

    def hinge(w, b):
        return w @ w / 2 + 2 * np.maximum(0, 1 - side * (x.astype(np.float64) @ w + b)).sum()

    cost, *slope = reference.hinge_loss_gradient(w, b, x, side, 2.0)
    at = w.astype(np.float64)
    assert cost == pytest.approx(hinge(at, b), rel=1e-6)
    for function, (slope_w, slope_b) in ((squares, reference.ridge_gradient(w, b, x, y, 3.0)), (hinge, slope)):
        for i, step in enumerate(1e-5 * np.eye(3)):
            assert slope_w[i] == pytest.approx((function(at + step, b) - function(at - step, b)) / 2e-5, rel=1e-4)
        assert slope_b == pytest.approx((function(at, b + 1e-5) - function(at, b - 1e-5)) / 2e-5, rel=1e-4)


def test_descent_arrives_below_the_largest_step_and_runs_away_above_it(reference, table):
    x, y = ((a - a.mean(axis=0)) / a.std(axis=0) for a in table)
    w, b = reference.ridge(x, y, 2.0)
    largest = reference.largest_step(x, 2.0)
    for share, arrives in ((0.9, True), (1.1, False)):
        w_down, b_down = reference.gradient_descent(x, y, 2.0, share * largest, 300)
        assert (np.abs([*(w_down - w), b_down - b]).max() < 1e-3) == arrives


def test_descent_on_the_hinge_ends_where_scikit_learn_does(in_numpy):
    svm = pytest.importorskip("sklearn.svm")
    cases = fetal_biometry(90, np.random.default_rng(3))
    x = ((cases["x"] - cases["x"].mean(axis=0)) / cases["x"].std(axis=0)).astype(np.float32)
    y = np.where(cases["y"] < 34, 1, -1).astype(np.float32)
    expected = svm.SVC(kernel="linear", C=1.0, tol=1e-6).fit(x, y)
    lowest, _, _ = in_numpy.hinge_loss_gradient(expected.coef_[0], expected.intercept_[0], x, y, 1.0)
    w, b, costs = np.zeros(4), 0.0, []
    for step in range(4000):
        cost, slope_w, slope_b = in_numpy.hinge_loss_gradient(w, b, x, y, 1.0)
        costs.append(cost)
        w, b = w - slope_w / (step + 100), b - slope_b / (step + 100)
    assert 0.999 * lowest < min(costs) < 1.02 * lowest


def test_kernel_r2_and_split_are_those_of_scikit_learn(reference):
    metrics = pytest.importorskip("sklearn.metrics")
    tree = pytest.importorskip("sklearn.tree")
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(6, 3)).astype(np.float32), rng.normal(size=(5, 3)).astype(np.float32)
    assert reference.rbf_kernel(a, b, 0.3) == pytest.approx(metrics.pairwise.rbf_kernel(a, b, gamma=0.3), abs=1e-5)
    y = rng.normal(size=20).astype(np.float32)
    assert reference.r2_score(y, y / 2) == pytest.approx(metrics.r2_score(y, y / 2), abs=1e-5)

    for _ in range(20):
        x, classes = rng.normal(size=(30, 3)).astype(np.float32), rng.integers(0, 3, 30).astype(np.uint8)
        stump = tree.DecisionTreeClassifier(max_depth=1, random_state=0).fit(x, classes).tree_
        sides = stump.n_node_samples[1:] @ stump.impurity[1:] / 30
        feature, threshold, decrease = reference.best_split(x, classes)
        assert decrease == pytest.approx(stump.impurity[0] - sides, abs=1e-9)
        assert (feature, threshold) == (stump.feature[0], pytest.approx(stump.threshold[0], abs=1e-6))


def test_the_forest_is_as_good_as_that_of_scikit_learn(in_numpy):
    ensemble = pytest.importorskip("sklearn.ensemble")
    train, test = (fetal_biometry(n, np.random.default_rng(n)) for n in (120, 1000))
    y, truth = ((cases["y"] < 34).astype(np.uint8) for cases in (train, test))
    theirs = ensemble.RandomForestClassifier(60, oob_score=True, random_state=0).fit(train["x"], y)
    forest = in_numpy.fit_forest(train["x"], y, 60, 0)
    accuracy = (in_numpy.forest_predict(forest, test["x"]) == truth).mean()
    assert accuracy == pytest.approx(theirs.score(test["x"], truth), abs=0.02)
    assert in_numpy.out_of_bag_accuracy(forest, train["x"], y) == pytest.approx(theirs.oob_score_, abs=0.03)


def test_predicted_shares_are_those_that_are_drawn(in_numpy):
    rng = np.random.default_rng(5)
    for n, draws in ((7, 7), (7, 3), (50, 80)):
        left_out = [n - len(np.unique(rng.integers(0, n, draws))) for _ in range(4000)]
        assert in_numpy.left_out_share(n, draws) == pytest.approx(np.mean(left_out) / n, abs=0.01)


def test_subsets_by_hand(in_numpy):
    subject = np.array([7, 3, 7, 5, 9, 3, 5, 9])
    rest, held_out = in_numpy.split_subjects(subject, 0.25, 0)
    assert sorted([*rest, *held_out]) == [*range(8)]
    assert len(set(subject[held_out])) == 1
    assert not {*subject[rest]} & {*subject[held_out]}
    one, three = in_numpy.nested_subsets(subject, [1, 3], 0)
    assert (len(one), len(three)) == (2, 6)
    assert {*one} < {*three}


def test_a_learning_curve_falls_to_the_accuracy_of_all_fetuses(reference):
    cases = fetal_biometry(240, np.random.default_rng(6))
    curves = [reference.learning_curve(reference.GrowthCurve(), cases, [2, 8, 50], seed) for seed in range(6)]
    few, some, many = np.mean(curves, axis=0)
    assert few > some > many - 0.02
    assert 0.6 < many < 0.95


def test_all_predict_the_same_weeks_and_survive_being_saved(reference, in_numpy, tmp_path):
    train, test = (fetal_biometry(n, np.random.default_rng(n)) for n in (120, 600))
    before = train["x"].copy()
    calls = []
    model = reference.fit(train, None, seed=0, budget_s=10, log=lambda *call: calls.append(call))
    value = reference.predict(model, test)["value"]
    assert np.array_equal(train["x"], before)
    assert value == pytest.approx(in_numpy.predict(in_numpy.fit(train, seed=1, budget_s=10), test)["value"], abs=1e-6)
    assert np.sqrt(np.mean((value - test["y"]) ** 2)) < 0.9
    assert [(step, score) for step, _, score in calls] == [(1, None)]
    reference.save(model, str(tmp_path / "new" / "folder"))
    assert np.array_equal(reference.predict(reference.load(str(tmp_path / "new" / "folder")), test)["value"], value)


def test_all_have_the_functions_of_the_interface_with_equal_arguments_and_headings():
    modules = {framework: solution(framework) for framework in NEEDS}
    declared = [node.name for node in ast.parse(INTERFACE.read_text()).body if isinstance(node, ast.FunctionDef)]
    for name in declared:
        assert len({str(inspect.signature(getattr(module, name))) for module in modules.values()}) == 1, name
    for name in SAME_TEXT:
        assert len({inspect.getsource(getattr(module, name)) for module in modules.values()}) == 1, name
    assert [module.FRAMEWORK for module in modules.values()] == [*NEEDS]
    headings = [
        [line.strip("# -") for line in (FOLDER / f"solution_{name}.py").read_text().splitlines() if "# ---" in line]
        for name in NEEDS
    ]
    assert headings[0] == headings[1] == headings[2]
