"""Synthesis: can a network draw what the probe did not see?

Tutorial 6, 50 minutes. Needs tutorial 2, for convolutions.
"""

import numpy as np
from jaxtyping import Float, Float32

from assignments.testing import close

# %% [markdown]
# ## A coarse frame and a sharp one
#
# A cheap probe has few elements, so its frames are coarse. Could a network make of them what a good probe would show?
# That is *super-resolution*, one kind of **image synthesis**; MR from CT, or T2 from T1, are others, and what you see
# here holds for them too. Pairs exist: we draw frames of fetal ultrasound (no patient is among them), and average
# squares of 4 x 4 pixels. From the coarse frame x (12, 12), the network has to find the sharp one y (48, 48).
#
# Sixteen numbers became one, so many sharp frames have the same coarse one. Above all, the grain of ultrasound, its
# *speckle*, is gone: no network can know it. What should the answer show there?
#
# 45 fetuses train and 15 others validate, ten frames each.

# %% pytorch
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional

from assignments.data.sources.fetal_us import fetal_us

FRAMEWORK = "pytorch"

# %% tensorflow
import os

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}  # its notes would fill the page
import keras
import matplotlib.pyplot as plt
import tensorflow as tf
from keras import layers

from assignments.data.sources.fetal_us import fetal_us

FRAMEWORK = "tensorflow"

# %%
import numpy as np
from scipy import ndimage

STEPS = 200  # of each training

cases = fetal_us(600, np.random.default_rng(3))
grey, fetus = cases["image"], cases["subject"]  # (600, 48, 48), from 0 to 255
train_rows, val_rows = np.flatnonzero(fetus < 45), np.flatnonzero(fetus >= 45)
sharp = grey / 127.5 - 1  # from -1 to 1
coarse = sharp.reshape(-1, 12, 4, 12, 4).mean((2, 4))  # (600, 12, 12)
truth = sharp[val_rows]  # (150, 48, 48)


def show(answers, columns=(0, 9, 18, 27, 36, 45)):
    """Some validation frames: a row for each name in `answers`."""
    axes = plt.subplots(len(answers), len(columns), figsize=(9, 1.55 * len(answers)), squeeze=False)[1]
    for line, (name, frames) in zip(axes, answers.items(), strict=True):
        line[0].set_title(name, loc="left", fontsize=10)
        for axis, column in zip(line, columns, strict=True):
            axis.imshow(frames[column], cmap="gray", vmin=-1, vmax=1)
            axis.axis("off")
    plt.show()


show({"coarse: what the network gets": coarse[val_rows], "sharp: what it has to find": truth})

# %% [markdown]
# ### The range belongs to the output
#
# The network's last step is a **tanh**, whose values lie between -1 and 1. So the frames are brought from 0 ... 255 to
# -1 ... 1 before any loss sees them. Frames from 0 to 1 would leave half of the tanh unused, and frames from 0 to 255
# could never be reached: the loss would stay high, and no message would say why.
#
# ## 1 · A paired metric
#
# The truth is there, so pixels can be compared. The **peak signal-to-noise ratio** puts the mean squared error of a
# frame in relation to the range R of its values, in decibels:
#
# $$\text{PSNR} = 10 \log_{10} \frac{R^2}{\text{mean}\,(a - y)^2}$$
#
# From -1 to 1, R is 2. With R = 255, the same frames would score 42 dB more. 3 dB more is half the squared error.


# %% interface
def psnr(answer: Float32[np.ndarray, "n h w"], truth: Float32[np.ndarray, "n h w"]) -> Float[np.ndarray, "n"]: ...


def discriminator_loss(real: Float32[np.ndarray, "n h w"], fake: Float32[np.ndarray, "n h w"]) -> float: ...


def generator_loss(fake: Float32[np.ndarray, "n h w"]) -> float: ...


# %% solution psnr
def psnr(answer, truth):
    """Frames (n, H, W) from -1 to 1, and the true ones -> the PSNR of each in dB, (n,). NumPy."""
    squared = ((answer - truth) ** 2).mean((1, 2))  # (n,)
    return 10 * np.log10(4 / squared)


# %% test
def test_a_tenth_of_the_range_is_20_db(student):
    """An error of 0.2 at each pixel is a tenth of the range: 10 log10(4 / 0.04) = 20 dB."""
    answer = np.full((1, 2, 2), 0.2, np.float32)
    assert close(student.psnr(answer, np.zeros((1, 2, 2), np.float32)), [20.0], atol=1e-3), "from -1 to 1, R is 2"


def test_each_frame_has_its_own(student):
    """Errors of 0.2 and 0.02: 20 dB and 40 dB, and no mean over both."""
    answer = np.array([[[0.2, -0.2]], [[0.02, 0.02]]], np.float32)
    score = student.psnr(answer, np.zeros((2, 1, 2), np.float32))
    assert close(score, [20.0, 40.0], atol=1e-3), "the mean of the squares over rows and columns, for each frame"


# %% [markdown]
# ## A baseline that runs at once
#
# Interpolate linearly between the coarse pixels. Beside the PSNR we ask how *sharp* an answer is: the mean difference
# between neighbouring pixels, as a share of the truth's. It needs no pair, so it says nothing of what is right.


# %%
def scores(frames):
    """Of answers (150, 48, 48): the mean PSNR, its standard error over the 15 fetuses, and the sharpness."""
    per_fetus = psnr(frames, truth).reshape(15, 10).mean(1)
    own, true = (np.abs(np.diff(x, axis=1)).mean() + np.abs(np.diff(x, axis=2)).mean() for x in (frames, truth))
    return per_fetus.mean(), per_fetus.std() / np.sqrt(15), own / true


def line(name, frames):
    """The scores of some answers, as a line of text."""
    mean, error, sharpness = scores(frames)
    return f"{name:13}{mean:6.1f} ± {error:.1f}{sharpness:11.2f}"


between = ndimage.zoom(coarse[val_rows], (1, 4, 4), order=1, mode="nearest", grid_mode=True)  # (150, 48, 48)
print(f"{'':13}{'PSNR in dB':>12}{'sharpness':>11}")
print(line("interpolated", between))

# %% [markdown]
# ## Two networks
#
# The **generator** works on the coarse grid, and doubles its resolution twice. It also gets a frame of random numbers,
# so that it can give more than one answer where more than one is possible.
#
# The **discriminator** is the judge. It sees a coarse frame with a sharp one, and says for each patch of 18 x 18 pixels
# whether the sharp one is real: a *logit*, above 0 for real. So it judges texture and borders, not the whole anatomy
# (Isola et al., *pix2pix*, CVPR 2017). As it sees the coarse frame too, a real frame of another fetus would not pass.


# %% pytorch
class Generator(nn.Module):
    """Coarse frames (N, 12, 12) and noise (N, 48, 48) -> frames (N, 48, 48) from -1 to 1."""

    def __init__(self, width=16):
        super().__init__()
        w = width
        self.first, self.second = nn.Conv2d(1, 2 * w, 3, padding=1), nn.Conv2d(2 * w, 2 * w, 3, padding=1)
        self.third, self.fourth = nn.Conv2d(2 * w, w, 3, padding=1), nn.Conv2d(w + 1, w, 3, padding=1)
        self.last = nn.Conv2d(w, 1, 3, padding=1)

    def forward(self, x, noise):
        x = torch.relu(self.first(x[:, None]))  # (N, 32, 12, 12)
        x = torch.relu(self.second(x)) + x
        x = functional.interpolate(x, scale_factor=2)  # nearest: each number becomes four
        x = torch.relu(self.third(x))  # (N, 16, 24, 24)
        x = functional.interpolate(x, scale_factor=2)
        x = torch.cat([x, noise[:, None]], 1)  # (N, 17, 48, 48)
        x = torch.relu(self.fourth(x))  # (N, 16, 48, 48)
        return torch.tanh(self.last(x))[:, 0]  # (N, 48, 48)


class Discriminator(nn.Module):
    """Coarse frames (N, 12, 12) and sharp ones (N, 48, 48) -> logits (N, 12, 12), one for each patch."""

    def __init__(self, width=16):
        super().__init__()
        self.first = nn.Conv2d(2, width, 4, 2, padding=1)
        self.second = nn.Conv2d(width, 2 * width, 4, 2, padding=1)
        self.last = nn.Conv2d(2 * width, 1, 3, padding=1)

    def forward(self, x, y):
        x = functional.interpolate(x[:, None], scale_factor=4)  # (N, 1, 48, 48)
        x = torch.cat([x, y[:, None]], 1)  # (N, 2, 48, 48)
        x = functional.leaky_relu(self.first(x), 0.2)  # (N, 16, 24, 24)
        x = functional.leaky_relu(self.second(x), 0.2)  # (N, 32, 12, 12)
        return self.last(x)[:, 0]  # (N, 12, 12)


def answer(generator, seed=0):
    """The generator's answer to each validation frame, (150, 48, 48); `seed` draws its noise."""
    noise = np.random.default_rng(seed).standard_normal(truth.shape, np.float32)
    with torch.no_grad():
        return generator(torch.tensor(coarse[val_rows]), torch.tensor(noise)).numpy()


# %% tensorflow
class Generator(keras.Model):
    """Coarse frames (N, 12, 12) and noise (N, 48, 48) -> frames (N, 48, 48) from -1 to 1."""

    def __init__(self, width=16):
        super().__init__()
        w = width
        self.first, self.second = layers.Conv2D(2 * w, 3, padding="same"), layers.Conv2D(2 * w, 3, padding="same")
        self.third, self.fourth = layers.Conv2D(w, 3, padding="same"), layers.Conv2D(w, 3, padding="same")
        self.last = layers.Conv2D(1, 3, padding="same")
        self.double = layers.UpSampling2D(2)
        self(coarse[:1], sharp[:1])  # Keras makes the weights when the first frame passes

    def call(self, x, noise):
        x = tf.nn.relu(self.first(x[..., None]))  # (N, 12, 12, 32)
        x = tf.nn.relu(self.second(x)) + x
        x = self.double(x)  # nearest: each number becomes four
        x = tf.nn.relu(self.third(x))  # (N, 24, 24, 16)
        x = self.double(x)
        x = tf.concat([x, noise[..., None]], 3)  # (N, 48, 48, 17)
        x = tf.nn.relu(self.fourth(x))  # (N, 48, 48, 16)
        return tf.tanh(self.last(x))[..., 0]  # (N, 48, 48)


class Discriminator(keras.Model):
    """Coarse frames (N, 12, 12) and sharp ones (N, 48, 48) -> logits (N, 12, 12), one for each patch."""

    def __init__(self, width=16):
        super().__init__()
        self.first = layers.Conv2D(width, 4, 2, padding="same")
        self.second = layers.Conv2D(2 * width, 4, 2, padding="same")
        self.last = layers.Conv2D(1, 3, padding="same")
        self.repeat = layers.UpSampling2D(4)
        self(coarse[:1], sharp[:1])  # Keras makes the weights when the first frame passes

    def call(self, x, y):
        x = self.repeat(x[..., None])  # (N, 48, 48, 1)
        x = tf.concat([x, y[..., None]], 3)  # (N, 48, 48, 2)
        x = tf.nn.leaky_relu(self.first(x), 0.2)  # (N, 24, 24, 16)
        x = tf.nn.leaky_relu(self.second(x), 0.2)  # (N, 12, 12, 32)
        return self.last(x)[..., 0]  # (N, 12, 12)


def answer(generator, seed=0):
    """The generator's answer to each validation frame, (150, 48, 48); `seed` draws its noise."""
    noise = np.random.default_rng(seed).standard_normal(truth.shape, np.float32)
    return generator(coarse[val_rows], noise).numpy()


# %% [markdown]
# ## 2 · The loss of the one who judges
#
# *Goodfellow et al., NeurIPS 2014.* The discriminator is a classifier of two classes, *real* and *fake*. With the logit
# z, the probability of *real* is sigmoid(z), and the cross-entropy over both kinds of frames is
#
# $$\text{mean}\,[-\log \sigma(z_\text{real})] + \text{mean}\,[-\log(1 - \sigma(z_\text{fake}))].$$
#
# Since $-\log\sigma(z) = \log(1 + e^{-z})$, the function *softplus*, $\log(1 + e^z)$, gives both terms, and the one of
# your framework is finite for any logit. `log(sigmoid(z))` is not: at z = -200 the sigmoid is 0 in float32.


# %% solution discriminator_loss pytorch
def discriminator_loss(real, fake):
    """Logits (n, h, w) of real and fake frames -> the mean of -log sigmoid(real) plus that of -log(1 - sigmoid(fake)).

    Tensors. `functional.softplus` is of use.
    """
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


# %% solution discriminator_loss tensorflow
def discriminator_loss(real, fake):
    """Logits (n, h, w) of real and fake frames -> the mean of -log sigmoid(real) plus that of -log(1 - sigmoid(fake)).

    Tensors. `tf.nn.softplus` is of use.
    """
    return tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))


# %% test
def test_a_judge_without_an_idea_pays_2_log_2(student):
    """Logits of 0 are a probability of 1/2: log 2 for the real frames and log 2 for the fake ones, 1.386 together."""
    zeros = np.zeros((2, 3, 3), np.float32)
    assert close(student.tensors.discriminator_loss(zeros, zeros), 2 * np.log(2), atol=1e-5), "the sum of two means"


def test_a_judge_who_is_fooled_pays_what_the_logit_says(student):
    """Logits of 200 for a fake frame and for a real one cost 200 and 0: finite, and each has its own sign."""
    sure = np.full((1, 1, 1), 200, np.float32)
    loss = student.tensors.discriminator_loss(sure, sure)
    assert close(loss, 200.0, atol=1e-3), "softplus(-real) and softplus(fake), not the log of a sigmoid"


# %% [markdown]
# ## 3 · The loss of the one who draws
#
# The generator wants its frames to pass as real: $\text{mean}\,[-\log\sigma(z_\text{fake})]$. The judge's own term with
# its sign turned, $\log(1 - \sigma(z_\text{fake}))$, has the same aim, but its slope is $-\sigma(z)$: at z = -10, where
# the judge is sure and the generator has most to learn, that is -0.00005. The slope of yours is -0.99995.


# %% solution generator_loss pytorch
def generator_loss(fake):
    """Logits (n, h, w) of frames that the generator drew -> the mean of -log sigmoid(fake), finite for any logit."""
    return functional.softplus(-fake).mean()


# %% solution generator_loss tensorflow
def generator_loss(fake):
    """Logits (n, h, w) of frames that the generator drew -> the mean of -log sigmoid(fake), finite for any logit."""
    return tf.reduce_mean(tf.nn.softplus(-fake))


# %% test
def test_a_frame_that_passes_half_the_time_costs_log_2(student):
    """A logit of 0 costs log 2 = 0.693, and one of -200 costs 200: the mean is 100.35."""
    fake = np.array([[[0.0]], [[-200.0]]], np.float32)
    assert close(student.tensors.generator_loss(fake), (np.log(2) + 200) / 2, atol=1e-3), "softplus(-fake)"


def test_a_sure_judge_still_teaches(student):
    """At a logit of -10 the slope is -(1 - sigmoid(-10)) = -0.99995."""
    slope = student.gradient.generator_loss(np.full((1, 1, 1), -10, np.float32), wrt=0)
    assert close(slope, [[[-0.99995]]], atol=1e-3), "-log sigmoid(fake), not log(1 - sigmoid(fake))"


# %% [markdown]
# ## Training in turns
#
# The generator's loss is **L1 + weight x adversarial**: the mean of |a - y|, and what it costs to be caught. Each step
# moves one network. In the judge's step the fake frame is a constant: it is drawn under `no_grad` (or cut off by
# `detach`) in PyTorch, and outside the tape in TensorFlow. In the generator's step the gradient passes *through* the
# judge, who stays as it is.


# %% pytorch
def train(weight, seed=0):
    """A generator after STEPS steps on batches of 8 frames, and the loss of the discriminator at each."""
    torch.manual_seed(seed)
    rng, losses = np.random.default_rng(seed), []
    generator, discriminator = Generator(), Discriminator()
    adam_g = torch.optim.Adam(generator.parameters(), 3e-3, (0.5, 0.99))  # little momentum: the aim moves
    adam_d = torch.optim.Adam(discriminator.parameters(), 2e-3, (0.5, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam_g, STEPS)
    for _ in range(STEPS):
        rows = rng.choice(train_rows, 8)
        noise = torch.tensor(rng.standard_normal((8, 48, 48), np.float32))
        x, y = torch.tensor(coarse[rows]), torch.tensor(sharp[rows])
        if weight:  # the judge's turn
            with torch.no_grad():  # the generator stays as it is
                fake = generator(x, noise)
            loss = discriminator_loss(discriminator(x, y), discriminator(x, fake))
            adam_d.zero_grad()  # the generator's turn has left a gradient here
            loss.backward()
            adam_d.step()
            losses.append(loss.item())
        fake = generator(x, noise)  # the generator's turn
        loss = (fake - y).abs().mean()
        if weight:
            loss = loss + weight * generator_loss(discriminator(x, fake))
        adam_g.zero_grad()
        loss.backward()
        adam_g.step()
        schedule.step()
    return generator, losses


# %% tensorflow
def train(weight, seed=0):
    """A generator after STEPS steps on batches of 8 frames, and the loss of the discriminator at each."""
    keras.utils.set_random_seed(seed)
    rng, losses = np.random.default_rng(seed), []
    generator, discriminator = Generator(), Discriminator()
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, STEPS)
    adam_g = keras.optimizers.Adam(schedule, 0.5, 0.99)  # little momentum: the aim moves
    adam_d = keras.optimizers.Adam(2e-3, 0.5, 0.99)
    adam_g.build(generator.trainable_variables)
    adam_d.build(discriminator.trainable_variables)

    @tf.function  # a graph is several times as fast as single operations
    def judge(x, y, noise):
        fake = generator(x, noise)  # outside the tape: the generator stays as it is
        with tf.GradientTape() as tape:
            loss = discriminator_loss(discriminator(x, y), discriminator(x, fake))
        adam_d.apply(tape.gradient(loss, discriminator.trainable_variables), discriminator.trainable_variables)
        return loss

    @tf.function
    def draw(x, y, noise):
        with tf.GradientTape() as tape:
            fake = generator(x, noise)
            loss = tf.reduce_mean(tf.abs(fake - y))
            if weight:
                loss = loss + weight * generator_loss(discriminator(x, fake))
        adam_g.apply(tape.gradient(loss, generator.trainable_variables), generator.trainable_variables)

    for _ in range(STEPS):
        rows = rng.choice(train_rows, 8)
        noise = tf.constant(rng.standard_normal((8, 48, 48), np.float32))
        x, y = tf.constant(coarse[rows]), tf.constant(sharp[rows])
        if weight:  # the judge's turn
            losses.append(float(judge(x, y, noise)))
        draw(x, y, noise)  # the generator's turn
    return generator, losses


# %%
plain, _ = train(0)  # L1 alone, no judge
print(line("L1 alone", answer(plain)))
show({"coarse": coarse[val_rows], "L1 alone": answer(plain), "truth": truth})

# %% [markdown]
# The borders are back, and the speckle is not. Where many answers are possible, L1 is least at their **median**, which
# is smooth: the network says *I do not know* by a blur.
#
# ### Predict, then run
#
# Now the judge joins, with a weight of 0.5. The frames will have a grain, as those of a real probe have. Will the PSNR
# rise or fall, and to how many dB? Write your number down before you run the cell.

# %%
GUESS = None  # your number, in dB

fooling, judged = train(0.5)
print("you said", GUESS)
print(line("with a judge", answer(fooling)))
show({"L1 alone": answer(plain), "with a judge": answer(fooling), "truth": truth})
plt.figure(figsize=(5, 2.6))
plt.plot(judged, color="0.75", label="each batch")
plt.plot(np.convolve(judged, np.ones(20) / 20, "valid"), label="mean of 20")
plt.axhline(2 * np.log(2), color="k", linestyle=":", label="2 log 2: no idea")
plt.xlabel("step")
plt.ylabel("discriminator's loss")
plt.legend()
plt.show()

# %% [markdown]
# ### Ask it twice
#
# The same coarse frame, other random numbers. What differs between the answers, the network **invented**: it may look
# right, and is of no patient. What is equal in both comes from the coarse frame, or from what all training fetuses have
# in common. So two answers that agree are not yet right.

# %%
first, second = answer(fooling, 1), answer(fooling, 2)
figure, axes = plt.subplots(1, 4, figsize=(11, 3))
pictures = {"one answer": first, "another one": second, "difference": first - second, "truth": truth}
for axis, (name, frames) in zip(axes, pictures.items(), strict=True):
    axis.imshow(frames[0], cmap="gray", vmin=-1, vmax=1)
    axis.set_title(name)
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Experiment: how much judge?
#
# The weight of the adversarial term, from none to 0.5; in the last row, the mean of eight answers of the last network.
# *Differ* is the mean difference between two answers to one frame, in grey levels of 255. Before you run: which row has
# the best PSNR, which is the sharpest, and what does the mean of eight look like?
#
# The ± is the standard error over the 15 fetuses.

# %%
middle, _ = train(0.1)
eight, others = (np.mean([answer(fooling, seed) for seed in seeds], 0) for seeds in (range(8), range(8, 16)))
table = {
    "interpolated": (between, between),
    "L1 alone": (answer(plain, 1), answer(plain, 2)),
    "weight 0.1": (answer(middle, 1), answer(middle, 2)),
    "weight 0.5": (first, second),
    "mean of 8": (eight, others),
}
print(f"{'':13}{'PSNR in dB':>12}{'sharpness':>11}{'differ':>8}")
for name, (frames, again) in table.items():
    print(f"{line(name, frames)}{127.5 * np.abs(frames - again).mean():8.1f}")

# %% [markdown]
# A larger network would not help. Suppose that a generator is perfect: it draws its answer from all frames that are
# possible, each as often as it occurs. Then truth and answer scatter alike and independently around the same mean, and
# the squared error between them is **twice** that of the mean itself: 3 dB worse. From some point on, an answer that
# looks more real has a larger error (Blau and Michaeli, *The perception-distortion tradeoff*, CVPR 2018).
#
# In the mean of eight, what each answer invented cancels out: two such means differ by √8 less than two answers. The
# error that is left, all eight share, and no second answer shows it.
#
# So neither number suffices. PSNR prefers a blur; sharpness, and the eye, prefer a frame that was made up. What is
# asked of the frame decides: would the measurement, or the diagnosis, be the same on the true one?
#
# ## Why?
#
# 1. Why is the speckle of L1 alone smooth, and why is the mean of eight sharp answers smooth again?
# 2. Why must the generator stay as it is in the discriminator's step? What would it learn there from the judge's loss?
# 3. Why does a loss of the discriminator near 2 log 2 not show that the frames are good? Name two other causes.
# 4. Why may a network that saw healthy fetuses alone paint a healthy heart over a sick one, and a network that saw many
#    sick ones the opposite (Cohen, Luck and Honari, MICCAI 2018)? Which loss would notice?
#
# ## What would you tell a clinician?
#
# A sonographer asks: *"The sharpened frame shows the valves much better. May I measure on it?"* Answer in three
# sentences. Say what in the frame came from the probe and what from the training fetuses, how you would show her the
# difference, and for what the frame may be used, if for anything.
