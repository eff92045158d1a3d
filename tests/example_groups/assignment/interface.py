"""What a solution of the tiny assignment defines."""

from typing import Annotated, TypedDict

import numpy as np
from jaxtyping import Float, Float32, UInt8

from assignments.interface import Model, Range


class Rows(TypedDict):
    x: Float32[np.ndarray, "n 3"]


class Labelled(TypedDict):
    x: Float32[np.ndarray, "n 3"]
    y: UInt8[np.ndarray, "n"]


class Prediction(TypedDict):
    prob: Annotated[Float[np.ndarray, "n"], Range(0, 1)]


def scale(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Columns with mean 0."""


def loss(prob: Float[np.ndarray, "n"], y: Float[np.ndarray, "n"]) -> Annotated[float, Range(0, 1)]:
    """Mean absolute difference."""


def fit(train: Labelled, val: Labelled | None, *, seed: int, budget_s: float) -> Model:
    """A trained model."""


def predict(model: Model, inputs: Rows) -> Prediction:
    """Probabilities."""


def save(model: Model, folder: str) -> None:
    """Write it."""


def load(folder: str) -> Model:
    """Read it."""
