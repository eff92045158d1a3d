"""Puts the files of one case together by their names: its channels, and its image with its label."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from assignments.data.folder.cases import CaseRow
from assignments.data.folder.file_roles import FileRole
from assignments.errors import listed


def paired(
    pictures: Sequence[FileRole], labels: Sequence[FileRole], questions: list[str]
) -> tuple[list[CaseRow], list[str]]:
    """A row for each case that has all its files, and the columns. `questions` gets what was guessed and left out."""
    groups: dict[str, list[FileRole]] = {}
    for picture in pictures:
        groups.setdefault(picture.pair, []).append(picture)
    partners = _partners(groups, {label.pair: label for label in labels})
    labelled = {case: groups[case] for case in partners.values()}
    channels = _channels(labelled or groups)
    if channels and labelled:
        groups = _with_all_channels(groups, channels, questions)
    if channels is None:
        groups = _alone(pictures, questions)
    elif channels:
        example = ", ".join(role.file for role in next(iter(groups.values()))[:2])
        questions.append(
            f"are {', '.join(channels)} channels of one image, as in {example}? else: image and target_image to make "
            "one of the other, or fixed and moving to register them"
        )
    columns = [f"image:{channel}" for channel in channels] if channels else ["image"]
    truths: dict[str, list[FileRole]] = {}
    own = {label: label.pair if channels is not None else _own_case(label) for label in labels}
    partners = _partners(groups, {case: label for label, case in own.items()})
    for label, case in own.items():
        truths.setdefault(partners.get(case, case), []).append(label)
    pairs, rows = 0, []
    for case, files in groups.items():
        in_order = sorted(files, key=lambda role: channels.index(str(role.channel)) if channels else 0)
        row = dict(zip(columns, (role.file for role in in_order), strict=True))
        if case in truths:
            row["label"] = truths[case][0].file
            pairs += 1
        rows.append(CaseRow(in_order[0].file, case, row))
    if labels and not pairs:
        questions.append(
            f"{len(labels)} labels are of no image by their names, such as {labels[0].file}: fill in the column label"
        )
    if not pairs:
        return rows, columns
    questions += _pair_questions(rows, groups, truths, pairs)
    return [row for row in rows if "label" in row.files], [*columns, "label"]


def _alone(pictures: Sequence[FileRole], questions: list[str]) -> dict[str, list[FileRole]]:
    """Each image as a case of its own. Of those with one name, such as `P1.nii` and `P1.nii.gz`, the first is taken."""
    groups: dict[str, list[FileRole]] = {}
    for picture in pictures:
        groups.setdefault(_own_case(picture), []).append(picture)
    if twice := [roles for roles in groups.values() if len(roles) > 1]:
        others = [role.file for roles in twice for role in roles[1:]]
        questions.append(
            f"{len(others)} images have the name of another and are left out: {listed(others)}; "
            f"is {twice[0][0].file} the right one?"
        )
    return {case: roles[:1] for case, roles in groups.items()}


def _partners(groups: Mapping[str, Sequence[FileRole]], labels: Mapping[str, FileRole]) -> dict[str, str]:
    """The case of each label: the same path, else the only one with the same end of it, in the same part.

    Labels in a tree of their own have other folders: `Training_Input/P1.jpg`, `Training_GroundTruth/P1.png`. Several
    labels of one image may have a number behind its name.
    """
    case_of = {case: case for case in labels if case in groups}
    for length in (3, 2, 1):
        ends: dict[str, list[str]] = {}
        for case, (role, *_) in groups.items():
            ends.setdefault(_end(role.case, length), []).append(case)
        for case, label in labels.items():
            for name in (label.case, re.sub(r"_\d+$", "", label.case)):
                same = ends.get(_end(name, length), []) if _end(name, length).strip("/") else []
                if case not in case_of and len(same) == 1 and _one_part(groups[same[0]][0], label):
                    case_of[case] = same[0]
    return case_of


def _end(case: str, length: int) -> str:
    return "/".join(case.split("/")[-length:])


def _one_part(image: FileRole, label: FileRole) -> bool:
    return image.part == label.part or not (image.part and label.part)


def _with_all_channels(
    groups: Mapping[str, list[FileRole]], channels: Sequence[str], questions: list[str]
) -> dict[str, list[FileRole]]:
    """The cases that have the channels which all labelled cases have."""
    whole = {case: roles for case, roles in groups.items() if _channels({case: roles}) == tuple(channels)}
    if others := [role.file for case, roles in groups.items() if case not in whole for role in roles]:
        questions.append(f"{len(others)} files have other channels and are left out: {listed(others)}")
    return whole


def _pair_questions(
    rows: Sequence[CaseRow], groups: Mapping[str, object], truths: Mapping[str, Sequence[FileRole]], pairs: int
) -> Iterator[str]:
    """What pairs of images and labels were made, and what is left."""
    if pair := next((row for row in rows if "label" in row.files), None):
        yield f"is {pair.files['label']} the label of {pair.id}? {pairs} of {len(rows)} images have such a label"
    if without := [row.id for row in rows if "label" not in row.files]:
        yield f"{len(without)} images have no label and are left out: {listed(without)}"
    if alone := [roles[0].file for case, roles in truths.items() if case not in groups]:
        yield f"{len(alone)} labels have no image and are left out: {listed(alone)}"
    if several := [roles for roles in truths.values() if len(roles) > 1]:
        files = listed([role.file for role in several[0]])
        yield f"{len(several)} cases have several labels, of which the first is taken: {files}; raters, or structures?"


def _channels(groups: Mapping[str, Sequence[FileRole]]) -> tuple[str, ...] | None:
    """The channels that all cases have, in order; () where each case is one file; None where cases differ."""
    sets = {tuple(sorted(str(role.channel) for role in roles)) for roles in groups.values()}
    if all(len(names) == 1 for names in sets):
        return ()
    names = next(iter(sets))
    return names if len(sets) == 1 and len(set(names)) == len(names) else None


def _own_case(role: FileRole) -> str:
    """The case of a file whose channel tells cases apart."""
    return role.pair if role.channel is None else f"{role.pair}_{role.channel}"
