"""The order of names with numbers in them, as people expect it: group-2 comes before group-10."""

from __future__ import annotations

import re

from graders.course.cells import comparison_key


def natural(text: str) -> list[tuple[int, int, str]]:
    """A key by which 9 comes before 10, and numbers before words; texts that look alike have equal keys."""
    parts = re.split(r"([0-9]+)", comparison_key(text))
    return [(0, int(part), "") if part.isdigit() and part.isascii() else (1, 0, part) for part in parts if part]
