"""Where does each point of a brain lie in another scan? A network that registers two images at once, in TensorFlow.

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

import json
import time
from itertools import pairwise
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from scipy import ndimage

FRAMEWORK = "tensorflow"


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
    rows, columns = tf.range(height), tf.range(width)
    return tf.cast(tf.stack(tf.meshgrid(rows, columns, indexing="ij")), like.dtype)


def sample(image, points, mode="linear"):
    """An image (N, C, h, w) at points (N, 2, H, W) in its pixels -> (N, C, H, W); beyond the border its last pixel."""
    n, channels, height, width = image.shape
    rows, columns = tf.clip_by_value(points[:, 0], 0, height - 1), tf.clip_by_value(points[:, 1], 0, width - 1)
    if mode == "nearest":
        rows, columns = tf.round(rows), tf.round(columns)
    up, left = tf.floor(rows), tf.floor(columns)
    a, b = rows - up, columns - left  # (N, H, W): how far between two rows, between two columns
    up, left = tf.cast(up, tf.int32), tf.cast(left, tf.int32)
    down, right = tf.minimum(up + 1, height - 1), tf.minimum(left + 1, width - 1)
    corners = [up * width + left, up * width + right, down * width + left, down * width + right]
    first = height * width * tf.range(n)[:, None, None, None]  # pixel of each image among all
    pixels = tf.reshape(tf.transpose(image, (0, 2, 3, 1)), (-1, channels))
    values = tf.gather(pixels, first + tf.stack(corners, axis=1))  # (N, 4, H, W, C)
    weights = tf.stack([(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b], axis=1)[..., None]
    return tf.transpose(tf.reduce_sum(weights * values, axis=1), (0, 3, 1, 2))


def warp(image, u, mode="linear"):
    """The image (N, H, W) as the field u (N, 2, H, W) pulls it back: warped(p) = image(p + u(p)).

    `mode` "linear" is for images. Labels are numbers without an order: "nearest" takes one that is there.
    """
    points = grid(*u.shape[2:], u) + u
    return tf.cast(sample(tf.cast(image[:, None], u.dtype), points, mode)[:, 0], image.dtype)


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


class RegistrationNet(keras.Model):
    """Pairs (N, 2, H, W), the fixed image first -> displacements (N, 2, H, W) in pixels, of any size."""

    def __init__(self, width, levels):
        super().__init__()
        widths = [width, *[2 * width] * (levels - 1)]  # 16, 32, 32, 32
        self.halve = [layers.Conv2D(b, 3, strides=2) for b in widths]
        self.refine = [layers.Conv2D(b, 3, padding="same") for b in widths]
        self.join = [layers.Conv2D(2 * width, 3, padding="same") for _ in range(levels - 2)]
        self.last = layers.Conv2D(2 * width, 3, padding="same")
        near_0 = keras.initializers.RandomNormal(stddev=1e-3)  # a new network answers nearly no displacement
        self.velocity = layers.Conv2D(2, 3, padding="same", kernel_initializer=near_0)

    def call(self, pair, training=False):
        height, width = pair.shape[2:]
        x = tf.pad(pair, [(0, 0), (0, 0), (0, -height % COARSE), (0, -width % COARSE)])
        full = x.shape[2:]
        x = tf.transpose(x, (0, 2, 3, 1))  # (N, H, W, 2)
        skips = []
        for halve, refine in zip(self.halve, self.refine, strict=True):
            x = tf.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])  # "same" would pad after the last pixel alone
            x = tf.nn.leaky_relu(halve(x), 0.1)  # (N, H / 2^level, W / 2^level, 16 or 32)
            x = x + tf.nn.leaky_relu(refine(x), 0.1)
            skips.append(x)
        for join, skip in zip(self.join, skips[-2:0:-1], strict=True):
            x = tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)[:, : skip.shape[1], : skip.shape[2]]
            x = tf.nn.leaky_relu(join(tf.concat([skip, x], axis=-1)), 0.1)
        x = x + tf.nn.leaky_relu(self.last(x), 0.1)  # (N, H / 4, W / 4, 32)
        velocity = tf.transpose(self.velocity(x), (0, 3, 1, 2))  # (N, 2, H / 4, W / 4)
        coarse = exponentiate(velocity / COARSE, SQUARINGS)  # in coarse pixels, four of the image
        u = COARSE * tf.image.resize(tf.transpose(coarse, (0, 2, 3, 1)), full)  # (N, H, W, 2)
        return tf.transpose(tf.cast(u, pair.dtype), (0, 3, 1, 2))[:, :, :height, :width]


def build_model(config):
    """A new network; missing keys come from CONFIG."""
    config = {**CONFIG, **config}
    model = RegistrationNet(**config)
    model.config = config  # `save` writes it beside the weights
    model(tf.zeros((1, 2, 16, 16)))  # Keras makes the weights when the first pair passes
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
    u = model(tf.stack([fixed, moving], axis=1))
    for _ in range(passes - 1):
        left = model(tf.stack([fixed, warp(moving, u)], axis=1))
        u = compose(left, u)
    return u


# -------------------------------------------------------------------------------------------------------------- loss


def window_mean(image, window):
    """The mean of the window around each pixel of (N, H, W); beyond the border nothing counts."""
    rows = tf.nn.avg_pool2d(image[..., None], (window, 1), 1, "SAME")
    return tf.nn.avg_pool2d(rows, (1, window), 1, "SAME")[..., 0]


def lncc(a, b, window):
    """The correlation of two images (N, H, W) in the window around each pixel, the mean over the pixels: (N,).

    cov / sqrt((var a + 0.001) (var b + 0.001)): from -1 to 1, whatever the scanner's gain and offset; 0 where an image
    is constant.
    """
    mean_a, mean_b = window_mean(a, window), window_mean(b, window)
    var_a = tf.nn.relu(window_mean(a * a, window) - mean_a * mean_a)  # rounding must not make it negative
    var_b = tf.nn.relu(window_mean(b * b, window) - mean_b * mean_b)
    cov = window_mean(a * b, window) - mean_a * mean_b
    return tf.reduce_mean(cov / tf.sqrt((var_a + 1e-3) * (var_b + 1e-3)), (1, 2))


def bending_energy(u):
    """u_rr^2 + 2 u_rc^2 + u_cc^2 of both components, (N, 2, H, W) -> the mean over inner pixels; per pixel squared.

    Second differences, in pixels: a field that shifts, turns and stretches costs nothing, whatever the image's size.
    """
    inner = 2 * u[:, :, 1:-1, 1:-1]
    rows = u[:, :, 2:, 1:-1] - inner + u[:, :, :-2, 1:-1]
    columns = u[:, :, 1:-1, 2:] - inner + u[:, :, 1:-1, :-2]
    mixed = (u[:, :, 2:, 2:] - u[:, :, 2:, :-2] - u[:, :, :-2, 2:] + u[:, :, :-2, :-2]) / 4
    return tf.reduce_mean(tf.reduce_sum(rows**2 + 2 * mixed**2 + columns**2, 1))


def loss(u, pair):
    """1 - similarity of the fixed and the warped moving image, plus the weighted bending energy of u (N, 2, H, W)."""
    fixed, moving = pair[:, 0], pair[:, 1]
    return 1 - tf.reduce_mean(lncc(fixed, warp(moving, u), WINDOW)) + SMOOTHNESS * bending_energy(u)


# ---------------------------------------------------------------------------------------------------------- training


def fit(train, val=None, *, seed, budget_s, log=None):
    """Train on `train["fixed"]` and `train["moving"]`, (N, H, W), for STEPS steps; landmarks and labels are not read.

    Every CHECK_EVERY steps the network registers `val`, and the weights with the smallest landmark error are returned;
    without `val` the last ones are. `log` receives the step, its loss, and that error in mm or None.
    """
    start = time.process_time()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    fixed, moving = normalise(train["fixed"]), normalise(train["moving"])
    model = build_model({})
    optimiser = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, STEPS))
    optimiser.build(model.trainable_variables)
    one_step = tf.function(train_step)  # a graph is several times as fast as single operations

    best, weights = np.inf, model.get_weights()
    for step in range(1, STEPS + 1):
        pair = draw_batch(fixed, moving, rng)
        value = one_step(model, optimiser, *map(tf.constant, pair))
        last = step == STEPS or time.process_time() - start > 0.9 * budget_s
        if last or step % CHECK_EVERY == 0:
            error = None if val is None else mean_error(model, val)
            if error is None or error < best:
                best, weights = error or best, model.get_weights()
            if log is not None:
                log(step, float(value), error)
        if last:
            break
    model.set_weights(weights)
    return model


def train_step(model, optimiser, fixed, moving):
    """One step of Adam on a batch (N, H, W) each; returns the loss before it."""
    with tf.GradientTape() as tape:
        value = loss(register(model, fixed, moving, PASSES), tf.stack([fixed, moving], axis=1))
    optimiser.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)
    return value


def mean_error(model, cases):
    """The landmark error in mm, the mean over the cases, as the marker computes it."""
    fixed, moving = cases["landmarks"][:, 0], cases["landmarks"][:, 1]
    return float(landmark_error(predict(model, cases)["field"], fixed, moving, cases["spacing"]).mean())


# -------------------------------------------------------------------------------------------------------- prediction


def predict(model, inputs):
    """`inputs["fixed"]` and `inputs["moving"]` (N, H, W) -> {"field": (N, 2, H, W)} in pixels, from fixed to moving."""
    fixed, moving = (tf.constant(normalise(inputs[key])) for key in ("fixed", "moving"))
    field = register(model, fixed, moving, PASSES_IN_PREDICTION)
    return {"field": field.numpy()}


def save(model, folder):
    """Write the configuration and the weights into `folder`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(model.config))
    model.save_weights(folder / "model.weights.h5")


def load(folder):
    """The model that `save` wrote."""
    folder = Path(folder)
    model = build_model(json.loads((folder / "config.json").read_text()))
    model.load_weights(folder / "model.weights.h5")
    return model
