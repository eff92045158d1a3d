"""The version of medmark, as marks record it and `medmark --version` prints it."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def medmark_version() -> str:
    """The installed version, or words that say that there is none. Each job names it, and reading it takes a while."""
    try:
        return version("medmark")
    except PackageNotFoundError:
        return "from source"
