"""From regression to a multilayer perceptron: how old is this fetus?

Tutorial 1, 50 minutes. Needs tutorial 0, for the split by subject.
"""

import numpy as np
from jaxtyping import Float32, Float64

from assignments.testing import close

# %% [markdown]
# ## Four lengths, and an age
#
# A scan measures a fetus: the width of its head (BPD), the circumference of head (HC) and abdomen (AC), and the thigh
# bone (FL), in millimetres. From them follows the gestational age. The scans here are drawn from published growth
# curves (Hadlock et al., Radiology 1984). Every fetus has three scans, so fetuses are split, not scans.

# %% pytorch
import matplotlib.pyplot as plt
import torch
from torch import nn

from assignments.data.sources.biometry import LENGTHS, fetal_biometry

FRAMEWORK = "pytorch"

# %% tensorflow
import os

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}  # its notes would fill the page
import keras
import matplotlib.pyplot as plt
import tensorflow as tf

from assignments.data.sources.biometry import LENGTHS, fetal_biometry

FRAMEWORK = "tensorflow"

# %%
import numpy as np

scans = fetal_biometry(900, np.random.default_rng(5))
x, week, fetus = scans["x"], scans["y"], scans["subject"]  # (900, 4) mm, (900,) weeks, (900,)
train_rows, val_rows = np.flatnonzero(fetus < 200), np.flatnonzero(fetus >= 200)

figure, axes = plt.subplots(1, 4, figsize=(10, 2.6), sharey=True, layout="constrained")
for axis, name, length in zip(axes, LENGTHS, x.T, strict=True):
    axis.plot(length[train_rows], week[train_rows], ".", markersize=2)
    axis.set_xlabel(f"{name} in mm")
axes[0].set_ylabel("weeks")
plt.show()
print(f"{len(train_rows)} scans train, {len(val_rows)} validate; means {x.mean(0).round()} mm, SDs {x.std(0).round()}")

# %% [markdown]
# ## A baseline that runs at once
#
# The mean age, whatever the scan says. Its error is the SD of the ages. An error is given as RMSE in weeks, the root of
# the mean squared error, on fetuses that nothing was fitted to.


# %%
def rmse(answer, rows):
    """The root of the mean squared error of some rows, in weeks."""
    return float(np.sqrt(np.mean((answer - week[rows]) ** 2)))


print(f"the mean: {rmse(week[train_rows].mean(), val_rows):.2f} weeks")

# %% [markdown]
# ## 1 · A line by algebra
#
# Linear regression answers Xw + b. Put a column of ones beside X, so that b is one more weight. The sum of squared
# errors is smallest where its gradient is 0 (the *normal equations*):
#
# $$X^\top X\, w = X^\top y$$
#
# Solve them, or let `np.linalg.lstsq` do it, which is also right where columns depend on each other. Never invert.


# %% interface
def least_squares(x: Float64[np.ndarray, "n d"], y: Float64[np.ndarray, "n"]) -> Float64[np.ndarray, "d+1"]: ...


def standardise(
    x: Float32[np.ndarray, "n d"], mean: Float32[np.ndarray, "d"], sd: Float32[np.ndarray, "d"]
) -> Float32[np.ndarray, "n d"]: ...


def layer(
    x: Float32[np.ndarray, "n a"], weight: Float32[np.ndarray, "a b"], bias: Float32[np.ndarray, "b"]
) -> Float32[np.ndarray, "n b"]: ...


# %% solution least_squares
def least_squares(x, y):
    """Inputs (n, d) and targets (n,) -> weights (d + 1,), the offset last, with the smallest sum of squared errors."""
    design = np.hstack([x, np.ones((len(x), 1))])  # (n, d + 1)
    return np.linalg.lstsq(design, y, rcond=None)[0]


# %% test
def test_a_line_through_three_points(student):
    """The points (0, 1), (1, 3) and (2, 5) lie on y = 2 x + 1: weights 2 and 1."""
    answer = student.least_squares(np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0]))
    assert close(answer, [2.0, 1.0], atol=1e-8), "a column of ones, last, for the offset"


def test_a_line_between_points(student):
    """Through (0, 0), (0, 2), (1, 4) no line goes; the best has offset 1, the mean at 0, and slope 3."""
    answer = student.least_squares(np.array([[0.0], [0.0], [1.0]]), np.array([0.0, 2.0, 4.0]))
    assert close(answer, [3.0, 1.0], atol=1e-8), "the smallest sum of squared errors"


# %%
weights = least_squares(x[train_rows].astype(float), week[train_rows].astype(float))
line = x @ weights[:4] + weights[4]
print(f"a line: {rmse(line[val_rows], val_rows):.2f} weeks")
plt.figure(figsize=(5, 2.6))
plt.plot(week[val_rows], line[val_rows] - week[val_rows], ".", markersize=3)
plt.axhline(0, color="k", linewidth=0.8)
plt.xlabel("weeks")
plt.ylabel("error of the line, weeks")
plt.show()

# %% [markdown]
# Look at the errors: they do not scatter evenly around 0, they bend. Growth flattens towards term, and a line cannot.
# That is what a hidden layer is for.
#
# ## 2 · Put the columns on one scale
#
# HC goes to 350 mm and FL to 75. One rate of descent cannot suit both: a step that is right for FL throws HC out. So
# each column is brought to mean 0 and SD 1, **with the statistics of the training rows**, for validation rows too.
# Computed on all rows, they would let validation data take part in training.


# %% solution standardise
def standardise(x, mean, sd):
    """Rows (n, d), means (d,) and SDs (d,) of the training rows -> each column less its mean, over its SD. NumPy."""
    return (x - mean) / sd


# %% test
def test_statistics_are_those_that_come_as_arguments(student):
    """A new row (6, 10), with means (2, 10) and SDs (2, 5), becomes (2, 0)."""
    arguments = [np.array(each, np.float32) for each in ([[6, 10]], [2, 10], [2, 5])]
    assert close(student.standardise(*arguments), [[2.0, 0.0]], atol=1e-6), "do not take the mean of the new rows"


# %%
mean, sd = x[train_rows].mean(0), x[train_rows].std(0)
inputs = standardise(x, mean, sd)
target = ((week - week[train_rows].mean()) / week[train_rows].std()).astype(np.float32)  # the age too

# %% [markdown]
# ## 3 · A layer
#
# A layer is a line for each of b outputs at once, followed by a bend. With the ReLU, max(0, z), each output is a ramp
# that begins somewhere; a sum of ramps bends wherever it has to (Cybenko, 1989; Hornik, 1991).
#
# $$h = \max(0,\; x W + b), \qquad (n, a)\,(a, b) + (b,) \to (n, b)$$
#
# Without the bend, two layers would be one: $(xW_1)W_2 = x(W_1W_2)$.


# %% solution layer pytorch
def layer(x, weight, bias):
    """Rows (n, a), weights (a, b) and offsets (b,) -> max(0, x W + b), (n, b); tensors."""
    return torch.relu(x @ weight + bias)


# %% solution layer tensorflow
def layer(x, weight, bias):
    """Rows (n, a), weights (a, b) and offsets (b,) -> max(0, x W + b), (n, b); tensors."""
    return tf.nn.relu(x @ weight + bias)


# %% test
def test_one_row_through_two_ramps(student):
    """The row (1, 2) with weights ((1, -1), (1, 0)) and offsets (0.5, 0): 3.5, and -1, which becomes 0."""
    arguments = [np.array(each, np.float32) for each in ([[1, 2]], [[1, -1], [1, 0]], [0.5, 0])]
    assert close(student.tensors.layer(*arguments), [[3.5, 0.0]], atol=1e-6), "x W + b, and below 0 it is 0"


# %% [markdown]
# ## The network, and its training
#
# Two hidden layers of 16, then a line. Weights begin at random with variance 2 / a (He et al., ICCV 2015), so that the
# numbers keep their size from layer to layer. `MLP.squash` is the bend: your layer with the ReLU, or none.


# %% pytorch
class MLP(nn.Module):
    """Rows (N, 4) -> ages (N,), standardised."""

    def __init__(self, width=16, bends=True, start=None):
        super().__init__()
        sizes = [(4, width), (width, width), (width, 1)]
        scales = [np.sqrt(2 / a) if start is None else start for a, b in sizes]
        self.weights = nn.ParameterList(torch.randn(size) * s for size, s in zip(sizes, scales, strict=True))
        self.biases = nn.ParameterList(torch.zeros(b) for a, b in sizes)
        self.bends = bends

    def forward(self, x):
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = layer(x, weight, bias) if self.bends else x @ weight + bias  # (N, 4) -> (N, 16) -> (N, 16)
        return (x @ self.weights[-1] + self.biases[-1])[:, 0]  # (N, 1) -> (N,)


def train(model, inputs, kind, steps=800, seed=0):
    """`steps` steps of an optimiser of a `kind` on batches of 64 rows; returns the loss of each step."""
    rng, losses = np.random.default_rng(seed), []
    optimiser = kind(model.parameters(), 2e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)  # to 0 at the end
    for _ in range(steps):
        rows = rng.choice(train_rows, 64)
        optimiser.zero_grad()
        answer = model(torch.tensor(inputs[rows]))  # (64,), as the target: (64,) - (64, 1) would be (64, 64)
        loss = ((answer - torch.tensor(target[rows])) ** 2).mean()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def predict(model, inputs):
    """Rows (N, 4) -> ages in weeks (N,)."""
    with torch.no_grad():
        return model(torch.tensor(inputs)).numpy() * week[train_rows].std() + week[train_rows].mean()


# %% tensorflow
class MLP(keras.Model):
    """Rows (N, 4) -> ages (N,), standardised."""

    def __init__(self, width=16, bends=True, start=None):
        super().__init__()
        sizes = [(4, width), (width, width), (width, 1)]
        scales = [np.sqrt(2 / a) if start is None else start for a, b in sizes]
        normal = [keras.initializers.RandomNormal(stddev=s) if s else "zeros" for s in scales]
        self.matrices = [self.add_weight(shape=size, initializer=s) for size, s in zip(sizes, normal, strict=True)]
        self.biases = [self.add_weight(shape=(b,), initializer="zeros") for a, b in sizes]
        self.bends = bends

    def call(self, x):
        for weight, bias in zip(self.matrices[:-1], self.biases[:-1], strict=True):
            x = layer(x, weight, bias) if self.bends else x @ weight + bias  # (N, 4) -> (N, 16) -> (N, 16)
        return (x @ self.matrices[-1] + self.biases[-1])[:, 0]  # (N, 1) -> (N,)


def train(model, inputs, kind, steps=800, seed=0):
    """`steps` steps of an optimiser of a `kind` on batches of 64 rows; returns the loss of each step."""
    rng, losses = np.random.default_rng(seed), []
    optimiser = kind(keras.optimizers.schedules.CosineDecay(2e-2, steps))  # to 0 at the end
    optimiser.build(model.trainable_variables)

    @tf.function  # a graph is several times as fast as single operations
    def step(row, age):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(row) - age) ** 2)  # both (64,): (64,) - (64, 1) would be (64, 64)
        optimiser.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    for _ in range(steps):
        rows = rng.choice(train_rows, 64)
        losses.append(float(step(tf.constant(inputs[rows]), tf.constant(target[rows]))))
    return losses


def predict(model, inputs):
    """Rows (N, 4) -> ages in weeks (N,)."""
    return model(inputs).numpy() * week[train_rows].std() + week[train_rows].mean()


# %% pytorch
torch.manual_seed(0)
model = MLP()
losses = train(model, inputs, torch.optim.Adam)

# %% tensorflow
keras.utils.set_random_seed(0)
model = MLP()
losses = train(model, inputs, keras.optimizers.Adam)

# %%
answer = predict(model, inputs)
print(f"the network: {rmse(answer[val_rows], val_rows):.2f} weeks, the line {rmse(line[val_rows], val_rows):.2f}")
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
left.semilogy(losses)
left.set(xlabel="step", ylabel="mean squared error, standardised")
for name, values in {"line": line, "network": answer}.items():
    right.plot(week[val_rows], values[val_rows] - week[val_rows], ".", markersize=3, label=name)
right.axhline(0, color="k", linewidth=0.8)
right.set(xlabel="weeks", ylabel="error, weeks")
right.legend()
plt.show()

# %% [markdown]
# The bend is gone, and what is left is a cloud that grows with age: fetuses differ more towards term, and no model of
# these four numbers can know by how much. That part of the error is not the network's.
#
# ### Predict, then run
#
# All weights begin at 0, not at random. What is the loss after 800 steps, compared with about 0.02 above? Write your
# number down, then run. (What is the gradient of a weight whose input is 0?)

# %%
GUESS = None  # your number

# %% pytorch
zeros = MLP(start=0.0)
losses = train(zeros, inputs, torch.optim.Adam)
print(f"you said {GUESS}; from zeros, the loss is {np.mean(losses[-50:]):.2f}")

# %% tensorflow
zeros = MLP(start=0.0)
losses = train(zeros, inputs, keras.optimizers.Adam)
print(f"you said {GUESS}; from zeros, the loss is {np.mean(losses[-50:]):.2f}")

# %% [markdown]
# A hidden layer of zeros gives zeros, so the weights behind it have no gradient, and those before it none either, since
# what is behind them is 0. Only the last offset learns: it becomes the mean. The network is the first baseline.
#
# ## Experiment: what makes it learn?
#
# The same 800 steps: as it is; on millimetres, without `standardise`; without the bends; at a quarter of the width;
# with plain gradient descent (SGD) at the same rate. Before you run: which rows end at the error of the line?

# %% pytorch
table = {}
for name, settings in {
    "as it is": {}, "in millimetres": {}, "no bends": {"bends": False}, "a quarter wide": {"width": 4}, "SGD": {},
}.items():  # fmt: skip
    torch.manual_seed(1)
    model, data = MLP(**settings), x if name == "in millimetres" else inputs
    kind = torch.optim.SGD if name == "SGD" else torch.optim.Adam
    losses = train(model, data, kind, seed=1)
    count = sum(each.numel() for each in model.parameters())
    table[name] = count, np.mean(losses[-50:]), rmse(predict(model, data[val_rows]), val_rows)

# %% tensorflow
table = {}
for name, settings in {
    "as it is": {}, "in millimetres": {}, "no bends": {"bends": False}, "a quarter wide": {"width": 4}, "SGD": {},
}.items():  # fmt: skip
    keras.utils.set_random_seed(1)
    model, data = MLP(**settings), x if name == "in millimetres" else inputs
    kind = keras.optimizers.SGD if name == "SGD" else keras.optimizers.Adam
    losses = train(model, data, kind, seed=1)
    count = model.count_params()
    table[name] = count, np.mean(losses[-50:]), rmse(predict(model, data[val_rows]), val_rows)

# %%
print(f"{'':16}{'parameters':>11}{'training loss':>15}{'RMSE, weeks':>13}")
for name, (count, loss, error) in table.items():
    print(f"{name:16}{count:11}{loss:15.3f}{error:13.2f}")

# %% [markdown]
# The standard error of an RMSE from 100 fetuses is about 5 % of it: rows that are closer than that are equal.
#
# ## Why?
#
# 1. Why are validation rows standardised with the means of the training rows?
# 2. Why are two layers without a bend between them no more than one?
# 3. Why does a start from zeros stop the learning, while zero offsets do no harm?
# 4. Why does the error grow with age, and why can a deeper network not cure that?
#
# ## What would you tell a clinician?
#
# An obstetrician asks: *"The scan says 36 weeks and 2 days. How sure is that?"* Answer in three sentences. Say what the
# RMSE means for one fetus, how it depends on the age, and why a scan at 12 weeks dates a pregnancy better.
