"""What would this T1-weighted slice look like in T2? A 2-D U-Net trained by L1, and a discriminator, in TensorFlow.

The idea. Where pairs of images exist, synthesis is regression pixel by pixel: a U-Net learns the T2-like image from the
T1-like one. Where the input leaves the answer open, *L1* takes the median of what is possible, which is blurred or
flat. An *adversarial* term asks a second network, the discriminator, whether an image looks real beside its input; it
sharpens what L1 blurs, and may paint what is not there.

    Isola, Zhu, Zhou, Efros: Image-to-image translation (pix2pix), CVPR 2017.   Goodfellow et al.: GAN, NeurIPS 2014.
    Ronneberger, Fischer, Brox: U-Net, MICCAI 2015.       Heusel et al.: Two time-scale update rule (FID), NeurIPS 2017.
    Cohen, Luck, Honari: Distribution matching losses can hallucinate features, MICCAI 2018.

This differs from the papers. The network that is marked has no adversarial term: `weight` of `fit` is 0, and the
experiment sets it. Both losses look at the brain alone, because only there the answer counts. GroupNorm replaces
BatchNorm in the generator, and the discriminator has no norm: statistics of a batch would tie its cases together. The
generator is no random one: no noise goes in.

Read from top to bottom: settings, data, networks, losses, training, distance, prediction.
"""

import json
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

FRAMEWORK = "tensorflow"


# ---------------------------------------------------------------------------------------------------------- settings

CONFIG = {"base": 12, "depth": 3}  # of the generator: channels at the top, levels
JUDGE = {"base": 16, "layers": 2}  # of the discriminator: channels of the first layer, layers of stride 2
GROUPS = 4  # groups of channels that share their statistics in GroupNorm
BATCH = 8
LEARNING_RATE = 3e-3  # of the first step; half a cosine takes it to 0
STEPS = 500  # some 30 CPU seconds; the budget only guards against a slower machine
CHECK_EVERY = 50  # steps from one score on the validation cases to the next


# -------------------------------------------------------------------------------------------------------------- data


def normalise(image):
    """(N, H, W) of any scanner's unit -> float32 with mean 0 and SD 1, each image by its own statistics."""
    image = np.asarray(image, np.float32)
    mean, scale = image.mean(axis=(1, 2), keepdims=True), image.std(axis=(1, 2), keepdims=True)
    return (image - mean) / (scale + 1e-6)


def to_network_range(image):
    """Intensities from 0 to 1 -> from -1 to 1, the range of a tanh. With 0 to 1, half of it would be air's alone."""
    return 2 * image - 1


def from_network_range(image):
    """The way back: -1 to 1 -> 0 to 1."""
    return (image + 1) / 2


def draw_batch(images, targets, masks, rng):
    """(N, H, W) each -> BATCH cases drawn from them, (BATCH, H, W) each; every other one mirrored left to right."""
    cases = rng.choice(len(images), size=BATCH, replace=len(images) < BATCH)
    turns = rng.choice([-1, 1], size=BATCH)
    return [np.stack([x[i][:, ::turn] for i, turn in zip(cases, turns, strict=True)]) for x in (images, targets, masks)]


# ---------------------------------------------------------------------------------------------------------- networks


class GroupNorm(layers.Layer):
    """Each group of channels of each image to mean 0 and SD 1, then a scale and a shift for each channel.

    It computes the same as `layers.GroupNormalization`, from two sums; 2.5 times faster on a CPU.
    """

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")
        self.shift = self.add_weight(shape=(shape[-1],), initializer="zeros")

    def call(self, x):
        mean = self.by_group(tf.reduce_mean(x, (1, 2)))  # (N, C)
        variance = self.by_group(tf.reduce_mean(x * x, (1, 2))) - mean**2
        scale = self.scale * tf.math.rsqrt(variance + 1e-5)
        shift = self.shift - mean * scale
        return x * scale[:, None, None] + shift[:, None, None]

    def by_group(self, values):
        """(N, C) -> (N, C): each channel gets the mean of its group."""
        size = values.shape[-1] // GROUPS
        same_group = np.kron(np.eye(GROUPS), np.ones((size, size)))  # (C, C): 1 where two channels share a group
        return tf.matmul(values, tf.constant(same_group / size, values.dtype))


class DoubleConv(layers.Layer):
    """Twice a 3 x 3 convolution, GroupNorm and ReLU. No bias: GroupNorm has its own."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = layers.Conv2D(channels, 3, padding="same", use_bias=False)
        self.norm1 = GroupNorm()
        self.conv2 = layers.Conv2D(channels, 3, padding="same", use_bias=False)
        self.norm2 = GroupNorm()

    def call(self, x):
        x = tf.nn.relu(self.norm1(self.conv1(x)))
        return tf.nn.relu(self.norm2(self.conv2(x)))


class Generator(keras.Model):
    """T1-like images (N, H, W) of any size -> T2-like images (N, H, W) from -1 to 1."""

    def __init__(self, base, depth):
        super().__init__()
        widths = [base * 2**level for level in range(depth)]  # 12, 24, 48
        self.multiple = 2 ** (depth - 1)
        self.encoder = [DoubleConv(width) for width in widths]
        self.up = [layers.Conv2DTranspose(width, 2, strides=2) for width in widths[-2::-1]]
        self.decoder = [DoubleConv(width) for width in widths[-2::-1]]
        self.output_layer = layers.Conv2D(1, 1)

    def call(self, x, training=False):
        height, width = x.shape[1:]
        x = tf.pad(x, [(0, 0), (0, -height % self.multiple), (0, -width % self.multiple)])
        x = x[..., None]  # (N, H, W, 1)
        kept = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else tf.nn.max_pool2d(x, 2, 2, "VALID"))  # (N, H / 2^level, ..., 12 * 2^level)
            kept.append(x)
        for up, block, skip in zip(self.up, self.decoder, kept[-2::-1], strict=True):
            x = block(tf.concat([skip, up(x)], axis=-1))  # half the channels, twice the resolution
        x = tf.tanh(self.output_layer(x))[..., 0]  # (N, H, W, 1) -> (N, H, W)
        return x[:, :height, :width]


class Discriminator(keras.Model):
    """Pairs (N, 2, H, W) of a T1-like and a T2-like image -> logits (N, h, w), one for each patch: above 0 is real."""

    def __init__(self, base, layers):
        super().__init__()
        widths = [base * 2**layer for layer in range(layers + 1)]  # 16, 32, 64
        strides = [2] * layers + [1]
        self.pad = keras.layers.ZeroPadding2D(1)
        self.convolutions = [
            keras.layers.Conv2D(width, 4, strides=stride) for width, stride in zip(widths, strides, strict=True)
        ]
        self.output_layer = keras.layers.Conv2D(1, 4)

    def call(self, x, training=False):
        x = tf.transpose(x, (0, 2, 3, 1))  # (N, H, W, 2)
        for convolution in self.convolutions:
            x = tf.nn.leaky_relu(
                convolution(self.pad(x)), 0.2
            )  # (N, H / 2^(k + 1), ..., 16 * 2^k), the last one as it is
        return self.output_layer(self.pad(x))[..., 0]  # (N, h, w)


def build_generator(config):
    """A new generator; missing keys come from CONFIG."""
    config = {**CONFIG, **config}
    model = Generator(**config)
    model.config = config  # `save` writes it beside the weights
    model(tf.zeros((1, 8, 8)))  # Keras makes the weights when the first image passes
    return model


def build_discriminator(config):
    """A new discriminator; missing keys come from JUDGE."""
    model = Discriminator(**{**JUDGE, **config})
    model(tf.zeros((1, 2, 64, 64)))
    return model


def receptive_field(config):
    """How many pixels along one axis a logit of the discriminator sees.

    A kernel of 4 pixels that lie `jump` pixels of the image apart adds 3 jump; a stride of 2 doubles the jump.
    """
    seen, jump = 1, 1
    for _ in range(config["layers"]):
        seen += 3 * jump
        jump *= 2
    return seen + 2 * 3 * jump  # two layers of stride 1


def pairs(image, answer, mask):
    """Images, answers and masks (N, H, W) -> what the discriminator sees, (N, 2, H, W); around the brain is air, -1."""
    return tf.stack([image, tf.where(mask > 0, answer, -1.0)], axis=1)


# ------------------------------------------------------------------------------------------------------------ losses


def best_constant(values, loss):
    """The number that a network should answer where it cannot tell which of these `values` (n,) is right.

    Σ |v - c| is least at the median, Σ (v - c)² at the mean. So L1 leaves out what is possible and rare: an edge that
    lies here in most cases and there in some is drawn here, and a small lesion nowhere.
    """
    return float(np.median(values) if loss == "l1" else np.mean(values))


def l1_loss(answer, target, mask):
    """Σ mask |answer - target| / Σ mask of each case (N, H, W), then the mean over the cases."""
    mask = tf.cast(mask, answer.dtype)
    error = tf.reduce_sum(mask * tf.abs(answer - target), (1, 2))  # (N,)
    return tf.reduce_mean(error / tf.reduce_sum(mask, (1, 2)))


def discriminator_loss(real_logit, fake_logit):
    """-log sigmoid(real) - log(1 - sigmoid(fake)), each the mean over patches and cases: 2 log 2 for logits of 0.

    softplus(x) = log(1 + exp(x)) = -log sigmoid(-x), and it is finite for any logit.
    """
    return tf.reduce_mean(tf.nn.softplus(-real_logit)) + tf.reduce_mean(tf.nn.softplus(fake_logit))


def generator_loss(fake_logit):
    """-log sigmoid(fake), the mean over patches and cases: log 2 for logits of 0.

    It is the loss that does not saturate. log(1 - sigmoid(fake)) has the same optimum, but no gradient where the
    discriminator is sure, which is where the generator has most to learn.
    """
    return tf.reduce_mean(tf.nn.softplus(-fake_logit))


# ---------------------------------------------------------------------------------------------------------- training


def build_optimisers(generator, discriminator, learning_rate):
    """Two of them, since each step moves one network only: Adam for the generator, Adam for the discriminator."""
    optimisers = [keras.optimizers.Adam(learning_rate) for _ in (generator, discriminator)]
    for optimiser, model in zip(optimisers, (generator, discriminator), strict=True):
        optimiser.build(model.trainable_variables)
    return optimisers


def discriminator_step(generator, discriminator, optimisers, image, target, mask):
    """One step of the discriminator on a batch (N, H, W), in which the generator stays as it is.

    Returns the loss before the step.
    """
    fake = generator(image, training=True)  # outside the tape: no gradient reaches the generator
    with tf.GradientTape() as tape:
        real_logit = discriminator(pairs(image, target, mask), training=True)
        fake_logit = discriminator(pairs(image, fake, mask), training=True)
        value = discriminator_loss(real_logit, fake_logit)
    weights = discriminator.trainable_variables
    optimisers[1].apply(tape.gradient(value, weights), weights)
    return value


def generator_step(generator, discriminator, optimisers, image, target, mask, weight):
    """One step of the generator on a batch (N, H, W): L1 + `weight` times the adversarial loss.

    The gradient passes through the discriminator, which stays as it is. Returns the loss before the step.
    """
    with tf.GradientTape() as tape:
        fake = generator(image, training=True)
        value = l1_loss(fake, target, mask)
        if weight:
            value = value + weight * generator_loss(discriminator(pairs(image, fake, mask), training=True))
    weights = generator.trainable_variables
    optimisers[0].apply(tape.gradient(value, weights), weights)
    return value


def fit(train, val=None, *, seed, budget_s, log=None, weight=0.0):
    """Train on `train["image"]`, `train["target"]` and `train["mask"]`, (N, H, W) each, for STEPS steps.

    Every CHECK_EVERY steps the generator answers for `val`, and the weights with the smallest error there are returned;
    without `val` the last ones are. `log` receives the step, its loss, and that error or None. `weight` is that of the
    adversarial term: 0 in what is marked.
    """
    start = time.process_time()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    images, targets = normalise(train["image"]), to_network_range(train["target"])
    generator, discriminator = build_generator({}), build_discriminator({})
    optimisers = build_optimisers(generator, discriminator, LEARNING_RATE)
    one_step, judge_step = (
        tf.function(generator_step),
        tf.function(discriminator_step),
    )  # graphs are several times faster

    best, weights = np.inf, generator.get_weights()
    for step in range(1, STEPS + 1):
        batch = [tf.constant(x) for x in draw_batch(images, targets, train["mask"], rng)]
        if weight:
            judge_step(generator, discriminator, optimisers, *batch)
        value = one_step(generator, discriminator, optimisers, *batch, weight)
        rate = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * step / STEPS))  # of the next step
        for optimiser in optimisers:
            optimiser.learning_rate = rate
        last = step == STEPS or time.process_time() - start > 0.9 * budget_s
        if last or step % CHECK_EVERY == 0:
            score = None if val is None else mean_error(generator, val)
            if score is None or score < best:
                best, weights = score, generator.get_weights()
            if log is not None:
                log(step, float(value), score)
        if last:
            break
    generator.set_weights(weights)
    return generator


def mean_error(model, cases):
    """The mean over the cases of the mean absolute error in the brain, as the marker computes it."""
    error, brain = np.abs(predict(model, cases)["image"] - cases["target"]), cases["mask"] > 0
    return float(np.mean([values[inside].mean() for values, inside in zip(error, brain, strict=True)]))


# ---------------------------------------------------------------------------------------------------------- distance


def frechet_distance(mean1, cov1, mean2, cov2):
    """Between two normal distributions: |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½), in squared units of the features.

    The root is that of a matrix. C1 C2 is not symmetric; A C2 A with A = C1^½ is, and has the same eigenvalues, so that
    the trace of its root is real.
    """
    values, vectors = np.linalg.eigh(cov1)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov2 @ root), 0)).sum()
    return float(((mean1 - mean2) ** 2).sum() + np.trace(cov1) + np.trace(cov2) - 2 * shared)


# -------------------------------------------------------------------------------------------------------- prediction


def predict(model, inputs):
    """`inputs["image"]` (N, H, W) -> {"image": (N, H, W)}, T2-like, from 0 to 1."""
    answer = model(normalise(inputs["image"]), training=False)
    return {"image": from_network_range(answer.numpy())}


def save(model, folder):
    """Write the configuration and the weights into `folder`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(model.config))
    model.save_weights(folder / "model.weights.h5")


def load(folder):
    """The model that `save` wrote."""
    folder = Path(folder)
    model = build_generator(json.loads((folder / "config.json").read_text()))
    model.load_weights(folder / "model.weights.h5")
    return model
