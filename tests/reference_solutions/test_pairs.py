"""The references of every assignment are pairs: what one framework does, the other does, line by line.

An assignment of the catalogue whose references build a model needs an entry in `PAIRS`.
"""

import ast
import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from assignments.folders import catalogue, find, reference_path

FRAMEWORK_WORDS = {"torch", "nn", "F", "tf", "keras", "layers"}
"""Names that stand for a framework."""
FRAMEWORKS = ("pytorch", "tensorflow", "numpy")
NEEDS = {"pytorch": "torch", "tensorflow": "tensorflow", "numpy": "numpy"}


@dataclass(frozen=True)
class Pair:
    """What the references of an assignment with a network are compared on."""

    configs: tuple[tuple[dict, int], ...]
    """Configurations, each with the number of its parameters, worked out by hand."""
    draw: Callable
    """(rng, config) -> an input and its truth."""
    loss: str = ""
    """The function (output, truth) -> scalar whose value and gradients are compared; empty: their product's sum."""
    own: frozenset[str] = frozenset()
    """Names that one framework alone needs."""
    build: str = "build_model"
    """The function that makes the network of a configuration."""


PAIRS = {
    "mlp_classifier": Pair(
        configs=(
            # 30 * 32 + 32, 32 * 16 + 16, 16 + 1; and 4 * 3 + 3, 3 + 1
            ({"n_in": 30, "hidden": [32, 16], "activation": "relu"}, 1537),
            ({"n_in": 4, "hidden": [3], "activation": "tanh"}, 19),
        ),
        draw=lambda rng, config: (rng.normal(size=(32, config["n_in"])), rng.integers(0, 2, 32)),
        loss="bce_with_logits",
    ),
    "prostate_unet": Pair(
        configs=(
            # Convolutions 27 * (8136 + 4032), transposed 8 * 2688 + 56, GroupNorm 704, output 9; without skips
            # 27 * 1344 less.
            ({"base": 8, "depth": 4, "skips": True, "prior": 0.1}, 350_809),
            ({"base": 8, "depth": 4, "skips": False, "prior": 0.1}, 314_521),
        ),
        # Multiples of 8: in padding all voxels are equal, and each framework sends a maximum's slope to another one.
        draw=lambda rng, config: (rng.normal(size=(2, 8, 24, 16)), rng.random((2, 8, 24, 16)) < 0.2),
        loss="loss",
        own=frozenset({"GroupNorm"}),
    ),
    "fetal_planes": Pair(
        configs=(
            # Kernels 9 * (2576 + 5376) + 2576, norms 4 * 112, output 65 * 4; and 9 * (8 + 64) + 8, 4 * 8, 9 * 3
            ({"width": 16, "blocks": 3, "dropout": 0.3, "classes": 4}, 74_852),
            ({"width": 8, "blocks": 1, "dropout": 0.0, "classes": 3}, 715),
        ),
        draw=lambda rng, config: (rng.normal(size=(4, 24, 20)), rng.integers(0, config["classes"], 4)),
        loss="cross_entropy",
    ),
    "brain_registration": Pair(
        configs=(
            # Encoder 2624 + 4640 + 5 * 9248, decoder 2 * 18 464 + 9248, velocity 578; of width 4 an encoder of 2272, a
            # decoder of 1160 + 584, and 146
            ({"width": 16, "levels": 4}, 100_258),
            ({"width": 4, "levels": 3}, 4162),
        ),
        draw=lambda rng, config: (rng.normal(size=(2, 2, 24, 21)), rng.normal(size=(2, 2, 24, 21))),
        loss="loss",
    ),
    "mr_synthesis": Pair(
        configs=(
            # Kernels 9 * (2892 + 3744), transposed 4 * 1440 + 36, GroupNorm 480, output 13; and 9 * (68 + 96),
            # transposed 128 + 4, 4 * 16, 5
            ({"base": 12, "depth": 3}, 66_013),
            ({"base": 4, "depth": 2}, 1_677),
        ),
        draw=lambda rng, config: (rng.normal(size=(2, 16, 12)), rng.normal(size=(2, 16, 12))),
        own=frozenset({"GroupNorm"}),
        build="build_generator",
    ),
    "conv_blocks": Pair(
        configs=(
            # (9 + 1) * 4, 4 blocks of (36 + 1) * 4, (4 + 1) * 2
            ({"kind": "resnet", "channels": 1, "width": 4, "depth": 4, "classes": 2}, 642),
            ({"kind": "plain", "channels": 1, "width": 4, "depth": 4, "classes": 2}, 642),
        ),
        draw=lambda rng, config: (rng.normal(size=(2, 12, 10, 1)), rng.normal(size=(2, 2))),
    ),
}


def in_both_frameworks():
    """Ids of the assignments that are not about NumPy alone."""
    return [id for id in catalogue() if texts(id).keys() != {"numpy"}]


def texts(id):
    """The references of an assignment: their text by framework."""
    paths = {framework: reference_path(find(id, Path()), framework) for framework in FRAMEWORKS}
    return {framework: path.read_text() for framework, path in paths.items() if path.is_file()}


@cache
def solution(id, framework):
    """A reference, imported."""
    pytest.importorskip(NEEDS[framework], exc_type=ImportError)
    path = reference_path(find(id, Path()), framework)
    spec = importlib.util.spec_from_file_location(f"{id}_{framework}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def definitions(text):
    """The functions and classes at the top level of a reference, by name."""
    nodes = ast.parse(text).body
    return {node.name: node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def settings(text):
    """The constants at the top level that are written out as values."""
    values = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                values[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return {name: value for name, value in values.items() if name != "FRAMEWORK"}


def is_neutral(node):
    """Whether code uses no framework."""
    return not any(isinstance(inner, ast.Name) and inner.id in FRAMEWORK_WORDS for inner in ast.walk(node))


def neutral_sentences(node):
    """The sentences of a docstring that speak of no framework."""
    sentences = re.split(r"(?<=[.])\s+", ast.get_docstring(node) or "")
    return [text for text in sentences if not re.search("PyTorch|TensorFlow|Keras", text)]


def pytorch_and_tensorflow(id):
    """The definitions of both references, without those that one of them alone needs."""
    own = PAIRS[id].own if id in PAIRS else frozenset()
    both = (definitions(texts(id)[framework]) for framework in FRAMEWORKS[:2])
    return [{name: node for name, node in each.items() if name not in own} for each in both]


def in_keras_order(weight):
    """A weight of PyTorch in Keras's order of axes.

    A kernel is (out, in, ...) in PyTorch and (..., in, out) in Keras; transposed, (in, out, ...) and (..., out, in).
    """
    return weight.transpose(*range(2, weight.ndim), 1, 0) if weight.ndim > 1 else weight


@pytest.mark.parametrize("id", catalogue())
def test_headings_come_in_the_same_order_in_every_framework(id):
    headings = {
        framework: tuple(line.strip("# -") for line in text.splitlines() if line.startswith("# ---"))
        for framework, text in texts(id).items()
    }
    assert {"pytorch", "tensorflow"} <= headings.keys() or headings.keys() == {"numpy"}
    assert len(set(headings.values())) == 1, headings


@pytest.mark.parametrize("id", catalogue())
def test_every_reference_names_its_framework(id):
    for framework, text in texts(id).items():
        assert f'\nFRAMEWORK = "{framework}"\n' in text


@pytest.mark.parametrize("id", in_both_frameworks())
def test_both_references_define_the_same_names_in_the_same_order(id):
    pytorch, tensorflow = pytorch_and_tensorflow(id)
    assert list(pytorch) == list(tensorflow)
    assert settings(texts(id)["pytorch"]) == settings(texts(id)["tensorflow"])


@pytest.mark.parametrize("id", in_both_frameworks())
def test_functions_have_the_same_arguments_defaults_and_docstrings(id):
    pytorch, tensorflow = pytorch_and_tensorflow(id)
    for name, node in pytorch.items():
        twin = tensorflow[name]
        assert neutral_sentences(node) == neutral_sentences(twin), name
        if isinstance(node, ast.FunctionDef):
            assert ast.unparse(node.args) == ast.unparse(twin.args), name


@pytest.mark.parametrize("id", in_both_frameworks())
def test_what_needs_no_framework_is_the_same_text_in_both(id):
    pytorch, tensorflow = pytorch_and_tensorflow(id)
    for name, node in pytorch.items():
        if isinstance(node, ast.FunctionDef) and is_neutral(node) and is_neutral(tensorflow[name]):
            assert ast.unparse(node) == ast.unparse(tensorflow[name]), name


@pytest.mark.parametrize("id", in_both_frameworks())
def test_every_reference_that_builds_a_model_is_compared_below(id):
    names = definitions(texts(id)["pytorch"])
    assert any(name in ("build_model", "build_generator") for name in names) == (id in PAIRS)
    assert id not in PAIRS or PAIRS[id].build in names


@pytest.mark.parametrize("id", PAIRS)
def test_both_networks_have_the_parameters_worked_out_by_hand(id):
    for config, expected in PAIRS[id].configs:
        in_torch, in_keras = (getattr(solution(id, framework), PAIRS[id].build)(config) for framework in FRAMEWORKS[:2])
        assert sum(weight.numel() for weight in in_torch.parameters()) == expected
        assert sum(int(np.prod(weight.shape)) for weight in in_keras.trainable_variables) == expected


@pytest.fixture
def in_double_precision(monkeypatch):
    """In float32, rounding may move a voxel across the corner of a ReLU: its whole slope then goes elsewhere."""
    import keras
    import tensorflow as tf
    import torch

    def max_pool3d(x, size, strides, padding):  # TensorFlow's own takes no float64
        assert (size, strides, padding) == (2, 2, "VALID")
        x = tf.maximum(x[:, ::2], x[:, 1::2])
        x = tf.maximum(x[:, :, ::2], x[:, :, 1::2])
        return tf.maximum(x[:, :, :, ::2], x[:, :, :, 1::2])

    def resize(images, size):  # TensorFlow's own returns float32
        for axis, length in enumerate(size, 1):
            at = np.clip((np.arange(length) + 0.5) * images.shape[axis] / length - 0.5, 0, images.shape[axis] - 1)
            low, share = np.floor(at).astype(int), (at % 1).reshape([-1 if i == axis else 1 for i in range(4)])
            high = np.minimum(low + 1, images.shape[axis] - 1)
            images = (1 - share) * tf.gather(images, low, axis=axis) + share * tf.gather(images, high, axis=axis)
        return images

    monkeypatch.setattr(tf.nn, "max_pool3d", max_pool3d)
    monkeypatch.setattr(tf.image, "resize", resize)
    keras.config.set_dtype_policy("float64")
    torch.set_default_dtype(torch.float64)
    yield
    keras.config.set_dtype_policy("float32")
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("id", PAIRS)
def test_same_weights_give_the_same_losses_and_gradients(id, in_double_precision):
    pair, (pytorch, tensorflow) = PAIRS[id], (solution(id, framework) for framework in FRAMEWORKS[:2])
    import tensorflow as tf
    import torch

    for number, (config, _) in enumerate(pair.configs):
        torch.manual_seed(number)  # else each run would compare other weights
        in_torch, in_keras = (getattr(module, pair.build)(config) for module in (pytorch, tensorflow))
        in_torch.eval()
        rng = np.random.default_rng(number)
        for weight, twin in zip(in_torch.parameters(), in_keras.trainable_variables, strict=True):
            with torch.no_grad():
                weight += torch.from_numpy(rng.normal(0, 0.1, weight.shape))
            twin.assign(in_keras_order(weight.detach().numpy()))
        x, y = (np.asarray(array, np.float64) for array in pair.draw(rng, config))

        of_torch, of_keras = (getattr(module, pair.loss, None) for module in (pytorch, tensorflow))
        of_torch, of_keras = of_torch or (lambda a, b: (a * b).sum()), of_keras or (lambda a, b: tf.reduce_sum(a * b))
        torch_loss = of_torch(in_torch(torch.from_numpy(x)), torch.from_numpy(y))
        torch_loss.backward()
        with tf.GradientTape() as tape:
            keras_loss = of_keras(in_keras(x), tf.constant(y))
        assert float(keras_loss) == pytest.approx(torch_loss.item(), rel=1e-6)
        slopes = tape.gradient(keras_loss, in_keras.trainable_variables)
        for weight, slope in zip(in_torch.parameters(), slopes, strict=True):
            expected = in_keras_order(weight.grad.numpy())
            assert np.linalg.norm(slope - expected) < 1e-7 * np.linalg.norm(expected)
