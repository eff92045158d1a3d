"""What a solution of `conv_blocks` defines: names, arguments and answers. The brief says what each is for.

All functions take and return NumPy arrays. Images are (N, H, W, C) and kernels (kh, kw, C_in, C_out); the models that
the `build_` functions return take images (N, H, W, C) too.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float

from assignments.interface import Model

Padding = int | Literal["same"]


def pad_widths(n: int, kernel: int, stride: int = 1, padding: Padding = 0, dilation: int = 1) -> tuple[int, int]:
    """Zeros before and after an axis of n pixels. A number p means (p, p); "same" is TensorFlow's rule."""


def output_size(n: int, kernel: int, stride: int = 1, padding: Padding = 0, dilation: int = 1) -> int:
    """How many positions the kernel has along an axis of n pixels."""


def receptive_field(layers: list[dict]) -> tuple[int, int]:
    """Of layers {"kernel": 3, "stride": 1, "dilation": 1}, the first one first: (size, jump), both in input pixels.

    `size` is the extent of what one output pixel sees along an axis, holes included; `jump` is how far apart two
    neighbouring output pixels look.
    """


def conv2d(
    x: Float[np.ndarray, "n h w c_in"],
    w: Float[np.ndarray, "kh kw c_in c_out"],
    b: Float[np.ndarray, "c_out"],
    stride: int = 1,
    padding: Padding = 0,
    dilation: int = 1,
) -> Float[np.ndarray, "n ho wo c_out"]:
    """The convolution of deep learning: cross-correlation plus a bias for each output channel."""


def conv_transpose2d(
    y: Float[np.ndarray, "n ho wo c_out"],
    w: Float[np.ndarray, "kh kw c_in c_out"],
    size: tuple[int, int],
    stride: int = 1,
    padding: Padding = 0,
    dilation: int = 1,
) -> Float[np.ndarray, "n h w c_in"]:
    """The adjoint of `conv2d` without bias, on images of `size` = (H, W)."""


def conv2d_gradients(
    dy: Float[np.ndarray, "n ho wo c_out"],
    x: Float[np.ndarray, "n h w c_in"],
    w: Float[np.ndarray, "kh kw c_in c_out"],
    stride: int = 1,
    padding: Padding = 0,
    dilation: int = 1,
) -> tuple[Float[np.ndarray, "n h w c_in"], Float[np.ndarray, "kh kw c_in c_out"], Float[np.ndarray, "c_out"]]:
    """Gradients (dx, dw, db) of a loss at x, w and b, if dy is its gradient at the output of `conv2d`."""


def pool2d(
    x: Float[np.ndarray, "n h w c"],
    kind: Literal["max", "mean"],
    kernel: int,
    stride: int | None = None,
    padding: Padding = 0,
) -> Float[np.ndarray, "n ho wo c"]:
    """The maximum or mean of each window, of the pixels that lie in the image; without a stride, windows touch."""


def upsample(
    x: Float[np.ndarray, "n h w c"], scale: int, align_corners: bool = False
) -> Float[np.ndarray, "n hs ws c"]:
    """Images `scale` times as high and wide, linear between the pixels."""


def build_residual_block(c_in: int, c_out: int, stride: int = 1) -> Model:
    """relu(conv(relu(conv(x))) + shortcut(x)): a new one of equal shapes is the identity, up to its last ReLU."""


def build_dense_block(c_in: int, growth: int, n_layers: int) -> Model:
    """Each layer sees all channels before it and adds `growth` behind them: c_in + n_layers * growth in the end."""


def build_branches(c_in: int, widths: list[int], dilations: list[int]) -> Model:
    """One convolution for each width and dilation, side by side on the same input; their channels are concatenated."""


def build_model(config: dict) -> Model:
    """A network: `config` is {"kind": "plain" or "resnet", "channels": 1, "width": 16, "depth": 20, "classes": 2}."""


def parameter_count(config: dict) -> int:
    """Weights and biases of that network, computed without building it."""
