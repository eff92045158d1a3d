"""Phantoms of the male pelvis in T2-weighted MRI, with the prostate gland as truth. They contain no patient data.

Courses without PROMISE12 use them, and as hidden cases nobody can look them up. They are hard for the same reasons as
real cases: glands differ in size, form and position; the peripheral zone is as bright as fat, and the transition zone
as dark as muscle; the seminal vesicles look like gland; a smooth bias field and, in a quarter of the cases, an
endorectal coil distort the intensities; noise is Rician; and the scanner's unit of intensity is arbitrary, so that the
same tissue reads 200 in one case and 20 000 in the next. The median gland holds 25 ml, as a healthy one does, in a
field of view of 11 cm.

What they leave out: tumours, nodules and calcifications in the gland, blood after a biopsy, motion, implants, and the
distortion that gas in the rectum causes.

Axes are (depth, row, column): towards the head, towards the back, towards the patient's left.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from assignments.data.source import Arrays, Axes, Endless

SHAPE = (16, 64, 64)
COIL_SHARE = 0.25


def prostate_mr(n: int, rng: Generator, shape: tuple[int, int, int] = SHAPE) -> Arrays:
    """`n` phantoms of `shape` voxels (D, H, W), drawn together. Fewer voxels are larger: the field of view stays.

    Returns:
        image: (n, D, H, W) float32, in the scanner's own unit.
        label: (n, D, H, W) uint8, 1 = prostate gland.
        spacing: (n, 3) float32 mm in the order (D, H, W): for 16 x 64 x 64, 2.2 to 4.0, then 1.6 to 1.9 twice.
        subject: (n,) int64.
        group: (n,) str, "endorectal coil" or "surface coil".
    """
    in_plane = rng.uniform(1.6, 1.9, n)
    spacing = np.stack([rng.uniform(2.2, 4.0, n), in_plane, in_plane], axis=1) * np.divide(SHAPE, shape)
    coil = rng.random(n) < COIL_SHARE
    tissue, gland, rectum = _anatomy(_grid(spacing, shape), coil, rng)
    image = _scanned(tissue, rectum, coil, rng)
    return {
        "image": image,
        "label": gland.astype(np.uint8),
        "spacing": spacing.astype(np.float32),
        "subject": np.arange(n),
        "group": np.where(coil, "endorectal coil", "surface coil"),
    }


def small_cases(n: int, rng: Generator) -> Arrays:
    """`n` phantoms of 8 x 24 x 24 voxels, for tests: a network trains on them in seconds."""
    return prostate_mr(n, rng, (8, 24, 24))


Grid = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Millimetres from the middle of the volume: z (n, D, 1, 1), y (n, 1, H, 1), x (n, 1, 1, W)."""


def _grid(spacing: np.ndarray, shape: tuple[int, ...]) -> Grid:
    axes = [np.arange(size) - (size - 1) / 2 for size in shape]
    z, y, x = (mm[:, None] * axis for mm, axis in zip(spacing.T, axes, strict=True))
    return (
        z[:, :, None, None].astype(np.float32),
        y[:, None, :, None].astype(np.float32),
        x[:, None, None, :].astype(np.float32),
    )


def _anatomy(grid: Grid, coil: np.ndarray, rng: Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ideal T2 intensity of every voxel, the gland's mask, and the distance to the rectum's middle in its radii."""
    n = len(coil)
    z, y, x = grid
    shape = (z.shape[1], y.shape[2], x.shape[3])
    balloon = coil[:, None, None, None]

    def each(low: float, high: float) -> np.ndarray:
        """One number per case, in a shape that broadcasts over the voxels."""
        return rng.uniform(low, high, (n, 1, 1, 1)).astype(np.float32)

    def wobble(amplitude: float, waves: int) -> np.ndarray:
        return amplitude * _smooth_field(n, shape, waves, rng)

    # The gland: an ellipsoid that narrows towards the feet, with a smooth, irregular surface. Lengths in mm.
    growth = each(0.8, 1.25)  # hyperplasia enlarges a gland in all directions
    height, front_back, side = growth * each(12, 17), growth * each(13, 20), growth * each(20, 28)
    at_z, at_y, at_x = each(-6, 6), each(-13, 7) - 6 * balloon, each(-7, 7)
    narrowing = 1 - 0.25 * np.clip((at_z - z) / height, -1, 1)
    gland_r = _radius((z - at_z) / height, (y - at_y) / (front_back * narrowing), (x - at_x) / (side * narrowing))
    gland_r = gland_r + wobble(0.12, 5)
    gland = gland_r < 1

    # Its zones: the transition zone in front and in the middle, the peripheral zone behind and around.
    zone_r = _radius(
        (z - at_z - 0.15 * height) / (0.8 * height),
        (y - at_y + each(0.1, 0.35) * front_back) / (each(0.6, 0.85) * front_back),
        (x - at_x) / (each(0.6, 0.8) * side),
    )
    transition = gland & (zone_r + wobble(0.15, 6) < 1)

    # Its neighbours.
    tube = np.where(balloon, each(19, 25), each(9, 17))
    rectum_r = _radius(
        0 * z,
        (y - at_y - front_back - tube * each(0.85, 1.2) - 0.2 * (z - at_z)) / tube,
        (x - at_x - each(-7, 7)) / (tube * each(0.9, 1.2)),
    )
    rectum_r = rectum_r + wobble(0.12, 4) * ~balloon  # a balloon is round
    bladder_size = each(0.7, 1.4)
    bladder_r = _radius(
        (z - at_z - 0.8 * height - 14 * bladder_size) / (15 * bladder_size),
        (y - at_y + each(0, 15)) / (28 * bladder_size),
        (x - at_x - each(-9, 9)) / (35 * bladder_size),
    ) + wobble(0.1, 4)
    vesicles_r = _radius(
        (z - at_z - each(0.9, 1.2) * height) / 7,
        (y - at_y - 0.7 * front_back) / each(7, 12),
        (x - at_x) / each(23, 35),
    ) + wobble(0.3, 8)

    # Around them: the levator ani, a sling that passes the gland and closes behind the rectum; the obturator internus
    # along the side of the pelvis; the femoral heads in their sockets; the pubis in front; fat beneath the skin.
    behind = y - at_y - 0.4 * front_back
    sling_r = _radius(
        0 * z,
        np.where(behind > 0, behind / (front_back + 2.2 * tube + 9), behind / 100),
        (x - at_x) / (side + each(6, 13) + 0.35 * (at_z - z)),
    )
    sling = 29 * np.abs(sling_r - 1)
    wall_r = _radius(0 * z, (y + each(0, 12)) / each(64, 81), x / each(44, 52)) + wobble(0.05, 4)
    sockets = (_radius((z - 20) / 40, (y + each(-9, 9)) / 20, (x - sign * each(61, 67)) / 17) for sign in (-1, 1))
    femur_r = np.minimum(*sockets)
    pubis_r = _radius((z + 6) / 16, (y + each(38, 46)) / 9, x / each(17, 26))
    skin_r = _radius(0 * z, y / 73, x / 87)

    # Paint from the back to the front. Values are shares of the brightest tissue.
    muscle, fat = each(0.15, 0.3), each(0.35, 0.65)
    tissue = fat + wobble(0.12, 9)
    tissue = np.where(wobble(1, 6) > each(0.8, 2.0), muscle + 0.1, tissue)  # fasciae and vessels
    tissue = np.where((sling < each(1.7, 3.5)) | (wall_r > 1), muscle, tissue)
    marrow = each(0.3, 0.55)
    for bone_r in (femur_r, pubis_r):
        tissue = np.where(bone_r < 1.12, 0.05, tissue)  # cortical bone gives no signal
        tissue = np.where(bone_r < 1, marrow, tissue)
    tissue = np.where(skin_r > 1, fat + 0.25, tissue)
    tissue = np.where(bladder_r < 1.15, muscle, tissue)
    tissue = np.where(bladder_r < 1, each(0.75, 1.0), tissue)
    tissue = np.where(vesicles_r < 1, each(0.4, 0.8), tissue)
    tissue = np.where(rectum_r < 1.2, muscle + 0.1, tissue)
    filling = np.where(balloon, 0.03, np.where(each(0, 1) < 0.4, 0.05, each(0.2, 0.7)))
    tissue = np.where(rectum_r < 1, filling, tissue)
    peripheral = each(0.5, 0.9) + wobble(0.1, 8)
    tissue = np.where(gland, peripheral, tissue)
    tissue = np.where(np.abs(gland_r - 1) < 0.07, tissue * each(0.4, 0.9), tissue)  # a thin, dark capsule
    nodules = each(0.28, 0.5) + wobble(0.1, 10)
    tissue = np.where(transition, nodules, tissue)
    return tissue.astype(np.float32), gland, rectum_r


def _scanned(tissue: np.ndarray, rectum_r: np.ndarray, coil: np.ndarray, rng: Generator) -> np.ndarray:
    """The image that a scanner makes of it: partial volume, bias field, coil, Rician noise, an arbitrary unit."""
    n = len(tissue)
    per_case = (n, 1, 1, 1)
    tissue = tissue * (1 + 0.15 * _blurred(_noise(tissue.shape, rng), (0.4, 0.8, 0.8)))
    signal = _blurred(np.clip(tissue, 0, None), (0.4, 0.6, 0.6))
    bias = np.exp(rng.uniform(0.1, 0.3, per_case).astype(np.float32) * _smooth_field(n, tissue.shape[1:], 3, rng))
    near_coil = 1 + 2.5 / (0.4 + rectum_r) ** 2  # bright at the balloon, falling off with distance
    signal *= bias * np.where(coil[:, None, None, None], near_coil, 1)
    level = rng.uniform(0.03, 0.08, per_case).astype(np.float32) * signal.mean(axis=(1, 2, 3), keepdims=True) / 0.45
    signal = np.hypot(signal + level * _noise(signal.shape, rng), level * _noise(signal.shape, rng))
    unit = np.exp(rng.uniform(np.log(200), np.log(20_000), per_case)).astype(np.float32)
    image: np.ndarray = signal * unit
    return image


def _radius(z: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Distance from the middle, in radii: 1 on the surface of the ellipsoid."""
    radius: np.ndarray = np.sqrt(z * z + y * y + x * x)
    return radius


def _smooth_field(n: int, shape: tuple[int, ...], waves: int, rng: Generator) -> np.ndarray:
    """(n, D, H, W) random fields of mean 0 and SD about 1 that hold at most `waves` half-waves along a side."""
    bases = []
    for size in shape:
        positions = (np.arange(size) + 0.5) / size
        bases.append(np.cos(np.pi * np.outer(positions, np.arange(waves))).astype(np.float32))
    weights = rng.standard_normal((n, waves, waves, waves), dtype=np.float32)
    k = np.arange(waves)
    order = np.sqrt(k[:, None, None] ** 2 + k[:, None] ** 2 + k**2)
    weights *= np.exp(-0.5 * (2 * order / waves) ** 2)  # slow waves are the strong ones
    weights[:, 0, 0, 0] = 0
    # One axis at a time, and without BLAS, whose last digit depends on the number of its threads.
    field: np.ndarray = np.einsum("nabc,wc->nabw", weights, bases[2])
    field = np.einsum("nabw,hb->nahw", field, bases[1])
    field = np.einsum("nahw,da->ndhw", field, bases[0])
    field /= field.std(axis=(1, 2, 3), keepdims=True)
    return field


def _blurred(volumes: np.ndarray, widths: tuple[float, float, float]) -> np.ndarray:
    """(n, D, H, W) after a Gaussian blur with SDs of `widths` voxels; beyond the edge is what lies at the edge."""
    blurred: np.ndarray = ndimage.gaussian_filter(volumes, (0, *widths), mode="nearest")
    return blurred


def _noise(shape: tuple[int, ...], rng: Generator) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


SOURCE = Endless(
    {
        "image": Axes("float32", "d h w", doc="T2-weighted, in the scanner's unit of intensity"),
        "label": Axes("uint8", "d h w", role="truth", doc="1 is the gland"),
        "spacing": Axes("float32", "3", doc="voxel size in mm"),
    },
    prostate_mr,
    small_cases=small_cases,
)
