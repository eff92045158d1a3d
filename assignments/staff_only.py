"""Which files of the assignments are for staff alone: students' wheel leaves them out, and medmark-staff holds them.

The build of medmark-staff runs this file by its path, where no medmark is installed: it imports nothing of the package.
"""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Final

PATTERNS: Final = (
    "assignments/catalogue/*/hidden_tests/*",
    "assignments/contracts/*",
    "assignments/catalogue/*/misconceptions.toml",
    "assignments/catalogue/*/baseline_*.py",
    "assignments/catalogue/*/proofs/*",
)
"""Of paths from the root of the tree. pyproject.toml names them once more, as setuptools wants them."""


def is_staff_only(path: str) -> bool:
    """Whether a file of the package, as a path from the root of the tree with /, is for staff alone."""
    return any(fnmatch(path, pattern) for pattern in PATTERNS)
