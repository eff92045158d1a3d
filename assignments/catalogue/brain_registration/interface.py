"""What a solution of `brain_registration` defines: names, arguments and answers. The brief says what each is for.

`warp`, `compose`, `exponentiate`, `jacobian_determinant`, `lncc` and `bending_energy` receive your framework's tensors
and return them; all other functions take and return NumPy arrays. A model receives pairs (N, 2, H, W) float32, the
fixed image first, and returns displacements (N, 2, H, W).
"""

import numpy as np
from jaxtyping import Float, Num

from assignments.interface import Model


def warp(image: Num[np.ndarray, "n h w"], u: Float[np.ndarray, "n 2 h w"], mode: str) -> Num[np.ndarray, "n h w"]:
    """The image as the field pulls it back: warped(p) = image(p + u(p)); beyond the border its last pixel counts.

    `mode` is "linear" or "nearest"; the answer has the dtype of the image.
    """


def compose(first: Float[np.ndarray, "n 2 h w"], second: Float[np.ndarray, "n 2 h w"]) -> Float[np.ndarray, "n 2 h w"]:
    """The field of both steps: a point goes by `first`, and from where it arrives by `second`."""


def exponentiate(velocity: Float[np.ndarray, "n 2 h w"], squarings: int) -> Float[np.ndarray, "n 2 h w"]:
    """The displacement after a unit of time in a flow of this velocity, by scaling and so many squarings."""


def squarings(speed: float, step: float) -> int:
    """The smallest k, 0 at least, for which the step velocity / 2^k moves no point by more than `step` pixels.

    `speed` is the largest velocity, in pixels.
    """


def jacobian_determinant(u: Float[np.ndarray, "n 2 h w"]) -> Float[np.ndarray, "n h-2 w-2"]:
    """The determinant of the gradient of p + u(p) at inner pixels, by central differences; 0 and less is folded."""


def landmark_error(
    u: Float[np.ndarray, "n 2 h w"],
    fixed: Float[np.ndarray, "n p 2"],
    moving: Float[np.ndarray, "n p 2"],
    spacing: Float[np.ndarray, "n 2"],
) -> Float[np.ndarray, "n"]:
    """The distance in mm from the fixed landmarks, moved by the field, to those of the moving image: each case's mean.

    Landmarks are (row, column) in pixels; the field is interpolated linearly. A landmark with NaN does not count.
    """


def build_model(config: dict) -> Model:
    """A new network, as described below: `config` is {"width": 16, "levels": 4}."""


def parameter_count(config: dict) -> int:
    """How many numbers that network trains. Work it out, and compare with the network."""


def lncc(a: Float[np.ndarray, "n h w"], b: Float[np.ndarray, "n h w"], window: int) -> Float[np.ndarray, "n"]:
    """The correlation of two images in the square window around each pixel, the mean over the pixels.

    cov / √((var a + 0.001) (var b + 0.001)), with the means of the window; `window` is odd, and of a window at the
    border only what lies in the image counts.
    """


def bending_energy(u: Float[np.ndarray, "n 2 h w"]) -> float:
    """u_rr² + 2 u_rc² + u_cc² by second differences in pixels, the sum of both components, the mean over inner pixels.

    The mixed difference is that of the four corners, divided by 4.
    """
