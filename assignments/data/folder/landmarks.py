"""Landmarks of a pair of images: a table with a row for each point, in mm or in voxels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assignments.data.folder.image import Array, Image
from assignments.errors import UserError
from assignments.tables import read_table

MM = ("x", "y", "z")
VOXELS = ("d", "h", "w")


def read_landmarks(path: Path, fixed: Image, moving: Image) -> Array:
    """Points of both images, (2, P, dims) float32 in voxels of the images as they are prepared.

    The columns `fixed_x, fixed_y, fixed_z, moving_x, ...` are mm to the right, anterior and superior, as 3D Slicer
    writes them for RAS; `fixed_d, fixed_h, fixed_w, ...` (`fixed_h, fixed_w` for slices) are voxels of the prepared
    images. An empty row of one image means that the point is not seen in it.

    Raises:
        UserError: the file is not such a table: what is wrong with it, without its name.
    """
    table, problems = read_table(path)
    if table is None or problems:
        where = ("" if problem.line is None else f"line {problem.line}: " for problem in problems)
        raise UserError("; ".join(f"{line}{problem.what}" for line, problem in zip(where, problems, strict=True)))
    heading = {name: key for key, name in table.headings.items()}
    points = []
    for name, image in (("fixed", fixed), ("moving", moving)):
        voxels = [f"{name}_{axis}" for axis in VOXELS[-len(image.spatial) :]]
        mm = [f"{name}_{axis}" for axis in MM]
        columns = voxels if set(voxels) <= heading.keys() else mm
        if not set(columns) <= heading.keys():
            has = ", ".join(heading) or "none"
            raise UserError(f"needs the columns {', '.join(mm)} (mm) or {', '.join(voxels)} (voxels); it has {has}")
        rows = np.array([[_number(row.line, row.cells[heading[column]]) for column in columns] for row in table.rows])
        points.append(rows if columns == voxels else _voxels(rows, image))
    if not points[0].size:
        raise UserError("has no landmark")
    return np.stack(points).astype(np.float32)


def _number(line: int, text: str) -> float:
    try:
        return float(text) if text.strip() else float("nan")
    except ValueError:
        raise UserError(f'line {line}: "{text}" is not a number') from None


def _voxels(mm: Array, image: Image) -> Array:
    """Points in mm as indices (d, h, w) of an image."""
    if image.affine is None:
        raise UserError("has mm, but its image does not say where it lies; write voxels: fixed_h, fixed_w, ...")
    homogeneous = np.column_stack([mm, np.ones(len(mm))])
    indices: Array = (homogeneous @ np.linalg.inv(image.affine).T)[:, :3]
    return indices[:, -len(image.spatial) :]
