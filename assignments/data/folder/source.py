"""The source "folder": patients' files as people have them, without code. A table or a known layout lists the cases.

`table` and `layouts` say which files a case has, `reading` reads one file, `geometry` brings it into the form that
`[data]` asks for; here a case is put together and checked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from assignments.assignment import Assignment, Data, Orient
from assignments.data.folder.addresses import address, file_of
from assignments.data.folder.arrays import Members
from assignments.data.folder.cases import CaseRow, CaseTable
from assignments.data.folder.declared import ImageKind, arrays_of
from assignments.data.folder.geometry import canonical, resampled, same_geometry, sized, windowed
from assignments.data.folder.image import Array, Image, UnreadableImage
from assignments.data.folder.landmarks import read_landmarks
from assignments.data.folder.listing import cases_of
from assignments.data.folder.reading import read_image
from assignments.data.problem_list import SubjectProblems, problem_lines, within
from assignments.data.source import Arrays, Axes, Subject, file_stamp
from assignments.errors import Problem, UserError

TRIED = 20
"""Images that are tried until one can be read, which says how many axes all have."""
LABELS = {"label": "image", "label:fixed": "fixed", "label:moving": "moving"}
"""Columns of labels, each with the image on whose voxels it lies."""


@dataclass(frozen=True)
class OpenFolder:
    """A folder whose table has been read, and what each of its cases has."""

    table: CaseTable
    arrays: Mapping[str, Axes]
    task: str
    data: Data
    rows: Mapping[str, tuple[CaseRow, ...]]
    """By subject."""
    members: Members
    """The last array that was taken out of an archive."""
    remarks: dict[str, tuple[str, ...]]
    """By subject that was loaded: how its files were read."""


def opened_folder(assignment: Assignment) -> OpenFolder:
    """The folder `data.path`, with its cases listed and no image but the first one read.

    Raises:
        UserError: there is no such folder, no table and no known layout, or no usable case: all problems in one list.
    """
    data = assignment.data
    try:
        table = cases_of(data)
    except PermissionError as error:
        what = f"{error.filename}: you may not read this folder or file"
        raise UserError(f"{what}. Give yourself the permission: chmod -R u+rX {data.path}") from error
    members = Members()
    try:
        arrays = arrays_of(table, assignment.task, lambda text: _kind(table, text, data, members), size=data.size)
    except UserError as error:
        if not table.problems:
            raise
        lines = [*problem_lines([within(table.folder, problem) for problem in table.problems])]
        lines += str(error).splitlines() if table.rows else []  # without a row, the problems say why
        raise UserError("\n  ".join([f"{table.folder} cannot be used as it is:", *lines])) from error
    rows: dict[str, list[CaseRow]] = defaultdict(list)
    for row in table.rows:
        rows[row.subject].append(row)
    by_subject = {id: tuple(of) for id, of in rows.items()}
    return OpenFolder(table, arrays, assignment.task, data, by_subject, members, {})


def subjects(opened: OpenFolder) -> list[Subject]:
    """The subjects of the table, with the strata and parts of their first row."""
    listed = []
    for id, rows in opened.rows.items():
        members = tuple(dict.fromkeys(member for row in rows for member in row.members))
        part = next((row.part for row in rows if row.part is not None), None)
        listed.append(Subject(id, rows[0].strata, part, members))
    return listed


def load(opened: OpenFolder, subject: str) -> list[Arrays]:
    """The cases of one subject.

    Raises:
        SubjectProblems: all that is wrong with its files.
    """
    cases, problems, remarks = [], [], []
    for row in opened.rows[subject]:
        case = _Case(opened, row)
        arrays = case.arrays()
        problems += case.problems
        remarks += case.remarks
        cases.append(arrays)
    opened.remarks[subject] = tuple(dict.fromkeys(remarks))
    if problems:
        raise SubjectProblems([within(opened.table.folder, problem) for problem in problems])
    return cases


def stamp(opened: OpenFolder, subject: str) -> object:
    """Names, sizes and times of a subject's files, and what the table says of it."""
    rows = opened.rows[subject]
    files = sorted({address(text).file for row in rows for text in row.files.values()})
    return {
        "files": [_stamp(file_of(opened.table.folder, file)) for file in files],
        "rows": [[sorted(row.files.items()), sorted(row.values.items())] for row in rows],
        "classes": opened.table.classes,
        "spacing": opened.table.spacing_mm,
        "arrays": {key: str(axes) for key, axes in opened.arrays.items()},
    }


class _Case:
    """One case while its files are read: its arrays, and all that is wrong with them."""

    def __init__(self, opened: OpenFolder, row: CaseRow) -> None:
        self._opened, self._row = opened, row
        self._data, self._table = opened.data, opened.table
        self.problems: list[Problem] = []
        self.remarks: list[str] = []

    def arrays(self) -> Arrays:
        """The case's arrays as far as they can be read."""
        images = {column: self._image(column) for column in self._row.files if _is_image(column)}
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
        prepared = None if first is None else self._formed(first, label=False)
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
            image = _read(self._table, self._row.files[column], self._data, self._opened.members)
        except UnreadableImage as error:
            self.problems += error.problems(self._row.subject)
            return None
        self.remarks += _remarks(column, image, self._data.orient)
        return image

    def _compare(self, column: str, image: Image | None, other: Image | None, name: str) -> None:
        """A problem where two images of one case do not lie on the same voxels."""
        if image is not None and other is not None and (what := same_geometry(other, image)):
            cure = f"resample it to {name}, or export both again from one series"
            self._problem(column, what.replace("the image", name), cure)

    def _channels(self, images: Sequence[Image | None]) -> Arrays:
        formed = [self._intensities(image) for image in images if image is not None]
        whole = len(formed) == len(images) and len({array.shape for array in formed}) == 1
        return {"image": np.stack(formed) if len(formed) > 1 else formed[0]} if whole else {}

    def _intensities(self, image: Image) -> Array:
        """The voxels as float32, on the voxels that `[data]` asks for, through its window."""
        array = np.asarray(self._formed(image, label=False).array, np.float32)
        return array if self._data.window is None else windowed(array, *self._data.window)

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
            image = images.get(LABELS[column]) or (first if column == "label" else None)
            label = self._label(column, image)
            if label is not None:
                labels[column] = label
        if "label" in labels:
            key = "instances" if self._opened.task == "instances" else "label"
            return {key: labels["label"].astype(self._opened.arrays[key].dtype)}
        if len(labels) == 2 and labels["label:fixed"].shape == labels["label:moving"].shape:
            both = np.stack([labels["label:fixed"], labels["label:moving"]])
            return {"labels": both.astype(self._opened.arrays["labels"].dtype)}
        return {}

    def _label(self, column: str, image: Image | None) -> Array | None:
        """A label's numbers on the voxels of its prepared image; None where it has a problem."""
        try:
            label = _read(self._table, self._row.files[column], self._data, self._opened.members, label=True)
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
        if array.dtype.kind == "f" and not (array == np.rint(array)).all():
            cure = "save whole numbers; a map of probabilities is not a label"
            self._problem(column, f"has numbers that are not whole, such as {_odd(array):g}", cure)
            return None
        values = np.unique(array)
        classes = self._known_classes(label, values)
        if values[0] < 0 or (classes is not None and values[-1] >= classes):
            classes_text = f"0 to {classes - 1}" if classes is not None else "numbers from 0"
            shown = ", ".join(f"{value:g}" for value in values[:8].tolist()) + (", ..." if len(values) > 8 else "")
            two = self._opened.task == "segmentation"
            more = 'write task = "label_maps"' if two else "name all classes below [data]: classes = [...]"
            self._problem(column, f"holds {shown}; the classes are {classes_text}", f"correct the label, or {more}")
            return None
        if self._opened.task == "segmentation" and values[-1] == 255:
            return np.asarray(array == 255, np.uint8)
        return np.asarray(array, np.int64)

    def _known_classes(self, label: Image, values: Array) -> int | None:
        """How many classes a label may have; None where any number is one."""
        if self._opened.task == "segmentation":
            # A picture's mask is black and white.
            picture = label.facts.format in ("PNG", "JPEG", "TIFF") and set(values.tolist()) <= {0, 255}
            return 256 if picture else 2
        if self._opened.task == "instances" or not self._table.classes:
            return None
        return len(self._table.classes)

    def _landmarks(self, images: Mapping[str, Image | None]) -> Arrays:
        formed = [images.get("fixed"), images.get("moving")]
        if any(image is None for image in formed):
            return {}
        prepared = [self._formed(image, label=False) for image in formed if image is not None]
        path = file_of(self._table.folder, address(self._row.files["landmarks"]).file)
        try:
            return {"landmarks": read_landmarks(path, *prepared)}
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


def _remarks(column: str, image: Image, orient: Orient) -> Iterator[str]:
    """How an image was read: its orientation and what was done about it, and what its reader decided."""
    if image.axes == "d h w" and image.orientation is not None:
        turned = "as it is" if orient in ("file", image.orientation) else f"turned to {orient}"
        yield f"{column}: {image.facts.format}, {image.orientation}, {turned}"
    yield from (f"{column}: {note}" for note in image.facts.notes)


def _read(table: CaseTable, text: str, data: Data, members: Members, *, label: bool = False) -> Image:
    """An image in the orientation that `[data]` asks for, with the spacing that its layout assumes if it has none."""
    where = address(text)
    path = file_of(table.folder, where.file)
    image = read_image(path, key=where.key, index=where.index, label=label, members=members)
    image = canonical(image, data.orient)
    if image.spacing_mm is None and table.spacing_mm is not None and len(table.spacing_mm) == len(image.spatial):
        image = replace(image, spacing_mm=table.spacing_mm)
    return image


def _kind(table: CaseTable, first: str, data: Data, members: Members) -> ImageKind:
    """What the images of a column are like: the first of them that can be read says so.

    Raises:
        UserError: none of the first few can be read.
    """
    column = next(column for column, text in table.rows[0].files.items() if text == first)
    problems: list[Problem] = []
    for row in table.rows[:TRIED]:
        try:
            image = _read(table, row.files[column], data, members)
        except UnreadableImage as error:
            problems += error.problems(row.subject)
            continue
        size = " ".join(_names(image))
        axes = size if image.axes != "c h w" else f"{len(image.array)} {size}"
        return ImageKind(axes, image.spacing_mm is not None)
    count = "no image" if len(table.rows) <= TRIED else f"none of the first {TRIED} images"
    lines = problem_lines([within(table.folder, problem) for problem in problems])
    raise UserError("\n  ".join([f"{table.folder}: {count} can be read:", *lines]))


def _names(image: Image) -> tuple[str, ...]:
    return ("d", "h", "w")[-len(image.spatial) :]


def _is_image(column: str) -> bool:
    return column in ("image", "fixed", "moving", "target_image") or column.startswith("image:")


def _odd(array: Array) -> float:
    """A number that is not whole."""
    return float(array[array != np.rint(array)].flat[0])


def _stamp(path: Path) -> list[object]:
    """What changes when a file changes, or any file in a folder."""
    return [file_stamp(file) for file in sorted(_files(path))]


def _files(path: Path) -> Iterator[Path]:
    yield from (file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
