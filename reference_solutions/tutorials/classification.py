"""Classification: which plane does a frame of fetal ultrasound show?

Tutorial 3, 50 minutes. Needs tutorial 2, for convolutions.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float32, Float64, Int64

from assignments.interface import Range
from assignments.testing import close

# %% [markdown]
# ## Frames, and whose they are
#
# A sonographer measures a fetus in standard planes: through the head, the abdomen, the heart. A classifier names the
# plane of each frame of a sweep, so that the right frame is measured. The frames here are drawn, no patient is among
# them; each fetus has ten, and they resemble each other: same age, same machine, same tissue in front.
#
# So **fetuses** are split, not frames. The first 60 fetuses train, the next 30 validate. A network that has seen nine
# frames of a fetus knows it, and its score on the tenth says nothing of the next patient.

# %% pytorch
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from torch import nn

from assignments.data.sources.fetal_us import PLANES, fetal_us

FRAMEWORK = "pytorch"
torch.manual_seed(0)

# %% tensorflow
import os
from itertools import pairwise

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}  # its notes would fill the page
import keras
import matplotlib.pyplot as plt
import tensorflow as tf
from keras import layers

from assignments.data.sources.fetal_us import PLANES, fetal_us

FRAMEWORK = "tensorflow"
keras.utils.set_random_seed(0)

# %%
import numpy as np

cases = fetal_us(900, np.random.default_rng(1))
grey, plane, fetus = cases["image"], cases["y"].astype(np.int64), cases["subject"]
# Gain and contrast are the operator's choice: each frame gets mean 0 and SD 1.
frames = (grey - grey.mean((1, 2), keepdims=True)) / (grey.std((1, 2), keepdims=True) + 1e-6)  # (900, 48, 48)
train_rows, val_rows = np.flatnonzero(fetus < 60), np.flatnonzero(fetus >= 60)

figure, axes = plt.subplots(3, 4, figsize=(8, 6.2))
for column, name in enumerate(PLANES):
    for row, frame in enumerate(grey[plane == column][:3]):
        axes[row, column].imshow(frame, cmap="gray")
        axes[row, column].set_title(name if row == 0 else "")
        axes[row, column].axis("off")
plt.show()
print(len(train_rows), "frames train,", len(val_rows), "validate; planes:", np.bincount(plane) / len(plane))

# %% [markdown]
# ## A baseline that runs at once
#
# Before any network: average 4 x 4 pixels, and fit one line per plane by least squares. A network that does not beat
# this has learnt nothing worth its cost.

# %%
small = frames.reshape(-1, 12, 4, 12, 4).mean((2, 4)).reshape(-1, 144)  # (900, 144)
design = np.hstack([small, np.ones((len(small), 1))])
ridge = design[train_rows].T @ design[train_rows] + 30 * np.eye(145)
weights = np.linalg.solve(ridge, design[train_rows].T @ np.eye(4)[plane[train_rows]])
line_scores = design @ weights  # (900, 4)
right = line_scores.argmax(1) == plane
print(f"baseline: {right[train_rows].mean():.2f} of the training frames, {right[val_rows].mean():.2f} of the others")

# %% [markdown]
# ## 1 · A score that counts each plane the same
#
# Of the frames, 30 % show a head and 20 % a heart. A classifier that never says *heart* may still have an accuracy of
# 0.8. The **balanced accuracy** is the mean over the planes of the share of their frames that is recognised. Chance is
# 1/4, whatever the shares are.


# %% interface
def balanced_accuracy(prob: Float64[np.ndarray, "n k"], y: Int64[np.ndarray, "n"]) -> Annotated[float, Range(0, 1)]: ...


def cross_entropy(logits: Float32[np.ndarray, "n k"], y: Int64[np.ndarray, "n"]) -> float: ...


def dropout(
    x: Float32[np.ndarray, "n d"], rate: float, random: Float32[np.ndarray, "n d"]
) -> Float32[np.ndarray, "n d"]: ...


# %% solution balanced_accuracy
def balanced_accuracy(prob, y):
    """Probabilities (n, k) and true classes (n,) -> the mean over the classes in `y` of their share that is recognised.

    NumPy arrays; the answer is a float. The class with the highest probability is the answer for a case.
    """
    right = prob.argmax(axis=1) == y
    return float(np.mean([right[y == each].mean() for each in np.unique(y)]))


# %% test
def test_a_rare_class_counts_as_much_as_a_frequent_one(student):
    """Three of three cases of class 0 and one of two of class 1 are right: (1 + 1/2) / 2 = 0.75."""
    prob = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.7, 0.3], [0.1, 0.9]])
    answer = student.balanced_accuracy(prob, np.array([0, 0, 0, 1, 1]))
    assert close(answer, 0.75), "average within each class first, then over the classes"


# %%
print(f"baseline, balanced: {balanced_accuracy(line_scores[val_rows], plane[val_rows]):.2f}")

# %% [markdown]
# ## 2 · The loss
#
# The network gives four numbers per frame, the *logits* z. The softmax makes probabilities of them, and the
# **cross-entropy** of a frame of plane y is
#
# $$-\log\frac{e^{z_y}}{\sum_j e^{z_j}} = \log\sum_j e^{z_j} - z_y.$$
#
# Written as on the right and with the framework's `logsumexp`, it is finite for any logits: `log(softmax(z))` is not,
# since $e^{-200}$ is 0 in float32, and log 0 is minus infinity.


# %% solution cross_entropy pytorch
def cross_entropy(logits, y):
    """Logits (n, k) and true classes (n,) -> the mean over the cases of log sum_j exp(z_j) - z_y; tensors.

    `torch.logsumexp`, and `torch.gather` or `z[rows, columns]`, are of use.
    """
    truth = logits[torch.arange(len(y)), y]  # (n,)
    return (torch.logsumexp(logits, 1) - truth).mean()


# %% solution cross_entropy tensorflow
def cross_entropy(logits, y):
    """Logits (n, k) and true classes (n,) -> the mean over the cases of log sum_j exp(z_j) - z_y; tensors.

    `tf.reduce_logsumexp`, and `tf.gather(..., batch_dims=1)`, are of use.
    """
    truth = tf.gather(logits, y, batch_dims=1)  # (n,)
    return tf.reduce_mean(tf.reduce_logsumexp(logits, 1) - truth)


# %% test
def test_even_odds_cost_log_2(student):
    """With equal logits for two classes, each case costs log 2 = 0.693."""
    logits = np.array([[3.0, 3.0], [-1.0, -1.0]], np.float32)
    loss = student.tensors.cross_entropy(logits, np.array([0, 1]))
    assert close(loss, np.log(2), atol=1e-5), "the mean over the cases"


def test_a_confident_mistake_is_finite(student):
    """Logits of 200 and 0, and the second class is true: the loss is 200, not infinity."""
    loss = student.tensors.cross_entropy(np.array([[200.0, 0.0]], np.float32), np.array([1]))
    assert close(loss, 200.0, atol=1e-3), "take logsumexp of the logits, not the log of the softmax"


# %% [markdown]
# ## 3 · Dropout
#
# *Srivastava et al., JMLR 2014.* In training, each number becomes 0 with probability `rate`, so that no feature can
# rely on another one. What stays is divided by 1 - rate: the **expectation** of the output is then the input, and at
# prediction nothing has to be done at all. The random numbers come as an argument, so that a test can know them.


# %% solution dropout pytorch
def dropout(x, rate, random):
    """`x` with 0 where `random` < rate, and divided by 1 - rate elsewhere; `random` is uniform in [0, 1), as `x` is."""
    stays = (random >= rate).to(x.dtype)
    return x * stays / (1 - rate)


# %% solution dropout tensorflow
def dropout(x, rate, random):
    """`x` with 0 where `random` < rate, and divided by 1 - rate elsewhere; `random` is uniform in [0, 1), as `x` is."""
    stays = tf.cast(random >= rate, x.dtype)
    return x * stays / (1 - rate)


# %% test
def test_a_fifth_is_dropped_and_the_rest_grows(student):
    """At a rate of 0.2, the numbers 4, 8 and 12 with random 0.1, 0.2 and 0.9 become 0, 10 and 15."""
    x = np.array([[4.0, 8.0, 12.0]], np.float32)
    dropped = student.tensors.dropout(x, 0.2, np.array([[0.1, 0.2, 0.9]], np.float32))
    assert close(dropped, [[0.0, 10.0, 15.0]], atol=1e-4), "divide what stays by 1 - rate"


# %% [markdown]
# ## The network
#
# Three convolutions of stride 2, each with batch normalisation, then the mean over the image: a plane may lie anywhere
# and be turned any way. `where` says which numbers dropout meets. Note how the two frameworks order the axes of an
# image: PyTorch (N, C, H, W), TensorFlow (N, H, W, C).


# %% pytorch
class PlaneNet(nn.Module):
    """Frames (N, H, W) -> logits (N, 4)."""

    def __init__(self, where="last", rate=0.3, width=8):
        super().__init__()
        widths = [1, width, 2 * width, 4 * width]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, 2, padding=1, bias=False) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for b in widths[1:])
        self.last = nn.Linear(4 * width, 4)
        self.where, self.rate, self.left_on = where, rate, False

    def drop(self, x, where):
        if where == self.where and (self.training or self.left_on):
            return dropout(x, self.rate, torch.rand_like(x))
        return x

    def forward(self, x):
        x = self.drop(x[:, None], "input")  # (N, 1, 48, 48)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = torch.relu(norm(conv(x)))  # (N, 8, 24, 24), then (N, 16, 12, 12), then (N, 32, 6, 6)
            x = self.drop(x, "blocks")
        x = self.drop(x.mean((2, 3)), "last")  # (N, 32)
        return self.last(x)  # (N, 4)


def train(model, images, y, steps=300, seed=0):
    """`steps` steps of Adam on batches of 32 frames; returns the loss of each step."""
    rng, losses = np.random.default_rng(seed), []
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)  # small steps at the end settle the norms
    model.train()
    for _ in range(steps):
        rows = rng.choice(len(images), 32)
        optimiser.zero_grad()
        loss = cross_entropy(model(torch.tensor(images[rows])), torch.tensor(y[rows]))
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    model.eval()
    return losses


def predict(model, images):
    """Frames (N, H, W) -> probabilities (N, 4) float64."""
    with torch.no_grad():
        return torch.softmax(model(torch.tensor(images)).double(), 1).numpy()


# %% tensorflow
class PlaneNet(keras.Model):
    """Frames (N, H, W) -> logits (N, 4)."""

    def __init__(self, where="last", rate=0.3, width=8):
        super().__init__()
        widths = [1, width, 2 * width, 4 * width]
        self.pad = layers.ZeroPadding2D(1)  # padding="same" would pad a stride of 2 on one side only
        self.convs = [layers.Conv2D(b, 3, 2, use_bias=False) for a, b in pairwise(widths)]
        self.norms = [layers.BatchNormalization(momentum=0.9, epsilon=1e-5) for b in widths[1:]]
        self.last = layers.Dense(4)
        self.where, self.rate, self.left_on = where, rate, False

    def drop(self, x, where, training):
        if where == self.where and (training or self.left_on):
            return dropout(x, self.rate, tf.random.uniform(tf.shape(x)))
        return x

    def call(self, x, training=False):
        x = self.drop(x[..., None], "input", training)  # (N, 48, 48, 1)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = tf.nn.relu(norm(conv(self.pad(x)), training=training))  # (N, 24, 24, 8), (N, 12, 12, 16), (N, 6, 6, 32)
            x = self.drop(x, "blocks", training)
        x = self.drop(tf.reduce_mean(x, (1, 2)), "last", training)  # (N, 32)
        return self.last(x)  # (N, 4)


def train(model, images, y, steps=300, seed=0):
    """`steps` steps of Adam on batches of 32 frames; returns the loss of each step."""
    rng, losses = np.random.default_rng(seed), []
    model(images[:1])  # Keras makes the weights when the first frame passes
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, steps)  # small steps at the end settle the norms
    optimiser = keras.optimizers.Adam(schedule)
    optimiser.build(model.trainable_variables)

    @tf.function  # a graph is several times as fast as single operations
    def step(image, label):
        with tf.GradientTape() as tape:
            loss = cross_entropy(model(image, training=True), label)
        optimiser.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    for _ in range(steps):
        rows = rng.choice(len(images), 32)
        losses.append(float(step(tf.constant(images[rows]), tf.constant(y[rows]))))
    return losses


def predict(model, images):
    """Frames (N, H, W) -> probabilities (N, 4) float64."""
    return tf.nn.softmax(tf.cast(model(images, training=False), tf.float64), 1).numpy()


# %% [markdown]
# ### Predict, then run
#
# The network is new and has learnt nothing. What is its loss on the very first batch, roughly? Write your number down
# before you run the cell. (What does a classifier that has no idea say of four planes?)

# %%
GUESS = None  # your number

model = PlaneNet()
losses = train(model, frames[train_rows], plane[train_rows])
print(f"you said {GUESS}; the first batch cost {losses[0]:.2f}, and log 4 is {np.log(4):.2f}")
prob = predict(model, frames[val_rows])
print(f"after training, balanced accuracy on new fetuses: {balanced_accuracy(prob, plane[val_rows]):.2f}")

# %%
confusion = np.zeros((4, 4), int)
np.add.at(confusion, (plane[val_rows], prob.argmax(1)), 1)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.plot(losses, color="0.75", label="each batch")
left.plot(np.convolve(losses, np.ones(20) / 20, "valid"), label="mean of 20")
left.axhline(np.log(4), color="k", linestyle=":", label="log 4")
left.set(xlabel="step", ylabel="cross-entropy")
left.legend()
right.imshow(confusion, cmap="Blues")
right.set(xticks=range(4), yticks=range(4), xticklabels=PLANES, yticklabels=PLANES, xlabel="answer", ylabel="truth")
for (row, column), count in np.ndenumerate(confusion):
    right.text(column, row, count, ha="center", color="w" if count > confusion.max() / 2 else "k")
plt.show()

# %% [markdown]
# ### Look at what it gets wrong
#
# These are its most confident mistakes. Would you have known? Are they bad frames, or planes that look alike?

# %%
wrong = np.flatnonzero(prob.argmax(1) != plane[val_rows])
worst = wrong[np.argsort(-prob[wrong].max(1))][:6]
figure, axes = plt.subplots(1, 6, figsize=(11, 2.4))
for axis in axes:
    axis.axis("off")
for axis, row in zip(axes, worst, strict=False):
    axis.imshow(grey[val_rows[row]], cmap="gray")
    answer, true = PLANES[prob[row].argmax()], PLANES[plane[val_rows[row]]]
    axis.set_title(f"{answer} {prob[row].max():.0%}\nis {true}", fontsize=9)
plt.show()

# %% [markdown]
# ## Experiment: where does dropout belong?
#
# The same network, five times: without dropout; before the last layer; after each block; on the input. In the last row
# dropout stays switched on at prediction, the most frequent mistake of all. Before you run it: which row has the lowest
# training loss, and is it the one with the best score?
#
# The ± is the standard error over the 30 fetuses. Rows that differ by less than twice that are not different.


# %%
def score(prob):
    """Balanced accuracy on the validation frames, and its standard error over the fetuses."""
    hits = prob.argmax(1) == plane[val_rows]
    per_fetus = [hits[fetus[val_rows] == each].mean() for each in np.unique(fetus[val_rows])]
    return balanced_accuracy(prob, plane[val_rows]), np.std(per_fetus) / np.sqrt(len(per_fetus))


# %% pytorch
rows = {}
for where in ("nowhere", "last", "blocks", "input"):
    torch.manual_seed(1)
    model = PlaneNet(where)
    last = np.mean(train(model, frames[train_rows], plane[train_rows], seed=1)[-40:])
    rows[where] = last, *score(predict(model, frames[val_rows]))
    if where == "blocks":
        model.left_on = True
        rows["blocks, left on"] = last, *score(predict(model, frames[val_rows]))

# %% tensorflow
rows = {}
for where in ("nowhere", "last", "blocks", "input"):
    keras.utils.set_random_seed(1)
    model = PlaneNet(where)
    last = np.mean(train(model, frames[train_rows], plane[train_rows], seed=1)[-40:])
    rows[where] = last, *score(predict(model, frames[val_rows]))
    if where == "blocks":
        model.left_on = True
        rows["blocks, left on"] = last, *score(predict(model, frames[val_rows]))

# %%
print(f"{'dropout':18}{'training loss':>15}{'balanced accuracy':>20}")
for name, (last, value, error) in rows.items():
    print(f"{name:18}{last:15.2f}{value:14.2f} ± {error:.2f}")

# %% [markdown]
# The training loss is measured **with** dropout, which makes the task harder: a higher loss in training says nothing
# against it. After a convolution, neighbours carry the same information, so dropping single pixels hides little and
# mostly adds noise that the batch normalisation then measures: its running statistics belong to noisy numbers, and at
# prediction the noise is gone (Li et al., CVPR 2019). Behind the mean over the image there is no such harm.
#
# ## Why?
#
# 1. Why are fetuses split and not frames? What would happen to the score, and to whom would it matter?
# 2. Why is the output divided by 1 - rate in training, rather than multiplied at prediction?
# 3. Why may the row with the lowest training loss not be the best one on new fetuses?
# 4. Why does a class that nobody has seen in training (twins, say) still get four probabilities that add up to 1? What
#    would you need to notice it?
#
# ## What would you tell a clinician?
#
# A sonographer asks: *"It says abdomen, 97 %. May I measure?"* Answer in three sentences. Say what the number is and is
# not, on which patients it was measured, and what the confusion matrix tells about abdomen against heart.
