"""Which arrays the cases of a table have: the columns decide, and the first case says how many axes an image has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from assignments.data.folder.cases import CaseTable
from assignments.data.folder.headings import is_image
from assignments.data.source import Axes
from assignments.errors import UserError

TRUTH_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "segmentation": ("label",),
    "label_maps": ("label",),
    "instances": ("label",),
    "classification": ("class",),
    "multilabel": ("class:NAME",),
    "regression": ("target",),
    "synthesis": ("target_image",),
    "registration": ("label:fixed", "label:moving"),
}
"""The columns with a task's ground truth."""
_MOST_OF_A_BYTE = 256


@dataclass(frozen=True)
class ImageKind:
    """What the first case's image is like."""

    axes: str
    """"d h w", "h w", or "3 h w" for a picture in colours."""
    spacing: bool
    """Whether its file says how large its voxels are."""

    @property
    def spatial(self) -> tuple[str, ...]:
        """The axes that lie in space."""
        return tuple(axis for axis in self.axes.split() if not axis.isdecimal())

    @property
    def colours(self) -> tuple[str, ...]:
        """The number of colours, where there are several."""
        return tuple(axis for axis in self.axes.split() if axis.isdecimal())


def arrays_of(
    table: CaseTable, task: str, look: Callable[[str], ImageKind], *, size: tuple[int, ...] | None = None
) -> dict[str, Axes]:
    """The arrays of every case, by key.

    Args:
        table: the cases; at least one.
        task: a name in `graders.tasks.TASKS`.
        look: (address) -> what that image is like. It is called once, or never where cases have no image.
        size: that of `[data]`, if every image is brought to one size.

    Raises:
        UserError: the table has not what the task needs, or has no case.
    """
    _check(table, task)
    columns = table.columns
    arrays: dict[str, Axes] = {}
    first = next((table.rows[0].files[column] for column in columns if is_image(column)), None)
    if first is not None:
        kind = look(first)
        space = " ".join(map(str, size or kind.spatial))
        if size and len(size) != len(kind.spatial):
            raise UserError(f"[data]: size = {list(size)} has {len(size)} axes, but {first} has {len(kind.spatial)}.")
        arrays |= _images(table, kind, space)
        arrays |= _maps(table, task, space)
        if "landmarks" in columns:
            arrays["landmarks"] = Axes("float32", f"2 p {len(kind.spatial)}", role="truth")
        if kind.spacing or table.spacing_mm is not None:
            arrays["spacing"] = Axes("float32", str(len(kind.spatial)))
    if table.features:
        arrays["features"] = Axes("float32", str(len(table.features)))
    return arrays | _numbers(table)


def _check(table: CaseTable, task: str) -> None:
    """Refuse a table that has no case, or not the task's ground truth."""
    if not table.rows:
        raise UserError(f"{table.file} has no case that can be read.")
    has = {"class:NAME" if column.startswith("class:") else column for column in table.columns}
    missing = [column for column in TRUTH_OF.get(task, ()) if column not in has]
    if task == "registration" and "landmarks" in has and {"label:fixed", "label:moving"}.isdisjoint(has):
        missing = []  # a pair is judged by its landmarks alone, and its labels are 0
    if missing:
        also = ", or landmarks" if task == "registration" else ""
        raise UserError(
            f'task = "{task}" needs {" and ".join(missing)}{also}, but {table.file} has {", ".join(table.columns)}. '
            f"Add the ground truth of each case, or name another task."
        )


def _images(table: CaseTable, kind: ImageKind, space: str) -> dict[str, Axes]:
    """Images that a solution sees, and the image that it has to make."""
    arrays = {}
    channels = len(table.channels)
    if channels > 1 and kind.colours:
        raise UserError(
            f"{table.file}: {table.rows[0].files[table.columns[0]]} is in colours, and cannot be one of {channels} "
            "channels. Save its colours as images of their own, or as grey."
        )
    colours = " ".join((*kind.colours, space))
    if channels or "image" in table.columns:
        arrays["image"] = Axes("float32", f"{channels} {space}" if channels > 1 else colours)
    arrays |= {key: Axes("float32", colours) for key in ("fixed", "moving") if key in table.columns}
    if "target_image" in table.columns:
        arrays["target"] = Axes("float32", colours, role="truth")
    return arrays


def _maps(table: CaseTable, task: str, space: str) -> dict[str, Axes]:
    """Ground truth with a number for each voxel."""
    arrays = {}
    dtype = "uint8" if len(table.classes) <= _MOST_OF_A_BYTE else "int32"
    if "label" in table.columns:
        instances = task == "instances"
        key = "instances" if instances else "label"
        arrays[key] = Axes("int32" if instances else dtype, space, role="truth")
    if "target_mask" in table.columns:
        arrays["mask"] = Axes("uint8", space, role="truth")
    if "label:fixed" in table.columns or (task == "registration" and "landmarks" in table.columns):
        arrays["labels"] = Axes(dtype, f"2 {space}", role="truth")
    return arrays


def _numbers(table: CaseTable) -> dict[str, Axes]:
    """Ground truth with a number, or a few, for each case."""
    labels = [column for column in table.columns if column.startswith("class:")]
    if labels:
        return {"y": Axes("uint8", str(len(labels)), role="truth")}
    if "class" in table.columns:
        return {"y": Axes("uint8" if len(table.classes) <= _MOST_OF_A_BYTE else "int64", "", role="truth")}
    return {"y": Axes("float32", "", role="truth")} if "target" in table.columns else {}
