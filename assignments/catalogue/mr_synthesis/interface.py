"""What a solution of `mr_synthesis` defines: names, arguments and answers. The brief says what each is for.

The three losses and the two steps receive your framework's tensors and return one; all other functions take and return
NumPy arrays. A generator receives images (N, H, W), a discriminator pairs of them (N, 2, H, W), in either framework.
"""

import numpy as np
from jaxtyping import Float, Float32, UInt8

from assignments.interface import Model

Optimisers = Model  # whatever `build_optimisers` returns


def to_network_range(image: Float32[np.ndarray, "n h w"]) -> Float[np.ndarray, "n h w"]:
    """Intensities from 0 to 1, in the range of the generator's last layer: 0 becomes its lowest, 1 its highest."""


def from_network_range(image: Float32[np.ndarray, "n h w"]) -> Float[np.ndarray, "n h w"]:
    """The way back: what the generator answers, as intensities from 0 to 1."""


def build_generator(config: dict) -> Model:
    """A new U-Net that ends in a tanh, as described below: `config` is {"base": 12, "depth": 3}."""


def build_discriminator(config: dict) -> Model:
    """A new discriminator of patches, as described below: `config` is {"base": 16, "layers": 2}."""


def receptive_field(config: dict) -> int:
    """How many pixels along one axis a logit of that discriminator sees. Work it out, and see it in a gradient."""


def best_constant(values: Float[np.ndarray, "n"], loss: str) -> float:
    """The number with the smallest loss, "l1" or "l2", where any of these values may be right, each as likely.

    Work out what a network learns where its input cannot tell it which.
    """


def l1_loss(
    answer: Float32[np.ndarray, "n h w"], target: Float32[np.ndarray, "n h w"], mask: UInt8[np.ndarray, "n h w"]
) -> float:
    """Mean absolute error over the brain of each case, where the mask is 1; then the mean over the cases."""


def discriminator_loss(real_logit: Float32[np.ndarray, "n h w"], fake_logit: Float32[np.ndarray, "n h w"]) -> float:
    """-log sigmoid(real) - log(1 - sigmoid(fake)), each the mean over patches and cases; finite for any logit."""


def generator_loss(fake_logit: Float32[np.ndarray, "n h w"]) -> float:
    """-log sigmoid(fake), the mean over patches and cases: it does not saturate; finite for any logit."""


def build_optimisers(generator: Model, discriminator: Model, learning_rate: float) -> Optimisers:
    """Two of them, Adam for the generator and Adam for the discriminator, as your steps receive them."""


def discriminator_step(
    generator: Model,
    discriminator: Model,
    optimisers: Optimisers,
    image: Float32[np.ndarray, "n h w"],
    target: Float32[np.ndarray, "n h w"],
    mask: UInt8[np.ndarray, "n h w"],
) -> float:
    """One step of the discriminator down its loss, for `target` as real and the generator's answer as fake.

    The generator stays as it is. `target` is in the network's range. Returns the loss before the step.
    """


def generator_step(
    generator: Model,
    discriminator: Model,
    optimisers: Optimisers,
    image: Float32[np.ndarray, "n h w"],
    target: Float32[np.ndarray, "n h w"],
    mask: UInt8[np.ndarray, "n h w"],
    weight: float,
) -> float:
    """One step of the generator down `l1_loss` + weight * `generator_loss`; with a weight of 0, down L1 alone.

    The discriminator stays as it is. Returns the loss before the step.
    """


def frechet_distance(
    mean1: Float[np.ndarray, "d"],
    cov1: Float[np.ndarray, "d d"],
    mean2: Float[np.ndarray, "d"],
    cov2: Float[np.ndarray, "d d"],
) -> float:
    """The squared Fréchet distance of two normal distributions: |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½)."""
