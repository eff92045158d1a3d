"""Which files the distribution `medmark-staff` holds: exactly those that `medmark` leaves out."""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

TREE = Path(__file__).resolve().parents[1]
is_staff_only = runpy.run_path(str(TREE / "assignments/staff_only.py"))["is_staff_only"]


def staff_files() -> list[str]:
    """The files, as paths from the root of the tree."""
    references = [path.relative_to(TREE).as_posix() for path in sorted(TREE.glob("reference_solutions/**/*.py"))]
    files = (path for path in sorted(TREE.glob("assignments/**/*")) if path.is_file())
    names = (path.relative_to(TREE).as_posix() for path in files if path.suffix != ".pyc")
    return [*references, *filter(is_staff_only, names)]


def version() -> str:
    """The version of medmark, which this one equals."""
    project = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


class Files(BuildHookInterface):
    """Puts the files at their paths in the packages of medmark."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name every file, and where the wheel has it."""
        build_data["force_include"] |= {str(TREE / name): name for name in staff_files()}


class Metadata(MetadataHookInterface):
    """Ties both distributions to one version."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the version, and require medmark at exactly that."""
        metadata["version"] = version()
        metadata["dependencies"] = [f"medmark=={version()}"]
