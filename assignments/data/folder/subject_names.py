"""Guesses whose case a file is from its name, where nothing else says so. A guess is always put as a question."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from assignments.data.folder.reading import HDF5
from assignments.data.folder.reading import SUFFIXES as READ

SUFFIXES: Final = tuple(sorted({*READ} - {".npz", *HDF5}, key=lambda end: (-len(end), end)))
"""Of files that hold one image, the longest first."""
MODALITIES: Final = (
    "t1", "t2", "t1w", "t2w", "t1c", "t1ce", "t1n", "t2f", "flair", "pd", "dwi", "adc", "ct", "cbct", "pet", "mr",
    "mri", "us", "ldct", "ndct",
)  # fmt: skip
"""Words of names that say how an image was taken, not of whom."""
_TOKEN = re.compile(r"[^_\-. ]+")
_BIDS = re.compile(r"sub-[A-Za-z0-9]+")
_NUMBER = re.compile(r"[A-Za-z]*\d+(?=[A-Za-z]{1,2}(?:[_\-. ]|$))")
"""A word with a number, and a letter or two behind it: `P01a`, `12b`. More letters are a random name: `cju0qkwl35`."""
_PATIENT = re.compile(r"(p|pt|pat|patient|s|sub|subj|subject|c|case|id|vol|volunteer)?\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Guess:
    """A guess of all subjects at once."""

    subjects: tuple[str, ...]
    """In the order of the names."""
    how: str
    """What of a name is taken: `the name before the first "_"`."""
    agree: int
    """Files whose name has that, and something behind it."""


def stem_of(file: str) -> str:
    """A file's name without its folder and its suffix."""
    name = PurePosixPath(file.rstrip("/")).name
    suffix = next((suffix for suffix in SUFFIXES if name.casefold().endswith(suffix)), "")
    return name[: len(name) - len(suffix)] if suffix else name


def guessed_subjects(files: Sequence[str]) -> Guess | None:
    """The subject of each file, from names that follow one rule; None if each file is its own.

    The subject is the beginning of a name, up to the first part that differs from file to file: `P01` of `P01_a` and
    `P02_a`, `case_7` of `case_7_slice_3`. A beginning that all names share counts if it has a number: else two images
    of the only patient would be two patients.
    """
    stems = [stem_of(file) for file in files]
    if len(stems) < 2:
        return None
    if all(_BIDS.match(stem) for stem in stems):
        matches = [match[0] for stem in stems if (match := _BIDS.match(stem))]
        return _where_shared(matches, 'the name\'s "sub-" part', len(stems))
    tokens = [list(_TOKEN.finditer(stem)) for stem in stems]
    around = [{folder.casefold() for folder in PurePosixPath(file).parts[:-1]} for file in files]
    depth = min(map(len, tokens))
    for at in range(depth):
        words = {row[at][0] for row in tokens}
        if len(words) == 1 and not _may_name(*words):
            continue
        ends = [_patient_end(row, at, folders) for row, folders in zip(tokens, around, strict=True)]
        subjects = [stem[:end] for stem, end in zip(stems, ends, strict=True)]
        longer = [number for number, stem in enumerate(stems) if len(stem) > ends[number]]
        if longer and (guess := _where_shared(subjects, _rule(stems[longer[0]], ends[longer[0]]), len(longer))):
            return guess
        break
    numbers = [_NUMBER.match(stem) for stem in stems]
    if all(numbers):
        return _where_shared(
            [match[0] for match in numbers if match], "the letters and the number that begin the name", len(stems)
        )
    return None


def _may_name(word: str) -> bool:
    """Whether a word that all names share can be the only patient's name: `P01` can, `BraTS20` is a collection."""
    return bool(_PATIENT.fullmatch(word))


def _patient_end(words: Sequence[re.Match[str]], at: int, folders: set[str]) -> int:
    """Where the patient's name ends that begins with the word at an index, or behind it.

    A word without a number is part of it where two more follow: `IM-0008` of `IM-0008-0001`. The name of the folder,
    a class, is not: neither `benign` nor `NORMAL2` is a patient in the folders `benign` and `NORMAL`.
    """

    def is_class(word: str) -> bool:
        return word.casefold() in folders or word.rstrip("0123456789").casefold() in folders

    for number in range(at, len(words) - 1):
        if any(map(str.isdigit, words[number][0])) and not is_class(words[number][0]):
            return words[number].end()
    return words[-1].end() if is_class(words[at][0]) else words[at].end()


def _where_shared(subjects: Sequence[str], how: str, agree: int) -> Guess | None:
    """The guess, where some subject has more than one file."""
    return Guess(tuple(subjects), how, agree) if max(Counter(subjects).values()) > 1 else None


def _rule(stem: str, end: int) -> str:
    sign = stem[end : end + 1]
    before = stem[:end].count(sign) if sign else 0
    ordinal = ("first", "second", "third")[before] if before < 3 else f"{before + 1}th"
    return f'the name before the {ordinal} "{sign}"' if sign else "the beginning of the name"
