"""The graph: the rule of each operation, and how `backward` collects gradients. Tensors stay inside."""

from itertools import pairwise

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


def sizes(rng, count):
    """Sizes from 2 to 8 that differ from each other, so that no axis can be taken for another."""
    return [int(size) for size in rng.permutation(np.arange(2, 9))[:count]]


def perceptron(layers, x, y, relu_at_the_end=False):
    """Cross-entropy and the gradient of each (weight, bias), layer by layer and without a graph."""
    inputs, h = [], x
    for number, (weight, bias) in enumerate(layers):
        inputs.append(h)
        h = h @ weight + bias
        if number < len(layers) - 1 or relu_at_the_end:
            h = np.maximum(h, 0)
    rows, p = np.arange(len(y)), np.exp(h) / np.exp(h).sum(axis=1, keepdims=True)
    gradient, gradients = (p - np.eye(p.shape[1])[y]) / len(y), []
    for (weight, _), into in zip(layers[::-1], inputs[::-1], strict=True):
        gradients.insert(0, (into.T @ gradient, gradient.sum(axis=0)))
        gradient = gradient @ weight.T * (into > 0)
    return -np.mean(np.log(p[rows, y])), gradients


def needs_both_uses(student, x):
    a = student.Tensor(x)
    student.backward(a + a)
    needs(
        close(a.get("grad"), np.full(x.shape, 2.0)),
        "gradients from both uses of `x` in x + x have to add up first",
        mend="test_graph.py::test_an_array_that_is_used_twice",
    )


@pytest.mark.points(3, criterion="graph")
def test_differences_of_both_sides(student, rng):
    """`numerical_gradient` looks to both sides of every entry, and leaves its argument as it is."""
    h = float(rng.uniform(0.05, 0.2))  # so large that the error of a difference can be seen, and computed
    for shape in ((7,), tuple(sizes(rng, 2))):
        x, weight = rng.normal(size=(2, *shape))
        inside = student.put(x)
        gradient = student.numerical_gradient(student.double("WeightedCubes", weight), inside, h)
        expected = weight * (3 * x**2 + h**2)
        one_side = np.abs(gradient - expected) - np.abs(3 * weight * x * h)  # ahead or behind
        points_to("one_sided_difference", np.abs(one_side).max() < 1e-8)
        assert close(gradient, expected, atol=1e-8)
        assert close(inside.fetch(), x)


@pytest.mark.points(3, criterion="graph")
def test_gradients_of_product_and_quotient(student, rng):
    """`multiply` and `divide` give each input its gradient: the upstream gradient times the derivative."""
    x, y, upstream = rng.uniform(0.5, 2, (3, *sizes(rng, 2))) * rng.choice([-1, 1], (3, 1, 1))
    a, b, c = (student.Tensor(array) for array in (x, y, upstream))
    student.backward(student.multiply(student.multiply(a, b), c))
    assert close(a.get("grad"), y * upstream)
    assert close(b.get("grad"), x * upstream)
    assert close(c.get("grad"), x * y)

    a, b, c = (student.Tensor(array) for array in (x, y, upstream))
    student.backward(student.multiply(student.divide(a, b), c))
    assert close(a.get("grad"), upstream / y)
    forgotten = -upstream / y**2
    assert close(
        b.get("grad"),
        forgotten * x,
        mistaken={"denominator_gradient": forgotten},
        hint="write a / b as a times b to the power -1",
    )


@pytest.mark.points(3, criterion="graph")
def test_gradients_of_a_matrix_product(student, rng):
    """`matmul` gives each matrix its gradient, in its own shape, square matrices included."""
    d = int(rng.integers(3, 6))
    for n, k, m in ((d, d, d), sizes(rng, 3)):
        x, y, upstream = rng.normal(size=(n, k)), rng.normal(size=(k, m)), rng.normal(size=(n, m))
        a, b, c = (student.Tensor(array) for array in (x, y, upstream))
        result = student.matmul(a, b)
        assert close(result.get("data"), x @ y)
        student.backward(student.multiply(result, c))
        gradients = [tensor.get("grad") for tensor in (a, b)]
        if n == k == m:
            others = [[upstream @ y, y @ upstream, y.T @ upstream], [x @ upstream, upstream @ x, upstream @ x.T]]
            pairs = [(gradient, wrong) for gradient, each in zip(gradients, others, strict=True) for wrong in each]
            points_to("matmul_not_transposed", any(close(gradient, wrong) for gradient, wrong in pairs))
        assert close(gradients[0], upstream @ y.T)
        assert close(gradients[1], x.T @ upstream)


@pytest.mark.points(3, criterion="graph")
def test_gradient_of_a_bias(student, rng):
    """A bias (m,) that NumPy adds to every row gets the sum of the gradients of all copies, and so does a number."""
    n, m = sizes(rng, 2)
    upstream = rng.normal(size=(n, m))
    for shape in ((m,), ()):
        rows, bias, c = (student.Tensor(array) for array in (rng.normal(size=(n, m)), np.ones(shape), upstream))
        student.backward(student.multiply(student.add(rows, bias), c))
        assert close(rows.get("grad"), upstream)
        assert close(
            bias.get("grad"),
            upstream.sum(axis=0) if shape else upstream.sum(),
            mistaken={"bias_gradient_not_summed": upstream, "bias_gradient_is_a_mean": upstream.mean(axis=0)},
        )


@pytest.mark.points(2, criterion="graph")
def test_unbroadcast_to_any_shape(student, rng):
    """`unbroadcast` sums over axes that NumPy put in front, and over axes of size 1 that it stretched."""
    n, m, k = sizes(rng, 3)
    gradient = rng.normal(size=(n, m, k))
    for shape in ((n, m, k), (m, k), (m, 1), (1, m, k), (n, 1, k), (1,)):
        lined_up = (1,) * (3 - len(shape)) + shape
        axes = tuple(axis for axis in range(3) if lined_up[axis] == 1)
        summed = gradient.sum(axis=axes, keepdims=True).reshape(shape)
        in_front = gradient.sum(axis=tuple(range(3 - len(shape))))
        answer = student.unbroadcast(gradient, shape)
        assert close(
            answer,
            summed,
            atol=1e-9,
            mistaken={"bias_gradient_not_summed": gradient, "stretched_axes_stay": in_front},
        )


@pytest.mark.points(3, criterion="graph")
def test_gradient_of_a_sum(student, rng):
    """`total` gives every entry the gradient of the sum that it went into."""
    n, m = sizes(rng, 2)
    d = int(rng.integers(3, 6))
    for axis, (rows, columns) in ((1, (d, d)), (0, (d, d)), (0, (n, m)), (1, (n, m))):  # square: no shape tells
        x = rng.normal(size=(rows, columns))
        upstream = rng.normal(size=rows if axis == 1 else columns)
        a, c = student.Tensor(x), student.Tensor(upstream)
        result = student.total(a, axis)
        assert close(result.get("data"), x.sum(axis=axis))
        student.backward(student.multiply(result, c))
        spread = np.broadcast_to(upstream[:, None] if axis == 1 else upstream, x.shape)
        turned = np.broadcast_to(upstream, (upstream.size, upstream.size))
        assert close(a.get("grad"), spread, mistaken={"sum_spread_the_wrong_way": turned if axis == 1 else np.zeros(1)})
    a = student.Tensor(x)
    student.backward(student.total(a))
    assert close(a.get("grad"), np.ones(x.shape))


@pytest.mark.points(3, criterion="graph")
def test_an_array_that_is_used_twice(student, rng):
    """The gradient of x * x + x is 2 x + 1: every use of x adds its part."""
    x = rng.uniform(1, 3, sizes(rng, 1))
    a = student.Tensor(x)
    student.backward(a * a + a)
    assert close(a.get("grad"), 2 * x + 1, mistaken={"assigned_not_added": x})


@pytest.mark.points(3, criterion="graph")
def test_a_result_that_is_used_twice(student, rng):
    """A result hands its gradient on once, when all its uses have added to it, in whatever order they were written."""
    x, y, z = rng.uniform(1, 2, (3, 4))
    needs_both_uses(student, x)
    for swapped in (False, True):
        a, b, c = (student.Tensor(array) for array in (x, y, z))
        product = a * b
        student.backward(product * c + product if swapped else product + product * c)
        assert close(a.get("grad"), y + y * z, mistaken={"hands_on_too_early": y})
        assert close(c.get("grad"), x * y)


@pytest.mark.points(2, criterion="graph")
def test_a_graph_of_many_paths(student, rng):
    """`backward` visits each result once: 40 doublings make 2^40 paths, and 40 steps back."""
    x = rng.normal(size=3)
    needs_both_uses(student, x)
    a = student.Tensor(x)
    result = a + a
    for _ in range(39):
        result = result + result
    points_to("every_path_is_walked", True)  # one doubling is right, so what is missing is time
    student.backward(result)
    assert close(a.get("grad"), np.full(3, 2.0**40))


@pytest.mark.points(2, criterion="graph")
def test_each_call_starts_from_zero(student, rng):
    """`backward` gives the same gradients when it is called again, and a new graph does not feel the last one's."""
    x, y = rng.uniform(1, 2, (2, 5))
    a, b = student.Tensor(x), student.Tensor(y)
    product = student.multiply(a, b)
    student.backward(product)
    needs(
        close(a.get("grad"), y),
        "the first call has to be right first",
        mend="test_graph.py::test_gradients_of_product_and_quotient",
    )
    student.backward(product)
    assert close(a.get("grad"), y, mistaken={"gradients_not_cleared": 2 * y})
    student.backward(student.add(a, b))
    assert close(a.get("grad"), np.ones(5))


@pytest.mark.points(4, criterion="graph")
def test_gradients_of_a_perceptron(student, rng):
    """`loss_and_gradients` has the loss of a network of any depth, and the gradients of all weights, however many."""
    for n, widths in ((11, sizes(rng, 3)), (11, sizes(rng, 5)), (64, [40, 120, 60, 5])):
        layers = [(rng.normal(size=(d, m)) / np.sqrt(d), rng.normal(size=m)) for d, m in pairwise(widths)]
        x, y = rng.normal(size=(n, widths[0])), rng.integers(0, widths[-1], n)
        expected, gradients = perceptron(layers, x, y)
        loss, answers = student.loss_and_gradients(layers, x, y)
        assert close(loss, expected, mistaken={"relu_on_the_logits": perceptron(layers, x, y, relu_at_the_end=True)[0]})
        assert len(answers) == len(gradients)
        for answer, gradient in zip(answers, gradients, strict=True):
            for got, want in zip(answer, gradient, strict=True):
                assert close(got, want, atol=1e-9, mistaken={"gradient_of_the_sum": n * want})
