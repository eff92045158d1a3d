"""What a solution of `prostate_unet` defines: names, arguments and answers. The brief says what each is for.

`dice_loss` receives your framework's tensors and returns one; all other functions take and return NumPy arrays. A model
receives volumes (N, D, H, W) float32, without a channel axis, and returns logits of the same shape.
"""

from collections.abc import Callable
from typing import Annotated, TypedDict

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Num, UInt8

from assignments.interface import Model, Range


class Volumes(TypedDict):
    """T2-weighted volumes in their scanner's unit of intensity, which differs from case to case."""

    image: Float32[np.ndarray, "n d h w"]


class Labelled(TypedDict):
    """The same with the gland (1, and 0 elsewhere), and each case's voxel size and subject."""

    image: Float32[np.ndarray, "n d h w"]
    label: UInt8[np.ndarray, "n d h w"]
    spacing: Float32[np.ndarray, "n 3"]
    subject: Int[np.ndarray, "n"]


class Prediction(TypedDict):
    """The probability of gland for every voxel, at the resolution of the image."""

    prob: Annotated[Float[np.ndarray, "n d h w"], Range(0, 1)]


def build_model(config: dict) -> Model:
    """A new U-Net: `config` is {"base": 8, "depth": 4, "skips": True, "prior": 0.03}."""


def dice_loss(logit: Float32[np.ndarray, "n d h w"], label: UInt8[np.ndarray, "n d h w"]) -> float:
    """1 - soft Dice of each case, then the mean over the cases."""


def resample(
    volume: Num[np.ndarray, "d h w"],
    from_spacing: tuple[float, float, float],
    to_spacing: tuple[float, float, float],
    order: int,
) -> Num[np.ndarray, "d2 h2 w2"]:
    """The same extent in voxels of another size; `order` 0 takes the nearest voxel, 1 interpolates linearly."""


def keep_largest_component(mask: Bool[np.ndarray, "d h w"]) -> Bool[np.ndarray, "d h w"]:
    """The mask's largest piece; voxels that share a face belong to the same piece."""


def fit(
    train: Labelled,
    val: Labelled | None,
    *,
    seed: int,
    budget_s: float,
    log: Callable[[int, float, float | None], None] | None = None,
) -> Model:
    """A trained model, after at most `budget_s` CPU seconds; `log(step, loss, val_score)` reports how it goes."""


def predict(model: Model, inputs: Volumes) -> Prediction:
    """Probabilities for volumes that were never seen, of any size."""


def save(model: Model, folder: str) -> None:
    """Write the model into `folder`, which may not exist yet."""


def load(folder: str) -> Model:
    """The model that `save` wrote."""
