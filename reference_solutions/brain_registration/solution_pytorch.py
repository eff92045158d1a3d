"""Where does each point of a brain lie in another scan? A network that registers two images at once, in PyTorch.

The idea. A classical method registers a pair by descent: it moves points until the images agree, hundreds of steps for
each pair. Here the descent is done once, over many pairs, and by the weights of a network: it sees both images and
answers the displacement field. Nobody says what is right. The *similarity* of the fixed image and the warped moving
image is the teacher, and a *regulariser* says which fields are plausible.

    Balakrishnan et al.: VoxelMorph, IEEE TMI 38, 2019.      Dalca et al.: Probabilistic diffeomorphisms, MedIA, 2019.
    Arsigny et al.: Scaling and squaring, MICCAI 2006.       Zhao et al.: Recursive cascaded networks, ICCV 2019.

A field u is in pixels, rows first, and pulls back: warped(p) = moving(p + u(p)). The network answers a velocity; its
flow for a unit of time is a displacement without folds. One network is used again and again: it registers what is left
after its last answer, and the answers are composed.

This differs from the papers. The velocity lives on a grid of a quarter of the resolution, which is all that a smooth
field needs, and ten times as fast. Images are normalised in a neighbourhood of each pixel: that removes the bias
field of the coil, which would otherwise be the largest difference between two scanners. The passes share their weights.

Read from top to bottom: settings, data, fields, model, loss, training, prediction.
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

CONFIG = {"width": 16, "levels": 4}  # channels of the first level, halvings of the resolution
COARSE = 4  # pixels of the image from one velocity to the next
SQUARINGS = 4
PASSES = 2  # in training; the third still helps in prediction, and a fourth does not
PASSES_IN_PREDICTION = 3
NEIGHBOURHOOD = 4.0  # pixels, SD of the Gaussian in which an image is normalised
WINDOW = 7  # pixels along each side of the square in which two images are correlated
SMOOTHNESS = 6.0  # weight of the bending energy
BATCH = 8
LEARNING_RATE = 3e-3  # of the first step; half a cosine takes it to 0
STEPS = 700  # some 30 CPU seconds; the budget only guards against a slower machine
CHECK_EVERY = 100  # steps from one error on the validation pairs to the next


# -------------------------------------------------------------------------------------------------------------- data


def normalise(image):
    """(N, H, W) of any scanner units -> float32 with mean about 0 and SD about 1 around each pixel.

    First the whole image is brought to mean 0 and SD 1, then each neighbourhood; where there is nothing but air, the
    0.05 keeps noise from becoming a pattern.
    """
    image = np.asarray(image, np.float64)
    mean, scale = image.mean(axis=(1, 2), keepdims=True), image.std(axis=(1, 2), keepdims=True)
    image = (image - mean) / (scale + 1e-12)
    around = (0, NEIGHBOURHOOD, NEIGHBOURHOOD)  # not across cases
    mean = ndimage.gaussian_filter(image, around)
    variance = np.maximum(ndimage.gaussian_filter(image**2, around) - mean**2, 0)
    return ((image - mean) / np.sqrt(variance + 0.05)).astype(np.float32)


def draw_batch(fixed, moving, rng):
    """Pairs (N, H, W) each -> BATCH of them, (BATCH, H, W) each: half are mirrored, in half the images change roles."""
    rows = rng.choice(len(fixed), BATCH)
    fixed, moving = fixed[rows], moving[rows]
    if rng.random() < 0.5:
        fixed, moving = moving, fixed
    if rng.random() < 0.5:
        fixed, moving = fixed[:, :, ::-1], moving[:, :, ::-1]
    return np.ascontiguousarray(fixed), np.ascontiguousarray(moving)


# ------------------------------------------------------------------------------------------------------------ fields


def grid(height, width, like):
    """Where pixels lie: (2, H, W), rows first, with the dtype of `like`."""
    rows, columns = torch.arange(height, dtype=like.dtype), torch.arange(width, dtype=like.dtype)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"))


def sample(image, points, mode="linear"):
    """An image (N, C, h, w) at points (N, 2, H, W) in its pixels -> (N, C, H, W); beyond the border its last pixel."""
    height, width = image.shape[2:]
    # (x, y) from -1 to 1. With `align_corners` these are the centres of the outer pixels; without it they are the outer
    # edges, and a field of 0 would shift the image by up to half a pixel.
    x, y = 2 * points[:, 1] / max(width - 1, 1) - 1, 2 * points[:, 0] / max(height - 1, 1) - 1
    how = {"linear": "bilinear", "nearest": "nearest"}[mode]
    where = torch.stack([x, y], dim=-1)  # (N, H, W, 2)
    return F.grid_sample(image, where, mode=how, padding_mode="border", align_corners=True)


def warp(image, u, mode="linear"):
    """The image (N, H, W) as the field u (N, 2, H, W) pulls it back: warped(p) = image(p + u(p)).

    `mode` "linear" is for images. Labels are numbers without an order: "nearest" takes one that is there.
    """
    points = grid(*u.shape[2:], u) + u
    return sample(image[:, None].to(u.dtype), points, mode)[:, 0].to(image.dtype)


def compose(first, second):
    """The field of both steps: p goes by `first`, and from where it arrives by `second`; (N, 2, H, W) each.

    u(p) = first(p) + second(p + first(p)). Fields are not added: `second` is read where `first` leads.
    """
    return first + sample(second, grid(*first.shape[2:], first) + first)


def exponentiate(velocity, squarings):
    """The displacement after a unit of time in a flow of this velocity, (N, 2, H, W) both.

    exp(v) = exp(v / 2^k) o ... o exp(v / 2^k), 2^k times, in k compositions of a field with itself; for a step that is
    small enough, exp(v / 2^k) is v / 2^k.
    """
    u = velocity / 2**squarings
    for _ in range(squarings):
        u = compose(u, u)
    return u


def squarings(speed, step):
    """The smallest k with speed / 2^k <= step: how often to square, for a velocity of at most `speed` pixels."""
    return max(0, int(np.ceil(np.log2(speed / step))))


def jacobian_determinant(u):
    """det(I + grad u) of the inner pixels, (N, 2, H, W) -> (N, H - 2, W - 2); central differences.

    The area that a pixel of the fixed image has in the moving one: 1 is unchanged, 0 and less is folded.
    """
    by_row, by_column = (u[:, :, 2:, 1:-1] - u[:, :, :-2, 1:-1]) / 2, (u[:, :, 1:-1, 2:] - u[:, :, 1:-1, :-2]) / 2
    return (1 + by_row[:, 0]) * (1 + by_column[:, 1]) - by_row[:, 1] * by_column[:, 0]


def landmark_error(u, fixed, moving, spacing):
    """Mean distance in mm (N,) of the fixed landmarks, moved by the field, to their partners in the moving image.

    Fields (N, 2, H, W) and landmarks (N, P, 2) in pixels, spacing (N, 2) in mm per pixel. Between pixels the field is
    interpolated. A landmark with NaN does not count.
    """
    errors = []
    for field, start, end, mm in zip(u, fixed, moving, spacing, strict=True):
        moved = [ndimage.map_coordinates(axis, start.T, order=1, mode="nearest") for axis in field]
        gap = (start + np.stack(moved, axis=1) - end) * mm  # (P, 2)
        errors.append(np.nanmean(np.linalg.norm(gap, axis=1)))
    return np.array(errors)


# ------------------------------------------------------------------------------------------------------------- model


class RegistrationNet(nn.Module):
    """Pairs (N, 2, H, W), the fixed image first -> displacements (N, 2, H, W) in pixels, of any size."""

    def __init__(self, width, levels):
        super().__init__()
        widths = [width, *[2 * width] * (levels - 1)]  # 16, 32, 32, 32
        self.halve = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise([2, *widths]))
        self.refine = nn.ModuleList(nn.Conv2d(b, b, 3, padding=1) for b in widths)
        self.join = nn.ModuleList(nn.Conv2d(4 * width, 2 * width, 3, padding=1) for _ in range(levels - 2))
        self.last = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.velocity = nn.Conv2d(2 * width, 2, 3, padding=1)
        nn.init.normal_(self.velocity.weight, std=1e-3)  # a new network answers nearly no displacement
        nn.init.zeros_(self.velocity.bias)

    def forward(self, pair):
        height, width = pair.shape[2:]
        x = F.pad(pair, (0, -width % COARSE, 0, -height % COARSE))
        full = x.shape[2:]
        skips = []
        for halve, refine in zip(self.halve, self.refine, strict=True):
            x = F.leaky_relu(halve(x), 0.1)  # (N, 16 or 32, H / 2^level, W / 2^level)
            x = x + F.leaky_relu(refine(x), 0.1)
            skips.append(x)
        for join, skip in zip(self.join, skips[-2:0:-1], strict=True):
            x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)[:, :, : skip.shape[2], : skip.shape[3]]
            x = F.leaky_relu(join(torch.cat([skip, x], dim=1)), 0.1)
        x = x + F.leaky_relu(self.last(x), 0.1)  # (N, 32, H / 4, W / 4)
        coarse = exponentiate(self.velocity(x) / COARSE, SQUARINGS)  # in coarse pixels, four of the image
        u = COARSE * F.interpolate(coarse, full, mode="bilinear")  # (N, 2, H, W)
        return u[:, :, :height, :width]


def build_model(config):
    """A new network; missing keys come from CONFIG."""
    config = {**CONFIG, **config}
    model = RegistrationNet(**config)
    model.config = config  # `save` writes it beside the weights
    return model


def parameter_count(config):
    """Trained numbers: each 3 x 3 convolution from a to b channels has 9 a b + b."""
    width, levels = config["width"], config["levels"]
    widths = [width, *[2 * width] * (levels - 1)]
    layers = [*pairwise([2, *widths]), *((b, b) for b in widths), *[(4 * width, 2 * width)] * (levels - 2)]
    return sum(9 * a * b + b for a, b in [*layers, (2 * width, 2 * width), (2 * width, 2)])


def register(model, fixed, moving, passes):
    """The field from fixed to moving images, (N, H, W) each and normalised -> (N, 2, H, W).

    Each pass sees the fixed image and the moving one as the field warps it so far. What is left leads from the fixed
    image to the warped one, so it comes first, and the field so far second.
    """
    u = model(torch.stack([fixed, moving], dim=1))
    for _ in range(passes - 1):
        left = model(torch.stack([fixed, warp(moving, u)], dim=1))
        u = compose(left, u)
    return u


# -------------------------------------------------------------------------------------------------------------- loss


def window_mean(image, window):
    """The mean of the window around each pixel of (N, H, W); beyond the border nothing counts."""
    rows = F.avg_pool2d(image[:, None], (window, 1), 1, (window // 2, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, window), 1, (0, window // 2), count_include_pad=False)[:, 0]


def lncc(a, b, window):
    """The correlation of two images (N, H, W) in the window around each pixel, the mean over the pixels: (N,).

    cov / sqrt((var a + 0.001) (var b + 0.001)): from -1 to 1, whatever the scanner's gain and offset; 0 where an image
    is constant.
    """
    mean_a, mean_b = window_mean(a, window), window_mean(b, window)
    var_a = F.relu(window_mean(a * a, window) - mean_a * mean_a)  # rounding must not make it negative
    var_b = F.relu(window_mean(b * b, window) - mean_b * mean_b)
    cov = window_mean(a * b, window) - mean_a * mean_b
    return (cov / torch.sqrt((var_a + 1e-3) * (var_b + 1e-3))).mean(dim=(1, 2))


def bending_energy(u):
    """u_rr^2 + 2 u_rc^2 + u_cc^2 of both components, (N, 2, H, W) -> the mean over inner pixels; per pixel squared.

    Second differences, in pixels: a field that shifts, turns and stretches costs nothing, whatever the image's size.
    """
    inner = 2 * u[:, :, 1:-1, 1:-1]
    rows = u[:, :, 2:, 1:-1] - inner + u[:, :, :-2, 1:-1]
    columns = u[:, :, 1:-1, 2:] - inner + u[:, :, 1:-1, :-2]
    mixed = (u[:, :, 2:, 2:] - u[:, :, 2:, :-2] - u[:, :, :-2, 2:] + u[:, :, :-2, :-2]) / 4
    return (rows**2 + 2 * mixed**2 + columns**2).sum(dim=1).mean()


def loss(u, pair):
    """1 - similarity of the fixed and the warped moving image, plus the weighted bending energy of u (N, 2, H, W)."""
    fixed, moving = pair[:, 0], pair[:, 1]
    return 1 - lncc(fixed, warp(moving, u), WINDOW).mean() + SMOOTHNESS * bending_energy(u)


# ---------------------------------------------------------------------------------------------------------- training


def fit(train, val=None, *, seed, budget_s, log=None):
    """Train on `train["fixed"]` and `train["moving"]`, (N, H, W), for STEPS steps; landmarks and labels are not read.

    Every CHECK_EVERY steps the network registers `val`, and the weights with the smallest landmark error are returned;
    without `val` the last ones are. `log` receives the step, its loss, and that error in mm or None.
    """
    start = time.process_time()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    fixed, moving = normalise(train["fixed"]), normalise(train["moving"])
    model = build_model({})
    optimiser = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)

    best, weights = np.inf, model.state_dict()
    for step in range(1, STEPS + 1):
        pair = draw_batch(fixed, moving, rng)
        value = train_step(model, optimiser, *map(torch.from_numpy, pair))
        schedule.step()
        last = step == STEPS or time.process_time() - start > 0.9 * budget_s
        if last or step % CHECK_EVERY == 0:
            error = None if val is None else mean_error(model, val)
            if error is None or error < best:
                best, weights = error or best, copy.deepcopy(model.state_dict())
            if log is not None:
                log(step, float(value), error)
        if last:
            break
    model.load_state_dict(weights)
    return model.eval()


def train_step(model, optimiser, fixed, moving):
    """One step of Adam on a batch (N, H, W) each; returns the loss before it."""
    optimiser.zero_grad()
    value = loss(register(model, fixed, moving, PASSES), torch.stack([fixed, moving], dim=1))
    value.backward()
    optimiser.step()
    return value.detach()


def mean_error(model, cases):
    """The landmark error in mm, the mean over the cases, as the marker computes it."""
    fixed, moving = cases["landmarks"][:, 0], cases["landmarks"][:, 1]
    return float(landmark_error(predict(model, cases)["field"], fixed, moving, cases["spacing"]).mean())


# -------------------------------------------------------------------------------------------------------- prediction


def predict(model, inputs):
    """`inputs["fixed"]` and `inputs["moving"]` (N, H, W) -> {"field": (N, 2, H, W)} in pixels, from fixed to moving."""
    model.eval()
    fixed, moving = (torch.from_numpy(normalise(inputs[key])) for key in ("fixed", "moving"))
    with torch.no_grad():
        field = register(model, fixed, moving, PASSES_IN_PREDICTION)
    return {"field": field.numpy()}


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
