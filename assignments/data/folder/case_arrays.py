"""Puts one case of a folder together: reads its files, checks them against each other, and makes its arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from assignments.assignment import Orient
from assignments.data.folder.cases import CaseRow
from assignments.data.folder.declared import TRUTH_OF
from assignments.data.folder.geometry import resampled, same_geometry, sized, windowed
from assignments.data.folder.headings import is_image
from assignments.data.folder.image import Array, Image, UnreadableImage
from assignments.data.folder.landmarks import read_landmarks
from assignments.data.folder.location import located
from assignments.data.folder.open_folder import OpenFolder, oriented_image
from assignments.data.source import Arrays
from assignments.errors import Problem, UserError

LABELS = {"label": "image", "label:fixed": "fixed", "label:moving": "moving", "target_mask": "image"}
"""Columns of labels, each with the image on whose voxels it lies."""
_OF_CHANNELS = ("label", "target_mask")
"""Those that lie on the first channel, where an image has several."""
_ROUNDING = 1e-6
"""Share of a label's number by which it may differ from a whole one: that of float32."""


_TURN_BOTH = (
    "look at both without EXIF: if they fit, `magick mogrify -strip` the one that was turned; else `-auto-orient` it"
)
_QUARTERS = (5, 6, 7, 8)
"""EXIF's orientations that make rows of columns."""


class CaseReading:
    """One case while its files are read: its arrays, and all that is wrong with them."""

    def __init__(self, opened: OpenFolder, row: CaseRow) -> None:
        self._opened, self._row = opened, row
        self._data, self._table = opened.data, opened.table
        self.problems: list[Problem] = []
        self.remarks: list[str] = []
        self._prepared: dict[Image, Image] = {}

    def arrays(self) -> Arrays:
        """The case's arrays as far as they can be read."""
        images = {column: self._image(column) for column in self._row.files if is_image(column)}
        channels = [column for column in self._table.columns if column.startswith("image:")]
        first = images.get(channels[0]) if channels else images.get("image", images.get("fixed"))
        arrays: Arrays = {}
        for column in channels[1:]:
            self._compare(column, images[column], first, "the first channel")
        if channels:
            arrays |= self._channels([images[column] for column in channels])
        for column, key in (("image", "image"), ("fixed", "fixed"), ("moving", "moving"), ("target_image", "target")):
            image = images.get(column)
            if column == "target_image":
                self._compare(column, image, first, "the image")
            if image is not None:
                arrays[key] = self._intensities(image)
        arrays |= self._labels(images, first)
        prepared = None if first is None else self._prepared_image(first)
        if "spacing" in self._opened.arrays and prepared is not None:
            if prepared.spacing_mm is None:
                self._problem("image", "has no spacing, and the first case has one", "save it with its spacing")
            else:
                # What [data] asks for, without the rounding of an affine.
                arrays["spacing"] = np.array(self._data.resample_mm or prepared.spacing_mm, np.float32)
        if "landmarks" in self._row.files and prepared is not None:
            arrays |= self._landmarks(images)
        arrays |= self._numbers()
        other = next((key for key in arrays if not self._opened.arrays[key].fits(arrays[key])), None)
        if other is not None:
            self._is_another_kind(other, arrays[other])
        return arrays

    def _is_another_kind(self, key: str, array: Array) -> None:
        """The problem of a case with other axes than those that were seen first."""
        column = key if key in self._row.files else next(iter(self._row.files), key)
        what = f"gives {key} with the axes {' x '.join(map(str, array.shape))}, and other cases have "
        cure = "all cases need one kind: volumes, grey slices or slices in colours; save it so, or delete the row"
        self._problem(column, what + self._opened.arrays[key].axes, cure)

    def _image(self, column: str) -> Image | None:
        try:
            image = oriented_image(self._table, self._row, column, self._data, self._opened.members)
        except UnreadableImage as error:
            self.problems += error.problems(self._row.subject)
            return None
        self.remarks += _remarks(column, image, self._data.orient)
        return image

    def _compare(self, column: str, image: Image | None, other: Image | None, name: str) -> None:
        """A problem where two images of one case do not lie on the same voxels."""
        if image is None or other is None:
            return
        what = same_geometry(other, image)
        if image.facts.exif != other.facts.exif and (what or _may_lie_otherwise(image, other)):
            self._problem(column, _turned_apart(image, other, name), _TURN_BOTH)
        elif what:
            cure = f"resample it to {name}, or export both again from one series"
            self._problem(column, what.replace("the image", name), cure)

    def _channels(self, images: Sequence[Image | None]) -> Arrays:
        formed = [self._intensities(image) for image in images if image is not None]
        whole = len(formed) == len(images) and len({array.shape for array in formed}) == 1
        return {"image": np.stack(formed) if len(formed) > 1 else formed[0]} if whole else {}

    def _intensities(self, image: Image) -> Array:
        """The voxels as float32, on the voxels that `[data]` asks for, through its window."""
        array = np.asarray(self._prepared_image(image).array, np.float32)
        return array if self._data.window is None else windowed(array, *self._data.window)

    def _prepared_image(self, image: Image) -> Image:
        """An image of intensities with the spacing and size of `[data]`; made once, since resampling takes seconds."""
        if image not in self._prepared:
            self._prepared[image] = self._formed(image, label=False)
        return self._prepared[image]

    def _formed(self, image: Image, *, label: bool) -> Image:
        """The image with the spacing and size of `[data]`."""
        if self._data.resample_mm is not None:
            image = resampled(image, self._data.resample_mm, label=label)
        if self._data.size is not None:
            image = sized(image, self._data.size, crop=self._data.resample_mm is not None, label=label)
        return image

    def _labels(self, images: Mapping[str, Image | None], first: Image | None) -> Arrays:
        labels: dict[str, Array] = {}
        for column in (column for column in LABELS if column in self._row.files):
            image = images.get(LABELS[column]) or (first if column in _OF_CHANNELS else None)
            label = self._label(column, image)
            if label is not None:
                labels[column] = label
        arrays: Arrays = {}
        if "target_mask" in labels:
            arrays["mask"] = labels["target_mask"].astype(self._opened.arrays["mask"].dtype)
        if "label" in labels:
            key = "instances" if self._opened.task == "instances" else "label"
            arrays[key] = labels["label"].astype(self._opened.arrays[key].dtype)
        return arrays | (self._pair(images, labels) if "labels" in self._opened.arrays else {})

    def _pair(self, images: Mapping[str, Image | None], labels: Mapping[str, Array]) -> Arrays:
        """The labels of a registration pair: 0 everywhere where it has landmarks alone."""
        fixed, moving = images.get("fixed"), images.get("moving")
        if fixed is None or moving is None:
            return {}
        fixed, moving = self._prepared_image(fixed), self._prepared_image(moving)
        if fixed.spatial != moving.spatial:
            shapes = (" x ".join(map(str, image.spatial)) for image in (moving, fixed))
            what = "its shape is {}, and that of the fixed image {}".format(*shapes)
            self._problem("moving", what, "resample it to the fixed image, or write size = [...] below [data]")
            return {}
        dtype = self._opened.arrays["labels"].dtype
        if "label:fixed" not in self._row.files:
            return {"labels": np.zeros((2, *fixed.spatial), dtype)}
        if "label:fixed" in labels and "label:moving" in labels:
            return {"labels": np.stack([labels["label:fixed"], labels["label:moving"]]).astype(dtype)}
        return {}

    def _label(self, column: str, image: Image | None) -> Array | None:
        """A label's numbers on the voxels of its prepared image; None where it has a problem."""
        try:
            label = oriented_image(self._table, self._row, column, self._data, self._opened.members, label=True)
        except UnreadableImage as error:
            self.problems += error.problems(self._row.subject)
            return None
        if image is not None:
            self._compare(column, label, image, "the image")
            if label.spatial != image.spatial:
                return None
        numbers = self._whole_numbers(column, label)
        if numbers is None:
            return None
        on_image = label if image is None else replace(label, affine=image.affine, spacing_mm=image.spacing_mm)
        return self._formed(replace(on_image, array=numbers), label=True).array

    def _whole_numbers(self, column: str, label: Image) -> Array | None:
        """The numbers of a label, checked: whole, not below 0, and each a known class."""
        array = label.array
        if label.axes == "c h w":
            self._problem(column, "is in colours, not one number a pixel", "save the number of the class in each pixel")
            return None
        if array.dtype.kind == "f":
            whole = np.rint(array)
            # A file that rescales its numbers makes 1.0000001 of 1.
            odd = np.abs(array - whole) > _ROUNDING * np.maximum(np.abs(whole), 1)
            if odd.any():
                cure = "save whole numbers; a map of probabilities is not a label"
                self._problem(column, f"has numbers that are not whole, such as {array[odd].flat[0]!s}", cure)
                return None
            array = whole
        values = np.unique(array)
        classes = self._known_classes(column, label, values)
        if values[0] < 0 or (classes is not None and values[-1] >= classes):
            classes_text = f"0 to {classes - 1}" if classes is not None else "numbers from 0"
            shown = ", ".join(f"{value:g}" for value in values[:8].tolist()) + (", ..." if len(values) > 8 else "")
            two = self._opened.task == "segmentation"
            more = 'write task = "label_maps"' if two else "name all classes below [data]: classes = [...]"
            cure = "save 1 where an answer counts, and 0 elsewhere"
            if column != "target_mask":
                cure = f"correct the label, or {more}"
            if label.facts.format == "JPEG" and len(values) > 2:
                half = (float(values[0]) + float(values[-1])) / 2
                cure = (
                    "JPEG changes numbers at edges, so save the label as PNG from where it was drawn; a mask of one "
                    f"structure only as JPEG: what lies above {half:g} is the structure (`magick IN.jpg -threshold "
                    f"{half / 2.55:.3g}% OUT.png`)"
                )
            elif self._is_beside(column):
                cure = "correct the label, or delete the column label, which the task does not need"
            self._problem(column, f"holds {shown}; the classes are {classes_text}", cure)
            return None
        two = self._opened.task == "segmentation" or column == "target_mask"
        if (two or self._is_beside(column)) and _is_black_and_white(label, values):
            return np.asarray(array == 255, np.uint8)
        # Labels of a CT in int64 are a gigabyte.
        return np.asarray(array, np.uint8 if values[-1] <= np.iinfo(np.uint8).max else np.int64)

    def _is_beside(self, column: str) -> bool:
        """Whether a label is not the task's ground truth: the classes are then not its own."""
        return column == "label" and "label" not in TRUTH_OF.get(self._opened.task, ("label",))

    def _known_classes(self, column: str, label: Image, values: Array) -> int | None:
        """How many classes a label may have; None where any number is one."""
        if self._opened.task == "segmentation" or column == "target_mask":
            return 256 if _is_black_and_white(label, values) else 2
        if self._opened.task == "instances":
            return None
        if self._is_beside(column) or not self._table.classes:
            key = column if column in self._opened.arrays else "labels"
            return int(np.iinfo(self._opened.arrays[key].dtype).max) + 1
        return len(self._table.classes)

    def _landmarks(self, images: Mapping[str, Image | None]) -> Arrays:
        fixed, moving = images.get("fixed"), images.get("moving")
        if fixed is None or moving is None:
            return {}
        path = located(self._table.folder, self._row.files["landmarks"]).path
        try:
            prepared = self._prepared_image(fixed), self._prepared_image(moving)
            return {"landmarks": read_landmarks(path, *prepared, stored=(fixed, moving))}
        except UserError as error:
            self._problem("landmarks", str(error), "")
            return {}

    def _numbers(self) -> Arrays:
        """Classes, labels, targets and features."""
        values, table = self._row.values, self._table
        arrays: Arrays = {}
        if "y" in self._opened.arrays:
            dtype = self._opened.arrays["y"].dtype
            labels = [column for column in table.columns if column.startswith("class:")]
            if labels:
                arrays["y"] = np.array([int(float(values[column])) for column in labels], dtype)
            elif "class" in values:
                arrays["y"] = np.array(table.class_number(values["class"]), dtype)
            else:
                arrays["y"] = np.array(float(values["target"]), dtype)
        if table.features:
            arrays["features"] = np.array([float(values[f"feature:{name}"]) for name in table.features], np.float32)
        return arrays

    def _problem(self, column: str, what: str, cure: str) -> None:
        file = self._row.files.get(column) or self._row.id
        self.problems.append(Problem(str(self._table.folder / file), self._row.subject, None, what, cure))


def _is_black_and_white(label: Image, values: Array) -> bool:
    """Whether a picture's mask is of 0 and 255."""
    picture = label.facts.format in ("PNG", "JPEG", "TIFF", "BMP", "GIF")
    return picture and values[-1] == 255 and set(values.tolist()) <= {0, 255}


def _may_lie_otherwise(image: Image, other: Image) -> bool:
    """Whether two pictures of one shape, turned by EXIF in two ways, may not fit as they were read.

    A quarter turn of a picture that is not square changes its shape: then equal shapes say that it fits.
    """
    quarter = (image.facts.exif in _QUARTERS) != (other.facts.exif in _QUARTERS)
    return not quarter or image.spatial[-1] == image.spatial[-2]


def _turned_apart(image: Image, other: Image, name: str) -> str:
    """The sentence about two pictures of which EXIF turned one, or each in another way."""
    if image.facts.exif == 1:
        return f"was not turned, but {name} was, as its EXIF orientation {other.facts.exif} says: do they fit?"
    also = "was not" if other.facts.exif == 1 else f"as {other.facts.exif}"
    return f"was turned as its EXIF orientation {image.facts.exif} says, and {name} {also}: do they fit?"


def _remarks(column: str, image: Image, orient: Orient) -> Iterator[str]:
    """How an image was read: its orientation and what was done about it, and what its reader decided."""
    if image.axes == "d h w" and image.orientation is not None:
        turned = "as it is" if orient in ("file", image.orientation) else f"turned to {orient}"
        yield f"{column}: {image.facts.format}, {image.orientation}, {turned}"
    yield from (f"{column}: {note}" for note in image.facts.notes)
