"""What a solution of `fetal_planes` defines: names, arguments and answers. The brief says what each is for.

`cross_entropy` receives your framework's tensors and returns one; all other functions take and return NumPy arrays. A
model receives frames (N, H, W) float32, without a channel axis, and returns logits (N, 4).
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Float32, Int, Int64, UInt8

from assignments.interface import MayBeEmpty, Model


def split_subjects(
    subject: Int64[np.ndarray, "n"], share: float, seed: int
) -> tuple[Annotated[Int[np.ndarray, "a"], MayBeEmpty()], Int[np.ndarray, "b"]]:
    """Row numbers of two parts: the second has all frames of a share of the subjects, rounded up.

    The first has the frames of the others.
    """


def augment(
    image: Float32[np.ndarray, "h w"], point: Float[np.ndarray, "2"], rng: np.random.Generator
) -> tuple[Float32[np.ndarray, "h w"], Float[np.ndarray, "2"]]:
    """A frame as another sweep could have shown it, and where a landmark (row, column) of the old frame is in the new.

    Turn, scale, shift or mirror it by numbers from `rng`, and leave its grey levels as they are.
    """


def dropout(x: Float[np.ndarray, "n d"], rate: float, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
    """`x` in training: each number is 0 with probability `rate`, and in expectation what it was."""


def build_model(config: dict) -> Model:
    """A new residual network: `config` is {"width": 16, "blocks": 3, "dropout": 0.3, "classes": 4}."""


def parameter_count(config: dict) -> int:
    """How many numbers that network trains. Work it out, and compare with the network."""


def receptive_field(config: dict) -> int:
    """How many pixels along one axis a feature of the last block sees. Work it out: does it see a whole head?"""


def cross_entropy(logit: Float32[np.ndarray, "n k"], y: UInt8[np.ndarray, "n"]) -> float:
    """-log softmax(logit) of the true plane, the mean over the frames; it is finite for any logit."""


def ensemble(logits: Float[np.ndarray, "m n k"]) -> Float[np.ndarray, "n k"]:
    """The probabilities of m networks together: the mean of what each of them says."""


def brier_score(prob: Float[np.ndarray, "n k"], y: UInt8[np.ndarray, "n"]) -> float:
    """The squared distance between probabilities and the truth, 1 for its plane and 0 for the others; the mean."""
