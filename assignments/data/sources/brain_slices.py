"""Axial slices of brains for registration and synthesis: real average anatomy, in shapes and contrasts that are drawn.

The anatomy is that of the ICBM 2009a atlas (Fonov et al., NeuroImage 54:313-327, 2011): its T1 image and its maps of
grey and white matter, the average of 152 adults. They come with the package `nilearn` and are read there at draw time.
Nothing else is of a patient. A subject is a slice between the base of the ventricles and the top of the brain, turned,
scaled, and deformed by a smooth field without folds. A scanner paints the tissues in intensities of its own, over which
lie a bias field and Rician noise, in an arbitrary unit: what Billot et al. (SynthSeg, Med. Image Anal. 86, 2023) do to
train networks that have to bear any contrast.

What they leave out: the folds of one person's cortex, which an average has lost; lesions, age and disease; skull, eyes
and skin; motion through the slice, and distortions of the scanner.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from assignments.data.source import Arrays, Axes, Endless
from assignments.errors import UserError

SHAPE = (72, 64)
"""Pixels (H, W) of 3 mm: towards the back, towards the patient's left."""
SPACING_MM = 3.0
LANDMARKS = 24
"""Of each pair."""
FIRST_SLICE, LAST_SLICE, SLICE_STEP = 60, 116, 2
"""Of the atlas, in mm."""
FILES = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
NEEDS = "its anatomy comes with the package nilearn, which is not installed: pip install 'medmark[data]'"


def brain_pairs(n: int, rng: Generator) -> Arrays:
    """`n` pairs of slices: a subject on two scanners, the brain deformed in between by up to 9 pixels along an axis.

    Returns:
        fixed, moving: (n, H, W) float32, each in its scanner's own unit.
        labels: (n, 2, H, W) uint8 of the fixed and the moving image: 1 and 2 the hemispheres, 3 the ventricles.
        landmarks: (n, 2, LANDMARKS, 2) float32 pixels (row, column): points in the fixed image, and in the moving one.
        spacing: (n, 2) float32, mm.
        subject: (n,) int64.
    """
    return _stacked([_pair(rng) for _ in range(n)])


def small_pairs(n: int, rng: Generator) -> Arrays:
    """`n` such pairs with pixels of twice the width: a training of a few seconds takes four times as many steps.

    Returns:
        As `brain_pairs`, with half as many rows and columns.
    """
    pairs = brain_pairs(n, rng)
    return {
        **pairs,
        **{key: _halved(pairs[key]).astype(np.float32) for key in ("fixed", "moving")},
        "labels": pairs["labels"][:, :, ::2, ::2],
        "landmarks": (pairs["landmarks"] - 0.5) / 2,  # the middle of pixels 0 and 1 is that of the new pixel 0
        "spacing": 2 * pairs["spacing"],
    }


def _halved(images: np.ndarray) -> np.ndarray:
    """(n, H, W) as means over squares of two by two pixels: (n, H / 2, W / 2)."""
    n, height, width = images.shape
    halved: np.ndarray = images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    return halved


def brain_contrasts(n: int, rng: Generator) -> Arrays:
    """`n` slices of a T1-like contrast, each of another scanner, with the T2-like image that one scanner would show.

    Returns:
        image: (n, H, W) float32, in its scanner's own unit.
        target: (n, H, W) float32, from 0 in air to 1 in water.
        mask: (n, H, W) uint8, 1 in the brain, where the answer counts.
        subject: (n,) int64.
    """
    return _stacked([_contrasts(rng) for _ in range(n)])


def _stacked(cases: list[Arrays]) -> Arrays:
    """Cases with a leading N, each of another subject."""
    return {key: np.stack([case[key] for case in cases]) for key in cases[0]} | {"subject": np.arange(len(cases))}


@dataclass(frozen=True)
class Tissues:
    """How much of each pixel is of which tissue, (H, W) each, 0 to 1."""

    grey: np.ndarray
    white: np.ndarray
    water: np.ndarray
    brain: np.ndarray
    """All three."""


def _pair(rng: Generator) -> Arrays:
    where = _slice_points(rng)
    field = smooth_field(rng, rng.uniform(5, 9), 10.0)
    level = rng.uniform(0, len(atlas()) - 1.01)
    # The atlas is sampled once for each image: a fixed image that is a sample of the moving one would be blurred twice.
    moved = np.stack([ndimage.map_coordinates(axis, _grid() + field, order=1, mode="nearest") for axis in where])
    fixed, moving = (_tissues(level, points) for points in (moved, where))
    inside = np.argwhere(ndimage.binary_erosion(fixed.brain > 0.5, iterations=2))
    points = inside[rng.choice(len(inside), LANDMARKS)]  # (LANDMARKS, 2)
    there = points + field[:, points[:, 0], points[:, 1]].T
    return {
        "fixed": _scanned(fixed, rng),
        "moving": _scanned(moving, rng),
        "labels": np.stack([_labels(fixed, moved), _labels(moving, where)]),
        "landmarks": np.stack([points, there]).astype(np.float32),
        "spacing": np.full(2, SPACING_MM, np.float32),
    }


def _contrasts(rng: Generator) -> Arrays:
    tissues = _tissues(rng.uniform(0, len(atlas()) - 1.01), _slice_points(rng))
    target = 0.35 * tissues.white + 0.6 * tissues.grey + 1.0 * tissues.water
    return {
        "image": _scanned(tissues, rng),
        "target": target.astype(np.float32),
        "mask": (tissues.brain > 0.5).astype(np.uint8),
    }


def _scanned(tissues: Tissues, rng: Generator) -> np.ndarray:
    """A T1-like image of a scanner that is drawn: white matter is brightest, water darkest."""
    clean = (
        rng.uniform(0.75, 1.0) * tissues.white
        + rng.uniform(0.45, 0.65) * tissues.grey
        + rng.uniform(0.08, 0.25) * tissues.water
    )
    bias = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 14)
    clean = clean * np.exp(bias / bias.std() * rng.uniform(0.1, 0.35))
    noise = rng.uniform(0.02, 0.06)
    real, imaginary = clean + noise * rng.standard_normal(SHAPE), noise * rng.standard_normal(SHAPE)
    image: np.ndarray = np.hypot(real, imaginary) * np.exp(rng.uniform(3, 8))
    return image.astype(np.float32)


def _labels(tissues: Tissues, points: np.ndarray) -> np.ndarray:
    """Hemispheres and ventricles; which hemisphere a pixel is of, its column in the atlas says."""
    brain = tissues.brain > 0.5
    left = points[1] > (SHAPE[1] - 1) / 2
    deep = ndimage.binary_erosion(brain, iterations=7)
    labels = np.where(left, 1, 2) * brain
    return np.where(deep & (tissues.water > 0.5), 3, labels).astype(np.uint8)


def _slice_points(rng: Generator) -> np.ndarray:
    """Where in the atlas each pixel of a subject lies: (2, H, W), turned, scaled, moved and deformed."""
    angle = np.deg2rad(rng.uniform(-12, 12))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / rng.uniform(0.88, 1.08, (2, 1))
    middle = ((np.array(SHAPE) - 1) / 2)[:, None, None]
    grid = _grid() - middle
    turned = turn[:, :1, None] * grid[0] + turn[:, 1:, None] * grid[1]
    points: np.ndarray = turned + middle + rng.uniform(-3, 3, (2, 1, 1)) + smooth_field(rng, 3.5, 5.0)
    return points


def smooth_field(rng: Generator, largest: float, smoothness: float) -> np.ndarray:
    """A displacement (2, H, W) in pixels without folds, of at most `largest` pixels along either axis.

    It is the flow of a smooth velocity for a unit of time, by scaling and squaring (Arsigny et al., MICCAI 2006).
    """
    velocity = np.stack([ndimage.gaussian_filter(rng.standard_normal(SHAPE), smoothness) for _ in range(2)])
    grid = _grid()
    field: np.ndarray = velocity * (largest / np.abs(velocity).max() / 2**6)
    for _ in range(6):
        further = [ndimage.map_coordinates(axis, grid + field, order=1, mode="nearest") for axis in field]
        field = field + np.stack(further)
    return field


def _grid() -> np.ndarray:
    return np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij")).astype(np.float64)


def _tissues(level: float, points: np.ndarray) -> Tissues:
    """The tissues at points of the atlas, in a slice between two of its slices."""
    low = int(level)
    t1, grey, white = (1 - (level - low)) * atlas()[low] + (level - low) * atlas()[low + 1]
    t1, grey, white = (ndimage.map_coordinates(each, points, order=1, mode="constant") for each in (t1, grey, white))
    brain = np.clip(4 * (t1 - 0.1), 0, 1)
    water = np.clip(brain - grey - white, 0, 1)
    return Tissues(grey, white, water, brain)


@cache
def atlas() -> np.ndarray:
    """(slices, 3, H, W) float32: T1, grey and white matter of the atlas, 0 to 1, each slice 2 mm above the one before.

    Raises:
        UserError: nilearn is not installed.
    """
    package = importlib.util.find_spec("nilearn")
    if package is None or not package.submodule_search_locations:
        raise UserError(f"brain slices cannot be drawn: {NEEDS}")
    import nibabel  # of the extra, as nilearn

    folder = Path(package.submodule_search_locations[0]) / "datasets" / "data"
    levels = slice(FIRST_SLICE, LAST_SLICE, SLICE_STEP)
    maps = []
    for name in ("t1", "gm", "wm"):
        image = nibabel.load(folder / FILES.format(name))
        assert isinstance(image, nibabel.nifti1.Nifti1Image)
        volume = image.get_fdata(dtype=np.float32)[:, :, levels]
        rows = np.rot90(volume).transpose(2, 0, 1)  # (slices, towards the back, towards the left)
        coarse = ndimage.zoom(
            ndimage.gaussian_filter(rows, (0, 1.0, 1.0)), (1, 1 / SPACING_MM, 1 / SPACING_MM), order=1
        )
        maps.append(_centred(coarse) / coarse.max())
    return np.stack(maps, axis=1)


def _centred(slices: np.ndarray) -> np.ndarray:
    """Slices of the atlas, cut or padded to SHAPE around their middle."""
    for axis, size in enumerate(SHAPE, 1):
        extra = slices.shape[axis] - size
        if extra > 0:
            slices = np.take(slices, range(extra // 2, extra // 2 + size), axis)
        elif extra < 0:
            widths = [(0, 0)] * 3
            widths[axis] = (-extra // 2, -extra - (-extra // 2))
            slices = np.pad(slices, widths)
    return slices


PAIRS = {
    "fixed": Axes("float32", "h w", doc="T1-like, in its scanner's own unit"),
    "moving": Axes("float32", "h w", doc="the same subject on another scanner, deformed"),
    "labels": Axes("uint8", "2 h w", role="truth", doc="of fixed and moving: 1, 2 hemispheres, 3 ventricles"),
    "landmarks": Axes("float32", "2 p 2", role="truth", doc="(row, column) in fixed and in moving, in pixels"),
    "spacing": Axes("float32", "2", doc="pixel size in mm"),
}
CONTRASTS = {
    "image": Axes("float32", "h w", doc="T1-like, in its scanner's own unit"),
    "target": Axes("float32", "h w", role="truth", doc="T2-like, from 0 in air to 1 in water"),
    "mask": Axes("uint8", "h w", role="truth", doc="1 in the brain, where the answer counts"),
}
PAIRED = Endless(PAIRS, brain_pairs, small_cases=small_pairs)
TWO_CONTRASTS = Endless(CONTRASTS, brain_contrasts, small_cases=brain_contrasts)
