"""TensorFlow's side of the probes (`adapter.Adapter`)."""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np

from .adapter import Array
from .unused import unused_left_out

with unused_left_out(("matplotlib", "pandas", "sklearn")):  # Keras imports them: 1.1 CPU s, and 100 MB
    import tensorflow as tf


def prepare() -> None:
    """One thread within and between operations. No operation may run here: it starts threads, and a fork hangs then."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if sys.platform == "darwin":
        tf.config.set_visible_devices([], "GPU")  # no marker has Apple's


def versions() -> dict[str, str]:
    return {"tensorflow": tf.__version__, "keras": tf.keras.__version__, "numpy": np.__version__}


def is_tensor(value: object) -> bool:
    return isinstance(value, tf.Tensor | tf.Variable) or (hasattr(value, "numpy") and hasattr(value, "dtype"))


def is_model(value: object) -> bool:
    return callable(value) and hasattr(value, "trainable_variables")


def to_tensor(array: Array) -> Any:
    return tf.convert_to_tensor(array)


def to_array(tensor: Any) -> Array:
    return np.asarray(tensor.numpy() if hasattr(tensor, "numpy") else tensor)


def set_seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % (1 << 32))
    tf.random.set_seed(seed)


def gradient(function: Any, args: list[Any], kwargs: dict[str, Any], wrt: int | str) -> Array:
    leaf = (args if isinstance(wrt, int) else kwargs)[wrt]  # type: ignore[index]
    with tf.GradientTape() as tape:
        tape.watch(leaf)
        total = tf.reduce_sum(function(*args, **kwargs))
    return _dense(tape.gradient(total, leaf), leaf)


def forward(m: Any, x: Array, training: bool = False) -> Array:
    return to_array(m(to_tensor(x), training=training))


def parameter_count(m: Any) -> int:
    return int(sum(np.prod(v.shape) for v in m.trainable_variables))


def parameters(m: Any) -> list[Array]:
    return [to_array(v).copy() for v in m.trainable_variables]


def set_parameters(m: Any, values: list[Array]) -> None:
    for variable, value in zip(m.trainable_variables, values, strict=True):
        variable.assign(value)


def buffers(m: Any) -> list[Array]:
    trained = {id(v) for v in m.trainable_variables}
    return [to_array(v).copy() for v in m.variables if id(v) not in trained]


def parameter_gradients(m: Any, x: Array, weight: Array) -> list[Array]:
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(m(to_tensor(x), training=False) * to_tensor(weight))
    trained = m.trainable_variables
    slopes = tape.gradient(total, trained)
    return [_dense(s, v) for s, v in zip(slopes, trained, strict=True)]


def input_gradient(m: Any, x: Array, weight: Array) -> Array:
    leaf = to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(leaf)
        total = tf.reduce_sum(m(leaf, training=False) * to_tensor(weight))
    return _dense(tape.gradient(total, leaf), leaf)


def _dense(slope: Any, leaf: Any) -> Array:
    """A gradient as an array; zeros where there is none."""
    return np.zeros(leaf.shape, leaf.dtype.name) if slope is None else to_array(tf.convert_to_tensor(slope))
