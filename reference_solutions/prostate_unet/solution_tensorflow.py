"""Prostate segmentation in T2-weighted MRI with a 3-D U-Net, in TensorFlow.

The idea. A segmentation net must know what it sees, which needs a wide view, and exactly where, which needs full
resolution. The U-Net has both: an encoder halves the resolution level by level and widens the view, a decoder restores
the resolution, and at every level a *skip connection* passes the encoder's fine features to the decoder.

    Ronneberger, Fischer, Brox: U-Net, MICCAI 2015.            Çiçek et al.: 3D U-Net, MICCAI 2016.
    Milletari, Navab, Ahmadi: V-Net (the Dice loss), 3DV 2016. Litjens et al.: PROMISE12, Med. Image Anal. 2014.

This differs from the papers. Convolutions are padded, so that the answer is as large as the image. GroupNorm replaces
BatchNorm, because statistics over two volumes are noise. The output layer starts at the share of foreground voxels,
because from any other start some seeds collapse to "all background" and stay there. The model that predicts has a
running average of the trained weights, as it was when it answered best for the validation cases.

Read from top to bottom: settings, data, model, loss, training, prediction.
"""

import json
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from scipy import ndimage

FRAMEWORK = "tensorflow"


# ---------------------------------------------------------------------------------------------------------- settings

CONFIG = {"base": 8, "depth": 4, "skips": True, "prior": 0.03}  # channels at the top, levels, skip connections, bias
GRID = (12, 48, 48)  # largest grid (D, H, W) that the net works on, for speed; larger volumes are resampled to it
GROUPS = 4  # groups of channels that share their statistics in GroupNorm
BATCH = 2  # volumes per step
LEARNING_RATE = 2.5e-3  # of the first step; half a cosine takes it to 0, which steadies the answer
AVERAGING = 0.99  # share of the old average that each step keeps
STEPS = 560  # some 45 CPU seconds; the budget only guards against a slower machine
CHECK_EVERY = 40  # steps from one score on the validation cases to the next


# -------------------------------------------------------------------------------------------------------------- data


def normalise(volume):
    """(D, H, W) of any scanner units -> float32 with mean 0 and SD 1, by this volume's own statistics."""
    low, high = np.percentile(volume, (1, 99))  # one bright vessel must not set the scale
    volume = np.clip(volume.astype(np.float32), np.float32(low), np.float32(high))
    return (volume - volume.mean()) / (volume.std() + 1e-6)


def zoom(volume, shape, order):
    """(D, H, W) -> `shape`, the same extent. Voxels are boxes: the outer edges coincide, not the corner centres."""
    factors = np.divide(shape, volume.shape)
    return ndimage.zoom(volume, factors, order=order, mode="nearest", grid_mode=True)


def resample(volume, from_spacing, to_spacing, order):
    """(D, H, W) with voxels of `from_spacing` mm -> the same extent with voxels of `to_spacing` mm.

    `order` 0 takes the nearest voxel (label maps), 1 interpolates linearly (images, probabilities).
    """
    shape = np.round(np.array(volume.shape) * np.asarray(from_spacing) / np.asarray(to_spacing))
    return zoom(volume, np.maximum(1, shape), order)


def to_grid(volume):
    """(D, H, W) -> (d, h, w), at most GRID. A mask becomes the share of gland in each voxel."""
    return zoom(volume.astype(np.float32), np.minimum(volume.shape, GRID), order=1)


def augment(image, label, rng):
    """Image and share of gland (d, h, w) as another patient and scanner could have given them; both move together."""
    centre = (np.array(image.shape) - 1) / 2
    angle = np.deg2rad(rng.uniform(-10, 10))  # in the plane of the slice
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    matrix = turn / rng.uniform(0.9, 1.1, 3)
    offset = centre - matrix @ centre + rng.uniform(-0.05, 0.05, 3) * image.shape
    image, label = (ndimage.affine_transform(x, matrix, offset, order=1, mode="nearest") for x in (image, label))
    if rng.random() < 0.5:  # left and right may be swapped; head and feet, front and back never are
        image, label = image[:, :, ::-1], label[:, :, ::-1]
    image = image * rng.uniform(0.8, 1.2) + rng.uniform(-0.2, 0.2) + rng.normal(0, 0.1, image.shape)
    return image.astype(np.float32), label.astype(np.float32)


def draw_batch(images, labels, rng):
    """Images and masks (N, d, h, w) -> BATCH cases drawn from them and augmented, (BATCH, d, h, w) each."""
    cases = rng.choice(len(images), size=BATCH, replace=len(images) < BATCH)
    pairs = [augment(images[case], labels[case], rng) for case in cases]
    return np.stack([image for image, _ in pairs]), np.stack([label for _, label in pairs])


# ------------------------------------------------------------------------------------------------------------- model


class GroupNorm(layers.Layer):
    """Each group of channels of each volume to mean 0 and SD 1, then a scale and a shift for each channel.

    It computes the same as `layers.GroupNormalization`, from two sums; 2.5 times faster on a CPU.
    """

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")
        self.shift = self.add_weight(shape=(shape[-1],), initializer="zeros")

    def call(self, x):
        mean = self.by_group(tf.reduce_mean(x, (1, 2, 3)))  # (N, C)
        variance = self.by_group(tf.reduce_mean(x * x, (1, 2, 3))) - mean**2
        scale = self.scale * tf.math.rsqrt(variance + 1e-5)
        shift = self.shift - mean * scale
        return x * scale[:, None, None, None] + shift[:, None, None, None]

    def by_group(self, values):
        """(N, C) -> (N, C): each channel gets the mean of its group."""
        size = values.shape[-1] // GROUPS
        same_group = np.kron(np.eye(GROUPS), np.ones((size, size)))  # (C, C): 1 where two channels share a group
        return tf.matmul(values, tf.constant(same_group / size, values.dtype))


class DoubleConv(layers.Layer):
    """Twice a 3 x 3 x 3 convolution, GroupNorm and ReLU. No bias: GroupNorm has its own."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = layers.Conv3D(channels, 3, padding="same", use_bias=False)
        self.norm1 = GroupNorm()
        self.conv2 = layers.Conv3D(channels, 3, padding="same", use_bias=False)
        self.norm2 = GroupNorm()

    def call(self, x):
        x = tf.nn.relu(self.norm1(self.conv1(x)))
        return tf.nn.relu(self.norm2(self.conv2(x)))


class UNet(keras.Model):
    """Volumes (N, D, H, W) of any size -> logits (N, D, H, W)."""

    def __init__(self, base, depth, skips, prior):
        super().__init__()
        widths = [base * 2**level for level in range(depth)]  # 8, 16, 32, 64
        self.skips = skips
        self.multiple = 2 ** (depth - 1)
        self.encoder = [DoubleConv(width) for width in widths]
        self.up = [layers.Conv3DTranspose(width, 2, strides=2) for width in widths[-2::-1]]
        self.decoder = [DoubleConv(width) for width in widths[-2::-1]]
        bias = float(np.log(prior / (1 - prior)))  # sigmoid(bias) = prior
        self.output_layer = layers.Conv3D(
            1,
            1,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
            bias_initializer=keras.initializers.Constant(bias),
        )

    def call(self, x, training=False):
        depth, height, width = x.shape[1:]
        x = tf.pad(x, [(0, 0), *((0, -size % self.multiple) for size in (depth, height, width))])
        x = x[..., None]  # (N, D, H, W, 1)
        kept = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else tf.nn.max_pool3d(x, 2, 2, "VALID"))  # (N, D / 2^level, ..., 8 * 2^level)
            kept.append(x)
        for up, block, skip in zip(self.up, self.decoder, kept[-2::-1], strict=True):
            x = up(x)  # half the channels, twice the resolution
            x = block(tf.concat([skip, x], axis=-1) if self.skips else x)
        x = self.output_layer(x)[..., 0]  # (N, D, H, W, 1) -> (N, D, H, W)
        return x[:, :depth, :height, :width]


def build_model(config):
    """A new U-Net that answers `config["prior"]` everywhere; missing keys come from CONFIG."""
    config = {**CONFIG, **config}
    model = UNet(**config)
    model.config = config  # `save` writes it beside the weights
    model(tf.zeros((1, 1, 1, 1)))  # Keras makes the weights when the first volume passes
    return model


def receptive_field(config):
    """How many voxels along one axis a feature of the deepest level sees.

    A kernel of k voxels that lie `jump` voxels of the image apart adds (k - 1) jump; each pooling doubles the jump.
    """
    seen, jump = 1, 1
    for level in range(config["depth"]):
        if level > 0:
            seen, jump = seen + jump, 2 * jump  # max pooling: k = 2
        seen += 2 * (3 - 1) * jump  # two convolutions: k = 3
    return seen


# -------------------------------------------------------------------------------------------------------------- loss


def initial_loss(prior, share):
    """Mean cross-entropy of a model that answers `prior` everywhere, where `share` of the voxels is gland.

    -(share log prior + (1 - share) log(1 - prior)): what the cross-entropy of the first step has to be.
    """
    return float(-(share * np.log(prior) + (1 - share) * np.log(1 - prior)))


def dice_loss(logit, label):
    """1 - Dice of each case, then the mean over cases. It is soft: with probabilities every voxel has a gradient.

    The 1 in numerator and denominator keeps a case without gland finite: its loss is 0 once nothing is predicted.
    """
    prob, label = tf.sigmoid(logit), tf.cast(label, logit.dtype)
    overlap = tf.reduce_sum(prob * label, (1, 2, 3))  # (N,)
    size = tf.reduce_sum(prob, (1, 2, 3)) + tf.reduce_sum(label, (1, 2, 3))
    return tf.reduce_mean(1 - (2 * overlap + 1) / (size + 1))


def loss(logit, label):
    """Cross-entropy, which is stable, plus Dice loss, which is what will be measured."""
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(label, logit)) + dice_loss(logit, label)


# ---------------------------------------------------------------------------------------------------------- training


def fit(train, val=None, *, seed, budget_s, log=None):
    """Train on `train["image"]` and `train["label"]`, (N, D, H, W), for STEPS steps.

    Every CHECK_EVERY steps the average model answers for `val`, and the one with the best Dice is returned: a later
    one may know the training cases better and new ones worse. Without `val` it is the last one. `log` receives the
    step, its loss, and that Dice or None.
    """
    start = time.process_time()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    images = np.stack([to_grid(normalise(image)) for image in train["image"]])  # (N, d, h, w)
    labels = np.stack([to_grid(label) for label in train["label"]])
    model = build_model({"prior": float(labels.mean())})
    average = build_model(model.config)
    average.set_weights(model.get_weights())
    optimiser = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, STEPS))
    optimiser.build(model.trainable_variables)
    one_step = tf.function(train_step)  # a graph is several times as fast as single operations

    best, weights = -1.0, average.get_weights()
    for step in range(1, STEPS + 1):
        image, label = draw_batch(images, labels, rng)
        value = one_step(model, average, optimiser, tf.constant(image), tf.constant(label), tf.constant(float(step)))
        last = step == STEPS or time.process_time() - start > 0.9 * budget_s
        if last or step % CHECK_EVERY == 0:
            score = None if val is None else mean_dice(average, val)
            if score is None or score > best:
                best, weights = score, average.get_weights()
            if log is not None:
                log(step, float(value), score)
        if last:
            break
    average.set_weights(weights)
    return average


def train_step(model, average, optimiser, image, label, step):
    """One step of Adam on a batch (N, d, h, w); then the average follows, quickly at the beginning."""
    with tf.GradientTape() as tape:
        value = loss(model(image, training=True), label)
    gradients = tape.gradient(value, model.trainable_variables)
    optimiser.apply(gradients, model.trainable_variables)
    keep = tf.minimum(AVERAGING, step / (9 + step))
    for slow, fast in zip(average.trainable_variables, model.trainable_variables, strict=True):
        slow.assign(keep * slow + (1 - keep) * fast)
    return value


def mean_dice(model, cases):
    """The mean over the cases of 2 |P and Y| / (|P| + |Y|), as the marker computes it."""
    found, gland = predict(model, cases)["prob"] >= 0.5, cases["label"] > 0  # (N, D, H, W)
    both, size = (x.sum(axis=(1, 2, 3)) for x in (found & gland, found.astype(int) + gland))
    return float(np.mean(2 * both / np.maximum(size, 1)))


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
    probs = []
    for image in inputs["image"]:
        small = to_grid(normalise(image))  # (d, h, w)
        logit = model(small[None], training=False)[0]
        prob = tf.sigmoid(logit).numpy()
        prob = zoom(prob, image.shape, order=1)  # (D, H, W)
        gland = prob >= 0.5
        prob[gland & ~keep_largest_component(gland)] = 0.0  # there is one prostate
        probs.append(np.clip(prob, 0, 1))
    return {"prob": np.stack(probs)}


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
