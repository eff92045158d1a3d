"""Which plane does a frame of fetal ultrasound show? A small residual network, in PyTorch.

The idea. What tells a head from an abdomen may lie anywhere in the frame, turned any way, and bright or dark. A
convolutional network looks for the same pattern everywhere; *augmentation* shows it each frame turned, moved and in
another gain, so that it need not see more fetuses to learn that none of this matters. *Residual* blocks keep the
gradient alive, *dropout* keeps features from relying on each other, and the mean over the image makes the answer
independent of its size.

    He, Zhang, Ren, Sun: Deep residual learning, CVPR 2016.     Ioffe, Szegedy: Batch normalization, ICML 2015.
    Srivastava et al.: Dropout, JMLR 2014.                      Lakshminarayanan et al.: Deep ensembles, NeurIPS 2017.

This differs from the papers. Three blocks are enough for frames of 48 x 48 pixels. There is one dropout layer, before
the last layer, where it costs nothing. One network answers; what an ensemble adds is a function of its own, since three
networks cost three times as much.

Read from top to bottom: settings, data, model, loss, training, prediction.
"""

import copy
import json
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional as F

FRAMEWORK = "pytorch"


# ---------------------------------------------------------------------------------------------------------- settings

CONFIG = {"width": 16, "blocks": 3, "dropout": 0.3, "classes": 4}  # channels of the first block, then twice as many
BATCH = 32
LEARNING_RATE = 3e-3  # of the first step; half a cosine takes it to 0
WEIGHT_DECAY = 1e-2
STEPS = 900  # some 20 CPU seconds; the budget only guards against a slower machine
CHECK_EVERY = 60  # steps from one score on the validation frames to the next


# -------------------------------------------------------------------------------------------------------------- data


def split_subjects(subject, share, seed):
    """Row numbers of two parts: the second has all frames of `share` of the subjects (rounded up), the first the rest.

    Frames of one fetus resemble each other. With some of them in either part, the validation score would say how well
    the network knows these fetuses, and not how well it will do on the next one.
    """
    subjects = np.unique(subject)
    order = np.random.default_rng(seed).permutation(subjects)
    held_out = np.isin(subject, order[: int(np.ceil(share * len(subjects)))])
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def normalise(image):
    """(N, H, W) grey levels -> float32 with mean 0 and SD 1 in each frame: gain and contrast are the operator's."""
    image = np.asarray(image, np.float32)
    mean, scale = image.mean(axis=(1, 2), keepdims=True), image.std(axis=(1, 2), keepdims=True)
    return (image - mean) / (scale + 1e-6)


def augment(image, point, rng):
    """A frame (H, W) and a landmark (row, column) in it, as another sweep could have shown them; both move together.

    The new image at p is the old one at `matrix @ p + offset`; what was at q is at `inverse(matrix) @ (q - offset)`.
    """
    centre = (np.array(image.shape) - 1) / 2
    angle = rng.uniform(-np.pi, np.pi) / 4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    flip = np.array([1.0, rng.choice([-1.0, 1.0])])  # left and right: a fetus may lie either way round
    matrix = turn / rng.uniform(0.85, 1.15) * flip
    offset = centre - matrix @ centre + rng.uniform(-0.08, 0.08, 2) * image.shape
    moved = ndimage.affine_transform(image, matrix, offset, order=1, mode="constant")
    return moved.astype(np.float32), np.linalg.solve(matrix, np.asarray(point) - offset)


def draw_batch(images, y, rng):
    """Frames (N, H, W) and planes (N,) -> BATCH of them, augmented, in another gain: (BATCH, H, W) and (BATCH,)."""
    rows = rng.choice(len(images), BATCH)
    frames = np.stack([augment(images[row], (0, 0), rng)[0] for row in rows])
    gain = rng.uniform(0.8, 1.2, (BATCH, 1, 1)) * frames + rng.normal(0, 0.1, frames.shape)
    return gain.astype(np.float32), y[rows].astype(np.int64)


# ------------------------------------------------------------------------------------------------------------- model


def dropout(x, rate, rng):
    """`x` with each number set to 0 with probability `rate`, the others divided by 1 - rate: its expectation is x."""
    kept = rng.random(x.shape) >= rate
    return x * kept / (1 - rate)


class ResidualBlock(nn.Module):
    """Half the resolution, other channels: relu(norm(conv(relu(norm(conv(x))))) + shortcut(x))."""

    def __init__(self, channels_in, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride=2, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Conv2d(channels_in, channels, 1, stride=2, bias=False)

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class PlaneNet(nn.Module):
    """Frames (N, H, W) of any size -> logits (N, classes)."""

    def __init__(self, width, blocks, dropout, classes):
        super().__init__()
        widths = [1, *(width * 2**block for block in range(blocks))]  # 1, 16, 32, 64
        self.blocks = nn.ModuleList(ResidualBlock(*pair) for pair in pairwise(widths))
        self.dropout = nn.Dropout(dropout)
        self.output_layer = nn.Linear(widths[-1], classes)

    def forward(self, x):
        x = x[:, None]  # (N, 1, H, W)
        for block in self.blocks:
            x = block(x)  # (N, 16 * 2^block, H / 2^(block + 1), ...)
        x = x.mean(dim=(2, 3))  # (N, 64)
        return self.output_layer(self.dropout(x))


def build_model(config):
    """A new network; missing keys come from CONFIG."""
    config = {**CONFIG, **config}
    model = PlaneNet(**config)
    model.config = config  # `save` writes it beside the weights
    return model


def parameter_count(config):
    """Trained numbers: three convolutions and two pairs (scale, shift) a block, then the linear layer."""
    widths = [1, *(config["width"] * 2**block for block in range(config["blocks"]))]
    blocks = sum(9 * a * b + 9 * b * b + a * b + 4 * b for a, b in pairwise(widths))
    return blocks + (widths[-1] + 1) * config["classes"]


def receptive_field(config):
    """How many pixels along one axis a feature of the last block sees, before the mean over the image.

    A kernel of 3 pixels that lie `jump` pixels of the image apart adds 2 jump; a stride of 2 doubles the jump.
    """
    seen, jump = 1, 1
    for _ in range(config["blocks"]):
        seen += 2 * jump  # the first convolution, which takes the stride
        jump *= 2
        seen += 2 * jump  # the second
    return seen


# -------------------------------------------------------------------------------------------------------------- loss


def cross_entropy(logit, y):
    """-log softmax(logit) of the true plane, the mean over the frames: logits (n, k), planes (n,)."""
    return F.cross_entropy(logit, y.long())


def ensemble(logits):
    """(m, n, k) logits of m networks -> (n, k): the mean of their probabilities.

    -log is convex, so the loss of the mean is at most the mean of the losses (Jensen). Networks that disagree make the
    answer less sure, as it should be.
    """
    shifted = np.exp(logits - logits.max(axis=2, keepdims=True))
    return (shifted / shifted.sum(axis=2, keepdims=True)).mean(axis=0)


def brier_score(prob, y):
    """The squared distance of probabilities (n, k) from the truth, 1 for its plane and 0 for the others; the mean."""
    return float(((prob - np.eye(prob.shape[1])[y]) ** 2).sum(axis=1).mean())


# ---------------------------------------------------------------------------------------------------------- training


def fit(train, val=None, *, seed, budget_s, log=None):
    """Train on `train["image"]` (N, H, W) and `train["y"]` (N,) for STEPS steps.

    Every CHECK_EVERY steps the network answers for `val`, and the weights that did best there are returned; without
    `val` the last ones are. `log` receives the step, its loss, and the balanced accuracy on `val` or None.
    """
    start = time.process_time()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    images = normalise(train["image"])
    model = build_model({})
    optimiser = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)

    best, weights = -1.0, model.state_dict()
    for step in range(1, STEPS + 1):
        image, y = draw_batch(images, train["y"], rng)
        value = train_step(model, optimiser, torch.from_numpy(image), torch.from_numpy(y))
        schedule.step()
        last = step == STEPS or time.process_time() - start > 0.9 * budget_s
        if last or step % CHECK_EVERY == 0:
            score = None if val is None else balanced_accuracy(model, val)
            if score is None or score >= best:
                best, weights = score, copy.deepcopy(model.state_dict())
            if log is not None:
                log(step, float(value), score)
        if last:
            break
    model.load_state_dict(weights)
    return model.eval()


def train_step(model, optimiser, image, y):
    """One step of AdamW on a batch (N, H, W); returns the loss before it."""
    model.train()
    optimiser.zero_grad()
    value = cross_entropy(model(image), y)
    value.backward()
    optimiser.step()
    return value.detach()


def balanced_accuracy(model, cases):
    """The mean over the planes of the share of their frames that is recognised: each plane counts the same."""
    right = predict(model, cases)["prob"].argmax(axis=1) == cases["y"]
    return float(np.mean([right[cases["y"] == plane].mean() for plane in np.unique(cases["y"])]))


# -------------------------------------------------------------------------------------------------------- prediction


def predict(model, inputs):
    """`inputs["image"]` (N, H, W) -> {"prob": (N, 4)}, each row adds up to 1."""
    model.eval()  # no dropout, and the running statistics of training
    with torch.no_grad():
        logit = model(torch.from_numpy(normalise(inputs["image"])))
    return {"prob": torch.softmax(logit, dim=1).numpy()}


def save(model, folder):
    """Write the configuration and the weights, running statistics included, into `folder`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(model.config))
    torch.save(model.state_dict(), folder / "weights.pt")


def load(folder):
    """The model that `save` wrote."""
    folder = Path(folder)
    model = build_model(json.loads((folder / "config.json").read_text()))
    model.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    return model.eval()
