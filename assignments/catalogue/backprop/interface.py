"""What a solution of `backprop` defines: names, arguments and answers. The brief says what each is for.

All functions take and return NumPy arrays of float64; class numbers are int64. The gradient of an array is the
derivative of the loss with respect to each of its entries, and has its shape. `upstream` is the gradient of a
function's result, and the answer is the gradient of its input. `Tensor`, `add` and `relu` are given.
"""

from collections.abc import Callable
from typing import Annotated

import numpy as np
from jaxtyping import Float64, Int64

from assignments.interface import Range

# Activations and losses


def sigmoid(x: Float64[np.ndarray, "n"]) -> Annotated[Float64[np.ndarray, "n"], Range(0, 1)]:
    """1 / (1 + exp(-x)), for any x."""


def sigmoid_backward(x: Float64[np.ndarray, "n"], upstream: Float64[np.ndarray, "n"]) -> Float64[np.ndarray, "n"]:
    """The gradient of x, the input of the sigmoid."""


def relu_backward(x: Float64[np.ndarray, "*s"], upstream: Float64[np.ndarray, "*s"]) -> Float64[np.ndarray, "*s"]:
    """The gradient of x, the input of max(x, 0); where x is 0 the gradient is 0."""


def softmax(z: Float64[np.ndarray, "n k"]) -> Annotated[Float64[np.ndarray, "n k"], Range(0, 1)]:
    """Probabilities of the k classes in each row of logits, for any logits."""


def softmax_backward(z: Float64[np.ndarray, "n k"], upstream: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, "n k"]:
    """The gradient of the logits z, the input of the softmax."""


def bce_with_logits(z: Float64[np.ndarray, "n"], y: Float64[np.ndarray, "n"]) -> tuple[float, Float64[np.ndarray, "n"]]:
    """Binary cross-entropy of logits with y of 0 and 1, the mean over the rows; and the gradient of z."""


def cross_entropy(z: Float64[np.ndarray, "n k"], y: Int64[np.ndarray, "n"]) -> tuple[float, Float64[np.ndarray, "n k"]]:
    """Cross-entropy of logits with class numbers y, the mean over the rows; and the gradient of z."""


def soft_dice_loss(
    p: Float64[np.ndarray, "n h w"], y: Float64[np.ndarray, "n h w"]
) -> tuple[float, Float64[np.ndarray, "n h w"]]:
    """1 - soft Dice of each case, then the mean over the cases; and the gradient of the probabilities p."""


def initial_loss(classes: int) -> float:
    """Your prediction: the cross-entropy of a new network, whose logits are all near 0, for this many classes."""


# The graph


def numerical_gradient(
    f: Callable[[np.ndarray], float], x: Float64[np.ndarray, "*s"], h: float = 1e-5
) -> Float64[np.ndarray, "*s"]:
    """The gradient of f(x), a number, at each entry of x, by differences of both sides; x stays as it is."""


class Tensor:
    """Given. An array, its gradient, and its parents: pairs (input, pull)."""

    data: Float64[np.ndarray, "..."]
    grad: Float64[np.ndarray, "..."]

    def __init__(self, data: Float64[np.ndarray, "..."], parents: tuple = ()) -> None: ...


def add(a: Tensor, b: Tensor) -> Tensor:
    """Given. a + b."""


def relu(a: Tensor) -> Tensor:
    """Given. max(a, 0), by your `relu_backward`."""


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """a * b, entry by entry."""


def divide(a: Tensor, b: Tensor) -> Tensor:
    """a / b, entry by entry."""


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """a @ b for two matrices."""


def total(a: Tensor, axis: int | None = None) -> Tensor:
    """The sum over one axis, which goes, or over all entries."""


def unbroadcast(gradient: Float64[np.ndarray, "..."], shape: tuple[int, ...]) -> Float64[np.ndarray, "..."]:
    """The gradient of an array of this shape, which NumPy has broadcast to the shape of `gradient`."""


def backward(root: Tensor) -> None:
    """Fill `grad` of every tensor that `root` was made from: the gradient of the sum of `root`'s entries."""


def loss_and_gradients(
    layers: list[tuple[Float64[np.ndarray, "d m"], Float64[np.ndarray, "m"]]],
    x: Float64[np.ndarray, "n d0"],
    y: Int64[np.ndarray, "n"],
) -> tuple[float, list[tuple[Float64[np.ndarray, "..."], Float64[np.ndarray, "..."]]]]:
    """The cross-entropy of a perceptron with a ReLU between its layers, and the gradients of each (weight, bias)."""


# Optimisers


class SGD:
    """Gradient descent with momentum: v <- momentum v + g, w <- w - lr v."""

    def __init__(self, lr: float, momentum: float = 0.0) -> None: ...

    def step(
        self, params: list[Float64[np.ndarray, "..."]], grads: list[Float64[np.ndarray, "..."]]
    ) -> list[Float64[np.ndarray, "..."]]:
        """The new parameters; the arrays that it gets stay as they are."""


class Adam:
    """Adam (Kingma and Ba, 2015), with both means put right for their start at 0."""

    def __init__(self, lr: float, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> None: ...

    def step(
        self, params: list[Float64[np.ndarray, "..."]], grads: list[Float64[np.ndarray, "..."]]
    ) -> list[Float64[np.ndarray, "..."]]:
        """The new parameters; the arrays that it gets stay as they are."""


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    def __init__(
        self, lr: float, weight_decay: float = 0.01, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8
    ) -> None: ...

    def step(
        self, params: list[Float64[np.ndarray, "..."]], grads: list[Float64[np.ndarray, "..."]]
    ) -> list[Float64[np.ndarray, "..."]]:
        """The new parameters; the arrays that it gets stay as they are."""


def largest_stable_lr(hessian: Float64[np.ndarray, "d d"], momentum: float = 0.0) -> float:
    """Your prediction: the learning rate beyond which `SGD` diverges on w' H w / 2."""
