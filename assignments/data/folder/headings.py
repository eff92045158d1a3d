"""The headings of a table of cases: which are reserved, which are strata, and which look like a slip of the pen.

A heading that is not reserved is a stratum, such as `site`. One that looks like a reserved heading in other letters
(`Image`, `labels`, `sujbect`) is a problem, and so is a usual synonym (`patient`, `mask`, `split`) where the heading
that it stands for is missing. A column that was meant as `label` would else be a stratum, and nobody would notice.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from assignments.errors import closest

IMAGES: Final = ("image", "fixed", "moving", "target_image")
"""Columns of images. `image:NAME` is one too."""
FILES: Final = (*IMAGES, "label", "label:fixed", "label:moving", "target_mask", "landmarks")
"""Columns of addresses. `image:NAME` is one too."""
VALUES: Final = ("class", "target", "volume_slice")
"""Columns of texts and numbers. `class:NAME` and `feature:NAME` are such columns too."""
OTHERS: Final = ("subject", "part")
RESERVED: Final = (*OTHERS, *FILES, *VALUES)
FAMILIES: Final = ("image", "class", "feature")
"""Reserved before a colon and a name."""
TRUTHS: Final = (
    "label", "class", "target", "target_image", "target_mask", "label:fixed", "label:moving", "landmarks",
)  # fmt: skip

_SYNONYMS: Final = {
    "subject": (
        "patient",
        "patientid",
        "patientnum",
        "patientnumber",
        "patientno",
        "subjectid",
        "pid",
        "participant",
        "participantid",
        "person",
        "case",
        "caseid",
    ),
    "part": ("split", "set", "subset", "partition", "phase"),
    "image": ("img", "scan", "volume", "file", "filename", "filepath", "path", "imagepath", "imagefile", "picture"),
    "label": ("mask", "seg", "segmentation", "groundtruth", "gt", "truth", "annotation", "labelpath", "labelmap"),
    "class": ("diagnosis", "category", "dx", "y", "classname", "classlabel"),
    "target": ("value", "score", "outcome"),
}
"""Headings without regard to case, spaces and signs."""
_IDENTIFIERS: Final = (
    "name", "patientname", "dob", "dateofbirth", "birthdate", "birthday", "mrn", "nhs", "nhsnumber", "ssn", "address",
    "postcode", "zip", "zipcode", "email", "phone", "accession", "accessionnumber", "studydate", "studyinstanceuid",
    "seriesinstanceuid",
)  # fmt: skip
"""Strata that name a patient."""
_SLIP: Final = 0.8
"""The likeness from which a heading is taken for a slip: `lable` has 0.8 to `label`, `age` 0.75 to `image`"""
_PAIRS: Final = (
    ("image", "image:NAME"),
    ("image", "fixed"),
    ("image:NAME", "fixed"),
    ("label", "label:fixed"),
    ("class", "class:NAME"),
    ("class", "target"),
    ("class:NAME", "target"),
)
"""Columns that say the same thing in two ways, or make one array of two."""
_NEEDS: Final = (
    ("fixed", "moving"),
    ("moving", "fixed"),
    ("label:fixed", "label:moving"),
    ("label:moving", "label:fixed"),
    ("label:fixed", "fixed"),
    ("landmarks", "fixed"),
    ("target_image", "image"),
    ("target_mask", "target_image"),
    ("label", "image"),
)
"""A column, and the one that it needs."""


def is_image(column: str) -> bool:
    """Whether the cells of a reserved column are addresses of images, which have intensities."""
    return column in IMAGES or column.startswith("image:")


def is_file(column: str) -> bool:
    """Whether the cells of a reserved column are addresses."""
    return column in FILES or is_image(column)


def is_reserved(heading: str) -> bool:
    """Whether a heading is one of those that medmark reads."""
    family, colon, name = heading.partition(":")
    return heading in RESERVED or bool(colon and family in FAMILIES and name and name == name.strip())


def is_truth(column: str) -> bool:
    """Whether a column has the ground truth."""
    return column in TRUTHS or column.startswith("class:")


def heading_problem(heading: str, headings: Collection[str]) -> tuple[str, str] | None:
    """What is wrong with a heading, and the cure; None if it is reserved or a stratum."""
    if is_reserved(heading):
        return None
    family, colon, name = heading.partition(":")
    near = _spelt(family)
    if colon:
        return _wrong_family(near, name.strip())
    meant = meaning(heading)
    synonym = meant is not None and _letters(heading) in _SYNONYMS.get(meant, ())
    if meant is None or (synonym and _has(meant, headings)):
        return None
    what = f'is not a column that medmark reads, but looks like "{meant}"'
    return what, f"name it {meant}; if it is a stratum, give it another name"


def meaning(heading: str) -> str | None:
    """The reserved column that a heading without a colon seems to mean: other letters, a synonym, or a slip."""
    word = _letters(heading)
    meant = next((reserved for reserved in RESERVED if _letters(reserved) == word), None)
    meant = meant or next((reserved for reserved, names in _SYNONYMS.items() if word in names), None)
    return meant or closest(word, [reserved for reserved in RESERVED if ":" not in reserved], _SLIP)


def identifying(heading: str) -> bool:
    """Whether a stratum looks like one that names a patient."""
    return _letters(heading) in _IDENTIFIERS


def combination_problems(columns: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Reserved columns that do not go together: column, problem, cure."""
    for column, other in _PAIRS:
        if _has(column, columns) and _has(other, columns):
            yield column, f"stands beside {other}: rows mix two kinds of cases", f"keep {column} or {other}"
    for column, needed in _NEEDS:
        channels = needed == "image" and _has("image:NAME", columns)
        if _has(column, columns) and not _has(needed, columns) and not channels:
            yield column, f"needs the column {needed}", f"add {needed}, or remove {column}"
    if not any(is_file(column) or column.startswith("feature:") for column in columns):
        yield "", "no column says what a case is", "add image, fixed and moving, or feature:NAME"


def _wrong_family(family: str, name: str) -> tuple[str, str]:
    """The problem of a heading with a colon that is not reserved as it stands."""
    if family == "label":
        return "is not a column that medmark reads", "write label:fixed and label:moving, or label"
    if family in RESERVED and family not in FAMILIES:
        return "is not a column that medmark reads", f"write {family}, without a colon"
    if family not in FAMILIES:
        meant = closest(family, FAMILIES, _SLIP)
        written = ", ".join(f"{family}:NAME" for family in FAMILIES)
        cure = f"write {meant}:{name or 'NAME'}" if meant else "name a stratum without a colon"
        return f"has a colon, as only {written}, label:fixed and label:moving have", cure
    if not name:
        return "has no name after the colon", f"write {family}:NAME"
    return "is not a column that medmark reads", f"write {family}:{name}"


def _has(column: str, columns: Collection[str]) -> bool:
    """Whether a column is there; `image:NAME` stands for any name."""
    family, _, name = column.partition(":")
    return any(other.startswith(f"{family}:") for other in columns) if name == "NAME" else column in columns


def _spelt(word: str) -> str:
    """A reserved word in other letters, as it is spelt; else the word."""
    return next((reserved for reserved in RESERVED if _letters(reserved) == _letters(word)), _letters(word))


def _letters(heading: str) -> str:
    return re.sub(r"[\s_\-.]", "", heading).casefold()
