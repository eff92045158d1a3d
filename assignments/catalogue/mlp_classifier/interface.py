"""What a solution of `mlp_classifier` defines: names, arguments and answers. The brief says what each is for.

`train_step` and `bce_with_logits` receive your framework's tensors and return one; all other functions take and
return NumPy arrays. A model receives rows in their original units and returns one logit for each row.
"""

from collections.abc import Callable
from typing import Annotated, TypedDict

import numpy as np
from jaxtyping import Float, Float32, UInt8

from assignments.interface import Model, Range


class Rows(TypedDict):
    """Measurements of n aspirates, in their original units."""

    x: Float32[np.ndarray, "n 30"]


class Labelled(TypedDict):
    """The same with the result of the biopsy: 1 is malignant, 0 is benign."""

    x: Float32[np.ndarray, "n 30"]
    y: UInt8[np.ndarray, "n"]


class Prediction(TypedDict):
    """The probability that each case is malignant."""

    prob: Annotated[Float[np.ndarray, "n"], Range(0, 1)]


def standardise(
    train: Float32[np.ndarray, "n d"], other: Float32[np.ndarray, "m d"]
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "m d"]]:
    """Both arrays, each column shifted and scaled by the mean and standard deviation it has in `train`."""


def build_model(config: dict) -> Model:
    """A new MLP: `config` is {"n_in": 30, "hidden": [32, 16], "activation": "relu" or "tanh"}."""


def bce_with_logits(logit: Float32[np.ndarray, "n"], y: Float32[np.ndarray, "n"]) -> float:
    """Binary cross-entropy of logits, the mean over the rows."""


def train_step(model: Model, x: Float32[np.ndarray, "n d"], y: Float32[np.ndarray, "n"], lr: float) -> float:
    """One step of plain gradient descent on this batch, in place; returns the loss before the step."""


def fit(
    train: Labelled,
    val: Labelled | None,
    *,
    seed: int,
    budget_s: float,
    log: Callable[[int, float, float | None], None] | None = None,
) -> Model:
    """A trained model. `budget_s` is CPU seconds; the same seed gives the same model, with `log` or without."""


def predict(model: Model, inputs: Rows) -> Prediction:
    """Probabilities for rows that were never seen."""


def choose_threshold(
    prob_val: Float32[np.ndarray, "n"], y_val: UInt8[np.ndarray, "n"], min_sensitivity: float = 0.95
) -> float:
    """The highest t for which `prob >= t` finds at least `min_sensitivity` of the malignant cases."""


def save(model: Model, folder: str) -> None:
    """Write the model into `folder`, which may not exist yet."""


def load(folder: str) -> Model:
    """The model that `save` wrote."""
