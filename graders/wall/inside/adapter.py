"""The contract of a framework's adapter, and the adapter of each framework. Only an adapter imports its framework."""

from __future__ import annotations

import importlib
from typing import Any, Protocol, cast

import numpy as np

Array = np.ndarray[Any, Any]


class Unsupported(Exception):
    """A probe that this framework or this model cannot answer."""


class Adapter(Protocol):
    """The functions of one module per framework. `m` is the group's model, arrays are NumPy's."""

    def prepare(self) -> None:
        """Do once in the zygote what every worker would otherwise do."""

    def versions(self) -> dict[str, str]:
        """Names and versions of the framework and of NumPy."""

    def is_tensor(self, value: object) -> bool:
        """Whether a value is the framework's tensor."""

    def is_model(self, value: object) -> bool:
        """Whether a value has the attributes that the probes of a model need."""

    def to_tensor(self, array: Array) -> object:
        """A tensor of the same dtype and values."""

    def to_array(self, tensor: object) -> Array:
        """The tensor's values, detached and on the host."""

    def gradient(self, function: Any, args: list[Any], kwargs: dict[str, Any], wrt: int | str) -> Array:
        """Gradient of the summed reply with respect to one argument; zeros where it does not depend on it."""

    def set_seed(self, seed: int) -> None:
        """Seed the framework's global generator."""

    def forward(self, m: Any, x: Array, training: bool = False) -> Array:
        """The model's output for the boundary array, without gradients."""

    def parameter_count(self, m: Any) -> int:
        """How many numbers are trained."""

    def parameters(self, m: Any) -> list[Array]:
        """Trained parameters in the framework's order and layout."""

    def set_parameters(self, m: Any, values: list[Array]) -> None:
        """Overwrite the trained parameters."""

    def buffers(self, m: Any) -> list[Array]:
        """State that is not trained, such as running means."""

    def parameter_gradients(self, m: Any, x: Array, weight: Array) -> list[Array]:
        """Gradient of `sum(m(x) * weight)` with respect to each parameter, in evaluation mode."""

    def input_gradient(self, m: Any, x: Array, weight: Array) -> Array:
        """Gradient of `sum(m(x) * weight)` with respect to `x`, in evaluation mode."""


PROBES = (
    "forward",
    "parameter_count",
    "parameters",
    "set_parameters",
    "buffers",
    "parameter_gradients",
    "input_gradient",
    "set_seed",
)


def adapter_of(framework: str) -> Adapter:
    """The adapter of a framework; importing it imports the framework."""
    package = __name__.rpartition(".")[0]
    return cast(Adapter, importlib.import_module(f"{package}.adapter_{framework}"))
