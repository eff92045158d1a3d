"""The version of medmark, as marks record it and `medmark --version` prints it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def medmark_version() -> str:
    """The installed version, or words that say that there is none."""
    try:
        return version("medmark")
    except PackageNotFoundError:
        return "from source"
