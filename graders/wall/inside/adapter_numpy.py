"""The adapter of solutions without a framework: arrays are their own tensors, and no model can be probed."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from .adapter import Array, Unsupported


def prepare() -> None:
    """Nothing to prepare."""


def versions() -> dict[str, str]:
    return {"numpy": np.__version__}


def is_tensor(value: object) -> bool:
    return False


def is_model(value: object) -> bool:
    return True  # of any type: each probe then answers that this framework does not have it


def to_tensor(array: Array) -> object:
    return array


def to_array(tensor: object) -> Array:
    return np.asarray(tensor)


def set_seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % (1 << 32))


def gradient(function: Any, args: list[Any], kwargs: dict[str, Any], wrt: int | str) -> Array:
    raise Unsupported("NumPy has no gradients")


def forward(m: Any, x: Array, training: bool = False) -> Array:
    raise Unsupported("only models of a framework can be probed")


def parameter_count(m: Any) -> int:
    raise Unsupported("only models of a framework can be probed")


def parameters(m: Any) -> list[Array]:
    raise Unsupported("only models of a framework can be probed")


def set_parameters(m: Any, values: list[Array]) -> None:
    raise Unsupported("only models of a framework can be probed")


def buffers(m: Any) -> list[Array]:
    raise Unsupported("only models of a framework can be probed")


def parameter_gradients(m: Any, x: Array, weight: Array) -> list[Array]:
    raise Unsupported("only models of a framework can be probed")


def input_gradient(m: Any, x: Array, weight: Array) -> Array:
    raise Unsupported("only models of a framework can be probed")
