"""The cases of a handout as one ZIP, for Moodle or a web server: `data/` is not in a group's repository."""

from __future__ import annotations

import hashlib
import re
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from assignments.files import replace_file

MEMBER: Final = re.compile(r"data/(README\.md|(train|val)\.npz|(train|val)/\d{4,}(-\d+)?\.npz)")
"""The files that the archive may hold."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member: equal cases are equal bytes."""


def write_archive(handout: Path, files: Iterable[Path], out: Path) -> str:
    """Write the files below `data/` of a handout to `out`; the SHA-256 of the archive."""
    with tempfile.TemporaryFile(dir=out.parent) as file:
        with zipfile.ZipFile(file, mode="w") as archive:  # the cases are compressed already
            for path in sorted(files):
                name = path.relative_to(handout).as_posix()
                if MEMBER.fullmatch(name):
                    archive.writestr(zipfile.ZipInfo(name, EPOCH), path.read_bytes())
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        replace_file(out, file)
    return digest
