"""Backpropagation without a framework: losses, a graph of array operations, and optimisers, in NumPy.

The idea. A network is a graph of small operations, and each of them knows one rule: how the gradient of its result
becomes the gradient of its inputs. So an operation stores, beside its result, a `pull` for each input. Walking from the
loss back to the weights, and adding up what arrives, gives every gradient in about the time of two forward passes,
however many weights there are: reverse-mode differentiation. An optimiser then turns gradients into steps.

    Rumelhart, Hinton, Williams: Learning representations by back-propagating errors, Nature 323, 1986.
    Baydin, Pearlmutter, Radul, Siskind: Automatic differentiation in machine learning: a survey, JMLR 18, 2018.
    Kingma, Ba: Adam: a method for stochastic optimization, ICLR 2015.
    Loshchilov, Hutter: Decoupled weight decay regularization, ICLR 2019.
    Karpathy: micrograd, 2020, the same for single numbers. PyTorch and TensorFlow do it for arrays, as we do here.

This differs from PyTorch: `backward` starts every gradient from 0, where PyTorch adds to what the last call left, and a
step returns new arrays, where PyTorch changes the old ones. AdamW's weights shrink by lr * weight_decay, as in PyTorch;
the paper has a schedule in place of lr.

The gradient of an array is the derivative of the loss with respect to each of its entries, so it has the array's shape.
`upstream`, or `g`, is the gradient of a function's result. All arrays are float64: rounding hides no mistake then.

Read from top to bottom: activations, losses, gradient check, graph, network, optimisers, predictions.
"""

import numpy as np

FRAMEWORK = "numpy"


# ------------------------------------------------------------------------------------------------ activations


def sigmoid(x):
    """s = 1 / (1 + exp(-x)), as exp(-log(1 + exp(-x))), because exp(1000) would overflow."""
    return np.exp(-np.logaddexp(0, -x))


def sigmoid_backward(x, upstream):
    """ds/dx = s (1 - s): at most 1/4, and next to nothing once the sigmoid is sure, right or wrong."""
    s = sigmoid(x)
    return upstream * s * (1 - s)


def relu_backward(x, upstream):
    """The derivative of max(x, 0) is 1 where x > 0 and else 0; at 0 it has none, and 0 is the convention."""
    return upstream * (x > 0)


def softmax(z):
    """Logits (n, k) -> probabilities (n, k): p_i = exp(z_i) / Σ_j exp(z_j) in each row."""
    powers = np.exp(z - z.max(axis=1, keepdims=True))  # the same quotient, and no power is above 1
    return powers / powers.sum(axis=1, keepdims=True)


def softmax_backward(z, upstream):
    """dL/dz_i = p_i (u_i - Σ_j u_j p_j) in each row: a logit moves every probability of its row, through the sum."""
    p = softmax(z)
    return p * (upstream - (upstream * p).sum(axis=1, keepdims=True))


# ----------------------------------------------------------------------------------------------------- losses


def bce_with_logits(z, y):
    """(n,), (n,) -> mean of log(1 + exp(z)) - y z, and its gradient (n,), (sigmoid(z) - y) / n.

    It takes the logit, because the log of a sigmoid is -inf as soon as the sigmoid rounds to 0.
    """
    loss = (np.logaddexp(0, z) - y * z).mean()
    return loss, (sigmoid(z) - y) / len(z)


def cross_entropy(z, y):
    """(n, k), class numbers (n,) -> mean of log Σ_j exp(z_j) - z_y, and its gradient (n, k), (softmax(z) - 1[y]) / n.

    Softmax and logarithm together: apart, a probability that rounds to 0 has the logarithm -inf.
    """
    rows = np.arange(len(z))
    top = z.max(axis=1)
    log_sum = top + np.log(np.exp(z - top[:, None]).sum(axis=1))  # (n,)
    gradient = softmax(z)
    gradient[rows, y] -= 1
    return (log_sum - z[rows, y]).mean(), gradient / len(z)


def soft_dice_loss(p, y):
    """Probabilities and masks (n, h, w) -> mean over the cases of 1 - dice, dice = (2 Σ p y + 1) / (Σ p + Σ y + 1).

    p stands in the numerator and in the denominator: by the quotient rule the gradient of a case is
    -(2 y - dice) / (Σ p + Σ y + 1).
    """
    overlap = (p * y).sum(axis=(1, 2), keepdims=True)  # (n, 1, 1)
    size = (p + y).sum(axis=(1, 2), keepdims=True)
    dice = (2 * overlap + 1) / (size + 1)
    gradient = -(2 * y - dice) / (size + 1)  # (n, h, w)
    return (1 - dice).mean(), gradient / len(p)


# --------------------------------------------------------------------------------------------- gradient check


def numerical_gradient(f, x, h=1e-5):
    """The gradient of the number f(x) with respect to x: (f(x + h) - f(x - h)) / 2h, one entry at a time.

    From both sides, because the error is then of the order h², and h of one side alone. This takes two calls an entry:
    good enough to check the graph below, far too slow to train with.
    """
    gradient = np.zeros_like(x)
    for entry in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[entry] += h
        below[entry] -= h
        gradient[entry] = (f(above) - f(below)) / (2 * h)
    return gradient


# ------------------------------------------------------------------------------------------------------ graph


class Tensor:
    """An array, its gradient, and where it comes from.

    `parents` has a pair for each input of the operation that made it: the input, and its `pull`, a function that turns
    the gradient of this array into that of the input. What a user puts in, such as a weight, has no parents.
    """

    def __init__(self, data, parents=()):
        self.data = np.asarray(data, np.float64)
        self.grad = np.zeros_like(self.data)
        self.parents = parents

    def __add__(self, other):
        return add(self, other)

    def __mul__(self, other):
        return multiply(self, other)

    def __truediv__(self, other):
        return divide(self, other)

    def __matmul__(self, other):
        return matmul(self, other)


def add(a, b):
    """a + b. Both inputs get the gradient as it comes: an addition hands it on."""
    return Tensor(a.data + b.data, [(a, lambda g: g), (b, lambda g: g)])


def relu(a):
    """max(a, 0), entry by entry."""
    return Tensor(np.maximum(a.data, 0), [(a, lambda g: relu_backward(a.data, g))])


def multiply(a, b):
    """a * b, entry by entry. The gradient of one factor is multiplied by the other factor."""
    return Tensor(a.data * b.data, [(a, lambda g: g * b.data), (b, lambda g: g * a.data)])


def divide(a, b):
    """a / b, entry by entry. The derivatives are 1 / b and -a / b²."""
    return Tensor(a.data / b.data, [(a, lambda g: g / b.data), (b, lambda g: -g * a.data / b.data**2)])


def matmul(a, b):
    """(n, d) @ (d, m) -> (n, m). The gradients g @ b.T (n, d) and a.T @ g (d, m): no other order has these shapes."""
    return Tensor(a.data @ b.data, [(a, lambda g: g @ b.data.T), (b, lambda g: a.data.T @ g)])


def total(a, axis=None):
    """The sum over one axis, or over all. Every entry is added once, so each gets the gradient of its sum."""

    def pull(g):
        return np.broadcast_to(g if axis is None else np.expand_dims(g, axis), a.data.shape)

    return Tensor(a.data.sum(axis=axis), [(a, pull)])


def unbroadcast(gradient, shape):
    """The gradient of an array of this `shape`, of which NumPy used copies: the sum of the gradients of all copies.

    A bias (m,) is added to n rows; its gradient is the sum (m,) of the n rows of the gradient (n, m).
    """
    new_axes = tuple(range(gradient.ndim - len(shape)))
    gradient = gradient.sum(axis=new_axes)  # axes that NumPy has put in front
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return gradient.sum(axis=stretched, keepdims=True)  # axes of size 1 that it has stretched


def backward(root):
    """Fill `grad` of everything that `root` was made from, where the loss is the sum of `root`'s entries.

    An array may be used twice, as x in x * x + x: its gradient is the sum over its uses. So a result hands on its
    gradient when every use has added its part: in the reverse of an order in which inputs precede their results.
    """
    order, seen = [], set()

    def visit(tensor):
        if tensor not in seen:
            seen.add(tensor)
            for parent, _ in tensor.parents:
                visit(parent)
            order.append(tensor)

    visit(root)
    for tensor in order:
        tensor.grad = np.zeros_like(tensor.data)
    root.grad = np.ones_like(root.data)
    for tensor in reversed(order):
        for parent, pull in tensor.parents:
            parent.grad += unbroadcast(pull(tensor.grad), parent.data.shape)


# ---------------------------------------------------------------------------------------------------- network


def loss_and_gradients(layers, x, y):
    """The cross-entropy of a perceptron on a batch (n, d), (n,), and the gradient of each weight and bias.

    `layers` are pairs (weight (d, m), bias (m,)). A ReLU stands between layers; the last one gives logits (n, k).
    """
    layers = [(Tensor(weight), Tensor(bias)) for weight, bias in layers]
    h = Tensor(x)
    for number, (weight, bias) in enumerate(layers):
        h = (relu(h) if number > 0 else h) @ weight + bias  # (n, m)
    loss, gradient = cross_entropy(h.data, y)
    backward(Tensor(loss, [(h, lambda g: g * gradient)]))
    return loss, [(weight.grad, bias.grad) for weight, bias in layers]


# ------------------------------------------------------------------------------------------------- optimisers


class SGD:
    """Gradient descent with momentum: v <- momentum v + g, w <- w - lr v, with a v for each parameter."""

    def __init__(self, lr, momentum=0.0):
        self.lr, self.momentum = lr, momentum
        self.velocities = None

    def step(self, params, grads):
        """Parameters and their gradients, as lists of arrays -> the new parameters."""
        if self.velocities is None:
            self.velocities = [np.zeros_like(w) for w in params]
        self.velocities = [self.momentum * v + g for v, g in zip(self.velocities, grads, strict=True)]
        return [w - self.lr * v for w, v in zip(params, self.velocities, strict=True)]


class Adam:
    """Steps of about lr, whatever the unit of the gradient: m <- β1 m + (1 - β1) g, s <- β2 s + (1 - β2) g².

    Both start at 0, so after t steps they are too small by 1 - β1^t and 1 - β2^t. With these put right,
    w <- w - lr m / (√s + ε).
    """

    def __init__(self, lr, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.lr, self.beta1, self.beta2, self.epsilon = lr, beta1, beta2, epsilon
        self.steps = 0
        self.means = self.squares = None

    def step(self, params, grads):
        """Parameters and their gradients, as lists of arrays -> the new parameters."""
        if self.steps == 0:
            self.means = [np.zeros_like(w) for w in params]
            self.squares = [np.zeros_like(w) for w in params]
        self.steps += 1
        self.means = [self.beta1 * m + (1 - self.beta1) * g for m, g in zip(self.means, grads, strict=True)]
        self.squares = [self.beta2 * s + (1 - self.beta2) * g**2 for s, g in zip(self.squares, grads, strict=True)]
        means = [m / (1 - self.beta1**self.steps) for m in self.means]
        squares = [s / (1 - self.beta2**self.steps) for s in self.squares]
        moved = zip(params, means, squares, strict=True)
        return [w - self.lr * m / (np.sqrt(s) + self.epsilon) for w, m, s in moved]


class AdamW(Adam):
    """Adam, and apart from it every parameter shrinks by the share lr * weight_decay at each step.

    As a part of the gradient (L2), the decay would be divided by √s too: weights with large gradients hardly shrink.
    """

    def __init__(self, lr, weight_decay=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8):
        super().__init__(lr, beta1, beta2, epsilon)
        self.weight_decay = weight_decay

    def step(self, params, grads):
        """Parameters and their gradients, as lists of arrays -> the new parameters."""
        return super().step([w * (1 - self.lr * self.weight_decay) for w in params], grads)


# ------------------------------------------------------------------------------------------------ predictions


def initial_loss(classes):
    """The cross-entropy of a new network, whose logits are near 0: each class has 1 / classes, whatever is true."""
    return float(np.log(classes))


def largest_stable_lr(hessian, momentum=0.0):
    """The learning rate beyond which `SGD` diverges on w' H w / 2, H (d, d) symmetric and positive definite.

    Along an eigenvector of curvature c, w(t+1) = (1 + momentum - lr c) w(t) - momentum w(t-1). Both roots of that stay
    within the unit circle while lr c < 2 (1 + momentum); the steepest direction gets there first.
    """
    return float(2 * (1 + momentum) / np.linalg.eigvalsh(hessian).max())
