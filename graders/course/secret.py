"""Makes and reads the course's secret, from which hidden cases and pseudonyms are drawn."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from assignments.errors import UserError, shell_word
from graders.course.course import Course

SECRET_BYTES: Final = 32


def secret_path(folder: Path) -> Path:
    """Where the secret of the course in `folder` lies."""
    return folder / "hidden/secret"


def make_secret(folder: Path) -> None:
    """Draw the secret of a new course, in a folder that only its owner can read.

    Raises:
        OSError: it cannot be written, or there is one already.
    """
    path = secret_path(folder)
    path.parent.mkdir(parents=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(secrets.token_bytes(SECRET_BYTES))


def read_secret(course: Course) -> bytes:
    """The course's secret: 32 bytes that only the owner can read, and staff_group where it is set.

    Raises:
        UserError: it is missing, has another length, or others can read it.
    """
    path = secret_path(course.folder)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        raise UserError(
            f"{path}: the course's secret cannot be read ({error.strerror}). Restore it from your backup: a new "
            "one would draw other hidden cases. Only if the course has marked nothing yet, make one: "
            f"(umask 077; head -c {SECRET_BYTES} /dev/urandom > {shell_word(path)})"
        ) from None
    with open(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        secret = file.read(SECRET_BYTES + 1)
    if len(secret) != SECRET_BYTES:
        raise UserError(
            f"{path}: holds {status.st_size} bytes; a secret has {SECRET_BYTES}. Restore it from your backup."
        )
    others = status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    if os.name == "posix" and others and not _open_to_staff_only(course, status.st_gid, others):
        raise UserError(f"{path}: other users of this machine can read it. Forbid that: chmod 600 {shell_word(path)}")
    return secret


def _open_to_staff_only(course: Course, owner: int, others: int) -> bool:
    """Whether a file of the group `owner` whose mode lets `others` in lets in only the course's staff, to read."""
    if course.staff_group is None:
        return False
    import grp  # only where there are POSIX groups

    try:
        staff = grp.getgrnam(course.staff_group).gr_gid
    except KeyError:
        if not (course.staff_group.isascii() and course.staff_group.isdigit()):
            raise UserError(
                f"{course.folder / 'course.toml'} staff_group: this machine has no group {course.staff_group}; "
                "write its name, or its number where it has none"
            ) from None
        staff = int(course.staff_group)
    return owner == staff and others == stat.S_IRGRP
