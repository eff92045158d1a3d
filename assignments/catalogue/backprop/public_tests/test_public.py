"""Public tests, which `medmark check` runs on your machine: small numbers, worked out by hand. They earn no marks."""

import numpy as np

from assignments.testing import close


def tensors(student, *values):
    return [student.Tensor(np.array(value, np.float64)) for value in values]


def test_sigmoid_by_hand(student):
    """The sigmoid of 0 is one half, and its derivative there is one quarter."""
    x, upstream = np.array([0.0]), np.array([2.0])
    assert close(student.sigmoid(x), [0.5]), "1 / (1 + exp(-x))"
    assert close(student.sigmoid_backward(x, upstream), [0.5]), "s (1 - s) = 1/4, times the upstream gradient, 2"


def test_relu_by_hand(student):
    """The gradient passes where the input is above 0."""
    x, upstream = np.array([-1.0, 2.0]), np.array([5.0, -3.0])
    assert close(student.relu_backward(x, upstream), [0.0, -3.0]), "the input decides, not the gradient"


def test_softmax_by_hand(student):
    """Logits 0 and log 3 are probabilities of one quarter and three quarters."""
    z = np.array([[0.0, np.log(3)]])
    assert close(student.softmax(z), [[0.25, 0.75]]), "exp(z) is 1 and 3: divide by their sum, 4"
    gradient = student.softmax_backward(z, np.array([[1.0, 0.0]]))
    assert close(gradient, [[0.1875, -0.1875]]), "p1 rises by p1 (1 - p1) with z1, and falls by p1 p2 with z2"


def test_losses_by_hand(student):
    """With a probability of one quarter the truth costs log 4, with three quarters log 4 - log 3."""
    loss, gradient = student.bce_with_logits(np.full(2, np.log(3)), np.array([0.0, 1.0]))
    assert close(loss, np.log(4) - np.log(3) / 2), "take the mean over the rows"
    assert close(gradient, [0.375, -0.125]), (
        "the sigmoid is 3/4; raise a logit by a little, and see by how much the mean rises"
    )
    loss, gradient = student.cross_entropy(np.array([[0.0, np.log(3)], [0.0, np.log(3)]]), np.array([0, 1]))
    assert close(loss, np.log(4) - np.log(3) / 2), "the logarithm of the true class alone, and the mean over the rows"
    assert close(gradient, [[-0.375, 0.375], [0.125, -0.125]]), (
        "a row's gradients add up to 0; the mean over the rows divides them by n"
    )


def test_dice_by_hand(student):
    """One pixel of two found with p = 1, nothing else: Dice is (2 + 1) / (1 + 2 + 1) = 3/4."""
    p, y = np.array([[[1.0, 0.0, 0.0]]]), np.array([[[1.0, 1.0, 0.0]]])
    loss, gradient = student.soft_dice_loss(p, y)
    assert close(loss, 0.25), "1 - (2 Σ p y + 1) / (Σ p + Σ y + 1)"
    assert close(gradient, [[[-0.3125, -0.3125, 0.1875]]]), (
        "p is in the numerator and in the denominator: quotient rule"
    )


def test_difference_by_hand(student):
    """x³ at 1 with h = 0.5: (3.375 - 0.125) / 1 = 3.25."""
    gradient = student.numerical_gradient(student.double("WeightedCubes", 1.0), np.array([1.0]), 0.5)
    assert close(gradient, [3.25]), "(f(x + h) - f(x - h)) / 2h"


def test_operations_by_hand(student):
    """a = 6, b = 2: a b has gradients 2 and 6, and a / b has 1/2 and -6/4."""
    a, b = tensors(student, 6, 2)
    student.backward(student.multiply(a, b))
    assert close([a.get("grad"), b.get("grad")], [2, 6]), "the gradient of one factor is the other factor"
    a, b = tensors(student, 6, 2)
    student.backward(student.divide(a, b))
    assert close([a.get("grad"), b.get("grad")], [0.5, -1.5]), "a / b is a times b to the power -1"


def test_matrix_product_by_hand(student):
    """A row times a column: the gradient of each is the other, in its own shape."""
    a, b = tensors(student, [[1, 2]], [[3], [4]])
    student.backward(student.matmul(a, b))
    assert close(a.get("grad"), [[3, 4]]), "the upstream gradient is [[1]]: which product with b has the shape of a?"
    assert close(b.get("grad"), [[1], [2]]), "and which product with a has the shape of b?"


def test_sums_by_hand(student):
    """Every entry goes into a sum once, and a bias into every row."""
    (a,) = tensors(student, [[1, 2], [3, 4]])
    student.backward(student.total(a, 0))
    assert close(a.get("grad"), [[1, 1], [1, 1]]), "the gradient of a sum goes to each of its terms"
    assert close(student.unbroadcast(np.ones((3, 2)), (2,)), [3, 3]), "the sum of the gradients of all three copies"


def test_x_squared_plus_x(student):
    """At 3 the gradient of x * x + x is 7."""
    (x,) = tensors(student, 3)
    student.backward(x * x + x)
    assert close(x.get("grad"), 7), "three uses of x, and each adds its part: 3 + 3 + 1"


def test_one_layer_by_hand(student):
    """Logits 0 and log 3: the first class costs log 4, and the weight's gradient is x times that of the logits."""
    layers = [(np.zeros((1, 2)), np.array([0.0, np.log(3)]))]
    loss, gradients = student.loss_and_gradients(layers, np.array([[2.0]]), np.array([0]))
    assert close(loss, np.log(4)), "cross_entropy(x @ weight + bias, y), and no ReLU after the last layer"
    assert close(gradients[0][0], [[-1.5, 1.5]]), "the gradient of the logits is [-0.75, 0.75], and x is 2"
    assert close(gradients[0][1], [-0.75, 0.75]), "the sum over the rows of the gradient of the logits"


def test_steps_by_hand(student):
    """From w = 1 with gradient 2 and lr 0.1."""
    w, g = [np.array([1.0])], [np.array([2.0])]
    momentum = student.SGD(0.1, 0.5)
    once = momentum.step(w, g)
    assert close(once[0], [0.8]), "w - lr g"
    assert close(momentum.step(once, g)[0], [0.5]), "v is 0.5 * 2 + 2 = 3 now"
    assert close(student.Adam(0.1).step(w, g)[0], [0.9]), "m / √s is 1 in the first step, once both are put right"
    assert close(student.AdamW(0.1, 0.5).step(w, g)[0], [0.85]), (
        "w shrinks by lr * weight_decay = 5 %, then Adam's step"
    )


def test_predictions_are_numbers(student):
    """Two predictions that you can verify with your own code: the numbers below are only bounds."""
    assert 0.5 < student.initial_loss(2) < 1, "run cross_entropy on logits of 0"
    assert student.largest_stable_lr(np.eye(2)) > 1, (
        "run SGD on w² / 2 with lr = 1: it arrives at once, so more is stable"
    )
