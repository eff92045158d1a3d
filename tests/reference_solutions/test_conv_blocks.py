"""The references of `conv_blocks` agree with each other, with SciPy and the frameworks, and with finite differences."""

import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

FOLDER = Path(__file__).parents[2] / "reference_solutions" / "conv_blocks"
FRAMEWORKS = ("pytorch", "tensorflow")
NEEDS = {"pytorch": "torch", "tensorflow": "tensorflow"}
IN_NUMPY = (
    "pad_widths",
    "output_size",
    "receptive_field",
    "taps",
    "framed",
    "conv2d",
    "conv_transpose2d",
    "conv2d_gradients",
    "pool2d",
    "upsample",
    "parameter_count",
)
BUILDERS = ("build_residual_block", "build_dense_block", "build_branches", "build_model")
IN_BOTH = ("conv3", "plain_block", *BUILDERS)
CLASSES = ("ForImages", "ResidualBlock", "DenseBlock", "Branches", "Network")
CONFIG = {"kind": "resnet", "channels": 2, "width": 5, "depth": 4, "classes": 3}
MODELS = {
    "residual": lambda m: m.build_residual_block(2, 2),
    "residual, stride 2": lambda m: m.build_residual_block(2, 5, stride=2),
    "dense": lambda m: m.build_dense_block(2, 3, 3),
    "branches": lambda m: m.build_branches(2, [3, 4], [1, 3]),
    "plain network": lambda m: m.build_model({**CONFIG, "kind": "plain"}),
    "residual network": lambda m: m.build_model(CONFIG),
}


def solution(framework):
    pytest.importorskip(NEEDS[framework], exc_type=ImportError)
    spec = importlib.util.spec_from_file_location(f"conv_{framework}", FOLDER / f"solution_{framework}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def torch_solution():
    return solution("pytorch")


@pytest.fixture(scope="module")
def pair(torch_solution):
    return torch_solution, solution("tensorflow")


def drawn(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


def tensor(array):
    import torch

    return torch.from_numpy(np.ascontiguousarray(array))


def images(array):
    """(N, H, W, C) as PyTorch wants them, (N, C, H, W)."""
    return tensor(array.transpose(0, 3, 1, 2))


def kernels(array):
    """(kh, kw, Ci, Co) as PyTorch wants them, (Co, Ci, kh, kw)."""
    return tensor(array.transpose(3, 2, 0, 1))


# ------------------------------------------------------------------------------------- against other implementations


@pytest.mark.parametrize("kernel", [(1, 1), (2, 3), (3, 3), (4, 2), (5, 4)])
def test_convolution_is_scipys_correlation(torch_solution, kernel):
    x, w = drawn(2, 9, 8, 2), drawn(*kernel, 2, 3)
    expected = [[signal.correlate(image, w[..., c], "valid")[..., 0] for c in range(3)] for image in x]
    assert np.allclose(torch_solution.conv2d(x, w, np.zeros(3)), np.moveaxis(expected, 1, 3))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_convolution_and_gradients_are_pytorchs(torch_solution, stride, dilation, padding):
    from torch.nn import functional

    x, w, b = drawn(2, 9, 8, 2), drawn(3, 2, 2, 3), drawn(3)
    tensors = [each.requires_grad_() for each in (images(x), kernels(w), tensor(b))]
    y = functional.conv2d(*tensors, stride=stride, padding=padding, dilation=dilation)
    answer = torch_solution.conv2d(x, w, b, stride, padding, dilation)
    assert np.allclose(answer, y.detach().numpy().transpose(0, 2, 3, 1))

    dy = drawn(*answer.shape)
    y.backward(images(dy))
    dx, dw, db = torch_solution.conv2d_gradients(dy, x, w, stride, padding, dilation)
    assert np.allclose(dx, tensors[0].grad.numpy().transpose(0, 2, 3, 1))
    assert np.allclose(dw, tensors[1].grad.numpy().transpose(2, 3, 1, 0))
    assert np.allclose(db, tensors[2].grad.numpy())


@pytest.mark.parametrize(
    ("n", "kernel", "stride", "dilation"), [(8, 3, 2, 1), (7, 4, 1, 1), (9, 3, 1, 2), (10, 2, 3, 1)]
)
def test_same_is_tensorflows(pair, n, kernel, stride, dilation):
    import tensorflow as tf

    x, w = drawn(1, n, n + 1, 2), drawn(kernel, kernel, 2, 3)
    expected = tf.nn.conv2d(x, w, stride, "SAME", dilations=dilation).numpy()
    assert np.allclose(pair[0].conv2d(x, w, np.zeros(3), stride, "same", dilation), expected)
    if dilation == 1:
        for kind, pool in (("max", tf.nn.max_pool2d), ("mean", tf.nn.avg_pool2d)):
            expected = pool(x, kernel, stride, "SAME").numpy()
            assert np.allclose(pair[0].pool2d(x, kind, kernel, stride, "same"), expected)


def test_the_transpose_is_the_adjoint_and_pytorchs(torch_solution):
    from torch.nn import functional

    x, w, y = drawn(2, 9, 8, 2), drawn(4, 3, 2, 3), drawn(2, 4, 4, 3)
    back = torch_solution.conv_transpose2d(y, w, (9, 8), stride=2, padding=1)
    forth = torch_solution.conv2d(x, w, np.zeros(3), stride=2, padding=1)
    assert np.sum(forth * y) == pytest.approx(np.sum(x * back), rel=1e-12)
    expected = functional.conv_transpose2d(images(y), kernels(w), stride=2, padding=1, output_padding=(1, 1))
    assert np.allclose(back, expected.numpy().transpose(0, 2, 3, 1))


def test_gradients_are_central_differences(torch_solution):
    x, w, b = drawn(1, 5, 6, 2), drawn(2, 3, 2, 2), drawn(2)
    dy = drawn(1, 3, 3, 2)

    def loss():
        return np.sum(dy * torch_solution.conv2d(x, w, b, 2, "same"))

    for values, slopes in zip((x, w, b), torch_solution.conv2d_gradients(dy, x, w, 2, "same"), strict=True):
        for index in np.ndindex(values.shape):
            values[index] += 1e-4
            above = loss()
            values[index] -= 2e-4
            below = loss()
            values[index] += 1e-4
            assert (above - below) / 2e-4 == pytest.approx(slopes[index], abs=1e-7)


@pytest.mark.parametrize("padding", [0, 1])
def test_pooling_is_pytorchs(torch_solution, padding):
    from torch.nn import functional

    x = drawn(2, 9, 8, 2) - 3
    expected = functional.max_pool2d(images(x), 3, padding=padding).numpy().transpose(0, 2, 3, 1)
    assert np.allclose(torch_solution.pool2d(x, "max", 3, padding=padding), expected)
    expected = functional.avg_pool2d(images(x), 3, 2, padding, count_include_pad=False).numpy().transpose(0, 2, 3, 1)
    assert np.allclose(torch_solution.pool2d(x, "mean", 3, 2, padding), expected)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("scale", [2, 3])
def test_upsampling_is_pytorchs(torch_solution, scale, align_corners):
    from torch.nn import functional

    x = drawn(2, 4, 5, 3)
    expected = functional.interpolate(images(x), scale_factor=scale, mode="bilinear", align_corners=align_corners)
    assert np.allclose(torch_solution.upsample(x, scale, align_corners), expected.numpy().transpose(0, 2, 3, 1))


def test_the_receptive_field_is_where_the_gradient_is(torch_solution):
    layers = [(3, 2, 1), (2, 1, 3), (5, 3, 1), (3, 1, 2)]
    w = [np.ones((1, kernel, 1, 1)) for kernel, _, _ in layers]
    x, sizes = np.zeros((1, 1, 200, 1)), []
    y = x
    for kernel, (_, stride, dilation) in zip(w, layers, strict=True):
        sizes.append(y.shape[1:3])
        y = torch_solution.conv2d(y, kernel, np.zeros(1), stride, 0, dilation)
    touched = []
    for output in (0, 1):
        dy = np.zeros_like(y)
        dy[0, 0, output] = 1
        for kernel, size, (_, stride, dilation) in reversed(list(zip(w, sizes, layers, strict=True))):
            dy = torch_solution.conv_transpose2d(dy, kernel, size, stride, 0, dilation)
        touched.append(np.flatnonzero(dy))
    named = [dict(zip(("kernel", "stride", "dilation"), layer, strict=True)) for layer in layers]
    (first, last), second = touched[0][[0, -1]], touched[1][0]
    assert torch_solution.receptive_field(named) == (last - first + 1, second - first) == (41, 6)


# ---------------------------------------------------------------------------------------------- against each other


def copy_weights(torch_model, keras_model):
    """PyTorch's weights into the Keras model, in order: kernels are (out, in, kh, kw) and (kh, kw, in, out)."""
    turned = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}
    values = [weight.detach().numpy() for weight in torch_model.parameters()]
    for variable, value in zip(keras_model.trainable_variables, values, strict=True):
        variable.assign(value.transpose(turned[value.ndim]))


@pytest.mark.parametrize("name", MODELS)
def test_same_weights_give_the_same_answers(pair, name):
    import torch

    torch_model, keras_model = (MODELS[name](module) for module in pair)
    with torch.no_grad():
        for weight in torch_model.parameters():
            weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(weight.numel()))
    copy_weights(torch_model, keras_model)
    x = drawn(2, 8, 6, 2).astype(np.float32)
    expected = torch_model(torch.from_numpy(x)).detach().numpy()
    assert np.ptp(expected) > 0.1
    assert np.allclose(keras_model(x).numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("module", [0, 1])
def test_a_new_residual_block_is_the_identity(pair, module):
    import torch

    x = drawn(2, 5, 6, 4).astype(np.float32)
    model = pair[module].build_residual_block(4, 4)
    answer = model(x).numpy() if module else model(torch.from_numpy(x)).detach().numpy()
    assert np.array_equal(answer, np.maximum(x, 0))


@pytest.mark.parametrize("kind", ["plain", "resnet"])
def test_parameters_are_counted_without_building(pair, kind):
    config = {**CONFIG, "kind": kind}
    torch_model, keras_model = (module.build_model(config) for module in pair)
    # (9 * 2 + 1) * 5 = 95 first, 4 * (9 * 5 + 1) * 5 = 920 in blocks, (5 + 1) * 3 = 18 last
    assert pair[0].parameter_count(config) == 1033
    assert sum(weight.numel() for weight in torch_model.parameters()) == 1033
    assert sum(int(np.prod(weight.shape)) for weight in keras_model.trainable_variables) == 1033


def test_the_numpy_functions_are_the_same_in_both(pair):
    in_torch, in_keras = ({name: inspect.getsource(getattr(module, name)) for name in IN_NUMPY} for module in pair)
    assert in_torch == in_keras


def test_both_have_the_same_functions_classes_and_arguments(pair):
    for name in (*IN_BOTH, *CLASSES):
        in_torch, in_keras = (inspect.signature(getattr(module, name)) for module in pair)
        assert str(in_torch) == str(in_keras), name
    assert [module.FRAMEWORK for module in pair] == list(FRAMEWORKS)


def test_headings_come_in_the_same_order():
    for framework in FRAMEWORKS:
        lines = (FOLDER / f"solution_{framework}.py").read_text().splitlines()
        headings = [line.strip("# -") for line in lines if line.startswith("# ---")]
        assert headings == ["sizes", "convolution", "sampling", "blocks", "network"]
