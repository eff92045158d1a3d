"""What a Dask worker does for `graders.runs.engines.dask`: it takes blobs, and has a program of its own ask.

Both tasks take bytes and return bytes. The program is `graders.runs.engines.node`: a worker under a nanny may have no
children of multiprocessing, and what asks shall not live in the process that holds the cluster's keys. It ends with its
worker, and as soon as nobody waits for its package any more.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from distributed import get_worker

from graders.failures import EngineFailure
from graders.record.dependencies import TOOLKIT

HEAD = struct.Struct("<I")
DONE, FAILED = b"\1", b"\0"
"""The first byte of a task's result: before a reply, or before words."""
POLL_S = 0.05
LEAVE_S = 20.0
"""How long the program may take to end its sandboxes."""


def framed(head: dict[str, Any], *bodies: bytes) -> bytes:
    """A task's argument: a head in JSON, then bytes."""
    text = json.dumps(head, separators=(",", ":")).encode()
    return b"".join([HEAD.pack(len(text)), text, *bodies])


def unframed(frame: bytes) -> tuple[dict[str, Any], memoryview]:
    """The head and the bytes of `framed`."""
    (length,) = HEAD.unpack_from(frame)
    view = memoryview(frame)[HEAD.size :]
    return json.loads(bytes(view[:length])), view[length:]


def put(frame: bytes) -> bytes:
    """A task: take pieces of blobs. Blobs that this package does not need are removed first.

    The head has `keep`, the digests of the package, and `pieces`, a list of digest, offset, size, and the whole size.
    """
    try:
        _take_all(frame)
    except (OSError, EngineFailure) as error:
        return FAILED + f"{_folder()}: {error}".encode()
    return DONE


def do(frame: bytes) -> bytes:
    """A task: take the last pieces, and do the package that follows them; the frame of its outcome."""
    try:
        description = _take_all(frame)
    except (OSError, EngineFailure) as error:
        return FAILED + f"{_folder()}: {error}".encode()
    try:
        reply = _program(_folder()).done(bytes(description))
    except (OSError, EngineFailure) as error:
        return FAILED + str(error).encode()
    return DONE + reply


def _folder() -> Path:
    return Path(get_worker().local_directory, "medmark")


def _take_all(frame: bytes) -> memoryview:
    """Take the pieces of a frame; what follows them."""
    head, body = unframed(frame)
    blobs = _folder() / "blobs"
    blobs.mkdir(parents=True, exist_ok=True, mode=0o700)
    keep = {*head["keep"], *(f".part-{digest}" for digest in head["keep"])}
    for path in [path for path in blobs.iterdir() if path.name not in keep]:
        path.unlink(missing_ok=True)
    for digest, offset, size, whole in head["pieces"]:
        _take(blobs, digest, offset, body[:size], whole)
        body = body[size:]
    return body


def _take(blobs: Path, digest: str, offset: int, piece: memoryview, whole: int) -> None:
    part = blobs / f".part-{digest}"
    with part.open("r+b" if offset else "wb") as file:
        file.seek(offset)
        file.write(piece)
    if offset + len(piece) == whole:
        with part.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise EngineFailure(f"the file {digest[:12]} of this job did not arrive whole")
        part.replace(blobs / digest)


class _Program:
    """The program that asks, with a line in and a file out for each package."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blobs = folder / "blobs"
        self._blobs.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Of the cluster it needs nothing, and what it starts shall not find the cluster's settings either.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DASK_")}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TOOLKIT), environment.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "graders.runs.engines.node", "--serve", str(self._blobs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def done(self, description: bytes) -> bytes:
        """Have a package done.

        Raises:
            EngineFailure: the program ended, or nobody waits for the package any more.
            OSError: the disk is full.
        """
        assert self._process.stdin is not None
        arguments, out = self._folder / "description.json", self._folder / "reply"
        out.unlink(missing_ok=True)
        arguments.write_bytes(description)
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps([str(arguments), str(out)]).encode() + b"\n")
            self._process.stdin.flush()
        while not out.exists():
            if self.ended:
                raise EngineFailure(f"the program that asks ended (exit code {self._process.returncode})")
            if not _is_wanted():
                self.end()
                raise EngineFailure("nobody waits for this job any more")
            time.sleep(POLL_S)
        return out.read_bytes()

    def end(self) -> None:
        """End the program with its sandboxes."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(LEAVE_S)
        self._process.kill()
        self._process.wait()


def _program(folder: Path) -> _Program:
    """The program of this worker; another one where it has ended."""
    programs = _programs()
    if not programs or programs[-1].ended:
        programs[:] = [_Program(folder)]
    return programs[-1]


@cache
def _programs() -> list[_Program]:
    """Of this worker process."""
    return []


def _is_wanted() -> bool:
    """Whether the scheduler still wants the task of this thread: it was neither cancelled nor its client lost."""
    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return task is not None and task.state == "executing"
