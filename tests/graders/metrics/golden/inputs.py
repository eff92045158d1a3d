"""The inputs of the golden values, made anew from seeds: label maps, images, fields and features."""

import numpy as np
from scipy import ndimage

VOLUMES = 520
PAIRS = 150
TOLERANCE_MM = 2.0


def labels(seed):
    """Two label maps of one image, its spacing and its classes: blobs, boxes or noise, 2-D or 3-D, one class or three.

    One in seven has a spacing that the tolerance is a multiple of, so that distances fall on it.
    """
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(5, 25, size=rng.choice([2, 3])))
    spacing = (0.5,) * len(shape) if seed % 7 == 0 else tuple(rng.uniform(0.4, 4, len(shape)).round(2).tolist())
    classes = (1,) if rng.random() < 0.6 else (1, 2, 3)
    kind = rng.choice(["blob", "box", "noise"], p=[0.6, 0.2, 0.2])
    truth = _map(rng, shape, classes, kind)
    prediction = _map(rng, shape, classes, kind)
    if kind == "blob":  # the truth, moved and torn
        shift = rng.integers(-2, 3, len(shape))
        prediction = np.where(rng.random(shape) < 0.02, prediction, np.roll(truth, shift, range(len(shape))))
    return prediction.astype(np.uint8), truth.astype(np.uint8), spacing, classes


def _map(rng, shape, classes, kind):
    if kind == "noise":
        return rng.integers(len(classes) + 1, size=shape) * (rng.random(shape) < rng.choice([0.02, 0.3, 1]))
    if kind == "box":
        boxes = np.zeros(shape, int)
        for c in classes:
            ends = [sorted(rng.integers(0, size + 1, 2)) for size in shape]
            boxes[tuple(slice(a, max(b, a + 1)) for a, b in ends)] = c
        return boxes
    field = ndimage.gaussian_filter(rng.normal(size=shape), rng.uniform(1, 3))
    return np.digitize(field, np.quantile(field, np.linspace(0.5, 1, len(classes) + 1)[:-1]))


def masks(seed):
    """Two masks of one image and its spacing: all classes of a pair of label maps as one."""
    prediction, truth, spacing, _ = labels(seed)
    return prediction > 0, truth > 0, spacing


def thin(seed):
    """A volume of 3 to 10 slices in HU, and a noisy copy."""
    rng = np.random.default_rng([4, seed])
    truth = ndimage.gaussian_filter(rng.normal(size=(3 + seed, 26, 31)), 1.5) * 3000
    return truth + rng.normal(0, 60, truth.shape), truth


def images(seed):
    """An image (176, 180) or (14, 18, 16) in HU, and a blurred, noisy copy."""
    rng = np.random.default_rng([1, seed])
    truth = ndimage.gaussian_filter(rng.normal(size=[(176, 180), (14, 18, 16)][seed % 2]), 1.5) * 3000
    return ndimage.gaussian_filter(truth, 0.7) + rng.normal(0, 60, truth.shape), truth


def field(seed):
    """A displacement field (d, ...) in voxels that folds in places, 3-D or 2-D."""
    rng = np.random.default_rng([2, seed])
    d = 3 - seed % 2
    return ndimage.gaussian_filter(rng.normal(size=(d, *(9, 12, 11)[:d])), (0, *(1,) * d)) * rng.uniform(2, 9)


def features(seed):
    """Two sets of features, (60, 8) and (50, 8)."""
    rng = np.random.default_rng([3, seed])
    mix = rng.normal(size=(8, 8))
    return rng.normal(size=(60, 8)) @ mix, rng.normal(0.3, 1.2, (50, 8)) @ mix
