"""Fetches the cases of a handout, which lie as one ZIP on Moodle or a web server, and verifies them.

`data/` is not in a group's repository, so whoever clones it gets the cases with `medmark check --data FILE_OR_ADDRESS`.
The handout has the archive's digest; members other than cases are refused.
"""

from __future__ import annotations

import hashlib
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from assignments.cases_archive import MEMBER
from assignments.errors import UserError
from assignments.files import replace_file
from assignments.handout_note import read_note

_CHUNK = 1 << 20
TIMEOUT_S = 60

Progress = Callable[[int, int, str], None]


def fetch_cases(folder: Path, source: str, on_progress: Progress = lambda *_: None) -> tuple[Path, ...]:
    """Fetch the cases of the handout in `folder` from a file or an address, verify them, and unpack them.

    Returns:
        The files written.

    Raises:
        UserError: they cannot be fetched, or are not those of the handout.
    """
    note = read_note(folder)
    if note is None or not note.data:
        raise UserError(f"{folder}: its handout.json names no cases to fetch. Ask the course's staff for data/.")
    with tempfile.TemporaryFile() as file:
        digest = _fetched(source, file, on_progress)
        if digest != note.data:
            raise UserError(
                f"{source}: these are not the cases of this handout (SHA-256 {digest[:12]}, not {note.data[:12]}). "
                "Fetch both again."
            )
        return _unpacked(file, folder, source)


def _fetched(source: str, file: IO[bytes], on_progress: Progress) -> str:
    """Copy what a file or an address holds; its SHA-256."""
    state, done = hashlib.sha256(), 0
    try:
        with _opened(source) as stream:
            total = int(getattr(stream, "headers", {}).get("Content-Length") or 0)
            while chunk := stream.read(_CHUNK):
                file.write(chunk)
                state.update(chunk)
                done += len(chunk)
                on_progress(done >> 20, total >> 20, "MB")
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise UserError(f"{source}: cannot be fetched ({error}). Check the name or the address.") from error
    return state.hexdigest()


def _opened(source: str) -> IO[bytes]:
    if source.startswith("https://"):
        opened: IO[bytes] = urllib.request.urlopen(source, timeout=TIMEOUT_S)
        return opened
    if "://" in source:
        raise UserError(f"{source}: write an address that begins with https://, or a file")
    return Path(source).expanduser().open("rb")


def _unpacked(file: IO[bytes], folder: Path, source: str) -> tuple[Path, ...]:
    written = []
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            if wrong := [name for name in names if not MEMBER.fullmatch(name)]:
                raise UserError(f"{source}: holds {wrong[0]!r}, which is not a file of cases. Fetch it again.")
            for name in names:
                path = folder / name
                with archive.open(name) as member:
                    replace_file(path, member)
                written.append(path)
    except (OSError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{source}: cannot be unpacked ({error}). Fetch it again.") from error
    return tuple(written)
