"""What a solution of the target defines."""

from typing import Annotated, TypedDict

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from assignments.interface import Model, Range


class Rows(TypedDict):
    x: Float32[np.ndarray, "n 3"]


class Labelled(TypedDict):
    x: Float32[np.ndarray, "n 3"]
    y: UInt8[np.ndarray, "n"]


class Prediction(TypedDict):
    prob: Annotated[Float[np.ndarray, "n"], Range(0, 1)]


def dice(a: Bool[np.ndarray, "n"], b: Bool[np.ndarray, "n"]) -> Annotated[float, Range(0, 1)]:
    """Dice of two masks."""


def fast_sum(n: int) -> int:
    """0 + 1 + ... + n - 1, at once."""


def fit(train: Labelled, val: Labelled | None, *, seed: int, budget_s: float) -> Model:
    """A trained model."""


def predict(model: Model, inputs: Rows) -> Prediction:
    """Probabilities of class 1."""


def save(model: Model, folder: str) -> None:
    """Write it."""


def load(folder: str) -> Model:
    """Read it."""
