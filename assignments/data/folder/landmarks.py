"""Landmarks of a pair of images: a table with a row for each point, in mm or in voxels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from assignments.data.folder.image import Array, Image
from assignments.data.folder.values import number_problem
from assignments.errors import UserError
from assignments.tables import read_table

MM = ("x", "y", "z")
VOXELS = ("d", "h", "w")
_SLACK = 0.01
"""Voxels that rounding of mm may move a point."""


def read_landmarks(path: Path, fixed: Image, moving: Image, *, stored: tuple[Image, Image]) -> Array:
    """Points of both images, (2, P, dims) float32 in voxels of the images as they are prepared.

    The columns `fixed_x, fixed_y, fixed_z, moving_x, ...` are mm to the right, anterior and superior, as 3D Slicer
    writes them for RAS; `fixed_d, fixed_h, fixed_w, ...` (`fixed_h, fixed_w` for slices) are voxels of the prepared
    images. An empty row of one image means that the point is not seen in it.

    Args:
        stored: both images before they are cropped, within which points in mm must lie.

    Raises:
        UserError: the file is not such a table, half a point is there, a point lies outside its image, or none is seen
            in both: what is wrong with it, without its name.
    """
    table, problems = read_table(path)
    if table is None or problems:
        where = ("" if problem.line is None else f"line {problem.line}: " for problem in problems)
        raise UserError("; ".join(f"{line}{problem.what}" for line, problem in zip(where, problems, strict=True)))
    heading = {name: key for key, name in table.headings.items()}
    points: list[Array] = []
    outside: list[str] = []
    for name, image in (("fixed", fixed), ("moving", moving)):
        voxels = [f"{name}_{axis}" for axis in VOXELS[-len(image.spatial) :]]
        mm = [f"{name}_{axis}" for axis in MM]
        columns = voxels if set(voxels) <= heading.keys() else mm
        if not set(columns) <= heading.keys():
            has = ", ".join(heading) or "none"
            raise UserError(f"needs the columns {', '.join(mm)} (mm) or {', '.join(voxels)} (voxels); it has {has}")
        rows = np.array([[_number(row.line, row.cells[heading[column]]) for column in columns] for row in table.rows])
        if not rows.size:
            raise UserError("has no landmark")
        lines = [row.line for row in table.rows]
        if (half := np.isnan(rows).any(axis=1) & ~np.isnan(rows).all(axis=1)).any():
            what = f"line {lines[int(half.argmax())]}: {name} has some of its {len(columns)} numbers"
            raise UserError(f"{what}; write all, or none where the point is not seen")
        points.append(rows if columns == voxels else _voxels(rows, image))
        whole = image if columns == voxels else stored[len(points) - 1]
        outside += _outside(name, lines, rows, whole, in_mm=columns == mm)
    if outside:
        raise UserError("; ".join(outside))
    if not np.isfinite(points[0] + points[1]).all(axis=1).any():
        raise UserError("has no point that is seen in both images; write one at least, or delete the row of the pair")
    return np.stack(points).astype(np.float32)


def _number(line: int, text: str) -> float:
    if not text.strip():
        return float("nan")
    if wrong := number_problem(text):
        raise UserError(f"line {line}: {'; '.join(wrong)}, or leave the point empty where it is not seen")
    return float(text)


def _outside(name: str, lines: Sequence[int], rows: Array, image: Image, *, in_mm: bool) -> Iterator[str]:
    """A sentence about points that lie outside their image; half a voxel belongs to its edge."""

    def are_out(rows: Array) -> Array:
        voxels = _voxels(rows, image) if in_mm else rows
        sizes = np.array(image.spatial)
        out = (voxels < -0.5 - _SLACK) | (voxels > sizes - 0.5 + _SLACK)
        return np.asarray(out.any(axis=1))

    out = are_out(rows)
    if not out.any():
        return
    unit = "mm" if in_mm else "voxels"
    first = ", ".join(f"{number:g}" for number in rows[int(out.argmax())])
    what = f"{int(out.sum())} of {len(rows)} points lie outside {name}, the first in line {lines[int(out.argmax())]}: "
    cure = "correct them, or leave their cells empty where they are not seen"
    if in_mm and not are_out(rows * [-1, -1, 1]).any():
        cure = "they fit with the other sign of x and y, so they are LPS: save them as RAS, or turn both signs"
    yield f"{what}{first} {unit}; {cure}"


def _voxels(mm: Array, image: Image) -> Array:
    """Points in mm as indices (d, h, w) of an image."""
    if image.affine is None:
        raise UserError("has mm, but its image does not say where it lies; write voxels: fixed_h, fixed_w, ...")
    homogeneous = np.column_stack([mm, np.ones(len(mm))])
    indices: Array = (homogeneous @ np.linalg.inv(image.affine).T)[:, :3]
    return indices[:, -len(image.spatial) :]
