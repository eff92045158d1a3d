"""What a solution of `classic_methods` defines: names, arguments and answers. The brief says what each is for.

All functions take and return NumPy arrays, whatever your framework. Row numbers are integers from 0.
"""

from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import numpy as np
from jaxtyping import Float, Float32, Int, Int64, UInt8

from assignments.interface import Model, Range


class Rows(TypedDict):
    """BPD, HC, AC and FL of n scans, in mm."""

    x: Float32[np.ndarray, "n 4"]


class Labelled(TypedDict):
    """The same with the gestational age at the scan, in weeks, and the number of the fetus."""

    x: Float32[np.ndarray, "n 4"]
    y: Float32[np.ndarray, "n"]
    subject: Int64[np.ndarray, "n"]


class Prediction(TypedDict):
    """Gestational age at each scan, in weeks."""

    value: Float[np.ndarray, "n"]


def ridge(
    x: Float32[np.ndarray, "n d"], y: Float32[np.ndarray, "n"], l2: float
) -> tuple[Float[np.ndarray, "d"], float]:
    """The w and b that minimise sum (y - x w - b)^2 + l2 |w|^2; where several do, the w with the smallest |w|."""


def ridge_gradient(
    w: Float[np.ndarray, "d"], b: float, x: Float32[np.ndarray, "n d"], y: Float32[np.ndarray, "n"], l2: float
) -> tuple[Float[np.ndarray, "d"], float]:
    """The slope of that sum in w, and in b."""


def gradient_descent(
    x: Float32[np.ndarray, "n d"], y: Float32[np.ndarray, "n"], l2: float, lr: float, steps: int
) -> tuple[Float[np.ndarray, "d"], float]:
    """w and b after `steps` steps from w = 0, b = 0: each moves both by -lr times their slope at the old w and b."""


def largest_step(x: Float32[np.ndarray, "n d"], l2: float) -> float:
    """The learning rate up to which `gradient_descent` converges, and above which it runs away."""


def r2_score(y: Float32[np.ndarray, "n"], predicted: Float32[np.ndarray, "n"]) -> float:
    """The coefficient of determination: 1 for the truth, 0 for the mean of y."""


def hinge_loss_gradient(
    w: Float32[np.ndarray, "d"], b: float, x: Float32[np.ndarray, "n d"], y: Float32[np.ndarray, "n"], c: float
) -> tuple[float, Float[np.ndarray, "d"], float]:
    """The cost |w|^2 / 2 + c sum max(0, 1 - y (x w + b)), and its slope in w, and in b; y is -1 or 1."""


def rbf_kernel(
    a: Float32[np.ndarray, "n d"], b: Float32[np.ndarray, "m d"], gamma: float
) -> Annotated[Float[np.ndarray, "n m"], Range(0, 1)]:
    """exp(-gamma |a_i - b_j|^2) for every row of `a` with every row of `b`."""


def gini(counts: Int64[np.ndarray, "k"]) -> float:
    """The Gini impurity of a leaf that has `counts` rows of each class."""


def best_split(x: Float32[np.ndarray, "n d"], y: UInt8[np.ndarray, "n"]) -> tuple[int, float, float]:
    """Feature, threshold and decrease: the split `x[:, feature] <= threshold` with the largest fall of the impurity.

    The threshold is half-way between the two neighbouring values that it parts. `y` is a class from 0 on.
    """


def bootstrap(n: int, rng: Any) -> Int[np.ndarray, "n"]:
    """The row numbers of one bootstrap of n rows, drawn with the NumPy generator `rng`."""


def left_out_share(n: int, draws: int) -> float:
    """The expected share of n rows that are in none of `draws` draws with replacement."""


def fit_forest(x: Float32[np.ndarray, "n d"], y: UInt8[np.ndarray, "n"], n_trees: int, seed: int) -> Model:
    """A random forest, grown until every leaf is pure. It has to remember which rows each tree has seen."""


def forest_predict(forest: Model, x: Float32[np.ndarray, "n d"]) -> Int[np.ndarray, "n"]:
    """The class that most trees vote for."""


def out_of_bag_accuracy(forest: Model, x: Float32[np.ndarray, "n d"], y: UInt8[np.ndarray, "n"]) -> float:
    """The share of the rows that the forest was fitted to and gets right, by the trees that have not seen the row."""


def split_subjects(
    subject: Int64[np.ndarray, "n"], share: float, seed: int
) -> tuple[Int[np.ndarray, "a"], Int[np.ndarray, "b"]]:
    """Row numbers of two parts: the second holds all rows of `share` of the subjects, the first all the others."""


def nested_subsets(subject: Int64[np.ndarray, "n"], sizes: list[int], seed: int) -> list[Int[np.ndarray, "_"]]:
    """For each size, the row numbers of so many subjects; each subset holds all rows of the one before."""


def learning_curve(model: Any, cases: Labelled, sizes: list[int], seed: int) -> Float[np.ndarray, "s"]:
    """For each size the RMSE of `model` on a quarter of the subjects, fitted to `size` of the others.

    `model` has `fit(x, y)` and `predict(x)`. It receives the rows as they are: scaling is its own business.
    """


def fit(
    train: Labelled,
    val: Labelled | None,
    *,
    seed: int,
    budget_s: float,
    log: Callable[[int, float, float | None], None] | None = None,
) -> Model:
    """A model that predicts the gestational age. `budget_s` is CPU seconds; the same seed gives the same model."""


def predict(model: Model, inputs: Rows) -> Prediction:
    """The gestational age at scans that were never seen."""


def save(model: Model, folder: str) -> None:
    """Write the model into `folder`, which may not exist yet."""


def load(folder: str) -> Model:
    """The model that `save` wrote."""
