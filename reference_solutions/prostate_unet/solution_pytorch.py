"""Prostate segmentation in T2-weighted MRI with a 3-D U-Net, in PyTorch.

The idea. A segmentation net must know what it sees, which needs a wide view, and exactly where, which needs full
resolution. The U-Net has both: an encoder halves the resolution level by level and widens the view, a decoder restores
the resolution, and at every level a *skip connection* passes the encoder's fine features to the decoder.

    Ronneberger, Fischer, Brox: U-Net, MICCAI 2015.            Çiçek et al.: 3D U-Net, MICCAI 2016.
    Milletari, Navab, Ahmadi: V-Net (the Dice loss), 3DV 2016. Litjens et al.: PROMISE12, Med. Image Anal. 2014.

This differs from the papers. Convolutions are padded, so that the answer is as large as the image. GroupNorm replaces
BatchNorm, because statistics over two volumes are noise. The output layer starts at the share of foreground voxels,
because from any other start some seeds collapse to "all background" and stay there. The model that predicts has a
running average of the trained weights.

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

CONFIG = {"base": 8, "depth": 4, "skips": True, "prior": 0.03}  # channels at the top, levels, skip connections, bias
GRID = (16, 64, 64)  # largest grid (D, H, W) that the net works on; larger volumes are resampled to it
GROUPS = 4  # groups of channels that share their statistics in GroupNorm
BATCH = 2  # volumes per step
LEARNING_RATE = 2e-3
AVERAGING = 0.99  # share of the old average that each step keeps
STEPS = 100_000  # upper limit; the budget of CPU seconds ends training long before
LOG_EVERY = 10  # steps from one call of `log` to the next


# -------------------------------------------------------------------------------------------------------------- data


def normalise(volume):
    """(D, H, W) of any scanner units -> float32 with mean 0 and SD 1, by this volume's own statistics."""
    low, high = np.percentile(volume, (1, 99))  # one bright vessel must not set the scale
    volume = np.clip(volume.astype(np.float32), np.float32(low), np.float32(high))
    return (volume - volume.mean()) / (volume.std() + 1e-6)


def resample(volume, from_spacing, to_spacing, order):
    """(D, H, W) with voxels of `from_spacing` mm -> the same extent with voxels of `to_spacing` mm.

    `order` 0 takes the nearest voxel (label maps), 1 interpolates linearly (images, probabilities). Voxels are boxes:
    the outer edges of both grids coincide, not the centres of the corner voxels (`grid_mode`).
    """
    old_shape = np.array(volume.shape)
    new_shape = np.maximum(1, np.round(old_shape * np.asarray(from_spacing) / np.asarray(to_spacing)))
    return ndimage.zoom(volume, new_shape / old_shape, order=order, mode="nearest", grid_mode=True)


def to_grid(volume):
    """(D, H, W) -> (d, h, w), at most GRID. A mask becomes the share of gland in each voxel."""
    grid = np.minimum(volume.shape, GRID)
    return resample(volume.astype(np.float32), np.ones(3), np.array(volume.shape) / grid, order=1)


def augment(image, label, rng):
    """One case as another patient and scanner could have given it; image and mask move together."""
    centre = (np.array(image.shape) - 1) / 2
    angle = np.deg2rad(rng.uniform(-10, 10))  # in the plane of the slice
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    matrix = turn / rng.uniform(0.9, 1.1, 3)
    offset = centre - matrix @ centre + rng.uniform(-0.05, 0.05, 3) * image.shape
    image = ndimage.affine_transform(image, matrix, offset, order=1, mode="nearest")
    label = ndimage.affine_transform(label, matrix, offset, order=1, mode="nearest")
    if rng.random() < 0.5:  # left and right may be swapped; head and feet, front and back never are
        image, label = image[:, :, ::-1], label[:, :, ::-1]
    image = image * rng.uniform(0.8, 1.2) + rng.uniform(-0.2, 0.2) + rng.normal(0, 0.1, image.shape)
    return image.astype(np.float32), label


def draw_batch(images, labels, rng):
    """Images and masks (N, d, h, w) -> BATCH cases drawn from them and augmented, (BATCH, d, h, w) each."""
    cases = rng.choice(len(images), size=BATCH, replace=len(images) < BATCH)
    pairs = [augment(images[case], labels[case], rng) for case in cases]
    return np.stack([image for image, _ in pairs]), np.stack([label for _, label in pairs])


# ------------------------------------------------------------------------------------------------------------- model


class DoubleConv(nn.Module):
    """Twice a 3 x 3 x 3 convolution, GroupNorm and ReLU. No bias: GroupNorm has its own."""

    def __init__(self, channels_in, channels):
        super().__init__()
        self.conv1 = nn.Conv3d(channels_in, channels, 3, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(GROUPS, channels)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(GROUPS, channels)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(x)))


class UNet(nn.Module):
    """Volumes (N, D, H, W) of any size -> logits (N, D, H, W)."""

    def __init__(self, base, depth, skips, prior):
        super().__init__()
        widths = [base * 2**level for level in range(depth)]  # 8, 16, 32, 64
        self.skips = skips
        self.multiple = 2 ** (depth - 1)
        self.encoder = nn.ModuleList(DoubleConv(*pair) for pair in pairwise([1, *widths]))
        self.up = nn.ModuleList(nn.ConvTranspose3d(2 * width, width, 2, stride=2) for width in widths[-2::-1])
        self.decoder = nn.ModuleList(DoubleConv(width * (1 + skips), width) for width in widths[-2::-1])
        self.output = nn.Conv3d(base, 1, 1)
        nn.init.normal_(self.output.weight, std=0.01)
        nn.init.constant_(self.output.bias, float(np.log(prior / (1 - prior))))  # sigmoid(bias) = prior

    def forward(self, x):
        depth, height, width = x.shape[1:]
        x = F.pad(x, [side for size in (width, height, depth) for side in (0, -size % self.multiple)])
        x = x[:, None].contiguous(memory_format=torch.channels_last_3d)  # (N, 1, D, H, W); this layout is faster
        kept = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else F.max_pool3d(x, 2))  # (N, 8 * 2^level, D / 2^level, ...)
            kept.append(x)
        for up, block, skip in zip(self.up, self.decoder, kept[-2::-1], strict=True):
            x = up(x)  # half the channels, twice the resolution
            x = block(torch.cat([skip, x], dim=1) if self.skips else x)
        x = self.output(x)[:, 0]  # (N, 1, D, H, W) -> (N, D, H, W)
        return x[:, :depth, :height, :width]


def build_model(config):
    """A new U-Net that answers `config["prior"]` everywhere; missing keys come from CONFIG."""
    config = {**CONFIG, **config}
    model = UNet(**config)
    model.config = config  # `save` writes it beside the weights
    return model.to(memory_format=torch.channels_last_3d)


# -------------------------------------------------------------------------------------------------------------- loss


def dice_loss(logit, label):
    """1 - Dice of each case, then the mean over cases. It is soft: with probabilities every voxel has a gradient.

    The 1 in numerator and denominator keeps a case without gland finite: its loss is 0 once nothing is predicted.
    """
    prob, label = torch.sigmoid(logit), label.to(logit.dtype)
    overlap = (prob * label).sum(dim=(1, 2, 3))  # (N,)
    size = prob.sum(dim=(1, 2, 3)) + label.sum(dim=(1, 2, 3))
    return (1 - (2 * overlap + 1) / (size + 1)).mean()


def loss(logit, label):
    """Cross-entropy, which is stable, plus Dice loss, which is what will be measured."""
    return F.binary_cross_entropy_with_logits(logit, label) + dice_loss(logit, label)


# ---------------------------------------------------------------------------------------------------------- training


def fit(train, val=None, *, seed, budget_s, log=None):
    """Train on `train["image"]` and `train["label"]`, (N, D, H, W), for at most `budget_s` CPU seconds.

    `val` is not used: the model is the average at the last step, so there is nothing to choose. Every LOG_EVERY steps
    `log` receives the step, its loss, and None: no score on `val` is computed.
    """
    start = time.process_time()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    images = np.stack([to_grid(normalise(image)) for image in train["image"]])  # (N, d, h, w)
    labels = np.stack([to_grid(label) for label in train["label"]])
    model = build_model({"prior": float(labels.mean())})
    average = copy.deepcopy(model)
    optimiser = torch.optim.Adam(model.parameters(), LEARNING_RATE)

    last = 0.0  # CPU seconds of the last step: the next one must fit into the budget
    for step in range(STEPS):
        began = time.process_time()
        if began - start + last > budget_s:
            break
        image, label = draw_batch(images, labels, rng)
        value = train_step(model, average, optimiser, torch.from_numpy(image), torch.from_numpy(label), step)
        last = time.process_time() - began if step else 0.0  # the first also warms up, so it does not count
        if log is not None and step % LOG_EVERY == 0:
            log(step, float(value), None)
    return average.eval()


def train_step(model, average, optimiser, image, label, step):
    """One step of Adam on a batch (N, d, h, w); then the average follows, quickly at the beginning."""
    optimiser.zero_grad()
    value = loss(model(image), label)
    value.backward()
    optimiser.step()
    keep = min(AVERAGING, (1 + step) / (10 + step))
    with torch.no_grad():
        for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
            slow.mul_(keep).add_(fast, alpha=1 - keep)
    return value.detach()


# -------------------------------------------------------------------------------------------------------- prediction


def keep_largest_component(mask):
    """bool (D, H, W) -> the same with only its largest piece; voxels that share a face belong together."""
    pieces, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0  # the background is no piece
    return pieces == sizes.argmax()


def predict(model, inputs):
    """`inputs["image"]` (N, D, H, W) -> {"prob": (N, D, H, W)}, at the resolution of the image, case by case."""
    model.eval()
    probs = []
    for image in inputs["image"]:
        small = to_grid(normalise(image))  # (d, h, w)
        with torch.no_grad():
            logit = model(torch.from_numpy(small)[None])[0]
        prob = torch.sigmoid(logit).numpy()
        prob = resample(prob, np.array(image.shape) / prob.shape, np.ones(3), order=1)  # (D, H, W)
        gland = prob >= 0.5
        prob[gland & ~keep_largest_component(gland)] = 0.0  # there is one prostate
        probs.append(np.clip(prob, 0, 1))
    return {"prob": np.stack(probs)}


def save(model, folder):
    """Write the configuration and the weights into `folder`."""
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
