"""Spoils one function or class of a solution, in one of five ways that no hidden test may let pass.

`graders.authoring.mutants` copies this file beside a reference; it runs behind the wall as a part of that solution, so
it imports nothing of medmark and no framework that the solution has not imported itself.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np

SPOIL_KINDS = ("empty", "wrong_shape", "nan", "constant", "echo")

CONSTANT = 0.375
"""The answer for every float: a plausible probability or loss, but not the right one."""


def spoiled(
    original: Callable[..., Any], kind: str, *, answers_none: bool = False, quiet: Collection[str] = ()
) -> Callable[..., Any]:
    """A stand-in for a function or class.

    Args:
        original: what it stands in for; it is called where its answer is needed.
        kind: one of SPOIL_KINDS.
        answers_none: whether the original answers None; then its effect is left out.
        quiet: for a class, names of the methods that answer None.
    """

    @functools.wraps(original, updated=())
    def stand_in(*args: Any, **kwargs: Any) -> Any:
        arguments = [*args, *kwargs.values()]
        if answers_none:
            return _without_effect(kind, arguments)
        if kind == "empty" and (inspect.isclass(original) or _is_model_maker(original)):
            return None
        return _spoil(original(*args, **kwargs), kind, arguments, quiet)

    return stand_in


def _is_model_maker(original: Callable[..., Any]) -> bool:
    """Whether its annotation says that it returns a model: then an empty answer needs no training."""
    says = getattr(original, "__annotations__", {}).get("return", "")
    return "Model" in str(says) or "Module" in str(says)


def _without_effect(kind: str, arguments: list[Any]) -> Any:
    """The answer of a function that should change its arguments or the disk: it leaves that out."""
    if kind in ("nan", "constant"):
        for array in _arrays_in(arguments):
            if isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.flags.writeable:
                array[...] = np.nan if kind == "nan" else CONSTANT
    if kind == "wrong_shape":
        return []
    return arguments[0] if kind == "echo" and arguments else None


def _spoil(value: Any, kind: str, arguments: list[Any], quiet: Collection[str] = ()) -> Any:
    """The answer, spoiled; containers item by item."""
    if value is None:
        return None
    if kind == "echo":
        return _echo(value, arguments)
    if isinstance(value, dict):
        return {} if kind == "empty" else {key: _spoil(item, kind, arguments) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)() if kind == "empty" else type(value)(_spoil(item, kind, arguments) for item in value)
    if isinstance(value, bool | int | float | str | np.generic):
        return _plain(value, kind)
    if _is_array(value):
        return _array(value, kind)
    if _framework_model(value):
        return None if kind == "empty" else _model(value, kind)
    return None if kind == "empty" else SpoiledObject(value, kind, quiet)


def _echo(value: Any, arguments: list[Any]) -> Any:
    """The first array among the arguments, in place of an answer."""
    if isinstance(value, dict):
        return {key: _echo(item, arguments) for key, item in value.items()}
    if _framework_model(value):
        return _model(value, "echo")
    if not (isinstance(value, bool | int | float | str | list | tuple | np.generic) or _is_array(value)):
        return SpoiledObject(value, "echo", made_of=arguments)
    arrays = _arrays_in(arguments)
    if arrays:
        return arrays[0]
    return arguments[0] if arguments else None


def _plain(value: Any, kind: str) -> Any:
    if kind == "empty":
        return "" if isinstance(value, str) else np.zeros(0)
    if kind == "wrong_shape":
        return [value] if isinstance(value, str) else np.full((1, 1), value)
    if isinstance(value, str):
        return kind
    if kind == "nan":
        return float("nan")
    if isinstance(value, bool | np.bool_):
        return True
    return 1 if isinstance(value, int | np.integer) else CONSTANT


def _array(value: Any, kind: str) -> Any:
    """An array or a tensor, spoiled by operations that all frameworks share, so that gradients still flow."""
    if kind == "empty":
        return (value[None] if len(value.shape) == 0 else value)[:0]
    if kind == "wrong_shape":
        return value[..., None]
    floats = "float" in str(value.dtype)
    if isinstance(value, np.ndarray):
        if kind == "nan":
            return np.full(value.shape, np.nan, value.dtype if floats else np.float32)
        return np.full(value.shape, CONSTANT if floats else 1, value.dtype)
    if not floats:
        value = value.float() if hasattr(value, "float") else sys.modules["tensorflow"].cast(value, "float32")
    return value * float("nan") if kind == "nan" else value * 0 + (CONSTANT if floats else 1)


class SpoiledObject:
    """An object of the solution's own class, whose methods and attributes answer spoiled values."""

    def __init__(self, inner: Any, kind: str, quiet: Collection[str] = (), made_of: Sequence[Any] = ()) -> None:
        self._inner = inner
        self._kind = kind
        self._quiet = quiet
        self._made_of = list(made_of)

    def _own(self, value: Any, arguments: list[Any]) -> Any:
        return self if value is self._inner else _spoil(value, self._kind, arguments)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if name.startswith("_"):
            return value
        if not callable(value):
            return self._own(value, self._made_of or [value])

        def method(*args: Any, **kwargs: Any) -> Any:
            arguments = [*args, *kwargs.values()]
            if name in self._quiet:
                return _without_effect(self._kind, arguments)
            return self._own(value(*args, **kwargs), arguments)

        return method

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._own(self._inner(*args, **kwargs), [*args, *kwargs.values()])

    def __len__(self) -> int:
        return 1 if self._kind == "constant" else 0

    def __getitem__(self, index: Any) -> Any:
        return self._own(self._inner[index], [index])

    def __iter__(self) -> Iterator[Any]:
        return (self._own(item, [item]) for item in self._inner)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(_spoil(np.asarray(self._inner), self._kind, []), dtype=dtype)


def _arrays_in(values: Any) -> list[Any]:
    """Arrays and tensors among arguments, in their order."""
    if _is_array(values):
        return [values]
    if isinstance(values, dict):
        values = list(values.values())
    return [array for item in values for array in _arrays_in(item)] if isinstance(values, list | tuple) else []


def _is_array(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return True
    package = type(value).__module__.partition(".")[0]
    return package in ("torch", "tensorflow", "keras") and hasattr(value, "dtype") and hasattr(value, "shape")


def _framework_model(value: Any) -> str:
    """`torch` or `tensorflow` for a model of that framework, else nothing."""
    torch, tf = sys.modules.get("torch"), sys.modules.get("tensorflow")
    if torch and isinstance(value, torch.nn.Module):
        return "torch"
    # Since Keras 3 a Keras model is not a tf.Module.
    return "tensorflow" if tf and isinstance(value, (tf.Module, tf.keras.layers.Layer)) else ""


def _model(inner: Any, kind: str) -> Any:
    """A model with one parameter of its own that calls `inner` and answers a spoiled output."""
    return (_torch_model if _framework_model(inner) == "torch" else _tensorflow_model)(inner, kind)


def _torch_model(inner: Any, kind: str) -> Any:
    torch: Any = sys.modules["torch"]

    class SpoiledTorchModel(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.only = torch.nn.Parameter(torch.full((1,), float("nan") if kind == "nan" else 0.0))

        def forward(self, *args: Any, **kwargs: Any) -> Any:
            inner.train(self.training)
            return _spoil(inner(*args, **kwargs), kind, list(args)) + self.only

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(inner, name)

    return SpoiledTorchModel()


def _tensorflow_model(inner: Any, kind: str) -> Any:
    tf: Any = sys.modules["tensorflow"]

    class SpoiledKerasModel(tf.keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            start = tf.keras.initializers.Constant(float("nan") if kind == "nan" else 0.0)
            self.only = self.add_weight(shape=(1,), initializer=start, name="only")

        def call(self, x: Any, training: bool = False) -> Any:
            return _spoil(inner(x, training=training), kind, [x]) + self.only

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):  # Keras reads its own attributes before they exist
                raise AttributeError(name)
            return getattr(inner, name)

    return SpoiledKerasModel()
