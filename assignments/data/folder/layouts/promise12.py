"""PROMISE12: the challenge's `Case00.mhd`, `Case00_segmentation.mhd`, and the UCL tutorial's `image_train00.npy`.

Litjens et al.: Evaluation of prostate segmentation algorithms for MRI: the PROMISE12 challenge.
Medical Image Analysis 18, 2014, doi:10.1016/j.media.2013.12.002.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from assignments.data.folder.cases import CaseRow, CaseTable
from assignments.data.folder.checked import checked_table
from assignments.data.folder.layouts.layout import Layout, folders_of, relative, visible
from assignments.data.sources.promise12 import ASSUMED_SPACING_MM
from assignments.errors import Problem

_CLASSES: Final = ("background", "prostate")
_CASE = re.compile(r"(Case\d+)\.(mhd|mha)")
_ARRAY = re.compile(r"(image|label)_train(\d+)\.npy")
_OTHER_ARRAY = re.compile(r"image_test\d+\.npy")


def _volumes(folder: Path) -> list[Path]:
    """Images of cases, in the folder or in those of the challenge's parts."""
    files = [path for inside in (folder, *folders_of(folder)) for path in visible(inside)]
    return [path for path in files if _CASE.fullmatch(path.name)]


def _mhd_table(folder: Path) -> CaseTable:
    rows, without = [], []
    for path in _volumes(folder):
        label = path.with_name(f"{path.stem}_segmentation{path.suffix}")
        if label.is_file():
            name = relative(folder, path)
            rows.append(CaseRow(name, path.stem, {"image": name, "label": relative(folder, label)}))
        else:
            without.append(path)
    doubts = ["each case is a subject of its own, as the challenge says"]
    problems = []
    with_labels = {(folder / row.id).parent for row in rows}
    for path in without:
        if path.parent in with_labels:
            cure = f"add {path.stem}_segmentation{path.suffix}, or remove the case"
            problems.append(Problem(str(path), path.stem, None, "has no label", cure))
    unlabelled = len(without) - len(problems)
    if unlabelled:
        doubts.append(f"{unlabelled} images of folders without labels, the challenge's test set, are not used")
    ends = ["_segmentation.mhd", "_segmentation.mha"]
    files = {path for inside in (folder, *folders_of(folder)) for path in visible(inside, ends)}
    images = {folder / row.id for row in rows}
    for path in sorted(files):
        if path.with_name(path.name.replace("_segmentation", "")) not in images:
            problems.append(Problem(str(path), path.stem, None, "is a label without image", "add the image"))
    return checked_table(folder, folder, rows, ("image", "label"), classes=_CLASSES, problems=problems, doubts=doubts)


def _npy_table(folder: Path) -> CaseTable:
    files: dict[str, dict[str, Path]] = {}
    for path in visible(folder):
        if match := _ARRAY.fullmatch(path.name):
            files.setdefault(match[2], {})[match[1]] = path
    rows, problems = [], []
    for number, pair in files.items():
        missing = next((kind for kind in ("image", "label") if kind not in pair), None)
        if missing:
            cure = f"copy {missing}_train{number}.npy, or remove the other file"
            problems.append(Problem(str(folder), f"train{number}", None, f"has no {missing}", cure))
        else:
            names = {kind: relative(folder, pair[kind]) for kind in ("image", "label")}
            rows.append(CaseRow(names["image"], f"train{number}", names))
    spacing = " x ".join(map(str, ASSUMED_SPACING_MM))
    doubts = [
        "each case is a subject of its own, as the challenge says",
        f"the files have no spacing: {spacing} mm (D, H, W) is assumed, so do not mark by millimetres",
    ]
    unlabelled = sum(bool(_OTHER_ARRAY.fullmatch(path.name)) for path in visible(folder))
    if unlabelled:
        doubts.append(f"image_test: {unlabelled} images without labels are not used")
    return checked_table(
        folder,
        folder,
        rows,
        ("image", "label"),
        classes=_CLASSES,
        problems=problems,
        doubts=doubts,
        spacing_mm=ASSUMED_SPACING_MM,
    )


PROMISE12 = Layout(
    "Case00.mhd and Case00_segmentation.mhd (PROMISE12)", lambda folder: bool(_volumes(folder)), _mhd_table
)
PROMISE12_NPY = Layout(
    "image_train00.npy and label_train00.npy (the UCL tutorial's PROMISE12)",
    lambda folder: any(_ARRAY.fullmatch(path.name) for path in visible(folder)),
    _npy_table,
)
