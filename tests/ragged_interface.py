"""An interface for volumes that differ in size: `fit` receives lists, and `predict` one volume a call."""

INTERFACE = """
from typing import Annotated, TypedDict
import numpy as np
from jaxtyping import Float, Float32, UInt8
from assignments.interface import Model, Range

class Training(TypedDict):
    image: list[Float32[np.ndarray, "d h w"]]
    label: list[UInt8[np.ndarray, "d h w"]]
class Volumes(TypedDict):
    image: Float32[np.ndarray, "n d h w"]
    spacing: Float32[np.ndarray, "n 3"]
class Prediction(TypedDict):
    prob: Annotated[Float[np.ndarray, "n d h w"], Range(0, 1)]

def fit(train: Training, val: Training | None, *, seed: int, budget_s: float) -> Model: ...
def save(model: Model, folder: str) -> None: ...
def load(folder: str) -> Model: ...
def predict(model: Model, inputs: Volumes) -> Prediction: ...
"""
