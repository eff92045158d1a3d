"""Convolution: windows, padding, dilation, and a way past a layer.

Tutorial 2, 55 minutes. Needs tutorial 1, for layers and training.
"""

import numpy as np
from jaxtyping import Float32, Float64

from assignments.testing import close

# %% [markdown]
# ## A picture, and a question for a network
#
# Below is a slice of a pelvis (drawn, no patient's). Its edges, blobs and textures look the same wherever they lie. A
# perceptron would have to learn each of them once for every position; a convolution learns it once.

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

slices = prostate_mr(3, np.random.default_rng(7))["image"][:, 8]  # (3, 64, 64)
slices = (slices - slices.mean((1, 2), keepdims=True)) / slices.std((1, 2), keepdims=True)
figure, axes = plt.subplots(1, 3, figsize=(8, 2.8))
for axis, image in zip(axes, slices, strict=True):
    axis.imshow(image, cmap="gray", vmin=-2, vmax=3)
    axis.axis("off")
plt.show()

# %% [markdown]
# ## A baseline that runs at once
#
# A window that you choose yourself, and no training: the difference between right and left neighbours, and the mean of
# a neighbourhood, with the framework's own convolution. Look at the layouts: PyTorch orders images (N, C, H, W) and
# kernels (C_out, C_in, kh, kw), TensorFlow (N, H, W, C) and (kh, kw, C_in, C_out).

# %%
EDGE = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)  # of Sobel
MEAN = np.ones((5, 5), np.float32) / 25


# %% pytorch
def framework_conv(image, kernel, padding=0, dilation=1):
    """An image (H, W) and a kernel (kh, kw) -> (Ho, Wo), by PyTorch."""
    x, w = torch.tensor(image)[None, None], torch.tensor(kernel)[None, None]  # (1, 1, H, W), (1, 1, kh, kw)
    return functional.conv2d(x, w, padding=padding, dilation=dilation)[0, 0].numpy()


# %% tensorflow
def framework_conv(image, kernel, padding=0, dilation=1):
    """An image (H, W) and a kernel (kh, kw) -> (Ho, Wo), by TensorFlow."""
    x, w = tf.constant(image)[None, ..., None], tf.constant(kernel)[..., None, None]  # (1, H, W, 1), (kh, kw, 1, 1)
    pads = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    return tf.nn.conv2d(x, w, 1, pads, dilations=dilation)[0, ..., 0].numpy()


# %%
figure, axes = plt.subplots(1, 2, figsize=(6, 3))
for axis, (name, kernel) in zip(axes, {"edges": EDGE, "mean of 5 x 5": MEAN}.items(), strict=True):
    axis.imshow(framework_conv(slices[0], kernel), cmap="gray")
    axis.set_title(name)
    axis.axis("off")
plt.show()

# %% [markdown]
# ## 1 · Convolution by hand
#
# The output at (i, j) is the sum of the window there, each pixel times the weight on it. With dilation d, the weights
# lie d pixels apart:
#
# $$y_{ij} = \sum_{a,b} w_{ab}\; x_{i + a d,\; j + b d}$$
#
# The kernel is not flipped: mathematicians call this cross-correlation. Without padding there is an output only where
# the whole window lies in the image: H - d (k - 1) of them along an axis. Write a loop over the **weights**, not over
# the pixels: for each weight, one slice of the image is added to the output.


# %% interface
def conv(
    image: Float64[np.ndarray, "h w"], kernel: Float64[np.ndarray, "k k"], padding: int, dilation: int
) -> Float64[np.ndarray, "a b"]: ...


def receptive_field(kernels: list, strides: list, dilations: list) -> int: ...


def residual(x: Float32[np.ndarray, "n d"], y: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"]: ...


# %% solution conv
def conv(image, kernel, padding, dilation):
    """An image (H, W) with `padding` zeros on each side and a square kernel (k, k) -> (Ho, Wo), without stride. NumPy.

    `np.pad(image, padding)` puts the zeros; Ho = H + 2 padding - dilation (k - 1).
    """
    padded, k = np.pad(image, padding), len(kernel)
    height, width = (size - dilation * (k - 1) for size in padded.shape)
    y = np.zeros((height, width))
    for a, b in np.ndindex(k, k):
        y += kernel[a, b] * padded[a * dilation : a * dilation + height, b * dilation : b * dilation + width]
    return y


# %% test
def test_a_window_of_two_by_two(student):
    """A row of 1, 2 over 3, 4 under weights 1, 0 over 0, 10: 1 + 40 = 41."""
    answer = student.conv(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 10.0]]), 0, 1)
    assert close(answer, [[41.0]]), "each pixel of the window times the weight on it; do not flip the kernel"


def test_dilation_skips_pixels(student):
    """Weights 1, 0 over 0, 1, two pixels apart, add the corners of 3 x 3: 1 + 9 = 10."""
    answer = student.conv(np.arange(1.0, 10).reshape(3, 3), np.eye(2), 0, 2)
    assert close(answer, [[10.0]]), "weight (a, b) meets pixel (i + a d, j + b d)"


def test_padding_keeps_the_size(student):
    """A kernel of 3 x 3 ones and one zero of padding: at the corner of 2 x 2 ones, four pixels are in the window."""
    answer = student.conv(np.ones((2, 2)), np.ones((3, 3)), 1, 1)
    assert close(answer, np.full((2, 2), 4.0)), "zeros around the image count as 0"


# %%
for padding, dilation in ((0, 1), (1, 1), (2, 2)):
    own = conv(slices[0].astype(float), EDGE.astype(float), padding, dilation)
    other = framework_conv(slices[0], EDGE, padding, dilation)
    print(f"padding {padding}, dilation {dilation}: {own.shape}, largest difference {np.abs(own - other).max():.0e}")

# %% [markdown]
# ### What padding does to the picture
#
# Zeros are not tissue. In the mean of 25 pixels, those at the border are darker or brighter than they should be, and a
# network can tell from it how far the border is (Islam et al., ICLR 2020). Reflection invents tissue instead.

# %%
figure, axes = plt.subplots(1, 3, figsize=(9, 3))
raised = slices[0] + 3  # as scanners give it: no value is below 0
for axis, (name, options) in zip(
    axes,
    {"zeros": {"mode": "constant"}, "reflected": {"mode": "reflect"}, "edge repeated": {"mode": "edge"}}.items(),
    strict=True,
):
    axis.imshow(framework_conv(np.pad(raised, 6, **options), np.ones((13, 13), np.float32) / 169), cmap="gray")
    axis.set_title(name)
    axis.axis("off")
plt.show()

# %% [markdown]
# ## 2 · How far does it see?
#
# Two layers of 3 x 3 see 5 pixels along an axis, three see 7. A stride of 2 makes every later step twice as wide. With
# the kernels k, strides s and dilations d of the layers, the first one first:
#
# $$r = 1 + \sum_l d_l\,(k_l - 1)\prod_{m<l} s_m$$


# %% solution receptive_field
def receptive_field(kernels, strides, dilations):
    """Lists of ints, a number for each layer -> how many pixels along an axis one output sees."""
    size, jump = 1, 1  # the jump from one output to the next, in pixels of the image
    for kernel, stride, dilation in zip(kernels, strides, dilations, strict=True):
        size += dilation * (kernel - 1) * jump
        jump *= stride
    return size


# %% test
def test_two_small_kernels_see_five_pixels(student):
    """Kernels of 3 and 3: 1 + 2 + 2 = 5."""
    assert close(student.receptive_field([3, 3], [1, 1], [1, 1]), 5), "each adds k - 1"


def test_a_stride_counts_for_the_layers_after_it(student):
    """Kernels of 3, 3 and 3, strides 2, 1 and 1, dilations 1, 1 and 4: 1 + 2 + 2 * 2 + 4 * 2 * 2 = 23."""
    assert close(student.receptive_field([3, 3, 3], [2, 1, 1], [1, 1, 4]), 23), "its own stride does not count yet"


# %% [markdown]
# ### Predict, then run
#
# Four layers of 3 x 3 with dilations 1, 2, 4 and 8 (Yu, Koltun, ICLR 2016). How many pixels does one output see? And
# how many weights are between it and the image, compared with one layer that sees as much? Write your numbers down,
# then run: the picture is the gradient of the middle output with respect to the image.

# %%
GUESS = None  # your number of pixels


# %% pytorch
def seen(dilations, size=48):
    """The gradient (H, W) of the output in the middle, of layers of 3 x 3 ones."""
    image = torch.zeros(1, 1, size, size, requires_grad=True)
    x = image
    for dilation in dilations:
        x = functional.conv2d(x, torch.ones(1, 1, 3, 3), padding=dilation, dilation=dilation)
    x[0, 0, size // 2, size // 2].backward()
    return image.grad[0, 0].numpy()


# %% tensorflow
def seen(dilations, size=48):
    """The gradient (H, W) of the output in the middle, of layers of 3 x 3 ones."""
    image = tf.zeros((1, size, size, 1))
    with tf.GradientTape() as tape:
        tape.watch(image)
        x = image
        for dilation in dilations:
            x = tf.nn.convolution(x, tf.ones((3, 3, 1, 1)), 1, "SAME", dilations=[dilation] * 2)
        middle = x[0, size // 2, size // 2, 0]
    return tape.gradient(middle, image)[0, ..., 0].numpy()


# %%
figure, axes = plt.subplots(1, 3, figsize=(9, 3.2))
for axis, dilations in zip(axes, ([1, 1, 1, 1], [1, 2, 4, 8], [8, 8, 8]), strict=True):
    depends = seen(dilations) > 0
    reach = receptive_field([3] * len(dilations), [1] * len(dilations), dilations)
    axis.imshow(depends, cmap="Blues")
    axis.set_title(f"dilations {dilations}\nreach {reach}, sees {depends.sum()} pixels", fontsize=9)
plt.show()
print(f"you said {GUESS}; four layers have {4 * 9} weights, one kernel of 31 x 31 has {31 * 31}")

# %% [markdown]
# On the right: dilations that are all 8 leave holes, the *gridding* effect. The output never meets the pixels between
# (Wang et al., WACV 2018), so two neighbours know nothing of each other.
#
# ## 3 · A way past a layer
#
# He et al. (*ResNet*, CVPR 2016): a block computes what to **add** to its input. If the block is useless, it is the
# identity, and the gradient of the output reaches the input whatever the block does:
#
# $$\text{out} = \max(0,\; x + F(x))$$
#
# Here x is the block's input and y = F(x) what its last convolution gives. The ReLU comes **after** the sum: before it,
# a block could only add and never take away.


# %% solution residual pytorch
def residual(x, y):
    """A block's input and its last convolution's output, of equal shape -> max(0, x + y); tensors."""
    return torch.relu(x + y)


# %% solution residual tensorflow
def residual(x, y):
    """A block's input and its last convolution's output, of equal shape -> max(0, x + y); tensors."""
    return tf.nn.relu(x + y)


# %% test
def test_a_block_can_take_away(student):
    """Inputs 3 and 1 with outputs -2 and -4: 1, and 0."""
    x, y = np.array([[3.0, 1.0]], np.float32), np.array([[-2.0, -4.0]], np.float32)
    assert close(student.tensors.residual(x, y), [[1.0, 0.0]], atol=1e-6), "the ReLU comes after the sum"


# %% [markdown]
# ## Experiment: depth, with and without
#
# A network of `depth` blocks removes noise from patches: two convolutions of 8 channels a block, no normalisation. It
# has 150 steps. The table has its error after them, and how large the gradient of the first convolution was at the
# start, compared with the last one's. Before you run: which of the two columns explains the other?

# %%
rng = np.random.default_rng(0)
corners = rng.integers(0, 48, (400, 2))
clean = np.stack([slices[each % 3][r : r + 16, c : c + 16] for each, (r, c) in enumerate(corners)])  # (400, 16, 16)
noisy = (clean + rng.normal(0, 0.7, clean.shape)).astype(np.float32)
clean = clean.astype(np.float32)


# %% pytorch
class Denoiser(nn.Module):
    """Patches (N, H, W) -> what is to be taken away from them, (N, H, W)."""

    def __init__(self, depth, skips=True, dilation=1, width=8):
        super().__init__()
        self.first = nn.Conv2d(1, width, 3, padding=1)
        pads = {"padding": dilation, "dilation": dilation}
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, **pads) for _ in range(2 * depth))
        self.last = nn.Conv2d(width, 1, 3, padding=1)
        for conv in [self.first, *self.convs, self.last]:
            nn.init.xavier_uniform_(conv.weight)
            nn.init.zeros_(conv.bias)
        if skips:  # each block begins as the identity
            for conv in self.convs[1::2]:
                nn.init.zeros_(conv.weight)
        self.skips = skips

    def blocks(self, x):
        """What goes into the first block, and what comes out of the last one; (N, 8, H, W) both."""
        x = start = torch.relu(self.first(x[:, None]))
        for inner, outer in zip(self.convs[::2], self.convs[1::2], strict=True):
            y = outer(torch.relu(inner(x)))
            x = residual(x, y) if self.skips else torch.relu(y)
        return start, x

    def forward(self, x):
        return self.last(self.blocks(x)[1])[:, 0]


def loss_of(model, rows):
    """The mean squared error of some patches."""
    x = torch.tensor(noisy[rows])
    return ((x - model(x) - torch.tensor(clean[rows])) ** 2).mean()


def train(model, steps=150):
    """`steps` steps of Adam on batches of 16; returns the mean of the last 30 losses."""
    rng, losses = np.random.default_rng(1), []
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = loss_of(model, rng.choice(400, 16))
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return np.mean(losses[-30:])


def signal(model):
    """The SD behind the last block over the SD before the first one: what a new network lets through."""
    with torch.no_grad():
        start, end = model.blocks(torch.tensor(noisy[:16]))
    return float(end.std() / start.std())


# %% tensorflow
class Denoiser(keras.Model):
    """Patches (N, H, W) -> what is to be taken away from them, (N, H, W)."""

    def __init__(self, depth, skips=True, dilation=1, width=8):
        super().__init__()
        self.first = layers.Conv2D(width, 3, padding="same")
        pads = {"padding": "same", "dilation_rate": dilation}
        starts = ["glorot_uniform", "zeros" if skips else "glorot_uniform"] * depth  # each block begins as the identity
        self.convs = [layers.Conv2D(width, 3, kernel_initializer=start, **pads) for start in starts]
        self.last = layers.Conv2D(1, 3, padding="same")
        self.skips = skips
        self(noisy[:1])  # Keras makes the weights now: Xavier's uniform ones, and offsets of 0

    def blocks(self, x):
        """What goes into the first block, and what comes out of the last one; (N, H, W, 8) both."""
        x = start = tf.nn.relu(self.first(x[..., None]))
        for inner, outer in zip(self.convs[::2], self.convs[1::2], strict=True):
            y = outer(tf.nn.relu(inner(x)))
            x = residual(x, y) if self.skips else tf.nn.relu(y)
        return start, x

    def call(self, x):
        return self.last(self.blocks(x)[1])[..., 0]


def loss_of(model, x, truth):
    """The mean squared error of some patches."""
    return tf.reduce_mean((x - model(x) - truth) ** 2)


def train(model, steps=150):
    """`steps` steps of Adam on batches of 16; returns the mean of the last 30 losses."""
    rng, losses = np.random.default_rng(1), []
    optimiser = keras.optimizers.Adam(3e-3)
    optimiser.build(model.trainable_variables)

    @tf.function  # a graph is several times as fast as single operations
    def one_step(x, truth):
        with tf.GradientTape() as tape:
            loss = loss_of(model, x, truth)
        optimiser.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    for _ in range(steps):
        rows = rng.choice(400, 16)
        losses.append(float(one_step(tf.constant(noisy[rows]), tf.constant(clean[rows]))))
    return np.mean(losses[-30:])


def signal(model):
    """The SD behind the last block over the SD before the first one: what a new network lets through."""
    start, end = model.blocks(noisy[:16])
    return float(tf.math.reduce_std(end) / tf.math.reduce_std(start))


# %% pytorch
table = {}
for depth in (2, 12):
    for name, settings in {"plain": {"skips": False}, "residual": {}, "residual, dilation 2": {"dilation": 2}}.items():
        torch.manual_seed(0)
        model = Denoiser(depth, **settings)
        table[depth, name] = signal(model), train(model)

# %% tensorflow
table = {}
for depth in (2, 12):
    for name, settings in {"plain": {"skips": False}, "residual": {}, "residual, dilation 2": {"dilation": 2}}.items():
        keras.utils.set_random_seed(0)
        model = Denoiser(depth, **settings)
        table[depth, name] = signal(model), train(model)

# %%
print(f"{'blocks':>6}  {'':22}{'reach':>6}{'signal, new':>13}{'error, trained':>16}")
for (depth, name), (left, error) in table.items():
    dilation = 2 if "dilation" in name else 1
    layers_ = 2 * depth + 2
    reach = receptive_field([3] * layers_, [1] * layers_, [1] + [dilation] * 2 * depth + [1])
    print(f"{depth:6}  {name:22}{reach:6}{left:13.1e}{error:16.3f}")
print(f"(the noise itself: {np.mean((noisy - clean) ** 2):.3f})")

# %% [markdown]
# ## Why?
#
# 1. Why has a convolution of 3 x 3 as many weights on an image of 64 x 64 as on one of 512 x 512?
# 2. Why do three layers of 3 x 3 cost less than one of 7 x 7 that sees as much, and what do they gain besides?
# 3. Why does the plain deep network do worse on the **training** patches too? What does that rule out as the reason?
# 4. Why may zeros around an image hurt more in a CT, where air is -1000, than in an MRI, where it is 0?
#
# ## What would you tell a clinician?
#
# A radiologist asks: *"Your network missed a lesion that fills half of the lung. It finds small ones. How can that
# be?"* Answer in three sentences. Use what an output sees and what it does not.
