"""Slices of DICOM -> one stack: their order, their affine, and why they do not make a volume.

The slices are put in order by their positions: a file's name and its InstanceNumber say nothing of where a slice lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assignments.data.folder.affines import TOLERANCE, from_lps, spacing_faults
from assignments.data.folder.dicom import field_values
from assignments.data.folder.image import Array, UnreadableImage, unreadable
from assignments.data.folder.location import Location

_EXPORT = "export the whole series again"
_GAP = 0.02
"""Share of the spacing by which distances of slices may differ: positions are written with few decimals."""
_TILT_DEGREES = 0.1


@dataclass(frozen=True, eq=False)
class Slice:
    """The header of one file of a series."""

    path: Path
    header: Any
    """pydicom's dataset without pixels."""

    def numbers(self, keyword: str) -> Array | None:
        """The values of a field; None where it is missing, or is not numbers."""
        try:
            numbers: Array = np.array([float(value) for value in field_values(self.header, keyword)])
        except (TypeError, ValueError):
            return None
        return numbers if len(numbers) else None

    def whole(self, keyword: str, otherwise: int = 0) -> int:
        """The one whole number of a field; `otherwise` where it is missing, or is something else."""
        numbers = self.numbers(keyword)
        return int(numbers[0]) if numbers is not None and np.isfinite(numbers[0]) else otherwise

    def text(self, keyword: str) -> str:
        """The first value of a field as a text; empty where it is missing."""
        return next((str(value).strip() for value in field_values(self.header, keyword)), "")

    @property
    def syntax(self) -> str:
        """How the voxels are stored, by its name in the standard; its UID where it has none."""
        values = field_values(self.header.file_meta, "TransferSyntaxUID")
        return next((str(getattr(value, "name", value)) for value in values), "")

    @property
    def compressed(self) -> bool:
        """Whether the voxels are compressed, as far as the standard says."""
        plain = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
        return not {str(value) for value in field_values(self.header.file_meta, "TransferSyntaxUID")} & set(plain)


@dataclass(frozen=True, eq=False)
class SliceStack:
    """Slices in their order, and where they lie."""

    slices: tuple[Slice, ...]
    """From the lowest to the highest along their normal."""
    affine: Array | None
    """See `Image.affine`."""
    spacing_mm: tuple[float, ...] | None
    """(d, h, w), or (h, w) of a slice alone."""
    notes: tuple[str, ...] = ()
    """What had to be decided."""


def stack_of(where: Location, slices: Sequence[Slice]) -> SliceStack:
    """The slices as one stack.

    Raises:
        UnreadableImage: they do not make one volume: `where` names them.
    """
    first, notes = slices[0], []
    in_plane = _of_length(first, "PixelSpacing", 2)
    if in_plane is None and (in_plane := _of_length(first, "ImagerPixelSpacing", 2)) is not None:
        notes.append("The spacing is that at the detector (ImagerPixelSpacing), not in the patient.")
    spacing = None if in_plane is None else (float(in_plane[0]), float(in_plane[1]))
    if spacing and (faults := spacing_faults(spacing, "correct PixelSpacing in the header")):
        raise UnreadableImage(str(where), faults)
    _check_alike(where, slices)
    _check_one_patient(where, slices)
    turn = _of_length(first, "ImageOrientationPatient", 6)
    origins = [_of_length(piece, "ImagePositionPatient", 3) for piece in slices]
    if spacing is None or turn is None or any(origin is None for origin in origins):
        if len(slices) > 1:
            lacking = "PixelSpacing, ImageOrientationPatient or ImagePositionPatient"
            raise unreadable(where, f"its slices cannot be put in order: some have no {lacking}", _EXPORT)
        return SliceStack((first,), None, spacing, (*notes, "The header gives no orientation."))

    normal = np.cross(turn[:3], turn[3:])
    positions = np.array(origins)
    heights = positions @ normal
    order = np.argsort(heights, kind="stable")
    directions = np.stack([turn[:3], turn[3:], normal], axis=1)
    if len(slices) > 1:
        gap = _even_gap(where, positions[order], heights[order], normal)
        all_spacing: tuple[float, ...] = (round(gap, 6), *spacing)
    else:
        gap, all_spacing = 1.0, spacing  # a slice alone has no neighbour
    affine = from_lps(directions, np.array([spacing[1], spacing[0], gap]), positions[order[0]])
    return SliceStack(tuple(slices[i] for i in order), affine, all_spacing, tuple(notes))


def _of_length(piece: Slice, keyword: str, count: int) -> Array | None:
    numbers = piece.numbers(keyword)
    return numbers if numbers is not None and len(numbers) == count else None


def _check_alike(where: Location, slices: Sequence[Slice]) -> None:
    """Refuse slices that differ where those of one volume cannot."""
    for keyword, allowed in (
        ("Rows", 0.0), ("Columns", 0.0), ("SamplesPerPixel", 0.0), ("PixelSpacing", TOLERANCE),
        ("ImageOrientationPatient", TOLERANCE),
    ):  # fmt: skip
        values = [piece.numbers(keyword) for piece in slices]
        for piece, value in zip(slices, values, strict=True):
            other = values[0]
            same = value is None and other is None
            if value is not None and other is not None and value.shape == other.shape:
                same = bool(np.all(np.abs(value - other) <= allowed))
            if not same:
                cure = "keep one series of slices in the folder: a scout, or a second scan, lies among them"
                what = f"its slices differ in {keyword}: {slices[0].path.name} and {piece.path.name}"
                raise unreadable(where, what, cure)


def _check_one_patient(where: Location, slices: Sequence[Slice]) -> None:
    """Refuse slices of two patients, whom a program gave the same series. No patient is named."""
    first = slices[0]
    for piece in slices:
        if piece.text("PatientID") != first.text("PatientID"):
            what = f"its slices are of two patients: PatientID differs in {first.path.name} and {piece.path.name}"
            raise unreadable(where, what, "keep the files of one patient in a folder, and export them again")


def _even_gap(where: Location, origins: Array, heights: Array, normal: Array) -> float:
    """The distance of neighbouring slices in mm, from the lowest to the highest.

    Raises:
        UnreadableImage: two lie at one position, some are missing, distances are uneven, or the stack is tilted.
    """
    gaps = np.diff(heights)
    gap = float(np.median(gaps))
    if gaps.min() < 1e-3:
        at = float(heights[int(np.argmin(gaps))])
        cure = "keep one image a position: a second time, echo or reconstruction is a series of its own"
        raise unreadable(where, f"two slices lie at the same position ({at:g} mm)", cure)
    uneven = np.flatnonzero(np.abs(gaps - gap) > _GAP * gap)
    if len(uneven):
        steps = gaps / gaps.min()
        lost = int(np.sum(np.round(steps) - 1))
        i = int(np.argmax(gaps))
        between = f"between {heights[i]:g} and {heights[i + 1]:g} mm"
        if lost and np.abs(steps - np.round(steps)).max() < 0.1:
            raise unreadable(where, f"{lost} slices are missing, such as {between}", _EXPORT)
        what = f"its slices lie {gaps.min():g} to {gaps.max():g} mm apart, not evenly: the widest step is {between}"
        raise unreadable(where, what, "resample it to even distances, with dcm2niix for example")
    stack = origins[-1] - origins[0]
    tilt = np.degrees(np.arccos(np.clip(stack @ normal / np.linalg.norm(stack), -1.0, 1.0)))
    if tilt > _TILT_DEGREES:
        what = f"its gantry was tilted: the stack leans by {tilt:.2g} degrees"
        raise unreadable(where, what, "straighten it with dcm2niix, which writes a file _Tilt")
    return float((heights[-1] - heights[0]) / len(gaps))
