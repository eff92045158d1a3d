"""Lets one process at a time mark a course: a lock that the kernel releases when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from assignments.errors import UserError
from graders.record.ledger import refuse_remote


@contextmanager
def course_lock(folder: Path, command: str) -> Iterator[None]:
    """Hold the lock of the course whose `.medmark` is `folder`.

    Raises:
        UserError: another process holds it; the text says which, where, since when and how to go on.
    """
    refuse_remote(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}). Check its permissions.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise UserError(_held_by(folder, file.read())) from None
        file.truncate(0)
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "command": command}
        try:
            file.write(json.dumps(holder))
            file.flush()
        except OSError as error:
            raise UserError(
                f"{folder}: cannot be written ({error.strerror}). Free some space there and run the same command again."
            ) from error
        yield
        file.truncate(0)


def _held_by(folder: Path, text: str) -> str:
    try:
        holder = json.loads(text)
        who = f"`{holder['command']}` (pid {holder['pid']} on {holder['host']}, since {holder['since']})"
        cure = f"Wait until it is done, or stop it with Ctrl-C there or `kill {holder['pid']}`"
    except (ValueError, KeyError):
        # The holder has not written its name yet.
        who, cure = "another medmark", "Wait until it is done"
    return f"{folder.parent}: {who} is marking this course. {cure}; what it has marked stays recorded."
