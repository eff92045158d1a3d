"""Demons: each point moves to where the images agree, again and again, and the field is smoothed in between.

Where the moving image is too dark it is pulled along the gradient of both images (Thirion, Med. Image Anal. 2, 1998;
the symmetric forces are those of Vercauteren et al., NeuroImage 45, 2009), from blurred images to sharp ones. Each
image has mean 0 and SD 1. That takes gain and offset away, and leaves the bias field of the coil, which demons take for
anatomy. Nothing is learnt from other pairs.
"""

import numpy as np
from scipy import ndimage

FRAMEWORK = "numpy"
BLURS = (2.0, 1.0)  # pixels, SD of the Gaussian over the images: coarse first
ROUNDS = 40  # at each blur
STIFFNESS = 3.0  # pixels, SD of the Gaussian over the field


def scaled(image):
    image = np.asarray(image, np.float64)
    return (image - image.mean()) / (image.std() + 1e-12)


def displacement(fixed, moving, stiffness):
    """The field (2, H, W) in pixels from one image (H, W) to another."""
    grid = np.indices(fixed.shape).astype(float)
    u = np.zeros_like(grid)
    for blur in BLURS:
        target, source = (ndimage.gaussian_filter(scaled(image), blur) for image in (fixed, moving))
        slope = np.stack(np.gradient(target))
        for _ in range(ROUNDS):
            warped = ndimage.map_coordinates(source, grid + u, order=1, mode="nearest")
            gap = target - warped
            force = (slope + np.stack(np.gradient(warped))) / 2
            u = u + gap * force / ((force**2).sum(axis=0) + gap**2 + 1e-6)
            u = ndimage.gaussian_filter(u, (0, stiffness, stiffness))
    return u


def fit(train, val, *, seed, budget_s):
    return {"stiffness": STIFFNESS}


def predict(model, inputs):
    pairs = zip(inputs["fixed"], inputs["moving"], strict=True)
    return {"field": np.stack([displacement(*pair, **model) for pair in pairs]).astype(np.float32)}
