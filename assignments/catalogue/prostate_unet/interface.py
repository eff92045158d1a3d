"""What a solution of `prostate_unet` defines: names, arguments and answers. The brief says what each is for.

`dice_loss` receives your framework's tensors and returns one; all other functions take and return NumPy arrays. A model
receives volumes (N, D, H, W) float32, without a channel axis, and returns logits of the same shape.
"""

import numpy as np
from jaxtyping import Bool, Float32, Num, UInt8

from assignments.interface import Model


def resample(
    volume: Num[np.ndarray, "d h w"],
    from_spacing: tuple[float, float, float],
    to_spacing: tuple[float, float, float],
    order: int,
) -> Num[np.ndarray, "d2 h2 w2"]:
    """The same extent in voxels of another size: the outer edges coincide.

    `order` 0 takes the nearest voxel (labels), 1 interpolates linearly (images, probabilities).
    """


def augment(
    image: Float32[np.ndarray, "d h w"], label: Float32[np.ndarray, "d h w"], rng: np.random.Generator
) -> tuple[Float32[np.ndarray, "d h w"], Float32[np.ndarray, "d h w"]]:
    """A case as another patient and scanner could have given it: image and gland move together, as `rng` says."""


def build_model(config: dict) -> Model:
    """A new 3-D U-Net, as described below: `config` is {"base": 8, "depth": 4, "skips": True, "prior": 0.03}."""


def receptive_field(config: dict) -> int:
    """How many voxels along one axis of the image a feature of the deepest level of the encoder sees.

    Work it out: does it see a gland of 50 mm and its neighbours?
    """


def initial_loss(prior: float, share: float) -> float:
    """The mean cross-entropy of a model that answers `prior` everywhere, where `share` of the voxels is gland.

    Know it before you train, and compare it with the first loss.
    """


def dice_loss(logit: Float32[np.ndarray, "n d h w"], label: UInt8[np.ndarray, "n d h w"]) -> float:
    """1 - (2 Σ p y + 1) / (Σ p + Σ y + 1) with p = sigmoid(logit), summed over each case; the mean over the cases."""


def keep_largest_component(mask: Bool[np.ndarray, "d h w"]) -> Bool[np.ndarray, "d h w"]:
    """The mask's largest piece; voxels that share a face belong to the same piece. An empty mask stays empty."""
