"""PyTorch's side of the probes (`adapter.Adapter`)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from . import processes
from .adapter import Array


def prepare() -> None:
    """One thread, and a first optimizer: it imports torch._dynamo, 1.3 CPU seconds that every worker would spend."""
    torch.set_num_threads(1)
    _hide_mps()
    if processes.has_gpu():
        # Where there is no deterministic kernel, it warns: for a pooling or an interpolation in 3-D there is none, and
        # a correct solution may need one.
        torch.use_deterministic_algorithms(True, warn_only=True)
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])


def _hide_mps() -> None:
    """No marker has Apple's GPU: on a student's machine too, a solution must find none, and weights from one fail."""

    def deserialize(storage: Any, location: str) -> Any:
        if location.startswith("mps"):
            raise RuntimeError('Attempting to deserialize object on an MPS device: use map_location="cpu"')
        return None

    torch.backends.mps.is_available = lambda: False  # type: ignore[assignment]
    torch.serialization.register_package(0, lambda storage: None, deserialize)


def versions() -> dict[str, str]:
    return {"torch": torch.__version__, "numpy": np.__version__}


def is_tensor(value: object) -> bool:
    return isinstance(value, torch.Tensor)


def is_model(value: object) -> bool:
    return callable(value) and all(hasattr(value, name) for name in ("parameters", "train", "eval"))


def to_tensor(array: Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape))


def to_array(tensor: Any) -> Array:
    if not isinstance(tensor, torch.Tensor):
        return np.asarray(tensor)
    plain = tensor.detach().cpu()
    array: Array = (plain.float() if plain.dtype is torch.bfloat16 else plain).numpy()
    return array


def set_seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % (1 << 32))
    torch.manual_seed(seed)


def gradient(function: Any, args: list[Any], kwargs: dict[str, Any], wrt: int | str) -> Array:
    arguments: Any = args if isinstance(wrt, int) else kwargs
    leaf = arguments[wrt].detach().clone().requires_grad_(True)
    arguments[wrt] = leaf
    return _slopes(function(*args, **kwargs).sum(), [leaf])[0]


def forward(m: Any, x: Array, training: bool = False) -> Array:
    m.train(training)
    try:
        with torch.no_grad():
            return to_array(m(_like(m, x)))
    finally:
        m.eval()


def parameter_count(m: Any) -> int:
    return sum(p.numel() for p in m.parameters() if p.requires_grad)


def parameters(m: Any) -> list[Array]:
    return [to_array(p).copy() for p in m.parameters() if p.requires_grad]


def set_parameters(m: Any, values: list[Array]) -> None:
    with torch.no_grad():
        for p, value in zip((p for p in m.parameters() if p.requires_grad), values, strict=True):
            p.copy_(to_tensor(value))


def buffers(m: Any) -> list[Array]:
    return [to_array(b).copy() for b in m.buffers()]


def parameter_gradients(m: Any, x: Array, weight: Array) -> list[Array]:
    trained = [p for p in m.parameters() if p.requires_grad]
    with _evaluating(m):
        return _slopes((m(_like(m, x)) * _like(m, weight)).sum(), trained)


def input_gradient(m: Any, x: Array, weight: Array) -> Array:
    leaf = _like(m, x).requires_grad_(True)
    with _evaluating(m):
        return _slopes((m(leaf) * _like(m, weight)).sum(), [leaf])[0]


def _slopes(total: torch.Tensor, leaves: list[Any]) -> list[Array]:
    """Gradients of a number; zeros where it does not depend on a leaf, or was cut off from all of them."""
    if not leaves or not total.requires_grad:
        return [to_array(torch.zeros_like(leaf)) for leaf in leaves]
    slopes = torch.autograd.grad(total, leaves, allow_unused=True)
    return [to_array(torch.zeros_like(p) if s is None else s) for p, s in zip(leaves, slopes, strict=True)]


def _like(m: Any, x: Array) -> torch.Tensor:
    """`x` on the model's device."""
    first = next(iter(m.parameters()), None)
    return to_tensor(x).to(first.device if first is not None else "cpu")


@contextmanager
def _evaluating(m: Any) -> Iterator[None]:
    m.eval()
    with torch.enable_grad():
        yield
