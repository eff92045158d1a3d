"""Phantoms of fetal ultrasound: frames of four planes, as a sweep over the womb shows them. No patient is among them.

They are hard for the same reasons as real frames: a fetus lies in any direction, so up and left mean nothing; a plane
is met more or less well; abdomen and chest are both round; bone throws shadows; gain and depth are set by hand. All
frames of one fetus share its age, the tissue above it and the machine, so that a split by frames instead of subjects
flatters a model.

A frame is made as a scanner makes it, on a grid of beams and ranges. Each tissue scatters with a level of its own in
dB. Speckle is the magnitude of a complex Gaussian field that the pulse has blurred, less along the beam than across it
(Burckhardt, IEEE Trans. Sonics Ultrason. 25:1-6, 1978; Wagner et al. 30:156-163, 1983); three looks are compounded.
Borders reflect where they face the beam, bone attenuates what lies behind it, and reverberation fills the water. What
the operator's time gain leaves of attenuation, 0.5 to 0.9 dB / cm / MHz in soft tissue, is a slope in depth. The
envelope is compressed to 55 dB and brought from beams to pixels. Sizes follow the growth curves of Hadlock (1984)
between 20 and 32 weeks.

What they leave out: fat and bowel above the womb, movement, planes that are met only in part, other organs and
malformations, twins, and what a vendor's filters do.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from assignments.data.source import Arrays, Axes, Endless
from assignments.data.sources.biometry import expected_lengths

PLANES = ("head", "abdomen", "heart", "other")
SHARES = (0.3, 0.2, 0.2, 0.3)
FRAMES = 10
"""Of each fetus; the last one of a draw may have fewer."""
SHAPE = (48, 48)
WEEKS = (20.0, 32.0)
RANGE_DB = 55.0
"""From black to white."""
BEAMS, RANGES = 64, 72
HALF_ANGLE = 0.6
"""rad, of the sector."""
PROBE_MM = 50.0
"""Radius of the curved array."""
AT_ONCE = 128
"""Frames that are drawn together: more would only take more memory."""

BONE, SKIN, PLACENTA, LUNG, WOMB = -2, -13, -19, -21, -23
LIVER, MUSCLE, BRAIN, FLUID = -25, -27, -34, -65
"""dB that a tissue scatters, relative to bone that faces the beam."""
BONE_DB_PER_MM = 4.0


def fetal_us(n: int, rng: Generator, shape: tuple[int, int] = SHAPE) -> Arrays:
    """`n` frames of `shape` pixels (H, W). Fewer pixels are larger: what a frame shows stays.

    Returns:
        image: (n, H, W) float32, grey levels from 0 to 255; the probe is at the top. Outside the sector it is 0.
        y: (n,) uint8, the plane: its number in PLANES.
        subject: (n,) int64, numbered from 0.
    """
    subject = np.arange(n) // FRAMES
    fetuses = _fetuses(-(-n // FRAMES), rng)
    plane = rng.choice(len(PLANES), size=n, p=SHARES).astype(np.uint8)
    image = np.empty((n, *shape), np.float32)
    for start in range(0, n, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        image[part] = _frames(plane[part], fetuses.of(subject[part]), rng, shape)
    return {"image": image, "y": plane, "subject": subject}


def small_cases(n: int, rng: Generator) -> Arrays:
    """`n` frames of 24 x 24 pixels, for tests: a network trains on them in seconds."""
    return fetal_us(n, rng, (24, 24))


@dataclass(frozen=True)
class Fetuses:
    """What all frames of a fetus share; one number each, (n,)."""

    bpd: np.ndarray
    """mm, width of the head."""
    hc: np.ndarray
    """mm, circumference of the head."""
    ac: np.ndarray
    """mm, circumference of the abdomen."""
    fl: np.ndarray
    """mm, length of the thigh bone."""
    depth: np.ndarray
    """mm that a frame reaches below the probe."""
    wall: np.ndarray
    """mm of maternal tissue above the womb."""
    slope: np.ndarray
    """dB / cm that the time gain leaves over."""
    gain: np.ndarray
    """dB."""

    def of(self, subject: np.ndarray) -> Fetuses:
        """Those of each frame."""
        return Fetuses(*(getattr(self, field.name)[subject] for field in fields(self)))


def _fetuses(n: int, rng: Generator) -> Fetuses:
    week = rng.uniform(*WEEKS, n)
    lengths = expected_lengths(week) * (1 + rng.normal(0, 0.025, (n, 1)) + rng.normal(0, 0.02, (n, 4)))
    bpd, hc, ac, fl = lengths.T
    return Fetuses(
        bpd,
        hc,
        ac,
        fl,
        depth=rng.uniform(115, 150, n),
        wall=rng.uniform(12, 28, n),
        slope=rng.uniform(-1.6, 0.4, n),
        gain=rng.uniform(-7, 7, n),
    )


class _Canvas:
    """The scattering of some frames on the grid of beams: levels in dB, and where bone is."""

    def __init__(self, fetuses: Fetuses, rng: Generator) -> None:
        self.rng = rng
        self.n = len(fetuses.depth)
        angle = np.linspace(-HALF_ANGLE, HALF_ANGLE, BEAMS, dtype=np.float32)[None, None, :]
        steps = (np.arange(RANGES, dtype=np.float32) + 0.5) / RANGES
        self.below = fetuses.depth[:, None, None].astype(np.float32) * steps[None, :, None]  # (n, RANGES, 1) mm
        self.x = (PROBE_MM + self.below) * np.sin(angle)  # (n, RANGES, BEAMS) mm, from the middle beam
        self.y = (PROBE_MM + self.below) * np.cos(angle) - PROBE_MM  # below the probe
        self.beam = np.sin(angle), np.cos(angle)
        self.level = np.full(self.x.shape, MUSCLE, np.float32)
        self.bone = np.zeros(self.x.shape, np.float32)
        """How much of a grid point is bone."""

    def each(self, low: float, high: float) -> np.ndarray:
        """One number per frame, in a shape that broadcasts over the grid."""
        return self.rng.uniform(low, high, (self.n, 1, 1)).astype(np.float32)

    def chance(self, share: float) -> np.ndarray:
        """True for a share of the frames."""
        return self.rng.random((self.n, 1, 1)) < share

    def ellipse(self, pose: _Pose, half_length: np.ndarray, half_width: np.ndarray) -> _Ellipse:
        """An ellipse whose long axis points along a pose's direction; all in mm."""
        dx, dy = self.x - pose.x, self.y - pose.y
        cos, sin = np.cos(pose.turned), np.sin(pose.turned)
        u, v = dx * cos + dy * sin, dy * cos - dx * sin
        radius = np.sqrt((u / half_length) ** 2 + (v / half_width) ** 2) + 1e-6
        along, across = u / half_length**2 / radius, v / half_width**2 / radius  # the slope of `radius`
        steep = np.hypot(along, across) + 1e-9
        normal_x, normal_y = (along * cos - across * sin) / steep, (along * sin + across * cos) / steep
        facing = np.abs(normal_x * self.beam[0] + normal_y * self.beam[1])
        return _Ellipse(u, v, (radius - 1) / steep, facing)

    def fill(self, where: np.ndarray, level: np.ndarray | float) -> None:
        """Give a region the level of a tissue."""
        self.level = np.where(where, np.float32(level), self.level)

    def border(self, shape: _Ellipse, thickness: float, level: float, where: np.ndarray | bool = True) -> None:
        """A layer along an ellipse, in mm and dB: 14 dB fainter where it does not face the beam."""
        inside = (np.abs(shape.outside) < thickness / 2) & where
        self.level = np.where(inside, level - 14 * (1 - shape.facing**2), self.level)

    def harden(self, where: np.ndarray) -> None:
        """Make a region bone."""
        self.bone = np.where(where, np.float32(1), self.bone)

    def cover(self, where: np.ndarray) -> None:
        """Give a region to the tissue above the womb."""
        self.fill(where, MUSCLE)
        self.bone = np.where(where, np.float32(0), self.bone)


@dataclass(frozen=True)
class _Pose:
    """A point of each frame and a direction, (n, 1, 1): mm, mm, rad."""

    x: np.ndarray
    y: np.ndarray
    turned: np.ndarray

    def moved(self, along: np.ndarray, across: np.ndarray, turned: np.ndarray | float = 0.0) -> _Pose:
        """The pose so many mm along and across this one's direction."""
        cos, sin = np.cos(self.turned), np.sin(self.turned)
        return _Pose(self.x + along * cos - across * sin, self.y + along * sin + across * cos, self.turned + turned)


@dataclass(frozen=True)
class _Ellipse:
    """An ellipse on the grid."""

    u: np.ndarray
    """mm along its long axis."""
    v: np.ndarray
    """mm across."""
    outside: np.ndarray
    """mm from its border, below 0 inside; exact on the border."""
    facing: np.ndarray
    """How much its border faces the beam, 0 to 1."""

    @property
    def within(self) -> np.ndarray:
        """The region that it encloses."""
        inside: np.ndarray = self.outside < 0
        return inside


def _frames(plane: np.ndarray, fetuses: Fetuses, rng: Generator, shape: tuple[int, int]) -> np.ndarray:
    """Some frames (n, H, W), in grey levels."""
    image = np.empty((len(plane), *shape), np.float32)
    for number, draw in enumerate((_head, _abdomen, _heart, _other)):
        chosen = np.flatnonzero(plane == number)
        if chosen.size:
            own = fetuses.of(chosen)
            canvas = _Canvas(own, rng)
            draw(canvas, own)
            canvas.cover(canvas.y < own.wall[:, None, None] - 3)  # a large fetus ends at the womb
            image[chosen] = _scanned(canvas, own, shape)
    return image


def _somewhere(canvas: _Canvas, fetuses: Fetuses) -> _Pose:
    """Where a fetus lies in the frame, in any direction; around it the womb, with water, placenta and wall."""
    depth, wall = (each[:, None, None].astype(np.float32) for each in (fetuses.depth, fetuses.wall))
    pose = _Pose(canvas.each(-16, 16), wall + (depth - wall) * canvas.each(0.36, 0.6), canvas.each(0, 2 * np.pi))
    reach = (fetuses.ac / (2 * np.pi))[:, None, None].astype(np.float32)
    around = pose.moved(canvas.each(-15, 15), canvas.each(-15, 15), canvas.each(0, 3))
    womb = canvas.ellipse(around, 1.1 * reach + canvas.each(8, 45), reach + canvas.each(3, 25))
    skin = wall + 3 * np.sin(canvas.x / canvas.each(15, 40) + canvas.each(0, 6))
    canvas.fill(canvas.y > skin, WOMB)
    placenta = canvas.ellipse(around.moved(canvas.each(-20, 20), canvas.each(-20, 20)), 1.3 * reach + 40, reach + 40)
    canvas.fill((placenta.outside > 0) & (canvas.y > skin), PLACENTA)
    canvas.fill(womb.within & (canvas.y > skin + 4), FLUID)
    canvas.border(womb, 2.5, WOMB + 6, canvas.y > skin + 4)
    return pose


def _head(canvas: _Canvas, fetuses: Fetuses) -> None:
    """Through the thalami: skull, falx with the cavum septi pellucidi in front, thalami on both sides."""
    pose = _somewhere(canvas, fetuses)
    width = (fetuses.bpd / 2)[:, None, None] * canvas.each(0.85, 1.04)
    length = (fetuses.hc / 1.57 - fetuses.bpd)[:, None, None] / 2
    skull = canvas.ellipse(pose, length, width)
    canvas.fill(skull.outside < 3, SKIN - 6)
    canvas.fill(skull.within, BRAIN)
    for side in (-1, 1):
        thalamus = canvas.ellipse(pose.moved(-0.05 * length, side * 0.24 * width), 0.28 * length, 0.2 * width)
        canvas.fill(thalamus.within, BRAIN - canvas.each(0, 8))
    falx = (np.abs(skull.v) < 1.1) & (np.abs(skull.u) < 0.88 * length)
    canvas.fill(falx, BRAIN + canvas.each(0, 14))
    cavum = (np.abs(skull.u - 0.47 * length) < 0.13 * length) & (np.abs(skull.v) < 0.09 * width)
    canvas.fill(cavum, BRAIN - canvas.each(0, 25))
    canvas.border(skull, 3.4, BONE)
    canvas.harden(np.abs(skull.outside) < 0.8)


def _trunk(canvas: _Canvas, pose: _Pose, radius: np.ndarray, level: float) -> _Ellipse:
    """The round section of a trunk with its spine; the pose's direction points away from the spine."""
    trunk = canvas.ellipse(pose, radius * canvas.each(0.95, 1.1), radius * canvas.each(0.88, 1.05))
    canvas.fill(trunk.outside < 2, level)
    canvas.border(trunk, 4.5, SKIN)
    for along, across in ((-0.8, 0.0), (-0.88, -0.09), (-0.88, 0.09)):
        centre = canvas.ellipse(pose.moved(along * radius, across * radius), 0.07 * radius, 0.06 * radius)
        canvas.fill(centre.within, BONE - 3)
        canvas.harden(centre.within)
    return trunk


def _abdomen(canvas: _Canvas, fetuses: Fetuses) -> None:
    """Through stomach and umbilical vein: liver in between, the spine behind."""
    pose = _somewhere(canvas, fetuses)
    radius = (fetuses.ac / (2 * np.pi))[:, None, None]
    _trunk(canvas, pose, radius, LIVER)
    left = np.where(canvas.chance(0.5), 1, -1)  # which way up the fetus lies
    full = LIVER - canvas.each(2, 35)
    stomach = pose.moved(canvas.each(-0.2, 0.1) * radius, left * canvas.each(0.4, 0.55) * radius, canvas.each(0, 3))
    canvas.fill(canvas.ellipse(stomach, canvas.each(0.12, 0.34) * radius, canvas.each(0.1, 0.2) * radius).within, full)
    vein = pose.moved(canvas.each(0.2, 0.35) * radius, 0.1 * left * radius, left * canvas.each(-0.5, -0.1))
    vein_section = canvas.ellipse(vein, canvas.each(0.26, 0.4) * radius, 0.075 * radius)
    canvas.fill(vein_section.within, LIVER - canvas.each(2, 25))
    canvas.border(vein_section, 1.6, LIVER + 5)


def _heart(canvas: _Canvas, fetuses: Fetuses) -> None:
    """Four chambers: ribs and lungs around them, the septum at half a right angle to the spine, the aorta behind."""
    pose = _somewhere(canvas, fetuses)
    radius = 0.94 * (fetuses.ac / (2 * np.pi))[:, None, None]
    chest = _trunk(canvas, pose, radius, LUNG)
    rib = (np.abs(chest.outside + 3) < 1.6) & (np.sin(7 * np.arctan2(chest.v, chest.u) + canvas.each(0, 6)) > 0.25)
    canvas.fill(rib, BONE - 8)
    canvas.harden(rib & (np.abs(chest.outside + 3) < 0.8))
    left = np.where(canvas.chance(0.5), 1, -1)
    blood = MUSCLE - canvas.each(2, 25)
    axis = pose.moved(0.18 * radius, 0.12 * left * radius, left * canvas.each(0.5, 1.0))
    heart = canvas.ellipse(axis, 0.56 * radius, 0.44 * radius)
    canvas.fill(heart.within, MUSCLE + 4)
    opening = canvas.each(0.3, 0.9)  # of the valves, between systole and diastole
    for along, length in ((0.26, 0.2), (-0.24, 0.17)):
        for side in (-1, 1):
            at = axis.moved(along * radius, side * 0.19 * radius)
            canvas.fill(canvas.ellipse(at, length * radius, canvas.each(0.11, 0.17) * radius).within, blood)
    valves = (np.abs(heart.u) < 0.9) & (np.abs(np.abs(heart.v) - 0.19 * radius) > 0.1 * opening * radius)
    canvas.fill(valves & heart.within, MUSCLE + 6)
    aorta = canvas.ellipse(pose.moved(-0.6 * radius, 0.12 * left * radius), 0.09 * radius, 0.09 * radius)
    canvas.fill(aorta.within, blood)


def _other(canvas: _Canvas, fetuses: Fetuses) -> None:
    """What a sweep shows between the planes: a thigh, a trunk at the kidneys, or hands and cord in the water."""
    pose = _somewhere(canvas, fetuses)
    kind = canvas.rng.integers(0, 3, (canvas.n, 1, 1))
    bone_length = (fetuses.fl / 2)[:, None, None]
    thigh = canvas.ellipse(pose, 1.25 * bone_length, 0.5 * bone_length)
    canvas.fill(thigh.within & (kind == 0), MUSCLE + 2)
    shaft = canvas.ellipse(pose, bone_length, np.full_like(bone_length, 2.0))
    canvas.fill(shaft.within & (kind == 0), BONE)
    canvas.harden(shaft.within & (kind == 0))

    before, bone = canvas.level, canvas.bone
    radius = 0.92 * (fetuses.ac / (2 * np.pi))[:, None, None]
    _trunk(canvas, pose, radius, MUSCLE + 3)
    for side in (-1, 1):
        kidney = canvas.ellipse(pose.moved(-0.45 * radius, side * 0.35 * radius), 0.24 * radius, 0.19 * radius)
        canvas.fill(kidney.within, LIVER - 8)
        canvas.border(kidney, 1.5, LIVER + 3)
        canvas.fill(kidney.outside < -0.1 * radius, LIVER + 2)
    canvas.level, canvas.bone = np.where(kind == 1, canvas.level, before), np.where(kind == 1, canvas.bone, bone)

    for _ in range(6):
        near = pose.moved(canvas.each(-28, 28), canvas.each(-22, 22), canvas.each(0, 6))
        limb = canvas.ellipse(near, canvas.each(5, 14), canvas.each(2.5, 5))
        canvas.fill(limb.within & (kind == 2), MUSCLE + 4)
        core = (limb.outside < -2) & (kind == 2)
        canvas.fill(core, BONE - 6)
        canvas.harden(core)


def _scanned(canvas: _Canvas, fetuses: Fetuses, shape: tuple[int, int]) -> np.ndarray:
    """The frames of what scatters: speckle, shadows, gain, compression, and from beams to pixels."""
    depth = fetuses.depth[:, None, None].astype(np.float32)
    step = depth / RANGES
    shadow = BONE_DB_PER_MM * step * np.cumsum(canvas.bone, axis=1)
    haze = ndimage.gaussian_filter(canvas.rng.standard_normal(canvas.level.shape, np.float32), (0, 5, 5)) * 5
    level = ndimage.gaussian_filter(canvas.level, (0, 0.6, 0.8)) + 3 * haze
    clutter = canvas.each(-50, -36) - canvas.below / depth * 6  # reverberation and side lobes: water is never black
    level = 10 * np.log10(10 ** (level / 10) + 10 ** ((clutter + 5 * haze) / 10))
    level += fetuses.gain[:, None, None] + fetuses.slope[:, None, None] * canvas.below / 10 - shadow
    looks = canvas.rng.standard_normal((3, 2, *canvas.level.shape), np.float32)
    looks = ndimage.gaussian_filter(looks, (0, 0, 0, 0.7, 1.2))
    speckle = np.hypot(looks[:, 0], looks[:, 1]).mean(axis=0)
    speckle /= speckle.mean()
    envelope = level + 20 * np.log10(speckle + 1e-3)
    grey = 255 * np.clip(1 + envelope / RANGE_DB, 0, 1)
    return _pixels(grey, fetuses.depth, shape)


def _pixels(grey: np.ndarray, depth: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(n, RANGES, BEAMS) -> (n, H, W), linearly; a frame is as wide as it is deep, and 0 outside the sector."""
    rows, columns = ((np.arange(size) + 0.5) / size for size in shape)
    y = depth[:, None, None] * rows[None, :, None] + PROBE_MM
    x = depth[:, None, None] * (columns[None, None, :] - 0.5)
    beam = (np.arctan2(x, y) / HALF_ANGLE + 1) / 2 * (BEAMS - 1)
    range_ = (np.hypot(x, y) - PROBE_MM) / depth[:, None, None] * RANGES - 0.5
    inside = (beam >= 0) & (beam <= BEAMS - 1) & (range_ >= 0) & (range_ <= RANGES - 1)
    b, r = np.clip(beam, 0, BEAMS - 1.001), np.clip(range_, 0, RANGES - 1.001)
    b0, r0 = b.astype(int), r.astype(int)
    wb, wr = b - b0, r - r0
    each = np.arange(len(grey))[:, None, None]
    near = (1 - wb) * grey[each, r0, b0] + wb * grey[each, r0, b0 + 1]
    far = (1 - wb) * grey[each, r0 + 1, b0] + wb * grey[each, r0 + 1, b0 + 1]
    return np.where(inside, (1 - wr) * near + wr * far, 0).astype(np.float32)


SOURCE = Endless(
    {
        "image": Axes("float32", "h w", doc="grey levels from 0 to 255; the probe is at the top"),
        "y": Axes("uint8", "", role="truth", doc="the plane: 0 head, 1 abdomen, 2 heart, 3 other"),
    },
    fetal_us,
    small_cases=small_cases,
)
