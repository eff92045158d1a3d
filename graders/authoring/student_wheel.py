"""Packs the installed medmark as students have it into a wheel, for a kit: exactly the version that marks.

Reference solutions, hidden tests and proofs of the catalogue stay out, as in the wheel that a release has.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import assignments
from assignments.staff_only import is_staff_only

PACKAGES = ("assignments", "graders", "reports")
SUFFIXES = (".py", ".toml", ".json", ".md", ".html", ".css", ".js", ".lock", ".txt")
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member: one version has equal wheels."""


def student_wheel(folder: Path) -> Path | None:
    """Write the wheel into a folder; the file, or None where medmark runs from a source tree that is not installed."""
    try:
        installed = distribution("medmark")
    except PackageNotFoundError:
        return None
    version = installed.version
    path = folder / f"medmark-{version}-py3-none-any.whl"
    about = f"medmark-{version}.dist-info"
    records = []
    with zipfile.ZipFile(path, mode="w", compression=zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, content: bytes) -> None:
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            records.append(f"{name},sha256={digest},{len(content)}")

        for name, file in _files():
            add(name, file.read_bytes())
        add(f"{about}/METADATA", (installed.read_text("METADATA") or installed.read_text("PKG-INFO") or "").encode())
        add(f"{about}/WHEEL", b"Wheel-Version: 1.0\nGenerator: medmark\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        add(f"{about}/entry_points.txt", b"[console_scripts]\nmedmark = cli:main\n")
        records.append(f"{about}/RECORD,,")
        archive.writestr(zipfile.ZipInfo(f"{about}/RECORD", EPOCH), "\n".join(records) + "\n", zipfile.ZIP_DEFLATED)
    return path


def _files() -> Iterator[tuple[str, Path]]:
    """The files that students have: their names in the wheel, and where they lie."""
    home = Path(assignments.__file__).resolve().parents[1]
    yield "cli.py", home / "cli.py"
    for package in PACKAGES:
        for path in sorted((home / package).rglob("*")):
            name = path.relative_to(home).as_posix()
            shipped = path.suffix in SUFFIXES or path.name.startswith("Dockerfile")
            if path.is_file() and shipped and not is_staff_only(name):
                yield name, path
