"""Makes the folder of a new course: files with comments for the instructor to fill in, and the secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from assignments.errors import UserError
from assignments.files import replace_file
from assignments.folders import catalogue
from graders.course.roster_columns import HEADER, OPTIONAL
from graders.course.secret import make_secret, secret_path

COURSE_TOML = """\
# A medmark course. Check it with: medmark doctor -c FOLDER
title = {title}
year = {year}
timezone = {timezone}
sandbox = {sandbox}                  # "docker"; "local" runs students' code as you, without a wall
# late_policy = "ucl-2024"          # what lateness costs, see docs/course.md; check it with your assessment manager
# closures = [2026-12-24]           # days when the university is closed
# on_correction = "never_lower"     # whether a correction may lower a mark that was returned
# round = "1"                       # whole marks, half up; the default is "0.1"
# staff_group = "staff"             # group of this machine that may read hidden/ beside you
# observation_gap_minutes = 30      # if a host was down for longer around a due time, a person decides

[access]
allow_file = {allow_file}                  # whether repositories may be folders of this machine (file://)
[access.token_env]                  # host = name of the environment variable with a read-only token
# "github.com" = "GITHUB_TOKEN"

# [roster]                          # what `medmark roster import` fills in
# repository = "https://github.com/ORG/{{group}}.git"

# [repositories]                    # limits on a group's repository
# size_mb = 1000
# timeout_s = 120
"""
EXAMPLE_TABLE = """
# One table for each assignment. The catalogue: {catalogue}.
# [assignments.mlp_classifier]
# source = "mlp_classifier"         # an id of the catalogue, or a folder
# deadline = 2027-01-15T12:00:00    # local time in the course's timezone
# weight = 1.0
# grace_minutes = 10                # longer than the time between two runs of medmark collect
# group_extension = "manual"        # or "max", "min": what a member's extension does to the group
# late_policy = "york"              # where it differs from the course's policy
# [assignments.mlp_classifier.run]  # your own values for the assignment's [data], [run] and [limits]
# seeds = 3
"""
ASSIGNMENT_TABLE = """
[assignments.{id}]
source = "{id}"
deadline = {deadline}    # local time in the course's timezone
weight = 1.0
grace_minutes = 10                # longer than the time between two runs of medmark collect
group_extension = "manual"        # or "max", "min": what a member's extension does to the group
"""
IGNORED = "hidden/\n.medmark/\nreports/\nhandins/\n"


def init_course(
    folder: Path,
    *,
    title: str = "Deep learning for medical imaging",
    year: str = "2026-27",
    timezone: str = "Europe/London",
    sandbox: str = "docker",
    allow_file: bool = False,
    assignments: Mapping[str, datetime] | None = None,
) -> tuple[Path, ...]:
    """Write a new course into `folder` and return its files; nothing that exists is overwritten.

    `assignments` are ids of the catalogue with their deadlines, in the course's local time unless they have a timezone
    of their own. Without any, the file has an example in comments.

    Raises:
        UserError: one of the files exists already, or cannot be written.
    """
    files = {
        folder / "course.toml": COURSE_TOML.format(
            title=_quoted(title), year=_quoted(year), timezone=_quoted(timezone), sandbox=_quoted(sandbox),
            allow_file=str(allow_file).lower(),
        ) + ("".join(
            ASSIGNMENT_TABLE.format(id=id, deadline=_local(deadline, timezone).isoformat(timespec="seconds"))
            for id, deadline in (assignments or {}).items()
        ) or EXAMPLE_TABLE.format(catalogue=", ".join(catalogue()))),
        folder / "roster.csv": ",".join([HEADER, *OPTIONAL]) + "\n",
        folder / ".gitignore": IGNORED,
    }  # fmt: skip
    secret = secret_path(folder)
    for path in (*files, secret):
        if path.exists():
            raise UserError(f"{path}: exists already. Choose another folder: medmark init FOLDER")
    try:
        make_secret(folder)
        for path, text in files.items():
            replace_file(path, text)
    except OSError as error:
        raise UserError(f"{error.filename or folder}: cannot be created ({error.strerror})") from None
    return (*files, secret)


def _local(time: datetime, timezone: str) -> datetime:
    return time if time.tzinfo is None else time.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)


def _quoted(text: str) -> str:
    """Text as TOML writes it."""
    escaped = "".join(
        f"\\{letter}" if letter in '"\\' else letter if letter.isprintable() else f"\\u{ord(letter):04x}"
        for letter in text
    )
    return f'"{escaped}"'
