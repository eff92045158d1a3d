"""The Medical Segmentation Decathlon: `dataset.json` lists images and labels; nnU-Net v1 wrote it the same.

Antonelli et al.: The Medical Segmentation Decathlon. Nature Communications 13, 2022,
doi:10.1038/s41467-022-30695-9.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assignments.data.folder.cases import CaseRow, CaseTable
from assignments.data.folder.checked import checked_table
from assignments.data.folder.layouts.layout import (
    DESCRIPTION,
    ClassNumber,
    Layout,
    channel_names,
    classes_by_number,
    description,
    description_problems,
    images,
)
from assignments.data.folder.subject_names import stem_of
from assignments.errors import Problem

_Path = Annotated[str, Field(min_length=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True)

    image: _Path | Annotated[tuple[_Path, ...], Field(min_length=1)]
    label: _Path | None = None


class _Description(BaseModel):
    model_config = ConfigDict(frozen=True)

    training: tuple[_Entry, ...]
    modality: dict[int, str] = {}
    labels: dict[ClassNumber, str] = {}
    test: tuple[object, ...] = ()
    numTraining: int | None = None


def _fits(folder: Path) -> bool:
    entries = (description(folder) or {}).get("training")
    return isinstance(entries, list) and bool(entries) and all(isinstance(e, dict) and "image" in e for e in entries)


def _table(folder: Path) -> CaseTable:
    file = folder / DESCRIPTION
    try:
        stated = _Description.model_validate(description(folder))
    except ValidationError as error:
        return CaseTable(folder, str(file), (), (), problems=description_problems(folder, error))
    channels = channel_names(stated.modality)
    columns = tuple(f"image:{name}" for name in channels) if len(channels) > 1 else ("image",)
    rows, problems = [], []
    for entry in stated.training:
        addresses = _addresses(folder, entry.image, len(columns))
        name = stem_of(PurePosixPath(addresses[0].partition("[")[0]).name).removesuffix("_0000")
        if len(addresses) != len(columns):
            what = f"has {len(addresses)} images, but modality names {len(channels)}"
            problems.append(Problem(str(file), name, None, what, "correct modality"))
        elif not entry.label:
            problems.append(Problem(str(file), name, None, "has no label", "add it, or remove the case"))
        else:
            files = {**dict(zip(columns, addresses, strict=True)), "label": _plain(entry.label)}
            rows.append(CaseRow(addresses[0], name, files))
    return checked_table(
        folder,
        file,
        rows,
        (*columns, "label"),
        classes=classes_by_number(stated.labels),
        problems=problems,
        doubts=_doubts(folder, stated, channels),
    )


def _addresses(folder: Path, image: str | tuple[str, ...], channels: int) -> list[str]:
    """The addresses of all channels of one case."""
    if not isinstance(image, str):
        return [_plain(path) for path in image]
    file = _plain(image)
    ending = file[file.index(stem_of(file)) + len(stem_of(file)) :] if stem_of(file) else ""
    apart = [f"{file.removesuffix(ending)}_{channel:04d}{ending}" for channel in range(channels)]
    if not (folder / file).exists() and (folder / apart[0]).exists():
        return apart  # nnU-Net v1 lists `liver_1.nii.gz` and has `liver_1_0000.nii.gz`
    return [file] if channels == 1 else [f"{file}[{channel}]" for channel in range(channels)]


def _plain(path: str) -> str:
    """A path without "./"."""
    return PurePosixPath(path).as_posix()


def _doubts(folder: Path, stated: _Description, channels: tuple[str, ...]) -> list[str]:
    doubts = ["each image is a subject of its own: dataset.json does not name patients"]
    if len(channels) > 1:
        doubts.append(f"the channels {', '.join(channels)} are the volumes of 4-D files, or files _0000, _0001, ...")
    unlabelled = len(stated.test) or len(images(folder / "imagesTs"))
    if unlabelled:
        doubts.append(f"imagesTs: {unlabelled} images without labels are not used")
    if stated.numTraining is not None and stated.numTraining != len(stated.training):
        doubts.append(f"numTraining is {stated.numTraining}, but training lists {len(stated.training)} cases")
    listed = {_plain(path) for entry in stated.training for path in _addresses(folder, entry.image, len(channels) or 1)}
    files = {path.partition("[")[0] for path in listed}
    others = [path.name for path in images(folder / "imagesTr") if f"imagesTr/{path.name}" not in files]
    if others:
        doubts.append(f"imagesTr: {len(others)} images are not listed in dataset.json, such as {others[0]}: not used")
    return doubts


DECATHLON = Layout('dataset.json that lists "training" images and labels (MSD)', _fits, _table)
