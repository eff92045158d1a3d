"""File names for groups and persons: harmless on every system, and different for different names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from graders.course.cells import WINDOWS_DEVICES


def file_names(groups: Sequence[str]) -> dict[str, str]:
    """A file name for each group, different even where the disk ignores case.

    A name that clashes gets a digest; if a group's name equals another's name with its digest, all get one.
    """
    plain = [file_name(group).casefold() for group in groups]
    names = {group: file_name(group, digest=plain.count(name) > 1) for group, name in zip(groups, plain, strict=True)}
    if len({name.casefold() for name in names.values()}) < len(names):
        return {group: file_name(group, digest=True) for group in groups}
    return names


def file_name(text: str, *, digest: bool = False) -> str:
    """The text if it is a harmless file name; else its harmless letters and a digest of the whole."""
    if _HARMLESS.fullmatch(text) and text.split(".")[0].casefold() not in WINDOWS_DEVICES and not digest:
        return text
    letters = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:40] or "group"
    return f"{letters}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


_HARMLESS: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_-])?")
