"""Validation, metrics and pictures: how good is it, and how do you know?

Tutorial 0, 50 minutes. Needs NumPy, and a first look at a network.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float64, Int64

from assignments.interface import MayBeEmpty, Range
from assignments.testing import close

# %% [markdown]
# ## Patches, and whose they are
#
# 60 patients have given 10 patches of tissue each, 16 x 16 pixels; in half of the patients the tissue is diseased.
# All is drawn. A patch is the sum of three things: a pattern that belongs to the **patient** and is in all their
# patches; if they are ill, a faint bright spot in the middle; and noise, new in each patch.
#
# This is what medical data are like: scans, slices, patches and visits come in bundles, and a bundle is one patient.

# %% pytorch
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional

FRAMEWORK = "pytorch"

# %% tensorflow
import os

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}  # its notes would fill the page
import keras
import matplotlib.pyplot as plt
import tensorflow as tf
from keras import layers

FRAMEWORK = "tensorflow"

# %%
import numpy as np
from scipy import ndimage

SPOT = np.exp(-((np.arange(16) - 7.5) ** 2)[:, None] / 12) * np.exp(-((np.arange(16) - 7.5) ** 2) / 12)


def patients(n, rng, spot=0.8):
    """Patches (10 n, 16, 16) float32 of n patients, whether each is of an ill one (10 n,), and whose it is (10 n,)."""
    subject = np.repeat(np.arange(n), 10)
    ill = rng.permutation(np.arange(n) % 2)[subject]  # half of the patients
    patterns = ndimage.gaussian_filter(rng.normal(size=(n, 16, 16)), (0, 1.5, 1.5))
    patches = patterns[subject] / patterns.std() + spot * ill[:, None, None] * SPOT + rng.normal(size=(10 * n, 16, 16))
    return patches.astype(np.float32), ill, subject


patches, ill, subject = patients(60, np.random.default_rng(3))
figure, axes = plt.subplots(4, 8, figsize=(9, 4.6), layout="constrained")
for row, patient in enumerate([*np.unique(subject[ill == 0])[:2], *np.unique(subject[ill == 1])[:2]]):
    for axis, patch in zip(axes[row], patches[subject == patient], strict=False):
        axis.imshow(patch, cmap="gray", vmin=-3, vmax=3)
        axis.axis("off")
    axes[row, 0].set_title(f"patient {patient}: {'ill' if ill[10 * patient] else 'healthy'}", fontsize=9, loc="left")
figure.suptitle("Eight patches of each of four patients")
plt.show()

# %% [markdown]
# ## A baseline that runs at once
#
# No training: the brightness of the middle of a patch, less that of its rim. Whatever you train has to beat it.

# %%
middle = patches[:, 6:10, 6:10].mean((1, 2)) - patches[:, [0, -1]].mean((1, 2))
plt.figure(figsize=(5, 2.4))
plt.hist([middle[ill == 0], middle[ill == 1]], bins=25, label=["healthy", "ill"])
plt.xlabel("middle less rim")
plt.legend()
plt.show()

# %% [markdown]
# ## 1 · AUROC
#
# The two histograms overlap. How well does the number separate ill from healthy, whatever the threshold is? The area
# under the ROC curve is a probability: that a random ill case has a higher score than a random healthy one. A tie
# counts one half (Hanley, McNeil, Radiology 1982).
#
# It is 0.5 for a coin, 1 for a perfect order, and it does not change if all scores are squared or scaled: only their
# order counts. So it says nothing of whether "0.9" means nine in ten.


# %% interface
def auroc(score: Float64[np.ndarray, "n"], ill: Int64[np.ndarray, "n"]) -> Annotated[float, Range(0, 1)]: ...


def split_subjects(
    subject: Int64[np.ndarray, "n"], share: float, seed: int
) -> tuple[Annotated[Int64[np.ndarray, "a"], MayBeEmpty()], Int64[np.ndarray, "b"]]: ...


def hausdorff95(
    a: Float64[np.ndarray, "n 2"], b: Float64[np.ndarray, "m 2"], spacing: Float64[np.ndarray, "2"]
) -> float: ...


# %% solution auroc
def auroc(score, ill):
    """Scores (n,) and 0 or 1 (n,) -> the share of the pairs (ill, healthy) in which the ill one's score is higher.

    A tie counts one half. Compare all pairs: `score[ill == 1][:, None] > score[ill == 0]`.
    """
    of_ill, of_healthy = score[ill == 1][:, None], score[ill == 0]
    return float((of_ill > of_healthy).mean() + (of_ill == of_healthy).mean() / 2)


# %% test
def test_three_of_four_pairs(student):
    """Ill 0.9 and 0.4, healthy 0.5 and 0.1: three of four pairs are in order, 0.75."""
    answer = student.auroc(np.array([0.9, 0.5, 0.4, 0.1]), np.array([1, 0, 1, 0]))
    assert close(answer, 0.75), "count the pairs (ill, healthy) with the higher score for the ill one"


def test_a_constant_score_knows_nothing(student):
    """If all scores are equal, every pair is a tie: 0.5."""
    assert close(student.auroc(np.ones(6), np.array([1, 1, 0, 0, 0, 1])), 0.5), "a tie counts one half"


# %%
print(f"baseline: AUROC {auroc(middle.astype(float), ill):.2f} over all patches")

# %% [markdown]
# ## 2 · Split by patient
#
# A score on the data that trained says how well they are known by heart. So some are held out. **Which** is the
# question: if patches of one patient lie on both sides, the network can know the patient.


# %% solution split_subjects
def split_subjects(subject, share, seed):
    """Row numbers of two parts: the second has all rows of `share` of the subjects (rounded up), the first the others.

    `np.random.default_rng(seed).permutation` puts subjects in a random order; `np.isin` finds their rows.
    """
    order = np.random.default_rng(seed).permutation(np.unique(subject))
    held_out = np.isin(subject, order[: int(np.ceil(share * len(order)))])
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


# %% test
def test_all_rows_of_a_patient_are_on_one_side(student):
    """Of five patients with two rows each, a share of 0.3 is two patients: four rows, none with a row elsewhere."""
    subject = np.array([7, 7, 1, 1, 4, 4, 9, 9, 2, 2])
    rest, held_out = student.split_subjects(subject, 0.3, 1)
    assert close(len(held_out), 4), "the share is of the patients, rounded up: 0.3 * 5 = 1.5, so 2"
    assert not set(subject[rest]) & set(subject[held_out]), "a patient is on one side"
    assert sorted([*rest, *held_out]) == list(range(10)), "every row is on one side"


# %% [markdown]
# ## A network, and its two curves
#
# A perceptron with one hidden layer (tutorial 1 builds it) takes the 256 numbers of a patch. `train` notes the loss on
# the part that trains and on the part that was held out, at every tenth step.


# %% pytorch
class Perceptron(nn.Module):
    """Patches (N, 16, 16) -> logits (N,)."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(256, 32)
        self.last = nn.Linear(32, 1)

    def forward(self, x):
        x = torch.relu(self.hidden(x.reshape(-1, 256)))  # (N, 256) -> (N, 32)
        return self.last(x)[:, 0]  # (N,)


def loss_of(model, rows, patches, ill):
    """The mean binary cross-entropy of some rows."""
    logits = model(torch.tensor(patches[rows]))
    return functional.binary_cross_entropy_with_logits(logits, torch.tensor(ill[rows].astype(np.float32)))


def train(rows, val_rows, patches, ill, steps=300):
    """A network after `steps` steps on all of `rows`, and the curves (step, training loss, validation loss)."""
    torch.manual_seed(0)
    model, curves = Perceptron(), []
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    for step in range(steps):
        optimiser.zero_grad()
        loss = loss_of(model, rows, patches, ill)
        loss.backward()
        if step % 10 == 0:
            with torch.no_grad():
                curves.append((step, loss.item(), loss_of(model, val_rows, patches, ill).item()))
        optimiser.step()
    return model, np.array(curves)


def predict(model, patches):
    """Patches (N, 16, 16) -> probabilities (N,) float64."""
    with torch.no_grad():
        return torch.sigmoid(model(torch.tensor(patches)).double()).numpy()


# %% tensorflow
class Perceptron(keras.Model):
    """Patches (N, 16, 16) -> logits (N,)."""

    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(32)
        self.last = layers.Dense(1)
        self(patches[:1])  # Keras makes the weights when the first patch passes

    def call(self, x):
        x = tf.nn.relu(self.hidden(tf.reshape(x, (-1, 256))))  # (N, 256) -> (N, 32)
        return self.last(x)[:, 0]  # (N,)


def loss_of(model, rows, patches, ill):
    """The mean binary cross-entropy of some rows."""
    logits = model(tf.gather(patches, rows))
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(tf.gather(ill, rows), logits))


def train(rows, val_rows, patches, ill, steps=300):
    """A network after `steps` steps on all of `rows`, and the curves (step, training loss, validation loss)."""
    keras.utils.set_random_seed(0)
    model, curves = Perceptron(), []
    optimiser = keras.optimizers.Adam(2e-3)
    optimiser.build(model.trainable_variables)
    data = tf.constant(patches), tf.constant(ill.astype(np.float32))

    @tf.function  # a graph is several times as fast as single operations
    def one_step():
        with tf.GradientTape() as tape:
            loss = loss_of(model, rows, *data)
        val_loss = loss_of(model, val_rows, *data)
        optimiser.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss, val_loss

    for step in range(steps):
        loss, val_loss = one_step()
        if step % 10 == 0:
            curves.append((step, float(loss), float(val_loss)))
    return model, np.array(curves)


def predict(model, patches):
    """Patches (N, 16, 16) -> probabilities (N,) float64."""
    return tf.sigmoid(tf.cast(model(patches), tf.float64)).numpy()


# %%
rows, val_rows = split_subjects(subject, 0.3, seed=0)
model, curves = train(rows, val_rows, patches, ill)
plt.figure(figsize=(5.5, 3))
plt.plot(curves[:, 0], curves[:, 1], label="training patients")
plt.plot(curves[:, 0], curves[:, 2], label="validation patients")
best = curves[curves[:, 2].argmin(), 0]
plt.axvline(best, color="0.6", linestyle=":", label=f"stop here: step {best:.0f}")
plt.xlabel("step")
plt.ylabel("cross-entropy")
plt.ylim(0, 1.6)
plt.legend()
plt.show()
print(f"AUROC: training {auroc(predict(model, patches[rows]), ill[rows]):.2f}", end=", ")
print(f"validation {auroc(predict(model, patches[val_rows]), ill[val_rows]):.2f}")

# %% [markdown]
# The curve of the training patients falls to 0: the network knows them by heart. The other curve turns. **Early
# stopping** keeps the weights of its lowest point. Then that point was chosen with the validation patients, and a
# fair number needs a third group that nobody has looked at: the **test set**.
#
# ### Predict, then run
#
# Now a data set with **nothing to learn**: no spot at all, and who is ill was drawn by lot. The split is by *patch*:
# 30 % of all patches are held out, whoever they belong to. What AUROC will the network have on the patches held out?
# Write your number down, then run.

# %%
GUESS = None  # your number

blank, lots, whose = patients(60, np.random.default_rng(4), spot=0.0)
rest, others = split_subjects(np.arange(600), 0.3, seed=0)  # every patch as if it were a patient
model, _ = train(rest, others, blank, lots)
print(f"you said {GUESS}; split by patch: {auroc(predict(model, blank[others]), lots[others]):.2f}")
rest, others = split_subjects(whose, 0.3, seed=0)
model, _ = train(rest, others, blank, lots)
print(f"split by patient: {auroc(predict(model, blank[others]), lots[others]):.2f}")

# %% [markdown]
# A brilliant score, and no disease. Published studies have made this mistake with slices, patches, visits and ECG
# beats.
#
# ## Experiment: what does the validation score promise?
#
# With the spot again: for 20, 60 and 180 patients, split by patch or by patient, what the held-out part says, and what
# comes out on 100 **new patients**. Before you run: in which rows do the two columns agree?

# %%
new_patches, new_ill, _ = patients(100, np.random.default_rng(9))
print(f"{'patients':>8}  {'split by':10}{'held out':>9}{'new patients':>14}")
for count in (20, 60, 180):
    x, y, whose = patients(count, np.random.default_rng(count + 5))
    for unit, groups in {"patch": np.arange(len(x)), "patient": whose}.items():
        rest, others = split_subjects(groups, 0.3, seed=1)
        model, _ = train(rest, others, x, y, steps=60)
        held_out, new = auroc(predict(model, x[others]), y[others]), auroc(predict(model, new_patches), new_ill)
        print(f"{count:8}  {unit:10}{held_out:9.2f}{new:14.2f}")

# %% [markdown]
# Split by patient, the number is honest and still shaky: 30 % of 20 patients are six. More patches of them would not
# help. The unit of uncertainty is the patient too.
#
# ## 3 · Distances between outlines
#
# For masks, Dice counts pixels that overlap. The **Hausdorff distance** asks how far the outlines are apart, in
# millimetres: for each point of one outline the distance to the nearest point of the other, and the largest of them.
# One stray pixel decides that, so the 95th percentile is reported; both directions are computed, and the larger one
# counts.


# %% solution hausdorff95
def hausdorff95(a, b, spacing):
    """Points (n, 2) and (m, 2) of two outlines, in pixels, and the size of a pixel (2,) in mm -> HD95 in mm.

    The 95th percentile (`np.percentile`) of the distances from each point of `a` to the nearest of `b`, the same from
    `b` to `a`, and the larger of both.
    """
    apart = np.linalg.norm((a[:, None] - b[None]) * spacing, axis=2)  # (n, m) mm
    return float(max(np.percentile(apart.min(axis=1), 95), np.percentile(apart.min(axis=0), 95)))


# %% test
def test_pixels_that_are_not_square(student):
    """Three rows of 2 mm and four columns of 1.5 mm apart: the root of 6^2 + 6^2 is 8.485 mm."""
    answer = student.hausdorff95(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]), np.array([2.0, 1.5]))
    assert close(answer, np.sqrt(72), atol=1e-9), "multiply by the spacing before you take the norm"


def test_the_larger_direction_counts(student):
    """`b` has the point of `a` and one 10 mm away: from `a` 0, from `b` the 95th percentile of 0 and 10, 9.5."""
    a, b = np.array([[0.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 10.0]])
    assert close(student.hausdorff95(a, b, np.ones(2)), 9.5, atol=1e-9), "compute both directions"
    assert close(student.hausdorff95(b, a, np.ones(2)), 9.5, atol=1e-9), "compute both directions"


# %% [markdown]
# ### The same numbers on pictures
#
# Four answers for one organ. Look first: which would you accept? Then read what Dice and HD95 say. Below, a
# registration with its **target registration error** (TRE): the mean distance, in mm, between where landmarks should
# be and where they came to lie.

# %%
y, x = np.mgrid[:64, :64]
organ = np.hypot(y - 32, x - 30) < 14
answers = {
    "moved by 3 pixels": np.roll(organ, 3, 1),
    "3 pixels too small": ndimage.binary_erosion(organ, iterations=3),
    "a stray island": organ | (np.hypot(y - 8, x - 56) < 4),
    "half is missing": organ & (x < 31),
}


def outline(mask):
    """The points (n, 2) of a mask that touch its background."""
    return np.argwhere(mask & ~ndimage.binary_erosion(mask)).astype(float)


figure, axes = plt.subplots(1, 4, figsize=(10, 3), layout="constrained")
for axis, (name, answer) in zip(axes, answers.items(), strict=True):
    overlap = 2 * (organ & answer).sum() / (organ.sum() + answer.sum())
    far = hausdorff95(outline(organ), outline(answer), np.array([0.8, 0.8]))
    axis.imshow(organ, cmap="Greens", alpha=0.6)
    axis.contour(answer, [0.5], colors="red")
    axis.set_title(f"{name}\nDice {overlap:.2f}, HD95 {far:.1f} mm", fontsize=9)
    axis.axis("off")
plt.show()

# %%
rng = np.random.default_rng(0)
where = rng.uniform(12, 52, (12, 2))
arrived = where + np.array([1.5, -1.0]) + rng.normal(0, 0.8, (12, 2))
tre = np.linalg.norm((arrived - where) * 0.8, axis=1)
plt.figure(figsize=(3.6, 3.6))
plt.quiver(*where.T[::-1], *(arrived - where).T[::-1], angles="xy", scale_units="xy", scale=1, color="red")
plt.plot(*where.T[::-1], "k.")
plt.title(f"TRE {tre.mean():.1f} mm, the worst {tre.max():.1f} mm")
plt.gca().set(aspect="equal", xlim=(0, 64), ylim=(64, 0))
plt.show()

# %% [markdown]
# ## Why?
#
# 1. Why can a network tell who is ill from patches that show nothing of the illness?
# 2. Why is the test set used once, and what happens to its number if it is used ten times?
# 3. Why does an AUROC of 0.95 not mean that 95 % of the patients get the right answer?
# 4. Why may two answers with the same Dice need very different work of a person who corrects them?
#
# ## What would you tell a clinician?
#
# A paper says: *"AUROC 0.97 on 12 000 slices."* A colleague asks you whether to buy it. Answer in three sentences:
# which two questions do you ask the authors first, and what would you measure in your own hospital before anybody
# uses it?
