"""What a solution of `mlp_classifier` defines: names, arguments and answers. The brief says what each is for.

`bce_with_logits` and `train_step` receive your framework's tensors and return one; all other functions take and
return NumPy arrays. A model receives rows in their original units and returns one logit for each row.
"""

import numpy as np
from jaxtyping import Float, Float32, UInt8

from assignments.interface import Model


def statistics(x: Float32[np.ndarray, "n d"]) -> tuple[Float[np.ndarray, "d"], Float[np.ndarray, "d"]]:
    """Mean and standard deviation of each column; 1 in place of the deviation of a column that never varies."""


def build_model(config: dict) -> Model:
    """A new network: for each width in `hidden` a linear layer and the activation, then one to a single **logit**.

    `config` is {"n_in": 30, "hidden": [32, 16], "activation": "relu" or "tanh"}. Rows come in their original units: the
    model subtracts a mean and divides by a scale, which are 0 and 1 until `fit` sets them.
    """


def parameter_count(config: dict) -> int:
    """How many weights and biases a network of this configuration trains. Work it out, and compare with the network."""


def constant_loss(share: float) -> float:
    """The mean cross-entropy of the best constant answer, where `share` of the rows is malignant.

    Know it before you train: a loss that stays there has learnt nothing.
    """


def bce_with_logits(logit: Float32[np.ndarray, "n"], y: Float32[np.ndarray, "n"]) -> float:
    """The binary cross-entropy of logits, averaged over the rows; it is finite for any logit."""


def train_step(model: Model, x: Float32[np.ndarray, "n d"], y: Float32[np.ndarray, "n"], lr: float) -> float:
    """One step of plain gradient descent on this batch: every weight changes by `-lr` times its gradient.

    Returns the loss before the step.
    """


def choose_threshold(
    prob_val: Float32[np.ndarray, "n"], y_val: UInt8[np.ndarray, "n"], min_sensitivity: float = 0.95
) -> float:
    """The highest t for which `prob >= t` finds at least the share `min_sensitivity` of the malignant cases."""
