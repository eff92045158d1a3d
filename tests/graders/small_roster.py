"""A course.toml of one assignment and a roster of two groups, for tests that collect and run nothing."""

from __future__ import annotations

from pathlib import Path

COURSE = """\
title = "Deep learning"
year = "2026-27"
[assignments.mlp]
source = "mlp"
deadline = 2027-01-15T12:00:00
"""
HEADER = "group,member,name,email,repository"
ROSTER = f"""\
{HEADER}
g1,s1,Ada Lovelace,ada@ucl.ac.uk,https://github.com/ucl/g1
g1,s2,Alan Turing,alan@ucl.ac.uk,
g2,s3,Grace Hopper,grace@ucl.ac.uk,git@github.com:ucl/g2.git
"""


def write_course(folder: Path, course: str = COURSE, roster: str | bytes | None = ROSTER) -> Path:
    """The folder, with this course.toml and this roster; None leaves the roster out."""
    (folder / "course.toml").write_text(course)
    if roster is not None:
        (folder / "roster.csv").write_bytes(roster if isinstance(roster, bytes) else roster.encode())
    return folder
