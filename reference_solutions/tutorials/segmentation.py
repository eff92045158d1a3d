"""Segmentation: where is the prostate in a slice of T2-weighted MRI?

Tutorial 4, 55 minutes. Needs tutorial 2, for convolutions.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float32

from assignments.interface import Range
from assignments.testing import close

# %% [markdown]
# ## Slices and outlines
#
# Before a prostate is irradiated, somebody draws its outline on each slice. A network that draws it saves an hour, if
# its outline is right. The pelvises here are drawn, no patient is among them. They are hard for the reasons that real
# ones are: the zone behind is as bright as fat, the zone in the middle as dark as muscle, and the scanner's unit is
# arbitrary: the same tissue reads 200 in one case and 20 000 in the next.
#
# Of each patient we take three slices through the gland, in pixels of 3.5 mm so that training takes seconds. 100
# patients train, 40 others validate.

# %% pytorch
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional

from assignments.data.sources.prostate_mr import prostate_mr

FRAMEWORK = "pytorch"

# %% tensorflow
import os

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}  # its notes would fill the page
import keras
import matplotlib.pyplot as plt
import tensorflow as tf
from keras import layers

from assignments.data.sources.prostate_mr import prostate_mr

FRAMEWORK = "tensorflow"

# %%
import numpy as np
from scipy import ndimage

cases = prostate_mr(140, np.random.default_rng(2), (16, 32, 32))
middle = cases["label"].sum((2, 3)).argmax(1)  # the slice with most gland
levels = np.clip(middle[:, None] + (-2, 0, 2), 0, 15)  # (140, 3)
patient = np.repeat(np.arange(140), 3)
raw = cases["image"][patient, levels.ravel()]  # (420, 32, 32), in the scanner's unit
truth = cases["label"][patient, levels.ravel()] == 1  # (420, 32, 32)
slices = (raw - raw.mean((1, 2), keepdims=True)) / raw.std((1, 2), keepdims=True)  # mean 0 and SD 1 in each slice
train_rows, val_rows = np.flatnonzero(patient < 100), np.flatnonzero(patient >= 100)


def show(rows, outlines):
    """Slices with the outline of the truth (green), and of each other mask in `outlines` by its colour."""
    axes = plt.subplots(1, len(rows), figsize=(11, 2.4))[1]
    for axis, row in zip(axes, rows, strict=True):
        axis.imshow(slices[row], cmap="gray", vmin=-2, vmax=3)
        for colour, masks in {"lime": truth, **outlines}.items():
            if masks[row].any():
                axis.contour(masks[row], [0.5], colors=colour, linewidths=1.2)
        axis.axis("off")
    plt.show()


show([1, 31, 61, 91, 121], {})
print(f"of the first five patients, the middle of the image reads {raw[1:15:3, 16, 16].astype(int)}")

# %% [markdown]
# ### Predict, then run
#
# An answer that says *no prostate* at every pixel is useless. What share of the pixels does it get right? Write your
# number down, then run.

# %%
GUESS = None  # your number

print(f"you said {GUESS}; it is right at {1 - truth[val_rows].mean():.2f} of the pixels")

# %% [markdown]
# So accuracy says nothing here: background decides it.
#
# ## 1 · Dice
#
# The Dice coefficient leaves background out: twice the overlap, divided by both areas (Dice, Ecology 1945).
#
# $$\text{Dice}(P, T) = \frac{2\,|P \cap T|}{|P| + |T|}$$
#
# Two empty masks agree: their Dice is 1. That is a convention, and a metric without one divides 0 by 0.


# %% interface
def dice(prediction: Bool[np.ndarray, "h w"], truth: Bool[np.ndarray, "h w"]) -> Annotated[float, Range(0, 1)]: ...


def soft_dice_loss(logits: Float32[np.ndarray, "n h w"], truth: Float32[np.ndarray, "n h w"]) -> float: ...


def largest_component(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]: ...


# %% solution dice
def dice(prediction, truth):
    """Twice the overlap of two masks (H, W), divided by the sum of their areas; 1.0 if both are empty. NumPy."""
    areas = prediction.sum() + truth.sum()
    return 1.0 if areas == 0 else float(2 * (prediction & truth).sum() / areas)


# %% test
def test_an_overlap_of_one_pixel(student):
    """Areas of 2 and 3 pixels that share one: 2 * 1 / (2 + 3) = 0.4."""
    prediction = np.array([[True, True, False], [False, False, False]])
    truth = np.array([[False, True, True], [False, False, True]])
    assert close(student.dice(prediction, truth), 0.4), "divide by the sum of the areas, not by the union"


def test_two_empty_masks_agree(student):
    """Without a gland in prediction and truth, Dice is 1."""
    empty = np.zeros((4, 4), bool)
    assert close(student.dice(empty, empty), 1.0), "the convention for 0 / 0"


# %% [markdown]
# ## A baseline that runs at once
#
# The gland lies in the middle. The mean of all training masks is a map of probabilities; above 0.5 it is an outline
# that never looks at the image. A network has to beat this *atlas*.

# %%
atlas = np.repeat(truth[train_rows].mean(0)[None] > 0.5, len(truth), 0)
print("atlas: Dice", round(np.mean([dice(atlas[row], truth[row]) for row in val_rows]), 2))
show(val_rows[[1, 10, 22, 34, 46]], {"gold": atlas})

# %% [markdown]
# ## 2 · A loss that is Dice
#
# A mask of true and false has no gradient. So probabilities p = sigmoid(z) take its part (Milletari et al., *V-Net*,
# 3DV 2016):
#
# $$\ell = 1 - \frac{2\sum p\,t + 1}{\sum p + \sum t + 1}$$
#
# with sums over the pixels of **one** case, and then the mean over the cases. The +1 keeps it finite for empty masks.
# With the sums over the whole batch, large glands would decide the loss, and small ones be forgotten.


# %% solution soft_dice_loss pytorch
def soft_dice_loss(logits, truth):
    """Logits and truth (0 or 1), both (n, H, W) float32 -> the mean over the cases of 1 - soft Dice; tensors."""
    prob = torch.sigmoid(logits)
    overlap = (prob * truth).sum((1, 2))  # (n,)
    areas = prob.sum((1, 2)) + truth.sum((1, 2))  # (n,)
    return (1 - (2 * overlap + 1) / (areas + 1)).mean()


# %% solution soft_dice_loss tensorflow
def soft_dice_loss(logits, truth):
    """Logits and truth (0 or 1), both (n, H, W) float32 -> the mean over the cases of 1 - soft Dice; tensors."""
    prob = tf.sigmoid(logits)
    overlap = tf.reduce_sum(prob * truth, (1, 2))  # (n,)
    areas = tf.reduce_sum(prob, (1, 2)) + tf.reduce_sum(truth, (1, 2))  # (n,)
    return tf.reduce_mean(1 - (2 * overlap + 1) / (areas + 1))


# %% test
def test_no_idea_of_one_pixel(student):
    """A logit of 0 is p = 0.5; the truth is 1: 1 - (2 * 0.5 + 1) / (0.5 + 1 + 1) = 0.2."""
    loss = student.tensors.soft_dice_loss(np.zeros((1, 1, 1), np.float32), np.ones((1, 1, 1), np.float32))
    assert close(loss, 0.2, atol=1e-5), "a sigmoid of the logits, and +1 above and below"


def test_the_mean_is_over_cases(student):
    """A case of 0 and an empty one that is half wrong, 1 - 1 / (0.5 + 1) = 1/3: the mean is 1/6."""
    logits = np.array([[[80.0]], [[0.0]]], np.float32)
    loss = student.tensors.soft_dice_loss(logits, np.array([[[1.0]], [[0.0]]], np.float32))
    assert close(loss, 1 / 6, atol=1e-5), "sums over the pixels of a case, then the mean over the cases"


# %% [markdown]
# ## The network
#
# A **U-Net** (Ronneberger, Fischer, Brox, MICCAI 2015): down twice, so that a pixel sees the whole pelvis; up twice,
# back to the resolution of the image. On its path up, each level is joined with what the path down had at that
# level: the *skip*. What is deep knows **what** lies here, the skip knows **where** its border is.
#
# This differs from the paper: two levels, zero padding, so that the output has the size of the input, and group
# normalisation, which needs no large batch.


# %% pytorch
class Convs(nn.Module):
    """Twice: convolution 3 x 3, norm, ReLU. (N, a, H, W) -> (N, b, H, W)."""

    def __init__(self, a, b, norm):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(a, b, 3, padding=1), nn.Conv2d(b, b, 3, padding=1)])
        self.norms = nn.ModuleList(nn.GroupNorm(4, b, 1e-3) if norm else nn.Identity() for _ in range(2))

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = torch.relu(norm(conv(x)))
        return x


class UNet(nn.Module):
    """Slices (N, H, W) -> logits (N, H, W)."""

    def __init__(self, width=8, norm=True, skips=True):
        super().__init__()
        w, self.skips = width, skips
        self.down1, self.down2, self.deep = Convs(1, w, norm), Convs(w, 2 * w, norm), Convs(2 * w, 4 * w, norm)
        self.up2, self.up1 = Convs(6 * w if skips else 4 * w, 2 * w, norm), Convs(3 * w if skips else 2 * w, w, norm)
        self.last = nn.Conv2d(w, 1, 1)

    def join(self, deep, skip):
        up = functional.interpolate(deep, scale_factor=2)  # nearest: each number becomes four
        return torch.cat([up, skip], 1) if self.skips else up

    def forward(self, x):
        fine = self.down1(x[:, None])  # (N, 8, 32, 32)
        coarse = self.down2(functional.max_pool2d(fine, 2))  # (N, 16, 16, 16)
        deep = self.deep(functional.max_pool2d(coarse, 2))  # (N, 32, 8, 8)
        coarse = self.up2(self.join(deep, coarse))  # (N, 48, 16, 16) -> (N, 16, 16, 16)
        fine = self.up1(self.join(coarse, fine))  # (N, 24, 32, 32) -> (N, 8, 32, 32)
        return self.last(fine)[:, 0]  # (N, 32, 32)


def train(model, kind, steps=180, seed=0):
    """`steps` steps of an optimiser of a `kind` on batches of 12 slices; returns the loss of each step."""
    rng, losses = np.random.default_rng(seed), []
    optimiser = kind(model.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)  # to 0 at the end
    for _ in range(steps):
        rows = rng.choice(train_rows, 12)
        turn = rng.choice([-1, 1])  # left and right of a pelvis look alike; image and mask turn together
        image = torch.tensor(slices[rows][:, :, ::turn].copy())
        label = torch.tensor(truth[rows][:, :, ::turn].astype(np.float32))
        optimiser.zero_grad()
        loss = soft_dice_loss(model(image), label)
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def predict(model, images):
    """Slices (N, H, W) -> masks (N, H, W)."""
    with torch.no_grad():
        return model(torch.tensor(images)).numpy() > 0  # a logit above 0 is a probability above 0.5


# %% tensorflow
class Convs(layers.Layer):
    """Twice: convolution 3 x 3, norm, ReLU. (N, H, W, a) -> (N, H, W, b)."""

    def __init__(self, a, b, norm):
        super().__init__()
        self.convs = [layers.Conv2D(b, 3, padding="same"), layers.Conv2D(b, 3, padding="same")]
        self.norms = [layers.GroupNormalization(4, epsilon=1e-3) if norm else layers.Identity() for _ in range(2)]

    def call(self, x):
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = tf.nn.relu(norm(conv(x)))
        return x


class UNet(keras.Model):
    """Slices (N, H, W) -> logits (N, H, W)."""

    def __init__(self, width=8, norm=True, skips=True):
        super().__init__()
        w, self.skips = width, skips
        self.down1, self.down2, self.deep = Convs(1, w, norm), Convs(w, 2 * w, norm), Convs(2 * w, 4 * w, norm)
        self.up2, self.up1 = Convs(6 * w if skips else 4 * w, 2 * w, norm), Convs(3 * w if skips else 2 * w, w, norm)
        self.last = layers.Conv2D(1, 1)
        self(slices[:1])  # Keras makes the weights when the first slice passes

    def join(self, deep, skip):
        up = tf.repeat(tf.repeat(deep, 2, 1), 2, 2)  # nearest: each number becomes four
        return tf.concat([up, skip], 3) if self.skips else up

    def call(self, x):
        fine = self.down1(x[..., None])  # (N, 32, 32, 8)
        coarse = self.down2(tf.nn.max_pool2d(fine, 2, 2, "VALID"))  # (N, 16, 16, 16)
        deep = self.deep(tf.nn.max_pool2d(coarse, 2, 2, "VALID"))  # (N, 8, 8, 32)
        coarse = self.up2(self.join(deep, coarse))  # (N, 16, 16, 48) -> (N, 16, 16, 16)
        fine = self.up1(self.join(coarse, fine))  # (N, 32, 32, 24) -> (N, 32, 32, 8)
        return self.last(fine)[..., 0]  # (N, 32, 32)


def train(model, kind, steps=180, seed=0):
    """`steps` steps of an optimiser of a `kind` on batches of 12 slices; returns the loss of each step."""
    rng, losses = np.random.default_rng(seed), []
    optimiser = kind(keras.optimizers.schedules.CosineDecay(1e-2, steps))  # to 0 at the end
    optimiser.build(model.trainable_variables)

    @tf.function  # a graph is several times as fast as single operations
    def step(image, label):
        with tf.GradientTape() as tape:
            loss = soft_dice_loss(model(image), label)
        optimiser.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    for _ in range(steps):
        rows = rng.choice(train_rows, 12)
        turn = rng.choice([-1, 1])  # left and right of a pelvis look alike; image and mask turn together
        image = tf.constant(slices[rows][:, :, ::turn])
        label = tf.constant(truth[rows][:, :, ::turn].astype(np.float32))
        losses.append(float(step(image, label)))
    return losses


def predict(model, images):
    """Slices (N, H, W) -> masks (N, H, W)."""
    return model(images).numpy() > 0  # a logit above 0 is a probability above 0.5


# %% pytorch
torch.manual_seed(0)
model = UNet()
losses = train(model, torch.optim.Adam)

# %% tensorflow
keras.utils.set_random_seed(0)
model = UNet()
losses = train(model, keras.optimizers.Adam)

# %%
masks = predict(model, slices)
print("U-Net: Dice", round(np.mean([dice(masks[row], truth[row]) for row in val_rows]), 2), "on new patients")
show(val_rows[[1, 10, 22, 34, 46]], {"red": masks})
plt.figure(figsize=(5, 2.6))
plt.plot(losses)
plt.xlabel("step")
plt.ylabel("soft Dice loss")
plt.show()

# %% [markdown]
# ## 3 · What you know and the network does not
#
# A patient has one prostate. The network decides pixel by pixel, so it may see a second one in the fat. Keep the
# largest connected part. `ndimage.label` numbers the parts from 1; pixels that touch along an edge are connected.


# %% solution largest_component
def largest_component(mask):
    """The largest part of a mask (H, W) that is connected along edges; the mask itself if it is empty. NumPy."""
    parts, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(parts.ravel())[1:]  # without the background, 0
    return parts == 1 + sizes.argmax()


# %% test
def test_three_pixels_win_over_two(student):
    """Parts of 3 and 2 pixels, which touch at a corner only: the part of 3 stays."""
    mask = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 1, 0]], bool)
    expected = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    assert close(student.largest_component(mask), expected), "count the pixels of each part, without the background"


def test_nothing_stays_nothing(student):
    """An empty mask has no part, and comes back empty."""
    assert not student.largest_component(np.zeros((3, 3), bool)).any(), "return it as it is"


# %%
before = [dice(masks[row], truth[row]) for row in val_rows]
after = [dice(largest_component(masks[row]), truth[row]) for row in val_rows]
print(f"Dice {np.mean(before):.3f}, and {np.mean(after):.3f} with the largest part alone")
print(f"the worst slice: {np.min(before):.2f}, then {np.min(after):.2f}")

# %% [markdown]
# If the numbers hardly move, this network sees one gland nearly everywhere; the step is for the patient where it does
# not. And a slice at the tip of the gland has so few pixels that a miss by two of them costs all of its Dice.
#
# ## Experiment: what is needed, and what is decoration?
#
# The same training, five times: as it is; without normalisation; at half the width; with plain gradient descent (SGD)
# at the same rate in place of Adam; without skips. Before you run: put the five in the order that you expect.
#
# The ± is the standard error over the 40 patients.


# %%
def score(model):
    """Mean Dice on the validation slices, and its standard error over the patients."""
    values = [dice(mask, truth[row]) for mask, row in zip(predict(model, slices[val_rows]), val_rows, strict=True)]
    per_patient = np.reshape(values, (40, 3)).mean(1)
    return per_patient.mean(), per_patient.std() / np.sqrt(40)


# %% pytorch
table = {}
for name, settings in {
    "as it is": {},
    "no norm": {"norm": False},
    "half the width": {"width": 4},
    "SGD": {},
    "no skips": {"skips": False},
}.items():
    torch.manual_seed(1)
    model = UNet(**settings)
    kind = torch.optim.SGD if name == "SGD" else torch.optim.Adam
    last = np.mean(train(model, kind, seed=1)[-20:])
    table[name] = sum(each.numel() for each in model.parameters()), last, *score(model)

# %% tensorflow
table = {}
for name, settings in {
    "as it is": {},
    "no norm": {"norm": False},
    "half the width": {"width": 4},
    "SGD": {},
    "no skips": {"skips": False},
}.items():
    keras.utils.set_random_seed(1)
    model = UNet(**settings)
    kind = keras.optimizers.SGD if name == "SGD" else keras.optimizers.Adam
    last = np.mean(train(model, kind, seed=1)[-20:])
    table[name] = model.count_params(), last, *score(model)

# %%
print(f"{'':16}{'parameters':>11}{'training loss':>15}{'Dice':>8}")
for name, (count, last, value, error) in table.items():
    print(f"{name:16}{count:11}{last:15.2f}{value:8.2f} ± {error:.2f}")

# %% [markdown]
# Rows that differ by less than twice their ± are equal here. With pixels of 3.5 mm a border is one pixel wide, so skips
# have little to add; at the scanner's resolution they have much. And width that buys nothing is a finding too.
#
# SGD is not worse in general: at this rate it has hardly begun. Adam divides each step by the size of the gradient, so
# that one rate serves every layer; SGD needs a rate of its own (try `3e-1`). An experiment that changes the optimiser
# and keeps its rate compares rates, not optimisers.
#
# ## Why?
#
# 1. Why do skips help at the border if at all, and not in the middle of the gland?
# 2. Why are the sums of the loss taken per case? Whose gland pays if they are taken over the batch?
# 3. Why is the image mirrored from left to right and never from front to back?
# 4. Why may the largest part make things worse? Think of a slice at the top of the gland, or of a patient with two
#    lesions.
#
# ## What would you tell a clinician?
#
# A radiotherapist asks: *"Dice 0.8: may I use the outline?"* Answer in three sentences. Say what Dice hides (where the
# error lies, and by how many millimetres), how the worst case looks, and who has to look at each outline.
