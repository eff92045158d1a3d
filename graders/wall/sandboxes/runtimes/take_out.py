"""Takes files that give answers away out of a new environment: `python take_out.py PATH...`, paths in site-packages.

The environment's own interpreter runs it. A file's line in RECORD goes with it, so that RECORD, which the survey
digests, says what is there.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path


def take_out(site: Path, paths: set[str]) -> None:
    """Remove these files where they are, and their lines in every RECORD."""
    for path in paths:
        if os.path.lexists(site / path):
            (site / path).unlink()
    for record in site.glob("*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        left = [line for line in lines if line.split(",")[0] not in paths]
        if left != lines:
            record.write_text("".join(left), encoding="utf-8")


if __name__ == "__main__":
    take_out(Path(sysconfig.get_path("purelib")), set(sys.argv[1:]))
