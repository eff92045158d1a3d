"""The reference of `backprop` agrees with PyTorch, TensorFlow and SciPy, and the brief says what its code does."""

import importlib.util
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from assignments.assignment import Limits
from assignments.data.sources.breast_cancer import synthetic
from assignments.interface import read_interface
from graders.wall.sandboxes.local import Local
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from graders.wall.student import Student, WorkerClient

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "reference_solutions" / "backprop" / "solution_numpy.py"
INTERFACE = ROOT / "assignments" / "catalogue" / "backprop" / "interface.py"


def solution(old="", new=""):
    """The reference; with a piece of its text replaced, if one is named."""
    spec = importlib.util.spec_from_file_location("backprop_numpy", REFERENCE)
    module = importlib.util.module_from_spec(spec)
    text = REFERENCE.read_text(encoding="utf-8")
    assert not old or text.count(old) == 1
    exec(compile(text.replace(old, new) if old else text, str(REFERENCE), "exec"), module.__dict__)
    return module


@pytest.fixture(scope="module")
def reference():
    return solution()


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", exc_type=ImportError)


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow", exc_type=ImportError)


@pytest.fixture
def rng():
    return np.random.default_rng(15)


def relative(a, b):
    return np.abs(np.asarray(a) - np.asarray(b)).max() / np.abs(np.asarray(b)).max()


def batch(rng, widths=(7, 6, 5, 4), n=9):
    layers = [(rng.normal(size=(d, m)), rng.normal(size=m)) for d, m in pairwise(widths)]
    return layers, rng.normal(size=(n, widths[0])), rng.integers(0, widths[-1], n)


def masks(rng):
    return rng.uniform(0.05, 0.95, (3, 4, 5)), (rng.random((3, 4, 5)) < 0.3).astype(np.float64)


def test_activations_are_those_of_scipy(reference, rng):
    x = np.concatenate([rng.normal(0, 5, 50), [-1000, -30, 0, 30, 1000]])
    assert reference.sigmoid(x) == pytest.approx(special.expit(x), rel=1e-12)
    z = rng.normal(0, 300, (20, 5))
    assert reference.softmax(z) == pytest.approx(special.softmax(z, axis=1), rel=1e-12)


@pytest.mark.parametrize("name", ["sigmoid_backward", "softmax_backward"])
def test_gradients_of_activations_are_differences(reference, rng, name):
    z, upstream = rng.normal(0, 2, (2, 6, 4))
    forward = getattr(reference, name.removesuffix("_backward"))
    differences = reference.numerical_gradient(lambda z: float((upstream * forward(z)).sum()), z)
    assert relative(getattr(reference, name)(z, upstream), differences) < 1e-8


def test_gradients_of_losses_are_differences(reference, rng):
    z, y, (p, mask) = rng.normal(0, 2, (6, 4)), rng.integers(0, 4, 6), masks(rng)
    for loss, at in (
        (lambda z: reference.bce_with_logits(z, (y > 1) * 1.0), z[:, 0]),
        (lambda z: reference.cross_entropy(z, y), z),
        (lambda p: reference.soft_dice_loss(p, mask), p),
    ):
        differences = reference.numerical_gradient(lambda x, loss=loss: loss(x)[0], at)
        assert relative(loss(at)[1], differences) < 1e-8


def test_losses_and_gradients_are_those_of_pytorch(reference, torch, rng):
    z, y = rng.normal(0, 3, (6, 4)), rng.integers(0, 4, 6)
    logits = torch.tensor(z, requires_grad=True)
    F = torch.nn.functional
    for (loss, gradient), expected in (
        (reference.cross_entropy(z, y), F.cross_entropy(logits, torch.tensor(y))),
        (
            reference.bce_with_logits(z.ravel(), np.tile([0.0, 1.0], 12)),
            F.binary_cross_entropy_with_logits(logits.ravel(), torch.tensor(np.tile([0.0, 1.0], 12))),
        ),
    ):
        (expected_gradient,) = torch.autograd.grad(expected, logits)
        assert loss == pytest.approx(expected.item(), rel=1e-12)
        assert relative(gradient.reshape(z.shape), expected_gradient) < 1e-12


def test_the_graph_agrees_with_pytorch(reference, torch, rng):
    """Every operation, broadcast in every way, with results that are used more than once."""
    arrays = [rng.normal(size=shape) for shape in ((3, 4), (4, 5), (5,), ())] + [rng.uniform(0.5, 2, (3, 1))]

    def result(a, b, c, d, e, relu, total):
        h = relu(a @ b + c)
        k = h * h / e + h * d
        return total(k * k, 1) * d + total(h / (k * k + e), None)

    tensors = [reference.Tensor(array) for array in arrays]
    root = result(*tensors, reference.relu, reference.total)
    reference.backward(root)
    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    expected = result(*leaves, torch.relu, lambda a, axis: a.sum() if axis is None else a.sum(axis))
    expected.sum().backward()
    assert relative(root.data, expected.detach()) < 1e-12
    for tensor, leaf in zip(tensors, leaves, strict=True):
        assert tensor.grad.shape == tensor.data.shape
        assert relative(tensor.grad, leaf.grad) < 1e-12


def test_a_network_agrees_with_pytorch(reference, torch, rng):
    layers, x, y = batch(rng)
    loss, gradients = reference.loss_and_gradients(layers, x, y)
    parameters = [torch.tensor(array, requires_grad=True) for layer in layers for array in layer]
    h = torch.tensor(x)
    for index in range(0, len(parameters), 2):
        h = (torch.relu(h) if index else h) @ parameters[index] + parameters[index + 1]
    expected = torch.nn.functional.cross_entropy(h, torch.tensor(y))
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    for gradient, parameter in zip([array for layer in gradients for array in layer], parameters, strict=True):
        assert relative(gradient, parameter.grad) < 1e-11


def test_a_network_agrees_with_tensorflow(reference, tf, rng):
    layers, x, y = batch(rng)
    loss, gradients = reference.loss_and_gradients(layers, x, y)
    parameters = [tf.Variable(array) for layer in layers for array in layer]
    with tf.GradientTape() as tape:
        h = tf.constant(x)
        for index in range(0, len(parameters), 2):
            h = (tf.nn.relu(h) if index else h) @ parameters[index] + parameters[index + 1]
        expected = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, h))
    assert loss == pytest.approx(float(expected), rel=1e-12)
    of_the_tape = tape.gradient(expected, parameters)
    for gradient, other in zip([array for layer in gradients for array in layer], of_the_tape, strict=True):
        assert relative(gradient, other) < 1e-11


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"lr": 0.1}),
        ("SGD", {"lr": 0.1, "momentum": 0.9}),
        ("Adam", {"lr": 0.1, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-3}),
        ("AdamW", {"lr": 0.1, "weight_decay": 0.2}),
    ],
)
def test_optimisers_go_the_way_of_pytorch(reference, torch, rng, name, options):
    start = [rng.normal(size=(3, 2)), rng.normal(size=4)]
    gradients = [[rng.normal(size=w.shape) for w in start] for _ in range(20)]
    settings = {"lr": options["lr"]} | {k: v for k, v in options.items() if k in ("momentum", "weight_decay")}
    if "beta1" in options:
        settings |= {"betas": (options["beta1"], options["beta2"]), "eps": options["epsilon"]}
    parameters = [torch.nn.Parameter(torch.tensor(w)) for w in start]
    other = getattr(torch.optim, name)(parameters, **settings)
    optimiser, params = getattr(reference, name)(**options), start
    for grads in gradients:
        params = optimiser.step(params, grads)
        for parameter, g in zip(parameters, grads, strict=True):
            parameter.grad = torch.tensor(g)
        other.step()
    for w, parameter in zip(params, parameters, strict=True):
        assert relative(w, parameter.detach()) < 1e-10


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_descent_diverges_just_beyond_the_largest_stable_rate(reference, rng, momentum):
    factor = rng.normal(size=(4, 4))
    hessian = factor @ factor.T + np.eye(4)
    largest = reference.largest_stable_lr(hessian, momentum)
    sizes = {}
    for share in (0.99, 1.01):
        optimiser, w = reference.SGD(share * largest, momentum), rng.normal(size=4)
        for _ in range(4000):
            (w,) = optimiser.step([w], [hessian @ w])
        sizes[share] = np.abs(w).max()
    assert sizes[0.99] < 1e-3
    assert sizes[1.01] > 1e3


def test_a_new_network_has_the_loss_that_is_predicted(reference, rng):
    layers, x, y = batch(rng, (20, 10, 13), 50)
    small = [(1e-4 * weight, 1e-4 * bias) for weight, bias in layers]
    assert reference.loss_and_gradients(small, x, y)[0] == pytest.approx(reference.initial_loss(13), rel=1e-3)


def trained_loss(module, rng):
    """The loss that a small network reaches on measurements of cells."""
    cases = synthetic(400, rng)
    x, y = (cases["x"] - cases["x"].mean(0)) / cases["x"].std(0), cases["y"].astype(np.int64)
    layers = [(rng.normal(size=(d, m)) * np.sqrt(2 / d), np.zeros(m)) for d, m in pairwise((30, 16, 16, 2))]
    optimiser, losses = module.AdamW(3e-3), []
    for _ in range(300):
        rows = rng.integers(0, len(x), 32)
        loss, gradients = module.loss_and_gradients(layers, x[rows].astype(np.float64), y[rows])
        losses.append(loss)
        moved = optimiser.step([w for layer in layers for w in layer], [g for layer in gradients for g in layer])
        layers = list(zip(moved[::2], moved[1::2], strict=True))
    return np.mean(losses[:5]), np.mean(losses[-30:])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("return upstream * (x > 0)", "return upstream"),
        ("(log_sum - z[rows, y]).mean(), gradient / len(z)", "(log_sum - z[rows, y]).mean(), gradient"),
    ],
    ids=["right", "no gradient of the ReLU", "gradient of the sum"],
)
def test_a_wrong_gradient_is_as_silent_as_the_brief_says(rng, old, new):
    first, last = trained_loss(solution(old, new), rng)
    assert first > 0.4
    assert last < 0.15


def test_a_graph_is_built_across_the_wall_by_operators_on_handles(tmp_path):
    (tmp_path / "solution.py").write_bytes(REFERENCE.read_bytes())
    with Local().open(SandboxSpec(tmp_path, "numpy", Limits())) as channel:
        session = Session(channel, Limits())
        session.begin()
        student = Student(WorkerClient(session, read_interface(INTERFACE), 5.0))
        a, b = student.Tensor(np.array([2.0, 3.0])), student.Tensor(np.array(4.0))
        student.backward(a * b + a)
        assert a.get("grad").tolist() == [5.0, 5.0]
        assert b.get("grad").tolist() == 5.0
