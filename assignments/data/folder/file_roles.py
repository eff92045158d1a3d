"""What a file is, from its name and its folders: an image or a label, of which case, in which channel and part.

`images/P01.png` and `masks/P01.png` are of one case, and so are `P01_t2.nii.gz` and `P01_seg.nii.gz`: what is left of
both is `P01`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Final, Literal

from assignments.data.folder.subject_names import MODALITIES, stem_of
from assignments.data.folder.values import PARTS
from assignments.data.source import Part

LABEL_WORDS: Final = frozenset({
    "label", "labels", "labelmap", "mask", "masks", "seg", "segs", "segm", "segmentation", "segmentations", "gt",
    "groundtruth", "truth", "annotation", "annotations", "manual", "contour", "lbl", "msk",
    "dseg",
})  # fmt: skip
IMAGE_WORDS: Final = frozenset({
    "image", "images", "img", "imgs", "im", "scan", "scans", "volume", "volumes", "vol", "orig", "raw", "data",
    "picture", "pictures", "imaging", "original", "originals", "input", "inputs",
})  # fmt: skip
_ENDS: Final = {"tr": "train", "ts": "test", "va": "val"}
"""How nnU-Net's folders end: imagesTr, labelsTs."""
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
"""Between the words of `leftMask`."""
_WORD = re.compile(r"[^_\-. ]+")
_CHANNEL = re.compile(r"0\d{3}")
"""nnU-Net's number of a channel, at the end of a name."""
_BIDS_DERIVED = re.compile(r"(?<=[A-Za-z0-9])_(space|desc|label|res|den|atlas)-[A-Za-z0-9]+(?=_)")
"""What BIDS puts into the names of derivatives: `sub-01_space-T1w_desc-lesion_mask` is a label of `sub-01_T1w`."""

Role = Literal["image", "label"]


@dataclass(frozen=True)
class FileRole:
    """What one file is."""

    file: str
    role: Role
    case: str
    """What is left of its path when all words for roles, channels and parts are left out."""
    folders: tuple[str, ...]
    """Its folders without such words: perhaps a class, perhaps a patient."""
    channel: str | None
    """The modality or the number in its name, or the modality in its folder's."""
    part: Part | None

    @property
    def pair(self) -> str:
        """The same for all files of one case. Parts of a published split may use the same names for different cases."""
        return f"{self.part}/{self.case}" if self.part else self.case


def role_of(file: str) -> FileRole:
    """What a file is, by its path within the folder of the data."""
    path = PurePosixPath(file)
    role: Role = "image"
    part: Part | None = None
    folders, modality = [], None
    for name in path.parts[:-1]:
        word, end = _folder_word(name)
        role = "label" if _says_label(name) else role
        if name.casefold() in PARTS:
            part = PARTS[name.casefold()]
        elif word in LABEL_WORDS or word in IMAGE_WORDS:
            role = "label" if word in LABEL_WORDS else role
            part = PARTS[_ENDS[end]] if end == "ts" else part
        else:
            inside = _WORD.findall(name)
            modality = next((text for text in inside if text.casefold() in MODALITIES), modality)
            rest = "_".join(text for text in inside if text.casefold() not in MODALITIES)
            folders += [name] if len(inside) == len(_WORD.findall(rest)) else [rest] if rest else []
    stem = _BIDS_DERIVED.sub("", stem_of(file))
    words = list(_WORD.finditer(stem))
    lowered = [word[0].casefold() for word in words]
    at = _role_word(lowered)
    if at is not None:
        role = "label" if lowered[at].rstrip("0123456789") in LABEL_WORDS else role
    channel_at = _channel_word(lowered, role)
    # `21_training` in the folder `training`: the name says it once more.
    parts = {n for n, text in enumerate(lowered) if part and PARTS.get(text) == part and len(text) > 2}
    first = {0} if lowered and lowered[0] in IMAGE_WORDS else set()  # of `scan_1` and of `scan_1_mask`
    rest_of_name = [word[0] for number, word in enumerate(words) if number not in {at, channel_at, *first, *parts}]
    if at is not None and (number_of := re.search(r"\d+$", lowered[at])):
        rest_of_name.append(number_of[0])  # `21_manual1` is one of several labels
    case = "_".join(rest_of_name)
    channel = words[channel_at][0] if channel_at is not None else modality
    return FileRole(file, role, "/".join([*folders, case]), tuple(folders), channel, part)


def is_label_name(file: str) -> bool:
    """Whether the name of a file, without its folders, says that it is a label."""
    return role_of(PurePosixPath(file).name).role == "label"


def mentions_role(name: str) -> bool:
    """Whether a word in the name of a folder says what files are, or how they were taken: `test_images`, `IXI-T1`."""
    return bool(_folder_words(name) & (LABEL_WORDS | IMAGE_WORDS | set(MODALITIES)))


def _says_label(name: str) -> bool:
    """Whether the name of a folder says that labels lie in it: `leftMask`, `ISIC2018_Task1_Training_GroundTruth`."""
    words = _folder_words(name)
    return bool(words & LABEL_WORDS) and not words & IMAGE_WORDS


def _folder_words(name: str) -> set[str]:
    """The words of a folder's name in small letters, and each with the next: `ground truth` is one."""
    words = [part.casefold() for word in _WORD.findall(name) for part in _HUMP.split(word)]
    return {*words, *(first + second for first, second in pairwise(words))}


def _folder_word(name: str) -> tuple[str, str]:
    """A folder's name in small letters, and nnU-Net's end of it if there is one."""
    word = re.sub(r"[_\-. ]", "", name).casefold()
    if word[-2:] in _ENDS and word[:-2] in LABEL_WORDS | IMAGE_WORDS:
        return word[:-2], word[-2:]
    return word, ""


def _role_word(words: list[str]) -> int | None:
    """The index of the word of a name that says whether it is an image or a label: the last, else the first.

    A label may have a number behind its word: `P01_mask_1`, `P01_mask1`.
    """
    if not words:
        return None
    last = len(words) - 1
    if words[last] in LABEL_WORDS | IMAGE_WORDS or words[last].rstrip("0123456789") in LABEL_WORDS:
        return last
    if last and words[last].isdecimal() and words[last - 1] in LABEL_WORDS:
        return last - 1
    return 0 if words[0] in LABEL_WORDS | IMAGE_WORDS else None


def _channel_word(words: list[str], role: Role) -> int | None:
    """The index of the word that says which channel a file is. The name of a label may have it too."""
    modality = next((at for at in range(len(words) - 1, -1, -1) if words[at] in MODALITIES), None)
    numbered = len(words) - 1 if role == "image" and len(words) > 1 and _CHANNEL.fullmatch(words[-1]) else None
    return modality if modality is not None else numbered
