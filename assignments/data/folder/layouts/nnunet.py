"""nnU-Net v2: `dataset.json` with `channel_names` and `file_ending`, and files `imagesTr/CASE_0000.nii.gz`.

Isensee et al.: nnU-Net. Nature Methods 18, 2021, doi:10.1038/s41592-020-01008-z;
documentation/dataset_format.md of MIC-DKFZ/nnUNet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError

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
    relative,
    visible,
)
from assignments.data.source import Part
from assignments.errors import Problem, listed


class _Case(BaseModel):
    model_config = ConfigDict(frozen=True)

    images: tuple[str, ...]
    label: str


class _Description(BaseModel):
    model_config = ConfigDict(frozen=True)

    channel_names: dict[int, str]
    labels: dict[str, ClassNumber | tuple[ClassNumber, ...]] = {}
    file_ending: str
    numTraining: int | None = None
    dataset: dict[str, _Case] | None = None
    """Where a description names the files itself, the folders are not searched."""


def _fits(folder: Path) -> bool:
    return {"channel_names", "file_ending"} <= set(description(folder) or {})


def _table(folder: Path) -> CaseTable:
    file = folder / DESCRIPTION
    try:
        stated = _Description.model_validate(description(folder))
    except ValidationError as error:
        return CaseTable(folder, str(file), (), (), problems=description_problems(folder, error))
    channels = channel_names(stated.channel_names)
    doubts = ["each case is a subject of its own: nnU-Net does not name patients"]
    if len(channels) > 1 and not _several_files(folder, stated.file_ending):
        doubts.append(f"{', '.join(channels)} are the colours of one file")
        channels = ("colours",)
    columns = ["image"] if len(channels) == 1 else [f"image:{name}" for name in channels]
    rows, problems = _cases(folder, stated, columns)
    if not rows and not problems and (others := visible(folder / "imagesTr")):
        what = f'is "{stated.file_ending}", but imagesTr has files such as {others[0].name}'
        cure = f"correct it; files are named CASE_0000{stated.file_ending}"
        problems.append(Problem(str(file), "file_ending", None, what, cure))
    unlabelled = {name for name, _ in _files(folder / "imagesTs", stated.file_ending)}
    if unlabelled and not _labels(folder / "labelsTs", stated.file_ending):
        doubts.append(f"imagesTs: {len(unlabelled)} cases without labels are not used")
    count = len([row for row in rows if row.part != "test"])
    if stated.numTraining is not None and stated.numTraining != count:
        doubts.append(f"numTraining is {stated.numTraining}, but there are {count} cases")
    return checked_table(
        folder,
        file,
        rows,
        (*columns, "label"),
        classes=_classes(stated.labels),
        problems=problems,
        doubts=[*doubts, *_label_doubts(stated.labels)],
    )


def _cases(folder: Path, stated: _Description, columns: Sequence[str]) -> tuple[list[CaseRow], list[Problem]]:
    """The cases with labels, those of imagesTs as the published test part."""
    if stated.dataset is not None:
        return _listed_cases(folder, stated.dataset, columns)
    rows: list[CaseRow] = []
    problems: list[Problem] = []
    published = bool(_labels(folder / "labelsTs", stated.file_ending))
    parts: list[tuple[str, Part | None]] = [("Tr", "train" if published else None)]
    parts += [("Ts", "test")] if published else []
    for end, part in parts:
        images, labels = folder / f"images{end}", folder / f"labels{end}"
        truths = _labels(labels, stated.file_ending)
        channels: dict[str, dict[int, Path]] = {}
        for name, path in _files(images, stated.file_ending):
            channels.setdefault(name, {})[_channel(path, stated.file_ending)] = path
        for name in sorted({*truths, *channels}):
            numbers = channels.get(name, {})
            wrong = _case_problem(name, numbers, len(columns), truths.get(name), images, labels)
            if wrong:
                problems.append(wrong)
                continue
            files = {column: relative(folder, numbers[number]) for number, column in enumerate(columns)}
            rows.append(CaseRow(files[columns[0]], name, {**files, "label": relative(folder, truths[name])}, part=part))
    return rows, problems


def _case_problem(
    name: str, channels: Mapping[int, Path], count: int, label: Path | None, images: Path, labels: Path
) -> Problem | None:
    """What one case lacks."""
    missing = [f"{name}_{number:04d}" for number in range(count) if number not in channels]
    if not channels:
        return Problem(str(images), name, None, "has a label, but no image", f"add {listed(missing)}")
    if label is None:
        return Problem(str(labels), name, None, "has an image, but no label", "add it, or delete the image")
    if missing or len(channels) > count:
        extra = f"{len(channels)} channels, but channel_names has {count}"
        what = f"lacks {listed(missing)}" if missing else f"has {extra}"
        return Problem(str(images), name, None, what, "add the channel, or correct channel_names")
    return None


def _listed_cases(
    folder: Path, dataset: Mapping[str, _Case], columns: Sequence[str]
) -> tuple[list[CaseRow], list[Problem]]:
    """The cases that the description names itself."""
    rows, problems = [], []
    for name, case in dataset.items():
        if len(case.images) != len(columns):
            what = f"has {len(case.images)} images, but channel_names has {len(columns)}"
            problems.append(Problem(str(folder / DESCRIPTION), name, None, what, "correct one of them"))
            continue
        files = [PurePosixPath(image).as_posix() for image in case.images]
        label = PurePosixPath(case.label).as_posix()
        rows.append(CaseRow(files[0], name, {**dict(zip(columns, files, strict=True)), "label": label}))
    return rows, problems


def _files(folder: Path, ending: str) -> list[tuple[str, Path]]:
    """Images with the names of their cases."""
    name = re.compile(rf"(.+)_\d{{4}}{re.escape(ending)}")
    return [(match[1], path) for path in visible(folder) if (match := name.fullmatch(path.name))]


def _channel(path: Path, ending: str) -> int:
    return int(path.name.removesuffix(ending)[-4:])


def _labels(folder: Path, ending: str) -> dict[str, Path]:
    """Labels by the names of their cases."""
    return {path.name.removesuffix(ending): path for path in visible(folder) if path.name.endswith(ending)}


def _several_files(folder: Path, ending: str) -> bool:
    """Whether channels are files of their own. A picture in colours is one file, though its channels have names."""
    files = [path for end in ("Tr", "Ts") for _, path in _files(folder / f"images{end}", ending)]
    return not files or any(_channel(path, ending) for path in files)


def _classes(labels: Mapping[str, int | tuple[int, ...]]) -> tuple[str, ...]:
    """Names of the numbers in the label files. Regions are unions of such numbers."""
    numbers = {number: name for name, number in labels.items() if isinstance(number, int)}
    regions = [number for region in labels.values() if isinstance(region, tuple) for number in region]
    return classes_by_number({**{number: str(number) for number in regions}, **numbers})


def _label_doubts(labels: Mapping[str, int | tuple[int, ...]]) -> list[str]:
    doubts = []
    if regions := [name for name, numbers in labels.items() if isinstance(numbers, tuple)]:
        doubts.append(f"{listed(regions)}: regions, which medmark does not join; the labels stay as in the files")
    if "ignore" in labels:
        doubts.append(f'label {labels["ignore"]} is "ignore", but these voxels are scored like all others')
    return doubts


NNUNET = Layout("dataset.json with channel_names and file_ending (nnU-Net v2)", _fits, _table)
