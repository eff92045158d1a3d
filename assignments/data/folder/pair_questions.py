"""Questions about the pairs of a proposed table: two files that may not fit, and pairs that are not proposed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from assignments.data.folder.cases import CaseRow
from assignments.data.folder.pictures import turned_by_exif
from assignments.errors import listed

_WITH_EXIF: Final = (".jpg", ".jpeg", ".tif", ".tiff")
_PAIRS: Final = (
    (
        (frozenset({"fixed", "baseline", "reference"}), frozenset({"moving", "followup", "follow"})),
        "to register them, write a row for each pair with the columns subject, fixed, moving, and landmarks or "
        "label:fixed and label:moving",
    ),
    (
        (frozenset({"input", "inputs", "source", "image", "images"}), frozenset({"target", "targets"})),
        "to make one of the other, write a row for each pair with the columns subject, image and target_image",
    ),
)
"""Words of names by which two images make a case, and what to write then."""


def pairs_by_name(rows: Sequence[CaseRow], columns: Sequence[str]) -> Iterator[str]:
    """Images whose names say that two of them make a case, which is not proposed."""
    words = [set(re.findall(r"[a-z]+", row.id.casefold())) for row in rows]
    for pair, cure in _PAIRS:
        if "image" in columns and all(any(pair[at] & of for of in words) for at in (0, 1)):
            yield f"the names say {listed(sorted(set().union(*words) & (pair[0] | pair[1])))}: {cure}"


def turned_apart(folder: Path, rows: Sequence[CaseRow]) -> Iterator[str]:
    """Pictures that EXIF turns while it does not turn their labels, or the other way round."""
    apart = []
    for row in rows:
        files = [file for column, file in row.files.items() if file.casefold().endswith(_WITH_EXIF)]
        if (
            "label" in row.files
            and len({file in files and turned_by_exif(folder / file) for file in row.files.values()}) > 1
        ):
            apart.append(row.id)
    if apart:
        yield (
            f"do images and labels fit? EXIF turns one of the two in {len(apart)} of {len(rows)} cases: "
            f"{listed(apart)}. Look at them without EXIF: if they fit, `magick mogrify -strip` the one that it turns; "
            "else `-auto-orient` it"
        )
